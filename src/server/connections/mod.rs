//! Connections: who gets one, and how long it may keep the server waiting.
//!
//! ```text
//! listener ─> table: a place, perhaps another's ─> one task each: hyper over a counted socket ─> routes
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`limits`] | all numbers, by how many files the process may open |
//! | [`table`] | decides who gets a place and who has to give it up; pure |
//! | [`pace`] | decides what is too slow; pure |
//! | `place`, `bodies` | what one connection is doing, seen from its socket and its bodies |
//!
//! hyper itself ends connections whose request's head does not come. It knows no limit for bodies, for answers
//! that nobody takes, and for how many there are. Only HTTP/1.1 is spoken here: proxies speak the rest.

mod bodies;
pub mod limits;
pub mod pace;
mod place;
pub mod table;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::serve::Listener;
use http::{Request, Response, StatusCode};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use rustix::net::sockopt::set_socket_send_buffer_size;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::client_address::{self, ClientAddress};
use crate::clock::Timestamp;
use bodies::{Incoming, Outgoing};
use limits::Limits;
use place::{Counted, Phase, Place};
use table::{ConnectionId, Table, Use};

/// Bytes of a request's head at most, and of an answer that wait for a socket.
const BUFFER: usize = 64 << 10;
/// Bytes of an answer that the system takes in ahead of the reader. Linux doubles it, for what it keeps beside them.
const SEND_BUFFER: usize = 128 << 10;

/// What all connections of a server share.
#[derive(Debug)]
struct Doors {
    started: Instant,
    table: Mutex<Table<CancellationToken>>,
}

impl Doors {
    fn now(&self) -> Timestamp {
        Timestamp::new(self.started.elapsed())
    }

    fn turn(&self, id: ConnectionId, state: Use) {
        let now = self.now();
        self.table().turn(now, id, state);
    }

    fn left(&self, id: ConnectionId) {
        self.table().remove(id);
    }

    // A std mutex: nothing waits while it is held.
    fn table(&self) -> MutexGuard<'_, Table<CancellationToken>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves `routes` until `stopping` is cancelled, and then until the last request has ended.
pub async fn serve(
    mut listener: TcpListener,
    routes: Router,
    limits: Limits,
    trusted: Vec<IpNet>,
    stopping: CancellationToken,
) {
    let table = Table::new(limits.connections, limits.per_address, limits.grace);
    let doors = Arc::new(Doors { started: Instant::now(), table: Mutex::new(table) });
    // The table counts who may be here, this counts whose socket really is closed.
    let places = Arc::new(Semaphore::new(limits.connections));
    let connections = TaskTracker::new();
    loop {
        let (socket, peer) = tokio::select! {
            () = stopping.cancelled() => break,
            // Waits a second when the system refuses, and goes on.
            accepted = Listener::accept(&mut listener) => accepted,
        };
        let proxy = client_address::is_trusted(peer.ip(), &trusted);
        let address = (!proxy).then(|| ClientAddress(peer.ip()).bucket());
        let Some((id, sent_away)) = admit(&doors, address) else {
            tracing::debug!("a connection was refused: too many");
            continue;
        };
        if let Some(other) = &sent_away.1 {
            other.cancel();
        }
        let permit = tokio::select! {
            () = stopping.cancelled() => break,
            permit = places.clone().acquire_owned() => permit,
        };
        let Ok(permit) = permit else { break };
        let place = Arc::new(Place::new(doors.clone(), id, permit));
        let connection = Connection {
            peer,
            place,
            sent_away: sent_away.0,
            routes: routes.clone(),
            limits: limits.clone(),
            proxy,
        };
        connections.spawn(connection.attend(socket, stopping.clone()));
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// A name, the token that sends it away, and that of the one which has to go for it.
type Admitted = (ConnectionId, (CancellationToken, Option<CancellationToken>));

fn admit(doors: &Doors, address: Option<IpAddr>) -> Option<Admitted> {
    let sent_away = CancellationToken::new();
    let now = doors.now();
    let (id, other) = doors.table().admit(now, address, sent_away.clone())?;
    Some((id, (sent_away, other)))
}

struct Connection {
    peer: SocketAddr,
    place: Arc<Place>,
    sent_away: CancellationToken,
    routes: Router,
    limits: Limits,
    proxy: bool,
}

impl Connection {
    async fn attend(self, socket: TcpStream, stopping: CancellationToken) {
        set_up(&socket);
        let Self { peer, place, sent_away, routes, limits, proxy } = self;
        let head = if proxy { limits.proxy_head } else { limits.head };
        let shared = place.clone();
        let service =
            service_fn(move |request| answer(routes.clone(), shared.clone(), peer, request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head)
            .max_buf_size(BUFFER)
            .serve_connection(TokioIo::new(Counted::new(socket, place.clone())), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let served = async {
            tokio::select! {
                served = connection.as_mut() => return served,
                () = stopping.cancelled() => {}
            }
            // The request that is under way is the last one.
            connection.as_mut().graceful_shutdown();
            connection.await
        };
        tokio::select! {
            served = served => {
                if let Err(error) = served {
                    tracing::debug!(%error, "a connection ended");
                }
            }
            () = sent_away.cancelled() => tracing::debug!("a connection had to make room"),
            () = place.too_slow(&limits.pace) => tracing::debug!("a connection was too slow"),
        }
    }
}

fn set_up(socket: &TcpStream) {
    // Signals are small and wait for each other: Nagle's algorithm would only hold them back.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps Nagle's algorithm");
    }
    // The system would take in megabytes by itself, and then tell for minutes of no progress to a slow reader.
    if let Err(error) = set_socket_send_buffer_size(socket, SEND_BUFFER) {
        tracing::debug!(%error, "a connection keeps its send buffer");
    }
}

async fn answer(
    routes: Router,
    place: Arc<Place>,
    peer: SocketAddr,
    request: Request<hyper::body::Incoming>,
) -> Result<Response<Outgoing>, Infallible> {
    // The next request may be here before the last answer's body is dropped.
    place.turn(&[Phase::Waiting, Phase::Sending], Phase::Body);
    let mut request = request.map(|body| Body::new(Incoming::new(body, place.clone())));
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = routes.oneshot(request).await?;
    let next = match response.status() {
        StatusCode::SWITCHING_PROTOCOLS => Phase::Socket,
        _ => Phase::Sending,
    };
    place.turn(&[Phase::Body, Phase::Answering], next);
    Ok(response.map(|body| Outgoing::new(body, place)))
}
