//! Who is downloading, and how far they are.

use leptos::prelude::*;

use super::own_room::Handles;
use crate::components::format;
use crate::components::later::{text, watch, when};
use crate::components::progress_bar::BarFill;
use crate::protocol::id::PeerId;
use crate::protocol::signalling::{MemberPhase, PathKind};
use crate::swarm::status::Recipient;
use crate::transfer::ShareView;

/// The list, and a sentence while nobody is on it.
#[component]
pub fn Recipients(handles: Handles, sharing: RwSignal<ShareView>) -> impl IntoView {
    let order = RwSignal::new(Vec::<PeerId>::new());
    let peers = Memo::new(move |_| {
        sharing.with(|view| view.status.recipients.iter().map(|one| one.peer).collect::<Vec<_>>())
    });
    // Numbers stay with people: one who leaves does not rename the others.
    watch(move || {
        let new = peers.with(|peers| {
            order.with_untracked(|order| {
                peers.iter().filter(|peer| !order.contains(peer)).copied().collect::<Vec<_>>()
            })
        });
        if !new.is_empty() {
            order.update(|order| order.extend(new));
        }
    });
    view! {
        <section class="card" aria-labelledby="recipients-title">
            <h2 id="recipients-title">"Who is downloading"</h2>
            <p class="empty" class:gone=when(move || peers.with(|peers| !peers.is_empty()))>
                "Nobody yet. People appear here when they press Download."
            </p>
            <ul class="recipients" role="list" aria-label="Recipients">
                <For each=move || peers.get() key=|peer| *peer let:peer>
                    <Row handles=handles sharing=sharing order=order peer=peer />
                </For>
            </ul>
        </section>
    }
}

#[component]
fn Row(
    handles: Handles,
    sharing: RwSignal<ShareView>,
    order: RwSignal<Vec<PeerId>>,
    peer: PeerId,
) -> impl IntoView {
    let one = Memo::new(move |_| {
        sharing.with(|view| view.status.recipients.iter().find(|one| one.peer == peer).copied())
    });
    let name_id = format!("recipient-{}", peer.0);
    let name = move || {
        let place = order.with(|order| order.iter().position(|one| *one == peer));
        format!("Recipient {}", place.unwrap_or_default() + 1)
    };
    let permille = Signal::derive(move || one.get().map(|one| permille(&one)).unwrap_or_default());
    view! {
        <li class="recipient">
            <div class="recipient-words">
                <span class="recipient-name" id=name_id.clone()>{text(name)}</span>
                <span class="recipient-doing">{text(move || one.get().map(|one| doing(&one)).unwrap_or_default())}</span>
                <span class="recipient-path">{text(move || one.get().map(|one| travel(&one)).unwrap_or_default())}</span>
            </div>
            <BarFill permille=permille />
            <button
                type="button"
                class="button quiet"
                aria-describedby=name_id
                on:click=move |_| handles.share.with(|share| share.remove(peer))
            >
                "Remove"
            </button>
        </li>
    }
}

fn permille(one: &Recipient) -> u32 {
    if one.wanted_bytes == 0 {
        return if one.phase == MemberPhase::Complete { 1000 } else { 0 };
    }
    let part = u128::from(one.have_bytes.min(one.wanted_bytes)) * 1000;
    u32::try_from(part / u128::from(one.wanted_bytes)).unwrap_or(1000)
}

fn doing(one: &Recipient) -> String {
    match one.phase {
        MemberPhase::Waiting => "waiting".to_owned(),
        MemberPhase::Downloading => format!("downloading {} %", one.percent()),
        MemberPhase::Listening => format!("listening, {} % here", one.percent()),
        MemberPhase::Paused => format!("paused at {} %", one.percent()),
        MemberPhase::Complete if one.helps => "complete, helping others".to_owned(),
        MemberPhase::Complete => "complete".to_owned(),
        MemberPhase::Away => "away".to_owned(),
    }
}

/// Speed and way: "12 MB/s, direct".
fn travel(one: &Recipient) -> String {
    let path = match one.path {
        PathKind::Unknown => None,
        PathKind::Direct => Some("direct"),
        PathKind::Relayed => Some("relayed"),
    };
    let speed = match one.phase {
        phase if phase.is_fetching() => format::speed(one.bytes_per_second),
        _ => None,
    };
    match (speed, path) {
        (Some(speed), Some(path)) => format!("{speed}, {path}"),
        (Some(speed), None) => speed,
        (None, path) => path.unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipient(phase: MemberPhase, have_bytes: u64, wanted_bytes: u64) -> Recipient {
        Recipient {
            peer: PeerId(2),
            phase,
            have_bytes,
            wanted_bytes,
            bytes_per_second: 2_500_000,
            path: PathKind::Relayed,
            helps: false,
        }
    }

    #[test]
    fn a_recipient_is_told_in_words() {
        let one = recipient(MemberPhase::Downloading, 43, 100);
        assert_eq!(doing(&one), "downloading 43 %");
        assert_eq!(travel(&one), "2.5 MB/s, relayed");
        assert_eq!(permille(&one), 430);
    }

    #[test]
    fn whoever_is_done_has_no_speed() {
        assert_eq!(travel(&recipient(MemberPhase::Complete, 100, 100)), "relayed");
    }

    #[test]
    fn whoever_stays_to_help_is_named_for_it() {
        let done = recipient(MemberPhase::Complete, 100, 100);
        assert_eq!(doing(&done), "complete");
        assert_eq!(doing(&Recipient { helps: true, ..done }), "complete, helping others");
    }

    #[test]
    fn an_empty_share_is_done_only_when_it_is() {
        assert_eq!(permille(&recipient(MemberPhase::Waiting, 0, 0)), 0);
        assert_eq!(permille(&recipient(MemberPhase::Complete, 0, 0)), 1000);
    }
}
