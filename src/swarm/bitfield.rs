//! One bit for each piece (BEP 3): most significant first, spare bits zero.

use crate::protocol::piece::PieceIndex;

/// A set of pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitfield {
    bytes: Vec<u8>,
    length: u32,
    count: u32,
}

impl Bitfield {
    /// Holds none of `length` pieces.
    pub fn none(length: u32) -> Self {
        Self { bytes: vec![0; length.div_ceil(8) as usize], length, count: 0 }
    }

    /// Holds all of `length` pieces.
    pub fn all(length: u32) -> Self {
        let mut field = Self::none(length);
        for piece in 0..length {
            field.insert(PieceIndex(piece));
        }
        field
    }

    /// From the wire; `None` if it is not of this length or a spare bit is set.
    pub fn from_wire(bytes: &[u8], length: u32) -> Option<Self> {
        if bytes.len() != length.div_ceil(8) as usize {
            return None;
        }
        let spare = (8 - length % 8) % 8;
        if bytes.last().is_some_and(|last| last & ((1_u16 << spare) - 1) as u8 != 0) {
            return None;
        }
        let count = bytes.iter().map(|byte| byte.count_ones()).sum();
        Some(Self { bytes: bytes.to_vec(), length, count })
    }

    /// For the wire.
    pub fn to_wire(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    /// Whether a piece is in the set.
    pub fn contains(&self, piece: PieceIndex) -> bool {
        piece.0 < self.length
            && self
                .bytes
                .get((piece.0 / 8) as usize)
                .is_some_and(|byte| byte & (0x80 >> (piece.0 % 8)) != 0)
    }

    /// Adds a piece; tells whether it is new. Nothing happens beyond the last.
    pub fn insert(&mut self, piece: PieceIndex) -> bool {
        if piece.0 >= self.length || self.contains(piece) {
            return false;
        }
        if let Some(byte) = self.bytes.get_mut((piece.0 / 8) as usize) {
            *byte |= 0x80 >> (piece.0 % 8);
            self.count += 1;
        }
        true
    }

    /// Takes a piece out; tells whether it was in.
    pub fn remove(&mut self, piece: PieceIndex) -> bool {
        if !self.contains(piece) {
            return false;
        }
        if let Some(byte) = self.bytes.get_mut((piece.0 / 8) as usize) {
            *byte &= !(0x80 >> (piece.0 % 8));
            self.count -= 1;
        }
        true
    }

    /// Every piece of the set, in order.
    pub fn iter(&self) -> impl Iterator<Item = PieceIndex> + '_ {
        ones(self.bytes.iter().copied())
    }

    /// Every piece of both sets, in order. Both are of one length.
    pub fn common<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = PieceIndex> + 'a {
        ones(self.bytes.iter().zip(&other.bytes).map(|(one, other)| one & other))
    }

    /// Every piece of this set that the other lacks, in order. Both are of one length.
    pub fn without<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = PieceIndex> + 'a {
        ones(self.bytes.iter().zip(&other.bytes).map(|(one, other)| one & !other))
    }

    /// Whether every piece is in the set.
    pub fn is_full(&self) -> bool {
        self.count == self.length
    }

    /// How many pieces are in the set.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Pieces that there are, in the set or not.
    pub fn length(&self) -> u32 {
        self.length
    }
}

/// The places of the bits that are set.
fn ones(bytes: impl Iterator<Item = u8>) -> impl Iterator<Item = PieceIndex> {
    (0_u32..).step_by(8).zip(bytes).filter(|(_, byte)| *byte != 0).flat_map(|(first, byte)| {
        (0..8).filter(move |bit| byte & (0x80 >> bit) != 0).map(move |bit| PieceIndex(first + bit))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spare_bits_and_other_lengths_are_refused() {
        assert!(Bitfield::from_wire(&[0b1110_0000], 3).is_some());
        assert!(Bitfield::from_wire(&[0b1111_0000], 3).is_none());
        assert!(Bitfield::from_wire(&[0xff], 8).is_some());
        assert!(Bitfield::from_wire(&[0xff, 0], 8).is_none());
        assert!(Bitfield::from_wire(&[], 0).is_some());
    }

    proptest! {
        #[test]
        fn behaves_like_a_set(length in 0_u32..200, pieces in prop::collection::vec(0_u32..220, 0..80)) {
            let mut field = Bitfield::none(length);
            let mut set = BTreeSet::new();
            for (step, piece) in pieces.into_iter().enumerate() {
                if step % 3 == 2 {
                    prop_assert_eq!(field.remove(PieceIndex(piece)), set.remove(&piece));
                } else {
                    let new = piece < length && set.insert(piece);
                    prop_assert_eq!(field.insert(PieceIndex(piece)), new);
                }
            }
            prop_assert_eq!(field.count() as usize, set.len());
            for piece in 0..220 {
                prop_assert_eq!(field.contains(PieceIndex(piece)), set.contains(&piece));
            }
            let held: Vec<u32> = field.iter().map(|piece| piece.0).collect();
            prop_assert_eq!(&held, &set.into_iter().collect::<Vec<_>>());
            let all = Bitfield::all(length);
            prop_assert_eq!(all.common(&field).collect::<Vec<_>>(), field.iter().collect::<Vec<_>>());
            prop_assert_eq!(all.without(&field).count() + held.len(), length as usize);
            prop_assert_eq!(Bitfield::from_wire(&field.to_wire(), length), Some(field));
        }
    }
}
