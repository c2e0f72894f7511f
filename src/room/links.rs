//! Who serves whom, and so which members may signal each other: exactly those that the room assigned to each other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::protocol::id::PeerId;

/// Links, each from a leech to a provider. Two members may serve each other: two links, one connection.
#[derive(Debug, Default)]
pub struct Links {
    providers: BTreeMap<PeerId, BTreeSet<PeerId>>,
    leeches: BTreeMap<PeerId, BTreeSet<PeerId>>,
}

impl Links {
    /// Links a leech to a provider.
    pub fn add(&mut self, leech: PeerId, provider: PeerId) {
        self.providers.entry(leech).or_default().insert(provider);
        self.leeches.entry(provider).or_default().insert(leech);
    }

    /// Ends the link from a leech to a provider, not the one the other way; tells whether there was one.
    pub fn remove(&mut self, leech: PeerId, provider: PeerId) -> bool {
        take(&mut self.leeches, provider, leech);
        take(&mut self.providers, leech, provider)
    }

    /// Ends every link of one member and names the others.
    pub fn remove_all(&mut self, peer: PeerId) -> BTreeSet<PeerId> {
        let mut others = self.providers.remove(&peer).unwrap_or_default();
        for provider in &others {
            take(&mut self.leeches, *provider, peer);
        }
        for leech in self.leeches.remove(&peer).unwrap_or_default() {
            take(&mut self.providers, leech, peer);
            others.insert(leech);
        }
        others
    }

    /// Whether the provider serves the leech.
    pub fn serves(&self, provider: PeerId, leech: PeerId) -> bool {
        self.providers.get(&leech).is_some_and(|providers| providers.contains(&provider))
    }

    /// Whether two members are linked, in either direction.
    pub fn connects(&self, one: PeerId, other: PeerId) -> bool {
        self.serves(one, other) || self.serves(other, one)
    }

    /// Who serves a leech.
    pub fn providers_of(&self, leech: PeerId) -> impl Iterator<Item = PeerId> + '_ {
        self.providers.get(&leech).into_iter().flatten().copied()
    }

    /// How many serve a leech.
    pub fn provider_count(&self, leech: PeerId) -> usize {
        self.providers.get(&leech).map_or(0, BTreeSet::len)
    }

    /// Whom a provider serves.
    pub fn leeches_of(&self, provider: PeerId) -> impl Iterator<Item = PeerId> + '_ {
        self.leeches.get(&provider).into_iter().flatten().copied()
    }

    /// How many a provider serves: its slots in use.
    pub fn leech_count(&self, provider: PeerId) -> usize {
        self.leeches.get(&provider).map_or(0, BTreeSet::len)
    }

    /// Everyone whom pieces reach from these members over any number of links, these included. Goes on from
    /// what `reached` holds already.
    pub fn spread(&self, from: impl IntoIterator<Item = PeerId>, reached: &mut BTreeSet<PeerId>) {
        let mut next: VecDeque<PeerId> =
            from.into_iter().filter(|peer| reached.insert(*peer)).collect();
        while let Some(provider) = next.pop_front() {
            next.extend(self.leeches_of(provider).filter(|leech| reached.insert(*leech)));
        }
    }

    /// Whether pieces reach a leech from any member for which `is_source` holds.
    pub fn reaches(&self, leech: PeerId, is_source: impl Fn(PeerId) -> bool) -> bool {
        let mut seen = BTreeSet::from([leech]);
        let mut next = VecDeque::from([leech]);
        while let Some(peer) = next.pop_front() {
            if is_source(peer) {
                return true;
            }
            next.extend(self.providers_of(peer).filter(|provider| seen.insert(*provider)));
        }
        false
    }
}

/// Takes a value from a key's set, and the set away when it is empty.
fn take(sets: &mut BTreeMap<PeerId, BTreeSet<PeerId>>, key: PeerId, value: PeerId) -> bool {
    let Some(set) = sets.get_mut(&key) else { return false };
    let taken = set.remove(&value);
    if set.is_empty() {
        sets.remove(&key);
    }
    taken
}
