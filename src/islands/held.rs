//! Objects that only one browser thread may touch, within reach of every handler.

use leptos::prelude::*;

use crate::components::later::watch;

/// A place for an object of the seam. The server has the place and nothing in it: a value in `LocalStorage`
/// ends the request that drops it on another thread than it was made on.
pub struct Held<T: 'static>(StoredValue<Option<Place<T>>>);

type Place<T> = StoredValue<Option<T>, LocalStorage>;

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Held<T> {}

impl<T> Held<T> {
    /// Nothing yet. For the body of an island or of the sender's room, which live as long as their page.
    pub fn empty() -> Self {
        let held = StoredValue::new(None);
        // Made here and not in `put`: what a handler makes belongs to the view that the handler is in, and goes
        // with it. Effects run in the order in which they were made, so this is before any other.
        watch(move || held.set_value(Some(StoredValue::new_local(None))));
        Self(held)
    }

    /// Puts an object there, in the place of the last one. For effects and handlers, which only browsers run.
    pub fn put(self, object: T) {
        if let Some(place) = self.0.get_value() {
            place.set_value(Some(object));
        }
    }

    /// Does something with the object, if there is one.
    pub fn with(self, act: impl FnOnce(&T)) {
        if let Some(place) = self.0.get_value() {
            place.with_value(|object| {
                if let Some(object) = object {
                    act(object);
                }
            });
        }
    }
}
