//! What a lock screen may be told of the place: browsers throw an exception at anything else (Media Session, 5.2).

/// Where a player is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Seconds; more than none.
    pub duration: f64,
    /// Seconds, no further than the duration.
    pub position: f64,
    /// Of the normal speed; more than none.
    pub rate: f64,
}

impl Place {
    /// Nothing while the length is not known, or if there is none.
    pub fn new(duration: f64, position: f64, percent: u16) -> Option<Self> {
        if !duration.is_finite() || duration <= 0.0 {
            return None;
        }
        // `max` and `min` take a number before what is none.
        let position = position.max(0.0).min(duration);
        let rate = f64::from(percent.max(1)) / 100.0;
        Some(Self { duration, position, rate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_browsers_take_is_told() {
        let place = |duration, position, rate| Some(Place { duration, position, rate });
        for (duration, position, percent, told) in [
            (60.0, 12.5, 100, place(60.0, 12.5, 1.0)),
            (60.0, 60.0, 150, place(60.0, 60.0, 1.5)),
            (60.0, 60.3, 100, place(60.0, 60.0, 1.0)),
            (60.0, -1.0, 100, place(60.0, 0.0, 1.0)),
            (60.0, f64::NAN, 50, place(60.0, 0.0, 0.5)),
            (60.0, f64::INFINITY, 100, place(60.0, 60.0, 1.0)),
            (60.0, 1.0, 0, place(60.0, 1.0, 0.01)),
            (0.0, 0.0, 100, None),
            (-1.0, 0.0, 100, None),
            (f64::NAN, 3.0, 100, None),
            (f64::INFINITY, 3.0, 100, None),
        ] {
            assert_eq!(Place::new(duration, position, percent), told, "{duration} {position}");
        }
    }
}
