//! Playing live: the sender's own player, and who hears it.

use leptos::prelude::*;

use super::own_room::Handles;
use crate::components::company::{Company, companions};
use crate::components::format;
use crate::components::later::{later, paragraph, slot, text};
use crate::islands::player::{Player, PlayerHandle};
use crate::transfer::{BroadcastView, ShareView};

/// Shown where the room has something that this browser plays.
#[component]
pub fn PlayLive(handles: Handles, sharing: RwSignal<ShareView>) -> impl IntoView {
    let able = Memo::new(move |_| sharing.with(|view| view.broadcast.as_ref().map(|b| b.able)));
    slot(move || {
        match able.get()? {
        true => Some(later(move || view! { <Live handles=handles sharing=sharing /> })),
        false => paragraph(
            "hint",
            Some(
                "This browser cannot play live to others: it has no way to pass on what it plays. Everyone can still \
                 press Play by themselves."
                    .to_owned(),
            ),
        ),
    }
    })
}

/// "3 people listen, 2 wait for a place."
fn audience(view: &BroadcastView) -> String {
    let (listen, wait) = (companions(&view.circle), view.circle.waiting);
    let listen = match listen {
        0 => "Nobody listens yet".to_owned(),
        listen => format::count(listen as u64, "person listens", "people listen"),
    };
    match wait {
        0 => format!("{listen}."),
        1 => format!("{listen}, 1 waits for a place."),
        wait => format!("{listen}, {wait} wait for a place."),
    }
}

#[component]
fn Live(handles: Handles, sharing: RwSignal<ShareView>) -> impl IntoView {
    let share = handles.share;
    let broadcast = move |view: &ShareView| view.broadcast.clone().unwrap_or_default();
    let player = PlayerHandle {
        view: Memo::new(move |_| sharing.with(|view| broadcast(view).player)).into(),
        act: Callback::new(move |what| share.with(|share| share.command(what))),
        play: Callback::new(move |file| share.with(|share| share.play(Some(file)))),
        show_in: Callback::new(move |place| share.with(|share| share.show_player_in(&place))),
    };
    let circle = Memo::new(move |_| sharing.with(|view| broadcast(view).circle));
    let closed = Memo::new(move |_| player.view.with(|view| view.current.is_none()));
    let any = Memo::new(move |_| circle.with(|circle| companions(circle) > 0));
    let remove = Callback::new(move |peer| share.with(|share| share.remove_listener(peer)));
    view! {
        <section class="card play-live" aria-labelledby="play-live-title">
            <h2 id="play-live-title">"Play live"</h2>
            <p class="hint">"Whoever presses “Listen live” hears what you play here, at the same moment."</p>
            {slot(move || {
                closed
                    .get()
                    .then(|| {
                        later(move || {
                            view! {
                                <button
                                    type="button"
                                    class="button"
                                    on:click=move |_| share.with(|share| share.play(None))
                                >
                                    "Play live"
                                </button>
                            }
                        })
                    })
            })}
            <Player player=player />
            <p aria-live="polite">{text(move || sharing.with(|view| audience(&broadcast(view))))}</p>
            {slot(move || {
                any.get()
                    .then(|| {
                        later(move || {
                            view! {
                                <Company status=circle.into() remove=remove />
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
    use crate::circle::CircleStatus;
    use crate::protocol::id::PeerId;

    #[test]
    fn the_audience_is_told_in_words() {
        let of = |listen: u32, waiting| {
            let present = (1..=listen + 1).map(PeerId).collect();
            let circle = CircleStatus {
                me: Some(PeerId(1)),
                hosts: true,
                present,
                waiting,
                ..Default::default()
            };
            audience(&BroadcastView { circle, ..Default::default() })
        };
        assert_eq!(of(0, 0), "Nobody listens yet.");
        assert_eq!(of(1, 0), "1 person listens.");
        assert_eq!(of(16, 1), "16 people listen, 1 waits for a place.");
        assert_eq!(of(16, 14), "16 people listen, 14 wait for a place.");
    }
}
