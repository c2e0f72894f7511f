//! A room whose owner came back after a reload, until its files are there again.

use wasm_bindgen::JsValue;
use web_sys::File;

use super::missing_files::{Known, MissingFiles};
use super::owner_record::{OwnerRecord, reopened};
use super::selection::{Selection, bytes_of};
use crate::protocol::manifest::ManifestFile;
use crate::transfer::Asked;

/// A room that waits for its files.
pub struct ReturnedRoom {
    /// What was kept of it.
    pub record: OwnerRecord,
    missing: MissingFiles<File>,
}

/// Files as they are now.
pub type Chosen = Vec<(Known, File)>;

impl ReturnedRoom {
    /// Nothing is chosen yet.
    pub fn new(record: OwnerRecord) -> Self {
        let files = record.manifest.files.iter().zip(&record.modified);
        let known = files.map(|(file, modified)| Known {
            // Its own record is more exact, and older manifests have no time.
            file: ManifestFile { modified: None, ..file.clone() },
            modified: *modified,
        });
        Self { missing: MissingFiles::new(known), record }
    }

    /// Takes those that are the room's, and tells what is still to choose.
    pub fn offer(&mut self, chosen: Chosen) -> Asked {
        let kept = self.record.handles.length() > 0;
        Asked { kept, ..self.missing.offer(chosen.into_iter()) }
    }

    /// All files in order, once none is missing.
    pub fn complete(&mut self) -> Option<Vec<File>> {
        self.missing.complete()
    }

    /// What the browser has kept a way to.
    pub fn kept(&self) -> Vec<(JsValue, String)> {
        let paths = self.record.manifest.files.iter().map(|file| file.path.clone());
        let handles = self.record.handles.iter().zip(paths);
        handles.filter(|(handle, _)| !handle.is_undefined()).collect()
    }
}

/// The files of a selection, which is empty then.
pub fn taken_from(selection: &Selection) -> Chosen {
    selection.take().into_iter().map(|chosen| as_it_is(chosen.path, chosen.file)).collect()
}

/// The files behind kept handles. One refusal is an answer for all that follow.
pub async fn reopen(kept: Vec<(JsValue, String)>) -> Chosen {
    let mut chosen = Vec::new();
    for (handle, path) in kept {
        let Some(file) = reopened(&handle).await else { break };
        chosen.push(as_it_is(path, file));
    }
    chosen
}

fn as_it_is(path: String, file: File) -> (Known, File) {
    let known = ManifestFile::undated(path, bytes_of(&file));
    (Known { file: known, modified: file.last_modified() }, file)
}
