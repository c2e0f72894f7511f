//! Which pieces a player needs next.
//!
//! A player reads at one place, or at several at once: browsers look for an index at the end while they wait for the
//! beginning. What lies ahead of each place is needed in the order in which it will be read, the places in turn.

use crate::protocol::piece::{Layout, PieceIndex};
use crate::swarm::Bitfield;

/// Bytes looked ahead of each place at least.
const LEAST_AHEAD: u64 = 2 << 20;
/// Bytes looked ahead at most.
const MOST_AHEAD: u64 = 32 << 20;
/// Seconds looked ahead, once it is known how many bytes a second of the file takes.
const SECONDS_AHEAD: u64 = 12;

/// Where something reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the file.
    pub file: usize,
    /// Next byte.
    pub at: u64,
    /// The byte behind the last that was asked for.
    pub end: u64,
}

/// The piece that holds a byte of a file, and the byte's place in it.
pub fn piece_at(layout: &Layout, file: usize, at: u64) -> Option<(PieceIndex, u32)> {
    let span = layout.files().get(file).filter(|span| at < span.bytes)?;
    let length = u64::from(layout.piece_length());
    let index = u32::try_from(at / length).ok()?;
    Some((PieceIndex(span.first_piece + index), u32::try_from(at % length).ok()?))
}

/// What is not here of what is read next at these places, soonest first. `bytes_per_second` is what the file takes when
/// it is played, or zero.
pub fn needed(
    layout: &Layout,
    have: &Bitfield,
    places: &[Place],
    bytes_per_second: u64,
) -> Vec<PieceIndex> {
    let ahead = bytes_per_second.saturating_mul(SECONDS_AHEAD).clamp(LEAST_AHEAD, MOST_AHEAD);
    let length = u64::from(layout.piece_length());
    let mut pieces = Vec::new();
    // The piece that is read now and at least one more, as long as these are.
    for step in 0..=(ahead / length).max(1) {
        for place in places {
            let at = place.at - place.at % length + step * length;
            let inside = at.max(place.at) < place.end;
            let piece = piece_at(layout, place.file, at).filter(|_| inside);
            if let Some((piece, _)) = piece
                && !have.contains(piece)
                && !pieces.contains(&piece)
            {
                pieces.push(piece);
            }
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::limits::MIN_PIECE_LENGTH;

    const PIECE: u64 = MIN_PIECE_LENGTH as u64;

    fn layout() -> Layout {
        Layout::new(MIN_PIECE_LENGTH, [5, 100 * PIECE + 7]).unwrap()
    }

    fn indices(pieces: &[PieceIndex]) -> Vec<u32> {
        pieces.iter().map(|piece| piece.0).collect()
    }

    #[test]
    fn a_byte_is_found_in_its_piece() {
        let layout = layout();
        assert_eq!(piece_at(&layout, 0, 4), Some((PieceIndex(0), 4)));
        assert_eq!(piece_at(&layout, 0, 5), None);
        assert_eq!(piece_at(&layout, 1, 0), Some((PieceIndex(1), 0)));
        assert_eq!(piece_at(&layout, 1, 100 * PIECE + 6), Some((PieceIndex(101), 6)));
        assert_eq!(piece_at(&layout, 1, 100 * PIECE + 7), None);
        assert_eq!(piece_at(&layout, 2, 0), None);
    }

    #[test]
    fn what_is_read_next_comes_first_and_what_is_here_is_left_out() {
        let mut have = Bitfield::none(102);
        have.insert(PieceIndex(12));
        let place = Place { file: 1, at: 10 * PIECE + 5, end: 100 * PIECE + 7 };
        let needed = needed(&layout(), &have, &[place], 0);
        assert_eq!(indices(&needed), [11, 13, 14, 15, 16, 17, 18, 19]);
    }

    #[test]
    fn places_are_served_in_turn_and_end_where_they_do() {
        let have = Bitfield::none(102);
        let whole = 100 * PIECE + 7;
        let places = [
            Place { file: 1, at: whole - 1, end: whole },
            Place { file: 1, at: 0, end: 3 * PIECE },
            Place { file: 0, at: 0, end: 5 },
            Place { file: 0, at: 5, end: 5 },
        ];
        assert_eq!(indices(&needed(&layout(), &have, &places, 0)), [101, 1, 0, 2, 3]);
    }

    #[test]
    fn whoever_reads_faster_looks_further_ahead() {
        let have = Bitfield::none(102);
        let place = Place { file: 1, at: 0, end: 100 * PIECE };
        assert_eq!(needed(&layout(), &have, &[place], 0).len(), 9);
        assert_eq!(needed(&layout(), &have, &[place], PIECE).len(), 13);
        assert_eq!(needed(&layout(), &have, &[place], u64::MAX).len(), 100);
    }
}
