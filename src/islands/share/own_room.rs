//! The sender's room on a page whose own code lacks it: the home page once the link is made, and the room's page in the
//! browser that made the room.

use std::cell::Cell;

use leptos::html::H1;
use leptos::prelude::*;

use super::Chosen;
use super::room::SenderRoom;
use crate::components::later::{later, slot, text, watch};
use crate::islands::held::Held;
use crate::islands::page;
use crate::transfer::{Selection, Share, ShareView};

/// The two objects of the seam. What is selected here are the files of a room that was come back to.
#[derive(Clone, Copy)]
pub struct Handles {
    pub selection: Held<Selection>,
    pub share: Held<Share>,
}

/// What a share tells how it goes.
pub type OnChange = Box<dyn Fn(ShareView)>;

/// Nothing until there is a room, then all of it, with the page's heading and title.
#[component]
pub fn OwnRoom(
    /// Begins the share.
    begin: impl FnOnce(OnChange) -> Share + 'static,
) -> impl IntoView {
    let handles = Handles { selection: Held::empty(), share: Held::empty() };
    let chosen = Chosen::new();
    let sharing = RwSignal::new(ShareView::default());
    let in_room = Memo::new(move |_| sharing.with(|view| view.link.is_some()));
    let begin = Cell::new(Some(begin));
    watch(move || {
        let Some(begin) = begin.take() else { return };
        handles.selection.put(Selection::new(move |view| {
            let ready = !view.reading && !view.files.is_empty();
            chosen.take(view);
            if ready {
                handles.selection.with(|chosen| handles.share.with(|share| share.offer(chosen)));
            }
        }));
        handles.share.put(begin(Box::new(move |view| page::set_if_new(sharing, view))));
    });
    let heading = NodeRef::<H1>::new();
    watch(move || {
        if in_room.get() {
            page::set_owner();
        }
    });
    keep_page_in_step(sharing, in_room, heading);
    warn_before_leaving(sharing);
    slot(move || {
        in_room.get().then(|| {
            later(move || {
                view! {
                    <h1 node_ref=heading tabindex="-1">{text(move || title(sharing).to_owned())}</h1>
                    <SenderRoom handles=handles sharing=sharing chosen=chosen />
                }
            })
        })
    })
}

fn title(sharing: RwSignal<ShareView>) -> &'static str {
    if sharing.with(|view| view.ended.is_some()) {
        "Sharing has ended"
    } else if sharing.with(|view| view.asked.is_some()) {
        "This is your room"
    } else {
        "Your link is ready"
    }
}

/// Recipients that a closed tab would leave with half a file.
pub fn downloading(view: &ShareView) -> usize {
    view.status.recipients.iter().filter(|one| one.phase.is_fetching()).count()
}

/// Tells the tab's title how it goes, and takes readers to the new heading when the screen changes.
fn keep_page_in_step(sharing: RwSignal<ShareView>, in_room: Memo<bool>, heading: NodeRef<H1>) {
    let over = Memo::new(move |_| sharing.with(|view| view.ended.is_some()));
    let asked = Memo::new(move |_| sharing.with(|view| view.asked.is_some()));
    let active = Memo::new(move |_| sharing.with(downloading));
    let before = Cell::new((false, false));
    watch(move || {
        let now = (in_room.get(), over.get());
        if let Some(heading) = heading.get()
            && before.replace(now) != now
        {
            page::focus(&heading);
        }
    });
    watch(move || {
        if !in_room.get() {
            return;
        }
        match (over.get(), active.get()) {
            (true, _) => page::set_title("Sharing has ended"),
            (false, _) if asked.get() => page::set_title("Not sharing yet"),
            (false, 0) => page::set_title("Sharing"),
            (false, active) => page::set_title(&format!("{active} downloading")),
        }
    });
}

/// Asks before the tab closes under somebody's download.
fn warn_before_leaving(sharing: RwSignal<ShareView>) {
    watch(move || {
        let listener = window_event_listener(leptos::ev::beforeunload, move |event| {
            let needed = sharing.with_untracked(|view| {
                view.ended.is_none() && !view.status.may_close && downloading(view) > 0
            });
            if needed {
                event.prevent_default();
                // Older browsers ask only if there is a text; none shows it.
                event.set_return_value("Somebody is still downloading.");
            }
        });
        on_cleanup(move || listener.remove());
    });
}
