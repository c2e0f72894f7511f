//! What a finished download consists of, and saving it.

use std::rc::Rc;
use std::sync::Arc;

use web_sys::Blob;

use super::Inner;
use super::opened_room::OpenedRoom;
use super::opening::Plan;
use super::sentences::folder_problem;
use crate::archive::safe_path::safe_paths;
use crate::browser::error::Error;
use crate::browser::folder::FolderWriter;
use crate::browser::piece_store::Shelf;
use crate::browser::save::{FinishedFile, Parcel, fold};
use crate::browser::storage::Pieces;
use crate::protocol::piece::Layout;
use crate::store_state::StoreState;
use crate::transfer::{FolderSave, Saved};

fn kept<'a>(shelf: &'a Shelf, gone: &'a [u32]) -> impl Iterator<Item = (usize, u64)> + 'a {
    shelf.files().filter(|(file, _)| !gone.contains(&(*file as u32)))
}

/// Whether what is kept is one file to be saved as it is. The room's empty folders come with the room, and so with its
/// only file, but not with one that was picked out of several.
fn is_one_file(kept: usize, files: usize, empty_folders: usize) -> bool {
    kept == 1 && (files > 1 || empty_folders == 0)
}

/// All that is saved, to be compared before; an archive needs the checksums as well.
pub fn pieces(layout: &Layout, plan: &Plan, gone: &[u32], empty_folders: usize) -> Pieces {
    let mut pieces = Pieces::default();
    let count = kept(&plan.shelf, gone).count();
    let archived = !is_one_file(count, layout.files().len(), empty_folders);
    for (file, _) in kept(&plan.shelf, gone) {
        let Some(span) = layout.files().get(file) else { continue };
        if archived {
            pieces.sum(span.pieces);
        }
        for piece in span.indices() {
            if let Some(place) = plan.shelf.place(layout, piece) {
                // Without a record nothing matches, and the piece is fetched anew.
                pieces.push(place, &plan.records.hash_of(piece).unwrap_or_default());
            }
        }
    }
    pieces
}

/// What came, under names that are safe on any system: files, and empty folders unless it is one file as it is.
fn finished_files(
    room: &OpenedRoom,
    shelf: &Shelf,
    gone: &[u32],
) -> (Vec<FinishedFile>, Vec<String>) {
    let kept: Vec<_> = kept(shelf, gone).collect();
    let manifest = &room.manifest;
    let listed = kept.iter().filter_map(|(file, _)| manifest.files.get(*file));
    let paths: Vec<&str> = listed.clone().map(|file| file.path.as_str()).collect();
    let folders: Vec<&str> =
        match is_one_file(kept.len(), manifest.files.len(), manifest.folders.len()) {
            true => Vec::new(),
            false => manifest.folders.iter().map(String::as_str).collect(),
        };
    let safe = safe_paths(&paths, &folders, &fold);
    let files = safe
        .files
        .into_iter()
        .zip(listed)
        .zip(&kept)
        .map(|((path, file), (_, offset))| FinishedFile {
            path,
            offset: *offset,
            bytes: file.bytes,
            modified: file.modified,
        })
        .collect();
    (files, safe.folders)
}

/// The folder's name if all is in one, else the site's.
fn archive_name(files: &[FinishedFile], folders: &[String]) -> String {
    let files = files.iter().map(|file| file.path.split_once('/').map(|(top, _)| top));
    let folders = folders.iter().map(|path| path.split('/').next());
    let mut tops = files.chain(folders);
    let first = tops.next().flatten();
    match first.filter(|first| tops.all(|top| top == Some(first))) {
        Some(folder) => format!("{folder}.zip"),
        None => "transfer4me.zip".to_owned(),
    }
}

impl Inner {
    /// All is stored and was compared: saves it by itself, unless an earlier visit did.
    pub(super) async fn finished(
        self: Rc<Self>,
        room: Rc<OpenedRoom>,
        content: Blob,
        sums: Vec<u32>,
    ) {
        let Some(plan) = self.plan.borrow().clone() else { return };
        if !self.complete.get() {
            // Something of it was lost in the meantime, and this comes again.
            return;
        }
        self.verified.set(true);
        self.change(|view| view.checking = None);
        let generation = self.generation.get();
        let saved = self.save(&room, &plan, &content, &sums).await;
        if self.generation.get() != generation {
            return;
        }
        self.change(|view| {
            view.saving = None;
            match saved {
                Ok(saved) => {
                    if let Saved::Folder(save) = &saved {
                        view.problem = folder_problem(save);
                    }
                    view.saved = Some(saved);
                }
                Err(_) => {
                    let problem = "The download is complete but could not be saved.";
                    view.problem = Some(problem.to_owned());
                }
            }
        });
    }

    async fn save(
        &self,
        room: &OpenedRoom,
        plan: &Plan,
        content: &Blob,
        sums: &[u32],
    ) -> Result<Saved, Error> {
        let gone = plan.gone(&self.view.borrow().status.gone_files);
        let (files, folders) = finished_files(room, &plan.shelf, &gone);
        let parcel = match files.as_slice() {
            [file] if folders.is_empty() => Parcel::single(content, file)?,
            files => {
                let name = archive_name(files, &folders);
                Parcel::archive(content, files, sums, &folders, &name)?
            }
        };
        let file_saved = parcel.saved();
        self.parcel.replace(Some(parcel));
        if let Some(media) = &*self.media.borrow() {
            media.whole(content, &plan.shelf, &gone);
        }
        if plan.state.saved {
            return Ok(Saved::Earlier);
        }
        // Something was lost after this visit had saved it.
        let saved = self.view.borrow().saved.clone();
        if let Some(saved) = saved.filter(|saved| *saved != Saved::Kept) {
            return Ok(saved);
        }
        if self.listens.get() {
            return Ok(Saved::Kept);
        }
        let folder = self.folder.borrow_mut().take();
        let generation = self.generation.get();
        let saved = match folder {
            Some(folder) => {
                let writer = FolderWriter::new(folder, &files, &folders);
                Saved::Folder(Arc::new(self.write_all(writer, content, &files, &folders).await))
            }
            None => {
                if let Some(parcel) = &*self.parcel.borrow() {
                    parcel.save()?;
                }
                file_saved
            }
        };
        // What is not there whole is saved again when the page comes back.
        let whole = !matches!(&saved, Saved::Folder(save) if !save.is_whole());
        if self.generation.get() == generation {
            self.mark(plan, whole);
        }
        Ok(saved)
    }

    /// Writes until it is done, nothing more can be written, or the person has gone on to something else.
    async fn write_all(
        &self,
        mut writer: FolderWriter,
        content: &Blob,
        files: &[FinishedFile],
        folders: &[String],
    ) -> FolderSave {
        let generation = self.generation.get();
        for (index, file) in files.iter().enumerate() {
            if self.generation.get() != generation || !writer.write(content, file).await {
                return writer.finish().await;
            }
            let percent = (index + 1) * 100 / files.len();
            self.change(|view| view.saving = Some(percent as u8));
        }
        for folder in folders {
            if !writer.make_folder(folder).await {
                break;
            }
        }
        writer.finish().await
    }

    /// Writes down whether it was saved, and what is gone.
    pub(super) fn mark(&self, plan: &Plan, saved: bool) {
        let state = &plan.state;
        let gone = plan.gone(&self.view.borrow().status.gone_files);
        let gone = (0..state.gone.len()).map(|file| gone.contains(&(file as u32))).collect();
        if let Some(storage) = &*self.storage.borrow() {
            let played = self.listens.get();
            storage.mark(StoreState { saved, played, gone, ..state.clone() }.marks());
        }
    }
}
