//! Every limit on what comes from outside, in one place, for both sides of each wire.

use std::time::Duration;

/// Version of everything in [`crate::protocol`]. Peers and the server refuse any other.
pub const PROTOCOL_VERSION: u32 = 1;

/// Files in one room, and empty folders with them.
pub const MAX_FILES: usize = 20_000;
/// Bytes in one room: 1 TiB.
pub const MAX_TOTAL_BYTES: u64 = 1 << 40;
/// UTF-8 bytes of one file's path, all its parts together. Longer ones are refused when chosen.
pub const MAX_PATH_BYTES: usize = 1024;
/// Parts (folders and the name) of one file's path.
pub const MAX_PATH_DEPTH: usize = 32;
/// Latest time of change that a file may have, in milliseconds since 1970: the last of 2107, which is the last of ZIP.
pub const MAX_MODIFIED_MILLIS: u64 = 4_354_819_199_999;
/// Bytes of a manifest before sealing.
pub const MAX_MANIFEST_BYTES: usize = 4 << 20;
/// Bytes that sealing adds: a 96-bit nonce and a 128-bit tag (AES-GCM, NIST SP 800-38D).
pub const SEAL_OVERHEAD_BYTES: usize = 12 + 16;
/// Bytes of a create request: the sealed manifest in base64url and a little JSON around it.
pub const MAX_CREATE_BODY_BYTES: usize = (MAX_MANIFEST_BYTES + SEAL_OVERHEAD_BYTES) * 4 / 3 + 4096;
/// Bytes of any other HTTP request body.
pub const MAX_BODY_BYTES: usize = 16 << 10;

/// UTF-8 bytes of a room password, before it is hashed.
pub const MAX_PASSWORD_BYTES: usize = 256;

/// Bytes of one signalling message, and of one WebSocket frame.
pub const MAX_SIGNALLING_BYTES: usize = 64 << 10;
/// Bytes of a sealed signal inside a signalling message, in base64url.
pub const MAX_SEALED_SIGNAL_BYTES: usize = 48 << 10;
/// Time a socket has for its first message, which must be `join`.
pub const JOIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Time between pings on an idle socket; two unanswered ones end it.
pub const PING_INTERVAL: Duration = Duration::from_secs(20);
/// Time a member whose socket dropped keeps its place.
pub const REJOIN_GRACE: Duration = Duration::from_secs(60);
/// Messages a socket may send in a row, after a pause.
pub const SOCKET_BURST: u32 = 480;
/// Messages a second a socket may send in the long run.
pub const SOCKET_MESSAGES_PER_SECOND: u32 = 60;
/// Messages that wait for one slow socket before it is dropped.
pub const SOCKET_OUTBOX: usize = 256;
/// Inputs that wait for one room before senders wait for it.
pub const ROOM_INBOX: usize = 256;

/// Leeches that a member serves at once, before it knows its uplink.
pub const DEFAULT_SLOTS: u8 = 4;
/// Fewest that a member adapts its slots to by itself. A person who does not help offers none.
pub const MIN_SLOTS: u8 = 2;
/// Most that a member adapts its slots to by itself.
pub const MAX_SLOTS: u8 = 6;
/// Providers that a leech has at once, where the topology gives it several.
pub const MAX_PROVIDERS: usize = 5;
/// Links that a member that comes back may claim, and of which it may tell measurements in one message.
pub const MAX_TOLD_LINKS: usize = 64;

/// Members of one circle that have a place, the host not counted.
pub const MAX_CIRCLE_MEMBERS: usize = 64;
/// Listeners that a host broadcasts to at once: each costs its uplink and its processor anew.
pub const DEFAULT_SEATS: u8 = 16;
/// UTF-8 bytes that are shown of the name of what is on.
pub const MAX_TITLE_BYTES: usize = 1024;
/// Characters of it that are shown.
pub const MAX_TITLE_CHARS: usize = 200;

/// Smallest piece: hashing and signing less at a time costs more than it gives.
pub const MIN_PIECE_LENGTH: u32 = 256 << 10;
/// Largest piece, which bounds what is held in memory before it is verified.
pub const MAX_PIECE_LENGTH: u32 = 16 << 20;
/// Pieces that a piece length is chosen for; files smaller than a piece add one each.
pub const TARGET_PIECES: u64 = 4096;
/// Bytes of one block's payload, unless the path takes less or is fast.
pub const BLOCK_LENGTH: u32 = 64 << 10;
/// Bytes of one block's payload on a fast path: each message costs both pages some time, whatever its size. Chromium takes
/// messages of 256 KiB, with the header.
pub const LONGEST_BLOCK_LENGTH: u32 = 128 << 10;
/// Message size of a peer whose description names none (RFC 8841, section 6.1).
pub const DEFAULT_MAX_MESSAGE_BYTES: u32 = 65_536;
/// Smallest message size that this protocol works with.
pub const MIN_MAX_MESSAGE_BYTES: u32 = 16 << 10;
/// Bytes of one message on the control channel.
pub const MAX_CONTROL_BYTES: usize = 16 << 10;
/// Pieces that one `have` names.
pub const MAX_HAVE_PIECES: usize = 64;
/// Consecutive pieces that one signed record covers.
pub const MAX_RECORD_PIECES: usize = 64;
/// Requested ranges that wait at one peer for one other; more is a broken or hostile peer.
pub const MAX_QUEUED_RANGES: usize = 1024;
/// Ranges in one request message.
pub const MAX_RANGES_PER_REQUEST: usize = 128;

/// Connections of one link at most, in each direction.
pub const MAX_LANES: usize = 16;
/// The same among all links where a peer sends to several, or gets from several, besides each link's first.
pub const MAX_SHARED_LANES: usize = 8;
/// UTF-8 bytes of a session description inside a sealed signal.
pub const MAX_SDP_BYTES: usize = 16 << 10;
/// UTF-8 bytes of one ICE candidate inside a sealed signal.
pub const MAX_CANDIDATE_BYTES: usize = 1024;
/// ICE candidates taken from one peer for one connection.
pub const MAX_CANDIDATES: usize = 64;
