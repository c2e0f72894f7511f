//! Providers that change hands: from one who can do without to one who waits, and from of no use to of use.

use std::cmp::Reverse;

use super::Room;
use super::assign::{FEW_PROVIDERS, Only};
use super::member::Member;
use super::topology::mixed;
use crate::protocol::id::PeerId;
use crate::protocol::signalling::MemberPhase;

impl Room {
    /// A leech that has providers asks again: what they hold is of no use to it, or they send nothing. Whoever
    /// holds all and yet leaves it waiting counts as a link that failed, so that the others come first.
    pub(super) fn help_stuck(&mut self, leech: PeerId) {
        self.refresh();
        self.unsettled = true;
        let providers: Vec<PeerId> = self.links.providers_of(leech).collect();
        if self.topology.max_providers() == 1 {
            self.move_stuck(leech, &providers);
        } else {
            self.add_for_stuck(leech, &providers);
        }
    }

    /// Another provider in place of the one there is, if there is another.
    fn move_stuck(&mut self, leech: PeerId, providers: &[PeerId]) {
        if providers.iter().all(|provider| self.has_no_more_yet(leech, *provider)) {
            return;
        }
        self.note_silent(leech, providers);
        if let Some(provider) = self.find(leech, Only::Fed) {
            self.link(leech, provider);
            for earlier in providers {
                self.unlink(leech, *earlier);
            }
        }
    }

    /// One more provider where there may be several, and above the limit the least useful goes for it.
    fn add_for_stuck(&mut self, leech: PeerId, providers: &[PeerId]) {
        let most = self.topology.max_providers();
        let seeds: Vec<PeerId> =
            providers.iter().copied().filter(|p| self.suits(*p, Only::Complete)).collect();
        self.note_silent(leech, &seeds);
        // Others' seeds are left to them until its own have left it waiting twice.
        let has_seed = seeds.iter().any(|seed| self.lost_links(leech, *seed) < 2);
        if let Some(seed) = self.best(leech, Only::Complete) {
            self.link(leech, seed);
            self.trim(leech, most + 1);
        } else if !has_seed && self.steal(leech, Only::Complete, 2) {
            self.trim(leech, most + 1);
        } else if let Some(other) = self.best(leech, Only::Any)
            && let Some(least) = self.least_useful(leech)
        {
            self.link(leech, other);
            if providers.len() >= most {
                self.unlink(leech, least);
            }
        }
    }

    fn note_silent(&mut self, leech: PeerId, providers: &[PeerId]) {
        let Some(member) = self.members.get_mut(leech) else { return };
        for provider in providers {
            let lost = member.lost_links.entry(*provider).or_default();
            *lost = lost.saturating_add(1);
        }
    }

    pub(super) fn lost_links(&self, leech: PeerId, provider: PeerId) -> u32 {
        let lost = self.members.get(leech).and_then(|member| member.lost_links.get(&provider));
        lost.copied().unwrap_or_default()
    }

    /// Whether a provider has no more to give than its leech has, and fetches on: then waiting is all there is to do.
    fn has_no_more_yet(&self, leech: PeerId, provider: PeerId) -> bool {
        let (Some(leech), Some(provider)) = (self.members.get(leech), self.members.get(provider))
        else {
            return false;
        };
        provider.wants
            && !provider.is_source()
            && provider.progress.phase != MemberPhase::Paused
            && provider.progress.have_bytes <= leech.progress.have_bytes
            && self.fed.contains(&provider.peer)
    }

    /// Whether anyone has a provider to spare.
    pub(super) fn has_spare(&self) -> bool {
        self.topology.max_providers() > 1 && self.most_providers() > 1
    }

    /// How many providers the leech has that has most.
    pub(super) fn most_providers(&self) -> usize {
        let counts = self.members.in_any_order();
        counts.map(|member| self.links.provider_count(member.peer)).max().unwrap_or_default()
    }

    /// Gives a leech a provider of another one that has `least` of them or more and is still reached by every piece
    /// afterwards.
    pub(super) fn steal(&mut self, leech: PeerId, only: Only, least: usize) -> bool {
        let options = self.spare_links(leech, only, least);
        options.into_iter().any(|(victim, provider)| self.pass_on(victim, provider, leech))
    }

    /// Links of leeches with so many or more, as leech and provider, to such providers as the given leech may use.
    /// The first is to be taken first.
    ///
    /// Among equals neither those who have most nor those who were here longest come first: newcomers would all
    /// be put into the same corner of the room, and pieces would need one step more for every few of them.
    fn spare_links(&self, leech: PeerId, only: Only, least: usize) -> Vec<(PeerId, PeerId)> {
        let Some(member) = self.members.get(leech) else { return Vec::new() };
        let (behind, view) = (self.behind(leech), self.view());
        let mut options = Vec::new();
        for victim in self.members.in_any_order().filter(|victim| victim.peer != leech) {
            let count = self.links.provider_count(victim.peer);
            if count < least {
                continue;
            }
            for provider in self.links.providers_of(victim.peer) {
                let Some(candidate) = self.members.get(provider) else { continue };
                // One that lowered its slots under those in use gets nobody new for one that goes.
                let fits = self.links.leech_count(provider) <= usize::from(candidate.slots);
                // Where the two serve each other both links end. Someone who has no provider at all comes first even if
                // that leaves the other without: it gets the slot that comes free by that.
                let mutual = self.links.serves(victim.peer, provider);
                let bereaves = mutual && self.links.provider_count(provider) < least;
                if candidate.is_online()
                    && fits
                    && !(bereaves && self.links.provider_count(leech) > 0)
                    && self.suits(provider, only)
                    && self.topology.serves(candidate, &view)
                    && let Some(key) = self.key(member, candidate, &behind)
                {
                    let few = count <= FEW_PROVIDERS;
                    // Moving a seed's slot costs most, so that is done only where it is asked for.
                    let seed = only != Only::Complete && candidate.is_complete();
                    let island = !self.fed.contains(&provider);
                    let order = mixed(leech, victim.peer);
                    // Which provider matters more than from whom: else newcomers gather far from the source.
                    let cost = (island, seed, bereaves, few);
                    options.push((cost, key, mutual, order, victim.peer, provider));
                }
            }
        }
        options.sort_unstable();
        options.into_iter().map(|(.., victim, provider)| (victim, provider)).collect()
    }

    /// Takes a provider from one leech and gives it to another, unless that cuts the first off from the source, or
    /// the provider, whom the first one serves too, while it has others.
    fn pass_on(&mut self, victim: PeerId, provider: PeerId, leech: PeerId) -> bool {
        let mutual = self.links.remove(provider, victim);
        self.links.remove(victim, provider);
        // The other may well be the victim's own provider.
        self.links.add(leech, provider);
        let is_source = |peer| self.members.get(peer).is_some_and(Member::is_source);
        let stays_fed = |peer| !self.fed.contains(&peer) || self.links.reaches(peer, is_source);
        let bereft = self.links.provider_count(provider) == 0;
        let harmless = stays_fed(victim) && (!mutual || bereft || stays_fed(provider));
        self.links.remove(leech, provider);
        self.links.add(victim, provider);
        if mutual {
            self.links.add(provider, victim);
        }
        if !harmless {
            return false;
        }
        self.sever(victim, provider);
        self.refresh();
        self.link(leech, provider);
        true
    }

    /// Takes the least useful providers of a leech away until it has so many.
    pub(super) fn trim(&mut self, leech: PeerId, most: usize) {
        while self.links.provider_count(leech) > most {
            let Some(least) = self.least_useful(leech) else { return };
            self.unlink(leech, least);
        }
    }

    fn least_useful(&self, leech: PeerId) -> Option<PeerId> {
        self.links.providers_of(leech).min_by_key(|peer| {
            let member = self.members.get(*peer);
            let holds = member.map_or(0, Member::holds);
            let joined = member.map_or(0, |member| member.joined);
            let failed = Reverse(self.lost_links(leech, *peer));
            let mutual = self.links.serves(leech, *peer);
            let seed = self.suits(*peer, Only::Complete);
            (seed, self.fed.contains(peer), mutual, holds, failed, joined)
        })
    }
}
