//! Signals: what two members tell each other to connect, sealed so that the server can only pass them on.

use serde::{Deserialize, Serialize};

use super::id::{PeerId, RoomId};
use super::limits;

/// A [`Signal`] sealed by AES-256-GCM under the link's signalling key, unpadded base64url of
/// `sequence (u64, big endian) || nonce (12) || ciphertext and tag`.
///
/// Associated data: see [`signal_context`]. The receiver refuses a sequence that is not above the last, so a
/// server can neither read, alter, misroute nor replay one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealedSignal(pub String);

/// Associated data of a sealed signal: version, room, from, to and sequence, each of fixed length.
pub fn signal_context(room_id: &RoomId, from: PeerId, to: PeerId, sequence: u64) -> Vec<u8> {
    let mut context = Vec::with_capacity(32);
    context.extend_from_slice(&limits::PROTOCOL_VERSION.to_be_bytes());
    context.extend_from_slice(room_id.as_bytes());
    context.extend_from_slice(&from.0.to_be_bytes());
    context.extend_from_slice(&to.0.to_be_bytes());
    context.extend_from_slice(&sequence.to_be_bytes());
    context
}

/// What two peers tell each other to connect, once opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Signal {
    /// Opens a connection. The recipient makes it.
    Offer {
        /// Which of the link's connections.
        lane: u16,
        /// Tells this attempt from an earlier one with the same peer.
        attempt: u32,
        /// RFC 8866.
        sdp: String,
    },
    /// An offer within a connection that lost its path (ICE restart, RFC 8839, section 4.4).
    Restart {
        /// Which of the link's connections.
        lane: u16,
        /// The first offer's.
        attempt: u32,
        /// RFC 8866.
        sdp: String,
    },
    /// Answers an offer.
    Answer {
        /// Which of the link's connections.
        lane: u16,
        /// The offer's.
        attempt: u32,
        /// RFC 8866.
        sdp: String,
    },
    /// One more way to reach the sender (RFC 8838).
    Candidate {
        /// Which of the link's connections.
        lane: u16,
        /// The offer's.
        attempt: u32,
        /// `candidate:` line.
        candidate: String,
        /// Its media section.
        sdp_mid: Option<String>,
    },
}

impl Signal {
    /// Which of the link's connections it is about.
    pub fn lane(&self) -> u16 {
        match self {
            Self::Offer { lane, .. }
            | Self::Restart { lane, .. }
            | Self::Answer { lane, .. }
            | Self::Candidate { lane, .. } => *lane,
        }
    }
}
