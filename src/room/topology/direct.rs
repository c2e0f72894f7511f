//! The owner serves everyone.

use super::{Links, Members, PeerId, TopologyRule};

/// See the module.
#[derive(Debug)]
pub struct Direct;

impl TopologyRule for Direct {
    fn providers(&self, leech: PeerId, members: &Members, links: &Links) -> Vec<PeerId> {
        members
            .iter()
            .filter(|member| member.owner && member.socket.is_some() && member.peer != leech)
            .filter(|owner| !links.contains(leech, owner.peer))
            .map(|owner| owner.peer)
            .collect()
    }

    fn seeds_online(&self, members: &Members) -> u32 {
        u32::from(members.owner_socket().is_some())
    }
}
