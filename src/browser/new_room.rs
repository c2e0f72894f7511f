//! From chosen files to a room.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use js_sys::Array;
use web_sys::File;

use super::crypto::{LinkSecrets, OwnerKeys};
use super::error::Error;
use super::owner_record::OwnerRecord;
use super::selection::{ChosenFile, bytes_of};
use super::server_call::call;
use crate::api::{ApiError, CallCreateRoom};
use crate::media::kind;
use crate::protocol::link::ShareLink;
use crate::protocol::manifest::{Manifest, ManifestFile, time_of_change};
use crate::protocol::rooms::{CreateRoom, CreatedRoom, PasswordRequest};

/// A room that was just made, and what it is served from.
pub struct NewRoom {
    /// What this browser keeps of it.
    pub record: OwnerRecord,
    /// Of its link.
    pub secrets: LinkSecrets,
    /// In the order of its manifest.
    pub files: Vec<File>,
}

/// Why a share did not come about, as one or two sentences.
pub struct Problem(pub String);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(format!(
            "This browser refused to make the keys for a link ({error}). Nothing was shared."
        ))
    }
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        Self(error.sentence())
    }
}

/// These files cannot be a room.
pub fn unusable(error: impl std::fmt::Display) -> Problem {
    Problem(format!("These files cannot be shared: {error}."))
}

impl NewRoom {
    /// Makes a room for these files and empty folders.
    ///
    /// # Errors
    /// There is none, and this is why.
    pub async fn create(
        chosen: Vec<ChosenFile>,
        folders: Vec<String>,
        password: PasswordRequest,
    ) -> Result<Self, Problem> {
        let manifest = manifest_of(&chosen, folders)?;
        let handles = handles_of(&chosen);
        let files: Vec<File> = chosen.into_iter().map(|chosen| chosen.file).collect();
        let keys = OwnerKeys::generate().await?;
        let link_key = keys.link_key().await?;
        let secrets = LinkSecrets::derive(link_key).await?;
        let sealed = keys.seal_manifest(&secrets, &manifest).await?;
        let room = CreateRoom {
            sealed_manifest: URL_SAFE_NO_PAD.encode(&sealed),
            total_bytes: manifest.total_bytes(),
            file_count: u32::try_from(manifest.files.len()).unwrap_or(u32::MAX),
            media_kind: kind::of_all(manifest.files.iter().map(|file| file.path.as_str())),
            join_verifier: secrets.join_verifier().await?,
            password,
            topology: None,
            expires_in: None,
        };
        let created: CreatedRoom = call(&CallCreateRoom { room }).await?;
        let record = OwnerRecord {
            link: ShareLink { room_id: created.room_id, link_key },
            owner_token: created.owner_token,
            keys,
            manifest,
            modified: files.iter().map(File::last_modified).collect(),
            handles,
            password: created.password,
            expires_at: created.expires_at,
        };
        Ok(Self { record, secrets, files })
    }
}

fn manifest_of(chosen: &[ChosenFile], folders: Vec<String>) -> Result<Manifest, Problem> {
    let listed = chosen.iter().map(|chosen| ManifestFile {
        path: chosen.path.clone(),
        bytes: bytes_of(&chosen.file),
        modified: time_of_change(chosen.file.last_modified()),
    });
    Manifest::new(listed.collect(), folders).map_err(unusable)
}

/// The handle of each file, or undefined; nothing if there are none.
fn handles_of(chosen: &[ChosenFile]) -> Array {
    if chosen.iter().all(|chosen| chosen.handle.is_none()) {
        return Array::new();
    }
    chosen.iter().map(|chosen| chosen.handle.clone().unwrap_or_default()).collect()
}
