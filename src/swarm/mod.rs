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
//! | `membership` | the socket: joining, coming back, the room's end |
//! | `links` | connections: offers, answers, time limits, loss |
//! | `leech` | fetching: requests, verification, completion |
//! | `provider` | serving: requests of others, files that vanish |
//! | `download`, `upload`, `piece_picker`, `request_pipeline`, `bitfield`, `throughput` | the state of these |
//! | `status` | what the page may know |

pub mod bitfield;
mod download;
mod leech;
mod links;
mod membership;
pub mod negotiation;
mod piece_picker;
mod provider;
mod remote_peer;
mod request_pipeline;
pub mod status;
#[cfg(test)]
mod tests;
mod throughput;
mod upload;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::protocol::id::{PeerId, ResumeToken};
use crate::protocol::peer_wire::{PeerMessage, PieceRecord};
use crate::protocol::piece::{BlockRange, Layout, PieceIndex};
use crate::protocol::signalling::{
    ClientMessage, Have, IceServer, PathKind, RosterEntry, ServerMessage, Signal,
};

use bitfield::Bitfield;
use download::Download;
use membership::Membership;
use remote_peer::RemotePeer;
use throughput::Throughput;
use upload::Upload;

pub use upload::LOW_WATER_MARK;

/// How often a recipient tells how far it is, and speeds are measured anew.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// What a swarm is made for.
#[derive(Clone, Debug)]
pub struct Config {
    /// The cut of the room's content.
    pub layout: Layout,
    /// What this browser does in the room.
    pub role: Role,
    /// For the spread of attempts to come back.
    pub rng_seed: u64,
}

/// What a browser does in a room.
#[derive(Clone, Debug)]
pub enum Role {
    /// Holds the files on its disk and signs for them.
    Owner,
    /// Fetches some of the files.
    Recipient {
        /// Whether it wants each file, by number.
        wanted_files: Vec<bool>,
    },
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The person asked to begin: the owner to share, the recipient to download.
    Started,
    /// The signalling socket is open.
    SocketOpened,
    /// The signalling socket closed, or did not open.
    SocketClosed,
    /// The server said something. Signals come opened, as [`Input::SignalReceived`].
    ServerSaid(ServerMessage),
    /// A peer's signal was opened and is authentic.
    SignalReceived {
        /// Who sent it.
        from: PeerId,
        /// What it says.
        signal: Signal,
    },
    /// The description that was asked for is ready and set locally.
    DescriptionReady {
        /// For whom.
        peer: PeerId,
        /// Of which connection.
        lane: u8,
        /// Of which attempt.
        attempt: u32,
        /// RFC 8866.
        sdp: String,
    },
    /// The browser found one more way to be reached.
    CandidateFound {
        /// For whom.
        peer: PeerId,
        /// Of which connection.
        lane: u8,
        /// Of which attempt.
        attempt: u32,
        /// `candidate:` line.
        candidate: String,
        /// Its media section.
        sdp_mid: Option<String>,
    },
    /// All channels of a connection are open.
    LinkOpened {
        /// To whom.
        peer: PeerId,
        /// Which connection.
        lane: u8,
        /// Bytes of the largest message that the remote takes.
        max_message_bytes: u32,
    },
    /// A connection failed or closed.
    LinkClosed {
        /// To whom.
        peer: PeerId,
        /// Of which attempt.
        attempt: u32,
    },
    /// The browser knows how bytes travel.
    PathFound {
        /// To whom.
        peer: PeerId,
        /// How.
        path: PathKind,
    },
    /// A control message came.
    ControlReceived {
        /// From whom.
        peer: PeerId,
        /// The whole message.
        bytes: Vec<u8>,
    },
    /// A block came. The driver holds its payload until it is told what to do with it, in the same drain.
    BlockReceived {
        /// From whom.
        peer: PeerId,
        /// Its place, as its header says; `None` if there is no sound header.
        block: Option<BlockRange>,
    },
    /// Blocks were handed to a channel, or it drained: this many bytes wait in it now.
    Buffered {
        /// To whom.
        peer: PeerId,
        /// Which connection.
        lane: u8,
        /// `bufferedAmount`.
        bytes: u64,
    },
    /// The owner's signature of a record was checked.
    RecordChecked {
        /// Who sent it.
        peer: PeerId,
        /// First piece that it covers.
        first: PieceIndex,
        /// How many.
        count: u32,
        /// Whether the signature is the owner's.
        authentic: bool,
    },
    /// A piece was compared with its record, and stored if it matches.
    PieceChecked {
        /// Which.
        piece: PieceIndex,
        /// Whether it matches.
        matches: bool,
    },
    /// A piece is in memory and can be sent, and a record covers it.
    PieceLoaded {
        /// Which.
        piece: PieceIndex,
        /// First piece of the record.
        record_first: PieceIndex,
        /// Pieces of the record.
        record_count: u32,
    },
    /// A piece cannot be read, because its file changed or vanished.
    PieceUnreadable {
        /// Which.
        piece: PieceIndex,
    },
    /// The store cannot take any more.
    StorageFailed,
    /// The recipient pauses, or the owner stops serving for a while.
    Paused(bool),
    /// The owner sends a recipient away.
    RemovalAsked {
        /// Whom.
        peer: PeerId,
    },
    /// The person gives up, or the page goes.
    Left,
    /// The time of [`Swarm::poll_timeout`] has come.
    Timeout,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Open the signalling socket.
    OpenSocket,
    /// Close the signalling socket.
    CloseSocket,
    /// Send `join` with the tokens that the driver holds.
    Join {
        /// Of the place held before, if any.
        resume_token: Option<ResumeToken>,
        /// How much is here.
        have: Have,
    },
    /// Send this to the server.
    Tell(ClientMessage),
    /// Seal this and send it.
    Signal {
        /// To whom.
        to: PeerId,
        /// What.
        signal: Signal,
    },
    /// Use this for connections made from now on.
    UseIce {
        /// `RTCConfiguration.iceServers`.
        servers: Vec<IceServer>,
        /// Whether candidates travel one by one.
        trickle: bool,
    },
    /// Make a connection and an offer.
    Offer {
        /// To whom.
        peer: PeerId,
        /// Which connection of the link.
        lane: u8,
        /// Which attempt.
        attempt: u32,
    },
    /// Make a connection and an answer to this offer.
    Answer {
        /// To whom.
        peer: PeerId,
        /// Which connection of the link.
        lane: u8,
        /// Which attempt.
        attempt: u32,
        /// The offer.
        sdp: String,
    },
    /// The answer to an offer came.
    AcceptAnswer {
        /// From whom.
        peer: PeerId,
        /// Which connection of the link.
        lane: u8,
        /// The answer.
        sdp: String,
    },
    /// One more way to reach the peer.
    AddCandidate {
        /// From whom.
        peer: PeerId,
        /// Which connection of the link.
        lane: u8,
        /// `candidate:` line.
        candidate: String,
        /// Its media section.
        sdp_mid: Option<String>,
    },
    /// Send a control message.
    SendControl {
        /// To whom.
        peer: PeerId,
        /// What.
        message: PeerMessage,
    },
    /// Send the record that covers a piece.
    SendRecord {
        /// To whom.
        peer: PeerId,
        /// Which piece.
        piece: PieceIndex,
    },
    /// Send a block of a loaded piece, then hand in [`Input::Buffered`].
    SendBlock {
        /// To whom.
        peer: PeerId,
        /// Over which connection.
        lane: u8,
        /// Which bytes.
        block: BlockRange,
    },
    /// Put the block that just came into its piece.
    KeepBlock {
        /// Its place.
        block: BlockRange,
    },
    /// Check the owner's signature of a record; keep the record if it is sound.
    CheckRecord {
        /// Who sent it.
        peer: PeerId,
        /// The record.
        record: PieceRecord,
    },
    /// Compare a piece with its record and store it if it matches.
    CheckPiece {
        /// Which.
        piece: PieceIndex,
    },
    /// Forget the parts of a piece that came so far.
    DiscardPiece {
        /// Which.
        piece: PieceIndex,
    },
    /// Read a piece, sign for it if that was not done, and keep it in memory.
    LoadPiece {
        /// Which.
        piece: PieceIndex,
    },
    /// Drop a piece from memory.
    UnloadPiece {
        /// Which.
        piece: PieceIndex,
    },
    /// End the link to a peer.
    Disconnect {
        /// To whom.
        peer: PeerId,
        /// Why.
        reason: Reason,
    },
    /// Everything wanted is stored: save it.
    Save,
    /// It is over; nothing more will be done.
    Fail(Failure),
}

/// Why a link ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing is left to do.
    Done,
    /// It failed, stalled or did not come about.
    Lost,
    /// The server said so.
    Revoked,
    /// The peer broke the protocol.
    Misbehaved,
    /// The peer sent a piece that the owner did not sign.
    BadPiece,
}

/// Why it is over. Views turn each into a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The owner stopped sharing.
    Stopped,
    /// The room reached its end.
    Expired,
    /// The owner sent this page away.
    Removed,
    /// Another page took this one's place.
    Replaced,
    /// The server does not let this page in.
    Refused,
    /// The room is full.
    Full,
    /// This page is of another version than the server.
    Version,
    /// No connection came about in several attempts.
    Unreachable,
    /// What is sent does not match what the owner signed, again and again.
    Corrupt,
    /// Every file that was wanted changed or vanished on the owner's disk.
    AllGone,
    /// The disk is full or the browser refuses to store more.
    Storage,
}

/// The machine.
#[derive(Debug)]
pub struct Swarm {
    layout: Layout,
    /// What this browser holds, verified.
    have: Bitfield,
    /// What a recipient still needs; `None` for the owner.
    download: Option<Download>,
    upload: Upload,
    peers: BTreeMap<PeerId, RemotePeer>,
    membership: Membership,
    outputs: VecDeque<Output>,
    roster: Vec<RosterEntry>,
    gone_files: BTreeSet<u32>,
    received: Throughput,
    last_attempt: u32,
    failed_attempts: u32,
    bad_pieces: u32,
    waiting: Option<(u32, bool)>,
    started: bool,
    paused: bool,
    complete: bool,
    was_connected: bool,
    failure: Option<Failure>,
    next_progress: Option<Timestamp>,
}

impl Swarm {
    /// Nothing happens before [`Input::Started`].
    pub fn new(config: Config) -> Self {
        let pieces = config.layout.piece_count();
        let (have, download) = match &config.role {
            Role::Owner => (Bitfield::all(pieces), None),
            Role::Recipient { wanted_files } => {
                (Bitfield::none(pieces), Some(Download::new(&config.layout, wanted_files)))
            }
        };
        Self {
            layout: config.layout,
            have,
            download,
            upload: Upload::default(),
            peers: BTreeMap::new(),
            membership: Membership::new(config.rng_seed),
            outputs: VecDeque::new(),
            roster: Vec::new(),
            gone_files: BTreeSet::new(),
            received: Throughput::default(),
            last_attempt: 0,
            failed_attempts: 0,
            bad_pieces: 0,
            waiting: None,
            started: false,
            paused: false,
            complete: false,
            was_connected: false,
            failure: None,
            next_progress: None,
        }
    }

    /// One mutation. Drain [`Self::poll_output`] before the next.
    pub fn handle_input(&mut self, now: Timestamp, input: Input) {
        if self.failure.is_some() {
            return;
        }
        match input {
            Input::Started => self.start(now),
            Input::SocketOpened => self.socket_opened(),
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
            Input::LinkClosed { peer, attempt } => {
                if self.peers.get(&peer).is_some_and(|remote| remote.attempt == attempt) {
                    self.drop_link(now, peer, Reason::Lost);
                }
            }
            Input::PathFound { peer, path } => {
                if let Some(remote) = self.peers.get_mut(&peer) {
                    remote.path = path;
                }
            }
            Input::ControlReceived { peer, bytes } => self.control_received(now, peer, &bytes),
            Input::BlockReceived { peer, block } => self.block_received(now, peer, block),
            Input::Buffered { peer, lane, bytes } => {
                let remote = self.peers.get_mut(&peer);
                if let Some(lane) = remote.and_then(|r| r.lanes.get_mut(usize::from(lane))) {
                    lane.buffered = bytes;
                }
            }
            Input::RecordChecked { peer, first, count, authentic } => {
                self.record_checked(now, peer, first, count, authentic);
            }
            Input::PieceChecked { piece, matches } => self.piece_checked(now, piece, matches),
            Input::PieceLoaded { piece, record_first, record_count } => {
                self.upload.piece_loaded(piece, record_first, record_count);
            }
            Input::PieceUnreadable { piece } => self.piece_unreadable(piece),
            Input::StorageFailed => self.fail(Failure::Storage),
            Input::Paused(paused) => self.set_paused(now, paused),
            Input::RemovalAsked { peer } => self.tell(ClientMessage::Remove { peer }),
            Input::Left => self.leave(),
            Input::Timeout => self.timeout(now),
        }
        if self.failure.is_none() {
            self.request_more(now);
            self.upload.pump(now, &self.layout, &mut self.peers, &mut self.outputs);
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
        [self.membership.timeout(), self.links_timeout(), self.next_progress]
            .into_iter()
            .flatten()
            .min()
    }

    /// What this browser holds, verified.
    pub fn have(&self) -> &Bitfield {
        &self.have
    }

    /// Files that changed or vanished on the owner's disk, by number.
    pub fn gone_files(&self) -> &BTreeSet<u32> {
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
        self.membership.open(&mut self.outputs);
        // A download of empty files is complete before it begins.
        self.finish_if_complete(now);
    }

    fn timeout(&mut self, now: Timestamp) {
        self.membership.handle_timeout(now, &mut self.outputs);
        self.links_time_out(now);
        if self.next_progress.is_some_and(|at| now >= at) {
            self.next_progress = Some(now + PROGRESS_INTERVAL);
            self.tell_progress(now);
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
        for peer in std::mem::take(&mut self.peers).into_keys() {
            self.outputs.push_back(Output::Disconnect { peer, reason: Reason::Done });
        }
        self.membership.leave(&mut self.outputs);
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
