//! The loop around one [`Swarm`]: what happens in the browser goes in, what is decided is done.

mod lanes;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use js_sys::Uint8Array;
use litemap::LiteMap;

use super::crypto::LinkSecrets;
use super::listener::Listener;
use super::negotiation::IceSettings;
use super::peer_connection::PeerConnection;
use super::signalling::{Signalling, SignallingEvent};
use super::timer::{Timer, now};
use crate::clock::Timestamp;
use crate::protocol::id::{OwnerToken, PageId, PeerId, RoomId};
use crate::protocol::limits::PROTOCOL_VERSION;
use crate::protocol::peer_wire::{PeerMessage, PieceRecord};
use crate::protocol::piece::{BlockRange, PieceIndex};
use crate::protocol::signal::Signal;
use crate::protocol::signalling::{ClientMessage, Join};
use crate::swarm::{Input, Output, Swarm};

/// Least time between two reports to the page, in milliseconds.
const REPORT_INTERVAL_MS: f64 = 250.0;

/// Where content comes from and goes to. The owner's reads and signs; the recipient's keeps, and reads back what it
/// kept. What a side never does it need not know.
pub trait Content {
    /// Reads a piece; [`Input::PieceLoaded`] or [`Input::PieceUnreadable`] follows.
    fn load(&self, _piece: PieceIndex) {}
    /// Drops a loaded piece.
    fn unload(&self, _piece: PieceIndex) {}
    /// A part of a loaded piece.
    fn bytes(&self, _block: &BlockRange) -> Option<Uint8Array> {
        None
    }
    /// The record that covers a piece.
    fn record(&self, _piece: PieceIndex) -> Option<Rc<PieceRecord>> {
        None
    }
    /// Puts a block into its piece.
    fn keep(&self, _block: &BlockRange, _payload: &Uint8Array) {}
    /// Checks a record; [`Input::RecordChecked`] follows.
    fn check_record(&self, _peer: PeerId, _record: PieceRecord) {}
    /// Compares and stores a piece; [`Input::PieceChecked`] follows.
    fn check_piece(&self, _piece: PieceIndex) {}
    /// Forgets the parts of a piece.
    fn discard(&self, _piece: PieceIndex) {}
    /// Saves what was wanted.
    fn save(&self, _gone_files: &[u32]) {}
}

/// What a driver needs to enter a room.
#[derive(Clone)]
pub struct Access {
    /// Which.
    pub room_id: RoomId,
    /// What follows from the link.
    pub secrets: LinkSecrets,
    /// For the owner.
    pub owner_token: Option<OwnerToken>,
    /// For everyone else: what ties this page's sockets together.
    pub page: Option<PageId>,
}

struct Link {
    attempt: u32,
    lanes: LiteMap<u16, PeerConnection>,
}

struct State {
    swarm: Swarm,
    links: LiteMap<PeerId, Link>,
    ice: IceSettings,
    timer: Timer,
    reported: f64,
    /// Whether it was complete, and whether it had failed, in the last report.
    reported_end: (bool, bool),
}

/// Told after a change, at most four times a second.
type OnChange = dyn Fn(&Swarm, Timestamp);

struct Inner {
    access: Access,
    content: Box<dyn Content>,
    on_change: Box<OnChange>,
    inbox: RefCell<VecDeque<Input>>,
    running: Cell<bool>,
    signalling: Signalling<Signal>,
    /// The payload of the block that is being handled.
    arrived: RefCell<Option<Uint8Array>>,
    state: RefCell<State>,
}

/// A way to hand inputs in, that does not keep the driver alive.
#[derive(Clone)]
pub struct Inbox(Weak<Inner>);

impl Inbox {
    /// Hands an input in; it is handled before this returns, unless another is being handled.
    pub fn post(&self, input: Input) {
        if let Some(inner) = self.0.upgrade() {
            inner.post(input);
        }
    }
}

/// A running swarm; dropping it leaves the room and closes everything.
pub struct SwarmDriver {
    inner: Rc<Inner>,
    _listeners: Option<[Listener; 2]>,
}

impl SwarmDriver {
    /// A driver that has done nothing yet: hand [`Input::Started`] in.
    pub fn new(
        swarm: Swarm,
        access: Access,
        content: impl FnOnce(Inbox) -> Box<dyn Content>,
        on_change: impl Fn(&Swarm, Timestamp) + 'static,
    ) -> Self {
        let inner = Rc::new_cyclic(|weak: &Weak<Inner>| {
            let inbox = Inbox(weak.clone());
            let waker = inbox.clone();
            let hearer = inbox.clone();
            let key = &access.secrets.signalling;
            let signalling = Signalling::new(access.room_id, key, move |event| {
                hearer.post(match event {
                    SignallingEvent::Opened => Input::SocketOpened,
                    SignallingEvent::Said(message) => Input::ServerSaid(*message),
                    SignallingEvent::Signalled { from, signal } => {
                        Input::SignalReceived { from, signal }
                    }
                    SignallingEvent::Closed => Input::SocketClosed,
                });
            });
            let state = State {
                swarm,
                links: LiteMap::new(),
                ice: IceSettings::default(),
                timer: Timer::new(move || waker.post(Input::Timeout)),
                reported: f64::NEG_INFINITY,
                reported_end: (false, false),
            };
            Inner {
                access,
                content: content(inbox),
                on_change: Box::new(on_change),
                inbox: RefCell::default(),
                running: Cell::new(false),
                signalling,
                arrived: RefCell::default(),
                state: RefCell::new(state),
            }
        });
        let listeners = web_sys::window().map(|window| {
            let (leaver, finder) = (inner.inbox(), inner.inbox());
            // A page that goes tells the others at once, instead of letting them wait for its silence.
            let leave = move |_: web_sys::Event| leaver.post(Input::Left);
            let back = move |_: web_sys::Event| {
                if let Some(inner) = finder.0.upgrade() {
                    inner.network_is_back();
                }
            };
            [Listener::new(&window, "pagehide", leave), Listener::new(&window, "online", back)]
        });
        Self { inner, _listeners: listeners }
    }

    /// Hands an input in.
    pub fn post(&self, input: Input) {
        self.inner.post(input);
    }
}

impl Drop for SwarmDriver {
    fn drop(&mut self) {
        self.inner.post(Input::Left);
    }
}

impl Inner {
    fn inbox(self: &Rc<Self>) -> Inbox {
        Inbox(Rc::downgrade(self))
    }

    fn post(self: &Rc<Self>, input: Input) {
        self.inbox.borrow_mut().push_back(input);
        if self.running.replace(true) {
            return;
        }
        loop {
            let Some(input) = self.inbox.borrow_mut().pop_front() else { break };
            self.handle(input);
        }
        self.running.set(false);
        self.rest();
    }

    fn handle(self: &Rc<Self>, input: Input) {
        let mut sent = Vec::new();
        self.state.borrow_mut().swarm.handle_input(now(), input);
        loop {
            let Some(output) = self.state.borrow_mut().swarm.poll_output() else { break };
            if let Output::SendBlock { peer, lane, .. } = &output
                && !sent.contains(&(*peer, *lane))
            {
                sent.push((*peer, *lane));
            }
            self.execute(output);
        }
        self.arrived.borrow_mut().take();
        for (peer, lane) in sent {
            self.measure(peer, lane);
        }
    }

    /// Reports to the page, if it is time for that, and sets the timer.
    fn rest(&self) {
        let mut state = self.state.borrow_mut();
        let now = now();
        let millis = now.since_start().as_secs_f64() * 1000.0;
        let end = (state.swarm.is_settled(), state.swarm.failure().is_some());
        let next_report = state.reported + REPORT_INTERVAL_MS - millis;
        let reports = end != state.reported_end || next_report <= 0.0;
        if reports {
            (state.reported, state.reported_end) = (millis, end);
            (self.on_change)(&state.swarm, now);
        }
        let at = state.swarm.poll_timeout();
        let wait = at.map(|at| at.saturating_since(now).as_secs_f64() * 1000.0);
        // What changed last is told as well, though nothing may ever happen again.
        let wait = [wait, (!reports).then_some(next_report)].into_iter().flatten().reduce(f64::min);
        match wait {
            Some(millis) => state.timer.set(millis),
            None => state.timer.clear(),
        }
    }

    fn execute(self: &Rc<Self>, output: Output) {
        match output {
            Output::OpenSocket => self.signalling.open(),
            Output::CloseSocket => self.signalling.close(),
            Output::Leave(farewell) => {
                self.signalling.part(farewell, self.access.secrets.join_token);
            }
            Output::Join { resume_token, have, slots, providers } => {
                self.signalling.tell(&ClientMessage::Join(Join {
                    version: PROTOCOL_VERSION,
                    join_token: self.access.secrets.join_token,
                    owner_token: self.access.owner_token,
                    resume_token,
                    have,
                    slots,
                    providers,
                    circle: None,
                    page: self.access.page,
                }));
            }
            Output::Tell(message) => self.signalling.tell(&message),
            Output::Signal { to, signal } => self.signalling.send(to, signal),
            Output::UseIce { servers, trickle } => {
                self.state.borrow_mut().ice = IceSettings { servers, trickle };
            }
            Output::Offer { peer, lane, attempt } => {
                self.connect(peer, lane, attempt, PeerConnection::offer);
            }
            Output::Answer { peer, lane, attempt, sdp } => {
                self.connect(peer, lane, attempt, |connection| connection.answer(&sdp));
            }
            Output::RestartIce { peer, lane } => {
                self.on_lane(peer, lane, PeerConnection::restart_ice);
            }
            Output::AnswerRestart { peer, lane, sdp } => {
                self.on_lane(peer, lane, |connection| connection.answer(&sdp));
            }
            Output::MeasureRoundTrip { peer } => {
                self.on_lane(peer, 0, PeerConnection::look_at_path)
            }
            Output::AcceptAnswer { peer, lane, sdp } => {
                self.on_lane(peer, lane, |connection| connection.accept_answer(&sdp));
            }
            Output::AddCandidate { peer, lane, candidate, sdp_mid } => {
                self.on_lane(peer, lane, |c| c.add_candidate(&candidate, sdp_mid.as_deref()));
            }
            Output::SendControl { peer, message } => self.send_control(peer, &message),
            Output::SendRecord { peer, piece } => {
                if let Some(record) = self.content.record(piece) {
                    self.send_control(peer, &PeerMessage::Record((*record).clone()));
                }
            }
            Output::SendBlock { peer, lane, block } => self.send_block(peer, lane, &block),
            Output::SetLowWater { peer, lane, bytes } => {
                self.on_lane(peer, lane, |connection| connection.set_low_water(bytes));
            }
            Output::MeasureLanes { peer } => self.measure_lanes(peer),
            Output::CloseLane { peer, lane } => {
                if let Some(link) = self.state.borrow_mut().links.get_mut(&peer) {
                    link.lanes.remove(&lane);
                }
            }
            Output::KeepBlock { block } => {
                if let Some(payload) = self.arrived.borrow_mut().take() {
                    self.content.keep(&block, &payload);
                }
            }
            Output::CheckRecord { peer, record } => self.content.check_record(peer, record),
            Output::CheckPiece { piece } => self.content.check_piece(piece),
            Output::DiscardPiece { piece } => self.content.discard(piece),
            Output::LoadPiece { piece } => self.content.load(piece),
            Output::UnloadPiece { piece } => self.content.unload(piece),
            Output::Disconnect { peer, .. } => {
                self.state.borrow_mut().links.remove(&peer);
            }
            Output::Save => {
                let gone = self.state.borrow().swarm.gone_files().to_vec();
                self.content.save(&gone);
            }
            // The report that follows says so.
            Output::Fail(_) => {}
        }
    }
}
