//! A name that no browser changes when it saves a file, and none refuses in a folder.
//!
//! The rules are those of Chromium (`net::GenerateFileName`, `base::i18n::IsFilenameLegal`, the checks of
//! `FileSystemDirectoryHandle`) and of Firefox (`nsExternalHelperAppService::SanitizeFileName`), of all systems
//! together. What is applied before a file is saved is the name that the page can tell.

use super::fold::is_format;
use super::safe_path::{clean_part, cut, is_trailing, split_extension};

/// Bytes of such a name. While a browser writes, it appends up to 11 of its own (`.crdownload`), and every common
/// file system takes 255.
pub const MAX_PORTABLE_BYTES: usize = 240;
/// Endings that act by themselves on some system.
const ACTIVE: [&str; 5] = [".desktop", ".lnk", ".local", ".scf", ".url"];
/// Files that Windows itself reads, whatever is in them.
const READ_BY_WINDOWS: [&str; 2] = ["desktop.ini", "thumbs.db"];
/// What Firefox appends to the active ones.
const PASSIVE: &str = ".download";
/// Name of what is left without one.
const UNNAMED: &str = "unnamed";

/// The name under which any browser saves a file of this name.
pub fn download_name(name: &str) -> String {
    let name = without_odd_characters(name);
    // A dot at the start hides a file on some systems, so browsers drop it.
    finished(name.trim_start_matches(is_trailing))
}

/// The name to try in a folder if the browser refuses this one. There a dot may come first.
pub fn folder_name(name: &str) -> String {
    let name = without_odd_characters(name);
    let rest = finished(name.trim_start_matches(is_trailing));
    let hidden = format!(".{rest}");
    // With nothing before it, an ending is all there is.
    if name.starts_with('.') && !is_active(&hidden) { hidden } else { rest }
}

/// Others in the place of characters that browsers replace, and one space where they make several one.
fn without_odd_characters(name: &str) -> String {
    let mut kept = String::with_capacity(name.len());
    for c in clean_part(name).chars() {
        let c = match c {
            '~' | '%' | '/' | '\\' => '_',
            c if is_format(c) || is_noncharacter(c) => '_',
            '\u{3000}' => c,
            c if c.is_whitespace() => ' ',
            c => c,
        };
        if !(c.is_whitespace() && kept.ends_with(char::is_whitespace)) {
            kept.push(c);
        }
    }
    kept
}

fn finished(name: &str) -> String {
    let mut name = clean_part(name);
    if let Some(dot) = name.rfind('.') {
        // Firefox takes spaces out of what it thinks is the extension, however long.
        let extension: String = name.split_off(dot).split_whitespace().collect();
        name.push_str(&extension);
    }
    if READ_BY_WINDOWS.iter().any(|own| name.eq_ignore_ascii_case(own)) {
        name = name.replacen('.', "_.", 1);
    }
    let passive = if is_active(&name) { PASSIVE } else { "" };
    let (stem, extension) = split_extension(&name);
    let mut kept = cut(stem, MAX_PORTABLE_BYTES - passive.len() - 1 - extension.len());
    if kept.len() < stem.len() || extension.is_empty() {
        kept = kept.trim_end_matches(is_trailing);
    }
    let name = format!("{kept}{extension}{passive}");
    // Chromium has a name of its own in place of such.
    if name.trim_matches(['-', '_']).is_empty() { UNNAMED.to_owned() } else { name }
}

fn is_active(name: &str) -> bool {
    let Some(dot) = name.rfind('.') else { return false };
    let extension = &name[dot..];
    // `{…}` is the number of a class, which Windows takes for the kind of file.
    ACTIVE.iter().any(|active| extension.eq_ignore_ascii_case(active))
        || (extension.starts_with(".{") && extension.ends_with('}'))
}

/// What is no character in any version of Unicode.
fn is_noncharacter(c: char) -> bool {
    let c = u32::from(c);
    c & 0xfffe == 0xfffe || (0xfdd0..=0xfdef).contains(&c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::safe_path::safe_paths;
    use super::*;

    #[test]
    fn names_that_browsers_keep_stay() {
        for name in [
            "report.pdf",
            "a (2).tar.gz",
            "no ending",
            "отчёт за год.docx",
            "日本 2.txt",
            "-rf",
            "it's; #1 + 2 = 3.txt",
        ] {
            assert_eq!(download_name(name), name);
            assert_eq!(folder_name(name), name);
        }
    }

    #[test]
    fn what_browsers_change_is_changed_before() {
        for (name, saved) in [
            (".env", "env"),
            ("..a", "a"),
            (". .gitignore", "gitignore"),
            (".con", "con_"),
            ("settings.local", "settings.local.download"),
            ("a.LNK", "a.LNK.download"),
            (".url", "url"),
            (
                "a.{2227a280-3aea-1069-a2de-08002b30309d}",
                "a.{2227a280-3aea-1069-a2de-08002b30309d}.download",
            ),
            ("a~1.txt", "a_1.txt"),
            ("100% sure.txt", "100_ sure.txt"),
            ("zero\u{200b}width.txt", "zero_width.txt"),
            ("👩\u{200d}👧.png", "👩_👧.png"),
            ("two  spaces\u{a0}.txt", "two spaces .txt"),
            ("Mr. Smith", "Mr.Smith"),
            ("end. ", "end"),
            ("desktop.ini", "desktop_.ini"),
            ("Thumbs.db", "Thumbs_.db"),
            ("clock$", "clock$_"),
            ("--_", "unnamed"),
            ("...", "unnamed"),
            ("a\u{ffff}b", "a_b"),
        ] {
            assert_eq!(download_name(name), saved, "{name}");
        }
    }

    #[test]
    fn in_a_folder_a_dot_may_come_first() {
        assert_eq!(folder_name(".env"), ".env");
        assert_eq!(folder_name(".config~"), ".config_");
        assert_eq!(folder_name("..a.local"), ".a.local.download");
    }

    #[test]
    fn long_names_leave_room_for_what_browsers_append() {
        let long = download_name(&format!("{}.jpeg", "я".repeat(125)));
        assert!(long.len() <= MAX_PORTABLE_BYTES && long.ends_with("я.jpeg"), "{long}");
        let active = folder_name(&format!(".{}.lnk", "x".repeat(250)));
        assert!(
            active.len() <= MAX_PORTABLE_BYTES && active.ends_with("x.lnk.download"),
            "{active}"
        );
    }

    fn name() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a.~% _-]{0,6}",
            "[.]{0,2}[a-c ]{0,3}[.](lnk|local|url|[{]a[}]| b)",
            "\\PC{0,20}",
            "[aя. ]{238,246}[.][a-c ]{0,40}",
            "[a\u{200b}\u{200d}\u{ffff}\u{3000}\u{2028}. ]{0,6}",
        ]
    }

    proptest! {
        #[test]
        fn no_browser_has_anything_left_to_change(name in name()) {
            let offered = safe_paths(&[&name.replace(['/', '\\'], "")], &[], &super::super::fold::native);
            for (saved, in_folder) in [(download_name(&name), false), (folder_name(&offered.files[0]), true)] {
                prop_assert!(!saved.is_empty() && saved.len() <= MAX_PORTABLE_BYTES);
                prop_assert!(!saved.contains(['~', '%', '/', '\\', '<', '>', ':', '"', '|', '?', '*']), "{}", saved);
                prop_assert!(!saved.contains("  "));
                prop_assert!(!saved.chars().any(|c| c.is_control() || is_format(c) || is_noncharacter(c)));
                prop_assert!(!saved.starts_with(char::is_whitespace) && !saved.ends_with(is_trailing));
                prop_assert!(in_folder || !saved.starts_with('.'));
                prop_assert!(!is_active(&saved), "{}", saved);
                let again = if in_folder { folder_name(&saved) } else { download_name(&saved) };
                prop_assert_eq!(again, saved);
            }
        }
    }
}
