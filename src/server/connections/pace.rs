//! When a connection that is in the middle of something has become too slow.

use std::time::Duration;

/// The least pace: some time to begin with, and then a number of bytes for each second more.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Without a byte, or for the first bytes.
    pub patience: Duration,
    /// What buys a second more.
    pub bytes_per_second: u64,
}

impl Pace {
    /// Whether something that began `taken` ago has moved too few bytes, or none at all for too long.
    pub fn is_too_slow(&self, taken: Duration, still: Duration, bytes: u64) -> bool {
        let bought = Duration::from_secs(bytes / self.bytes_per_second.max(1));
        still > self.patience || taken > self.patience.saturating_add(bought)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { patience: Duration::from_secs(20), bytes_per_second: 4096 };

    fn too_slow(taken: u64, still: u64, bytes: u64) -> bool {
        PACE.is_too_slow(Duration::from_secs(taken), Duration::from_secs(still), bytes)
    }

    #[test]
    fn a_byte_a_second_is_too_slow_and_a_poor_line_is_not() {
        assert!(!too_slow(19, 1, 19));
        assert!(too_slow(21, 1, 21));
        // 64 kbit/s.
        for taken in [1, 20, 60, 600] {
            assert!(!too_slow(taken, 1, taken * 8000), "{taken}");
        }
    }

    #[test]
    fn silence_is_too_slow_whatever_came_before() {
        assert!(!too_slow(30, 20, 100 << 20));
        assert!(too_slow(30, 21, 100 << 20));
    }
}
