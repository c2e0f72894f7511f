//! `/room/{room_id}`: what is offered, the password form, and the island that receives.

use leptos::prelude::*;
use leptos_meta::{Html, Title};
use leptos_router::hooks::use_params_map;

use super::{UnlockProblem, set_status};
use crate::api::ApiError;
use crate::components::format;
use crate::islands::receive::Receive;
use crate::islands::share::Return;
use crate::protocol::limits;
use crate::protocol::rooms::{MediaKind, RoomSummary};
use crate::server::rooms;
use crate::swarm::status::Phase;

/// The page of one room.
#[component]
pub fn RoomPage() -> impl IntoView {
    let room_id = use_params_map().read_untracked().get("room_id").unwrap_or_default();
    Suspend::new(async move {
        match rooms::page_summary(&room_id).await {
            Ok(room) => view! { <Room room=room /> }.into_any(),
            Err(error) => view! { <NoRoom error=error /> }.into_any(),
        }
    })
}

#[component]
fn Room(room: RoomSummary) -> impl IntoView {
    let locked = room.protected && !room.unlocked;
    let what = format::files(room.file_count as usize);
    let phase = if locked { Phase::Locked } else { Phase::Idle };
    // Rendered here and now: by the time that the rest of the page is, the context it reports to may be another
    // request's thread away, and the attribute would be lost now and then.
    let _ = view! { <Html {..} data-phase=phase.as_str() /> }.to_html();
    view! {
        <Title text=format!("{what}, {} – Transfer4me", format::size(room.total_bytes)) />
        <h1>{format!("{what} for you")}</h1>
        <Facts room=room.clone() />
        <noscript>
            <p class="notice problem">
                "JavaScript is switched off in this browser. It is needed to receive files, because your browser "
                "itself fetches them from the sender's."
            </p>
        </noscript>
        {if locked {
            view! { <PasswordForm /> }.into_any()
        } else {
            view! { <Receive file_count=room.file_count /> }.into_any()
        }}
        // Last, where the style sheet expects it.
        <Return />
    }
}

/// What the server knows: sizes and kinds, never names.
#[component]
fn Facts(room: RoomSummary) -> impl IntoView {
    let kind = match (room.media_kind, room.file_count) {
        (MediaKind::Audio, _) => "Audio",
        (MediaKind::Video, _) => "Video",
        (MediaKind::Image, 1) => "Image",
        (MediaKind::Image, _) => "Images",
        (MediaKind::Other, _) => "Other files",
    };
    let online = room.seeds_online > 0;
    let presence = match online {
        true => "The sender is online",
        false => "Nobody who has the files is online now",
    };
    let password = match (room.protected, room.unlocked) {
        (false, _) => None,
        (true, false) => Some("Asks for a password"),
        (true, true) => Some("Unlocked"),
    };
    view! {
        <ul class="facts" role="list">
            <li title=format::exact_size(room.total_bytes)>{format::size(room.total_bytes)}</li>
            <li>{kind}</li>
            {password.map(|text| view! { <li>{text}</li> })}
            <li class="until">"Works until " {format::utc_time(room.expires_at)}</li>
            <li class="presence" class:online=online>{presence}</li>
        </ul>
    }
}

/// Works without scripts. It has no action, so that the browser sends it to this address and keeps the
/// fragment, which holds the link key.
#[component]
fn PasswordForm() -> impl IntoView {
    let problem = use_context::<UnlockProblem>().map(|UnlockProblem(text)| text);
    view! {
        <form class="card unlock" method="post">
            <p>"The sender protected these files with a password."</p>
            {problem.map(|text| view! { <p class="notice problem" role="alert">{text}</p> })}
            <div class="field">
                <label for="password">"Password"</label>
                // Not a password field: it is read out over the phone more often than kept by a manager.
                <input
                    id="password"
                    name="password"
                    type="text"
                    required
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                    maxlength=limits::MAX_PASSWORD_BYTES.to_string()
                />
            </div>
            <button type="submit" class="button primary large">"Unlock"</button>
        </form>
    }
}

/// The room is absent, closed or expired, or the server cannot tell.
#[component]
fn NoRoom(error: ApiError) -> impl IntoView {
    set_status(error.status());
    let title = match error {
        ApiError::NotFound => "Room not found",
        ApiError::Closed => "This room is closed",
        ApiError::Expired => "This room has expired",
        _ => "This room cannot be shown",
    };
    view! {
        <Title text=format!("{title} – Transfer4me") />
        <h1>{title}</h1>
        <p class="lead">{error.sentence()}</p>
        <p>
            <a class="button primary" href="/">"Send files yourself"</a>
        </p>
    }
}
