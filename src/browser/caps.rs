//! The limits of speed that the person chose last.

use js_sys::Reflect;

use crate::browser::support::global;
use crate::swarm::status::Caps;

/// Where they are kept between visits: megabits a second up and down with a space between, nothing where there is none.
const CHOICE: &str = "transfer4me.caps";

/// What the person chose last.
pub fn caps() -> Caps {
    let choice = global(&["localStorage", CHOICE]).ok().and_then(|choice| choice.as_string());
    let choice = choice.unwrap_or_default();
    let (upload, download) = choice.split_once(' ').unwrap_or_default();
    Caps { upload: Caps::from_megabits(upload), download: Caps::from_megabits(download) }
}

/// Remembers the choice, where the browser lets pages remember.
pub fn remember(caps: Caps) {
    if let Ok(storage) = global(&["localStorage"]) {
        let [upload, download] = [caps.upload, caps.download].map(Caps::to_megabits);
        let choice = format!("{upload} {download}");
        let _ = Reflect::set(&storage, &CHOICE.into(), &choice.into());
    }
}
