//! The owner serves everyone, however many come. Nobody else serves: what to compare the others with, and right
//! for a few recipients on a fast uplink.

use super::{Member, Members, Rank, TopologyRule, View};

/// See the module.
#[derive(Debug)]
pub struct Direct;

impl TopologyRule for Direct {
    fn slots_bind(&self) -> bool {
        false
    }

    fn serves(&self, member: &Member, _view: &View<'_>) -> bool {
        member.owner
    }

    fn rank(&self, _leech: &Member, _candidate: &Member, _view: &View<'_>) -> Option<Rank> {
        Some(Rank::default())
    }

    fn seeds_online(&self, members: &Members) -> u32 {
        u32::from(members.owner_socket().is_some())
    }
}
