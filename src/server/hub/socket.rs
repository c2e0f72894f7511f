//! One WebSocket: from its first message to its last.
//!
//! Nothing about the room is decided here. The task checks that what arrives is a message at all, that whoever
//! joins may, that nobody talks too fast, and that the other side is still alive.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::room_driver::{Event, Outbox};
use super::{Door, Hub, Seat};
use crate::protocol::id::{PeerId, RoomId};
use crate::protocol::limits::{
    JOIN_TIMEOUT, PING_INTERVAL, PROTOCOL_VERSION, SOCKET_BURST, SOCKET_MESSAGES_PER_SECOND,
    SOCKET_OUTBOX,
};
use crate::protocol::signalling::{
    ClientMessage, CloseReason, ErrorCode, Join, MalformedMessage, ServerMessage,
    parse_client_message,
};
use crate::room::{NetworkId, SocketId};
use crate::server::client_address::ClientAddress;
use crate::server::random_bytes;
use crate::server::rooms::{Admission, Credentials, Refusal, RoomError, Rooms};

/// Time for one message to leave. A socket that takes longer is stuck.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the other side to answer a close. Hanging up earlier could lose the last message.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Pings in a row that may stay unanswered.
const MAX_UNANSWERED_PINGS: u32 = 2;

/// What the request that opened a socket said.
#[derive(Debug)]
pub struct Greeting {
    /// Which room.
    pub room_id: RoomId,
    /// The ticket among its cookies.
    pub ticket: Option<String>,
    /// Where it came from.
    pub client: ClientAddress,
    /// Its place, which it holds until it ends.
    pub seat: Seat,
}

/// Why a socket ends: the last word, if there is anyone to hear it.
enum Ending {
    /// The other side is gone, or does not answer.
    Gone,
    /// The other side closes, and is answered: a page that left knows by that that it was heard.
    Closed,
    /// Everything was said.
    Done,
    /// This, and then close.
    Word(ServerMessage, u16),
}

impl Ending {
    fn error(code: ErrorCode, sentence: &str, close: u16) -> Self {
        Self::Word(ServerMessage::Error { code, message: sentence.into() }, close)
    }

    fn malformed(sentence: &str) -> Self {
        Self::error(ErrorCode::Malformed, sentence, close_code::POLICY)
    }

    fn too_long() -> Self {
        Self::error(ErrorCode::Malformed, "The message is too long.", close_code::SIZE)
    }

    fn stopping() -> Self {
        let sentence = "The server is stopping. Try again soon.";
        Self::error(ErrorCode::Unavailable, sentence, close_code::AWAY)
    }

    fn refused(refusal: Refusal) -> Self {
        let closed = |reason| Self::Word(ServerMessage::Closed { reason }, close_code::NORMAL);
        match refusal {
            Refusal::Room(RoomError::Closed) => closed(CloseReason::Stopped),
            Refusal::Room(RoomError::Expired) => closed(CloseReason::Expired),
            Refusal::Room(error @ RoomError::NotFound) => {
                Self::error(ErrorCode::NotFound, &error.sentence(), close_code::POLICY)
            }
            Refusal::Room(error) => {
                Self::error(ErrorCode::Unavailable, &error.sentence(), close_code::AGAIN)
            }
            Refusal::Forbidden => {
                let sentence = "This link does not open this room, or its password is missing.";
                Self::error(ErrorCode::Forbidden, sentence, close_code::POLICY)
            }
        }
    }
}

impl From<MalformedMessage> for Ending {
    fn from(error: MalformedMessage) -> Self {
        match error {
            MalformedMessage::TooLong => Self::too_long(),
            MalformedMessage::NotAMessage => {
                Self::malformed("This is not a message that the server understands.")
            }
        }
    }
}

/// Serves one socket until it ends, and counts it among the hub's.
pub fn serve(
    hub: Hub,
    rooms: Rooms,
    socket: WebSocket,
    greeting: Greeting,
) -> impl Future<Output = ()> + Send {
    let tracker = hub.0.sockets.clone();
    tracker.track_future(async move {
        let mut connection = Connection::new(socket, hub);
        let Err(ending) = connection.attend(&rooms, &greeting).await;
        connection.end(ending).await;
    })
}

struct Connection {
    socket: WebSocket,
    hub: Hub,
    stopping: CancellationToken,
    /// Cancelled by the room when the outbox overflows.
    cut: CancellationToken,
    allowance: Allowance,
    unanswered_pings: u32,
}

impl Connection {
    fn new(socket: WebSocket, hub: Hub) -> Self {
        let stopping = hub.0.stopping.clone();
        Self {
            socket,
            hub,
            stopping,
            cut: CancellationToken::new(),
            allowance: Allowance::new(),
            unanswered_pings: 0,
        }
    }

    /// Always ends; the way is in the error, so that `?` works.
    async fn attend(
        &mut self,
        rooms: &Rooms,
        greeting: &Greeting,
    ) -> Result<std::convert::Infallible, Ending> {
        let join = self.first_message().await?;
        let shown = Credentials {
            join_token: &join.join_token,
            owner_token: join.owner_token.as_ref(),
            ticket: greeting.ticket.as_deref(),
        };
        let room_id = greeting.room_id;
        let Admission { topology, .. } =
            rooms.admit(room_id, shown).await.map_err(Ending::refused)?;
        let door = self.hub.enter(room_id, topology);
        // Once more, now that the end of the room would reach this door: it may have ended in between.
        let Admission { owner, .. } = rooms.admit(room_id, shown).await.map_err(Ending::refused)?;
        let socket = self.hub.next_socket();
        let network = self.hub.0.config.resume_tokens.network(&room_id, greeting.client);
        let ending = self.take_part(&door, socket, join, owner, network).await;
        let _ = door.send(Event::Disconnected { socket }).await;
        Err(ending)
    }

    async fn first_message(&mut self) -> Result<Join, Ending> {
        let stopping = self.stopping.clone();
        let deadline = Instant::now() + JOIN_TIMEOUT;
        let text = tokio::select! {
            () = stopping.cancelled() => return Err(Ending::stopping()),
            text = timeout_at(deadline, self.next_text()) => match text {
                Ok(text) => text?,
                Err(_) => return Err(Ending::malformed("Nothing was said for too long.")),
            },
        };
        match parse_client_message(&text) {
            Ok(ClientMessage::Join(join)) if join.version == PROTOCOL_VERSION => Ok(join),
            // Another version's join may well not parse, and its page has to learn why.
            _ if stated_version(&text).is_some_and(|version| version != PROTOCOL_VERSION) => {
                let sentence = "This page is of another version than the server. Reload it.";
                Err(Ending::error(ErrorCode::Version, sentence, close_code::POLICY))
            }
            Ok(_) => Err(Ending::malformed("The first message has to be a join.")),
            Err(error) => Err(Ending::from(error)),
        }
    }

    /// From `welcome` on.
    async fn take_part(
        &mut self,
        door: &Door,
        socket: SocketId,
        join: Join,
        owner: bool,
        network: NetworkId,
    ) -> Ending {
        let Ok(name) = random_bytes() else {
            let sentence = "The server cannot take anyone in right now. Try again soon.";
            return Ending::error(ErrorCode::Unavailable, sentence, close_code::AGAIN);
        };
        let (messages, mut outbox) = mpsc::channel(SOCKET_OUTBOX);
        let joined = Event::Joined {
            door: door.clone(),
            socket,
            join: Box::new(join),
            owner,
            // The room takes the next free name, should this one be taken or zero.
            fresh_peer: PeerId(u32::from_be_bytes(name)),
            network,
            outbox: Outbox { messages, cut: self.cut.clone() },
        };
        if door.send(joined).await.is_err() {
            return Ending::stopping();
        }
        let stopping = self.stopping.clone();
        let mut ping = tokio::time::interval(PING_INTERVAL);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.reset();
        loop {
            let step = tokio::select! {
                () = stopping.cancelled() => Err(Ending::stopping()),
                message = outbox.recv() => match message {
                    Some(message) => self.send(&message).await,
                    None if self.cut.is_cancelled() => Err(Ending::Gone),
                    None => Err(Ending::Done),
                },
                text = self.next_text() => match text {
                    Ok(text) => pass_on(door, socket, &text).await,
                    Err(ending) => Err(ending),
                },
                _ = ping.tick() => self.ping().await,
            };
            if let Err(ending) = step {
                return ending;
            }
        }
    }

    /// The next text message. Cancel safe: nothing is taken from the socket that is not answered.
    async fn next_text(&mut self) -> Result<axum::extract::ws::Utf8Bytes, Ending> {
        loop {
            let message = match self.socket.recv().await {
                Some(Ok(message)) => message,
                Some(Err(error)) => return Err(ending_of(&error)),
                None => return Err(Ending::Gone),
            };
            self.unanswered_pings = 0;
            if !self.allowance.take() {
                let sentence = "That was too many messages in too short a time.";
                return Err(Ending::error(ErrorCode::TooFast, sentence, close_code::POLICY));
            }
            match message {
                Message::Text(text) => return Ok(text),
                Message::Binary(_) => return Err(Ending::malformed("Only text is taken here.")),
                Message::Close(_) => return Err(Ending::Closed),
                Message::Ping(_) | Message::Pong(_) => {}
            }
        }
    }

    async fn ping(&mut self) -> Result<(), Ending> {
        if self.unanswered_pings >= MAX_UNANSWERED_PINGS {
            return Err(Ending::Gone);
        }
        self.unanswered_pings += 1;
        self.write(Message::Ping(axum::body::Bytes::new())).await
    }

    async fn send(&mut self, message: &ServerMessage) -> Result<(), Ending> {
        match serde_json::to_string(message) {
            Ok(text) => self.write(Message::Text(text.into())).await,
            Err(error) => {
                tracing::error!(%error, "a message cannot be written as JSON");
                Err(Ending::Gone)
            }
        }
    }

    async fn write(&mut self, message: Message) -> Result<(), Ending> {
        tokio::select! {
            () = self.cut.cancelled() => Err(Ending::Gone),
            sent = timeout(WRITE_TIMEOUT, self.socket.send(message)) => match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) | Err(_) => Err(Ending::Gone),
            },
        }
    }

    async fn end(mut self, ending: Ending) {
        let code = match ending {
            Ending::Gone => return,
            Ending::Closed => {
                self.until_closed().await;
                return;
            }
            Ending::Done => close_code::NORMAL,
            Ending::Word(message, code) => {
                if self.send(&message).await.is_err() {
                    return;
                }
                code
            }
        };
        let frame = CloseFrame { code, reason: axum::extract::ws::Utf8Bytes::default() };
        if self.write(Message::Close(Some(frame))).await.is_ok() {
            self.until_closed().await;
        }
    }

    /// Reads until both sides have closed, which also sends the answer to the other side's close.
    async fn until_closed(&mut self) {
        let until_closed = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        let _ = timeout(CLOSE_TIMEOUT, until_closed).await;
    }
}

async fn pass_on(door: &Door, socket: SocketId, text: &str) -> Result<(), Ending> {
    let message = parse_client_message(text)?;
    let received = Event::Received { socket, message };
    door.send(received).await.map_err(|_| Ending::Done)
}

/// The version that a join of any version states.
fn stated_version(text: &str) -> Option<u32> {
    #[derive(serde::Deserialize)]
    struct Stated {
        version: u32,
    }
    #[derive(serde::Deserialize)]
    struct First {
        join: Stated,
    }
    serde_json::from_str::<First>(text).ok().map(|first| first.join.version)
}

fn ending_of(error: &axum::Error) -> Ending {
    // axum keeps tungstenite's error inside; what it is shows only in its words.
    let text = error.to_string();
    if text.contains("too long") || text.contains("too large") {
        Ending::too_long()
    } else {
        Ending::Gone
    }
}

/// A token bucket for one socket's messages, pings and pongs included.
struct Allowance {
    tokens: f64,
    filled: Instant,
}

impl Allowance {
    fn new() -> Self {
        Self { tokens: f64::from(SOCKET_BURST), filled: Instant::now() }
    }

    fn take(&mut self) -> bool {
        let now = Instant::now();
        let earned = now.duration_since(self.filled).as_secs_f64();
        self.filled = now;
        self.tokens = (self.tokens + earned * f64::from(SOCKET_MESSAGES_PER_SECOND))
            .min(f64::from(SOCKET_BURST));
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}
