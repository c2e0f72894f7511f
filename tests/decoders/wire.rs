//! What comes over data channels and off the disk: bytes.

use transfer4me::protocol::id::{JoinToken, LinkKey, OwnerToken, ResumeToken, RoomId};
use transfer4me::protocol::limits::{MAX_CONTROL_BYTES, MAX_HAVE_PIECES, MAX_RANGES_PER_REQUEST};
use transfer4me::protocol::peer_wire::{
    PeerMessage, PieceRecord, decode_block_header, encode_block_header,
};
use transfer4me::protocol::piece::{BlockRange, PieceIndex};
use transfer4me::store_state::StoreState;
use transfer4me::swarm::Bitfield;

use super::harness::{Decoder, try_out};

fn record(first: u32, pieces: usize) -> PieceRecord {
    let hashes = vec![[0xaa; 32]; pieces];
    PieceRecord { first_piece: PieceIndex(first), hashes, signature: [0xbb; 64] }
}

/// One of each kind, some of them as long as they may be.
fn messages() -> Vec<PeerMessage> {
    let range = |piece, begin, length| BlockRange { piece: PieceIndex(piece), begin, length };
    let ranges = vec![range(1, 65_536, 16), range(u32::MAX, u32::MAX, u32::MAX)];
    vec![
        PeerMessage::Hello { version: 1, piece_count: 5 },
        PeerMessage::Choke,
        PeerMessage::Unchoke,
        PeerMessage::Interested,
        PeerMessage::NotInterested,
        PeerMessage::Have((0..MAX_HAVE_PIECES as u32).map(PieceIndex).collect()),
        PeerMessage::Bitfield(vec![0xff; 100]),
        PeerMessage::Request(ranges.clone()),
        PeerMessage::Request(vec![range(0, 0, 1); MAX_RANGES_PER_REQUEST]),
        PeerMessage::Cancel(ranges.clone()),
        PeerMessage::Record(record(2, 1)),
        PeerMessage::Record(record(u32::MAX, 64)),
        PeerMessage::FileGone(7),
        PeerMessage::Wanted(vec![0xa0]),
        PeerMessage::Reject(ranges),
        PeerMessage::LaneClosed(260),
        PeerMessage::Ping(5),
        PeerMessage::Pong(u32::MAX),
    ]
}

#[test]
fn control_messages() {
    try_out(&Decoder {
        name: "control_message",
        valid: messages().iter().map(PeerMessage::encode).collect(),
        words: &[&[0; 4], &[0xff; 4], &[0; 12], &[0xbb; 64], &[0xaa; 32]],
        bytes_per_byte: 16,
        check: |bytes| match PeerMessage::decode(bytes) {
            Ok(message) => {
                assert_eq!(message.encode(), bytes);
                assert!(bytes.len() <= MAX_CONTROL_BYTES);
                format!("kind {}", bytes[0])
            }
            Err(error) => format!("{error:?}"),
        },
    });
}

#[test]
fn block_headers() {
    try_out(&Decoder {
        name: "block_header",
        valid: vec![encode_block_header(PieceIndex(1), 65_536).to_vec()],
        words: &[&[0; 4], &[0xff; 4]],
        bytes_per_byte: 1,
        check: |bytes| {
            // The length of the message is the browser's word, so it may be anything.
            for length in [bytes.len() as u32, 0, 7, 8, 9, u32::MAX] {
                if let Ok(range) = decode_block_header(bytes, length) {
                    assert_eq!(encode_block_header(range.piece, range.begin), bytes);
                    assert_eq!(u64::from(range.length) + 8, u64::from(length));
                    assert!(range.end() >= range.begin);
                }
            }
            format!("{:?}", decode_block_header(bytes, 9).map(drop))
        },
    });
}

#[test]
fn bitfields() {
    try_out(&Decoder {
        name: "bitfield",
        valid: vec![vec![0xff, 0xe0], vec![0; 2], vec![0x80, 0x20], vec![]],
        words: &[&[0], &[0xff]],
        bytes_per_byte: 64,
        check: |bytes| {
            let bits = bytes.len() as u32 * 8;
            let mut taken = 0;
            for length in [11, bits, bits.saturating_sub(1), bits + 1, 0, u32::MAX] {
                let Some(field) = Bitfield::from_wire(bytes, length) else { continue };
                assert_eq!(field.to_wire(), bytes);
                assert_eq!(field.iter().count(), field.count() as usize);
                assert!(field.iter().all(|piece| piece.0 < length && field.contains(piece)));
                assert!(
                    !field.contains(PieceIndex(length)) && !field.contains(PieceIndex(u32::MAX))
                );
                taken += 1;
            }
            format!("{taken} taken")
        },
    });
}

const FINGERPRINT: [u8; 32] = [0x11; 32];
const FILES: usize = 9;
const PIECES: u32 = 13;

fn state(saved: bool, records: Vec<PieceRecord>) -> Vec<u8> {
    let mut have = Bitfield::none(PIECES);
    have.insert(PieceIndex(3));
    let (gone, wanted) = (vec![false; FILES], vec![true; FILES]);
    let fingerprint = FINGERPRINT;
    StoreState { fingerprint, saved, played: !saved, gone, wanted, have, records }.encode()
}

#[test]
fn stored_states() {
    try_out(&Decoder {
        name: "store_state",
        valid: vec![
            state(true, vec![]),
            state(false, vec![record(0, 1), record(5, 64), record(u32::MAX, 2)]),
        ],
        words: &[
            b"t4mstore",
            &FINGERPRINT,
            &[0, 101, 9],
            &[0xff, 0xff, 9],
            &[0xbb; 64],
            &[0xaa; 32],
        ],
        bytes_per_byte: 24,
        check: |bytes| {
            let _ = StoreState::says_saved(bytes);
            let read = |bytes: &[u8]| StoreState::decode(bytes, &FINGERPRINT, FILES, PIECES);
            let Some(state) = read(bytes) else { return "of another room".to_owned() };
            assert_eq!((state.wanted.len(), state.gone.len()), (FILES, FILES));
            assert_eq!(state.have.length(), PIECES);
            let said = format!("saved {}, {} records", state.saved, state.records.len().min(9));
            assert_eq!(read(&state.encode()), Some(state));
            said
        },
    });
}

#[test]
fn identifiers_and_secrets() {
    fn check<T: std::str::FromStr>(text: &str, to_text: fn(&T) -> String) -> u8 {
        text.parse::<T>().map_or(0, |id| {
            assert_eq!(to_text(&id), text, "two texts are one id");
            1
        })
    }
    try_out(&Decoder {
        name: "identifier",
        valid: vec![
            RoomId::from_bytes([0xff; 12]).to_text().into_bytes(),
            LinkKey::from_bytes([0xff; 16]).to_text().into_bytes(),
            ResumeToken::from_bytes([0xff; 20]).to_text().into_bytes(),
            JoinToken::from_bytes([0xff; 32]).to_text().into_bytes(),
        ],
        words: &[b"=", b"+", b"/", b"_", b"-", b"A", b"\0"],
        bytes_per_byte: 16,
        check: |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let taken = [
                check::<RoomId>(&text, RoomId::to_text),
                check::<LinkKey>(&text, LinkKey::to_text),
                check::<ResumeToken>(&text, ResumeToken::to_text),
                check::<JoinToken>(&text, JoinToken::to_text),
                check::<OwnerToken>(&text, OwnerToken::to_text),
            ];
            format!("{taken:?}")
        },
    });
}
