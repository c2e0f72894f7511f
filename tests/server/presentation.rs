//! What surrounds rooms: pages' statuses, headers, files, the description of the interface.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use serde_json::Value;

use super::running::{Setup, refusal, start, start_with};

#[tokio::test]
async fn pages_answer_with_the_status_that_belongs_to_them() {
    let server = start().await;
    let room = server.room().await;
    let closed = server.room().await;
    server.close(&closed).await;
    for (path, status) in [
        ("/", 200),
        (room.created.links.page.as_str(), 200),
        (closed.created.links.page.as_str(), 410),
        ("/room/AAAAAAAAAAAAAAAA", 404),
        ("/room/nonsense", 404),
        ("/nothing", 404),
        ("/../Cargo.toml", 404),
        ("/pkg/transfer4me.js", 404),
    ] {
        let response = server.get(path).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
    }
    let html = server.get("/nothing").await.text();
    assert!(html.starts_with("<!DOCTYPE html>"), "{html}");
}

#[tokio::test]
async fn a_link_that_was_damaged_on_its_way_leads_to_its_room() {
    let server = start().await;
    let room = server.room().await;
    let page = &room.created.links.page;
    let key = "AAAAAAAAAAAAAAAAAAAAAA";
    for (junk, leads_to) in [
        ("/", page.clone()),
        (".", page.clone()),
        ("%29?fbclid=1", page.clone()),
        (&format!("%23{key}"), format!("{page}#{key}")),
        (&format!("/%23{key}%26utm_source=x"), format!("{page}#{key}")),
    ] {
        let response = server.get(&format!("{page}{junk}")).await;
        assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT, "{junk}");
        assert_eq!(response.headers()["location"], leads_to, "{junk}");
        assert_eq!(response.headers()["cache-control"], "no-store");
    }
    // What follows people around stays outside.
    assert_eq!(server.get(&format!("{page}?fbclid=1")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn looking_at_a_room_starts_no_task() {
    let server = start().await;
    let room = server.room().await;
    for path in [&room.created.links.page, &room.created.links.self_, &room.created.links.manifest]
    {
        assert_eq!(server.get(path).await.status(), StatusCode::OK);
    }
    assert_eq!(server.state.hub.live_rooms(), 0);
}

#[tokio::test]
async fn every_answer_narrows_what_a_browser_may_do() {
    let args = vec!["--public-url=https://example.org"];
    let server = start_with(Setup { args, ..Setup::default() }).await;
    for path in ["/", "/api/openapi.json", "/nothing", "/healthz", "/api/rooms/x", "/pkg/x/y.js"] {
        let response = server.get(path).await;
        let headers = response.headers();
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(headers[name], value, "{path}");
        }
        assert!(headers.contains_key("permissions-policy"), "{path}");
        assert!(headers["strict-transport-security"].to_str().unwrap().starts_with("max-age="));
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe-inline"), "{path}: {policy}");
    }
    let plain = start().await;
    assert!(!plain.get("/").await.headers().contains_key("strict-transport-security"));
}

#[tokio::test]
async fn two_pages_never_share_a_nonce() {
    let server = start().await;
    let mut policies = BTreeSet::new();
    for _ in 0..3 {
        let page = server.get("/").await;
        policies.insert(page.headers()["content-security-policy"].to_str().unwrap().to_owned());
    }
    assert_eq!(policies.len(), 3);
}

#[tokio::test]
async fn files_of_another_build_are_neither_served_nor_remembered() {
    let server = start().await;
    let response = server.get("/pkg/0123456789abcdef/transfer4me.js").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(response.headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn dynamic_answers_are_compressed_when_asked() {
    let server = start().await;
    for coding in ["br", "gzip"] {
        let request = server.request(Method::GET, "/").header("accept-encoding", coding);
        assert_eq!(request.send().await.headers()["content-encoding"], coding);
    }
}

#[tokio::test]
async fn the_operator_can_ask_how_it_is() {
    let server = start().await;
    assert_eq!(server.get("/healthz").await.status(), StatusCode::OK);
    assert_eq!(server.get("/readyz").await.status(), StatusCode::OK);
    let version: Value = server.get("/version").await.json();
    assert_eq!(version["name"], "transfer4me");
    server.state.database.close().await;
    assert_eq!(server.get("/healthz").await.status(), StatusCode::OK);
    assert_eq!(refusal(&server.get("/readyz").await), (503, "unavailable".into()));
}

#[tokio::test]
async fn every_documented_path_answers() {
    let server = start().await;
    let room = server.room().await;
    let document: Value = server.get("/api/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut checked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let real = path.replace("{room_id}", &room.created.room_id.to_text());
        for (method, operation) in item.as_object().unwrap() {
            let Ok(method) = Method::from_bytes(method.to_ascii_uppercase().as_bytes()) else {
                continue;
            };
            if operation.get("responses").is_none() {
                continue;
            }
            let status = server.request(method.clone(), &real).send().await.status();
            let documented = &operation["responses"][status.as_str()];
            assert!(documented.is_object(), "{method} {path} answers {status}");
            assert!(status != 404 && status != 405, "{method} {path} answers {status}");
            checked += 1;
        }
    }
    assert!(checked >= 10, "{checked}");
}

#[test]
fn every_topology_is_documented() {
    let document: Value = serde_json::from_str(include_str!("../../docs/openapi.json")).unwrap();
    let all = transfer4me::protocol::rooms::Topology::ALL.map(|topology| topology.as_str());
    assert_eq!(document["components"]["schemas"]["Topology"]["enum"], serde_json::json!(all));
}

#[test]
fn every_state_of_a_broadcast_is_documented() {
    use transfer4me::protocol::rooms::LiveState;
    let document: Value = serde_json::from_str(include_str!("../../docs/openapi.json")).unwrap();
    let all = serde_json::json!([LiveState::Absent, LiveState::Unable, LiveState::Ready]);
    assert_eq!(document["components"]["schemas"]["LiveState"]["enum"], all);
}

#[tokio::test]
async fn every_route_for_programs_is_documented() {
    let document: Value = serde_json::from_str(include_str!("../../docs/openapi.json")).unwrap();
    let table = include_str!("../../src/router.rs");
    // The routes as the table writes them: quoted paths, without wild cards.
    let routes: BTreeSet<&str> = table
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(|text| text.starts_with("/api/") || *text == "/version" || text.ends_with("thz"))
        .filter(|text| !text.contains('*'))
        .collect();
    assert!(routes.len() >= 8, "{routes:?}");
    for route in routes {
        assert!(document["paths"].get(route).is_some(), "{route} is not documented");
    }
}
