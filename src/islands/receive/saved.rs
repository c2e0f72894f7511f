//! Where a finished download went, and under which names.

use leptos::prelude::*;

use super::Download;
use crate::components::later::{later, slot, text};
use crate::transfer::{FolderSave, Receive, Saved};

/// Other names that are listed one by one; the rest are counted.
const LISTED: usize = 100;

/// Where it is, and saving it once more.
#[component]
pub fn Done(download: Download) -> impl IntoView {
    let save = move |event: leptos::ev::MouseEvent| {
        // Following it would replace the link key in the address bar.
        event.prevent_default();
        download.receive.with(Receive::save_again);
    };
    let renamed = move || {
        let names = download.saved.with(|saved| match saved {
            Some(Saved::Folder(save)) => renamed(save),
            _ => Vec::new(),
        });
        (!names.is_empty()).then(|| {
            later(move || {
                let row = |line: &String| view! { <li class="file"><bdi>{line.clone()}</bdi></li> };
                view! {
                    <ul class="files" role="list" aria-label="Saved under other names">
                        {names.iter().map(row).collect_view()}
                    </ul>
                }
            })
        })
    };
    view! {
        <p class="saved" aria-live="polite">
            {text(move || download.saved.with(|saved| saved.as_ref().map(where_to).unwrap_or_default()))}
        </p>
        {slot(renamed)}
        <p class="saved-again">
            <a href="#" on:click=save>
                {text(move || match download.saved.get() {
                    Some(Saved::Kept) => "Save to your disk".to_owned(),
                    _ => "Save again".to_owned(),
                })}
            </a>
        </p>
    }
}

fn where_to(saved: &Saved) -> String {
    const LOOK: &str = "Look among your browser's downloads.";
    match saved {
        Saved::File { name, own_name: None } => format!("Saved as “{name}”. {LOOK}"),
        Saved::File { name, own_name: Some(own) } => {
            format!("Saved as “{name}”, because browsers save no file as “{own}”. {LOOK}")
        }
        Saved::Folder(save) if save.is_whole() => {
            let FolderSave { folder, renamed, .. } = &**save;
            let names = match renamed.len() {
                0 => String::new(),
                1 => " One name was taken or not allowed there:".to_owned(),
                many => format!(" {many} names were taken or not allowed there:"),
            };
            format!("Saved in the folder “{folder}”.{names}")
        }
        Saved::Folder(save) => {
            let FolderSave { folder, saved, of, .. } = &**save;
            format!("Saved {saved} of {of} files in the folder “{folder}”.")
        }
        Saved::Earlier => "Saved on an earlier visit.".to_owned(),
        Saved::Kept => "Everything is here, kept in this browser for this page.".to_owned(),
    }
}

/// A line for each name that became another.
fn renamed(save: &FolderSave) -> Vec<String> {
    let line = |(own, there): &(String, String)| format!("{own} is there as {there}");
    let mut lines: Vec<String> = save.renamed.iter().take(LISTED).map(line).collect();
    let more = save.renamed.len() - lines.len();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn save(saved: usize, renamed: usize) -> FolderSave {
        let name = |n| (format!("{n}.txt"), format!("{n} (2).txt"));
        let renamed = (0..renamed).map(name).collect();
        FolderSave { folder: "mine".to_owned(), saved, of: 5, renamed, ..Default::default() }
    }

    #[test]
    fn a_name_that_browsers_do_not_keep_is_told() {
        let file = |own: Option<&str>| Saved::File {
            name: "env".to_owned(),
            own_name: own.map(str::to_owned),
        };
        assert_eq!(where_to(&file(None)), "Saved as “env”. Look among your browser's downloads.");
        let told = where_to(&file(Some(".env")));
        assert!(
            told.starts_with("Saved as “env”, because browsers save no file as “.env”."),
            "{told}"
        );
    }

    #[test]
    fn a_folder_tells_how_much_came_and_under_which_names() {
        assert_eq!(where_to(&Saved::Folder(Arc::new(save(5, 0)))), "Saved in the folder “mine”.");
        assert_eq!(
            where_to(&Saved::Folder(Arc::new(save(3, 1)))),
            "Saved 3 of 5 files in the folder “mine”."
        );
        assert_eq!(renamed(&save(5, 1)), ["0.txt is there as 0 (2).txt"]);
        let many = renamed(&save(5, 250));
        assert_eq!((many.len(), many.last().map(String::as_str)), (101, Some("and 150 more")));
    }
}
