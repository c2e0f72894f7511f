//! Who a member was, proved by what it was given then; and which members share a network.
//!
//! A resume token is `peer id (4 bytes, big endian) || the first 16 bytes of HMAC-SHA-256(key, purpose || room id ||
//! owner or not || peer id)`. The server keeps nothing for one. The key is made at first start and kept, so that
//! members are known again after a restart, whose rooms live on in their members.

use std::net::IpAddr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::protocol::id::{PeerId, ResumeToken, RoomId};
use crate::room::NetworkId;
use crate::server::client_address::ClientAddress;

/// Tell these MACs from each other and from any other made under the same key.
const RESUME: &[u8] = b"transfer4me/1/resume";
const NETWORK: &[u8] = b"transfer4me/1/network";
/// Bytes of the peer id in front of the MAC.
const PEER_BYTES: usize = 4;
/// Bytes that are left of the MAC.
const TAG_BYTES: usize = ResumeToken::LENGTH - PEER_BYTES;

/// Makes and checks resume tokens, and names networks.
#[derive(Clone)]
pub struct ResumeTokens {
    mac: Hmac<Sha256>,
}

impl std::fmt::Debug for ResumeTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ResumeTokens(…)")
    }
}

impl ResumeTokens {
    /// Under this key, of any length; 32 bytes are right.
    ///
    /// # Errors
    /// None in practice: HMAC takes keys of any length.
    pub fn new(key: &[u8]) -> Result<Self, hmac::digest::InvalidLength> {
        Ok(Self { mac: Hmac::new_from_slice(key)? })
    }

    /// The token by which a member of a room is known again.
    pub fn issue(&self, room_id: &RoomId, owner: bool, peer: PeerId) -> ResumeToken {
        let tag = self.of_member(room_id, owner, peer).finalize().into_bytes();
        let mut token = [0; ResumeToken::LENGTH];
        let (name, rest) = token.split_at_mut(PEER_BYTES);
        name.copy_from_slice(&peer.0.to_be_bytes());
        rest.copy_from_slice(&tag[..TAG_BYTES]);
        ResumeToken::from_bytes(token)
    }

    /// The member that a token was made for, if it was made for this room and this role.
    pub fn verified(&self, room_id: &RoomId, owner: bool, token: &ResumeToken) -> Option<PeerId> {
        let (name, tag) = token.as_bytes().split_first_chunk::<PEER_BYTES>()?;
        let peer = PeerId(u32::from_be_bytes(*name));
        // In constant time.
        self.of_member(room_id, owner, peer).verify_truncated_left(tag).ok().map(|()| peer)
    }

    /// Stands for the network of a client in one room: alike for all who share a public address there, and
    /// nothing to anyone who lacks the key.
    pub fn network(&self, room_id: &RoomId, client: ClientAddress) -> NetworkId {
        let mac = self.mac.clone().chain_update(NETWORK).chain_update(room_id.as_bytes());
        let mac = match client.bucket() {
            IpAddr::V4(address) => mac.chain_update(address.octets()),
            IpAddr::V6(address) => mac.chain_update(address.octets()),
        };
        let tag = mac.finalize().into_bytes();
        NetworkId(tag.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn of_member(&self, room_id: &RoomId, owner: bool, peer: PeerId) -> Hmac<Sha256> {
        // Every part has a fixed length, so no two members' inputs are alike.
        self.mac
            .clone()
            .chain_update(RESUME)
            .chain_update(room_id.as_bytes())
            .chain_update([u8::from(owner)])
            .chain_update(peer.0.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: RoomId = RoomId::from_bytes([1; 12]);
    const OTHER: RoomId = RoomId::from_bytes([2; 12]);
    const PEER: PeerId = PeerId(0x0102_0304);

    #[test]
    fn a_token_is_worth_its_member_in_its_room_and_role_only() {
        let tokens = ResumeTokens::new(&[7; 32]).unwrap();
        let token = tokens.issue(&ROOM, false, PEER);
        assert_eq!(tokens.verified(&ROOM, false, &token), Some(PEER));
        assert_eq!(tokens.verified(&ROOM, true, &token), None);
        assert_eq!(tokens.verified(&OTHER, false, &token), None);
        assert_eq!(ResumeTokens::new(&[8; 32]).unwrap().verified(&ROOM, false, &token), None);
    }

    #[test]
    fn no_altered_token_is_worth_anything() {
        let tokens = ResumeTokens::new(&[7; 32]).unwrap();
        let token = *tokens.issue(&ROOM, false, PEER).as_bytes();
        for at in 0..token.len() {
            let mut altered = token;
            altered[at] ^= 1;
            let altered = ResumeToken::from_bytes(altered);
            assert_eq!(tokens.verified(&ROOM, false, &altered), None, "byte {at}");
        }
    }

    #[test]
    fn a_network_is_one_address_or_one_64_in_one_room() {
        let tokens = ResumeTokens::new(&[7; 32]).unwrap();
        let network =
            |room: &RoomId, text: &str| tokens.network(room, ClientAddress(text.parse().unwrap()));
        let home = network(&ROOM, "2001:db8:1:2:3:4:5:6");
        assert_eq!(home, network(&ROOM, "2001:db8:1:2:ffff::1"));
        assert_ne!(home, network(&ROOM, "2001:db8:1:3:3:4:5:6"));
        assert_ne!(home, network(&OTHER, "2001:db8:1:2:3:4:5:6"));
        assert_eq!(network(&ROOM, "192.0.2.1"), network(&ROOM, "::ffff:192.0.2.1"));
        assert_ne!(network(&ROOM, "192.0.2.1"), network(&ROOM, "192.0.2.2"));
    }
}
