//! Sockets that do what they should not: each is closed with a word, and nobody else notices.

use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use transfer4me::protocol::limits;
use transfer4me::protocol::signalling::{ClientMessage, ErrorCode, Join, ServerMessage};
use transfer4me::server::rate_limit::{Quotas, Rate};

use super::running::{Setup, start, start_with};

#[tokio::test]
async fn pages_of_other_sites_get_no_socket() {
    let server = start().await;
    let id = server.room().await.created.room_id;
    let port = server.origin.rsplit(':').next().unwrap().to_owned();
    for origin in [
        None,
        Some("https://evil.example".to_owned()),
        Some("null".to_owned()),
        Some(format!("https://127.0.0.1:{port}")),
        Some(format!("http://127.0.0.1:{port}/")),
        Some(format!("http://evil.example:{port}")),
    ] {
        match server.socket_with(&id, origin.as_deref(), None).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), 403, "{origin:?}"),
            other => panic!("{origin:?}: {:?}", other.map(|_| ())),
        }
    }
    let localhost = format!("http://localhost:{port}");
    assert!(server.socket_with(&id, Some(&localhost), None).await.is_ok());
}

#[tokio::test]
async fn only_the_public_url_opens_sockets_once_it_is_set() {
    let args = vec!["--public-url=https://example.org"];
    let server = start_with(Setup { args, ..Setup::default() }).await;
    let id = server.room().await.created.room_id;
    assert!(server.socket_with(&id, Some(&server.origin), None).await.is_err());
    assert!(server.socket_with(&id, Some("https://example.org"), None).await.is_ok());
}

#[tokio::test]
async fn a_socket_that_does_not_join_is_closed_after_five_seconds() {
    let server = start().await;
    let room = server.room().await;
    let opened = Instant::now();
    server.socket(&room).await.expect_refusal(ErrorCode::Malformed).await;
    let waited = opened.elapsed();
    assert!(waited >= limits::JOIN_TIMEOUT && waited < Duration::from_secs(9), "{waited:?}");
}

#[tokio::test]
async fn another_version_is_told_to_reload_even_if_its_join_looks_different() {
    let server = start().await;
    let room = server.room().await;
    let mut peer = server.socket(&room).await;
    let version = limits::PROTOCOL_VERSION + 1;
    peer.say(&ClientMessage::Join(Join { version, ..room.join() })).await;
    peer.expect_refusal(ErrorCode::Version).await;
    let mut peer = server.socket(&room).await;
    let text = format!(r#"{{"join":{{"version":{version},"news":true}}}}"#);
    peer.send(Message::text(text)).await.unwrap();
    peer.expect_refusal(ErrorCode::Version).await;
}

#[tokio::test]
async fn garbage_is_refused_before_and_after_joining() {
    let server = start().await;
    let room = server.room().await;
    let long = "x".repeat(limits::MAX_SEALED_SIGNAL_BYTES + 1);
    for garbage in [
        Message::text(""),
        Message::text("{}"),
        Message::text("null"),
        Message::text(r#""dance""#),
        Message::text(r#"{"signal":{"to":-1,"sealed":""}}"#),
        Message::text(format!(r#"{{"signal":{{"to":1,"sealed":"{long}"}}}}"#)),
        Message::text("[".repeat(60_000)),
        Message::Binary(Bytes::from_static(&[0, 159, 146, 150])),
    ] {
        let mut early = server.socket(&room).await;
        early.send(garbage.clone()).await.unwrap();
        early.expect_refusal(ErrorCode::Malformed).await;
        let (mut late, _) = server.recipient(&room).await;
        late.send(garbage).await.unwrap();
        late.expect_refusal(ErrorCode::Malformed).await;
    }
}

#[tokio::test]
async fn nothing_comes_before_join_and_join_comes_once() {
    let server = start().await;
    let room = server.room().await;
    let mut peer = server.socket(&room).await;
    peer.say(&ClientMessage::Want).await;
    peer.expect_refusal(ErrorCode::Malformed).await;
    let (mut peer, _) = server.recipient(&room).await;
    peer.say(&ClientMessage::Join(room.join())).await;
    peer.expect_refusal(ErrorCode::Malformed).await;
}

#[tokio::test]
async fn a_message_over_the_limit_ends_its_socket_only() {
    let server = start().await;
    let room = server.room().await;
    let (mut other, _) = server.owner(&room).await;
    let (mut peer, _) = server.recipient(&room).await;
    let _ = peer.send(Message::text(" ".repeat(limits::MAX_SIGNALLING_BYTES + 1))).await;
    assert!(peer.hear_out().await.iter().all(|word| matches!(word, ServerMessage::Error { .. })));
    // The greatest that is allowed is read, and found to be no message.
    let (mut peer, _) = server.recipient(&room).await;
    peer.send(Message::text(" ".repeat(limits::MAX_SIGNALLING_BYTES))).await.unwrap();
    peer.expect_refusal(ErrorCode::Malformed).await;
    other.say(&ClientMessage::Leave).await;
    assert!(other.hear_out().await.is_empty());
}

#[tokio::test]
async fn a_socket_that_talks_too_fast_is_closed() {
    let server = start().await;
    let room = server.room().await;
    let (mut peer, _) = server.recipient(&room).await;
    let want = serde_json::to_string(&ClientMessage::Want).unwrap();
    for _ in 0..limits::SOCKET_BURST * 2 {
        if peer.send(Message::text(want.clone())).await.is_err() {
            break;
        }
    }
    peer.expect_refusal(ErrorCode::TooFast).await;
}

#[tokio::test]
async fn too_many_sockets_from_one_address_have_to_wait() {
    let join = Rate { burst: 2, per_minute: 6 };
    let quotas = Quotas { join, ..Quotas::default() };
    let server = start_with(Setup { quotas, ..Setup::default() }).await;
    let id = server.room().await.created.room_id;
    for _ in 0..2 {
        assert!(server.socket_with(&id, Some(&server.origin), None).await.is_ok());
    }
    match server.socket_with(&id, Some(&server.origin), None).await {
        Err(Error::Http(response)) => {
            assert_eq!(response.status(), 429);
            assert!(response.headers().contains_key("retry-after"));
        }
        other => panic!("{:?}", other.map(|_| ())),
    }
}
