//! The simulator: the real machines on a virtual clock and virtual links.
//!
//! A [`World`] drives one [`crate::room::Room`] and any number of [`crate::swarm::Swarm`]s through the same contract
//! as the drivers of the server and of the browser do, and is the third of them. It carries no bytes: a block is its
//! range, so that 512 recipients of 1 GiB fit into one run of a few minutes. A run follows from its [`Setting`]
//! alone, its `rng_seed` included, and repeats exactly.
//!
//! | module | holds |
//! |---|---|
//! | `queue`, `random` | what is to happen, in order; chance |
//! | `network` | rates, latency and loss: uplinks, downlinks, connections |
//! | `node` | one browser: its machine, its store, what it counts |
//! | `world`, `actions` | the clock, the contract of the machines, and what a scenario does |
//! | `links`, `driver`, `signalling` | what the world does for each output |
//! | [`scenario`] | the situations that are looked at |
//! | [`report`], [`plot`] | what came of them |
//!
//! **The model.** Every peer has a line with an up and a down rate; members of one network share its line to the
//! outside and reach each other over ports of their own. An uplink sends block by block, its connections in turn,
//! none faster than the bound of Mathis et al. (1997) where packets get lost. A block then takes the path's latency,
//! and then its turn at the receiver's downlink, at which at most [`network::LONGEST_QUEUE`] waits: senders pass
//! their turn on until there is room, as congestion control makes them do. Control messages take the latency alone.

mod actions;
mod driver;
mod links;
mod listener;
pub mod network;
mod node;
pub mod plot;
mod queue;
mod random;
pub mod report;
pub mod scenario;
mod signalling;
mod world;

pub use actions::Action;
pub use node::Character;
pub use report::Report;
pub use world::{PeerSetting, Setting, World};
