//! Pieces in memory, where the browser keeps no files for pages.

use std::collections::BTreeMap;

use js_sys::{Array, Uint8Array};
use web_sys::Blob;

use super::super::error::Error;
use super::super::support::global;

/// Bytes kept at most on a desktop.
const MAX_DESKTOP_BYTES: u64 = 512 << 20;
/// Bytes kept at most on a phone.
const MAX_MOBILE_BYTES: u64 = 128 << 20;

/// Bytes of zeros that fill gaps, as often as it takes.
const ZERO_BYTES: u32 = 1 << 20;

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
        let earlier = self.parts.get(&(offset as u64)).map_or(0, Uint8Array::length);
        let total = self.bytes - u64::from(earlier) + u64::from(bytes.length());
        if total > capacity() {
            return Err(Error::named(
                "QuotaExceededError",
                "the download does not fit into memory",
            ));
        }
        self.bytes = total;
        self.parts.insert(offset as u64, bytes.clone());
        Ok(())
    }

    /// A copy of the piece that begins at `offset`.
    ///
    /// # Errors
    /// There is none.
    pub fn read(&self, offset: f64) -> Result<Uint8Array, Error> {
        let part = self.parts.get(&(offset as u64)).ok_or(Error::NotAuthentic)?;
        Ok(part.slice(0, part.length()))
    }

    /// All parts, each at its offset. They are kept by the browser from now on.
    ///
    /// # Errors
    /// The browser refuses.
    pub fn close(&mut self) -> Result<Blob, Error> {
        let parts = std::mem::take(&mut self.parts);
        let lengths = parts.iter().map(|(offset, part)| (*offset, part.length().into()));
        let gaps = gaps(lengths);
        let sequence = Array::new();
        let zeros = Uint8Array::new_with_length(ZERO_BYTES);
        for (part, gap) in parts.values().zip(gaps) {
            let mut left = gap;
            while left > 0 {
                let now = left.min(ZERO_BYTES.into());
                sequence.push(&zeros.subarray(0, now as u32));
                left -= now;
            }
            sequence.push(part);
        }
        Ok(Blob::new_with_u8_array_sequence(&sequence)?)
    }
}

/// Bytes that are missing before each part, given as offset and length in order: a file that is gone leaves its place
/// empty, and what lies behind it stays where it is looked for.
fn gaps(parts: impl Iterator<Item = (u64, u64)>) -> Vec<u64> {
    let mut end = 0_u64;
    let gap = |(offset, length): (u64, u64)| {
        let gap = offset.saturating_sub(end);
        end = offset + length;
        gap
    };
    parts.map(gap).collect()
}

#[cfg(test)]
mod tests {
    use super::gaps;

    #[test]
    fn parts_that_follow_each_other_have_no_gaps() {
        assert_eq!(gaps([(0, 4), (4, 4), (8, 1)].into_iter()), [0, 0, 0]);
        assert_eq!(gaps([].into_iter()), Vec::<u64>::new());
    }

    #[test]
    fn what_lies_behind_a_gap_keeps_its_offset() {
        let parts = [(10, 4), (14, 2), (1 << 33, 3), ((1 << 33) + 5, 1)];
        let mut content = 0;
        for (gap, (offset, length)) in gaps(parts.into_iter()).into_iter().zip(parts) {
            content += gap;
            assert_eq!(content, offset);
            content += length;
        }
    }
}
