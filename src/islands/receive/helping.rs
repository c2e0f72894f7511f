//! Passing on what is here: a switch, and what it does now.

use leptos::prelude::*;

use super::{Download, Stage};
use crate::components::format;
use crate::components::later::{later, slot, text};
use crate::components::limits::Limits;
use crate::transfer::{Receive, caps};

/// The switch, from the moment that there is something to pass on, or soon will be.
#[component]
pub fn Helping(download: Download, stage: Memo<Stage>) -> impl IntoView {
    let shown = Memo::new(move |_| matches!(stage.get(), Stage::Running | Stage::Done));
    slot(move || shown.get().then(|| later(move || view! { <Switch download=download /> })))
}

#[component]
fn Switch(download: Download) -> impl IntoView {
    let sent = Memo::new(move |_| download.status.with(|status| status.sent_bytes_per_second));
    let now = move || match format::speed(sent.get()) {
        Some(speed) => format!("{speed} to others now"),
        None => String::new(),
    };
    let choose = move |event| {
        let helps = event_target_checked(&event);
        download.receive.with(|receive: &Receive| receive.set_helps(helps));
    };
    let limit = move |caps| download.receive.with(|receive: &Receive| receive.set_caps(caps));
    view! {
        <Limits caps=caps() receives=true on_change=limit />
        <div class="check helping">
            <input id="helps" type="checkbox" checked=download.helps.get_untracked() on:change=choose />
            <label for="helps">"Help others while this page is open"</label>
            <span class="helping-now">{text(now)}</span>
        </div>
    }
}
