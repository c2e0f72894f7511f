//! What one provider has been asked for and has not sent yet.

use std::collections::VecDeque;
use std::time::Duration;

use super::assembly::intersection;
use crate::clock::Timestamp;
use crate::protocol::piece::BlockRange;

/// Bytes in flight at least, so that a link that starts is not starved,
const MIN_DEPTH_BYTES: u64 = 1 << 20;
/// and for each of its lanes: what one of them was handed waits for a timer of SCTP when it loses the end of it, and the
/// rate that fell for that must not starve those that could go on.
const MIN_LANE_DEPTH_BYTES: u64 = 512 << 10;
/// Bytes in flight at most: they are in memory, here or there.
const MAX_DEPTH_BYTES: u64 = 24 << 20;
/// Time that the pipeline covers: round trip and half a second.
const COVERED: Duration = Duration::from_millis(750);
/// The same two while something is played, besides the round trip: what is under way when the play head jumps comes
/// before what it jumps to, and more than the queue of a slow line holds would be lost in it, and wait for a timer of SCTP.
const MIN_PLAYING_BYTES: u64 = 128 << 10;
const COVERED_PLAYING: Duration = Duration::from_millis(80);
/// The round trip of a path that is not measured yet.
const USUAL_ROUND_TRIP: Duration = Duration::from_millis(20);
/// Bytes asked for at a time then.
pub const PLAYING_RANGE_BYTES: u32 = 64 << 10;
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
    /// Bytes that ought to be in flight at this rate, over so many lanes.
    pub fn depth_bytes(bytes_per_second: u64, lanes: usize) -> u64 {
        let least = MIN_DEPTH_BYTES.max(MIN_LANE_DEPTH_BYTES * lanes as u64);
        covered(bytes_per_second, COVERED).max(least).min(MAX_DEPTH_BYTES)
    }

    /// Bytes that ought to be in flight at this rate while something is played, over a path of this round trip.
    pub fn playing_depth_bytes(bytes_per_second: u64, round_trip: Option<Duration>) -> u64 {
        // Half as much again, so that the rate can rise.
        let time = round_trip.unwrap_or(USUAL_ROUND_TRIP) * 3 / 2 + COVERED_PLAYING;
        covered(bytes_per_second, time).clamp(MIN_PLAYING_BYTES, MAX_DEPTH_BYTES)
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

    /// Accounts for a block. Providers send each range in as many blocks as they like, those of several lanes overtake
    /// each other, and parts of one may have been taken back and asked for anew meanwhile.
    pub fn arrive(&mut self, block: &BlockRange) -> Arrival {
        let first = self.in_flight.iter().find_map(|range| intersection(range, block));
        if first == Some(*block) {
            // Nearly every block lies within one range: nothing has to be tried on a copy.
            take_asked_out_of(&mut self.in_flight, &mut self.asked, block);
            self.bytes -= u64::from(block.length);
            return Arrival::Expected;
        }
        let (mut in_flight, mut asked) = (self.in_flight.clone(), self.asked.clone());
        let late = take_asked_out_of(&mut in_flight, &mut asked, block);
        if !late.is_empty() {
            let mut cancelled = self.cancelled.clone();
            if !take_out_of(&mut cancelled, late.clone(), |_, _| {}).is_empty() {
                return Arrival::Unrequested;
            }
            self.cancelled = cancelled;
        }
        let late: u64 = late.iter().map(|range| u64::from(range.length)).sum();
        let expected = u64::from(block.length) - late;
        (self.in_flight, self.asked) = (in_flight, asked);
        self.bytes -= expected;
        if expected > 0 { Arrival::Expected } else { Arrival::Late }
    }

    /// Takes back those parts of ranges that will not come, and answers them. What is left in flight keeps its age.
    pub fn reject(&mut self, ranges: &[BlockRange]) -> Vec<BlockRange> {
        let mut lost = Vec::new();
        for range in ranges {
            while let Some(part) =
                self.in_flight.iter().find_map(|other| intersection(other, range))
            {
                if self.arrive(&part) != Arrival::Expected {
                    break;
                }
                lost.push(part);
            }
        }
        self.remember_cancelled(&lost);
        lost
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
        self.remember_cancelled(&taken);
        taken
    }

    fn remember_cancelled(&mut self, ranges: &[BlockRange]) {
        self.cancelled.extend(ranges.iter().copied());
        while self.cancelled.len() > MAX_CANCELLED {
            self.cancelled.pop_front();
        }
    }
}

/// Cuts a block out of ranges, and answers what of it is in none. What is left of a range keeps its time.
fn take_asked_out_of(
    ranges: &mut VecDeque<BlockRange>,
    asked: &mut VecDeque<Timestamp>,
    block: &BlockRange,
) -> Vec<BlockRange> {
    take_out_of(ranges, vec![*block], |index, left| {
        if let Some(time) = asked.remove(index) {
            (0..left).for_each(|_| asked.insert(index, time));
        }
    })
}

/// Cuts parts out of ranges, each once; answers what of them is in none. Told is where a range was cut, and how many
/// pieces of it stand there now.
fn take_out_of(
    ranges: &mut VecDeque<BlockRange>,
    mut parts: Vec<BlockRange>,
    mut cut: impl FnMut(usize, usize),
) -> Vec<BlockRange> {
    let mut outside = Vec::new();
    while let Some(part) = parts.pop() {
        let overlap = |range: &BlockRange| intersection(range, &part);
        let found = ranges.iter().enumerate().find_map(|(index, r)| Some((index, overlap(r)?)));
        let Some((index, common)) = found else {
            outside.push(part);
            continue;
        };
        let rests = |whole: &BlockRange| {
            let before = BlockRange { length: common.begin - whole.begin, ..*whole };
            let length = whole.end() - common.end();
            let after = BlockRange { begin: common.end(), length, ..*whole };
            [after, before].into_iter().filter(|rest| rest.length > 0)
        };
        parts.extend(rests(&part));
        let Some(range) = ranges.remove(index) else { continue };
        let left = rests(&range).map(|rest| ranges.insert(index, rest)).count();
        cut(index, left);
    }
    outside
}

/// Bytes at this rate in this time.
fn covered(bytes_per_second: u64, time: Duration) -> u64 {
    bytes_per_second.saturating_mul(time.as_millis() as u64) / 1000
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
        assert_eq!(pipeline.arrive(&range(0, 60, 60)), Arrival::Unrequested, "longer than asked");
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
    fn blocks_of_a_range_may_overtake_each_other() {
        let mut pipeline = RequestPipeline::default();
        pipeline.push(Timestamp::ZERO, range(0, 0, 100));
        pipeline.push(Timestamp::new(COVERED), range(1, 0, 10));
        assert_eq!(pipeline.arrive(&range(0, 40, 20)), Arrival::Expected);
        assert_eq!(pipeline.arrive(&range(0, 40, 20)), Arrival::Unrequested);
        assert_eq!(pipeline.arrive(&range(0, 30, 20)), Arrival::Unrequested, "half of it is new");
        let left: Vec<_> = pipeline.in_flight().map(|(range, asked)| (*range, asked)).collect();
        let [first, second] = [Timestamp::ZERO, Timestamp::new(COVERED)];
        let parts =
            [(range(0, 0, 40), first), (range(0, 60, 40), first), (range(1, 0, 10), second)];
        assert_eq!(left, parts);
        assert_eq!(pipeline.arrive(&range(0, 0, 40)), Arrival::Expected);
        assert_eq!(pipeline.arrive(&range(0, 60, 40)), Arrival::Expected);
        assert_eq!(pipeline.bytes(), 10);
    }

    #[test]
    fn a_block_may_lie_across_what_was_taken_back_and_what_was_asked_for_anew() {
        let mut pipeline = RequestPipeline::default();
        pipeline.push(Timestamp::ZERO, range(0, 0, 100));
        pipeline.cancel_all();
        pipeline.push(Timestamp::ZERO, range(0, 0, 100));
        // The earlier ones in tens, the new ones in fifteens.
        for begin in (0..30).step_by(10) {
            assert_eq!(pipeline.arrive(&range(0, begin, 10)), Arrival::Expected);
        }
        let kinds: Vec<_> =
            (0..60).step_by(15).map(|begin| pipeline.arrive(&range(0, begin, 15))).collect();
        assert_eq!(kinds, [Arrival::Late, Arrival::Late, Arrival::Expected, Arrival::Expected]);
        assert_eq!(pipeline.arrive(&range(0, 0, 10)), Arrival::Unrequested, "twice, not thrice");
        assert_eq!(pipeline.bytes(), 40);
    }

    #[test]
    fn what_will_not_come_is_taken_back_and_nothing_else() {
        let mut pipeline = RequestPipeline::default();
        pipeline.push(Timestamp::ZERO, range(0, 0, 100));
        pipeline.push(Timestamp::ZERO, range(1, 0, 100));
        let lost = pipeline.reject(&[range(0, 50, 100), range(2, 0, 100), range(1, 10, 10)]);
        assert_eq!(lost, [range(0, 50, 50), range(1, 10, 10)]);
        assert_eq!(pipeline.bytes(), 140);
        assert_eq!(pipeline.arrive(&range(1, 20, 80)), Arrival::Expected);
    }

    #[test]
    fn the_depth_follows_the_rate_within_bounds() {
        assert_eq!(RequestPipeline::depth_bytes(0, 1), 1 << 20);
        assert_eq!(RequestPipeline::depth_bytes(8_000_000, 2), 6_000_000);
        assert_eq!(RequestPipeline::depth_bytes(u64::MAX, 1), 24 << 20);
        // Lanes that stand still keep their part, and leave the others theirs.
        assert_eq!(RequestPipeline::depth_bytes(0, 16), 8 << 20);
        assert_eq!(RequestPipeline::depth_bytes(0, usize::from(u16::MAX)), 24 << 20);
    }

    #[test]
    fn a_player_has_little_under_way_and_still_fills_a_long_line() {
        let depth = RequestPipeline::playing_depth_bytes;
        let millis = |millis| Some(Duration::from_millis(millis));
        // 10 Mbit/s nearby: a ninth of a second.
        assert_eq!(depth(1_250_000, millis(20)), 137_500);
        assert_eq!(depth(1_250_000, None), 137_500);
        // 80 Mbit/s, far away: more than the round trip.
        assert_eq!(depth(10_000_000, millis(200)), 3_800_000);
        assert_eq!((depth(0, None), depth(u64::MAX, None)), (128 << 10, 24 << 20));
    }
}
