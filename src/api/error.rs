//! Why the server refused: one enum for the server functions, for `/api` and for the pages.
//!
//! On the wire it is `{"code": "…", "message": "…", "retry_after": 7}`: a code for programs, one plain sentence
//! for people, and seconds to wait where waiting helps. It never carries internal detail; that is logged once,
//! where the error was born.

use serde::{Deserialize, Serialize};
use server_fn::codec::JsonEncoding;
use server_fn::error::{FromServerFnError, ServerFnErrorErr};

/// Why the server refused. Variants say what the caller can do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Body", into = "Body")]
pub enum ApiError {
    /// The request is not one that this server takes, and this says why.
    Invalid(String),
    /// More than the server takes in one request.
    TooLarge,
    /// No such room: never made, or swept long ago.
    NotFound,
    /// Its owner stopped sharing.
    Closed,
    /// It reached its end.
    Expired,
    /// A password is asked, and no ticket was shown.
    Locked,
    /// The password is not the room's.
    WrongPassword,
    /// The owner token is missing or is not the room's.
    NotOwner,
    /// The request came from a page of another site.
    ForeignOrigin,
    /// Too many requests; wait this many seconds.
    TooManyRequests(u64),
    /// The server is busy; wait this many seconds.
    Busy(u64),
    /// The server's disk is full, or it stores as much as it may.
    StorageFull,
    /// The server cannot answer now.
    Unavailable,
    /// The server was not reached at all. Made by browsers, never sent.
    Unreachable,
    /// A mistake of ours.
    Internal,
}

impl ApiError {
    /// For programs. Never changes once published.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::TooLarge => "too_large",
            Self::NotFound => "not_found",
            Self::Closed => "closed",
            Self::Expired => "expired",
            Self::Locked => "locked",
            Self::WrongPassword => "wrong_password",
            Self::NotOwner => "not_owner",
            Self::ForeignOrigin => "foreign_origin",
            Self::TooManyRequests(_) => "too_many_requests",
            Self::Busy(_) => "busy",
            Self::StorageFull => "storage_full",
            Self::Unavailable => "unavailable",
            Self::Unreachable => "unreachable",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status that goes with it.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Invalid(_) => 400,
            Self::NotOwner => 401,
            Self::Locked | Self::WrongPassword | Self::ForeignOrigin => 403,
            Self::NotFound => 404,
            Self::Closed | Self::Expired => 410,
            Self::TooLarge => 413,
            Self::TooManyRequests(_) => 429,
            Self::Internal => 500,
            Self::Busy(_) | Self::StorageFull | Self::Unavailable | Self::Unreachable => 503,
        }
    }

    /// Seconds after which trying again makes sense.
    pub const fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooManyRequests(seconds) | Self::Busy(seconds) => Some(*seconds),
            _ => None,
        }
    }

    /// For people: what happened and what to do.
    pub fn sentence(&self) -> String {
        match self {
            Self::Invalid(why) => why.clone(),
            Self::TooLarge => "This is more than the server takes at once. Share fewer files, \
                               or pack them into one."
                .into(),
            Self::NotFound => {
                "There is no room behind this link. Check that it was copied whole.".into()
            }
            Self::Closed => "The sender has stopped sharing these files.".into(),
            Self::Expired => "This room has reached its end. Ask the sender for a new link.".into(),
            Self::Locked => "This room asks for a password.".into(),
            Self::WrongPassword => {
                "That is not the password of this room. Check it with the sender and try again."
                    .into()
            }
            Self::NotOwner => "Only the page that made this room can do that.".into(),
            Self::ForeignOrigin => "This request came from another address than the one this \
                                    server goes by. Its operator can set T4M_PUBLIC_URL."
                .into(),
            Self::TooManyRequests(seconds) => {
                format!("That was too often. Try again in {}.", waiting_time(*seconds))
            }
            Self::Busy(seconds) => {
                format!("The server is busy. Try again in {}.", waiting_time(*seconds))
            }
            Self::StorageFull => "The server has no space left for new rooms. Try again later; \
                                  whoever runs it can make some."
                .into(),
            Self::Unavailable => "The server cannot answer right now. Try again soon.".into(),
            Self::Unreachable => {
                "The server cannot be reached. Check the connection and try again.".into()
            }
            Self::Internal => "Something went wrong on the server. Try again.".into(),
        }
    }
}

/// Seconds in words.
fn waiting_time(seconds: u64) -> String {
    match seconds {
        0 | 1 => "a second".into(),
        2..=119 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.sentence())
    }
}

impl std::error::Error for ApiError {}

/// The wire form, the same on every door.
#[derive(Serialize, Deserialize)]
struct Body {
    code: String,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl From<ApiError> for Body {
    fn from(error: ApiError) -> Self {
        Self {
            code: error.code().into(),
            message: error.sentence(),
            retry_after: error.retry_after(),
        }
    }
}

impl From<Body> for ApiError {
    fn from(body: Body) -> Self {
        let seconds = body.retry_after.unwrap_or(1);
        match body.code.as_str() {
            "invalid" => Self::Invalid(body.message),
            "too_large" => Self::TooLarge,
            "not_found" => Self::NotFound,
            "closed" => Self::Closed,
            "expired" => Self::Expired,
            "locked" => Self::Locked,
            "wrong_password" => Self::WrongPassword,
            "not_owner" => Self::NotOwner,
            "foreign_origin" => Self::ForeignOrigin,
            "too_many_requests" => Self::TooManyRequests(seconds),
            "busy" => Self::Busy(seconds),
            "storage_full" => Self::StorageFull,
            "unavailable" => Self::Unavailable,
            "unreachable" => Self::Unreachable,
            // A newer server's word, or no server of ours at all.
            _ => Self::Internal,
        }
    }
}

impl FromServerFnError for ApiError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Request(_) => Self::Unreachable,
            ServerFnErrorErr::Deserialization(_)
            | ServerFnErrorErr::Args(_)
            | ServerFnErrorErr::MissingArg(_) => {
                Self::Invalid("This is not a request that this server understands.".into())
            }
            _ => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_survives_the_wire() {
        for error in [
            ApiError::Invalid("No files.".into()),
            ApiError::TooLarge,
            ApiError::NotFound,
            ApiError::Closed,
            ApiError::Expired,
            ApiError::Locked,
            ApiError::WrongPassword,
            ApiError::NotOwner,
            ApiError::ForeignOrigin,
            ApiError::TooManyRequests(7),
            ApiError::Busy(2),
            ApiError::StorageFull,
            ApiError::Unavailable,
            ApiError::Unreachable,
            ApiError::Internal,
        ] {
            let json = serde_json::to_string(&error).unwrap();
            assert_eq!(serde_json::from_str::<ApiError>(&json).unwrap(), error, "{json}");
            assert!(error.sentence().ends_with('.'), "{json}");
            assert!((400..600).contains(&error.status()));
        }
    }

    #[test]
    fn an_unknown_code_is_a_mistake_of_ours() {
        let error: ApiError =
            serde_json::from_str(r#"{"code":"teapot","message":"I am one."}"#).unwrap();
        assert_eq!(error, ApiError::Internal);
    }
}
