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
    /// # Errors
    /// Names the part that is missing or damaged, so that the page can say which.
    pub fn from_location(path: &str, fragment: &str) -> Result<Self, ParseIdError> {
        let room_id = path
            .strip_prefix("/room/")
            .ok_or(ParseIdError { what: "room id" })?
            .trim_end_matches('/')
            .parse()?;
        let link_key = fragment.trim_start_matches('#').trim().parse()?;
        Ok(Self { room_id, link_key })
    }
}

/// The path of a room's page.
pub fn room_path(room_id: &RoomId) -> String {
    format!("/room/{room_id}")
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

    #[test]
    fn a_cut_link_says_which_part_is_missing() {
        let path = room_path(&RoomId::from_bytes([1; 12]));
        assert_eq!(ShareLink::from_location(&path, "").unwrap_err().what, "link key");
        assert_eq!(ShareLink::from_location(&path, "#AAAA").unwrap_err().what, "link key");
        assert_eq!(ShareLink::from_location("/room/x", "#").unwrap_err().what, "room id");
    }
}
