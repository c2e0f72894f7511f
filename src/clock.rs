//! Time as an argument.
//!
//! Pure code never asks what time it is. Drivers read their platform's monotonic clock, subtract the moment
//! they started, and pass the difference in; the simulator makes it up. `std::time::Instant::now()` would
//! panic in a browser.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment, as the time since the driver started. It has no `now()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(Duration);

impl Timestamp {
    /// The driver's start.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// The moment `since_start` after the driver started.
    pub const fn new(since_start: Duration) -> Self {
        Self(since_start)
    }

    /// From milliseconds since the driver started, as a browser's `performance.now()` counts them.
    pub fn from_millis_f64(millis: f64) -> Self {
        Self(Duration::from_secs_f64((millis / 1000.0).max(0.0)))
    }

    /// The time since the driver started.
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// The time from `earlier` to here; zero if `earlier` is in fact later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

impl Sub for Timestamp {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        self.saturating_since(earlier)
    }
}
