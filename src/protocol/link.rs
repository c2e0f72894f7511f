//! The share link, `{origin}/room/{room_id}#{link_key}`, and what is derived from its key.
//!
//! Browsers never send the fragment, so the server cannot learn the [`LinkKey`]. Four secrets are derived
//! from it by HKDF-SHA-256 (RFC 5869), without salt, with one `info` string each.

use super::id::{LinkKey, ParseIdError, RoomId};

/// `info` of the AES-256-GCM key that seals signalling between members.
pub const SIGNALLING_KEY_INFO: &[u8] = b"transfer4me/1/signalling";
/// `info` of the AES-256-GCM key that seals signals within a circle.
pub const CIRCLE_KEY_INFO: &[u8] = b"transfer4me/1/circle";
/// `info` of the AES-256-GCM key that seals the manifest.
pub const MANIFEST_KEY_INFO: &[u8] = b"transfer4me/1/manifest";
/// `info` of the join token.
pub const JOIN_TOKEN_INFO: &[u8] = b"transfer4me/1/join";

/// A whole share link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareLink {
    /// Which room.
    pub room_id: RoomId,
    /// The secret in the fragment.
    pub link_key: LinkKey,
}

impl ShareLink {
    /// The link under `origin`, which has no trailing slash (as `location.origin` gives it).
    pub fn to_url(&self, origin: &str) -> String {
        format!("{origin}{}#{}", room_path(&self.room_id), self.link_key.to_text())
    }

    /// From a page's path and fragment, as `location.pathname` and `location.hash` give them.
    ///
    /// Both parts have a fixed alphabet and length, so what programs on the way put around them is known for what it
    /// is and left out: a full stop, a bracket, parameters that follow people around, line breaks, `%23` for `#`.
    ///
    /// # Errors
    /// Names the part that is missing or damaged, so that the page can say which.
    pub fn from_location(path: &str, fragment: &str) -> Result<Self, ParseIdError> {
        let (room_id, rest) = room_in(path).ok_or(ParseIdError { what: "room id" })?;
        let fragment = plain(fragment);
        let key = find(&fragment, LINK_KEY_CHARS).or_else(|| find(&rest, LINK_KEY_CHARS));
        let (key, _) = key.ok_or(ParseIdError { what: "link key" })?;
        Ok(Self { room_id, link_key: key.parse()? })
    }

    /// Where a damaged path of a room's page leads, with the fragment if it got into the path; `None` if the path is
    /// as it should be, or is no room's.
    pub fn mended_path(path: &str) -> Option<String> {
        let (room_id, rest) = room_in(path)?;
        let mended = match find(&rest, LINK_KEY_CHARS).map(|(key, _)| key.parse()) {
            Some(Ok(link_key)) if rest.contains('#') => Self { room_id, link_key }.to_url(""),
            _ => room_path(&room_id),
        };
        (mended != path).then_some(mended)
    }
}

/// Characters of a room's id: 12 bytes in base64url.
const ROOM_ID_CHARS: usize = 16;
/// Characters of a link's key: 16 bytes in base64url.
const LINK_KEY_CHARS: usize = 22;
/// How often a link may have been percent-encoded on its way.
const MAX_ENCODINGS: usize = 3;

/// The room that a path names, and what follows its id.
fn room_in(path: &str) -> Option<(RoomId, String)> {
    let path = plain(path);
    let path = path.trim_start_matches('/');
    let folder = path.get(..ROOM_FOLDER.len())?;
    if !folder.eq_ignore_ascii_case(ROOM_FOLDER) {
        return None;
    }
    let (id, rest) = find(&path[ROOM_FOLDER.len()..], ROOM_ID_CHARS)?;
    Some((id.parse().ok()?, rest.to_owned()))
}

/// The first `length` characters of base64url, after whatever else there is, and what follows them.
fn find(text: &str, length: usize) -> Option<(&str, &str)> {
    let is_ours = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let text = &text[text.find(is_ours)?..];
    let end = text.find(|c| !is_ours(c)).unwrap_or(text.len());
    // All of them are one byte long.
    (end >= length).then(|| text.split_at(length))
}

/// Without percent-encoding, and without what is not seen: white space, and characters of no width.
fn plain(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..MAX_ENCODINGS {
        let decoded = percent_decoded(&text);
        if decoded == text {
            break;
        }
        text = decoded;
    }
    let unseen = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.retain(|c| !unseen(c));
    text
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).filter(|_| *first == b'%');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        // Signs are not digits, though the parser of numbers takes one.
        let digits = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Under which rooms have their pages.
const ROOM_FOLDER: &str = "room/";

/// The path of a room's page.
pub fn room_path(room_id: &RoomId) -> String {
    format!("/{ROOM_FOLDER}{room_id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_round_trips() {
        let link = ShareLink {
            room_id: RoomId::from_bytes([1; 12]),
            link_key: LinkKey::from_bytes([2; 16]),
        };
        let url = link.to_url("https://example.org");
        let rest = url.strip_prefix("https://example.org").unwrap();
        let (path, key) = rest.split_once('#').unwrap();
        assert_eq!(ShareLink::from_location(path, &format!("#{key}")), Ok(link));
    }

    /// A link whose id and key end in characters that could be part of what follows.
    fn link() -> ShareLink {
        ShareLink {
            room_id: RoomId::from_bytes([0xfb; 12]),
            link_key: LinkKey::from_bytes([0xff; 16]),
        }
    }

    #[test]
    fn what_gateways_put_around_the_key_is_left_out() {
        let link = link();
        let (path, key) = (room_path(&link.room_id), link.link_key.to_text());
        let after = [
            "&utm_source=x",
            "?fbclid=1",
            "?",
            ".",
            "...",
            "…",
            ")",
            ">",
            "%20",
            " ",
            "/",
            "//",
            ",",
            ";",
            ":",
            "!",
            "\"",
            "'",
            "”",
            "»",
            "]",
            "}",
            "*",
            "**",
            "|",
            "%0A",
            "%0D%0A",
            "\n",
            "&amp;x=1",
            "=",
            "%3D",
            "\u{200b}",
            "%E2%80%8B",
            "#",
            "%23",
            "#top",
            "+",
            "%",
            "%2",
            "\u{a0}",
            "<br>",
            "(a file",
            " is the link",
            // Of the key's own alphabet: signs of emphasis, and a word that lost its space.
            "_",
            "__",
            "-",
            "-utm",
            "hello",
            "1",
        ];
        for junk in after {
            let found = ShareLink::from_location(&path, &format!("#{key}{junk}"));
            assert_eq!(found, Ok(link.clone()), "{junk:?}");
        }
        for junk in ["", "#", "%23", "/", "!", "%20", " ", "\u{feff}", "<", "?", "=", "%2523"] {
            let found = ShareLink::from_location(&path, &format!("#{junk}{key}"));
            assert_eq!(found, Ok(link.clone()), "{junk:?}");
        }
        for at in 1..22 {
            let (head, tail) = key.split_at(at);
            for junk in ["\n", "%0D%0A", " ", "\u{ad}", "\u{200b}", "%E2%80%8B"] {
                let found = ShareLink::from_location(&path, &format!("#{head}{junk}{tail}"));
                assert_eq!(found, Ok(link.clone()), "{junk:?} at {at}");
            }
        }
        let encoded: String = key.bytes().map(|b| format!("%{b:02X}")).collect();
        assert_eq!(ShareLink::from_location(&path, &format!("#{encoded}")), Ok(link));
    }

    #[test]
    fn a_key_that_got_into_the_path_is_found_there() {
        let link = link();
        let (path, key) = (room_path(&link.room_id), link.link_key.to_text());
        let whole = link.to_url("");
        for hash in ["%23", "%2523", "/%23", "%20%23"] {
            let damaged = format!("{path}{hash}{key}");
            assert_eq!(ShareLink::from_location(&damaged, ""), Ok(link.clone()), "{hash}");
            assert_eq!(ShareLink::mended_path(&damaged), Some(whole.clone()), "{hash}");
            let damaged = format!("{damaged}%26utm_source=x");
            assert_eq!(ShareLink::mended_path(&damaged), Some(whole.clone()), "{hash}");
        }
    }

    #[test]
    fn a_damaged_path_leads_to_the_room() {
        let link = link();
        let path = room_path(&link.room_id);
        assert_eq!(ShareLink::mended_path(&path), None);
        for junk in [
            "/",
            "//",
            ".",
            ")",
            "%20",
            ">",
            ",",
            "%E2%80%8B",
            "/index.html",
            "&x=1",
            "%3Ffbclid=1",
            "_",
            "%23",
            "%23x",
        ] {
            let damaged = format!("{path}{junk}");
            assert_eq!(ShareLink::mended_path(&damaged), Some(path.clone()), "{junk}");
        }
        for damaged in
            [format!("/{path}"), path.replace("/room", "/Room"), path.replace("room/", "room//")]
        {
            assert_eq!(ShareLink::mended_path(&damaged), Some(path.clone()), "{damaged}");
        }
        for other in [
            "/",
            "/room",
            "/room/",
            "/rooms",
            "/room/nonsense",
            "/roomAAAAAAAAAAAAAAAA",
            "/media/AAAAAAAAAAAAAAAA/0",
            "/%",
        ] {
            assert_eq!(ShareLink::mended_path(other), None, "{other}");
        }
    }

    #[test]
    fn a_cut_link_says_which_part_is_missing() {
        let path = room_path(&RoomId::from_bytes([1; 12]));
        assert_eq!(ShareLink::from_location(&path, "").unwrap_err().what, "link key");
        assert_eq!(ShareLink::from_location(&path, "#AAAA").unwrap_err().what, "link key");
        assert_eq!(ShareLink::from_location("/room/x", "#").unwrap_err().what, "room id");
    }
}
