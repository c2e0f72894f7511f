//! Which piece next. In index order, which is best with one provider: the file grows from its start, and a
//! player finds its beginning first.

use super::bitfield::Bitfield;
use crate::protocol::piece::PieceIndex;

/// Wanted pieces of which nothing has been asked for yet.
#[derive(Clone, Debug)]
pub struct PiecePicker {
    missing: Bitfield,
    /// No piece before this one is missing.
    first: u32,
}

impl PiecePicker {
    /// Nothing of these is here.
    pub fn new(missing: Bitfield) -> Self {
        Self { missing, first: 0 }
    }

    /// Takes the next piece that a remote peer holds.
    pub fn pick(&mut self, remote: &Bitfield) -> Option<PieceIndex> {
        while self.first < self.missing.length() && !self.missing.contains(PieceIndex(self.first)) {
            self.first += 1;
        }
        let piece = self.missing_ones().find(|piece| remote.contains(*piece))?;
        self.missing.remove(piece);
        Some(piece)
    }

    /// Whether a remote peer holds anything that is still to be picked.
    pub fn wants_from(&self, remote: &Bitfield) -> bool {
        self.missing_ones().any(|piece| remote.contains(piece))
    }

    /// Puts a piece back that has to be fetched from its beginning.
    pub fn put_back(&mut self, piece: PieceIndex) {
        self.missing.insert(piece);
        self.first = self.first.min(piece.0);
    }

    /// Never picks this piece.
    pub fn forget(&mut self, piece: PieceIndex) {
        self.missing.remove(piece);
    }

    fn missing_ones(&self) -> impl Iterator<Item = PieceIndex> + '_ {
        (self.first..self.missing.length())
            .map(PieceIndex)
            .filter(|piece| self.missing.contains(*piece))
    }
}
