//! What went wrong, where a screen reader speaks it at once.

use leptos::prelude::*;

use super::later::{later, slot};

/// An alert that holds `text`, or nothing.
#[component]
pub fn Problem(
    /// One or two sentences: what happened and what to do.
    #[prop(into)]
    text: Signal<Option<String>>,
) -> impl IntoView {
    view! {
        {slot(move || {
            let text = text.get()?;
            Some(later(move || view! { <p class="notice problem" role="alert">{text}</p> }))
        })}
    }
}
