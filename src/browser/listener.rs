//! Event listeners that end when they are dropped.

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::convert::FromWasmAbi;
use web_sys::EventTarget;

/// A listener on a target; dropping it removes it.
pub struct Listener {
    target: EventTarget,
    event: &'static str,
    callback: js_sys::Function,
    _closure: Box<dyn std::any::Any>,
}

impl Listener {
    /// Calls `callback` for each `event` at `target`.
    pub fn new<E>(
        target: &EventTarget,
        event: &'static str,
        callback: impl FnMut(E) + 'static,
    ) -> Self
    where
        E: FromWasmAbi + 'static,
    {
        Self::boxed(target, event, Box::new(callback))
    }

    /// One copy for each kind of event, instead of one for each callback.
    fn boxed<E>(target: &EventTarget, event: &'static str, callback: Box<dyn FnMut(E)>) -> Self
    where
        E: FromWasmAbi + 'static,
    {
        let closure = Closure::<dyn FnMut(E)>::wrap(callback);
        let function: js_sys::Function =
            closure.as_ref().unchecked_ref::<js_sys::Function>().clone();
        // Fails only for a callback that is no function.
        let _ = target.add_event_listener_with_callback(event, &function);
        Self { target: target.clone(), event, callback: function, _closure: Box::new(closure) }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.target.remove_event_listener_with_callback(self.event, &self.callback);
    }
}
