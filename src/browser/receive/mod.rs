//! The recipient's side: from a link to files on the person's disk.

mod finished;
mod helping;
mod listening;
mod live;
mod opened_room;
mod opening;
mod sentences;
mod together;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use wasm_bindgen_futures::spawn_local;
use web_sys::FileSystemDirectoryHandle;

use super::address::watch_fragment;
use super::caps;
use super::circle_driver::CircleDriver;
use super::folder::{can_choose_folder, choose_folder};
use super::listener::Listener;
use super::media::tracks::file_rows;
use super::save::Parcel;
use super::storage::{Storage, StorageEvent, is_stored};
use super::swarm_driver::SwarmDriver;
use crate::media::kind::Kind;
use crate::protocol::piece::PieceIndex;
use crate::swarm::Input;
use crate::swarm::status::{Caps, Phase};
use crate::transfer::{FileRow, PlayerCommand, PlayerView, ReceiveView};
use listening::Media;
use live::Live;
use opened_room::{OpenedRoom, open_room};
use opening::Plan;
use sentences::{ELSEWHERE, NOT_STARTED, Problem, STORAGE_FULL};

/// A recipient's side of a room; dropping it leaves the room.
pub struct Receive(Rc<Inner>);

struct Inner {
    view: RefCell<ReceiveView>,
    room: RefCell<Option<Rc<OpenedRoom>>>,
    storage: RefCell<Option<Rc<Storage>>>,
    /// Started while the person reads what is in the room, for the first thing that they want of it.
    idle_storage: RefCell<Option<Storage>>,
    plan: RefCell<Option<Rc<Plan>>>,
    driver: RefCell<Option<SwarmDriver>>,
    /// Tells a download from the one before it, whose last words may still come.
    generation: Cell<u32>,
    /// It goes on with what an earlier visit wanted, whatever that is.
    resumes: Cell<bool>,
    /// All that is wanted is stored, and may be on its way to the person's disk.
    complete: Cell<bool>,
    /// And it was compared with the owner's word once more, as it is on the disk. Before that it is not called complete.
    verified: Cell<bool>,
    /// The person pressed Pause, perhaps before there was anything that could pause.
    paused: Cell<bool>,
    parcel: RefCell<Option<Parcel>>,
    folder: RefCell<Option<FileSystemDirectoryHandle>>,
    /// It is fetched to be played; the person did not ask for the files.
    listens: Cell<bool>,
    media: RefCell<Option<Media>>,
    live: Live,
    /// While the person listens together with others.
    together: RefCell<Option<CircleDriver>>,
    on_change: Box<dyn Fn(ReceiveView)>,
    on_player_change: Rc<dyn Fn(PlayerView)>,
    _fragment: Option<Listener>,
}

impl Receive {
    /// Opens the manifest of the room that the address bar names. Joins only if an earlier visit left a download, which
    /// goes on by itself.
    pub fn open(
        on_change: impl Fn(ReceiveView) + 'static,
        on_player_change: impl Fn(PlayerView) + 'static,
    ) -> Self {
        let inner = Rc::new_cyclic(|weak: &Weak<Inner>| Inner {
            _fragment: {
                let weak = weak.clone();
                watch_fragment(move || {
                    let inner = weak.upgrade()?;
                    inner.room.borrow().as_ref().map(|room| room.link.clone())
                })
            },
            view: RefCell::new(ReceiveView {
                can_choose_folder: can_choose_folder(),
                helps: helping::helps(),
                ..Default::default()
            }),
            room: RefCell::default(),
            storage: RefCell::default(),
            idle_storage: RefCell::default(),
            plan: RefCell::default(),
            driver: RefCell::default(),
            generation: Cell::new(0),
            resumes: Cell::new(false),
            complete: Cell::new(false),
            verified: Cell::new(false),
            paused: Cell::new(false),
            parcel: RefCell::default(),
            folder: RefCell::default(),
            listens: Cell::new(false),
            media: RefCell::default(),
            live: Live::default(),
            together: RefCell::default(),
            on_change: Box::new(on_change),
            on_player_change: Rc::new(on_player_change),
        });
        let this = inner.clone();
        spawn_local(async move {
            match open_room().await {
                Ok(room) => {
                    let name = room.link.room_id.to_string();
                    this.show_room(room);
                    let generation = this.generation.get();
                    if is_stored(&name).await && this.generation.get() == generation {
                        this.begin(true);
                    }
                }
                Err(Problem(problem)) => this.change(|view| view.problem = Some(problem)),
            }
        });
        Self(inner)
    }

    /// Whether to fetch one file. Only before the download starts.
    pub fn set_wanted(&self, file: usize, wanted: bool) {
        let phase = self.0.view.borrow().status.phase;
        if !matches!(phase, Phase::Idle | Phase::Failed) {
            return;
        }
        self.0.change(|view| {
            let Some(files) = &mut view.files else { return };
            if let Some(row) = Rc::make_mut(files).get_mut(file) {
                row.wanted = wanted;
            }
            view.status.wanted_bytes = wanted_bytes(files);
        });
        self.0.tell_player_what_is_wanted();
    }

    /// Joins the room and fetches what is wanted; saves it by itself at the end.
    pub fn download(&self) {
        if self.0.keep_after_all() {
            return;
        }
        self.0.listens.set(false);
        self.0.folder.replace(None);
        // Tried again, when another tab was in the way.
        self.0.begin(self.0.resumes.get());
    }

    /// The same, into a folder that the person chooses now.
    pub fn download_into_folder(&self) {
        let inner = self.0.clone();
        spawn_local(async move {
            // Whoever closes the dialogue has changed their mind.
            if let Ok(folder) = choose_folder().await {
                inner.folder.replace(Some(folder));
                inner.listens.set(false);
                inner.begin(false);
            }
        });
    }

    /// Stops asking for more.
    pub fn pause(&self) {
        self.0.pause(true);
    }

    /// Asks for more again.
    pub fn resume(&self) {
        self.0.pause(false);
    }

    /// Gives up, leaves the room and forgets what was fetched.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether this page serves others, now and on later visits.
    pub fn set_helps(&self, helps: bool) {
        helping::remember(helps);
        self.0.change(|view| view.helps = helps);
        self.0.post(Input::HelpingChosen(helps));
    }

    /// Limits what is sent and received, now and on later visits.
    pub fn set_caps(&self, caps: Caps) {
        caps::remember(caps);
        self.0.post(Input::Capped(caps));
    }

    /// Saves the finished download once more.
    pub fn save_again(&self) {
        if self.0.keep_after_all() {
            return;
        }
        if let Some(parcel) = &*self.0.parcel.borrow()
            && parcel.save().is_err()
        {
            self.0.change(|view| {
                view.problem = Some("This browser refused to save the file.".to_owned())
            });
        }
    }
}

fn wanted_bytes(files: &[FileRow]) -> u64 {
    files.iter().filter(|file| file.wanted).map(|file| file.bytes).sum()
}

impl Inner {
    fn change(&self, change: impl FnOnce(&mut ReceiveView)) {
        let mut view = {
            let mut view = self.view.borrow_mut();
            change(&mut view);
            view.clone()
        };
        if matches!(view.status.phase, Phase::Complete | Phase::Seeding) && !self.verified.get() {
            view.status.phase = Phase::Downloading;
        }
        (self.on_change)(view);
    }

    fn pause(&self, paused: bool) {
        self.paused.set(paused);
        self.post(Input::Paused(paused));
    }

    fn post(&self, input: Input) {
        if let Some(driver) = &*self.driver.borrow() {
            driver.post(input);
        }
    }

    fn fail(&self, problem: &str) {
        self.close();
        self.change(|view| {
            view.status.phase = Phase::Failed;
            view.problem = Some(problem.to_owned());
        });
    }

    /// Leaves the room; what is stored stays.
    fn close(&self) {
        self.generation.set(self.generation.get() + 1);
        self.complete.set(false);
        self.verified.set(false);
        self.paused.set(false);
        self.parcel.replace(None);
        self.plan.replace(None);
        if let Some(media) = &*self.media.borrow() {
            media.answers.close();
        }
        drop(self.driver.take());
        drop(self.storage.take());
        let mut view = self.view.borrow_mut();
        (view.saving, view.checking) = (None, None);
    }

    /// Removes what is stored.
    fn forget(&self) {
        if let Some(storage) = self.storage.take() {
            storage.remove();
        }
    }

    fn cancel(&self) {
        self.leave_together();
        self.resumes.set(false);
        self.listens.set(false);
        if let Some(media) = &*self.media.borrow() {
            media.player.act(PlayerCommand::Close);
        }
        self.forget();
        self.close();
        self.change(|view| {
            let wanted = view.files.as_ref().map_or(0, |files| wanted_bytes(files));
            view.status = Default::default();
            view.status.wanted_bytes = wanted;
            view.problem = None;
            view.notice = None;
        });
    }

    fn show_room(self: &Rc<Self>, room: OpenedRoom) {
        let rows = file_rows(&room.manifest);
        let empty_folders = room.manifest.folders.len();
        self.media.replace(Some(Media::new(self, &room, &rows)));
        self.room.replace(Some(Rc::new(room)));
        // Where it cannot start now, it is tried again, and told, when it is needed.
        self.idle_storage.replace(Storage::start().ok());
        if rows.iter().any(|row| matches!(row.kind, Some(Kind::Audio | Kind::Video))) {
            self.watch_for_broadcasts();
        }
        self.change(|view| {
            view.status.wanted_bytes = wanted_bytes(&rows);
            view.files = Some(Rc::new(rows));
            view.empty_folders = empty_folders;
        });
    }

    fn storage_event(self: &Rc<Self>, room: &Rc<OpenedRoom>, event: StorageEvent) {
        match event {
            StorageEvent::Opened(kind, left) => {
                spawn_local(self.clone().opened(room.clone(), kind, left));
            }
            StorageEvent::Busy if self.listens.get() => self.listen_elsewhere(),
            StorageEvent::Busy => self.fail(ELSEWHERE),
            StorageEvent::Checking(percent) => {
                // What an earlier visit saved is compared as well, and nobody waits for that.
                let plan = self.plan.borrow().clone();
                let waits = !self.complete.get() || plan.is_some_and(|plan| !plan.state.saved);
                self.change(|view| view.checking = Some(percent).filter(|_| waits));
            }
            StorageEvent::Verified(sound) => {
                spawn_local(self.clone().verified(room.clone(), sound));
            }
            StorageEvent::Checked { piece, matches } => {
                self.post(Input::PieceChecked { piece, matches });
                if let Some(media) = self.media.borrow().as_ref().filter(|_| matches) {
                    media.answers.stored(piece);
                }
            }
            StorageEvent::Loaded { piece, found } => {
                if let Some(media) = self.media.borrow().as_ref().filter(|_| !found) {
                    media.answers.lost(piece);
                }
                let record = self.plan.borrow().as_ref().and_then(|plan| plan.records.of(piece));
                self.post(match record.filter(|_| found) {
                    Some(record) => Input::PieceLoaded {
                        piece,
                        record_first: record.first_piece,
                        record_count: record.hashes.len() as u32,
                    },
                    None => Input::PieceUnreadable { piece },
                });
            }
            StorageEvent::Failed if self.driver.borrow().is_none() => {
                let dead = self.storage.borrow().as_ref().is_some_and(|storage| storage.is_dead());
                self.fail(if dead { NOT_STARTED } else { STORAGE_FULL });
            }
            StorageEvent::Failed => self.post(Input::StorageFailed),
            StorageEvent::Unsound(pieces) => {
                for piece in pieces.into_iter().map(PieceIndex) {
                    if let Some(media) = &*self.media.borrow() {
                        media.answers.lost(piece);
                    }
                    self.post(Input::PieceUnreadable { piece });
                }
            }
            StorageEvent::Finished(content, sums) => {
                spawn_local(self.clone().finished(room.clone(), content, sums));
            }
        }
    }
}
