//! What is JSON: signalling, what is sealed, manifests, rooms.

use serde::Serialize;
use serde::de::DeserializeOwned;
use transfer4me::protocol::circle::CircleSignal;
use transfer4me::protocol::limits::{
    MAX_FILES, MAX_MODIFIED_MILLIS, MAX_SIGNALLING_BYTES, MAX_TOLD_LINKS, MAX_TOTAL_BYTES,
};
use transfer4me::protocol::manifest::{Manifest, SignedManifest};
use transfer4me::protocol::piece::PieceIndex;
use transfer4me::protocol::rooms::{CreateRoom, CreatedRoom, RoomSummary, UnlockRoom};
use transfer4me::protocol::signal::Signal;
use transfer4me::protocol::signalling::{ClientMessage, ServerMessage, parse_client_message};

use super::harness::{Decoder, try_out};

/// What stands in all of them.
const WORDS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"0.5",
    b"18446744073709551616",
    b"\"\\u0000\"",
    b"\"\\ud800\"",
    b"\\\"",
    b"\"peer\":",
    b"\"have\":\"all\"",
    b"\"sdp\":",
    b"\"attempt\":4294967295",
    b"\"lane\":65536",
    b"\"signal\":",
    b"\"join\":",
    b"\"version\":1",
    b"\"files\":[",
    b"\"path\":\"../\"",
    b"\"bytes\":",
];

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Reads it; what was read and written is read as the same.
fn round_trip<T: DeserializeOwned + Serialize>(text: &str) -> Option<T> {
    let read: T = serde_json::from_str(text).ok()?;
    let written = serde_json::to_string(&read).unwrap();
    let again: T =
        serde_json::from_str(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
    assert_eq!(serde_json::to_string(&again).unwrap(), written);
    Some(read)
}

/// The first word of a message, which says what kind it is.
fn kind(message: &impl std::fmt::Debug) -> String {
    format!("{message:?}").split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}

const TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[test]
fn what_a_page_tells_the_server() {
    let join = format!(
        r#"{{"join":{{"version":1,"join_token":"{TOKEN}","owner_token":"{TOKEN}","have":"some","slots":4,"providers":[1,2],"circle":"live"}}}}"#
    );
    try_out(&Decoder {
        name: "client_message",
        valid: texts(&[
            &join,
            r#""want""#,
            r#""complete""#,
            r#""leave""#,
            r#""ping""#,
            r#"{"slots":{"offered":6}}"#,
            r#"{"seats":{"count":16}}"#,
            r#"{"stats":{"uplink_bytes_per_second":5,"round_trips":[{"peer":4294967295,"millis":20}]}}"#,
            r#"{"signal":{"to":7,"sealed":"AAAA"}}"#,
            r#"{"progress":{"have_bytes":1,"wanted_bytes":18446744073709551615,"bytes_per_second":0,"phase":"listening","path":"relayed","have":"none"}}"#,
            r#"{"link_lost":{"peer":3}}"#,
            r#"{"bad_piece":{"peer":3,"piece":4}}"#,
            r#"{"remove":{"peer":3}}"#,
        ]),
        words: WORDS,
        bytes_per_byte: 64,
        check: |bytes| {
            let text = String::from_utf8_lossy(bytes);
            match parse_client_message(&text) {
                Ok(message) => {
                    assert!(text.len() <= MAX_SIGNALLING_BYTES);
                    match &message {
                        ClientMessage::Join(join) => {
                            assert!(join.providers.len() <= MAX_TOLD_LINKS)
                        }
                        ClientMessage::Stats(stats) => {
                            assert!(stats.round_trips.len() <= MAX_TOLD_LINKS);
                        }
                        _ => {}
                    }
                    let written = serde_json::to_string(&message).unwrap();
                    assert_eq!(parse_client_message(&written).as_ref(), Ok(&message));
                    kind(&message)
                }
                Err(error) => format!("{error:?}"),
            }
        },
    });
}

#[test]
fn what_the_server_tells_a_page() {
    try_out(&Decoder {
        name: "server_message",
        valid: texts(&[
            r#"{"welcome":{"peer_id":1,"resume_token":"AAAAAAAAAAAAAAAAAAAAAAAAAAA","resumed":true,"ice_servers":[{"urls":["stun:a"]}],"trickle_ice":true,"topology":"swarm"}}"#,
            r#"{"assigned":{"peers":[1,2],"owner":3}}"#,
            r#"{"serve":{"peer":1}}"#,
            r#"{"waiting":{"ahead":1,"seeds":2}}"#,
            r#"{"signal":{"from":1,"sealed":"AAAA"}}"#,
            r#"{"revoked":{"peer":1}}"#,
            r#"{"roster":{"members":[{"peer":1,"progress":{"have_bytes":1,"wanted_bytes":2,"bytes_per_second":3,"phase":"away","path":"direct","have":"all"},"helps":true}]}}"#,
            r#"{"circle":{"host":9,"members":[7,8],"waiting":2,"ahead":1}}"#,
            r#""pong""#,
            r#"{"closed":{"reason":"stopped"}}"#,
            r#"{"error":{"code":"too_fast","message":"x"}}"#,
        ]),
        words: WORDS,
        bytes_per_byte: 128,
        check: |bytes| {
            let message = round_trip::<ServerMessage>(&String::from_utf8_lossy(bytes));
            message.map_or("none".to_owned(), |message| kind(&message))
        },
    });
}

#[test]
fn what_members_seal_for_each_other() {
    try_out(&Decoder {
        name: "signal",
        valid: texts(&[
            r#"{"offer":{"lane":0,"attempt":1,"sdp":"v=0\r\n"}}"#,
            r#"{"restart":{"lane":1,"attempt":1,"sdp":"v=0\r\n"}}"#,
            r#"{"answer":{"lane":65535,"attempt":4294967295,"sdp":""}}"#,
            r#"{"candidate":{"lane":2,"attempt":1,"candidate":"candidate:1 1 udp 1 10.0.0.1 9 typ host","sdp_mid":null}}"#,
            r#"{"candidate":{"attempt":1,"candidate":"","sdp_mid":"0"}}"#,
            r#"{"offer":{"attempt":1,"sdp":"v=0\r\n"}}"#,
            r#"{"answer":{"attempt":1,"sdp":"v=0\r\n"}}"#,
            r#"{"on_air":{"title":"x","seen":false,"playing":true}}"#,
            r#"{"on_air":null}"#,
            r#"{"playback":{"file":1,"playing":false,"position":18446744073709551615,"at":3,"speed":65535}}"#,
            r#"{"clock_asked":{"asked_at":1}}"#,
            r#"{"clock_told":{"asked_at":1,"told_at":2}}"#,
        ]),
        words: WORDS,
        bytes_per_byte: 128,
        check: |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let (link, circle) = (round_trip::<Signal>(&text), round_trip::<CircleSignal>(&text));
            format!("{:?} {:?}", link.as_ref().map(kind), circle.as_ref().map(kind))
        },
    });
}

#[test]
fn manifests() {
    try_out(&Decoder {
        name: "manifest",
        valid: texts(&[
            r#"{"version":1,"piece_length":262144,"files":[{"path":"a/b.txt","bytes":5},{"path":"","bytes":0}]}"#,
            r#"{"version":1,"piece_length":16777216,"files":[{"path":"x","bytes":1099511627776}]}"#,
            r#"{"version":1,"piece_length":262144,"files":[{"path":"a","bytes":262144},{"path":"b","bytes":262145}]}"#,
            r#"{"version":1,"piece_length":262144,"files":[{"path":"a","bytes":0,"modified":1709210096789}],"folders":["b/c"]}"#,
        ]),
        words: WORDS,
        bytes_per_byte: 128,
        check: |bytes| {
            let manifest = match Manifest::from_json(&String::from_utf8_lossy(bytes)) {
                Ok(manifest) => manifest,
                // Without the number of the file.
                Err(error) => return kind(&error),
            };
            assert_eq!(Manifest::from_json(&manifest.to_json()).as_ref(), Ok(&manifest));
            assert!(manifest.total_bytes() <= MAX_TOTAL_BYTES);
            assert!(manifest.files.len() + manifest.folders.len() <= MAX_FILES);
            let modified = manifest.files.iter().filter_map(|file| file.modified);
            assert!(modified.max() <= Some(MAX_MODIFIED_MILLIS));
            let layout = manifest.check().unwrap();
            assert!(
                layout.files().len() == manifest.files.len() && layout.files().len() <= MAX_FILES
            );
            assert_eq!(layout.locate(PieceIndex(layout.piece_count())), None);
            for span in layout.files() {
                let Some(last) = span.pieces.checked_sub(1) else { continue };
                let piece = PieceIndex(span.first_piece + last);
                let (file, offset) = layout.locate(piece).unwrap();
                assert_eq!(offset + u64::from(layout.length_of(piece)), layout.files()[file].bytes);
            }
            format!("{} files", manifest.files.len().min(5))
        },
    });
}

#[test]
fn what_rooms_are_asked_and_answer() {
    try_out(&Decoder {
        name: "room",
        valid: texts(&[
            &format!(
                r#"{{"sealed_manifest":"AAAA","total_bytes":1,"file_count":1,"media_kind":"audio","join_verifier":"{TOKEN}","password":{{"kind":"text","text":"x"}},"topology":"pool","expires_in":7}}"#
            ),
            r#"{"password":"x"}"#,
            &format!(
                r#"{{"room_id":"AAAAAAAAAAAAAAAA","owner_token":"{TOKEN}","password":null,"expires_at":1,"links":{{"self":"a","page":"b","manifest":"c","password":"d","socket":"e"}}}}"#
            ),
            r#"{"room_id":"AAAAAAAAAAAAAAAA","total_bytes":1,"file_count":1,"media_kind":"other","streamable":false,"protected":false,"unlocked":true,"topology":"swarm","seeds_online":0,"live":"absent","expires_at":1,"links":{"self":"a","page":"b","manifest":"c","password":"d","socket":"e"}}"#,
            r#"{"manifest":"{}","owner_key":"AAAA","signature":"AAAA"}"#,
        ]),
        words: WORDS,
        bytes_per_byte: 256,
        check: |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let taken = [
                round_trip::<CreateRoom>(&text).is_some(),
                round_trip::<UnlockRoom>(&text).is_some(),
                round_trip::<CreatedRoom>(&text).is_some(),
                round_trip::<RoomSummary>(&text).is_some(),
                round_trip::<SignedManifest>(&text).is_some(),
            ];
            format!("{taken:?}")
        },
    });
}
