//! Listening live: what the sender plays, as it plays it.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Element, HtmlMediaElement, MediaStream, Response};

use super::sentences::failure_sentence;
use super::{Inner, Receive};
use crate::browser::circle_driver::{CircleDriver, Company};
use crate::browser::error::Error;
use crate::browser::media::loudness::Heard;
use crate::browser::media::session::{LIVE_ACTIONS, Session};
use crate::browser::swarm_driver::Access;
use crate::browser::timer::Timer;
use crate::circle::{CirclePhase, CircleStatus, Part};
use crate::media::sound::Sound;
use crate::protocol::id::RoomId;
use crate::protocol::rooms::{LiveState, RoomLinks, RoomSummary};
use crate::transfer::PlayerCommand;

/// How often a page that could listen asks whether the sender is there, in milliseconds.
const ASK_INTERVAL_MS: f64 = 8_000.0;

/// What a page needs for it.
#[derive(Default)]
pub struct Live {
    driver: RefCell<Option<CircleDriver>>,
    element: RefCell<Option<LiveElement>>,
    place: RefCell<Option<Element>>,
    stream: RefCell<Option<MediaStream>>,
    /// Whether the element has the picture as well.
    seen: Cell<bool>,
    asks: RefCell<Option<Timer>>,
    /// The lock screen, while something is heard.
    session: RefCell<Option<Session>>,
}

/// The element that sounds; dropping it silences it.
struct LiveElement(HtmlMediaElement);

impl LiveElement {
    fn new() -> Result<Self, Error> {
        let document = web_sys::window().and_then(|window| window.document());
        let document = document.ok_or_else(|| Error::named("NotSupportedError", "no page"))?;
        // It may come to show a picture at any time, and an element for sound alone could not.
        let element: HtmlMediaElement = document
            .create_element("video")?
            .dyn_into()
            .map_err(|_| Error::named("NotSupportedError", "this browser has no player"))?;
        // Phones would otherwise take the whole screen at once.
        let _ = element.set_attribute("playsinline", "");
        Ok(Self(element))
    }
}

impl Drop for LiveElement {
    fn drop(&mut self) {
        self.0.set_src_object(None);
        self.0.remove();
    }
}

impl Receive {
    /// Hears what the sender plays, now or as soon as it does. In a click, or browsers stay silent.
    pub fn listen_live(&self) {
        let inner = &self.0;
        inner.stop_listening_live();
        inner.leave_together();
        if let Some(media) = &*inner.media.borrow() {
            // One thing sounds at a time.
            media.player.act(PlayerCommand::Pause);
            media.player.give_session_back();
        }
        let Some(access) = inner.access() else { return };
        let started = LiveElement::new().and_then(|element| {
            let sound = Heard::Live.recall();
            element.0.set_volume(f64::from(sound.volume) / 100.0);
            element.0.set_muted(sound.muted);
            inner.change(|view| {
                (view.live.volume, view.live.muted) = (sound.volume, sound.muted);
            });
            if let Some(place) = &*inner.live.place.borrow() {
                let _ = place.append_child(&element.0);
            }
            inner.live.element.replace(Some(element));
            CircleDriver::start(Part::Listen, access, Listener(Rc::downgrade(inner)))
        });
        match started {
            Ok(driver) => drop(inner.live.driver.replace(Some(driver))),
            Err(error) => inner.change(|view| {
                view.live.problem = Some(format!("This browser cannot listen live ({error})."));
            }),
        }
    }

    /// Listens no more.
    pub fn stop_listening_live(&self) {
        self.0.stop_listening_live();
    }

    /// How loud, per cent.
    pub fn set_live_volume(&self, percent: u8) {
        self.0.on_live_element(|element| {
            element.set_muted(false);
            element.set_volume(f64::from(percent.min(100)) / 100.0);
        });
    }

    /// Silent, or not any more.
    pub fn mute_live(&self) {
        self.0.on_live_element(|element| element.set_muted(!element.muted()));
    }

    /// Has a browser that kept the sound back play it. In a click.
    pub fn hear_live(&self) {
        self.0.hear_live();
    }

    /// Where the element goes.
    pub fn show_live_in(&self, place: &Element) {
        self.0.live.place.replace(Some(place.clone()));
        if let Some(element) = &*self.0.live.element.borrow() {
            let _ = place.append_child(&element.0);
        }
    }
}

/// Tells the page what comes.
struct Listener(Weak<Inner>);

impl Company for Listener {
    fn hear(&self, stream: Option<MediaStream>) {
        let Some(inner) = self.0.upgrade() else { return };
        inner.live.stream.replace(stream);
        inner.show_live();
    }

    fn changed(&self, status: CircleStatus) {
        if let Some(inner) = self.0.upgrade() {
            let problem = status.failure.map(failure_sentence);
            inner.change(|view| {
                view.live.problem = problem.or_else(|| view.live.problem.take());
                view.live.circle = Some(status).filter(|status| status.failure.is_none());
            });
            if inner.is_seen_live() != inner.live.seen.get() {
                inner.show_live();
            }
            inner.tell_lock_screen();
        }
    }
}

impl Inner {
    /// What is needed to enter the room.
    pub(super) fn access(&self) -> Option<Access> {
        self.room.borrow().as_ref().map(|room| room.access())
    }

    pub(super) fn stop_listening_live(&self) {
        let Some(driver) = self.live.driver.take() else { return };
        drop(driver);
        self.live.element.replace(None);
        self.live.stream.replace(None);
        self.live.session.replace(None);
        self.change(|view| {
            view.live.circle = None;
            view.live.problem = None;
            view.live.blocked = false;
        });
    }

    /// What is heard, without a place in it: nobody but the sender moves it.
    fn tell_lock_screen(self: &Rc<Self>) {
        let air = {
            let view = self.view.borrow();
            let heard = view.live.circle.as_ref();
            let heard = heard.filter(|circle| circle.phase == CirclePhase::Hearing);
            heard.and_then(|circle| circle.on_air.clone())
        };
        let Some(air) = air else {
            self.live.session.replace(None);
            return;
        };
        if self.live.session.borrow().is_none() {
            let weak = Rc::downgrade(self);
            self.live.session.replace(Session::take(LIVE_ACTIONS, move |command| {
                let Some(inner) = weak.upgrade() else { return };
                match command {
                    PlayerCommand::Play => inner.hear_live(),
                    _ => inner.stop_listening_live(),
                }
            }));
        }
        if let Some(session) = &*self.live.session.borrow() {
            session.show(&air.title, "", "", None);
            session.tell(air.playing, None);
        }
    }

    fn is_seen_live(&self) -> bool {
        let view = self.view.borrow();
        let air = view.live.circle.as_ref().and_then(|circle| circle.on_air.as_ref());
        air.is_some_and(|air| air.seen)
    }

    /// Gives the element what comes. Without the picture where there is none: an element that was promised one does not
    /// begin before it comes.
    fn show_live(self: &Rc<Self>) {
        let seen = self.is_seen_live();
        self.live.seen.set(seen);
        let stream = self.live.stream.borrow().as_ref().and_then(|stream| match seen {
            true => Some(Clone::clone(stream)),
            false => MediaStream::new_with_tracks(&stream.get_audio_tracks()).ok(),
        });
        if let Some(element) = &*self.live.element.borrow() {
            element.0.set_src_object(stream.as_ref());
        }
        if stream.is_some() {
            self.hear_live();
        }
    }

    fn on_live_element(&self, act: impl FnOnce(&HtmlMediaElement)) {
        let shown = self.live.element.borrow().as_ref().map(|LiveElement(element)| {
            act(element);
            ((element.volume() * 100.0).round() as u8, element.muted())
        });
        if let Some((volume, muted)) = shown {
            Heard::Live.remember(Sound { volume, muted, ..Sound::default() });
            self.change(|view| (view.live.volume, view.live.muted) = (volume, muted));
        }
    }

    fn hear_live(self: &Rc<Self>) {
        let begun = self.live.element.borrow().as_ref().map(|element| element.0.play());
        let Some(Ok(begun)) = begun else { return };
        let weak = Rc::downgrade(self);
        spawn_local(async move {
            // A newer stream takes the place of one that was about to sound, which is no refusal.
            let refusal = JsFuture::from(begun).await.err().map(Error::from);
            let blocked = refusal.is_some_and(|error| error.is("NotAllowedError"));
            if let Some(inner) = weak.upgrade() {
                inner.change(|view| view.live.blocked = blocked);
            }
        });
    }

    /// Asks now and then whether the sender is there and can broadcast, as long as the page lives.
    pub(super) fn watch_for_broadcasts(self: &Rc<Self>) {
        let weak = Rc::downgrade(self);
        let timer = Timer::new(move || {
            if let Some(inner) = weak.upgrade() {
                inner.ask_for_broadcast();
            }
        });
        timer.set(0.0);
        self.live.asks.replace(Some(timer));
    }

    fn ask_for_broadcast(self: &Rc<Self>) {
        let hidden = web_sys::window().and_then(|w| w.document()).is_some_and(|d| d.hidden());
        let room_id = self.room.borrow().as_ref().map(|room| room.link.room_id);
        let weak = Rc::downgrade(self);
        let asks = !hidden && self.view.borrow().live.circle.is_none();
        spawn_local(async move {
            let offered = match room_id.filter(|_| asks) {
                Some(room_id) => live_state(&room_id).await,
                None => None,
            };
            let Some(inner) = weak.upgrade() else { return };
            if let Some(offered) = offered
                && inner.view.borrow().live.offered != offered
            {
                inner.change(|view| view.live.offered = offered);
            }
            if let Some(timer) = &*inner.live.asks.borrow() {
                timer.set(ASK_INTERVAL_MS);
            }
        });
    }
}

/// What the server says of a room; nothing if it does not answer now.
async fn live_state(room_id: &RoomId) -> Option<LiveState> {
    let window = web_sys::window()?;
    let asked = window.fetch_with_str(&RoomLinks::new(room_id).self_);
    let answer: Response = JsFuture::from(asked).await.ok()?.dyn_into().ok()?;
    if matches!(answer.status(), 404 | 410) {
        return Some(LiveState::Absent);
    }
    let text = JsFuture::from(answer.text().ok()?).await.ok()?.as_string()?;
    let room: RoomSummary = serde_json::from_str(&text).ok()?;
    Some(room.live)
}
