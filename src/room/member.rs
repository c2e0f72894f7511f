//! Who is in a room.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{MAX_ACCUSERS, MemberPhase, NetworkId, PathKind, Progress, RosterEntry, SocketId};
use crate::clock::Timestamp;
use crate::protocol::id::{PageId, PeerId};
use crate::protocol::limits::MAX_SLOTS;
use crate::protocol::signalling::{Have, Stats};

/// Parts into which [`Member::holds`] divides a room's content.
pub const WHOLE: u8 = 8;

/// One member: joined, and not yet gone for good.
#[derive(Debug)]
pub struct Member {
    /// Its name here.
    pub peer: PeerId,
    /// Its place in the order of joining.
    pub joined: u64,
    /// Whether it proved to be the owner.
    pub owner: bool,
    /// How much it holds.
    pub have: Have,
    /// Leeches that it serves at once.
    pub slots: u8,
    /// Stands for its network.
    pub network: NetworkId,
    /// Of the page on which it is.
    pub page: Option<PageId>,
    /// Its open socket.
    pub socket: Option<SocketId>,
    /// When its socket dropped.
    pub away_since: Option<Timestamp>,
    /// It asked for providers and is not complete.
    pub wants: bool,
    /// Known only by what another said after a restart of the server, and expected back.
    pub placeholder: bool,
    /// It was here before the server restarted, as its token proved.
    pub survivor: bool,
    /// It came as someone new and has said nothing since, so it may not know its name yet.
    pub silent: bool,
    /// What it last said of itself.
    pub progress: Progress,
    /// What it last measured.
    pub stats: Stats,
    /// Pieces that failed, by who sent them.
    pub bad_pieces: BTreeMap<PeerId, u32>,
    /// Who got bad pieces from it; no more than it takes to find it out.
    pub accusers: BTreeSet<PeerId>,
    /// Links that did not hold, by who was to serve.
    pub lost_links: BTreeMap<PeerId, u32>,
}

/// What a member brings when it joins.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// By which socket.
    pub socket: SocketId,
    /// It proved to be the owner.
    pub owner: bool,
    /// How much it holds.
    pub have: Have,
    /// Leeches that it serves at once, as it says.
    pub slots: u8,
    /// Stands for its network.
    pub network: NetworkId,
    /// Of the page on which it is, as it says.
    pub page: Option<PageId>,
}

impl Member {
    fn new(peer: PeerId, joined: u64) -> Self {
        let progress = Progress {
            have_bytes: 0,
            wanted_bytes: 0,
            bytes_per_second: 0,
            phase: MemberPhase::Waiting,
            path: PathKind::Unknown,
            have: Have::None,
        };
        Self {
            peer,
            joined,
            owner: false,
            have: Have::None,
            slots: 0,
            network: NetworkId::default(),
            page: None,
            socket: None,
            away_since: None,
            wants: false,
            placeholder: false,
            survivor: false,
            silent: false,
            progress,
            stats: Stats::default(),
            bad_pieces: BTreeMap::new(),
            accusers: BTreeSet::new(),
            lost_links: BTreeMap::new(),
        }
    }

    /// Whether it has an open socket.
    pub fn is_online(&self) -> bool {
        self.socket.is_some()
    }

    /// Whether it holds every piece.
    pub fn is_complete(&self) -> bool {
        self.have == Have::All
    }

    /// Whether everything may be had from it, as far as the room knows. Of those who are expected back after a
    /// restart nothing is known, and whoever named them is served by them.
    pub fn is_source(&self) -> bool {
        self.is_complete() || self.placeholder
    }

    /// Whether it sent bad pieces to several.
    pub fn is_found_out(&self) -> bool {
        self.accusers.len() >= MAX_ACCUSERS
    }

    /// Whether it fetches from others.
    pub fn is_leech(&self) -> bool {
        self.wants && !self.is_complete()
    }

    /// How much it holds, in parts of [`WHOLE`]. Coarse, so that those who are about as far are alike.
    pub fn holds(&self) -> u8 {
        let Progress { have_bytes, wanted_bytes, .. } = self.progress;
        match self.have {
            Have::None => 0,
            Have::All => WHOLE,
            Have::Some => {
                let parts =
                    u128::from(have_bytes) * u128::from(WHOLE) / u128::from(wanted_bytes).max(1);
                u8::try_from(parts).unwrap_or(WHOLE).clamp(1, WHOLE - 1)
            }
        }
    }

    /// As the owner sees it.
    pub fn roster_entry(&self) -> RosterEntry {
        let mut progress = self.progress;
        if self.socket.is_none() {
            progress.phase = MemberPhase::Away;
        }
        RosterEntry { peer: self.peer, progress, helps: self.slots > 0 }
    }
}

/// All members.
#[derive(Debug, Default)]
pub struct Members {
    by_peer: BTreeMap<PeerId, Member>,
    by_socket: BTreeMap<SocketId, PeerId>,
    /// In the order of joining, because names are random.
    in_order: BTreeMap<u64, PeerId>,
    owner: Option<PeerId>,
    last_joined: u64,
}

impl Members {
    /// Adds one without a socket, under a name that nobody bears.
    pub fn add(&mut self, peer: PeerId) {
        self.last_joined += 1;
        self.in_order.insert(self.last_joined, peer);
        self.by_peer.insert(peer, Member::new(peer, self.last_joined));
    }

    /// Adds one that is expected back.
    pub fn expect(&mut self, peer: PeerId, now: Timestamp) {
        self.add(peer);
        if let Some(member) = self.by_peer.get_mut(&peer) {
            member.placeholder = true;
            member.away_since = Some(now);
        }
    }

    /// Gives a member the socket by which it came. Answers the one that it had.
    pub fn attach(&mut self, peer: PeerId, arrival: &Arrival) -> Option<SocketId> {
        let member = self.by_peer.get_mut(&peer)?;
        let earlier = member.socket.replace(arrival.socket);
        member.away_since = None;
        member.placeholder = false;
        member.owner = arrival.owner;
        member.have = arrival.have;
        member.progress.have = arrival.have;
        member.slots = arrival.slots.min(MAX_SLOTS);
        member.network = arrival.network;
        // Its last word, to leave, names none.
        member.page = arrival.page.or(member.page);
        if arrival.owner {
            self.owner = Some(peer);
        }
        if let Some(earlier) = earlier {
            self.by_socket.remove(&earlier);
        }
        self.by_socket.insert(arrival.socket, peer);
        earlier
    }

    /// Takes the socket of a member away, who may come back.
    pub fn detach(&mut self, socket: SocketId, now: Timestamp) -> Option<PeerId> {
        let peer = self.by_socket.remove(&socket)?;
        let member = self.by_peer.get_mut(&peer)?;
        member.socket = None;
        member.away_since = Some(now);
        Some(peer)
    }

    /// Takes one out.
    pub fn remove(&mut self, peer: PeerId) -> Option<Member> {
        let member = self.by_peer.remove(&peer)?;
        self.in_order.remove(&member.joined);
        if let Some(socket) = member.socket {
            self.by_socket.remove(&socket);
        }
        if self.owner == Some(peer) {
            self.owner = None;
        }
        Some(member)
    }

    /// One member.
    pub fn get(&self, peer: PeerId) -> Option<&Member> {
        self.by_peer.get(&peer)
    }

    /// One member, to change anything but its socket.
    pub fn get_mut(&mut self, peer: PeerId) -> Option<&mut Member> {
        self.by_peer.get_mut(&peer)
    }

    /// What failed with a member that is gone for good counts no more.
    pub fn forget_failures_of(&mut self, peer: PeerId) {
        for member in self.by_peer.values_mut() {
            member.bad_pieces.remove(&peer);
            member.lost_links.remove(&peer);
        }
    }

    /// Oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.in_order.values().filter_map(|peer| self.by_peer.get(peer))
    }

    /// The same, faster, for where the order is nothing.
    pub fn in_any_order(&self) -> impl Iterator<Item = &Member> {
        self.by_peer.values()
    }

    /// Everyone's name, oldest first.
    pub fn ids(&self) -> Vec<PeerId> {
        self.in_order.values().copied().collect()
    }

    /// How many, those who are away or expected included.
    pub fn len(&self) -> usize {
        self.by_peer.len()
    }

    /// The member on a socket.
    pub fn by_socket(&self, socket: SocketId) -> Option<PeerId> {
        self.by_socket.get(&socket).copied()
    }

    /// The owner, online or away.
    pub fn owner(&self) -> Option<PeerId> {
        self.owner
    }

    /// The owner's open socket.
    pub fn owner_socket(&self) -> Option<SocketId> {
        self.get(self.owner?)?.socket
    }

    /// Members that are not the owner, without those who are only expected.
    pub fn recipients(&self) -> usize {
        self.by_peer.values().filter(|member| !member.owner && !member.placeholder).count()
    }

    /// Members with an open socket.
    pub fn online(&self) -> u32 {
        u32::try_from(self.by_socket.len()).unwrap_or(u32::MAX)
    }

    /// Members online that hold everything and serve.
    pub fn seeds_online(&self) -> u32 {
        let seeds = self.by_socket.values().filter_map(|peer| self.get(*peer));
        let seeds = seeds.filter(|seed| seed.is_complete() && (seed.owner || seed.slots > 0));
        u32::try_from(seeds.count()).unwrap_or(u32::MAX)
    }

    /// Whether nobody is left, not even away.
    pub fn is_empty(&self) -> bool {
        self.by_peer.is_empty()
    }

    /// When the member that is away longest went.
    pub fn earliest_away(&self) -> Option<Timestamp> {
        if self.by_socket.len() == self.by_peer.len() {
            return None;
        }
        self.by_peer.values().filter_map(|member| member.away_since).min()
    }

    /// Members whose grace is over, oldest first.
    pub fn away_before(&self, now: Timestamp, grace: Duration) -> Vec<PeerId> {
        self.iter()
            .filter(|member| member.away_since.is_some_and(|since| now >= since + grace))
            .map(|member| member.peer)
            .collect()
    }
}
