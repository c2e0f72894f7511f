//! Where the person stopped listening, for each of the last rooms.

use js_sys::Reflect;

use crate::browser::support::global;

/// Lines of room, file and tenths of a second; the latest first.
const KEY: &str = "transfer4me.places";
const MAX_ROOMS: usize = 20;

/// File and seconds where the person stopped in this room.
pub fn recall(room: &str) -> Option<(usize, f64)> {
    let text = global(&["localStorage", KEY]).ok()?.as_string()?;
    let line = text.lines().find_map(|line| line.strip_prefix(room)?.strip_prefix(' '))?;
    let (file, seconds) = line.split_once(' ')?;
    let tenths: u32 = seconds.parse().ok()?;
    Some((file.parse().ok()?, f64::from(tenths) / 10.0))
}

/// Keeps it, where the browser lets pages remember.
pub fn remember(room: &str, file: usize, seconds: f64) {
    keep(room, Some(format!("{room} {file} {}", (seconds * 10.0) as u32)));
}

/// Nobody goes on there: what was played came to its end.
pub fn forget(room: &str) {
    keep(room, None);
}

fn keep(room: &str, own: Option<String>) {
    let Ok(storage) = global(&["localStorage"]) else { return };
    let old = Reflect::get(&storage, &KEY.into()).ok().and_then(|text| text.as_string());
    let old = old.unwrap_or_default();
    let others = old.lines().filter(|line| line.split(' ').next() != Some(room));
    let lines: Vec<&str> = own.as_deref().into_iter().chain(others).take(MAX_ROOMS).collect();
    let _ = Reflect::set(&storage, &KEY.into(), &lines.join("\n").into());
}
