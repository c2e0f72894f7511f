//! What the server decides: who is in a room, who serves whom, what is passed on.
//!
//! One [`Room`] is owned by one driver, which follows the contract of every machine here:
//!
//! 1. [`Room::handle_input`] once, then
//! 2. [`Room::poll_output`] until it answers `None`, executing each output, then
//! 3. wait for the next input, or until [`Room::poll_timeout`], and hand in [`Input::Timeout`].
//!
//! The machine has no clock, socket or randomness. A message that breaks the rules is answered with an error
//! and a closed socket, never with an `Err`. Live state is soft: members that join again rebuild it.

mod contract;
mod member;
mod relay;
#[cfg(test)]
mod tests;
pub mod topology;
mod wait_queue;

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::protocol::id::{PeerId, ResumeToken};
use crate::protocol::limits::REJOIN_GRACE;
use crate::protocol::signalling::{
    ClientMessage, CloseReason, ErrorCode, Have, MemberPhase, PathKind, Progress, RosterEntry,
    SealedSignal, ServerMessage, Welcome,
};

pub use contract::{Config, Gauge, Input, Output, SocketId};

use member::{Member, Members};
use relay::Links;
use topology::TopologyRule;
use wait_queue::WaitQueue;

/// Least time between two rosters, so that a room of many costs its owner little.
const ROSTER_INTERVAL: Duration = Duration::from_millis(250);
/// Bad pieces after which a provider is not assigned to the same leech again.
const MAX_BAD_PIECES: u32 = 3;

/// The machine.
#[derive(Debug)]
pub struct Room {
    config: Config,
    topology: Box<dyn TopologyRule>,
    members: Members,
    links: Links,
    waiting: WaitQueue,
    outputs: VecDeque<Output>,
    roster_dirty: bool,
    roster_sent: Option<Timestamp>,
}

impl Room {
    /// An empty room.
    pub fn new(config: Config) -> Self {
        Self {
            topology: topology::rule(config.topology),
            config,
            members: Members::default(),
            links: Links::default(),
            waiting: WaitQueue::default(),
            outputs: VecDeque::new(),
            roster_dirty: false,
            roster_sent: None,
        }
    }

    /// One mutation. Drain [`Self::poll_output`] before the next.
    pub fn handle_input(&mut self, now: Timestamp, input: Input) {
        match input {
            Input::Joined { socket, owner, have, resume_token, fresh_token } => {
                self.join(socket, owner, have, resume_token, fresh_token);
            }
            Input::Received { socket, message } => {
                if let Some(peer) = self.members.by_socket(socket) {
                    self.receive(socket, peer, message);
                }
            }
            Input::Disconnected { socket } => self.disconnect(now, socket),
            Input::Ended { reason } => self.end(reason),
            Input::Timeout => self.expire(now),
        }
        self.publish_roster(now);
    }

    /// The next thing to do; `None` when all is done.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to hand in [`Input::Timeout`], if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let grace = self.members.earliest_away().map(|since| since + REJOIN_GRACE);
        let roster = match self.roster_sent {
            Some(sent) if self.roster_dirty && self.members.owner_socket().is_some() => {
                Some(sent + ROSTER_INTERVAL)
            }
            _ => None,
        };
        [grace, roster].into_iter().flatten().min()
    }

    /// What anyone may know.
    pub fn gauge(&self) -> Gauge {
        Gauge { members: self.members.online(), seeds: self.topology.seeds_online(&self.members) }
    }

    /// Whether nobody is here and nobody may come back: the driver may drop it.
    pub fn is_idle(&self) -> bool {
        self.members.is_empty() && self.outputs.is_empty()
    }

    fn join(
        &mut self,
        socket: SocketId,
        owner: bool,
        have: Have,
        resume_token: Option<ResumeToken>,
        fresh_token: ResumeToken,
    ) {
        let known = resume_token.and_then(|token| self.members.by_token(&token, owner));
        let peer = match known {
            Some(peer) => {
                self.attach_again(peer, socket, have);
                peer
            }
            None if !owner && self.members.recipients() + 1 >= self.config.max_peers => {
                self.refuse(socket, ErrorCode::Full, "This room is full. Try again later.");
                return;
            }
            None => {
                // One owner at a time: a reloaded page takes its own place over.
                if owner && let Some(earlier) = self.members.owner() {
                    self.dismiss(earlier, CloseReason::Replaced);
                }
                self.members.add(socket, owner, have, fresh_token)
            }
        };
        let Some(member) = self.members.get(peer) else { return };
        let has_missed = known.is_some() && self.links.providers_of(peer).next().is_none();
        let welcome = Welcome {
            peer_id: peer,
            resume_token: member.resume_token,
            resumed: known.is_some(),
            ice_servers: self.config.ice_servers.clone(),
            trickle_ice: self.config.trickle_ice,
        };
        self.outputs.push_back(Output::Send { socket, message: ServerMessage::Welcome(welcome) });
        self.roster_dirty = true;
        self.serve_waiting();
        if has_missed {
            // It wanted something and its providers went while it was away.
            self.assign(peer);
        }
    }

    fn attach_again(&mut self, peer: PeerId, socket: SocketId, have: Have) {
        let Some(member) = self.members.get_mut(peer) else { return };
        let earlier = member.socket.replace(socket);
        member.away_since = None;
        member.have = have;
        if let Some(earlier) = earlier {
            let message = ServerMessage::Closed { reason: CloseReason::Replaced };
            self.outputs.push_back(Output::Send { socket: earlier, message });
            self.outputs.push_back(Output::Close { socket: earlier });
        }
    }

    fn receive(&mut self, socket: SocketId, peer: PeerId, message: ClientMessage) {
        match message {
            ClientMessage::Join(_) => {
                self.refuse(socket, ErrorCode::Malformed, "This socket has already joined.");
                self.drop_member(peer);
            }
            ClientMessage::Want => {
                if let Some(member) = self.members.get_mut(peer) {
                    member.wants = true;
                }
                // Whoever asks has no provider, whatever this room remembers.
                self.links.release_leech(peer);
                self.assign(peer);
            }
            ClientMessage::Signal { to, sealed } => self.relay(peer, to, sealed),
            ClientMessage::Progress(progress) => self.note_progress(socket, peer, progress),
            ClientMessage::Complete => self.complete(peer),
            ClientMessage::LinkLost { peer: other } => self.link_lost(peer, other),
            ClientMessage::BadPiece { peer: other, .. } => {
                if let Some(member) = self.members.get_mut(peer) {
                    *member.bad_pieces.entry(other).or_default() += 1;
                }
                self.link_lost(peer, other);
            }
            ClientMessage::Remove { peer: other } => {
                if self.members.owner() == Some(peer) && other != peer {
                    self.dismiss(other, CloseReason::Removed);
                } else {
                    self.refuse(socket, ErrorCode::Forbidden, "Only the sender removes people.");
                    self.drop_member(peer);
                }
            }
            ClientMessage::Leave => {
                self.outputs.push_back(Output::Close { socket });
                self.drop_member(peer);
            }
        }
    }

    /// Signals pass only along links that this room made. Any other is dropped without a word: the link may
    /// have been revoked while the signal was on its way.
    fn relay(&mut self, from: PeerId, to: PeerId, sealed: SealedSignal) {
        if self.links.contains(from, to) {
            self.send(to, ServerMessage::Signal { from, sealed });
        }
    }

    fn note_progress(&mut self, socket: SocketId, peer: PeerId, progress: Progress) {
        if progress.have_bytes > progress.wanted_bytes {
            self.refuse(socket, ErrorCode::Malformed, "More is here than was wanted.");
            self.drop_member(peer);
            return;
        }
        if let Some(member) = self.members.get_mut(peer) {
            member.progress = progress;
            self.roster_dirty = true;
        }
    }

    fn complete(&mut self, peer: PeerId) {
        let Some(member) = self.members.get_mut(peer) else { return };
        member.wants = false;
        let progress = &mut member.progress;
        progress.phase = MemberPhase::Complete;
        progress.have_bytes = progress.wanted_bytes;
        progress.bytes_per_second = 0;
        self.roster_dirty = true;
        self.waiting.remove(peer);
        for provider in self.links.release_leech(peer) {
            self.send(provider, ServerMessage::Revoked { peer });
        }
        self.serve_waiting();
    }

    fn link_lost(&mut self, peer: PeerId, other: PeerId) {
        if !self.links.remove(peer, other) {
            // Revoked while it was away, or before it knew. All the same it may have no provider now.
            self.assign(peer);
            return;
        }
        self.send(other, ServerMessage::Revoked { peer });
        for leech in [peer, other] {
            if self.members.get(leech).is_some_and(|member| member.wants) {
                self.assign(leech);
            }
        }
    }

    /// Finds providers for a leech, or puts it in line.
    fn assign(&mut self, leech: PeerId) {
        let Some(member) = self.members.get(leech) else { return };
        if !member.wants || member.socket.is_none() {
            return;
        }
        let providers: Vec<PeerId> = self
            .topology
            .providers(leech, &self.members, &self.links)
            .into_iter()
            .filter(|provider| {
                member.bad_pieces.get(provider).is_none_or(|count| *count < MAX_BAD_PIECES)
            })
            .collect();
        if providers.is_empty() {
            if self.links.providers_of(leech).next().is_none() {
                self.waiting.push(leech);
                let seeds = self.topology.seeds_online(&self.members);
                let ahead = self.waiting.ahead_of(leech);
                self.send(leech, ServerMessage::Waiting { ahead, seeds });
            }
            return;
        }
        let was_ahead = self.waiting.remove(leech);
        for provider in &providers {
            self.links.add(leech, *provider);
            // First, so that the provider knows of the leech before its offer comes.
            self.send(*provider, ServerMessage::Serve { peer: leech });
        }
        self.send(leech, ServerMessage::Assigned { peers: providers });
        if was_ahead {
            self.tell_line();
        }
    }

    fn serve_waiting(&mut self) {
        for leech in self.waiting.snapshot() {
            self.assign(leech);
        }
    }

    fn tell_line(&mut self) {
        let seeds = self.topology.seeds_online(&self.members);
        for leech in self.waiting.snapshot() {
            let ahead = self.waiting.ahead_of(leech);
            self.send(leech, ServerMessage::Waiting { ahead, seeds });
        }
    }

    fn disconnect(&mut self, now: Timestamp, socket: SocketId) {
        let Some(peer) = self.members.by_socket(socket) else { return };
        if let Some(member) = self.members.get_mut(peer) {
            member.socket = None;
            member.away_since = Some(now);
            self.roster_dirty = true;
        }
    }

    fn expire(&mut self, now: Timestamp) {
        for peer in self.members.away_before(now, REJOIN_GRACE) {
            self.drop_member(peer);
        }
    }

    fn end(&mut self, reason: CloseReason) {
        for peer in self.members.ids() {
            self.dismiss(peer, reason);
        }
    }

    /// Sends a member away and says why.
    fn dismiss(&mut self, peer: PeerId, reason: CloseReason) {
        if let Some(socket) = self.members.get(peer).and_then(|member| member.socket) {
            let message = ServerMessage::Closed { reason };
            self.outputs.push_back(Output::Send { socket, message });
            self.outputs.push_back(Output::Close { socket });
        }
        self.drop_member(peer);
    }

    /// Forgets a member. Those that served it, or that it served, drop their link and look elsewhere.
    fn drop_member(&mut self, peer: PeerId) {
        if self.members.remove(peer).is_none() {
            return;
        }
        self.roster_dirty = true;
        let was_waiting = self.waiting.remove(peer);
        let neighbours = self.links.remove_all(peer);
        for other in &neighbours {
            self.send(*other, ServerMessage::Revoked { peer });
        }
        for other in neighbours {
            self.assign(other);
        }
        if was_waiting {
            self.tell_line();
        }
    }

    fn refuse(&mut self, socket: SocketId, code: ErrorCode, sentence: &str) {
        let message = ServerMessage::Error { code, message: sentence.to_owned() };
        self.outputs.push_back(Output::Send { socket, message });
        self.outputs.push_back(Output::Close { socket });
    }

    /// To a member with a socket. What a member misses while it is away it learns again when it comes back.
    fn send(&mut self, peer: PeerId, message: ServerMessage) {
        if let Some(socket) = self.members.get(peer).and_then(|member| member.socket) {
            self.outputs.push_back(Output::Send { socket, message });
        }
    }

    fn publish_roster(&mut self, now: Timestamp) {
        let due = self.roster_sent.is_none_or(|sent| now >= sent + ROSTER_INTERVAL);
        if !self.roster_dirty || !due {
            return;
        }
        let Some(socket) = self.members.owner_socket() else { return };
        let members = self.members.iter().filter(|m| !m.owner).map(Member::roster_entry).collect();
        self.outputs.push_back(Output::Send { socket, message: ServerMessage::Roster { members } });
        self.roster_dirty = false;
        self.roster_sent = Some(now);
    }
}
