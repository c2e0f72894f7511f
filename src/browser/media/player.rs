//! The player: one track at a time, in the element of its kind.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use wasm_bindgen_futures::spawn_local;
use web_sys::{Blob, Element, HtmlMediaElement, PageTransitionEvent};

use super::super::listener::Listener;
use super::super::save::ObjectUrl;
use super::super::timer::Timer;
use super::answers::Answers;
use super::element::MediaElement;
use super::keys::{self, Meaning};
use super::length::Length;
use super::loudness::Heard;
use super::session::Session;
use super::tags::Tags;
use super::whole_files::WholeFiles;
use super::{places, service_worker};
use crate::media::album::{Album, Fault};
use crate::media::kind::Kind;
use crate::media::sound::Sound;
use crate::transfer::{PlayerCommand, PlayerView, Track};

/// Said where there is no service worker.
const NOT_YET: &str = "This browser, or this kind of window, does not let pages play what is still on its way. It \
                       plays when everything is here.";

/// Told after every change.
type OnChange = dyn Fn(PlayerView);
/// Told which element plays from now on.
type OnElement = dyn Fn(Option<&HtmlMediaElement>);

pub(super) struct Inner {
    pub(super) room: String,
    /// In the order in which they are played.
    pub(super) tracks: RefCell<Arc<Vec<Track>>>,
    /// Who answers what is asked for by address; `None` where the whole files are here from the start.
    pub(super) answers: Option<Rc<Answers>>,
    /// Which of them does not play, and what comes next.
    pub(super) album: RefCell<Album>,
    pub(super) view: RefCell<PlayerView>,
    pub(super) element: RefCell<Option<Rc<MediaElement>>>,
    pub(super) place: RefCell<Option<Element>>,
    /// Where to go once the head of it is here.
    pub(super) seek_to: Cell<Option<f64>>,
    /// Where the browser does not know it.
    pub(super) length: Length,
    /// It is to play as soon as it can.
    pub(super) wants: Cell<bool>,
    pub(super) retries: Cell<u32>,
    /// It asks again when this runs out.
    pub(super) retry: RefCell<Option<Timer>>,
    /// Second at which it asked again last.
    pub(super) retried_at: Cell<f64>,
    /// Something of this track was heard or seen: the browser knows its kind.
    pub(super) sounded: Cell<bool>,
    pub(super) remembered: Cell<f64>,
    /// Whether a service worker answers; `None` while that is not known.
    pub(super) worker: Cell<Option<bool>>,
    /// For where there is no service worker.
    pub(super) whole: RefCell<Option<WholeFiles>>,
    /// The address of the one that is played from there.
    pub(super) address: RefCell<Option<(ObjectUrl, Blob)>>,
    pub(super) session: RefCell<Option<Session>>,
    /// Whose tags were read last.
    pub(super) tagged: Cell<Option<usize>>,
    /// And what they are.
    pub(super) tags: RefCell<Option<Tags>>,
    /// What can be looked at.
    pub(super) pictures: Vec<Track>,
    /// Somebody else decides what is played; the person's own wishes for that are passed over.
    pub(super) follows: Cell<bool>,
    /// Per cent of the normal speed, as the person set it: catching up is another matter.
    pub(super) speed: Cell<u16>,
    pub(super) on_change: Box<OnChange>,
    pub(super) on_element: RefCell<Option<Box<OnElement>>>,
    pub(super) on_moved: RefCell<Option<Box<dyn Fn()>>>,
}

/// The page's player; dropping it ends it.
pub struct Player {
    pub(super) inner: Rc<Inner>,
    _listeners: Vec<Listener>,
}

impl Player {
    /// A player of the room of this name that plays nothing yet.
    pub fn new(
        room: &str,
        answers: Option<Rc<Answers>>,
        (tracks, pictures): (Vec<Track>, Vec<Track>),
        on_change: impl Fn(PlayerView) + 'static,
    ) -> Self {
        let tracks = Arc::new(tracks);
        let asks = answers.is_some();
        let any = !pictures.is_empty() || !tracks.is_empty();
        let Sound { volume, muted, speed } = Heard::Player.recall();
        let view = PlayerView {
            tracks: tracks.clone(),
            pictures: pictures.len(),
            volume,
            muted,
            speed,
            ..Default::default()
        };
        let inner = Rc::new(Inner {
            room: room.to_owned(),
            tracks: RefCell::new(tracks),
            answers,
            album: RefCell::default(),
            view: RefCell::new(view),
            element: RefCell::default(),
            place: RefCell::default(),
            seek_to: Cell::new(None),
            length: Length::default(),
            wants: Cell::new(false),
            retries: Cell::new(0),
            retry: RefCell::default(),
            retried_at: Cell::new(0.0),
            sounded: Cell::new(false),
            remembered: Cell::new(0.0),
            worker: Cell::new(if asks { None } else { Some(false) }),
            whole: RefCell::default(),
            address: RefCell::default(),
            session: RefCell::default(),
            tagged: Cell::new(None),
            tags: RefCell::default(),
            pictures,
            follows: Cell::new(false),
            speed: Cell::new(speed),
            on_change: Box::new(on_change),
            on_element: RefCell::default(),
            on_moved: RefCell::default(),
        });
        if any && asks {
            let this = Rc::downgrade(&inner);
            spawn_local(async move {
                let controls = service_worker::control().await;
                if let Some(inner) = this.upgrade() {
                    inner.worker.set(Some(controls));
                    inner.load();
                    inner.load_picture();
                }
            });
        }
        inner.tell();
        let mut listeners = Vec::new();
        if let Some(window) = web_sys::window() {
            let this = Rc::downgrade(&inner);
            let leave = move |event: PageTransitionEvent| {
                let Some(inner) = this.upgrade() else { return };
                inner.remember();
                // Leaving breaks off what the element fetches, and it may have asked again by now. Firefox has the next page
                // in this tab wait for that request, until the service worker gives up finding this one.
                if !event.persisted() {
                    inner.element.replace(None);
                }
            };
            listeners.push(Listener::new(&window, "pagehide", leave));
            let this = Rc::downgrade(&inner);
            listeners.push(Listener::new(&window, "keydown", move |event| {
                let Some(inner) = this.upgrade().filter(|inner| inner.is_open()) else { return };
                let view = inner.view.borrow().clone();
                match keys::meaning(&event, &view) {
                    Meaning::Nothing => {}
                    Meaning::Held => event.prevent_default(),
                    Meaning::Does(command) => {
                        event.prevent_default();
                        inner.act(command);
                    }
                }
            }));
        }
        Self { inner, _listeners: listeners }
    }

    /// The track that Play begins with: where the person stopped, or the first that can be played; one that is fetched, if
    /// there is any.
    pub fn first(&self) -> Option<usize> {
        let tracks = self.inner.tracks.borrow().clone();
        let wanted = || tracks.iter().filter(|track| track.wanted).map(|track| track.file);
        let remembered = places::recall(&self.inner.room).map(|(file, _)| file);
        let any = tracks.first().map(|track| track.file);
        remembered.and_then(|last| wanted().find(|file| *file == last)).or(wanted().next()).or(any)
    }

    /// Plays a track, from where the person stopped if it is that one. In a click, or browsers stay silent.
    pub fn play(&self, file: usize) {
        let remembered = places::recall(&self.inner.room).filter(|(last, _)| *last == file);
        let from = remembered.map_or(0.0, |(_, seconds)| seconds);
        self.inner.choose(file, from);
    }

    /// Something else sounds: the lock screen is not this player's until it plays again.
    pub fn give_session_back(&self) {
        self.inner.session.replace(None);
    }

    /// Where the element goes.
    pub fn show_in(&self, place: &Element) {
        self.inner.place.replace(Some(place.clone()));
        if let Some(element) = &*self.inner.element.borrow() {
            element.show_in(place);
        }
    }

    /// What the person asks of it.
    pub fn act(&self, command: PlayerCommand) {
        self.inner.act(command);
    }

    /// Everything is here: where there is no service worker, playing can begin.
    pub fn whole_files(&self, files: WholeFiles) {
        self.inner.whole.replace(Some(files));
        self.inner.load();
        self.inner.load_picture();
    }

    /// Whether each file is fetched, by number.
    pub fn set_wanted(&self, wanted: &[bool]) {
        let mut tracks = (**self.inner.tracks.borrow()).clone();
        for track in &mut tracks {
            track.wanted = wanted.get(track.file) == Some(&true);
        }
        let tracks = Arc::new(tracks);
        self.inner.tracks.replace(tracks.clone());
        self.inner.change(|view| view.tracks = tracks);
    }

    /// The rest of these files will not come any more.
    pub fn set_gone(&self, files: &[u32]) {
        let current = self.inner.view.borrow().current;
        let is_gone =
            |inner: &Inner| current.is_some_and(|current| inner.album.borrow().is_gone(current));
        let before = is_gone(&self.inner);
        self.inner.album.borrow_mut().set_gone(files);
        if !before && is_gone(&self.inner) {
            self.inner.clone().passes_over_what_never_began();
        }
    }

    /// More of the room is here.
    pub fn refresh(&self) {
        self.inner.find_length();
        self.inner.refresh();
    }
}

impl Inner {
    pub(super) fn is_open(&self) -> bool {
        self.view.borrow().current.is_some()
    }

    pub(super) fn tell(&self) {
        let view = self.view.borrow().clone();
        (self.on_change)(view);
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut PlayerView)) {
        change(&mut self.view.borrow_mut());
        self.tell();
    }

    pub(super) fn track(&self, file: usize) -> Option<Track> {
        self.tracks.borrow().iter().find(|track| track.file == file).cloned()
    }

    pub(super) fn current(&self) -> Option<Track> {
        let current = self.view.borrow().current?;
        self.track(current)
    }

    pub(super) fn open(self: &Rc<Self>, file: usize, from: f64) {
        let Some(track) = self.track(file) else { return };
        self.remember();
        self.retries.set(0);
        self.retry.replace(None);
        self.sounded.set(false);
        self.tagged.set(None);
        self.tags.replace(None);
        self.wants.set(true);
        self.seek_to.set((from > 0.0).then_some(from));
        self.length.end();
        self.remembered.set(from);
        let same = self.element.borrow().as_ref().is_some_and(|old| old.kind == track.kind);
        if same {
            if let Some(element) = &*self.element.borrow() {
                let _ = element.element.pause();
                let _ = element.element.remove_attribute("src");
                element.length.set(0.0);
            }
        } else {
            self.element.replace(None);
            self.make_element(track.kind);
        }
        self.change(|view| {
            view.current = Some(file);
            view.kind = Some(track.kind);
            view.title = track.title.clone();
            view.artist = String::new();
            view.artwork = None;
            view.position = from;
            view.duration = 0.0;
            view.playing = false;
            view.waiting = true;
            view.buffered = Vec::new();
            view.problem = None;
            view.notice = None;
        });
        self.take_session();
        self.load();
    }

    pub(super) fn make_element(self: &Rc<Self>, kind: Kind) {
        let this = Rc::downgrade(self);
        let heard = move |event| {
            if let Some(inner) = this.upgrade() {
                inner.heard(event);
            }
        };
        let Ok(element) = MediaElement::new(kind, heard) else { return };
        let view = self.view.borrow();
        element.element.set_volume(f64::from(view.volume) / 100.0);
        element.element.set_muted(view.muted);
        let speed = f64::from(self.speed.get()) / 100.0;
        element.element.set_default_playback_rate(speed);
        element.element.set_playback_rate(speed);
        if let Some(place) = &*self.place.borrow() {
            element.show_in(place);
        }
        let media = element.element.clone();
        drop(view);
        self.element.replace(Some(Rc::new(element)));
        if let Some(tell) = &*self.on_element.borrow() {
            tell(Some(&media));
        }
    }

    /// Gives the element its address, as soon as somebody answers there.
    pub(super) fn load(self: &Rc<Self>) {
        let (Some(track), Some(element)) = (self.current(), self.element.borrow().clone()) else {
            return;
        };
        if element.element.has_attribute("src") {
            return;
        }
        if let Some(fault) = self.fault_of(&track) {
            self.fails(fault);
            return;
        }
        let Some(controls) = self.worker.get() else { return };
        let Some(address) = self.address(&track, controls) else {
            self.change(|view| view.notice = Some(NOT_YET.to_owned()));
            return;
        };
        element.element.set_src(&address);
        if self.wants.get() {
            element.play();
        }
        self.change(|view| view.notice = None);
    }

    /// What is known against a track before it was tried.
    fn fault_of(&self, track: &Track) -> Option<Fault> {
        let came = |files: &WholeFiles| files.places.iter().any(|(file, _)| *file == track.file);
        let missing = self.whole.borrow().as_ref().is_some_and(|files| !came(files));
        match track {
            track if track.bytes == 0 => Some(Fault::Empty),
            track if !track.wanted => Some(Fault::LeftOut),
            track if missing || self.album.borrow().is_gone(track.file) => Some(Fault::Gone),
            _ => None,
        }
    }
}
