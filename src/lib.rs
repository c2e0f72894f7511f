//! Transfer4me: files, audio and video straight from browser to browser.
//!
//! Three rings; docs/architecture.md tells more. This file holds every feature gate but the one in
//! [`transfer`].

// Pure: decides. No clock, socket, DOM or randomness.
pub mod archive;
pub mod clock;
pub mod protocol;
pub mod room;
pub mod swarm;

// Both sides: server functions, views and the seam to the browser.
#[cfg(any(feature = "ssr", feature = "hydrate"))]
pub mod api;

// The server.
#[cfg(feature = "ssr")]
pub mod server;
