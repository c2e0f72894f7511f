//! The 2016 report's seed pool: complete seeds serve, each as many as it has slots, and every leech has one.
//!
//! The least loaded seed comes first, and anyone before the owner, whose uplink is to be spared. A leech that
//! finds one saturated is directed to another; when all are, it waits in line.

use super::{Member, Rank, TopologyRule, View};

/// See the module.
#[derive(Debug)]
pub struct Pool;

impl TopologyRule for Pool {
    fn serves(&self, member: &Member, _view: &View<'_>) -> bool {
        member.is_complete()
    }

    fn rank(&self, _leech: &Member, candidate: &Member, view: &View<'_>) -> Option<Rank> {
        let load = view.links.leech_count(candidate.peer) as u64;
        Some([load, u64::from(candidate.owner), candidate.joined, 0])
    }
}
