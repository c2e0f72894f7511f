//! What only the server does: drivers of the pure ring, and the operator's side of things.
//!
//! | module | what |
//! |---|---|
//! | [`config`], `config_error` | flags and `T4M_*` variables, and why they are refused |
//! | [`stun_url`] | STUN addresses by the grammar that browsers hold to |
//! | [`telemetry`] | logs |
//! | [`database`] | SQL, and nowhere else |
//! | [`rooms`] | create, read, unlock, close, join: the service behind every door |
//! | [`rpc`], [`rest`], [`room_form`] | the doors: server functions, `/api`, the form without scripts |
//! | [`passwords`], [`tickets`] | Argon2id in a bounded pool; signed cookies |
//! | [`connections`] | who gets a connection, and how long it may keep the server waiting |
//! | [`hub`] | live rooms: one task each, and their sockets |
//! | [`client_address`], [`rate_limit`], [`origin`], [`security_headers`] | whose request, how often, from where |
//! | [`error_chain`] | an error and its causes in one line of the log |
//! | [`assets`] | the compiled client and public files, inside the program |
//!
//! Which path leads where is in `router.rs`.

pub mod assets;
pub mod client_address;
pub mod config;
mod config_error;
pub mod connections;
pub mod database;
pub mod error_chain;
pub mod hub;
pub mod origin;
pub mod passwords;
pub mod rate_limit;
pub mod rest;
pub mod room_form;
pub mod rooms;
pub mod rpc;
pub mod security_headers;
pub mod stun_url;
pub mod telemetry;
pub mod tickets;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use leptos::config::LeptosOptions;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::api::ApiError;
use crate::protocol::signalling::IceServer;
use config::Config;
use connections::limits::Limits;
use database::{Database, DatabaseError};
use hub::{Hub, ResumeTokens};
use origin::AllowedOrigins;
use passwords::Passwords;
use rate_limit::{Quotas, RateLimits};
use rooms::Rooms;
use tickets::Tickets;

/// How often rooms whose time is over are looked for. They are refused at once in any case; this is how late
/// those inside may learn of it.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// How long a stopping server waits for requests to end.
const DRAIN: Duration = Duration::from_secs(10);
/// Bytes of each key that the server makes for itself.
const KEY_BYTES: usize = 32;

/// Everything that a request may need. Cheap to clone; also in the context of pages and server functions.
#[derive(Clone, FromRef)]
pub struct AppState {
    /// What Leptos needs to know to write the page's links to its own files.
    pub leptos_options: LeptosOptions,
    /// What the operator set.
    pub config: Arc<Config>,
    /// Where browsers' requests may come from.
    pub origins: AllowedOrigins,
    /// For readiness.
    pub database: Database,
    /// The service.
    pub rooms: Rooms,
    /// Live rooms.
    pub hub: Hub,
    /// How often clients may do things.
    pub limits: RateLimits,
    /// How many connections there may be, and how slow they.
    pub connection_limits: Limits,
}

/// What the operator does not set and tests do.
#[derive(Clone, Debug, Default)]
pub struct Tuning {
    /// How often clients may do things.
    pub quotas: Quotas,
    /// Hashing at once.
    pub passwords: Passwords,
    /// Connections.
    pub connections: Limits,
}

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error("cannot open {url}")]
    Database {
        /// As configured.
        url: String,
        /// Why.
        source: DatabaseError,
    },
    /// The system has no randomness, or a stored key is damaged.
    #[error("cannot make or read the server's keys")]
    Key,
}

impl AppState {
    /// Opens the database and builds everything over it. `address` is the one that is really listened on.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(
        config: Config,
        address: SocketAddr,
        tuning: Tuning,
    ) -> Result<Self, StartError> {
        let Tuning { quotas, passwords, connections } = tuning;
        let opening = |source| StartError::Database { url: config.database_url.clone(), source };
        let database =
            Database::open(&config.database_url, config.ceilings()).await.map_err(opening)?;
        let fresh = random_bytes::<KEY_BYTES>().map_err(|_| StartError::Key)?;
        let key = database.server_key("ticket", &fresh).await.map_err(opening)?;
        let tickets = Tickets::new(&key).map_err(|_| StartError::Key)?;
        let fresh = random_bytes::<KEY_BYTES>().map_err(|_| StartError::Key)?;
        let key = database.server_key("resume", &fresh).await.map_err(opening)?;
        let resume_tokens = ResumeTokens::new(&key).map_err(|_| StartError::Key)?;
        let hub = Hub::new(hub_config(&config, &connections, resume_tokens));
        let (ttl, topology) = (config.room_ttl, config.topology);
        Ok(Self {
            leptos_options: assets::leptos_options(address),
            origins: AllowedOrigins::new(config.public_url.as_deref(), address),
            rooms: Rooms::new(database.clone(), passwords, tickets, hub.clone(), ttl, topology),
            limits: RateLimits::new(&quotas),
            connection_limits: connections,
            config: Arc::new(config),
            database,
            hub,
        })
    }
}

fn hub_config(config: &Config, connections: &Limits, resume_tokens: ResumeTokens) -> hub::Config {
    let stun = &config.stun_urls.0;
    let stun_server = IceServer { urls: stun.clone(), username: None, credential: None };
    hub::Config {
        max_peers: usize::from(config.max_peers_per_room),
        ice_servers: if stun.is_empty() { Vec::new() } else { vec![stun_server] },
        trickle_ice: config.trickle_ice,
        resume_tokens,
        max_sockets: connections.sockets,
        max_sockets_per_client: connections.sockets_per_client,
    }
}

/// Serves `routes` until `shutdown` is ready, then lets requests end and sockets say goodbye.
pub async fn serve(
    listener: TcpListener,
    routes: axum::Router,
    state: AppState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let stopping = CancellationToken::new();
    let housekeeping = tokio::spawn(keep_house(state.clone(), stopping.clone()));
    let asked = stopping.clone();
    tokio::spawn(async move {
        shutdown.await;
        asked.cancel();
    });
    let limits = state.connection_limits.clone();
    let trusted = state.config.trusted_proxies.0.clone();
    let serving = connections::serve(listener, routes, limits, trusted, stopping.clone());
    let drained = async {
        stopping.cancelled().await;
        tracing::info!("stopping");
        // Sockets first: they do not count among requests.
        state.hub.stop().await;
        tokio::time::sleep(DRAIN).await;
        tracing::warn!("requests did not end in time");
    };
    tokio::select! {
        () = async { serving.await; state.hub.stop().await; } => {}
        () = drained => {}
    }
    stopping.cancel();
    let _ = housekeeping.await;
    state.database.close().await;
}

/// What has to be done now and then, for as long as the server runs.
async fn keep_house(state: AppState, stopping: CancellationToken) {
    let mut sweep = tokio::time::interval(SWEEP_INTERVAL);
    let mut forget = tokio::time::interval(rate_limit::HOUSEKEEPING);
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = sweep.tick() => state.rooms.sweep().await,
            _ = forget.tick() => state.limits.forget_idle(),
        }
    }
}

/// From the system's own source.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], ApiError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the system has no randomness");
        ApiError::Internal
    })?;
    Ok(bytes)
}
