//! Hostile paths, made safe for any system.
//!
//! The result has one path for each that came in, in the same order. Each is relative, of at most
//! [`MAX_PATH_DEPTH`] parts of 1 to [`MAX_PART_BYTES`] bytes with `/` between them; no part is `.` or `..`, means a
//! device on Windows, or holds a character that some system refuses or that hides what is there. No two are the
//! same, and none is a folder of another, on systems that do not tell upper from lower case either.

use std::collections::{HashMap, HashSet};

use crate::foreign_text::cleaned;
use crate::protocol::limits::{MAX_PATH_BYTES, MAX_PATH_DEPTH};

/// UTF-8 bytes of one part of a path. Every common file system takes as many.
pub const MAX_PART_BYTES: usize = 255;
/// Bytes at the end of a name that count as its extension at most; more is a name with a dot in it.
const MAX_EXTENSION_BYTES: usize = 32;
/// Room for the longest number that a second file of the same name gets.
const NUMBER_BYTES: usize = " (4294967295)".len();
/// Name of what is left without one.
const UNNAMED: &str = "unnamed";

/// Makes a room's paths safe; see the module. Together, because files of one name must part.
pub fn safe_paths(paths: &[&str]) -> Vec<String> {
    let cleaned: Vec<Vec<String>> = paths.iter().map(|path| clean_path(path)).collect();
    let mut taken = folders(&cleaned);
    // First come, first named; the numbered ones take what is left, so that no number displaces a real name.
    let mut result: Vec<Option<String>> = cleaned
        .iter()
        .map(|parts| {
            let path = parts.join("/");
            taken.insert(fold_case(&path)).then_some(path)
        })
        .collect();
    let mut numbers: HashMap<String, u32> = HashMap::new();
    for (path, parts) in result.iter_mut().zip(&cleaned) {
        if path.is_none() {
            *path = Some(numbered(parts, &mut taken, &mut numbers));
        }
    }
    result.into_iter().flatten().collect()
}

/// A name or path as text on a page: see [`cleaned`].
pub fn shown_name(path: &str) -> String {
    let shown = cleaned(path, MAX_PATH_BYTES);
    if shown.is_empty() { UNNAMED.to_owned() } else { shown }
}

fn clean_path(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = path
        .split(['/', '\\'])
        .filter(|part| !is_drive(part))
        .map(clean_part)
        .filter(|part| !part.is_empty())
        .collect();
    match parts.pop() {
        None => vec![UNNAMED.to_owned()],
        Some(name) => {
            parts.truncate(MAX_PATH_DEPTH - 1);
            parts.push(name);
            parts
        }
    }
}

/// One folder or name; empty if nothing is left of it.
fn clean_part(part: &str) -> String {
    let kept: String = part.chars().filter(|c| !is_control(*c) && !is_reserved(*c)).collect();
    let part = kept.trim_start().trim_end_matches(is_trailing);
    let mut part = match device_name_bytes(part) {
        Some(bytes) => {
            let (device, rest) = part.split_at(bytes);
            format!("{device}_{rest}")
        }
        None => part.to_owned(),
    };
    if part.len() > MAX_PART_BYTES {
        let (stem, extension) = split_extension(&part);
        let stem = cut(stem, MAX_PART_BYTES - extension.len()).trim_end_matches(is_trailing);
        part = format!("{stem}{extension}");
    }
    part
}

/// `C:`, which names a drive on Windows.
fn is_drive(part: &str) -> bool {
    let mut chars = part.trim().chars();
    matches!((chars.next(), chars.next(), chars.next()), (Some(letter), Some(':'), None) if letter.is_ascii_alphabetic())
}

/// Controls, line and paragraph separators, and what changes the direction of text (UAX 9, section 2).
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What Windows allows in no name.
fn is_reserved(c: char) -> bool {
    matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*')
}

/// What Windows drops from the end of a name, so that two names become one.
fn is_trailing(c: char) -> bool {
    c == '.' || c.is_whitespace()
}

/// Bytes at the start of a part that mean a device on Windows, whatever extension follows.
fn device_name_bytes(part: &str) -> Option<usize> {
    let stem = part.split('.').next()?.trim_end();
    let upper = stem.to_ascii_uppercase();
    let device = match upper.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" => true,
        _ => {
            let number = upper.strip_prefix("COM").or_else(|| upper.strip_prefix("LPT"));
            number.is_some_and(|number| {
                let mut digits = number.chars();
                let digit = digits.next().is_some_and(|d| matches!(d, '0'..='9' | '¹' | '²' | '³'));
                digit && digits.next().is_none()
            })
        }
    };
    device.then_some(stem.len())
}

/// Name and extension, the dot with the extension. A leading dot begins a name.
fn split_extension(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= MAX_EXTENSION_BYTES => name.split_at(dot),
        _ => (name, ""),
    }
}

/// At most so many bytes of a text, cut between characters.
fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

/// Every folder that a path names, folded.
fn folders(paths: &[Vec<String>]) -> HashSet<String> {
    let mut folders = HashSet::new();
    for parts in paths {
        let mut folder = String::new();
        for part in parts.iter().take(parts.len() - 1) {
            if !folder.is_empty() {
                folder.push('/');
            }
            folder.push_str(&fold_case(part));
            if !folders.contains(&folder) {
                folders.insert(folder.clone());
            }
        }
    }
    folders
}

/// The same for names that a system takes for the same. Upper case makes `ß` and `SS` one, as some do.
fn fold_case(text: &str) -> String {
    text.to_uppercase()
}

/// The first free `name (2).txt`, `name (3).txt` and so on.
fn numbered(
    parts: &[String],
    taken: &mut HashSet<String>,
    numbers: &mut HashMap<String, u32>,
) -> String {
    let (name, folders) = parts.split_last().map_or(("", &[][..]), |(n, f)| (n.as_str(), f));
    let (stem, extension) = split_extension(name);
    // Cut before the number is known, so that names alike but for their cut ends count together: otherwise each
    // would begin at 2 again, and many of them take quadratic time.
    let stem = cut(stem, MAX_PART_BYTES - NUMBER_BYTES - extension.len());
    let mut folder = folders.join("/");
    if !folder.is_empty() {
        folder.push('/');
    }
    let number = numbers.entry(fold_case(&format!("{folder}{stem}{extension}"))).or_insert(1);
    loop {
        *number += 1;
        let path = format!("{folder}{stem} ({number}){extension}");
        if taken.insert(fold_case(&path)) {
            return path;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    fn one(path: &str) -> String {
        safe_paths(&[path]).remove(0)
    }

    #[test]
    fn ordinary_paths_in_any_script_stay() {
        for path in [
            "report.pdf",
            "photos/2024/summer (1).jpg",
            ".bashrc",
            "Фото/отпуск.png",
            "日本語/資料.tar.gz",
            "مجلد/ملف.txt",
            "👩‍👩‍👧.gif",
            "a b/c d",
        ] {
            assert_eq!(one(path), path);
        }
    }

    #[test]
    fn no_path_leaves_its_folder() {
        assert_eq!(one("../../etc/passwd"), "etc/passwd");
        assert_eq!(one("/etc/passwd"), "etc/passwd");
        assert_eq!(one("..\\..\\Windows\\x.dll"), "Windows/x.dll");
        assert_eq!(one("C:\\Users\\me\\x"), "Users/me/x");
        assert_eq!(one("C:x"), "Cx");
        assert_eq!(one("a/./b//c/"), "a/b/c");
        assert_eq!(one("\\\\server\\share\\x"), "server/share/x");
        assert_eq!(one(".\u{202e}./x"), "x");
        assert_eq!(one(".\0./<.>./x"), "x");
    }

    #[test]
    fn what_has_no_name_gets_one() {
        for path in ["", "/", "..", "...", " . ", "C:", "\u{202e}", "???", "\n"] {
            assert_eq!(one(path), "unnamed", "{path:?}");
        }
        assert_eq!(safe_paths(&["", "", ""]), ["unnamed", "unnamed (2)", "unnamed (3)"]);
    }

    #[test]
    fn what_hides_or_breaks_a_name_is_dropped() {
        assert_eq!(one("invoice\u{202e}fdp.exe"), "invoicefdp.exe");
        assert_eq!(one("a\u{2066}b\u{200f}c\r\nd\u{7f}\u{85}.txt"), "abcd.txt");
        assert_eq!(one("what? <yes> \"no\" a|b*.txt"), "what yes no ab.txt");
        assert_eq!(one("notes.txt. . "), "notes.txt");
        assert_eq!(one(" x"), "x");
        assert_eq!(one("file.txt::$DATA"), "file.txt$DATA");
    }

    #[test]
    fn devices_become_files() {
        assert_eq!(one("CON"), "CON_");
        assert_eq!(one("nul.txt"), "nul_.txt");
        assert_eq!(one("aux /COM1.tar.gz"), "aux_/COM1_.tar.gz");
        assert_eq!(one("lpt¹"), "lpt¹_");
        assert_eq!(one("con .txt"), "con_ .txt");
        assert_eq!(one("CONIN$"), "CONIN$_");
        for name in ["CONSOLE", "COM", "COM10", "xCON", "com1x.txt"] {
            assert_eq!(one(name), name);
        }
    }

    #[test]
    fn long_parts_keep_their_extension() {
        let long = one(&format!("{}.jpeg", "я".repeat(300)));
        assert!(long.len() <= 255 && long.ends_with("я.jpeg"), "{long}");
        assert!(long.len() > 250);
        let dotted = one(&format!("a.{}", "x".repeat(400)));
        assert_eq!(dotted.len(), 255);
        let folder = one(&format!("{}/x", "d".repeat(256)));
        assert_eq!(folder.len(), 257);
    }

    #[test]
    fn deep_paths_keep_their_name() {
        let path = one(&format!("{}name.txt", "d/".repeat(100)));
        assert_eq!(path.split('/').count(), MAX_PATH_DEPTH);
        assert!(path.ends_with("/name.txt"));
    }

    #[test]
    fn files_of_one_name_part() {
        assert_eq!(
            safe_paths(&["a.txt", "A.TXT", "b/../a.txt", "a (2).txt", "x/a.txt"]),
            ["a.txt", "A (3).TXT", "b/a.txt", "a (2).txt", "x/a.txt"]
        );
        assert_eq!(safe_paths(&["straße", "STRASSE"]), ["straße", "STRASSE (2)"]);
        assert_eq!(safe_paths(&[".env", ".env"]), [".env", ".env (2)"]);
    }

    #[test]
    fn a_file_is_never_a_folder_too() {
        assert_eq!(safe_paths(&["a", "A/b", "a/b/c"]), ["a (2)", "A/b (2)", "a/b/c"]);
    }

    #[test]
    fn twenty_thousand_hostile_names_take_no_time() {
        let began = Instant::now();
        let mut paths = vec!["same.txt".to_owned(); 10_000];
        paths.extend((2..5_000).map(|n| format!("same ({n}).txt")));
        let long = "x".repeat(245);
        paths.extend((0..2_500).flat_map(|n| [format!("{long}{n:09}"), format!("{long}{n:09}")]));
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let safe = safe_paths(&paths);
        assert_eq!(safe.iter().collect::<HashSet<_>>().len(), paths.len());
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }

    #[test]
    fn shown_names_are_one_line_in_one_direction() {
        assert_eq!(shown_name("a/b\u{202e}gnp.exe\n"), "a/bgnp.exe");
        assert_eq!(shown_name("<b>Ж</b>"), "<b>Ж</b>");
        assert_eq!(shown_name(" \u{2069}"), "unnamed");
    }

    fn hostile_path() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            Just("..".to_owned()),
            Just("con".to_owned()),
            Just("C:".to_owned()),
            "[aAbB. ]{0,3}",
            "[aß\u{202e}<:.\\\\\0 ]{0,6}",
            "\\PC{0,20}",
            "[aя]{250,260}[.]x",
        ];
        let depth = prop_oneof![9 => 0..5_usize, 1 => 30..40_usize];
        depth
            .prop_flat_map(move |depth| prop::collection::vec(part.clone(), depth))
            .prop_map(|parts| parts.join("/"))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
        #[test]
        fn every_path_is_safe_and_unique(paths in prop::collection::vec(hostile_path(), 0..12)) {
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            let safe = safe_paths(&paths);
            prop_assert_eq!(safe.len(), paths.len());
            let keys: HashSet<String> = safe.iter().map(|path| fold_case(path)).collect();
            prop_assert_eq!(keys.len(), safe.len());
            for path in &safe {
                prop_assert!(path.split('/').count() <= MAX_PATH_DEPTH);
                for part in path.split('/') {
                    prop_assert!(!part.is_empty() && part.len() <= MAX_PART_BYTES);
                    prop_assert!(!part.ends_with(['.', ' ']) && !part.starts_with(' '));
                    prop_assert!(!part.chars().any(|c| is_control(c) || is_reserved(c) || c == '\\'));
                    prop_assert!(device_name_bytes(part).is_none());
                }
                for (slash, _) in path.match_indices('/') {
                    prop_assert!(!keys.contains(&fold_case(&path[..slash])));
                }
            }
        }

        #[test]
        fn what_is_safe_stays(paths in prop::collection::vec(hostile_path(), 0..10)) {
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            let safe = safe_paths(&paths);
            let again: Vec<&str> = safe.iter().map(String::as_str).collect();
            prop_assert_eq!(safe_paths(&again), safe);
        }
    }
}
