//! Pieces of the owner's files that are in memory: parts of what was read with them, since to copy each costs a page as
//! much as to send it. What a part keeps in memory besides itself is bounded.

use std::rc::Rc;

use litemap::LiteMap;

use crate::protocol::piece::PieceIndex;

/// Bytes at most that are in memory only because pieces are parts of what was read with them.
const MOST_LEFT_OVER: u64 = 16 << 20;

/// How many bytes were read at once. Each of their pieces has a clone.
pub type Run = Rc<u64>;

struct Loaded<B> {
    bytes: B,
    length: u64,
    run: Run,
}

impl<B> Loaded<B> {
    /// Bytes besides its own that are in memory for it, if all that are left of a run share what is not.
    fn left_over(&self) -> u64 {
        (*self.run / Rc::strong_count(&self.run) as u64).saturating_sub(self.length)
    }
}

/// See the module. `B` is a part of some memory.
pub struct LoadedPieces<B> {
    pieces: LiteMap<PieceIndex, Loaded<B>>,
    copy: fn(&B) -> B,
}

impl<B> LoadedPieces<B> {
    /// None yet. `copy` makes of a part one that keeps nothing else in memory.
    pub fn new(copy: fn(&B) -> B) -> Self {
        Self { pieces: LiteMap::new(), copy }
    }

    /// What is to be had of a piece.
    pub fn get(&self, piece: PieceIndex) -> Option<&B> {
        self.pieces.get(&piece).map(|loaded| &loaded.bytes)
    }

    /// Keeps a piece of so many bytes, which was read in this run.
    pub fn insert(&mut self, piece: PieceIndex, bytes: B, length: u64, run: Run) {
        self.pieces.insert(piece, Loaded { bytes, length, run });
    }

    /// Drops a piece. If too much is left over of runs, those with the most are copied out of them.
    pub fn remove(&mut self, piece: PieceIndex) {
        self.pieces.remove(&piece);
        let left_over = |pieces: &LiteMap<_, Loaded<B>>| -> u64 {
            pieces.values().map(Loaded::left_over).sum()
        };
        while left_over(&self.pieces) > MOST_LEFT_OVER {
            let pieces = self.pieces.iter_mut().map(|(_, loaded)| loaded);
            let Some(most) = pieces.max_by_key(|loaded| loaded.left_over()) else { return };
            most.bytes = (self.copy)(&most.bytes);
            most.run = Rc::new(most.length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: u64 = 256 << 10;
    const PARTS: u32 = 8;

    /// What stands for memory: `true` where it was copied.
    fn loaded(runs: u32) -> LoadedPieces<bool> {
        let mut loaded = LoadedPieces::new(|_| true);
        for run in 0..runs {
            let bytes = Rc::new(PIECE * u64::from(PARTS));
            for part in 0..PARTS {
                let piece = PieceIndex(run * PARTS + part);
                loaded.insert(piece, false, PIECE, bytes.clone());
            }
        }
        loaded
    }

    fn copied(loaded: &LoadedPieces<bool>) -> Vec<u32> {
        let copied = loaded.pieces.iter().filter(|(_, loaded)| loaded.bytes);
        copied.map(|(piece, _)| piece.0).collect()
    }

    /// Bytes that some memory holds for these pieces.
    fn held(loaded: &LoadedPieces<bool>) -> u64 {
        let mut runs: Vec<_> = loaded.pieces.values().map(|loaded| &loaded.run).collect();
        runs.sort_by_key(|run| Rc::as_ptr(run));
        runs.dedup_by(|one, other| Rc::ptr_eq(one, other));
        runs.into_iter().map(|run| **run).sum()
    }

    #[test]
    fn what_is_sent_in_order_is_never_copied() {
        let mut loaded = loaded(100);
        for piece in 0..100 * PARTS {
            loaded.remove(PieceIndex(piece));
            assert_eq!(copied(&loaded), [0_u32; 0]);
        }
        assert_eq!(held(&loaded), 0);
    }

    #[test]
    fn one_of_each_run_does_not_keep_the_others() {
        let runs = 100;
        let mut loaded = loaded(runs);
        for piece in (0..runs * PARTS).filter(|piece| piece % PARTS != 3) {
            loaded.remove(PieceIndex(piece));
            let kept: u64 = loaded.pieces.values().map(|loaded| loaded.length).sum();
            // Each share is rounded down.
            assert!(held(&loaded) <= kept + MOST_LEFT_OVER + u64::from(runs * PARTS), "{piece}");
        }
        assert!(
            loaded.pieces.keys().all(|piece| piece.0 % PARTS == 3 && loaded.get(*piece).is_some())
        );
        let most = MOST_LEFT_OVER / (PIECE * u64::from(PARTS - 1));
        assert_eq!(copied(&loaded).len() as u64, u64::from(runs) - most);
    }

    #[test]
    fn a_run_that_is_still_being_hashed_is_shared_by_what_will_come() {
        let mut loaded = LoadedPieces::new(|_| true);
        let run: Run = Rc::new(PIECE * 8);
        let hashing = vec![run.clone(); 7];
        loaded.insert(PieceIndex(0), false, PIECE, run);
        assert_eq!(loaded.pieces.values().map(Loaded::left_over).sum::<u64>(), 0);
        drop(hashing);
        assert_eq!(loaded.pieces.values().map(Loaded::left_over).sum::<u64>(), PIECE * 7);
    }
}
