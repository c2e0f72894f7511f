//! Everything in the pure rings that reads what others sent, on bytes that are almost right.
//!
//! For each: it never panics, its errors are typed, what it allocates is bounded by what came, its time too, and what
//! it takes it would write the same way again, or reads as the same thing. tests/server/decoders.rs does so for what
//! only the server reads. A short run is part of `make test`; `make fuzz` tries a million cases of each.

#![expect(clippy::unwrap_used, reason = "all of this crate is tests")]

mod harness;
mod messages;
mod texts;
mod wire;
