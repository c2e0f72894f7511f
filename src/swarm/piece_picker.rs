//! Which piece next. In index order, which is best with one provider: the file grows from its start, and a
//! player finds its beginning first.

use std::collections::BTreeSet;

use super::bitfield::Bitfield;
use crate::protocol::piece::PieceIndex;

/// Wanted pieces of which nothing has been asked for yet.
#[derive(Clone, Debug, Default)]
pub struct PiecePicker {
    missing: BTreeSet<PieceIndex>,
}

impl PiecePicker {
    /// Nothing of these is here.
    pub fn new(missing: impl IntoIterator<Item = PieceIndex>) -> Self {
        Self { missing: missing.into_iter().collect() }
    }

    /// Takes the next piece that a remote peer holds.
    pub fn pick(&mut self, remote: &Bitfield) -> Option<PieceIndex> {
        let piece = self.missing.iter().copied().find(|piece| remote.contains(*piece))?;
        self.missing.remove(&piece);
        Some(piece)
    }

    /// Whether a remote peer holds anything that is still to be picked.
    pub fn wants_from(&self, remote: &Bitfield) -> bool {
        self.missing.iter().any(|piece| remote.contains(*piece))
    }

    /// Puts a piece back that has to be fetched from its beginning.
    pub fn put_back(&mut self, piece: PieceIndex) {
        self.missing.insert(piece);
    }

    /// Never picks this piece; tells whether it was still missing.
    pub fn forget(&mut self, piece: PieceIndex) -> bool {
        self.missing.remove(&piece)
    }
}
