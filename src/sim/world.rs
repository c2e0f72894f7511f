//! The clock, and the contract of the machines.

use std::collections::BTreeMap;
use std::time::Duration;

use super::actions::Action;
use super::network::{Connection, LAN_RATE, Pipe, Port};
use super::node::{Character, Node};
use super::queue::{Event, Nanos, Queue};
use super::random::Random;
use super::signalling::Socket;
use crate::clock::Timestamp;
use crate::protocol::piece::{BlockRange, Layout, PieceIndex, piece_length_for};
use crate::protocol::rooms::Topology;
use crate::protocol::signal::Signal;
use crate::room::{self, Room};
use crate::swarm::Input;

/// Events at one moment, beyond which the machines are taken to be busy with nothing.
const MAX_EVENTS_AT_ONCE: u32 = 3_000_000;
/// Problems that are told.
const MAX_PROBLEMS: usize = 12;

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Bytes of the one file that is shared.
    pub size: u64,
    /// Who serves whom.
    pub topology: Topology,
    /// Chance.
    pub rng_seed: u64,
    /// The one who shares.
    pub owner: PeerSetting,
}

/// What a peer is like.
#[derive(Clone, Debug)]
pub struct PeerSetting {
    /// Bytes a second that it sends at most.
    pub up: u64,
    /// Bytes a second that it receives at most.
    pub down: u64,
    /// One way to others of the same kind, and to the server.
    pub latency: Duration,
    /// The part of packets that its line loses.
    pub loss: f64,
    /// Peers of one number share a line and are near to each other; those of zero are alone.
    pub network: u64,
    /// What it does that it should not.
    pub character: Character,
    /// Time that it takes to read a piece.
    pub reading: Duration,
    /// It serves others.
    pub helps: bool,
}

impl Default for PeerSetting {
    /// 20 Mbit/s up, 100 Mbit/s down, 20 ms one way, with a quick disk.
    fn default() -> Self {
        Self {
            up: 2_500_000,
            down: 12_500_000,
            latency: Duration::from_millis(20),
            loss: 0.0,
            network: 0,
            character: Character::Honest,
            reading: Duration::from_millis(2),
            helps: true,
        }
    }
}

/// One room and its members.
pub struct World {
    /// What it was made of.
    pub setting: Setting,
    pub(super) now: Nanos,
    pub(super) layout: Layout,
    pub(super) random: Random,
    pub(super) queue: Queue,
    pub(super) room: Room,
    pub(super) room_timeout_at: Option<Nanos>,
    pub(super) server_up: bool,
    pub(super) nodes: Vec<Node>,
    pub(super) sockets: Vec<Socket>,
    pub(super) connections: Vec<Connection>,
    pub(super) ports: Vec<Port>,
    pub(super) pipes: Vec<Pipe>,
    networks: BTreeMap<u64, (u32, u32)>,
    /// The block that came and is not yet kept, and whether it is false.
    pub(super) held: Option<(BlockRange, bool)>,
    pub(super) problems: Vec<String>,
    /// What the machine at work was told last.
    pub(super) cause: &'static str,
    /// Recipients that are neither complete nor gone for good.
    pub(super) unfinished: u32,
    halted: bool,
    events_at_once: u32,
}

impl World {
    /// A room whose owner shares from the start.
    ///
    /// # Panics
    /// The size is more than a room takes.
    pub fn new(setting: Setting) -> Self {
        let layout = Layout::new(piece_length_for(setting.size), [setting.size])
            .unwrap_or_else(|error| panic!("{error}"));
        let mut world = Self {
            now: 0,
            layout,
            random: Random::new(setting.rng_seed),
            queue: Queue::default(),
            room: empty_room(setting.topology),
            room_timeout_at: None,
            server_up: true,
            nodes: Vec::new(),
            sockets: Vec::new(),
            connections: Vec::new(),
            ports: Vec::new(),
            pipes: Vec::new(),
            networks: BTreeMap::new(),
            held: None,
            problems: Vec::new(),
            cause: "",
            unfinished: 0,
            halted: false,
            events_at_once: 0,
            setting,
        };
        let owner = world.add(world.setting.owner.clone(), true);
        world.act_at(Duration::ZERO, Action::Arrive(owner));
        world
    }

    /// A recipient that arrives at this time; answers its number.
    pub fn recipient(&mut self, setting: PeerSetting, at: Duration) -> u32 {
        self.unfinished += 1;
        let number = self.add(setting, false);
        self.act_at(at, Action::Arrive(number));
        number
    }

    /// Schedules something that the scenario does.
    pub fn act_at(&mut self, at: Duration, action: Action) {
        self.queue.push(at.as_nanos() as Nanos, Event::Act(action));
    }

    fn add(&mut self, setting: PeerSetting, owner: bool) -> u32 {
        let (port, pipe) = match self.networks.get(&setting.network) {
            Some(shared) => *shared,
            None => (self.add_port(setting.up), self.add_pipe(setting.down)),
        };
        if setting.network != 0 {
            self.networks.insert(setting.network, (port, pipe));
        }
        let ports = [port, self.add_port(LAN_RATE), pipe, self.add_pipe(LAN_RATE)];
        self.nodes.push(Node::new(setting, owner, &self.layout, ports));
        self.nodes.len() as u32 - 1
    }

    fn add_port(&mut self, rate: u64) -> u32 {
        self.ports.push(Port::new(rate));
        self.ports.len() as u32 - 1
    }

    fn add_pipe(&mut self, rate: u64) -> u32 {
        self.pipes.push(Pipe { rate, busy_until: 0 });
        self.pipes.len() as u32 - 1
    }

    /// Runs until every recipient is complete or gone, or the time is over.
    pub fn run(&mut self, limit: Duration) {
        let limit = limit.as_nanos() as Nanos;
        while self.unfinished > 0 && !self.halted {
            if self.queue.next_at().is_none_or(|at| at > limit) {
                break;
            }
            self.step();
        }
    }

    /// Runs on for a while, whoever is complete.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time.as_nanos() as Nanos;
        while !self.halted && self.queue.next_at().is_some_and(|at| at <= end) {
            self.step();
        }
        self.now = end;
    }

    fn step(&mut self) {
        let Some((at, event)) = self.queue.pop() else { return };
        self.events_at_once = if at > self.now { 0 } else { self.events_at_once + 1 };
        self.now = self.now.max(at);
        if self.events_at_once > MAX_EVENTS_AT_ONCE {
            self.problem(format!("the machines are busy with nothing: {event:?}"));
            self.halted = true;
            return;
        }
        self.happen(event);
    }

    pub(super) fn timestamp(&self) -> Timestamp {
        Timestamp::new(Duration::from_nanos(self.now))
    }

    /// Notes what a machine should not have done.
    pub(super) fn problem(&mut self, problem: String) {
        if self.problems.len() < MAX_PROBLEMS {
            let seconds = self.now as f64 / 1e9;
            self.problems.push(format!("{seconds:.3} s: {problem}"));
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Left { port, flow, block } => self.block_left(port, flow, block),
            Event::Wake { port } => self.port_wakes(port),
            Event::Arrived { flow, block, false_bytes } => {
                self.block_arrived(flow, block, false_bytes);
            }
            Event::Delivered { flow, block, false_bytes } => {
                self.block_delivered(flow, block, false_bytes);
            }
            Event::Control { flow, bytes } => self.control_arrived(flow, bytes),
            Event::LinkOpens { connection } => self.link_opens(connection),
            Event::LinkCloses { flow } => self.link_closes(flow),
            Event::PathLost { flow } => self.path_lost(flow),
            Event::SwarmTimeout { node } => self.swarm_timeout(node),
            Event::RoomTimeout => self.room_timeout(),
            Event::Input { node, visit, input } => self.input_of(node, visit, *input),
            Event::Read { node, visit, piece } => self.piece_read(node, visit, piece),
            Event::Signed { node, visit, first, count } => {
                self.run_signed(node, visit, first, count);
            }
            Event::Hashed { node, visit, piece } => self.piece_hashed(node, visit, piece),
            Event::SocketOpens { node, visit } => self.socket_opens(node, visit),
            Event::ToRoom { socket, message } => self.message_to_room(socket, *message),
            Event::JoinsRoom { socket, input } => self.joins_room(socket, *input),
            Event::FromRoom { socket, message } => self.message_from_room(socket, *message),
            Event::SocketGoneAtServer { socket } => self.socket_gone_at_server(socket),
            Event::SocketGoneAtPage { socket } => self.socket_gone_at_page(socket),
            Event::Act(action) => self.act(action),
        }
    }

    /// An input that was scheduled for a page as it was then.
    fn input_of(&mut self, node: u32, visit: u32, input: Input) {
        if self.nodes[node as usize].visit == visit {
            self.input(node, input);
        }
    }

    /// The contract: one input, every output; then, as the browser's driver does, how much waits in the channels
    /// that were handed blocks.
    pub(super) fn input(&mut self, node: u32, input: Input) {
        self.feed(node, input);
        while let Some(flow) = self.nodes[node as usize].touched.pop_front() {
            let Some(end) = self.end_mut(flow) else { continue };
            end.touched = false;
            if end.held {
                let (peer, lane, bytes) = (end.peer, end.lane, end.buffered);
                self.feed(node, Input::Buffered { peer, lane, bytes });
            }
        }
        self.schedule_timeout(node);
    }

    fn feed(&mut self, node: u32, input: Input) {
        let now = self.timestamp();
        if !self.nodes[node as usize].present {
            return;
        }
        self.cause = cause_of(&input);
        self.nodes[node as usize].swarm.handle_input(now, input);
        while let Some(output) = self.nodes[node as usize].swarm.poll_output() {
            self.execute(node, output);
        }
    }

    fn schedule_timeout(&mut self, number: u32) {
        let node = &mut self.nodes[number as usize];
        let Some(at) = node.swarm.poll_timeout().filter(|_| node.present) else { return };
        let at = (at.since_start().as_nanos() as Nanos).max(self.now);
        // A timeout that moved back is found out when the earlier time comes.
        if node.timeout_at.is_none_or(|scheduled| at < scheduled) {
            node.timeout_at = Some(at);
            self.queue.push(at, Event::SwarmTimeout { node: number });
        }
    }

    fn swarm_timeout(&mut self, number: u32) {
        let now = self.timestamp();
        let at = self.now;
        let node = &mut self.nodes[number as usize];
        if !node.present || node.timeout_at != Some(at) {
            return;
        }
        node.timeout_at = None;
        if node.swarm.poll_timeout().is_none_or(|due| due > now) {
            self.schedule_timeout(number);
            return;
        }
        self.input(number, Input::Timeout);
        if self.nodes[number as usize].swarm.poll_timeout().is_some_and(|due| due <= now) {
            self.problem(format!("the timeout of node {number} does not pass"));
        }
    }

    /// Whether a piece lies in this room.
    pub(super) fn has_piece(&self, piece: PieceIndex) -> bool {
        piece.0 < self.layout.piece_count()
    }
}

/// A room as the server makes it.
pub(super) fn empty_room(topology: Topology) -> Room {
    Room::new(room::Config { max_peers: 1024, topology })
}

/// Names what may come from a hostile peer, for the problems.
fn cause_of(input: &Input) -> &'static str {
    match input {
        Input::SignalReceived { signal: Signal::Offer { .. }, .. } => "an offer",
        Input::SignalReceived { .. } => "a signal",
        Input::BlockReceived { .. } => "a block",
        Input::RecordChecked { .. } => "a record",
        Input::ControlReceived { bytes, .. } => match bytes.first() {
            Some(0) => "hello",
            Some(6) => "a bitfield",
            Some(7) => "a request",
            _ => "a control message",
        },
        _ => "something else",
    }
}
