//! The player: what is playing, its controls, and the playlist. A recipient's page has one, and so has a sender's that
//! plays live.

use leptos::html::{Div, Input, Section};
use leptos::prelude::*;
use leptos::web_sys::{Element, HtmlInputElement};

use super::page;
use crate::components::later::{later, paragraph, slot, text, watch, when};
use crate::media::kind::Kind;
use crate::transfer::{PlayerCommand, PlayerView, Track};

/// Speeds that are offered, in per cent.
const SPEEDS: [(u16, &str); 7] = [
    (50, "0.5×"),
    (75, "0.75×"),
    (100, "1×"),
    (125, "1.25×"),
    (150, "1.5×"),
    (175, "1.75×"),
    (200, "2×"),
];

/// A player's view, and what can be asked of it.
#[derive(Clone, Copy)]
pub struct PlayerHandle {
    /// What it shows.
    pub view: Signal<PlayerView>,
    /// The person asks for something.
    pub act: Callback<PlayerCommand>,
    /// The person chooses a file.
    pub play: Callback<usize>,
    /// Here the player's own element goes.
    pub show_in: Callback<Element>,
}

/// The player, once something is played.
#[component]
pub fn Player(player: PlayerHandle) -> impl IntoView {
    let open = part(player, |view| view.current.is_some());
    slot(move || open.get().then(|| later(move || view! { <Open player=player /> })))
}

/// A part of the view that wakes nobody while it stays the same.
fn part<T: PartialEq + Send + Sync + 'static>(
    player: PlayerHandle,
    of: impl Fn(&PlayerView) -> T + Send + Sync + 'static,
) -> Memo<T> {
    Memo::new(move |_| player.view.with(&of))
}

#[component]
fn Open(player: PlayerHandle) -> impl IntoView {
    let section = NodeRef::<Section>::new();
    watch(move || {
        if section.get().is_some() {
            // After the button that opened it is gone.
            request_animation_frame(move || {
                if let Some(section) = section.get_untracked() {
                    page::focus_if_lost(&section);
                }
            });
        }
    });
    let stage = NodeRef::<Div>::new();
    watch(move || {
        if let Some(stage) = stage.get() {
            player.show_in.run((*stage).clone().into());
        }
    });
    let seen = part(player, |view| view.kind == Some(Kind::Video));
    let title = part(player, |view| view.title.clone());
    let artwork = part(player, |view| view.artwork.clone());
    let artist = part(player, |view| view.artist.clone());
    let problem = part(player, |view| view.problem.clone());
    let passed_over = part(player, |view| view.passed_over.clone());
    let notice = part(player, |view| view.notice.clone());
    let waiting = part(player, |view| view.waiting && view.problem.is_none());
    let many = part(player, |view| view.tracks.len() > 1);
    view! {
        <section class="player" aria-label="Player" tabindex="-1" node_ref=section>
            <div class="player-stage" class:seen=when(move || seen.get()) node_ref=stage></div>
            {slot(move || {
                let address = artwork.get()?;
                Some(later(move || view! { <img class="player-artwork" src=address alt="" /> }))
            })}
            <p class="player-title">
                <bdi>{text(move || title.get())}</bdi>
                <bdi class="player-artist">{text(move || artist.get())}</bdi>
            </p>
            <Seek player=player />
            <Controls player=player many=many />
            <div aria-live="polite">
                {slot(move || {
                    waiting.get().then(|| later(|| view! { <p class="hint">"Loading…"</p> }))
                })}
                {slot(move || paragraph("notice", notice.get()))}
                {slot(move || paragraph("notice problem", passed_over.get()))}
                {slot(move || paragraph("notice problem", problem.get()))}
            </div>
            {slot(move || many.get().then(|| later(move || view! { <Playlist player=player /> })))}
        </section>
    }
}

/// "1:05", or "1:02:03" from an hour on.
fn clock(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// Where it is, what is here, and a way to anywhere else.
#[component]
fn Seek(player: PlayerHandle) -> impl IntoView {
    let slider = NodeRef::<Input>::new();
    let position = part(player, |view| view.position.floor());
    let duration = part(player, |view| view.duration);
    let words = move || match duration.get() {
        0.0 => clock(position.get()),
        whole => format!("{} of {}", clock(position.get()), clock(whole)),
    };
    let seek = move |event| {
        let seconds = event_target::<HtmlInputElement>(&event).value_as_number();
        player.act.run(PlayerCommand::SeekTo(seconds));
    };
    // The slider's end must be known before its value, or it would be cut.
    watch(move || {
        if let Some(slider) = slider.get() {
            slider.set_max(&(duration.get().ceil() as u64).to_string());
            slider.set_value_as_number(position.get());
        }
    });
    let follows = part(player, |view| view.follows);
    let unknown = when(move || duration.get() <= 0.0);
    let fixed = when(move || unknown.get() || follows.get());
    view! {
        <div class="player-seek">
            <span class="player-time">{text(move || clock(position.get()))}</span>
            <div class="player-track">
                <Parts class="player-here" parts=part(player, |view| view.here.clone()) />
                <Parts class="player-buffered" parts=part(player, |view| view.buffered.clone()) />
                <input
                    type="range"
                    aria-label="Seek"
                    min="0"
                    step="any"
                    aria-valuetext=text(words)
                    class:unknown=unknown
                    disabled=fixed
                    node_ref=slider
                    on:input=seek
                />
            </div>
            <span class="player-time">{text(move || clock(duration.get()))}</span>
        </div>
    }
}

/// Parts of a whole, drawn by SVG attributes: the page's policy forbids style attributes.
#[component]
fn Parts(class: &'static str, parts: Memo<Vec<(u16, u16)>>) -> impl IntoView {
    let path = move || {
        parts.with(|parts| {
            parts.iter().map(|(from, to)| format!("M{from} 0H{to}V1H{from}z")).collect::<String>()
        })
    };
    view! {
        <svg class=class viewBox="0 0 1000 1" preserveAspectRatio="none" aria-hidden="true">
            <path d=text(path) />
        </svg>
    }
}

#[component]
fn Controls(player: PlayerHandle, many: Memo<bool>) -> impl IntoView {
    let playing = part(player, |view| view.playing);
    let muted = part(player, |view| view.muted);
    let volume = part(player, |view| view.volume);
    let speed = part(player, |view| view.speed);
    let follows = part(player, |view| view.follows);
    let fixed = when(move || follows.get());
    let press = move |what| move |_| player.act.run(what);
    let step = move |name: &'static str, what| {
        view! {
            <button type="button" class="button" disabled=fixed on:click=press(what)>
                {name}
            </button>
        }
    };
    let set_volume = move |event| {
        if let Ok(percent) = event_target_value(&event).parse() {
            player.act.run(PlayerCommand::Volume(percent));
        }
    };
    let set_speed = move |event| {
        if let Ok(percent) = event_target_value(&event).parse() {
            player.act.run(PlayerCommand::Speed(percent));
        }
    };
    let speeds = SPEEDS.map(|(percent, name)| {
        let chosen = when(move || speed.get() == percent);
        view! {
            <option value=percent.to_string() prop:selected=chosen>
                {name}
            </option>
        }
    });
    view! {
        <div class="player-controls">
            {slot(move || {
                many.get().then(|| later(move || step("Previous", PlayerCommand::Previous)))
            })}
            <button
                type="button"
                class="button primary player-toggle"
                disabled=when(move || follows.get() && playing.get())
                on:click=press(PlayerCommand::Toggle)
            >
                {text(move || if playing.get() { "Pause" } else { "Play" }.to_owned())}
            </button>
            {slot(move || many.get().then(|| later(move || step("Next", PlayerCommand::Next))))}
            <button
                type="button"
                class="button quiet"
                aria-pressed=text(move || muted.get().to_string())
                on:click=press(PlayerCommand::Mute)
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
            <select aria-label="Speed" disabled=fixed on:change=set_speed>
                {speeds.into_iter().collect_view()}
            </select>
            <button type="button" class="button quiet" on:click=press(PlayerCommand::Close)>
                "Close player"
            </button>
        </div>
    }
}

#[component]
fn Playlist(player: PlayerHandle) -> impl IntoView {
    let rows = player
        .view
        .with_untracked(|view| view.tracks.iter().map(|track| row(player, track)).collect_view());
    view! {
        <ol class="playlist" aria-label="Playlist">
            {rows}
        </ol>
    }
}

fn row(player: PlayerHandle, track: &Track) -> impl IntoView + use<> {
    let file = track.file;
    let current = part(player, move |view| view.current == Some(file));
    let follows = part(player, |view| view.follows);
    let disabled = when(move || follows.get());
    view! {
        <li class="playlist-row" class:current=when(move || current.get())>
            <button
                type="button"
                class="button quiet"
                disabled=disabled
                aria-current=text(move || current.get().to_string())
                on:click=move |_| player.play.run(file)
            >
                <bdi>{track.title.clone()}</bdi>
            </button>
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::clock;

    #[test]
    fn times_are_read_as_on_a_clock() {
        assert_eq!(clock(0.0), "0:00");
        assert_eq!(clock(65.9), "1:05");
        assert_eq!(clock(3723.0), "1:02:03");
        assert_eq!(clock(-1.0), "0:00");
    }
}
