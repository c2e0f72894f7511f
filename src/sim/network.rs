//! Rates, latency and loss.

use std::collections::VecDeque;
use std::time::Duration;

use super::queue::Nanos;
use crate::protocol::id::PeerId;
use crate::protocol::peer_wire::BLOCK_HEADER_BYTES;
use crate::protocol::piece::BlockRange;

/// Time that blocks wait for a downlink at most, before their senders hold back.
pub const LONGEST_QUEUE: Duration = Duration::from_millis(200);
/// Payload bytes of one SCTP packet over DTLS as browsers send it, for the bound of lossy paths.
pub const PACKET_BYTES: f64 = 1163.0;

/// Bytes a second within one network.
pub const LAN_RATE: u64 = 40_000_000;
/// One way within one network.
pub const LAN_LATENCY: Duration = Duration::from_millis(1);

/// One direction of one connection: the sender's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Which connection.
    pub connection: u32,
    /// Which of its ends is meant: 0 made the offer.
    pub end: u8,
}

impl Flow {
    /// The other end.
    pub fn other(self) -> Self {
        Self { end: 1 - self.end, ..self }
    }
}

/// An uplink: sends block by block, its flows in turn.
#[derive(Debug)]
pub struct Port {
    /// Bytes a second.
    pub rate: u64,
    /// A block is being sent.
    pub busy: bool,
    /// Flows that have blocks waiting, whose turn is next first.
    pub turns: VecDeque<Flow>,
    /// When it looks again, if all its flows have to wait.
    pub wakes_at: Option<Nanos>,
}

impl Port {
    /// An idle uplink.
    pub fn new(rate: u64) -> Self {
        Self { rate, busy: false, turns: VecDeque::new(), wakes_at: None }
    }
}

/// A downlink: takes blocks in as they come.
#[derive(Debug)]
pub struct Pipe {
    /// Bytes a second.
    pub rate: u64,
    /// When it is through with all that came.
    pub busy_until: Nanos,
}

impl Pipe {
    /// A block comes; answers when it is through.
    pub fn take(&mut self, now: Nanos, block: &BlockRange) -> Nanos {
        self.busy_until = self.busy_until.max(now) + time_for(wire_bytes(block), self.rate);
        self.busy_until
    }

    /// When a sender need not hold back any more.
    pub fn has_room_at(&self) -> Nanos {
        self.busy_until.saturating_sub(LONGEST_QUEUE.as_nanos() as Nanos)
    }
}

/// How bytes travel between two peers.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// One way.
    pub latency: Nanos,
    /// Nanoseconds a byte at the bound of a lossy path; zero where nothing is lost.
    pub pace: f64,
}

impl Path {
    /// A path of this latency, on which this part of all packets is lost.
    pub fn new(latency: Nanos, loss: f64) -> Self {
        // Mathis et al. 1997: rate ≤ 1.22 · packet / (round trip · √loss).
        let round_trip = (2 * latency) as f64;
        let pace = if loss > 0.0 { round_trip * loss.sqrt() / (1.22 * PACKET_BYTES) } else { 0.0 };
        Self { latency, pace }
    }
}

/// One side of a connection.
#[derive(Debug)]
pub struct End {
    /// Whose it is.
    pub node: u32,
    /// What its node calls the other side.
    pub peer: PeerId,
    /// Which connection of the link.
    pub lane: u16,
    /// Which attempt.
    pub attempt: u32,
    /// The node still holds it: neither closed it nor learned that it closed.
    pub held: bool,
    /// The uplink that it sends over.
    pub port: u32,
    /// The downlink that it receives over.
    pub pipe: u32,
    /// Blocks that wait in its channel.
    pub waiting: VecDeque<BlockRange>,
    /// `bufferedAmount`.
    pub buffered: u64,
    /// `bufferedAmountLowThreshold`.
    pub low_water: u32,
    /// It has a turn at its port.
    pub has_turn: bool,
    /// The earliest that its path takes the next block.
    pub ready_at: Nanos,
    /// Blocks were handed over and the machine was not yet told how much waits.
    pub touched: bool,
}

impl End {
    /// An end with nothing to send. Its port and pipe are known once both ends are.
    pub fn new(node: u32, peer: PeerId, lane: u16, attempt: u32) -> Self {
        Self {
            node,
            peer,
            lane,
            attempt,
            held: true,
            port: 0,
            pipe: 0,
            waiting: VecDeque::new(),
            buffered: 0,
            low_water: 0,
            has_turn: false,
            ready_at: 0,
            touched: false,
        }
    }
}

/// A connection; its second end comes with the answer.
#[derive(Debug)]
pub struct Connection {
    /// The one that offered, and the one that answered.
    pub ends: [Option<End>; 2],
    /// How its bytes travel, once both ends are known.
    pub path: Path,
    /// Channels are open.
    pub open: bool,
    /// Nothing arrives any more, and nobody is told.
    pub silent: bool,
}

/// Bytes of a block's message.
pub fn wire_bytes(block: &BlockRange) -> u64 {
    u64::from(block.length) + BLOCK_HEADER_BYTES as u64
}

/// Time that bytes take at a rate.
pub fn time_for(bytes: u64, rate: u64) -> Nanos {
    (u128::from(bytes) * 1_000_000_000 / u128::from(rate.max(1))) as Nanos
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lossy_path_is_bound_and_a_clean_one_is_not() {
        let clean = Path::new(20_000_000, 0.0);
        assert_eq!(clean.pace, 0.0);
        // 40 ms and 1 %: 1.22 · 1163 / (0.04 · 0.1) = 354,715 bytes a second.
        let lossy = Path::new(20_000_000, 0.01);
        assert!((1e9 / lossy.pace - 354_715.0).abs() < 1.0);
    }

    #[test]
    fn a_downlink_takes_one_block_after_the_other() {
        let mut pipe = Pipe { rate: 1_000_000, busy_until: 0 };
        let block = BlockRange {
            piece: crate::protocol::piece::PieceIndex(0),
            begin: 0,
            length: 500_000 - BLOCK_HEADER_BYTES as u32,
        };
        assert_eq!(pipe.take(0, &block), 500_000_000);
        assert_eq!(pipe.take(0, &block), 1_000_000_000);
        assert_eq!(pipe.has_room_at(), 800_000_000);
        assert_eq!(pipe.take(3_000_000_000, &block), 3_500_000_000);
    }
}
