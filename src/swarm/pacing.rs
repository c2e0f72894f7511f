//! How fast to send to one peer, so that no queue stands in the path.
//!
//! A connection of a browser is NewReno, which fills whatever queue the path has until it overflows: on a home line that may be
//! half a second, in which nobody else's call is understood. ICE measures round trips beside the data, every two and a half
//! seconds. While they are short nothing is limited. After two long ones without a short one between them the sender
//! goes on a little more slowly, until they are short again; then it comes back half-way to where the queue began, stays
//! just below that for a while, and goes on in small steps. Those are proportional to the root of the rate, so that of two
//! on one line the slower grows by more.
//!
//! A long round trip may have other causes: a path that has become longer, others who fill the line, a browser with too
//! much to do. None of them goes away when less is sent. So when much less still sees long ones, the limit is
//! lifted, and nothing is limited until a short one was seen.

use std::time::Duration;

use crate::clock::Timestamp;

/// A round trip is long that is this many times the shortest, and by this much above it.
const LONG: (f64, Duration) = (1.5, Duration::from_millis(15));
/// On a path shorter than the first it has to be by the second above it. Two browsers that fill the cores they run on see 2 to
/// 46 ms on loopback, where there is no queue; what a call does not notice is not worth a slower transfer.
const NEAR: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(50));
/// Long round trips, without a short one between them, before there is a limit or one is lowered: one may be a browser that
/// was busy.
const SEEN: u32 = 2;
/// The part that may leave after these: what a queue of 100 ms holds is gone after a second.
const LESS: f64 = 0.88;
/// The part that is left after each further one, until a short one was seen.
const STILL_LESS: f64 = 0.85;
/// The part of a limit that counts as leaving at least: what leaves also dips for other reasons.
const LEAST_USED: f64 = 0.8;
/// Long round trips, without a short one between them, after which a limit is lifted that did not help: half is sent by then.
const PATIENCE: u32 = 6;
/// Growth with each short round trip, in bytes a second by the root of bytes a second: 4.5 % at 5 MB/s, 10 % at 1 MB/s.
const STEP: f64 = 100.0;
/// The part by which a limit grows at most, however long nothing was in its way.
const MOST_GROWTH: f64 = 0.25;
/// Steps at a time from which a limit may be let go of, since no queue was seen for long,
const FREE_STEPS: f64 = 16.0;
/// and how many times what is leaving: it limits nothing.
const LOOSE: f64 = 1.5;
/// Short round trips for which a limit stays just below the rate at which a queue was seen: NewReno grows slowly by itself
/// there, so whoever goes on at once sees the queue again as soon.
const HOLD: u32 = 4;
/// What is left of the highest rate with each round trip.
const FADES: f64 = 0.95;

/// What is sent to a peer, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub struct Sending {
    /// Bytes that left this browser so far.
    pub left: u64,
    /// More is to be sent now.
    pub more: bool,
    /// New lanes are tried, whose slow start fills a queue for a moment.
    pub probing: bool,
}

/// A limit because of a queue. Rates are in bytes a second.
#[derive(Clone, Copy, Debug)]
struct Limit {
    rate: f64,
    /// What was leaving when the queue was seen last.
    knee: f64,
    /// Short round trips since it came close to that.
    held: u32,
    /// How many steps at a time it grows by.
    steps: f64,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Pacing {
    limit: Option<Limit>,
    /// Long round trips since the last short one.
    long: u32,
    /// Highest rate of late.
    highest: f64,
    /// Less did not help: what makes round trips long is not this sender.
    elsewhere: bool,
    /// Since when something is sent all the time, and what had left by then.
    since: Option<(Timestamp, u64)>,
}

impl Pacing {
    /// A round trip was measured, on a path whose shortest is this; each is to be told once, and those of
    /// one moment as one: the rate is measured between them.
    pub fn round_trip_measured(
        &mut self,
        now: Timestamp,
        round_trip: Duration,
        shortest: Duration,
        sending: Sending,
    ) {
        if !sending.more {
            *self = Self { elsewhere: self.elsewhere, ..Self::default() };
            return;
        }
        let Some((since, left)) = self.since else {
            self.since = Some((now, sending.left));
            return;
        };
        let time = now.saturating_since(since);
        self.since = Some((now, sending.left));
        let rate = sending.left.saturating_sub(left) as f64 / time.as_secs_f64();
        self.highest = rate.max(self.highest * FADES);
        if is_long(round_trip, shortest) {
            if !sending.probing {
                self.long += 1;
                self.slow_down(rate);
            }
        } else {
            (self.long, self.elsewhere) = (0, false);
            self.speed_up(rate);
        }
    }

    /// Bytes a second that may be sent, if there is a limit.
    pub fn bytes_per_second(&self) -> Option<u64> {
        self.limit.map(|limit| limit.rate as u64)
    }

    /// There is a limit.
    pub fn limits(&self) -> bool {
        self.limit.is_some()
    }

    fn slow_down(&mut self, rate: f64) {
        if self.long < SEEN || self.elsewhere {
            return;
        }
        let Some(limit) = &mut self.limit else {
            // What went through a moment ago may do so again: just now lanes may be getting over what they lost.
            let knee = self.highest;
            self.limit =
                (knee > 0.0).then_some(Limit { rate: knee * LESS, knee, held: 0, steps: 1.0 });
            return;
        };
        if self.long > PATIENCE {
            (self.limit, self.elsewhere) = (None, true);
            return;
        }
        (limit.held, limit.steps) = (0, 1.0);
        let rate = rate.clamp(limit.rate * LEAST_USED, limit.rate);
        if self.long > SEEN {
            limit.rate = rate * STILL_LESS;
        } else {
            // Whoever is pushed below where it was makes room at once, as in CUBIC (RFC 9438, section 4.7).
            limit.knee = if rate < limit.knee { rate * (1.0 + LESS) / 2.0 } else { rate };
            limit.rate = rate * LESS;
        }
    }

    fn speed_up(&mut self, rate: f64) {
        let Some(limit) = &mut self.limit else { return };
        let step = STEP * limit.rate.sqrt();
        if limit.rate + step < limit.knee {
            limit.rate = (limit.rate + limit.knee) / 2.0;
        } else if limit.held < HOLD {
            limit.held += 1;
        } else {
            limit.rate += (step * limit.steps).min(limit.rate * MOST_GROWTH);
            limit.steps *= 2.0;
        }
        if limit.steps >= FREE_STEPS && limit.rate > rate * LOOSE {
            self.limit = None;
        }
    }
}

/// Whether something waits in a path whose shortest round trip is this.
fn is_long(round_trip: Duration, shortest: Duration) -> bool {
    let above = if shortest < NEAR.0 { NEAR.1 } else { LONG.1 };
    round_trip > shortest.mul_f64(LONG.0).max(shortest + above)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ICE's interval.
    const INTERVAL: Duration = Duration::from_millis(2500);

    fn at(millis: u64) -> Timestamp {
        Timestamp::new(Duration::from_millis(millis))
    }

    /// One sender on a line: what it paces itself to, and what it knows of the path.
    #[derive(Default)]
    struct Sender {
        pacing: Pacing,
        shortest: Option<Duration>,
        left: f64,
        /// Bytes a second over the last interval.
        rate: f64,
    }

    /// A line that takes so many bytes a second, with a queue that greedy senders fill.
    struct Line {
        rate: f64,
        length: Duration,
        queue: f64,
        longest: f64,
        now: Timestamp,
    }

    impl Line {
        /// 50 Mbit/s, 20 ms there and back, 100 ms of queue.
        fn new() -> Self {
            let rate = 6.25e6;
            let length = Duration::from_millis(20);
            Self { rate, length, queue: 0.0, longest: rate / 10.0, now: at(0) }
        }

        fn round_trip(&self) -> Duration {
            self.length + Duration::from_secs_f64(self.queue / self.rate)
        }

        /// Lets time pass until ICE measures again; each sender sends as much as it may, or half as much again as the
        /// line takes.
        fn step(&mut self, senders: &mut [&mut Sender]) {
            for sender in &mut *senders {
                sender.rate = 0.0;
            }
            let tick = 0.01;
            for _ in 0..250 {
                let offered = |sender: &Sender| {
                    let most = self.rate * 1.5;
                    sender.pacing.bytes_per_second().map_or(most, |rate| (rate as f64).min(most))
                };
                let total: f64 = senders.iter().map(|sender| offered(sender)).sum();
                let takes = (total * tick).min(self.rate * tick + self.longest - self.queue);
                let leaves = (self.queue + takes).min(self.rate * tick);
                for sender in &mut *senders {
                    let part = takes * offered(sender) / total;
                    sender.left += part;
                    sender.rate += part / 2.5;
                }
                self.queue += takes - leaves;
            }
            self.now = self.now + INTERVAL;
            let time = self.round_trip();
            for sender in senders {
                let shortest = sender.shortest.map_or(time, |shortest| shortest.min(time));
                sender.shortest = Some(shortest);
                let sending = Sending { left: sender.left as u64, more: true, probing: false };
                sender.pacing.round_trip_measured(self.now, time, shortest, sending);
            }
        }
    }

    /// One whose connection came about now.
    fn comes_to(line: &Line) -> Sender {
        Sender { shortest: Some(line.round_trip()), ..Sender::default() }
    }

    fn median(mut values: Vec<f64>) -> f64 {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    }

    #[test]
    fn a_queue_that_a_sender_filled_is_mostly_empty_then_and_the_line_is_used() {
        let mut line = Line::new();
        let mut sender = comes_to(&line);
        for _ in 0..SEEN {
            line.step(&mut [&mut sender]);
            assert!(line.round_trip() > Duration::from_millis(100));
        }
        let (mut trips, mut rates) = (Vec::new(), Vec::new());
        for _ in 0..100 {
            line.step(&mut [&mut sender]);
            trips.push(line.round_trip().as_secs_f64());
            rates.push(sender.rate);
        }
        assert!(median(trips.clone()) < 0.03, "{trips:?}");
        let mean = rates.iter().sum::<f64>() / rates.len() as f64;
        assert!(mean > line.rate * 0.9, "{mean}");
    }

    #[test]
    fn of_two_on_one_line_each_gets_its_share_and_round_trips_do_not_double() {
        let mut line = Line::new();
        let mut first = comes_to(&line);
        // ICE asks a new path every 50 ms: one that is short most of the time is seen short.
        while line.now < at(50_000) || line.queue > 0.0 {
            line.step(&mut [&mut first]);
        }
        let mut second = comes_to(&line);
        for _ in 0..20 {
            line.step(&mut [&mut first, &mut second]);
        }
        let (mut trips, mut sent) = (Vec::new(), [0.0, 0.0]);
        for _ in 0..100 {
            line.step(&mut [&mut first, &mut second]);
            trips.push(line.round_trip().as_secs_f64());
            (sent[0], sent[1]) = (sent[0] + first.rate, sent[1] + second.rate);
        }
        assert!(median(trips.clone()) < 0.04, "{trips:?}");
        let share = sent[1] / (sent[0] + sent[1]) * 2.0;
        assert!((0.7..1.3).contains(&share), "{share}");
        assert!((sent[0] + sent[1]) / 100.0 > line.rate * 0.85, "{sent:?}");
    }

    #[test]
    fn a_limit_stays_below_the_rate_of_the_queue_for_a_while_and_then_goes_beyond() {
        let (mut pacing, mut left) = (Pacing::default(), 0.0);
        let mut limits = Vec::new();
        for look in 0..40_u64 {
            let rate = pacing.bytes_per_second().map_or(5e6, |rate| (rate as f64).min(5e6));
            left += rate * INTERVAL.as_secs_f64();
            // Twice there was a queue.
            let trip = Duration::from_millis(if (3..5).contains(&look) { 80 } else { 22 });
            let sending = Sending { left: left as u64, more: true, probing: false };
            pacing.round_trip_measured(at(2500 * look), trip, Duration::from_millis(20), sending);
            limits.extend(pacing.bytes_per_second());
        }
        let below = limits.iter().take_while(|limit| **limit < 5_000_000).count();
        assert!((HOLD as usize + 2..10).contains(&below), "{limits:?}");
        assert_eq!(pacing.bytes_per_second(), None, "nothing was in its way for long: {limits:?}");
    }

    #[test]
    fn what_less_does_not_help_against_is_not_paced_for_long() {
        // The path was 1 ms long; now it is 200.
        let (mut pacing, mut left) = (Pacing::default(), 0.0);
        let mut rates = Vec::new();
        for look in 0..100 {
            let rate = pacing.bytes_per_second().map_or(4e6, |rate| rate as f64);
            left += rate * INTERVAL.as_secs_f64();
            rates.push(rate);
            let now = at(2500 * look);
            let sending = Sending { left: left as u64, more: true, probing: false };
            let trip = Duration::from_millis(200);
            pacing.round_trip_measured(now, trip, Duration::from_millis(1), sending);
        }
        assert!(rates.iter().any(|rate| *rate < 4e6), "it was tried");
        assert!(rates.iter().all(|rate| *rate >= 1.2e6), "{rates:?}");
        assert!(rates.iter().filter(|rate| **rate < 4e6).count() < 10, "{rates:?}");
    }

    #[test]
    fn a_browser_that_is_busy_now_and_then_costs_little() {
        let (mut pacing, mut left) = (Pacing::default(), 0.0);
        for look in 0..400_u64 {
            let rate = pacing.bytes_per_second().map_or(4e6, |rate| (rate as f64).min(4e6));
            left += rate * INTERVAL.as_secs_f64();
            // Three in ten, in no order.
            let busy = look * 7919 % 101 * 7919 % 10 < 3;
            let trip = Duration::from_millis(if busy { 60 } else { 22 });
            let sending = Sending { left: left as u64, more: true, probing: false };
            pacing.round_trip_measured(at(2500 * look), trip, Duration::from_millis(20), sending);
        }
        let mean = left / 1000.0;
        assert!(mean > 4e6 * 0.9, "{mean}");
    }

    #[test]
    fn on_a_near_path_what_a_busy_machine_takes_is_no_queue() {
        let limited = |millis| {
            let mut pacing = Pacing::default();
            (0..4_u64).any(|look| {
                let sending = Sending { left: look * 10_000_000, more: true, probing: false };
                let trip = Duration::from_millis(millis);
                let shortest = Duration::from_millis(1);
                pacing.round_trip_measured(at(2500 * look), trip, shortest, sending);
                pacing.limits()
            })
        };
        assert!(!limited(46));
        assert!(limited(60), "that much is heard in a call");
    }

    #[test]
    fn a_moment_in_which_nothing_leaves_is_not_the_limit_from_then_on() {
        let (mut pacing, mut left) = (Pacing::default(), 0);
        let mut sends = |look: u64, millis, rate: u64, probing| {
            left += rate * 5 / 2;
            let sending = Sending { left, more: true, probing };
            let trip = Duration::from_millis(millis);
            pacing.round_trip_measured(at(2500 * look), trip, Duration::from_millis(20), sending);
            pacing.bytes_per_second()
        };
        // New lanes lost all that they sent at once, and wait for their timers.
        for look in 0..4 {
            assert_eq!(sends(look, 120, 4_000_000, true), None);
        }
        let limits: Vec<_> = (4..12).map(|look| sends(look, 120, 30_000, false)).collect();
        let first = limits.iter().flatten().next().copied();
        assert!(first > Some(2_000_000), "{limits:?}");
        assert!(limits.iter().flatten().all(|limit| *limit > 600_000), "{limits:?}");
        assert_eq!(limits.last(), Some(&None), "it is lifted, as less did not help");
    }

    #[test]
    fn one_long_round_trip_and_a_sender_with_nothing_to_send_are_not_limited() {
        for more in [true, false] {
            let mut pacing = Pacing::default();
            for look in 0..100_u64 {
                // Every second one is long; of a sender that has nothing to send, all are.
                let long = look % 2 == 0 || !more;
                let trip = Duration::from_millis(if long { 120 } else { 22 });
                let sending = Sending { left: look * 1_000_000, more, probing: false };
                let shortest = Duration::from_millis(20);
                pacing.round_trip_measured(at(2500 * look), trip, shortest, sending);
                assert_eq!(pacing.bytes_per_second(), None);
            }
        }
    }
}
