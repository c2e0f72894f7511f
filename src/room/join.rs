//! Coming, coming back, and being recognised by a room that has forgotten everything.
//!
//! A member proves by its resume token whom it was; the driver checks that. If the server was restarted in between
//! the room knows nothing of it and takes its word for the links that still stand, so that transfers go on. Those
//! whom it names and who are not back yet have the usual grace to come.

use std::collections::{BTreeSet, VecDeque};

use super::member::Arrival;
use super::{CloseReason, ErrorCode, Output, Room};
use crate::clock::Timestamp;
use crate::protocol::id::PeerId;
use crate::protocol::signalling::ServerMessage;

/// Names that are remembered of those who were removed, and of those who left, so that their resume tokens are worth
/// nothing.
const MAX_REMEMBERED: usize = 256;

impl Room {
    pub(super) fn join(
        &mut self,
        now: Timestamp,
        arrival: &Arrival,
        resumed: Option<PeerId>,
        providers: &[PeerId],
        fresh_peer: PeerId,
    ) {
        let Arrival { socket, owner, .. } = *arrival;
        if self.turns_away(arrival, resumed) {
            return;
        }
        // An owner's place is only for an owner, and one in a circle is another's.
        let resumed = resumed.filter(|peer| {
            self.members.get(*peer).is_none_or(|m| m.placeholder || m.owner == owner)
                && !self.circles.contains(*peer)
        });
        let present =
            resumed.filter(|peer| self.members.get(*peer).is_some_and(|m| !m.placeholder));
        let full = self.members.recipients() + 1 >= self.config.max_peers;
        if present.is_none() && !owner && full {
            self.refuse(socket, ErrorCode::Full, "This room is full. Try again later.");
            return;
        }
        let peer = resumed.unwrap_or_else(|| self.free_name(fresh_peer));
        // One owner at a time: a reloaded page takes its own place over.
        if owner && let Some(earlier) = self.members.owner().filter(|earlier| *earlier != peer) {
            self.dismiss(earlier, CloseReason::Replaced);
        }
        if self.members.get(peer).is_none() {
            self.members.add(peer);
        }
        if let Some(earlier) = self.members.attach(peer, arrival) {
            self.send_away(earlier, CloseReason::Replaced);
        }
        if let Some(member) = self.members.get_mut(peer) {
            member.silent = resumed.is_none() && !owner;
        }
        let welcome = Output::Welcome { socket, peer, resumed: resumed.is_some() };
        self.outputs.push_back(welcome);
        if present.is_some() {
            self.compare_links(peer, providers);
            self.waiting.forget_told(peer);
        } else if resumed.is_some() {
            self.adopt(now, peer, providers);
        }
        self.roster_dirty = true;
        self.unsettled = true;
    }

    /// Whether someone proves to be whom the owner sent away, or one who left, and is sent away again.
    pub(super) fn turns_away(&mut self, arrival: &Arrival, resumed: Option<PeerId>) -> bool {
        if arrival.owner {
            return false;
        }
        let removed = resumed.is_some_and(|peer| self.removed.contains(&peer))
            || arrival.page.is_some_and(|page| self.removed_pages.contains(&page));
        let left = resumed.is_some_and(|peer| self.left.contains(&peer));
        if removed {
            self.send_away(arrival.socket, CloseReason::Removed);
        } else if left {
            // Its page says `leave` once more, or said this `join` before it left.
            self.outputs.push_back(Output::Close { socket: arrival.socket });
        }
        removed || left
    }

    /// The given name, or the next one that nobody bears and nobody removed bore.
    pub(super) fn free_name(&self, fresh: PeerId) -> PeerId {
        let taken = |peer| self.members.get(peer).is_some() || self.circles.contains(peer);
        let mut peer = fresh;
        let gone = |peer| self.removed.contains(&peer) || self.left.contains(&peer);
        while peer.0 == 0 || taken(peer) || gone(peer) {
            peer = PeerId(peer.0.wrapping_add(1));
        }
        peer
    }

    /// A member that was away tells which links stand. It may have missed what was assigned or revoked as its
    /// socket dropped, and could not tell what it lost.
    fn compare_links(&mut self, peer: PeerId, providers: &[PeerId]) {
        let told: BTreeSet<PeerId> = providers.iter().copied().collect();
        let remembered: BTreeSet<PeerId> = self.links.providers_of(peer).collect();
        for provider in remembered.difference(&told) {
            self.sever(peer, *provider);
        }
        for provider in told {
            if !self.links.connects(peer, provider) {
                self.send(peer, ServerMessage::Revoked { peer: provider });
            }
        }
    }

    /// Takes over the links that a member still has from before a restart.
    fn adopt(&mut self, now: Timestamp, peer: PeerId, providers: &[PeerId]) {
        for provider in providers.iter().copied().collect::<BTreeSet<_>>() {
            if self.may_adopt(peer, provider) {
                if self.members.get(provider).is_none() {
                    self.members.expect(provider, now);
                }
                self.links.add(peer, provider);
            } else {
                self.send(peer, ServerMessage::Revoked { peer: provider });
            }
        }
        if let Some(member) = self.members.get_mut(peer) {
            member.survivor = true;
            // Whoever was fetching still is, also from those who were not taken over: it gets others then.
            member.wants = !providers.is_empty() && !member.owner && !member.is_complete();
        }
    }

    fn may_adopt(&self, leech: PeerId, provider: PeerId) -> bool {
        let room_left = self.members.len() < self.config.max_peers.saturating_mul(2);
        let genuine = match self.members.get(provider) {
            // Whoever joined this room as someone new had no links before.
            Some(member) => member.placeholder || member.survivor,
            None => {
                let bars = self.removed.contains(&provider) || self.circles.contains(provider);
                room_left && provider.0 != 0 && !bars
            }
        };
        let most = self.topology.max_providers() + usize::from(self.topology.max_providers() > 1);
        let in_circle = self.topology.is_acyclic()
            && self.links.reaches(provider, |upstream| upstream == leech);
        leech != provider && genuine && !in_circle && self.links.provider_count(leech) < most
    }

    /// Remembers that the owner sent a member away.
    pub(super) fn remember_removed(&mut self, peer: PeerId) {
        remember(&mut self.removed, peer);
    }
}

/// Keeps the last [`MAX_REMEMBERED`].
pub(super) fn remember<T>(all: &mut VecDeque<T>, one: T) {
    if all.len() >= MAX_REMEMBERED {
        all.pop_front();
    }
    all.push_back(one);
}
