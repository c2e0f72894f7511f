//! How many leeches to serve at once: enough to fill the uplink, few enough that each gets a fair stream.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::protocol::limits::{DEFAULT_SLOTS, MAX_SLOTS, MIN_SLOTS};

/// Time between two changes, so that each is seen to work before the next.
const INTERVAL: Duration = Duration::from_secs(10);
/// Bytes a second below which a leech would do better elsewhere: 1 Mbit/s.
const LEAST_STREAM: u64 = 125_000;
/// One more leech has to bring at least this much more in all.
const LEAST_GAIN: f64 = 1.1;

/// See the module.
#[derive(Clone, Debug)]
pub struct Slots {
    offered: u8,
    helps: bool,
    next: Timestamp,
    /// Bytes a second in all before the last raise, if the last change was one.
    before: Option<u64>,
}

impl Slots {
    /// Four to begin with, or none for whoever does not help.
    pub fn new(helps: bool) -> Self {
        Self { offered: DEFAULT_SLOTS, helps, next: Timestamp::ZERO, before: None }
    }

    /// What the room is told.
    pub fn offered(&self) -> u8 {
        if self.helps { self.offered } else { 0 }
    }

    /// Whether others are served at all.
    pub fn helps(&self) -> bool {
        self.helps
    }

    /// The person's choice.
    pub fn set_helps(&mut self, helps: bool) {
        self.helps = helps;
    }

    /// Looks at what is sent to `served` leeches in all. Answers the new number, if it changes.
    pub fn adapt(&mut self, now: Timestamp, served: usize, bytes_per_second: u64) -> Option<u8> {
        if now < self.next || !self.helps {
            return None;
        }
        self.next = now + INTERVAL;
        let saturated = served >= usize::from(self.offered);
        let before = self.before.take();
        let gained = before.is_none_or(|b| bytes_per_second as f64 >= b as f64 * LEAST_GAIN);
        let each = bytes_per_second / served.max(1) as u64;
        let offered = if !saturated || bytes_per_second == 0 {
            self.offered
        } else if each < LEAST_STREAM || !gained {
            self.offered.saturating_sub(1).max(MIN_SLOTS)
        } else if self.offered < MAX_SLOTS {
            self.before = Some(bytes_per_second);
            self.offered + 1
        } else {
            self.offered
        };
        let changed = offered != self.offered;
        self.offered = offered;
        changed.then_some(offered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::new(Duration::from_secs(seconds))
    }

    #[test]
    fn a_fast_uplink_takes_more_leeches_as_long_as_each_brings_more() {
        let mut slots = Slots::new(true);
        assert_eq!(slots.adapt(at(0), 4, 4_000_000), Some(5));
        assert_eq!(slots.adapt(at(5), 5, 9_000_000), None, "too soon to tell");
        assert_eq!(slots.adapt(at(10), 5, 5_000_000), Some(6));
        assert_eq!(slots.adapt(at(20), 6, 6_000_000), None, "six is most");
        let mut slots = Slots::new(true);
        assert_eq!(slots.adapt(at(0), 4, 4_000_000), Some(5));
        assert_eq!(slots.adapt(at(10), 5, 4_100_000), Some(4), "the fifth brought nothing");
    }

    #[test]
    fn a_thin_uplink_takes_fewer_but_never_less_than_two() {
        let mut slots = Slots::new(true);
        let told: Vec<_> = (0..5).map(|n| slots.adapt(at(n * 10), 4, 100_000)).collect();
        assert_eq!(told, [Some(3), Some(2), None, None, None]);
    }

    #[test]
    fn free_slots_and_idle_leeches_change_nothing() {
        let mut slots = Slots::new(true);
        assert_eq!(slots.adapt(at(0), 3, 100), None);
        assert_eq!(slots.adapt(at(10), 4, 0), None);
        slots.set_helps(false);
        assert_eq!((slots.offered(), slots.adapt(at(20), 4, 100)), (0, None));
    }
}
