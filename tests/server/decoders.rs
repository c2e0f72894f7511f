//! Everything that only the server reads of what strangers send, on bytes that are almost right: see tests/decoders.

#[path = "../decoders/harness.rs"]
mod harness;

use http::header::{COOKIE, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue};
use transfer4me::api::ApiError;
use transfer4me::protocol::id::{PeerId, ResumeToken, RoomId};
use transfer4me::protocol::limits::MAX_PASSWORD_BYTES;
use transfer4me::server::client_address::client_of;
use transfer4me::server::hub::ResumeTokens;
use transfer4me::server::origin::AllowedOrigins;
use transfer4me::server::passwords;
use transfer4me::server::tickets::{self, Tickets};

use harness::{Decoder, try_out};

const ROOM: RoomId = RoomId::from_bytes([1; 12]);
const EXPIRES_AT: i64 = 1000;

/// Headers that a request can have at most: hyper refuses more.
const MAX_HEADERS: usize = 100;

/// Lines as values of a header, if one can have them.
fn lines(name: &HeaderName, bytes: &[u8]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n').take(MAX_HEADERS) {
        headers.append(name.clone(), HeaderValue::from_bytes(line).ok()?);
    }
    Some(headers)
}

fn ticket() -> String {
    Tickets::new(&[7; 32]).unwrap().issue(&ROOM, EXPIRES_AT)
}

#[test]
fn cookies_and_tickets() {
    let cookie = |rest: &str| format!("a=b; t4m_ticket_{ROOM}={}{rest}", ticket()).into_bytes();
    try_out(&Decoder {
        name: "ticket",
        valid: vec![cookie(""), cookie("; c=d"), b"t4m_ticket_AAAAAAAAAAAAAAAA=".to_vec()],
        words: &[b";", b"=", b" ", b"\n", b"t4m_ticket_", b"AQEBAQEBAQEBAQEB", b"_", b"\xff"],
        bytes_per_byte: 32,
        check: |bytes| {
            let Some(headers) = lines(&COOKIE, bytes) else { return "no header".to_owned() };
            let Some(found) = tickets::from_cookies(&headers, &ROOM) else { return "none".into() };
            let valid = Tickets::new(&[7; 32]).unwrap().is_valid(&ROOM, found, EXPIRES_AT - 1);
            assert_eq!(valid, found == ticket(), "{found}");
            format!("valid {valid}")
        },
    });
}

#[test]
fn resume_tokens() {
    let tokens = || ResumeTokens::new(&[7; 32]).unwrap();
    let real = tokens().issue(&ROOM, false, PeerId(0x0102_0304));
    try_out(&Decoder {
        name: "resume_token",
        valid: vec![real.as_bytes().to_vec(), vec![0; 20]],
        words: &[&[0; 4], &[0xff; 4]],
        bytes_per_byte: 64,
        check: |bytes| {
            let Ok(bytes) = <[u8; 20]>::try_from(bytes) else { return "another length".into() };
            let tokens = ResumeTokens::new(&[7; 32]).unwrap();
            let token = ResumeToken::from_bytes(bytes);
            let peer = tokens.verified(&ROOM, false, &token);
            if let Some(peer) = peer {
                assert!(tokens.issue(&ROOM, false, peer).as_bytes() == &bytes, "forged");
            }
            assert_eq!(tokens.verified(&ROOM, true, &token), None);
            format!("valid {}", peer.is_some())
        },
    });
}

#[test]
fn hops_of_proxies() {
    try_out(&Decoder {
        name: "forwarded_for",
        valid: [
            "1.1.1.1, 2.2.2.2, 10.0.0.2",
            "2001:db8::7",
            "[2001:db8::7]:443\n3.3.3.3:80",
            "10.0.0.1, ::ffff:10.0.0.9",
            "unknown",
        ]
        .map(|text| text.as_bytes().to_vec())
        .to_vec(),
        words: &[
            b",",
            b"\n",
            b"10.0.0.1",
            b"[",
            b"]",
            b":",
            b"::1",
            b"%eth0",
            b" ",
            b"\xff",
            b"010.0.0.1",
        ],
        bytes_per_byte: 64,
        check: |bytes| {
            let name = HeaderName::from_static("x-forwarded-for");
            let Some(headers) = lines(&name, bytes) else { return "no header".to_owned() };
            let proxies = ["10.0.0.0/8".parse().unwrap()];
            // Whoever is no proxy is believed nothing.
            let stranger = "203.0.113.9".parse().unwrap();
            assert_eq!(client_of(stranger, &headers, &proxies), stranger);
            let proxy = "10.0.0.1".parse().unwrap();
            let client = client_of(proxy, &headers, &proxies);
            // What the proxy adds counts, whatever stands before it.
            let added = lines(&name, &[bytes, b", 2.2.2.2"].concat());
            if bytes.split(|byte| *byte == b'\n').count() <= MAX_HEADERS {
                let added = added.unwrap();
                assert_eq!(client_of(proxy, &added, &proxies).to_string(), "2.2.2.2");
            }
            let stated = || String::from_utf8_lossy(bytes).contains(['.', ':']);
            assert!(client == proxy || stated(), "{client} from nowhere");
            format!("proxy {}, v6 {}", client == proxy, client.is_ipv6())
        },
    });
}

#[test]
fn origins() {
    try_out(&Decoder {
        name: "origin",
        valid: vec![b"https://example.org".to_vec(), b"null".to_vec()],
        words: &[
            b"https://",
            b"http://",
            b".",
            b":443",
            b"/",
            b"@",
            b"example.org",
            b"\n",
            b"null",
            b" ",
            b"\xff",
        ],
        bytes_per_byte: 64,
        check: |bytes| {
            let Some(headers) = lines(&ORIGIN, bytes) else { return "no header".to_owned() };
            let origins =
                AllowedOrigins::new(Some("https://example.org"), "[::]:80".parse().unwrap());
            let allowed = origins.check_socket(&headers).is_ok();
            let first = bytes.split(|byte| *byte == b'\n').next();
            assert_eq!(allowed, first == Some(b"https://example.org"));
            format!("allowed {allowed}")
        },
    });
}

#[test]
fn passwords_as_they_are_typed() {
    try_out(&Decoder {
        name: "password",
        valid: vec![b"right".to_vec(), "  Zo\u{eb} \u{2003}".as_bytes().to_vec()],
        words: const {
            &[
                b" ",
                "\u{2003}".as_bytes(),
                "e\u{308}".as_bytes(),
                "\u{feff}".as_bytes(),
                b"\0",
                &[b'x'; 250],
            ]
        },
        bytes_per_byte: 64,
        check: |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let typed = passwords::typed(&text);
            if let Ok(forms) = &typed {
                assert!(
                    (1..=2).contains(&forms.len()) && forms.iter().all(|form| !form.is_empty())
                );
            }
            match passwords::chosen(&text) {
                Ok(password) => {
                    assert!((1..=MAX_PASSWORD_BYTES).contains(&password.len()));
                    assert!(typed.unwrap().contains(&password), "not what is typed: {password:?}");
                    assert_eq!(passwords::typed(&password).unwrap().first(), Some(&password));
                    assert_eq!(passwords::chosen(&password), Ok(password));
                    "taken".to_owned()
                }
                Err(ApiError::Invalid(why)) => why,
                Err(other) => panic!("{other:?}"),
            }
        },
    });
}
