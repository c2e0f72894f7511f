//! What the player does with a track that does not play, and where it goes from one track to another.

use std::rc::Rc;

use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, MediaError};

use super::super::timer::Timer;
use super::element::MediaElement;
use super::player::Inner;
use super::{places, service_worker};
use crate::media::album::{Entry, Fault, Toward, sentence};
use crate::media::breaking::{Break, Content, Judgement, judge};
use crate::transfer::Track;

/// Time before it asks again. A page that is left hears of an error too, before it goes; Firefox has the next page in its
/// tab wait for what it asked for in its last moment.
const RETRY_MILLIS: f64 = 300.0;

impl Inner {
    /// The element gave up.
    pub(super) fn failed(self: &Rc<Self>, element: &MediaElement) {
        let Some(track) = self.current() else { return };
        let how = match element.element.error().map(|error| error.code()) {
            Some(MediaError::MEDIA_ERR_NETWORK) => Break::Network,
            Some(MediaError::MEDIA_ERR_DECODE) => Break::Decoding,
            _ => Break::Unknown,
        };
        let retries = self.retries.get();
        let place = self.view.borrow().position;
        self.seek_to.set((place > 0.0).then_some(place));
        let content = self.content(&track);
        match judge(how, self.sounded.get(), retries, content) {
            Judgement::AskAgain => {
                self.retries.set(retries + 1);
                self.retried_at.set(place);
                let this = Rc::downgrade(self);
                let retry = Timer::new(move || {
                    if let Some(inner) = this.upgrade() {
                        inner.ask_again();
                    }
                });
                retry.set(RETRY_MILLIS);
                self.retry.replace(Some(retry));
            }
            Judgement::AskWhetherItIsThere => self.ask_whether_it_is_there(track, content),
            Judgement::Fails(fault) => self.fails(fault),
        }
    }

    fn content(&self, track: &Track) -> Content {
        match &self.answers {
            Some(answers) if self.worker.get() == Some(true) => {
                match (self.album.borrow().is_gone(track.file), answers.is_here()) {
                    (true, _) => Content::Gone,
                    (false, true) => Content::Here,
                    (false, false) => Content::Elsewhere,
                }
            }
            _ => Content::Local,
        }
    }

    fn ask_again(&self) {
        let Some(element) = self.element.borrow().clone() else { return };
        if element.element.has_attribute("src") {
            element.element.set_src(&element.element.src());
            if self.wants.get() {
                element.play();
            }
        }
    }

    /// The rest of the current track will not come. Where nothing of it was heard yet nothing will be, and not every
    /// browser gives up an answer that ends before it began.
    pub(super) fn passes_over_what_never_began(self: Rc<Self>) {
        let current = self.view.borrow().current;
        // Not in the middle of what told of it.
        spawn_local(async move {
            if !self.sounded.get() && current.is_some() && self.view.borrow().current == current {
                self.fails(Fault::Gone);
            }
        });
    }

    /// It looks damaged; a file that was deleted, or one that no page has any more, looks the same.
    fn ask_whether_it_is_there(self: &Rc<Self>, track: Track, content: Content) {
        let blob = self.address.borrow().as_ref().map(|(_, blob)| Clone::clone(blob));
        let address = self.address(&track, true).filter(|_| content == Content::Elsewhere);
        let this = Rc::downgrade(self);
        spawn_local(async move {
            let fault = match (address, blob) {
                (Some(address), _) if !service_worker::has(&address).await => Fault::Unreachable,
                (None, Some(blob)) if !can_be_read(&blob).await => Fault::Gone,
                _ => Fault::Damaged,
            };
            let Some(inner) = this.upgrade() else { return };
            let element = inner.element.borrow().clone();
            let broken = element.is_some_and(|element| element.element.error().is_some());
            // Somebody may have gone elsewhere meanwhile.
            if broken && inner.view.borrow().current == Some(track.file) {
                inner.fails(fault);
            }
        });
    }

    /// The track that is in the player does not play: on to the next, or the person is told why it stops.
    pub(super) fn fails(self: &Rc<Self>, fault: Fault) {
        let Some(track) = self.current() else { return };
        // Whoever follows goes where the one who leads goes, and what is held stays where it is.
        let next = if self.wants.get() && !self.follows.get() {
            self.album.borrow_mut().failed(&self.entries(), track.file, fault)
        } else {
            None
        };
        if let Some(next) = next {
            self.go_on(next);
            return;
        }
        if fault.is_passed_over() && !self.follows.get() {
            // It would break there again.
            places::forget(&self.room);
        }
        let passed = self.passed_over().filter(|_| fault.is_passed_over());
        self.give_up(passed.unwrap_or_else(|| sentence(fault, &[track.title])));
    }

    fn give_up(&self, problem: String) {
        self.wants.set(false);
        if let Some(element) = &*self.element.borrow() {
            // Else it would go on as one that plays, and waits.
            let _ = element.element.pause();
            let _ = element.element.remove_attribute("src");
        }
        self.change(|view| {
            view.playing = false;
            view.waiting = false;
            view.passed_over = None;
            view.problem = Some(problem);
        });
        self.tell_session();
    }

    /// The track came to its end.
    pub(super) fn track_ended(self: &Rc<Self>) {
        let Some(track) = self.current() else { return };
        // Whoever comes back does not begin with what they heard to its end.
        places::forget(&self.room);
        if self.follows.get() {
            return;
        }
        let next = self.album.borrow_mut().ended(&self.entries(), track.file);
        self.turn_to(next);
    }

    /// To the next track that can be played, or the one before.
    pub(super) fn turn(self: &Rc<Self>, toward: Toward) {
        let Some(current) = self.view.borrow().current else { return };
        let next = self.album.borrow_mut().turn(&self.entries(), current, toward);
        self.turn_to(next);
    }

    /// Begins an album that has come to its end anew, if that is so.
    pub(super) fn begins_anew(self: &Rc<Self>, element: &MediaElement) -> bool {
        let over = element.element.ended() || self.view.borrow().problem.is_some();
        if !over || self.follows.get() {
            return false;
        }
        let first = self.album.borrow().begin_anew(&self.entries());
        if let Some(first) = first {
            self.album.borrow_mut().choose(first);
            self.go_on(first);
        }
        first.is_some()
    }

    fn turn_to(self: &Rc<Self>, track: Option<usize>) {
        match track {
            Some(track) => self.go_on(track),
            None => {
                self.tell_passed_over();
                self.refresh();
            }
        }
    }

    fn go_on(self: &Rc<Self>, file: usize) {
        self.tell_passed_over();
        self.open(file, 0.0);
        places::remember(&self.room, file, 0.0);
    }

    /// Somebody, here or where it is led from, chose a track.
    pub(super) fn choose(self: &Rc<Self>, file: usize, from: f64) {
        self.album.borrow_mut().choose(file);
        self.tell_passed_over();
        self.open(file, from);
    }

    fn tell_passed_over(&self) {
        let words = self.passed_over();
        self.change(|view| view.passed_over = words);
    }

    fn passed_over(&self) -> Option<String> {
        self.album.borrow().words(|file| self.track(file).map_or_else(String::new, |t| t.title))
    }

    fn entries(&self) -> Vec<Entry> {
        let entry = |track: &Track| Entry {
            file: track.file,
            empty: track.bytes == 0,
            offered: track.wanted,
        };
        self.tracks.borrow().iter().map(entry).collect()
    }
}

/// Whether a blob's file is still what it was; a blob only remembers where it lies.
async fn can_be_read(blob: &Blob) -> bool {
    let Ok(head) = blob.slice_with_f64_and_f64(0.0, 1.0) else { return false };
    JsFuture::from(head.array_buffer()).await.is_ok()
}
