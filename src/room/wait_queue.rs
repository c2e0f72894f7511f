//! Leeches that nobody can serve now: first in, first out.

use std::collections::{BTreeMap, VecDeque};

use crate::protocol::id::PeerId;

/// What a leech in line was last told: how many come first, and whether there is a seed at all.
pub type Told = (u32, bool);

/// The line.
#[derive(Debug, Default)]
pub struct WaitQueue {
    line: VecDeque<PeerId>,
    /// Everyone in line, with what they know.
    told: BTreeMap<PeerId, Option<Told>>,
}

impl WaitQueue {
    /// Puts a leech at the end, unless it is in line already.
    pub fn push(&mut self, leech: PeerId) {
        if let std::collections::btree_map::Entry::Vacant(entry) = self.told.entry(leech) {
            entry.insert(None);
            self.line.push_back(leech);
        }
    }

    /// Takes a leech out, wherever it stands.
    pub fn remove(&mut self, leech: PeerId) {
        if self.told.remove(&leech).is_some() {
            self.line.retain(|waiting| *waiting != leech);
        }
    }

    /// Whether nobody is in line.
    pub fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// Everyone in line, first come first.
    pub fn snapshot(&self) -> Vec<PeerId> {
        self.line.iter().copied().collect()
    }

    /// A leech has to be told its place once more, because it may have missed it.
    pub fn forget_told(&mut self, leech: PeerId) {
        if let Some(told) = self.told.get_mut(&leech) {
            *told = None;
        }
    }

    /// Those whose place is another than they know, and how many come first. They count as told from here on.
    pub fn news(&mut self, seeds: bool, hears: impl Fn(PeerId) -> bool) -> Vec<(PeerId, u32)> {
        let mut news = Vec::new();
        for (ahead, leech) in self.line.iter().enumerate() {
            let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
            if let Some(told) = self.told.get_mut(leech)
                && *told != Some((ahead, seeds))
                && hears(*leech)
            {
                *told = Some((ahead, seeds));
                news.push((*leech, ahead));
            }
        }
        news
    }
}
