//! What an owner plays live: the player of its own files, and a circle that hears it.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use js_sys::Array;
use web_sys::{Blob, Element, File};

use super::circle_driver::{CircleDriver, Company};
use super::media::capture::{Capture, can_capture};
use super::media::player::Player;
use super::media::tracks::{file_rows, tracks};
use super::media::whole_files::WholeFiles;
use super::swarm_driver::Access;
use crate::circle::rates::Rates;
use crate::circle::{CircleStatus, Input, Part};
use crate::media::kind::Kind;
use crate::protocol::circle::OnAir;
use crate::protocol::id::PeerId;
use crate::protocol::limits::{DEFAULT_SEATS, MAX_TITLE_BYTES};
use crate::protocol::manifest::Manifest;
use crate::transfer::{BroadcastView, PlayerCommand, PlayerView};

/// Told after every change.
type OnChange = dyn Fn(BroadcastView);

struct Inner {
    view: RefCell<BroadcastView>,
    driver: RefCell<Option<CircleDriver>>,
    capture: RefCell<Option<Capture>>,
    on_change: Box<OnChange>,
}

/// A room's broadcast; dropping it ends it for everyone.
pub struct Broadcast {
    player: Player,
    inner: Rc<Inner>,
}

impl Broadcast {
    /// A broadcast of these files that plays nothing yet; `None` if there is nothing to play.
    pub fn new(
        manifest: &Manifest,
        files: &[File],
        access: Access,
        on_change: impl Fn(BroadcastView) + 'static,
    ) -> Option<Self> {
        let (tracks, _) = tracks(&file_rows(manifest));
        if tracks.is_empty() {
            return None;
        }
        let room = access.room_id.to_string();
        let able = can_capture();
        let inner = Rc::new(Inner {
            view: RefCell::new(BroadcastView { able, ..Default::default() }),
            driver: RefCell::default(),
            capture: RefCell::default(),
            on_change: Box::new(on_change),
        });
        // The circle first: the player tells at once that it plays nothing.
        let part = Part::Broadcast { seats: if able { DEFAULT_SEATS } else { 0 } };
        let driver = CircleDriver::start(part, access, Listeners(Rc::downgrade(&inner))).ok()?;
        inner.driver.replace(Some(driver));
        let told = Rc::downgrade(&inner);
        let player = Player::new(&room, None, (tracks, Vec::new()), move |view| {
            if let Some(inner) = told.upgrade() {
                inner.played(view);
            }
        });
        player.whole_files(whole_files(files)?);
        let captor = Rc::downgrade(&inner);
        player.on_element(move |element| {
            let Some(inner) = captor.upgrade() else { return };
            let listener = captor.clone();
            let on_tracks = move |tracks| {
                let inner = listener.upgrade();
                if let Some(driver) = inner.as_ref().and_then(|i| i.driver.try_borrow().ok())
                    && let Some(driver) = &*driver
                {
                    driver.set_tracks(tracks);
                }
            };
            let capture = element.and_then(|element| Capture::of(element, on_tracks).ok());
            inner.capture.replace(capture);
        });
        Some(Self { player, inner })
    }

    /// Plays a file, or what Play begins with. In a click, or browsers stay silent.
    pub fn play(&self, file: Option<usize>) {
        if let Some(file) = file.or_else(|| self.player.first()) {
            self.player.play(file);
        }
    }

    /// What the person asks of the player.
    pub fn command(&self, command: PlayerCommand) {
        self.player.act(command);
    }

    /// Where the player's own element goes.
    pub fn show_in(&self, place: &Element) {
        self.player.show_in(place);
    }

    /// What each listener is sent at most.
    pub fn set_rates(&self, rates: Rates) {
        if let Some(driver) = &*self.inner.driver.borrow() {
            driver.set_rates(rates);
        }
    }

    /// Sends a listener away.
    pub fn remove(&self, peer: PeerId) {
        if let Some(driver) = &*self.inner.driver.borrow() {
            driver.post(Input::RemovalAsked { peer });
        }
    }
}

impl Inner {
    fn change(&self, change: impl FnOnce(&mut BroadcastView)) {
        let view = {
            let mut view = self.view.borrow_mut();
            change(&mut view);
            view.clone()
        };
        (self.on_change)(view);
    }

    fn played(&self, player: PlayerView) {
        let air = player.current.map(|_| OnAir {
            title: player.title[..player.title.floor_char_boundary(MAX_TITLE_BYTES)].to_owned(),
            seen: player.kind == Some(Kind::Video),
            playing: player.playing,
        });
        if let Some(driver) = &*self.driver.borrow()
            && self.view.borrow().able
        {
            driver.post(Input::AirChanged(air));
        }
        self.change(|view| view.player = player);
    }
}

/// Tells the page who listens.
struct Listeners(Weak<Inner>);

impl Company for Listeners {
    fn changed(&self, status: CircleStatus) {
        if let Some(inner) = self.0.upgrade() {
            inner.change(|view| view.circle = status);
        }
    }
}

/// The files behind each other. A blob of files copies nothing.
fn whole_files(files: &[File]) -> Option<WholeFiles> {
    let parts: Array = files.iter().collect();
    let content = Blob::new_with_blob_sequence(&parts).ok()?;
    let mut start = 0;
    let places = files.iter().enumerate().map(|(file, one)| {
        let begin = start;
        start += one.size() as u64;
        (file, begin)
    });
    Some(WholeFiles { places: places.collect(), content })
}
