//! What holds whatever happens, in any order.

use proptest::prelude::*;

use super::*;

/// Sockets and members are picked among those that ever were, so that some are gone.
#[derive(Clone, Debug)]
enum Action {
    Join { owner: bool },
    JoinAgain { socket: usize, owner: bool },
    Want(usize),
    Signal(usize, u32),
    Progress(usize, u64),
    Complete(usize),
    LinkLost(usize, u32),
    BadPiece(usize, u32),
    Remove(usize, u32),
    Leave(usize),
    Disconnect(usize),
    Wait(u64),
}

fn action() -> impl Strategy<Value = Action> {
    let socket = 0..16_usize;
    let peer = 0..12_u32;
    prop_oneof![
        4 => prop::bool::weighted(0.3).prop_map(|owner| Action::Join { owner }),
        3 => (socket.clone(), prop::bool::weighted(0.3))
            .prop_map(|(socket, owner)| Action::JoinAgain { socket, owner }),
        5 => socket.clone().prop_map(Action::Want),
        4 => (socket.clone(), peer.clone()).prop_map(|(s, p)| Action::Signal(s, p)),
        2 => (socket.clone(), 0..102_u64).prop_map(|(s, have)| Action::Progress(s, have)),
        2 => socket.clone().prop_map(Action::Complete),
        2 => (socket.clone(), peer.clone()).prop_map(|(s, p)| Action::LinkLost(s, p)),
        1 => (socket.clone(), peer.clone()).prop_map(|(s, p)| Action::BadPiece(s, p)),
        1 => (socket.clone(), peer).prop_map(|(s, p)| Action::Remove(s, p)),
        1 => socket.clone().prop_map(Action::Leave),
        3 => socket.prop_map(Action::Disconnect),
        3 => prop_oneof![4 => 0..400_u64, 1 => 50_000..70_000_u64].prop_map(Action::Wait),
    ]
}

/// The room, and what a server knows of its sockets.
struct Watched {
    scene: Scene,
    open: BTreeSet<SocketId>,
    tokens: Vec<ResumeToken>,
    line: Vec<PeerId>,
}

impl Watched {
    fn act(&mut self, action: &Action) {
        let socket = |number: &usize| SocketId(*number as u64 + 1);
        let mut sender = None;
        match action {
            Action::Join { owner } => self.join(*owner, None),
            Action::JoinAgain { socket, owner } => {
                let token = self.tokens.get(*socket).copied();
                self.join(*owner, token);
            }
            Action::Wait(millis) => self.scene.wait(Duration::from_millis(*millis)),
            Action::Disconnect(number) => {
                if self.open.remove(&socket(number)) {
                    self.scene.disconnects(socket(number));
                }
            }
            Action::Want(number) => self.say(socket(number), ClientMessage::Want),
            Action::Signal(number, to) => {
                sender =
                    self.scene.room.members.by_socket(socket(number)).map(|p| (p, PeerId(*to)));
                self.say(socket(number), signal(PeerId(*to)));
            }
            Action::Progress(number, have) => self.say(socket(number), progress(*have)),
            Action::Complete(number) => self.say(socket(number), ClientMessage::Complete),
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
        self.check_words(sender);
        self.check_state();
    }

    fn join(&mut self, owner: bool, token: Option<ResumeToken>) {
        let socket = self.scene.attach(owner, token);
        self.open.insert(socket);
        let fresh = ResumeToken::from_bytes([self.scene.last_socket as u8; 16]);
        self.tokens.push(token.unwrap_or(fresh));
    }

    fn say(&mut self, socket: SocketId, message: ClientMessage) {
        if self.open.contains(&socket) {
            self.scene.says(socket, message);
        }
    }

    /// What was just said, and to whom.
    fn check_words(&mut self, sender: Option<(PeerId, PeerId)>) {
        for (socket, messages) in std::mem::take(&mut self.scene.sent) {
            let to = self.scene.room.members.by_socket(socket);
            for message in messages {
                match message {
                    ServerMessage::Assigned { peers } => {
                        for peer in peers {
                            assert_ne!(Some(peer), to, "assigned to itself");
                            let member = self.scene.room.members.get(peer);
                            assert!(
                                member.is_some_and(|m| m.socket.is_some()),
                                "{peer} is not here"
                            );
                        }
                    }
                    ServerMessage::Serve { peer } => assert_ne!(Some(peer), to),
                    ServerMessage::Signal { from, .. } => {
                        assert_eq!(
                            Some((from, to.unwrap())),
                            sender,
                            "not the sender, or misrouted"
                        );
                        assert!(self.scene.room.links.contains(from, to.unwrap()));
                    }
                    ServerMessage::Roster { members } => {
                        assert!(to.is_none() || to == self.scene.room.members.owner());
                        assert!(members.iter().all(|entry| Some(entry.peer) != to));
                    }
                    _ => {}
                }
            }
        }
    }

    fn check_state(&mut self) {
        let room = &self.scene.room;
        assert_eq!(room.gauge().members as usize, self.open.len());
        assert_eq!(room.gauge().seeds, u32::from(room.members.owner_socket().is_some()));
        assert_eq!(room.is_idle(), room.members.is_empty());
        assert!(room.members.iter().filter(|member| member.owner).count() <= 1);
        assert!(room.members.recipients() < room.config.max_peers);
        let line = room.waiting.snapshot();
        // Whoever stays in line keeps the order.
        let stayed: Vec<_> = self.line.iter().filter(|peer| line.contains(peer)).collect();
        let kept: Vec<_> = line.iter().filter(|peer| self.line.contains(peer)).collect();
        assert_eq!(stayed, kept);
        assert_eq!(line.iter().collect::<BTreeSet<_>>().len(), line.len());
        for member in room.members.iter() {
            let providers: Vec<PeerId> = room.links.providers_of(member.peer).collect();
            assert!(providers.iter().all(|p| room.members.get(*p).is_some_and(|m| m.owner)));
            assert!(providers.is_empty() || member.wants);
            let waits = line.contains(&member.peer);
            assert!(!waits || (member.wants && providers.is_empty()));
            if member.wants && member.socket.is_some() && !member.owner {
                assert!(waits || !providers.is_empty(), "{} is forgotten", member.peer);
            }
        }
        assert!(line.iter().all(|peer| room.members.get(*peer).is_some()));
        self.line = line;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_rooms_promises_hold(actions in prop::collection::vec(action(), 0..80)) {
        let mut watched = Watched {
            scene: Scene::with_at_most(6),
            open: BTreeSet::new(),
            tokens: Vec::new(),
            line: Vec::new(),
        };
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
