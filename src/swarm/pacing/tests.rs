//! Senders on simulated lines.

use super::*;
use crate::swarm::round_trips::RoundTrips;

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

#[test]
fn a_path_over_which_nothing_left_yet_is_not_held_back_for_ever() {
    let known = || Sender { shortest: Some(Duration::from_millis(22)), ..Sender::default() };
    // The disk sleeps, while the path is long for other reasons.
    let mut sender = known();
    let limits = drive(&mut sender, 0..20, |_| (120, 0.0));
    assert!(limits.iter().all(Option::is_none), "{limits:?}");
    // Hardly anything leaves.
    let mut sender = known();
    let limits = drive(&mut sender, 0..20, |_| (120, 3.0));
    assert!(limits.iter().flatten().all(|limit| *limit >= LEAST_RATE as u64 / 2), "{limits:?}");
    assert!(limits.iter().any(Option::is_some));
    sender.shortest = Some(Duration::from_millis(22));
    drive(&mut sender, 20..120, |_| (22, 5e6));
    sender.left = 0.0;
    sender.pacing.since = None;
    drive(&mut sender, 120..125, |_| (22, 5e6));
    assert!(sender.left > 1e6, "{} in a second", sender.left);
}
