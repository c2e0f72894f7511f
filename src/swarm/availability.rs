//! How many of the others hold each piece, as far as this browser sees.

use super::bitfield::Bitfield;
use crate::protocol::piece::PieceIndex;

/// Counts holders among the peers that a link stands to.
#[derive(Clone, Debug)]
pub struct Availability(Vec<u16>);

impl Availability {
    /// Nobody holds any of `pieces` pieces.
    pub fn new(pieces: u32) -> Self {
        Self(vec![0; pieces as usize])
    }

    /// Holders of one piece.
    pub fn of(&self, piece: PieceIndex) -> u16 {
        self.0.get(piece.0 as usize).copied().unwrap_or(0)
    }

    /// One more peer holds this piece.
    pub fn add(&mut self, piece: PieceIndex) {
        if let Some(count) = self.0.get_mut(piece.0 as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// One peer fewer holds this piece.
    pub fn remove(&mut self, piece: PieceIndex) {
        if let Some(count) = self.0.get_mut(piece.0 as usize) {
            *count = count.saturating_sub(1);
        }
    }

    /// A peer that holds these came.
    pub fn add_all(&mut self, held: &Bitfield) {
        held.iter().for_each(|piece| self.add(piece));
    }

    /// A peer that holds these went.
    pub fn remove_all(&mut self, held: &Bitfield) {
        held.iter().for_each(|piece| self.remove(piece));
    }
}
