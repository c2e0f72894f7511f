//! One other browser, as this one sees it.

use std::collections::VecDeque;
use std::time::Duration;

use litemap::LiteMap;

use super::bitfield::Bitfield;
use super::cap::Cap;
use super::lane::Lane;
use super::pacing::{Pacing, Sending};
use super::read_ahead::ReadAhead;
use super::request_pipeline::RequestPipeline;
use super::steering::Steering;
use super::throughput::Throughput;
use crate::clock::Timestamp;
use crate::protocol::piece::{BlockRange, PieceIndex};
use crate::protocol::signalling::PathKind;

/// Round trips that are told within this time are of one moment, and too close together to measure a rate between them.
const SAME_MOMENT: Duration = Duration::from_millis(500);

/// How far a link has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Offer and answer are under way, until the deadline.
    Connecting {
        /// When to give up.
        deadline: Timestamp,
    },
    /// The channels are open; `hello` has not come yet, and must by the deadline.
    Open {
        /// When to give up.
        deadline: Timestamp,
    },
    /// Both have said `hello`.
    Greeted,
}

/// One other browser.
#[derive(Clone, Debug)]
pub struct RemotePeer {
    /// Tells this link's signals from those of an earlier one with the same peer.
    pub attempt: u32,
    /// How many links this browser had begun before.
    pub begun_before: u32,
    /// How far the link has come.
    pub state: LinkState,
    /// ICE candidates that came from it.
    pub candidates: usize,
    /// Connections by number; control travels over number 0. Each side opens more to send over, by even or odd
    /// numbers of its own, none twice.
    pub lanes: LiteMap<u8, Lane>,
    /// The number of the lane that this browser opened last; zero at first.
    pub last_lane: u8,
    /// How many lanes this browser sends over.
    pub steering: Steering,
    /// When the lanes are looked at next.
    pub next_look: Option<Timestamp>,
    /// How the bytes travel.
    pub path: PathKind,
    /// The room says that this browser fetches from it.
    pub provider: bool,
    /// The room says that this browser serves it.
    pub leech: bool,
    /// It is the room's owner, whose word on lost files counts.
    pub owner: bool,
    /// This browser made the offer.
    pub offerer: bool,
    /// Its path is lost; another must be found by then.
    pub path_lost: Option<Timestamp>,
    /// As last measured.
    pub round_trip: Option<Duration>,
    round_trip_at: Option<Timestamp>,
    /// What it holds.
    pub have: Bitfield,

    /// It does not serve this browser now.
    pub choked: bool,
    /// It knows that this browser wants pieces.
    pub interested_sent: bool,
    /// What it was asked for.
    pub pipeline: RequestPipeline,
    /// When it last sent a block, or was first asked for one after a pause.
    pub last_block: Timestamp,
    /// What came from it.
    pub received: Throughput,
    /// Pieces that are here and it does not know of, since then.
    pub unsaid: Option<(Timestamp, Vec<PieceIndex>)>,

    /// It wants pieces.
    pub interested: bool,
    /// What it wants, if not everything.
    pub wanted: Option<Bitfield>,
    /// What went to it.
    pub sent: Throughput,
    /// How fast to send, so that no queue stands in the path.
    pub pacing: Pacing,
    /// What pacing allows.
    pub pace: Cap,
    /// This browser does not serve it now.
    pub choking: bool,
    /// What it asked for, oldest first.
    pub queue: VecDeque<BlockRange>,
    /// What it will ask for.
    pub read_ahead: ReadAhead,
    /// Pieces whose record it was sent.
    pub records_sent: Bitfield,
}

impl RemotePeer {
    /// A link that is to be made: whoever offers fetches, the other serves.
    pub fn connecting(
        attempt: u32,
        begun_before: u32,
        offerer: bool,
        pieces: u32,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Self {
        Self {
            attempt,
            begun_before,
            state: LinkState::Connecting { deadline },
            candidates: 0,
            lanes: LiteMap::new(),
            last_lane: 0,
            steering: Steering::default(),
            next_look: None,
            path: PathKind::Unknown,
            provider: offerer,
            leech: !offerer,
            owner: false,
            offerer,
            path_lost: None,
            round_trip: None,
            round_trip_at: None,
            have: Bitfield::none(pieces),
            choked: true,
            interested_sent: false,
            pipeline: RequestPipeline::default(),
            last_block: now,
            received: Throughput::default(),
            unsaid: None,
            interested: false,
            wanted: None,
            sent: Throughput::default(),
            pacing: Pacing::default(),
            pace: Cap::default(),
            choking: true,
            queue: VecDeque::new(),
            read_ahead: ReadAhead::default(),
            records_sent: Bitfield::none(pieces),
        }
    }

    /// Both have said `hello`.
    pub fn is_greeted(&self) -> bool {
        self.state == LinkState::Greeted
    }

    /// It can be asked for pieces now.
    pub fn serves(&self) -> bool {
        self.is_greeted() && self.provider && !self.choked && self.path_lost.is_none()
    }

    /// Bytes that wait in the lanes' buffers.
    fn waiting(&self) -> u64 {
        self.lanes.values().map(|lane| lane.buffered).sum()
    }

    /// Bytes that left this browser so far, over lanes that are closed as well.
    pub fn left(&self) -> u64 {
        self.sent.total().saturating_sub(self.waiting())
    }

    /// ICE measured a round trip, for any lane.
    pub fn round_trip_measured(&mut self, now: Timestamp, time: Duration) {
        // All lanes take one path, and each tells how long it is when it opens: eight that had to open in a full queue would
        // look like round trips that were long eight times.
        if self.round_trip_at.is_some_and(|at| now < at + SAME_MOMENT) {
            return;
        }
        self.round_trip_at = Some(now);
        self.round_trip = Some(time);
        self.steering.measured(time);
        let more = self.waiting() > 0 || !self.queue.is_empty();
        let sending = Sending { left: self.left(), more, probing: self.steering.is_probing() };
        let before = self.pacing.bytes_per_second();
        self.pacing.round_trip_measured(
            now,
            time,
            self.steering.shortest().unwrap_or(time),
            sending,
        );
        let allowed = self.pacing.bytes_per_second();
        if allowed != before {
            self.pace.set(now, allowed);
        }
    }

    /// Bytes that it ought to be asked for ahead, fewer while something is played.
    pub fn depth_bytes(&self, now: Timestamp, playing: bool) -> u64 {
        let rate = self.received.bytes_per_second(now);
        match playing {
            true => RequestPipeline::playing_depth_bytes(rate, self.steering.shortest()),
            false => RequestPipeline::depth_bytes(rate, self.lanes.len()),
        }
    }

    /// Whether it lacks a piece that it wants.
    pub fn needs(&self, piece: PieceIndex) -> bool {
        !self.have.contains(piece) && self.wanted.as_ref().is_none_or(|w| w.contains(piece))
    }

    /// The distinct pieces at the head of its queue, as long as they fit into `bytes`. Two at least: while one is
    /// sent the next is read.
    pub fn upcoming(&self, bytes: u64, length_of: impl Fn(PieceIndex) -> u32) -> Vec<PieceIndex> {
        let mut pieces: Vec<PieceIndex> = Vec::new();
        let mut sum = 0;
        for range in &self.queue {
            if pieces.contains(&range.piece) {
                continue;
            }
            sum += u64::from(length_of(range.piece));
            if sum > bytes && pieces.len() >= 2 {
                break;
            }
            pieces.push(range.piece);
            // Tiny pieces: enough to keep the disk busy, few enough to search.
            if pieces.len() >= 32 {
                break;
            }
        }
        pieces
    }
}
