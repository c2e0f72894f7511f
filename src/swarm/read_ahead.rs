//! What a leech will ask for next, so that it is read before.
//!
//! Whoever plays asks for little at a time. Would a piece be read only when it is asked for, the line would rest while the
//! disk works. So once a leech asks for pieces one behind the other, the next ones are read as well. That is a guess: it
//! is made once for each piece asked for, within one file, and what is read in vain leaves the memory like anything else.

use std::collections::VecDeque;

use super::bitfield::Bitfield;
use super::remote_peer::RemotePeer;
use crate::protocol::piece::{Layout, PieceIndex};

/// Bytes that are asked for or read ahead of that, or one piece if that is more. Who has asked for more has it read anyway.
const AHEAD_BYTES: u64 = 1 << 20;
/// Pieces that are remembered: a player asks for what it plays and, in between, for the rest of the room.
const REMEMBERED: usize = 8;

/// What one leech asked for, and what follows from it.
#[derive(Clone, Debug, Default)]
pub struct ReadAhead {
    asked: VecDeque<PieceIndex>,
    expected: Vec<PieceIndex>,
}

impl ReadAhead {
    /// A piece is asked for; tells whether that follows on one that was lately. The parts of a piece count once.
    pub fn asked(&mut self, piece: PieceIndex) -> bool {
        if self.asked.contains(&piece) {
            return false;
        }
        let before = piece.0.checked_sub(1).map(PieceIndex);
        let follows = before.is_some_and(|before| self.asked.contains(&before));
        self.asked.push_back(piece);
        if self.asked.len() > REMEMBERED {
            self.asked.pop_front();
        }
        follows
    }

    /// These will be asked for.
    pub fn expect(&mut self, pieces: Vec<PieceIndex>) {
        self.expected = pieces;
    }

    /// What will be asked for, told once.
    pub fn take_expected(&mut self) -> Vec<PieceIndex> {
        std::mem::take(&mut self.expected)
    }
}

/// What this leech will ask for behind a piece: what `have` holds and it lacks, of the same file.
pub fn behind(
    layout: &Layout,
    have: &Bitfield,
    remote: &RemotePeer,
    piece: PieceIndex,
) -> Vec<PieceIndex> {
    let file = layout.locate(piece).and_then(|(file, _)| layout.files().get(file));
    let Some(last) = file.map(|span| span.first_piece + span.pieces) else { return Vec::new() };
    let queued: u64 = remote.queue.iter().map(|range| u64::from(range.length)).sum();
    let count = AHEAD_BYTES.saturating_sub(queued).div_ceil(layout.piece_length().into());
    let pieces = (piece.0.saturating_add(1)..last).map(PieceIndex);
    let lacks = |piece: &PieceIndex| have.contains(*piece) && !remote.have.contains(*piece);
    pieces.take(count as usize).filter(lacks).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follows(pieces: &[u32]) -> Vec<u32> {
        let mut ahead = ReadAhead::default();
        pieces.iter().copied().filter(|piece| ahead.asked(PieceIndex(*piece))).collect()
    }

    #[test]
    fn an_order_is_seen_also_between_other_things() {
        assert_eq!(follows(&[7, 7, 8, 8, 9]), [8, 9]);
        assert_eq!(follows(&[80, 81, 0, 82, 1, 83]), [81, 82, 1, 83]);
    }

    #[test]
    fn jumps_and_what_was_long_ago_are_no_order() {
        assert_eq!(follows(&[9, 7, 5, 3, 1, 60, 20, 4_294_967_295, 0]), [0_u32; 0]);
        assert_eq!(follows(&[0, 10, 20, 30, 40, 50, 60, 70, 80, 1]), [0_u32; 0]);
    }

    #[test]
    fn an_expectation_is_told_once() {
        let mut ahead = ReadAhead::default();
        ahead.expect(vec![PieceIndex(3)]);
        assert_eq!(ahead.take_expected(), [PieceIndex(3)]);
        assert_eq!(ahead.take_expected(), []);
    }
}
