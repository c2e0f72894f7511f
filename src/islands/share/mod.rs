//! The home page: choose files, create a link, then be the sender's room, without leaving the page; and that room
//! again, after a reload.
//!
//! Both pages have only its place at first. The room itself is a bundle of its own, which `crate::sender` is the way into.

mod chooser;
mod coming_back;
mod live;
mod own_room;
mod recipients;
mod room;
mod stop;

use std::sync::Arc;

use leptos::html::Div;
use leptos::prelude::*;

pub use self::coming_back::Return;
pub use self::own_room::{OnChange, OwnRoom};

use self::chooser::Chooser;
use super::held::Held;
use super::page;
use super::unsupported::Unsupported;
use crate::components::later::{later, slot, watch};
use crate::transfer::{self, SelectedFile, Selection, SelectionView, SenderBundle, Support};

/// What is chosen, in signals that the server can hold as well.
#[derive(Clone, Copy)]
struct Chosen {
    files: RwSignal<Arc<Vec<SelectedFile>>>,
    empty_folders: RwSignal<usize>,
    total_bytes: RwSignal<u64>,
    reading: RwSignal<bool>,
    problem: RwSignal<Option<String>>,
}

impl Chosen {
    fn new() -> Self {
        Self {
            files: RwSignal::new(Arc::default()),
            empty_folders: RwSignal::new(0),
            total_bytes: RwSignal::new(0),
            reading: RwSignal::new(false),
            problem: RwSignal::new(None),
        }
    }

    fn take(self, view: SelectionView) {
        if self.files.with_untracked(|files| **files != *view.files) {
            self.files.set(Arc::new(view.files.to_vec()));
        }
        page::set_if_new(self.empty_folders, view.empty_folders);
        page::set_if_new(self.total_bytes, view.total_bytes);
        page::set_if_new(self.reading, view.reading);
        page::set_if_new(self.problem, view.problem);
    }
}

/// How far the home page is.
#[derive(Clone, PartialEq)]
enum Stage {
    /// What to send is chosen. There may have been an attempt, and why it failed.
    Choosing(Option<String>),
    /// The room is being made.
    Creating,
    /// It is shown in its place.
    Shared,
}

/// Chooses files and shares them.
#[island]
pub fn Share() -> impl IntoView {
    let (selection, sender) = (Held::<Selection>::empty(), Held::<SenderBundle>::empty());
    let chosen = Chosen::new();
    let support = RwSignal::new(Support::Full);
    let stage = RwSignal::new(Stage::Choosing(None));
    let shared = Memo::new(move |_| stage.get() == Stage::Shared);
    let busy = Memo::new(move |_| stage.get() == Stage::Creating);
    let problem = Memo::new(move |_| match stage.get() {
        Stage::Choosing(problem) => problem,
        _ => None,
    });

    watch(move || {
        support.set(transfer::support());
        sender.put(SenderBundle::default());
        selection.put(Selection::new(move |view| {
            // Whoever has chosen something will probably share it, and is not to wait then.
            if !view.files.is_empty() {
                sender.with(SenderBundle::fetch);
            }
            chosen.take(view);
        }));
    });
    let place = NodeRef::<Div>::new();
    let create = Callback::new(move |password: Option<String>| {
        let Some(place) = place.get_untracked() else { return };
        let done = move |outcome: Result<(), String>| {
            stage.set(match outcome {
                Ok(()) => Stage::Shared,
                Err(problem) => Stage::Choosing(Some(problem)),
            });
        };
        stage.set(Stage::Creating);
        selection.with(|selection| {
            sender.with(|sender| sender.create_room(&place, selection, password, done));
        });
    });

    view! {
        {move || (!shared.get()).then(|| view! { <h1>"Send files straight to another browser"</h1> })}
        {move || {
            let choosing = support.get() == Support::Full && !shared.get();
            choosing
                .then(|| {
                    view! {
                        <Chooser selection=selection chosen=chosen busy=busy failed=problem on_create=create />
                    }
                })
        }}
        {slot(move || match support.get() {
            Support::Full => None,
            support => Some(later(move || view! { <Unsupported support=support /> })),
        })}
        <div class="own-room" node_ref=place></div>
    }
}
