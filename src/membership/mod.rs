//! A page's place with the server: one socket, opened again when it is lost, and doubted when it is silent. How a page
//! goes is in [`farewell`].

pub mod farewell;

use std::time::Duration;

use crate::clock::Timestamp;
use crate::protocol::id::ResumeToken;
use crate::random::Random;
use farewell::Farewell;

/// First pause before the socket is opened again.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// Silence after which the server is asked whether it is there.
const QUIET: Duration = Duration::from_secs(25);
/// Time for its answer. Without one the socket is given up, whatever the browser thinks of it.
const PONG_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a socket to open and for `welcome`.
const JOIN_TIMEOUT: Duration = Duration::from_secs(15);
/// The same after a socket that was given up for want of it. A machine with too much to do would otherwise begin again and
/// again what it could have finished, and have the more to do for it. Both together are less than a place is kept.
const LATER_JOIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Where the page stands with the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// No socket is wanted.
    #[default]
    Outside,
    /// The socket is being opened, or, once `join` was said, `welcome` is awaited; no longer than until then.
    Joining { until: Timestamp, said: bool },
    /// `welcome` came. The server is asked whether it is there then.
    Joined { quiet: Timestamp },
    /// It was asked, and has until then to say anything.
    Doubted { until: Timestamp },
    /// The socket was lost; open it again then.
    Away { until: Timestamp },
}

/// What is to be done with the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketAct {
    /// Open it.
    Open,
    /// Close it.
    Close,
    /// Say `ping`.
    Ping,
}

/// A page's place in a room, or in a circle.
#[derive(Clone, Debug, Default)]
pub struct Membership {
    state: State,
    resume_token: Option<ResumeToken>,
    failures: u32,
    /// A socket was given up before `welcome` came, and none was welcomed since.
    was_late: bool,
}

impl Membership {
    /// Whether a socket is being opened.
    pub fn is_joining(&self) -> bool {
        matches!(self.state, State::Joining { .. })
    }

    /// Whether no socket is wanted.
    pub fn is_outside(&self) -> bool {
        self.state == State::Outside
    }

    /// Of the place held before, if any.
    pub fn resume_token(&self) -> Option<ResumeToken> {
        self.resume_token
    }

    /// Whether the server can be told something.
    pub fn is_joined(&self) -> bool {
        matches!(self.state, State::Joined { .. } | State::Doubted { .. })
    }

    /// Whether the socket was lost and is to be opened again.
    pub fn is_away(&self) -> bool {
        matches!(self.state, State::Away { .. })
            || (matches!(self.state, State::Joining { .. }) && self.failures > 0)
    }

    /// Opens the socket.
    pub fn open(&mut self, now: Timestamp) -> SocketAct {
        let patience = if self.was_late { LATER_JOIN_TIMEOUT } else { JOIN_TIMEOUT };
        self.state = State::Joining { until: now + patience, said: false };
        SocketAct::Open
    }

    /// The socket is open. Tells whether `join` is to be said: not by a page that left meanwhile.
    pub fn opened(&mut self) -> bool {
        let State::Joining { said, .. } = &mut self.state else { return false };
        *said = true;
        true
    }

    /// When to look again.
    pub fn timeout(&self) -> Option<Timestamp> {
        match self.state {
            State::Outside => None,
            State::Joined { quiet } => Some(quiet),
            State::Joining { until, .. } | State::Doubted { until } | State::Away { until } => {
                Some(until)
            }
        }
    }

    /// Opens the socket again if it is time, and gives up one that nothing comes from.
    pub fn handle_timeout(&mut self, now: Timestamp, random: &mut Random) -> Option<SocketAct> {
        match self.state {
            State::Away { until } if now >= until => Some(self.open(now)),
            State::Joined { quiet } if now >= quiet => self.doubt(now),
            State::Joining { until, .. } | State::Doubted { until } if now >= until => {
                self.was_late |= self.is_joining();
                self.lost(now, random);
                Some(SocketAct::Close)
            }
            _ => None,
        }
    }

    /// Asks whether the server is there, when something else is lost: it may be the network.
    pub fn doubt(&mut self, now: Timestamp) -> Option<SocketAct> {
        matches!(self.state, State::Joined { .. }).then(|| {
            self.state = State::Doubted { until: now + PONG_TIMEOUT };
            SocketAct::Ping
        })
    }

    /// The server said something.
    pub fn heard(&mut self, now: Timestamp) {
        if self.is_joined() {
            self.state = State::Joined { quiet: now + QUIET };
        }
    }

    /// Leaves for good. What is still to be said, if anything is; the socket belongs to the farewell then.
    ///
    /// `keeps_place`: the server keeps the place of one whose socket dropped, so it has to be told even if that takes
    /// another socket.
    pub fn leave(&mut self, keeps_place: bool) -> Option<Farewell> {
        let token = self.resume_token.take().filter(|_| keeps_place);
        match std::mem::take(&mut self.state) {
            State::Outside => None,
            State::Joined { .. } | State::Doubted { .. } | State::Joining { said: true, .. } => {
                Some(Farewell::on_open_socket(token))
            }
            State::Joining { said: false, .. } => Some(Farewell::on_opening_socket(token)),
            State::Away { .. } => token.map(Farewell::without_socket),
        }
    }

    /// The server said that this page has no place, or that there is none any more: nothing is left to say.
    pub fn dismissed(&mut self) -> Option<SocketAct> {
        self.resume_token = None;
        (std::mem::take(&mut self.state) != State::Outside).then_some(SocketAct::Close)
    }

    /// The socket closed, or did not open: it is opened again after a while.
    pub fn lost(&mut self, now: Timestamp, random: &mut Random) {
        if self.state == State::Outside {
            return;
        }
        // Full jitter: everyone that one server lost comes back at another moment.
        let longest = (FIRST_PAUSE * 2_u32.pow(self.failures.min(10))).min(LONGEST_PAUSE);
        self.failures += 1;
        let pause = longest.mul_f64(random.fraction());
        self.state = State::Away { until: now + pause };
    }

    /// The server took this page in.
    pub fn welcomed(&mut self, now: Timestamp, resume_token: ResumeToken) {
        self.state = State::Joined { quiet: now + QUIET };
        self.resume_token = Some(resume_token);
        self.failures = 0;
        self.was_late = false;
    }
}
