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
    /// When a lane may be asked for next that leaves the first to control.
    apart_at: Timestamp,
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
            self.apart_at = now + FIRST_PAUSE;
            self.start(now, view);
            return Some(Decision::Open(1));
        }
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
        if view.backlogged { self.probe(now, view, after) } else { self.again(now, view) }
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

    fn again(&mut self, now: Timestamp, view: &View) -> Option<Decision> {
        self.phase = Some(Phase::Measuring { since: now, left: view.left, time: MEASURED });
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
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;

    /// Lanes that carry blocks at most.
    const MOST: usize = MAX_LANES - 1;

    /// A path that carries this much in all, and this much a lane, for a sender that always has more.
    struct Road {
        total: f64,
        lane: f64,
        allowed: usize,
        round_trip: Duration,
    }

    /// Lanes after each look of the time.
    fn drive(road: &Road, time: Duration) -> Vec<usize> {
        drive_on(road, |lanes| road.total.min(road.lane * lanes), time)
    }

    /// The same where so many lanes carry this much.
    fn drive_by(carries: impl Fn(f64) -> f64, time: Duration) -> Vec<usize> {
        drive_on(&road(0.0, 0.0), carries, time)
    }

    fn drive_on(road: &Road, carries: impl Fn(f64) -> f64, time: Duration) -> Vec<usize> {
        let mut steering = Steering::default();
        steering.note_length(road.round_trip);
        let (mut others, mut left, mut history) = (0_usize, 0.0, Vec::new());
        for look in 0..(time.as_millis() / LOOK_INTERVAL.as_millis()) as u32 {
            let now = Timestamp::new(LOOK_INTERVAL * look);
            left += carries(others.max(1) as f64) * LOOK_INTERVAL.as_secs_f64();
            let view = View {
                others,
                opening: 0,
                used: true,
                allowed: road.allowed,
                left: left as u64,
                backlogged: true,
                round_trip: Some(road.round_trip),
            };
            match steering.look(now, &view) {
                Some(Decision::Open(lanes)) => others += lanes,
                Some(Decision::GiveUp(lanes)) => others -= lanes,
                None => {}
            }
            history.push(others.max(1));
        }
        history
    }

    /// So many lanes besides the first, and more to be sent than they take.
    fn backlogged(others: usize) -> View {
        let (allowed, round_trip) = (MOST, None);
        View { others, opening: 0, allowed, used: true, left: 0, backlogged: true, round_trip }
    }

    fn road(total: f64, lane: f64) -> Road {
        Road { total, lane, allowed: MOST, round_trip: Duration::from_millis(20) }
    }

    #[test]
    fn a_path_that_holds_each_lane_back_gets_all_of_them_within_ten_seconds() {
        let history = drive(&road(100e6, 2e6), Duration::from_secs(10));
        assert_eq!(history.last(), Some(&MOST), "{history:?}");
        // Eight of them within seven.
        let early = drive(&road(100e6, 2e6), Duration::from_secs(7));
        assert!(early.last() >= Some(&8), "{early:?}");
    }

    #[test]
    fn a_path_that_one_lane_fills_keeps_one_but_for_a_probe_now_and_then() {
        let history = drive(&road(6e6, 40e6), Duration::from_secs(600));
        let more = history.iter().filter(|lanes| **lanes > 1).count();
        assert!(more > 0, "it was tried");
        assert!(more * 10 < history.len(), "{more} of {}", history.len());
        assert_eq!(history.last(), Some(&1));
        let tries: Vec<usize> = history
            .chunk_by(|one, next| one == next)
            .map(|same| same[0])
            .filter(|n| *n > 1)
            .collect();
        assert_eq!(
            &tries[..3],
            [4, 2, 2],
            "more than one lane costs something here: few are tried again"
        );
    }

    #[test]
    fn a_path_that_four_lanes_fill_ends_with_four() {
        let history = drive(&road(8e6, 2e6), Duration::from_secs(60));
        assert_eq!(history.last(), Some(&4), "{history:?}");
    }

    #[test]
    fn lanes_that_were_measured_against_a_good_moment_are_opened_again_at_once() {
        // Slow start goes on until the first packet is lost; from then on each lane carries a fifth of that.
        let looks = Cell::new(0);
        let carries = |lanes: f64| {
            looks.set(looks.get() + 1);
            if looks.get() < 10 { 5e6 } else { 1e6 * lanes }
        };
        let history = drive_by(carries, Duration::from_secs(20));
        let first = history.iter().position(|lanes| *lanes == 4).unwrap();
        let given_up = first + history[first..].iter().position(|lanes| *lanes == 1).unwrap();
        let again = given_up + history[given_up..].iter().position(|lanes| *lanes == 4).unwrap();
        assert!(LOOK_INTERVAL * (again - given_up) as u32 <= Duration::from_secs(3), "{history:?}");
        assert_eq!(history.last(), Some(&MOST), "{history:?}");
    }

    #[test]
    fn lanes_that_lost_much_at_first_are_given_time_to_get_over_it() {
        // For two and a half seconds after others came nobody gets anything through.
        let (looks, last, quiet) = (Cell::new(0), Cell::new(1.0), Cell::new(0));
        let carries = |lanes: f64| {
            looks.set(looks.get() + 1);
            if lanes > last.replace(lanes) {
                quiet.set(looks.get() + 10);
            }
            if looks.get() < quiet.get() { 0.0 } else { 1e6 * lanes }
        };
        let history = drive_by(carries, Duration::from_secs(30));
        assert!(history.is_sorted(), "none are given up: {history:?}");
        assert_eq!(history.last(), Some(&MOST), "{history:?}");
    }

    #[test]
    fn lanes_that_lose_much_once_they_are_up_to_speed_are_given_time_to_get_over_it() {
        // New ones carry five times as much for a second, then a third for a second and a half.
        let (looks, last, came) = (Cell::new(0), Cell::new(1.0), Cell::new(-100));
        let carries = |lanes: f64| {
            looks.set(looks.get() + 1);
            if lanes > last.replace(lanes) {
                came.set(looks.get());
            }
            match looks.get() - came.get() {
                0..5 => 5e6 * lanes,
                5..11 => 0.34e6 * lanes,
                _ => 1e6 * lanes,
            }
        };
        let history = drive_by(carries, Duration::from_secs(30));
        assert!(history.is_sorted(), "none are given up: {history:?}");
        assert_eq!(history.last(), Some(&MOST), "{history:?}");
    }

    #[test]
    fn lanes_that_bring_too_little_at_first_are_judged_once_more_on_a_long_path() {
        // For three seconds after others came all carry hardly more than before.
        let (looks, last, slow) = (Cell::new(0), Cell::new((1.0, 1e6)), Cell::new(0));
        let carries = |lanes: f64| {
            looks.set(looks.get() + 1);
            if lanes > last.get().0 {
                slow.set(looks.get() + 15);
                last.set((lanes, last.get().0 * 1.05e6));
            }
            if looks.get() < slow.get() { last.get().1 } else { 1e6 * lanes }
        };
        let history = drive_by(carries, Duration::from_secs(60));
        assert!(history.is_sorted(), "none are given up: {history:?}");
        assert_eq!(history.last(), Some(&MOST), "{history:?}");
    }

    #[test]
    fn a_near_path_that_one_lane_fills_is_seldom_tried() {
        let looks_with_more = |trip| {
            let road = Road { round_trip: Duration::from_millis(trip), ..road(6e6, 40e6) };
            let history = drive(&road, Duration::from_secs(100));
            history.chunk_by(|one, next| one == next).filter(|same| same[0] > 1).count()
        };
        assert_eq!((looks_with_more(1), looks_with_more(20)), (2, 3));
    }

    #[test]
    fn what_leaves_in_portions_is_measured_for_as_long_as_that_takes() {
        // From four lanes on a path carries a quarter more than with one, and 4 MiB are told at a time.
        let (bytes, told) = (Cell::new(0.0), Cell::new(0.0));
        let carries = |lanes: f64| {
            let rate = if lanes < 4.0 { 20e6 } else { 25e6 };
            bytes.set(bytes.get() + rate * LOOK_INTERVAL.as_secs_f64());
            let portions = (bytes.get() / 4_194_304.0_f64).floor() * 4_194_304.0;
            (portions - told.replace(portions)) / LOOK_INTERVAL.as_secs_f64()
        };
        let near = Road { round_trip: Duration::from_millis(1), ..road(0.0, 0.0) };
        let history = drive_on(&near, carries, Duration::from_secs(300));
        let first = history.iter().position(|lanes| *lanes == 4).unwrap();
        assert!(
            history[first..].iter().all(|lanes| *lanes >= 4),
            "the first four are kept: {history:?}"
        );
        let more = history.iter().filter(|lanes| **lanes > 4).count();
        assert!(more * 10 < history.len(), "{more} of {}", history.len());
    }

    #[test]
    fn nothing_is_opened_for_a_sender_without_a_backlog() {
        let mut steering = Steering::default();
        let looks = (0..100_u32).filter_map(|look| {
            let now = Timestamp::new(LOOK_INTERVAL * look);
            let left = u64::from(look) * 1_000_000;
            let view = View { left, backlogged: false, ..backlogged(usize::from(look > 0)) };
            steering.look(now, &view)
        });
        // The one that is opened at once carries what the first did.
        assert_eq!(looks.collect::<Vec<_>>(), [Decision::Open(1)]);
    }

    #[test]
    fn the_lane_that_leaves_the_first_to_control_is_opened_again_if_it_was_lost() {
        let mut steering = Steering::default();
        let looks = (0..150_u32).filter(|look| {
            let now = Timestamp::new(LOOK_INTERVAL * *look);
            // Nothing waits, and none ever opens.
            let view = View { backlogged: false, ..backlogged(0) };
            steering.look(now, &view) == Some(Decision::Open(1))
        });
        assert_eq!(looks.collect::<Vec<_>>(), [0, 50, 100], "every ten seconds");
        let idle = View { used: false, ..backlogged(0) };
        assert_eq!(Steering::default().look(Timestamp::ZERO, &idle), None);
    }

    #[test]
    fn a_queue_in_the_path_halves_the_lanes_and_opens_none() {
        let mut steering = Steering::default();
        steering.measured(Duration::from_millis(20));
        let mut view = backlogged(8);
        assert_eq!(steering.look(Timestamp::ZERO, &view), None);
        for expected in [4, 2, 1] {
            for _ in 0..2 {
                steering.measured(Duration::from_millis(120));
            }
            let decision = steering.look(Timestamp::ZERO, &view);
            assert_eq!(decision, Some(Decision::GiveUp(view.others - expected)));
            view.others = expected;
        }
        steering.measured(Duration::from_millis(120));
        for look in 0..400_u32 {
            view.left += 1_000_000;
            assert_eq!(steering.look(Timestamp::new(LOOK_INTERVAL * look), &view), None);
        }
    }

    #[test]
    fn a_path_that_became_longer_is_no_queue_for_ever_and_a_queue_is_no_longer_path() {
        let opens = |round_trips: [u64; 2]| {
            let mut steering = Steering::default();
            steering.measured(Duration::from_millis(1));
            let mut view = backlogged(1);
            let mut looks = (0..400_u32).filter_map(|look| {
                // ICE measures every two and a half seconds.
                if look.is_multiple_of(10) {
                    let millis = round_trips[(look / 10 % 2) as usize];
                    steering.measured(Duration::from_millis(millis));
                }
                view.left += 1_000_000;
                steering.look(Timestamp::new(LOOK_INTERVAL * look), &view)
            });
            looks.next()
        };
        assert_eq!(opens([200, 203]), Some(Decision::Open(3)));
        assert_eq!(opens([60, 120]), None);
    }

    proptest! {
        #[test]
        fn there_is_always_one_lane_and_never_more_than_allowed(
            total in 1e5..1e8_f64, lane in 1e4..1e8_f64, allowed in 1..24_usize, trip in 1..400_u64,
        ) {
            let round_trip = Duration::from_millis(trip);
            let history = drive(&Road { total, lane, allowed, round_trip }, Duration::from_secs(300));
            prop_assert!(history.iter().all(|lanes| (1..=allowed.min(MOST)).contains(lanes)));
        }

        #[test]
        fn what_is_kept_carries_most_of_what_could_be_had(total in 1e5..1e8_f64, lane in 1e4..1e8_f64) {
            let history = drive(&road(total, lane), Duration::from_secs(120));
            let most = total.min(lane * MOST as f64);
            let kept = total.min(lane * *history.last().unwrap() as f64);
            prop_assert!(kept * LEAST_GAIN >= most * 0.99, "{kept} of {most}: {history:?}");
        }
    }
}
