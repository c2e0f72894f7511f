//! Playing a room's files while they arrive: the download and the player, brought together.

use std::cell::RefCell;
use std::rc::Rc;

use web_sys::{Blob, Element};

use super::opened_room::OpenedRoom;
use super::opening::Plan;
use super::{Inner, Receive, wanted_bytes};
use crate::browser::media::answers::{Answers, Source};
use crate::browser::media::player::Player;
use crate::browser::media::tracks::tracks;
use crate::browser::media::whole_files::WholeFiles;
use crate::browser::piece_store::Shelf;
use crate::browser::save::Parcel;
use crate::browser::storage::Storage;
use crate::media::kind;
use crate::swarm::Failure;
use crate::swarm::status::Phase;
use crate::transfer::{FileRow, PlayerCommand};

/// What plays, and what answers it.
pub struct Media {
    pub answers: Rc<Answers>,
    pub player: Player,
}

impl Media {
    /// For a room whose names are known.
    pub fn new(inner: &Rc<Inner>, room: &OpenedRoom, rows: &[FileRow]) -> Self {
        let weak = Rc::downgrade(inner);
        let name = room.link.room_id.to_string();
        let answers = Rc::new(Answers::new(&name, move |input| {
            if let Some(inner) = weak.upgrade() {
                inner.post(input);
            }
        }));
        let on_change = inner.on_player_change.clone();
        let page = Rc::downgrade(inner);
        let player = Player::new(&name, Some(answers.clone()), tracks(rows), move |view| {
            // One thing sounds at a time, whichever way it was begun.
            if view.playing
                && let Some(inner) = page.upgrade()
            {
                inner.stop_listening_live();
            }
            on_change(view);
        });
        Self { answers, player }
    }

    /// Where the pieces of a download are.
    pub fn source(room: &OpenedRoom, plan: &Plan, storage: Rc<Storage>) -> Source {
        let mime = |path: &str| kind::of_path(path).map(|media| media.mime);
        Source {
            types: room.manifest.files.iter().map(|file| mime(&file.path)).collect(),
            layout: room.layout.clone(),
            shelf: plan.shelf.clone(),
            records: plan.records.clone(),
            storage,
            have: RefCell::new(plan.state.have.clone()),
        }
    }

    /// All is stored.
    pub fn whole(&self, content: &Blob, shelf: &Shelf, gone: &[u32]) {
        let places = shelf.files().filter(|(file, _)| !gone.contains(&(*file as u32))).collect();
        self.player.whole_files(WholeFiles { content: content.clone(), places });
    }
}

impl Receive {
    /// Plays a file, or what Play begins with, and fetches the room for that.
    pub fn play(&self, file: Option<usize>) {
        let inner = &self.0;
        inner.stop_listening_live();
        {
            let media = inner.media.borrow();
            let Some(media) = &*media else { return };
            let Some(file) = file.or_else(|| media.player.first()) else { return };
            inner.want(file);
            // Held until the store is open; in this click, so that the browser lets it sound.
            if !inner.is_running() {
                media.answers.opening();
            }
            media.player.play(file);
        }
        inner.fetch_to_play();
    }

    /// Shows the first picture, and fetches the room for that.
    pub fn look(&self) {
        let first = match &*self.0.media.borrow() {
            Some(media) => media.player.first_picture(),
            None => None,
        };
        let Some(first) = first else { return };
        self.0.want(first);
        if let Some(media) = &*self.0.media.borrow() {
            if !self.0.is_running() {
                media.answers.opening();
            }
            media.player.show_picture(first);
        }
        self.0.fetch_to_play();
    }

    /// What the person asks of the player.
    pub fn command(&self, command: PlayerCommand) {
        if let Some(media) = &*self.0.media.borrow() {
            match command {
                PlayerCommand::Turn(by) => media.player.turn(by),
                PlayerCommand::ClosePicture => media.player.close_picture(),
                command => media.player.act(command),
            }
        }
        match command {
            PlayerCommand::Play => {
                self.0.stop_listening_live();
                self.0.fetch_to_play();
            }
            PlayerCommand::Toggle => self.0.stop_listening_live(),
            PlayerCommand::Close => self.0.leave_together(),
            _ => {}
        }
    }

    /// Where the player's own element goes.
    pub fn show_player_in(&self, place: &Element) {
        if let Some(media) = &*self.0.media.borrow() {
            media.player.show_in(place);
        }
    }
}

impl Inner {
    pub(super) fn is_running(&self) -> bool {
        self.storage.borrow().is_some()
    }

    /// Whoever plays a file wants it, as long as that can still be chosen.
    pub(super) fn want(&self, file: usize) {
        if self.is_running() {
            return;
        }
        self.change(|view| {
            let Some(files) = &mut view.files else { return };
            if let Some(row) = Rc::make_mut(files).get_mut(file) {
                row.wanted = true;
            }
            view.status.wanted_bytes = wanted_bytes(files);
        });
        self.tell_player_what_is_wanted();
    }

    pub(super) fn tell_player_what_is_wanted(&self) {
        if let Some(media) = &*self.media.borrow() {
            media.player.set_wanted(&self.chosen());
        }
    }

    /// Joins the room, unless it is fetched already.
    pub(super) fn fetch_to_play(self: &Rc<Self>) {
        if self.is_running() {
            if self.paused.get() {
                self.pause(false);
            }
            return;
        }
        self.listens.set(true);
        self.begin(self.resumes.get());
    }

    /// What was fetched to be played is to be saved after all. Tells whether that was so.
    pub(super) fn keep_after_all(self: &Rc<Self>) -> bool {
        let plan = self.plan.borrow().clone();
        let failed = self.view.borrow().status.phase == Phase::Failed;
        let runs = self.driver.borrow().is_some() && !failed;
        let Some(plan) = plan.filter(|_| self.listens.get() && runs) else { return false };
        self.listens.set(false);
        self.change(|view| view.listening = false);
        let save = |parcel: &Parcel| parcel.save().map(|()| parcel.saved());
        let saved = self.parcel.borrow().as_ref().map(save);
        match saved {
            // It is saved when it is complete.
            None => self.mark(&plan, false),
            Some(Ok(saved)) => {
                self.mark(&plan, true);
                self.change(|view| view.saved = Some(saved));
            }
            Some(Err(_)) => self.change(|view| {
                view.problem = Some("This browser refused to save the file.".to_owned());
            }),
        }
        true
    }

    /// Another tab has the pieces, and answers this one's player.
    pub(super) fn listen_elsewhere(&self) {
        self.close();
        self.change(|view| {
            view.status.phase = Phase::Idle;
            view.notice = Some(
                "Another tab of this browser has this room's download. What you play here comes from there; keep it \
                 open."
                    .to_owned(),
            );
        });
    }

    /// The store is open and the machine runs.
    pub(super) fn serve_players(&self, source: Source) {
        if let Some(media) = &*self.media.borrow() {
            media.answers.open(source);
        }
    }

    /// The player follows what becomes of the download.
    pub(super) fn follow(&self, failure: Option<Failure>) {
        let media = self.media.borrow();
        let Some(media) = &*media else { return };
        {
            let view = self.view.borrow();
            media.player.set_gone(&view.status.gone_files);
            media.answers.gone(&view.status.gone_files);
        }
        // Who waits for a piece that cannot be had any more is told.
        let unread = matches!(failure, Some(Failure::Storage | Failure::Damaged));
        if unread || failure.is_some() && !self.complete.get() {
            media.answers.close();
        }
        media.player.refresh();
    }
}
