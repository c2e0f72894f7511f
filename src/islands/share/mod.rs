//! The home page: choose files, create a link, then be the sender's room, without leaving the page; and that room
//! again, after a reload.

mod chooser;
mod coming_back;
mod recipients;
mod room;
mod stop;

use std::cell::Cell;
use std::sync::Arc;

use leptos::html::H1;
use leptos::prelude::*;

pub use self::coming_back::Return;

use self::chooser::Chooser;
use self::room::SenderRoom;
use super::held::Held;
use super::page;
use super::unsupported::Unsupported;
use crate::components::later::{later, slot, text, watch};
use crate::protocol::rooms::PasswordRequest;
use crate::transfer::{self, SelectedFile, Selection, SelectionView, ShareView, Support};

/// What is chosen, in signals that the server can hold as well.
#[derive(Clone, Copy)]
struct Chosen {
    files: RwSignal<Arc<Vec<SelectedFile>>>,
    total_bytes: RwSignal<u64>,
    reading: RwSignal<bool>,
    problem: RwSignal<Option<String>>,
}

impl Chosen {
    fn new() -> Self {
        Self {
            files: RwSignal::new(Arc::default()),
            total_bytes: RwSignal::new(0),
            reading: RwSignal::new(false),
            problem: RwSignal::new(None),
        }
    }

    fn take(self, view: SelectionView) {
        if self.files.with_untracked(|files| **files != *view.files) {
            self.files.set(Arc::new(view.files.to_vec()));
        }
        page::set_if_new(self.total_bytes, view.total_bytes);
        page::set_if_new(self.reading, view.reading);
        page::set_if_new(self.problem, view.problem);
    }
}

/// The two objects of the seam. The selection outlives the choice: the share reads its files.
#[derive(Clone, Copy)]
struct Handles {
    selection: Held<Selection>,
    share: Held<transfer::Share>,
}

impl Handles {
    fn empty() -> Self {
        Self { selection: Held::empty(), share: Held::empty() }
    }
}

/// Chooses files and shares them.
#[island]
pub fn Share() -> impl IntoView {
    let handles = Handles::empty();
    let chosen = Chosen::new();
    let sharing = RwSignal::new(ShareView::default());
    let started = RwSignal::new(false);
    let support = RwSignal::new(Support::Full);
    let in_room = Memo::new(move |_| sharing.with(|view| view.link.is_some()));
    let problem = Memo::new(move |_| sharing.with(|view| view.problem.clone()));
    let busy = Memo::new(move |_| started.get() && !in_room.get() && problem.get().is_none());

    watch(move || {
        support.set(transfer::support());
        handles.selection.put(Selection::new(move |view| chosen.take(view)));
    });
    let create = Callback::new(move |password: PasswordRequest| {
        sharing.set(ShareView::default());
        started.set(true);
        handles.selection.with(|selection| {
            let share = transfer::Share::start(selection, password, move |view| {
                page::set_if_new(sharing, view);
            });
            handles.share.put(share);
        });
    });

    let heading = NodeRef::<H1>::new();
    keep_page_in_step(sharing, in_room, heading);
    warn_before_leaving(sharing);
    view! {
        <h1 node_ref=heading tabindex="-1">{text(move || title(in_room.get(), sharing).to_owned())}</h1>
        {move || {
            let choosing = support.get() == Support::Full && !in_room.get();
            choosing
                .then(|| {
                    view! { <Chooser handles=handles chosen=chosen busy=busy failed=problem on_create=create /> }
                })
        }}
        {slot(move || match support.get() {
            Support::Full if in_room.get() => {
                Some(later(move || view! { <SenderRoom handles=handles sharing=sharing chosen=chosen /> }))
            }
            Support::Full => None,
            support => Some(later(move || view! { <Unsupported support=support /> })),
        })}
    }
}

fn title(in_room: bool, sharing: RwSignal<ShareView>) -> &'static str {
    if !in_room {
        "Send files straight to another browser"
    } else if sharing.with(|view| view.ended.is_some()) {
        "Sharing has ended"
    } else if sharing.with(|view| view.asked.is_some()) {
        "This is your room"
    } else {
        "Your link is ready"
    }
}

/// Recipients that a closed tab would leave with half a file.
fn downloading(view: &ShareView) -> usize {
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
