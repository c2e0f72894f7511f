//! One other browser, as this one sees it.

use std::collections::VecDeque;
use std::time::Duration;

use litemap::LiteMap;

use super::bitfield::Bitfield;
use super::cap::Cap;
use super::lane::{Lane, LaneState};
use super::pacing::{Look, Pacing};
use super::read_ahead::ReadAhead;
use super::request_pipeline::RequestPipeline;
use super::round_trips::RoundTrips;
use super::steering::Steering;
use super::throughput::Throughput;
use crate::clock::Timestamp;
use crate::protocol::limits::MAX_LANES;
use crate::protocol::piece::{BlockRange, PieceIndex};
use crate::protocol::signalling::PathKind;

/// Round trips within this time are of one moment for steering: a queue rises and falls.
const MOMENT: Duration = Duration::from_millis(2500);

/// Time between two answers to pings, at least: those that something held up come together.
const LEAST_PONG_INTERVAL: Duration = Duration::from_millis(10);
/// What fades of the best lane's rate with each look: half is left after 14 s.
const BEST_FADES: u64 = 100;
/// Time between two lanes that are replaced.
const REPLACING: Duration = Duration::from_secs(2);
const MINUTE: Duration = Duration::from_secs(60);
/// Connections taken from a peer in that time. A sender on a path that changes tries all of them some five times.
const MAX_LANES_PER_MINUTE: usize = 8 * MAX_LANES;

/// Pieces read ahead for one leech at most, however small: enough to keep the disk busy, few enough to search.
pub const MOST_UPCOMING: usize = 64;

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
    pub lanes: LiteMap<u16, Lane>,
    /// The number of the lane that this browser opened last; zero at first.
    pub last_lane: u16,
    /// How many lanes this browser sends over.
    pub steering: Steering,
    /// When the lanes are looked at next.
    pub next_look: Option<Timestamp>,
    /// They are being measured.
    pub measuring: bool,
    /// When they are closed if nothing is sent until then.
    pub idle_until: Option<Timestamp>,
    /// Connections that were taken from it lately, and since when.
    lanes_taken: (Timestamp, usize),
    /// Bytes that waited in lanes that were closed.
    pub lost: u64,
    /// What the best lane carried of late, in bytes a second.
    best_lane: u64,
    /// When a lane that crawled was last replaced.
    replaced: Option<Timestamp>,
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
    /// What was measured since the last look.
    pub trips: RoundTrips,
    /// When a ping of its was last answered.
    ponged: Option<Timestamp>,
    /// The shortest round trip of this moment, and when that began.
    moment: Option<(Timestamp, Duration)>,
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
    /// When it last said that nothing of what it was asked for comes.
    pub rejected: Option<Timestamp>,
    /// It sent whole pieces and left out their records once.
    pub withheld: bool,
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
            measuring: false,
            idle_until: None,
            lanes_taken: (now, 0),
            lost: 0,
            best_lane: 0,
            replaced: None,
            path: PathKind::Unknown,
            provider: offerer,
            leech: !offerer,
            owner: false,
            offerer,
            path_lost: None,
            round_trip: None,
            trips: RoundTrips::default(),
            ponged: None,
            moment: None,
            have: Bitfield::none(pieces),
            choked: true,
            interested_sent: false,
            pipeline: RequestPipeline::default(),
            last_block: now,
            rejected: None,
            withheld: false,
            received: Throughput::default(),
            unsaid: None,
            interested: false,
            wanted: None,
            sent: Throughput::default(),
            pacing: Pacing::default(),
            pace: Cap::of_a_path(),
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
        self.sent.total().saturating_sub(self.waiting() + self.lost)
    }

    /// ICE measured a round trip, for any lane.
    pub fn measured_by_ice(&mut self, now: Timestamp, time: Duration) {
        if self.trips.measured_by_ice(now, time) {
            self.round_trip_measured(now, time);
        }
    }

    /// A ping was answered.
    pub fn pong_received(&mut self, now: Timestamp, number: u32) {
        if let Some(time) = self.trips.pong(now, number) {
            self.round_trip_measured(now, time);
        }
    }

    fn round_trip_measured(&mut self, now: Timestamp, time: Duration) {
        self.round_trip = Some(time);
        let known = self.steering.shortest().is_some();
        self.steering.note_length(time);
        if !known {
            self.pacing.path_known(time);
            self.set_pace(now);
        }
        self.moment = match self.moment {
            None => Some((now, time)),
            Some((since, least)) if now < since + MOMENT => Some((since, least.min(time))),
            Some((_, least)) => {
                self.steering.measured(least);
                Some((now, time))
            }
        };
    }

    /// Looks at what left since the last look, and sets the pace by it.
    pub fn look_at_path(&mut self, now: Timestamp) {
        let more = self.is_used();
        let (blind, trips) = (self.trips.take_blind(now), self.trips.take());
        let (left, shortest) = (self.left(), self.steering.shortest());
        self.pacing.look(now, &Look { left, more, trips, blind, shortest });
        self.set_pace(now);
    }

    fn set_pace(&mut self, now: Timestamp) {
        self.pace.set(now, self.pacing.bytes_per_second());
    }

    /// The lane that crawls most beside what the best did of late, if another may take its place now: one at a time, for where
    /// many do it may be the path.
    pub fn crawling_lane(&mut self, now: Timestamp) -> Option<u16> {
        let carries = self.lanes.values().map(|lane| lane.carries(now)).max().unwrap_or_default();
        self.best_lane = carries.max(self.best_lane - self.best_lane / BEST_FADES);
        let crawls = |lane: &Lane| lane.crawls(now, self.best_lane);
        let lanes = self.lanes.iter().filter(|(number, lane)| **number > 0 && crawls(lane));
        let (number, _) = lanes.min_by_key(|(_, lane)| lane.carries(now))?;
        if self.replaced.is_some_and(|at| now < at + REPLACING) {
            return None;
        }
        // If it is the path that carries less now, that is the measure from here on.
        (self.replaced, self.best_lane) = (Some(now), carries);
        Some(*number)
    }

    /// Something is sent to it, or waits for that.
    pub fn is_used(&self) -> bool {
        !self.queue.is_empty() || self.waiting() > 0
    }

    /// What was handed to the first connection is on its way: control does not wait.
    pub fn is_control_clear(&self) -> bool {
        self.lanes.get(&0).is_some_and(|first| first.buffered == 0)
    }

    /// Something is sent to it, or a connection is being opened or given up, which has a time limit.
    pub fn is_busy(&self) -> bool {
        self.is_used() || self.lanes.values().any(|lane| lane.state != LaneState::Open)
    }

    /// Whether one more connection of its may come about now. Each that closes makes room for another, and costs a browser
    /// memory for a while, perhaps a relay's as well.
    pub fn takes_lane(&mut self, now: Timestamp) -> bool {
        let (since, taken) = &mut self.lanes_taken;
        if now >= *since + MINUTE {
            (*since, *taken) = (now, 0);
        }
        *taken += 1;
        *taken <= MAX_LANES_PER_MINUTE
    }

    /// The number of the next lane that this browser opens, if there is one: none is used twice.
    pub fn next_lane(&self) -> Option<u16> {
        let step = if self.last_lane == 0 && self.offerer { 1 } else { 2 };
        self.last_lane.checked_add(step)
    }

    /// A ping is to be answered now. Whoever asks more often than anyone has to is not.
    pub fn answers_ping(&mut self, now: Timestamp) -> bool {
        let often = self.ponged.is_some_and(|at| now < at + LEAST_PONG_INTERVAL);
        // Behind blocks of this browser's own it would tell of those.
        let answers = !often && (self.is_control_clear() || self.is_control_apart());
        if answers {
            self.ponged = Some(now);
        }
        answers
    }

    /// Blocks travel over other connections than control.
    pub fn is_control_apart(&self) -> bool {
        self.lanes.iter().any(|(number, lane)| *number > 0 && lane.is_sending())
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
            if pieces.len() >= MOST_UPCOMING {
                break;
            }
        }
        pieces
    }
}
