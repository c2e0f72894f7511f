//! What a file may be played or shown as.
//!
//! A closed table by the name's ending: what a sender says of a file is not believed, and nothing that could hold a
//! script (SVG, HTML, PDF) is in it, so that such files are only ever saved.

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
    /// The content type under which it is given to the browser, and nothing else.
    pub mime: &'static str,
}

use Kind::{Audio, Image, Video};

const TABLE: [(&str, Kind, &str); 29] = [
    ("aac", Audio, "audio/aac"),
    ("flac", Audio, "audio/flac"),
    ("m4a", Audio, "audio/mp4"),
    ("m4b", Audio, "audio/mp4"),
    ("mka", Audio, "audio/x-matroska"),
    ("mp3", Audio, "audio/mpeg"),
    ("oga", Audio, "audio/ogg"),
    ("ogg", Audio, "audio/ogg"),
    ("opus", Audio, "audio/ogg"),
    ("wav", Audio, "audio/wav"),
    ("weba", Audio, "audio/webm"),
    ("aif", Audio, "audio/aiff"),
    ("aiff", Audio, "audio/aiff"),
    ("wma", Audio, "audio/x-ms-wma"),
    ("avi", Video, "video/x-msvideo"),
    ("m4v", Video, "video/mp4"),
    ("mkv", Video, "video/x-matroska"),
    ("mov", Video, "video/quicktime"),
    ("mp4", Video, "video/mp4"),
    ("ogv", Video, "video/ogg"),
    ("webm", Video, "video/webm"),
    ("wmv", Video, "video/x-ms-wmv"),
    ("avif", Image, "image/avif"),
    ("bmp", Image, "image/bmp"),
    ("gif", Image, "image/gif"),
    ("jpeg", Image, "image/jpeg"),
    ("jpg", Image, "image/jpeg"),
    ("png", Image, "image/png"),
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
    fn what_could_run_a_script_is_only_saved() {
        for name in [
            "a.svg",
            "a.html",
            "a.htm",
            "a.xhtml",
            "a.xml",
            "a.pdf",
            "a.js",
            "a.mp3.html",
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
