//! Listening together: everyone's player at the same place.

use leptos::prelude::*;

use super::Download;
use crate::circle::{CirclePhase, CircleStatus};
use crate::components::company::{companions, others};
use crate::components::later::{later, paragraph, slot, text};
use crate::transfer::Receive;

/// The button where there is something to play, and then who leads.
#[component]
pub fn Together(download: Download) -> impl IntoView {
    let offered = Memo::new(move |_| {
        let playable =
            |download: Download| download.player.with(|player| !player.tracks.is_empty());
        playable(download) && download.live.with(|live| live.circle.is_none())
    });
    let takes_part = Memo::new(move |_| download.together.with(Option::is_some));
    view! {
        {slot(move || match (takes_part.get(), offered.get()) {
            (true, _) => Some(later(move || view! { <TakingPart download=download /> })),
            (false, true) => Some(later(move || view! { <Offer download=download /> })),
            (false, false) => None,
        })}
        <div aria-live="polite">
            {slot(move || paragraph("notice problem", download.together_problem.get()))}
        </div>
    }
}

#[component]
fn Offer(download: Download) -> impl IntoView {
    let join = move |_| download.receive.with(Receive::listen_together);
    view! {
        <p class="live-offer">
            <button type="button" class="button" on:click=join>
                "Listen together"
            </button>
            <span class="hint">"Everyone who presses this is at the same place; whoever came first leads."</span>
        </p>
    }
}

fn words(status: &CircleStatus) -> String {
    let company = others(companions(status));
    match (status.phase, status.hosts) {
        (CirclePhase::Outside | CirclePhase::Joining, _) => "Joining…".to_owned(),
        (CirclePhase::Quiet, true) => {
            format!("You lead; with you: {company}. Press Play to begin.")
        }
        (_, true) => format!("You lead; with you: {company}."),
        (CirclePhase::Hearing, false) => {
            format!("You follow whoever came first; with you: {company}.")
        }
        (CirclePhase::Quiet | CirclePhase::InLine(_), false) => {
            format!("Whoever came first plays nothing yet; with you: {company}.")
        }
        (CirclePhase::Tuning, false) => "Going to the same place…".to_owned(),
    }
}

#[component]
fn TakingPart(download: Download) -> impl IntoView {
    let leave = move |_| download.receive.with(Receive::leave_together);
    view! {
        <section class="together" aria-label="Listening together">
            <p aria-live="polite">
                {text(move || download.together.with(|status| status.as_ref().map(words)).unwrap_or_default())}
            </p>
            <button type="button" class="button" on:click=leave>
                "Stop listening together"
            </button>
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::id::PeerId;

    #[test]
    fn it_is_said_who_leads() {
        let (me, other) = (Some(PeerId(1)), PeerId(2));
        let leads = CircleStatus {
            phase: CirclePhase::Hearing,
            hosts: true,
            me,
            present: vec![PeerId(1), other],
            ..Default::default()
        };
        assert_eq!(words(&leads), "You lead; with you: 1 other.");
        let alone = CircleStatus { present: vec![PeerId(1)], ..leads.clone() };
        assert_eq!(words(&alone), "You lead; with you: nobody else yet.");
        let follows = CircleStatus { hosts: false, present: vec![other, PeerId(1)], ..leads };
        assert_eq!(words(&follows), "You follow whoever came first; with you: 1 other.");
    }
}
