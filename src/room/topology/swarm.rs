//! Several providers at once, and everyone who helps may be one, also one that holds nothing yet: it will.
//!
//! The first provider of a leech is someone whom every piece reaches, so that no island fetches from itself. Then
//! come those behind the same public address, those who hold more, those with more free slots; and among equals
//! a number that is another for every pair, so that the links do not gather into cliques.

use super::{Member, Rank, TopologyRule, View, mixed};
use crate::protocol::limits::MAX_PROVIDERS;
use crate::room::member::WHOLE;

/// See the module.
#[derive(Debug)]
pub struct Swarm;

impl TopologyRule for Swarm {
    fn max_providers(&self) -> usize {
        MAX_PROVIDERS
    }

    fn serves(&self, member: &Member, view: &View<'_>) -> bool {
        view.is_fed(member) || member.holds() > 0
    }

    fn rank(&self, leech: &Member, candidate: &Member, view: &View<'_>) -> Option<Rank> {
        let island = !view.is_fed(leech) && !view.is_fed(candidate);
        let elsewhere = leech.network != candidate.network;
        let lacks = WHOLE - candidate.holds();
        let used = view.links.leech_count(candidate.peer);
        let free = usize::from(candidate.slots).saturating_sub(used);
        Some([
            u64::from(island) << 1 | u64::from(elsewhere),
            u64::from(lacks),
            u64::from(u8::MAX) - free.min(255) as u64,
            mixed(leech.peer, candidate.peer),
        ])
    }
}
