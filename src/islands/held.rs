//! Objects that only one browser thread may touch, within reach of every handler.

use leptos::prelude::*;

/// A place for an object of the seam. The server makes the place and never fills it: a value in `LocalStorage`
/// ends the request that drops it on another thread than it was made on.
pub struct Held<T: 'static>(StoredValue<Option<StoredValue<T, LocalStorage>>>);

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Held<T> {}

impl<T> Held<T> {
    /// Nothing yet.
    pub fn empty() -> Self {
        Self(StoredValue::new(None))
    }

    /// Puts an object there, in the place of the last one. For effects and handlers, which only browsers run.
    pub fn put(self, object: T) {
        match self.0.get_value() {
            Some(held) => held.set_value(object),
            None => self.0.set_value(Some(StoredValue::new_local(object))),
        }
    }

    /// Does something with the object, if there is one.
    pub fn with(self, act: impl FnOnce(&T)) {
        if let Some(held) = self.0.get_value() {
            held.with_value(act);
        }
    }
}
