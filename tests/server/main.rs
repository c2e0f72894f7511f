//! The server as its clients see it: real sockets on a free port, a real database file.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "all of this crate is tests")]

mod circles;
mod connections;
mod decoders;
mod http_client;
mod leaving;
mod malformed;
mod passwords;
mod presentation;
mod rooms_api;
mod running;
mod signalling;
mod signalling_abuse;
