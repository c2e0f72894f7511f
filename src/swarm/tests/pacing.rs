//! Pacing on a model of a line: what is asked for enters the line half a round trip later, waits in its queue, or at its
//! sender while that is full, and leaves at the line's rate.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::super::pacing::{Pacing, Sample};
use super::super::request_pipeline::RequestPipeline;
use super::super::throughput::Throughput;
use super::*;

/// Time between two round trips that ICE measures.
const ICE: u64 = 2_500_000;
const STEP: u64 = 500;

/// Times in microseconds, sizes in bytes.
#[derive(Clone, Copy, Debug)]
struct Line {
    rate: u64,
    round_trip: u64,
    queue: u64,
    /// One in so many is lost.
    loses: u64,
    /// The leech's browser does nothing for so long, every now and then.
    busy: u64,
    /// From its fourth second on the round trip is that long.
    then: u64,
}

impl Line {
    fn mbit(rate: u64, round_trip_ms: u64, queue_ms: u64) -> Self {
        let rate = rate * 125_000;
        let queue = rate * queue_ms / 1000;
        Self {
            rate,
            round_trip: round_trip_ms * 1000,
            queue,
            loses: 0,
            busy: 0,
            then: round_trip_ms * 1000,
        }
    }
}

struct Pair {
    pacing: Pacing,
    received: Throughput,
    /// When each was asked for, when it arrives, its length.
    under_way: VecDeque<(u64, u64, u64)>,
    bytes: u64,
    begins: u64,
    total: u64,
}

/// What was measured in some time.
#[derive(Debug)]
struct Measured {
    /// Median, in milliseconds.
    round_trip: f64,
    /// Each pair's part of the line.
    parts: Vec<f64>,
    /// Someone asked for less than usual.
    paced: bool,
}

/// Pairs that begin at these seconds, on one line; measured from one second to another.
fn drive(line: &Line, begins: &[u64], (from, to): (u64, u64)) -> Measured {
    let second = 1_000_000;
    let mut pairs: Vec<Pair> = begins
        .iter()
        .map(|begins| Pair {
            pacing: Pacing::default(),
            received: Throughput::default(),
            under_way: VecDeque::new(),
            bytes: 0,
            begins: begins * second,
            total: 0,
        })
        .collect();
    let (mut free_at, mut number, mut was_paced) = (0_u64, 0_u64, false);
    let mut trips = Vec::new();
    // When each comes to the line, and when it leaves it.
    let (mut entering, mut leaves) = (VecDeque::new(), 0_u64);
    let mut before = vec![0; pairs.len()];
    let mut line = *line;
    for now in (0..to * second).step_by(STEP as usize) {
        if now == 3 * second {
            line.round_trip = line.then;
        }
        let at = Timestamp::new(Duration::from_micros(now));
        let longest_queue = line.queue * second / line.rate;
        while entering.front().is_some_and(|(comes, _)| *comes <= now) {
            (_, leaves) = entering.pop_front().unwrap();
        }
        let trip = line.round_trip + leaves.saturating_sub(now).min(longest_queue);
        if now == from * second {
            before = pairs.iter().map(|pair| pair.total).collect();
        }
        if now >= from * second && now.is_multiple_of(10_000) {
            trips.push(trip as f64 / 1000.0);
        }
        // Four times in three seconds, and not while ICE measures.
        let busy = now % 750_000 < line.busy;
        for (index, pair) in pairs.iter_mut().enumerate().filter(|(_, pair)| now >= pair.begins) {
            if now == pair.begins || (now + index as u64 * 700_000).is_multiple_of(ICE) {
                pair.pacing.round_trip_measured(Duration::from_micros(trip));
            }
            if busy {
                continue;
            }
            while pair.under_way.front().is_some_and(|(_, arrives, _)| *arrives <= now) {
                let (asked, _, bytes) = pair.under_way.pop_front().unwrap();
                pair.received.add(at, bytes);
                let rate = pair.received.bytes_per_second(at);
                let asked = Timestamp::new(Duration::from_micros(asked));
                let sample = Sample { asked, under_way: pair.bytes, rate };
                pair.pacing.arrived(at, &sample);
                pair.bytes -= bytes;
                pair.total += bytes;
            }
            let rate = pair.received.bytes_per_second(at);
            let usual = RequestPipeline::depth_bytes(rate);
            let paced = pair.pacing.depth(at, usual, (pair.bytes, rate));
            was_paced |= paced.is_some();
            let (depth, range) = paced.unwrap_or((usual, 64 << 10));
            while pair.bytes < depth {
                let bytes = u64::from(range);
                let comes = now + line.round_trip / 2;
                free_at = free_at.max(comes);
                number += 1;
                free_at += bytes * second / line.rate;
                entering.push_back((comes, free_at));
                let mut arrives = free_at + line.round_trip / 2;
                if line.loses > 0 && number.is_multiple_of(line.loses) {
                    arrives += line.round_trip;
                }
                // Channels are ordered.
                let last = pair.under_way.back().map_or(0, |(_, arrives, _)| *arrives);
                pair.under_way.push_back((now, arrives.max(last), bytes));
                pair.bytes += bytes;
            }
        }
    }
    trips.sort_by(f64::total_cmp);
    let most = (line.rate * (to - from)) as f64;
    let parts = pairs.iter().zip(before).map(|(pair, was)| (pair.total - was) as f64 / most);
    Measured { round_trip: trips[trips.len() / 2], parts: parts.collect(), paced: was_paced }
}

#[test]
fn a_transfer_leaves_the_queue_of_a_full_line_and_keeps_its_rate() {
    let seen = drive(&Line::mbit(50, 20, 100), &[0], (15, 45));
    assert!(seen.round_trip < 40.0, "{seen:?}");
    assert!(seen.parts[0] > 0.9, "{seen:?}");
}

#[test]
fn two_transfers_share_a_line_evenly_and_leave_most_of_its_queue() {
    // Who comes at a bad moment takes the other's queue for the path's length for some time.
    let mut round_trips = Vec::new();
    for second in 20..30 {
        let seen = drive(&Line::mbit(50, 20, 100), &[0, second], (second + 15, second + 40));
        assert!(seen.parts.iter().all(|part| (0.35..0.65).contains(part)), "{seen:?}");
        assert!(seen.parts.iter().sum::<f64>() > 0.9, "{seen:?}");
        assert!(seen.round_trip < 80.0, "{seen:?}");
        round_trips.push(seen.round_trip);
    }
    round_trips.sort_by(f64::total_cmp);
    assert!(round_trips[5] < 45.0, "{round_trips:?}");
}

#[test]
fn a_path_that_grows_longer_is_not_taken_for_a_queue() {
    for round_trip in [1, 20] {
        let line = Line { then: 200_000, ..Line::mbit(50, round_trip, 100) };
        let seen = drive(&line, &[0], (15, 45));
        assert!(seen.parts[0] > 0.85, "{seen:?}");
        assert!(seen.round_trip < 300.0, "{seen:?}");
    }
}

#[test]
fn loss_without_a_queue_changes_nothing() {
    // A line far wider than what the usual depth takes there.
    let line = Line { loses: 100, ..Line::mbit(8000, 200, 100) };
    assert!(!drive(&line, &[0], (10, 20)).paced);
}

#[test]
fn a_browser_that_is_busy_now_and_then_keeps_its_rate() {
    let line = Line { busy: 60_000, ..Line::mbit(50, 20, 100) };
    let seen = drive(&line, &[0], (15, 45));
    assert!(seen.parts[0] > 0.8, "{seen:?}");
    assert!(seen.round_trip < 60.0, "{seen:?}");
}

#[test]
fn two_long_round_trips_make_a_queue_and_one_does_not() {
    let mut pacing = Pacing::default();
    let mut depth = |millis: u64| {
        pacing.round_trip_measured(Duration::from_millis(millis));
        pacing.depth(Timestamp::ZERO, 4 << 20, (4 << 20, 5_000_000))
    };
    assert_eq!([20, 90, 20, 90].map(&mut depth), [None; 4]);
    let (bytes, range) = depth(90).unwrap();
    assert!((8 << 10..200 << 10).contains(&bytes), "{bytes}");
    assert!((8 << 10..=64 << 10).contains(&range), "{range}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn on_any_line_the_round_trip_stays_below_twice_the_shortest_and_the_rate_high(
        mbit in 2..200_u64, trip in 10..150_u64, queue in 60..400_u64,
    ) {
        let seen = drive(&Line::mbit(mbit, trip, queue), &[0], (25, 50));
        // Below that a queue is borne: see `QUEUE`.
        let most = (2.0 * trip as f64).max(trip as f64 + 30.0);
        prop_assert!(seen.round_trip < most, "{seen:?}");
        prop_assert!(seen.parts[0] > 0.85, "{seen:?}");
    }
}
