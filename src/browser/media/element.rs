//! The browser's own player.

use std::cell::Cell;

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Element, Event, HtmlMediaElement};

use super::super::error::Error;
use super::super::listener::Listener;
use crate::media::kind::Kind;

/// What is listened to, all with one ear.
const EVENTS: [&str; 14] = [
    "play",
    "pause",
    "playing",
    "waiting",
    "timeupdate",
    "durationchange",
    "loadedmetadata",
    "progress",
    "ended",
    "error",
    "volumechange",
    "ratechange",
    "seeking",
    "seeked",
];

/// An `<audio>` or `<video>`; dropping it silences it.
pub struct MediaElement {
    pub kind: Kind,
    pub element: HtmlMediaElement,
    /// Seconds from the start, where that was found out in another way than by this element; else nothing.
    pub length: Cell<f64>,
    _listeners: Vec<Listener>,
}

impl MediaElement {
    /// Makes one; `heard` is told the name of each event.
    ///
    /// # Errors
    /// The browser has no such element.
    pub fn new(kind: Kind, heard: impl Fn(&'static str) + Clone + 'static) -> Result<Self, Error> {
        let document = web_sys::window().and_then(|window| window.document());
        let document = document.ok_or(Error::NotAuthentic)?;
        let name = if kind == Kind::Video { "video" } else { "audio" };
        let element: HtmlMediaElement = document
            .create_element(name)?
            .dyn_into()
            .map_err(|_| Error::named("NotSupportedError", "this browser has no player"))?;
        element.set_preload("auto");
        // Phones would otherwise take the whole screen at once.
        let _ = element.set_attribute("playsinline", "");
        let listeners = EVENTS.map(|event| {
            let heard = heard.clone();
            Listener::new(&element, event, move |_: Event| heard(event))
        });
        Ok(Self { kind, element, length: Cell::new(0.0), _listeners: listeners.into() })
    }

    /// Begins; a browser that refuses, because the person did not click, stays paused.
    pub fn play(&self) {
        if let Ok(begun) = self.element.play() {
            spawn_local(async move {
                // The element's own events tell what became of it.
                let _ = JsFuture::from(begun).await;
            });
        }
    }

    /// Puts it into the page.
    pub fn show_in(&self, place: &Element) {
        if !place.contains(Some(&self.element)) {
            let _ = place.append_child(&self.element);
        }
    }

    /// Something is here to play after this moment (HAVE_FUTURE_DATA).
    pub fn has_what_follows(&self) -> bool {
        self.element.ready_state() >= 3
    }

    /// Seconds from the start, as far as it is known.
    pub fn duration(&self) -> f64 {
        let duration = self.element.duration();
        if duration.is_finite() { duration } else { self.length.get() }
    }

    /// Whether it can be sent to this second.
    pub fn reaches(&self, seconds: f64) -> bool {
        seconds < self.element.duration()
    }

    /// Whether it plays, and the browser has fetched so many seconds more, or all to the end.
    pub fn is_ahead_by(&self, seconds: f64) -> bool {
        let (now, duration) = (self.element.current_time(), self.duration());
        // A tenth of a second is lost in rounding.
        let last = if duration > 0.0 { duration - 0.1 } else { f64::INFINITY };
        let enough = (now + seconds).min(last);
        let ranges = self.element.buffered();
        let reaches = |index| {
            let starts = ranges.start(index).is_ok_and(|start| start <= now + 0.1);
            starts && ranges.end(index).is_ok_and(|end| end >= enough)
        };
        !self.element.paused() && (0..ranges.length()).any(reaches)
    }

    /// What the browser has fetched and not yet dropped, in thousandths of the duration.
    pub fn buffered(&self) -> Vec<(u16, u16)> {
        let duration = self.duration();
        let ranges = self.element.buffered();
        let permille = |seconds: Result<f64, JsValue>| {
            (seconds.unwrap_or(0.0) * 1000.0 / duration).clamp(0.0, 1000.0) as u16
        };
        if duration <= 0.0 {
            return Vec::new();
        }
        (0..ranges.length())
            .map(|index| (permille(ranges.start(index)), permille(ranges.end(index))))
            .collect()
    }
}

impl Drop for MediaElement {
    fn drop(&mut self) {
        let _ = self.element.pause();
        // Without this browsers go on fetching (HTML, 4.8.11.18).
        let _ = self.element.remove_attribute("src");
        self.element.load();
        self.element.remove();
    }
}
