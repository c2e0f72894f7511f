//! What islands change in the page around them.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{Element, HtmlElement};

use crate::swarm::status::Phase;

/// The product's name, as every title ends.
pub const NAME: &str = "Transfer4me";

/// Publishes the phase on the root element, where style sheets and tests read it.
pub fn set_phase(phase: Phase) {
    if let Some(root) = document().document_element() {
        // Fails for malformed names only, and this one is fixed.
        let _ = root.set_attribute("data-phase", phase.as_str());
    }
}

/// Publishes on the root element that this is the owner's page, where the style sheet hides the recipient's part.
pub fn set_owner() {
    if let Some(root) = document().document_element() {
        // As above.
        let _ = root.set_attribute("data-owner", "");
    }
}

/// Titles the tab, so that progress shows from another one.
pub fn set_title(what: &str) {
    document().set_title(&format!("{what} – {NAME}"));
}

/// Moves the focus, for readers who would otherwise stay on a control that is gone.
pub fn focus(element: &Element) {
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        // Fails only for elements that cannot take it, and then it stays where it was.
        let _ = element.focus();
    }
}

/// Moves the focus only if the control that had it is gone.
pub fn focus_if_lost(element: &Element) {
    let lost = document().active_element().is_none_or(|active| active.tag_name() == "BODY");
    if lost {
        focus(element);
    }
}

/// Sets a signal whose value is new, and wakes nobody otherwise.
pub fn set_if_new<T: PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, value: T) {
    if signal.with_untracked(|old| *old != value) {
        signal.set(value);
    }
}
