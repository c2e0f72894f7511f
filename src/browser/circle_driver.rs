//! The loop around one [`Circle`]: what happens in the browser goes in, what is decided is done.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use litemap::LiteMap;
use web_sys::MediaStream;

use super::crypto::random;
use super::error::Error;
use super::listener::Listener;
use super::live_connection::{LiveConnection, LiveEvent, Tracks};
use super::negotiation::{IceSettings, Negotiated};
use super::signalling::{Signalling, SignallingEvent};
use super::swarm_driver::Access;
use super::timer::{Timer, now};
use crate::circle::rates::Rates;
use crate::circle::{Circle, CircleStatus, Input, Output, Part, Played, Steering};
use crate::protocol::circle::{CircleKind, CircleSignal};
use crate::protocol::id::{PeerId, ResumeToken};
use crate::protocol::limits::PROTOCOL_VERSION;
use crate::protocol::signalling::{ClientMessage, Have, Join};

/// The page around a circle: its player, and whoever shows how it goes. What a part never does it need not know.
pub trait Company {
    /// What the page's player does now.
    fn observe(&self) -> Option<Played> {
        None
    }
    /// Has the page's player do something.
    fn steer(&self, _steering: Steering) {}
    /// What is broadcast, or that nothing comes any more.
    fn hear(&self, _stream: Option<MediaStream>) {}
    /// How it goes.
    fn changed(&self, status: CircleStatus);
}

struct State {
    circle: Circle,
    connections: LiteMap<PeerId, LiveConnection>,
    ice: IceSettings,
    tracks: Tracks,
    rates: Rates,
    timer: Timer,
    told: Option<CircleStatus>,
}

struct Inner {
    access: Access,
    company: Box<dyn Company>,
    inbox: RefCell<VecDeque<Input>>,
    running: Cell<bool>,
    signalling: Signalling<CircleSignal>,
    state: RefCell<State>,
}

/// A running circle; dropping it leaves and closes everything.
pub struct CircleDriver {
    inner: Rc<Inner>,
    _listener: Option<Listener>,
}

impl CircleDriver {
    /// Takes part from now on.
    ///
    /// # Errors
    /// The browser has no randomness.
    pub fn start(
        part: Part,
        access: Access,
        company: impl Company + 'static,
    ) -> Result<Self, Error> {
        let rng_seed = u64::from_ne_bytes(random()?);
        let inner = Rc::new_cyclic(|weak: &Weak<Inner>| {
            let (hearer, waker) = (weak.clone(), weak.clone());
            let key = &access.secrets.circle;
            let signalling = Signalling::new(access.room_id, key, move |event| {
                let input = match event {
                    SignallingEvent::Opened => Input::SocketOpened,
                    SignallingEvent::Said(message) => Input::ServerSaid(*message),
                    SignallingEvent::Signalled { from, signal } => {
                        Input::SignalReceived { from, signal }
                    }
                    SignallingEvent::Closed => Input::SocketClosed,
                };
                post(&hearer, input);
            });
            let state = State {
                circle: Circle::new(part, rng_seed),
                connections: LiteMap::new(),
                ice: IceSettings::default(),
                tracks: Tracks::default(),
                rates: Rates::default(),
                timer: Timer::new(move || post(&waker, Input::Timeout)),
                told: None,
            };
            Inner {
                access,
                company: Box::new(company),
                inbox: RefCell::default(),
                running: Cell::new(false),
                signalling,
                state: RefCell::new(state),
            }
        });
        let leaver = Rc::downgrade(&inner);
        let leave = move |_: web_sys::Event| post(&leaver, Input::Left);
        let listener = web_sys::window().map(|window| Listener::new(&window, "pagehide", leave));
        inner.post(Input::Started);
        Ok(Self { inner, _listener: listener })
    }

    /// Hands an input in.
    pub fn post(&self, input: Input) {
        self.inner.post(input);
    }

    /// Hands in what the page's player does.
    pub fn observe(&self) {
        self.inner.post(Input::Played(self.inner.company.observe()));
    }

    /// What a host plays from now on.
    pub fn set_tracks(&self, tracks: Tracks) {
        let mut state = self.inner.state.borrow_mut();
        for connection in state.connections.values() {
            connection.set_tracks(&tracks);
        }
        state.tracks = tracks;
    }

    /// What a host sends each listener at most, from now on.
    pub fn set_rates(&self, rates: Rates) {
        let mut state = self.inner.state.borrow_mut();
        for connection in state.connections.values() {
            connection.set_rates(rates);
        }
        state.rates = rates;
    }
}

impl Drop for CircleDriver {
    fn drop(&mut self) {
        self.inner.post(Input::Left);
    }
}

fn post(inner: &Weak<Inner>, input: Input) {
    if let Some(inner) = inner.upgrade() {
        inner.post(input);
    }
}

impl Inner {
    fn post(self: &Rc<Self>, input: Input) {
        self.inbox.borrow_mut().push_back(input);
        if self.running.replace(true) {
            return;
        }
        loop {
            let Some(input) = self.inbox.borrow_mut().pop_front() else { break };
            self.state.borrow_mut().circle.handle_input(now(), input);
            loop {
                let Some(output) = self.state.borrow_mut().circle.poll_output() else { break };
                self.execute(output);
            }
        }
        self.running.set(false);
        self.rest();
    }

    /// Sets the timer, and tells how it goes if that is another than before.
    fn rest(&self) {
        let news = {
            let mut state = self.state.borrow_mut();
            match state.circle.poll_timeout() {
                Some(at) => {
                    let wait = at.saturating_since(now()).as_secs_f64() * 1000.0;
                    state.timer.set(wait);
                }
                None => state.timer.clear(),
            }
            let status = state.circle.status();
            let is_news = state.told.as_ref() != Some(&status);
            is_news.then(|| {
                state.told = Some(status.clone());
                status
            })
        };
        if let Some(status) = news {
            self.company.changed(status);
        }
    }

    fn execute(self: &Rc<Self>, output: Output) {
        match output {
            Output::OpenSocket => self.signalling.open(),
            Output::CloseSocket => self.signalling.close(),
            Output::Leave(farewell) => {
                self.signalling.part(farewell, self.access.secrets.join_token);
            }
            Output::Join { resume_token, kind } => self.join(resume_token, kind),
            Output::Tell(message) => self.signalling.tell(&message),
            Output::Signal { to, signal } => self.signalling.send(to, signal),
            Output::UseIce { servers, trickle } => {
                self.state.borrow_mut().ice = IceSettings { servers, trickle };
            }
            Output::Offer { peer, attempt } => {
                self.connect(peer, attempt, |connection, _| connection.ask());
            }
            Output::Answer { peer, attempt, sdp } => {
                self.connect(peer, attempt, |connection, tracks| connection.answer(&sdp, tracks));
            }
            Output::AcceptAnswer { peer, sdp } => {
                self.on_connection(peer, |connection| connection.accept_answer(&sdp));
            }
            Output::AddCandidate { peer, candidate, sdp_mid } => {
                self.on_connection(peer, |c| c.add_candidate(&candidate, sdp_mid.as_deref()));
            }
            Output::Disconnect { peer } => {
                self.state.borrow_mut().connections.remove(&peer);
                self.company.hear(None);
            }
            Output::ObservePlayer => {
                self.inbox.borrow_mut().push_back(Input::Played(self.company.observe()));
            }
            Output::Steer(steering) => self.company.steer(steering),
        }
    }

    fn join(&self, resume_token: Option<ResumeToken>, kind: CircleKind) {
        self.signalling.tell(&ClientMessage::Join(Join {
            version: PROTOCOL_VERSION,
            join_token: self.access.secrets.join_token,
            owner_token: self.access.owner_token,
            resume_token,
            have: Have::None,
            slots: 0,
            providers: Vec::new(),
            circle: Some(kind),
            page: self.access.page,
        }));
    }

    fn connect(
        self: &Rc<Self>,
        peer: PeerId,
        attempt: u32,
        begin: impl FnOnce(&LiveConnection, &Tracks),
    ) {
        let weak = Rc::downgrade(self);
        let on_event = move |event| {
            let Some(inner) = weak.upgrade() else { return };
            inner.post(match event {
                LiveEvent::Negotiated(Negotiated::Description(sdp)) => {
                    Input::DescriptionReady { peer, attempt, sdp }
                }
                LiveEvent::Negotiated(Negotiated::Candidate { candidate, sdp_mid }) => {
                    Input::CandidateFound { peer, attempt, candidate, sdp_mid }
                }
                LiveEvent::Connected => Input::Connected { peer, attempt },
                LiveEvent::Negotiated(Negotiated::Refused) | LiveEvent::Closed => {
                    Input::ConnectionClosed { peer, attempt }
                }
                LiveEvent::Heard(stream) => {
                    inner.company.hear(Some(stream));
                    return;
                }
            });
        };
        let mut state = self.state.borrow_mut();
        match LiveConnection::new(&state.ice, on_event) {
            Ok(connection) => {
                connection.set_rates(state.rates);
                begin(&connection, &state.tracks);
                state.connections.insert(peer, connection);
            }
            Err(_) => {
                let closed = Input::ConnectionClosed { peer, attempt };
                self.inbox.borrow_mut().push_back(closed);
            }
        }
    }

    fn on_connection(&self, peer: PeerId, act: impl FnOnce(&LiveConnection)) {
        if let Some(connection) = self.state.borrow().connections.get(&peer) {
            act(connection);
        }
    }
}
