//! The service worker that stands between player and page.

use js_sys::{Array, Promise};
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    RegistrationOptions, RequestInit, Response, ServiceWorkerContainer, ServiceWorkerRegistration,
};

use crate::browser::support::global;

const SCRIPT: &str = "/service-worker.js";
/// Pages of rooms. What they may ask for is not limited by it.
const SCOPE: &str = "/room/";
/// Time that a browser has to start it.
const PATIENCE_MILLIS: i32 = 8000;

/// The browser's service workers, if it has any for this page. Private windows of Firefox have none.
pub fn container() -> Option<ServiceWorkerContainer> {
    global(&["navigator", "serviceWorker"]).ok()?.dyn_into().ok()
}

/// Starts the worker and waits until it stands between this page and its requests. Tells whether it does.
pub async fn control() -> bool {
    let Some(container) = container() else { return false };
    let options = RegistrationOptions::new();
    options.set_scope(SCOPE);
    let registered = container.register_with_options(SCRIPT, &options);
    if within(registered, PATIENCE_MILLIS).await.is_none() {
        return false;
    }
    if container.controller().is_some() {
        return true;
    }
    let changed = Promise::new(&mut |resolve, _| {
        // Once, for the life of the page: there is nothing to let go of.
        container.set_oncontrollerchange(Some(&resolve));
    });
    let Ok(ready) = container.ready() else { return false };
    let Some(registration) = within(ready, PATIENCE_MILLIS).await else { return false };
    let registration: ServiceWorkerRegistration = registration.unchecked_into();
    // After a reload that asked for everything anew, it is active and does not know this page.
    if let Some(worker) = registration.active()
        && worker.post_message(&"claim".into()).is_err()
    {
        return false;
    }
    container.controller().is_some() || within(changed, PATIENCE_MILLIS).await.is_some()
}

/// Whether any page answers at this address.
pub async fn has(address: &str) -> bool {
    let Some(window) = web_sys::window() else { return false };
    let init = RequestInit::new();
    init.set_method("HEAD");
    let asked = JsFuture::from(window.fetch_with_str_and_init(address, &init)).await;
    asked.is_ok_and(|answer| answer.unchecked_into::<Response>().ok())
}

/// What a promise brings, if it does in time.
async fn within(promise: Promise, millis: i32) -> Option<wasm_bindgen::JsValue> {
    let window = web_sys::window()?;
    let late = Promise::new(&mut |_, reject| {
        let reject = Closure::once_into_js(move || {
            let _ = reject.call0(&wasm_bindgen::JsValue::NULL);
        });
        let _ = window
            .set_timeout_with_callback_and_timeout_and_arguments_0(reject.unchecked_ref(), millis);
    });
    JsFuture::from(Promise::race(&Array::of2(&promise, &late))).await.ok()
}
