//! Which members may signal each other: exactly those that the room assigned to each other.

use std::collections::BTreeSet;

use crate::protocol::id::PeerId;

/// Links, each from a leech to a provider.
#[derive(Debug, Default)]
pub struct Links(BTreeSet<(PeerId, PeerId)>);

impl Links {
    /// Links a leech to a provider.
    pub fn add(&mut self, leech: PeerId, provider: PeerId) {
        self.0.insert((leech, provider));
    }

    /// Whether two members are linked, in either role.
    pub fn contains(&self, one: PeerId, other: PeerId) -> bool {
        self.0.contains(&(one, other)) || self.0.contains(&(other, one))
    }

    /// Ends the link between two members; tells whether there was one.
    pub fn remove(&mut self, one: PeerId, other: PeerId) -> bool {
        let forward = self.0.remove(&(one, other));
        self.0.remove(&(other, one)) || forward
    }

    /// Ends every link of one member and names the others.
    pub fn remove_all(&mut self, peer: PeerId) -> BTreeSet<PeerId> {
        let mut others = BTreeSet::new();
        self.0.retain(|&(leech, provider)| {
            if leech == peer {
                others.insert(provider);
            } else if provider == peer {
                others.insert(leech);
            }
            leech != peer && provider != peer
        });
        others
    }

    /// Ends the links by which one member is served and names the providers.
    pub fn release_leech(&mut self, peer: PeerId) -> Vec<PeerId> {
        let providers: Vec<_> = self.providers_of(peer).collect();
        self.0.retain(|&(leech, _)| leech != peer);
        providers
    }

    /// Who serves a leech.
    pub fn providers_of(&self, peer: PeerId) -> impl Iterator<Item = PeerId> + '_ {
        self.0.iter().filter(move |(leech, _)| *leech == peer).map(|&(_, provider)| provider)
    }
}
