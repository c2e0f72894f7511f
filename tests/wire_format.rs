//! The bytes between two browsers, spelt out: whoever changes one changes the protocol's version.

use proptest::prelude::*;
use transfer4me::protocol::id::RoomId;
use transfer4me::protocol::peer_wire::{
    PeerMessage, PieceRecord, WireError, decode_block_header, encode_block_header, signed_bytes,
};
use transfer4me::protocol::piece::{BlockRange, PieceIndex};
use transfer4me::protocol::signalling::parse_client_message;

fn range(piece: u32, begin: u32, length: u32) -> BlockRange {
    BlockRange { piece: PieceIndex(piece), begin, length }
}

fn record(pieces: usize) -> PieceRecord {
    PieceRecord {
        first_piece: PieceIndex(2),
        hashes: vec![[0xaa; 32]; pieces],
        signature: [0xbb; 64],
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_control_message_has_these_bytes() {
    let golden = [
        // kind, version, piece_count
        (PeerMessage::Hello { version: 1, piece_count: 5 }, "00 00000001 00000005".to_owned()),
        (PeerMessage::Choke, "01".to_owned()),
        (PeerMessage::Unchoke, "02".to_owned()),
        (PeerMessage::Interested, "03".to_owned()),
        (PeerMessage::NotInterested, "04".to_owned()),
        // kind, piece
        (PeerMessage::Have(PieceIndex(258)), "05 00000102".to_owned()),
        // kind, bits
        (PeerMessage::Bitfield(vec![0b1110_0000]), "06 e0".to_owned()),
        // kind, (piece, begin, length) twice
        (
            PeerMessage::Request(vec![range(1, 65536, 16), range(2, 0, 1)]),
            "07 00000001 00010000 00000010 00000002 00000000 00000001".to_owned(),
        ),
        (PeerMessage::Cancel(vec![range(1, 2, 3)]), "08 00000001 00000002 00000003".to_owned()),
        // kind, first piece, signature, hashes
        (
            PeerMessage::Record(record(1)),
            format!("09 00000002 {} {}", "bb".repeat(64), "aa".repeat(32)),
        ),
        (PeerMessage::FileGone(7), "0a 00000007".to_owned()),
        // kind, bits
        (PeerMessage::Wanted(vec![0b1010_0000]), "0b a0".to_owned()),
        (PeerMessage::Reject(vec![range(1, 2, 3)]), "0c 00000001 00000002 00000003".to_owned()),
        // kind, lane
        (PeerMessage::LaneClosed(4), "0d 04".to_owned()),
    ];
    for (message, bytes) in golden {
        assert_eq!(hex(&message.encode()), bytes.replace(' ', ""), "{message:?}");
        assert_eq!(PeerMessage::decode(&message.encode()), Ok(message));
    }
}

#[test]
fn a_block_has_an_eight_byte_header() {
    assert_eq!(hex(&encode_block_header(PieceIndex(1), 65536)), "0000000100010000");
    assert_eq!(
        decode_block_header(&encode_block_header(PieceIndex(1), 65536), 8 + 100),
        Ok(range(1, 65536, 100))
    );
    assert_eq!(decode_block_header(&[0; 8], 8), Err(WireError::WrongLength));
    assert_eq!(decode_block_header(&[0; 7], 7), Err(WireError::WrongLength));
}

#[test]
fn a_records_signature_covers_room_place_and_hashes() {
    let room = RoomId::from_bytes([1; 12]);
    let bytes = signed_bytes(&room, PieceIndex(9), &[[2; 32]]);
    assert_eq!(
        hex(&bytes),
        format!(
            "{}{}{}{}{}",
            hex(b"transfer4me/1/piece-record"),
            "00000001",
            "01".repeat(12),
            "00000009",
            "02".repeat(32)
        )
    );
}

#[test]
fn cut_long_and_unknown_messages_are_refused() {
    let cases: [(Vec<u8>, WireError); 10] = [
        (vec![], WireError::Empty),
        (vec![14], WireError::UnknownKind(14)),
        (vec![13], WireError::WrongLength),
        (vec![1, 0], WireError::WrongLength),
        (vec![5, 0, 0, 0], WireError::WrongLength),
        (vec![7], WireError::WrongLength),
        (vec![7; 1 + 11], WireError::WrongLength),
        (vec![9; 1 + 4 + 64], WireError::WrongLength),
        (vec![6; 20_000], WireError::TooLong),
        (PeerMessage::Record(record(65)).encode(), WireError::TooLong),
    ];
    for (bytes, error) in cases {
        assert_eq!(PeerMessage::decode(&bytes), Err(error), "{} bytes", bytes.len());
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic_and_round_trip(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        if let Ok(message) = PeerMessage::decode(&bytes) {
            prop_assert_eq!(message.encode(), bytes.clone());
        }
        let _ = decode_block_header(&bytes, bytes.len() as u32);
    }

    #[test]
    fn arbitrary_text_is_no_client_message_and_never_panics(text: String) {
        prop_assert!(parse_client_message(&text).is_err());
    }
}
