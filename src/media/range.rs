//! Answers to requests for part of a file (RFC 9110, section 14).
//!
//! The RFC lets a server answer a range that it does not like with the whole file. Players take that for a file in which
//! one cannot seek, or stop, so here a request with a `Range` is never answered so: what is no range of bytes is refused
//! like a range that lies outside of the file. Of several ranges the first that is inside is answered, which section
//! 15.3.7 allows.

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200 and everything: no range was asked for.
    Whole,
    /// 206 and the bytes from `first` to `last`, both included.
    Part {
        /// First byte.
        first: u64,
        /// Last byte, inside the file.
        last: u64,
    },
    /// 416: there is nothing there.
    Unsatisfiable,
}

/// The answer to a request for a file of `length` bytes, by the value of its `Range` field.
pub fn answer(range: Option<&str>, length: u64) -> Answer {
    let Some(range) = range else { return Answer::Whole };
    let Some((unit, set)) = range.split_once('=') else { return Answer::Unsatisfiable };
    // Names of units know no case (section 14.1).
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Answer::Unsatisfiable;
    }
    let mut first_inside = None;
    for spec in set.split(',').map(|spec| spec.trim_matches([' ', '\t'])) {
        match resolve(spec, length) {
            Ok(part) => first_inside = first_inside.or(part),
            Err(Malformed) => return Answer::Unsatisfiable,
        }
    }
    match first_inside {
        Some((first, last)) => Answer::Part { first, last },
        None => Answer::Unsatisfiable,
    }
}

struct Malformed;

/// One range, if it is well formed; `None` inside if nothing of it lies in the file.
fn resolve(spec: &str, length: u64) -> Result<Option<(u64, u64)>, Malformed> {
    let (first, last) = spec.split_once('-').ok_or(Malformed)?;
    let Some(end) = length.checked_sub(1) else {
        number(first).or_else(|_| number(last))?;
        return Ok(None);
    };
    if first.is_empty() {
        let suffix = number(last)?;
        return Ok((suffix > 0).then(|| (length.saturating_sub(suffix), end)));
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return Err(Malformed);
    }
    Ok((first <= end).then(|| (first, last.min(end))))
}

/// Digits only; more than fit are as good as the largest that do.
fn number(text: &str) -> Result<u64, Malformed> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Malformed);
    }
    Ok(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn assert_part(range: &str, first: u64, last: u64) {
        assert_eq!(answer(Some(range), 1000), Answer::Part { first, last }, "{range}");
    }

    #[test]
    fn ranges_inside_a_file_of_1000_bytes() {
        for (range, first, last) in [
            ("bytes=0-0", 0, 0),
            ("bytes=0-1", 0, 1),
            ("bytes=0-999", 0, 999),
            ("bytes=0-", 0, 999),
            ("bytes=999-", 999, 999),
            ("bytes=500-499999", 500, 999),
            ("bytes=-1", 999, 999),
            ("bytes=-1000", 0, 999),
            ("bytes=-1001", 0, 999),
            ("bytes=0-99999999999999999999999999", 0, 999),
            ("Bytes=2-3", 2, 3),
            ("bytes= 2-3", 2, 3),
            ("bytes=2000-3000, 5-6", 5, 6),
            ("bytes=1-2,0-0", 1, 2),
        ] {
            assert_part(range, first, last);
        }
    }

    #[test]
    fn nothing_else_is_answered_with_content() {
        for range in [
            "bytes=1000-",
            "bytes=1000-1000",
            "bytes=-0",
            "bytes=",
            "bytes=-",
            "bytes",
            "",
            "bytes=a-b",
            "bytes=5-4",
            "bytes=1-2-3",
            "bytes=+1-2",
            "bytes=1- 2",
            "bytes=0x1-2",
            "items=0-1",
            "bytes=0-1;2-3",
            "bytes=0-1,x",
            "bytes=99999999999999999999999999-",
        ] {
            assert_eq!(answer(Some(range), 1000), Answer::Unsatisfiable, "{range}");
        }
        assert_eq!(answer(None, 1000), Answer::Whole);
    }

    #[test]
    fn an_empty_file_has_no_ranges() {
        for range in ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0"] {
            assert_eq!(answer(Some(range), 0), Answer::Unsatisfiable, "{range}");
        }
        assert_eq!(answer(None, 0), Answer::Whole);
    }

    proptest! {
        #[test]
        fn what_is_answered_lies_inside(range in "\\PC{0,40}|bytes=[0-9]{0,21}-[0-9]{0,21}", length: u64) {
            match answer(Some(&range), length) {
                Answer::Whole => prop_assert!(false, "the whole file for {range:?}"),
                Answer::Part { first, last } => prop_assert!(first <= last && last < length),
                Answer::Unsatisfiable => {}
            }
        }

        #[test]
        fn a_plain_range_is_answered_as_asked(first: u32, bytes in 0_u32..1 << 20, length in 1_u64..1 << 33) {
            let (first, last) = (u64::from(first), u64::from(first) + u64::from(bytes));
            let expected = match first < length {
                true => Answer::Part { first, last: last.min(length - 1) },
                false => Answer::Unsatisfiable,
            };
            prop_assert_eq!(answer(Some(&format!("bytes={first}-{last}")), length), expected);
        }
    }
}
