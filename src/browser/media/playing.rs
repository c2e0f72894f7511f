//! What the player does while it plays: the element's news, the person's wishes, and what to do when it breaks.

use std::rc::Rc;

use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use web_sys::MediaError;

use super::super::timer::Timer;
use super::element::MediaElement;
use super::player::Inner;
use super::{places, tags};
use crate::media::kind;
use crate::transfer::{PlayerCommand, Track};

/// Times that a player asks again after the connection to the service worker broke, before the person has to.
const MOST_RETRIES: u32 = 8;
/// Times that it asks again when it looks as if the file itself were at fault: browsers say the same of a file whose answer
/// broke off before its head was there.
const MOST_DOUBTS: u32 = 2;
/// Time before it asks again. A page that is left hears of an error too, before it goes; Firefox has the next page in its
/// tab wait for what it asked for in its last moment.
const RETRY_MILLIS: f64 = 300.0;
/// Seconds that are played before the place is remembered anew.
const REMEMBER_SECONDS: f64 = 5.0;
/// A track is begun anew by "previous" after this many seconds; before, it is the track before it.
const RESTART_SECONDS: f64 = 4.0;

/// Seconds that have to be fetched ahead of the player before its tags are read: they may stand at the end of the file, and
/// a slow line would fetch that before what is heard next.
const SECONDS_BEFORE_TAGS: f64 = 5.0;

/// Events after which the element is not where one would think.
const MOVES: [&str; 6] = ["play", "pause", "playing", "waiting", "seeked", "ratechange"];

/// Whether this is for the one who leads to decide.
fn decides_what_is_played(command: PlayerCommand) -> bool {
    match command {
        PlayerCommand::Toggle
        | PlayerCommand::Play
        | PlayerCommand::Pause
        | PlayerCommand::Next
        | PlayerCommand::Previous
        | PlayerCommand::SeekTo(_)
        | PlayerCommand::SeekBy(_)
        | PlayerCommand::Speed(_) => true,
        PlayerCommand::Volume(_)
        | PlayerCommand::Mute
        | PlayerCommand::Close
        | PlayerCommand::Turn(_)
        | PlayerCommand::ClosePicture => false,
    }
}

impl Inner {
    pub(super) fn heard(self: &Rc<Self>, event: &'static str) {
        let Some(element) = self.element.borrow().clone() else { return };
        match event {
            "loadedmetadata" => {
                // Whoever stopped at the very end begins anew; what broke there goes on there.
                if let Some(seconds) = self.seek_to.take()
                    && (seconds < element.duration() - 1.0 || self.retries.get() > 0)
                {
                    element.element.set_current_time(seconds);
                }
                let bytes = self.current().map_or(0, |track| track.bytes);
                let duration = element.duration();
                if duration > 0.0
                    && let Some(answers) = &self.answers
                {
                    answers.set_rate((bytes as f64 / duration) as u64);
                }
            }
            "ended" => {
                self.remembered.set(0.0);
                if let Some(track) = self.current() {
                    places::remember(&self.room, track.file, 0.0);
                }
                if !self.follows.get() {
                    self.step(1);
                }
                return;
            }
            "error" => {
                self.failed(&element);
                return;
            }
            "playing" => {
                self.sounded.set(true);
                self.change(|view| view.problem = None);
            }
            "pause" => self.remember(),
            "timeupdate" => {
                let now = element.element.current_time();
                let goes_on = self.seek_to.get().is_none() && element.has_what_follows();
                // An element that begins anew tells of second 0 before it is where it broke.
                if goes_on && (now - self.retried_at.get()).abs() >= REMEMBER_SECONDS {
                    self.retries.set(0);
                }
                if (now - self.remembered.get()).abs() >= REMEMBER_SECONDS {
                    self.remember();
                }
            }
            _ => {}
        }
        if element.is_ahead_by(SECONDS_BEFORE_TAGS) {
            self.read_tags();
        }
        self.refresh();
        if MOVES.contains(&event)
            && let Some(tell) = &*self.on_moved.borrow()
        {
            tell();
        }
    }

    pub(super) fn refresh(&self) {
        let (Some(track), Some(element)) = (self.current(), self.element.borrow().clone()) else {
            return;
        };
        let media = &element.element;
        // Until it is where it is to go on, what it says is not where the person is.
        let position = self.seek_to.get().unwrap_or_else(|| media.current_time());
        self.change(|view| {
            view.playing = !media.paused();
            view.waiting = view.playing && !element.has_what_follows();
            view.position = position;
            view.duration = element.duration();
            view.buffered = element.buffered();
            view.here = match &self.answers {
                Some(answers) => answers.here(track.file),
                None => vec![(0, 1000)],
            };
            view.volume = (media.volume() * 100.0).round() as u8;
            view.muted = media.muted();
            view.speed = self.speed.get();
        });
    }

    pub(super) fn remember(&self) {
        let (Some(track), Some(element)) = (self.current(), self.element.borrow().clone()) else {
            return;
        };
        let seconds = element.element.current_time();
        if seconds > 0.0 && self.seek_to.get().is_none() && !element.element.ended() {
            self.remembered.set(seconds);
            places::remember(&self.room, track.file, seconds);
        }
    }

    /// The element gave up: it asks again if the way to the pieces broke, and else the person is told why.
    fn failed(self: &Rc<Self>, element: &MediaElement) {
        let Some(track) = self.current() else { return };
        let code = element.element.error().map_or(0, |error| error.code());
        let retries = self.retries.get();
        let place = self.view.borrow().position;
        self.seek_to.set((place > 0.0).then_some(place));
        // What was heard before is no unknown kind of file.
        let broken = code == MediaError::MEDIA_ERR_NETWORK
            || (code == MediaError::MEDIA_ERR_SRC_NOT_SUPPORTED && self.sounded.get());
        if retries < if broken { MOST_RETRIES } else { MOST_DOUBTS } {
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
            return;
        }
        let title = &track.title;
        let is_here = self.answers.as_ref().is_none_or(|answers| answers.is_here());
        self.give_up(if broken || !is_here && self.worker.get() == Some(true) {
            format!("The rest of {title} cannot be had now. Press Play to try again.")
        } else {
            format!(
                "This browser cannot play {title}: it is damaged, is not what its name says, or is of a kind that the \
                 browser does not know. You can still download it."
            )
        });
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

    pub(super) fn give_up(&self, problem: String) {
        self.wants.set(false);
        if let Some(element) = &*self.element.borrow() {
            // Else it would go on as one that plays, and waits.
            let _ = element.element.pause();
            let _ = element.element.remove_attribute("src");
        }
        self.change(|view| {
            view.playing = false;
            view.waiting = false;
            view.problem = Some(problem);
        });
    }

    /// To the next track that can be played, or the one before.
    pub(super) fn step(self: &Rc<Self>, by: isize) {
        let tracks = self.tracks.borrow().clone();
        let Some(current) = self.view.borrow().current else { return };
        let Some(at) = tracks.iter().position(|track| track.file == current) else { return };
        let playable = |track: &&Track| track.refusal.is_none() && track.wanted;
        let next = match by {
            1 => tracks.iter().skip(at + 1).find(playable),
            _ => tracks.iter().take(at).rev().find(playable),
        };
        match next {
            Some(track) => self.open(track.file, 0.0),
            None => self.refresh(),
        }
    }

    /// What the person asks for, by the page, the keyboard or the lock screen.
    pub(super) fn act(self: &Rc<Self>, command: PlayerCommand) {
        let Some(element) = self.element.borrow().clone() else { return };
        // A browser that kept it back plays when the person presses something.
        let begins = element.element.paused()
            && matches!(command, PlayerCommand::Play | PlayerCommand::Toggle);
        if self.follows.get() && decides_what_is_played(command) && !begins {
            return;
        }
        let media = &element.element;
        match command {
            PlayerCommand::Toggle if media.paused() => self.act(PlayerCommand::Play),
            PlayerCommand::Toggle | PlayerCommand::Pause => {
                self.wants.set(false);
                let _ = media.pause();
            }
            PlayerCommand::Play => {
                self.wants.set(true);
                self.retries.set(0);
                self.load();
                if media.has_attribute("src") {
                    element.play();
                }
            }
            PlayerCommand::Next => self.step(1),
            PlayerCommand::Previous if media.current_time() > RESTART_SECONDS => {
                media.set_current_time(0.0);
            }
            PlayerCommand::Previous => self.step(-1),
            PlayerCommand::SeekTo(seconds) => self.go_to(&element, seconds),
            PlayerCommand::SeekBy(seconds) => {
                let place = self.seek_to.get().unwrap_or_else(|| media.current_time());
                self.act(PlayerCommand::SeekTo(place + seconds));
            }
            PlayerCommand::Volume(percent) => {
                media.set_muted(false);
                media.set_volume(f64::from(percent.min(100)) / 100.0);
            }
            PlayerCommand::Mute => media.set_muted(!media.muted()),
            PlayerCommand::Speed(percent) => {
                self.speed.set(percent);
                media.set_default_playback_rate(f64::from(percent) / 100.0);
                media.set_playback_rate(f64::from(percent) / 100.0);
            }
            PlayerCommand::Turn(_) | PlayerCommand::ClosePicture => {}
            PlayerCommand::Close => {
                self.remember();
                self.wants.set(false);
                self.element.replace(None);
                if let Some(tell) = &*self.on_element.borrow() {
                    tell(None);
                }
                self.session.replace(None);
                self.change(|view| {
                    view.current = None;
                    view.playing = false;
                });
            }
        }
        self.refresh();
    }

    /// Goes to a second of the track, now, or once its length is known or what broke was asked for again.
    pub(super) fn go_to(&self, element: &MediaElement, seconds: f64) {
        let (media, most) = (&element.element, element.duration());
        let broke = media.error().is_some();
        if most > 0.0 && !broke {
            media.set_current_time(seconds.clamp(0.0, most));
        } else if media.ready_state() == 0 || broke {
            self.seek_to.set(Some(seconds.max(0.0)));
        }
    }

    /// Once a track plays well: what it says of itself is not worth waiting for.
    fn read_tags(self: &Rc<Self>) {
        let Some(track) = self.current() else { return };
        if self.tagged.replace(Some(track.file)) == Some(track.file) {
            return;
        }
        let Some(media) = kind::of_path(&track.title) else { return };
        // The page's policy lets it read an address of its own, but not that of a blob.
        let source: JsValue = match (self.worker.get(), &*self.address.borrow()) {
            (Some(false), Some((_, blob))) => blob.clone().into(),
            (Some(true), _) => self.address(&track, true).into(),
            _ => return,
        };
        let this = Rc::downgrade(self);
        spawn_local(async move {
            let tags = tags::read(&source, media.mime, track.bytes).await;
            let inner = this.upgrade().filter(|i| i.view.borrow().current == Some(track.file));
            let (Some(inner), Some(tags)) = (inner, tags) else { return };
            let title = if tags.title.is_empty() { &track.title } else { &tags.title };
            let artwork = tags.picture.as_ref().map(|picture| picture.address());
            if let Some(session) = &*inner.session.borrow() {
                session.show(title, &tags.artist, &tags.album, artwork);
            }
            inner.change(|view| {
                view.title = title.clone();
                view.artist = tags.artist.clone();
                view.artwork = artwork.map(str::to_owned);
            });
            inner.artwork.replace(tags.picture);
        });
    }
}
