//! How loud and how fast somebody likes it, kept between visits.
//!
//! Anything may stand where it is kept: another page of the site, an older version or a person may have written it.

use std::fmt;

/// Slowest and fastest, in per cent of the normal speed, and the step between two speeds.
const SPEEDS: std::ops::RangeInclusive<u16> = 50..=200;
const SPEED_STEP: u16 = 25;

/// What a person set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sound {
    /// Per cent.
    pub volume: u8,
    /// Silent.
    pub muted: bool,
    /// Per cent of the normal speed.
    pub speed: u16,
}

impl Default for Sound {
    fn default() -> Self {
        Self { volume: 100, muted: false, speed: 100 }
    }
}

impl Sound {
    /// From what [`fmt::Display`] writes. Each part that is not sound is what it is for a newcomer.
    pub fn parse(text: &str) -> Self {
        let mut parts = text.split(' ');
        let mut next = || parts.next().unwrap_or_default();
        let (volume, muted, speed) = (next().parse::<u8>(), next(), next().parse::<u16>());
        let usual = Self::default();
        let is_speed = |speed: &u16| SPEEDS.contains(speed) && speed.is_multiple_of(SPEED_STEP);
        Self {
            volume: volume.ok().filter(|volume| *volume <= 100).unwrap_or(usual.volume),
            muted: muted == "muted",
            speed: speed.ok().filter(is_speed).unwrap_or(usual.speed),
        }
    }
}

/// Volume, whether it is silent, and speed, with a space between.
impl fmt::Display for Sound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let muted = if self.muted { "muted" } else { "heard" };
        write!(f, "{} {muted} {}", self.volume, self.speed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_is_read_again() {
        for volume in [0, 1, 40, 100] {
            for muted in [false, true] {
                for speed in [50, 75, 100, 175, 200] {
                    let sound = Sound { volume, muted, speed };
                    assert_eq!(Sound::parse(&sound.to_string()), sound);
                }
            }
        }
    }

    #[test]
    fn nonsense_is_what_it_is_for_a_newcomer() {
        let usual = Sound::default();
        for text in [
            "",
            " ",
            "NaN NaN NaN",
            "-1 heard -100",
            "101 heard 49",
            "256 heard 201",
            "1e2 true 1e2",
            "Infinity",
            "{\"volume\":0}",
            "99999999999999999999 heard 99999999999999999999",
            "0.5 heard 1.5",
            "\u{0} \u{202e}",
        ] {
            assert_eq!(Sound::parse(text), usual, "{text:?}");
        }
        // What is sound is kept.
        assert_eq!(Sound::parse("30 muted 110"), Sound { volume: 30, muted: true, speed: 100 });
        assert_eq!(Sound::parse("x heard 150 more"), Sound { speed: 150, ..usual });
        assert_eq!(Sound::parse("30"), Sound { volume: 30, ..usual });
    }
}
