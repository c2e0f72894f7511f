//! The player: what is playing, its controls, and the playlist.

use leptos::html::{Div, Input};
use leptos::prelude::*;
use leptos::web_sys::HtmlInputElement;

use super::Download;
use crate::components::later::{later, paragraph, slot, text, watch, when};
use crate::media::kind::Kind;
use crate::transfer::{PlayerCommand, PlayerView, Receive, Track};

/// Speeds that are offered, in per cent.
const SPEEDS: [(u16, &str); 6] =
    [(50, "0.5×"), (75, "0.75×"), (100, "1×"), (125, "1.25×"), (150, "1.5×"), (200, "2×")];

/// The player, once something is played.
#[component]
pub fn Player(download: Download) -> impl IntoView {
    let open = Memo::new(move |_| download.player.with(|player| player.current.is_some()));
    slot(move || open.get().then(|| later(move || view! { <Open download=download /> })))
}

fn command(download: Download, command: PlayerCommand) {
    download.receive.with(|receive: &Receive| receive.command(command));
}

/// A part of the view that wakes nobody while it stays the same.
fn part<T: PartialEq + Send + Sync + 'static>(
    download: Download,
    of: impl Fn(&PlayerView) -> T + Send + Sync + 'static,
) -> Memo<T> {
    Memo::new(move |_| download.player.with(&of))
}

#[component]
fn Open(download: Download) -> impl IntoView {
    let stage = NodeRef::<Div>::new();
    watch(move || {
        if let Some(stage) = stage.get() {
            download.receive.with(|receive: &Receive| receive.show_player_in(&stage));
        }
    });
    let seen = part(download, |player| player.kind == Some(Kind::Video));
    let title = part(download, |player| player.title.clone());
    let artwork = part(download, |player| player.artwork.clone());
    let artist = part(download, |player| player.artist.clone());
    let problem = part(download, |player| player.problem.clone());
    let notice = part(download, |player| player.notice.clone());
    let waiting = part(download, |player| player.waiting && player.problem.is_none());
    let many = part(download, |player| player.tracks.len() > 1);
    view! {
        <section class="player" aria-label="Player">
            <div class="player-stage" class:seen=when(move || seen.get()) node_ref=stage></div>
            {slot(move || {
                let address = artwork.get()?;
                Some(later(move || view! { <img class="player-artwork" src=address alt="" /> }))
            })}
            <p class="player-title">
                <bdi>{text(move || title.get())}</bdi>
                <span class="player-artist">{text(move || artist.get())}</span>
            </p>
            <Seek download=download />
            <Controls download=download many=many />
            <div aria-live="polite">
                {slot(move || {
                    waiting.get().then(|| later(|| view! { <p class="hint">"Loading…"</p> }))
                })}
                {slot(move || paragraph("notice", notice.get()))}
                {slot(move || paragraph("notice problem", problem.get()))}
            </div>
            {slot(move || many.get().then(|| later(move || view! { <Playlist download=download /> })))}
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
fn Seek(download: Download) -> impl IntoView {
    let slider = NodeRef::<Input>::new();
    let position = part(download, |player| player.position.floor());
    let duration = part(download, |player| player.duration);
    let words = move || match duration.get() {
        0.0 => clock(position.get()),
        whole => format!("{} of {}", clock(position.get()), clock(whole)),
    };
    let seek = move |event| {
        let seconds = event_target::<HtmlInputElement>(&event).value_as_number();
        command(download, PlayerCommand::SeekTo(seconds));
    };
    // The slider's end must be known before its value, or it would be cut.
    watch(move || {
        if let Some(slider) = slider.get() {
            slider.set_max(&(duration.get().ceil() as u64).to_string());
            slider.set_value_as_number(position.get());
        }
    });
    let unknown = when(move || duration.get() <= 0.0);
    view! {
        <div class="player-seek">
            <span class="player-time">{text(move || clock(position.get()))}</span>
            <div class="player-track">
                <Parts class="player-here" parts=part(download, |player| player.here.clone()) />
                <Parts class="player-buffered" parts=part(download, |player| player.buffered.clone()) />
                <input
                    type="range"
                    aria-label="Seek"
                    min="0"
                    step="any"
                    aria-valuetext=text(words)
                    disabled=unknown
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
fn Controls(download: Download, many: Memo<bool>) -> impl IntoView {
    let playing = part(download, |player| player.playing);
    let muted = part(download, |player| player.muted);
    let volume = part(download, |player| player.volume);
    let speed = part(download, |player| player.speed);
    let press = move |what| move |_| command(download, what);
    let step = move |name: &'static str, what| {
        view! {
            <button type="button" class="button" on:click=press(what)>
                {name}
            </button>
        }
    };
    let set_volume = move |event| {
        if let Ok(percent) = event_target_value(&event).parse() {
            command(download, PlayerCommand::Volume(percent));
        }
    };
    let set_speed = move |event| {
        if let Ok(percent) = event_target_value(&event).parse() {
            command(download, PlayerCommand::Speed(percent));
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
            <select aria-label="Speed" on:change=set_speed>
                {speeds.into_iter().collect_view()}
            </select>
            <button type="button" class="button quiet" on:click=press(PlayerCommand::Close)>
                "Close player"
            </button>
        </div>
    }
}

#[component]
fn Playlist(download: Download) -> impl IntoView {
    let rows = download.player.with_untracked(|player| {
        player.tracks.iter().map(|track| row(download, track)).collect_view()
    });
    view! {
        <ol class="playlist" aria-label="Playlist">
            {rows}
        </ol>
    }
}

fn row(download: Download, track: &Track) -> impl IntoView + use<> {
    let file = track.file;
    let current = Memo::new(move |_| download.player.with(|player| player.current == Some(file)));
    let play = move |_| download.receive.with(|receive: &Receive| receive.play(Some(file)));
    let refused = track.refusal.is_some();
    view! {
        <li class="playlist-row" class:current=when(move || current.get())>
            <button
                type="button"
                class="button quiet"
                disabled=refused
                aria-current=text(move || current.get().to_string())
                on:click=play
            >
                <bdi>{track.title.clone()}</bdi>
            </button>
            {track.refusal.clone().map(|words| view! { <span class="hint">{words}</span> })}
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
