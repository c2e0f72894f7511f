//! From a store, new or left by an earlier visit, to a running download.

use std::rc::Rc;

use super::finished::pieces;
use super::listening::Media;
use super::opened_room::OpenedRoom;
use super::sentences::{LOST_AFTERWARDS, Problem, UNREADABLE, failure_sentence, gone_notice};
use super::{Inner, wanted_bytes};
use crate::browser::crypto::{random, sha256};
use crate::browser::piece_store::{PieceStore, Records, Shelf};
use crate::browser::storage::{Opened, Pieces, Storage, free_space, memory_capacity};
use crate::browser::swarm_driver::{Content, Inbox, SwarmDriver};
use crate::protocol::piece::PieceIndex;
use crate::store_state::StoreState;
use crate::swarm::status::{DownloadStatus, Phase};
use crate::swarm::{Bitfield, Config, Failure, Input, Role, Swarm};
use crate::transfer::Saved;

/// What is fetched, and what of it is here already.
pub struct Plan {
    /// What the store is told; what it claims is checked before the download begins.
    pub state: StoreState,
    /// Where each wanted file lies in the store.
    pub shelf: Shelf,
    /// The owner's word for the pieces.
    pub records: Records,
    /// Whether an earlier visit left something.
    keep: bool,
    /// In memory, because there is no place on the disk.
    in_memory: bool,
}

impl Plan {
    /// Files that did not come: those of this visit, and of earlier ones, which are not sought any more.
    pub fn gone(&self, now: &[u32]) -> Vec<u32> {
        let earlier = self.state.gone.iter().zip(0..).filter(|(gone, _)| **gone);
        now.iter().copied().chain(earlier.map(|(_, file)| file)).collect()
    }
}

impl Inner {
    /// Opens the room's store, to go on with what an earlier visit wanted or to fetch what is wanted now.
    pub(super) fn begin(self: &Rc<Self>, resumes: bool) {
        let Some(room) = self.room.borrow().clone() else { return };
        if !resumes && !self.chosen().contains(&true) {
            self.change(|view| view.problem = Some("Choose at least one file.".to_owned()));
            return;
        }
        self.close();
        if let Some(media) = &*self.media.borrow() {
            media.answers.opening();
        }
        self.resumes.set(resumes);
        self.change(|view| {
            view.status.phase = Phase::Connecting;
            view.problem = None;
            view.notice = None;
            view.saved = None;
            view.in_memory = false;
        });
        let generation = self.generation.get();
        let weak = Rc::downgrade(self);
        let name = room.link.room_id.to_string();
        let storage = match self.idle_storage.take().filter(|idle| !idle.is_dead()) {
            Some(idle) => idle,
            None => match Storage::start() {
                Ok(started) => started,
                Err(error) => {
                    self.fail(&Problem::from(error).0);
                    return;
                }
            },
        };
        storage.open(&name, move |event| {
            let inner = weak.upgrade().filter(|inner| inner.generation.get() == generation);
            if let Some(inner) = inner {
                inner.storage_event(&room, event);
            }
        });
        self.storage.replace(Some(Rc::new(storage)));
    }

    pub(super) fn chosen(&self) -> Vec<bool> {
        let view = self.view.borrow();
        view.files.iter().flat_map(|files| files.iter()).map(|file| file.wanted).collect()
    }

    /// The store is open: decides what to go on with, and has it compared with the owner's word.
    pub(super) async fn opened(self: Rc<Self>, room: Rc<OpenedRoom>, kind: Opened, left: Vec<u8>) {
        let generation = self.generation.get();
        let manifest = room.manifest.to_json();
        let Ok(fingerprint) = sha256(manifest.as_bytes()).await else { return };
        if self.generation.get() != generation {
            return;
        }
        let (files, pieces) = (room.layout.files().len(), room.layout.piece_count());
        let left = StoreState::decode(&left, &fingerprint, files, pieces);
        let resumes = self.resumes.take();
        let chosen = self.chosen();
        let left = left.filter(|left| resumes || left.wanted == chosen);
        let keep = left.is_some();
        let mut state = match left {
            Some(left) if resumes => {
                self.listens.set(left.played);
                left
            }
            // Asked for anew, so it is saved anew, and what was gone may be there again.
            Some(left) => StoreState {
                saved: false,
                played: self.listens.get(),
                gone: vec![false; files],
                ..left
            },
            // It is there, but this time the browser does not let this page at it.
            None if resumes && kind == Opened::InMemory => {
                self.fail(UNREADABLE);
                return;
            }
            None if resumes => {
                self.cancel();
                return;
            }
            None => StoreState {
                fingerprint,
                saved: false,
                played: self.listens.get(),
                gone: vec![false; files],
                wanted: chosen,
                have: Bitfield::none(pieces),
                records: Vec::new(),
            },
        };
        self.show_wanted(&state.wanted);
        let records = Records::default();
        for record in std::mem::take(&mut state.records) {
            if room.owner_key.verify_record(&room.link.room_id, &record).await.is_ok() {
                records.add(record, pieces);
            }
        }
        if self.generation.get() != generation {
            return;
        }
        let shelf = Shelf::new(&room.layout, &state.wanted);
        let mut claimed = Pieces::default();
        for piece in (0..pieces).map(PieceIndex).filter(|piece| state.have.contains(*piece)) {
            let hash = records.hash_of(piece);
            if let (Some(place), Some(hash)) = (shelf.place(&room.layout, piece), hash) {
                claimed.push(place, &hash);
            }
        }
        let in_memory = kind == Opened::InMemory;
        self.plan.replace(Some(Rc::new(Plan { state, shelf, records, keep, in_memory })));
        match &*self.storage.borrow() {
            Some(storage) if !claimed.is_empty() => storage.verify(&claimed),
            _ => wasm_bindgen_futures::spawn_local(self.clone().verified(room, Vec::new())),
        }
    }

    fn show_wanted(&self, wanted: &[bool]) {
        self.change(|view| {
            let Some(files) = &mut view.files else { return };
            for (row, wanted) in Rc::make_mut(files).iter_mut().zip(wanted) {
                row.wanted = *wanted;
            }
            view.status.wanted_bytes = wanted_bytes(files);
        });
        self.tell_player_what_is_wanted();
    }

    /// What is here is known: looks whether the rest fits, and begins.
    pub(super) async fn verified(self: Rc<Self>, room: Rc<OpenedRoom>, sound: Vec<u32>) {
        let generation = self.generation.get();
        let Some(plan) = self.plan.take() else { return };
        // Nobody else holds it before the download runs.
        let Some(mut plan) = Rc::into_inner(plan) else { return };
        plan.state.have = Bitfield::none(room.layout.piece_count());
        let mut missing = plan.shelf.bytes();
        for piece in sound.into_iter().map(PieceIndex) {
            plan.state.have.insert(piece);
            missing = missing.saturating_sub(room.layout.length_of(piece).into());
        }
        plan.state.records = plan.records.all();
        if plan.in_memory && missing > memory_capacity() {
            self.fail(
                "This browser keeps no files for pages now, perhaps because this is a private window, and the \
                 download does not fit into memory. Open the link in an ordinary window.",
            );
            return;
        }
        // A browser that does not say how much it stores is taken at its word later, when it refuses.
        let free = free_space(missing).await.filter(|free| *free < missing && !plan.in_memory);
        if self.generation.get() != generation {
            return;
        }
        if let Some(free) = free {
            if !plan.keep {
                self.forget();
            }
            self.fail(&format!(
                "There is not enough room: this download needs {} MB and this browser gives the site {} MB. \
                 Free some space, or leave files out.",
                missing.div_ceil(1_000_000),
                free / 1_000_000
            ));
            return;
        }
        if let Err(Problem(problem)) = self.start(room, plan) {
            self.fail(&problem);
        }
    }

    fn start(self: &Rc<Self>, room: Rc<OpenedRoom>, plan: Plan) -> Result<(), Problem> {
        let Some(storage) = self.storage.borrow().clone() else { return Ok(()) };
        storage.begin(&plan.state, plan.keep);
        self.change(|view| {
            view.listening = self.listens.get();
            view.checking = None;
            view.in_memory = plan.in_memory;
        });
        let sought = plan.state.wanted.iter().zip(&plan.state.gone);
        let role = Role::Recipient {
            wanted_files: sought.map(|(wanted, gone)| *wanted && !*gone).collect(),
            have: plan.state.have.clone(),
        };
        let rng_seed = u64::from_ne_bytes(random()?);
        let helps = self.view.borrow().helps;
        let swarm = Swarm::new(Config { layout: room.layout.clone(), role, rng_seed, helps });
        let access = room.access();
        let plan = Rc::new(plan);
        self.plan.replace(Some(plan.clone()));
        let source = Media::source(&room, &plan, storage.clone());
        let content = move |inbox: Inbox| -> Box<dyn Content> {
            let (layout, store, kept) = (room.layout.clone(), storage.clone(), plan.clone());
            let folders = room.manifest.folders.len();
            let on_save = move |gone: &[u32]| {
                let pieces = pieces(&layout, &kept, &kept.gone(gone), folders);
                store.finish(kept.shelf.bytes(), &pieces);
            };
            let place = (room.layout.clone(), plan.shelf.clone());
            let owner = (room.link.room_id, room.owner_key.clone());
            let kept = (storage, plan.records.clone());
            Box::new(PieceStore::new(place, owner, kept, inbox, on_save))
        };
        let generation = self.generation.get();
        let weak = Rc::downgrade(self);
        let driver = SwarmDriver::new(swarm, access, content, move |swarm, now| {
            let inner = weak.upgrade().filter(|inner| inner.generation.get() == generation);
            let Some(inner) = inner else { return };
            let (status, failure) = (swarm.download_status(now), swarm.failure());
            inner.follow_completion(&status);
            inner.change(|view| {
                view.status = status;
                view.notice = view.notice.take().or_else(|| gone_notice(view));
                view.problem = view.problem.take().or_else(|| failure.map(failure_sentence));
            });
            inner.follow(failure);
            inner.forget_if_over(failure);
        });
        self.driver.replace(Some(driver));
        self.serve_players(source);
        self.post(Input::Paused(self.paused.get()));
        self.post(Input::Capped(crate::browser::caps()));
        self.post(Input::Started);
        Ok(())
    }

    /// What was complete may be so no more, if something of it cannot be read back.
    fn follow_completion(&self, status: &DownloadStatus) {
        match status.phase {
            Phase::Complete | Phase::Seeding => self.complete.set(true),
            Phase::Failed => {}
            _ if self.complete.replace(false) => {
                self.verified.set(false);
                // It would be saved with what is wrong in it.
                self.parcel.replace(None);
                self.change(|view| {
                    (view.checking, view.saving) = (None, None);
                    view.notice = match view.saved {
                        None | Some(Saved::Kept) => view.notice.take(),
                        _ => Some(LOST_AFTERWARDS.to_owned()),
                    };
                });
            }
            _ => {}
        }
    }

    /// Nobody can go on with a download whose room is over. What is complete stays until it is saved, and then for as
    /// long as the browser may take to copy it.
    fn forget_if_over(&self, failure: Option<Failure>) {
        let over = matches!(
            failure,
            Some(Failure::Stopped | Failure::Expired | Failure::Removed | Failure::AllGone)
        );
        let saved = self.view.borrow().saved.is_some();
        if over && !self.complete.get() && !saved {
            self.forget();
        }
    }
}
