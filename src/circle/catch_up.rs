//! How a follower makes good what it is off by: by how much it plays faster or slower.

use std::collections::VecDeque;

/// Microseconds by which two looks may differ in what is off, for a seek to be worth it: players that have just begun,
/// or whose machine is busy, tell their place in leaps.
const STEADY: i64 = 80_000;
/// Looks whose middle one is believed when no two agree.
const LOOKS: usize = 5;
/// Microseconds off that are let be, at first and at most: where a change of the rate is itself a stumble as long as that,
/// making it good would never end.
const LET_BE: i64 = 20_000;
const MOST_LET_BE: i64 = 110_000;
/// Microseconds off at which the rate has made it good.
const NEAR: i64 = 15_000;
/// Time in which the rate makes good what is off, and the most that it does, in thousandths: one is hardly heard, the
/// other is for what seeks could not make good.
const CATCH_UP: i64 = 1_500_000;
const MAX_DEVIATION: i64 = 120;
const MAX_DEVIATION_FAR: i64 = 250;
/// Thousandths by which a rate has to be wrong for another one.
const RATE_STEP: i64 = 60;

/// What was off at the last looks, and what is done about it.
#[derive(Debug, Default)]
pub struct CatchUp {
    /// Microseconds, the newest first.
    offs: VecDeque<i64>,
    /// Thousandths by which it plays slower.
    deviation: i64,
    /// Microseconds that are let be by now.
    let_be: i64,
}

impl CatchUp {
    /// Takes a look: so many microseconds ahead. Answers what to believe; nothing yet where more than `far` is off and no
    /// two looks agree.
    pub fn seen(&mut self, off: i64, far: i64) -> Option<i64> {
        self.offs.push_front(off);
        self.offs.truncate(LOOKS);
        let agree = self.offs.get(1).is_some_and(|last| (off - last).abs() <= STEADY);
        let believed = off.abs() <= far || agree || self.offs.len() == LOOKS;
        believed.then(|| median(&self.offs))
    }

    /// It was sent elsewhere or stopped: what was seen before is of no use, and it plays at the host's own speed.
    pub fn begin_anew(&mut self) {
        self.offs.clear();
        self.deviation = 0;
    }

    /// Thousandths by which to play slower while so much ahead. Each change of the rate is a stumble for some players, so
    /// it changes little on the way, and whoever has to begin anew lets more be.
    pub fn deviation(&mut self, off: i64, far: i64) -> i64 {
        let most = if off.abs() > far { MAX_DEVIATION_FAR } else { MAX_DEVIATION };
        let wanted = (off * 1000 / CATCH_UP).clamp(-most, most);
        let now = self.deviation;
        self.deviation = match now {
            0 if off.abs() <= LET_BE.max(self.let_be) => 0,
            0 => {
                self.let_be = (self.let_be + LET_BE).min(MOST_LET_BE);
                wanted
            }
            _ if off * now <= 0 || off.abs() <= NEAR => 0,
            _ if (wanted - now).abs() < RATE_STEP => now,
            _ => wanted,
        };
        self.deviation
    }
}

/// The middle one; nothing off where nothing was seen.
fn median(offs: &VecDeque<i64>) -> i64 {
    let mut sorted: Vec<i64> = offs.iter().copied().collect();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
