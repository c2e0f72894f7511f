//! Transfer4me: files, audio and video straight from browser to browser.
//!
//! Three rings; docs/architecture.md tells more. This file holds every feature gate but the one in
//! [`transfer`].

// The types of views nest deeply.
#![recursion_limit = "512"]

// Pure: decides. No clock, socket, DOM or randomness.
pub mod archive;
pub mod circle;
pub mod clock;
pub mod foreign_text;
pub mod media;
pub mod membership;
pub mod protocol;
pub mod random;
pub mod room;
#[cfg(feature = "sim")]
pub mod sim;
pub mod store_state;
pub mod swarm;

// Both sides: server functions, views and the seam to the browser.
#[cfg(any(feature = "ssr", feature = "hydrate"))]
pub mod api;
#[cfg(any(feature = "ssr", feature = "hydrate"))]
pub mod components;
#[cfg(any(feature = "ssr", feature = "hydrate"))]
pub mod islands;
#[cfg(any(feature = "ssr", feature = "hydrate"))]
pub mod transfer;

// The browser.
#[cfg(feature = "hydrate")]
pub mod browser;
#[cfg(feature = "hydrate")]
pub mod sender;

// The server.
#[cfg(feature = "ssr")]
pub mod app;
#[cfg(feature = "ssr")]
pub mod pages;
#[cfg(feature = "ssr")]
pub mod router;
#[cfg(feature = "ssr")]
pub mod server;

/// Takes over the islands of a page that the server rendered. The page's script calls it once.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
    browser::tell_hydrated();
}
