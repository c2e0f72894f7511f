//! One connection of a link.

use std::collections::VecDeque;
use std::time::Duration;

use super::throughput::Throughput;
use crate::clock::Timestamp;
use crate::protocol::limits::{BLOCK_LENGTH, LONGEST_BLOCK_LENGTH};
use crate::protocol::peer_wire::BLOCK_HEADER_BYTES;
use crate::protocol::piece::BlockRange;

/// Bytes that may wait in one data channel. Far under Chromium's 16 MiB, above which it refuses.
const MOST_WAITING: u64 = 4 << 20;
/// The part of what may wait at which the channel asks for more. Firefox tells what left when all of it has: the less may
/// wait, the better is it known how much leaves.
const LOW_PART: u64 = 2;
/// Smallest low-water mark.
const LEAST_LOW_WATER: u64 = 128 << 10;
/// Time that a browser takes at most to act on `bufferedamountlow`, when it is busy: the low-water mark lasts so long.
const WAKE_UP: Duration = Duration::from_millis(25);
/// Bytes a second below which blocks are small, so that one does not hold up control messages for long and the
/// leech sees that something comes.
const SLOW_RATE: u64 = 256 << 10;
/// Payload bytes of a block at such a rate.
const SLOW_BLOCK_LENGTH: u32 = 15 << 10;
/// Bytes a second from which blocks are long: one holds up a control message for a thirtieth of a second at most. At a rate
/// of which an ordinary uplink has two or three at once, the leech of a fast lane would take the turn of one that
/// listens and is sent little.
const FAST_RATE: u64 = 4 << 20;
/// A lane that carries so many times less than the best of late, for so long. In fast recovery Chromium's SCTP sends one
/// packet a round trip once its timer ran out, until all that was under way is acknowledged, which can take ten seconds.
const CRAWL: u64 = 10;
const CRAWLING: Duration = Duration::from_secs(4);
/// Bytes that a browser has sent and not seen acknowledged, at most: the receive window of Firefox.
const MOST_IN_FLIGHT: u64 = 16 << 20;

/// How far a lane has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneState {
    /// Offer and answer are under way, until the deadline.
    Connecting {
        /// When to give up.
        deadline: Timestamp,
    },
    /// Blocks may travel.
    Open,
    /// Given up: what was handed over may still leave and arrive, nothing else is sent.
    Leaving {
        /// When it is closed.
        until: Timestamp,
    },
}

/// One connection of a link. A link is a set of them; control travels over the first.
#[derive(Clone, Debug)]
pub struct Lane {
    /// How far it has come.
    pub state: LaneState,
    /// This browser sends blocks over it.
    pub own: bool,
    /// ICE candidates that came for it.
    pub candidates: usize,
    /// Bytes handed to the channel that it has not sent yet, as far as is known.
    pub buffered: u64,
    opened: Timestamp,
    /// When something last left, or nothing waited.
    pub moved: Timestamp,
    /// `bufferedAmountLowThreshold`.
    pub low_water: u64,
    longest_block: u32,
    /// Bytes handed to the channel so far.
    handed: u64,
    /// What left it. Not what was handed over: that comes in bursts as large as the water marks, which follow from it.
    leaving: Throughput,
    /// What was handed over last and may not have arrived.
    recent: VecDeque<BlockRange>,
    recent_bytes: u64,
}

impl Lane {
    /// One that is to be opened.
    pub fn connecting(own: bool, now: Timestamp, deadline: Timestamp) -> Self {
        Self {
            state: LaneState::Connecting { deadline },
            own,
            candidates: 0,
            buffered: 0,
            opened: now,
            moved: now,
            low_water: 0,
            longest_block: LONGEST_BLOCK_LENGTH,
            handed: 0,
            leaving: Throughput::default(),
            recent: VecDeque::new(),
            recent_bytes: 0,
        }
    }

    /// It is open, and blocks have at most so many bytes of payload.
    pub fn open(&mut self, now: Timestamp, longest_block: u32) {
        self.state = LaneState::Open;
        (self.opened, self.moved) = (now, now);
        self.longest_block = longest_block;
    }

    /// It was given up and is sent over again.
    pub fn resume(&mut self, now: Timestamp) {
        self.open(now, self.longest_block);
    }

    /// Blocks can be sent over it now.
    pub fn has_room(&self) -> bool {
        self.is_sending() && self.buffered < self.high_water()
    }

    /// Blocks are sent over it.
    pub fn is_sending(&self) -> bool {
        self.own && self.state == LaneState::Open
    }

    /// Bytes a second that it carries.
    pub fn carries(&self, now: Timestamp) -> u64 {
        self.leaving.bytes_per_second(now)
    }

    /// It carries next to nothing of what the best did, although it has more.
    pub fn crawls(&self, now: Timestamp, best: u64) -> bool {
        let long = self.buffered > 0 && now >= self.opened + CRAWLING;
        long && self.is_sending() && self.carries(now) < best / CRAWL
    }

    /// Bytes handed over so far that have left the channel's buffer.
    fn left(&self) -> u64 {
        self.handed.saturating_sub(self.buffered)
    }

    /// Bytes that may wait.
    fn high_water(&self) -> u64 {
        (self.low_water.max(LEAST_LOW_WATER) * LOW_PART).min(MOST_WAITING)
    }

    /// Payload bytes of the next block. Smaller ones go one by one out of a slow lane, each a sign of life.
    pub fn block_length(&self, now: Timestamp) -> u32 {
        let length = match self.leaving.bytes_per_second(now) {
            ..SLOW_RATE => SLOW_BLOCK_LENGTH,
            SLOW_RATE..FAST_RATE => BLOCK_LENGTH,
            FAST_RATE.. => LONGEST_BLOCK_LENGTH,
        };
        length.min(self.longest_block)
    }

    /// A block is handed over. Answers the low-water mark if it changes: as much as leaves until the browser is awake.
    pub fn hand_over(&mut self, now: Timestamp, block: &BlockRange) -> Option<u32> {
        if self.buffered == 0 {
            self.moved = now;
        }
        let bytes = u64::from(block.length) + BLOCK_HEADER_BYTES as u64;
        self.buffered += bytes;
        self.handed += bytes;
        self.remember(block);
        let leaves = self.leaving.bytes_per_second(now) * WAKE_UP.as_millis() as u64 / 1000;
        let low = leaves.clamp(LEAST_LOW_WATER, MOST_WAITING / LOW_PART).next_power_of_two();
        if low == self.low_water {
            return None;
        }
        self.low_water = low;
        u32::try_from(low).ok()
    }

    /// So many bytes wait now.
    pub fn measured(&mut self, now: Timestamp, bytes: u64) {
        if bytes < self.buffered || bytes == 0 {
            self.moved = now;
        }
        self.buffered = bytes;
        let left = self.left().saturating_sub(self.leaving.total());
        if left > 0 {
            self.leaving.add(now, left);
        }
    }

    /// What was handed over and may not have arrived.
    pub fn take_recent(&mut self) -> Vec<BlockRange> {
        self.recent_bytes = 0;
        self.recent.drain(..).collect()
    }

    fn remember(&mut self, block: &BlockRange) {
        match self.recent.back_mut() {
            Some(last) if last.piece == block.piece && last.end() == block.begin => {
                last.length += block.length;
            }
            _ => self.recent.push_back(*block),
        }
        self.recent_bytes += u64::from(block.length);
        while let Some(first) = self.recent.front()
            && self.recent_bytes - u64::from(first.length) > MOST_IN_FLIGHT + MOST_WAITING
        {
            self.recent_bytes -= u64::from(first.length);
            self.recent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::piece::PieceIndex;

    fn at(millis: u64) -> Timestamp {
        Timestamp::new(Duration::from_millis(millis))
    }

    fn block(number: u32) -> BlockRange {
        let begin = number % 16 * BLOCK_LENGTH;
        BlockRange { piece: PieceIndex(number / 16), begin, length: BLOCK_LENGTH }
    }

    /// A lane that was handed blocks for two seconds, each gone at once, and its last low-water mark.
    fn lane(bytes_per_second: u64) -> (Lane, u64) {
        let mut lane = Lane::connecting(true, at(0), at(1));
        lane.open(at(0), LONGEST_BLOCK_LENGTH);
        let gap = u64::from(BLOCK_LENGTH) * 1_000_000 / bytes_per_second;
        for (number, micros) in (0..2_000_000).step_by(gap as usize).enumerate() {
            lane.hand_over(Timestamp::new(Duration::from_micros(micros)), &block(number as u32));
            lane.measured(at(micros / 1000), 0);
        }
        let low = lane.low_water;
        (lane, low)
    }

    #[test]
    fn water_marks_and_blocks_follow_the_rate() {
        let (slow, low) = lane(100_000);
        assert_eq!((low, slow.high_water()), (128 << 10, 256 << 10));
        assert_eq!(slow.block_length(at(2000)), SLOW_BLOCK_LENGTH);
        assert_eq!(lane(700_000).0.block_length(at(2000)), BLOCK_LENGTH);
        assert_eq!(lane(2_000_000).0.block_length(at(2000)), BLOCK_LENGTH);
        // 10 MB/s for 25 ms are 250,000 bytes.
        let (middle, low) = lane(10_000_000);
        assert_eq!((low, middle.high_water()), (256 << 10, 512 << 10));
        assert_eq!(middle.block_length(at(2000)), LONGEST_BLOCK_LENGTH);
        let mut narrow = middle;
        narrow.open(at(2000), 65_528);
        assert_eq!(narrow.block_length(at(2000)), 65_528, "no more than the path takes");
        let (fast, low) = lane(60_000_000);
        assert_eq!((low, fast.high_water()), (2 << 20, 4 << 20));
    }

    #[test]
    fn what_may_not_have_arrived_is_known_and_bounded() {
        let (mut lane, _) = lane(60_000_000);
        let recent = lane.take_recent();
        let bytes: u64 = recent.iter().map(|range| u64::from(range.length)).sum();
        assert!(bytes >= MOST_IN_FLIGHT + MOST_WAITING, "{bytes}");
        assert!(bytes <= MOST_IN_FLIGHT + MOST_WAITING + (1 << 20), "{bytes}");
        assert!(lane.take_recent().is_empty());
    }
}
