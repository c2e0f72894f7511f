//! The interactive parts: what a person does goes to [`crate::transfer`], what comes back is shown.
//!
//! | island | page | does |
//! |---|---|---|
//! | [`share::Share`] | home | chooses files, and gives way to the sender's room |
//! | [`share::Return`] | room | gives way to the sender's room, in the browser that made it |
//! | [`receive::Receive`] | room | lists what is offered, then shows the download |
//!
//! The sender's room, [`share::OwnRoom`], is no island but is put into the page once its bundle is there.
//!
//! An island's first render in the browser must equal the server's, so whatever only a browser knows is asked
//! in effects, which never run on the server. Objects of the seam live in a browser's one thread, in
//! `held::Held`; what is shown lives in ordinary signals, since the server renders on many.

mod held;
mod page;
mod player;
pub mod receive;
pub mod share;
mod unsupported;
