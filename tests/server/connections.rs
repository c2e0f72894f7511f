//! Clients that keep the server waiting: half requests, slow bodies, answers that nobody takes, too many sockets.

use std::io::BufRead;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Error;
use transfer4me::server::connections::limits::Limits;
use transfer4me::server::connections::pace::Pace;

use super::http_client::Request;
use super::running::{Running, Setup, start_with};

const HALF: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nx-endless: ";

/// Time limits that a test can wait for.
fn quick() -> Limits {
    Limits {
        head: Duration::from_millis(600),
        pace: Pace { patience: Duration::from_millis(600), bytes_per_second: 4 << 10 },
        grace: Duration::from_millis(300),
        ..Limits::for_files(1024)
    }
}

async fn server(connections: Limits, args: Vec<&'static str>) -> Running {
    start_with(Setup { args, connections, ..Setup::default() }).await
}

/// A connection that has sent this much and no more.
async fn half_open(to: &str, from: &str, bytes: &[u8]) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let mut stream = socket.connect(to.parse::<SocketAddr>().unwrap()).await.unwrap();
    // One that is sent away at once cannot be written to.
    let _ = stream.write_all(bytes).await;
    stream
}

/// Waits until the server has closed or reset it; answers what it said before.
async fn closed(mut stream: TcpStream, within: Duration) -> Vec<u8> {
    let mut said = Vec::new();
    let end = tokio::time::timeout(within, stream.read_to_end(&mut said)).await;
    assert!(end.is_ok(), "it is still open, and said {:?}", String::from_utf8_lossy(&said));
    said
}

async fn healthy(address: &str) -> Duration {
    let asked = Instant::now();
    let answer = Request::new(address, http::Method::GET, "/healthz").send();
    let answer = tokio::time::timeout(Duration::from_secs(5), answer).await.expect("no answer");
    assert_eq!(answer.status(), StatusCode::OK);
    asked.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_requests_keep_nobody_out_and_are_gone_in_time() {
    let limits = Limits { connections: 40, per_address: 10, ..quick() };
    let server = server(limits, vec![]).await;
    // From one address, and then from more than there are places for.
    for addresses in [1_u8, 20] {
        let mut open = Vec::new();
        for number in 0..120_u8 {
            let from = format!("127.0.1.{}", 1 + number % addresses);
            open.push(half_open(&server.address, &from, HALF).await);
            if number % 10 == 0 {
                healthy(&server.address).await;
            }
        }
        healthy(&server.address).await;
        for stream in open {
            closed(stream, Duration::from_secs(10)).await;
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_not_used_again_is_closed() {
    let server = server(quick(), vec![]).await;
    for sent in [&b""[..], b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"] {
        let stream = half_open(&server.address, "127.0.0.1", sent).await;
        let said = closed(stream, Duration::from_secs(10)).await;
        assert_eq!(said.ends_with(b"ok\n"), !sent.is_empty());
    }
}

#[tokio::test]
async fn a_trusted_proxy_keeps_its_connections_longer_and_is_no_single_client() {
    let limits = Limits { per_address: 2, proxy_head: Duration::from_secs(60), ..quick() };
    let server = server(limits, vec!["--trusted-proxies=127.0.2.0/24"]).await;
    let mut kept = Vec::new();
    for _ in 0..10 {
        kept.push(half_open(&server.address, "127.0.2.1", b"").await);
    }
    // Some other's time to end first.
    let other = half_open(&server.address, "127.0.3.1", b"").await;
    closed(other, Duration::from_secs(10)).await;
    for mut stream in kept {
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        assert!(closed(stream, Duration::from_secs(10)).await.ends_with(b"ok\n"));
    }
}

#[tokio::test]
async fn a_body_that_drips_is_cut_off_at_every_door_and_one_that_flows_is_not() {
    let server = server(quick(), vec![]).await;
    for path in ["/api/rooms", "/rpc/create_room", "/room/AAAAAAAAAAAAAAAA", "/healthz"] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 4000\r\n\r\n"
        );
        let mut stream = half_open(&server.address, "127.0.0.1", head.as_bytes()).await;
        let began = Instant::now();
        while stream.write_all(b" ").await.is_ok() && began.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{path}");
    }
    // 20 kB a second for twice the time that a dripping one has.
    let body = " ".repeat(24_000);
    let head = format!(
        "POST /api/rooms HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = half_open(&server.address, "127.0.0.1", head.as_bytes()).await;
    for part in body.as_bytes().chunks(1000) {
        stream.write_all(part).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let said = closed(stream, Duration::from_secs(10)).await;
    assert!(said.starts_with(b"HTTP/1.1 400 "), "{:?}", String::from_utf8_lossy(&said));
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_cut_off_and_a_slow_reader_gets_it_whole() {
    let server = server(quick(), vec![]).await;
    // Larger than what the system's own buffers take in.
    let manifest = vec![7_u8; 4 << 20];
    let fields = serde_json::json!({"sealed_manifest": base64url(&manifest)});
    let room = server.room_with(fields).await;
    let head = format!(
        "GET {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        room.created.links.manifest
    );
    let ask = async || {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 << 10).unwrap();
        let mut stream = socket.connect(server.address.parse().unwrap()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    };
    let stuck = ask().await;
    let mut slow = ask().await;
    let asked = Instant::now();
    let mut said = Vec::new();
    let mut part = vec![0; 64 << 10];
    loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        match slow.read(&mut part).await.unwrap() {
            0 => break,
            bytes => said.extend_from_slice(&part[..bytes]),
        }
    }
    assert!(said.ends_with(&manifest), "{} bytes", said.len());
    // For longer than silence is borne.
    assert!(asked.elapsed() > Duration::from_secs(1), "{:?}", asked.elapsed());
    // By now the other has been cut off: what the system had taken in comes, and no more.
    let said = closed(stuck, Duration::from_secs(10)).await;
    assert!(said.len() < manifest.len(), "{} bytes", said.len());
}

fn base64url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[tokio::test]
async fn sockets_leave_room_for_requests_and_are_counted_for_each_client() {
    let limits = Limits { connections: 20, per_address: 10, sockets_per_client: 4, ..quick() };
    let server = server(limits, vec!["--trusted-proxies=127.0.0.0/8"]).await;
    let room = server.room().await;
    let mut joined = Vec::new();
    for _ in 0..4 {
        joined.push(server.recipient(&room).await);
    }
    match server.socket_with(&room.created.room_id, Some(&server.origin), None).await {
        Err(Error::Http(response)) => {
            assert_eq!(response.status(), 503);
            assert!(response.headers().contains_key("retry-after"));
        }
        other => panic!("{:?}", other.map(|_| ())),
    }
    healthy(&server.address).await;
    let (peer, _) = joined.pop().unwrap();
    drop(peer);
    // Its seat is free once the server has seen it go.
    let asked = Instant::now();
    while server.socket_with(&room.created.room_id, Some(&server.origin), None).await.is_err() {
        assert!(asked.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Ends with its test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program itself, with few files: what it keeps back, and its own limits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_answers_under_a_flood_of_half_requests_with_few_files() {
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let database = folder.join(format!("flood-{}.db", std::process::id()));
    let mut child = Program(
        Command::new("sh")
            .args(["-c", "ulimit -n 256 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_transfer4me")])
            .args(["--listen=127.0.0.1:0", "--log=info"])
            .arg(format!("--database-url=sqlite:{}", database.display()))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut lines = std::io::BufReader::new(child.0.stderr.take().unwrap()).lines();
    let address = loop {
        let line = lines.next().expect("it ended").unwrap();
        if let Some((_, rest)) = line.split_once("listening on http://") {
            break rest.split('"').next().unwrap().trim().to_owned();
        }
    };
    let mut open = Vec::new();
    for number in 0..300_u16 {
        // Half of them from one address, the others from as many.
        let last = if number % 2 == 0 { 1 } else { number / 2 };
        open.push(half_open(&address, &format!("127.0.4.{last}"), HALF).await);
    }
    let began = Instant::now();
    let slowest = async {
        let mut slowest = Duration::ZERO;
        while began.elapsed() < Duration::from_secs(16) {
            slowest = slowest.max(healthy(&address).await);
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        slowest
    };
    let gone = async {
        for stream in open {
            closed(stream, Duration::from_secs(30)).await;
        }
    };
    let (slowest, ()) = tokio::join!(slowest, gone);
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
    drop(child);
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", database.display()));
    }
}
