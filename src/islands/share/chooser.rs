//! Before there is a link: what to send, and whether to ask for a password.

use leptos::ev::{self, SubmitEvent};
use leptos::html::{Input, P};
use leptos::prelude::*;
use leptos::tachys::html::attribute::custom::custom_attribute;
use leptos::web_sys::{DragEvent, HtmlInputElement};

use super::Chosen;
use crate::components::format;
use crate::components::later::{later, paragraph, slot, text, watch, when};
use crate::components::problem::Problem;
use crate::islands::held::Held;
use crate::islands::page;
use crate::protocol::limits;
use crate::transfer::{SelectedFile, Selection};

/// Chosen files that are listed one by one; the rest are counted.
const LISTED: usize = 100;

/// The drop zone, the list and the form.
#[component]
pub fn Chooser(
    selection: Held<Selection>,
    chosen: Chosen,
    /// The room is being made.
    busy: Memo<bool>,
    /// Why it was not.
    failed: Memo<Option<String>>,
    /// Asks for the room, with what was typed as its password if it is to have one.
    on_create: Callback<Option<String>>,
) -> impl IntoView {
    // Folders alone are nothing to send.
    let any =
        Memo::new(move |_| chosen.files.with(|files| files.len() > chosen.empty_folders.get()));
    view! {
        <p class="lead">
            "Choose files, get a link, send the link. The files go from your browser to theirs; "
            "nothing is stored on a server."
        </p>
        <noscript>
            <p class="notice problem">
                "JavaScript is switched off in this browser. It is needed to send files, because your browser "
                "itself sends them."
            </p>
        </noscript>
        <DropZone selection=selection any=any />
        <Problem text=chosen.problem />
        <ChosenFiles selection=selection chosen=chosen />
        <CreateForm any=any chosen=chosen busy=busy failed=failed on_create=on_create />
    }
}

/// The region that takes drops, with both inputs.
#[component]
pub fn DropZone(selection: Held<Selection>, any: Memo<bool>) -> impl IntoView {
    let over = RwSignal::new(false);
    let files = NodeRef::<Input>::new();
    let folder = NodeRef::<Input>::new();
    let add = move |input: HtmlInputElement| {
        selection.with(|selection| selection.add_from_input(&input));
    };
    let add_dropped = move |event: DragEvent| {
        event.prevent_default();
        over.set(false);
        selection.with(|selection| selection.add_from_drop(&event));
    };
    // A file chosen before this code ran is in the input and raised no event that anybody heard.
    watch(move || {
        for input in [files.get(), folder.get()].into_iter().flatten() {
            if !input.value().is_empty() {
                add(input);
            }
        }
    });
    take_stray_drops(add_dropped);
    // Leptos has no name for it.
    let folder_only = custom_attribute("webkitdirectory", "");
    view! {
        <section
            class="drop"
            class:over=when(move || over.get())
            aria-label="Drop files here"
            on:dragenter=move |_| over.set(true)
            on:dragover=move |event| event.prevent_default()
            on:dragleave=move |_| over.set(false)
            on:drop=add_dropped
        >
            <svg class="drop-mark" viewBox="0 0 48 48" aria-hidden="true">
                <path d="M24 31V9m-9 9 9-9 9 9M8 31v6a3 3 0 0 0 3 3h26a3 3 0 0 0 3-3v-6" />
            </svg>
            <p class="drop-title">"Drop files or folders here"</p>
            <div class="drop-actions">
                <input
                    id="choose-files"
                    class="visually-hidden"
                    type="file"
                    multiple
                    node_ref=files
                    on:change=move |event| add(event_target(&event))
                />
                <label for="choose-files" class="button" class:primary=when(move || !any.get())>
                    "Choose files"
                </label>
                <input
                    id="choose-folder"
                    class="visually-hidden"
                    type="file"
                    {..folder_only}
                    node_ref=folder
                    on:change=move |event| add(event_target(&event))
                />
                <label for="choose-folder" class="button">"Choose a folder"</label>
            </div>
        </section>
    }
}

/// A file that misses the zone is taken as well: the browser would otherwise leave the page to show it.
fn take_stray_drops(add_dropped: impl Fn(DragEvent) + Copy + 'static) {
    watch(move || {
        let over = window_event_listener(ev::dragover, |event| event.prevent_default());
        let dropped = window_event_listener(ev::drop, move |event| {
            if !event.default_prevented() {
                add_dropped(event);
            }
        });
        on_cleanup(move || {
            over.remove();
            dropped.remove();
        });
    });
}

/// What is chosen, each with a button that takes it out again.
#[component]
fn ChosenFiles(selection: Held<Selection>, chosen: Chosen) -> impl IntoView {
    let summary = NodeRef::<P>::new();
    let refocus = move || {
        if let Some(summary) = summary.get_untracked() {
            page::focus(&summary);
        }
    };
    let remove = move |index| {
        selection.with(|selection| selection.remove(index));
        refocus();
    };
    let clear = move |_| {
        selection.with(Selection::clear);
        refocus();
    };
    let words = move || {
        let folders = chosen.empty_folders.get();
        let files = chosen.files.with(|files| files.len().saturating_sub(folders));
        match (chosen.reading.get(), files) {
            (true, _) => "Reading the folder…".to_owned(),
            (false, 0) => format::empty_folders(folders).unwrap_or("Nothing chosen yet".to_owned()),
            (false, _) => {
                let size = format::size(chosen.total_bytes.get());
                let besides =
                    format::empty_folders(folders).map(|folders| format!(", and {folders}"));
                format!("{}, {size}{}", format::files(files), besides.unwrap_or_default())
            }
        }
    };
    let empty = when(move || chosen.files.with(|files| files.is_empty()));
    view! {
        <div class="chosen">
            <div class="chosen-head">
                <p class="chosen-sum" node_ref=summary tabindex="-1" aria-live="polite">
                    {text(words)}
                </p>
                <button type="button" class="button quiet" class:gone=empty on:click=clear>
                    "Remove all"
                </button>
            </div>
            <ul class="files" role="list" aria-label="Chosen files" class:gone=empty>
                {slot(move || {
                    let files = chosen.files.get();
                    (!files.is_empty())
                        .then(|| {
                            later(move || {
                                let row = |(index, file)| row(index, file, remove);
                                files.iter().take(LISTED).enumerate().map(row).collect_view()
                            })
                        })
                })}
            </ul>
            {slot(move || {
                let more = chosen.files.with(|files| files.len().saturating_sub(LISTED));
                paragraph("more", (more > 0).then(|| format!("and {} more", format::files(more))))
            })}
        </div>
    }
}

fn row<F: Fn(usize) + Send + 'static>(
    index: usize,
    file: &SelectedFile,
    remove: F,
) -> impl IntoView + use<F> {
    let (folder, name) = format::split_path(&file.path);
    let size = match name {
        "" => "empty folder".to_owned(),
        _ => format::size(file.bytes),
    };
    view! {
        <li class="file">
            <span class="file-name" title=file.path.clone()>
                <bdi>
                    <span class="file-folder">{folder.to_owned()}</span>
                    {name.to_owned()}
                </bdi>
            </span>
            <span class="file-size" title=format::exact_size(file.bytes)>{size}</span>
            <button
                type="button"
                class="button icon"
                aria-label=format!("Remove {}", file.path)
                on:click=move |_| remove(index)
            >
                <svg viewBox="0 0 16 16" aria-hidden="true">
                    <path d="m4 4 8 8m0-8-8 8" />
                </svg>
            </button>
        </li>
    }
}

/// The password and the one button that starts anything.
#[component]
fn CreateForm(
    any: Memo<bool>,
    chosen: Chosen,
    busy: Memo<bool>,
    failed: Memo<Option<String>>,
    on_create: Callback<Option<String>>,
) -> impl IntoView {
    let protect = NodeRef::<Input>::new();
    let protected = RwSignal::new(false);
    let password = RwSignal::new(String::new());
    let ready = Memo::new(move |_| any.get() && !chosen.reading.get() && !busy.get());
    // It may have been ticked before this code ran.
    watch(move || {
        if let Some(protect) = protect.get() {
            protected.set(protect.checked());
        }
    });
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if ready.get_untracked() {
            on_create.run(protected.get_untracked().then(|| password.get_untracked()));
        }
    };
    view! {
        <form class="create" on:submit=submit>
            <div class="check">
                <input
                    id="protect"
                    type="checkbox"
                    node_ref=protect
                    on:change=move |event| protected.set(event_target_checked(&event))
                />
                <label for="protect">"Protect with a password"</label>
            </div>
            {slot(move || {
                protected.get().then(|| later(move || view! { <PasswordField password=password /> }))
            })}
            <Problem text=failed />
            <button type="submit" class="button primary large" disabled=when(move || !ready.get())>
                "Create link"
            </button>
            <p class="create-busy" aria-live="polite">
                {text(move || if busy.get() { "Creating the link…" } else { "" }.to_owned())}
            </p>
        </form>
    }
}

#[component]
fn PasswordField(password: RwSignal<String>) -> impl IntoView {
    view! {
        <div class="field">
            <label for="password">"Password (leave empty to generate one)"</label>
            <input
                id="password"
                type="text"
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                maxlength=limits::MAX_PASSWORD_BYTES.to_string()
                prop:value=password
                on:input=move |event| password.set(event_target_value(&event))
            />
        </div>
    }
}
