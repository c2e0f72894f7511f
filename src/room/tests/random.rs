//! What holds whatever happens, in any order, under every topology.

use proptest::prelude::*;

use super::*;
use crate::protocol::limits::MAX_PROVIDERS;

/// Sockets and members are picked among those that ever were, so that some are gone.
#[derive(Clone, Debug)]
pub enum Action {
    Join { owner: bool, slots: u8, network: u64 },
    JoinAgain { socket: usize, owner: bool, forgets: bool },
    JoinCircle { socket: usize, owner: bool, kind: CircleKind },
    Seats(usize, u8),
    Want(usize),
    Signal(usize, u32),
    Progress(usize, u64),
    Complete(usize),
    Slots(usize, u8),
    Stats(usize, u32, u32),
    LinkLost(usize, u32),
    BadPiece(usize, u32),
    Remove(usize, u32),
    Leave(usize),
    Disconnect(usize),
    Wait(u64),
    Restart,
}

pub fn topology() -> impl Strategy<Value = Topology> {
    prop::sample::select(Topology::ALL.to_vec())
}

/// Whatever can be done.
pub fn action() -> impl Strategy<Value = Action> {
    let socket = 0..16_usize;
    let peer = 0..16_u32;
    let chance = prop::bool::weighted(0.2);
    let kind = prop::sample::select(vec![CircleKind::Live, CircleKind::Together]);
    prop_oneof![
        5 => (chance, 0..5_u8, 0..3_u64)
            .prop_map(|(owner, slots, network)| Action::Join { owner, slots, network }),
        4 => (socket.clone(), chance, chance)
            .prop_map(|(socket, owner, forgets)| Action::JoinAgain { socket, owner, forgets }),
        3 => (socket.clone(), chance, kind)
            .prop_map(|(socket, owner, kind)| Action::JoinCircle { socket, owner, kind }),
        1 => (socket.clone(), 0..4_u8).prop_map(|(s, count)| Action::Seats(s, count)),
        8 => socket.clone().prop_map(Action::Want),
        2 => (socket.clone(), peer.clone()).prop_map(|(s, p)| Action::Signal(s, p)),
        2 => (socket.clone(), 0..102_u64).prop_map(|(s, have)| Action::Progress(s, have)),
        2 => socket.clone().prop_map(Action::Complete),
        3 => (socket.clone(), 0..8_u8).prop_map(|(s, slots)| Action::Slots(s, slots)),
        1 => (socket.clone(), peer.clone(), 0..200_u32).prop_map(|(s, p, m)| Action::Stats(s, p, m)),
        2 => (socket.clone(), peer.clone()).prop_map(|(s, p)| Action::LinkLost(s, p)),
        1 => (socket.clone(), peer.clone()).prop_map(|(s, p)| Action::BadPiece(s, p)),
        1 => (socket.clone(), peer).prop_map(|(s, p)| Action::Remove(s, p)),
        1 => socket.clone().prop_map(Action::Leave),
        3 => socket.prop_map(Action::Disconnect),
        3 => prop_oneof![4 => 0..400_u64, 1 => 50_000..70_000_u64].prop_map(Action::Wait),
        1 => Just(Action::Restart),
    ]
}

/// The room, and what a server and its clients know.
pub struct Watched {
    pub scene: Scene,
    pub topology: Topology,
    pub open: BTreeSet<SocketId>,
    /// Who was on each socket, and whether as the owner.
    names: BTreeMap<usize, (PeerId, bool)>,
    /// Links that stood when the server was restarted, by leech.
    stood: BTreeMap<PeerId, Vec<PeerId>>,
    line: Vec<PeerId>,
    links: BTreeSet<(PeerId, PeerId)>,
    circles: circle_watch::Watch,
}

impl Watched {
    pub fn new(topology: Topology) -> Self {
        Self {
            scene: Scene::with_at_most(10, topology),
            topology,
            open: BTreeSet::new(),
            names: BTreeMap::new(),
            stood: BTreeMap::new(),
            line: Vec::new(),
            links: BTreeSet::new(),
            circles: circle_watch::Watch::default(),
        }
    }

    pub fn act(&mut self, action: &Action) {
        let socket = |number: &usize| SocketId(*number as u64 + 1);
        let mut sender = None;
        let mut adopts = false;
        match action {
            Action::Join { owner, slots, network } => {
                let (slots, network) = (*slots, *network);
                let have = if *owner { Have::All } else { Have::None };
                self.join(Comes { owner: *owner, have, slots, network, ..RECIPIENT });
            }
            Action::JoinAgain { socket, owner, forgets } => {
                adopts = true;
                self.join_again(*socket, *owner, *forgets);
            }
            // With the name that somebody had, wherever that was.
            Action::JoinCircle { socket, owner, kind } => {
                let name = self.names.get(socket).filter(|name| name.1 == *owner);
                let (resumed, circle) = (name.map(|name| name.0), Some(*kind));
                self.join(Comes { owner: *owner, resumed, circle, ..RECIPIENT });
            }
            Action::Seats(number, count) => {
                self.say(socket(number), ClientMessage::Seats { count: *count });
            }
            Action::Wait(millis) => self.scene.wait(Duration::from_millis(*millis)),
            Action::Restart => self.restart(),
            Action::Disconnect(number) => {
                if self.open.remove(&socket(number)) {
                    self.scene.disconnects(socket(number));
                }
            }
            Action::Want(number) => self.say(socket(number), ClientMessage::Want),
            Action::Signal(number, to) => {
                sender = self.scene.room.name_on(socket(number)).map(|p| (p, PeerId(*to)));
                self.say(socket(number), signal(PeerId(*to)));
            }
            Action::Progress(number, have) => self.say(socket(number), progress(*have)),
            Action::Complete(number) => {
                self.say(socket(number), progress_of(100, Have::All));
                self.check_state(false);
                self.say(socket(number), ClientMessage::Complete);
            }
            Action::Slots(number, offered) => {
                self.say(socket(number), ClientMessage::Slots { offered: *offered });
            }
            Action::Stats(number, peer, millis) => self.measure(socket(number), *peer, *millis),
            Action::LinkLost(number, peer) => {
                self.say(socket(number), ClientMessage::LinkLost { peer: PeerId(*peer) });
            }
            Action::BadPiece(number, peer) => {
                let bad = ClientMessage::BadPiece { peer: PeerId(*peer), piece: 0 };
                self.say(socket(number), bad);
            }
            Action::Remove(number, peer) => {
                self.say(socket(number), ClientMessage::Remove { peer: PeerId(*peer) });
            }
            Action::Leave(number) => self.say(socket(number), ClientMessage::Leave),
        }
        self.open.retain(|socket| !self.scene.closed.contains(socket));
        self.circles.check(&self.scene);
        self.check_words(sender, adopts);
        self.check_state(adopts);
    }

    pub fn join(&mut self, comes: Comes) {
        let owner = comes.owner;
        let socket = self.scene.attach(comes);
        self.open.insert(socket);
        if let Some((peer, _)) = self.scene.welcomed.get(&socket) {
            self.names.insert(socket.0 as usize - 1, (*peer, owner));
        }
    }

    /// As the driver does it: a name counts only in the role in which it was given.
    fn join_again(&mut self, number: usize, owner: bool, forgets: bool) {
        let resumed = self.names.get(&number).filter(|name| name.1 == owner).map(|name| name.0);
        let have = if owner { Have::All } else { Have::None };
        let room = &self.scene.room;
        let providers = match resumed {
            Some(_) if forgets => Vec::new(),
            Some(peer) if room.members.get(peer).is_some_and(|m| !m.placeholder) => {
                self.scene.providers(peer)
            }
            Some(peer) => self.stood.get(&peer).cloned().unwrap_or_default(),
            None => Vec::new(),
        };
        self.join(Comes { owner, have, resumed, providers, ..RECIPIENT });
    }

    fn restart(&mut self) {
        let ids = self.scene.room.members.ids();
        self.stood.extend(ids.into_iter().map(|peer| (peer, self.scene.providers(peer))));
        let config = self.scene.room.config.clone();
        self.scene.room = Room::new(config);
        self.open.clear();
        self.line.clear();
        self.links.clear();
        self.scene.rosters.clear();
        self.circles = circle_watch::Watch::default();
    }

    fn measure(&mut self, socket: SocketId, peer: u32, millis: u32) {
        let trip = crate::protocol::signalling::RoundTrip { peer: PeerId(peer), millis };
        let uplink_bytes_per_second = u64::from(millis);
        let stats = Stats { uplink_bytes_per_second, round_trips: vec![trip] };
        self.say(socket, ClientMessage::Stats(stats));
    }

    pub fn say(&mut self, socket: SocketId, message: ClientMessage) {
        if self.open.contains(&socket) {
            self.scene.says(socket, message);
            self.open.retain(|socket| !self.scene.closed.contains(socket));
        }
    }

    /// What was just said, and to whom.
    fn check_words(&mut self, sender: Option<(PeerId, PeerId)>, adopts: bool) {
        let mut revoked = BTreeSet::new();
        for (socket, messages) in std::mem::take(&mut self.scene.sent) {
            let to = self.scene.room.name_on(socket);
            let in_circle = self.scene.room.circles.by_socket(socket).is_some();
            for message in messages {
                match message {
                    ServerMessage::Assigned { peers, .. } => {
                        for peer in peers {
                            assert_ne!(Some(peer), to, "assigned to itself");
                            let member = self.scene.room.members.get(peer);
                            assert!(member.is_some_and(Member::is_online), "{peer} is not here");
                        }
                    }
                    ServerMessage::Serve { peer } => assert_ne!(Some(peer), to),
                    ServerMessage::Revoked { peer } => {
                        revoked.extend(to.map(|to| (to, peer)));
                    }
                    ServerMessage::Signal { from, .. } => {
                        let expected = sender.expect("nobody signalled");
                        assert_eq!((from, to.unwrap()), expected, "not the sender, or misrouted");
                        // What passes in a circle is checked there.
                        let links = &self.scene.room.links;
                        assert!(in_circle || links.connects(from, to.unwrap()));
                    }
                    ServerMessage::Roster { members } => {
                        assert!(to.is_none() || to == self.scene.room.members.owner());
                        assert!(members.iter().all(|entry| Some(entry.peer) != to));
                    }
                    _ => {}
                }
            }
        }
        if !adopts {
            self.check_revoked(&revoked);
        }
    }

    /// Whoever goes on fetching hears which of its links are over, and so does whoever served it.
    fn check_revoked(&self, revoked: &BTreeSet<(PeerId, PeerId)>) {
        let members = &self.scene.room.members;
        let now = links_of(&self.scene.room);
        let here = |peer: PeerId| members.get(peer).is_some_and(Member::is_online);
        for (leech, provider) in self.links.difference(&now) {
            if members.get(*leech).is_some_and(Member::is_leech) {
                assert!(!here(*leech) || revoked.contains(&(*leech, *provider)));
                assert!(!here(*provider) || revoked.contains(&(*provider, *leech)));
            }
        }
    }

    fn check_state(&mut self, adopts: bool) {
        let room = &self.scene.room;
        let in_circles = self.open.iter().filter(|s| room.circles.by_socket(**s).is_some());
        assert_eq!(room.gauge().members as usize, self.open.len() - in_circles.count());
        assert_eq!(room.is_idle(), room.members.is_empty() && room.circles.is_empty());
        assert!(room.members.iter().filter(|member| member.owner).count() <= 1);
        assert!(room.members.recipients() < room.config.max_peers);
        self.check_links(adopts);
        self.check_line();
        for member in room.members.iter() {
            let served = room.links.provider_count(member.peer) > 0;
            let waits = room.waiting.snapshot().contains(&member.peer);
            assert!(!waits || (member.is_leech() && !served));
            if member.is_leech() && member.is_online() {
                assert!(waits || served, "{} is forgotten", member.peer);
            }
        }
        let room = &self.scene.room;
        self.line = room.waiting.snapshot();
        self.links = links_of(room);
    }

    fn check_links(&self, adopts: bool) {
        let room = &self.scene.room;
        let links = links_of(room);
        for (leech, provider) in &links {
            assert_ne!(leech, provider);
            let (Some(_), Some(server)) = (room.members.get(*leech), room.members.get(*provider))
            else {
                panic!("a link of someone gone");
            };
            if !adopts && !self.links.contains(&(*leech, *provider)) {
                assert!(server.is_online());
                let used = room.links.leech_count(*provider);
                let direct = self.topology == Topology::Direct;
                assert!(
                    direct || used <= usize::from(server.slots),
                    "{provider} is over its slots"
                );
            }
        }
        let one_way = matches!(self.topology, Topology::Chain | Topology::Tree);
        for leech in room.members.ids() {
            let most = if self.topology == Topology::Swarm { MAX_PROVIDERS + 1 } else { 1 };
            assert!(room.links.provider_count(leech) <= most);
            let mut behind = BTreeSet::new();
            room.links.spread(room.links.leeches_of(leech), &mut behind);
            assert!(!one_way || !behind.contains(&leech), "a circle");
        }
    }

    fn check_line(&self) {
        let room = &self.scene.room;
        let line = room.waiting.snapshot();
        assert_eq!(line.iter().collect::<BTreeSet<_>>().len(), line.len());
        // Whoever stays in line keeps the order.
        let stayed: Vec<_> = self.line.iter().filter(|peer| line.contains(peer)).collect();
        let kept: Vec<_> = line.iter().filter(|peer| self.line.contains(peer)).collect();
        assert_eq!(stayed, kept);
        for leech in &line {
            let Some(member) = room.members.get(*leech) else { panic!("{leech} is not here") };
            if !member.is_online() {
                continue;
            }
            for provider in room.members.iter().filter(|p| self.could_serve(p, member)) {
                let used = room.links.leech_count(provider.peer);
                let free = self.topology == Topology::Direct || used < usize::from(provider.slots);
                assert!(!free, "{leech} waits and {} could serve it", provider.peer);
                let mut after = self.line.iter().skip_while(|peer| *peer != leech);
                let overtaken = after.find(|other| {
                    let link = (**other, provider.peer);
                    !self.links.contains(&link) && room.links.serves(provider.peer, **other)
                });
                assert!(overtaken.is_none(), "{leech} was overtaken by {overtaken:?}");
                let spare = room.links.leeches_of(provider.peer).any(|other| {
                    let mut others = room.links.providers_of(other);
                    let sure = |p: PeerId| room.members.get(p).is_some_and(Member::is_complete);
                    others.any(|p| p != provider.peer && sure(p))
                });
                let fits = used <= usize::from(provider.slots);
                assert!(!(spare && fits), "{leech} waits and others have several");
            }
        }
    }

    /// Whether this topology allows it, slots aside.
    fn could_serve(&self, provider: &Member, leech: &Member) -> bool {
        let room = &self.scene.room;
        let is_source = |peer| room.members.get(peer).is_some_and(Member::is_source);
        let reached = room.links.reaches(provider.peer, is_source);
        let allowed = match self.topology {
            Topology::Direct => provider.owner,
            Topology::Pool => provider.is_complete(),
            Topology::Chain | Topology::Tree => {
                reached && !room.links.reaches(provider.peer, |peer| peer == leech.peer)
            }
            Topology::Swarm => reached,
        };
        let bad = leech.bad_pieces.get(&provider.peer).copied().unwrap_or_default();
        allowed && provider.is_online() && provider.peer != leech.peer && bad < MAX_BAD_PIECES
    }
}

fn links_of(room: &Room) -> BTreeSet<(PeerId, PeerId)> {
    let ids = room.members.ids().into_iter();
    ids.flat_map(|leech| room.links.providers_of(leech).map(move |p| (leech, p))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn the_rooms_promises_hold(
        topology in topology(),
        actions in prop::collection::vec(action(), 0..120),
    ) {
        let mut watched = Watched::new(topology);
        for action in &actions {
            watched.act(action);
        }
        for pair in watched.scene.rosters.windows(2) {
            prop_assert!(pair[1] - pair[0] >= ROSTER_INTERVAL);
        }
        for socket in watched.open.clone() {
            watched.scene.disconnects(socket);
        }
        watched.scene.wait(REJOIN_GRACE);
        prop_assert!(watched.scene.room.is_idle());
    }
}
