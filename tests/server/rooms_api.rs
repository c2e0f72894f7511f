//! Rooms over HTTP: `/api/rooms`, and the server functions, which are the same service.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use transfer4me::protocol::id::{JoinToken, OwnerToken};
use transfer4me::protocol::limits;
use transfer4me::server::rate_limit::{Quotas, Rate};

use super::running::{Running, Setup, create_body, random, refusal, start, start_with};

fn token() -> JoinToken {
    JoinToken::from_bytes(random())
}

/// A valid request but for one field.
fn create_with(field: &str, value: Value) -> Value {
    let mut body = create_body(&token());
    body[field] = value;
    body
}

async fn room_ends_as(server: &Running, path: &str, code: &str) {
    assert_eq!(refusal(&server.get(path).await), (410, code.into()));
    let manifest = server.get(&format!("{path}/manifest")).await;
    assert_eq!(refusal(&manifest), (410, code.into()));
    let unlock = server.post(&format!("{path}/password"), &json!({"password": "x"})).await;
    assert_eq!(refusal(&unlock), (410, code.into()));
}

#[tokio::test]
async fn a_room_can_be_made_read_and_closed() {
    let server = start().await;
    let body = create_body(&token());
    let response = server.post("/api/rooms", &body).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let created: Value = response.json();
    assert_eq!(created["links"]["self"], location.as_str());
    assert_eq!(created["password"], Value::Null);

    let room: Value = server.get(&location).await.json();
    assert_eq!(room["total_bytes"], 5);
    assert_eq!(room["file_count"], 1);
    assert_eq!(room["media_kind"], "other");
    assert_eq!((&room["protected"], &room["unlocked"]), (&json!(false), &json!(true)));
    assert_eq!(room["seeds_online"], 0);
    assert_eq!(room["expires_at"], created["expires_at"]);
    assert!(!room.to_string().contains(created["owner_token"].as_str().unwrap()));

    let manifest = server.get(&format!("{location}/manifest")).await;
    assert_eq!(manifest.headers()["content-type"], "application/octet-stream");
    assert_eq!(manifest.headers()["cache-control"], "no-store");
    assert_eq!(manifest.bytes(), [7; 100]);

    let owner = created["owner_token"].as_str().unwrap();
    for _ in 0..2 {
        let close = server.request(Method::DELETE, &location).bearer_auth(owner);
        assert_eq!(close.send().await.status(), StatusCode::NO_CONTENT);
    }
    room_ends_as(&server, &location, "closed").await;
}

#[tokio::test]
async fn what_is_outside_the_limits_is_refused_in_words() {
    let server = start().await;
    for (field, value) in [
        ("sealed_manifest", json!("")),
        ("sealed_manifest", json!(URL_SAFE_NO_PAD.encode([0; limits::SEAL_OVERHEAD_BYTES]))),
        ("sealed_manifest", json!("not base64url!")),
        ("sealed_manifest", json!("AAAA=")),
        ("total_bytes", json!(limits::MAX_TOTAL_BYTES + 1)),
        ("total_bytes", json!(-1)),
        ("file_count", json!(0)),
        ("file_count", json!(limits::MAX_FILES + 1)),
        ("file_count", json!(1_u64 << 40)),
        ("media_kind", json!("song")),
        ("join_verifier", json!("short")),
        ("password", json!({"kind": "text", "text": "  "})),
        ("password", json!({"kind": "text", "text": "x".repeat(limits::MAX_PASSWORD_BYTES + 1)})),
        ("topology", json!("star")),
        ("expires_in", json!(0)),
        ("surprise", json!(1)),
    ] {
        let response = server.post("/api/rooms", &create_with(field, value.clone())).await;
        assert_eq!(refusal(&response), (400, "invalid".into()), "{field}: {value}");
    }
    for body in ["", "{", "[]", "null", "\u{0}"] {
        let request = server.request(Method::POST, "/api/rooms").body(body);
        let request = request.header("content-type", "application/json");
        assert_eq!(refusal(&request.send().await).0, 400, "{body:?}");
    }
    let untyped = server.request(Method::POST, "/api/rooms").body("{}").send().await;
    assert_eq!(refusal(&untyped).0, 400);
}

#[tokio::test]
async fn the_largest_manifest_is_taken_and_one_byte_more_is_not() {
    let server = start().await;
    let most = limits::MAX_MANIFEST_BYTES + limits::SEAL_OVERHEAD_BYTES;
    let sealed = |bytes| json!(URL_SAFE_NO_PAD.encode(vec![1_u8; bytes]));
    let response = server.post("/api/rooms", &create_with("sealed_manifest", sealed(most))).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    let room: Value = response.json();
    let manifest = server.get(room["links"]["manifest"].as_str().unwrap()).await;
    assert_eq!(manifest.bytes().len(), most);
    let response =
        server.post("/api/rooms", &create_with("sealed_manifest", sealed(most + 1))).await;
    assert_eq!(refusal(&response), (413, "too_large".into()));
}

#[tokio::test]
async fn oversize_bodies_are_refused_at_every_door() {
    let server = start().await;
    let room = server.room().await;
    let large = "x".repeat(limits::MAX_CREATE_BODY_BYTES + 1);
    for path in ["/api/rooms", "/rpc/create_room"] {
        assert_eq!(refused_status(&server, path, large.clone()).await, 413, "{path}");
    }
    let links = &room.created.links;
    for path in [&links.password, "/rpc/unlock_room", "/rpc/read_room", "/rpc/close_room"] {
        let body = "x".repeat(limits::MAX_BODY_BYTES + 1);
        assert_eq!(refused_status(&server, path, body).await, 413, "{path}");
    }
    let form = server.request(Method::POST, &links.page);
    let form = form.form("password", &"x".repeat(limits::MAX_BODY_BYTES));
    assert_eq!(form.send().await.status(), 413);
}

async fn refused_status(server: &Running, path: &str, body: String) -> u16 {
    let request = server.request(Method::POST, path).body(body);
    let response = request.header("content-type", "application/json").send().await;
    response.status().as_u16()
}

#[tokio::test]
async fn only_the_owner_token_closes_a_room() {
    let server = start().await;
    let (room, other) = (server.room().await, server.room().await);
    let path = &room.created.links.self_;
    let without = server.request(Method::DELETE, path).send().await;
    assert_eq!(without.headers()["www-authenticate"], "Bearer");
    assert_eq!(refusal(&without), (401, "not_owner".into()));
    let none = OwnerToken::from_bytes([0; 32]).to_text();
    for token in [other.created.owner_token.to_text(), room.join_token.to_text(), none] {
        let close = server.request(Method::DELETE, path).bearer_auth(token).send().await;
        assert_eq!(refusal(&close), (401, "not_owner".into()));
    }
    assert_eq!(server.get(path).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_absent_room_and_a_name_that_is_none_look_alike() {
    let server = start().await;
    let owner = OwnerToken::from_bytes(random()).to_text();
    for (method, end) in [
        (Method::GET, ""),
        (Method::DELETE, ""),
        (Method::GET, "/manifest"),
        (Method::POST, "/password"),
    ] {
        let mut answers = Vec::new();
        for id in ["AAAAAAAAAAAAAAAA", "7", "not-a-room", "%00"] {
            let request = server.request(method.clone(), &format!("/api/rooms/{id}{end}"));
            let request = request.bearer_auth(&owner).json(&json!({"password": "x"}));
            let response = request.send().await;
            answers.push((response.status(), response.text()));
        }
        assert_eq!(answers[0].0, StatusCode::NOT_FOUND, "{method} {end}");
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    }
}

#[tokio::test]
async fn a_room_ends_by_itself_says_so_and_keeps_no_manifest() {
    let server = start().await;
    let room = server.room_with(json!({"expires_in": 1})).await;
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let path = &room.created.links.self_;
    room_ends_as(&server, path, "expired").await;
    server.state.rooms.sweep().await;
    let kept = server.state.database.sealed_manifest(&room.created.room_id).await.unwrap();
    assert_eq!(kept, None);
    room_ends_as(&server, path, "expired").await;
    // A day later nobody knows of it.
    let tomorrow = i64::try_from(room.created.expires_at).unwrap() + 24 * 60 * 60;
    server.state.database.sweep(tomorrow).await.unwrap();
    assert_eq!(refusal(&server.get(path).await), (404, "not_found".into()));
}

#[tokio::test]
async fn no_room_outlives_the_operators_limit() {
    let server = start_with(Setup { args: vec!["--room-ttl=1h"], ..Setup::default() }).await;
    let usual = server.room().await.created.expires_at;
    let longer = server.room_with(json!({"expires_in": 1_000_000_000})).await.created.expires_at;
    let shorter = server.room_with(json!({"expires_in": 60})).await.created.expires_at;
    assert!(longer.abs_diff(usual) <= 2, "{longer} {usual}");
    assert!((3530..=3550).contains(&(usual - shorter)), "{usual} {shorter}");
}

#[tokio::test]
async fn a_restart_keeps_rooms_tickets_and_owners() {
    let server = start().await;
    let room = server.room_with(json!({"password": {"kind": "text", "text": "kabo"}})).await;
    let (_, ticket) = server.unlock(&room, "kabo").await;
    let server = server.restart().await;
    let manifest = server.request(Method::GET, &room.created.links.manifest);
    let manifest = manifest.header("cookie", ticket.unwrap()).send().await;
    assert_eq!(manifest.status(), StatusCode::OK);
    assert_eq!(server.close(&room).await, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn too_many_rooms_from_one_address_have_to_wait() {
    let create = Rate { burst: 3, per_minute: 6 };
    let quotas = Quotas { create, ..Quotas::default() };
    let args = vec!["--trusted-proxies=127.0.0.0/8"];
    let server = start_with(Setup { args, quotas, ..Setup::default() }).await;
    let create = |client: &str| {
        let request = server.request(Method::POST, "/api/rooms").json(&create_body(&token()));
        request.header("x-forwarded-for", format!("203.0.113.99, {client}")).send()
    };
    for _ in 0..3 {
        assert_eq!(create("198.51.100.1").await.status(), StatusCode::CREATED);
    }
    let response = create("198.51.100.1").await;
    let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=11).contains(&wait), "{wait}");
    assert_eq!(refusal(&response), (429, "too_many_requests".into()));
    assert_eq!(create("198.51.100.2").await.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn server_functions_are_the_same_service() {
    let server = start().await;
    let request = json!({"room": create_body(&token())});
    let created: Value = server.post("/rpc/create_room", &request).await.json();
    let id = &created["room_id"];
    let room: Value = server.post("/rpc/read_room", &json!({"room_id": id})).await.json();
    let same = server.get(created["links"]["self"].as_str().unwrap()).await;
    assert_eq!(room, same.json::<Value>());

    let other = OwnerToken::from_bytes(random());
    let close = json!({"room_id": id, "owner_token": other});
    let refused = server.post("/rpc/close_room", &close).await;
    assert_eq!(refusal(&refused), (401, "not_owner".into()));
    let close = json!({"room_id": id, "owner_token": created["owner_token"]});
    assert_eq!(server.post("/rpc/close_room", &close).await.status(), StatusCode::OK);
    let gone = server.post("/rpc/read_room", &json!({"room_id": id})).await;
    assert_eq!(refusal(&gone), (410, "closed".into()));
    let garbled = server.post("/rpc/read_room", &json!({"room_id": 7})).await;
    assert_eq!(refusal(&garbled), (400, "invalid".into()));
}

#[tokio::test]
async fn pages_of_other_sites_change_nothing_here() {
    let server = start().await;
    let room = server.room().await;
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        for path in ["/api/rooms", "/rpc/create_room", &room.created.links.page] {
            let request = server.request(Method::POST, path).json(&create_body(&token()));
            let request = request.header("origin", origin).header("sec-fetch-site", "cross-site");
            let response = request.send().await;
            assert_eq!(refusal(&response), (403, "foreign_origin".into()), "{origin} {path}");
        }
        let close = server.request(Method::DELETE, &room.created.links.self_);
        let close = close.bearer_auth(room.created.owner_token.to_text()).header("origin", origin);
        assert_eq!(close.send().await.status(), StatusCode::FORBIDDEN);
    }
    let request = server.request(Method::POST, "/api/rooms").json(&create_body(&token()));
    let response = request.header("origin", server.origin.clone()).send().await;
    assert_eq!(response.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn a_full_server_refuses_new_rooms_in_words_and_goes_on_with_those_that_there_are() {
    let sealed = json!(URL_SAFE_NO_PAD.encode(vec![1_u8; 100_000]));
    for (args, fit) in [
        (vec!["--max-stored-bytes=400KiB"], 3),
        (vec!["--max-rooms=2"], 2),
        (vec!["--min-free-bytes=8000000TiB"], 0),
    ] {
        let server = start_with(Setup { args, ..Setup::default() }).await;
        let mut rooms = Vec::new();
        for _ in 0..fit {
            rooms.push(server.room_with(json!({"sealed_manifest": sealed})).await);
        }
        let body = create_with("sealed_manifest", sealed.clone());
        let refused = server.post("/api/rooms", &body).await;
        assert!(refused.text().contains("no space left for new rooms"), "{}", refused.text());
        assert_eq!(refusal(&refused), (503, "storage_full".into()));
        let refused = server.post("/rpc/create_room", &json!({"room": body})).await;
        assert_eq!(refusal(&refused), (503, "storage_full".into()));
        // Whoever is there notices nothing.
        let Some(room) = rooms.pop() else { continue };
        let (_owner, _) = server.owner(&room).await;
        let (_recipient, _) = server.recipient(&room).await;
        let manifest = server.get(&room.created.links.manifest).await;
        assert_eq!(manifest.bytes().len(), 100_000);
        // One that ends leaves its place.
        assert_eq!(server.close(&room).await, StatusCode::NO_CONTENT);
        server.room_with(json!({"sealed_manifest": sealed})).await;
        assert_eq!(refusal(&server.post("/api/rooms", &body).await).0, 503);
    }
}
