//! What a recipient's browser remembers beside the content that it stores: which files, which pieces, and the owner's
//! word for them. With it a page that comes back goes on from what is on the disk.
//!
//! ```text
//! "t4mstore"  8
//! fingerprint 32   of the manifest: any other room, or another cut, begins anew
//! saved       1    1 if the person has the files, 2 if they are only played, else 0
//! gone        one bit for each file that will not come, most significant first
//! wanted      one bit for each file
//! have        one bit for each piece that is on the disk
//! records     n × (length u16, PeerMessage::Record), behind each other as they came
//! ```
//!
//! Nothing in it is believed: the page checks every record's signature and every claimed piece's hash again. What a
//! crash cut short at the end is passed over.

use std::ops::Range;

use crate::protocol::peer_wire::{HASH_BYTES, PeerMessage, PieceRecord};
use crate::swarm::Bitfield;

const MAGIC: &[u8; 8] = b"t4mstore";
const SAVED_AT: usize = MAGIC.len() + HASH_BYTES;
/// Bytes at the start of a state that tell whether the files were saved.
pub const SAVED_END: usize = SAVED_AT + 1;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreState {
    /// SHA-256 of the manifest's JSON.
    pub fingerprint: [u8; HASH_BYTES],
    /// Whether the files were saved to the person's disk.
    pub saved: bool,
    /// Whether they are fetched for playing, and saved only when the person asks for that.
    pub played: bool,
    /// Whether each file will not come any more.
    pub gone: Vec<bool>,
    /// Whether each file was asked for.
    pub wanted: Vec<bool>,
    /// Pieces that are on the disk.
    pub have: Bitfield,
    /// Each record once, in no order.
    pub records: Vec<PieceRecord>,
}

impl StoreState {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = [MAGIC.as_slice(), &self.fingerprint].concat();
        bytes.extend_from_slice(&self.marks().1);
        bytes.extend_from_slice(&pack(&self.wanted));
        bytes.extend_from_slice(&self.have.to_wire());
        for record in &self.records {
            bytes.extend_from_slice(&encode_record(record));
        }
        bytes
    }

    /// From its bytes; `None` if they are of something else than `fingerprint`, which has so many files and pieces.
    pub fn decode(
        bytes: &[u8],
        fingerprint: &[u8; HASH_BYTES],
        files: usize,
        pieces: u32,
    ) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?.strip_prefix(fingerprint)?;
        let (saved, rest) = rest.split_first()?;
        let (gone, rest) = rest.split_at_checked(files.div_ceil(8))?;
        let (wanted, rest) = rest.split_at_checked(files.div_ceil(8))?;
        let (have, mut rest) = rest.split_at_checked(pieces.div_ceil(8) as usize)?;
        let mut records = Vec::new();
        while let Some((record, more)) = split_record(rest) {
            records.push(record);
            rest = more;
        }
        Some(Self {
            fingerprint: *fingerprint,
            saved: *saved == 1,
            played: *saved == 2,
            gone: unpack(gone, files),
            wanted: unpack(wanted, files),
            have: Bitfield::from_wire(have, pieces)?,
            records,
        })
    }

    /// Whether a state that begins with these bytes says that the files were saved, whatever room it is of.
    pub fn says_saved(start: &[u8]) -> bool {
        start.starts_with(MAGIC) && start.get(SAVED_AT) == Some(&1)
    }

    /// Where the bits of the pieces lie.
    pub fn have_at(&self) -> Range<usize> {
        let start = SAVED_AT + 1 + 2 * self.wanted.len().div_ceil(8);
        start..start + self.have.length().div_ceil(8) as usize
    }

    /// What changes once a download is over, `saved` and `gone`, and where it lies.
    pub fn marks(&self) -> (usize, Vec<u8>) {
        let saved = if self.saved { 1 } else { 2 * u8::from(self.played) };
        (SAVED_AT, [&[saved], pack(&self.gone).as_slice()].concat())
    }
}

/// A record as it is appended.
pub fn encode_record(record: &PieceRecord) -> Vec<u8> {
    let message = PeerMessage::Record(record.clone()).encode();
    // A record has 64 hashes at most, which is far below 64 KiB.
    [(message.len() as u16).to_be_bytes().as_slice(), &message].concat()
}

fn split_record(bytes: &[u8]) -> Option<(PieceRecord, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (message, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    match PeerMessage::decode(message) {
        Ok(PeerMessage::Record(record)) => Some((record, rest)),
        _ => None,
    }
}

fn pack(bits: &[bool]) -> Vec<u8> {
    let byte = |bits: &[bool]| {
        bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | (u8::from(*bit) << (7 - at)))
    };
    bits.chunks(8).map(byte).collect()
}

fn unpack(bytes: &[u8], count: usize) -> Vec<bool> {
    let bit = |at: usize| bytes.get(at / 8).is_some_and(|byte| byte & (0x80 >> (at % 8)) != 0);
    (0..count).map(bit).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::limits::MAX_RECORD_PIECES;
    use crate::protocol::peer_wire::SIGNATURE_BYTES;
    use crate::protocol::piece::PieceIndex;

    fn record(first: u32, hashes: usize) -> PieceRecord {
        PieceRecord {
            first_piece: PieceIndex(first),
            hashes: vec![[first as u8; HASH_BYTES]; hashes],
            signature: [7; SIGNATURE_BYTES],
        }
    }

    fn state() -> impl Strategy<Value = StoreState> {
        let files = prop::collection::vec(any::<(bool, bool)>(), 1..40);
        let records = prop::collection::vec((any::<u32>(), 1..=MAX_RECORD_PIECES), 0..4);
        let have = prop::collection::vec(any::<bool>(), 0..200);
        (any::<[u8; HASH_BYTES]>(), 0..3, files, have, records).prop_map(
            |(fingerprint, saved, files, have, records)| StoreState {
                fingerprint,
                saved: saved == 1,
                played: saved == 2,
                gone: files.iter().map(|file| file.0).collect(),
                wanted: files.iter().map(|file| file.1).collect(),
                have: Bitfield::from_wire(&pack(&have), have.len() as u32).unwrap(),
                records: records.into_iter().map(|(first, n)| record(first, n)).collect(),
            },
        )
    }

    fn read(bytes: &[u8], of: &StoreState) -> Option<StoreState> {
        StoreState::decode(bytes, &of.fingerprint, of.wanted.len(), of.have.length())
    }

    proptest! {
        #[test]
        fn a_state_round_trips(state in state()) {
            let bytes = state.encode();
            prop_assert_eq!(&bytes[state.have_at()], &state.have.to_wire()[..]);
            prop_assert_eq!(StoreState::says_saved(&bytes[..SAVED_END]), state.saved);
            prop_assert!(!StoreState::says_saved(&bytes[..SAVED_AT]));
            prop_assert_eq!(read(&bytes, &state), Some(state));
        }

        #[test]
        fn one_that_a_crash_cut_short_loses_records_at_its_end_and_nothing_else(
            state in state(),
            lost in 0_usize..10_000,
        ) {
            let bytes = state.encode();
            let cut = &bytes[..bytes.len().saturating_sub(lost)];
            match read(cut, &state) {
                None => prop_assert!(cut.len() < state.have_at().end),
                Some(read) => {
                    prop_assert!(state.records.starts_with(&read.records));
                    prop_assert_eq!(StoreState { records: state.records.clone(), ..read }, state);
                }
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(
            bytes: Vec<u8>, fingerprint: [u8; HASH_BYTES], files in 0_usize..100, pieces in 0_u32..100,
        ) {
            let own = [MAGIC.as_slice(), &fingerprint, &bytes].concat();
            let _ = StoreState::decode(&bytes, &fingerprint, files, pieces);
            let _ = StoreState::decode(&own, &fingerprint, files, pieces);
        }
    }

    #[test]
    fn marks_lie_where_they_are_read() {
        let mut state = StoreState {
            fingerprint: [1; HASH_BYTES],
            saved: false,
            played: true,
            gone: vec![false; 9],
            wanted: vec![true; 9],
            have: Bitfield::none(3),
            records: vec![record(0, 2)],
        };
        let mut bytes = state.encode();
        (state.saved, state.played, state.gone[8]) = (true, false, true);
        let (at, marks) = state.marks();
        bytes[at..at + marks.len()].copy_from_slice(&marks);
        assert_eq!(read(&bytes, &state), Some(state));
    }

    #[test]
    fn a_state_of_another_room_is_not_read() {
        let state = StoreState {
            fingerprint: [1; HASH_BYTES],
            saved: true,
            played: false,
            gone: vec![false],
            wanted: vec![true],
            have: Bitfield::all(8),
            records: Vec::new(),
        };
        assert_eq!(StoreState::decode(&state.encode(), &[2; HASH_BYTES], 1, 8), None);
    }
}
