//! The order in which people count: "track 2" before "track 10", whatever the case of the letters.

use std::cmp::Ordering;

/// Compares two paths.
pub fn compare(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    loop {
        let ((part, rest), (opposite, opposite_rest)) = (split(left), split(right));
        if part.is_empty() || opposite.is_empty() {
            // Equal but for the case or for zeros in front: any order will do that is always the same.
            return part.len().cmp(&opposite.len()).then_with(|| one.cmp(other));
        }
        let order = match (is_number(part), is_number(opposite)) {
            (true, true) => by_value(part, opposite),
            _ => part.bytes().map(weight).cmp(opposite.bytes().map(weight)),
        };
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (rest, opposite_rest);
    }
}

/// Digits, or what are no digits, off the start.
fn split(text: &str) -> (&str, &str) {
    let digits = is_number(text);
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    text.split_at(end)
}

/// Of a byte of text. Letters beyond ASCII stand in the order of Unicode, which keeps scripts together.
fn weight(byte: u8) -> u8 {
    match byte {
        // A folder's files stand together: the end of its name comes before anything that goes on.
        b'/' => 0,
        _ => byte.to_ascii_lowercase(),
    }
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

fn by_value(one: &str, other: &str) -> Ordering {
    let (one, other) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_compared_as_numbers() {
        let mut names = [
            "Track 10.mp3",
            "track 2.mp3",
            "Track 1.mp3",
            "CD2/01.mp3",
            "CD10/01.mp3",
            "CD2/1b.mp3",
            "CD2 extra/1.mp3",
        ];
        names.sort_by(|one, other| compare(one, other));
        assert_eq!(
            names,
            [
                "CD2/01.mp3",
                "CD2/1b.mp3",
                "CD2 extra/1.mp3",
                "CD10/01.mp3",
                "Track 1.mp3",
                "track 2.mp3",
                "Track 10.mp3"
            ]
        );
    }

    proptest! {
        #[test]
        fn it_is_an_order(names in prop::collection::vec("[aAbé/ 0-9]{0,6}", 3)) {
            let [a, b, c] = &names[..] else { unreachable!() };
            prop_assert_eq!(compare(a, b), compare(b, a).reverse());
            prop_assert_eq!(compare(a, b) == Ordering::Equal, a == b);
            if compare(a, b).is_le() && compare(b, c).is_le() {
                prop_assert!(compare(a, c).is_le());
            }
        }
    }
}
