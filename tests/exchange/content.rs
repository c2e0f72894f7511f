//! The files of a room: bytes that any test can make again from a piece's number.

use transfer4me::protocol::limits::MIN_PIECE_LENGTH;
use transfer4me::protocol::peer_wire::{HASH_BYTES, PieceHash};
use transfer4me::protocol::piece::{Layout, PieceIndex};

/// What the owner shares.
pub struct Content {
    pub layout: Layout,
    /// Blocks carry no bytes and every piece matches: for runs too large to carry real ones.
    pub hollow: bool,
    /// Pieces that one record covers.
    pub record_pieces: u32,
    pieces: Vec<Vec<u8>>,
}

impl Content {
    pub fn new(sizes: &[u64]) -> Self {
        let layout = Layout::new(MIN_PIECE_LENGTH, sizes.iter().copied()).unwrap();
        let pieces =
            (0..layout.piece_count()).map(|p| make_piece(&layout, PieceIndex(p))).collect();
        Self { layout, hollow: false, record_pieces: 1, pieces }
    }

    pub fn hollow(piece_length: u32, sizes: &[u64]) -> Self {
        let layout = Layout::new(piece_length, sizes.iter().copied()).unwrap();
        Self { layout, hollow: true, record_pieces: 1, pieces: Vec::new() }
    }

    /// The record that covers a piece: its first piece, and how many.
    pub fn record_of(&self, piece: PieceIndex) -> (PieceIndex, u32) {
        let first = piece.0 - piece.0 % self.record_pieces;
        (PieceIndex(first), self.record_pieces.min(self.layout.piece_count() - first))
    }

    /// The right bytes of a piece; none of a hollow one.
    pub fn piece(&self, piece: PieceIndex) -> &[u8] {
        self.pieces.get(piece.0 as usize).map_or(&[], Vec::as_slice)
    }
}

fn make_piece(layout: &Layout, piece: PieceIndex) -> Vec<u8> {
    let mut random = Random::new(u64::from(piece.0) + 1);
    let length = layout.length_of(piece) as usize;
    let mut bytes: Vec<u8> =
        (0..length.div_ceil(8)).flat_map(|_| random.next().to_le_bytes()).collect();
    bytes.truncate(length);
    bytes
}

/// A checksum that stands for SHA-256.
pub fn hash(bytes: &[u8]) -> PieceHash {
    let (words, rest) = bytes.as_chunks::<8>();
    let mix =
        |sum: u64, word: u64| (sum ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
    let sum =
        words.iter().fold(bytes.len() as u64, |sum, word| mix(sum, u64::from_le_bytes(*word)));
    let sum = rest.iter().fold(sum, |sum, byte| mix(sum, u64::from(*byte)));
    let mut hash = [0; HASH_BYTES];
    hash[..8].copy_from_slice(&sum.to_le_bytes());
    hash
}

/// Xorshift, so that a run repeats exactly.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}
