//! How loud and how fast the person likes it, where the browser lets pages remember.

use js_sys::Reflect;

use crate::browser::support::global;
use crate::media::sound::Sound;

/// Of a player of files, and of what is heard live, whose loudness somebody else sets as well.
const PLAYER: &str = "transfer4me.sound";
const LIVE: &str = "transfer4me.live_sound";

/// Which of them.
#[derive(Clone, Copy)]
pub enum Heard {
    Player,
    Live,
}

impl Heard {
    fn key(self) -> &'static str {
        match self {
            Self::Player => PLAYER,
            Self::Live => LIVE,
        }
    }

    /// What the person set last.
    pub fn recall(self) -> Sound {
        // A browser may refuse the storage itself, by an exception.
        let text = global(&["localStorage", self.key()]).ok().and_then(|text| text.as_string());
        Sound::parse(&text.unwrap_or_default())
    }

    /// Keeps it.
    pub fn remember(self, sound: Sound) {
        if let Ok(storage) = global(&["localStorage"]) {
            let _ = Reflect::set(&storage, &self.key().into(), &sound.to_string().into());
        }
    }
}
