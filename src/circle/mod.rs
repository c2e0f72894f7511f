//! What a page decides in a circle: whom it plays to, whom it listens to, whose clock it follows.
//!
//! Its driver follows the contract of every machine here: [`Circle::handle_input`] once, [`Circle::poll_output`] until
//! `None`, then wait for the next input or [`Circle::poll_timeout`]. What a hostile member sends never becomes an `Err`.
//! See [`crate::protocol::circle`] for the exchange.
//!
//! | module | decides |
//! |---|---|
//! | `contract` | nothing: the words in which it is spoken to |
//! | `broadcast`, `listening` | the two sides of a broadcast |
//! | `together`, `clock_sync` | one place in one file for everyone, by the host's clock |
//! | `rates` | how a limit of speed is divided between listeners and those who fetch |
//! | `description` | which session descriptions are ours, and how music is asked for |

mod broadcast;
mod catch_up;
mod clock_sync;
mod contract;
mod description;
mod listening;
pub mod rates;
#[cfg(test)]
mod tests;
mod together;

use std::collections::VecDeque;

use crate::clock::Timestamp;
use crate::membership::{Membership, SocketAct};
use crate::protocol::circle::{CircleRoster, CircleSignal};
use crate::protocol::id::PeerId;
use crate::protocol::signalling::{ClientMessage, CloseReason, ErrorCode, ServerMessage, Welcome};
use crate::random::Random;
use crate::swarm::Failure;

pub use contract::{CirclePhase, CircleStatus, Input, Output, Part, Played, Steering};
pub use description::{Direction, MediaDescriptionError, ask_for_music, inspect_media};

use broadcast::Broadcast;
use listening::Listening;
use together::Together;

/// What a part keeps.
#[derive(Debug)]
enum State {
    Broadcast(Broadcast),
    Listen(Listening),
    Together(Box<Together>),
}

/// What every part knows and uses.
#[derive(Debug, Default)]
struct Common {
    me: Option<PeerId>,
    roster: CircleRoster,
    outputs: VecDeque<Output>,
}

impl Common {
    fn signal(&mut self, to: PeerId, signal: CircleSignal) {
        self.outputs.push_back(Output::Signal { to, signal });
    }

    fn hosts(&self) -> bool {
        self.me.is_some() && self.roster.host == self.me
    }
}

/// The machine.
#[derive(Debug)]
pub struct Circle {
    part: Part,
    state: State,
    common: Common,
    membership: Membership,
    random: Random,
    failure: Option<Failure>,
}

impl Circle {
    /// A page that has not come yet.
    pub fn new(part: Part, rng_seed: u64) -> Self {
        let state = match part {
            Part::Broadcast { seats } => State::Broadcast(Broadcast::new(seats)),
            Part::Listen => State::Listen(Listening::default()),
            Part::Together => State::Together(Box::default()),
        };
        Self {
            part,
            state,
            common: Common::default(),
            membership: Membership::default(),
            random: Random::new(rng_seed),
            failure: None,
        }
    }

    /// One mutation. Drain [`Self::poll_output`] before the next.
    pub fn handle_input(&mut self, now: Timestamp, input: Input) {
        match input {
            Input::Started if self.membership.is_outside() && self.failure.is_none() => {
                let act = self.membership.open(now);
                self.act_on_socket([act]);
            }
            Input::Started => {}
            Input::SocketOpened => {
                if self.membership.opened() {
                    let (resume_token, kind) = (self.membership.resume_token(), self.part.kind());
                    self.common.outputs.push_back(Output::Join { resume_token, kind });
                }
            }
            Input::SocketClosed => self.membership.lost(now, &mut self.random),
            Input::ServerSaid(message) => self.server_said(now, message),
            Input::Left => self.leave(),
            Input::RemovalAsked { peer } => {
                if let State::Broadcast(part) = &mut self.state {
                    part.remove(&mut self.common, peer);
                }
                self.tell(ClientMessage::Remove { peer });
            }
            Input::Timeout => {
                let act = self.membership.handle_timeout(now, &mut self.random);
                self.act_on_socket(act);
                self.part_handles(now, Input::Timeout);
            }
            input => self.part_handles(now, input),
        }
    }

    /// The next thing to do; `None` when all is done.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.common.outputs.pop_front()
    }

    /// When to hand in [`Input::Timeout`], if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let part = match &self.state {
            State::Broadcast(part) => part.timeout(),
            State::Listen(part) => part.timeout(),
            State::Together(part) => part.timeout(&self.common),
        };
        [self.membership.timeout(), part].into_iter().flatten().min()
    }

    /// How it goes.
    pub fn status(&self) -> CircleStatus {
        let common = &self.common;
        let mut present: Vec<PeerId> = common.roster.host.into_iter().collect();
        present.extend_from_slice(&common.roster.members);
        let part = match &self.state {
            State::Broadcast(part) => part.phase(),
            State::Listen(part) => part.phase(common),
            State::Together(part) => part.phase(common),
        };
        // A connection that stands is heard whether the server is there or not.
        let phase = match part {
            CirclePhase::Hearing => part,
            _ if self.membership.is_outside() => CirclePhase::Outside,
            _ if common.me.is_none() || !self.membership.is_joined() => CirclePhase::Joining,
            part => part,
        };
        let on_air = match &self.state {
            State::Broadcast(part) => part.on_air().cloned(),
            State::Listen(part) => part.on_air().cloned(),
            State::Together(_) => None,
        };
        CircleStatus {
            phase,
            hosts: common.hosts(),
            me: common.me,
            host: common.roster.host,
            present,
            waiting: common.roster.waiting,
            on_air,
            failure: self.failure,
        }
    }

    fn part_handles(&mut self, now: Timestamp, input: Input) {
        let common = &mut self.common;
        match &mut self.state {
            State::Broadcast(part) => part.handle(now, common, input),
            State::Listen(part) => part.handle(now, common, input),
            State::Together(part) => part.handle(now, common, input),
        }
    }

    fn server_said(&mut self, now: Timestamp, message: ServerMessage) {
        if self.membership.is_outside() {
            return;
        }
        self.membership.heard(now);
        match message {
            ServerMessage::Welcome(welcome) => self.welcomed(now, welcome),
            ServerMessage::Circle(roster) => {
                self.common.roster = roster;
                let common = &mut self.common;
                match &mut self.state {
                    State::Broadcast(part) => part.roster_changed(now, common),
                    State::Listen(part) => part.roster_changed(now, common),
                    State::Together(part) => part.roster_changed(now, common),
                }
            }
            ServerMessage::Revoked { peer } => {
                if let State::Broadcast(part) = &mut self.state {
                    part.remove(&mut self.common, peer);
                }
            }
            ServerMessage::Closed { reason } => self.is_dismissed(match reason {
                CloseReason::Stopped => Failure::Stopped,
                CloseReason::Expired => Failure::Expired,
                CloseReason::Removed => Failure::Removed,
                CloseReason::Replaced => Failure::Replaced,
            }),
            ServerMessage::Error { code, .. } => match code {
                ErrorCode::Version => self.is_dismissed(Failure::Version),
                ErrorCode::Full => self.is_dismissed(Failure::Full),
                ErrorCode::NotFound => self.is_dismissed(Failure::Stopped),
                ErrorCode::Forbidden => self.is_dismissed(Failure::Refused),
                // The socket closes, and the page comes back later.
                ErrorCode::Malformed | ErrorCode::TooFast | ErrorCode::Unavailable => {}
            },
            // The rest is for those who exchange files.
            _ => {}
        }
    }

    fn welcomed(&mut self, now: Timestamp, welcome: Welcome) {
        self.membership.welcomed(now, welcome.resume_token);
        if !welcome.resumed {
            // Names may mean others now.
            self.forget_others();
        }
        self.common.me = Some(welcome.peer_id);
        if let State::Broadcast(part) = &mut self.state {
            part.welcomed();
        }
        let ice = Output::UseIce { servers: welcome.ice_servers, trickle: welcome.trickle_ice };
        self.common.outputs.push_back(ice);
        if let Part::Broadcast { seats } = self.part {
            self.tell(ClientMessage::Seats { count: seats });
        }
    }

    fn forget_others(&mut self) {
        self.common.roster = CircleRoster::default();
        match &mut self.state {
            State::Broadcast(part) => part.forget_others(&mut self.common),
            State::Listen(part) => part.forget_others(&mut self.common),
            State::Together(part) => part.forget_others(&mut self.common),
        }
    }

    fn leave(&mut self) {
        self.forget_others();
        // A socket that drops gives its place up.
        self.common.outputs.extend(self.membership.leave(false).map(Output::Leave));
    }

    /// The server has no place for this page, or not any more.
    fn is_dismissed(&mut self, failure: Failure) {
        let act = self.membership.dismissed();
        self.act_on_socket(act);
        self.failure = Some(failure);
        self.leave();
    }

    fn tell(&mut self, message: ClientMessage) {
        if self.membership.is_joined() {
            self.common.outputs.push_back(Output::Tell(message));
        }
    }

    fn act_on_socket(&mut self, acts: impl IntoIterator<Item = SocketAct>) {
        self.common.outputs.extend(acts.into_iter().map(|act| match act {
            SocketAct::Open => Output::OpenSocket,
            SocketAct::Close => Output::CloseSocket,
            SocketAct::Ping => Output::Tell(ClientMessage::Ping),
        }));
    }
}
