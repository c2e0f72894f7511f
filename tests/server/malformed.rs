//! Requests that no browser makes: every one is refused in words or answered, and none is a mistake of ours.
//!
//! `make test` tries docs/openapi.json with schemathesis as well, which keeps to HTTP and mostly to JSON.

use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::http_client::Response;
use super::running::{Running, refusal, start};

/// Bodies that are not what any door takes.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let text = |body: &str| body.as_bytes().to_vec();
    vec![
        ("nothing", vec![]),
        ("not UTF-8", b"{\"password\":\"\xff\xfe\"}".to_vec()),
        ("half a surrogate", text(r#"{"password":"\ud800"}"#)),
        ("UTF-16", "{\"password\":\"x\"}".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("a byte order mark", text("\u{feff}{\"password\":\"x\"}")),
        ("deep arrays", vec![b'['; 16_000]),
        ("deep objects", text(&"{\"password\":".repeat(1300))),
        ("a key twice", text(r#"{"password":"a","password":"b"}"#)),
        ("a number that no float holds", text(r#"{"password":1e999}"#)),
        ("a number of many digits", text(&format!("{{\"total_bytes\":{}}}", "9".repeat(9_000)))),
        ("more behind the end", text(r#"{"password":"x"}{}"#)),
        ("another type", text(r#"{"password":["x"]}"#)),
        ("a null", text("null")),
        ("a long unknown key", text(&format!("{{\"{}\":1}}", "k".repeat(15_000)))),
        (
            "a long value of the wrong type",
            text(&format!("{{\"file_count\":\"{}\"}}", "v".repeat(15_000))),
        ),
    ]
}

/// Refused as what was sent, in one short sentence.
fn expect_refused(response: &Response, what: &str) {
    let (status, code) = refusal(response);
    assert_eq!((status, code.as_str()), (400, "invalid"), "{what}");
    let body: Value = response.json();
    let said = body["message"].as_str().unwrap();
    assert!(said.len() <= 300, "{what}: {} bytes are said", said.len());
}

#[tokio::test]
async fn a_body_that_is_not_the_right_json_is_refused_at_every_door() {
    let server = start().await;
    let doors =
        ["/api/rooms", "/rpc/create_room", "/rpc/read_room", "/rpc/unlock_room", "/rpc/close_room"];
    for (what, body) in bodies() {
        let password = server.room().await.created.links.password;
        for door in doors.into_iter().chain([password.as_str()]) {
            let request = server.request(Method::POST, door).body(body.clone());
            let response = request.header("content-type", "application/json").send().await;
            expect_refused(&response, &format!("{what} at {door}"));
        }
    }
}

#[tokio::test]
async fn another_content_type_than_json_is_refused_at_every_door() {
    let server = start().await;
    let room = server.room().await;
    let body = json!({"password": "x"}).to_string();
    let long = "a".repeat(3000);
    for content_type in [
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json;;;",
        "json",
        ",",
        long.as_str(),
    ] {
        for door in ["/api/rooms", "/rpc/create_room", room.created.links.password.as_str()] {
            let request = server.request(Method::POST, door).body(body.clone());
            let response = request.header("content-type", content_type).send().await;
            expect_refused(&response, &format!("{content_type} at {door}"));
        }
    }
}

#[tokio::test]
async fn a_path_that_is_not_utf8_is_no_room() {
    let server = start().await;
    for (method, path) in [
        (Method::GET, "/api/rooms/%ff"),
        (Method::DELETE, "/api/rooms/%ff"),
        (Method::GET, "/api/rooms/%ff/manifest"),
        (Method::GET, "/api/%ff"),
    ] {
        let response = server.request(method.clone(), path).send().await;
        assert_eq!(refusal(&response), (404, "not_found".into()), "{method} {path}");
    }
    let request = server.request(Method::POST, "/api/rooms/%ff/password");
    let response = request.json(&json!({"password": "x"})).send().await;
    assert_eq!(refusal(&response), (404, "not_found".into()));
    let socket = server.request(Method::GET, "/api/rooms/%ff/socket");
    let socket = socket.header("origin", &server.origin).send().await;
    assert_eq!(refusal(&socket), (404, "not_found".into()));
    for path in ["/room/%ff", "/%ff", "/pkg/%ff/x", "/pkg/x/%ff"] {
        assert_eq!(server.get(path).await.status(), 404, "{path}");
    }
    let form = server.request(Method::POST, "/room/%ff").form("password", "x");
    assert_eq!(form.send().await.status(), 404);
}

#[tokio::test]
async fn headers_that_are_no_text_change_nothing() {
    let server = start().await;
    let room = server.room().await;
    let links = &room.created.links;
    for name in [
        "cookie",
        "x-forwarded-for",
        "accept",
        "accept-encoding",
        "referer",
        "range",
        "if-none-match",
    ] {
        for path in [links.self_.as_str(), links.page.as_str(), "/favicon.svg", "/"] {
            let request =
                format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{name}: ");
            let answer = raw(&server, &[request.as_bytes(), b"\xff\xfe\r\n\r\n"].concat()).await;
            let status = status_of(&answer);
            // The site's files are not built in every run of these tests.
            assert!(
                status == 200 || status == 404 && path == "/favicon.svg",
                "{name} at {path}: {status}"
            );
        }
    }
    let close = format!("DELETE {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n", links.self_);
    for (header, status) in [(&b"authorization: Bearer \xff"[..], 401), (b"origin: \xff", 403)] {
        let answer = raw(&server, &[close.as_bytes(), header, b"\r\n\r\n"].concat()).await;
        assert_eq!(status_of(&answer), status);
    }
    assert_eq!(server.get(&links.self_).await.status(), 200);
}

#[tokio::test]
async fn what_is_hardly_http_is_refused_and_the_server_goes_on() {
    let server = start().await;
    let begin = |path: &str, header: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n{header}\r\n\r\n"
        )
    };
    for path in ["/api/rooms", "/rpc/create_room", "/rpc/unlock_room"] {
        for (what, request) in [
            ("no chunk", begin(path, "transfer-encoding: chunked") + "ZZ\r\n"),
            (
                "a chunk of 2^64 bytes",
                begin(path, "transfer-encoding: chunked") + "ffffffffffffffff\r\nx",
            ),
            ("a body that breaks off", begin(path, "content-length: 500") + "{"),
            ("a negative length", begin(path, "content-length: -5")),
            ("two lengths", begin(path, "content-length: 5\r\ncontent-length: 6") + "abcdef"),
            ("a coding of its own", begin(path, "transfer-encoding: gzip")),
        ] {
            let answer = raw_and_no_more(&server, request.as_bytes()).await;
            assert_eq!(status_of(&answer), 400, "{what} at {path}");
        }
        let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
        let request = begin(path, "transfer-encoding: chunked") + &chunk.repeat(6) + "0\r\n\r\n";
        assert_eq!(status_of(&raw(&server, request.as_bytes()).await), 413, "{path}");
    }
    for (what, request) in [
        ("TLS", &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..]),
        ("a zero in the path", b"GET /\0 HTTP/1.1\r\nhost: x\r\n\r\n"),
        ("a path that is no URL", b"GET /room/\xff HTTP/1.1\r\nhost: x\r\n\r\n"),
        ("a header without end of name", b"GET / HTTP/1.1\r\nhost\r\n\r\n"),
    ] {
        assert_eq!(status_of(&raw(&server, request).await), 400, "{what}");
    }
    assert_eq!(server.get("/healthz").await.status(), 200);
}

/// Sends bytes; answers all that comes back.
async fn raw(server: &Running, request: &[u8]) -> Vec<u8> {
    exchange(server, request, false).await
}

/// The same, and says that nothing more will come.
async fn raw_and_no_more(server: &Running, request: &[u8]) -> Vec<u8> {
    exchange(server, request, true).await
}

async fn exchange(server: &Running, request: &[u8], no_more: bool) -> Vec<u8> {
    let address = server.origin.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let write = async {
        // A server that refuses a request may close before it has read it all.
        let _ = writer.write_all(request).await;
        if no_more {
            let _ = writer.shutdown().await;
        }
    };
    let mut answer = Vec::new();
    let _ = tokio::join!(write, reader.read_to_end(&mut answer));
    answer
}

fn status_of(answer: &[u8]) -> u16 {
    let line = String::from_utf8_lossy(&answer[..answer.len().min(40)]).into_owned();
    line.split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or_else(|| panic!("no answer: {line:?}"))
}
