//! What is text: session descriptions, links, ranges, names.

use std::cmp::Ordering;
use std::collections::HashSet;

use transfer4me::archive::fold::path_key;
use transfer4me::archive::portable::{MAX_PORTABLE_BYTES, download_name, folder_name};
use transfer4me::archive::safe_path::{MAX_PART_BYTES, safe_paths, shown_name};
use transfer4me::circle::{Direction, ask_for_music, inspect_media};
use transfer4me::media::natural;
use transfer4me::media::range::{Answer, answer};
use transfer4me::media::window::{Place, needed};
use transfer4me::protocol::id::{LinkKey, RoomId};
use transfer4me::protocol::limits::{
    MAX_PATH_DEPTH, MAX_SDP_BYTES, MIN_MAX_MESSAGE_BYTES, MIN_PIECE_LENGTH,
};
use transfer4me::protocol::link::ShareLink;
use transfer4me::protocol::piece::Layout;
use transfer4me::swarm::Bitfield;
use transfer4me::swarm::negotiation::inspect_description;

use unicode_normalization::UnicodeNormalization;

use super::harness::{Decoder, try_out};

const DATA: &[u8] = b"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
    m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=fingerprint:sha-256 AA:BB\r\na=max-message-size:262144\r\n";
const MEDIA: &[u8] = b"v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=fingerprint:SHA-256 AA:BB\r\na=recvonly\r\n\
    a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=recvonly\r\n";

#[test]
fn session_descriptions() {
    let sends = String::from_utf8_lossy(MEDIA).replace("recvonly", "sendonly").into_bytes();
    try_out(&Decoder {
        name: "session_description",
        valid: vec![DATA.to_vec(), MEDIA.to_vec(), sends],
        words: const {
            &[
                b"\r\n",
                b"\n",
                b"\r",
                b"m=audio ",
                b"m=application ",
                b"m=",
                b"a=sendrecv",
                b"a=inactive",
                b"a=sendonly",
                b"a=fingerprint:sha-1 ",
                b"a=fingerprint:",
                b"a=max-message-size:0",
                b"SCTP",
                b"a=rtpmap:",
                b"a=fmtp:",
                "\u{2028}".as_bytes(),
                "\u{85}".as_bytes(),
                b"\0",
                b"\x0b",
            ]
        },
        bytes_per_byte: 64,
        check: |bytes| {
            let sdp = String::from_utf8_lossy(bytes);
            let sections = sdp.split('\n').filter(|line| line.starts_with("m=")).count();
            let data = inspect_description(&sdp);
            if let Ok(most) = data {
                assert!(most >= MIN_MAX_MESSAGE_BYTES && sdp.len() <= MAX_SDP_BYTES);
                assert_eq!(sections, 1);
            }
            let media = [Direction::Receives, Direction::Sends].map(|way| inspect_media(&sdp, way));
            assert!(media.iter().filter(|taken| taken.is_ok()).count() <= 1, "both ways");
            if media.iter().any(Result::is_ok) {
                assert!(data.is_err(), "taken for data and for media");
                assert!((1..=2).contains(&sections) && sdp.len() <= MAX_SDP_BYTES);
            }
            let _ = ask_for_music(&sdp);
            format!("{:?} {media:?}", data.map(drop))
        },
    });
}

#[test]
fn share_links() {
    let link =
        ShareLink { room_id: RoomId::from_bytes([7; 12]), link_key: LinkKey::from_bytes([9; 16]) };
    try_out(&Decoder {
        name: "link",
        valid: vec![link.to_url("").into_bytes()],
        words: const {
            &[
                b"#",
                b"/room/",
                b"/",
                b"%20",
                b"%23",
                b"?fbclid=1",
                b"&utm_source=x",
                b" ",
                b".",
                b")",
                b">",
                "\u{fffd}".as_bytes(),
            ]
        },
        bytes_per_byte: 96,
        check: |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let (path, fragment) = text.split_at(text.find('#').unwrap_or(text.len()));
            if let Some(mended) = ShareLink::mended_path(path) {
                let path = mended.split('#').next().unwrap();
                assert_eq!(ShareLink::mended_path(path), None, "mended twice: {mended}");
            }
            match ShareLink::from_location(path, fragment) {
                Ok(link) => {
                    let url = link.to_url("");
                    let (path, fragment) = url.split_at(url.find('#').unwrap());
                    assert_eq!(ShareLink::from_location(path, fragment), Ok(link));
                    "taken".to_owned()
                }
                Err(error) => error.what.to_owned(),
            }
        },
    });
}

#[test]
fn ranges() {
    try_out(&Decoder {
        name: "range",
        valid: [
            "bytes=0-",
            "bytes=5-9",
            "bytes=-3",
            "BYTES = 1-2, 4-5,-1",
            "bytes=0-18446744073709551615",
        ]
        .map(|text| text.as_bytes().to_vec())
        .to_vec(),
        words: &[
            b"bytes=",
            b"-",
            b",",
            b" ",
            b"\t",
            b"99999999999999999999",
            b"items=",
            b"=",
            b"+1",
            b"0x1",
        ],
        bytes_per_byte: 16,
        check: |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let mut said = Vec::new();
            for length in [0, 1, 10, 1 << 40, u64::MAX] {
                match answer(Some(&text), length) {
                    Answer::Part { first, last } => {
                        assert!(first <= last && last < length, "{first}-{last} of {length}");
                        said.push("part");
                    }
                    Answer::Unsatisfiable => said.push("none"),
                    Answer::Whole => panic!("the whole file for a range"),
                }
            }
            said.join(" ")
        },
    });
}

#[test]
fn what_a_player_needs() {
    const SIZES: [u64; 3] = [5, 100 * MIN_PIECE_LENGTH as u64 + 7, 0];
    let place =
        |file: u8, at: u64, end: u64| [&[file][..], &at.to_be_bytes(), &end.to_be_bytes()].concat();
    try_out(&Decoder {
        name: "places",
        valid: vec![
            [place(1, 0, 9), place(0, 4, 5)].concat(),
            place(1, u64::MAX, u64::MAX),
            place(2, 0, 0),
        ],
        words: &[&[0; 8], &[0xff; 8], &[0, 0, 0, 0, 0, 4, 0, 0], &[1]],
        bytes_per_byte: 64,
        check: |bytes| {
            let layout = Layout::new(MIN_PIECE_LENGTH, SIZES).unwrap();
            let number =
                |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
            // As many as the page keeps; a place is inside its file, which the answer to a range makes sure of.
            let places: Vec<Place> = bytes
                .chunks_exact(17)
                .take(32)
                .map(|chunk| {
                    let file = usize::from(chunk[0]);
                    let bytes = SIZES.get(file).copied().unwrap_or(9);
                    let at = number(&chunk[1..9]).min(bytes);
                    Place { file, at, end: number(&chunk[9..]).min(bytes) }
                })
                .collect();
            let rate = bytes.first().map_or(0, |first| u64::MAX >> (first % 64));
            let pieces = needed(&layout, &Bitfield::none(layout.piece_count()), &places, rate);
            assert!(pieces.iter().all(|piece| piece.0 < layout.piece_count()));
            assert_eq!(pieces.iter().collect::<HashSet<_>>().len(), pieces.len());
            format!("{}", pieces.len().min(20))
        },
    });
}

/// Each line is a path.
fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).split('\u{1}').take(200).map(str::to_owned).collect()
}

const NAME_WORDS: &[&[u8]] = &[
    b"..",
    b"/",
    b"\\",
    b"\x01",
    b"CON",
    b"nul.txt",
    b"C:",
    b".",
    b" ",
    b" (2)",
    b"\0",
    b"\n",
    b".lnk",
    b"~1",
    b"::$DATA",
    "\u{202e}".as_bytes(),
    "\u{200b}".as_bytes(),
    "\u{fe0f}".as_bytes(),
    "e\u{301}".as_bytes(),
    "é".as_bytes(),
    "ß".as_bytes(),
    "SS".as_bytes(),
    "ſ".as_bytes(),
    "K".as_bytes(),
    "ﬀ".as_bytes(),
    "İ".as_bytes(),
    "ı".as_bytes(),
    "日本".as_bytes(),
    "👩‍👧".as_bytes(),
    &[b'x'; 250],
];

/// What a browser does for [`path_key`].
fn fold(text: &str) -> String {
    text.nfc().collect::<String>().to_lowercase().to_uppercase().nfc().collect()
}

#[test]
fn names_of_files() {
    try_out(&Decoder {
        name: "path",
        valid: vec![
            b"a/b.txt\x01A/B.TXT\x01a/b.txt\x01a".to_vec(),
            "Фото/отпуск.png\u{1}日本語/資料.tar.gz".as_bytes().to_vec(),
            b"../../etc/passwd\x01C:\\Users\\me\\x\x01con.txt\x01.env".to_vec(),
        ],
        words: NAME_WORDS,
        bytes_per_byte: 400,
        check: |bytes| {
            let paths = lines(bytes);
            let mut paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            // The last is an empty folder, if there are several.
            let empty = if paths.len() > 1 { paths.pop() } else { None };
            let empty: Vec<&str> = empty.into_iter().collect();
            let all = safe_paths(&paths, &empty, &fold);
            let safe = all.files.clone();
            assert_eq!(safe.len(), paths.len());
            let folded: HashSet<String> = safe.iter().map(|path| path_key(path, &fold)).collect();
            assert_eq!(folded.len(), safe.len(), "two are one: {safe:?}");
            for path in &all.folders {
                assert!(!folded.contains(&path_key(path, &fold)), "{path:?} is a file as well");
            }
            for path in &safe {
                assert!(path.split('/').count() <= MAX_PATH_DEPTH, "{path:?}");
                for part in path.split('/') {
                    assert!((1..=MAX_PART_BYTES).contains(&part.len()), "{part:?}");
                    assert!(!part.ends_with(['.', ' ']) && !part.starts_with(' '), "{part:?}");
                    let bad = |c: char| c.is_control() || "\\<>:\"|?*\u{202e}\u{2066}".contains(c);
                    assert!(!part.contains(bad), "{part:?}");
                    for saved in [download_name(part), folder_name(part)] {
                        assert!((1..=MAX_PORTABLE_BYTES).contains(&saved.len()), "{saved:?}");
                        assert!(!saved.contains(['~', '%', '\u{200b}']), "{saved:?}");
                    }
                    let saved = download_name(part);
                    assert_eq!(download_name(&saved), saved, "{part:?}");
                }
                for (slash, _) in path.match_indices('/') {
                    assert!(
                        !folded.contains(&path_key(&path[..slash], &fold)),
                        "{path:?} is in a file"
                    );
                }
            }
            let again: Vec<&str> = safe.iter().map(String::as_str).collect();
            let folders: Vec<&str> = all.folders.iter().map(String::as_str).collect();
            assert_eq!(safe_paths(&again, &folders, &fold), all);
            format!(
                "{} of {} stay",
                safe.iter().zip(&paths).filter(|(one, other)| one == other).count().min(5),
                safe.len().min(5)
            )
        },
    });
}

#[test]
fn names_on_a_page() {
    try_out(&Decoder {
        name: "shown_name",
        valid: vec![b"a/b.txt\x01track 10.mp3\x01Track 2.mp3".to_vec()],
        words: NAME_WORDS,
        bytes_per_byte: 32,
        check: |bytes| {
            let names = lines(bytes);
            let mut changed = 0;
            for name in &names {
                let shown = shown_name(name);
                let bad = |c: char| c.is_control() || "\u{2028}\u{202e}\u{2066}".contains(c);
                assert!(!shown.is_empty() && !shown.contains(bad), "{shown:?}");
                changed += usize::from(shown != *name);
            }
            for pair in names.windows(3) {
                let [a, b, c] = pair else { unreachable!() };
                assert_eq!(natural::compare(a, b), natural::compare(b, a).reverse());
                assert_eq!(natural::compare(a, b) == Ordering::Equal, a == b);
                if natural::compare(a, b).is_le() && natural::compare(b, c).is_le() {
                    assert!(natural::compare(a, c).is_le(), "{a:?} {b:?} {c:?}");
                }
            }
            format!("{changed} changed", changed = changed.min(5))
        },
    });
}
