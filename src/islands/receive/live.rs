//! Listening live: the button while the sender is there, and then what it plays.

use leptos::html::Div;
use leptos::prelude::*;

use super::Download;
use crate::circle::{CirclePhase, CircleStatus};
use crate::components::company::{Company, listeners, others};
use crate::components::later::{later, paragraph, slot, text, watch, when};
use crate::protocol::rooms::LiveState;
use crate::transfer::{LiveView, Receive};

/// The button, or why there is none, and then the broadcast.
#[component]
pub fn Live(download: Download) -> impl IntoView {
    let stage =
        Memo::new(move |_| download.live.with(|live| (live.circle.is_some(), live.offered)));
    let problem = Memo::new(move |_| download.live.with(|live| live.problem.clone()));
    view! {
        {slot(move || match stage.get() {
            (true, _) => Some(later(move || view! { <Listening download=download /> })),
            (false, LiveState::Ready) => Some(later(move || view! { <Listen download=download /> })),
            (false, LiveState::Unable) => {
                let words = "The sender's browser cannot play live. You can still press Play, each for yourself.";
                paragraph("hint", Some(words.to_owned()))
            }
            (false, LiveState::Absent) => None,
        })}
        <div aria-live="polite">{slot(move || paragraph("notice problem", problem.get()))}</div>
    }
}

#[component]
fn Listen(download: Download) -> impl IntoView {
    let listen = move |_| download.receive.with(Receive::listen_live);
    view! {
        <p class="live-offer">
            <button type="button" class="button" on:click=listen>
                "Listen live"
            </button>
            <span class="hint">"Hear what the sender plays, at the same moment."</span>
        </p>
    }
}

fn status(live: &LiveView) -> CircleStatus {
    live.circle.clone().unwrap_or_default()
}

/// What is heard, or what is waited for.
fn words(status: &CircleStatus) -> String {
    match (status.phase, &status.on_air) {
        (CirclePhase::Outside | CirclePhase::Joining, _) => "Connecting…".to_owned(),
        (CirclePhase::InLine(ahead), _) => {
            format!("All places are taken. Waiting in line ({ahead} ahead)")
        }
        (CirclePhase::Quiet, _) | (_, None) => {
            "The sender plays nothing now. You hear it as soon as it begins.".to_owned()
        }
        (CirclePhase::Tuning, Some(_)) => "Connecting to the sender…".to_owned(),
        (CirclePhase::Hearing, Some(air)) if air.playing => format!("Live: {}", air.title),
        (CirclePhase::Hearing, Some(air)) => format!("Paused by the sender: {}", air.title),
    }
}

#[component]
fn Listening(download: Download) -> impl IntoView {
    let place = NodeRef::<Div>::new();
    watch(move || {
        if let Some(place) = place.get() {
            download.receive.with(|receive| receive.show_live_in(&place));
        }
    });
    let circle = Signal::derive(move || download.live.with(status));
    let seen = Memo::new(move |_| {
        circle.with(|circle| {
            circle.phase == CirclePhase::Hearing
                && circle.on_air.as_ref().is_some_and(|air| air.seen)
        })
    });
    let listens = Memo::new(move |_| {
        circle.with(|circle| !matches!(circle.phase, CirclePhase::InLine(_) | CirclePhase::Joining))
    });
    let blocked = Memo::new(move |_| download.live.with(|live| live.blocked));
    let muted = Memo::new(move |_| download.live.with(|live| live.muted));
    let volume = Memo::new(move |_| download.live.with(|live| live.volume));
    let set_volume = move |event| {
        if let Ok(percent) = event_target_value(&event).parse() {
            download.receive.with(|receive| receive.set_live_volume(percent));
        }
    };
    let stop = move |_| download.receive.with(Receive::stop_listening_live);
    let hear = move |_| download.receive.with(Receive::hear_live);
    let company = move || circle.with(listeners);
    view! {
        <section class="player live" aria-label="Listening live">
            <div class="player-stage" class:seen=when(move || seen.get()) node_ref=place></div>
            <p class="player-title" aria-live="polite">
                <bdi>{text(move || circle.with(words))}</bdi>
            </p>
            {slot(move || {
                blocked
                    .get()
                    .then(|| {
                        later(move || {
                            view! {
                                <p class="notice">
                                    "This browser keeps the sound back until you press here. "
                                    <button type="button" class="button primary" on:click=hear>
                                        "Turn the sound on"
                                    </button>
                                </p>
                            }
                        })
                    })
            })}
            <div class="player-controls">
                <button
                    type="button"
                    class="button quiet"
                    aria-pressed=text(move || muted.get().to_string())
                    on:click=move |_| download.receive.with(Receive::mute_live)
                >
                    "Mute"
                </button>
                <input
                    class="player-volume"
                    type="range"
                    aria-label="Volume"
                    min="0"
                    max="100"
                    prop:value=text(move || volume.get().to_string())
                    on:input=set_volume
                />
                <button type="button" class="button" on:click=stop>
                    "Stop listening"
                </button>
            </div>
            {slot(move || {
                listens
                    .get()
                    .then(|| {
                        later(move || {
                            view! {
                                <p class="hint">
                                    {text(move || format!("Listening with you: {}.", others(company())))}
                                </p>
                                <Company status=circle />
                            }
                        })
                    })
            })}
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::circle::OnAir;

    #[test]
    fn it_is_said_what_is_heard_and_what_is_waited_for() {
        let air = |playing| Some(OnAir { title: "a.mp3".to_owned(), seen: false, playing });
        let said = |phase, on_air| words(&CircleStatus { phase, on_air, ..Default::default() });
        assert_eq!(said(CirclePhase::Hearing, air(true)), "Live: a.mp3");
        assert_eq!(said(CirclePhase::Hearing, air(false)), "Paused by the sender: a.mp3");
        assert_eq!(
            said(CirclePhase::InLine(3), air(true)),
            "All places are taken. Waiting in line (3 ahead)"
        );
        assert!(said(CirclePhase::Quiet, None).contains("plays nothing now"));
    }
}
