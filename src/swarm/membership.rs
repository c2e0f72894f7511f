//! The signalling socket: joining, coming back, and the room's end.

use std::collections::VecDeque;
use std::time::Duration;

use super::random::Random;
use super::remote_peer::RemotePeer;
use super::{
    ClientMessage, Failure, Output, PeerId, Reason, ResumeToken, ServerMessage, Swarm, Timestamp,
};
use crate::protocol::limits::MAX_TOLD_LINKS;
use crate::protocol::signalling::{CloseReason, ErrorCode, Welcome};

/// First pause before the socket is opened again.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// Silence after which the server is asked whether it is there.
const QUIET: Duration = Duration::from_secs(25);
/// Time for its answer. Without one the socket is given up, whatever the browser thinks of it.
const PONG_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a socket to open and for `welcome`.
const JOIN_TIMEOUT: Duration = Duration::from_secs(15);

/// Where the page stands with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No socket is wanted.
    Outside,
    /// The socket is being opened, or `welcome` is awaited; no longer than until then.
    Joining { until: Timestamp },
    /// `welcome` came. The server is asked whether it is there then.
    Joined { quiet: Timestamp },
    /// It was asked, and has until then to say anything.
    Doubted { until: Timestamp },
    /// The socket was lost; open it again then.
    Away { until: Timestamp },
}

/// The page's place in the room.
#[derive(Clone, Debug)]
pub struct Membership {
    state: State,
    resume_token: Option<ResumeToken>,
    failures: u32,
}

impl Membership {
    /// Outside.
    pub fn new() -> Self {
        Self { state: State::Outside, resume_token: None, failures: 0 }
    }

    /// Whether the server can be told something.
    pub fn is_joined(&self) -> bool {
        matches!(self.state, State::Joined { .. } | State::Doubted { .. })
    }

    /// Whether the socket was lost and is to be opened again.
    pub fn is_away(&self) -> bool {
        matches!(self.state, State::Away { .. })
            || (matches!(self.state, State::Joining { .. }) && self.failures > 0)
    }

    /// Opens the socket.
    pub fn open(&mut self, now: Timestamp, outputs: &mut VecDeque<Output>) {
        self.state = State::Joining { until: now + JOIN_TIMEOUT };
        outputs.push_back(Output::OpenSocket);
    }

    /// When to look again.
    pub fn timeout(&self) -> Option<Timestamp> {
        match self.state {
            State::Outside => None,
            State::Joined { quiet } => Some(quiet),
            State::Joining { until } | State::Doubted { until } | State::Away { until } => {
                Some(until)
            }
        }
    }

    /// Opens the socket again if it is time, and gives up one that nothing comes from.
    pub fn handle_timeout(
        &mut self,
        now: Timestamp,
        random: &mut Random,
        outputs: &mut VecDeque<Output>,
    ) {
        match self.state {
            State::Away { until } if now >= until => self.open(now, outputs),
            State::Joined { quiet } if now >= quiet => self.doubt(now, outputs),
            State::Joining { until } | State::Doubted { until } if now >= until => {
                outputs.push_back(Output::CloseSocket);
                self.lost(now, random);
            }
            _ => {}
        }
    }

    /// Asks whether the server is there, when something else is lost: it may be the network.
    pub fn doubt(&mut self, now: Timestamp, outputs: &mut VecDeque<Output>) {
        if matches!(self.state, State::Joined { .. }) {
            self.state = State::Doubted { until: now + PONG_TIMEOUT };
            outputs.push_back(Output::Tell(ClientMessage::Ping));
        }
    }

    /// The server said something.
    fn heard(&mut self, now: Timestamp) {
        if self.is_joined() {
            self.state = State::Joined { quiet: now + QUIET };
        }
    }

    /// Leaves for good.
    pub fn leave(&mut self, outputs: &mut VecDeque<Output>) {
        if self.is_joined() {
            outputs.push_back(Output::Tell(ClientMessage::Leave));
        }
        if self.state != State::Outside {
            outputs.push_back(Output::CloseSocket);
        }
        self.state = State::Outside;
    }

    fn lost(&mut self, now: Timestamp, random: &mut Random) {
        if self.state == State::Outside {
            return;
        }
        // Full jitter: everyone that one server lost comes back at another moment.
        let longest = (FIRST_PAUSE * 2_u32.pow(self.failures.min(10))).min(LONGEST_PAUSE);
        self.failures += 1;
        let pause = longest.mul_f64(random.fraction());
        self.state = State::Away { until: now + pause };
    }

    fn welcomed(&mut self, now: Timestamp, resume_token: ResumeToken) {
        self.state = State::Joined { quiet: now + QUIET };
        self.resume_token = Some(resume_token);
        self.failures = 0;
    }
}

impl Swarm {
    pub(super) fn socket_opened(&mut self, now: Timestamp) {
        if !matches!(self.membership.state, State::Joining { .. }) {
            // The page left while the socket was being opened.
            return;
        }
        // What was said about links that do not stand yet may be lost with the earlier socket.
        let pending = |remote: &RemotePeer| remote.provider && !remote.is_greeted();
        let pending: Vec<PeerId> = self
            .peers
            .iter()
            .filter(|(_, remote)| pending(remote))
            .map(|(peer, _)| *peer)
            .collect();
        for peer in pending {
            self.drop_link(now, peer, Reason::Revoked);
        }
        let resume_token = self.membership.resume_token;
        let (have, slots) = (self.holds(), self.slots.offered());
        let stands = |remote: &RemotePeer| remote.provider && remote.is_greeted();
        let standing = self.peers.iter().filter(|(_, remote)| stands(remote));
        let providers = standing.map(|(peer, _)| *peer).take(MAX_TOLD_LINKS).collect();
        self.outputs.push_back(Output::Join { resume_token, have, slots, providers });
    }

    pub(super) fn socket_closed(&mut self, now: Timestamp) {
        self.membership.lost(now, &mut self.random);
    }

    pub(super) fn server_said(&mut self, now: Timestamp, message: ServerMessage) {
        if self.membership.state == State::Outside {
            return;
        }
        self.membership.heard(now);
        match message {
            ServerMessage::Welcome(welcome) => self.welcomed(now, welcome),
            ServerMessage::Assigned { peers, owner } => {
                self.waiting = None;
                self.owner = owner;
                for peer in peers {
                    self.offer_to(now, peer);
                }
            }
            ServerMessage::Serve { peer } => self.expect_offer(now, peer),
            ServerMessage::Waiting { ahead, seeds } => {
                self.waiting = Some((ahead, seeds > 0));
                // Nobody is here but those who lied.
                if self.bad_pieces >= super::leech::MAX_BAD_PIECES
                    && seeds as usize <= self.liars.len()
                {
                    self.fail(Failure::Corrupt);
                }
            }
            // The driver opens signals and hands them in as `SignalReceived`. Circles have sockets of their own.
            ServerMessage::Signal { .. } | ServerMessage::Pong | ServerMessage::Circle(_) => {}
            ServerMessage::Revoked { peer } => self.drop_link(now, peer, Reason::Revoked),
            ServerMessage::Roster { members } => self.roster = members,
            ServerMessage::Closed { reason } => self.room_closed(reason),
            ServerMessage::Error { code, .. } => self.refused(code),
        }
    }

    fn welcomed(&mut self, now: Timestamp, welcome: Welcome) {
        self.membership.welcomed(now, welcome.resume_token);
        self.topology = Some(welcome.topology);
        self.me = Some(welcome.peer_id);
        let ice = Output::UseIce { servers: welcome.ice_servers, trickle: welcome.trickle_ice };
        self.outputs.push_back(ice);
        if !welcome.resumed {
            // The server forgot this member, by a restart or because it was away too long. Links made before
            // go by names that may mean others now.
            for peer in self.peers.keys().copied().collect::<Vec<_>>() {
                self.drop_link(now, peer, Reason::Revoked);
            }
        }
        self.restart_lost_paths();
        if self.complete {
            self.outputs.push_back(Output::Tell(ClientMessage::Complete));
        } else if self.download.is_some() && !self.has_provider() {
            self.outputs.push_back(Output::Tell(ClientMessage::Want));
        }
        self.tell_progress(now);
    }

    fn room_closed(&mut self, reason: CloseReason) {
        // What is complete stays so; the socket just ends.
        if self.complete {
            self.leave();
            return;
        }
        self.fail(match reason {
            CloseReason::Stopped => Failure::Stopped,
            CloseReason::Expired => Failure::Expired,
            CloseReason::Removed => Failure::Removed,
            CloseReason::Replaced => Failure::Replaced,
        });
    }

    fn refused(&mut self, code: ErrorCode) {
        match code {
            ErrorCode::Version => self.fail(Failure::Version),
            ErrorCode::Full => self.fail(Failure::Full),
            ErrorCode::NotFound => self.fail(Failure::Stopped),
            ErrorCode::Forbidden => self.fail(Failure::Refused),
            // The socket closes, and the page comes back later.
            ErrorCode::Malformed | ErrorCode::TooFast | ErrorCode::Unavailable => {}
        }
    }

    fn has_provider(&self) -> bool {
        self.peers.values().any(|remote| remote.provider)
    }

    pub(super) fn is_joined(&self) -> bool {
        self.membership.is_joined()
    }

    pub(super) fn tell(&mut self, message: ClientMessage) {
        if self.is_joined() {
            self.outputs.push_back(Output::Tell(message));
        }
    }

    pub(super) fn tell_link_lost(&mut self, peer: PeerId) {
        self.tell(ClientMessage::LinkLost { peer });
    }
}
