//! How fast to send to one peer, so that no queue stands in the path.
//!
//! A connection of a browser is NewReno, which fills whatever queue the path has until it overflows: on a home line that may be
//! half a second, in which nobody else's call is understood, and what overflows at the end of slow start can take a
//! browser seconds to get over. Round trips are measured beside the data twenty times a second, by pings.
//!
//! - While they are short nothing is limited but growth: no more than 1.7 or 1.25 times what left of late may leave, so that a
//!   queue is seen before it is full, whatever slow start would send.
//! - When they become long while the rate grows the sender goes back to what it was before. When all of three looks are long
//!   it goes on more slowly, until the queue is gone. Then it comes back to a little less than where the queue began, and
//!   goes on in small steps. Those are proportional to the root of the rate, so that of two on one line the slower grows by
//!   more.
//!
//! A long round trip may have other causes: a path that has become longer, others who fill the line, a browser with too
//! much to do. None of them goes away when less is sent. So when much less still sees long ones, the limit is
//! lifted, and nothing is limited until a short one was seen.

use std::time::Duration;

use super::round_trips::Trips;
use crate::clock::Timestamp;

/// A round trip is long that is this many times the shortest, and by this much above it.
const LONG: (f64, Duration) = (1.25, Duration::from_millis(10));
/// On a path shorter than the first it has to be by the second above it, and growth is free: two browsers that fill the cores
/// they run on see 2 to 46 ms on loopback, where there is no queue; what a call does not notice is not worth a slower transfer.
const NEAR: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(50));
/// What may leave at first, in bytes a second.
const START: f64 = 1e6;
/// How many times what left of late may leave next: until it grows no more for the first time, and from then on. At twice the
/// line's rate a queue of 100 ms is full after a tenth of a second.
const GROWTH: (f64, f64) = (1.7, 1.25);
/// A rate that is so many times the highest of late grows.
const GREW: f64 = 1.05;
/// Looks in a row without growth after which it grows no more.
const STEADY: u32 = 2;
/// Looks in a row that see only long round trips before there is a limit or one is lowered: one may be a browser that
/// was busy.
const SEEN: u32 = 3;
/// How many looks a round trip by ICE counts for, which is long if the one before was as well.
const SEEN_BY_ICE: u32 = 3;
/// The part of a rate at which a queue was seen that is gone on with: what is left of the line is shared anew by growth.
const LESS: f64 = 0.85;
/// The least knee, in bytes a second: hardly anything left yet.
const LEAST_KNEE: f64 = 1e5;
/// Time in which a queue is to be gone, and after which a limit that did not bring that about is lowered again,
const DRAINING: Duration = Duration::from_millis(600);
/// unless the queue became shorter by this meanwhile: a long one takes longer.
const DRAINED: Duration = Duration::from_millis(100);
/// The least and the most that is left of a limit for that.
const LEFT: (f64, f64) = (0.7, 0.9);
/// The part of a limit that counts as leaving at least: what leaves also dips for other reasons.
const LEAST_USED: f64 = 0.8;
/// How often in a row a limit is lowered: a third of it is sent by then, or less, and if that did not help it is lifted.
const PATIENCE: u32 = 4;
/// Time between two steps.
const GROWING: Duration = Duration::from_secs(1);
/// Growth at a time, in bytes a second by the root of bytes a second: 4.5 % at 5 MB/s, 10 % at 1 MB/s.
const STEP: f64 = 100.0;
/// The least and the most part by which a limit grows.
const STEPS: (f64, f64) = (0.02, 0.25);
/// How far beyond the rate at which a queue was seen growth becomes faster: the line takes more now.
const BEYOND: f64 = 1.05;
/// How many times what is leaving a limit is that limits nothing, and for how many looks in a row.
const LOOSE: f64 = 1.5;
const LOOSE_LOOKS: u32 = 5;
/// The part of the highest rate that fades in a second.
const FADES: f64 = 0.02;
/// After so long without anything to send, the path may be another.
const IDLE: Duration = Duration::from_secs(2);

/// What is seen of the path to a peer, and of what is sent over it.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Bytes that left this browser so far.
    pub left: u64,
    /// More is to be sent now.
    pub more: bool,
    /// Round trips since the last look.
    pub trips: Option<Trips>,
    /// There could be none: what this browser sends stood before them, in its first connection, or they are not answered.
    pub blind: bool,
    /// The path's length, if anything of it is known.
    pub shortest: Option<Duration>,
}

/// A limit because of a queue. Rates are in bytes a second.
#[derive(Clone, Copy, Debug)]
struct Limit {
    rate: f64,
    /// What was leaving when the queue was seen last.
    knee: f64,
    /// What is gone on with once the queue is gone.
    back: f64,
    /// When it changed last.
    changed: Timestamp,
    /// How often in a row it was lowered, and how long the queue was then.
    lowered: u32,
    queue: Duration,
    /// How many steps at a time it grows by.
    steps: f64,
    /// Looks in a row at which it limited nothing.
    loose: u32,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// So much may leave, which is more than leaves.
    Growing(f64),
    Limited(Limit),
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Pacing {
    state: State,
    /// Looks in a row that saw only long round trips.
    long: u32,
    /// Highest rate of late.
    highest: f64,
    /// Looks in a row without growth.
    steady: u32,
    /// Less did not help: what makes round trips long is not this sender.
    elsewhere: bool,
    /// The last look, and what had left by then.
    since: Option<(Timestamp, u64)>,
    /// Since when there is nothing to send.
    idle: Option<Timestamp>,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            state: State::Growing(START),
            long: 0,
            highest: 0.0,
            steady: 0,
            elsewhere: false,
            since: None,
            idle: None,
        }
    }
}

impl Pacing {
    /// Looks at what was measured since the last look, a few times a second.
    pub fn look(&mut self, now: Timestamp, look: &Look) {
        let last = self.idle.or(self.since.map(|(at, _)| at));
        if last.is_some_and(|at| now >= at + IDLE) {
            *self = Self { elsewhere: self.elsewhere, ..Self::default() };
            self.grow(look.shortest);
        }
        if !look.more {
            self.since = None;
            self.idle.get_or_insert(now);
            return;
        }
        self.idle = None;
        let Some((since, left)) = self.since.replace((now, look.left)) else { return };
        let time = now.saturating_since(since).as_secs_f64().max(0.001);
        let rate = look.left.saturating_sub(left) as f64 / time;
        let highest = self.highest * (1.0 - FADES * time).max(0.0);
        // The first rate is not one that grew.
        let grew = highest > 0.0 && rate > highest * GREW;
        self.highest = rate.max(highest);
        self.steady = if grew && self.steady < STEADY { 0 } else { self.steady + 1 };
        let (Some(trips), Some(shortest)) = (look.trips, look.shortest) else {
            if look.blind && !self.limits() {
                self.grow(look.shortest);
            }
            return;
        };
        let long = |time| is_long(time, shortest);
        let queue = trips.least.saturating_sub(shortest);
        if !long(trips.least) {
            (self.long, self.elsewhere) = (0, false);
            match self.state {
                // All of a look is long later than the last of it; where a rate grows that may be too late.
                State::Growing(_) if grew && long(trips.latest) => {
                    self.limit(now, rate, self.highest / self.growth(), queue);
                }
                State::Growing(_) if long(trips.latest) => {}
                State::Growing(_) => self.grow(look.shortest),
                State::Limited(limit) => self.speed_up(now, limit, rate),
            }
            return;
        }
        self.long += if trips.by_ice { SEEN_BY_ICE } else { 1 };
        if self.elsewhere {
            return;
        }
        match self.state {
            State::Growing(_) if grew => {
                self.limit(now, rate, self.highest / self.growth(), queue);
            }
            State::Growing(_) if self.long >= SEEN => {
                // What went through a moment ago may do so again: just now lanes may be getting over what they lost.
                let knee = self.highest;
                self.limit(now, knee * left_to_drain(queue), knee, queue);
            }
            State::Limited(limit) if self.long >= SEEN && now >= limit.changed + DRAINING => {
                self.slow_down(now, limit, rate, queue);
            }
            _ => {}
        }
    }

    /// The path's length is known, for the first time.
    pub fn path_known(&mut self, length: Duration) {
        if !self.limits() {
            self.grow(Some(length));
        }
    }

    /// Bytes a second that may be sent, if that is bounded.
    pub fn bytes_per_second(&self) -> Option<u64> {
        match self.state {
            State::Growing(rate) => rate.is_finite().then_some(rate as u64),
            State::Limited(limit) => Some(limit.rate as u64),
        }
    }

    /// There is a limit because of a queue.
    pub fn limits(&self) -> bool {
        matches!(self.state, State::Limited(_))
    }

    fn grow(&mut self, shortest: Option<Duration>) {
        let free = self.elsewhere || shortest.is_some_and(|shortest| shortest < NEAR.0);
        let most = if free { f64::INFINITY } else { START };
        self.state = State::Growing(most.max(self.highest * self.growth()));
    }

    fn growth(&self) -> f64 {
        if self.steady < STEADY { GROWTH.0 } else { GROWTH.1 }
    }

    fn limit(&mut self, now: Timestamp, rate: f64, knee: f64, queue: Duration) {
        let knee = knee.max(LEAST_KNEE);
        let (back, steps) = (knee * LESS, 1.0);
        let (rate, changed) = (rate.min(back), now);
        let limit = Limit { rate, knee, back, changed, lowered: 0, queue, steps, loose: 0 };
        self.state = State::Limited(limit);
    }

    fn slow_down(&mut self, now: Timestamp, mut limit: Limit, rate: f64, queue: Duration) {
        let shorter = limit.queue.saturating_sub(queue);
        limit.queue = queue;
        if shorter >= DRAINED && limit.lowered > 0 {
            // So much less than the line takes leaves, by which the queue became shorter.
            let time = now.saturating_since(limit.changed).as_secs_f64();
            let takes = rate / (1.0 - shorter.as_secs_f64() / time).max(LEAST_USED / 2.0);
            (limit.knee, limit.changed) = (limit.knee.min(takes), now);
            limit.back = limit.back.min(limit.knee * LESS);
            self.state = State::Limited(limit);
            return;
        }
        limit.lowered += 1;
        if limit.lowered > PATIENCE {
            (self.state, self.elsewhere) = (State::Growing(f64::INFINITY), true);
            return;
        }
        let rate = rate.clamp(limit.rate * LEAST_USED, limit.rate);
        if limit.lowered == 1 {
            (limit.knee, limit.back) = (rate, rate * LESS);
        }
        limit.rate = rate * left_to_drain(queue);
        (limit.changed, limit.steps) = (now, 1.0);
        self.state = State::Limited(limit);
    }

    fn speed_up(&mut self, now: Timestamp, mut limit: Limit, rate: f64) {
        limit.lowered = 0;
        if limit.rate < limit.back {
            (limit.rate, limit.changed) = (limit.back, now);
        } else if now >= limit.changed + GROWING {
            let step = (STEP * limit.rate.sqrt()).max(limit.rate * STEPS.0);
            limit.rate += (step * limit.steps).min(limit.rate * STEPS.1);
            limit.changed = now;
            if limit.rate > limit.knee * BEYOND {
                limit.steps *= 2.0;
            }
        }
        limit.loose = if limit.rate > rate * LOOSE { limit.loose + 1 } else { 0 };
        self.state = match limit.loose >= LOOSE_LOOKS {
            true => State::Growing(limit.rate),
            false => State::Limited(limit),
        };
    }
}

/// The part of a rate at which such a queue is gone soon.
fn left_to_drain(queue: Duration) -> f64 {
    (1.0 - queue.as_secs_f64() / DRAINING.as_secs_f64()).clamp(LEFT.0, LEFT.1)
}

/// Whether something waits in a path whose shortest round trip is this.
fn is_long(round_trip: Duration, shortest: Duration) -> bool {
    let above = if shortest < NEAR.0 { NEAR.1 } else { LONG.1 };
    round_trip > shortest.mul_f64(LONG.0).max(shortest + above)
}

#[cfg(test)]
mod tests {
    use super::super::round_trips::RoundTrips;
    use super::*;

    const LOOK: Duration = Duration::from_millis(200);

    fn at(millis: u64) -> Timestamp {
        Timestamp::new(Duration::from_millis(millis))
    }

    /// One sender on a line: what it paces itself to, and what it knows of the path.
    #[derive(Default)]
    struct Sender {
        pacing: Pacing,
        trips: RoundTrips,
        shortest: Option<Duration>,
        left: f64,
        /// Bytes a second since the last look.
        rate: f64,
    }

    impl Sender {
        fn hears(&mut self, now: Timestamp, trip: Duration) {
            self.shortest = Some(self.shortest.map_or(trip, |shortest| shortest.min(trip)));
            self.trips.ping(now, 1);
            self.trips.pong(now + trip, 1);
        }

        fn looks(&mut self, now: Timestamp) {
            let (trips, shortest) = (self.trips.take(), self.shortest);
            let left = self.left as u64;
            self.pacing.look(now, &Look { left, more: true, trips, blind: false, shortest });
        }
    }

    /// A line that takes so many bytes a second, with a queue that greedy senders fill.
    struct Line {
        rate: f64,
        length: Duration,
        queue: f64,
        /// Bytes that the queue holds, and that it held at most.
        room: f64,
        most: f64,
        now: Timestamp,
    }

    impl Line {
        /// 50 Mbit/s, 20 ms there and back, 100 ms of queue.
        fn new() -> Self {
            let (rate, length) = (6.25e6, Duration::from_millis(20));
            Self { rate, length, queue: 0.0, room: rate / 10.0, most: 0.0, now: at(0) }
        }

        fn round_trip(&self) -> Duration {
            self.length + Duration::from_secs_f64(self.queue / self.rate)
        }

        /// Lets time pass until the next look; each sender sends as much as it may, or ten times what the line takes.
        fn step(&mut self, senders: &mut [&mut Sender]) {
            let tick = 0.01;
            for sender in &mut *senders {
                sender.rate = 0.0;
            }
            for step in 0..20 {
                let offered = |sender: &Sender| {
                    let most = self.rate * 10.0;
                    sender.pacing.bytes_per_second().map_or(most, |rate| (rate as f64).min(most))
                };
                let total: f64 = senders.iter().map(|sender| offered(sender)).sum();
                let takes = (total * tick).min(self.rate * tick + self.room - self.queue);
                let leaves = (self.queue + takes).min(self.rate * tick);
                for sender in &mut *senders {
                    let part = takes * offered(sender) / total;
                    sender.left += part;
                    sender.rate += part / LOOK.as_secs_f64();
                }
                self.queue = (self.queue + takes - leaves).max(0.0);
                self.most = self.most.max(self.queue);
                if step % 5 == 0 {
                    let (now, trip) = (self.now, self.round_trip());
                    senders.iter_mut().for_each(|sender| sender.hears(now, trip));
                }
            }
            self.now = self.now + LOOK;
            senders.iter_mut().for_each(|sender| sender.looks(self.now));
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
    fn a_sender_sees_the_queue_before_it_is_full_and_the_line_is_used_from_then_on() {
        let mut line = Line::new();
        let mut sender = comes_to(&line);
        let (mut trips, mut rates) = (Vec::new(), Vec::new());
        for look in 0..300 {
            line.step(&mut [&mut sender]);
            if look >= 15 {
                trips.push(line.round_trip().as_secs_f64());
                rates.push(sender.rate);
            }
        }
        assert!(line.most < line.room * 0.9, "{} of {}", line.most, line.room);
        assert!(median(trips.clone()) < 0.03, "{trips:?}");
        let mean = rates.iter().sum::<f64>() / rates.len() as f64;
        assert!(mean > line.rate * 0.88, "{mean}");
    }

    #[test]
    fn a_slow_line_with_a_long_queue_is_used_without_filling_it() {
        let mut line = Line::new();
        (line.rate, line.room) = (125e3, 375e3);
        let mut sender = comes_to(&line);
        let (mut trips, mut rates) = (Vec::new(), Vec::new());
        for look in 0..600 {
            line.step(&mut [&mut sender]);
            if look >= 50 {
                trips.push(line.round_trip().as_secs_f64());
                rates.push(sender.rate);
            }
        }
        assert!(median(trips.clone()) < 0.1, "{trips:?}");
        let mean = rates.iter().sum::<f64>() / rates.len() as f64;
        assert!(mean > line.rate * 0.8, "{mean}");
    }

    #[test]
    fn a_line_without_a_queue_is_used_within_two_seconds_whatever_it_takes() {
        let mut line = Line::new();
        (line.rate, line.room) = (125e6, 0.0);
        let mut sender = comes_to(&line);
        (0..15).for_each(|_| line.step(&mut [&mut sender]));
        assert!(sender.rate > 120e6, "{}", sender.rate);
        assert!(!sender.pacing.limits());
    }

    #[test]
    fn of_two_on_one_line_each_gets_its_share_and_round_trips_do_not_double() {
        let mut line = Line::new();
        let mut first = comes_to(&line);
        // A new path is asked many times: one that is short most of the time is seen short.
        while line.now < at(50_000) || line.queue > 0.0 {
            line.step(&mut [&mut first]);
        }
        let mut second = comes_to(&line);
        for _ in 0..250 {
            line.step(&mut [&mut first, &mut second]);
        }
        let (mut trips, mut sent) = (Vec::new(), [0.0, 0.0]);
        for _ in 0..1250 {
            line.step(&mut [&mut first, &mut second]);
            trips.push(line.round_trip().as_secs_f64());
            (sent[0], sent[1]) = (sent[0] + first.rate, sent[1] + second.rate);
        }
        assert!(median(trips.clone()) < 0.04, "{trips:?}");
        let share = sent[1] / (sent[0] + sent[1]) * 2.0;
        assert!((0.7..1.3).contains(&share), "{share}");
        assert!((sent[0] + sent[1]) / 1250.0 > line.rate * 0.85, "{sent:?}");
    }

    /// Lets a sender send for so many looks, by what it is limited to and what the look's number says it sees and sends
    /// without limit. Answers the limit after each look.
    fn drive(
        sender: &mut Sender,
        looks: std::ops::Range<u64>,
        sees: impl Fn(u64) -> (u64, f64),
    ) -> Vec<Option<u64>> {
        looks
            .map(|look| {
                let (millis, most) = sees(look);
                let rate = sender.pacing.bytes_per_second().map_or(most, |r| (r as f64).min(most));
                sender.left += rate * LOOK.as_secs_f64();
                let now = Timestamp::new(LOOK * look as u32);
                for ping in 0..4 {
                    sender.hears(now + LOOK / 4 * ping, Duration::from_millis(millis));
                }
                sender.looks(now + LOOK);
                sender.pacing.limits().then(|| sender.pacing.bytes_per_second()).flatten()
            })
            .collect()
    }

    #[test]
    fn a_limit_stays_below_the_rate_of_the_queue_for_a_while_and_then_goes_beyond() {
        let mut sender = Sender::default();
        // For four looks there was a queue; the first of them hears the last of before as well.
        let sees = |look| (if (20..24).contains(&look) { 80 } else { 22 }, 5e6);
        let limits: Vec<u64> = drive(&mut sender, 0..400, sees).into_iter().flatten().collect();
        let below = limits.iter().take_while(|limit| **limit < 5_000_000).count() as u32;
        assert!((10..50).contains(&below), "{limits:?}");
        assert!(!sender.pacing.limits(), "nothing was in its way for long: {limits:?}");
    }

    #[test]
    fn what_less_does_not_help_against_is_not_paced_for_long() {
        // The path was 1 ms long; now it is 200.
        let mut sender = Sender { shortest: Some(Duration::from_millis(1)), ..Sender::default() };
        drive(&mut sender, 0..10, |_| (1, 4e6));
        let limits = drive(&mut sender, 10..500, |_| (200, 4e6));
        let low = limits.iter().flatten().filter(|limit| **limit < 4_000_000).count();
        assert!(low > 0, "it was tried");
        assert!(low < 40, "{limits:?}");
        assert!(limits.iter().flatten().all(|limit| *limit > 400_000), "{limits:?}");
        assert_eq!(limits.last(), Some(&None));
    }

    #[test]
    fn a_browser_that_is_busy_now_and_then_costs_little() {
        let mut sender = Sender::default();
        // All that two in ten looks see, in no order.
        let sees = |look: u64| (if look * 7919 % 101 * 7919 % 10 < 2 { 60 } else { 22 }, 4e6);
        drive(&mut sender, 0..2000, sees);
        let mean = sender.left / 400.0;
        assert!(mean > 4e6 * 0.85, "{mean}");
    }

    #[test]
    fn on_a_near_path_what_a_busy_machine_takes_is_no_queue() {
        let limited = |millis| {
            let shortest = Some(Duration::from_millis(1));
            let mut sender = Sender { shortest, ..Sender::default() };
            drive(&mut sender, 0..10, |_| (millis, 50e6)).iter().any(Option::is_some)
        };
        assert!(!limited(46));
        assert!(limited(60), "that much is heard in a call");
    }

    #[test]
    fn a_first_connection_that_holds_pings_up_grows_without_them() {
        let mut pacing = Pacing::default();
        for look in 0..20 {
            let left = u64::from(look) * 4_000_000;
            let shortest = Some(Duration::from_millis(20));
            let look_at = Look { left, more: true, trips: None, blind: look > 10, shortest };
            pacing.look(Timestamp::new(LOOK * look), &look_at);
            if look == 10 {
                assert_eq!(pacing.bytes_per_second(), Some(START as u64));
            }
        }
        assert!(pacing.bytes_per_second() > Some(20_000_000));
    }

    #[test]
    fn a_near_path_is_not_held_back_at_the_start() {
        let mut pacing = Pacing::default();
        assert_eq!(pacing.bytes_per_second(), Some(START as u64));
        pacing.path_known(Duration::from_millis(20));
        assert_eq!(pacing.bytes_per_second(), Some(START as u64));
        pacing.path_known(Duration::from_millis(1));
        assert_eq!(pacing.bytes_per_second(), None);
    }

    #[test]
    fn a_moment_in_which_nothing_leaves_is_not_the_limit_from_then_on() {
        let mut sender = Sender::default();
        drive(&mut sender, 0..20, |_| (22, 4e6));
        // New lanes lost all that they sent at once, and wait for their timers.
        let limits = drive(&mut sender, 20..50, |_| (120, 30_000.0));
        assert!(limits.iter().flatten().next() > Some(&2_000_000), "{limits:?}");
        assert!(limits.iter().flatten().all(|limit| *limit > 600_000), "{limits:?}");
        assert_eq!(limits.last(), Some(&None), "it is lifted, as less did not help");
    }

    #[test]
    fn a_sender_with_nothing_to_send_is_not_limited_and_begins_anew() {
        let mut sender = Sender::default();
        drive(&mut sender, 0..20, |_| (22, 4e6));
        drive(&mut sender, 20..25, |_| (120, 4e6));
        assert!(sender.pacing.limits());
        sender.left = 0.0;
        for look in 25..60 {
            sender.hears(Timestamp::new(LOOK * look), Duration::from_millis(120));
            let (trips, shortest) = (sender.trips.take(), sender.shortest);
            let now = Timestamp::new(LOOK * (look + 1));
            sender.pacing.look(now, &Look { left: 0, more: false, trips, blind: false, shortest });
        }
        assert_eq!(sender.pacing.bytes_per_second(), Some(START as u64));
        // Nobody looks where nothing is sent: that is a pause as well.
        drive(&mut sender, 60..80, |_| (22, 4e6));
        assert!(sender.pacing.bytes_per_second() > Some(2 * START as u64));
        drive(&mut sender, 100..101, |_| (22, 4e6));
        assert_eq!(sender.pacing.bytes_per_second(), Some(START as u64));
    }
}
