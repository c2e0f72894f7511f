//! The HTML document around every page, its policy, and which page is where. Server only: browsers get islands.

use http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use http::request::Parts;
use leptos::config::LeptosOptions;
use leptos::nonce::{Nonce, use_nonce};
use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use leptos_meta::{MetaTags, provide_meta_context};
use leptos_router::components::{Route, Router, Routes};
use leptos_router::{ParamSegment, SsrMode, StaticSegment};

use crate::pages::home::HomePage;
use crate::pages::not_found::NotFoundPage;
use crate::pages::room::RoomPage;
use crate::server::assets;

/// Says what is in the way of the page's own code.
const LOADING: &str = include_str!("loading.js");

/// The whole document.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    set_policy();
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <meta name="theme-color" media="(prefers-color-scheme: light)" content="#f7f6f2" />
                <meta name="theme-color" media="(prefers-color-scheme: dark)" content="#12171a" />
                // A room is for those who have its link, and the home page says nothing that one would search for.
                <meta name="robots" content="noindex" />
                // Stricter than this, and browsers would send "Origin: null" with the password form.
                <meta name="referrer" content="same-origin" />
                <link rel="stylesheet" href=assets::css_path() />
                <link rel="icon" type="image/svg+xml" href="/favicon.svg" />
                <link rel="apple-touch-icon" href="/icon-180.png" />
                <link rel="manifest" href="/manifest.webmanifest" />
                <script nonce=use_nonce()>{LOADING}</script>
                <HydrationScripts options=bundle(options) islands=true />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// The frame and the routes.
#[component]
fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <a class="skip" href="#content">"Skip to the content"</a>
        <header class="site-head">
            <a class="wordmark" href="/">
                <svg viewBox="0 0 32 32" aria-hidden="true">
                    <path d="M4 12h20m-6-6 6 6-6 6" />
                    <path d="M28 20H8m6-6-6 6 6 6" />
                </svg>
                "Transfer4me"
            </a>
        </header>
        <main id="content" tabindex="-1">
            <Router>
                <Routes fallback=NotFoundPage>
                    <Route path=StaticSegment("") view=HomePage />
                    // The whole page in the first answer, with the status that belongs to it.
                    <Route
                        path=(StaticSegment("room"), ParamSegment("room_id"))
                        view=RoomPage
                        ssr=SsrMode::Async
                    />
                </Routes>
            </Router>
        </main>
        <footer class="site-foot">
            <p>
                "Files go straight from browser to browser. The server never sees them or their names, but it does "
                "see who meets whom, when, and how much there is."
            </p>
        </footer>
    }
}

/// Rooms' pages have the bundle that goes by the crate's name; any other page has the home page's.
fn bundle(mut options: LeptosOptions) -> LeptosOptions {
    let path = use_context::<Parts>().map(|parts| parts.uri.path().to_owned());
    if path.is_some_and(|path| !path.starts_with("/room/")) {
        options.output_name = assets::HOME_BUNDLE.into();
    }
    options
}

/// Sends the page's content security policy along. No nonce means that no page is being answered: Leptos
/// also runs the shell once to find the routes.
fn set_policy() {
    let (Some(response), Some(nonce)) = (use_context::<ResponseOptions>(), use_nonce()) else {
        return;
    };
    let host = use_context::<Parts>().as_ref().and_then(host);
    match HeaderValue::try_from(policy(&nonce, host.as_deref())) {
        Ok(policy) => response.insert_header(CONTENT_SECURITY_POLICY, policy),
        Err(error) => tracing::error!(%error, "the policy is no header value"),
    }
}

/// The host that the browser asked for.
fn host(parts: &Parts) -> Option<String> {
    let header = parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    let host = parts.uri.authority().map(http::uri::Authority::as_str).or(header)?;
    // It goes into a header, where a space or semicolon would add to the policy.
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    host.chars().all(plain).then(|| host.to_owned())
}

fn policy(nonce: &Nonce, host: Option<&str>) -> String {
    // 'self' covers WebSockets in the standard, but not in every browser that is still in use.
    let sockets = host.map(|host| format!(" ws://{host} wss://{host}")).unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'{sockets}; \
         worker-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'; object-src 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(host: &str) -> Parts {
        let request = http::Request::builder().uri("/").header("host", host).body(()).unwrap();
        request.into_parts().0
    }

    #[test]
    fn a_host_is_taken_as_it_is() {
        for name in ["example.org", "127.0.0.1:3000", "[::1]:3000"] {
            assert_eq!(host(&parts(name)).as_deref(), Some(name));
        }
    }

    #[test]
    fn a_host_cannot_add_to_the_policy() {
        assert_eq!(host(&parts("x; script-src *")), None);
        assert_eq!(host(&parts("*")), None);
    }
}
