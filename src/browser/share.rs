//! The owner's side: a room, new or come back to, and serving it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use wasm_bindgen_futures::spawn_local;
use web_sys::{Element, File};

use super::address::{link_here, show_link, watch_fragment};
use super::broadcast::Broadcast;
use super::caps;
use super::crypto::{LinkSecrets, random};
use super::file_source::{FileSource, SourceEvent};
use super::listener::Listener;
use super::new_room::{NewRoom, Problem, unusable};
use super::owner_record::OwnerRecord;
use super::returned_room::{Chosen, ReturnedRoom, reopen, taken_from};
use super::selection::Selection;
use super::server_call::call;
use super::swarm_driver::{Access, Content, Inbox, SwarmDriver};
use crate::api::CallCloseRoom;
use crate::archive::safe_path::shown_name;
use crate::circle::rates::divide;
use crate::media::kind::Kind;
use crate::protocol::id::{OwnerToken, PeerId, RoomId};
use crate::protocol::peer_wire::PieceRecord;
use crate::protocol::piece::{BlockRange, PieceIndex};
use crate::swarm::status::Caps;
use crate::swarm::{Config, Failure, Input, Role, Swarm};
use crate::transfer::{PlayerCommand, SelectedFile, ShareView};

/// A running share; dropping it leaves the room, which stays until it ends by itself.
pub struct Share(Rc<Inner>);

struct Inner {
    view: RefCell<ShareView>,
    /// The room, until it is stopped.
    room: Cell<Option<(RoomId, OwnerToken)>>,
    /// Runs once the files are there.
    driver: RefCell<Option<SwarmDriver>>,
    /// What is played live, if there is anything to play.
    broadcast: RefCell<Option<Broadcast>>,
    /// What the person set.
    caps: Cell<Caps>,
    /// What of it the exchange was told.
    capped: Cell<Option<Caps>>,
    /// A room that was come back to, and what was chosen again for it so far.
    waiting: RefCell<Option<ReturnedRoom>>,
    /// Puts the link back into the address bar.
    fragment: RefCell<Option<Listener>>,
    on_change: Box<dyn Fn(ShareView)>,
}

impl Share {
    /// Serves a room that was just made, until stopped or dropped.
    pub fn begin(room: NewRoom, on_change: impl Fn(ShareView) + 'static) -> Self {
        let inner = Inner::new(on_change);
        inner.enter(&room.record);
        let (kept, weak) = (room.record.keep(), Rc::downgrade(&inner));
        spawn_local(async move {
            let kept = kept.await;
            if let Some(inner) = weak.upgrade().filter(|_| !kept) {
                inner.change(|view| view.unkept = true);
            }
        });
        inner.show(inner.serve(room.record, room.secrets, room.files));
        Self(inner)
    }

    /// Looks for the room that the address bar names among those that this browser made; tells nothing if it did
    /// not. What is found waits for its files.
    pub fn come_back(on_change: impl Fn(ShareView) + 'static) -> Self {
        let inner = Inner::new(on_change);
        let this = inner.clone();
        spawn_local(async move {
            let Some(link) = link_here() else { return };
            let Some(record) = OwnerRecord::find(&link).await else { return };
            let mut room = ReturnedRoom::new(record);
            let asked = room.offer(Vec::new());
            this.change(|view| view.asked = Some(asked));
            this.enter(&room.record);
            this.waiting.replace(Some(room));
        });
        Self(inner)
    }

    /// Takes chosen files back into a room that was come back to. It serves once it has them all.
    pub fn offer(&self, selection: &Selection) {
        self.0.take_back(taken_from(selection));
    }

    /// Takes back the files that the browser has kept a way to. In a click, since it asks the person.
    pub fn reopen(&self) {
        let Some(kept) = self.0.waiting.borrow().as_ref().map(ReturnedRoom::kept) else { return };
        let inner = self.0.clone();
        spawn_local(async move { inner.take_back(reopen(kept).await) });
    }

    /// Sends one recipient away.
    pub fn remove(&self, peer: PeerId) {
        self.0.post(Input::RemovalAsked { peer });
    }

    /// Stops serving for a while, or goes on.
    pub fn set_paused(&self, paused: bool) {
        self.0.post(Input::Paused(paused));
    }

    /// Plays a file live, or what Play begins with. In a click, or browsers stay silent.
    pub fn play(&self, file: Option<usize>) {
        if let Some(broadcast) = &*self.0.broadcast.borrow() {
            broadcast.play(file);
        }
    }

    /// What the person asks of the player.
    pub fn command(&self, command: PlayerCommand) {
        if let Some(broadcast) = &*self.0.broadcast.borrow() {
            broadcast.command(command);
        }
    }

    /// Where the player's own element goes.
    pub fn show_player_in(&self, place: &Element) {
        if let Some(broadcast) = &*self.0.broadcast.borrow() {
            broadcast.show_in(place);
        }
    }

    /// Sends one listener away.
    pub fn remove_listener(&self, peer: PeerId) {
        if let Some(broadcast) = &*self.0.broadcast.borrow() {
            broadcast.remove(peer);
        }
    }

    /// Limits what is sent, now and on later visits.
    pub fn set_caps(&self, caps: Caps) {
        caps::remember(caps);
        self.0.caps.set(caps);
        self.0.divide_upload();
    }

    /// Closes the room for good.
    pub fn stop(&self) {
        let Some((room_id, owner_token)) = self.0.room.take() else { return };
        self.0.waiting.take();
        let driver = self.0.driver.take();
        drop(self.0.broadcast.take());
        let inner = self.0.clone();
        spawn_local(async move {
            let closed: Result<(), _> = call(&CallCloseRoom { room_id, owner_token }).await;
            // Only now: the server tells the others why, instead of their losing the owner first.
            drop(driver);
            if closed.is_ok() {
                OwnerRecord::forget(&room_id).await;
            }
            inner.change(|view| {
                view.status.online = false;
                view.ended = Some(match closed {
                    Ok(()) => "You stopped sharing. The link no longer works.".to_owned(),
                    Err(error) => format!(
                        "You stopped sharing, but the server could not be told: {} The link shows an empty \
                         room until it expires.",
                        error.sentence()
                    ),
                });
            });
        });
    }
}

impl Inner {
    fn new(on_change: impl Fn(ShareView) + 'static) -> Rc<Self> {
        Rc::new(Self {
            view: RefCell::default(),
            room: Cell::default(),
            driver: RefCell::default(),
            broadcast: RefCell::default(),
            caps: Cell::new(caps::caps()),
            capped: Cell::new(None),
            waiting: RefCell::default(),
            fragment: RefCell::default(),
            on_change: Box::new(on_change),
        })
    }

    fn post(&self, input: Input) {
        if let Some(driver) = &*self.driver.borrow() {
            driver.post(input);
        }
    }

    fn change(&self, change: impl FnOnce(&mut ShareView)) {
        let view = {
            let mut view = self.view.borrow_mut();
            change(&mut view);
            view.clone()
        };
        (self.on_change)(view);
    }

    fn show(&self, outcome: Result<(), Problem>) {
        if let Err(Problem(problem)) = outcome {
            self.change(|view| view.problem = Some(problem));
        }
    }

    fn take_back(self: &Rc<Self>, chosen: Chosen) {
        let Some(mut room) = self.waiting.take() else { return };
        let asked = room.offer(chosen);
        let Some(files) = room.complete() else {
            self.waiting.replace(Some(room));
            self.change(|view| view.asked = Some(asked));
            return;
        };
        let (this, record) = (self.clone(), room.record);
        spawn_local(async move {
            let outcome = match LinkSecrets::derive(record.link.link_key).await {
                Ok(secrets) => this.serve(record, secrets, files),
                Err(error) => Err(error.into()),
            };
            this.show(outcome);
        });
    }

    /// Shows the room, whether it serves yet or not.
    fn enter(&self, record: &OwnerRecord) {
        self.room.set(Some((record.link.room_id, record.owner_token)));
        let here = record.link.clone();
        self.fragment.replace(watch_fragment(move || Some(here.clone())));
        let link = show_link(&record.link);
        let listed = record.manifest.files.iter();
        let listed =
            listed.map(|file| SelectedFile { path: shown_name(&file.path), bytes: file.bytes });
        let files = Arc::new(listed.collect());
        self.change(|view| {
            view.link = Some(link);
            view.password = record.password.clone();
            view.expires_at = Some(record.expires_at);
            view.files = files;
        });
    }

    /// Opens the room for those who listen live, if there is something to play.
    fn offer_live(self: &Rc<Self>, record: &OwnerRecord, files: &[File], access: Access) {
        let weak = Rc::downgrade(self);
        let broadcast = Broadcast::new(&record.manifest, files, access, move |view| {
            if let Some(inner) = weak.upgrade() {
                inner.change(|share| share.broadcast = Some(view));
                inner.divide_upload();
            }
        });
        self.broadcast.replace(broadcast);
        self.divide_upload();
    }

    /// What is heard live and what is fetched go out together, and keep to one limit.
    fn divide_upload(&self) {
        let Caps { upload, download } = self.caps.get();
        let (listeners, seen) = match &self.view.borrow().broadcast {
            Some(live) => {
                // The host is the first of those who are there.
                let listeners = live.circle.present.len().saturating_sub(1);
                let on = live.player.current.is_some();
                (if on { listeners } else { 0 }, live.player.kind == Some(Kind::Video))
            }
            None => (0, false),
        };
        let (rates, upload) = divide(upload, listeners, seen);
        if let Some(broadcast) = &*self.broadcast.borrow() {
            broadcast.set_rates(rates);
        }
        let caps = Caps { upload, download };
        if self.capped.replace(Some(caps)) != Some(caps) {
            self.post(Input::Capped(caps));
        }
    }

    fn serve(
        self: &Rc<Self>,
        record: OwnerRecord,
        secrets: LinkSecrets,
        files: Vec<File>,
    ) -> Result<(), Problem> {
        if self.room.get().is_none() {
            // Stopped in the meantime.
            return Ok(());
        }
        let layout = record.manifest.check().map_err(unusable)?;
        let (room_id, owner_token) = (record.link.room_id, record.owner_token);
        let rng_seed = u64::from_ne_bytes(random()?);
        let config = Config { layout: layout.clone(), role: Role::Owner, rng_seed, helps: true };
        let access = Access { room_id, secrets, owner_token: Some(owner_token), page: None };
        self.offer_live(&record, &files, access.clone());
        let content = move |inbox: Inbox| -> Box<dyn Content> {
            let on_event = move |event| match event {
                SourceEvent::Loaded(piece, record) => inbox.post(Input::PieceLoaded {
                    piece,
                    record_first: record.first_piece,
                    record_count: record.hashes.len() as u32,
                }),
                SourceEvent::Unreadable(piece) => inbox.post(Input::PieceUnreadable { piece }),
            };
            Box::new(FileSource::new(files, layout, record.keys, room_id, on_event))
        };
        let weak = Rc::downgrade(self);
        let driver = SwarmDriver::new(Swarm::new(config), access, content, move |swarm, now| {
            let Some(inner) = weak.upgrade() else { return };
            let (status, failure) = (swarm.sharing_status(now), swarm.failure());
            if failure.is_some() {
                drop(inner.broadcast.take());
            }
            inner.change(|view| {
                view.status = status;
                view.ended = view.ended.take().or_else(|| failure.map(ended_sentence));
            });
        });
        self.change(|view| view.asked = None);
        self.driver.replace(Some(driver));
        self.capped.set(None);
        self.divide_upload();
        self.post(Input::Started);
        Ok(())
    }
}

impl Content for FileSource {
    fn load(&self, piece: PieceIndex) {
        Self::load(self, piece);
    }
    fn unload(&self, piece: PieceIndex) {
        Self::unload(self, piece);
    }
    fn bytes(&self, block: &BlockRange) -> Option<js_sys::Uint8Array> {
        Self::bytes(self, block.piece, block.begin, block.length)
    }
    fn record(&self, piece: PieceIndex) -> Option<Rc<PieceRecord>> {
        Self::record(self, piece)
    }
}

fn ended_sentence(failure: Failure) -> String {
    match failure {
        Failure::Expired => "The room has reached its end. Create a new link to go on sharing.",
        Failure::Replaced => "This room was opened in another tab, which serves it now.",
        Failure::Version => "The site was updated. Reload this page and create a new link.",
        _ => "The room is closed. Create a new link to go on sharing.",
    }
    .to_owned()
}
