//! How much is under way from one provider once a queue stands in the path.
//!
//! What is under way is latency times rate (Little's law): what the path itself does not take waits in front of its
//! slowest line, and whoever else uses that line waits as well. A connection of a browser fills such a queue until it
//! overflows, so the leech asks for less. Each block's latency, from the request to the arrival, is compared with the
//! least that was seen, and the window moves to where a few kilobytes of it wait, as in FAST TCP (Wei, Jin, Low and Hegde
//! 2006). The least of several counts, as in CoDel (RFC 8289), so that a browser that is busy now and then is not taken
//! for a queue.
//!
//! - The usual depth is left only when the round trips that ICE measures show a standing queue: latencies alone may as well
//!   tell of a slow disk, or of others whom the provider serves. While round trips stay near the shortest ever more may
//!   wait, until the usual depth is reached again.
//! - What may wait grows with the root of the rate. So several transfers on one line end up with equal shares, and the
//!   queue grows with the root of their number.
//! - Whoever comes to a line in use takes its queue for the path's length. So each now and then asks for a quarter for
//!   about a round trip; those on one line come to do so at the same time and see how long it really is (the ProbeRTT of
//!   BBR).

use std::time::Duration;

use crate::clock::Timestamp;

/// The smallest window.
const LEAST_WINDOW: u64 = 8 << 10;
/// Smallest and largest range asked for at a time: eight make a window.
const LEAST_RANGE: u64 = 4 << 10;
const MOST_RANGE: u64 = 64 << 10;
/// The square of what may wait, in bytes, over the rate: 61 kB (10 ms) at 50 Mbit/s, 27 kB (22 ms) at 10 Mbit/s.
const WAITING_SQUARED: f64 = 600.0;
/// It may take at most so long, in seconds, on a slow line.
const LONGEST_WAIT: f64 = 0.02;
/// At least so many bytes may wait, and at most so many times what usually may.
const LEAST_WAITING: f64 = 4096.0;
const MOST_TIMES: u32 = 64;
/// Latencies of which the least counts, at least so many and over such a time: one read from a disk delays several.
const SAMPLES: u32 = 4;
const INTERVAL: Duration = Duration::from_millis(100);
/// Time after which the least latency is looked for anew.
const LEAST_LASTS: Duration = Duration::from_secs(10);
/// Time for which the highest rate counts, and up to twice that.
const HIGHEST_LASTS: Duration = Duration::from_secs(4);

/// A round trip is that much longer than the shortest when it shows a queue, too long a queue, and none: by a part of it, or
/// by a time if that is more.
const QUEUE: (f64, f64) = (0.75, 0.03);
const LONG: (f64, f64) = (0.6, 0.012);
const SHORT: (f64, f64) = (0.25, 0.005);

/// What a block tells that came.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When it was asked for.
    pub asked: Timestamp,
    /// Bytes that were under way, it included.
    pub under_way: u64,
    /// Bytes a second over the last few seconds.
    pub rate: u64,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// It moves to where a little waits.
    Steady,
    /// No more is asked for until little is under way,
    Draining,
    /// and these samples tell the least latency anew.
    Probing,
}

/// Samples of blocks that were asked for since some moment.
#[derive(Clone, Copy, Debug)]
struct Round {
    since: Timestamp,
    count: u32,
    least: f64,
    /// The window was used.
    full: bool,
}

impl Round {
    fn new(since: Timestamp) -> Self {
        Self { since, count: 0, least: f64::MAX, full: false }
    }
}

/// What is under way while it is steered. Times are in seconds.
#[derive(Clone, Copy, Debug)]
struct Window {
    bytes: u64,
    phase: Phase,
    round: Round,
    /// The least latency, and when one like it was last seen.
    least: Option<(f64, Timestamp)>,
    /// Highest rates of this time and the one before, and since when.
    highest: (u64, u64, Timestamp),
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Pacing {
    shortest: Option<f64>,
    last: Option<f64>,
    /// A queue was seen.
    queue: bool,
    /// As many times what may usually wait.
    times: u32,
    window: Option<Window>,
}

impl Default for Pacing {
    fn default() -> Self {
        Self { shortest: None, last: None, queue: false, times: 1, window: None }
    }
}

impl Pacing {
    /// ICE measured a round trip. Each is looked at once.
    pub fn round_trip_measured(&mut self, time: Duration) {
        let time = time.as_secs_f64();
        let shortest = self.shortest.map_or(time, |shortest| shortest.min(time));
        self.shortest = Some(shortest);
        let Some(before) = self.last.replace(time) else { return };
        // A block's latency holds a round trip, and is known to be the least one after each probe.
        let least = self.window.and_then(|window| window.least);
        let shortest = least.map_or(shortest, |(latency, _)| latency.min(shortest));
        let both_exceed = |by| time.min(before) > longer(shortest, by);
        if both_exceed(QUEUE) && !self.queue {
            (self.queue, self.times) = (true, 1);
        } else if both_exceed(LONG) {
            self.times = (self.times / 2).max(1);
        } else if time.max(before) <= longer(shortest, SHORT) {
            self.times = (self.times * 2).min(MOST_TIMES);
        }
    }

    /// Less than usual is under way.
    pub fn steers(&self) -> bool {
        self.window.is_some()
    }

    /// Bytes that ought to be under way, and the longest range to ask for; `None` if nothing has to be steered and the
    /// usual depth is right.
    pub fn depth(
        &mut self,
        now: Timestamp,
        usual: u64,
        (under_way, rate): (u64, u64),
    ) -> Option<(u64, u32)> {
        if !self.queue {
            return None;
        }
        let (shortest, waits) = (self.shortest, self.may_wait(rate));
        let window = self.window.get_or_insert_with(|| {
            let bytes = shortest.map_or(0, |time| covered(rate, time * 1.25)) + waits;
            Window {
                bytes: bytes.max(LEAST_WINDOW),
                phase: Phase::Draining,
                round: Round::new(now),
                least: None,
                highest: (rate, 0, now),
            }
        });
        if window.bytes >= usual {
            window.bytes = usual;
            if self.times > 1 {
                (self.queue, self.window) = (false, None);
                return None;
            }
        }
        if matches!(window.phase, Phase::Draining) && under_way <= window.bytes / 4 {
            (window.phase, window.round) = (Phase::Probing, Round::new(now));
        }
        let bytes = match window.phase {
            Phase::Steady => window.bytes,
            Phase::Draining | Phase::Probing => (window.bytes / 4).max(LEAST_RANGE),
        };
        let range = (window.bytes / 8).clamp(LEAST_RANGE, MOST_RANGE);
        Some((bytes, (range & !4095) as u32))
    }

    /// A block came that was asked for.
    pub fn arrived(&mut self, now: Timestamp, sample: &Sample) {
        let (waits, latency) = (self.may_wait(sample.rate), (now - sample.asked).as_secs_f64());
        let Some(window) = &mut self.window else { return };
        window.note_rate(now, sample.rate);
        if sample.asked < window.round.since {
            return;
        }
        window.round.count += 1;
        window.round.least = window.round.least.min(latency);
        window.round.full |= sample.under_way * 2 >= window.bytes;
        if !matches!(window.phase, Phase::Probing) {
            window.note_latency(now, latency);
        }
        match window.phase {
            Phase::Steady | Phase::Probing if window.round.count < SAMPLES => {}
            Phase::Steady if now < window.round.since + INTERVAL => {}
            Phase::Steady => window.settle(now, waits),
            Phase::Draining => {}
            Phase::Probing => {
                window.least = Some((window.round.least, now));
                (window.phase, window.round) = (Phase::Steady, Round::new(now));
            }
        }
    }

    /// Bytes that may wait in the path at this rate.
    fn may_wait(&self, rate: u64) -> u64 {
        let rate = rate as f64;
        let bytes = (WAITING_SQUARED * rate).sqrt().min(rate * LONGEST_WAIT).max(LEAST_WAITING);
        bytes as u64 * u64::from(self.times)
    }
}

impl Window {
    fn note_rate(&mut self, now: Timestamp, rate: u64) {
        let (highest, before, since) = self.highest;
        self.highest = match now.saturating_since(since) >= HIGHEST_LASTS {
            true => (rate, highest, now),
            false => (highest.max(rate), before, since),
        };
    }

    fn note_latency(&mut self, now: Timestamp, latency: f64) {
        let (least, seen) = self.least.unwrap_or((latency, now));
        let alike = latency <= least * 1.0625 + 0.001;
        self.least = Some((least.min(latency), if alike { now } else { seen }));
    }

    /// A round trip has passed since the window last moved.
    fn settle(&mut self, now: Timestamp, waits: u64) {
        let Some((least, seen)) = self.least else { return };
        let part = least / self.round.least.max(1e-6);
        let target = (self.bytes as f64 * part.min(1.0)) as u64 + waits;
        let moved = self.bytes.midpoint(target);
        if moved < self.bytes || self.round.full {
            self.bytes = moved;
        }
        // What the path takes at the highest rate and a quarter more: so that a rate that falls by chance can rise.
        let (highest, before, _) = self.highest;
        let floor = covered(highest.max(before), least * 1.25);
        self.bytes = self.bytes.max(floor).max(LEAST_WINDOW);
        self.round = Round::new(now);
        if now >= seen + LEAST_LASTS {
            self.phase = Phase::Draining;
        }
    }
}

/// Longer by a part or by a time, whichever is more.
fn longer(time: f64, (part, least): (f64, f64)) -> f64 {
    time + (time * part).max(least)
}

/// Bytes at this rate in so many seconds.
pub fn covered(bytes_per_second: u64, seconds: f64) -> u64 {
    (bytes_per_second as f64 * seconds) as u64
}
