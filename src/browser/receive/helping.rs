//! Whether this page passes on what it has: what the person chose last, or what suits their connection.

use js_sys::Reflect;

use crate::browser::support::global;

/// Where the choice is kept between visits: `1` or `0`.
const CHOICE: &str = "transfer4me.helps";

/// What the person chose last; else yes, unless the connection is known to be paid for by the byte.
pub fn helps() -> bool {
    let choice = global(&["localStorage", CHOICE]).ok().and_then(|choice| choice.as_string());
    choice.map_or_else(|| !is_metered(), |choice| choice == "1")
}

/// Remembers the choice, where the browser lets pages remember.
pub fn remember(helps: bool) {
    if let Ok(storage) = global(&["localStorage"]) {
        let choice = if helps { "1" } else { "0" };
        let _ = Reflect::set(&storage, &CHOICE.into(), &choice.into());
    }
}

/// Only some browsers tell; the others are taken to be at home.
fn is_metered() -> bool {
    let connection = |field| global(&["navigator", "connection", field]);
    let holds = |field| connection(field).is_ok_and(|value| value.is_truthy());
    holds("saveData") || holds("metered") || connection("type").is_ok_and(|kind| kind == "cellular")
}
