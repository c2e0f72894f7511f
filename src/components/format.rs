//! Numbers in words.
//!
//! Sizes are decimal, as disks and browsers count them. Everything here is integer arithmetic: floating-point
//! formatting alone would cost the browser's bundle several kilobytes.

/// A size that a person can compare at a glance: "1.4 GB".
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return count(bytes, "byte", "bytes");
    }
    let mut unit = 1000_u64;
    let mut name = UNITS[0];
    for larger in &UNITS[1..] {
        // 999.95 kB would round to "1000 kB".
        if rounded(bytes, unit, 1) < 1000 {
            break;
        }
        unit *= 1000;
        name = larger;
    }
    let tenths = rounded(bytes, unit, 10);
    if tenths < 100 && !tenths.is_multiple_of(10) {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    } else {
        format!("{} {name}", rounded(bytes, unit, 1))
    }
}

/// `value * scale / unit`, to the nearest.
fn rounded(value: u64, unit: u64, scale: u64) -> u64 {
    let (value, unit, scale) = (u128::from(value), u128::from(unit), u128::from(scale));
    u64::try_from((value * scale + unit / 2) / unit).unwrap_or(u64::MAX)
}

/// The same size to the last byte, for those who must know: "1,400,000,000 bytes".
pub fn exact_size(bytes: u64) -> String {
    let digits = bytes.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 6);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text.push_str(if bytes == 1 { " byte" } else { " bytes" });
    text
}

/// "12 MB/s"; nothing while nothing moves.
pub fn speed(bytes_per_second: u64) -> Option<String> {
    (bytes_per_second > 0).then(|| format!("{}/s", size(bytes_per_second)))
}

/// How long something takes, no more exactly than it can be known: "45 s", "3 min", "1 h 20 min", "2 days".
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..=59 => format!("{} s", seconds.max(1)),
        60..=3569 => format!("{} min", (seconds + 30) / 60),
        3570..=86_399 => {
            let minutes = (seconds + 30) / 60;
            match minutes % 60 {
                0 => format!("{} h", minutes / 60),
                rest => format!("{} h {rest} min", minutes / 60),
            }
        }
        _ => count((seconds + 43_200) / 86_400, "day", "days"),
    }
}

/// "1 file", "3 files".
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// How many files: "3 files".
pub fn files(number: usize) -> String {
    count(number as u64, "file", "files")
}

/// How many folders with nothing in them, if any: "2 empty folders".
pub fn empty_folders(number: usize) -> Option<String> {
    (number > 0).then(|| count(number as u64, "empty folder", "empty folders"))
}

/// Folder and name of a path: `("photos/2026/", "sea.jpg")`.
pub fn split_path(path: &str) -> (&str, &str) {
    path.rfind('/').map_or(("", path), |slash| path.split_at(slash + 1))
}

/// A moment as people in no particular time zone write it: "24 November 2026, 05:56 UTC".
pub fn utc_time(unix_seconds: u64) -> String {
    let (year, month, day) = civil_date(unix_seconds / 86_400);
    let (hour, minute) = (unix_seconds / 3600 % 24, unix_seconds / 60 % 60);
    format!("{day} {} {year}, {hour:02}:{minute:02} UTC", month_name(month))
}

/// A month's English name, counted from 1.
pub fn month_name(month: u64) -> &'static str {
    const NAMES: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    NAMES[((month + 11) % 12) as usize]
}

/// Year, month and day of the day `days` after 1 January 1970, after Hinnant's `civil_from_days`.
fn civil_date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_two_or_three_digits_that_matter() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1000, "1 kB"),
            (1449, "1.4 kB"),
            (1450, "1.5 kB"),
            (9_949, "9.9 kB"),
            (9_960, "10 kB"),
            (12_345, "12 kB"),
            (999_499, "999 kB"),
            (999_500, "1 MB"),
            (1_400_000_000, "1.4 GB"),
            (1 << 40, "1.1 TB"),
            (u64::MAX, "18447 PB"),
        ] {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn exact_sizes_group_digits() {
        assert_eq!(exact_size(1), "1 byte");
        assert_eq!(exact_size(100), "100 bytes");
        assert_eq!(exact_size(1_400_000_000), "1,400,000,000 bytes");
    }

    #[test]
    fn a_standstill_has_no_speed() {
        assert_eq!(speed(0), None);
        assert_eq!(speed(2_500_000).as_deref(), Some("2.5 MB/s"));
    }

    #[test]
    fn durations_lose_what_nobody_can_know() {
        for (seconds, text) in [
            (0, "1 s"),
            (59, "59 s"),
            (60, "1 min"),
            (89, "1 min"),
            (3569, "59 min"),
            (3570, "1 h"),
            (4800, "1 h 20 min"),
            (86_400, "1 day"),
            (200_000, "2 days"),
        ] {
            assert_eq!(duration(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn paths_split_before_the_name() {
        assert_eq!(split_path("sea.jpg"), ("", "sea.jpg"));
        assert_eq!(split_path("photos/2026/sea.jpg"), ("photos/2026/", "sea.jpg"));
    }

    #[test]
    fn moments_are_right_on_both_sides_of_leap_days() {
        assert_eq!(utc_time(0), "1 January 1970, 00:00 UTC");
        assert_eq!(utc_time(951_782_399), "28 February 2000, 23:59 UTC");
        assert_eq!(utc_time(951_782_400), "29 February 2000, 00:00 UTC");
        assert_eq!(utc_time(1_795_499_760), "24 November 2026, 05:56 UTC");
    }
}
