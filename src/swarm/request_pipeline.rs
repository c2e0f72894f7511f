//! What one provider has been asked for and has not sent yet.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::protocol::piece::BlockRange;

/// Bytes in flight at least, so that a link that starts is not starved.
const MIN_DEPTH_BYTES: u64 = 1 << 20;
/// Bytes in flight at most: they are in memory, here or there.
const MAX_DEPTH_BYTES: u64 = 24 << 20;
/// Time that the pipeline covers: round trip and half a second.
const COVERED: Duration = Duration::from_millis(750);
/// The same two while something is played: what is under way when the play head jumps comes before what it jumps to.
const MIN_PLAYING_BYTES: u64 = 384 << 10;
const COVERED_PLAYING: Duration = Duration::from_millis(300);
/// Ranges taken back that are remembered, because their blocks may be on their way.
const MAX_CANCELLED: usize = 4096;

/// What came of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It was asked for.
    Expected,
    /// It was taken back while it was on its way; ignore it.
    Late,
    /// Nobody asked for it.
    Unrequested,
}

/// Requests to one provider, oldest first.
#[derive(Clone, Debug, Default)]
pub struct RequestPipeline {
    in_flight: VecDeque<BlockRange>,
    /// When each of them was asked for.
    asked: VecDeque<Timestamp>,
    bytes: u64,
    cancelled: VecDeque<BlockRange>,
}

impl RequestPipeline {
    /// Bytes that ought to be in flight at this rate, fewer while something is played.
    pub fn depth_bytes(bytes_per_second: u64, playing: bool) -> u64 {
        let (time, least) = match playing {
            true => (COVERED_PLAYING, MIN_PLAYING_BYTES),
            false => (COVERED, MIN_DEPTH_BYTES),
        };
        let covered = bytes_per_second.saturating_mul(time.as_millis() as u64) / 1000;
        covered.clamp(least, MAX_DEPTH_BYTES)
    }

    /// Bytes in flight.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Ranges in flight.
    pub fn ranges(&self) -> usize {
        self.in_flight.len()
    }

    /// Nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Notes a request.
    pub fn push(&mut self, now: Timestamp, range: BlockRange) {
        self.bytes += u64::from(range.length);
        self.in_flight.push_back(range);
        self.asked.push_back(now);
    }

    /// What is in flight, and when it was asked for, oldest first.
    pub fn in_flight(&self) -> impl Iterator<Item = (&BlockRange, Timestamp)> {
        self.in_flight.iter().zip(self.asked.iter().copied())
    }

    /// Accounts for a block. Providers send each range from its start, in as many blocks as they like.
    pub fn arrive(&mut self, block: &BlockRange) -> Arrival {
        match take_front_of(&mut self.in_flight, block) {
            Some(done) => {
                if let Some(index) = done {
                    self.asked.remove(index);
                }
                self.bytes -= u64::from(block.length);
                Arrival::Expected
            }
            None if take_front_of(&mut self.cancelled, block).is_some() => Arrival::Late,
            None => Arrival::Unrequested,
        }
    }

    /// Takes everything back; the ranges are to be asked for elsewhere or later.
    pub fn cancel_all(&mut self) -> Vec<BlockRange> {
        self.cancel_where(|_| true)
    }

    /// Takes back what matches.
    pub fn cancel_where(&mut self, matches: impl Fn(&BlockRange) -> bool) -> Vec<BlockRange> {
        let both = self.in_flight.drain(..).zip(self.asked.drain(..));
        let (taken, kept): (Vec<_>, Vec<_>) = both.partition(|(range, _)| matches(range));
        (self.in_flight, self.asked) = kept.into_iter().unzip();
        let taken: Vec<BlockRange> = taken.into_iter().map(|(range, _)| range).collect();
        self.bytes = self.in_flight.iter().map(|range| u64::from(range.length)).sum();
        self.cancelled.extend(taken.iter().copied());
        while self.cancelled.len() > MAX_CANCELLED {
            self.cancelled.pop_front();
        }
        taken
    }
}

/// Cuts a block off the range that it begins, if there is one; answers where the range stood if nothing is left.
fn take_front_of(ranges: &mut VecDeque<BlockRange>, block: &BlockRange) -> Option<Option<usize>> {
    let begins = |range: &BlockRange| {
        range.piece == block.piece && range.begin == block.begin && range.length >= block.length
    };
    let index = ranges.iter().position(begins)?;
    let range = ranges.get_mut(index)?;
    range.begin += block.length;
    range.length -= block.length;
    if range.length > 0 {
        return Some(None);
    }
    ranges.remove(index);
    Some(Some(index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::piece::PieceIndex;

    fn range(piece: u32, begin: u32, length: u32) -> BlockRange {
        BlockRange { piece: PieceIndex(piece), begin, length }
    }

    #[test]
    fn a_range_arrives_in_blocks_and_only_once() {
        let mut pipeline = RequestPipeline::default();
        pipeline.push(Timestamp::ZERO, range(0, 0, 100));
        assert_eq!(pipeline.arrive(&range(0, 0, 60)), Arrival::Expected);
        assert_eq!(pipeline.arrive(&range(0, 0, 60)), Arrival::Unrequested);
        assert_eq!(pipeline.arrive(&range(0, 60, 60)), Arrival::Unrequested);
        assert_eq!(pipeline.bytes(), 40);
        assert_eq!(pipeline.arrive(&range(0, 60, 40)), Arrival::Expected);
        assert!(pipeline.is_empty());
    }

    #[test]
    fn what_was_taken_back_may_still_come_once() {
        let mut pipeline = RequestPipeline::default();
        pipeline.push(Timestamp::ZERO, range(3, 0, 100));
        assert_eq!(pipeline.cancel_all(), [range(3, 0, 100)]);
        assert_eq!(pipeline.bytes(), 0);
        assert_eq!(pipeline.arrive(&range(3, 0, 100)), Arrival::Late);
        assert_eq!(pipeline.arrive(&range(3, 0, 100)), Arrival::Unrequested);
    }

    #[test]
    fn the_depth_follows_the_rate_within_bounds() {
        assert_eq!(RequestPipeline::depth_bytes(0, false), 1 << 20);
        assert_eq!(RequestPipeline::depth_bytes(8_000_000, false), 6_000_000);
        assert_eq!(RequestPipeline::depth_bytes(u64::MAX, false), 24 << 20);
        // 10 Mbit/s: a third of a second, of which half is one piece.
        assert_eq!(RequestPipeline::depth_bytes(1_250_000, true), 384 << 10);
    }
}
