//! What a [`super::Room`] is told and what it asks for.

use crate::protocol::circle::CircleKind;
use crate::protocol::id::{PageId, PeerId};
use crate::protocol::rooms::Topology;
use crate::protocol::signalling::{ClientMessage, CloseReason, Have, ServerMessage};

/// What the operator and the room's owner set.
#[derive(Clone, Debug)]
pub struct Config {
    /// Members at once, the owner included.
    pub max_peers: usize,
    /// Who serves whom.
    pub topology: Topology,
}

/// One WebSocket, as the driver numbers them. A member may have several, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// Alike for members behind one public address; tells nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkId(pub u64);

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
        /// How many leeches it serves at once.
        slots: u8,
        /// Whom it was, as its resume token proves. This room may know nothing of it, after a restart.
        resumed: Option<PeerId>,
        /// Whom it fetches from over links that still stand.
        providers: Vec<PeerId>,
        /// A random name, for a member that is new.
        fresh_peer: PeerId,
        /// What stands for its network: alike for members behind one public address.
        network: NetworkId,
        /// Joins this circle instead of the exchange. What it holds, serves and fetches counts for nothing then.
        circle: Option<CircleKind>,
        /// Alike for the sockets of one page, as it says.
        page: Option<PageId>,
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
    /// The time of [`super::Room::poll_timeout`] has come.
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
    /// Queue a `welcome` to this member, with a resume token for its name.
    Welcome {
        /// Which socket.
        socket: SocketId,
        /// Its name.
        peer: PeerId,
        /// Whether it was known, or proved who it was.
        resumed: bool,
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
    /// Members of the exchange with an open socket.
    pub members: u32,
    /// Of those, the ones that hold every piece.
    pub seeds: u32,
    /// For how many at once the owner broadcasts, if it is here for that. None are none: its browser cannot.
    pub broadcast: Option<u8>,
}
