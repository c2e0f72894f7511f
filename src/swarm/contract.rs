//! What a [`super::Swarm`] is told and what it asks for.

use std::time::Duration;

use super::endings::{Failure, Reason};
use crate::membership::farewell::Farewell;
use crate::protocol::id::{PeerId, ResumeToken};
use crate::protocol::peer_wire::{PeerMessage, PieceRecord};
use crate::protocol::piece::{BlockRange, Layout, PieceIndex};
use crate::protocol::signal::Signal;
use crate::protocol::signalling::{ClientMessage, Have, IceServer, PathKind, ServerMessage};

/// What a swarm is made for.
#[derive(Clone, Debug)]
pub struct Config {
    /// The cut of the room's content.
    pub layout: Layout,
    /// What this browser does in the room.
    pub role: Role,
    /// For the spread of attempts to come back, and ties between pieces.
    pub rng_seed: u64,
    /// Whether to serve others; see [`Input::HelpingChosen`].
    pub helps: bool,
}

/// What a browser does in a room.
#[derive(Clone, Debug)]
pub enum Role {
    /// Holds the files on its disk and signs for them.
    Owner,
    /// Fetches some of the files, and passes on what it has.
    Recipient {
        /// Whether it wants each file, by number.
        wanted_files: Vec<bool>,
        /// Pieces that an earlier visit left in the store, verified again.
        have: super::Bitfield,
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
        lane: u16,
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
        lane: u16,
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
        lane: u16,
        /// Bytes of the largest message that the remote takes.
        max_message_bytes: u32,
    },
    /// A connection failed or closed.
    LinkClosed {
        /// To whom.
        peer: PeerId,
        /// Which connection.
        lane: u16,
        /// Of which attempt.
        attempt: u32,
    },
    /// A connection has lost its path; the browser may find another.
    PathLost {
        /// To whom.
        peer: PeerId,
        /// Which connection.
        lane: u16,
        /// Of which attempt.
        attempt: u32,
    },
    /// A connection that had lost its path has one again.
    PathRestored {
        /// To whom.
        peer: PeerId,
        /// Which connection.
        lane: u16,
        /// Of which attempt.
        attempt: u32,
    },
    /// The browser measured a connection's round trip.
    RoundTripMeasured {
        /// To whom.
        peer: PeerId,
        /// As ICE's own checks measure it.
        time: Duration,
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
        lane: u16,
        /// `bufferedAmount`.
        bytes: u64,
    },
    /// All lanes to a peer were measured, as was asked; [`Input::Buffered`] came for each.
    LanesMeasured {
        /// To whom.
        peer: PeerId,
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
    /// A piece cannot be read: an owner's file changed or vanished, or a recipient's store lost what was in it.
    PieceUnreadable {
        /// Which.
        piece: PieceIndex,
    },
    /// The store cannot take any more.
    StorageFailed,
    /// The recipient pauses, or the owner stops serving for a while.
    Paused(bool),
    /// A player reads these pieces next, soonest first. None: nothing is played now.
    PlaybackMoved {
        /// Each once.
        pieces: Vec<PieceIndex>,
    },
    /// The person serves others, or does not any more: then whoever is served looks elsewhere.
    HelpingChosen(bool),
    /// The person limits what this browser sends and receives, or does not any more.
    Capped(super::status::Caps),
    /// The owner sends a recipient away.
    RemovalAsked {
        /// Whom.
        peer: PeerId,
    },
    /// The browser refused something of a connection, which is why none comes about, should none come about.
    BrowserRefused(Failure),
    /// The person gives up, or the page goes.
    Left,
    /// The time of [`super::Swarm::poll_timeout`] has come.
    Timeout,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Open the signalling socket.
    OpenSocket,
    /// Close the signalling socket.
    CloseSocket,
    /// Hand the signalling socket over to this, which goes on after the machine is gone.
    Leave(Farewell),
    /// Send `join` with the tokens that the driver holds.
    Join {
        /// Of the place held before, if any.
        resume_token: Option<ResumeToken>,
        /// How much is here.
        have: Have,
        /// Leeches served at once.
        slots: u8,
        /// Whom it fetches from over links that still stand.
        providers: Vec<PeerId>,
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
        lane: u16,
        /// Which attempt.
        attempt: u32,
    },
    /// Make a connection and an answer to this offer.
    Answer {
        /// To whom.
        peer: PeerId,
        /// Which connection of the link.
        lane: u16,
        /// Which attempt.
        attempt: u32,
        /// The offer.
        sdp: String,
    },
    /// Look for another path within this connection, and make an offer of it.
    RestartIce {
        /// To whom.
        peer: PeerId,
        /// Which connection of the link.
        lane: u16,
    },
    /// Answer this offer within the connection that there is.
    AnswerRestart {
        /// To whom.
        peer: PeerId,
        /// Which connection of the link.
        lane: u16,
        /// The offer.
        sdp: String,
    },
    /// The answer to an offer came.
    AcceptAnswer {
        /// From whom.
        peer: PeerId,
        /// Which connection of the link.
        lane: u16,
        /// The answer.
        sdp: String,
    },
    /// One more way to reach the peer.
    AddCandidate {
        /// From whom.
        peer: PeerId,
        /// Which connection of the link.
        lane: u16,
        /// `candidate:` line.
        candidate: String,
        /// Its media section.
        sdp_mid: Option<String>,
    },
    /// Measure this connection's round trip; [`Input::RoundTripMeasured`] follows, if the browser knows it.
    MeasureRoundTrip {
        /// To whom.
        peer: PeerId,
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
        lane: u16,
        /// Which bytes.
        block: BlockRange,
    },
    /// Tell when no more than this waits in a connection's blocks channel; [`Input::Buffered`] follows each time.
    SetLowWater {
        /// To whom.
        peer: PeerId,
        /// Which connection.
        lane: u16,
        /// `bufferedAmountLowThreshold`.
        bytes: u32,
    },
    /// Hand in [`Input::Buffered`] for each connection to a peer, and then [`Input::LanesMeasured`].
    MeasureLanes {
        /// To whom.
        peer: PeerId,
    },
    /// Close one connection of a link that goes on.
    CloseLane {
        /// To whom.
        peer: PeerId,
        /// Which connection.
        lane: u16,
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
