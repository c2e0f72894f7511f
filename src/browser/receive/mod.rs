//! The recipient's side: from a link to files on the person's disk.

mod finished;
mod opened_room;
mod sentences;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_bindgen_futures::spawn_local;
use web_sys::{Blob, FileSystemDirectoryHandle};

use super::crypto::random;
use super::error::Error;
use super::piece_store::{PieceStore, Shelf};
use super::save::{FinishedFile, Parcel, can_choose_folder, choose_folder, write_into};
use super::storage::{Opened, Storage, StorageEvent, free_space, memory_capacity};
use super::swarm_driver::{Access, Content, Inbox, SwarmDriver};
use crate::archive::safe_path::shown_name;
use crate::swarm::status::Phase;
use crate::swarm::{Config, Input, Role, Swarm};
use crate::transfer::{FileRow, ReceiveView, Saved};
use finished::{archive_name, finished_files, spans};
use opened_room::{OpenedRoom, open_room};
use sentences::{Problem, failure_sentence, gone_notice};

/// A recipient's side of a room; dropping it leaves the room.
pub struct Receive(Rc<Inner>);

struct Inner {
    view: RefCell<ReceiveView>,
    room: RefCell<Option<Rc<OpenedRoom>>>,
    running: RefCell<Option<Running>>,
    /// Tells a download from the one before it, whose last words may still come.
    generation: Cell<u32>,
    parcel: RefCell<Option<Parcel>>,
    folder: RefCell<Option<FileSystemDirectoryHandle>>,
    on_change: Box<dyn Fn(ReceiveView)>,
}

struct Running {
    driver: SwarmDriver,
    storage: Rc<Storage>,
}

impl Receive {
    /// Opens the manifest of the room that the address bar names. Joins nothing yet.
    pub fn open(on_change: impl Fn(ReceiveView) + 'static) -> Self {
        let inner = Rc::new(Inner {
            view: RefCell::new(ReceiveView {
                can_choose_folder: can_choose_folder(),
                ..Default::default()
            }),
            room: RefCell::default(),
            running: RefCell::default(),
            generation: Cell::new(0),
            parcel: RefCell::default(),
            folder: RefCell::default(),
            on_change: Box::new(on_change),
        });
        let this = inner.clone();
        spawn_local(async move {
            match open_room().await {
                Ok(room) => this.show_room(room),
                Err(Problem(problem)) => this.change(|view| view.problem = Some(problem)),
            }
        });
        Self(inner)
    }

    /// Whether to fetch one file. Only before the download starts.
    pub fn set_wanted(&self, file: usize, wanted: bool) {
        if self.0.running.borrow().is_some() {
            return;
        }
        self.0.change(|view| {
            let Some(files) = &mut view.files else { return };
            if let Some(row) = Rc::make_mut(files).get_mut(file) {
                row.wanted = wanted;
            }
            view.status.wanted_bytes = wanted_bytes(files);
        });
    }

    /// Joins the room and fetches what is wanted; saves it by itself at the end.
    pub fn download(&self) {
        self.0.folder.replace(None);
        self.0.clone().begin();
    }

    /// The same, into a folder that the person chooses now.
    pub fn download_into_folder(&self) {
        let inner = self.0.clone();
        spawn_local(async move {
            // Whoever closes the dialogue has changed their mind.
            if let Ok(folder) = choose_folder().await {
                inner.folder.replace(Some(folder));
                inner.begin();
            }
        });
    }

    /// Stops asking for more.
    pub fn pause(&self) {
        self.0.post(Input::Paused(true));
    }

    /// Asks for more again.
    pub fn resume(&self) {
        self.0.post(Input::Paused(false));
    }

    /// Gives up, leaves the room and forgets what was fetched.
    pub fn cancel(&self) {
        self.0.end();
        self.0.change(|view| {
            let wanted = view.files.as_ref().map_or(0, |files| wanted_bytes(files));
            view.status = Default::default();
            view.status.wanted_bytes = wanted;
            view.saving = None;
            view.problem = None;
            view.notice = None;
        });
    }

    /// Saves the finished download once more.
    pub fn save_again(&self) {
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
        let view = {
            let mut view = self.view.borrow_mut();
            change(&mut view);
            view.clone()
        };
        (self.on_change)(view);
    }

    fn post(&self, input: Input) {
        if let Some(running) = &*self.running.borrow() {
            running.driver.post(input);
        }
    }

    fn fail(&self, problem: &str) {
        self.end();
        self.change(|view| {
            view.status.phase = Phase::Failed;
            view.problem = Some(problem.to_owned());
        });
    }

    /// Leaves the room and removes what was stored.
    fn end(&self) {
        self.generation.set(self.generation.get() + 1);
        self.parcel.replace(None);
        if let Some(running) = self.running.borrow_mut().take() {
            running.storage.remove();
        }
    }

    fn show_room(&self, room: OpenedRoom) {
        let rows = room.manifest.files.iter().map(|file| FileRow {
            path: shown_name(&file.path),
            bytes: file.bytes,
            wanted: true,
        });
        let rows: Vec<FileRow> = rows.collect();
        self.room.replace(Some(Rc::new(room)));
        self.change(|view| {
            view.status.wanted_bytes = wanted_bytes(&rows);
            view.files = Some(Rc::new(rows));
        });
    }

    fn begin(self: Rc<Self>) {
        let Some(room) = self.room.borrow().clone() else { return };
        self.end();
        let generation = self.generation.get();
        let wanted: Vec<bool> = match &self.view.borrow().files {
            Some(files) => files.iter().map(|file| file.wanted).collect(),
            None => return,
        };
        if !wanted.contains(&true) {
            self.change(|view| view.problem = Some("Choose at least one file.".to_owned()));
            return;
        }
        self.change(|view| {
            view.status.phase = Phase::Connecting;
            view.problem = None;
            view.notice = None;
            view.saved = None;
            view.in_memory = false;
        });
        spawn_local(async move {
            let shelf = Shelf::new(&room.layout, &wanted);
            // A browser that does not say how much it stores is taken at its word later, when it refuses.
            let free = free_space(shelf.bytes()).await;
            if self.generation.get() != generation {
                return;
            }
            if let Some(free) = free.filter(|free| *free < shelf.bytes()) {
                self.fail(&format!(
                    "There is not enough room: this download needs {} MB and this browser gives the site {} MB. \
                     Free some space, or leave files out.",
                    shelf.bytes().div_ceil(1_000_000),
                    free / 1_000_000
                ));
                return;
            }
            if let Err(Problem(problem)) = self.start(room, &wanted, shelf) {
                self.fail(&problem);
            }
        });
    }

    fn start(
        self: &Rc<Self>,
        room: Rc<OpenedRoom>,
        wanted: &[bool],
        shelf: Shelf,
    ) -> Result<(), Problem> {
        let generation = self.generation.get();
        let weak = Rc::downgrade(self);
        let on_storage = {
            let (room, shelf) = (room.clone(), shelf.clone());
            move |event| {
                let inner = weak.upgrade().filter(|inner| inner.generation.get() == generation);
                if let Some(inner) = inner {
                    inner.storage_event(&room, &shelf, event);
                }
            }
        };
        let name = format!("{}.{}", room.link.room_id, u64::from_ne_bytes(random()?));
        let storage = Rc::new(Storage::open(&name, on_storage)?);
        let role = Role::Recipient { wanted_files: wanted.to_vec() };
        let rng_seed = u64::from_ne_bytes(random()?);
        let swarm = Swarm::new(Config { layout: room.layout.clone(), role, rng_seed });
        let access =
            Access { room_id: room.link.room_id, secrets: room.secrets.clone(), owner_token: None };
        let content = {
            let (room, storage) = (room.clone(), storage.clone());
            move |inbox: Inbox| -> Box<dyn Content> {
                let store = storage.clone();
                let files: Vec<_> = shelf.files().collect();
                let layout = room.layout.clone();
                let bytes = shelf.bytes();
                let several = files.len() > 1;
                let on_save = move |gone: &[u32]| {
                    let spans = spans(&layout, &files, gone, several);
                    store.finish(bytes, &spans);
                };
                let (layout, key) = (room.layout.clone(), room.owner_key.clone());
                let place = (layout, shelf);
                Box::new(PieceStore::new(place, room.link.room_id, key, storage, inbox, on_save))
            }
        };
        let weak = Rc::downgrade(self);
        let driver = SwarmDriver::new(swarm, access, content, move |swarm, now| {
            let inner = weak.upgrade().filter(|inner| inner.generation.get() == generation);
            let Some(inner) = inner else { return };
            let (status, failure) = (swarm.download_status(now), swarm.failure());
            inner.change(|view| {
                view.status = status;
                view.notice = view.notice.take().or_else(|| gone_notice(view));
                view.problem = view.problem.take().or_else(|| failure.map(failure_sentence));
            });
        });
        *self.running.borrow_mut() = Some(Running { driver, storage });
        Ok(())
    }

    fn storage_event(self: &Rc<Self>, room: &OpenedRoom, shelf: &Shelf, event: StorageEvent) {
        match event {
            StorageEvent::Opened(Opened::OnDisk) => self.post(Input::Started),
            StorageEvent::Opened(Opened::InMemory) if shelf.bytes() > memory_capacity() => self.fail(
                "This browser keeps no files for pages now, perhaps because this is a private window, and the \
                 download does not fit into memory. Open the link in an ordinary window.",
            ),
            StorageEvent::Opened(Opened::InMemory) => {
                self.change(|view| view.in_memory = true);
                self.post(Input::Started);
            }
            StorageEvent::Checked { piece, matches } => {
                self.post(Input::PieceChecked { piece, matches });
            }
            StorageEvent::Failed => self.post(Input::StorageFailed),
            StorageEvent::Packing(percent) => self.change(|view| view.saving = Some(percent)),
            StorageEvent::Finished(content, sums) => {
                let gone = self.view.borrow().status.gone_files.clone();
                let files = finished_files(room, shelf, &gone);
                let inner = self.clone();
                spawn_local(async move {
                    if inner.save(&content, &files, &sums).await.is_err() {
                        inner.change(|view| {
                            view.problem =
                                Some("The download is complete but could not be saved.".to_owned());
                        });
                    }
                });
            }
        }
    }

    async fn save(
        &self,
        content: &Blob,
        files: &[FinishedFile],
        sums: &[u32],
    ) -> Result<(), Error> {
        let parcel = match files {
            [file] => Parcel::single(content, file)?,
            files => Parcel::archive(content, files, sums, &archive_name(files))?,
        };
        let folder = self.folder.borrow_mut().take();
        let saved = match folder {
            Some(folder) => {
                for (index, file) in files.iter().enumerate() {
                    write_into(&folder, content, file).await?;
                    let percent = (index + 1) * 100 / files.len();
                    self.change(|view| view.saving = Some(percent as u8));
                }
                Saved::Folder(folder.name())
            }
            None => {
                parcel.save()?;
                Saved::File(parcel.name().to_owned())
            }
        };
        self.parcel.replace(Some(parcel));
        self.change(|view| {
            view.saving = None;
            view.saved = Some(saved);
        });
        Ok(())
    }
}
