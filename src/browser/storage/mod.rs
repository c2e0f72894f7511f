//! Where a recipient's pieces go: one file in the browser's own file system (OPFS), written by one worker.
//!
//! A `FileSystemSyncAccessHandle` exists only in workers and locks its file, so the worker owns all of it:
//! hashing, comparing, writing, and the checksums for an archive. Without OPFS (private windows of Firefox and
//! Safari) the worker keeps pieces in memory, up to a bound, and says so.
//!
//! Messages are arrays, first the word: `open`, `piece`, `finish`, `remove` to the worker; `ready`, `opened`,
//! `checked`, `failed`, `packing`, `finished` from it.

mod memory;
mod opfs;
mod page;
mod worker;

pub use memory::capacity as memory_capacity;
pub use page::{Opened, Storage, StorageEvent, free_space};
