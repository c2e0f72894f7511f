//! The far side of the server functions in `api`: limits, cookies and status codes around `rooms`.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{HeaderName, SET_COOKIE};
use http::{HeaderValue, StatusCode, request};
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;
use server_fn::error::SERVER_FN_ERROR_HEADER;

use super::client_address::ClientAddress;
use super::rest::Refused;
use super::{AppState, tickets};
use crate::api::ApiError;
use crate::protocol::id::{OwnerToken, RoomId};
use crate::protocol::limits::MAX_BODY_BYTES;
use crate::protocol::rooms::{CreateRoom, CreatedRoom, RoomSummary};

/// Said of a body that breaks off, or whose chunks are none.
const UNREADABLE: &str = "The request did not come whole. Try again.";

/// See [`crate::api::create_room`].
pub(crate) async fn create_room(room: CreateRoom) -> Result<CreatedRoom, ApiError> {
    let call = Call::current()?;
    call.state.limits.create(call.client()?, room.sealed_manifest.len())?;
    call.state.rooms.create(room).await
}

/// See [`crate::api::read_room`].
pub(crate) async fn read_room(room_id: RoomId) -> Result<RoomSummary, ApiError> {
    let call = Call::current()?;
    call.state.rooms.read(room_id, tickets::from_cookies(&call.parts.headers, &room_id)).await
}

/// See [`crate::api::unlock_room`].
pub(crate) async fn unlock_room(room_id: RoomId, password: String) -> Result<(), ApiError> {
    let call = Call::current()?;
    call.state.limits.unlock(call.client()?, room_id)?;
    let cookie = call.state.rooms.unlock(room_id, &password).await?;
    let response = use_context::<ResponseOptions>().ok_or(ApiError::Internal)?;
    let cookie = HeaderValue::try_from(cookie).map_err(|_| ApiError::Internal)?;
    response.append_header(SET_COOKIE, cookie);
    Ok(())
}

/// See [`crate::api::close_room`].
pub(crate) async fn close_room(room_id: RoomId, owner_token: OwnerToken) -> Result<(), ApiError> {
    Call::current()?.state.rooms.close(room_id, &owner_token).await
}

/// The request that a server function answers.
struct Call {
    state: AppState,
    parts: request::Parts,
}

impl Call {
    fn current() -> Result<Self, ApiError> {
        let state = use_context().ok_or(ApiError::Internal)?;
        let parts = use_context().ok_or(ApiError::Internal)?;
        Ok(Self { state, parts })
    }

    fn client(&self) -> Result<ClientAddress, ApiError> {
        self.parts.extensions.get().copied().ok_or(ApiError::Internal)
    }
}

/// Takes in a body of at most `most` bytes before the server function does, which knows no limit.
pub(crate) async fn limited(mut request: Request, most: usize, next: Next) -> Response {
    DefaultBodyLimit::max(most).apply(&mut request);
    let (parts, body) = request.into_parts();
    match Bytes::from_request(Request::from_parts(parts.clone(), body), &()).await {
        Ok(bytes) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Refused(ApiError::TooLarge).into_response()
        }
        Err(_) => Refused(ApiError::Invalid(UNREADABLE.into())).into_response(),
    }
}

/// Gives a refused server function the status that goes with its error: Leptos answers 500 to them all.
pub(crate) async fn with_status(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let marker = HeaderName::from_static(SERVER_FN_ERROR_HEADER);
    if response.status() != StatusCode::INTERNAL_SERVER_ERROR
        || !response.headers().contains_key(&marker)
    {
        return response;
    }
    let (parts, body) = response.into_parts();
    let error = to_bytes(body, MAX_BODY_BYTES)
        .await
        .ok()
        .and_then(|bytes| serde_json::from_slice::<ApiError>(&bytes).ok())
        .unwrap_or(ApiError::Internal);
    let mut response = Refused(error).into_response().map(Body::new);
    if let Some(path) = parts.headers.get(&marker) {
        response.headers_mut().insert(marker, path.clone());
    }
    response
}
