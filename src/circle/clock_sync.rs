//! The difference of two clocks, by asking (RFC 5905, section 8): the answer that came back soonest counts, since the way
//! there and the way back can differ by no more than it took.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Timestamp;

/// Questions that may be open, and answers that are remembered. Clocks drift, so old ones go.
const REMEMBERED: usize = 8;
/// Answers that took longer tell nothing.
const LONGEST: Duration = Duration::from_secs(5);

/// One answer.
#[derive(Clone, Copy, Debug)]
struct Sample {
    round_trip: u64,
    /// Microseconds to add to this clock to get the other's.
    offset: i64,
}

/// What is known of another's clock.
#[derive(Debug, Default)]
pub struct ClockSync {
    open: VecDeque<u64>,
    samples: VecDeque<Sample>,
}

impl ClockSync {
    /// Microseconds of a moment of this clock.
    pub fn micros(at: Timestamp) -> u64 {
        u64::try_from(at.since_start().as_micros()).unwrap_or(u64::MAX)
    }

    /// Notes a question, and answers what to put into it.
    pub fn ask(&mut self, now: Timestamp) -> u64 {
        let asked_at = Self::micros(now);
        if self.open.len() >= REMEMBERED {
            self.open.pop_front();
        }
        self.open.push_back(asked_at);
        asked_at
    }

    /// Takes an answer. One to a question that was not asked is passed over.
    pub fn told(&mut self, now: Timestamp, asked_at: u64, told_at: u64) {
        let Some(at) = self.open.iter().position(|asked| *asked == asked_at) else { return };
        self.open.remove(at);
        let round_trip = Self::micros(now).saturating_sub(asked_at);
        if round_trip > LONGEST.as_micros() as u64 {
            return;
        }
        // Clocks count from a page's start: days at most, far from where this would overflow; a liar's may.
        let here = asked_at.saturating_add(round_trip / 2);
        let offset = i128::from(told_at) - i128::from(here);
        let Ok(offset) = i64::try_from(offset) else { return };
        if self.samples.len() >= REMEMBERED {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { round_trip, offset });
    }

    /// How many answers are known.
    pub fn answers(&self) -> usize {
        self.samples.len()
    }

    /// Microseconds of the other's clock at a moment of this one; nothing before the first answer.
    pub fn there(&self, at: Timestamp) -> Option<u64> {
        let best = self.samples.iter().min_by_key(|sample| sample.round_trip)?;
        Self::micros(at).checked_add_signed(best.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Timestamp {
        Timestamp::new(Duration::from_micros(micros))
    }

    #[test]
    fn the_answer_that_came_soonest_counts() {
        let mut clock = ClockSync::default();
        assert_eq!(clock.there(at(0)), None);
        // 40 ms there, none back: off by 20 ms.
        let asked = clock.ask(at(1_000_000));
        clock.told(at(1_040_000), asked, 9_040_000);
        assert_eq!(clock.there(at(2_000_000)), Some(10_020_000));
        // 2 ms each way.
        let asked = clock.ask(at(3_000_000));
        clock.told(at(3_004_000), asked, 11_002_000);
        assert_eq!(clock.there(at(4_000_000)), Some(12_000_000));
    }

    #[test]
    fn answers_to_nothing_count_for_nothing() {
        let mut clock = ClockSync::default();
        clock.told(at(10), 5, 1_000);
        let asked = clock.ask(at(100));
        clock.told(at(200), asked + 1, 1_000);
        assert_eq!(clock.answers(), 0);
        clock.told(at(200), asked, u64::MAX);
        clock.told(at(200), asked, 1_000);
        assert_eq!(clock.answers(), 0, "a clock that cannot be one, and then an answer told twice");
        for question in 0..100 {
            clock.ask(at(question));
        }
        assert_eq!(clock.open.len(), REMEMBERED);
    }

    #[test]
    fn an_answer_that_took_long_is_passed_over_and_a_late_clock_does_not_wrap() {
        let mut clock = ClockSync::default();
        let asked = clock.ask(at(0));
        clock.told(at(6_000_000), asked, 0);
        assert_eq!(clock.answers(), 0);
        let asked = clock.ask(at(10_000_000));
        clock.told(at(10_000_000), asked, 0);
        assert_eq!(clock.there(at(1_000_000)), None, "before the other's clock began");
        assert_eq!(clock.there(at(10_000_001)), Some(1));
    }
}
