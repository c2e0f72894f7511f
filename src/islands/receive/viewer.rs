//! A picture over the page.

use leptos::html::Div;
use leptos::prelude::*;

use super::Download;
use crate::components::later::{later, slot, text, watch};
use crate::islands::page;
use crate::transfer::{PictureView, PlayerCommand, Receive};

/// The viewer, while a picture is looked at.
#[component]
pub fn Viewer(download: Download) -> impl IntoView {
    let open = Memo::new(move |_| download.player.with(|player| player.picture.is_some()));
    slot(move || open.get().then(|| later(move || view! { <Open download=download /> })))
}

#[component]
fn Open(download: Download) -> impl IntoView {
    let picture = Memo::new(move |_| download.player.with(|player| player.picture.clone()));
    let title = text(move || picture.get().map(|picture| picture.title).unwrap_or_default());
    let problem = RwSignal::new(false);
    let dialog = NodeRef::<Div>::new();
    watch(move || {
        if let Some(dialog) = dialog.get() {
            page::focus(&dialog);
        }
    });
    let command =
        move |command| download.receive.with(|receive: &Receive| receive.command(command));
    let press = move |event: leptos::ev::KeyboardEvent| {
        // With these it is a command of the browser, such as the page before.
        if event.ctrl_key() || event.alt_key() || event.meta_key() {
            return;
        }
        let wish = match event.key().as_str() {
            "Escape" => PlayerCommand::ClosePicture,
            "ArrowRight" => PlayerCommand::Turn(1),
            "ArrowLeft" => PlayerCommand::Turn(-1),
            _ => return,
        };
        event.prevent_default();
        command(wish);
    };
    let many = download.player.with_untracked(|player| player.pictures > 1);
    let turn = move |name: &'static str, by: isize| {
        many.then(|| {
            view! {
                <button
                    type="button"
                    class="button"
                    on:click=move |_| command(PlayerCommand::Turn(by))
                >
                    {name}
                </button>
            }
        })
    };
    let image = move || {
        let picture = picture.get()?;
        problem.set(false);
        let address = picture.address?;
        Some(later(move || {
            view! { <img src=address alt=picture.title on:error=move |_| problem.set(true) /> }
        }))
    };
    let waiting = move || {
        let PictureView { title, address, .. } = picture.get()?;
        let words = match (problem.get(), address) {
            (true, _) => format!(
                "This browser cannot show {title}: it is damaged, is not what its name says, or is of a kind that the \
                 browser does not know. You can still download it."
            ),
            (false, None) => "It is shown when everything is here.".to_owned(),
            _ => return None,
        };
        Some(later(move || view! { <p class="notice">{words}</p> }))
    };
    view! {
        <div
            class="viewer"
            role="dialog"
            aria-modal="true"
            aria-label=title
            tabindex="-1"
            node_ref=dialog
            on:keydown=press
        >
            <div class="viewer-picture">{slot(image)} {slot(waiting)}</div>
            <div class="viewer-controls">
                {turn("Previous picture", -1)} <p class="viewer-title">
                    <bdi>{title}</bdi>
                </p> {turn("Next picture", 1)}
                <button
                    type="button"
                    class="button"
                    on:click=move |_| command(PlayerCommand::ClosePicture)
                >
                    "Close"
                </button>
            </div>
        </div>
    }
}
