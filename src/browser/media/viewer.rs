//! Pictures, one at a time over the page.

use super::player::{Inner, Player};
use crate::transfer::PictureView;

impl Player {
    /// Number of the file that looking begins with.
    pub fn first_picture(&self) -> Option<usize> {
        self.inner.pictures.first().map(|picture| picture.file)
    }

    /// Shows a picture.
    pub fn show_picture(&self, file: usize) {
        let picture = self.inner.pictures.iter().find(|picture| picture.file == file);
        let Some(picture) = picture else { return };
        let title = picture.title.clone();
        let address = None;
        self.inner.change(|view| view.picture = Some(PictureView { file, title, address }));
        self.inner.load_picture();
    }

    /// The next one, or the one before.
    pub fn turn(&self, by: isize) {
        let shown = self.inner.view.borrow().picture.as_ref().map(|picture| picture.file);
        let Some(shown) = shown else { return };
        let at = self.inner.pictures.iter().position(|picture| picture.file == shown);
        let next = at.and_then(|at| self.inner.pictures.get(at.checked_add_signed(by)?));
        if let Some(next) = next {
            self.show_picture(next.file);
        }
    }

    /// Away with it.
    pub fn close_picture(&self) {
        self.inner.change(|view| view.picture = None);
    }
}

impl Inner {
    /// Gives the picture its address, as soon as somebody answers there.
    pub(super) fn load_picture(&self) {
        let shown = self.view.borrow().picture.clone();
        let Some(shown) = shown.filter(|shown| shown.address.is_none()) else { return };
        let picture = self.pictures.iter().find(|picture| picture.file == shown.file);
        let (Some(picture), Some(controls)) = (picture, self.worker.get()) else { return };
        let address = self.address(picture, controls);
        self.change(|view| view.picture = Some(PictureView { address, ..shown }));
    }
}
