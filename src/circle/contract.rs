//! What a [`super::Circle`] is told and what it asks for.

use std::time::Duration;

use crate::membership::farewell::Farewell;
use crate::protocol::circle::{CircleKind, CircleSignal, OnAir};
use crate::protocol::id::{PeerId, ResumeToken};
use crate::protocol::signalling::{ClientMessage, IceServer, ServerMessage};
use crate::swarm::Failure;

/// What a page does in its circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The owner's page: what it plays goes to everyone who listens live.
    Broadcast {
        /// Listeners at once; none if this browser cannot broadcast.
        seats: u8,
    },
    /// Listens live.
    Listen,
    /// Plays its own copy along with the others.
    Together,
}

impl Part {
    /// The kind of circle that has this part.
    pub const fn kind(self) -> CircleKind {
        match self {
            Self::Broadcast { .. } | Self::Listen => CircleKind::Live,
            Self::Together => CircleKind::Together,
        }
    }
}

/// What a page's player does now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Played {
    /// The file's number in the manifest.
    pub file: u32,
    /// It plays, or would if it could.
    pub playing: bool,
    /// It would play but waits for content, or for a seek to end.
    pub waiting: bool,
    /// From the file's start.
    pub position: Duration,
    /// Per cent of the normal speed, as its person set it.
    pub speed: u16,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The person asked to take part.
    Started,
    /// The socket is open.
    SocketOpened,
    /// The socket closed, or did not open.
    SocketClosed,
    /// The server said something. Signals come opened, as [`Input::SignalReceived`].
    ServerSaid(ServerMessage),
    /// A member's signal was opened and is authentic.
    SignalReceived {
        /// Who sent it.
        from: PeerId,
        /// What it says.
        signal: CircleSignal,
    },
    /// The description that was asked for is ready and set locally.
    DescriptionReady {
        /// For whom.
        peer: PeerId,
        /// Of which attempt.
        attempt: u32,
        /// RFC 8866.
        sdp: String,
    },
    /// The browser found one more way to be reached.
    CandidateFound {
        /// For whom.
        peer: PeerId,
        /// Of which attempt.
        attempt: u32,
        /// `candidate:` line.
        candidate: String,
        /// Its media section.
        sdp_mid: Option<String>,
    },
    /// A connection came about.
    Connected {
        /// To whom.
        peer: PeerId,
        /// Of which attempt.
        attempt: u32,
    },
    /// A connection failed or closed.
    ConnectionClosed {
        /// To whom.
        peer: PeerId,
        /// Of which attempt.
        attempt: u32,
    },
    /// What the owner's player plays for all; nothing once it is put away.
    AirChanged(Option<OnAir>),
    /// What this page's player does, as was asked; nothing while there is none.
    Played(Option<Played>),
    /// The host sends a listener away.
    RemovalAsked {
        /// Whom.
        peer: PeerId,
    },
    /// The person goes, or the page does.
    Left,
    /// The time of [`super::Circle::poll_timeout`] has come.
    Timeout,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Open the socket.
    OpenSocket,
    /// Close the socket.
    CloseSocket,
    /// Hand the socket over to this, which goes on after the machine is gone.
    Leave(Farewell),
    /// Send `join` for this kind of circle, with the tokens that the driver holds.
    Join {
        /// Of the place held before, if any.
        resume_token: Option<ResumeToken>,
        /// Which circle.
        kind: CircleKind,
    },
    /// Send this to the server.
    Tell(ClientMessage),
    /// Seal this and send it.
    Signal {
        /// To whom.
        to: PeerId,
        /// What.
        signal: CircleSignal,
    },
    /// Use this for connections made from now on.
    UseIce {
        /// `RTCConfiguration.iceServers`.
        servers: Vec<IceServer>,
        /// Whether candidates travel one by one.
        trickle: bool,
    },
    /// Make a connection that receives sound and picture, and an offer.
    Offer {
        /// To whom.
        peer: PeerId,
        /// Which attempt.
        attempt: u32,
    },
    /// Make a connection that sends what is played, and an answer to this offer. One that there was is over.
    Answer {
        /// To whom.
        peer: PeerId,
        /// Which attempt.
        attempt: u32,
        /// The offer.
        sdp: String,
    },
    /// The answer to the offer came.
    AcceptAnswer {
        /// From whom.
        peer: PeerId,
        /// The answer.
        sdp: String,
    },
    /// One more way to reach the other.
    AddCandidate {
        /// From whom.
        peer: PeerId,
        /// `candidate:` line.
        candidate: String,
        /// Its media section.
        sdp_mid: Option<String>,
    },
    /// End the connection, if there is one.
    Disconnect {
        /// To whom.
        peer: PeerId,
    },
    /// Hand in [`Input::Played`].
    ObservePlayer,
    /// Have the player do this.
    Steer(Steering),
}

/// What a follower's player is to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Steering {
    /// Open this file there.
    Open {
        /// Its number in the manifest.
        file: u32,
        /// From its start.
        position: Duration,
    },
    /// Play.
    Play,
    /// Stop for a while.
    Pause,
    /// Go there.
    SeekTo(Duration),
    /// Thousandths of the normal speed, to catch up or fall back unheard.
    Rate(u16),
}

/// How it goes, for the page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CircleStatus {
    /// What the page is doing in it.
    pub phase: CirclePhase,
    /// Whether this page plays for the others.
    pub hosts: bool,
    /// This page's name.
    pub me: Option<PeerId>,
    /// Who plays for all, if anyone does.
    pub host: Option<PeerId>,
    /// Everyone that has a place, the host first.
    pub present: Vec<PeerId>,
    /// How many stand in line for a place.
    pub waiting: u32,
    /// What is broadcast.
    pub on_air: Option<OnAir>,
    /// It is over, and why.
    pub failure: Option<Failure>,
}

/// What a page is doing in its circle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CirclePhase {
    /// Takes no part.
    #[default]
    Outside,
    /// Joining, or coming back.
    Joining,
    /// All places are taken, and so many come first.
    InLine(u32),
    /// In it, and nothing is played.
    Quiet,
    /// Something is played, and the connection to it is made.
    Tuning,
    /// Hears it, plays it along, or is the one that plays.
    Hearing,
}
