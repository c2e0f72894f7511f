//! The loop that drives one [`Room`].
//!
//! The task owns the machine, so there is no lock around it. It never waits for a socket: an outbox that is full
//! costs that socket its place, and the rest hear of it at once.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Config, Door};
use crate::clock::Timestamp;
use crate::protocol::id::{PeerId, RoomId};
use crate::protocol::rooms::Topology;
use crate::protocol::signalling::{ClientMessage, CloseReason, Join, ServerMessage, Welcome};
use crate::room::{self, Gauge, Input, NetworkId, Output, Room, SocketId};

/// What reaches a room task.
#[derive(Debug)]
pub(super) enum Event {
    /// A socket may join.
    Joined {
        /// A door of its own, which keeps the task going while the machine is not idle.
        door: Door,
        /// Which socket.
        socket: SocketId,
        /// What it said of itself; its tokens were checked.
        join: Box<Join>,
        /// It proved to be the owner.
        owner: bool,
        /// A random name, should it be new.
        fresh_peer: PeerId,
        /// What stands for its network.
        network: NetworkId,
        /// Where to answer. Dropping it closes the socket once everything in it is sent.
        outbox: Outbox,
    },
    /// A joined socket sent a message.
    Received { socket: SocketId, message: ClientMessage },
    /// A joined socket is gone.
    Disconnected { socket: SocketId },
    /// The room is over.
    Ended(CloseReason),
}

/// Messages on their way to one socket.
#[derive(Debug)]
pub(super) struct Outbox {
    /// Bounded.
    pub(super) messages: mpsc::Sender<ServerMessage>,
    /// Ends the socket at once, even in the middle of a write that does not move.
    pub(super) cut: CancellationToken,
}

/// A socket that has joined.
struct Joined {
    outbox: Outbox,
    owner: bool,
}

/// The task's state.
pub(super) struct RoomDriver {
    room_id: RoomId,
    topology: Topology,
    config: Arc<Config>,
    room: Room,
    inbox: mpsc::Receiver<Event>,
    gauge: watch::Sender<Gauge>,
    outboxes: HashMap<SocketId, Joined>,
    /// Held while the machine is not idle: a room waiting for members to come back must stay findable.
    keep_alive: Option<Door>,
    /// The room is over. Whoever was on the way in when it ended is told as well.
    ended: Option<CloseReason>,
    started: Instant,
}

impl RoomDriver {
    pub(super) fn new(
        room_id: RoomId,
        topology: Topology,
        config: Arc<Config>,
        inbox: mpsc::Receiver<Event>,
        gauge: watch::Sender<Gauge>,
    ) -> Self {
        Self {
            room: Room::new(room::Config { max_peers: config.max_peers, topology }),
            room_id,
            topology,
            config,
            inbox,
            gauge,
            outboxes: HashMap::new(),
            keep_alive: None,
            ended: None,
            started: Instant::now(),
        }
    }

    /// Runs until the machine is idle and nobody holds a door.
    pub(super) async fn run(mut self) {
        loop {
            let deadline = self.room.poll_timeout().map(|at| self.started + at.since_start());
            let input = tokio::select! {
                event = self.inbox.recv() => match event {
                    Some(event) => self.input_of(event),
                    None => return,
                },
                () = sleep_until(deadline) => Input::Timeout,
            };
            let joined = matches!(input, Input::Joined { .. });
            self.drive(input);
            if let (true, Some(reason)) = (joined, self.ended) {
                self.drive(Input::Ended { reason });
            }
            if self.room.is_idle() {
                self.keep_alive = None;
            }
        }
    }

    fn input_of(&mut self, event: Event) -> Input {
        match event {
            Event::Joined { door, socket, join, owner, fresh_peer, network, outbox } => {
                self.keep_alive.get_or_insert(door);
                self.outboxes.insert(socket, Joined { outbox, owner });
                let Join { have, slots, resume_token, providers, circle, page, .. } = *join;
                let tokens = &self.config.resume_tokens;
                let resumed =
                    resume_token.and_then(|token| tokens.verified(&self.room_id, owner, &token));
                Input::Joined {
                    socket,
                    owner,
                    have,
                    slots,
                    resumed,
                    providers,
                    fresh_peer,
                    network,
                    circle,
                    page,
                }
            }
            Event::Received { socket, message } => Input::Received { socket, message },
            Event::Disconnected { socket } => {
                self.outboxes.remove(&socket);
                Input::Disconnected { socket }
            }
            Event::Ended(reason) => {
                self.ended = Some(reason);
                Input::Ended { reason }
            }
        }
    }

    /// One mutation, then every output, then the sockets that could not keep up, each as its own input.
    fn drive(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let now = Timestamp::new(self.started.elapsed());
            self.room.handle_input(now, input);
            while let Some(output) = self.room.poll_output() {
                if let Some(socket) = self.execute(output) {
                    inputs.push(Input::Disconnected { socket });
                }
            }
        }
        let gauge = self.room.gauge();
        self.gauge.send_if_modified(|shown| std::mem::replace(shown, gauge) != gauge);
    }

    /// Answers the socket that has to go because its outbox is full.
    fn execute(&mut self, output: Output) -> Option<SocketId> {
        match output {
            Output::Send { socket, message } => self.queue(socket, message),
            Output::Welcome { socket, peer, resumed } => {
                let owner = self.outboxes.get(&socket)?.owner;
                let welcome = Welcome {
                    peer_id: peer,
                    resume_token: self.config.resume_tokens.issue(&self.room_id, owner, peer),
                    resumed,
                    ice_servers: self.config.ice_servers.clone(),
                    trickle_ice: self.config.trickle_ice,
                    topology: self.topology,
                };
                self.queue(socket, ServerMessage::Welcome(welcome))
            }
            Output::Close { socket } => {
                self.outboxes.remove(&socket);
                None
            }
        }
    }

    /// Answers the socket if its outbox is full.
    fn queue(&mut self, socket: SocketId, message: ServerMessage) -> Option<SocketId> {
        if self.outboxes.get(&socket)?.outbox.messages.try_send(message).is_ok() {
            return None;
        }
        self.outboxes.remove(&socket)?.outbox.cut.cancel();
        Some(socket)
    }
}

/// Never, without a deadline.
async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::id::JoinToken;
    use crate::protocol::limits::PROTOCOL_VERSION;
    use crate::protocol::signal::SealedSignal;
    use crate::protocol::signalling::Have;
    use crate::server::hub::ResumeTokens;

    struct Socket {
        id: SocketId,
        outbox: mpsc::Receiver<ServerMessage>,
        cut: CancellationToken,
    }

    impl Socket {
        /// What is in the outbox until it is dropped or silent.
        async fn heard(&mut self) -> Vec<ServerMessage> {
            let mut heard = Vec::new();
            let quiet = std::time::Duration::from_millis(50);
            while let Ok(Some(message)) = tokio::time::timeout(quiet, self.outbox.recv()).await {
                heard.push(message);
            }
            heard
        }
    }

    fn room() -> (Door, watch::Receiver<Gauge>, tokio::task::JoinHandle<()>) {
        let config = Config {
            max_peers: 8,
            ice_servers: Vec::new(),
            trickle_ice: true,
            resume_tokens: ResumeTokens::new(&[7; 32]).unwrap(),
            max_sockets: 100,
            max_sockets_per_client: 100,
        };
        let (door, inbox) = mpsc::channel(64);
        let (gauge_tx, gauge) = watch::channel(Gauge::default());
        let room_id = RoomId::from_bytes([1; 12]);
        let driver = RoomDriver::new(room_id, Topology::Direct, Arc::new(config), inbox, gauge_tx);
        (door, gauge, tokio::spawn(driver.run()))
    }

    async fn join(door: &Door, id: u64, owner: bool, capacity: usize) -> Socket {
        let (messages, outbox) = mpsc::channel(capacity);
        let cut = CancellationToken::new();
        let join = Join {
            version: PROTOCOL_VERSION,
            join_token: JoinToken::from_bytes([0; 32]),
            owner_token: None,
            resume_token: None,
            have: if owner { Have::All } else { Have::None },
            slots: 4,
            providers: Vec::new(),
            circle: None,
            page: None,
        };
        let outbox_tx = Outbox { messages, cut: cut.clone() };
        let joined = Event::Joined {
            door: door.clone(),
            socket: SocketId(id),
            join: Box::new(join),
            owner,
            fresh_peer: PeerId(u32::try_from(id).unwrap()),
            network: NetworkId(0),
            outbox: outbox_tx,
        };
        door.send(joined).await.unwrap();
        Socket { id: SocketId(id), outbox, cut }
    }

    #[tokio::test]
    async fn a_socket_that_does_not_read_is_cut_off_and_the_rest_go_on() {
        let (door, gauge, _task) = room();
        let mut owner = join(&door, 1, true, 64).await;
        let slow = join(&door, 2, false, 2).await;
        let mut other = join(&door, 3, false, 64).await;
        let want = |socket| Event::Received { socket, message: ClientMessage::Want };
        door.send(want(slow.id)).await.unwrap();
        door.send(want(other.id)).await.unwrap();
        // The slow socket's outbox now holds `welcome` and `assigned`, and it has not read either.
        let guest = owner.heard().await.iter().find_map(|message| match message {
            ServerMessage::Serve { peer } => Some(*peer),
            _ => None,
        });
        for to in [guest.unwrap(), PeerId(guest.unwrap().0 + 1)] {
            let message = ClientMessage::Signal { to, sealed: SealedSignal("x".into()) };
            door.send(Event::Received { socket: owner.id, message }).await.unwrap();
        }
        let heard = other.heard().await;
        assert!(matches!(heard.last(), Some(ServerMessage::Signal { .. })), "{heard:?}");
        assert!(slow.cut.is_cancelled() && !other.cut.is_cancelled());
        assert_eq!(gauge.borrow().members, 2);
    }

    #[tokio::test]
    async fn whoever_was_on_the_way_in_when_the_room_ended_is_told() {
        let (door, _gauge, _task) = room();
        let mut early = join(&door, 1, true, 8).await;
        door.send(Event::Ended(CloseReason::Stopped)).await.unwrap();
        let mut late = join(&door, 2, false, 8).await;
        let closed = ServerMessage::Closed { reason: CloseReason::Stopped };
        assert_eq!(early.heard().await.last(), Some(&closed));
        assert_eq!(late.heard().await.last(), Some(&closed));
        assert!(late.outbox.recv().await.is_none());
    }

    #[tokio::test]
    async fn the_task_waits_for_a_member_to_come_back_and_ends_when_none_can() {
        let (door, mut gauge, task) = room();
        let findable = door.downgrade();
        let socket = join(&door, 1, false, 8).await;
        // By that it is known to have its token.
        let want = Event::Received { socket: socket.id, message: ClientMessage::Want };
        door.send(want).await.unwrap();
        door.send(Event::Disconnected { socket: socket.id }).await.unwrap();
        drop(door);
        let empty = gauge.wait_for(|gauge| gauge.members == 0);
        let empty = tokio::time::timeout(std::time::Duration::from_secs(20), empty).await;
        assert!(empty.is_ok_and(|seen| seen.is_ok()), "the member is still there");
        let door = findable.upgrade().expect("a member may come back, so the room has to be found");
        door.send(Event::Ended(CloseReason::Expired)).await.unwrap();
        drop(door);
        task.await.unwrap();
    }
}
