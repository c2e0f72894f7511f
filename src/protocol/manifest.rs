//! What a room holds: names, sizes and the cut, signed by the owner and sealed under the link.
//!
//! The sealed form is `nonce (12) || AES-256-GCM(JSON of SignedManifest)` with [`SEAL_CONTEXT`] as associated
//! data. The room's id is not in it, because the room exists only after the manifest is sent; the key pair is
//! made for one room, which binds it as well.

use serde::{Deserialize, Deserializer, Serialize};

use super::limits::{
    MAX_FILES, MAX_MANIFEST_BYTES, MAX_MODIFIED_MILLIS, MAX_PATH_BYTES, MAX_PATH_DEPTH,
    MAX_TOTAL_BYTES, PROTOCOL_VERSION,
};
use super::piece::{Layout, LayoutError};

/// Associated data of the sealed manifest.
pub const SEAL_CONTEXT: &[u8] = b"transfer4me/1/manifest";
/// What is signed begins with this, so that no other signature of the key can be taken for it.
pub const SIGNATURE_CONTEXT: &[u8] = b"transfer4me/1/manifest-signature";

/// What a room holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`PROTOCOL_VERSION`].
    pub version: u32,
    /// Bytes of a piece.
    pub piece_length: u32,
    /// In the order in which the owner chose them.
    pub files: Vec<ManifestFile>,
    /// Paths of the folders that hold nothing, as hostile as those of files. Pages that are older leave them out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<String>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Path with `/` between its parts, as the owner's system spells it. Hostile until made safe.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// When it was changed last, in milliseconds since 1970, if its owner's browser and page say so. What is no such
    /// time, or beyond [`MAX_MODIFIED_MILLIS`], is read as none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "possible_time")]
    pub modified: Option<u64>,
}

impl ManifestFile {
    /// A file whose date nobody knows.
    pub fn undated(path: String, bytes: u64) -> Self {
        Self { path, bytes, modified: None }
    }
}

/// A time of change as a browser gives it (`File.lastModified`) or a stranger claims it; `None` unless archives can
/// hold it.
pub fn time_of_change(millis: f64) -> Option<u64> {
    (0.0..=MAX_MODIFIED_MILLIS as f64).contains(&millis).then_some(millis as u64)
}

fn possible_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.and_then(time_of_change))
}

/// A manifest as it is sealed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignedManifest {
    /// JSON of [`Manifest`]: text, so that what was signed is what is read.
    pub manifest: String,
    /// The owner's public key, SPKI, unpadded base64url. Its hash is the link key.
    pub owner_key: String,
    /// ECDSA P-256 with SHA-256 over [`SIGNATURE_CONTEXT`] and `manifest`; r and s, unpadded base64url.
    pub signature: String,
}

/// Why a manifest cannot be used. All mean that it is damaged, hostile or of another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not what the link's key opens, or not signed by the link's owner.
    #[error("the room's list of files does not belong to this link")]
    NotAuthentic,
    /// Not JSON of this form.
    #[error("the room's list of files cannot be read")]
    Malformed,
    /// Another protocol version.
    #[error("the room was made by another version of this site; reload the page")]
    Version,
    /// No file at all.
    #[error("the room holds no files")]
    Empty,
    /// Too many files.
    #[error("there are more than {MAX_FILES} files and empty folders")]
    TooManyFiles,
    /// Too many bytes.
    #[error("the files are larger than 1 TiB together")]
    TooLarge,
    /// A path is too long or too deep. Holds the file's number; folders are counted after the files.
    #[error("the name of file {} is too long", .0 + 1)]
    PathTooLong(usize),
    /// The cut is not allowed.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

impl Manifest {
    /// A manifest of these files and empty folders, with the piece length that fits them.
    ///
    /// # Errors
    /// As for [`Self::check`].
    pub fn new(files: Vec<ManifestFile>, folders: Vec<String>) -> Result<Self, ManifestError> {
        let total = files.iter().fold(0_u64, |sum, file| sum.saturating_add(file.bytes));
        let piece_length = super::piece::piece_length_for(total);
        let manifest = Self { version: PROTOCOL_VERSION, piece_length, files, folders };
        manifest.check()?;
        Ok(manifest)
    }

    /// From the signed text.
    ///
    /// # Errors
    /// It is not a manifest, or breaks a limit.
    pub fn from_json(json: &str) -> Result<Self, ManifestError> {
        if json.len() > MAX_MANIFEST_BYTES {
            return Err(ManifestError::Malformed);
        }
        let manifest: Self = serde_json::from_str(json).map_err(|_| ManifestError::Malformed)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Its signed text.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Checks every limit and cuts the content.
    ///
    /// # Errors
    /// The first limit that is broken.
    pub fn check(&self) -> Result<Layout, ManifestError> {
        if self.version != PROTOCOL_VERSION {
            return Err(ManifestError::Version);
        }
        if self.files.is_empty() {
            return Err(ManifestError::Empty);
        }
        if self.files.len() + self.folders.len() > MAX_FILES {
            return Err(ManifestError::TooManyFiles);
        }
        let paths = self.files.iter().map(|file| &file.path).chain(&self.folders);
        for (index, path) in paths.enumerate() {
            if path.len() > MAX_PATH_BYTES || path.split('/').count() > MAX_PATH_DEPTH {
                return Err(ManifestError::PathTooLong(index));
            }
        }
        let total = self.files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.bytes));
        if total.is_none_or(|total| total > MAX_TOTAL_BYTES) {
            return Err(ManifestError::TooLarge);
        }
        Ok(Layout::new(self.piece_length, self.files.iter().map(|file| file.bytes))?)
    }

    /// Bytes of all files together.
    pub fn total_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(path: &str, bytes: u64) -> ManifestFile {
        ManifestFile::undated(path.to_owned(), bytes)
    }

    fn manifest(files: Vec<ManifestFile>) -> Result<Manifest, ManifestError> {
        Manifest::new(files, Vec::new())
    }

    #[test]
    fn a_manifest_round_trips() {
        let dated = ManifestFile { modified: Some(1_709_210_096_789), ..file("a/ж.txt", 3) };
        let folders = vec!["a/empty".to_owned(), "x".to_owned()];
        for folders in [Vec::new(), folders] {
            let manifest = Manifest::new(vec![dated.clone(), file("", 0)], folders).unwrap();
            assert_eq!(Manifest::from_json(&manifest.to_json()), Ok(manifest));
        }
    }

    #[test]
    fn manifests_of_older_pages_open_and_without_news_they_are_the_same() {
        let json = r#"{"version":1,"piece_length":262144,"files":[{"path":"x","bytes":1}]}"#;
        assert_eq!(Manifest::from_json(json), manifest(vec![file("x", 1)]));
        assert_eq!(Manifest::from_json(json).unwrap().to_json(), json);
    }

    #[test]
    fn times_that_cannot_be_are_none() {
        for (told, modified) in [
            ("1709210096789", Some(1_709_210_096_789)),
            ("1709210096789.5", Some(1_709_210_096_789)),
            ("0", Some(0)),
            ("4354819199999", Some(MAX_MODIFIED_MILLIS)),
            ("4354819200000", None),
            ("253402300800000000", None),
            ("1e300", None),
            ("-1", None),
            ("-1e300", None),
            ("null", None),
        ] {
            let json = format!(
                r#"{{"version":1,"piece_length":262144,"files":[{{"path":"x","bytes":1,"modified":{told}}}]}}"#
            );
            let manifest = Manifest::from_json(&json).unwrap();
            assert_eq!(manifest.files[0].modified, modified, "{told}");
            // It stays what it was when it is written down anew.
            assert_eq!(Manifest::from_json(&manifest.to_json()), Ok(manifest));
        }
        assert_eq!((time_of_change(f64::NAN), time_of_change(f64::INFINITY)), (None, None));
    }

    #[test]
    fn empty_folders_keep_to_the_limits_of_files() {
        use ManifestError as E;
        let with = |folders: Vec<String>| Manifest::new(vec![file("x", 1)], folders);
        assert_eq!(with(vec![String::new(); MAX_FILES]), Err(E::TooManyFiles));
        assert!(with(vec![String::new(); MAX_FILES - 1]).is_ok());
        assert_eq!(with(vec!["x".repeat(MAX_PATH_BYTES + 1)]), Err(E::PathTooLong(1)));
        assert_eq!(with(vec!["x/".repeat(MAX_PATH_DEPTH)]), Err(E::PathTooLong(1)));
        assert_eq!(Manifest::new(Vec::new(), vec!["x".to_owned()]), Err(E::Empty));
    }

    #[test]
    fn each_limit_is_checked() {
        use ManifestError as E;
        assert_eq!(manifest(vec![]), Err(E::Empty));
        assert_eq!(manifest(vec![file("", 0); MAX_FILES + 1]), Err(E::TooManyFiles));
        assert_eq!(manifest(vec![file("x", MAX_TOTAL_BYTES + 1)]), Err(E::TooLarge));
        assert_eq!(manifest(vec![file("x", u64::MAX), file("y", 1)]), Err(E::TooLarge));
        let long = "x".repeat(MAX_PATH_BYTES + 1);
        assert_eq!(manifest(vec![file("", 0), file(&long, 1)]), Err(E::PathTooLong(1)));
        let deep = "x/".repeat(MAX_PATH_DEPTH);
        assert_eq!(manifest(vec![file(&deep, 1)]), Err(E::PathTooLong(0)));
        let other = Manifest { version: 2, ..manifest(vec![file("x", 1)]).unwrap() };
        assert_eq!(other.check(), Err(E::Version));
        let odd = Manifest { piece_length: 3, ..manifest(vec![file("x", 1)]).unwrap() };
        assert_eq!(odd.check(), Err(E::Layout(LayoutError::PieceLength)));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text: String) {
            let _ = Manifest::from_json(&text);
        }
    }
}
