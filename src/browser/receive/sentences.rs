//! What a recipient's page says when something went wrong.

use crate::browser::error::Error;
use crate::swarm::Failure;
use crate::transfer::{FolderSave, ReceiveView, SaveEnd};

/// What went wrong, in one or two sentences.
pub struct Problem(pub String);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(format!("This browser refused something that a download needs ({error})."))
    }
}

/// The room's store is open in another tab.
pub const ELSEWHERE: &str = "Another tab of this browser already has this room's download. Go on there, or \
                             close it and try again here.";

/// The worker that stores did not start.
pub const NOT_STARTED: &str = "The part of this page that stores files did not start. Check the connection and try again; if \
                               that does not help, reload the page.";

/// Nothing more can be stored.
pub const STORAGE_FULL: &str = "This browser cannot store any more: the disk, or the part of it that the site may use, \
                                is full or cannot be written to. Free some space and try again; what is here already is \
                                kept.";

/// What an earlier visit left is there and cannot be opened.
pub const UNREADABLE: &str = "What an earlier visit of this page stored cannot be read now. Reload the page to try again, or \
                              begin anew.";

/// Said while something is fetched a second time that was called saved.
pub const LOST_AFTERWARDS: &str = "Something that this browser had stored cannot be read back any more and is fetched anew. If \
                                   the browser was still saving, save it again when it is here.";

/// Names the files that can no longer be had.
pub fn gone_notice(view: &ReceiveView) -> Option<String> {
    let files = view.files.as_ref()?;
    let names: Vec<&str> = view
        .status
        .gone_files
        .iter()
        .filter_map(|file| files.get(*file as usize))
        .map(|row| row.path.as_str())
        .collect();
    let (first, more) = (names.first()?, names.len() - 1);
    let others = if more > 0 { format!(" and {more} more") } else { String::new() };
    Some(format!(
        "{first}{others} changed or vanished on the sender's disk and cannot be downloaded."
    ))
}

/// Why not all of a download is in the folder that was chosen, and what to do.
pub fn folder_problem(save: &FolderSave) -> Option<String> {
    const AGAIN: &str =
        "Save again puts everything into one archive among your browser's downloads.";
    let FolderSave { folder, saved, of, left_out, end, .. } = save;
    let stopped = match end {
        Some(SaveEnd::Full) => "The disk is full",
        Some(SaveEnd::Denied) => "This browser no longer lets the page write there",
        None => {
            let (first, more) = (left_out.first()?, left_out.len() - 1);
            let others = if more > 0 { format!(" and {more} more") } else { String::new() };
            return Some(format!(
                "“{first}”{others} could not be written into the folder “{folder}”: this browser or the disk refused. {AGAIN}"
            ));
        }
    };
    Some(format!(
        "{stopped}: {saved} of {of} files are in the folder “{folder}”, and nothing half written is. {AGAIN}"
    ))
}

/// Why a download failed, and what to do.
pub fn failure_sentence(failure: Failure) -> String {
    match failure {
        Failure::Stopped => "The sender stopped sharing. Ask for a new link if you still need the files.",
        Failure::Expired => "The room has reached its end. Ask for a new link.",
        Failure::Removed => "The sender removed you from this room.",
        Failure::Replaced => "This room was opened in another tab of this browser; go on there.",
        Failure::Refused => "The room does not let this page in. Reload the page; if it asks for a password, type it again.",
        Failure::Full => "The room is full. Try again later.",
        Failure::Version => "The site was updated. Reload this page.",
        Failure::Unreachable => "No connection to the sender came about. A firewall on one side may block direct connections; try another network.",
        Failure::IceRefused => "No connection to the sender came about. This browser does not take the STUN addresses that this site is set up with; tell whoever runs it.",
        Failure::ConnectionRefused => "No connection to the sender came about, because this browser did not open one. Close other tabs that share or download, or restart the browser, and try again.",
        Failure::Corrupt => "What arrived is not what the sender signed, again and again. Nothing wrong was saved; ask the sender for a new link.",
        Failure::AllGone => "The files changed or vanished on the sender's disk, so they cannot be downloaded. Ask the sender to share them again.",
        Failure::Storage => STORAGE_FULL,
        Failure::Damaged => "This browser does not give back what it stored: the disk may be full or damaged. Nothing wrong was saved. Free some space and try again.",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn save(left_out: &[&str], end: Option<SaveEnd>) -> FolderSave {
        let left_out = left_out.iter().map(|path| (*path).to_owned()).collect();
        FolderSave {
            folder: "mine".to_owned(),
            saved: 3,
            of: 5,
            left_out,
            end,
            ..Default::default()
        }
    }

    #[test]
    fn what_is_not_in_the_folder_is_named() {
        assert_eq!(folder_problem(&save(&[], None)), None);
        let one = folder_problem(&save(&["a/b"], None)).unwrap();
        assert!(one.starts_with("“a/b” could not be written into the folder “mine”"), "{one}");
        let three = folder_problem(&save(&["a", "b", "c"], None)).unwrap();
        assert!(three.starts_with("“a” and 2 more could not"), "{three}");
    }

    #[test]
    fn an_early_end_tells_its_cause_and_what_is_there() {
        let full = folder_problem(&save(&["a"], Some(SaveEnd::Full))).unwrap();
        assert!(
            full.starts_with("The disk is full: 3 of 5 files are in the folder “mine”"),
            "{full}"
        );
        let denied = folder_problem(&save(&[], Some(SaveEnd::Denied))).unwrap();
        assert!(denied.contains("no longer lets the page write there: 3 of 5"), "{denied}");
    }
}
