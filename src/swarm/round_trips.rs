//! How long the path to a peer is, asked fifty times as often as ICE does: by pings on the control channel.
//!
//! A ping says something about the path only if nothing of this browser's own is before it: where the first connection
//! carries no blocks, or all that it was handed is on its way. Elsewhere there is what ICE measures.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Timestamp;

/// Time between two pings.
const PING_INTERVAL: Duration = Duration::from_millis(50);
/// Pings that may be on their way: over the longest paths a second's worth and more.
const MAX_UNANSWERED: usize = 32;
/// Without an answer for so long, pings tell nothing, and what ICE measures counts.
const SILENCE: Duration = Duration::from_secs(2);

/// Round trips that were measured since the last look, and the one before: one by itself may be a browser that was busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trips {
    /// The shortest of all.
    pub least: Duration,
    /// The shorter of the last two.
    pub latest: Duration,
    /// One that ICE measured, as it does every two and a half seconds only.
    pub by_ice: bool,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct RoundTrips {
    /// When the first ping was sent or could have been.
    began: Option<Timestamp>,
    unanswered: VecDeque<(u32, Timestamp)>,
    asked: Option<Timestamp>,
    answered: Option<Timestamp>,
    least: Option<Duration>,
    last: [Option<Duration>; 2],
    by_ice: bool,
    blind: bool,
}

impl RoundTrips {
    /// When the next ping is due.
    pub fn due(&self) -> Timestamp {
        self.asked.map_or(Timestamp::ZERO, |at| at + PING_INTERVAL)
    }

    /// A ping is sent now. Nobody can guess its number, and so make the path look shorter.
    pub fn ping(&mut self, now: Timestamp, number: u32) {
        self.begin(now);
        if self.unanswered.len() >= MAX_UNANSWERED {
            self.unanswered.pop_front();
        }
        self.unanswered.push_back((number, now));
    }

    /// A ping would say nothing now.
    pub fn put_off(&mut self, now: Timestamp) {
        self.begin(now);
        self.blind = true;
    }

    /// Pings tell nothing: since this was last asked one would have waited behind blocks, or none are answered for long.
    pub fn take_blind(&mut self, now: Timestamp) -> bool {
        let silent = self.answered.or(self.began).is_some_and(|at| now >= at + SILENCE);
        std::mem::take(&mut self.blind) || silent
    }

    /// A ping was answered. Answers the round trip, unless nobody asked.
    pub fn pong(&mut self, now: Timestamp, number: u32) -> Option<Duration> {
        let asked = self.unanswered.iter().position(|(asked, _)| *asked == number)?;
        // The channel is in order: those before are not going to be answered.
        let (_, at) = self.unanswered.drain(..=asked).next_back()?;
        let time = now.saturating_since(at);
        (self.answered, self.by_ice) = (Some(now), false);
        self.note(time);
        Some(time)
    }

    /// ICE measured a round trip. Tells whether it counts, as no pings do.
    pub fn measured_by_ice(&mut self, now: Timestamp, time: Duration) -> bool {
        let counts = !self.is_asked_by_pings(now);
        if counts {
            self.note(time);
            self.by_ice = true;
        }
        counts
    }

    /// Pings are answered.
    pub fn is_asked_by_pings(&self, now: Timestamp) -> bool {
        self.answered.is_some_and(|at| now < at + SILENCE)
    }

    /// What was measured since this was last asked.
    pub fn take(&mut self) -> Option<Trips> {
        let least = self.least.take()?;
        let latest = self.last.into_iter().flatten().min().unwrap_or(least);
        Some(Trips { least, latest, by_ice: std::mem::take(&mut self.by_ice) })
    }

    fn begin(&mut self, now: Timestamp) {
        self.asked = Some(now);
        self.began.get_or_insert(now);
    }

    fn note(&mut self, time: Duration) {
        self.last = [self.last[1], Some(time)];
        self.least = self.least.into_iter().chain(self.last.into_iter().flatten()).min();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::new(Duration::from_millis(millis))
    }

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn what_pings_tell_is_taken_once_and_nobody_can_make_answers_up() {
        let mut trips = RoundTrips::default();
        let numbers = [70, 7, 700, 77];
        (0..4).for_each(|ping| trips.ping(at(ping * 50), numbers[ping as usize]));
        assert_eq!(trips.due(), at(200));
        assert_eq!(trips.pong(at(120), numbers[0]), Some(millis(120)));
        assert_eq!(trips.pong(at(121), numbers[0]), None, "answered already");
        assert_eq!(trips.pong(at(121), 99), None, "never asked");
        assert_eq!(trips.pong(at(180), numbers[2]), Some(millis(80)));
        assert_eq!(trips.pong(at(180), numbers[1]), None, "overtaken on a channel in order");
        assert_eq!(trips.pong(at(250), numbers[3]), Some(millis(100)));
        let expected = Trips { least: millis(80), latest: millis(80), by_ice: false };
        assert_eq!(trips.take(), Some(expected));
        assert_eq!(trips.take(), None);
        // The last one of before counts with the first.
        for (asked, trip) in [(300, 130), (350, 140)] {
            trips.ping(at(asked), 5);
            trips.pong(at(asked + trip), 5);
        }
        let expected = Trips { least: millis(100), latest: millis(130), by_ice: false };
        assert_eq!(trips.take(), Some(expected));
    }

    #[test]
    fn ice_counts_where_no_pings_are_answered() {
        let mut trips = RoundTrips::default();
        assert!(trips.measured_by_ice(at(0), millis(20)));
        trips.ping(at(100), 5);
        let expected = Trips { least: millis(20), latest: millis(20), by_ice: true };
        assert_eq!(trips.take(), Some(expected));
        trips.pong(at(130), 5);
        assert!(!trips.measured_by_ice(at(200), millis(90)));
        assert_eq!(
            trips.take().map(|trips| (trips.least, trips.by_ice)),
            Some((millis(20), false))
        );
        assert!(trips.measured_by_ice(at(2200), millis(90)));
    }

    #[test]
    fn pings_that_would_wait_or_are_not_answered_tell_nothing() {
        let mut trips = RoundTrips::default();
        assert!(!trips.take_blind(at(0)));
        trips.put_off(at(0));
        assert!(trips.take_blind(at(1)));
        trips.ping(at(50), 1);
        assert!(!trips.take_blind(at(1000)));
        assert!(trips.take_blind(at(2000)));
        trips.pong(at(2050), 1);
        assert!(!trips.take_blind(at(4000)));
    }

    #[test]
    fn no_more_are_remembered_than_a_few() {
        let mut trips = RoundTrips::default();
        trips.ping(at(0), 99);
        (0..MAX_UNANSWERED).for_each(|ping| trips.ping(at(1), ping as u32));
        assert_eq!(trips.unanswered.len(), MAX_UNANSWERED);
        assert_eq!(trips.pong(at(2), 99), None);
    }
}
