//! The lock screen and the media keys (Media Session). Where a browser has none, nothing happens.

use std::rc::Rc;

use js_sys::{Array, Function, Object, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use super::player::Inner;
use crate::browser::support::global;
use crate::media::lock_screen::Place;
use crate::transfer::PlayerCommand;

#[wasm_bindgen]
extern "C" {
    type MediaSession;
    #[wasm_bindgen(method, catch, js_name = setActionHandler)]
    fn set_action_handler(
        this: &MediaSession,
        action: &str,
        handler: Option<&Function>,
    ) -> Result<(), JsValue>;
    #[wasm_bindgen(method, setter)]
    fn set_metadata(this: &MediaSession, metadata: &JsValue);
    #[wasm_bindgen(method, setter, js_name = playbackState)]
    fn set_playback_state(this: &MediaSession, state: &str);
    #[wasm_bindgen(method, catch, js_name = setPositionState)]
    fn set_position_state(this: &MediaSession, state: &JsValue) -> Result<(), JsValue>;

    type MediaMetadata;
    #[wasm_bindgen(constructor, catch)]
    fn new(init: &JsValue) -> Result<MediaMetadata, JsValue>;
}

/// What each key does. Seeks are told apart by their details.
pub const ACTIONS: &[&str] = &[
    "play",
    "pause",
    "stop",
    "previoustrack",
    "nexttrack",
    "seekbackward",
    "seekforward",
    "seekto",
];
/// Seconds of a jump whose length the browser leaves to the page.
const JUMP_SECONDS: f64 = 10.0;

/// Those of what is heard live, which nobody but the sender moves.
pub const LIVE_ACTIONS: &[&str] = &["play", "pause", "stop"];

/// The page's session; dropping it gives the keys back.
pub struct Session {
    actions: &'static [&'static str],
    session: MediaSession,
    _handlers: Vec<Closure<dyn FnMut(JsValue)>>,
}

impl Session {
    /// Takes these keys, if there are any.
    pub fn take(
        actions: &'static [&'static str],
        act: impl Fn(PlayerCommand) + Clone + 'static,
    ) -> Option<Self> {
        let session = global(&["navigator", "mediaSession"]).ok().filter(JsValue::is_object)?;
        let session: MediaSession = session.unchecked_into();
        let mut handlers = Vec::new();
        for &action in actions {
            let act = act.clone();
            let handler = Closure::<dyn FnMut(JsValue)>::new(move |details: JsValue| {
                let number = |name: &str| Reflect::get(&details, &name.into()).ok()?.as_f64();
                let jump = number("seekOffset").unwrap_or(JUMP_SECONDS);
                let command = match action {
                    "play" => PlayerCommand::Play,
                    "pause" | "stop" => PlayerCommand::Pause,
                    "previoustrack" => PlayerCommand::Previous,
                    "nexttrack" => PlayerCommand::Next,
                    "seekbackward" => PlayerCommand::SeekBy(-jump),
                    "seekforward" => PlayerCommand::SeekBy(jump),
                    _ => match number("seekTime") {
                        Some(seconds) => PlayerCommand::SeekTo(seconds),
                        None => return,
                    },
                };
                act(command);
            });
            // Browsers throw for actions that they do not know.
            let _ = session.set_action_handler(action, Some(handler.as_ref().unchecked_ref()));
            handlers.push(handler);
        }
        Some(Self { actions, session, _handlers: handlers })
    }

    /// What is played. `artwork` is the address of a picture.
    pub fn show(&self, title: &str, artist: &str, album: &str, artwork: Option<&str>) {
        let entries = Object::new();
        for (name, value) in [("title", title), ("artist", artist), ("album", album)] {
            set(&entries, name, &value.into());
        }
        if let Some(address) = artwork {
            let image = Object::new();
            set(&image, "src", &address.into());
            set(&entries, "artwork", &Array::of1(&image));
        }
        if let Ok(metadata) = MediaMetadata::new(&entries) {
            self.session.set_metadata(&metadata);
        }
    }

    /// Whether it plays, and where it is, if that is known.
    pub fn tell(&self, playing: bool, place: Option<Place>) {
        self.session.set_playback_state(if playing { "playing" } else { "paused" });
        let state = Object::new();
        if let Some(place) = place {
            let Place { duration, position, rate } = place;
            for (name, value) in
                [("duration", duration), ("position", position), ("playbackRate", rate)]
            {
                set(&state, name, &value.into());
            }
        }
        // Without a duration it is cleared. A browser that lacks it throws.
        let _ = self.session.set_position_state(&state);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for action in self.actions {
            let _ = self.session.set_action_handler(action, None);
        }
        self.session.set_metadata(&JsValue::NULL);
        self.session.set_playback_state("none");
        let _ = self.session.set_position_state(&Object::new());
    }
}

impl Inner {
    /// The lock screen is this player's from now on, if it was not.
    pub(super) fn take_session(self: &Rc<Self>) {
        let Some(track) = self.current() else { return };
        if self.session.borrow().is_none() {
            let this = Rc::downgrade(self);
            self.session.replace(Session::take(ACTIONS, move |command| {
                if let Some(inner) = this.upgrade() {
                    inner.act(command);
                }
            }));
        }
        if let Some(session) = &*self.session.borrow() {
            match &*self.tags.borrow() {
                Some(tags) => {
                    let artwork = tags.picture.as_ref().map(|picture| picture.address());
                    session.show(tags.title_of(&track), &tags.artist, &tags.album, artwork);
                }
                None => session.show(&track.title, "", "", None),
            }
        }
        self.tell_session();
    }

    /// What the lock screen shows.
    pub(super) fn tell_session(&self) {
        let view = self.view.borrow();
        if let Some(session) = &*self.session.borrow() {
            session.tell(view.playing, Place::new(view.duration, view.position, view.speed));
        }
    }
}

fn set(object: &Object, name: &str, value: &JsValue) {
    // A plain object takes any field.
    let _ = Reflect::set(object, &name.into(), value);
}
