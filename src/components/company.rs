//! Who takes part in a circle, in words and as a list.

use leptos::prelude::*;

use super::format;
use super::later::{later, slot, text, watch};
use crate::circle::CircleStatus;
use crate::protocol::id::PeerId;

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

/// How many listen besides this page, the one that plays not counted.
pub fn listeners(status: &CircleStatus) -> usize {
    let listens = |peer: &&PeerId| Some(**peer) != status.me && Some(**peer) != status.host;
    status.present.iter().filter(listens).count()
}

/// Those who have a place: this page as "You", whoever plays as "The sender", others by number, which nobody keeps from
/// elsewhere.
#[component]
pub fn Company(
    /// Who is in it.
    status: Signal<CircleStatus>,
    /// Sends one away, where this page may.
    #[prop(optional)]
    remove: Option<Callback<PeerId>>,
) -> impl IntoView {
    let order = RwSignal::new(Vec::<PeerId>::new());
    let present = Memo::new(move |_| status.with(|status| status.present.clone()));
    // Numbers stay with people: one who leaves does not rename the others.
    watch(move || {
        let leads = |peer: &PeerId| status.with(|s| s.host == Some(*peer) || s.me == Some(*peer));
        let known = order.get_untracked();
        let new = present.get().into_iter().filter(|peer| !known.contains(peer) && !leads(peer));
        let new: Vec<PeerId> = new.collect();
        if !new.is_empty() {
            order.update(|order| order.extend(new));
        }
    });
    view! {
        <ul class="members" role="list" aria-label="Listeners">
            <For each=move || present.get() key=|peer| *peer let:peer>
                <Member status=status order=order peer=peer remove=remove />
            </For>
        </ul>
    }
}

#[component]
fn Member(
    status: Signal<CircleStatus>,
    order: RwSignal<Vec<PeerId>>,
    peer: PeerId,
    remove: Option<Callback<PeerId>>,
) -> impl IntoView {
    let is_me = Memo::new(move |_| status.with(|status| status.me == Some(peer)));
    let is_host = Memo::new(move |_| status.with(|status| status.host == Some(peer)));
    let name = move || match (is_me.get(), is_host.get()) {
        (true, _) => "You".to_owned(),
        (false, true) => "The sender".to_owned(),
        (false, false) => {
            let place = order.with(|order| order.iter().position(|one| *one == peer));
            format!("Listener {}", place.unwrap_or_default() + 1)
        }
    };
    let id = format!("member-{}", peer.0);
    let described_by = id.clone();
    view! {
        <li class="member">
            <span id=id>{text(name)}</span>
            {slot(move || {
                let remove = remove.filter(|_| !is_me.get())?;
                let described_by = described_by.clone();
                Some(
                    later(move || {
                        view! {
                            <button
                                type="button"
                                class="button quiet"
                                aria-describedby=described_by
                                on:click=move |_| remove.run(peer)
                            >
                                "Remove"
                            </button>
                        }
                    }),
                )
            })}
        </li>
    }
}
