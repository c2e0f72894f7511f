//! Calls of server functions: the same path and JSON as their own client speaks, without its streams, sockets and
//! codecs, which would be a twentieth of the first page.

use serde::Serialize;
use serde::de::DeserializeOwned;
use server_fn::ServerFn;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, RequestInit, Response};

use super::error::Error;
use crate::api::ApiError;
use crate::protocol::id::RoomId;
use crate::protocol::rooms::RoomLinks;

/// Calls a server function with its arguments.
///
/// # Errors
/// What the server says; [`ApiError::Unreachable`] if nothing sensible came back.
pub async fn call<Function, Answer>(arguments: &Function) -> Result<Answer, ApiError>
where
    Function: ServerFn + Serialize,
    Answer: DeserializeOwned,
{
    let body = serde_json::to_string(arguments).map_err(|_| ApiError::Internal)?;
    let (ok, text) = post(Function::PATH, &body).await.map_err(|_| ApiError::Unreachable)?;
    if ok {
        return serde_json::from_str(&text).map_err(|_| ApiError::Unreachable);
    }
    Err(serde_json::from_str(&text).unwrap_or(ApiError::Unreachable))
}

/// Whether the server says that there is no such room, or none any more.
///
/// # Errors
/// It cannot be reached.
pub async fn is_over(room_id: &RoomId) -> Result<bool, Error> {
    let window = web_sys::window().ok_or(Error::NotAuthentic)?;
    let answer = JsFuture::from(window.fetch_with_str(&RoomLinks::new(room_id).self_)).await?;
    let answer: Response = answer.dyn_into()?;
    Ok(matches!(answer.status(), 404 | 410))
}

/// Whether it went well, and the answer's text.
async fn post(path: &str, body: &str) -> Result<(bool, String), Error> {
    let headers = Headers::new()?;
    headers.set("content-type", "application/json")?;
    headers.set("accept", "application/json")?;
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_headers(&headers);
    init.set_body(&body.into());
    let window = web_sys::window().ok_or(Error::NotAuthentic)?;
    let answer = JsFuture::from(window.fetch_with_str_and_init(path, &init)).await?;
    let answer: Response = answer.unchecked_into();
    let text = JsFuture::from(answer.text()?).await?;
    Ok((answer.ok(), text.as_string().unwrap_or_default()))
}
