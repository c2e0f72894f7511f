//! Pausing and ending a share.

use leptos::html::Button;
use leptos::prelude::*;

use super::own_room::{Handles, downloading};
use crate::components::format;
use crate::components::later::{later, slot, text, when};
use crate::islands::page;
use crate::transfer::{Share, ShareView};

/// Both buttons. Ending asks again only if it would leave somebody with half a file.
#[component]
pub fn Stop(handles: Handles, sharing: RwSignal<ShareView>) -> impl IntoView {
    let paused = Memo::new(move |_| sharing.with(|view| view.status.paused));
    let asked = Memo::new(move |_| sharing.with(|view| view.asked.is_some()));
    let active = Memo::new(move |_| sharing.with(downloading));
    let asking = RwSignal::new(false);
    let stop_button = NodeRef::<Button>::new();
    let stop = move || handles.share.with(Share::stop);
    let ask = move |_| match active.get_untracked() {
        0 => stop(),
        _ => asking.set(true),
    };
    let keep = move |_| {
        asking.set(false);
        if let Some(button) = stop_button.get_untracked() {
            page::focus(&button);
        }
    };
    view! {
        <div class="actions">
            <button
                type="button"
                class="button"
                disabled=when(move || asked.get())
                on:click=move |_| handles.share.with(|share| share.set_paused(!paused.get_untracked()))
            >
                {text(move || if paused.get() { "Resume sharing" } else { "Pause sharing" }.to_owned())}
            </button>
            <button type="button" class="button danger" node_ref=stop_button on:click=ask>
                "Stop sharing"
            </button>
        </div>
        {slot(move || {
            asking.get().then(|| later(move || view! { <Confirm active=active stop=stop keep=keep /> }))
        })}
    }
}

/// The question, with the focus on its first answer.
#[component]
fn Confirm(
    active: Memo<usize>,
    stop: impl Fn() + 'static,
    keep: impl FnMut(leptos::ev::MouseEvent) + 'static,
) -> impl IntoView {
    let first = NodeRef::<Button>::new();
    first.on_load(|button| page::focus(&button));
    let words = move || {
        let people = format::count(active.get() as u64, "person is", "people are");
        format!("{people} downloading now and would be left with nothing.")
    };
    view! {
        <div class="notice confirm" role="group" aria-label="Stop while somebody is downloading?">
            <p>{text(words)}</p>
            <div class="actions">
                <button type="button" class="button" node_ref=first on:click=keep>
                    "Keep sharing"
                </button>
                <button type="button" class="button danger" on:click=move |_| stop()>
                    "Stop anyway"
                </button>
            </div>
        </div>
    }
}
