//! What the room offers, each to be left out.

use leptos::either::Either;
use leptos::prelude::*;

use super::{Download, Stage};
use crate::components::format;
use crate::components::later::{later, slot, text, when};
use crate::transfer::FileRow;

/// Files that are listed at first; a button shows the rest.
const LISTED: usize = 200;
/// Rows that the list's box shows without scrolling, and so the most that are worth keeping free for it.
const VISIBLE: usize = 8;

/// The list, or its place while the names are opened.
#[component]
pub fn Files(download: Download, stage: Memo<Stage>, file_count: u32) -> impl IntoView {
    let all = RwSignal::new(false);
    // Rows are made once: a checkbox knows its own state, and must not lose the focus when it changes.
    let count =
        Memo::new(move |_| download.files.with(|files| files.as_ref().map(|files| files.len())));
    let waiting = move || {
        let rows = (file_count as usize).min(VISIBLE);
        count.get().is_none().then(|| view! { <Skeleton rows=rows /> })
    };
    let list = move || {
        let count = count.get()?;
        let listed = if all.get() { count } else { count.min(LISTED) };
        Some(later(move || view! { <List download=download stage=stage listed=listed /> }))
    };
    let more = move || {
        let count = count.get().filter(|count| *count > LISTED && !all.get())?;
        Some(later(move || {
            view! {
                <button type="button" class="button quiet" on:click=move |_| all.set(true)>
                    {format!("Show all {}", format::files(count))}
                </button>
            }
        }))
    };
    view! {
        <div class="files-box">
            {waiting} {slot(list)} {slot(more)}
        </div>
        <p class="files-sum">{text(move || wanted(download).unwrap_or_default())}</p>
    }
}

#[component]
fn List(download: Download, stage: Memo<Stage>, listed: usize) -> impl IntoView {
    let rows = download.files.with_untracked(|files| {
        let files = files.as_ref().map(|files| files.as_slice()).unwrap_or_default();
        let row = |(index, file)| row(download, stage, index, file, files.len() > 1);
        files.iter().take(listed).enumerate().map(row).collect_view()
    });
    view! {
        <ul class="files" role="list" aria-label="Files">
            {rows}
        </ul>
    }
}

/// "2 of 3 files, 800 MB" if something is left out, and what comes besides.
fn wanted(download: Download) -> Option<String> {
    let wanted = download.files.with(|files| {
        let files = files.as_ref()?;
        let wanted = files.iter().filter(|file| file.wanted);
        let (count, bytes) =
            wanted.fold((0, 0), |(count, bytes), file| (count + 1, bytes + file.bytes));
        (count < files.len())
            .then(|| format!("{count} of {}, {}", format::files(files.len()), format::size(bytes)))
    });
    let folders = format::empty_folders(download.empty_folders.get());
    match (wanted, folders) {
        (Some(wanted), Some(folders)) => Some(format!("{wanted}, and {folders}")),
        (None, Some(folders)) => Some(format!("And {folders}")),
        (wanted, None) => wanted,
    }
}

/// As high as the list that comes.
#[component]
fn Skeleton(rows: usize) -> impl IntoView {
    view! {
        <div class="files skeleton" aria-hidden="true">
            {(0..rows.max(1)).map(|_| view! { <div class="file"><span></span></div> }).collect_view()}
        </div>
    }
}

fn row(
    download: Download,
    stage: Memo<Stage>,
    index: usize,
    file: &FileRow,
    choose: bool,
) -> impl IntoView + use<> {
    let id = format!("file-{index}");
    let (folder, name) = format::split_path(&file.path);
    let name = view! {
        <bdi>
            <span class="file-folder">{folder.to_owned()}</span>
            {name.to_owned()}
        </bdi>
    };
    let started = when(move || matches!(stage.get(), Stage::Running | Stage::Done));
    // An earlier visit may have left it out, which is known only once its store is open.
    let chosen = when(move || {
        download.files.with(|files| {
            files.as_ref().and_then(|files| files.get(index)).is_some_and(|file| file.wanted)
        })
    });
    let gone = Memo::new(move |_| {
        download.status.with(|status| status.gone_files.iter().any(|gone| *gone as usize == index))
    });
    let (checkbox, name) = if choose {
        let checkbox = view! {
            <input
                id=id.clone()
                type="checkbox"
                prop:checked=chosen
                disabled=started
                on:change=move |event| {
                    let wanted = event_target_checked(&event);
                    download.receive.with(|receive| receive.set_wanted(index, wanted));
                }
            />
        };
        let name = view! { <label class="file-name" for=id title=file.path.clone()>{name}</label> };
        (Some(checkbox), Either::Left(name))
    } else {
        let name = view! { <span class="file-name" title=file.path.clone()>{name}</span> };
        (None, Either::Right(name))
    };
    view! {
        <li class="file" class:missing=when(move || gone.get())>
            {checkbox}
            {name}
            {slot(move || gone.get().then(|| later(|| view! { <span class="file-gone">"no longer available"</span> })))}
            <span class="file-size" title=format::exact_size(file.bytes)>{format::size(file.bytes)}</span>
        </li>
    }
}
