//! How many lanes to send over to one peer: more where a measurement shows that they bring more, fewer where not.
//!
//! A connection of a browser is one SCTP association with the congestion control of NewReno: any loss and any distance
//! holds it far below what the path could carry, and several share the path like several programs would. So a sender
//! with a backlog measures what it sends, opens as many lanes as it has, lets them get up to speed, and measures again.
//! If the total rose by 15 % it goes on from there; if not, it gives the new ones up and waits,
//! ever longer, and tries fewer the next time.
//! Where round trips grow, a queue fills in the path: then it is full, and more lanes would only take from others.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::protocol::limits::MAX_LANES;

/// Time between two looks while there is something to send.
pub const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// Time over which a rate is measured if it is plain by then what to think of it,
const MEASURED: Duration = Duration::from_millis(1000);
/// and if not: what leaves is told in portions, of 1 MiB by Firefox.
const MEASURED_WELL: Duration = Duration::from_millis(3000);
/// More or less by this much is plain.
const PLAIN: f64 = 1.5;
/// Time for new lanes to get up to speed, at least; and in round trips, of which slow start takes about this many.
const SETTLING: Duration = Duration::from_millis(1000);
const SETTLING_ROUND_TRIPS: u32 = 10;
/// Time for new lanes to open.
const OPENING: Duration = Duration::from_secs(8);
/// New lanes have to bring at least this much of the total before.
const LEAST_GAIN: f64 = 1.15;
/// New lanes that carry so many times less than while they got up to speed have lost much.
const COLLAPSE: f64 = 1.5;
/// Bytes by which NewReno's window grows in a round trip: one packet's payload.
const PACKET: f64 = 1200.0;
/// A path that is shorter takes no time to get over a loss. What lanes bring there is up to the machine, which stays as it is:
/// pauses are so many times as long.
const NEAR: Duration = Duration::from_millis(5);
const NEAR_PAUSES: u32 = 3;
/// Time for lanes that lost much to get over it, at most.
const LONGEST_RECOVERY: Duration = Duration::from_secs(6);
/// First pause after lanes that brought nothing, and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(160);
/// A round trip this much above twice the shortest tells of a queue, and not of a busy browser.
const QUEUE_TOLERANCE: Duration = Duration::from_millis(20);
/// Long round trips in a row, some 20 s of them, after which the path itself has become longer if they are alike: a
/// queue that connections fill rises and falls.
const LONGER_PATH: u32 = 8;
/// No long round trips in a row: how many, the shortest, the longest.
const NONE_LONG: (u32, Duration, Duration) = (0, Duration::MAX, Duration::ZERO);

/// What is seen of the lanes to one peer.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Lanes besides the first that are open and sent over. The first carries blocks only where there are none.
    pub others: usize,
    /// Lanes that are being opened.
    pub opening: usize,
    /// Lanes that there may be besides the first.
    pub allowed: usize,
    /// Something is sent, or waits for that.
    pub used: bool,
    /// Bytes that left all lanes' buffers so far.
    pub left: u64,
    /// Bytes wait in some lane: more is to be sent than the lanes take.
    pub backlogged: bool,
    /// As last measured, if it was.
    pub round_trip: Option<Duration>,
}

impl View {
    /// Lanes that carry blocks.
    fn carrying(&self) -> usize {
        self.others.max(1)
    }
}

/// What is to be done about the lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Open so many more.
    Open(usize),
    /// Give the last so many up.
    GiveUp(usize),
}

/// New lanes that are tried.
#[derive(Clone, Copy, Debug)]
struct Trial {
    /// Lanes that carried blocks without them,
    earlier: usize,
    /// and how much, in bytes a second.
    before: f64,
    /// They looked like none already.
    doubted: bool,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// A lane besides the first is being opened, and its slow start goes beyond what it can keep up, and falls back.
    Starting { until: Timestamp },
    /// Measures what the lanes that there are bring.
    Measuring { since: Timestamp, left: u64, time: Duration },
    /// New lanes are being opened.
    Opening { trial: Trial, until: Timestamp },
    /// They get up to speed.
    Settling { trial: Trial, since: Timestamp, left: u64, until: Timestamp },
    /// Measures what they bring, after so many bytes a second while they got up to speed.
    Judging { trial: Trial, settling: f64, since: Timestamp, left: u64 },
    /// They were given up, since they brought too little: what the others do without them shows whether that was right.
    Emptying { with: f64, until: Timestamp },
    /// Measures what the others do.
    Checking { with: f64, since: Timestamp, left: u64 },
    /// Nothing is tried.
    Resting { until: Timestamp },
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Steering {
    phase: Option<Phase>,
    pause: Duration,
    /// When a lane may be asked for next that leaves the first to control, and the pause after that.
    apart_at: Timestamp,
    apart_pause: Duration,
    shortest: Option<Duration>,
    /// Looks in a row that saw a queue in the path.
    queues: u32,
    /// Long round trips in a row, whatever was done about them; the shortest and the longest of them.
    long: (u32, Duration, Duration),
}

impl Default for Steering {
    fn default() -> Self {
        Self {
            phase: None,
            pause: FIRST_PAUSE,
            apart_at: Timestamp::ZERO,
            apart_pause: FIRST_PAUSE,
            shortest: None,
            queues: 0,
            long: NONE_LONG,
        }
    }
}

impl Steering {
    /// The path is no longer than this.
    pub fn note_length(&mut self, round_trip: Duration) {
        let shortest = self.shortest.map_or(round_trip, |shortest| shortest.min(round_trip));
        self.shortest = Some(shortest);
    }

    /// The shortest round trip of the last few seconds. Each is looked at once.
    pub fn measured(&mut self, round_trip: Duration) {
        self.note_length(round_trip);
        let shortest = self.shortest.unwrap_or(round_trip);
        if round_trip <= shortest * 2 + QUEUE_TOLERANCE {
            (self.queues, self.long) = (0, NONE_LONG);
            return;
        }
        self.queues += 1;
        let (count, least, most) = self.long;
        let (count, least, most) = (count + 1, least.min(round_trip), most.max(round_trip));
        self.long = (count, least, most);
        if count >= LONGER_PATH {
            if most <= least * 5 / 4 {
                (self.shortest, self.queues) = (Some(least), 0);
            }
            self.long = NONE_LONG;
        }
    }

    /// The shortest round trip that was measured: the path's length, without what waits in it.
    pub fn shortest(&self) -> Option<Duration> {
        self.shortest
    }

    /// Looks at the lanes.
    pub fn look(&mut self, now: Timestamp, view: &View) -> Option<Decision> {
        self.adapt(now, view).or_else(|| self.go_on(now, view))
    }

    /// What cannot wait until something was measured.
    fn adapt(&mut self, now: Timestamp, view: &View) -> Option<Decision> {
        if view.others > 0 {
            self.apart_pause = FIRST_PAUSE;
        }
        if view.others > view.allowed {
            self.rest(now);
            return Some(Decision::GiveUp(view.others - view.allowed));
        }
        if self.queues >= 2 && view.others > 1 {
            // Half of them at a time; the next measurements tell whether that is enough.
            self.queues = 0;
            self.back_off(now);
            return Some(Decision::GiveUp(view.others / 2));
        }
        if view.used && view.others + view.opening == 0 && view.allowed > 0 && now >= self.apart_at
        {
            // What is sent for long leaves the first connection to control and pings.
            // Who does not take it, as it gets from others, is asked ever more rarely.
            self.apart_at = now + self.apart_pause;
            self.apart_pause = (self.apart_pause * 2).min(LONGEST_PAUSE);
            self.start(now, view);
            return Some(Decision::Open(1));
        }
        None
    }

    fn go_on(&mut self, now: Timestamp, view: &View) -> Option<Decision> {
        let View { left, .. } = *view;
        match self.phase {
            None => self.start(now, view),
            Some(Phase::Starting { until }) => {
                if now >= until && (view.opening == 0 || now >= until + OPENING) {
                    self.phase = Some(Phase::Measuring { since: now, left, time: MEASURED });
                }
            }
            Some(Phase::Measuring { since, left, time }) => {
                return self.measure(now, view, since, left, time);
            }
            Some(Phase::Opening { trial, until }) => {
                if view.opening == 0 || now >= until {
                    self.opened(now, view, trial);
                }
            }
            Some(Phase::Settling { trial, since, left: earlier, until }) => {
                if now >= until {
                    let settling = rate(now, view, since, earlier);
                    self.phase = Some(Phase::Judging { trial, settling, since: now, left });
                }
            }
            Some(Phase::Judging { trial, settling, since, left }) => {
                let after = rate(now, view, since, left);
                if is_measured(now, since, trial.before, after) {
                    return self.judge(now, view, trial, settling, after);
                }
            }
            Some(Phase::Emptying { with, until }) => {
                if now >= until {
                    self.phase = Some(Phase::Checking { with, since: now, left });
                }
            }
            Some(Phase::Checking { with, since, left }) => {
                let without = rate(now, view, since, left);
                if is_measured(now, since, with, without) {
                    return self.check(now, view, with, without);
                }
            }
            Some(Phase::Resting { until }) => {
                if now >= until {
                    self.phase = Some(Phase::Measuring { since: now, left, time: MEASURED_WELL });
                }
            }
        }
        None
    }

    fn start(&mut self, now: Timestamp, view: &View) {
        let trips = view.round_trip.unwrap_or_default() * SETTLING_ROUND_TRIPS;
        self.phase = Some(Phase::Starting { until: now + trips });
    }

    fn measure(
        &mut self,
        now: Timestamp,
        view: &View,
        since: Timestamp,
        left: u64,
        time: Duration,
    ) -> Option<Decision> {
        if !view.backlogged {
            // All that is to be sent goes out: more lanes would have nothing to carry.
            self.phase = Some(Phase::Measuring { since: now, left: view.left, time });
            return None;
        }
        if now < since + time {
            return None;
        }
        self.probe(now, view, rate(now, view, since, left))
    }

    fn probe(&mut self, now: Timestamp, view: &View, before: f64) -> Option<Decision> {
        // Twice as many as there are, but from one on four: most paths that want a second want a fourth. Where some brought
        // too little already a full line or machine is likely, which all new ones cost something: few then.
        let earlier = view.carrying();
        let wanted = match (earlier, self.pause > FIRST_PAUSE) {
            (1, false) => 4,
            (_, false) => earlier * 2,
            (1, true) => 2,
            (_, true) => earlier + earlier / 2,
        };
        let wanted = wanted.min(view.allowed.min(MAX_LANES - 1));
        if wanted <= earlier || self.queues > 0 {
            self.rest(now);
            return None;
        }
        let trial = Trial { earlier, before, doubted: false };
        self.phase = Some(Phase::Opening { trial, until: now + OPENING });
        Some(Decision::Open(wanted - view.others))
    }

    fn opened(&mut self, now: Timestamp, view: &View, trial: Trial) {
        // Some may have failed.
        if view.carrying() <= trial.earlier {
            self.back_off(now);
            return;
        }
        self.settle(now, view, trial, Duration::ZERO);
    }

    fn settle(&mut self, now: Timestamp, view: &View, trial: Trial, least: Duration) {
        let trips = view.round_trip.unwrap_or_default() * SETTLING_ROUND_TRIPS;
        let until = now + SETTLING.max(trips).max(least);
        self.phase = Some(Phase::Settling { trial, since: now, left: view.left, until });
    }

    fn judge(
        &mut self,
        now: Timestamp,
        view: &View,
        trial: Trial,
        settling: f64,
        after: f64,
    ) -> Option<Decision> {
        let Trial { earlier, before, doubted } = trial;
        let new = view.carrying().saturating_sub(earlier);
        let trip = view.round_trip.unwrap_or_default();
        let too_little = after < before * LEAST_GAIN;
        if !doubted && (after * COLLAPSE < settling || too_little && !self.is_near()) {
            // More lanes never carry less, nor a fraction of what they carried a moment ago, unless they lost much where
            // their slow start ended, and the others with them. Until they are over it they look like none, and what was
            // measured before may have been lanes that had not lost anything yet.
            // Half of a window comes back by a packet in each round trip.
            let window = settling / view.carrying() as f64 * trip.as_secs_f64();
            let recovery = trip.mul_f64(window / 2.0 / PACKET).min(LONGEST_RECOVERY);
            self.settle(now, view, Trial { doubted: true, ..trial }, recovery);
            return None;
        }
        if too_little {
            let until = now + SETTLING.max(trip * 2);
            self.phase = Some(Phase::Emptying { with: after, until });
            return Some(Decision::GiveUp(new));
        }
        self.pause = FIRST_PAUSE;
        // What was just measured is where the next ones begin.
        if view.backlogged {
            return self.probe(now, view, after);
        }
        self.phase = Some(Phase::Measuring { since: now, left: view.left, time: MEASURED });
        None
    }

    /// A rate changes for many reasons: one that was measured just before it fell makes new lanes look like none. So they
    /// are compared with what comes after them as well, and opened anew at once if that is as much less.
    fn check(&mut self, now: Timestamp, view: &View, with: f64, without: f64) -> Option<Decision> {
        if view.backlogged && with >= without * LEAST_GAIN {
            return self.probe(now, view, without);
        }
        self.back_off(now);
        None
    }

    fn is_near(&self) -> bool {
        self.shortest.is_some_and(|shortest| shortest < NEAR)
    }

    fn rest(&mut self, now: Timestamp) {
        self.phase = Some(Phase::Resting { until: now + FIRST_PAUSE });
    }

    fn back_off(&mut self, now: Timestamp) {
        let pause = self.pause * if self.is_near() { NEAR_PAUSES } else { 1 };
        self.phase = Some(Phase::Resting { until: now + pause });
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether a rate that is compared with another has been measured for long enough.
fn is_measured(now: Timestamp, since: Timestamp, other: f64, rate: f64) -> bool {
    let plain = rate >= other * PLAIN || rate * PLAIN <= other;
    now >= since + if plain { MEASURED } else { MEASURED_WELL }
}

/// Bytes a second since then.
fn rate(now: Timestamp, view: &View, since: Timestamp, left: u64) -> f64 {
    let seconds = now.saturating_since(since).as_secs_f64();
    view.left.saturating_sub(left) as f64 / seconds.max(0.001)
}

#[cfg(test)]
mod tests;
