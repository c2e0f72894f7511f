//! The connections between browsers: two ordered channels each, with latency, jitter, a rate and a buffer.

use std::time::Duration;

use transfer4me::clock::Timestamp;
use transfer4me::protocol::id::PeerId;
use transfer4me::protocol::piece::PieceIndex;

use super::content::Random;

/// How bytes travel.
#[derive(Clone, Copy)]
pub struct Path {
    pub latency: Duration,
    pub jitter: Duration,
    pub bytes_per_second: u64,
    pub max_message_bytes: u32,
}

impl Default for Path {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(20),
            jitter: Duration::ZERO,
            bytes_per_second: 20_000_000,
            max_message_bytes: 262_144,
        }
    }
}

/// One side of a connection.
pub struct End {
    pub browser: usize,
    /// The other side, as this browser names it.
    pub peer: PeerId,
    pub lane: u16,
    pub attempt: u32,
    pub buffered: u64,
    /// `bufferedAmountLowThreshold`.
    pub low_water: u64,
    busy_until: Timestamp,
    control_until: Timestamp,
    blocks_until: Timestamp,
    /// Pieces whose record went this way.
    pub records: Vec<PieceIndex>,
}

impl End {
    pub fn new(browser: usize, peer: PeerId, lane: u16, attempt: u32) -> Self {
        Self {
            browser,
            peer,
            lane,
            attempt,
            buffered: 0,
            low_water: 0,
            busy_until: Timestamp::ZERO,
            control_until: Timestamp::ZERO,
            blocks_until: Timestamp::ZERO,
            records: Vec::new(),
        }
    }

    /// When a control message sent now arrives: behind all before it.
    pub fn control_arrives(
        &mut self,
        now: Timestamp,
        path: &Path,
        random: &mut Random,
    ) -> Timestamp {
        let arrives = now + path.latency + jitter(path, random);
        self.control_until = self.control_until.max(arrives);
        self.control_until
    }

    /// When a block handed over now has left the buffer, and when it arrives.
    pub fn block_leaves(
        &mut self,
        now: Timestamp,
        bytes: u64,
        path: &Path,
        random: &mut Random,
    ) -> (Timestamp, Timestamp) {
        let takes = Duration::from_secs_f64(bytes as f64 / path.bytes_per_second as f64);
        self.busy_until = self.busy_until.max(now) + takes;
        let arrives = self.busy_until + path.latency + jitter(path, random);
        self.blocks_until = self.blocks_until.max(arrives);
        (self.busy_until, self.blocks_until)
    }
}

fn jitter(path: &Path, random: &mut Random) -> Duration {
    Duration::from_micros(random.below(path.jitter.as_micros() as u64 + 1))
}

/// A connection; the second end comes with the answer.
pub struct Connection {
    pub ends: Vec<End>,
    /// Nothing arrives any more, and nobody is told.
    pub silent: bool,
}

/// A description that names its connection.
pub fn describe(connection: usize) -> String {
    format!(
        "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=fingerprint:sha-256 AA:BB\r\n\
        a=max-message-size:262144\r\na=connection:{connection}\r\n"
    )
}

/// The connection that a description names.
pub fn described(sdp: &str) -> Option<usize> {
    sdp.lines().find_map(|line| line.strip_prefix("a=connection:")).and_then(|id| id.parse().ok())
}
