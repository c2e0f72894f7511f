//! Who takes part in a circle, in words and as a list.

use leptos::prelude::*;

use super::format;
use super::later::{later, slot, text};
use crate::circle::CircleStatus;
use crate::protocol::id::PeerId;

/// Members that are listed one by one.
const LISTED: usize = 12;

/// "2 others".
pub fn others(count: usize) -> String {
    match count {
        0 => "nobody else yet".to_owned(),
        count => format::count(count as u64, "other", "others"),
    }
}

/// How many take part besides this page.
pub fn companions(status: &CircleStatus) -> usize {
    status.present.iter().filter(|peer| Some(**peer) != status.me).count()
}

/// Those who have a place: this page as "You", whoever leads as such, others by number, which nobody keeps from
/// elsewhere.
#[component]
pub fn Company(
    /// The list's name.
    label: &'static str,
    /// Who is in it.
    status: Signal<CircleStatus>,
    /// What one that does not lead is called.
    member: &'static str,
    /// What one that leads is called.
    host: &'static str,
    /// Sends one away, where this page may.
    #[prop(optional)]
    remove: Option<Callback<PeerId>>,
) -> impl IntoView {
    let present =
        Memo::new(move |_| status.with(|status| (status.present.clone(), status.me, status.hosts)));
    let rows = move || {
        let (present, me, hosts) = present.get();
        let listed = present.into_iter().enumerate().take(LISTED).map(move |(place, peer)| {
            let name = match place {
                _ if Some(peer) == me => "You".to_owned(),
                0 => host.to_owned(),
                place => format!("{member} {place}"),
            };
            let away = remove.filter(|_| hosts && Some(peer) != me);
            let id = format!("member-{}", peer.0);
            view! {
                <li class="member">
                    <span id=id.clone()>{name}</span>
                    {away
                        .map(|remove| {
                            view! {
                                <button
                                    type="button"
                                    class="button quiet"
                                    aria-describedby=id
                                    on:click=move |_| remove.run(peer)
                                >
                                    "Remove"
                                </button>
                            }
                        })}
                </li>
            }
        });
        listed.collect_view()
    };
    view! {
        <ul class="members" role="list" aria-label=label>
            {slot(move || Some(later(rows)))}
        </ul>
        <p class="hint">
            {text(move || {
                let more = present.with(|(present, ..)| present.len().saturating_sub(LISTED));
                if more > 0 { format!("and {more} more") } else { String::new() }
            })}
        </p>
    }
}
