//! Who hears the same moment as whom; see [`crate::protocol::circle`].
//!
//! Whoever is in a circle is no member of the exchange: it is in no roster of the owner's, serves nobody and is served
//! by nobody. It has a name of the same kind, so that the two cannot be mistaken for each other.
//!
//! A circle has no grace for a socket that dropped. Sound goes on over the connection that stands, which the server
//! has no part in, and whoever comes back has lost a place in line at most. Whoever waits should not wait for someone
//! who is gone.

use std::collections::BTreeMap;
use std::time::Duration;

use super::member::Arrival;
use super::{ClientMessage, CloseReason, ErrorCode, Output, Room, ServerMessage, SocketId};
use crate::clock::Timestamp;
use crate::protocol::circle::{CircleKind, CircleRoster};
use crate::protocol::id::{PageId, PeerId};
use crate::protocol::limits::{DEFAULT_SEATS, MAX_CIRCLE_MEMBERS};

/// Least time between two rounds of rosters in one circle, but for those who are told for the first time.
const CIRCLE_INTERVAL: Duration = Duration::from_millis(250);

/// One member of a circle.
#[derive(Debug)]
pub struct Participant {
    /// Its name.
    pub peer: PeerId,
    socket: SocketId,
    /// It proved to be the owner.
    owner: bool,
    /// Of the page on which it is, as it says.
    page: Option<PageId>,
    /// What it was last told of the circle.
    told: Option<CircleRoster>,
}

/// One circle that somebody is in.
#[derive(Debug)]
pub struct Circle {
    kind: CircleKind,
    host: Option<Participant>,
    /// Everyone else in the order in which they came. The line is first in, first out, so those who have a seat are
    /// always the first of these.
    pub others: Vec<Participant>,
    /// How many of the others have a seat.
    seated: usize,
    /// How many may take one. What a host said holds until one says something else, also while it reloads.
    pub seats: usize,
    dirty: bool,
    sent: Option<Timestamp>,
}

impl Circle {
    fn new(kind: CircleKind) -> Self {
        let seats = match kind {
            CircleKind::Live => usize::from(DEFAULT_SEATS),
            CircleKind::Together => MAX_CIRCLE_MEMBERS,
        };
        Self { kind, host: None, others: Vec::new(), seated: 0, seats, dirty: false, sent: None }
    }

    /// Who plays for all.
    pub fn host(&self) -> Option<PeerId> {
        self.host.as_ref().map(|host| host.peer)
    }

    /// Everyone else who has a seat, in the order in which they came.
    pub fn seated(&self) -> Vec<PeerId> {
        self.others.iter().take(self.seated).map(|one| one.peer).collect()
    }

    fn participants(&self) -> impl Iterator<Item = &Participant> {
        self.host.iter().chain(&self.others)
    }

    fn get(&self, peer: PeerId) -> Option<&Participant> {
        self.participants().find(|one| one.peer == peer)
    }

    fn get_mut(&mut self, peer: PeerId) -> Option<&mut Participant> {
        self.host.iter_mut().chain(&mut self.others).find(|one| one.peer == peer)
    }

    /// Where a signal goes: from a host to someone who has a seat, or back. Nobody else has anything to say to anyone.
    fn way(&self, from: PeerId, to: PeerId) -> Option<SocketId> {
        let host = self.host()?;
        let other = match (from == host, to == host) {
            (true, false) => to,
            (false, true) => from,
            _ => return None,
        };
        let has_seat = self.others.iter().take(self.seated).any(|one| one.peer == other);
        self.get(to).filter(|_| has_seat).map(|one| one.socket)
    }

    /// Takes one in. Answers the socket of the host whose place it takes.
    fn add(&mut self, newcomer: Participant) -> Option<SocketId> {
        let earlier = match self.kind {
            CircleKind::Live if newcomer.owner => self.host.replace(newcomer),
            _ => {
                self.others.push(newcomer);
                None
            }
        };
        self.settle();
        earlier.map(|host| host.socket)
    }

    fn remove(&mut self, peer: PeerId) {
        if self.host() == Some(peer) {
            self.host = None;
        } else if let Some(at) = self.others.iter().position(|one| one.peer == peer) {
            self.take_out(at);
        }
        self.settle();
    }

    fn take_out(&mut self, at: usize) -> Participant {
        self.seated -= usize::from(at < self.seated);
        self.others.remove(at)
    }

    /// Fills what is free. Nobody loses a seat by this, even if there are fewer than there were.
    fn settle(&mut self) {
        if self.kind == CircleKind::Together && self.host.is_none() && !self.others.is_empty() {
            self.host = Some(self.take_out(0));
        }
        self.seated = self.seated.max(self.seats.min(self.others.len()));
        self.dirty = true;
    }

    fn roster(&self) -> CircleRoster {
        let waiting = self.others.len() - self.seated;
        CircleRoster {
            host: self.host(),
            members: self.seated(),
            waiting: u32::try_from(waiting).unwrap_or(u32::MAX),
            ahead: None,
        }
    }

    /// Answers what each is to be told, and takes it as told: everyone whose view changed, if it is time for that,
    /// and always those who were told nothing yet.
    fn news(&mut self, now: Timestamp) -> Vec<(SocketId, CircleRoster)> {
        if !self.dirty {
            return Vec::new();
        }
        let due = self.sent.is_none_or(|sent| now >= sent + CIRCLE_INTERVAL);
        let roster = self.roster();
        let mut news = Vec::new();
        let others = self.others.iter_mut().enumerate();
        let others = others.map(|(at, one)| (at.checked_sub(self.seated), one));
        for (ahead, one) in self.host.iter_mut().map(|host| (None, host)).chain(others) {
            if !due && one.told.is_some() {
                continue;
            }
            let ahead = ahead.map(|ahead| u32::try_from(ahead).unwrap_or(u32::MAX));
            let view = CircleRoster { ahead, ..roster.clone() };
            if one.told.as_ref() != Some(&view) {
                one.told = Some(view.clone());
                news.push((one.socket, view));
            }
        }
        if due {
            self.dirty = false;
            self.sent = if news.is_empty() { self.sent } else { Some(now) };
        }
        news
    }
}

/// The circles of one room.
#[derive(Debug, Default)]
pub struct Circles {
    /// Only those that somebody is in.
    by_kind: BTreeMap<CircleKind, Circle>,
    by_socket: BTreeMap<SocketId, (CircleKind, PeerId)>,
}

impl Circles {
    /// One of them, if anyone is in it.
    pub fn get(&self, kind: CircleKind) -> Option<&Circle> {
        self.by_kind.get(&kind)
    }

    /// Who is on a socket, and where.
    pub fn by_socket(&self, socket: SocketId) -> Option<(CircleKind, PeerId)> {
        self.by_socket.get(&socket).copied()
    }

    /// Whether whoever bears this name in a circle is the owner, and on which page it is.
    pub fn page_of(&self, peer: PeerId) -> Option<(bool, Option<PageId>)> {
        let one = self.by_kind.values().find_map(|circle| circle.get(peer))?;
        Some((one.owner, one.page))
    }

    /// Everyone of this name or this page but the owner.
    pub fn of_page(
        &self,
        peer: PeerId,
        page: Option<PageId>,
    ) -> Vec<(CircleKind, PeerId, SocketId)> {
        let of_page = |one: &Participant| page.is_some() && one.page == page && !one.owner;
        let circles = self
            .by_kind
            .iter()
            .flat_map(|(kind, circle)| circle.participants().map(|one| (*kind, one)));
        circles
            .filter(|(_, one)| one.peer == peer || of_page(one))
            .map(|(kind, one)| (kind, one.peer, one.socket))
            .collect()
    }

    /// By which socket a circle's host is here.
    pub fn host_socket(&self, kind: CircleKind) -> Option<SocketId> {
        self.get(kind)?.host.as_ref().map(|host| host.socket)
    }

    /// Whether someone in a circle bears this name.
    pub fn contains(&self, peer: PeerId) -> bool {
        self.by_kind.values().any(|circle| circle.get(peer).is_some())
    }

    /// Whether nobody is in any.
    pub fn is_empty(&self) -> bool {
        self.by_kind.is_empty()
    }

    /// For how many the owner broadcasts at once, if it is here for that.
    pub fn broadcast(&self) -> Option<u8> {
        let live = self.get(CircleKind::Live).filter(|live| live.host.is_some())?;
        Some(u8::try_from(live.seats).unwrap_or(u8::MAX))
    }

    /// When the next round of rosters is due.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let dirty = self.by_kind.values().filter(|circle| circle.dirty);
        dirty.filter_map(|circle| circle.sent).min().map(|sent| sent + CIRCLE_INTERVAL)
    }

    /// Everyone but the host of a broadcast, which has a place of its own.
    fn guests(&self) -> usize {
        self.by_socket.len() - usize::from(self.broadcast().is_some())
    }

    /// Takes one in. Answers the socket of the host whose place it takes.
    fn add(&mut self, kind: CircleKind, newcomer: Participant) -> Option<SocketId> {
        self.by_socket.insert(newcomer.socket, (kind, newcomer.peer));
        let circle = self.by_kind.entry(kind).or_insert_with(|| Circle::new(kind));
        let earlier = circle.add(newcomer)?;
        self.by_socket.remove(&earlier);
        Some(earlier)
    }

    /// Gives one another socket. Answers the one that it had.
    fn move_to(&mut self, socket: SocketId, kind: CircleKind, peer: PeerId) -> Option<SocketId> {
        let circle = self.by_kind.get_mut(&kind)?;
        let one = circle.get_mut(peer)?;
        let earlier = std::mem::replace(&mut one.socket, socket);
        one.told = None;
        circle.dirty = true;
        self.by_socket.remove(&earlier);
        self.by_socket.insert(socket, (kind, peer));
        Some(earlier)
    }

    fn remove(&mut self, socket: SocketId) {
        let Some((kind, peer)) = self.by_socket.remove(&socket) else { return };
        let Some(circle) = self.by_kind.get_mut(&kind) else { return };
        circle.remove(peer);
        if circle.participants().next().is_none() {
            self.by_kind.remove(&kind);
        }
    }
}

impl Room {
    pub(super) fn join_circle(
        &mut self,
        kind: CircleKind,
        arrival: &Arrival,
        resumed: Option<PeerId>,
        fresh_peer: PeerId,
    ) {
        let Arrival { socket, owner, page, .. } = *arrival;
        if self.turns_away(arrival, resumed) {
            return;
        }
        // A name counts in the circle and the role in which it was given, unless nobody bears it any more.
        let circle = self.circles.get(kind);
        let present = resumed.filter(|peer| {
            circle.and_then(|circle| circle.get(*peer)).is_some_and(|one| one.owner == owner)
        });
        let resumed = resumed.filter(|peer| {
            present.is_some()
                || (self.members.get(*peer).is_none() && !self.circles.contains(*peer))
        });
        let hosts = kind == CircleKind::Live && owner;
        if present.is_none() && !hosts {
            let others = circle.map_or(0, |circle| circle.others.len());
            // One place of the room's is the owner's, here or not.
            let full = self.circles.guests() + 1 >= self.config.max_peers
                || (kind == CircleKind::Together && others >= MAX_CIRCLE_MEMBERS);
            if full {
                let sentence = "As many as can listen at once do so already. Try again later.";
                self.refuse(socket, ErrorCode::Full, sentence);
                return;
            }
        }
        let peer = resumed.unwrap_or_else(|| self.free_name(fresh_peer));
        let earlier = match present {
            Some(_) => self.circles.move_to(socket, kind, peer),
            None => self.circles.add(kind, Participant { peer, socket, owner, page, told: None }),
        };
        if let Some(earlier) = earlier {
            self.send_away(earlier, CloseReason::Replaced);
        }
        self.outputs.push_back(Output::Welcome { socket, peer, resumed: resumed.is_some() });
    }

    /// What a socket says that is in a circle; nothing happens if it is in none.
    pub(super) fn receive_in_circle(&mut self, socket: SocketId, message: ClientMessage) {
        let Some((kind, peer)) = self.circles.by_socket(socket) else { return };
        let Some(circle) = self.circles.by_kind.get_mut(&kind) else { return };
        let broadcasts = kind == CircleKind::Live && circle.host() == Some(peer);
        match message {
            ClientMessage::Ping => {
                self.outputs.push_back(Output::Send { socket, message: ServerMessage::Pong });
            }
            // Any other is dropped without a word: the seat may have changed while the signal was on its way.
            ClientMessage::Signal { to, sealed } => {
                if let Some(socket) = circle.way(peer, to) {
                    let message = ServerMessage::Signal { from: peer, sealed };
                    self.outputs.push_back(Output::Send { socket, message });
                }
            }
            ClientMessage::Seats { count } if broadcasts => {
                circle.seats = usize::from(count).min(MAX_CIRCLE_MEMBERS);
                circle.settle();
            }
            ClientMessage::Remove { peer: other } if broadcasts && other != peer => {
                if circle.get(other).is_some() {
                    self.send_page_away(other);
                }
            }
            ClientMessage::Remove { .. } => {
                self.refuse(socket, ErrorCode::Forbidden, "Only the sender removes people.");
                self.circles.remove(socket);
            }
            ClientMessage::Leave => {
                self.outputs.push_back(Output::Close { socket });
                self.circles.remove(socket);
            }
            _ => {
                let sentence = "A circle has no use for this message.";
                self.refuse(socket, ErrorCode::Malformed, sentence);
                self.circles.remove(socket);
            }
        }
    }

    pub(super) fn leave_circle(&mut self, socket: SocketId) {
        self.circles.remove(socket);
    }

    pub(super) fn end_circles(&mut self, reason: CloseReason) {
        let sockets: Vec<SocketId> = self.circles.by_socket.keys().copied().collect();
        self.circles = Circles::default();
        for socket in sockets {
            self.send_away(socket, reason);
        }
    }

    pub(super) fn publish_circles(&mut self, now: Timestamp) {
        for circle in self.circles.by_kind.values_mut() {
            for (socket, roster) in circle.news(now) {
                let message = ServerMessage::Circle(roster);
                self.outputs.push_back(Output::Send { socket, message });
            }
        }
    }
}
