//! Text that a stranger wrote, made fit to stand beside ours: names of files, tags of songs, titles that a host announces.
//!
//! What is left is one line that reads in the order in which it stands, shows every character that it has, stays within
//! its line, and is no longer than it may be. Words in any script stay as they are, emoji as well.

/// Marks on one character at most. No language needs more; hundreds of them run over the lines around.
const MOST_MARKS: usize = 4;
/// Times as many bytes are looked at as characters may be shown.
const MOST_BYTES_PER_CHAR: usize = 16;

/// Cleans a text, and cuts it to so many characters; an ellipsis tells of that.
pub fn cleaned(text: &str, most_chars: usize) -> String {
    let looked_at = text.floor_char_boundary(most_chars.saturating_mul(MOST_BYTES_PER_CHAR));
    let mut cut = looked_at < text.len();
    let mut shown = String::new();
    let (mut chars, mut marks) = (0, 0);
    // A space or a joiner that stands only if something follows that it parts or joins.
    let mut pending = None;
    let mut last = None;
    for c in text[..looked_at].chars().map(plain) {
        let c = match c {
            ' ' if last.is_some() => {
                pending = Some(' ');
                continue;
            }
            c if is_joiner(c) && pending.is_none() && last.is_some_and(may_be_joined) => {
                pending = Some(c);
                continue;
            }
            c if c == ' ' || is_joiner(c) || is_hidden(c) => continue,
            c => c,
        };
        if is_mark(c) {
            // One without a character to stand on, or one too many.
            if last.is_none() || pending == Some(' ') || marks == MOST_MARKS {
                continue;
            }
            marks += 1;
        } else {
            marks = 0;
        }
        let between = pending.take().filter(|p| *p == ' ' || may_be_joined(c));
        if chars + 1 + usize::from(between.is_some()) > most_chars {
            cut = true;
            break;
        }
        chars += 1 + usize::from(between.is_some());
        shown.extend(between);
        shown.push(c);
        last = Some(c);
    }
    if cut {
        shown.push('…');
    }
    shown
}

/// Every kind of space and line end as a space.
fn plain(c: char) -> char {
    let blank = matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}');
    if c.is_whitespace() || blank { ' ' } else { c }
}

/// Zero-width non-joiner and joiner: Persian and Indic words need them, and emoji of several people.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

fn may_be_joined(c: char) -> bool {
    !c.is_ascii() && c != ' '
}

/// What is not seen, or changes what is: controls, direction (UAX 9), what has no width, tags, and what is no character.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        )
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{fdd0}'..='\u{fdef}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}')
        || matches!(c, '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || c as u32 & 0xfffe == 0xfffe
        || matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..)
}

/// Marks that stand above, below or on the character before. Those of scripts that stack them, and those for all scripts.
fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}'..='\u{5c7}'
        | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6dc}' | '\u{6df}'..='\u{6ed}'
        | '\u{711}' | '\u{730}'..='\u{74a}' | '\u{7a6}'..='\u{7b0}' | '\u{7eb}'..='\u{7f3}' | '\u{8d3}'..='\u{903}'
        | '\u{93a}'..='\u{93c}' | '\u{941}'..='\u{948}' | '\u{94d}' | '\u{951}'..='\u{957}' | '\u{981}' | '\u{9bc}'
        | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}' | '\u{eb1}' | '\u{eb4}'..='\u{ebc}'
        | '\u{ec8}'..='\u{ece}' | '\u{f35}' | '\u{f37}' | '\u{f39}' | '\u{f71}'..='\u{f84}' | '\u{f8d}'..='\u{fbc}'
        | '\u{102d}'..='\u{1037}' | '\u{17b6}'..='\u{17d3}' | '\u{1a55}'..='\u{1a7f}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{2de0}'..='\u{2dff}' | '\u{302a}'..='\u{302f}'
        | '\u{3099}' | '\u{309a}' | '\u{a66f}'..='\u{a67d}' | '\u{fb1e}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clean(text: &str) -> String {
        cleaned(text, 200)
    }

    #[test]
    fn words_in_any_script_stay() {
        for text in [
            "Night Train",
            "<b>AC/DC</b> & \"friends\"",
            "Дым — отпуск №1",
            "日本語の資料",
            "مجلد الملف",
            "שָׁלוֹם",
            "เพลงที่ชอบ",
            "हिन्दी में गीत",
            "Việt Nam",
            "cafe\u{301} Z\u{308}",
            // A joiner inside a Persian word, and families, hearts and flags.
            "می\u{200c}خواهم",
            "👩\u{200d}👩\u{200d}👧 ❤\u{fe0f}\u{200d}🔥 🇫🇷",
            "क\u{94d}\u{200d}ष",
        ] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn what_turns_or_hides_is_gone() {
        for (text, shown) in [
            ("song\u{202e}3pm.exe", "song3pm.exe"),
            (
                "\u{2066}a\u{2069}\u{2067}b\u{2068}c\u{200e}d\u{200f}e\u{61c}f\u{202a}\u{202b}\u{202c}\u{202d}g",
                "abcdefg",
            ),
            ("a\0b\u{1b}[31mc\u{7f}d\u{9b}e", "ab[31mcde"),
            ("a\u{200b}b\u{2060}c\u{feff}d\u{ad}e\u{180e}f\u{34f}g", "abcdefg"),
            ("a\u{fffd}b\u{fffe}c\u{fff9}d\u{1fffe}e\u{fdd0}f", "abcdef"),
            ("flag\u{e0067}\u{e0062}\u{e007f}\u{e0001}\u{e0100}", "flag"),
            ("logo \u{f8ff}\u{e000}", "logo"),
            // What joins nothing.
            ("\u{200d}a\u{200d}b\u{200c}", "ab"),
            ("👩\u{200d}", "👩"),
            ("👩\u{200d}\u{200d}\u{200d}👧", "👩\u{200d}👧"),
            ("👩\u{200d}x", "👩x"),
        ] {
            assert_eq!(clean(text), shown, "{text:?}");
        }
    }

    #[test]
    fn it_is_one_line_with_single_spaces() {
        assert_eq!(
            clean("  a\r\n\tb\u{2028}c\u{2029}\u{85}d\u{a0}\u{3000}e\u{3164}\u{2800}f  "),
            "a b c d e f"
        );
        assert_eq!(clean(" \u{200b} \n\u{202e}\u{3164}"), "");
    }

    #[test]
    fn marks_do_not_pile_up() {
        let flood = format!("a{}b", "\u{301}\u{489}".repeat(500));
        assert_eq!(clean(&flood), "a\u{301}\u{489}\u{301}\u{489}b");
        assert_eq!(clean(&format!("ก{}", "\u{e47}".repeat(90))).chars().count(), 5);
        assert_eq!(clean("\u{301}a \u{301}b"), "a b");
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        assert_eq!(cleaned("abcdef", 6), "abcdef");
        assert_eq!(cleaned("abcdefg", 6), "abcdef…");
        assert_eq!(cleaned("abcde fg", 6), "abcde…");
        assert_eq!(cleaned("яблоко!", 6), "яблоко…");
        let long = cleaned(&"я".repeat(50_000_000), 200);
        assert_eq!(long.chars().count(), 201);
        // As many hidden ones before it as one likes are not all looked at.
        assert_eq!(cleaned(&format!("{}a", "\u{200b}".repeat(10_000_000)), 200), "…");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]
        #[test]
        fn whatever_comes_is_fit_to_be_shown(
            text in prop::collection::vec(prop_oneof![
                any::<char>(),
                prop::sample::select(vec![
                    'a', ' ', '\n', '\u{202e}', '\u{200d}', '\u{200c}', '\u{301}', '\u{fe0f}', '👩', 'ф', '\u{e0061}',
                ]),
            ], 0..60),
            most in 0_usize..40,
        ) {
            let text: String = text.into_iter().collect();
            let shown = cleaned(&text, most);
            prop_assert!(shown.chars().count() <= most + 1);
            prop_assert!(!shown.chars().any(is_hidden));
            prop_assert!(!shown.contains("  ") && shown.trim() == shown);
            prop_assert!(!shown.starts_with(is_mark) && !shown.starts_with(is_joiner));
            let mut marks = 0;
            for c in shown.chars() {
                marks = if is_mark(c) { marks + 1 } else { 0 };
                prop_assert!(marks <= MOST_MARKS);
            }
            // What is clean stays.
            if shown.chars().count() <= most {
                prop_assert_eq!(cleaned(&shown, most), shown);
            }
        }
    }
}
