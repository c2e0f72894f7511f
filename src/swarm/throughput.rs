//! Bytes a second over the last few seconds.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Timestamp;

/// Bytes that arrive within this time are counted together.
const BUCKET: Duration = Duration::from_millis(100);
/// How far back the rate looks.
const WINDOW: Duration = Duration::from_secs(3);

/// A moving average, with at most 31 buckets.
#[derive(Clone, Debug, Default)]
pub struct Throughput {
    buckets: VecDeque<(Timestamp, u64)>,
    since: Option<Timestamp>,
    total: u64,
}

impl Throughput {
    /// Counts bytes.
    pub fn add(&mut self, now: Timestamp, bytes: u64) {
        self.total += bytes;
        self.forget(now);
        self.since.get_or_insert(now);
        match self.buckets.back_mut() {
            Some((start, sum)) if now.saturating_since(*start) < BUCKET => *sum += bytes,
            _ => self.buckets.push_back((now, bytes)),
        }
    }

    /// Bytes a second now. Zero once nothing has come for three seconds.
    pub fn bytes_per_second(&self, now: Timestamp) -> u64 {
        let sum: u64 = self
            .buckets
            .iter()
            .filter(|(start, _)| now.saturating_since(*start) <= WINDOW)
            .map(|(_, bytes)| bytes)
            .sum();
        // A transfer that has just begun is measured over its own age, though never over an instant.
        let age = self.since.map_or(WINDOW, |since| now.saturating_since(since));
        let span = age.clamp(Duration::from_millis(250), WINDOW);
        (sum as f64 / span.as_secs_f64()) as u64
    }

    /// All bytes ever counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    fn forget(&mut self, now: Timestamp) {
        while self.buckets.front().is_some_and(|(start, _)| now.saturating_since(*start) > WINDOW) {
            self.buckets.pop_front();
        }
        if self.buckets.is_empty() {
            self.since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::new(Duration::from_millis(millis))
    }

    #[test]
    fn a_steady_stream_is_measured_and_a_stopped_one_fades() {
        let mut rate = Throughput::default();
        for tick in 0..100 {
            rate.add(at(tick * 50), 50_000);
        }
        let now = rate.bytes_per_second(at(4_950));
        assert!((950_000..1_100_000).contains(&now), "{now}");
        assert_eq!(rate.bytes_per_second(at(9_000)), 0);
        assert_eq!(rate.total(), 5_000_000);
        assert!(rate.buckets.len() <= 31);
    }
}
