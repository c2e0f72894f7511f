//! A text that cannot be edited, with a button that copies it.

use leptos::html::Input;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::later::text as words;
use crate::transfer;

/// How the last press of the button ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Copying {
    NotYet,
    Done,
    Refused,
}

impl Copying {
    fn words(self) -> &'static str {
        match self {
            Self::NotYet => "",
            Self::Done => "Copied",
            Self::Refused => "Your browser did not let us copy. It is selected: copy it by hand.",
        }
    }
}

/// A labelled field that selects itself when entered, and its button.
#[component]
pub fn CopyField(
    /// The field's label.
    label: &'static str,
    /// The button's name.
    button: &'static str,
    /// The field's id, unique in the page.
    id: &'static str,
    /// What it holds.
    #[prop(into)]
    text: Signal<String>,
) -> impl IntoView {
    let field = NodeRef::<Input>::new();
    let copying = RwSignal::new(Copying::NotYet);
    let select = move || {
        if let Some(field) = field.get_untracked() {
            field.select();
        }
    };
    let copy = move |_| {
        spawn_local(async move {
            let done = transfer::copy_text(text.get_untracked()).await;
            if !done {
                select();
            }
            copying.set(if done { Copying::Done } else { Copying::Refused });
        });
    };
    view! {
        <div class="copy-field">
            <label for=id>{label}</label>
            <div class="copy-field-row">
                <input
                    id=id
                    node_ref=field
                    type="text"
                    readonly
                    spellcheck="false"
                    autocomplete="off"
                    prop:value=text
                    on:focus=move |_| select()
                />
                <button type="button" class="button" on:click=copy>{button}</button>
            </div>
            <p class="copy-field-result" aria-live="polite">{words(move || copying.get().words().to_owned())}</p>
        </div>
    }
}
