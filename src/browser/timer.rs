//! One timer that is cleared when it is dropped or set again.

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

use crate::clock::Timestamp;

/// A window's timer.
pub struct Timer {
    closure: Closure<dyn FnMut()>,
    handle: Option<i32>,
}

impl Timer {
    /// Calls `callback` each time the timer runs out.
    pub fn new(callback: impl FnMut() + 'static) -> Self {
        Self { closure: Closure::new(callback), handle: None }
    }

    /// Runs out once, `millis` from now, instead of whenever it was set to.
    pub fn set(&mut self, millis: f64) {
        self.clear();
        let Some(window) = web_sys::window() else { return };
        let millis = millis.clamp(0.0, 86_400_000.0).ceil() as i32;
        let function = self.closure.as_ref().unchecked_ref();
        self.handle =
            window.set_timeout_with_callback_and_timeout_and_arguments_0(function, millis).ok();
    }

    /// Does not run out.
    pub fn clear(&mut self) {
        if let (Some(handle), Some(window)) = (self.handle.take(), web_sys::window()) {
            window.clear_timeout_with_handle(handle);
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The page's monotonic clock.
pub fn now() -> Timestamp {
    let millis = web_sys::window().and_then(|window| window.performance()).map_or(0.0, |p| p.now());
    Timestamp::from_millis_f64(millis)
}
