//! What is on each wire: names, sizes, limits. Pure data, shared by server and browser.
//!
//! | wire | between | module | form |
//! |---|---|---|---|
//! | rooms | page and server | [`rooms`] | JSON over HTTP |
//! | signalling | page and server | [`signalling`] | JSON over one WebSocket |
//! | signals | two pages, through the server | [`signal::Signal`] | sealed JSON |
//! | circles | pages that hear the same, through the server | [`circle`] | sealed JSON |
//! | control and blocks | two pages | [`peer_wire`] | binary over data channels |
//! | manifest | owner and recipients, kept by the server | [`manifest`] | sealed JSON |
//!
//! A download, told once: the owner makes a key pair, seals a [`manifest`], creates a room and joins it. The
//! link holds the room's [`id`] and, in its fragment, the [`link`] key. A recipient's page reads the room, opens
//! the manifest, and on Download joins, asks for providers and makes each an offer. Over the control channel it
//! asks for ranges of pieces; blocks come over the blocks channel; each piece is verified against a record
//! that the owner signed before it counts. docs/protocol.md has the reasons.

pub mod circle;
pub mod id;
pub mod limits;
pub mod link;
pub mod manifest;
pub mod peer_wire;
pub mod piece;
pub mod rooms;
pub mod signal;
pub mod signalling;
