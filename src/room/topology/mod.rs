//! Who serves whom: one rule for each [`Topology`], one file for each rule.

mod direct;

use super::member::Members;
use super::relay::Links;
use crate::protocol::id::PeerId;
use crate::protocol::rooms::Topology;

/// A rule that names providers.
pub trait TopologyRule: std::fmt::Debug + Send {
    /// Providers that `leech` should be linked to now and is not yet. Never the leech itself, never anyone
    /// without an open socket.
    fn providers(&self, leech: PeerId, members: &Members, links: &Links) -> Vec<PeerId>;

    /// Members online that can serve every piece.
    fn seeds_online(&self, members: &Members) -> u32;
}

/// The rule of a topology.
pub fn rule(topology: Topology) -> Box<dyn TopologyRule> {
    match topology {
        Topology::Direct => Box::new(direct::Direct),
    }
}
