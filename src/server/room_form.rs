//! `POST /room/{room_id}`: the password form of a room's page, for browsers that run no scripts.
//!
//! Right: back to the page with a ticket. Wrong: the page again, saying so.

use axum::body::Body;
use axum::extract::rejection::FormRejection;
use axum::extract::{Extension, Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::header::{RETRY_AFTER, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use leptos::prelude::provide_context;

use super::AppState;
use super::client_address::ClientAddress;
use super::rest::PathPart;
use crate::api::ApiError;
use crate::app::shell;
use crate::pages::UnlockProblem;
use crate::protocol::id::RoomId;
use crate::protocol::link::room_path;
use crate::protocol::rooms::UnlockRoom;

/// Takes the form.
pub async fn unlock(
    State(state): State<AppState>,
    Extension(client): Extension<ClientAddress>,
    id: PathPart,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<UnlockRoom>, FormRejection>,
) -> Response {
    match try_unlock(&state, client, id, form).await {
        Ok((room_id, cookie)) => {
            ([(SET_COOKIE, cookie)], Redirect::to(&room_path(&room_id))).into_response()
        }
        Err(error) => page_saying(state, uri, headers, &error).await,
    }
}

async fn try_unlock(
    state: &AppState,
    client: ClientAddress,
    id: PathPart,
    form: Result<Form<UnlockRoom>, FormRejection>,
) -> Result<(RoomId, String), ApiError> {
    let id = id.ok().and_then(|Path(text)| text.parse().ok());
    let room_id = id.ok_or(ApiError::NotFound)?;
    let Form(UnlockRoom { password }) = form.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge,
        _ => ApiError::Invalid("Type the password first.".into()),
    })?;
    state.limits.unlock(client, room_id)?;
    let cookie = state.rooms.unlock(room_id, &password).await?;
    Ok((room_id, cookie))
}

/// The room's page with an alert.
async fn page_saying(state: AppState, uri: Uri, headers: HeaderMap, error: &ApiError) -> Response {
    let problem = UnlockProblem(error.sentence());
    let options = state.leptos_options.clone();
    let render = leptos_axum::render_app_async_with_context(
        move || {
            provide_context(state.clone());
            provide_context(problem.clone());
        },
        move || shell(options.clone()),
    );
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    let mut response = render(request).await;
    // The page itself knows best if the room is gone.
    if response.status().is_success() {
        *response.status_mut() =
            StatusCode::from_u16(error.status()).unwrap_or(StatusCode::FORBIDDEN);
    }
    if let Some(seconds) = error.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
