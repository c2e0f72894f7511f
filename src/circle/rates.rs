//! How a limit of speed is divided between what is heard live and what is fetched.
//!
//! Sound and picture cannot wait, so that they come first, but take three quarters at most. Below a floor they would be
//! of no use: with more listeners than the limit has floors for, they take what they need for that.

/// Bits a second of sound at most: as much as is asked of Opus, see [`super::ask_for_music`].
const MOST_SOUND: u64 = 160_000;
/// And at least.
const LEAST_SOUND: u64 = 32_000;
/// Bits a second of a picture at most, which is what browsers send by themselves.
const MOST_PICTURE: u64 = 2_500_000;
/// And at least.
const LEAST_PICTURE: u64 = 100_000;

/// What one listener is sent at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Bits a second of sound; nothing if nobody limits it.
    pub sound: Option<u32>,
    /// Bits a second of a picture; nothing if nobody limits it.
    pub picture: Option<u32>,
}

/// Divides a limit, in bytes a second, between so many listeners and everyone who fetches. Answers what each listener
/// gets, and the bytes a second that are left for files: a quarter at least. `seen`: a picture is on.
pub fn divide(limit: Option<u64>, listeners: usize, seen: bool) -> (Rates, Option<u64>) {
    let (Some(limit), true) = (limit, listeners > 0) else { return (Rates::default(), limit) };
    let listeners = listeners as u64;
    let bits = limit.saturating_mul(8);
    let each = bits / 4 * 3 / listeners;
    // A picture has most of it.
    let sound = if seen { each / 4 } else { each }.clamp(LEAST_SOUND, MOST_SOUND);
    let picture = each.saturating_sub(sound).clamp(LEAST_PICTURE, MOST_PICTURE);
    let one = sound + if seen { picture } else { 0 };
    let left = bits.saturating_sub(one * listeners).max(bits / 4);
    let rate = |bits| u32::try_from(bits).ok();
    (Rates { sound: rate(sound), picture: rate(picture) }, Some((left / 8).max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(kilobits: u64) -> Option<u64> {
        Some(kilobits * 1000 / 8)
    }

    fn rates(sound: u32, picture: u32) -> Rates {
        Rates { sound: Some(sound * 1000), picture: Some(picture * 1000) }
    }

    #[test]
    fn nobody_limits_what_has_no_limit_and_files_have_all_while_nobody_listens() {
        assert_eq!(divide(None, 3, true), (Rates::default(), None));
        assert_eq!(divide(bytes(800), 0, true), (Rates::default(), bytes(800)));
    }

    #[test]
    fn sound_comes_first_and_takes_no_more_than_it_needs() {
        assert_eq!(divide(bytes(10_000), 1, false).0.sound, Some(160_000));
        assert_eq!(divide(bytes(10_000), 1, false).1, bytes(9_840));
        assert_eq!(divide(bytes(400), 3, false).0.sound, Some(100_000));
        assert_eq!(divide(bytes(400), 3, false).1, bytes(100));
    }

    #[test]
    fn a_picture_has_most_of_it() {
        assert_eq!(divide(bytes(1_600), 2, true), (rates(150, 450), bytes(400)));
        assert_eq!(divide(bytes(100_000), 1, true), (rates(160, 2_500), bytes(97_340)));
    }

    #[test]
    fn all_together_keep_to_the_limit_where_it_has_room_for_the_floors() {
        for kilobits in [1_u64, 50, 200, 700, 3_000, 20_000, u64::MAX / 8_000] {
            for listeners in [1_usize, 2, 7, 64] {
                for seen in [false, true] {
                    let (rates, left) = divide(bytes(kilobits), listeners, seen);
                    let (sound, picture) = (rates.sound.unwrap(), rates.picture.unwrap());
                    assert!(sound >= 32_000 && picture >= 100_000);
                    let one = u64::from(sound) + if seen { u64::from(picture) } else { 0 };
                    let all = one * listeners as u64 + left.unwrap() * 8;
                    let floors = (32_000 + if seen { 100_000 } else { 0 }) * listeners as u64;
                    let limit = kilobits * 1000;
                    assert!(left.unwrap() > 0);
                    if floors <= limit / 4 * 3 {
                        assert!(all <= limit + 8, "{kilobits} {listeners} {seen}: {all}");
                    } else {
                        assert_eq!(one * listeners as u64, floors);
                    }
                }
            }
        }
    }
}
