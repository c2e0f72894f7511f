//! The sender's room after a reload: on the page that everyone else sees as recipients.

use leptos::html::Div;
use leptos::prelude::*;

use super::Chosen;
use super::chooser::DropZone;
use super::own_room::Handles;
use super::room::others;
use crate::components::later::{later, slot, text, watch};
use crate::components::problem::Problem;
use crate::transfer::{self, Asked, Named, ShareView, Support};

/// Puts the sender's room in the place of the recipient's, if this browser made the room.
#[island]
pub fn Return() -> impl IntoView {
    let place = NodeRef::<Div>::new();
    let problem = RwSignal::new(None);
    watch(move || {
        if let Some(place) = place.get()
            && transfer::support() == Support::Full
        {
            transfer::return_to_room(&place, move |sentence| problem.set(Some(sentence)));
        }
    });
    view! {
        <Problem text=problem />
        <div class="own-room" node_ref=place></div>
    }
}

/// Asks for the files again, until they are there.
#[component]
pub fn ChooseAgain(
    handles: Handles,
    sharing: RwSignal<ShareView>,
    chosen: Chosen,
) -> impl IntoView {
    let asked = Memo::new(move |_| sharing.with(|view| view.asked.clone()));
    let kept =
        Memo::new(move |_| asked.with(|asked| asked.as_ref().is_some_and(|asked| asked.kept)));
    let words = move || asked.with(|asked| asked.as_ref().map(still_asked)).unwrap_or_default();
    let reopen = move |_| handles.share.with(transfer::Share::reopen);
    view! {
        <p class="notice">
            "This is your room. Choose the same files again to go on sharing: a page that was reloaded may no longer "
            "read them. Whoever downloads from others goes on meanwhile."
        </p>
        {slot(move || {
            kept.get()
                .then(|| {
                    later(move || {
                        view! {
                            <button type="button" class="button primary" on:click=reopen>
                                "Use the same files"
                            </button>
                        }
                    })
                })
        })}
        <DropZone selection=handles.selection any=kept />
        <Problem text=chosen.problem />
        <p class="hint" aria-live="polite">{text(words)}</p>
    }
}

/// What is missing, and what was chosen in vain.
fn still_asked(asked: &Asked) -> String {
    let sentence = |named: &Option<Named>, begin: &str, end: &str| {
        let named = named.as_ref()?;
        Some(format!("{begin}{}{end} ", others(&named.first, named.others)))
    };
    let Asked { missing, different, foreign, .. } = asked;
    let sentences = [
        sentence(
            different,
            "Not as it was when you shared it: ",
            ". Choose it as it was, or create a new link.",
        ),
        sentence(foreign, "Not a file of this room: ", "."),
        sentence(missing, "Still to choose: ", "."),
    ];
    sentences.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_and_what_differs_is_named() {
        let named = |first: &str, others| Some(Named { first: first.to_owned(), others });
        let asked =
            Asked { missing: named("a.txt", 2), different: named("b.txt", 0), ..Asked::default() };
        assert_eq!(
            still_asked(&asked),
            "Not as it was when you shared it: “b.txt”. Choose it as it was, or create a new link. \
             Still to choose: “a.txt” and 2 other files. "
        );
    }
}
