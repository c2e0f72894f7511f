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

mod assign;
mod circles;
mod contract;
mod join;
mod links;
mod member;
mod reassign;
mod removal;
#[cfg(test)]
mod tests;
pub mod topology;
mod wait_queue;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::protocol::id::{PageId, PeerId};
use crate::protocol::limits::{MAX_SLOTS, MAX_TOLD_LINKS, REJOIN_GRACE};
use crate::protocol::signal::SealedSignal;
use crate::protocol::signalling::{
    ClientMessage, CloseReason, ErrorCode, Have, MemberPhase, PathKind, Progress, RosterEntry,
    ServerMessage, Stats,
};

pub use contract::{Config, Gauge, Input, NetworkId, Output, SocketId};

use circles::Circles;
use join::remember;
use links::Links;
use member::{Arrival, Member, Members};
use topology::TopologyRule;
use wait_queue::WaitQueue;

/// Least time between two rosters, so that a room of many costs its owner little.
const ROSTER_INTERVAL: Duration = Duration::from_millis(250);
/// Bad pieces after which a provider is not assigned to the same leech again.
const MAX_BAD_PIECES: u32 = 3;
/// Members that got bad pieces from the same one, after which that one serves nobody any more.
const MAX_ACCUSERS: usize = 2;

/// The machine.
#[derive(Debug)]
pub struct Room {
    config: Config,
    topology: Box<dyn TopologyRule>,
    members: Members,
    links: Links,
    waiting: WaitQueue,
    circles: Circles,
    /// Whom every piece reaches: complete members, and whoever is served by one of these. As of the last change.
    fed: BTreeSet<PeerId>,
    /// Members online that serve and have a free slot. As of the last change.
    offers: Vec<PeerId>,
    /// Something changed that may let someone be served.
    unsettled: bool,
    /// Whom the owner sent away.
    removed: VecDeque<PeerId>,
    /// The pages of those.
    removed_pages: VecDeque<PageId>,
    /// Who left of late. An earlier `join` of theirs may still be on its way over another socket.
    left: VecDeque<PeerId>,
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
            circles: Circles::default(),
            fed: BTreeSet::new(),
            offers: Vec::new(),
            unsettled: false,
            removed: VecDeque::new(),
            removed_pages: VecDeque::new(),
            left: VecDeque::new(),
            outputs: VecDeque::new(),
            roster_dirty: false,
            roster_sent: None,
        }
    }

    /// One mutation. Drain [`Self::poll_output`] before the next.
    pub fn handle_input(&mut self, now: Timestamp, input: Input) {
        match input {
            Input::Joined {
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
            } => {
                let arrival = Arrival { socket, owner, have, slots, network, page };
                match circle {
                    Some(kind) => self.join_circle(kind, &arrival, resumed, fresh_peer),
                    None => self.join(now, &arrival, resumed, &providers, fresh_peer),
                }
            }
            Input::Received { socket, message } => match self.members.by_socket(socket) {
                Some(peer) => self.receive(socket, peer, message),
                None => self.receive_in_circle(socket, message),
            },
            Input::Disconnected { socket } => self.disconnect(now, socket),
            Input::Ended { reason } => self.end(reason),
            Input::Timeout => self.expire(now),
        }
        self.settle();
        self.publish_roster(now);
        self.publish_circles(now);
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
        [grace, roster, self.circles.poll_timeout()].into_iter().flatten().min()
    }

    /// What anyone may know.
    pub fn gauge(&self) -> Gauge {
        Gauge {
            members: self.members.online(),
            seeds: self.topology.seeds_online(&self.members),
            broadcast: self.circles.broadcast(),
        }
    }

    /// Whether nobody is here and nobody may come back: the driver may drop it.
    pub fn is_idle(&self) -> bool {
        self.members.is_empty() && self.circles.is_empty() && self.outputs.is_empty()
    }

    fn receive(&mut self, socket: SocketId, peer: PeerId, message: ClientMessage) {
        if let Some(member) = self.members.get_mut(peer) {
            member.silent = false;
        }
        match message {
            ClientMessage::Seats { .. } => {
                self.refuse(socket, ErrorCode::Malformed, "This socket is in no circle.");
                self.drop_member(peer);
            }
            ClientMessage::Join(_) => {
                self.refuse(socket, ErrorCode::Malformed, "This socket has already joined.");
                self.drop_member(peer);
            }
            ClientMessage::Want => self.want(peer),
            ClientMessage::Ping => self.send(peer, ServerMessage::Pong),
            ClientMessage::Signal { to, sealed } => self.relay(peer, to, sealed),
            ClientMessage::Slots { offered } => {
                if let Some(member) = self.members.get_mut(peer) {
                    member.slots = offered.min(MAX_SLOTS);
                    self.roster_dirty = true;
                    self.unsettled = true;
                }
            }
            ClientMessage::Stats(stats) => self.note_stats(peer, stats),
            ClientMessage::Progress(progress) => self.note_progress(socket, peer, progress),
            ClientMessage::Complete => self.complete(peer),
            ClientMessage::LinkLost { peer: other } => self.link_lost(peer, other),
            ClientMessage::BadPiece { peer: other, .. } => {
                // Only of those who serve it: others had no piece to send, and the memory of it is bounded.
                if self.links.serves(other, peer) {
                    self.note_bad_piece(peer, other);
                }
                self.link_lost(peer, other);
            }
            ClientMessage::Remove { peer: other } => {
                if self.members.owner() == Some(peer) && other != peer {
                    if self.members.get(other).is_some() {
                        self.send_page_away(other);
                    }
                } else {
                    self.refuse(socket, ErrorCode::Forbidden, "Only the sender removes people.");
                    self.drop_member(peer);
                }
            }
            ClientMessage::Leave => {
                self.outputs.push_back(Output::Close { socket });
                remember(&mut self.left, peer);
                self.drop_member(peer);
            }
        }
    }

    /// Signals pass only along links that this room made. Any other is dropped without a word: the link may
    /// have been revoked while the signal was on its way.
    fn relay(&mut self, from: PeerId, to: PeerId, sealed: SealedSignal) {
        if self.links.connects(from, to) {
            self.send(to, ServerMessage::Signal { from, sealed });
        }
    }

    fn note_progress(&mut self, socket: SocketId, peer: PeerId, progress: Progress) {
        if progress.have_bytes > progress.wanted_bytes {
            self.refuse(socket, ErrorCode::Malformed, "More is here than was wanted.");
            self.drop_member(peer);
            return;
        }
        let is_fed = self.fed.contains(&peer);
        let Some(member) = self.members.get_mut(peer) else { return };
        let before = std::mem::replace(&mut member.have, progress.have);
        // The first piece of someone whom others reach already changes nothing for anyone.
        let matters = Have::All == before || member.is_complete() || !is_fed;
        member.progress = progress;
        self.roster_dirty = true;
        self.unsettled |= before != progress.have && matters;
    }

    fn note_stats(&mut self, peer: PeerId, mut stats: Stats) {
        stats.round_trips.truncate(MAX_TOLD_LINKS);
        if let Some(member) = self.members.get_mut(peer) {
            member.stats = stats;
        }
    }

    fn want(&mut self, peer: PeerId) {
        let Some(member) = self.members.get_mut(peer) else { return };
        // Whoever holds everything needs nobody.
        if member.owner || member.is_complete() {
            return;
        }
        member.wants = true;
        if self.links.provider_count(peer) > 0 {
            self.help_stuck(peer);
        } else {
            self.waiting.forget_told(peer);
            self.unsettled = true;
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
        self.unsettled = true;
        self.waiting.remove(peer);
        for provider in self.links.providers_of(peer).collect::<Vec<_>>() {
            self.links.remove(peer, provider);
            // Where it serves the other their connection stays, and both know that it needs nothing more.
            if !self.links.connects(peer, provider) {
                self.send(provider, ServerMessage::Revoked { peer });
                self.send(peer, ServerMessage::Revoked { peer: provider });
            }
        }
    }

    fn link_lost(&mut self, peer: PeerId, other: PeerId) {
        // A leech that is here tells by itself; hearing it from both would end the next link as well.
        let only_serves = self.links.serves(peer, other) && !self.links.serves(other, peer);
        if only_serves && self.members.get(other).is_some_and(Member::is_online) {
            return;
        }
        self.unsettled = true;
        if self.links.remove(peer, other)
            && let Some(member) = self.members.get_mut(peer)
        {
            *member.lost_links.entry(other).or_default() += 1;
        } else if !self.links.connects(peer, other) {
            // Revoked while it was away, or before it knew. All the same it may have no provider now.
            self.waiting.forget_told(peer);
            return;
        }
        if self.links.remove(other, peer)
            && let Some(member) = self.members.get_mut(other)
        {
            *member.lost_links.entry(peer).or_default() += 1;
        }
        // Both: the one that tells may mean an earlier link than the one that stands now.
        self.send(other, ServerMessage::Revoked { peer });
        self.send(peer, ServerMessage::Revoked { peer: other });
    }

    /// Whoever got a bad piece from someone is the judge of that for itself; two who did are for everyone. Those
    /// found out have no say about others, and the owner, who signs, is never found out.
    fn note_bad_piece(&mut self, accuser: PeerId, liar: PeerId) {
        let Some(member) = self.members.get_mut(accuser) else { return };
        *member.bad_pieces.entry(liar).or_default() += 1;
        if member.is_found_out() {
            return;
        }
        if let Some(member) = self.members.get_mut(liar)
            && !member.owner
            && member.accusers.len() < MAX_ACCUSERS
        {
            member.accusers.insert(accuser);
        }
    }

    fn disconnect(&mut self, now: Timestamp, socket: SocketId) {
        if let Some(peer) = self.members.detach(socket, now) {
            self.roster_dirty = true;
            // A page answers `welcome` at once. One that did not, never had the token to come back with, nor to leave
            // with; should it have been on the way after all, the token still gives it its name.
            if self.members.get(peer).is_some_and(|member| member.silent) {
                self.drop_member(peer);
            }
        } else {
            self.leave_circle(socket);
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
        self.end_circles(reason);
    }

    /// Forgets a member. Those that served it, or that it served, drop their link and look elsewhere.
    fn drop_member(&mut self, peer: PeerId) {
        if self.members.remove(peer).is_none() {
            return;
        }
        self.roster_dirty = true;
        self.unsettled = true;
        self.waiting.remove(peer);
        self.members.forget_failures_of(peer);
        for other in self.links.remove_all(peer) {
            self.send(other, ServerMessage::Revoked { peer });
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
        let recipients = self.members.iter().filter(|member| !member.owner && !member.placeholder);
        let members = recipients.map(Member::roster_entry).collect();
        self.outputs.push_back(Output::Send { socket, message: ServerMessage::Roster { members } });
        self.roster_dirty = false;
        self.roster_sent = Some(now);
    }
}
