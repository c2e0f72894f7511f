//! Playing in the page: what the service worker asks for, and the element that asks the service worker.
//!
//! ```text
//! element -> GET /media/{room}/{file}, Range -> service worker -> a page of the room: answers -> its storage
//! ```
//! The element, the service worker and the pieces need not belong to one page: a second tab plays what the first has.

pub mod answers;
pub mod capture;
mod element;
mod failing;
mod following;
mod keys;
mod length;
pub mod loudness;
mod places;
pub mod player;
mod playing;
mod request;
mod service_worker;
pub mod session;
mod tags;
pub mod tracks;
pub mod viewer;
pub mod whole_files;
