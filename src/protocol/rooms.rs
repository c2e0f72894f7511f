//! Rooms over HTTP: what is asked and answered, by the server functions and under `/api/rooms` alike.

use serde::{Deserialize, Serialize};

use super::id::{JoinVerifier, OwnerToken, RoomId};

/// What the files of a room mostly are, which decides what its page offers (`fileType` in the 2016 system).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    /// Every file is audio.
    Audio,
    /// Every file is video, or video and audio.
    Video,
    /// Every file is an image.
    Image,
    /// Anything else.
    Other,
}

impl MediaKind {
    /// As in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Image => "image",
            Self::Other => "other",
        }
    }
}

/// Who serves whom in a room. docs/seed_pool.md compares them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topology {
    /// The owner serves every recipient.
    Direct,
    /// Each newcomer fetches from the one who came before it.
    Chain,
    /// Supernodes, elected by what they hold, their uplink and nearness, serve the others.
    Tree,
    /// Complete seeds serve, each up to its slots; everyone else waits in line (the 2016 report's plan).
    Pool,
    /// Several providers at once; whoever holds a piece passes it on.
    #[default]
    Swarm,
}

impl Topology {
    /// As in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Chain => "chain",
            Self::Tree => "tree",
            Self::Pool => "pool",
            Self::Swarm => "swarm",
        }
    }

    /// Every one, for parsing and for comparing.
    pub const ALL: [Self; 5] = [Self::Direct, Self::Chain, Self::Tree, Self::Pool, Self::Swarm];
}

/// Whether a new room asks for a password, and which.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind", content = "text")]
pub enum PasswordRequest {
    /// Anyone with the link may enter.
    #[default]
    None,
    /// The server makes one that is easy to read out, and answers it once.
    Generate,
    /// This one, of at most [`super::limits::MAX_PASSWORD_BYTES`].
    Text(String),
}

impl std::fmt::Debug for PasswordRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Generate => "Generate",
            Self::Text(_) => "Text(…)",
        })
    }
}

/// Whether the owner of a room broadcasts, or would.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LiveState {
    /// It is not here.
    #[default]
    Absent,
    /// It is here, and its browser cannot.
    Unable,
    /// It is here and can.
    Ready,
}

impl LiveState {
    /// By how many it can broadcast to at once, if it is here.
    pub const fn of_seats(seats: Option<u8>) -> Self {
        match seats {
            None => Self::Absent,
            Some(0) => Self::Unable,
            Some(_) => Self::Ready,
        }
    }
}

/// Asks for a new room.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateRoom {
    /// The sealed manifest, unpadded base64url.
    pub sealed_manifest: String,
    /// Bytes of all files together.
    pub total_bytes: u64,
    /// How many files.
    pub file_count: u32,
    /// What they mostly are.
    pub media_kind: MediaKind,
    /// SHA-256 of the join token.
    pub join_verifier: JoinVerifier,
    /// Whether to ask for a password.
    #[serde(default)]
    pub password: PasswordRequest,
    /// Who is to serve whom; what the operator set if absent.
    #[serde(default)]
    pub topology: Option<Topology>,
    /// Seconds that the room is to live; the operator's limit if absent, never more than that.
    #[serde(default)]
    pub expires_in: Option<u64>,
}

/// A new room. The only answer that ever holds the owner token and the password.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CreatedRoom {
    /// Its id.
    pub room_id: RoomId,
    /// Proof of being its owner.
    pub owner_token: OwnerToken,
    /// The password, if one is asked: the one that was given, or the one that was made.
    pub password: Option<String>,
    /// Unix time in seconds at which the room ends by itself.
    pub expires_at: u64,
    /// What can be done next.
    pub links: RoomLinks,
}

/// What anyone who knows a room's id may see of it. Holds no name and no content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomSummary {
    /// Its id.
    pub room_id: RoomId,
    /// Bytes of all files together.
    pub total_bytes: u64,
    /// How many files.
    pub file_count: u32,
    /// What they mostly are.
    pub media_kind: MediaKind,
    /// Whether some of it can be played while it arrives.
    pub streamable: bool,
    /// Whether a password is asked.
    pub protected: bool,
    /// Whether this caller may fetch the manifest and join: not protected, or unlocked by a ticket.
    pub unlocked: bool,
    /// Who serves whom.
    pub topology: Topology,
    /// Members online now that hold every piece.
    pub seeds_online: u32,
    /// Whether what the owner plays can be heard as it is played.
    pub live: LiveState,
    /// Unix time in seconds at which the room ends by itself.
    pub expires_at: u64,
    /// What can be done next.
    pub links: RoomLinks,
}

/// Where to go from a room: paths on the same server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomLinks {
    /// `GET` reads the room, `DELETE` with the owner token closes it.
    #[serde(rename = "self")]
    pub self_: String,
    /// The page for people; the link key goes behind it as the fragment.
    pub page: String,
    /// `GET` answers the sealed manifest's bytes.
    pub manifest: String,
    /// `POST` a password for a ticket.
    pub password: String,
    /// The WebSocket for signalling.
    pub socket: String,
}

impl RoomLinks {
    /// The links of one room.
    pub fn new(room_id: &RoomId) -> Self {
        let room = format!("/api/rooms/{room_id}");
        Self {
            page: super::link::room_path(room_id),
            manifest: format!("{room}/manifest"),
            password: format!("{room}/password"),
            socket: format!("{room}/socket"),
            self_: room,
        }
    }
}

/// A password for a room.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnlockRoom {
    /// What the person typed.
    pub password: String,
}

impl std::fmt::Debug for UnlockRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UnlockRoom(…)")
    }
}
