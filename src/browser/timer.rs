//! One timer that is cleared when it is dropped or set again.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

use crate::clock::Timestamp;

/// A window's timer.
pub struct Timer(Rc<Inner>);

struct Inner {
    callback: RefCell<Box<dyn FnMut()>>,
    closure: RefCell<Option<Closure<dyn FnMut()>>>,
    handle: Cell<Option<i32>>,
    /// When the browser's own timer runs out, in the page's milliseconds.
    rings_at: Cell<f64>,
    /// When it is to run out, which is no earlier.
    due: Cell<f64>,
}

impl Timer {
    /// Calls `callback` each time the timer runs out.
    pub fn new(callback: impl FnMut() + 'static) -> Self {
        let inner = Rc::new(Inner {
            callback: RefCell::new(Box::new(callback)),
            closure: RefCell::default(),
            handle: Cell::new(None),
            rings_at: Cell::new(0.0),
            due: Cell::new(0.0),
        });
        let weak = Rc::downgrade(&inner);
        let closure = Closure::new(move || {
            if let Some(inner) = weak.upgrade() {
                inner.rang();
            }
        });
        inner.closure.replace(Some(closure));
        Self(inner)
    }

    /// Runs out once, `millis` from now, instead of whenever it was set to.
    pub fn set(&self, millis: f64) {
        let millis = millis.clamp(0.0, 86_400_000.0).ceil();
        self.0.due.set(page_millis() + millis);
        // It is put off with nearly every block that comes: the browser hears of it only when it rings too early.
        if self.0.handle.get().is_none() || self.0.rings_at.get() > self.0.due.get() {
            self.0.arm(millis);
        }
    }

    /// Does not run out.
    pub fn clear(&self) {
        self.0.disarm();
    }
}

impl Inner {
    fn rang(&self) {
        self.handle.set(None);
        let rest = self.due.get() - page_millis();
        if rest > 0.0 {
            self.arm(rest.ceil());
            return;
        }
        (self.callback.borrow_mut())();
    }

    fn arm(&self, millis: f64) {
        self.disarm();
        let closure = self.closure.borrow();
        let (Some(window), Some(closure)) = (web_sys::window(), &*closure) else { return };
        let function = closure.as_ref().unchecked_ref();
        self.rings_at.set(page_millis() + millis);
        let handle =
            window.set_timeout_with_callback_and_timeout_and_arguments_0(function, millis as i32);
        self.handle.set(handle.ok());
    }

    fn disarm(&self) {
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
    Timestamp::from_millis_f64(page_millis())
}

fn page_millis() -> f64 {
    web_sys::window().and_then(|window| window.performance()).map_or(0.0, |p| p.now())
}
