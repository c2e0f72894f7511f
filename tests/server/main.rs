//! The server as its clients see it: real sockets on a free port, a real database file.

mod http_client;
mod passwords;
mod presentation;
mod rooms_api;
mod running;
mod signalling;
mod signalling_abuse;
