//! The server's side: sockets, the room's inputs and outputs.

use std::io::{self, Write};

use serde::Serialize;

use super::queue::{Event, Nanos};
use super::world::{World, empty_room};
use crate::membership::farewell::{Farewell, FarewellAct};
use crate::protocol::id::{PeerId, ResumeToken};
use crate::protocol::limits::MAX_SIGNALLING_BYTES;
use crate::protocol::signal::{SealedSignal, Signal};
use crate::protocol::signalling::{ClientMessage, Have, ServerMessage, Welcome};
use crate::room::{self, NetworkId, SocketId};
use crate::swarm::Input;

/// Round trips until a socket is open: TCP, TLS and the upgrade.
const OPEN_ROUND_TRIPS: u64 = 3;
/// Time after which the server notices that a machine vanished: two pings unanswered.
const NOTICED_AFTER: Nanos = 50_000_000_000;

/// One socket.
#[derive(Debug)]
pub struct Socket {
    node: u32,
    open_at_server: bool,
    open_at_page: bool,
}

/// Counts what is written to it.
#[derive(Default)]
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn json_bytes(message: &impl Serialize) -> u64 {
    let mut counter = Counter::default();
    match serde_json::to_writer(&mut counter, message) {
        Ok(()) => counter.0,
        Err(_) => 0,
    }
}

impl World {
    fn latency_of(&self, node: u32) -> Nanos {
        self.nodes[node as usize].setting.latency.as_nanos() as Nanos
    }

    fn socket_latency(&self, socket: u64) -> Nanos {
        self.latency_of(self.sockets[socket as usize].node)
    }

    pub(super) fn open_socket(&mut self, node: u32) {
        self.nodes[node as usize].opening = true;
        let visit = self.nodes[node as usize].visit;
        let takes = OPEN_ROUND_TRIPS * 2 * self.latency_of(node);
        self.queue.push(self.now + takes, Event::SocketOpens { node, visit });
    }

    pub(super) fn socket_opens(&mut self, number: u32, visit: u32) {
        let node = &mut self.nodes[number as usize];
        if node.visit != visit || !std::mem::take(&mut node.opening) {
            return;
        }
        if !self.server_up {
            self.input(number, Input::SocketClosed);
            return;
        }
        let socket = self.sockets.len() as u64;
        node.socket = Some(socket);
        self.sockets.push(Socket { node: number, open_at_server: true, open_at_page: true });
        self.input(number, Input::SocketOpened);
    }

    /// The page closes its socket. What it said before arrives before.
    pub(super) fn close_socket(&mut self, node: u32) {
        self.nodes[node as usize].opening = false;
        let Some(socket) = self.nodes[node as usize].socket.take() else { return };
        self.sockets[socket as usize].open_at_page = false;
        let at = self.now + self.latency_of(node);
        self.queue.push(at, Event::SocketGoneAtServer { socket });
    }

    /// The page says its last words, if its socket is open. Nobody comes back for them here.
    pub(super) fn part(&mut self, node: u32, mut farewell: Farewell) {
        farewell.begin(self.timestamp());
        while let Some(act) = farewell.poll_act() {
            match act {
                FarewellAct::Leave => self.tell(node, ClientMessage::Leave),
                FarewellAct::Close | FarewellAct::Abandon => self.close_socket(node),
                FarewellAct::Open | FarewellAct::Join(_) => {}
            }
        }
    }

    /// The page is gone, and its socket with it.
    pub(super) fn drop_socket(&mut self, node: u32) {
        self.close_socket(node);
    }

    /// The page is gone, and nobody told the server.
    pub(super) fn forget_socket(&mut self, node: u32) {
        self.nodes[node as usize].opening = false;
        let Some(socket) = self.nodes[node as usize].socket.take() else { return };
        self.sockets[socket as usize].open_at_page = false;
        self.queue.push(self.now + NOTICED_AFTER, Event::SocketGoneAtServer { socket });
    }

    pub(super) fn socket_gone_at_server(&mut self, socket: u64) {
        if std::mem::take(&mut self.sockets[socket as usize].open_at_server) {
            self.room_input(room::Input::Disconnected { socket: SocketId(socket) });
        }
    }

    pub(super) fn socket_gone_at_page(&mut self, socket: u64) {
        let Socket { node, open_at_page, .. } = &mut self.sockets[socket as usize];
        let node = *node;
        if std::mem::take(open_at_page) {
            self.nodes[node as usize].socket = None;
            self.input(node, Input::SocketClosed);
        }
    }

    /// As the server makes of a `join` what its room is told.
    pub(super) fn join(
        &mut self,
        node: u32,
        resume_token: Option<ResumeToken>,
        have: Have,
        slots: u8,
        providers: Vec<PeerId>,
    ) {
        let Some(socket) = self.nodes[node as usize].socket else { return };
        let resumed = resume_token.map(|token| {
            let [a, b, c, d, ..] = *token.as_bytes();
            PeerId(u32::from_be_bytes([a, b, c, d]))
        });
        let fresh_peer = PeerId(self.random.next() as u32);
        let one = &self.nodes[node as usize];
        // Those that are alone are told apart by their numbers.
        let network = match one.setting.network {
            0 => NetworkId(1 << 32 | u64::from(node)),
            shared => NetworkId(shared),
        };
        let input = room::Input::Joined {
            socket: SocketId(socket),
            owner: one.owner,
            have,
            slots,
            resumed,
            providers: if resumed.is_some() { providers } else { Vec::new() },
            fresh_peer,
            network,
            circle: None,
            page: None,
        };
        let at = self.now + self.latency_of(node);
        self.queue.push(at, Event::JoinsRoom { socket, input: Box::new(input) });
    }

    pub(super) fn signal(&mut self, node: u32, to: PeerId, signal: &Signal) {
        match serde_json::to_string(signal) {
            Ok(text) => self.say(node, ClientMessage::Signal { to, sealed: SealedSignal(text) }),
            Err(error) => self.problem(format!("a signal of node {node}: {error}")),
        }
    }

    pub(super) fn say(&mut self, node: u32, message: ClientMessage) {
        let Some(socket) = self.nodes[node as usize].socket else { return };
        let bytes = json_bytes(&message);
        if bytes > MAX_SIGNALLING_BYTES as u64 {
            self.problem(format!("node {node} tells {bytes} bytes at once"));
        }
        let now = self.now;
        let one = &mut self.nodes[node as usize];
        one.counts.signalling_bytes += bytes;
        one.counts.too_fast += u64::from(one.is_too_fast(now));
        let at = now + self.latency_of(node);
        self.queue.push(at, Event::ToRoom { socket, message: Box::new(message) });
    }

    pub(super) fn joins_room(&mut self, socket: u64, input: room::Input) {
        if self.sockets[socket as usize].open_at_server {
            self.room_input(input);
        }
    }

    pub(super) fn message_to_room(&mut self, socket: u64, message: ClientMessage) {
        if self.sockets[socket as usize].open_at_server {
            self.room_input(room::Input::Received { socket: SocketId(socket), message });
        }
    }

    pub(super) fn message_from_room(&mut self, socket: u64, message: ServerMessage) {
        let Socket { node, open_at_page, .. } = self.sockets[socket as usize];
        if !open_at_page {
            return;
        }
        let bytes = json_bytes(&message);
        self.nodes[node as usize].counts.signalling_bytes += bytes;
        if bytes > MAX_SIGNALLING_BYTES as u64 && !matches!(message, ServerMessage::Roster { .. }) {
            self.problem(format!("the room tells node {node} {bytes} bytes at once"));
        }
        let input = match message {
            ServerMessage::Signal { from, sealed: SealedSignal(text) } => {
                match serde_json::from_str(&text) {
                    Ok(signal) => Input::SignalReceived { from, signal },
                    Err(error) => {
                        self.problem(format!("a signal to node {node}: {error}"));
                        return;
                    }
                }
            }
            message => Input::ServerSaid(message),
        };
        self.input(node, input);
    }

    pub(super) fn room_timeout(&mut self) {
        if self.room_timeout_at != Some(self.now) {
            return;
        }
        self.room_timeout_at = None;
        let now = self.timestamp();
        if self.room.poll_timeout().is_some_and(|at| at <= now) {
            self.room_input(room::Input::Timeout);
            if self.room.poll_timeout().is_some_and(|at| at <= now) {
                self.problem("the room's timeout does not pass".to_owned());
            }
        } else {
            self.schedule_room_timeout();
        }
    }

    fn schedule_room_timeout(&mut self) {
        let Some(at) = self.room.poll_timeout() else { return };
        let at = (at.since_start().as_nanos() as Nanos).max(self.now);
        if self.room_timeout_at.is_none_or(|scheduled| at < scheduled) {
            self.room_timeout_at = Some(at);
            self.queue.push(at, Event::RoomTimeout);
        }
    }

    fn room_input(&mut self, input: room::Input) {
        if !self.server_up {
            return;
        }
        let now = self.timestamp();
        self.room.handle_input(now, input);
        while let Some(output) = self.room.poll_output() {
            self.execute_room(output);
        }
        if self.room.is_idle() {
            self.room = empty_room(self.setting.topology);
        }
        self.schedule_room_timeout();
    }

    fn execute_room(&mut self, output: room::Output) {
        let (socket, message) = match output {
            room::Output::Send { socket, message } => (socket.0, message),
            room::Output::Welcome { socket, peer, resumed } => {
                let node = self.sockets[socket.0 as usize].node;
                self.nodes[node as usize].peer = Some(peer);
                let mut token = [0; 20];
                token[..4].copy_from_slice(&peer.0.to_be_bytes());
                let welcome = Welcome {
                    peer_id: peer,
                    resume_token: ResumeToken::from_bytes(token),
                    resumed,
                    ice_servers: Vec::new(),
                    trickle_ice: true,
                    topology: self.setting.topology,
                };
                (socket.0, ServerMessage::Welcome(welcome))
            }
            room::Output::Close { socket: SocketId(socket) } => {
                self.sockets[socket as usize].open_at_server = false;
                let at = self.now + self.socket_latency(socket);
                self.queue.push(at, Event::SocketGoneAtPage { socket });
                return;
            }
        };
        if !self.sockets[socket as usize].open_at_server {
            self.problem(format!("the room tells a closed socket {message:?}"));
            return;
        }
        let at = self.now + self.socket_latency(socket);
        self.queue.push(at, Event::FromRoom { socket, message: Box::new(message) });
    }

    /// The server stops, with all that its room knew.
    pub(super) fn server_stops(&mut self) {
        self.server_up = false;
        self.room = empty_room(self.setting.topology);
        for socket in 0..self.sockets.len() as u64 {
            if std::mem::take(&mut self.sockets[socket as usize].open_at_server) {
                let at = self.now + self.socket_latency(socket);
                self.queue.push(at, Event::SocketGoneAtPage { socket });
            }
        }
    }
}
