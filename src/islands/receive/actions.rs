//! What can be done now.

use leptos::prelude::*;

use super::saved::Done;
use super::{Download, Stage};
use crate::components::later::{later, slot, text, when};
use crate::swarm::status::Phase;
use crate::transfer::Receive;

/// The buttons of the stage.
#[component]
pub fn Actions(download: Download, phase: Memo<Phase>, stage: Memo<Stage>) -> impl IntoView {
    let shows_play = Memo::new(move |_| {
        download.player.with(|player| player.current.is_none() && !player.tracks.is_empty())
    });
    let shows_view = Memo::new(move |_| download.player.with(|player| player.pictures > 0));
    view! {
        <div class="receive-actions">
            {move || (stage.get() == Stage::Ready).then(|| view! { <Start download=download /> })}
            {slot(move || {
                Some(match stage.get() {
                    Stage::Ready => return None,
                    Stage::Running => later(move || view! { <Running download=download phase=phase /> }),
                    Stage::Done => later(move || view! { <Done download=download /> }),
                    Stage::Failed => later(move || view! { <Again download=download /> }),
                })
            })}
            {slot(move || shows_play.get().then(|| later(move || view! { <Play download=download /> })))}
            {slot(move || shows_view.get().then(|| later(move || view! { <Look download=download /> })))}
        </div>
    }
}

/// Pictures.
#[component]
fn Look(download: Download) -> impl IntoView {
    view! {
        <button type="button" class="button" on:click=move |_| download.receive.with(Receive::look)>
            "View pictures"
        </button>
    }
}

/// Hear or see it now. Away once the player has its own.
#[component]
fn Play(download: Download) -> impl IntoView {
    view! {
        <button
            type="button"
            class="button large play"
            on:click=move |_| download.receive.with(|receive| receive.play(None))
        >
            "Play"
        </button>
    }
}

#[component]
fn Start(download: Download) -> impl IntoView {
    let wanted = Memo::new(move |_| {
        download.files.with(|files| {
            files.as_ref().map_or(0, |files| files.iter().filter(|file| file.wanted).count())
        })
    });
    let nothing = when(move || wanted.get() == 0);
    let many = Memo::new(move |_| {
        let files = download.files.with(|files| files.as_ref().map_or(0, |files| files.len()));
        files + download.empty_folders.get() > 1
    });
    let folder = move || {
        (download.can_choose_folder.get() && many.get())
            .then(|| later(move || view! { <IntoFolder download=download nothing=nothing /> }))
    };
    view! {
        <div class="actions">
            <button
                type="button"
                class="button primary large"
                disabled=nothing
                on:click=move |_| download.receive.with(Receive::download)
            >
                "Download"
            </button>
            {slot(folder)}
        </div>
    }
}

#[component]
fn IntoFolder(download: Download, nothing: Signal<bool>) -> impl IntoView {
    view! {
        <button
            type="button"
            class="button"
            disabled=nothing
            on:click=move |_| download.receive.with(Receive::download_into_folder)
        >
            "Download into a folder…"
        </button>
    }
}

#[component]
fn Running(download: Download, phase: Memo<Phase>) -> impl IntoView {
    let paused = Memo::new(move |_| phase.get() == Phase::Paused);
    let keep = move || {
        download.listening.get().then(|| {
            later(move || {
                let keep = move |_| download.receive.with(Receive::download);
                view! { <button type="button" class="button" on:click=keep>"Download"</button> }
            })
        })
    };
    let toggle = move |_| match paused.get_untracked() {
        true => download.receive.with(Receive::resume),
        false => download.receive.with(Receive::pause),
    };
    view! {
        <div class="actions">
            <button type="button" class="button" class:primary=when(move || paused.get()) on:click=toggle>
                {text(move || if paused.get() { "Resume" } else { "Pause" }.to_owned())}
            </button>
            {slot(keep)}
            <button type="button" class="button" on:click=move |_| download.receive.with(Receive::cancel)>
                "Cancel"
            </button>
        </div>
    }
}

#[component]
fn Again(download: Download) -> impl IntoView {
    let again = move |_| {
        if download.files.with_untracked(Option::is_some) {
            download.receive.with(Receive::download);
        } else {
            // The names could not even be opened; a fresh page asks the server anew.
            let _ = location().reload();
        }
    };
    view! {
        <div class="actions">
            <button type="button" class="button primary" on:click=again>"Try again"</button>
        </div>
    }
}
