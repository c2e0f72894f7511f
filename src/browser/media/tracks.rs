//! What of a room's files can be heard, seen or looked at.

use crate::archive::safe_path::shown_name;
use crate::media::kind::{self, Kind};
use crate::media::natural;
use crate::protocol::manifest::Manifest;
use crate::transfer::{FileRow, Track};

/// The files as they are listed.
pub fn file_rows(manifest: &Manifest) -> Vec<FileRow> {
    let rows = manifest.files.iter().map(|file| FileRow {
        path: shown_name(&file.path),
        bytes: file.bytes,
        wanted: true,
        kind: kind::of_path(&file.path).map(|media| media.kind),
    });
    rows.collect()
}

/// What can be heard or seen, and what can be looked at, in the order of its names.
pub fn tracks(rows: &[FileRow]) -> (Vec<Track>, Vec<Track>) {
    let mut files: Vec<(usize, &FileRow)> = rows.iter().enumerate().collect();
    files.sort_by(|(_, one), (_, other)| natural::compare(&one.path, &other.path));
    let track = |(file, row): (usize, &FileRow)| {
        let kind = row.kind?;
        let title = row.path.rsplit('/').next().unwrap_or(&row.path).to_owned();
        Some(Track { file, title, kind, bytes: row.bytes, wanted: true })
    };
    let all = files.into_iter().filter_map(track);
    all.partition(|track| track.kind != Kind::Image)
}
