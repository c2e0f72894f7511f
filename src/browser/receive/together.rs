//! Listening together: the player goes where the host's is, or leads.

use std::rc::{Rc, Weak};
use std::time::Duration;

use super::sentences::failure_sentence;
use super::{Inner, Receive};
use crate::browser::circle_driver::{CircleDriver, Company};
use crate::circle::{CirclePhase, CircleStatus, Part, Played, Steering};
use crate::media::kind::Kind;

impl Receive {
    /// Plays along with whoever else does. In a click, or browsers stay silent.
    pub fn listen_together(&self) {
        let inner = &self.0;
        inner.stop_listening_live();
        let Some(access) = inner.access() else { return };
        if let Some(media) = &*inner.media.borrow() {
            let weak = Rc::downgrade(inner);
            media.player.on_moved(move || {
                let inner = weak.upgrade();
                if let Some(driver) = inner.as_ref().map(|inner| inner.together.borrow())
                    && let Some(driver) = &*driver
                {
                    driver.observe();
                }
            });
        }
        match CircleDriver::start(Part::Together, access, Companions(Rc::downgrade(inner))) {
            Ok(driver) => drop(inner.together.replace(Some(driver))),
            Err(error) => inner.change(|view| {
                view.problem = Some(format!("This browser cannot listen together ({error})."));
            }),
        }
    }

    /// Goes its own way again.
    pub fn leave_together(&self) {
        self.0.leave_together();
    }
}

/// The page's player, for the circle.
struct Companions(Weak<Inner>);

impl Company for Companions {
    fn observe(&self) -> Option<Played> {
        self.0.upgrade()?.media.borrow().as_ref()?.player.observe()
    }

    fn steer(&self, steering: Steering) {
        let Some(inner) = self.0.upgrade() else { return };
        match steering {
            Steering::Open { file, position } => inner.open_along(file as usize, position),
            steering => {
                if let Some(media) = &*inner.media.borrow() {
                    media.player.steer(steering);
                }
            }
        }
    }

    fn changed(&self, status: CircleStatus) {
        let Some(inner) = self.0.upgrade() else { return };
        if let Some(media) = &*inner.media.borrow() {
            media.player.set_follows(follows(&status));
        }
        let problem = status.failure.map(failure_sentence);
        inner.change(|view| {
            view.together_problem = problem;
            view.together = Some(status).filter(|status| status.failure.is_none());
        });
    }
}

/// Whether somebody else leads, and plays something.
fn follows(status: &CircleStatus) -> bool {
    let leads = !status.hosts && status.host.is_some() && status.failure.is_none();
    leads && status.phase != CirclePhase::Quiet
}

impl Inner {
    /// Opens what the host plays, and fetches the room for that.
    fn open_along(self: &Rc<Self>, file: usize, position: Duration) {
        let playable = |inner: &Self| {
            let view = inner.view.borrow();
            let row = view.files.as_ref().and_then(|files| files.get(file).cloned());
            row.is_some_and(|row| matches!(row.kind, Some(Kind::Audio | Kind::Video)))
        };
        // A host may name anything.
        if !playable(self) {
            return;
        }
        self.want(file);
        if let Some(media) = &*self.media.borrow() {
            if !self.is_running() {
                media.answers.opening();
            }
            media.player.open_at(file, position);
        }
        self.fetch_to_play();
    }

    pub(super) fn leave_together(&self) {
        let driver = self.together.take();
        if driver.is_none() {
            return;
        }
        drop(driver);
        if let Some(media) = &*self.media.borrow() {
            media.player.set_follows(false);
            media.player.steer(Steering::Rate(media.player.speed() * 10));
        }
        self.change(|view| view.together = None);
    }
}
