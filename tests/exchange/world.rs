//! One room, its owner and its recipients on a virtual clock: the drivers' work without a socket.
//!
//! Everything that takes time is an [`Event`]. Between events the clock jumps to the next one, or to the
//! earliest timeout of any machine.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use transfer4me::clock::Timestamp;
use transfer4me::protocol::id::PeerId;
use transfer4me::protocol::peer_wire::PeerMessage;
use transfer4me::protocol::piece::{BlockRange, PieceIndex};
use transfer4me::protocol::rooms::Topology;
use transfer4me::protocol::signal::SealedSignal;
use transfer4me::protocol::signalling::{ServerMessage, Welcome};
use transfer4me::room::{self, Room, SocketId};
use transfer4me::swarm::Input;

use super::browser::Browser;
use super::content::{Content, Random};
use super::driver::token_of;
use super::network::{Connection, End, Path};

/// What takes time.
pub enum Event {
    ToRoom(room::Input),
    FromRoom { socket: SocketId, message: ServerMessage },
    SocketGone { socket: SocketId },
    SocketOpens { browser: usize },
    Input { browser: usize, input: Input },
    LinkOpens { connection: usize },
    LinkCloses { connection: usize, end: usize },
    Control { connection: usize, end: usize, bytes: Vec<u8> },
    Block { connection: usize, end: usize, message: Vec<u8>, payload: u32 },
    Sent { connection: usize, end: usize, bytes: u64 },
    Buffered { connection: usize, end: usize },
    Load { browser: usize, piece: PieceIndex },
    CheckPiece { browser: usize, piece: PieceIndex },
}

/// What a hostile or broken owner does to the blocks that it sends.
#[derive(Clone, Copy, PartialEq)]
pub enum Lie {
    WrongBytes,
    Unrequested,
    OutOfRange,
    NoHeader,
}

pub struct World {
    pub now: Timestamp,
    pub content: Content,
    pub path: Path,
    pub browsers: Vec<Browser>,
    pub connections: Vec<Connection>,
    pub random: Random,
    /// Time to read a piece, or to check a signature.
    pub reading_takes: Duration,
    /// Time to verify a piece and store it.
    pub storing_takes: Duration,
    /// What the owner does to its next blocks.
    pub lies: Vec<Lie>,
    pub room: Room,
    pub server_up: bool,
    pub sockets: BTreeMap<SocketId, usize>,
    closed: BTreeSet<SocketId>,
    queue: BTreeMap<(Timestamp, u64), Event>,
    sequence: u64,
    last_socket: u64,
    topology: Topology,
    events_now: u32,
}

fn new_room(topology: Topology) -> Room {
    Room::new(room::Config { max_peers: 64, topology })
}

impl World {
    /// A room with an owner that shares and serves everyone.
    pub fn new(content: Content) -> Self {
        Self::with_topology(content, Topology::Direct)
    }

    /// A room with an owner that shares.
    pub fn with_topology(content: Content, topology: Topology) -> Self {
        let mut world = Self {
            now: Timestamp::ZERO,
            content,
            path: Path::default(),
            browsers: Vec::new(),
            connections: Vec::new(),
            random: Random::new(1),
            reading_takes: Duration::from_millis(2),
            storing_takes: Duration::from_millis(2),
            lies: Vec::new(),
            room: new_room(topology),
            server_up: true,
            sockets: BTreeMap::new(),
            closed: BTreeSet::new(),
            queue: BTreeMap::new(),
            sequence: 0,
            last_socket: 0,
            topology,
            events_now: 0,
        };
        world.add(true, Vec::new());
        world
    }

    /// Someone who wants these files and has begun.
    pub fn recipient(&mut self, wanted: &[bool]) -> usize {
        self.add(false, wanted.to_vec())
    }

    /// Someone who wants everything and has begun.
    pub fn recipient_of_all(&mut self) -> usize {
        self.recipient(&vec![true; self.content.layout.files().len()])
    }

    fn add(&mut self, owner: bool, wanted: Vec<bool>) -> usize {
        let number = self.browsers.len();
        self.browsers.push(Browser::new(&self.content, owner, wanted, number as u64 + 5));
        self.input(number, Input::Started);
        number
    }

    pub fn schedule(&mut self, at: Timestamp, event: Event) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), event);
    }

    pub fn later(&mut self, event: Event) {
        self.schedule(self.now + self.path.latency, event);
    }

    /// Runs for a while.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
        self.now = end;
    }

    /// Runs until something is so, and fails if that takes longer than ten minutes.
    pub fn run_until(&mut self, reached: impl Fn(&Self) -> bool) {
        let end = self.now + Duration::from_secs(600);
        while !reached(self) {
            assert!(self.step(end), "ten minutes passed in vain: {}", self.report());
        }
    }

    /// Runs until every recipient has saved or failed.
    pub fn run_to_end(&mut self) {
        self.run_until(|world| {
            world.browsers.iter().all(|b| b.owner || b.saved > 0 || b.failure.is_some())
        });
    }

    pub fn assert_everyone_complete(&self) {
        for browser in self.browsers.iter().filter(|browser| !browser.owner) {
            browser.assert_complete(&self.content);
        }
    }

    fn report(&self) -> String {
        let each = self.browsers.iter().map(|browser| {
            let status = browser.swarm.download_status(self.now);
            format!("{:?} {:?} {:?}", status.phase, status.have_bytes, browser.disconnects)
        });
        each.collect::<Vec<_>>().join("\n")
    }

    /// One event, or the earliest timeout; `false` if nothing happens before `end`.
    fn step(&mut self, end: Timestamp) -> bool {
        let event = self.queue.keys().next().map(|(at, _)| *at);
        let swarms = self.browsers.iter().filter_map(|browser| browser.swarm.poll_timeout()).min();
        let timeout = [self.room.poll_timeout(), swarms].into_iter().flatten().min();
        let Some(next) = [event, timeout].into_iter().flatten().min().filter(|at| *at <= end)
        else {
            return false;
        };
        self.events_now = if next > self.now { 0 } else { self.events_now + 1 };
        assert!(self.events_now < 1_000_000, "the machines are busy with nothing");
        self.now = self.now.max(next);
        if event.is_some_and(|at| at <= self.now) {
            if let Some((_, event)) = self.queue.pop_first() {
                self.happen(event);
            }
            return true;
        }
        if self.room.poll_timeout().is_some_and(|at| at <= self.now) {
            self.room_input(room::Input::Timeout);
            let next = self.room.poll_timeout();
            assert!(next.is_none_or(|at| at > self.now), "the room's timeout does not pass");
        }
        for number in 0..self.browsers.len() {
            if self.browsers[number].swarm.poll_timeout().is_some_and(|at| at <= self.now) {
                self.input(number, Input::Timeout);
                let next = self.browsers[number].swarm.poll_timeout();
                assert!(next.is_none_or(|at| at > self.now), "a swarm's timeout does not pass");
            }
        }
        true
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::ToRoom(input) => self.room_input(input),
            Event::FromRoom { socket, message } => self.server_says(socket, message),
            Event::SocketGone { socket } => self.socket_gone(socket),
            Event::SocketOpens { browser } => self.socket_opens(browser),
            Event::Input { browser, input } => self.input(browser, input),
            Event::LinkOpens { connection } => self.link_opens(connection),
            Event::LinkCloses { connection, end } => self.link_closes(connection, end),
            Event::Control { connection, end, bytes } => {
                if let Some((browser, peer)) = self.live_end(connection, end) {
                    self.input(browser, Input::ControlReceived { peer, bytes });
                }
            }
            Event::Block { connection, end, message, payload } => {
                self.block_arrives(connection, end, message, payload);
            }
            Event::Sent { connection, end, bytes } => self.block_sent(connection, end, bytes),
            Event::Buffered { connection, end } => {
                let End { lane, buffered: bytes, .. } = self.connections[connection].ends[end];
                if let Some((browser, peer)) = self.live_end(connection, end) {
                    self.input(browser, Input::Buffered { peer, lane, bytes });
                }
            }
            Event::Load { browser, piece } => {
                let input = self.browsers[browser].load(&self.content, piece);
                self.input(browser, input);
            }
            Event::CheckPiece { browser, piece } => {
                let input = self.browsers[browser].check_piece(piece);
                self.input(browser, input);
            }
        }
    }

    pub fn room_input(&mut self, input: room::Input) {
        if !self.server_up {
            return;
        }
        self.room.handle_input(self.now, input);
        while let Some(output) = self.room.poll_output() {
            match output {
                room::Output::Send { socket, message } => {
                    assert!(!self.closed.contains(&socket), "{message:?} to a closed socket");
                    self.later(Event::FromRoom { socket, message });
                }
                room::Output::Welcome { socket, peer, resumed } => {
                    assert!(!self.closed.contains(&socket), "a closed socket is welcome");
                    let message = ServerMessage::Welcome(Welcome {
                        peer_id: peer,
                        resume_token: token_of(peer),
                        resumed,
                        ice_servers: Vec::new(),
                        trickle_ice: true,
                        topology: self.topology,
                    });
                    self.later(Event::FromRoom { socket, message });
                }
                room::Output::Close { socket } => {
                    assert!(self.closed.insert(socket), "{socket:?} is closed twice");
                    self.later(Event::SocketGone { socket });
                }
            }
        }
        if self.room.is_idle() {
            self.forget_room();
        }
    }

    fn server_says(&mut self, socket: SocketId, message: ServerMessage) {
        let Some(browser) = self.sockets.get(&socket).copied() else { return };
        if self.browsers[browser].socket != Some(socket) {
            return;
        }
        match message {
            ServerMessage::Signal { from, sealed: SealedSignal(signal) } => {
                let signal =
                    serde_json::from_str(&signal).expect("signals arrive as they were sent");
                self.input(browser, Input::SignalReceived { from, signal });
            }
            message => self.input(browser, Input::ServerSaid(message)),
        }
    }

    fn socket_opens(&mut self, browser: usize) {
        if !std::mem::take(&mut self.browsers[browser].opening) {
            return;
        }
        if !self.server_up {
            self.input(browser, Input::SocketClosed);
            return;
        }
        self.last_socket += 1;
        let socket = SocketId(self.last_socket);
        self.browsers[browser].socket = Some(socket);
        self.sockets.insert(socket, browser);
        self.input(browser, Input::SocketOpened);
    }

    /// A socket ends: each side learns of it.
    pub fn socket_gone(&mut self, socket: SocketId) {
        let Some(browser) = self.sockets.remove(&socket) else { return };
        if !self.closed.contains(&socket) {
            self.room_input(room::Input::Disconnected { socket });
        }
        if self.browsers[browser].socket == Some(socket) {
            self.browsers[browser].socket = None;
            self.input(browser, Input::SocketClosed);
        }
    }

    /// The machine's contract: one input, then every output.
    pub fn input(&mut self, browser: usize, input: Input) {
        let one = &mut self.browsers[browser];
        let block = matches!(input, Input::BlockReceived { .. });
        one.swarm.handle_input(self.now, input);
        while let Some(output) = self.browsers[browser].swarm.poll_output() {
            let one = &self.browsers[browser];
            assert!(one.failure.is_none(), "{output:?} after the end");
            self.execute(browser, output);
        }
        if block {
            self.browsers[browser].let_go();
        }
    }

    /// What a page had begun ends with it.
    pub fn forget_work_of(&mut self, gone: usize) {
        self.queue.retain(|_, event| match event {
            Event::SocketOpens { browser }
            | Event::Input { browser, .. }
            | Event::Load { browser, .. }
            | Event::CheckPiece { browser, .. } => *browser != gone,
            _ => true,
        });
    }

    /// The room is as it was before anyone came.
    pub fn forget_room(&mut self) {
        self.room = new_room(self.topology);
    }

    pub fn fresh_peer(&mut self) -> PeerId {
        PeerId(self.random.next() as u32)
    }

    /// Whose end it is and what it calls the other, while the link stands.
    pub fn live_end(&self, connection: usize, end: usize) -> Option<(usize, PeerId)> {
        let link = &self.connections[connection];
        let own = link.ends.get(end)?;
        let current =
            self.browsers[own.browser].links.get(&(own.peer, own.lane)) == Some(&connection);
        (current && !link.silent).then_some((own.browser, own.peer))
    }

    /// A control message that the owner's page would never send by itself.
    pub fn forge(&mut self, from: usize, bytes: Vec<u8>) {
        let links: Vec<_> = self.browsers[from].links.values().copied().collect();
        for connection in links {
            let end = usize::from(self.connections[connection].ends[0].browser == from);
            self.later(Event::Control { connection, end, bytes: bytes.clone() });
        }
    }

    pub fn forge_message(&mut self, from: usize, message: &PeerMessage) {
        self.forge(from, message.encode());
    }

    /// The block that takes this one's place, as long as the owner lies.
    pub fn lie_about(&mut self, block: BlockRange, message: &mut Vec<u8>) {
        let Some(lie) = self.lies.pop() else { return };
        match lie {
            Lie::WrongBytes => *message.last_mut().expect("blocks are not empty") ^= 1,
            Lie::Unrequested => message[..4].copy_from_slice(&0_u32.to_be_bytes()),
            Lie::OutOfRange => {
                message[4..8].copy_from_slice(&(u32::MAX - block.length).to_be_bytes())
            }
            Lie::NoHeader => message.truncate(5),
        }
    }
}
