//! Every address that is none.

use leptos::prelude::*;
use leptos_meta::Title;

/// Says so, with status 404.
#[component]
pub fn NotFoundPage() -> impl IntoView {
    super::set_status(404);
    view! {
        <Title text="Page not found – Transfer4me" />
        <h1>"There is no page here"</h1>
        <p class="lead">
            "The address may have been cut short or mistyped. A share link looks like "
            <code>"/room/…#…"</code> " and works only as a whole."
        </p>
        <p>
            <a class="button primary" href="/">"Send files"</a>
        </p>
    }
}
