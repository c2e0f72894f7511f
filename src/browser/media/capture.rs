//! What an element plays, given out as tracks that a connection can send.

use std::rc::Rc;

use js_sys::Reflect;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Event, HtmlMediaElement, MediaStream, MediaStreamTrack, MediaStreamTrackState};

use crate::browser::error::Error;
use crate::browser::listener::Listener;
use crate::browser::live_connection::Tracks;
use crate::browser::negotiation::method;
use crate::browser::support::global;

/// Under which names browsers do it. Firefox had a name of its own until version 149; Safari has none.
const NAMES: [&str; 2] = ["captureStream", "mozCaptureStream"];
/// When an element may have other tracks than before. Not every browser says so by `addtrack`.
const CHANGES: [&str; 3] = ["loadeddata", "playing", "emptied"];

/// Whether this browser gives out what it plays.
pub fn can_capture() -> bool {
    NAMES.iter().any(|name| {
        global(&["HTMLMediaElement", "prototype", name]).is_ok_and(|found| found.is_function())
    })
}

/// A running capture; dropping it ends the watch over the element, whose own end ends the tracks.
pub struct Capture {
    _listeners: Vec<Listener>,
}

impl Capture {
    /// Captures an element. `on_tracks` is told what it plays, now and after each change.
    ///
    /// # Errors
    /// The browser cannot, or refuses.
    pub fn of(
        element: &HtmlMediaElement,
        on_tracks: impl Fn(Tracks) + 'static,
    ) -> Result<Self, Error> {
        let capture = NAMES.iter().find_map(|name| method(element, name).ok());
        let capture = capture
            .ok_or_else(|| Error::named("NotSupportedError", "this browser cannot capture"))?;
        let stream: MediaStream = capture.call0(element)?.dyn_into()?;
        let tell = Rc::new(move |stream: &MediaStream| on_tracks(tracks_of(stream)));
        tell(&stream);
        let mut listeners = Vec::new();
        let changed = || {
            // Not `stream.clone()`, which is the browser's: another stream with tracks of its own.
            let (tell, stream) = (tell.clone(), Clone::clone(&stream));
            move |_: Event| tell(&stream)
        };
        for event in CHANGES {
            listeners.push(Listener::new(element, event, changed()));
        }
        for event in ["addtrack", "removetrack"] {
            listeners.push(Listener::new(&stream, event, changed()));
        }
        Ok(Self { _listeners: listeners })
    }
}

fn tracks_of(stream: &MediaStream) -> Tracks {
    let last = |kind: &str| {
        let tracks = stream.get_tracks();
        let live = tracks.iter().filter_map(|track| {
            let track: MediaStreamTrack = track.dyn_into().ok()?;
            let live = track.ready_state() == MediaStreamTrackState::Live;
            (live && track.kind() == kind).then_some(track)
        });
        live.reduce(|_, later| later)
    };
    let audio = last("audio");
    if let Some(track) = &audio {
        // Otherwise browsers take it for speech (mst-content-hint). A browser that lacks it takes any field.
        let _ = Reflect::set(track, &"contentHint".into(), &JsValue::from_str("music"));
    }
    Tracks { audio, video: last("video") }
}
