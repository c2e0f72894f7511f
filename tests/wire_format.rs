//! What is on the wire, spelt out: whoever changes it changes the protocol's version.

use proptest::prelude::*;
use transfer4me::protocol::circle::{CircleKind, CircleRoster, CircleSignal, OnAir, Playback};
use transfer4me::protocol::id::{JoinToken, PageId, PeerId, RoomId};
use transfer4me::protocol::peer_wire::{
    PeerMessage, PieceRecord, WireError, decode_block_header, encode_block_header, signed_bytes,
};
use transfer4me::protocol::piece::{BlockRange, PieceIndex};
use transfer4me::protocol::signalling::{
    ClientMessage, Have, Join, ServerMessage, parse_client_message,
};

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
        // kind, pieces
        (PeerMessage::Have(vec![PieceIndex(258)]), "05 00000102".to_owned()),
        (
            PeerMessage::Have(vec![PieceIndex(258), PieceIndex(3)]),
            "05 00000102 00000003".to_owned(),
        ),
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
        (PeerMessage::LaneClosed(260), "0d 01 04".to_owned()),
        (PeerMessage::Ping(5), "0e 00000005".to_owned()),
        (PeerMessage::Pong(5), "0f 00000005".to_owned()),
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
    let cases: [(Vec<u8>, WireError); 14] = [
        (vec![], WireError::Empty),
        (vec![16], WireError::UnknownKind(16)),
        (vec![14, 0], WireError::WrongLength),
        (vec![15], WireError::WrongLength),
        (vec![13], WireError::WrongLength),
        (vec![1, 0], WireError::WrongLength),
        (vec![5], WireError::WrongLength),
        (vec![5, 0, 0, 0], WireError::WrongLength),
        (vec![5; 1 + 65 * 4], WireError::TooLong),
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

#[test]
fn what_a_circle_tells_the_server_and_is_told_has_these_words() {
    let page = PageId::from_bytes([0; 16]);
    let join = |circle| join_of(circle, None);
    fn join_of(circle: Option<CircleKind>, page: Option<PageId>) -> ClientMessage {
        ClientMessage::Join(Join {
            version: 1,
            join_token: JoinToken::from_bytes([0; 32]),
            owner_token: None,
            resume_token: None,
            have: Have::None,
            slots: 0,
            providers: Vec::new(),
            circle,
            page,
        })
    }
    let joins = |rest: &str| {
        let token = "A".repeat(43);
        format!(
            r#"{{"join":{{"version":1,"join_token":"{token}","have":"none","slots":0{rest}}}}}"#
        )
    };
    for (message, words) in [
        // Whoever joins no circle says nothing of one.
        (join(None), joins("")),
        (join(Some(CircleKind::Live)), joins(r#","circle":"live""#)),
        (join_of(None, Some(page)), joins(r#","page":"AAAAAAAAAAAAAAAAAAAAAA""#)),
        (join(Some(CircleKind::Together)), joins(r#","circle":"together""#)),
        (ClientMessage::Seats { count: 16 }, r#"{"seats":{"count":16}}"#.to_owned()),
    ] {
        assert_eq!(serde_json::to_string(&message).unwrap(), words);
        assert_eq!(parse_client_message(&words), Ok(message));
    }
    assert!(parse_client_message(&joins(r#","circle":"other""#)).is_err());
    assert!(parse_client_message(r#"{"seats":{"count":256}}"#).is_err());

    let roster = CircleRoster { members: vec![PeerId(7), PeerId(8)], ..CircleRoster::default() };
    for (roster, words) in [
        (
            CircleRoster { host: Some(PeerId(9)), waiting: 2, ahead: Some(1), ..roster.clone() },
            r#"{"circle":{"host":9,"members":[7,8],"waiting":2,"ahead":1}}"#,
        ),
        (roster, r#"{"circle":{"host":null,"members":[7,8],"waiting":0}}"#),
    ] {
        let message = ServerMessage::Circle(roster);
        assert_eq!(serde_json::to_string(&message).unwrap(), words);
        assert_eq!(serde_json::from_str::<ServerMessage>(words).unwrap(), message);
    }
}

#[test]
fn what_members_of_a_circle_tell_each_other_has_these_words() {
    let text = || "x".to_owned();
    let on_air = OnAir { title: text(), seen: false, playing: true };
    let playback = Playback { file: 1, playing: false, position: 2, at: 3, speed: 100 };
    for (signal, words) in [
        (CircleSignal::Offer { attempt: 1, sdp: text() }, r#"{"offer":{"attempt":1,"sdp":"x"}}"#),
        (CircleSignal::Answer { attempt: 1, sdp: text() }, r#"{"answer":{"attempt":1,"sdp":"x"}}"#),
        (
            CircleSignal::Candidate { attempt: 1, candidate: text(), sdp_mid: None },
            r#"{"candidate":{"attempt":1,"candidate":"x","sdp_mid":null}}"#,
        ),
        (
            CircleSignal::OnAir(Some(on_air)),
            r#"{"on_air":{"title":"x","seen":false,"playing":true}}"#,
        ),
        (CircleSignal::OnAir(None), r#"{"on_air":null}"#),
        (
            CircleSignal::Playback(Some(playback)),
            r#"{"playback":{"file":1,"playing":false,"position":2,"at":3,"speed":100}}"#,
        ),
        (CircleSignal::Playback(None), r#"{"playback":null}"#),
        (CircleSignal::ClockAsked { asked_at: 1 }, r#"{"clock_asked":{"asked_at":1}}"#),
        (
            CircleSignal::ClockTold { asked_at: 1, told_at: 2 },
            r#"{"clock_told":{"asked_at":1,"told_at":2}}"#,
        ),
    ] {
        assert_eq!(serde_json::to_string(&signal).unwrap(), words);
        assert_eq!(serde_json::from_str::<CircleSignal>(words).unwrap(), signal);
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
