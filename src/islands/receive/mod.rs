//! The room page: what is offered, and then the download.

// `#[island]` makes a struct of its own for the properties and documents nothing on it.
#![allow(missing_docs)]

mod actions;
mod files;
mod helping;
mod live;
mod progress;
mod saved;
mod together;
mod viewer;

use std::cell::Cell;
use std::sync::Arc;

use leptos::html::Section;
use leptos::prelude::*;

use self::actions::Actions;
use self::files::Files;
use self::helping::Helping;
use self::live::Live;
use self::progress::Progress;
use self::together::Together;
use self::viewer::Viewer;
use super::held::Held;
use super::page;
use super::player::{Player, PlayerHandle};
use super::unsupported::Unsupported;
use crate::circle::CircleStatus;
use crate::components::later::{later, paragraph, slot, watch};
use crate::components::problem::Problem;
use crate::swarm::status::{DownloadStatus, Phase, percent};
use crate::transfer::{self, FileRow, LiveView, PlayerView, ReceiveView, Saved, Support};

/// What the page is told, in signals that the server can hold as well, each woken only by its own news.
#[derive(Clone, Copy)]
struct Download {
    receive: Held<transfer::Receive>,
    files: RwSignal<Option<Arc<Vec<FileRow>>>>,
    empty_folders: RwSignal<usize>,
    status: RwSignal<DownloadStatus>,
    saved: RwSignal<Option<Saved>>,
    saving: RwSignal<Option<u8>>,
    checking: RwSignal<Option<u8>>,
    helps: RwSignal<bool>,
    listening: RwSignal<bool>,
    player: RwSignal<PlayerView>,
    live: RwSignal<LiveView>,
    together: RwSignal<Option<CircleStatus>>,
    together_problem: RwSignal<Option<String>>,
    in_memory: RwSignal<bool>,
    can_choose_folder: RwSignal<bool>,
    problem: RwSignal<Option<String>>,
    notice: RwSignal<Option<String>>,
}

/// The phases that have the same controls.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing asked for yet.
    Ready,
    /// On its way, or held up.
    Running,
    /// Here.
    Done,
    /// Over, with a problem.
    Failed,
}

impl Stage {
    fn of(phase: Phase) -> Self {
        match phase {
            Phase::Locked | Phase::Idle => Self::Ready,
            Phase::Connecting
            | Phase::Waiting
            | Phase::Downloading
            | Phase::Paused
            | Phase::Reconnecting => Self::Running,
            Phase::Complete | Phase::Seeding => Self::Done,
            Phase::Failed => Self::Failed,
        }
    }
}

impl Download {
    fn new() -> Self {
        Self {
            receive: Held::empty(),
            files: RwSignal::new(None),
            empty_folders: RwSignal::new(0),
            status: RwSignal::new(DownloadStatus::default()),
            saved: RwSignal::new(None),
            saving: RwSignal::new(None),
            checking: RwSignal::new(None),
            helps: RwSignal::new(false),
            listening: RwSignal::new(false),
            player: RwSignal::new(PlayerView::default()),
            live: RwSignal::new(LiveView::default()),
            together: RwSignal::new(None),
            together_problem: RwSignal::new(None),
            in_memory: RwSignal::new(false),
            can_choose_folder: RwSignal::new(false),
            problem: RwSignal::new(None),
            notice: RwSignal::new(None),
        }
    }

    fn player_handle(self) -> PlayerHandle {
        let receive = self.receive;
        PlayerHandle {
            view: self.player.into(),
            act: Callback::new(move |what| receive.with(|receive| receive.command(what))),
            play: Callback::new(move |file| receive.with(|receive| receive.play(Some(file)))),
            show_in: Callback::new(move |place| {
                receive.with(|receive| receive.show_player_in(&place));
            }),
        }
    }

    fn take(self, view: ReceiveView) {
        let same = self.files.with_untracked(|old| match (old, &view.files) {
            (Some(old), Some(new)) => **old == **new,
            (old, new) => old.is_none() && new.is_none(),
        });
        if !same {
            self.files.set(view.files.map(|files| Arc::new(files.to_vec())));
        }
        page::set_if_new(self.empty_folders, view.empty_folders);
        page::set_if_new(self.saved, view.saved);
        page::set_if_new(self.saving, view.saving);
        page::set_if_new(self.checking, view.checking);
        page::set_if_new(self.helps, view.helps);
        page::set_if_new(self.listening, view.listening);
        page::set_if_new(self.in_memory, view.in_memory);
        page::set_if_new(self.can_choose_folder, view.can_choose_folder);
        page::set_if_new(self.problem, view.problem);
        page::set_if_new(self.notice, view.notice);
        page::set_if_new(self.live, view.live);
        page::set_if_new(self.together, view.together);
        page::set_if_new(self.together_problem, view.together_problem);
        page::set_if_new(self.status, view.status);
    }
}

/// Receives what the room of this page offers.
#[island]
pub fn Receive(
    /// How many files the server knows of, so that their place is kept while their names are opened.
    file_count: u32,
) -> impl IntoView {
    let download = Download::new();
    let support = RwSignal::new(Support::Full);
    let phase = Memo::new(move |_| download.status.with(|status| status.phase));
    let stage = Memo::new(move |_| Stage::of(phase.get()));
    let section = NodeRef::<Section>::new();
    watch(move || {
        support.set(transfer::support());
        if support.get_untracked() == Support::Full {
            let receive = transfer::Receive::open(
                move |view| download.take(view),
                move |view| page::set_if_new(download.player, view),
            );
            download.receive.put(receive);
        }
    });
    keep_page_in_step(download, phase, stage, section);
    view! {
        {move || {
            (support.get() == Support::Full)
                .then(|| {
                    view! {
                        <section class="receive" aria-label="Download" tabindex="-1" node_ref=section>
                            <Files download=download stage=stage file_count=file_count />
                            <Problem text=download.problem />
                            <Notices download=download />
                            <Progress download=download phase=phase stage=stage />
                            <Actions download=download phase=phase stage=stage />
                            <Player player=download.player_handle() />
                            <Together download=download />
                            <Live download=download />
                            <Viewer download=download />
                            <Helping download=download stage=stage />
                        </section>
                    }
                })
        }}
        {slot(move || match support.get() {
            Support::Full => None,
            support => Some(later(move || view! { <Unsupported support=support /> })),
        })}
    }
}

/// Things to know that stop nothing.
#[component]
fn Notices(download: Download) -> impl IntoView {
    let in_memory = move || {
        download.in_memory.get().then(|| {
            "This browser lets pages keep no files now, perhaps because the window is private. The \
             download is held in memory, and a large one may not fit."
                .to_owned()
        })
    };
    view! {
        <div class="notices" aria-live="polite">
            {slot(move || paragraph("notice", in_memory()))}
            {slot(move || paragraph("notice", download.notice.get()))}
        </div>
    }
}

/// Root element, tab title and focus follow the phase.
fn keep_page_in_step(
    download: Download,
    phase: Memo<Phase>,
    stage: Memo<Stage>,
    section: NodeRef<Section>,
) {
    watch(move || page::set_phase(phase.get()));
    let per_cent = Memo::new(move |_| {
        download.status.with(|status| percent(status.have_bytes, status.wanted_bytes))
    });
    let first_title = StoredValue::new(String::new());
    watch(move || {
        if first_title.with_value(String::is_empty) {
            first_title.set_value(document().title());
        }
        match phase.get() {
            Phase::Downloading => page::set_title(&format!("{} %", per_cent.get())),
            Phase::Locked | Phase::Idle => document().set_title(&first_title.get_value()),
            other => page::set_title(progress::title(other)),
        }
    });
    let before = Cell::new((Stage::Ready, false, false));
    watch(move || {
        let live = download.live.with(|live| live.circle.is_some());
        let now = (stage.get(), live, download.together.with(Option::is_some));
        if before.replace(now) != now {
            // After the controls of the last stage are gone.
            request_animation_frame(move || {
                if let Some(section) = section.get_untracked() {
                    page::focus_if_lost(&section);
                }
            });
        }
    });
}
