//! Signalling: JSON text messages over one WebSocket for each joined peer, each `{"name": {…}}`, or just
//! `"name"` where there is nothing more to say.
//!
//! ```text
//! peer                          server                         owner
//!  | join {join_token, …} ------>|                               |
//!  |<------ welcome {peer_id, …} |                               |
//!  | want ---------------------->|                               |
//!  |<----------- assigned {peers}|------------------ serve {peer}>|
//!  | signal {to, sealed} ------->|------- signal {from, sealed} ->|   offer; then both ways: answer, candidates
//!  | progress, complete -------->|----------------- roster {…} -->|
//!  | slots, stats -------------->|                               |   from everyone who serves
//!  | leave --------------------->|---------------- revoked {peer}>|
//! ```
//!
//! The server stamps the sender of every `signal` and passes it only between peers that it assigned to each
//! other. It cannot read one: see [`SealedSignal`]. A socket that drops is not a leave; see
//! [`super::limits::REJOIN_GRACE`].

use serde::{Deserialize, Serialize};

use super::circle::{CircleKind, CircleRoster};
use super::id::{JoinToken, OwnerToken, PageId, PeerId, ResumeToken};
use super::limits;
use super::rooms::Topology;
use super::signal::SealedSignal;

/// From a peer to the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientMessage {
    /// The first message on every socket, and only that.
    Join(Join),
    /// Asks for providers. Repeating it while being served says that those at hand hold nothing that is needed.
    Want,
    /// Tells how many leeches the member serves at once from now on: fewer when its uplink is saturated, none when
    /// its person does not help. Those that are served already stay.
    Slots {
        /// At most [`limits::MAX_SLOTS`] by its own adaptation.
        offered: u8,
    },
    /// What the member measured, every few seconds.
    Stats(Stats),
    /// Passes a sealed signal to one peer.
    Signal {
        /// For whom.
        to: PeerId,
        /// What only that peer can read.
        sealed: SealedSignal,
    },
    /// Tells how far a download is, about once a second.
    Progress(Progress),
    /// Everything wanted is here and verified.
    Complete,
    /// The link to this peer is gone and cannot be used any more.
    LinkLost {
        /// Which peer.
        peer: PeerId,
    },
    /// This peer sent a piece that its signed record does not match.
    BadPiece {
        /// Which peer.
        peer: PeerId,
        /// Which piece.
        piece: u32,
    },
    /// The owner sends a member away; in a live circle its host does.
    Remove {
        /// Whom.
        peer: PeerId,
    },
    /// The host of a live circle tells how many it plays for at once.
    Seats {
        /// At most [`limits::MAX_CIRCLE_MEMBERS`]; none if its browser cannot broadcast.
        count: u8,
    },
    /// Asks for a `pong`. Pages see neither the pings of WebSockets (RFC 6455, section 5.5.2) nor a network that is gone.
    Ping,
    /// The peer goes for good.
    Leave,
}

/// What a peer says of itself when it joins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// [`limits::PROTOCOL_VERSION`].
    pub version: u32,
    /// Proof of holding the link.
    pub join_token: JoinToken,
    /// Proof of being the room's owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_token: Option<OwnerToken>,
    /// Proof of being a member whose socket dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_token: Option<ResumeToken>,
    /// How much of the content it holds.
    pub have: Have,
    /// How many leeches it serves at once; none if its person does not help.
    pub slots: u8,
    /// All whom it fetches from over links that still stand; at most [`limits::MAX_TOLD_LINKS`]. Any other link by
    /// which the room thinks it is served is over. Counts only with a resume token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<PeerId>,
    /// Joins this circle instead of the room's exchange; `have`, `slots` and `providers` say nothing then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circle: Option<CircleKind>,
    /// Alike for all sockets of one page. Whoever is sent away on one of them is sent away on all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<PageId>,
}

/// What a member measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stats {
    /// Most payload bytes a second that it sent to all together, over the last seconds.
    pub uplink_bytes_per_second: u64,
    /// Round-trip times of its links; at most [`limits::MAX_TOLD_LINKS`].
    pub round_trips: Vec<RoundTrip>,
}

/// How long one link's round trip takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundTrip {
    /// To whom.
    pub peer: PeerId,
    /// Milliseconds.
    pub millis: u32,
}

/// How much of a room's content a member holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Have {
    /// Nothing.
    None,
    /// Some pieces.
    Some,
    /// Every piece.
    All,
}

/// How far a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Bytes verified.
    pub have_bytes: u64,
    /// Bytes wanted in all.
    pub wanted_bytes: u64,
    /// Payload bytes a second, now.
    pub bytes_per_second: u64,
    /// What the member is doing.
    pub phase: MemberPhase,
    /// How its bytes travel.
    pub path: PathKind,
    /// How much of the whole room it holds, wanted or not.
    pub have: Have,
}

/// What a member is doing, in words that the owner's page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberPhase {
    /// Joined, not yet served.
    Waiting,
    /// Fetching.
    Downloading,
    /// Fetching, and playing what comes.
    Listening,
    /// Stopped by its person.
    Paused,
    /// Holds all that it wanted.
    Complete,
    /// Its socket dropped and it may come back.
    Away,
}

impl MemberPhase {
    /// Bytes are on their way to it.
    pub const fn is_fetching(self) -> bool {
        matches!(self, Self::Downloading | Self::Listening)
    }
}

/// How the bytes between two peers travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathKind {
    /// Not known, or not connected.
    #[default]
    Unknown,
    /// From one to the other.
    Direct,
    /// Through a TURN server.
    Relayed,
}

/// From the server to a peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerMessage {
    /// The first message; the peer has joined.
    Welcome(Welcome),
    /// Fetch from these peers: make an offer to each that no link stands to. Earlier ones stay.
    Assigned {
        /// Whom.
        peers: Vec<PeerId>,
        /// The room's owner, if it is here: whose word on lost files counts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<PeerId>,
    },
    /// Serve this peer, which is going to make an offer unless a link stands; answer it.
    Serve {
        /// Who.
        peer: PeerId,
    },
    /// Nobody can serve now.
    Waiting {
        /// How many come first.
        ahead: u32,
        /// Members online that could serve, were they not saturated.
        seeds: u32,
    },
    /// A sealed signal.
    Signal {
        /// Who sent it, as the server knows it.
        from: PeerId,
        /// What only this peer can read.
        sealed: SealedSignal,
    },
    /// Drop the link to this peer.
    Revoked {
        /// Whom.
        peer: PeerId,
    },
    /// Who is here, for the owner; at most four times a second.
    Roster {
        /// Every member but the owner, oldest first.
        members: Vec<RosterEntry>,
    },
    /// Who is in the circle that was joined.
    Circle(CircleRoster),
    /// The answer to a `ping`.
    Pong,
    /// The room is over for this peer; the socket closes.
    Closed {
        /// Why.
        reason: CloseReason,
    },
    /// What the peer sent was refused. The socket closes.
    Error {
        /// For programs.
        code: ErrorCode,
        /// For people: one sentence.
        message: String,
    },
}

/// The server's answer to a `join`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// The peer's name in this room.
    pub peer_id: PeerId,
    /// For a later `join` after a dropped socket.
    pub resume_token: ResumeToken,
    /// Whether the server still knew this member from before.
    pub resumed: bool,
    /// For the peer's RTCPeerConnection.
    pub ice_servers: Vec<IceServer>,
    /// Whether candidates travel one by one (RFC 8838) or all inside the description.
    pub trickle_ice: bool,
    /// Who serves whom here.
    pub topology: Topology,
}

/// One entry of `RTCConfiguration.iceServers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// `stun:` or `turn:` URLs.
    pub urls: Vec<String>,
    /// For TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// For TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// One member, as the owner sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterEntry {
    /// Who.
    pub peer: PeerId,
    /// What it last said.
    pub progress: Progress,
    /// Whether it serves others.
    pub helps: bool,
}

/// Why a room is over for a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The owner stopped sharing.
    Stopped,
    /// The room reached its end.
    Expired,
    /// The owner sent this peer away.
    Removed,
    /// The same member joined by another socket.
    Replaced,
}

/// Why a message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Not JSON, not a message of this protocol, or out of order.
    Malformed,
    /// Another [`limits::PROTOCOL_VERSION`]. Reloading the page gets the right one.
    Version,
    /// The join token is not this room's, or the password ticket is missing.
    Forbidden,
    /// The room holds as many members as the operator allows.
    Full,
    /// Too many messages.
    TooFast,
    /// No room of this id.
    NotFound,
    /// The server is stopping; try again soon.
    Unavailable,
}

/// Parses one signalling message of at most [`limits::MAX_SIGNALLING_BYTES`].
///
/// # Errors
/// A sentence that says what is wrong, without repeating the input.
pub fn parse_client_message(text: &str) -> Result<ClientMessage, MalformedMessage> {
    if text.len() > limits::MAX_SIGNALLING_BYTES {
        return Err(MalformedMessage::TooLong);
    }
    let message: ClientMessage =
        serde_json::from_str(text).map_err(|_| MalformedMessage::NotAMessage)?;
    match &message {
        ClientMessage::Signal { sealed, .. }
            if sealed.0.len() > limits::MAX_SEALED_SIGNAL_BYTES =>
        {
            Err(MalformedMessage::TooLong)
        }
        ClientMessage::Join(join) if join.providers.len() > limits::MAX_TOLD_LINKS => {
            Err(MalformedMessage::TooLong)
        }
        ClientMessage::Stats(stats) if stats.round_trips.len() > limits::MAX_TOLD_LINKS => {
            Err(MalformedMessage::TooLong)
        }
        _ => Ok(message),
    }
}

/// What is wrong with a signalling message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedMessage {
    /// Longer than allowed.
    #[error("the message is too long")]
    TooLong,
    /// Not JSON, or not of this protocol.
    #[error("this is not a message of this protocol")]
    NotAMessage,
}
