//! `/api`: rooms for programs, as docs/openapi.json describes them. The same service as the pages'.

use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection};
use axum::extract::ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use axum::extract::{Extension, FromRequest, Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::client_address::ClientAddress;
use super::hub::{self, Greeting};
use super::{AppState, tickets};
use crate::api::ApiError;
use crate::protocol::id::{OwnerToken, RoomId};
use crate::protocol::limits::{MAX_SIGNALLING_BYTES, PROTOCOL_VERSION};
use crate::protocol::rooms::{CreateRoom, RoomSummary, UnlockRoom};

/// Bytes of a socket's read buffer. tungstenite takes 128 KiB for each by itself.
const SOCKET_READ_BUFFER: usize = 8 << 10;
/// Bytes of a socket's write buffer before it is written out.
const SOCKET_WRITE_BUFFER: usize = 4 << 10;
/// Bytes that wait inside a socket before it fails.
const SOCKET_MAX_WRITE_BUFFER: usize = 256 << 10;

/// Bytes of what is said about a body at most.
const MAX_SENTENCE_BYTES: usize = 300;

const NO_STORE: (http::HeaderName, &str) = (CACHE_CONTROL, "no-store");

/// The description of all this, written by hand.
const OPENAPI: &str = include_str!("../../docs/openapi.json");

/// An error as an answer: its status, its JSON, and when to try again.
#[derive(Debug)]
pub struct Refused(pub ApiError);

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let status =
            StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, [NO_STORE], Json(&error)).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = error.retry_after() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// JSON from outside, refused in our own words.
pub struct Body<T>(T);

impl<S: Send + Sync, T: serde::de::DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refused;

    async fn from_request(
        request: axum::extract::Request,
        state: &S,
    ) -> Result<Self, Self::Rejection> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(JsonRejection::BytesRejection(BytesRejection::FailedToBufferBody(error)))
                if error.status() == StatusCode::PAYLOAD_TOO_LARGE =>
            {
                Err(Refused(ApiError::TooLarge))
            }
            Err(JsonRejection::MissingJsonContentType(_)) => {
                Err(invalid("The request has to be application/json."))
            }
            // What serde says names fields and places. It may repeat a value as well, however long that is.
            Err(JsonRejection::JsonDataError(error)) => {
                let mut sentence = error.body_text();
                sentence.truncate(sentence.floor_char_boundary(MAX_SENTENCE_BYTES));
                Err(invalid(&sentence))
            }
            Err(_) => Err(invalid("The request is not JSON.")),
        }
    }
}

fn invalid(sentence: &str) -> Refused {
    Refused(ApiError::Invalid(sentence.into()))
}

/// A part of a path, which may not even be UTF-8.
pub type PathPart = Result<Path<String>, PathRejection>;

/// A room id in a path. What is no room id names no room.
fn room_id(part: PathPart) -> Result<RoomId, Refused> {
    let id = part.ok().and_then(|Path(text)| text.parse().ok());
    id.ok_or(Refused(ApiError::NotFound))
}

/// `POST /api/rooms`
pub async fn create(
    State(state): State<AppState>,
    Extension(client): Extension<ClientAddress>,
    Body(room): Body<CreateRoom>,
) -> Result<Response, Refused> {
    state.limits.create(client, room.sealed_manifest.len())?;
    let created = state.rooms.create(room).await?;
    let location = [(LOCATION, created.links.self_.clone())];
    Ok((StatusCode::CREATED, location, [NO_STORE], Json(created)).into_response())
}

/// `GET /api/rooms/{room_id}`
pub async fn read(
    State(state): State<AppState>,
    id: PathPart,
    headers: HeaderMap,
) -> Result<([(http::HeaderName, &'static str); 1], Json<RoomSummary>), Refused> {
    let id = room_id(id)?;
    let summary = state.rooms.read(id, tickets::from_cookies(&headers, &id)).await?;
    Ok(([NO_STORE], Json(summary)))
}

/// `DELETE /api/rooms/{room_id}`
pub async fn close(
    State(state): State<AppState>,
    id: PathPart,
    headers: HeaderMap,
) -> Result<StatusCode, Refused> {
    let id = room_id(id)?;
    let token: OwnerToken = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .and_then(|(_, token)| token.trim().parse().ok())
        .ok_or(Refused(ApiError::NotOwner))?;
    state.rooms.close(id, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/rooms/{room_id}/manifest`
pub async fn manifest(
    State(state): State<AppState>,
    id: PathPart,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let id = room_id(id)?;
    let sealed = state.rooms.manifest(id, tickets::from_cookies(&headers, &id)).await?;
    Ok(([NO_STORE, (CONTENT_TYPE, "application/octet-stream")], sealed).into_response())
}

/// `POST /api/rooms/{room_id}/password`
pub async fn unlock(
    State(state): State<AppState>,
    Extension(client): Extension<ClientAddress>,
    id: PathPart,
    Body(shown): Body<UnlockRoom>,
) -> Result<Response, Refused> {
    let id = room_id(id)?;
    state.limits.unlock(client, id)?;
    let cookie = state.rooms.unlock(id, &shown.password).await?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)], [NO_STORE]).into_response())
}

/// `GET /api/rooms/{room_id}/socket`
pub async fn socket(
    State(state): State<AppState>,
    Extension(client): Extension<ClientAddress>,
    id: PathPart,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refused> {
    state.origins.check_socket(&headers)?;
    let room_id = room_id(id)?;
    state.limits.join(client)?;
    let upgrade = upgrade.map_err(|_| invalid("This address is for WebSockets."))?;
    let ticket = tickets::from_cookies(&headers, &room_id).map(str::to_owned);
    let seat = state.hub.seat(client)?;
    Ok(upgrade
        .read_buffer_size(SOCKET_READ_BUFFER)
        .write_buffer_size(SOCKET_WRITE_BUFFER)
        .max_write_buffer_size(SOCKET_MAX_WRITE_BUFFER)
        .max_message_size(MAX_SIGNALLING_BYTES)
        .max_frame_size(MAX_SIGNALLING_BYTES)
        .on_upgrade(move |socket| {
            hub::serve(state.hub, state.rooms, socket, Greeting { room_id, ticket, client, seat })
        }))
}

/// `GET /api/openapi.json`
pub async fn openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")], OPENAPI)
}

/// A path that exists, with a method that it does not take.
pub async fn wrong_method() -> Response {
    let error = ApiError::Invalid("This address does not take that method.".into());
    let mut response = Refused(error).into_response();
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}

/// Anything else below `/api`.
pub async fn not_found() -> Refused {
    Refused(ApiError::NotFound)
}

/// `GET /healthz`: the process answers.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the database answers too.
pub async fn readyz(State(state): State<AppState>) -> Result<&'static str, Refused> {
    state.database.ping().await.map_err(|error| Refused(error.into()))?;
    Ok("ready\n")
}

/// `GET /version`
pub async fn version() -> impl IntoResponse {
    Json(serde_json::json!({
        "name": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "protocol": PROTOCOL_VERSION,
    }))
}
