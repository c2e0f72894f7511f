//! A whole exchange in memory: one room, one owner and some recipients, as their drivers would connect them.
//!
//! `world` is the clock and the server, `driver` executes what the browsers' machines put out, `network` the
//! connections, `browser` the bytes on each side. `transfers` are the ordinary ways, `losses` what breaks, `lanes`
//! several connections of a link, `caps` limits of speed, `pool` what recipients do for each other, `hostile` what
//! lies, and `schedules` all of it at random.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "all of this crate is tests")]

mod browser;
mod content;
mod driver;
mod network;
mod world;

mod caps;
mod hostile;
mod lanes;
mod losses;
mod pool;
mod schedules;
mod transfers;
