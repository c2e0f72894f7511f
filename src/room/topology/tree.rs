//! Supernodes serve: the owner, and members elected for what they hold and for their uplink.
//!
//! One more is elected whenever a leech would otherwise wait. A leech goes to the nearest: behind the same public
//! address, then by the shortest measured round trip, then to the one that serves fewest. A supernode that
//! leaves or stops helping is one no more; those whom it serves by then it goes on serving.

use std::collections::BTreeSet;

use super::{Member, PeerId, Rank, TopologyRule, View};

/// See the module.
#[derive(Debug, Default)]
pub struct Tree {
    elected: BTreeSet<PeerId>,
}

impl TopologyRule for Tree {
    fn is_acyclic(&self) -> bool {
        true
    }

    fn serves(&self, member: &Member, view: &View<'_>) -> bool {
        (member.owner || self.elected.contains(&member.peer)) && may_serve(member, view)
    }

    fn rank(&self, leech: &Member, candidate: &Member, view: &View<'_>) -> Option<Rank> {
        let unfed = u64::from(!view.is_fed(candidate));
        let elsewhere = u64::from(leech.network != candidate.network);
        let load = view.links.leech_count(candidate.peer) as u64;
        Some([unfed << 1 | elsewhere, round_trip(leech, candidate), load, candidate.joined])
    }

    fn refresh(&mut self, view: &View<'_>) {
        self.elected.retain(|peer| view.members.get(*peer).is_some_and(|m| m.slots > 0));
    }

    fn elects(&self) -> bool {
        true
    }

    fn elect(&mut self, helpers: &[&Member], view: &View<'_>) -> bool {
        let best = helpers
            .iter()
            .filter(|member| !member.owner && !self.elected.contains(&member.peer))
            .filter(|member| may_serve(member, view))
            .max_by_key(|member| {
                let uplink = member.stats.uplink_bytes_per_second;
                // The oldest, where nothing else tells them apart.
                (view.is_fed(member), member.holds(), uplink, u64::MAX - member.joined)
            });
        best.is_some_and(|member| self.elected.insert(member.peer))
    }
}

fn may_serve(member: &Member, view: &View<'_>) -> bool {
    view.is_fed(member) || member.holds() > 0
}

/// Milliseconds from one to the other, whoever measured it; else what the candidate measures on most of its links;
/// else as far as can be.
fn round_trip(leech: &Member, candidate: &Member) -> u64 {
    let measured = |from: &Member, to: &Member| {
        let trips = from.stats.round_trips.iter();
        trips.filter(|trip| trip.peer == to.peer).map(|trip| trip.millis).min()
    };
    measured(leech, candidate)
        .or_else(|| measured(candidate, leech))
        .or_else(|| {
            let mut trips: Vec<u32> =
                candidate.stats.round_trips.iter().map(|trip| trip.millis).collect();
            trips.sort_unstable();
            trips.get(trips.len() / 2).copied()
        })
        .map_or(u64::MAX, u64::from)
}
