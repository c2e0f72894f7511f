//! One piece that is begun: what came of it, what was asked for, and by whom.

use crate::protocol::id::PeerId;
use crate::protocol::piece::{BlockRange, PieceIndex};

/// Bytes of one request at most, so that a provider with several leeches turns from one to the next.
const MAX_REQUEST_BYTES: u32 = 1 << 20;

/// See the module.
#[derive(Clone, Debug)]
pub struct Assembly {
    /// Not asked for, or asked for in vain.
    todo: Vec<BlockRange>,
    /// Not here yet, asked for or not; in order, none touching another.
    missing: Vec<BlockRange>,
    /// Asked of a second provider as well, in the endgame.
    doubled: Vec<BlockRange>,
    /// Who sent parts of it.
    pub from: Vec<PeerId>,
    /// All of it is here and is being compared with its record.
    pub verifying: bool,
    /// Only this provider is asked for it: parts of several did not fit together.
    pub sole: Option<PeerId>,
}

impl Assembly {
    /// Nothing of this piece is here.
    pub fn new(piece: PieceIndex, length: u32, sole: Option<PeerId>) -> Self {
        let whole = BlockRange { piece, begin: 0, length };
        Self {
            todo: vec![whole],
            missing: vec![whole],
            doubled: Vec::new(),
            from: Vec::new(),
            verifying: false,
            sole,
        }
    }

    /// Whether this peer may be asked for parts of it that nobody was asked for.
    pub fn has_work_for(&self, peer: PeerId) -> bool {
        !self.todo.is_empty() && self.sole.is_none_or(|sole| sole == peer)
    }

    /// Whether nothing is left to be asked for the first time.
    pub fn is_asked_for(&self) -> bool {
        self.todo.is_empty()
    }

    /// All parts are here.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }

    /// Cuts the next request off what is to be asked for, of `most` bytes at most.
    pub fn next_request(&mut self, most: u32) -> Option<BlockRange> {
        let range = self.todo.last_mut()?;
        let request =
            BlockRange { length: range.length.min(MAX_REQUEST_BYTES).min(most), ..*range };
        range.begin += request.length;
        range.length -= request.length;
        if range.length == 0 {
            self.todo.pop();
        }
        Some(request)
    }

    /// A provider will not send this range after all. What came of it meanwhile is not asked for again.
    pub fn give_back(&mut self, range: &BlockRange) {
        let missing = self.missing.iter().filter_map(|missing| intersection(missing, range));
        self.todo.extend(missing);
        self.doubled.retain(|doubled| intersection(doubled, range).is_none());
    }

    /// Whether a range is still missing somewhere and was asked of one provider only. If so it counts as asked of
    /// two from now on: nothing is asked for a third time.
    pub fn double(&mut self, range: &BlockRange) -> bool {
        let wanted = self.sole.is_none()
            && self.missing.iter().any(|missing| intersection(missing, range).is_some())
            && !self.doubled.iter().any(|doubled| intersection(doubled, range).is_some());
        if wanted {
            self.doubled.push(*range);
        }
        wanted
    }

    /// A block came; tells whether any of it is new.
    pub fn arrive(&mut self, from: PeerId, block: &BlockRange) -> bool {
        let news = take_out_of(&mut self.missing, block);
        // It may have been given back, and come all the same.
        take_out_of(&mut self.todo, block);
        if news && !self.from.contains(&from) {
            self.from.push(from);
        }
        news
    }

    /// Whether a block may be used that comes after its request was taken back.
    pub fn takes_late(&self, from: PeerId) -> bool {
        self.sole.is_none_or(|sole| sole == from)
    }

    /// Whether some of a range that was asked for is still to come.
    pub fn is_missing(&self, range: &BlockRange) -> bool {
        self.missing.iter().any(|missing| intersection(missing, range).is_some())
    }

    /// Whether any of it was asked of two providers.
    pub fn is_doubled(&self) -> bool {
        !self.doubled.is_empty()
    }
}

/// Takes a block out of ranges; tells whether any of it was in them.
fn take_out_of(ranges: &mut Vec<BlockRange>, block: &BlockRange) -> bool {
    let mut found = false;
    let mut left = Vec::with_capacity(ranges.len() + 1);
    for range in ranges.drain(..) {
        let Some(both) = intersection(&range, block) else {
            left.push(range);
            continue;
        };
        found = true;
        let before = BlockRange { length: both.begin - range.begin, ..range };
        let after = BlockRange { begin: both.end(), length: range.end() - both.end(), ..range };
        left.extend([before, after].into_iter().filter(|rest| rest.length > 0));
    }
    *ranges = left;
    found
}

/// The bytes that lie in both ranges.
pub fn intersection(one: &BlockRange, other: &BlockRange) -> Option<BlockRange> {
    let begin = one.begin.max(other.begin);
    let end = one.end().min(other.end());
    let both = one.piece == other.piece && begin < end;
    both.then(|| BlockRange { piece: one.piece, begin, length: end - begin })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE: PeerId = PeerId(1);
    const PIECE: PieceIndex = PieceIndex(0);

    fn range(begin: u32, length: u32) -> BlockRange {
        BlockRange { piece: PIECE, begin, length }
    }

    #[test]
    fn what_came_twice_counts_once() {
        let mut assembly = Assembly::new(PIECE, 100, None);
        assert!(assembly.arrive(ONE, &range(0, 60)));
        assert!(!assembly.arrive(PeerId(2), &range(10, 50)));
        assert_eq!(assembly.from, [ONE]);
        assert!(assembly.arrive(PeerId(2), &range(50, 50)));
        assert!(assembly.is_whole());
    }

    #[test]
    fn what_is_given_back_is_asked_again_without_what_came() {
        let mut assembly = Assembly::new(PIECE, 100, None);
        assert_eq!(assembly.next_request(u32::MAX), Some(range(0, 100)));
        assert_eq!(assembly.next_request(u32::MAX), None);
        assembly.arrive(ONE, &range(0, 40));
        assembly.give_back(&range(0, 100));
        assert_eq!(assembly.next_request(u32::MAX), Some(range(40, 60)));
    }

    #[test]
    fn what_comes_after_it_was_given_back_is_not_asked_again() {
        let mut assembly = Assembly::new(PIECE, 100, None);
        assembly.next_request(u32::MAX);
        assembly.give_back(&range(0, 100));
        assert!(assembly.takes_late(ONE) && assembly.arrive(ONE, &range(0, 70)));
        assert_eq!(assembly.next_request(u32::MAX), Some(range(70, 30)));
        assert!(!Assembly::new(PIECE, 100, Some(PeerId(2))).takes_late(ONE));
    }

    #[test]
    fn nothing_is_asked_of_three() {
        let mut assembly = Assembly::new(PIECE, 100, None);
        assembly.next_request(u32::MAX);
        assert!(assembly.double(&range(0, 100)));
        assert!(!assembly.double(&range(0, 100)));
        assembly.give_back(&range(0, 100));
        assert!(assembly.double(&range(0, 100)));
    }

    proptest! {
        #[test]
        fn it_is_whole_exactly_when_every_byte_came(
            blocks in prop::collection::vec((0_u32..50, 1_u32..20), 0..30),
        ) {
            let mut assembly = Assembly::new(PIECE, 60, None);
            let mut here = [false; 60];
            for (begin, length) in blocks {
                let length = length.min(60 - begin);
                let bytes = &mut here[begin as usize..(begin + length) as usize];
                prop_assert_eq!(assembly.arrive(ONE, &range(begin, length)), bytes.contains(&false));
                bytes.fill(true);
                prop_assert_eq!(assembly.is_whole(), !here.contains(&false));
            }
        }
    }
}
