//! What a finished download consists of.

use super::opened_room::OpenedRoom;
use crate::archive::safe_path::safe_paths;
use crate::browser::piece_store::Shelf;
use crate::browser::save::FinishedFile;
use crate::protocol::piece::Layout;

/// The parts of the store whose checksums an archive needs.
pub fn spans(
    layout: &Layout,
    files: &[(usize, u64)],
    gone: &[u32],
    several: bool,
) -> Vec<(u64, u64)> {
    if !several {
        return Vec::new();
    }
    files
        .iter()
        .filter(|(file, _)| !gone.contains(&(*file as u32)))
        .filter_map(|(file, offset)| Some((*offset, layout.files().get(*file)?.bytes)))
        .collect()
}

/// The files that came, under names that are safe on any system.
pub fn finished_files(room: &OpenedRoom, shelf: &Shelf, gone: &[u32]) -> Vec<FinishedFile> {
    let kept: Vec<_> = shelf.files().filter(|(file, _)| !gone.contains(&(*file as u32))).collect();
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
pub fn archive_name(files: &[FinishedFile]) -> String {
    let top = |file: &FinishedFile| file.path.split_once('/').map(|(top, _)| top.to_owned());
    let first = files.first().and_then(top);
    match first.filter(|first| files.iter().all(|file| top(file).as_ref() == Some(first))) {
        Some(folder) => format!("{folder}.zip"),
        None => "transfer4me.zip".to_owned(),
    }
}
