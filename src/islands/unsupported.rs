//! What stands in for the controls where this browser cannot take part.

use leptos::prelude::*;

use crate::transfer::Support;

/// Says what is in the way and what to do; nothing if nothing is.
#[component]
pub fn Unsupported(
    /// What the browser can do.
    support: Support,
) -> impl IntoView {
    let (title, reason, advice) = match support {
        Support::Full => return None,
        Support::InsecureContext => (
            "This page was opened without HTTPS",
            "Browsers only let a page encrypt and connect to other browsers when it came over \
             HTTPS, so nothing can be sent or received here.",
            "Open the same address with https:// in front. If that does not work, ask whoever \
             runs this server to set up HTTPS.",
        ),
        Support::NoWebRtc => (
            "This browser blocks WebRTC",
            "Files travel from browser to browser over WebRTC. It is switched off in this browser, \
             by a setting, an extension or a policy, or the browser is too old to have it.",
            "Allow WebRTC for this site, or open the page in a current Chrome, Edge, Firefox or \
             Safari.",
        ),
    };
    Some(view! {
        <section class="card unsupported" role="alert">
            <h2>{title}</h2>
            <p>{reason}</p>
            <p>{advice}</p>
        </section>
    })
}
