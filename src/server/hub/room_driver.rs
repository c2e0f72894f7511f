//! The loop that drives one [`Room`].
//!
//! The task owns the machine, so there is no lock around it. It never waits for a socket: an outbox that is full
//! costs that socket its place, and the rest hear of it at once.

use std::collections::HashMap;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Door;
use crate::clock::Timestamp;
use crate::protocol::signalling::{ClientMessage, CloseReason, Join, ServerMessage};
use crate::room::{Config, Gauge, Input, Output, Room, SocketId};

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
        /// Randomness for the machine.
        fresh_token: crate::protocol::id::ResumeToken,
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

/// The task's state.
pub(super) struct RoomDriver {
    room: Room,
    inbox: mpsc::Receiver<Event>,
    gauge: watch::Sender<Gauge>,
    outboxes: HashMap<SocketId, Outbox>,
    /// Held while the machine is not idle: a room waiting for members to come back must stay findable.
    keep_alive: Option<Door>,
    /// The room is over. Whoever was on the way in when it ended is told as well.
    ended: Option<CloseReason>,
    started: Instant,
}

impl RoomDriver {
    pub(super) fn new(
        config: Config,
        inbox: mpsc::Receiver<Event>,
        gauge: watch::Sender<Gauge>,
    ) -> Self {
        Self {
            room: Room::new(config),
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
            Event::Joined { door, socket, join, owner, fresh_token, outbox } => {
                self.keep_alive.get_or_insert(door);
                self.outboxes.insert(socket, outbox);
                let Join { have, resume_token, .. } = *join;
                Input::Joined { socket, owner, have, resume_token, fresh_token }
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
            Output::Send { socket, message } => {
                if self.outboxes.get(&socket)?.messages.try_send(message).is_ok() {
                    return None;
                }
                self.outboxes.remove(&socket)?.cut.cancel();
                Some(socket)
            }
            Output::Close { socket } => {
                self.outboxes.remove(&socket);
                None
            }
        }
    }
}

/// Never, without a deadline.
async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
