//! What a file may be played or shown as.
//!
//! A closed table by the name's ending: what a sender says of a file is not believed, and nothing that could hold a
//! script (SVG, HTML, PDF) is in it, so that such files are only ever saved. It asks no browser: what one plays is found
//! out by playing, since browsers deny kinds that they play (QuickTime) and claim some that they do not.

use crate::protocol::rooms::MediaKind;

/// What a page can do with a file besides saving it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Heard.
    Audio,
    /// Seen and heard.
    Video,
    /// Seen.
    Image,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaType {
    /// What can be done with it.
    pub kind: Kind,
    /// The content type under which it is given to the browser, and nothing else: of those that fit the content the one
    /// that the most browsers accept.
    pub mime: &'static str,
}

use Kind::{Audio, Image, Video};

const TABLE: [(&str, Kind, &str); 80] = [
    ("aac", Audio, "audio/aac"),
    ("ac3", Audio, "audio/ac3"),
    ("adts", Audio, "audio/aac"),
    ("aif", Audio, "audio/aiff"),
    ("aifc", Audio, "audio/aiff"),
    ("aiff", Audio, "audio/aiff"),
    ("alac", Audio, "audio/mp4"),
    ("amr", Audio, "audio/amr"),
    ("ape", Audio, "audio/x-ape"),
    ("au", Audio, "audio/basic"),
    ("caf", Audio, "audio/x-caf"),
    ("dsf", Audio, "audio/x-dsf"),
    ("eac3", Audio, "audio/eac3"),
    ("flac", Audio, "audio/flac"),
    ("m4a", Audio, "audio/mp4"),
    ("m4b", Audio, "audio/mp4"),
    ("m4p", Audio, "audio/mp4"),
    ("m4r", Audio, "audio/mp4"),
    ("mka", Audio, "audio/x-matroska"),
    ("mp2", Audio, "audio/mpeg"),
    ("mp3", Audio, "audio/mpeg"),
    ("mpa", Audio, "audio/mpeg"),
    ("mpga", Audio, "audio/mpeg"),
    ("oga", Audio, "audio/ogg"),
    ("ogg", Audio, "audio/ogg"),
    ("opus", Audio, "audio/ogg"),
    ("snd", Audio, "audio/basic"),
    ("spx", Audio, "audio/ogg"),
    ("wav", Audio, "audio/wav"),
    ("wave", Audio, "audio/wav"),
    ("weba", Audio, "audio/webm"),
    ("wma", Audio, "audio/x-ms-wma"),
    ("wv", Audio, "audio/x-wavpack"),
    ("3g2", Video, "video/mp4"),
    ("3gp", Video, "video/mp4"),
    ("3gpp", Video, "video/mp4"),
    ("asf", Video, "video/x-ms-asf"),
    ("avi", Video, "video/x-msvideo"),
    ("divx", Video, "video/x-msvideo"),
    ("f4v", Video, "video/mp4"),
    ("flv", Video, "video/x-flv"),
    ("m2ts", Video, "video/mp2t"),
    ("m4v", Video, "video/mp4"),
    ("mk3d", Video, "video/x-matroska"),
    ("mkv", Video, "video/x-matroska"),
    ("mov", Video, "video/mp4"),
    ("mp4", Video, "video/mp4"),
    ("mpe", Video, "video/mpeg"),
    ("mpeg", Video, "video/mpeg"),
    ("mpg", Video, "video/mpeg"),
    ("mpg4", Video, "video/mp4"),
    ("ogm", Video, "video/ogg"),
    ("ogv", Video, "video/ogg"),
    ("ogx", Video, "video/ogg"),
    ("qt", Video, "video/mp4"),
    ("vob", Video, "video/mpeg"),
    ("webm", Video, "video/webm"),
    ("wmv", Video, "video/x-ms-wmv"),
    ("apng", Image, "image/apng"),
    ("avif", Image, "image/avif"),
    ("avifs", Image, "image/avif"),
    ("bmp", Image, "image/bmp"),
    ("cur", Image, "image/x-icon"),
    ("dib", Image, "image/bmp"),
    ("gif", Image, "image/gif"),
    ("heic", Image, "image/heic"),
    ("heif", Image, "image/heif"),
    ("hif", Image, "image/heif"),
    ("ico", Image, "image/x-icon"),
    ("jfif", Image, "image/jpeg"),
    ("jpe", Image, "image/jpeg"),
    ("jpeg", Image, "image/jpeg"),
    ("jpg", Image, "image/jpeg"),
    ("jxl", Image, "image/jxl"),
    ("pjp", Image, "image/jpeg"),
    ("pjpeg", Image, "image/jpeg"),
    ("png", Image, "image/png"),
    ("tif", Image, "image/tiff"),
    ("tiff", Image, "image/tiff"),
    ("webp", Image, "image/webp"),
];

/// What stands behind the last dot of a file's name, if there is one.
pub fn ending(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next()?;
    Some(name.rsplit_once('.')?.1)
}

/// What a file of this path may be played or shown as; `None` if it is only saved.
pub fn of_path(path: &str) -> Option<MediaType> {
    let ending = ending(path)?;
    let row = TABLE.iter().find(|(known, ..)| known.eq_ignore_ascii_case(ending));
    row.map(|(_, kind, mime)| MediaType { kind: *kind, mime })
}

/// What the files of a room mostly are.
pub fn of_all<'a>(paths: impl Iterator<Item = &'a str>) -> MediaKind {
    let mut kinds = paths.map(|path| of_path(path).map(|media| media.kind));
    let first = match kinds.next().flatten() {
        None => return MediaKind::Other,
        Some(Audio) => MediaKind::Audio,
        Some(Video) => MediaKind::Video,
        Some(Image) => MediaKind::Image,
    };
    kinds.fold(first, |all, kind| match (all, kind) {
        (MediaKind::Audio, Some(Audio)) => MediaKind::Audio,
        (MediaKind::Audio | MediaKind::Video, Some(Audio | Video)) => MediaKind::Video,
        (MediaKind::Image, Some(Image)) => MediaKind::Image,
        _ => MediaKind::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_decides() {
        assert_eq!(of_path("a/b.c/Song.MP3"), Some(MediaType { kind: Audio, mime: "audio/mpeg" }));
        assert_eq!(of_path("film.mp4").map(|media| media.kind), Some(Video));
        assert_eq!(of_path("photo.jpeg").map(|media| media.kind), Some(Image));
    }

    #[test]
    fn common_endings_are_all_known() {
        let mov = MediaType { kind: Video, mime: "video/mp4" };
        for name in ["a.mov", "a.MOV", "IMG_1.Mov", "a.qt", "a.3gp", "a.3g2", "a.m4v"] {
            assert_eq!(of_path(name), Some(mov), "{name}");
        }
        for (kind, endings) in [
            (
                Audio,
                "mpga mp2 mp3 m4a m4b m4r oga ogg opus weba spx aif aiff caf au wma wav flac aac mka",
            ),
            (Video, "mkv webm ogv ogx ogm wmv avi flv mpg mpeg m2ts"),
            (
                Image,
                "jfif pjpeg pjp jpe jpg jpeg png apng avif bmp ico heic heif jxl tif tiff gif webp",
            ),
        ] {
            for ending in endings.split(' ') {
                let upper = ending.to_ascii_uppercase();
                let found = of_path(&format!("a.{ending}"));
                assert_eq!(found.map(|media| media.kind), Some(kind), "{ending}");
                assert_eq!(of_path(&format!("a.{upper}")), found, "{upper}");
            }
        }
        let mut endings: Vec<&str> = TABLE.iter().map(|(ending, ..)| *ending).collect();
        endings.sort_unstable();
        endings.dedup();
        assert_eq!(endings.len(), TABLE.len());
    }

    #[test]
    fn a_room_is_what_all_of_its_files_are() {
        for (files, kind) in [
            ("a.mp3 b.FLAC", MediaKind::Audio),
            ("a.mp3 b.mov", MediaKind::Video),
            ("a.mkv b.mp3", MediaKind::Video),
            ("a.jfif b.apng", MediaKind::Image),
            ("a.jpg b.mp4", MediaKind::Other),
            ("a.mp4 b.jpg", MediaKind::Other),
            ("a.mp3 b.txt", MediaKind::Other),
            ("b.txt a.mp3", MediaKind::Other),
            ("", MediaKind::Other),
        ] {
            assert_eq!(of_all(files.split_whitespace()), kind, "{files}");
        }
    }

    #[test]
    fn what_could_run_a_script_is_only_saved() {
        for name in [
            "a.svg",
            "a.svgz",
            "a.html",
            "a.htm",
            "a.xhtml",
            "a.xml",
            "a.pdf",
            "a.js",
            "a.mp3.html",
            // Far more often a program than a film.
            "a.ts",
            "mp3",
            "a.",
            "",
        ] {
            assert_eq!(of_path(name), None, "{name}");
        }
        let inert =
            |mime: &str| ["audio/", "video/", "image/"].iter().any(|kind| mime.starts_with(kind));
        assert!(TABLE.iter().all(|(_, _, mime)| inert(mime) && !mime.contains("svg")));
    }
}
