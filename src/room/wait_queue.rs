//! Leeches that nobody can serve now: first in, first out.

use std::collections::VecDeque;

use crate::protocol::id::PeerId;

/// The line.
#[derive(Debug, Default)]
pub struct WaitQueue(VecDeque<PeerId>);

impl WaitQueue {
    /// Puts a leech at the end, unless it is in line already.
    pub fn push(&mut self, leech: PeerId) {
        if !self.0.contains(&leech) {
            self.0.push_back(leech);
        }
    }

    /// Takes a leech out, wherever it stands; tells whether it was in line.
    pub fn remove(&mut self, leech: PeerId) -> bool {
        let before = self.0.len();
        self.0.retain(|waiting| *waiting != leech);
        self.0.len() != before
    }

    /// How many stand before a leech; the whole line if it is not in it.
    pub fn ahead_of(&self, leech: PeerId) -> u32 {
        let ahead = self.0.iter().position(|waiting| *waiting == leech).unwrap_or(self.0.len());
        u32::try_from(ahead).unwrap_or(u32::MAX)
    }

    /// Everyone in line, first come first.
    pub fn snapshot(&self) -> Vec<PeerId> {
        self.0.iter().copied().collect()
    }
}
