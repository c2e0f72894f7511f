//! What a finished download consists of, and saving it.

use std::rc::Rc;

use web_sys::Blob;

use super::Inner;
use super::opened_room::OpenedRoom;
use super::opening::Plan;
use crate::archive::safe_path::safe_paths;
use crate::browser::error::Error;
use crate::browser::piece_store::Shelf;
use crate::browser::save::{FinishedFile, Parcel, write_into};
use crate::browser::storage::Pieces;
use crate::protocol::piece::Layout;
use crate::store_state::StoreState;
use crate::transfer::Saved;

fn kept<'a>(shelf: &'a Shelf, gone: &'a [u32]) -> impl Iterator<Item = (usize, u64)> + 'a {
    shelf.files().filter(|(file, _)| !gone.contains(&(*file as u32)))
}

/// All that is saved, to be compared before; of several files an archive needs the checksums as well.
pub fn pieces(layout: &Layout, plan: &Plan, gone: &[u32]) -> Pieces {
    let mut pieces = Pieces::default();
    let archived = kept(&plan.shelf, gone).count() > 1;
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

/// The files that came, under names that are safe on any system.
fn finished_files(room: &OpenedRoom, shelf: &Shelf, gone: &[u32]) -> Vec<FinishedFile> {
    let kept: Vec<_> = kept(shelf, gone).collect();
    let listed = kept.iter().filter_map(|(file, _)| room.manifest.files.get(*file));
    let paths: Vec<&str> = listed.clone().map(|file| file.path.as_str()).collect();
    safe_paths(&paths)
        .into_iter()
        .zip(listed)
        .zip(&kept)
        .map(|((path, file), (_, offset))| FinishedFile {
            path,
            offset: *offset,
            bytes: file.bytes,
        })
        .collect()
}

/// The folder's name if all files are in one, else the site's.
fn archive_name(files: &[FinishedFile]) -> String {
    let top = |file: &FinishedFile| file.path.split_once('/').map(|(top, _)| top.to_owned());
    let first = files.first().and_then(top);
    match first.filter(|first| files.iter().all(|file| top(file).as_ref() == Some(first))) {
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
                Ok(saved) => view.saved = Some(saved),
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
        let files = finished_files(room, &plan.shelf, &gone);
        let parcel = match files.as_slice() {
            [file] => Parcel::single(content, file)?,
            files => Parcel::archive(content, files, sums, &archive_name(files))?,
        };
        let name = parcel.name().to_owned();
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
        let saved = match folder {
            Some(folder) => {
                for (index, file) in files.iter().enumerate() {
                    write_into(&folder, content, file).await?;
                    let percent = (index + 1) * 100 / files.len();
                    self.change(|view| view.saving = Some(percent as u8));
                }
                Saved::Folder(folder.name())
            }
            None => {
                if let Some(parcel) = &*self.parcel.borrow() {
                    parcel.save()?;
                }
                Saved::File(name)
            }
        };
        self.mark(plan, true);
        Ok(saved)
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
