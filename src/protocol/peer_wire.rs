//! Between two browsers: control messages and blocks over two `RTCDataChannel`s.
//!
//! Both channels are negotiated by number ([`CONTROL_CHANNEL_ID`], [`BLOCKS_CHANNEL_ID`]), reliable and ordered.
//! The words are those of BEP 3. All integers are big endian.
//!
//! ```text
//! control:  0 hello           version u32, piece_count u32
//!           1 choke           (the provider does not serve now)
//!           2 unchoke         (requests are welcome)
//!           3 interested      (the sender wants pieces)
//!           4 not_interested
//!           5 have            n × piece u32
//!           6 bitfield        bits, most significant first, spare ones zero
//!           7 request         n × (piece u32, begin u32, length u32)
//!           8 cancel          the same
//!           9 record          first_piece u32, signature (64), n × SHA-256 (32)
//!          10 file_gone       file u32
//!          11 wanted          bits as in bitfield: what a leech that leaves files out wants, before interested
//!          12 reject          as request: will not come, if it did not come yet; to be asked for again
//!          13 lane_closed     lane u16: this connection of the link is over, or is not to come about
//!          14 ping            number u32: asks how long the path is
//!          15 pong            number u32: the answer to that ping, at once
//! blocks:   piece u32, begin u32, payload
//! ```
//!
//! After `hello` from both, each sends its `bitfield` if it holds anything, a leech `interested`; the provider answers
//! `unchoke`; requests and blocks follow. The record that covers a piece is sent before the piece's first block.
//! A link may serve both ways at once. The owner of a `swarm` sends no bitfield: it names by `have` the pieces that it
//! grants to this leech, a different one to each (BEP 16).

use super::limits::{
    MAX_CONTROL_BYTES, MAX_HAVE_PIECES, MAX_RANGES_PER_REQUEST, MAX_RECORD_PIECES, PROTOCOL_VERSION,
};
use super::piece::{BlockRange, PieceIndex};

/// `id` of the control channel. It is opened on every connection of a link, and used on the first.
pub const CONTROL_CHANNEL_ID: u16 = 0;
/// `id` of the blocks channel on every connection.
pub const BLOCKS_CHANNEL_ID: u16 = 1;
/// Bytes before the payload of a block.
pub const BLOCK_HEADER_BYTES: usize = 8;
/// Bytes of an ECDSA P-256 signature: r and s.
pub const SIGNATURE_BYTES: usize = 64;
/// Bytes of a SHA-256.
pub const HASH_BYTES: usize = 32;
/// What a record's signature covers begins with this.
pub const RECORD_CONTEXT: &[u8] = b"transfer4me/1/piece-record";

const RANGE_BYTES: usize = 12;

/// SHA-256 of a piece.
pub type PieceHash = [u8; HASH_BYTES];

/// The owner's word for the hashes of consecutive pieces.
#[derive(Clone, PartialEq, Eq)]
pub struct PieceRecord {
    /// The first of them.
    pub first_piece: PieceIndex,
    /// One for each piece, at most [`MAX_RECORD_PIECES`].
    pub hashes: Vec<PieceHash>,
    /// ECDSA P-256 with SHA-256 over [`signed_bytes`].
    pub signature: [u8; SIGNATURE_BYTES],
}

impl std::fmt::Debug for PieceRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PieceRecord({}+{})", self.first_piece.0, self.hashes.len())
    }
}

/// What a record's signature covers: context, version, room, first piece and the hashes.
pub fn signed_bytes(
    room_id: &super::id::RoomId,
    first_piece: PieceIndex,
    hashes: &[PieceHash],
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64 + hashes.len() * HASH_BYTES);
    bytes.extend_from_slice(RECORD_CONTEXT);
    bytes.extend_from_slice(&PROTOCOL_VERSION.to_be_bytes());
    bytes.extend_from_slice(room_id.as_bytes());
    bytes.extend_from_slice(&first_piece.0.to_be_bytes());
    for hash in hashes {
        bytes.extend_from_slice(hash);
    }
    bytes
}

/// A message on the control channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerMessage {
    /// The first message in both directions.
    Hello {
        /// [`PROTOCOL_VERSION`].
        version: u32,
        /// Pieces of the room; both must mean the same content.
        piece_count: u32,
    },
    /// The sender does not serve now.
    Choke,
    /// The sender serves.
    Unchoke,
    /// The sender wants pieces.
    Interested,
    /// The sender wants nothing more.
    NotInterested,
    /// The sender holds these as well.
    Have(Vec<PieceIndex>),
    /// All that the sender holds.
    Bitfield(Vec<u8>),
    /// Asks for ranges; none spans pieces.
    Request(Vec<BlockRange>),
    /// Takes requests back.
    Cancel(Vec<BlockRange>),
    /// Hashes that the owner signed.
    Record(PieceRecord),
    /// The file changed or vanished on the owner's disk; its pieces will not come.
    FileGone(u32),
    /// What the sender wants. Without it, everything.
    Wanted(Vec<u8>),
    /// What may have been lost with a connection: whatever of it has not come is to be asked for again (BEP 6).
    Reject(Vec<BlockRange>),
    /// A connection of the link, never the first, is over or not to come about.
    LaneClosed(u16),
    /// Asks for a [`Self::Pong`] at once: the sender measures the path.
    Ping(u32),
    /// The answer to the ping of this number.
    Pong(u32),
}

/// What is wrong with a message from a peer. Every one ends the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Nothing in it.
    #[error("an empty message")]
    Empty,
    /// More than [`MAX_CONTROL_BYTES`], or more entries than allowed.
    #[error("a message that is too long")]
    TooLong,
    /// Not of the length that its kind has.
    #[error("a message of the wrong length")]
    WrongLength,
    /// No such kind.
    #[error("a message of unknown kind {0}")]
    UnknownKind(u8),
}

impl PeerMessage {
    /// The bytes of one message.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Hello { version, piece_count } => {
                message(0, &[&version.to_be_bytes(), &piece_count.to_be_bytes()])
            }
            Self::Choke => vec![1],
            Self::Unchoke => vec![2],
            Self::Interested => vec![3],
            Self::NotInterested => vec![4],
            Self::Have(pieces) => {
                let pieces: Vec<u8> = pieces.iter().flat_map(|p| p.0.to_be_bytes()).collect();
                message(5, &[&pieces])
            }
            Self::Bitfield(bits) => message(6, &[bits]),
            Self::Request(ranges) => encode_ranges(7, ranges),
            Self::Cancel(ranges) => encode_ranges(8, ranges),
            Self::Record(record) => {
                let hashes = record.hashes.concat();
                message(9, &[&record.first_piece.0.to_be_bytes(), &record.signature, &hashes])
            }
            Self::FileGone(file) => message(10, &[&file.to_be_bytes()]),
            Self::Wanted(bits) => message(11, &[bits]),
            Self::Reject(ranges) => encode_ranges(12, ranges),
            Self::LaneClosed(lane) => message(13, &[&lane.to_be_bytes()]),
            Self::Ping(number) => message(14, &[&number.to_be_bytes()]),
            Self::Pong(number) => message(15, &[&number.to_be_bytes()]),
        }
    }

    /// One message from its bytes.
    ///
    /// # Errors
    /// The bytes are not exactly one message. Indices and ranges are not checked here: that needs the layout.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let (kind, body) = bytes.split_first().ok_or(WireError::Empty)?;
        if bytes.len() > MAX_CONTROL_BYTES {
            return Err(WireError::TooLong);
        }
        match kind {
            0 => {
                let [version, piece_count] = integers(body)?;
                Ok(Self::Hello { version, piece_count })
            }
            1 => empty(body, Self::Choke),
            2 => empty(body, Self::Unchoke),
            3 => empty(body, Self::Interested),
            4 => empty(body, Self::NotInterested),
            5 => decode_pieces(body).map(Self::Have),
            6 => Ok(Self::Bitfield(body.to_vec())),
            7 => decode_ranges(body).map(Self::Request),
            8 => decode_ranges(body).map(Self::Cancel),
            9 => decode_record(body).map(Self::Record),
            10 => integers(body).map(|[file]| Self::FileGone(file)),
            11 => Ok(Self::Wanted(body.to_vec())),
            12 => decode_ranges(body).map(Self::Reject),
            13 => match body {
                [high, low] => Ok(Self::LaneClosed(u16::from_be_bytes([*high, *low]))),
                _ => Err(WireError::WrongLength),
            },
            14 => integers(body).map(|[number]| Self::Ping(number)),
            15 => integers(body).map(|[number]| Self::Pong(number)),
            unknown => Err(WireError::UnknownKind(*unknown)),
        }
    }
}

/// The header of a block.
pub fn encode_block_header(piece: PieceIndex, begin: u32) -> [u8; BLOCK_HEADER_BYTES] {
    let mut header = [0; BLOCK_HEADER_BYTES];
    let (first, second) = header.split_at_mut(4);
    first.copy_from_slice(&piece.0.to_be_bytes());
    second.copy_from_slice(&begin.to_be_bytes());
    header
}

/// The range that a block fills, from its header and the length of the whole message.
///
/// # Errors
/// There is no payload.
pub fn decode_block_header(header: &[u8], message_bytes: u32) -> Result<BlockRange, WireError> {
    let [piece, begin] = integers(header)?;
    let length = message_bytes
        .checked_sub(BLOCK_HEADER_BYTES as u32)
        .filter(|length| *length > 0)
        .ok_or(WireError::WrongLength)?;
    Ok(BlockRange { piece: PieceIndex(piece), begin, length })
}

fn message(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![kind];
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}

fn empty(body: &[u8], message: PeerMessage) -> Result<PeerMessage, WireError> {
    if body.is_empty() { Ok(message) } else { Err(WireError::WrongLength) }
}

/// Exactly `N` big-endian integers.
fn integers<const N: usize>(body: &[u8]) -> Result<[u32; N], WireError> {
    let (chunks, []) = body.as_chunks::<4>() else { return Err(WireError::WrongLength) };
    let chunks: &[[u8; 4]; N] = chunks.try_into().map_err(|_| WireError::WrongLength)?;
    Ok(chunks.map(u32::from_be_bytes))
}

fn decode_pieces(body: &[u8]) -> Result<Vec<PieceIndex>, WireError> {
    let (chunks, []) = body.as_chunks::<4>() else { return Err(WireError::WrongLength) };
    match chunks.len() {
        0 => Err(WireError::WrongLength),
        1..=MAX_HAVE_PIECES => {
            Ok(chunks.iter().map(|chunk| PieceIndex(u32::from_be_bytes(*chunk))).collect())
        }
        _ => Err(WireError::TooLong),
    }
}

fn encode_ranges(kind: u8, ranges: &[BlockRange]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + ranges.len() * RANGE_BYTES);
    bytes.push(kind);
    for range in ranges {
        for field in [range.piece.0, range.begin, range.length] {
            bytes.extend_from_slice(&field.to_be_bytes());
        }
    }
    bytes
}

fn decode_ranges(body: &[u8]) -> Result<Vec<BlockRange>, WireError> {
    let (chunks, []) = body.as_chunks::<RANGE_BYTES>() else { return Err(WireError::WrongLength) };
    if chunks.is_empty() {
        return Err(WireError::WrongLength);
    }
    if chunks.len() > MAX_RANGES_PER_REQUEST {
        return Err(WireError::TooLong);
    }
    chunks
        .iter()
        .map(|chunk| {
            let [piece, begin, length] = integers(chunk)?;
            Ok(BlockRange { piece: PieceIndex(piece), begin, length })
        })
        .collect()
}

fn decode_record(body: &[u8]) -> Result<PieceRecord, WireError> {
    let (first, rest) = body.split_first_chunk::<4>().ok_or(WireError::WrongLength)?;
    let (signature, rest) =
        rest.split_first_chunk::<SIGNATURE_BYTES>().ok_or(WireError::WrongLength)?;
    let (hashes, []) = rest.as_chunks::<HASH_BYTES>() else { return Err(WireError::WrongLength) };
    if hashes.is_empty() {
        return Err(WireError::WrongLength);
    }
    if hashes.len() > MAX_RECORD_PIECES {
        return Err(WireError::TooLong);
    }
    Ok(PieceRecord {
        first_piece: PieceIndex(u32::from_be_bytes(*first)),
        hashes: hashes.to_vec(),
        signature: *signature,
    })
}
