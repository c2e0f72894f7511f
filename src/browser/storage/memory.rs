//! Pieces in memory, where the browser keeps no files for pages.

use std::collections::BTreeMap;

use js_sys::{Array, Uint8Array};
use web_sys::Blob;

use super::super::error::Error;
use super::worker::global;

/// Bytes kept at most on a desktop.
const MAX_DESKTOP_BYTES: u64 = 512 << 20;
/// Bytes kept at most on a phone.
const MAX_MOBILE_BYTES: u64 = 128 << 20;

/// Bytes that a page may keep in memory here.
pub fn capacity() -> u64 {
    let agent = global(&["navigator", "userAgent"]).ok().and_then(|agent| agent.as_string());
    if agent.is_some_and(|agent| agent.contains("Mobi")) {
        MAX_MOBILE_BYTES
    } else {
        MAX_DESKTOP_BYTES
    }
}

/// Pieces by their offset.
#[derive(Default)]
pub struct MemoryStore {
    parts: BTreeMap<u64, Uint8Array>,
    bytes: u64,
}

impl MemoryStore {
    /// Keeps a piece.
    ///
    /// # Errors
    /// The bound is reached.
    pub fn write(&mut self, offset: f64, bytes: &Uint8Array) -> Result<(), Error> {
        self.bytes += u64::from(bytes.length());
        if self.bytes > capacity() {
            return Err(Error::Exception {
                name: "QuotaExceededError".to_owned(),
                message: "the download does not fit into memory".to_owned(),
            });
        }
        self.parts.insert(offset as u64, bytes.clone());
        Ok(())
    }

    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// Part of it was never written.
    pub fn read(&self, offset: f64, buffer: &mut [u8]) -> Result<(), Error> {
        let mut filled = 0;
        while filled < buffer.len() {
            let at = offset as u64 + filled as u64;
            let (start, part) = self.parts.range(..=at).next_back().ok_or(Error::NotAuthentic)?;
            let skip = (at - start) as u32;
            let rest =
                part.length().checked_sub(skip).filter(|n| *n > 0).ok_or(Error::NotAuthentic)?;
            let count = rest.min((buffer.len() - filled) as u32);
            let target =
                buffer.get_mut(filled..filled + count as usize).ok_or(Error::NotAuthentic)?;
            part.subarray(skip, skip + count).copy_to(target);
            filled += count as usize;
        }
        Ok(())
    }

    /// All parts in order.
    ///
    /// # Errors
    /// The browser refuses.
    pub fn blob(&self) -> Result<Blob, Error> {
        let parts: Array = self.parts.values().collect();
        Ok(Blob::new_with_u8_array_sequence(&parts)?)
    }
}
