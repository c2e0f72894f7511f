//! A server that runs, rooms in it, and sockets to it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{SinkExt, StreamExt};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::sync::CancellationToken;
use transfer4me::protocol::id::{JoinToken, JoinVerifier, OwnerToken, RoomId};
use transfer4me::protocol::limits::{DEFAULT_SLOTS, PROTOCOL_VERSION};
use transfer4me::protocol::rooms::CreatedRoom;
use transfer4me::protocol::signalling::{
    ClientMessage, ErrorCode, Have, Join, ServerMessage, Welcome,
};
use transfer4me::router;
use transfer4me::server::config::Config;
use transfer4me::server::connections::limits::Limits;
use transfer4me::server::passwords::Passwords;
use transfer4me::server::rate_limit::Quotas;
use transfer4me::server::{self, AppState, Tuning};

use super::http_client::{Request, Response};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a server is set up.
#[derive(Default)]
pub struct Setup {
    pub args: Vec<&'static str>,
    pub quotas: Quotas,
    pub passwords: Passwords,
    pub connections: Limits,
}

/// A running server with a database of its own.
pub struct Running {
    pub state: AppState,
    pub origin: String,
    pub address: String,
    database: DatabaseFile,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Goes when its test is over.
pub struct DatabaseFile(PathBuf);

impl Drop for DatabaseFile {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", self.0.display()));
        }
    }
}

pub async fn start() -> Running {
    start_with(Setup::default()).await
}

pub async fn start_with(setup: Setup) -> Running {
    let name = format!("{}.db", URL_SAFE_NO_PAD.encode(random::<12>()));
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    start_on(DatabaseFile(path), setup).await
}

async fn start_on(database: DatabaseFile, setup: Setup) -> Running {
    let url = format!("--database-url=sqlite:{}", database.0.display());
    let args = setup.args.iter().map(|arg| (*arg).to_owned()).chain([url]).map(OsString::from);
    let config = Config::from_parts(args, []).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let Setup { quotas, passwords, connections, .. } = setup;
    let tuning = Tuning { quotas, passwords, connections };
    let state = AppState::start(config, address, tuning).await.unwrap();
    let stop = CancellationToken::new();
    let routes = router::routes(state.clone());
    let asked = stop.clone().cancelled_owned();
    Running {
        origin: format!("http://{address}"),
        address: address.to_string(),
        database,
        stop,
        task: tokio::spawn(server::serve(listener, routes, state.clone(), asked)),
        state,
    }
}

impl Running {
    pub fn request(&self, method: Method, path: &str) -> Request {
        Request::new(&self.address, method, path)
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.request(Method::POST, path).json(body).send().await
    }

    /// A room without a password.
    pub async fn room(&self) -> Room {
        self.room_with(json!({})).await
    }

    /// A room with these fields set besides the necessary ones.
    pub async fn room_with(&self, fields: Value) -> Room {
        let join_token = JoinToken::from_bytes(random());
        let mut body = create_body(&join_token);
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let response = self.post("/api/rooms", &body).await;
        assert_eq!(response.status(), StatusCode::CREATED, "{:?}", response.text());
        Room { join_token, created: response.json() }
    }

    /// Shows a password; answers the status and the ticket, as a `Cookie` header.
    pub async fn unlock(&self, room: &Room, password: &str) -> (StatusCode, Option<String>) {
        let response =
            self.post(&room.created.links.password, &json!({"password": password})).await;
        (response.status(), ticket_of(&response))
    }

    pub async fn close(&self, room: &Room) -> StatusCode {
        let token = room.created.owner_token.to_text();
        let request = self.request(Method::DELETE, &room.created.links.self_).bearer_auth(token);
        request.send().await.status()
    }

    pub async fn stop(self) -> DatabaseFile {
        self.stop.cancel();
        self.task.await.unwrap();
        self.database
    }

    /// Stops it and starts another on the same database.
    pub async fn restart(self) -> Running {
        start_on(self.stop().await, Setup::default()).await
    }

    /// The same, without a goodbye to anyone: as if it had been killed and started again.
    pub async fn crash(self) -> Running {
        self.task.abort();
        let _ = self.task.await;
        start_on(self.database, Setup::default()).await
    }

    /// Opens a socket as a page of this server would.
    pub async fn socket(&self, room: &Room) -> Peer {
        let origin = self.origin.clone();
        self.socket_with(&room.created.room_id, Some(&origin), None).await.unwrap()
    }

    pub async fn socket_with(
        &self,
        room_id: &RoomId,
        origin: Option<&str>,
        cookie: Option<&str>,
    ) -> Result<Peer, Error> {
        let url = format!("{}/api/rooms/{room_id}/socket", self.origin.replace("http", "ws"));
        let mut request = url.into_client_request().unwrap();
        for (name, value) in [("origin", origin), ("cookie", cookie)] {
            if let Some(value) = value {
                request.headers_mut().insert(name, value.parse().unwrap());
            }
        }
        connect_async(request).await.map(|(socket, _)| Peer { socket })
    }

    /// A recipient that has joined.
    pub async fn recipient(&self, room: &Room) -> (Peer, Welcome) {
        self.joined(room, room.join()).await
    }

    /// The owner, joined.
    pub async fn owner(&self, room: &Room) -> (Peer, Welcome) {
        self.joined(room, room.owner_join()).await
    }

    pub async fn joined(&self, room: &Room, join: Join) -> (Peer, Welcome) {
        let mut peer = self.socket(room).await;
        peer.say(&ClientMessage::Join(join)).await;
        match peer.hear().await {
            ServerMessage::Welcome(welcome) => (peer, welcome),
            other => panic!("not welcome: {other:?}"),
        }
    }
}

/// A room and what only its owner knows.
pub struct Room {
    pub join_token: JoinToken,
    pub created: CreatedRoom,
}

impl Room {
    pub fn join(&self) -> Join {
        Join {
            version: PROTOCOL_VERSION,
            join_token: self.join_token,
            owner_token: None,
            resume_token: None,
            have: Have::None,
            slots: DEFAULT_SLOTS,
            providers: Vec::new(),
            circle: None,
            page: None,
        }
    }

    pub fn owner_join(&self) -> Join {
        let owner_token = Some(self.created.owner_token);
        Join { owner_token, have: Have::All, ..self.join() }
    }

    /// The same room for someone with another owner token.
    pub fn with_owner_token(&self, owner_token: OwnerToken) -> Room {
        let created = CreatedRoom { owner_token, ..self.created.clone() };
        Room { join_token: self.join_token, created }
    }
}

/// One socket.
pub struct Peer {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Peer {
    pub async fn say(&mut self, message: &ClientMessage) {
        self.send(Message::text(serde_json::to_string(message).unwrap())).await.unwrap();
    }

    pub async fn send(&mut self, message: Message) -> Result<(), Error> {
        self.socket.send(message).await
    }

    /// The next message, but for rosters.
    pub async fn hear(&mut self) -> ServerMessage {
        loop {
            match self.hear_any().await {
                Some(ServerMessage::Roster { .. }) => {}
                Some(message) => return message,
                None => panic!("closed"),
            }
        }
    }

    /// The next message; `None` once the socket is closed.
    pub async fn hear_any(&mut self) -> Option<ServerMessage> {
        loop {
            match tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("silence") {
                Some(Ok(Message::Text(text))) => {
                    return Some(serde_json::from_str(&text).unwrap());
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Whether the other side answers our close, instead of just letting go.
    pub async fn is_closed_in_order(&mut self) -> bool {
        loop {
            match tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("silence") {
                Some(Ok(Message::Close(_))) => return true,
                Some(Err(_)) | None => return false,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Everything until the socket closes, but for rosters.
    pub async fn hear_out(mut self) -> Vec<ServerMessage> {
        let mut heard = Vec::new();
        while let Some(message) = self.hear_any().await {
            if !matches!(message, ServerMessage::Roster { .. }) {
                heard.push(message);
            }
        }
        heard
    }

    /// The socket closes, and this error is the last word.
    pub async fn expect_refusal(self, code: ErrorCode) {
        match self.hear_out().await.last() {
            Some(ServerMessage::Error { code: said, message }) if *said == code => {
                assert!(message.ends_with('.'), "{message}");
            }
            other => panic!("expected {code:?}, heard {other:?}"),
        }
    }
}

/// A request that makes a room.
pub fn create_body(join_token: &JoinToken) -> Value {
    let verifier = JoinVerifier::from_bytes(Sha256::digest(join_token.as_bytes()).into());
    json!({
        "sealed_manifest": URL_SAFE_NO_PAD.encode([7; 100]),
        "total_bytes": 5,
        "file_count": 1,
        "media_kind": "other",
        "join_verifier": verifier,
    })
}

/// The ticket that an answer sets, as a `Cookie` header.
pub fn ticket_of(response: &Response) -> Option<String> {
    let cookie = response.headers().get("set-cookie")?.to_str().unwrap();
    Some(cookie.split(';').next().unwrap().to_owned())
}

/// The status and the code of a refusal, which says something to people too.
pub fn refusal(response: &Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json();
    let message = body["message"].as_str().unwrap();
    assert!(message.len() > 10, "{body}");
    (status, body["code"].as_str().unwrap().to_owned())
}

pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}
