//! When two names are one on some system: macOS does not tell the forms of Unicode apart, macOS and Windows not the
//! case, and some leave out what cannot be seen.

/// Text in which letters that differ in form or case only are the same: form C, lower case, upper case, form C. The
/// tables for it are some 20 kB that every browser has anyway, so the browser does it; tests use
/// `unicode-normalization`. Lower case comes first because `ẞ` has no other way to `SS`.
pub type Fold<'a> = &'a dyn Fn(&str) -> String;

/// The same for names that some system takes for the same.
pub fn name_key(name: &str, fold: Fold) -> String {
    if name.is_ascii() {
        return name.to_ascii_uppercase();
    }
    let seen: String = name.chars().filter(|c| !is_ignored(*c)).collect();
    fold(&seen)
}

/// [`name_key`] of each part of a path.
pub fn path_key(path: &str, fold: Fold) -> String {
    if path.is_ascii() {
        return path.to_ascii_uppercase();
    }
    let parts: Vec<String> = path.split('/').map(|part| name_key(part, fold)).collect();
    parts.join("/")
}

/// The general category Cf of Unicode 17: marks for layout, which Chromium allows in no name.
pub fn is_format(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
            | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0001}'
            | '\u{e0020}'..='\u{e007f}'
    )
}

/// What some systems pass over when they compare names: the above, and Default_Ignorable_Code_Point.
fn is_ignored(c: char) -> bool {
    is_format(c)
        || matches!(
            c,
            '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{2065}'
                | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// What a browser does, by a library.
#[cfg(test)]
pub fn native(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    let form_c: String = text.nfc().collect();
    form_c.to_lowercase().to_uppercase().nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_some_system_takes_for_one_have_one_key() {
        for (one, other) in [
            ("a.txt", "A.TXT"),
            ("caf\u{e9}", "cafe\u{301}"),
            ("CAFE\u{301}", "caf\u{e9}"),
            ("straße", "STRASSE"),
            ("STRAẞE", "strasse"),
            ("\u{130}", "i\u{307}"),
            ("I", "\u{131}"),
            ("ΟΔΟΣ", "οδος"),
            ("οδοσ", "οδος"),
            ("\u{212a}elvin", "kelvin"),
            ("\u{212b}", "a\u{30a}"),
            ("ﬁ", "FI"),
            ("\u{1fb4}", "\u{391}\u{301}\u{345}"),
            ("\u{ac00}", "\u{1100}\u{1161}"),
            ("a\u{200b}b", "ab"),
            ("❤\u{fe0f}", "❤"),
            ("q\u{307}\u{323}", "q\u{323}\u{307}"),
        ] {
            assert_eq!(name_key(one, &native), name_key(other, &native), "{one} {other}");
        }
    }

    #[test]
    fn other_names_have_other_keys() {
        for (one, other) in
            [("e", "é"), ("a", "b"), ("²", "2"), ("①", "1"), ("ー", "一"), ("ss", "s")]
        {
            assert_ne!(name_key(one, &native), name_key(other, &native), "{one} {other}");
        }
        assert_eq!(path_key("É/b", &native), "É/B");
    }
}
