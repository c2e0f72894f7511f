//! How a page goes, so that its place is free at once.
//!
//! `leave` can get lost: the socket may have just closed, may be closing, may not be open yet, or may lead nowhere any
//! more. The server then keeps the place for someone who never comes back. So a page that goes counts as gone only when
//! its socket was closed in order by both sides, because the server reads what came before. Otherwise it comes back with
//! its resume token for no other reason than to say it again.
//!
//! The machine follows the contract of all of them: an input, then [`Farewell::poll_act`] until it answers `None`, then
//! wait until [`Farewell::timeout`].

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::protocol::id::ResumeToken;
use crate::protocol::limits::REJOIN_GRACE;

/// Time for a socket to open.
const OPEN_TIMEOUT: Duration = Duration::from_secs(15);
/// Time for the server to close its end. Browsers wait longer for one that is not there.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause before the second try; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// What is to be done, in this order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FarewellAct {
    /// Open a socket in place of any other.
    Open,
    /// Say `join` with this token, which takes the place up again.
    Join(ResumeToken),
    /// Say `leave`.
    Leave,
    /// Close the socket in order, and tell how it closed.
    Close,
    /// Let go of the socket; what it still tells does not count.
    Abandon,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Not begun; `leave` can be said at once.
    Saying,
    /// Not begun; the page's socket is being opened.
    Waiting,
    /// Not begun; there is no socket.
    Alone,
    /// The socket is being opened, no longer than until then.
    Opening { until: Timestamp },
    /// `leave` was said and the socket is being closed, no longer than until then.
    Closing { until: Timestamp },
    /// It was lost on the way; again then.
    Pausing { until: Timestamp },
    /// Nothing more to do.
    Over,
}

/// The last words of a page to the server.
#[derive(Clone, Debug, PartialEq)]
pub struct Farewell {
    state: State,
    /// Without one there is no coming back to say it again.
    token: Option<ResumeToken>,
    /// The server gives the place up by itself then.
    ends: Timestamp,
    losses: u32,
    /// Another socket of this page, an earlier one that arrived late, took the place while this was said.
    taken_over: bool,
    acts: VecDeque<FarewellAct>,
}

impl Farewell {
    fn new(state: State, token: Option<ResumeToken>) -> Self {
        Self {
            state,
            token,
            ends: Timestamp::ZERO,
            losses: 0,
            taken_over: false,
            acts: VecDeque::new(),
        }
    }

    /// Of a page whose socket is open as far as it knows, and that said `join` there.
    pub fn on_open_socket(token: Option<ResumeToken>) -> Self {
        Self::new(State::Saying, token)
    }

    /// Of a page whose socket is being opened. Nothing needs saying unless it had a place before.
    pub fn on_opening_socket(token: Option<ResumeToken>) -> Self {
        Self::new(State::Waiting, token)
    }

    /// Of a page that lost its socket and has not opened another.
    pub fn without_socket(token: ResumeToken) -> Self {
        Self::new(State::Alone, Some(token))
    }

    /// Takes the page's socket over, if there is one. Before anything else, and once.
    pub fn begin(&mut self, now: Timestamp) {
        self.ends = now + REJOIN_GRACE;
        match (self.state, self.token) {
            (State::Saying, _) => self.say(now),
            (State::Waiting, Some(_)) => {
                self.state = State::Opening { until: now + OPEN_TIMEOUT };
            }
            (State::Waiting, None) => {
                self.acts.push_back(FarewellAct::Abandon);
                self.state = State::Over;
            }
            (State::Alone, _) => self.open(now),
            _ => {}
        }
    }

    /// The next thing to do; `None` when all is done.
    pub fn poll_act(&mut self) -> Option<FarewellAct> {
        self.acts.pop_front()
    }

    /// When to call [`Farewell::handle_timeout`].
    pub fn timeout(&self) -> Option<Timestamp> {
        match self.state {
            State::Opening { until } | State::Closing { until } | State::Pausing { until } => {
                Some(until)
            }
            State::Saying | State::Waiting | State::Alone | State::Over => None,
        }
    }

    /// Whether nothing more is to be done or waited for.
    pub fn is_over(&self) -> bool {
        self.state == State::Over && self.acts.is_empty()
    }

    /// The socket is open.
    pub fn opened(&mut self, now: Timestamp) {
        if let (State::Opening { .. }, Some(token)) = (self.state, self.token) {
            self.acts.push_back(FarewellAct::Join(token));
            self.say(now);
        }
    }

    /// The server said that another socket took the place. Whatever was said over this one may not have counted. The
    /// time plays no part; it is here because every input brings it.
    pub fn taken_over(&mut self, _now: Timestamp) {
        self.taken_over = true;
    }

    /// The socket closed. `in_order`: both sides closed it, and the server had nothing against what it heard.
    pub fn closed(&mut self, now: Timestamp, in_order: bool) {
        match self.state {
            State::Closing { .. } if in_order && !self.taken_over => self.state = State::Over,
            State::Opening { .. } | State::Closing { .. } => self.lost(now),
            _ => {}
        }
    }

    /// The time has come.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        match self.state {
            State::Opening { until } | State::Closing { until } if now >= until => {
                self.acts.push_back(FarewellAct::Abandon);
                self.lost(now);
            }
            State::Pausing { until } if now >= until => self.open(now),
            _ => {}
        }
    }

    fn say(&mut self, now: Timestamp) {
        self.acts.extend([FarewellAct::Leave, FarewellAct::Close]);
        self.state = State::Closing { until: now + CLOSE_TIMEOUT };
    }

    fn open(&mut self, now: Timestamp) {
        self.taken_over = false;
        self.acts.push_back(FarewellAct::Open);
        self.state = State::Opening { until: now + OPEN_TIMEOUT };
    }

    fn lost(&mut self, now: Timestamp) {
        let pause = FIRST_PAUSE * 2_u32.pow(self.losses.min(10));
        self.losses += 1;
        let until = now + pause;
        self.state = match self.token {
            Some(_) if until < self.ends => State::Pausing { until },
            _ => State::Over,
        };
    }
}
