//! Hostile names, alone and together.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::fold::native;
use super::*;

fn safe_paths(paths: &[&str]) -> Vec<String> {
    super::safe_paths(paths, &[], &native).files
}

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
fn names_that_are_one_on_some_system_part() {
    assert_eq!(
        safe_paths(&["caf\u{e9}.txt", "cafe\u{301}.txt", "CAFE\u{301}.TXT"]),
        ["caf\u{e9}.txt", "cafe\u{301} (2).txt", "CAFE\u{301} (3).TXT"]
    );
    assert_eq!(safe_paths(&["\u{212a}", "k"]), ["\u{212a}", "k (2)"]);
    assert_eq!(safe_paths(&["ά/x", "α\u{301}/X"]), ["ά/x", "α\u{301}/X (2)"]);
    assert_eq!(safe_paths(&["É", "e\u{301}/x"]), ["É (2)", "e\u{301}/x"]);
    assert_eq!(safe_paths(&["a\u{200b}", "a"]), ["a\u{200b}", "a (2)"]);
}

#[test]
fn empty_folders_are_kept_once_and_no_file_has_their_name() {
    let files = ["a", "B/c", "d"];
    let folders = ["A", "b", "x/../y", "X/Y", "d/e/f", "", "caf\u{e9}", "cafe\u{301}"];
    let safe = super::safe_paths(&files, &folders, &native);
    assert_eq!(safe.files, ["a (2)", "B/c", "d (2)"]);
    assert_eq!(safe.folders, ["A", "x/y", "d/e/f", "unnamed", "caf\u{e9}"]);
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
        "[éE\u{301}e\u{212a}kßsSẞİiı]{0,3}",
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
        let keys: HashSet<String> = safe.iter().map(|path| path_key(path, &native)).collect();
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
                prop_assert!(!keys.contains(&path_key(&path[..slash], &native)));
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
