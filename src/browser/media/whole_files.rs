//! Content that is here as a whole, and where a track's own is to be had.

use web_sys::Blob;

use super::super::save::ObjectUrl;
use super::player::Inner;
use crate::media::kind;
use crate::transfer::Track;

/// A finished download.
pub struct WholeFiles {
    pub content: Blob,
    /// Each file that came, and its first byte.
    pub places: Vec<(usize, u64)>,
}

impl WholeFiles {
    fn part(&self, track: &Track, mime: &str) -> Option<Blob> {
        let (_, start) = self.places.iter().find(|(file, _)| *file == track.file)?;
        let (start, end) = (*start as f64, (*start + track.bytes) as f64);
        self.content.slice_with_f64_and_f64_and_content_type(start, end, mime).ok()
    }
}

impl Inner {
    /// Where the content of a file is to be had, if it is yet.
    pub(super) fn address(&self, track: &Track, controls: bool) -> Option<String> {
        match controls {
            true => Some(format!("/media/{}/{}", self.room, track.file)),
            false => self.address_of_whole(track),
        }
    }

    fn address_of_whole(&self, track: &Track) -> Option<String> {
        let mime = kind::of_path(&track.title)?.mime;
        let part = self.whole.borrow().as_ref()?.part(track, mime)?;
        let url = ObjectUrl::new(&part).ok()?;
        let address = url.address().to_owned();
        self.address.replace(Some((url, part)));
        Some(address)
    }
}
