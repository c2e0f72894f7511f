//! What one browser decides: whom to connect to, what to ask for, what to serve, what counts.
//!
//! A [`Swarm`] is the owner's side or a recipient's side of one room. Its driver follows the contract of every
//! machine here: [`Swarm::handle_input`] once, [`Swarm::poll_output`] until `None`, executing each output, then
//! wait for the next input or [`Swarm::poll_timeout`].
//!
//! Bytes do not pass through: an output names a [`BlockRange`] and the driver moves the payload. What a hostile
//! peer sends never becomes an `Err`; the answer is [`Output::Disconnect`].
//!
//! | module | decides |
//! |---|---|
//! | `contract`, `endings` | nothing: the words in which it is spoken to |
//! | `membership` | the socket: joining, coming back, the room's end |
//! | `links` | connections: offers, answers, time limits, loss |
//! | `lanes`, `lane`, `steering` | more connections of one link, and how many |
//! | `leech`, `endgame` | fetching: requests, verification, completion; what is late |
//! | `lost` | what was here and cannot be read back |
//! | `playback` | what a player needs next |
//! | `provider` | serving: whom, requests of others, files that vanish |
//! | `download`, `assembly`, `piece_picker`, `availability`, `request_pipeline` | the state of fetching |
//! | `upload`, `read_ahead`, `granting`, `slots` | the state of serving |
//! | `pacing`, `round_trips` | how fast to send, so that no queue stands in the path |
//! | `cap` | the rates that the person allows |
//! | `status` | what the page may know |

mod assembly;
mod availability;
mod bitfield;
mod cap;
mod contract;
mod download;
mod endgame;
mod endings;
mod granting;
mod lane;
mod lanes;
mod leech;
mod links;
mod lost;
mod membership;
pub mod negotiation;
mod pacing;
mod piece_picker;
mod playback;
mod provider;
mod read_ahead;
mod remote_peer;
mod request_pipeline;
mod round_trips;
mod slots;
pub mod status;
mod steering;
#[cfg(test)]
mod tests;
mod throughput;
mod upload;

use std::collections::VecDeque;
use std::time::Duration;

use litemap::LiteMap;

use crate::clock::Timestamp;
use crate::membership::Membership;
use crate::protocol::id::PeerId;
use crate::protocol::peer_wire::{PeerMessage, PieceRecord};
use crate::protocol::piece::{BlockRange, Layout, PieceIndex};
use crate::protocol::rooms::Topology;
use crate::protocol::signal::Signal;
use crate::protocol::signalling::{ClientMessage, PathKind, RosterEntry, ServerMessage};
use crate::random::Random;

use availability::Availability;
use cap::Cap;
use download::Download;
use granting::Granting;
use remote_peer::RemotePeer;
use slots::Slots;
use throughput::Throughput;
use upload::Upload;

pub use bitfield::Bitfield;
pub use contract::{Config, Input, Output, Role};
pub use endings::{Failure, Reason};

/// How often a recipient tells how far it is, and speeds are measured anew.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// How often links are measured and what came of it is told.
const STATS_INTERVAL: Duration = Duration::from_secs(5);

/// The machine.
#[derive(Debug)]
pub struct Swarm {
    layout: Layout,
    /// What this browser holds, verified.
    have: Bitfield,
    /// What a recipient still needs; `None` for the owner.
    download: Option<Download>,
    upload: Upload,
    slots: Slots,
    granting: Granting,
    peers: LiteMap<PeerId, RemotePeer>,
    availability: Availability,
    membership: Membership,
    /// Known once welcome.
    topology: Option<Topology>,
    /// This browser's name in the room.
    me: Option<PeerId>,
    /// The room's owner, as the room last said.
    owner: Option<PeerId>,
    random: Random,
    outputs: VecDeque<Output>,
    roster: Vec<RosterEntry>,
    gone_files: Vec<u32>,
    received: Throughput,
    download_cap: Cap,
    /// When more may be asked for, if the person's limit is in the way.
    asks_at: Option<Timestamp>,
    last_attempt: u32,
    /// Links begun so far, whoever made the offer.
    links_begun: u32,
    failed_attempts: u32,
    /// What it is called when none comes about.
    unreachable: Failure,
    /// Links begun when the last of these failed.
    begun_at_failure: u32,
    bad_pieces: u32,
    /// Who sent them.
    liars: Vec<PeerId>,
    waiting: Option<(u32, bool)>,
    started: bool,
    paused: bool,
    complete: bool,
    was_connected: bool,
    failure: Option<Failure>,
    helped: Vec<PeerId>,
    /// Since when nobody at hand has anything for this browser, and how long it bears that.
    starving: Option<(Timestamp, Duration)>,
    next_progress: Option<Timestamp>,
    next_stats: Timestamp,
}

impl Swarm {
    /// Nothing happens before [`Input::Started`].
    pub fn new(config: Config) -> Self {
        let pieces = config.layout.piece_count();
        let (have, download) = match &config.role {
            Role::Owner => (Bitfield::all(pieces), None),
            Role::Recipient { wanted_files, have } => {
                (have.clone(), Some(Download::new(&config.layout, wanted_files, have)))
            }
        };
        Self {
            layout: config.layout,
            have,
            download,
            upload: Upload::default(),
            slots: Slots::new(config.helps),
            granting: Granting::new(pieces),
            peers: LiteMap::new(),
            availability: Availability::new(pieces),
            membership: Membership::default(),
            topology: None,
            me: None,
            owner: None,
            random: Random::new(config.rng_seed),
            outputs: VecDeque::new(),
            roster: Vec::new(),
            gone_files: Vec::new(),
            received: Throughput::default(),
            download_cap: Cap::default(),
            asks_at: None,
            last_attempt: 0,
            links_begun: 0,
            failed_attempts: 0,
            unreachable: Failure::Unreachable,
            begun_at_failure: 0,
            bad_pieces: 0,
            liars: Vec::new(),
            waiting: None,
            started: false,
            paused: false,
            complete: false,
            was_connected: false,
            failure: None,
            helped: Vec::new(),
            starving: None,
            next_progress: None,
            next_stats: Timestamp::ZERO,
        }
    }

    /// One mutation. Drain [`Self::poll_output`] before the next.
    pub fn handle_input(&mut self, now: Timestamp, input: Input) {
        if self.failure.is_some() {
            return;
        }
        match input {
            Input::Started => self.start(now),
            Input::SocketOpened => self.socket_opened(now),
            Input::SocketClosed => self.socket_closed(now),
            Input::ServerSaid(message) => self.server_said(now, message),
            Input::SignalReceived { from, signal } => self.signal_received(now, from, signal),
            Input::DescriptionReady { peer, lane, attempt, sdp } => {
                self.description_ready(peer, lane, attempt, sdp);
            }
            Input::CandidateFound { peer, lane, attempt, candidate, sdp_mid } => {
                let signal = Signal::Candidate { lane, attempt, candidate, sdp_mid };
                self.signal_if_current(peer, attempt, signal);
            }
            Input::LinkOpened { peer, lane, max_message_bytes } => {
                self.link_opened(now, peer, lane, max_message_bytes);
            }
            Input::LinkClosed { peer, lane, attempt } => {
                self.connection_closed(now, peer, lane, attempt);
            }
            Input::PathLost { peer, lane, attempt } => self.path_lost(now, peer, lane, attempt),
            Input::PathRestored { peer, lane: 0, attempt } => {
                self.path_restored(now, peer, attempt);
            }
            Input::PathRestored { .. } => {}
            Input::RoundTripMeasured { peer, time } => {
                if let Some(remote) = self.peers.get_mut(&peer) {
                    remote.measured_by_ice(now, time);
                }
            }
            Input::Capped(caps) => {
                self.upload.cap.set(now, caps.upload);
                self.download_cap.set(now, caps.download);
            }
            Input::HelpingChosen(helps) => self.choose_helping(now, helps),
            Input::PathFound { peer, path } => {
                if let Some(remote) = self.peers.get_mut(&peer) {
                    remote.path = path;
                }
            }
            Input::ControlReceived { peer, bytes } => self.control_received(now, peer, &bytes),
            Input::BlockReceived { peer, block } => self.block_received(now, peer, block),
            Input::Buffered { peer, lane, bytes } => {
                let remote = self.peers.get_mut(&peer);
                if let Some(lane) = remote.and_then(|r| r.lanes.get_mut(&lane)) {
                    lane.measured(now, bytes);
                }
            }
            Input::LanesMeasured { peer } => self.lanes_measured(now, peer),
            Input::RecordChecked { peer, first, count, authentic } => {
                self.record_checked(now, peer, first, count, authentic);
            }
            Input::PieceChecked { piece, matches } => self.piece_checked(now, piece, matches),
            Input::PieceLoaded { piece, record_first, record_count } => {
                self.upload.piece_loaded(piece, record_first, record_count);
            }
            Input::PieceUnreadable { piece } => self.piece_unreadable(now, piece),
            Input::StorageFailed => self.fail(Failure::Storage),
            Input::Paused(paused) => self.set_paused(now, paused),
            Input::PlaybackMoved { pieces } => self.playback_moved(now, pieces),
            Input::RemovalAsked { peer } => self.tell(ClientMessage::Remove { peer }),
            Input::BrowserRefused(failure) => self.unreachable = failure,
            Input::Left => self.leave(),
            Input::Timeout => self.timeout(now),
        }
        if self.failure.is_none() {
            self.request_more(now);
            self.grant(now);
            self.say_what_is_here(now);
            self.upload.pump(now, &self.layout, &mut self.peers, &mut self.outputs);
            self.watch_lanes(now);
        }
    }

    /// The next thing to do; `None` when all is done.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to hand in [`Input::Timeout`], if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        if self.failure.is_some() {
            return None;
        }
        let lanes = self.lanes_timeout();
        let capped = [self.upload.sends_at(), self.asks_at, self.unsaid_timeout()];
        [self.membership.timeout(), self.links_timeout(), lanes, self.next_progress]
            .into_iter()
            .chain(capped)
            .flatten()
            .min()
    }

    /// What this browser holds, verified.
    pub fn have(&self) -> &Bitfield {
        &self.have
    }

    /// Files that changed or vanished on the owner's disk, by number.
    pub fn gone_files(&self) -> &[u32] {
        &self.gone_files
    }

    /// Why it is over, if it failed.
    pub fn failure(&self) -> Option<Failure> {
        self.failure
    }

    /// Whether a recipient is done, one way or the other.
    pub fn is_settled(&self) -> bool {
        self.complete || self.failure.is_some()
    }

    fn start(&mut self, now: Timestamp) {
        if self.started {
            return;
        }
        self.started = true;
        self.next_progress = Some(now + PROGRESS_INTERVAL);
        let act = self.membership.open(now);
        self.act_on_socket([act]);
        // A download of empty files is complete before it begins.
        self.finish_if_complete(now);
    }

    fn timeout(&mut self, now: Timestamp) {
        let act = self.membership.handle_timeout(now, &mut self.random);
        self.act_on_socket(act);
        self.links_time_out(now);
        if self.next_progress.is_some_and(|at| now >= at) {
            self.next_progress = Some(now + PROGRESS_INTERVAL);
            self.tell_progress(now);
            self.tick(now);
        }
    }

    /// What is looked at once a second.
    fn tick(&mut self, now: Timestamp) {
        self.play_endgame(now);
        self.watch_for_starvation(now);
        let (leeches, rate) = (self.leeches(), self.upload.sent.bytes_per_second(now));
        self.granting.tick(now, rate, &self.availability);
        if self.slots.adapt(now, leeches, rate).is_some() {
            self.tell_slots();
        }
        if now >= self.next_stats && !self.peers.is_empty() {
            self.next_stats = now + STATS_INTERVAL;
            self.tell_stats(rate);
        }
        // Whoever sends has to see a queue soon, by pings or else by what ICE measures.
        let by_ice = |r: &RemotePeer| !r.queue.is_empty() && !r.trips.is_asked_by_pings(now);
        for (peer, _) in self.peers.iter().filter(|(_, remote)| by_ice(remote)) {
            self.outputs.push_back(Output::MeasureRoundTrip { peer: *peer });
        }
    }

    fn set_paused(&mut self, now: Timestamp, paused: bool) {
        if self.paused == paused {
            return;
        }
        self.paused = paused;
        if self.download.is_some() {
            self.pause_requests(now);
        } else {
            self.choke_everyone();
        }
        self.tell_progress(now);
    }

    fn leave(&mut self) {
        for peer in std::mem::take(&mut self.peers).keys().copied() {
            self.outputs.push_back(Output::Disconnect { peer, reason: Reason::Done });
        }
        // An owner that comes back replaces whoever is owner by then, so it does not come back only to leave. Its place
        // is nobody's line to wait in.
        let keeps_place = self.download.is_some();
        self.outputs.extend(self.membership.leave(keeps_place).map(Output::Leave));
        self.started = false;
        self.next_progress = None;
    }

    fn fail(&mut self, failure: Failure) {
        if self.failure.is_some() {
            return;
        }
        self.leave();
        self.failure = Some(failure);
        self.outputs.push_back(Output::Fail(failure));
    }

    fn send_control(&mut self, peer: PeerId, message: PeerMessage) {
        self.outputs.push_back(Output::SendControl { peer, message });
    }
}
