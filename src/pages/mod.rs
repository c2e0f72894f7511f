//! One page per route, rendered on the server: everything that can be said before a script runs, and the
//! islands that take over then.

pub mod home;
pub mod not_found;
pub mod room;

use http::StatusCode;
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;

/// Why a password that was sent by the room page's form did not unlock the room, in one sentence; given in
/// the context of the page that answers.
#[derive(Clone)]
pub struct UnlockProblem(pub String);

/// Answers the page with this status.
fn set_status(status: u16) {
    let response = use_context::<ResponseOptions>();
    if let (Some(response), Ok(status)) = (response, StatusCode::from_u16(status)) {
        response.set_status(status);
    }
}
