//! Whether this browser can take part, what it says of itself, and the clipboard.

use js_sys::Reflect;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

use super::error::Error;
use crate::transfer::Support;

/// Whether this browser can take part at all.
pub fn support() -> Support {
    let global = js_sys::global();
    let secure = Reflect::get(&global, &"isSecureContext".into());
    if !secure.is_ok_and(|value| value.is_truthy()) {
        return Support::InsecureContext;
    }
    // Some browsers and extensions hide the constructor; others leave it and let it throw.
    if web_sys::RtcPeerConnection::new().map(|connection| connection.close()).is_err() {
        return Support::NoWebRtc;
    }
    Support::Full
}

/// Lets `loading.js` know that the page's code runs.
pub fn tell_hydrated() {
    let document = web_sys::window().and_then(|window| window.document());
    if let Some(root) = document.and_then(|document| document.document_element()) {
        // Without it a later failure would be told in other words.
        let _ = root.set_attribute("data-hydrated", "");
    }
}

/// Puts text on the clipboard; tells whether it is there.
pub async fn copy_text(text: String) -> bool {
    let Some(window) = web_sys::window() else { return false };
    JsFuture::from(window.navigator().clipboard().write_text(&text)).await.is_ok()
}

/// A field of the global object, of a page's or a worker's, by the names on the way.
///
/// # Errors
/// There is nothing on the way that has fields, or the browser refuses.
pub fn global(path: &[&str]) -> Result<JsValue, Error> {
    let mut value: JsValue = js_sys::global().into();
    for name in path {
        value = Reflect::get(&value, &JsValue::from_str(name))?;
    }
    Ok(value)
}
