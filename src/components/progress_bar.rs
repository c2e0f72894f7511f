//! How far something is.

use leptos::prelude::*;

use super::later::text as words;

/// A bar. It is drawn with an SVG attribute, because the page's policy forbids style attributes.
#[component]
pub fn ProgressBar(
    /// Accessible name.
    label: &'static str,
    /// Thousandths, for a bar that moves smoothly on large files.
    #[prop(into)]
    permille: Signal<u32>,
    /// What a screen reader says instead of the bare number.
    #[prop(into)]
    text: Signal<String>,
) -> impl IntoView {
    view! {
        <div
            class="bar"
            role="progressbar"
            aria-label=label
            aria-valuemin="0"
            aria-valuemax="100"
            aria-valuenow=words(move || (permille.get() / 10).to_string())
            aria-valuetext=text
        >
            <BarFill permille=permille />
        </div>
    }
}

/// The bar alone, without a role, where the same is told in words beside it.
#[component]
pub fn BarFill(
    /// Thousandths.
    #[prop(into)]
    permille: Signal<u32>,
) -> impl IntoView {
    let width = move || {
        let permille = permille.get().min(1000);
        format!("{}.{}%", permille / 10, permille % 10)
    };
    view! {
        <svg class="bar-fill" aria-hidden="true">
            <rect width=words(width) height="100%" />
        </svg>
    }
}
