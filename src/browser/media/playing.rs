//! What the player does while it plays: the element's news and the person's wishes.

use std::rc::Rc;

use super::element::MediaElement;
use super::loudness::Heard;
use super::places;
use super::player::Inner;
use crate::media::album::Toward;
use crate::media::sound::Sound;
use crate::transfer::PlayerCommand;

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

/// Events that tell a lock screen nothing: it counts the seconds by itself.
const SMALL: [&str; 3] = ["timeupdate", "progress", "volumechange"];

/// Whether it is worth keeping between visits.
fn sets_the_sound(command: PlayerCommand) -> bool {
    matches!(command, PlayerCommand::Volume(_) | PlayerCommand::Mute | PlayerCommand::Speed(_))
}

impl Inner {
    pub(super) fn heard(self: &Rc<Self>, event: &'static str) {
        let Some(element) = self.element.borrow().clone() else { return };
        match event {
            "loadedmetadata" => {
                self.go_to_where_it_was(&element);
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
                self.track_ended();
                return;
            }
            "error" => {
                self.failed(&element);
                return;
            }
            "playing" => {
                self.sounded.set(true);
                self.album.borrow_mut().sounds();
                self.change(|view| view.problem = None);
            }
            // Something else may have had the lock screen meanwhile.
            "play" if self.session.borrow().is_none() => self.take_session(),
            "pause" => self.remember(),
            "durationchange" => self.has_grown(&element),
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
        self.find_length();
        self.refresh();
        if !SMALL.contains(&event) {
            self.tell_session();
        }
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
            PlayerCommand::Play if self.begins_anew(&element) => {}
            PlayerCommand::Play => {
                self.wants.set(true);
                self.retries.set(0);
                self.load();
                if media.has_attribute("src") {
                    element.play();
                }
            }
            PlayerCommand::Next => self.turn(Toward::Next),
            PlayerCommand::Previous if media.current_time() > RESTART_SECONDS => {
                media.set_current_time(0.0);
            }
            PlayerCommand::Previous => self.turn(Toward::Previous),
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
                self.length.end();
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
        self.tell_session();
        if sets_the_sound(command) {
            let view = self.view.borrow();
            let sound = Sound { volume: view.volume, muted: view.muted, speed: view.speed };
            Heard::Player.remember(sound);
        }
    }

    /// Goes to a second of the track, now, or once its length is known or what broke was asked for again.
    pub(super) fn go_to(&self, element: &MediaElement, seconds: f64) {
        let (media, most) = (&element.element, element.duration());
        let broke = media.error().is_some();
        self.length.forget();
        if most > 0.0 && !broke {
            media.set_current_time(seconds.clamp(0.0, most));
        } else if media.ready_state() == 0 || broke {
            self.seek_to.set(Some(seconds.max(0.0)));
        }
    }
}
