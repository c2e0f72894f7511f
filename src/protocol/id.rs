//! Identifiers and secrets: fixed bytes in memory, unpadded base64url (RFC 4648, section 5) in text.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// Text that is not the identifier or secret it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {what}")]
pub struct ParseIdError {
    /// What the text should have been.
    pub what: &'static str,
}

macro_rules! bytes_as_text {
    ($(#[$doc:meta])* $name:ident, $length:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; $length]);

        impl $name {
            /// Length in bytes.
            pub const LENGTH: usize = $length;

            /// Wraps the bytes.
            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }

            /// Unpadded base64url.
            pub fn to_text(&self) -> String {
                URL_SAFE_NO_PAD.encode(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                URL_SAFE_NO_PAD
                    .decode(text.as_bytes())
                    .ok()
                    .and_then(|bytes| bytes.try_into().ok())
                    .map(Self)
                    .ok_or(ParseIdError { what: $what })
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseIdError;
            fn try_from(text: String) -> Result<Self, ParseIdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_text()
            }
        }
    };
}

macro_rules! shown {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_text())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.to_text())
            }
        }
    };
}

// A secret is never printed, so that no log or panic message can hold one.
macro_rules! secret {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}(…)", stringify!($name))
            }
        }
    };
}

bytes_as_text!(
    /// Names a room: 96 random bits from the server, in the path of the link.
    RoomId, 12, "room id"
);
shown!(RoomId);

bytes_as_text!(
    /// The fragment of the link: the first 16 bytes of SHA-256 over the owner's public key (SPKI).
    /// A secret that the server never receives, and the proof of whose signature counts.
    LinkKey, 16, "link key"
);
secret!(LinkKey);

bytes_as_text!(
    /// Proof of holding the link, derived from the link key and sent in `join`.
    JoinToken, 32, "join token"
);
secret!(JoinToken);

bytes_as_text!(
    /// SHA-256 of the [`JoinToken`]: what the server keeps.
    JoinVerifier, 32, "join verifier"
);
shown!(JoinVerifier);

bytes_as_text!(
    /// Proof of having created the room. Shown once, kept by the owner's page, stored hashed.
    OwnerToken, 32, "owner token"
);
secret!(OwnerToken);

bytes_as_text!(
    /// Proof of being the same member after a dropped socket: the peer id (big endian) and the server's MAC over it,
    /// which holds across a restart of the server.
    ResumeToken, 20, "resume token"
);
secret!(ResumeToken);

bytes_as_text!(
    /// What the sockets of one page have in common: random, drawn anew each time that the page is loaded, and known to it
    /// and the server alone. Whoever knew another's could be sent away with it.
    PageId, 16, "page id"
);
secret!(PageId);

/// A member of a room, as the room's other members and the server name it. The server draws it at random, so that a
/// server that has forgotten its rooms does not give a name that someone still bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PeerId(pub u32);

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_has_the_documented_length() {
        let room = RoomId::from_bytes([7; 12]);
        assert_eq!(room.to_text().len(), 16);
        assert_eq!(room.to_text().parse(), Ok(room));
        assert_eq!(LinkKey::from_bytes([255; 16]).to_text().len(), 22);
    }

    #[test]
    fn wrong_length_alphabet_and_padding_are_refused() {
        for text in ["", "AAAA", "AAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAA+", "AAAAAAAAAAAAAAAAA"] {
            assert!(text.parse::<RoomId>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn two_texts_never_name_the_same_bytes() {
        // 22 characters carry 132 bits; the 4 spare ones must be zero.
        assert!("AAAAAAAAAAAAAAAAAAAAAA".parse::<LinkKey>().is_ok());
        assert!("AAAAAAAAAAAAAAAAAAAAAB".parse::<LinkKey>().is_err());
    }

    #[test]
    fn secrets_do_not_print() {
        assert_eq!(format!("{:?}", OwnerToken::from_bytes([9; 32])), "OwnerToken(…)");
    }
}
