//! Sealing and opening signals, in order.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use litemap::LiteMap;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::crypto::SealKey;
use super::error::Error;
use crate::protocol::id::{PeerId, RoomId};
use crate::protocol::signal::{SealedSignal, signal_context};

const SEQUENCE_BYTES: usize = 8;
/// Members whose last number is remembered: several times those that a page is linked to at once.
const MAX_REMEMBERED: usize = 256;

/// Seals what this page sends.
#[derive(Clone)]
pub struct Sealer {
    key: SealKey,
    room_id: RoomId,
    sequence: u64,
}

impl Sealer {
    /// Sequences start at the wall clock in microseconds, so that a page that comes back under an earlier
    /// name goes on above what it sent then.
    pub fn new(key: SealKey, room_id: RoomId) -> Self {
        Self { key, room_id, sequence: (js_sys::Date::now() * 1000.0) as u64 }
    }

    /// The number of the next signal.
    pub fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Seals one signal under a number from [`Self::next_sequence`].
    pub async fn seal(
        &self,
        from: PeerId,
        to: PeerId,
        sequence: u64,
        signal: &impl Serialize,
    ) -> Result<SealedSignal, Error> {
        let plain = serde_json::to_vec(signal).map_err(|_| Error::NotAuthentic)?;
        let context = signal_context(&self.room_id, from, to, sequence);
        let mut bytes = sequence.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.key.seal(&plain, &context).await?);
        Ok(SealedSignal(URL_SAFE_NO_PAD.encode(&bytes)))
    }
}

/// Opens what others send.
pub struct Opener {
    key: SealKey,
    room_id: RoomId,
    last_sequences: LastSequences,
}

impl Opener {
    /// Nothing opened yet.
    pub fn new(key: SealKey, room_id: RoomId) -> Self {
        Self { key, room_id, last_sequences: LastSequences::default() }
    }

    /// Whoever had a name may be someone else now, whose sequence is another.
    pub fn forget_names(&mut self) {
        self.last_sequences = LastSequences::default();
    }

    /// Opens one signal.
    ///
    /// # Errors
    /// It was altered, sent to or by someone else, sent before, or is no signal.
    pub async fn open<T: DeserializeOwned>(
        &mut self,
        from: PeerId,
        to: PeerId,
        sealed: &SealedSignal,
    ) -> Result<T, Error> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed.0.as_bytes()).map_err(|_| Error::NotAuthentic)?;
        let (sequence, sealed) =
            bytes.split_first_chunk::<SEQUENCE_BYTES>().ok_or(Error::NotAuthentic)?;
        let sequence = u64::from_be_bytes(*sequence);
        if !self.last_sequences.is_news(from, sequence) {
            return Err(Error::NotAuthentic);
        }
        let context = signal_context(&self.room_id, from, to, sequence);
        let plain = self.key.open(sealed, &context).await?;
        self.last_sequences.note(from, sequence);
        let json = String::from_utf8(plain).map_err(|_| Error::NotAuthentic)?;
        serde_json::from_str(&json).map_err(|_| Error::NotAuthentic)
    }
}

/// The highest number that was opened of each member.
#[derive(Default)]
struct LastSequences(LiteMap<PeerId, u64>);

impl LastSequences {
    fn is_news(&self, from: PeerId, sequence: u64) -> bool {
        self.0.get(&from).is_none_or(|last| sequence > *last)
    }

    /// Numbers begin at the time, so the smallest is of whoever has said nothing for longest.
    fn note(&mut self, from: PeerId, sequence: u64) {
        self.0.insert(from, sequence);
        if self.0.len() > MAX_REMEMBERED
            && let Some(oldest) =
                self.0.iter().min_by_key(|(_, last)| **last).map(|(peer, _)| *peer)
        {
            self.0.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_once_and_the_memory_of_them_is_bounded() {
        let mut sequences = LastSequences::default();
        let many = MAX_REMEMBERED as u32;
        for peer in 0..many * 3 {
            let sequence = u64::from(peer) + 10;
            assert!(sequences.is_news(PeerId(peer), sequence));
            sequences.note(PeerId(peer), sequence);
            assert!(!sequences.is_news(PeerId(peer), sequence));
            assert!(sequences.is_news(PeerId(peer), sequence + 1));
        }
        assert_eq!(sequences.0.len(), MAX_REMEMBERED);
        // Those who spoke last are known.
        assert!((many * 2..many * 3).all(|peer| !sequences.is_news(PeerId(peer), 10)));
    }
}
