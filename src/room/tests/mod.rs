//! A room by its words alone: what goes in, and what comes out on which socket.
//!
//! `conduct` holds one behaviour a test, `random` what holds whatever happens.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::protocol::rooms::Topology;

mod conduct;
mod random;

/// A room with its clock and what its sockets were sent.
struct Scene {
    room: Room,
    now: Timestamp,
    sent: BTreeMap<SocketId, Vec<ServerMessage>>,
    closed: BTreeSet<SocketId>,
    rosters: Vec<Timestamp>,
    last_socket: u64,
}

impl Scene {
    fn new() -> Self {
        Self::with_at_most(64)
    }

    fn with_at_most(max_peers: usize) -> Self {
        let config = Config {
            max_peers,
            topology: Topology::Direct,
            ice_servers: Vec::new(),
            trickle_ice: true,
        };
        Self {
            room: Room::new(config),
            now: Timestamp::ZERO,
            sent: BTreeMap::new(),
            closed: BTreeSet::new(),
            rosters: Vec::new(),
            last_socket: 0,
        }
    }

    fn input(&mut self, input: Input) {
        self.room.handle_input(self.now, input);
        while let Some(output) = self.room.poll_output() {
            match output {
                Output::Send { socket, message } => {
                    assert!(!self.closed.contains(&socket), "{message:?} to a closed socket");
                    if matches!(message, ServerMessage::Roster { .. }) {
                        self.rosters.push(self.now);
                    }
                    self.sent.entry(socket).or_default().push(message);
                }
                Output::Close { socket } => assert!(self.closed.insert(socket)),
            }
        }
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

    fn attach(&mut self, owner: bool, resume_token: Option<ResumeToken>) -> SocketId {
        self.last_socket += 1;
        let socket = SocketId(self.last_socket);
        let fresh_token = ResumeToken::from_bytes([self.last_socket as u8; 16]);
        let have = if owner { Have::All } else { Have::None };
        self.input(Input::Joined { socket, owner, have, resume_token, fresh_token });
        socket
    }

    fn owner(&mut self) -> (SocketId, PeerId) {
        let socket = self.attach(true, None);
        (socket, self.welcome(socket).peer_id)
    }

    fn recipient(&mut self) -> (SocketId, PeerId) {
        let socket = self.attach(false, None);
        (socket, self.welcome(socket).peer_id)
    }

    fn welcome(&self, socket: SocketId) -> Welcome {
        match self.heard(socket).first() {
            Some(ServerMessage::Welcome(welcome)) => welcome.clone(),
            other => panic!("{socket:?} was not welcomed but told {other:?}"),
        }
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
}

fn signal(to: PeerId) -> ClientMessage {
    ClientMessage::Signal { to, sealed: SealedSignal("x".to_owned()) }
}

fn progress(have_bytes: u64) -> ClientMessage {
    ClientMessage::Progress(Progress {
        have_bytes,
        wanted_bytes: 100,
        bytes_per_second: 1,
        phase: MemberPhase::Downloading,
        path: PathKind::Direct,
    })
}

fn refused_as(news: &[ServerMessage]) -> Option<ErrorCode> {
    match news {
        [ServerMessage::Error { code, .. }] => Some(*code),
        _ => None,
    }
}
