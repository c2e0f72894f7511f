//! What browsers refuse.

use wasm_bindgen::{JsCast, JsValue};

/// A browser's refusal, or an answer that is not what it should be.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// An exception; its name, such as `NotReadableError`, and its message.
    #[error("{name}: {message}")]
    Exception {
        /// `DOMException.name` or the class.
        name: String,
        /// For developers.
        message: String,
    },
    /// A sealed text that this key does not open, or a signature that is not the owner's.
    #[error("not authentic")]
    NotAuthentic,
}

impl Error {
    /// A refusal of our own, in the form of the browser's.
    pub fn named(name: &str, message: &str) -> Self {
        Self::Exception { name: name.to_owned(), message: message.to_owned() }
    }

    /// Whether it is the exception of this name.
    pub fn is(&self, exception: &str) -> bool {
        matches!(self, Self::Exception { name, .. } if name == exception)
    }
}

impl From<JsValue> for Error {
    fn from(value: JsValue) -> Self {
        if let Some(exception) = value.dyn_ref::<web_sys::DomException>() {
            return Self::Exception { name: exception.name(), message: exception.message() };
        }
        if let Some(error) = value.dyn_ref::<js_sys::Error>() {
            return Self::Exception {
                name: String::from(error.name()),
                message: String::from(error.message()),
            };
        }
        Self::Exception { name: "Error".to_owned(), message: value.as_string().unwrap_or_default() }
    }
}
