//! Which path leads where: every route and every layer, in one table.
//!
//! | path | answers |
//! |---|---|
//! | `/`, `/room/{room_id}` | pages (`app`), and the password form without scripts |
//! | `/rpc/…` | server functions (`api`), registered by Leptos |
//! | `/api/…` | rooms for programs, docs/openapi.json |
//! | `/pkg/{hash}/…` | the compiled client, for ever |
//! | `/healthz`, `/readyz`, `/version` | for the operator |
//! | anything else | a public file, or the not-found page |

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Method, StatusCode};
use leptos::prelude::provide_context;
use leptos_axum::{LeptosRoutes, generate_route_list};
use tower_http::compression::predicate::{NotForContentType, Predicate};
use tower_http::compression::{CompressionLayer, DefaultPredicate};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

use crate::app::shell;
use crate::protocol::limits::{MAX_BODY_BYTES, MAX_CREATE_BODY_BYTES};
use crate::protocol::link::ShareLink;
use crate::server::telemetry::{RequestOutcome, RequestSpan};
use crate::server::{
    AppState, assets, client_address, origin, rest, room_form, rpc, security_headers,
};

/// Time for one request, the largest manifest over a slow line included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// The server function that takes a manifest.
const CREATE_ROOM_PATH: &str = "/rpc/create_room";

/// Everything.
pub fn routes(state: AppState) -> Router {
    let dynamic = Router::new()
        .merge(pages(&state))
        .merge(api())
        .layer(from_fn(rpc::with_status))
        .layer(compression());

    let plain = Router::new()
        .route("/pkg/{hash}/{*file}", get(assets::client_file))
        .route("/healthz", get(rest::healthz))
        .route("/readyz", get(rest::readyz))
        .route("/version", get(rest::version));

    Router::new()
        .merge(dynamic)
        .merge(plain)
        .fallback(public_file_or_not_found)
        .layer(from_fn(mend_link))
        // Outermost last: a request goes through these from the bottom up.
        .layer(from_fn_with_state(state.clone(), origin::refuse_foreign))
        .layer(from_fn_with_state(state.clone(), client_address::remember))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(RequestSpan)
                .on_request(())
                .on_response(RequestOutcome)
                .on_failure(()),
        )
        .layer(from_fn_with_state(state.clone(), security_headers::add))
        .with_state(state)
}

/// Pages and server functions, whose paths Leptos knows; and the form of the room's page.
fn pages(state: &AppState) -> Router<AppState> {
    let options = state.leptos_options.clone();
    let page = move || shell(options.clone());
    Router::new()
        .leptos_routes(state, generate_route_list(page.clone()), page)
        .route("/room/{room_id}", post(room_form::unlock))
        // Leptos registers all server functions alike and reads their bodies itself, so their limit depends on
        // the path.
        .layer(from_fn(limit_body))
        // What a page shows depends on the ticket among its cookies, and on the moment.
        .layer(SetResponseHeaderLayer::if_not_present(
            CACHE_CONTROL,
            HeaderValue::from_static("private, no-cache"),
        ))
}

/// For programs.
fn api() -> Router<AppState> {
    Router::new()
        .route("/api/rooms", post(rest::create).layer(DefaultBodyLimit::max(MAX_CREATE_BODY_BYTES)))
        .route("/api/rooms/{room_id}", get(rest::read).delete(rest::close))
        .route("/api/rooms/{room_id}/manifest", get(rest::manifest))
        .route(
            "/api/rooms/{room_id}/password",
            post(rest::unlock).layer(DefaultBodyLimit::max(MAX_BODY_BYTES)),
        )
        .route("/api/rooms/{room_id}/socket", get(rest::socket))
        .route("/api/openapi.json", get(rest::openapi))
        .route("/api/{*rest}", axum::routing::any(rest::not_found))
        .method_not_allowed_fallback(rest::wrong_method)
}

/// For HTML and JSON. Manifests are ciphertext, which does not get smaller.
fn compression() -> CompressionLayer<impl Predicate> {
    let predicate =
        DefaultPredicate::new().and(NotForContentType::const_new("application/octet-stream"));
    CompressionLayer::new().compress_when(predicate)
}

/// Sends those on whose link was damaged on its way, be it by a slash at the end or by an encoded `#`. Browsers keep the
/// fragment that the new address does not name. Nothing is remembered: a damaged link may hold the room's key.
async fn mend_link(request: Request, next: axum::middleware::Next) -> Response {
    let mended = matches!(*request.method(), Method::GET | Method::HEAD)
        .then(|| ShareLink::mended_path(request.uri().path()))
        .flatten();
    match mended {
        Some(to) => ([(CACHE_CONTROL, "no-store")], Redirect::temporary(&to)).into_response(),
        None => next.run(request).await,
    }
}

async fn limit_body(request: Request, next: axum::middleware::Next) -> Response {
    let bytes = match request.uri().path() {
        CREATE_ROOM_PATH => MAX_CREATE_BODY_BYTES,
        _ => MAX_BODY_BYTES,
    };
    rpc::limited(request, bytes, next).await
}

/// The fallback: `public/` at the root of the site, and the app's own page for everything that is not there.
async fn public_file_or_not_found(State(state): State<AppState>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return rest::not_found().await.into_response();
    }
    if let Some(file) = assets::public_file(request.uri().path(), request.headers()) {
        return file;
    }
    let options = state.leptos_options.clone();
    let render = leptos_axum::render_app_async_with_context(
        move || provide_context(state.clone()),
        move || shell(options.clone()),
    );
    let mut response = render(request.map(|_| Body::empty())).await;
    if response.status().is_success() {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}
