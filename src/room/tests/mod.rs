//! A room by its words alone: what goes in, and what comes out on which socket.
//!
//! `conduct`, `helping`, `topologies`, `coming_back`, `circles` and `removal` hold one behaviour a test, `random` and `circle_watch`
//! what holds whatever happens, `to_the_end` that everyone completes.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::protocol::circle::CircleKind;
use crate::protocol::id::JoinToken;
use crate::protocol::limits::DEFAULT_SLOTS;
use crate::protocol::rooms::Topology;
use crate::protocol::signalling::Join;

mod circle_watch;
mod circles;
mod coming_back;
mod conduct;
mod helping;
mod random;
mod removal;
mod to_the_end;
mod topologies;

/// How someone comes.
#[derive(Clone)]
struct Comes {
    owner: bool,
    have: Have,
    slots: u8,
    resumed: Option<PeerId>,
    providers: Vec<PeerId>,
    network: u64,
    circle: Option<CircleKind>,
    page: Option<PageId>,
}

const fn comes(owner: bool, circle: Option<CircleKind>) -> Comes {
    Comes {
        owner,
        have: if owner { Have::All } else { Have::None },
        slots: DEFAULT_SLOTS,
        resumed: None,
        providers: Vec::new(),
        network: 0,
        circle,
        page: None,
    }
}

const OWNER: Comes = comes(true, None);
const RECIPIENT: Comes = comes(false, None);

/// A room with its clock and what its sockets were sent.
struct Scene {
    room: Room,
    now: Timestamp,
    sent: BTreeMap<SocketId, Vec<ServerMessage>>,
    welcomed: BTreeMap<SocketId, (PeerId, bool)>,
    closed: BTreeSet<SocketId>,
    rosters: Vec<Timestamp>,
    last_socket: u64,
}

impl Scene {
    fn new(topology: Topology) -> Self {
        Self::with_at_most(64, topology)
    }

    fn with_at_most(max_peers: usize, topology: Topology) -> Self {
        Self {
            room: Room::new(Config { max_peers, topology }),
            now: Timestamp::ZERO,
            sent: BTreeMap::new(),
            welcomed: BTreeMap::new(),
            closed: BTreeSet::new(),
            rosters: Vec::new(),
            last_socket: 0,
        }
    }

    fn input(&mut self, input: Input) {
        self.room.handle_input(self.now, input);
        let mut serves = BTreeSet::new();
        while let Some(output) = self.room.poll_output() {
            match output {
                Output::Send { socket, mut message } => {
                    assert!(!self.closed.contains(&socket), "{message:?} to a closed socket");
                    match &mut message {
                        ServerMessage::Roster { .. } => self.rosters.push(self.now),
                        ServerMessage::Serve { peer } => {
                            serves.insert((socket, *peer));
                        }
                        ServerMessage::Assigned { peers, owner } => {
                            // Always whoever owns the room: checked here, so that no test need repeat it.
                            assert_eq!(owner.take(), self.room.members.owner());
                            for peer in peers {
                                self.check_provider_knows(&serves, *peer, socket);
                            }
                        }
                        _ => {}
                    }
                    self.sent.entry(socket).or_default().push(message);
                }
                Output::Welcome { socket, peer, resumed } => {
                    assert!(self.welcomed.insert(socket, (peer, resumed)).is_none());
                }
                Output::Close { socket } => assert!(self.closed.insert(socket)),
            }
        }
    }

    /// A provider hears of a leech before the leech hears of it.
    fn check_provider_knows(
        &self,
        serves: &BTreeSet<(SocketId, PeerId)>,
        provider: PeerId,
        leech: SocketId,
    ) {
        let socket = self.room.members.get(provider).and_then(|member| member.socket);
        let socket = socket.expect("assigned to someone gone");
        let leech = self.room.members.by_socket(leech).unwrap();
        assert!(serves.contains(&(socket, leech)), "{provider} does not know of {leech}");
    }

    fn says(&mut self, socket: SocketId, message: ClientMessage) {
        self.input(Input::Received { socket, message });
    }

    fn disconnects(&mut self, socket: SocketId) {
        self.input(Input::Disconnected { socket });
    }

    /// To the moment, with every timeout on the way.
    fn wait_until(&mut self, moment: Timestamp) {
        while let Some(at) = self.room.poll_timeout().filter(|at| *at <= moment) {
            self.now = self.now.max(at);
            self.input(Input::Timeout);
            assert!(self.room.poll_timeout().is_none_or(|next| next > self.now));
        }
        self.now = moment;
    }

    fn wait(&mut self, time: Duration) {
        self.wait_until(self.now + time);
    }

    /// Names are the numbers of sockets, unless someone comes again.
    fn attach(&mut self, comes: Comes) -> SocketId {
        self.last_socket += 1;
        let socket = SocketId(self.last_socket);
        let fresh_peer = PeerId(self.last_socket as u32);
        let Comes { owner, have, slots, resumed, providers, network, circle, page } = comes;
        let network = NetworkId(network);
        self.input(Input::Joined {
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
        });
        socket
    }

    fn joins(&mut self, comes: Comes) -> (SocketId, PeerId) {
        let socket = self.attach(comes);
        (socket, self.name(socket))
    }

    fn owner(&mut self) -> (SocketId, PeerId) {
        self.joins(OWNER)
    }

    fn recipient(&mut self) -> (SocketId, PeerId) {
        self.joins(RECIPIENT)
    }

    /// A recipient that asks at once.
    fn leech(&mut self) -> (SocketId, PeerId) {
        self.leech_as(RECIPIENT)
    }

    fn leech_as(&mut self, comes: Comes) -> (SocketId, PeerId) {
        let (socket, peer) = self.joins(comes);
        self.says(socket, ClientMessage::Want);
        (socket, peer)
    }

    fn completes(&mut self, socket: SocketId) {
        self.says(socket, progress_of(100, Have::All));
        self.says(socket, ClientMessage::Complete);
    }

    fn name(&self, socket: SocketId) -> PeerId {
        self.welcome(socket).0
    }

    /// Its name, and whether it was known.
    fn welcome(&self, socket: SocketId) -> (PeerId, bool) {
        *self.welcomed.get(&socket).unwrap_or_else(|| panic!("{socket:?} was not welcomed"))
    }

    fn providers(&self, leech: PeerId) -> Vec<PeerId> {
        self.room.links.providers_of(leech).collect()
    }

    fn heard(&self, socket: SocketId) -> &[ServerMessage] {
        self.sent.get(&socket).map_or(&[], Vec::as_slice)
    }

    /// What a socket was told since the last time, rosters left out.
    fn news(&mut self, socket: SocketId) -> Vec<ServerMessage> {
        let mut news = self.sent.remove(&socket).unwrap_or_default();
        news.retain(|message| !matches!(message, ServerMessage::Roster { .. }));
        news
    }

    /// Nothing said so far counts.
    fn forget_news(&mut self) {
        self.sent.clear();
    }
}

impl Room {
    /// Who is on a socket, in the exchange or in a circle.
    fn name_on(&self, socket: SocketId) -> Option<PeerId> {
        let in_circle = self.circles.by_socket(socket).map(|(_, peer)| peer);
        self.members.by_socket(socket).or(in_circle)
    }
}

/// What no socket may say twice.
fn join_message() -> ClientMessage {
    ClientMessage::Join(Join {
        version: 1,
        join_token: JoinToken::from_bytes([0; 32]),
        owner_token: None,
        resume_token: None,
        have: Have::None,
        slots: 0,
        providers: Vec::new(),
        circle: None,
        page: None,
    })
}

fn signal(to: PeerId) -> ClientMessage {
    ClientMessage::Signal { to, sealed: SealedSignal("x".to_owned()) }
}

fn progress(have_bytes: u64) -> ClientMessage {
    progress_of(have_bytes, if have_bytes == 0 { Have::None } else { Have::Some })
}

fn progress_of(have_bytes: u64, have: Have) -> ClientMessage {
    ClientMessage::Progress(Progress {
        have_bytes,
        wanted_bytes: 100,
        bytes_per_second: 1,
        phase: MemberPhase::Downloading,
        path: PathKind::Direct,
        have,
    })
}

fn assigned(provider: PeerId) -> ServerMessage {
    ServerMessage::Assigned { peers: vec![provider], owner: None }
}

fn waiting(ahead: u32, seeds: u32) -> ServerMessage {
    ServerMessage::Waiting { ahead, seeds }
}

fn refused_as(news: &[ServerMessage]) -> Option<ErrorCode> {
    match news {
        [ServerMessage::Error { code, .. }] => Some(*code),
        _ => None,
    }
}
