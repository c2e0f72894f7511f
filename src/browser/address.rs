//! The address bar, when it holds a share link.

use wasm_bindgen::JsValue;

use super::listener::Listener;
use crate::protocol::link::ShareLink;

/// The link that the address bar holds, whatever was put around it on its way.
pub fn link_here() -> Option<ShareLink> {
    let location = web_sys::window()?.location();
    ShareLink::from_location(&location.pathname().ok()?, &location.hash().ok()?).ok()
}

/// Makes the address bar the share link, and answers it.
pub fn show_link(link: &ShareLink) -> String {
    let Some(window) = web_sys::window() else { return link.to_url("") };
    let url = link.to_url(&window.location().origin().unwrap_or_default());
    if window.location().href().is_ok_and(|here| here == url) {
        return url;
    }
    if let Ok(history) = window.history() {
        // A page that may not change its address still works.
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&url));
    }
    url
}

/// Listens for another fragment in the same page, as when a link's end is put into the address bar by hand.
/// `opened` answers the link that this page has opened, if it has: then nothing else can be meant, because a room has
/// one key, and it is shown again. Otherwise the page begins anew with what is there now, if that is a whole link.
pub fn watch_fragment(opened: impl Fn() -> Option<ShareLink> + 'static) -> Option<Listener> {
    let window = web_sys::window()?;
    let location = window.location();
    Some(Listener::new(&window, "hashchange", move |_: web_sys::Event| match opened() {
        Some(link) => {
            show_link(&link);
        }
        None if link_here().is_some() => {
            let _ = location.reload();
        }
        None => {}
    }))
}
