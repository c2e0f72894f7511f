//! Whoever leaves is gone at once, whatever the moment: one page and one room, in every order in which what is said over
//! a socket, the socket's end and the page's going can follow each other.
//!
//! The room's clock stands still, so a place that waits for its page to come back is never given up by the room itself:
//! at the end nobody may be there.

#![expect(clippy::unwrap_used, reason = "all of this crate is a test")]

use std::collections::VecDeque;
use std::time::Duration;

use transfer4me::clock::Timestamp;
use transfer4me::membership::farewell::{Farewell, FarewellAct};
use transfer4me::membership::{Membership, SocketAct};
use transfer4me::protocol::id::{PeerId, ResumeToken};
use transfer4me::protocol::rooms::Topology;
use transfer4me::protocol::signalling::{ClientMessage, CloseReason, Have, ServerMessage};
use transfer4me::random::Random;
use transfer4me::room::{self, NetworkId, Room, SocketId};

/// What is on its way to the server over one socket.
#[derive(Clone, Copy, PartialEq)]
enum ToServer {
    Join(Option<ResumeToken>),
    Want,
    Leave,
    /// The page closes it.
    Close,
    /// The network broke it, which the server notices only now.
    Broken,
}

/// What is on its way to the page over one socket.
#[derive(Clone, Copy)]
enum ToPage {
    Opened,
    Welcome(PeerId),
    Replaced,
    Closed { in_order: bool },
}

#[derive(Default)]
struct Socket {
    to_server: VecDeque<ToServer>,
    to_page: VecDeque<ToPage>,
    joined: bool,
    /// Nothing written to it arrives any more.
    closing: bool,
    broken: bool,
}

/// What may happen next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Server(usize),
    Page(usize),
    /// The network breaks a socket; that many of what is on the way still arrive.
    Break(usize, usize),
    Leave,
    Timeout,
}

struct World {
    now: Timestamp,
    room: Room,
    membership: Membership,
    farewell: Option<Farewell>,
    random: Random,
    sockets: Vec<Socket>,
    /// The socket that the page listens to.
    current: Option<usize>,
    left: bool,
    breaks_left: u32,
    timeouts_left: u32,
}

fn token_of(peer: PeerId) -> ResumeToken {
    let mut bytes = [0; 20];
    bytes[..4].copy_from_slice(&peer.0.to_be_bytes());
    ResumeToken::from_bytes(bytes)
}

fn peer_of(token: ResumeToken) -> PeerId {
    let [a, b, c, d, ..] = *token.as_bytes();
    PeerId(u32::from_be_bytes([a, b, c, d]))
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            now: Timestamp::ZERO,
            room: Room::new(room::Config { max_peers: 8, topology: Topology::Swarm }),
            membership: Membership::default(),
            farewell: None,
            random: Random::new(1),
            sockets: Vec::new(),
            current: None,
            left: false,
            breaks_left: 2,
            timeouts_left: 2,
        };
        let act = world.membership.open(world.now);
        world.act(act);
        world
    }

    fn open(&mut self) {
        self.abandon();
        let to_page = VecDeque::from([ToPage::Opened]);
        self.current = Some(self.sockets.len());
        self.sockets.push(Socket { to_page, ..Socket::default() });
    }

    fn say(&mut self, message: ToServer) {
        let Some(socket) = self.current.map(|current| &mut self.sockets[current]) else { return };
        if !socket.closing {
            socket.closing = message == ToServer::Close;
            socket.to_server.push_back(message);
        }
    }

    fn abandon(&mut self) {
        self.say(ToServer::Close);
        self.current = None;
    }

    fn act(&mut self, act: SocketAct) {
        match act {
            SocketAct::Open => self.open(),
            SocketAct::Close => self.abandon(),
            SocketAct::Ping => {}
        }
    }

    fn part(&mut self, input: impl FnOnce(&mut Farewell, Timestamp)) {
        let Some(mut farewell) = self.farewell.take() else { return };
        input(&mut farewell, self.now);
        while let Some(act) = farewell.poll_act() {
            match act {
                FarewellAct::Open => self.open(),
                FarewellAct::Join(token) => self.say(ToServer::Join(Some(token))),
                FarewellAct::Leave => self.say(ToServer::Leave),
                FarewellAct::Close => self.say(ToServer::Close),
                FarewellAct::Abandon => self.abandon(),
            }
        }
        self.farewell = Some(farewell).filter(|farewell| !farewell.is_over());
    }

    fn timeout_at(&self) -> Option<Timestamp> {
        let farewell = self.farewell.as_ref().and_then(Farewell::timeout);
        farewell.or_else(|| self.membership.timeout())
    }

    fn room_input(&mut self, input: room::Input) {
        self.room.handle_input(Timestamp::ZERO, input);
        while let Some(output) = self.room.poll_output() {
            let (room::Output::Send { socket, .. }
            | room::Output::Welcome { socket, .. }
            | room::Output::Close { socket }) = &output;
            let socket = &mut self.sockets[usize::try_from(socket.0).unwrap()];
            match output {
                room::Output::Welcome { peer, .. } => {
                    socket.to_page.push_back(ToPage::Welcome(peer));
                }
                room::Output::Close { .. } => {
                    socket.joined = false;
                    socket.to_page.push_back(ToPage::Closed { in_order: true });
                    // The page answers; nothing that it said later is read.
                    socket.to_server.clear();
                    socket.closing = true;
                }
                room::Output::Send { message, .. } => {
                    let replaced = ServerMessage::Closed { reason: CloseReason::Replaced };
                    if message == replaced {
                        socket.to_page.push_back(ToPage::Replaced);
                    }
                }
            }
            if socket.broken {
                socket.to_page.retain(|event| matches!(event, ToPage::Closed { in_order: false }));
            }
        }
    }

    fn server_hears(&mut self, number: usize) {
        let Some(message) = self.sockets[number].to_server.pop_front() else { return };
        let socket = SocketId(number as u64);
        let joined = self.sockets[number].joined;
        match message {
            ToServer::Join(token) => {
                self.sockets[number].joined = true;
                self.room_input(room::Input::Joined {
                    socket,
                    owner: false,
                    have: Have::None,
                    slots: 4,
                    resumed: token.map(peer_of),
                    providers: Vec::new(),
                    fresh_peer: PeerId(number as u32 + 100),
                    network: NetworkId(1),
                    circle: None,
                    page: None,
                });
            }
            ToServer::Want | ToServer::Leave => {
                let message = match message {
                    ToServer::Want => ClientMessage::Want,
                    _ => ClientMessage::Leave,
                };
                if joined {
                    self.room_input(room::Input::Received { socket, message });
                }
            }
            ToServer::Close | ToServer::Broken => {
                self.sockets[number].joined = false;
                if joined {
                    self.room_input(room::Input::Disconnected { socket });
                }
                if message == ToServer::Close {
                    self.sockets[number].to_page.push_back(ToPage::Closed { in_order: true });
                }
            }
        }
    }

    fn page_hears(&mut self, number: usize) {
        let Some(event) = self.sockets[number].to_page.pop_front() else { return };
        if self.current != Some(number) {
            return;
        }
        match event {
            ToPage::Opened if self.left => self.part(Farewell::opened),
            ToPage::Opened => {
                if self.membership.opened() {
                    self.say(ToServer::Join(self.membership.resume_token()));
                }
            }
            ToPage::Welcome(_) if self.left => {}
            ToPage::Welcome(peer) => {
                self.membership.welcomed(self.now, token_of(peer));
                self.say(ToServer::Want);
            }
            ToPage::Replaced if self.left => self.part(Farewell::taken_over),
            // The page has another socket already, or would give up.
            ToPage::Replaced => {}
            ToPage::Closed { in_order } => {
                self.current = None;
                self.part(|farewell, now| farewell.closed(now, in_order));
                self.membership.lost(self.now, &mut self.random);
            }
        }
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if !self.left {
            steps.push(Step::Leave);
        }
        for (number, socket) in self.sockets.iter().enumerate() {
            if !socket.to_server.is_empty() {
                steps.push(Step::Server(number));
            }
            if !socket.to_page.is_empty() {
                steps.push(Step::Page(number));
            }
            let over = socket.broken || socket.closing && socket.to_server.is_empty();
            if self.breaks_left > 0 && !over && self.current == Some(number) {
                let arrive = 0..=socket.to_server.len();
                steps.extend(arrive.map(|arrive| Step::Break(number, arrive)));
            }
        }
        if self.timeouts_left > 0 && self.timeout_at().is_some() {
            steps.push(Step::Timeout);
        }
        steps
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Server(number) => self.server_hears(number),
            Step::Page(number) => self.page_hears(number),
            Step::Break(number, arrive) => {
                self.breaks_left -= 1;
                let socket = &mut self.sockets[number];
                (socket.broken, socket.closing) = (true, true);
                socket.to_server.truncate(arrive);
                socket.to_server.retain(|message| *message != ToServer::Close);
                socket.to_server.push_back(ToServer::Broken);
                socket.to_page = VecDeque::from([ToPage::Closed { in_order: false }]);
            }
            Step::Leave => {
                self.left = true;
                self.farewell = self.membership.leave(true);
                self.part(Farewell::begin);
            }
            Step::Timeout => {
                self.timeouts_left -= 1;
                self.time_passes();
            }
        }
    }

    fn time_passes(&mut self) {
        let Some(at) = self.timeout_at() else { return };
        self.now = self.now.max(at);
        self.part(Farewell::handle_timeout);
        if let Some(act) = self.membership.handle_timeout(self.now, &mut self.random) {
            self.act(act);
        }
    }

    /// From now on the network is sound, and everything arrives before time passes.
    fn come_to_rest(&mut self) {
        for _ in 0..1000 {
            let next = self
                .steps()
                .into_iter()
                .find(|step| matches!(step, Step::Server(_) | Step::Page(_)));
            match next {
                Some(step) => self.take(step),
                None if !self.left => self.take(Step::Leave),
                None if self.timeout_at().is_some() => self.time_passes(),
                None => return,
            }
        }
        panic!("it never comes to rest");
    }
}

/// Takes the steps that `choices` names, and the first one after them, up to `depth`; answers how many there were to
/// choose from at each.
fn run(choices: &[usize], depth: usize) -> (Vec<usize>, Vec<Step>) {
    let mut world = World::new();
    let (mut widths, mut taken) = (Vec::new(), Vec::new());
    while widths.len() < depth {
        let steps = world.steps();
        if steps.is_empty() {
            break;
        }
        let choice = choices.get(widths.len()).copied().unwrap_or(0);
        widths.push(steps.len());
        taken.push(steps[choice]);
        world.take(steps[choice]);
    }
    world.come_to_rest();
    let gauge = world.room.gauge();
    assert!(world.room.is_idle() && gauge.members == 0, "somebody stayed: {taken:?}");
    assert!(world.now < Timestamp::ZERO + Duration::from_secs(180), "{taken:?}");
    (widths, taken)
}

#[test]
fn whoever_leaves_is_gone_in_every_order_of_events() {
    const DEPTH: usize = 11;
    let (mut choices, mut runs) = (Vec::new(), 0_u64);
    loop {
        let (widths, _) = run(&choices, DEPTH);
        runs += 1;
        choices.resize(widths.len(), 0);
        // The next combination: the last choice that has another.
        while let Some(last) = choices.pop() {
            if last + 1 < widths[choices.len()] {
                choices.push(last + 1);
                break;
            }
        }
        if choices.is_empty() {
            break;
        }
    }
    assert!(runs > 1000, "only {runs} orders");
}

#[test]
fn whoever_leaves_is_gone_in_long_orders_drawn_by_chance() {
    let mut random = Random::new(19);
    for _ in 0..20_000 {
        let choices: Vec<usize> = (0..24).map(|_| random.below(5040) as usize).collect();
        let mut world = World::new();
        let mut taken = Vec::new();
        for choice in choices {
            let steps = world.steps();
            let Some(step) = steps.get(choice % steps.len().max(1)) else { break };
            // Leaving is one of few choices, and would come early nearly always.
            if matches!(step, Step::Leave) && choice % 7 > 0 {
                continue;
            }
            taken.push(*step);
            world.take(*step);
        }
        world.come_to_rest();
        assert!(world.room.is_idle(), "somebody stayed: {taken:?}");
    }
}
