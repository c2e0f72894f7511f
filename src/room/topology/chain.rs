//! Each newcomer fetches from the newest before it, so that every uplink carries the content once.
//!
//! A loss is closed over: whoever lost its provider gets the newest before it that serves nobody. Where that
//! one does not help the chain branches, as far as slots allow, and complete seeds that came later are the last
//! resort but for those who came later and are still fetching.

use super::{Member, Rank, TopologyRule, View};

/// See the module.
#[derive(Debug)]
pub struct Chain;

impl TopologyRule for Chain {
    fn is_acyclic(&self) -> bool {
        true
    }

    fn serves(&self, member: &Member, view: &View<'_>) -> bool {
        view.is_fed(member) || member.holds() > 0
    }

    fn rank(&self, leech: &Member, candidate: &Member, view: &View<'_>) -> Option<Rank> {
        let newest_first = u64::MAX - candidate.joined;
        let load = view.links.leech_count(candidate.peer) as u64;
        let came_before = candidate.joined < leech.joined;
        Some(match (view.is_fed(candidate), came_before) {
            (true, true) if load == 0 => [0, 0, newest_first, 0],
            (true, true) => [1, load, newest_first, 0],
            (true, false) if candidate.is_complete() => [2, load, newest_first, 0],
            (true, false) => [3, load, newest_first, 0],
            // Nobody holds everything, and a part is better than none.
            (false, _) => [4, u64::MAX - u64::from(candidate.holds()), load, newest_first],
        })
    }
}
