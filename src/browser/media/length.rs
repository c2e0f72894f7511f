//! Recordings that do not say how long they are: browsers write WebM like that, while they record.
//!
//! Firefox takes what it has for all there is, and learns of the rest by and by. Chromium calls such a length infinite,
//! can be sent anywhere all the same, and knows the length once it was at the end. So a second element, which nobody hears,
//! goes there, as soon as the whole file is here: before that it would fetch what is heard last.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_bindgen::JsCast;
use web_sys::{Event, HtmlMediaElement};

use super::super::listener::Listener;
use super::element::MediaElement;
use super::player::Inner;

/// A second behind the end of anything.
const BEHIND_ALL: f64 = 1e101;
/// Seconds after which whoever listens is not sent to where they were any more.
const PATIENCE: f64 = 10.0;

/// What a player does about a length that is not known yet.
#[derive(Default)]
pub(super) struct Length {
    /// Where to go on, once that much is known to be there.
    beyond: Cell<Option<f64>>,
    probe: RefCell<Option<Probe>>,
}

impl Length {
    /// Another track, or another place in it.
    pub(super) fn forget(&self) {
        self.beyond.set(None);
    }

    /// There is no track any more, or another.
    pub(super) fn end(&self) {
        self.forget();
        self.probe.replace(None);
    }
}

/// Looks for the length; dropping it ends that.
struct Probe {
    element: HtmlMediaElement,
    _listeners: [Listener; 2],
}

impl Probe {
    fn of(address: &str, found: impl Fn(f64) + 'static) -> Option<Self> {
        let document = web_sys::window()?.document()?;
        let element: HtmlMediaElement = document.create_element("video").ok()?.dyn_into().ok()?;
        element.set_muted(true);
        element.set_preload("metadata");
        let (goer, teller) = (element.clone(), element.clone());
        let go = move |_: Event| {
            if goer.duration().is_infinite() {
                goer.set_current_time(BEHIND_ALL);
            }
        };
        let tell = move |_: Event| {
            let seconds = teller.duration();
            if seconds.is_finite() {
                silence(&teller);
                found(seconds);
            }
        };
        let listeners = [
            Listener::new(&element, "loadedmetadata", go),
            Listener::new(&element, "durationchange", tell),
        ];
        element.set_src(address);
        Some(Self { element, _listeners: listeners })
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        silence(&self.element);
    }
}

/// Without this browsers go on fetching (HTML, 4.8.11.18).
fn silence(element: &HtmlMediaElement) {
    let _ = element.remove_attribute("src");
    element.load();
}

impl Inner {
    /// The head of a track is here: on to where the person stopped, or where it broke.
    pub(super) fn go_to_where_it_was(&self, element: &MediaElement) {
        let Some(seconds) = self.seek_to.take() else { return };
        if element.reaches(seconds + 1.0) || self.retries.get() > 0 {
            element.element.set_current_time(seconds);
        } else {
            // Whoever stopped at the very end begins anew; or more of it is known in a moment.
            self.length.beyond.set(Some(seconds));
        }
    }

    /// The browser knows of more than before.
    pub(super) fn has_grown(&self, element: &MediaElement) {
        let Some(seconds) = self.length.beyond.get() else { return };
        if element.element.current_time() > PATIENCE {
            self.length.forget();
        } else if element.reaches(seconds + 1.0) {
            self.length.forget();
            element.element.set_current_time(seconds);
        }
    }

    /// Looks for a length that the browser calls infinite.
    pub(super) fn find_length(self: &Rc<Self>) {
        let (Some(track), Some(element)) = (self.current(), self.element.borrow().clone()) else {
            return;
        };
        let unknown = element.element.duration().is_infinite() && element.duration() <= 0.0;
        if !unknown || self.length.probe.borrow().is_some() {
            return;
        }
        if self.answers.as_ref().is_some_and(|answers| answers.here(track.file) != [(0, 1000)]) {
            return;
        }
        let this = Rc::downgrade(self);
        let probe = Probe::of(&element.element.src(), move |seconds| {
            let Some(inner) = this.upgrade() else { return };
            if let Some(element) = &*inner.element.borrow() {
                element.length.set(seconds);
            }
            inner.refresh();
        });
        self.length.probe.replace(probe);
    }
}
