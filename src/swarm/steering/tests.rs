//! Steering on roads of which it is known what lanes bring.

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
    let tries: Vec<usize> =
        history.chunk_by(|one, next| one == next).map(|same| same[0]).filter(|n| *n > 1).collect();
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
    let looks = (0..400_u32).filter(|look| {
        let now = Timestamp::new(LOOK_INTERVAL * *look);
        // Nothing waits, and none ever opens.
        let view = View { backlogged: false, ..backlogged(0) };
        steering.look(now, &view) == Some(Decision::Open(1))
    });
    assert_eq!(looks.collect::<Vec<_>>(), [0, 50, 150, 350], "after 10, 20, 40 s");
    // One that came about and was lost is opened anew soon.
    let mut steering = Steering::default();
    let at = |seconds| Timestamp::new(Duration::from_secs(seconds));
    let quiet = |others| View { backlogged: false, ..backlogged(others) };
    for (seconds, others) in [(0, 0), (10, 0), (30, 0), (31, 1)] {
        steering.look(at(seconds), &quiet(others));
    }
    assert_eq!(steering.look(at(70), &quiet(0)), Some(Decision::Open(1)));
    assert_eq!(steering.look(at(80), &quiet(0)), Some(Decision::Open(1)));
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
