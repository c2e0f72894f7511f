//! Hostile paths, made safe for any system.
//!
//! The result has one path for each that came in, in the same order. Each is relative, of at most
//! [`MAX_PATH_DEPTH`] parts of 1 to [`MAX_PART_BYTES`] bytes with `/` between them; no part is `.` or `..`, means a
//! device on Windows, or holds a character that some system refuses or that hides what is there. No two are the
//! same, and none is a folder of another, on systems either that do not tell upper from lower case, or one form of
//! Unicode from another: see [`super::fold`].

use std::collections::{HashMap, HashSet};

use super::fold::{Fold, name_key, path_key};
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

/// A room's paths, made safe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SafePaths {
    /// One for each file, in the same order.
    pub files: Vec<String>,
    /// Those of the folders that no file is in, each once.
    pub folders: Vec<String>,
}

/// Makes a room's paths safe; see the module. Together, because files of one name must part.
pub fn safe_paths(files: &[&str], folders: &[&str], fold: Fold) -> SafePaths {
    let cleaned: Vec<Vec<String>> = files.iter().map(|path| clean_path(path)).collect();
    let mut taken = folders_of(&cleaned, fold);
    let mut empty = Vec::new();
    for path in folders {
        let parts = clean_path(path);
        // With the folders on its way, none of which is a file then.
        let above = folders_of(std::slice::from_ref(&parts), fold);
        let path = parts.join("/");
        if taken.insert(path_key(&path, fold)) {
            empty.push(path);
        }
        taken.extend(above);
    }
    // First come, first named; the numbered ones take what is left, so that no number displaces a real name.
    let mut result: Vec<Option<String>> = cleaned
        .iter()
        .map(|parts| {
            let path = parts.join("/");
            taken.insert(path_key(&path, fold)).then_some(path)
        })
        .collect();
    let mut numbers: HashMap<String, u32> = HashMap::new();
    for (path, parts) in result.iter_mut().zip(&cleaned) {
        if path.is_none() {
            *path = Some(numbered(parts, &mut taken, &mut numbers, fold));
        }
    }
    SafePaths { files: result.into_iter().flatten().collect(), folders: empty }
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
pub fn clean_part(part: &str) -> String {
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
pub fn is_trailing(c: char) -> bool {
    c == '.' || c.is_whitespace()
}

/// Bytes at the start of a part that mean a device on Windows, whatever extension follows.
fn device_name_bytes(part: &str) -> Option<usize> {
    let stem = part.split('.').next()?.trim_end();
    let upper = stem.to_ascii_uppercase();
    let device = match upper.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" | "CLOCK$" | "CONIN$" | "CONOUT$" => true,
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
pub fn split_extension(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= MAX_EXTENSION_BYTES => name.split_at(dot),
        _ => (name, ""),
    }
}

/// At most so many bytes of a text, cut between characters.
pub fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

/// The key of every folder that a path names.
fn folders_of(paths: &[Vec<String>], fold: Fold) -> HashSet<String> {
    let mut folders = HashSet::new();
    for parts in paths {
        let mut folder = String::new();
        for part in parts.iter().take(parts.len() - 1) {
            if !folder.is_empty() {
                folder.push('/');
            }
            folder.push_str(&name_key(part, fold));
            if !folders.contains(&folder) {
                folders.insert(folder.clone());
            }
        }
    }
    folders
}

/// The same name with a number, as browsers do: `name (2).txt`. It is cut to leave room for any number, so that names
/// alike but for their cut ends stay alike.
pub fn with_number(name: &str, number: u32) -> String {
    let (stem, extension) = numberless(name);
    format!("{stem} ({number}){extension}")
}

fn numberless(name: &str) -> (&str, &str) {
    let (stem, extension) = split_extension(name);
    (cut(stem, MAX_PART_BYTES - NUMBER_BYTES - extension.len()), extension)
}

/// The first free `name (2).txt`, `name (3).txt` and so on.
fn numbered(
    parts: &[String],
    taken: &mut HashSet<String>,
    numbers: &mut HashMap<String, u32>,
    fold: Fold,
) -> String {
    let (name, folders) = parts.split_last().map_or(("", &[][..]), |(n, f)| (n.as_str(), f));
    let mut folder = folders.join("/");
    if !folder.is_empty() {
        folder.push('/');
    }
    let folder_key = path_key(&folder, fold);
    // By what is left when cut, so that names alike but for their cut ends count together: otherwise each would
    // begin at 2 again, and many of them take quadratic time.
    let (stem, extension) = numberless(name);
    let alike = format!("{folder_key}{}", name_key(&format!("{stem}{extension}"), fold));
    let number = numbers.entry(alike).or_insert(1);
    loop {
        *number += 1;
        let name = with_number(name, *number);
        if taken.insert(format!("{folder_key}{}", name_key(&name, fold))) {
            return format!("{folder}{name}");
        }
    }
}

#[cfg(test)]
mod tests;
