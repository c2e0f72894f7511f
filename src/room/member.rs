//! Who is in a room.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{MemberPhase, PathKind, Progress, RosterEntry, SocketId};
use crate::clock::Timestamp;
use crate::protocol::id::{PeerId, ResumeToken};
use crate::protocol::signalling::Have;

/// One member: joined, and not yet gone for good.
#[derive(Debug)]
pub struct Member {
    /// Its name here.
    pub peer: PeerId,
    /// Whether it proved to be the owner.
    pub owner: bool,
    /// How much it holds.
    pub have: Have,
    /// For coming back after a dropped socket.
    pub resume_token: ResumeToken,
    /// Its open socket.
    pub socket: Option<SocketId>,
    /// When its socket dropped.
    pub away_since: Option<Timestamp>,
    /// It asked for providers and is not complete.
    pub wants: bool,
    /// What it last said of itself.
    pub progress: Progress,
    /// Pieces that failed, by who sent them.
    pub bad_pieces: BTreeMap<PeerId, u32>,
}

impl Member {
    /// As the owner sees it.
    pub fn roster_entry(&self) -> RosterEntry {
        let mut progress = self.progress;
        if self.socket.is_none() {
            progress.phase = MemberPhase::Away;
        }
        RosterEntry { peer: self.peer, progress }
    }
}

/// All members, in the order in which they joined.
#[derive(Debug, Default)]
pub struct Members {
    by_peer: BTreeMap<PeerId, Member>,
    last_peer: u32,
}

impl Members {
    /// Adds one, under a name that was never given here before.
    pub fn add(
        &mut self,
        socket: SocketId,
        owner: bool,
        have: Have,
        resume_token: ResumeToken,
    ) -> PeerId {
        self.last_peer += 1;
        let peer = PeerId(self.last_peer);
        let progress = Progress {
            have_bytes: 0,
            wanted_bytes: 0,
            bytes_per_second: 0,
            phase: MemberPhase::Waiting,
            path: PathKind::Unknown,
        };
        let member = Member {
            peer,
            owner,
            have,
            resume_token,
            socket: Some(socket),
            away_since: None,
            wants: false,
            progress,
            bad_pieces: BTreeMap::new(),
        };
        self.by_peer.insert(peer, member);
        peer
    }

    /// Takes one out.
    pub fn remove(&mut self, peer: PeerId) -> Option<Member> {
        self.by_peer.remove(&peer)
    }

    /// One member.
    pub fn get(&self, peer: PeerId) -> Option<&Member> {
        self.by_peer.get(&peer)
    }

    /// One member, to change.
    pub fn get_mut(&mut self, peer: PeerId) -> Option<&mut Member> {
        self.by_peer.get_mut(&peer)
    }

    /// Oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.by_peer.values()
    }

    /// Everyone's name, oldest first.
    pub fn ids(&self) -> Vec<PeerId> {
        self.by_peer.keys().copied().collect()
    }

    /// The member on a socket.
    pub fn by_socket(&self, socket: SocketId) -> Option<PeerId> {
        self.iter().find(|member| member.socket == Some(socket)).map(|member| member.peer)
    }

    /// The member that a resume token belongs to. An owner's place is only for an owner.
    pub fn by_token(&self, token: &ResumeToken, owner: bool) -> Option<PeerId> {
        self.iter()
            .find(|member| member.owner == owner && member.resume_token == *token)
            .map(|member| member.peer)
    }

    /// The owner, online or away.
    pub fn owner(&self) -> Option<PeerId> {
        self.iter().find(|member| member.owner).map(|member| member.peer)
    }

    /// The owner's open socket.
    pub fn owner_socket(&self) -> Option<SocketId> {
        self.iter().find(|member| member.owner).and_then(|member| member.socket)
    }

    /// Members that are not the owner.
    pub fn recipients(&self) -> usize {
        self.iter().filter(|member| !member.owner).count()
    }

    /// Members with an open socket.
    pub fn online(&self) -> u32 {
        u32::try_from(self.iter().filter(|m| m.socket.is_some()).count()).unwrap_or(u32::MAX)
    }

    /// Whether nobody is left, not even away.
    pub fn is_empty(&self) -> bool {
        self.by_peer.is_empty()
    }

    /// When the member that is away longest went.
    pub fn earliest_away(&self) -> Option<Timestamp> {
        self.iter().filter_map(|member| member.away_since).min()
    }

    /// Members whose grace is over.
    pub fn away_before(&self, now: Timestamp, grace: Duration) -> Vec<PeerId> {
        self.iter()
            .filter(|member| member.away_since.is_some_and(|since| now >= since + grace))
            .map(|member| member.peer)
            .collect()
    }
}
