//! The one seam between views and browser.
//!
//! Islands say what a person did and are told what to show; everything in between happens in `browser/`. On
//! the server the same names exist and do nothing, because islands are compiled there too but their effects
//! and event handlers never run there. Arguments are types that Leptos has on both sides.

mod view;

#[cfg(not(feature = "hydrate"))]
mod idle;

#[cfg(feature = "hydrate")]
pub use crate::browser::{
    Receive, Selection, SenderBundle, Share, caps, copy_text, return_to_room, support,
};
#[cfg(not(feature = "hydrate"))]
pub use idle::{Receive, Selection, SenderBundle, Share, caps, copy_text, return_to_room, support};
pub use view::{
    Asked, BroadcastView, FileRow, FolderSave, LiveView, Named, PictureView, PlayerCommand,
    PlayerView, ReceiveView, SaveEnd, Saved, SelectedFile, SelectionView, ShareView, Support,
    Track,
};
