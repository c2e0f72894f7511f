//! Where a recipient's pieces go: one file in the browser's own file system (OPFS), written by one worker, and a small
//! one beside it that tells what is in the first ([`crate::store_state`]).
//!
//! A `FileSystemSyncAccessHandle` exists only in workers and locks its file, so the worker owns all of it:
//! hashing, comparing, writing, reading back, and the checksums for an archive. The lock is also what keeps a second
//! tab of the same room away. Without OPFS (private windows of Firefox and Safari) the worker keeps pieces in memory,
//! up to a bound, and says so.
//!
//! A disk may be full or damaged at any call. What each failure leads to is a table in docs/protocol.md; `exact` makes every
//! call that was not done to the letter a failure, and `checking` compares what is saved before anybody calls it saved.
//!
//! Messages are arrays, first the word. To the worker: `open`, then `verify` if there is something, `begin`, and in any
//! order `record`, `piece`, `load`, `read`, `finish`, `mark`, `remove`. From it: `ready`, `opened` or `busy`, `checking`,
//! `verified`, `checked`, `loaded`, `read`, `finished` or `unsound`, `removed`, `failed`.

mod checking;
mod exact;
mod memory;
mod opfs;
mod page;
mod worker;

pub use memory::capacity as memory_capacity;
pub use opfs::{forget_unsaved, is_stored};
pub use page::{Opened, Pieces, Place, Storage, StorageEvent, free_space, script_url};
