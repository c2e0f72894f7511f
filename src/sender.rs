//! What the sender's bundle exports: the sender's room, for pages whose own bundle lacks it.
//! `browser::sender_bundle` fetches it and calls these.

use leptos::mount::mount_to;
use leptos::prelude::*;
use leptos::web_sys::HtmlElement;
use leptos::web_sys::js_sys::Array;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::browser::{ChosenFile, NewRoom, Problem, empty_folder_from_js};
use crate::islands::share::{OnChange, OwnRoom};
use crate::protocol::rooms::PasswordRequest;
use crate::transfer::Share;

/// Makes a room for these files and empty folders and shows it in `place`, which it fills for as long as the page lives. The password
/// is what was typed, if there is to be one. If there is no room, answers why, in one or two sentences.
#[wasm_bindgen]
pub async fn create_room(
    place: HtmlElement,
    files: Array,
    password: Option<String>,
) -> Option<String> {
    let folders = files.iter().filter_map(empty_folder_from_js).collect();
    let chosen = files.iter().filter_map(ChosenFile::from_js).collect();
    let password = match password {
        None => PasswordRequest::None,
        Some(text) if text.is_empty() => PasswordRequest::Generate,
        Some(text) => PasswordRequest::Text(text),
    };
    match NewRoom::create(chosen, folders, password).await {
        Ok(room) => {
            show(place, move |on_change| Share::begin(room, on_change));
            None
        }
        Err(Problem(problem)) => Some(problem),
    }
}

/// Looks for the room that the address bar names among those that this browser made, and shows it in `place`.
#[wasm_bindgen]
pub fn return_to_room(place: HtmlElement) {
    show(place, Share::come_back);
}

fn show(place: HtmlElement, begin: impl FnOnce(OnChange) -> Share + 'static) {
    mount_to(place, move || view! { <OwnRoom begin=begin /> }).forget();
}
