//! Tickets: the proof, in a cookie, of having shown a room's password.
//!
//! `expiry (8 bytes, big endian) || HMAC-SHA-256(key, purpose || room id || expiry)`, base64url. The server keeps
//! nothing for one; it ends with its room. The key is made at first start and kept, so tickets survive restarts.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use http::header::COOKIE;
use sha2::Sha256;

use crate::protocol::id::RoomId;

/// Tells these MACs from any other made under the same key.
const PURPOSE: &[u8] = b"transfer4me/1/ticket";
/// Bytes of the expiry in front of the MAC.
const EXPIRY_BYTES: usize = 8;

/// Signs and checks tickets.
#[derive(Clone)]
pub struct Tickets {
    mac: Hmac<Sha256>,
}

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tickets(…)")
    }
}

impl Tickets {
    /// Under this key, of any length; 32 bytes are right.
    ///
    /// # Errors
    /// None in practice: HMAC takes keys of any length.
    pub fn new(key: &[u8]) -> Result<Self, hmac::digest::InvalidLength> {
        Ok(Self { mac: Hmac::new_from_slice(key)? })
    }

    /// A ticket to this room until `expires_at`, Unix time in seconds.
    pub fn issue(&self, room_id: &RoomId, expires_at: i64) -> String {
        let expiry = expires_at.to_be_bytes();
        let tag = self.bound_to(room_id, &expiry).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([expiry.as_slice(), tag.as_slice()].concat())
    }

    /// Whether this is a ticket to that room which has not ended by `now`, Unix time in seconds.
    pub fn is_valid(&self, room_id: &RoomId, ticket: &str, now: i64) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(ticket.as_bytes()) else { return false };
        let Some((expiry, tag)) = bytes.split_first_chunk::<EXPIRY_BYTES>() else { return false };
        // The MAC first, in constant time: nothing unsigned is looked at.
        self.bound_to(room_id, expiry).verify_slice(tag).is_ok()
            && i64::from_be_bytes(*expiry) > now
    }

    fn bound_to(&self, room_id: &RoomId, expiry: &[u8; EXPIRY_BYTES]) -> Hmac<Sha256> {
        // Every part has a fixed length, so no two rooms' inputs are alike.
        self.mac.clone().chain_update(PURPOSE).chain_update(room_id.as_bytes()).chain_update(expiry)
    }
}

/// `Set-Cookie` for a ticket that lasts `max_age` seconds. The name holds the room, so that tickets to several
/// rooms live side by side.
pub fn set_cookie(room_id: &RoomId, ticket: &str, max_age: i64) -> String {
    format!(
        "{}={ticket}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Strict; Secure",
        cookie_name(room_id)
    )
}

/// The ticket to this room among a request's cookies.
pub fn from_cookies<'a>(headers: &'a HeaderMap, room_id: &RoomId) -> Option<&'a str> {
    let name = cookie_name(room_id);
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(found, ticket)| (found == name).then_some(ticket))
}

fn cookie_name(room_id: &RoomId) -> String {
    format!("t4m_ticket_{room_id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: RoomId = RoomId::from_bytes([1; 12]);
    const OTHER: RoomId = RoomId::from_bytes([2; 12]);

    #[test]
    fn a_ticket_opens_its_room_until_it_ends_and_nothing_else() {
        let tickets = Tickets::new(&[7; 32]).unwrap();
        let ticket = tickets.issue(&ROOM, 1000);
        assert!(tickets.is_valid(&ROOM, &ticket, 999));
        assert!(!tickets.is_valid(&ROOM, &ticket, 1000));
        assert!(!tickets.is_valid(&OTHER, &ticket, 999));
        assert!(!Tickets::new(&[8; 32]).unwrap().is_valid(&ROOM, &ticket, 999));
    }

    #[test]
    fn no_altered_ticket_is_valid() {
        let tickets = Tickets::new(&[7; 32]).unwrap();
        let ticket = URL_SAFE_NO_PAD.decode(tickets.issue(&ROOM, 1000).as_bytes()).unwrap();
        for at in 0..ticket.len() {
            let mut altered = ticket.clone();
            altered[at] ^= 1;
            assert!(!tickets.is_valid(&ROOM, &URL_SAFE_NO_PAD.encode(&altered), 0), "byte {at}");
        }
        for cut in 0..ticket.len() {
            assert!(!tickets.is_valid(&ROOM, &URL_SAFE_NO_PAD.encode(&ticket[..cut]), 0));
        }
        assert!(!tickets.is_valid(&ROOM, "not base64url!", 0));
    }

    #[test]
    fn a_ticket_is_found_among_other_cookies() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "a=b; x".parse().unwrap());
        headers.append(COOKIE, format!("c=d;{}=here", cookie_name(&ROOM)).parse().unwrap());
        assert_eq!(from_cookies(&headers, &ROOM), Some("here"));
        assert_eq!(from_cookies(&headers, &OTHER), None);
    }
}
