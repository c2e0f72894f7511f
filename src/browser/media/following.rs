//! A player that goes where another one is: what it tells of itself, and what it can be told.

use std::rc::Rc;
use std::time::Duration;

use web_sys::HtmlMediaElement;

use super::player::{Inner, Player};
use crate::circle::{Played, Steering};

impl Player {
    /// What it does now; nothing while there is none.
    pub fn observe(&self) -> Option<Played> {
        self.inner.observe()
    }

    /// Does what the one who leads does. Opening a file is for the page, which has to fetch it as well.
    pub fn steer(&self, steering: Steering) {
        self.inner.steer(steering);
    }

    /// Per cent of the normal speed, as its person set it.
    pub fn speed(&self) -> u16 {
        self.inner.speed.get()
    }

    /// Opens a file at a place, and plays it.
    pub fn open_at(&self, file: usize, position: Duration) {
        self.inner.choose(file, position.as_secs_f64());
    }

    /// Whether somebody else decides what is played.
    pub fn set_follows(&self, follows: bool) {
        if self.inner.follows.replace(follows) != follows {
            self.inner.change(|view| view.follows = follows);
        }
    }

    /// `tell` hears of each new element that plays, and when there is none any more.
    pub fn on_element(&self, tell: impl Fn(Option<&HtmlMediaElement>) + 'static) {
        self.inner.on_element.replace(Some(Box::new(tell)));
    }

    /// `tell` hears when it begins, stops, or goes elsewhere.
    pub fn on_moved(&self, tell: impl Fn() + 'static) {
        self.inner.on_moved.replace(Some(Box::new(tell)));
    }
}

impl Inner {
    fn observe(&self) -> Option<Played> {
        let track = self.current()?;
        let element = self.element.borrow().clone()?;
        let media = &element.element;
        let seeks = self.seek_to.get().is_some() || media.seeking();
        let seconds = self.seek_to.get().unwrap_or_else(|| media.current_time());
        Some(Played {
            file: u32::try_from(track.file).ok()?,
            // Before it has an address it has only the wish.
            playing: !media.paused() || (self.wants.get() && !media.has_attribute("src")),
            waiting: seeks || !element.has_what_follows(),
            position: Duration::try_from_secs_f64(seconds).unwrap_or_default(),
            speed: self.speed.get(),
        })
    }

    fn steer(self: &Rc<Self>, steering: Steering) {
        let Some(element) = self.element.borrow().clone() else { return };
        let media = &element.element;
        match steering {
            Steering::Open { .. } => {}
            // At its end, or broken, it would begin anew, or break again.
            Steering::Play if media.ended() || self.view.borrow().problem.is_some() => {}
            Steering::Play => {
                self.wants.set(true);
                self.load();
                if media.has_attribute("src") {
                    element.play();
                }
            }
            Steering::Pause => {
                self.wants.set(false);
                let _ = media.pause();
            }
            Steering::SeekTo(position) => self.go_to(&element, position.as_secs_f64()),
            Steering::Rate(permille) => {
                media.set_playback_rate(f64::from(permille) / 1000.0);
            }
        }
        self.refresh();
    }
}
