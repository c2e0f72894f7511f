//! A rate that the person set, or the path: a token bucket.

use std::time::Duration;

use crate::clock::Timestamp;

/// Time whose bytes may gather while nothing is sent: browsers wake a hidden tab's timers only once a second.
const GATHERED: Duration = Duration::from_secs(1);
/// The same for a path, whose queue they may fill, unless the browser woke the page later than this.
const GATHERED_FOR_A_PATH: Duration = Duration::from_millis(100);
const LATE: Duration = Duration::from_millis(50);
/// Time between two wakings at least, so that a slow rate does not wake the page for every block.
const WAKING: Duration = Duration::from_millis(20);

/// Bytes a second, or no limit.
#[derive(Clone, Debug)]
pub struct Cap {
    bytes_per_second: Option<u64>,
    /// Time whose bytes may gather, and have when a rate is set for the first time.
    gathered: Duration,
    at_first: Duration,
    /// Bytes that may go now; below zero after one that was larger.
    left: f64,
    filled: Timestamp,
    /// When this browser is to be woken to send more.
    due: Option<Timestamp>,
}

impl Default for Cap {
    fn default() -> Self {
        let filled = Timestamp::ZERO;
        let at_first = Duration::ZERO;
        Self { bytes_per_second: None, gathered: GATHERED, at_first, left: 0.0, filled, due: None }
    }
}

impl Cap {
    /// What is sent to one peer.
    pub fn of_a_path() -> Self {
        let gathered = GATHERED_FOR_A_PATH;
        Self { gathered, at_first: gathered, ..Self::default() }
    }

    /// Sets the rate, from now on. What went beyond the one before still counts.
    pub fn set(&mut self, now: Timestamp, bytes_per_second: Option<u64>) {
        self.allows(now);
        let rate = bytes_per_second.map(|rate| rate.max(1));
        if let (None, Some(rate)) = (self.bytes_per_second, rate) {
            (self.left, self.filled) = (rate as f64 * self.at_first.as_secs_f64(), now);
        }
        self.bytes_per_second = rate;
    }

    /// Whether more may go now.
    pub fn allows(&mut self, now: Timestamp) -> bool {
        let Some(rate) = self.bytes_per_second else { return true };
        let since = now.saturating_since(self.filled).as_secs_f64();
        self.filled = now;
        let late = self.due.is_some_and(|due| now >= due + LATE);
        let gathered = if late { GATHERED } else { self.gathered };
        let most = rate as f64 * gathered.as_secs_f64();
        // What gathered in a tab that was woken late is not taken back.
        self.left = (self.left + rate as f64 * since).min(most.max(self.left));
        if self.left > 0.0 {
            self.due = None;
        }
        self.left > 0.0
    }

    /// So much went.
    pub fn take(&mut self, bytes: u64) {
        if self.bytes_per_second.is_some() {
            self.left -= bytes as f64;
        }
    }

    /// When to try again what was not allowed.
    pub fn allows_at(&mut self, now: Timestamp) -> Timestamp {
        let rate = self.bytes_per_second.unwrap_or(u64::MAX) as f64;
        let at = now + Duration::from_secs_f64((-self.left).max(0.0) / rate).max(WAKING);
        self.due.get_or_insert(at);
        at
    }

    /// Bytes to ask for in one go at most.
    pub fn most_at_once(&self) -> u32 {
        let quarter = self.bytes_per_second.map_or(u64::MAX, |rate| rate / 4);
        u32::try_from(quarter.max(16 << 10)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::new(Duration::from_millis(millis))
    }

    #[test]
    fn without_a_rate_everything_goes() {
        let mut cap = Cap::default();
        cap.take(1 << 40);
        assert!(cap.allows(at(0)));
        cap.set(at(0), Some(1000));
        assert!(!cap.allows(at(0)));
        cap.set(at(0), None);
        assert!(cap.allows(at(0)));
    }

    #[test]
    fn a_tab_that_wakes_once_a_second_gets_its_whole_rate() {
        let mut cap = Cap::default();
        cap.set(at(0), Some(100_000));
        let mut sent = 0;
        for second in 1..=60 {
            while cap.allows(at(second * 1000)) {
                cap.take(16_000);
                sent += 16_000;
            }
        }
        assert!((5_900_000..6_100_000).contains(&sent), "{sent}");
    }

    #[test]
    fn a_path_begins_with_a_moment_s_worth_and_a_new_rate_forgives_nothing() {
        let mut cap = Cap::of_a_path();
        cap.set(at(0), Some(1_000_000));
        assert!(cap.allows(at(0)));
        cap.take(150_000);
        assert!(!cap.allows(at(0)));
        cap.set(at(10), Some(2_000_000));
        assert!(!cap.allows(at(29)), "40,000 bytes were still to be made up for");
        assert!(cap.allows(at(31)));
        cap.take(50_000);
        assert!(cap.allows(at(10_000)));
        cap.take(200_001);
        assert!(!cap.allows(at(10_000)), "what gathers is bounded");
    }

    #[test]
    fn a_path_gets_its_whole_rate_in_a_tab_that_wakes_once_a_second() {
        let mut cap = Cap::of_a_path();
        cap.set(at(0), Some(100_000));
        let mut sent = 0;
        for second in 0..=60 {
            while cap.allows(at(second * 1000)) {
                cap.take(16_000);
                sent += 16_000;
            }
            assert!(cap.allows_at(at(second * 1000)) < at(second * 1000 + 200));
        }
        assert!((5_900_000..6_100_000).contains(&sent), "{sent}");
    }

    proptest! {
        #[test]
        fn no_more_goes_than_the_rate_a_second_and_one_block(
            rate in 1_000..50_000_000_u64, wakings in prop::collection::vec(1..2_000_u64, 1..60),
        ) {
            let mut cap = Cap::default();
            cap.set(at(0), Some(rate));
            let (mut now, mut sent) = (0, 0);
            for waking in wakings {
                now += waking;
                while cap.allows(at(now)) {
                    cap.take(65_536);
                    sent += 65_536;
                }
                prop_assert!(cap.allows_at(at(now)) > at(now));
                prop_assert!(sent <= rate * now / 1000 + 65_536 + 1);
            }
        }
    }
}
