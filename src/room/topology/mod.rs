//! Who serves whom: one rule for each [`Topology`], one file for each rule.
//!
//! A rule says whom it would rather see serve whom. What holds in every room is not its business and is
//! seen to by `room::assign`: nobody serves itself, twice the same leech, while away, over its slots, or after
//! three bad pieces, and where a rule wants no circles there are none.

mod chain;
mod direct;
mod pool;
mod swarm;
mod tree;

use std::collections::BTreeSet;

use super::links::Links;
use super::member::{Member, Members};
use crate::protocol::id::PeerId;
use crate::protocol::rooms::Topology;

/// How a candidate compares with others: the smaller the better, the first number first.
pub type Rank = [u64; 4];

/// What a rule sees of a room.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Everyone.
    pub members: &'a Members,
    /// Who serves whom.
    pub links: &'a Links,
    /// Those whom every piece reaches, sooner or later: complete members, and whoever is served by one of these.
    pub fed: &'a BTreeSet<PeerId>,
}

impl View<'_> {
    /// Whether every piece reaches this member sooner or later.
    pub fn is_fed(&self, member: &Member) -> bool {
        self.fed.contains(&member.peer)
    }
}

/// A rule.
pub trait TopologyRule: std::fmt::Debug + Send {
    /// Providers that a leech has at once.
    fn max_providers(&self) -> usize {
        1
    }

    /// Whether a provider's slots count.
    fn slots_bind(&self) -> bool {
        true
    }

    /// Whether nobody may be served, by however many links, by someone whom it serves.
    fn is_acyclic(&self) -> bool {
        false
    }

    /// Whether this member serves anyone at all. Asked once where [`Self::rank`] is asked for each leech.
    fn serves(&self, member: &Member, view: &View<'_>) -> bool;

    /// How good it were if `candidate`, who serves, served `leech`; `None`: never.
    fn rank(&self, leech: &Member, candidate: &Member, view: &View<'_>) -> Option<Rank>;

    /// The room has changed.
    fn refresh(&mut self, _view: &View<'_>) {}

    /// Whether [`Self::elect`] may do something.
    fn elects(&self) -> bool {
        false
    }

    /// A leech would have to wait. Lets one of these, who all help and have a free slot, serve from now on, and
    /// tells whether it did.
    fn elect(&mut self, _helpers: &[&Member], _view: &View<'_>) -> bool {
        false
    }

    /// Members online that can serve every piece.
    fn seeds_online(&self, members: &Members) -> u32 {
        members.seeds_online()
    }
}

/// The rule of a topology.
pub fn rule(topology: Topology) -> Box<dyn TopologyRule> {
    match topology {
        Topology::Direct => Box::new(direct::Direct),
        Topology::Chain => Box::new(chain::Chain),
        Topology::Tree => Box::new(tree::Tree::default()),
        Topology::Pool => Box::new(pool::Pool),
        Topology::Swarm => Box::new(swarm::Swarm),
    }
}

/// Another number for every two members, without a pattern: the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
pub fn mixed(one: PeerId, other: PeerId) -> u64 {
    let number = u64::from(one.0) << 32 | u64::from(other.0);
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}
