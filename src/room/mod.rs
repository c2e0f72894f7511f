//! What the server decides: who is in a room, who serves whom, what is passed on.
//!
//! One [`Room`] is owned by one driver, which follows the contract of every machine here:
//!
//! 1. [`Room::handle_input`] once, then
//! 2. [`Room::poll_output`] until it answers `None`, executing each output, then
//! 3. wait for the next input, or until [`Room::poll_timeout`], and hand in [`Input::Timeout`].
//!
//! The machine has no clock, socket or randomness. A message that breaks the rules is answered with an error
//! and a closed socket, never with an `Err`. Live state is soft: members that join again rebuild it.

use crate::clock::Timestamp;
use crate::protocol::id::ResumeToken;
use crate::protocol::rooms::Topology;
use crate::protocol::signalling::{ClientMessage, CloseReason, Have, IceServer, ServerMessage};

/// What the operator and the room's owner set.
#[derive(Clone, Debug)]
pub struct Config {
    /// Members at once, the owner included.
    pub max_peers: usize,
    /// Who serves whom.
    pub topology: Topology,
    /// Passed to each member.
    pub ice_servers: Vec<IceServer>,
    /// Passed to each member.
    pub trickle_ice: bool,
}

/// One WebSocket, as the driver numbers them. A member may have several, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A socket's first message was a `join`, and its tokens and ticket were right.
    Joined {
        /// Which socket.
        socket: SocketId,
        /// It proved to be the owner.
        owner: bool,
        /// How much it holds.
        have: Have,
        /// What it showed, if it says that it was here before.
        resume_token: Option<ResumeToken>,
        /// Fresh randomness: its token for next time, if it turns out to be new.
        fresh_token: ResumeToken,
    },
    /// A joined socket sent a message. A second `join` is refused.
    Received {
        /// Which socket.
        socket: SocketId,
        /// What it said.
        message: ClientMessage,
    },
    /// A socket closed, from whichever side.
    Disconnected {
        /// Which socket.
        socket: SocketId,
    },
    /// The room is over.
    Ended {
        /// Why.
        reason: CloseReason,
    },
    /// The time of [`Room::poll_timeout`] has come.
    Timeout,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Queue this for that socket; if its queue is full, close it instead.
    Send {
        /// Which socket.
        socket: SocketId,
        /// What to say.
        message: ServerMessage,
    },
    /// Close this socket once what was queued is sent. Nothing more is heard of it: no `Disconnected` is needed.
    Close {
        /// Which socket.
        socket: SocketId,
    },
}

/// What anyone may know of a room now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauge {
    /// Members with an open socket.
    pub members: u32,
    /// Of those, the ones that hold every piece.
    pub seeds: u32,
}

/// The machine.
#[derive(Debug)]
pub struct Room {
    config: Config,
}

impl Room {
    /// An empty room.
    pub fn new(config: Config) -> Self {
        Self { config }
    }
    /// One mutation.
    pub fn handle_input(&mut self, _now: Timestamp, _input: Input) {}
    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }
    /// When to hand in [`Input::Timeout`].
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        None
    }
    /// What anyone may know.
    pub fn gauge(&self) -> Gauge {
        let _ = &self.config;
        Gauge::default()
    }
    /// Whether nobody is or may come back: the driver may drop it.
    pub fn is_idle(&self) -> bool {
        true
    }
}
