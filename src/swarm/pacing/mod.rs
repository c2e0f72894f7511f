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
/// The least limit, in bytes a second: where nothing leaves for a moment, as a disk is slow or a browser tells late, growth
/// has something to begin with.
const LEAST_RATE: f64 = 1e4;
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
            // What nothing has left for yet is not this sender's queue.
            State::Growing(_) if self.long >= SEEN && self.highest > 0.0 => {
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
        let (rate, changed) = (rate.clamp(LEAST_RATE, back), now);
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
            (limit.knee, limit.changed) = (limit.knee.min(takes).max(LEAST_RATE), now);
            limit.back = limit.back.min(limit.knee * LESS);
            self.state = State::Limited(limit);
            return;
        }
        limit.lowered += 1;
        if limit.lowered > PATIENCE {
            (self.state, self.elsewhere) = (State::Growing(f64::INFINITY), true);
            return;
        }
        let rate = rate.clamp(limit.rate * LEAST_USED, limit.rate).max(LEAST_RATE);
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
mod tests;
