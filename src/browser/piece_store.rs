//! A recipient's pieces: put together here, compared and stored by the worker, read back for others, saved at the end.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Uint8Array;
use litemap::LiteMap;
use wasm_bindgen_futures::spawn_local;

use super::crypto::OwnerKey;
use super::storage::{Place, Storage};
use super::swarm_driver::{Content, Inbox};
use crate::protocol::id::{PeerId, RoomId};
use crate::protocol::peer_wire::{PieceHash, PieceRecord};
use crate::protocol::piece::{BlockRange, Layout, PieceIndex};
use crate::swarm::Input;

/// Where each wanted file lies in the store: one behind the other, in the room's order.
#[derive(Clone, Debug)]
pub struct Shelf {
    /// Each wanted file's number and first byte, in the room's order.
    offsets: Vec<(usize, u64)>,
    bytes: u64,
}

impl Shelf {
    /// Room for these files only.
    pub fn new(layout: &Layout, wanted: &[bool]) -> Self {
        let mut offsets = Vec::new();
        let mut bytes = 0;
        for (file, span) in layout.files().iter().enumerate() {
            if wanted.get(file) == Some(&true) {
                offsets.push((file, bytes));
                bytes += span.bytes;
            }
        }
        Self { offsets, bytes }
    }

    /// Bytes of all wanted files.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Wanted files and where they begin.
    pub fn files(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.offsets.iter().copied()
    }

    /// Where a piece lies, if its file is wanted.
    pub fn place(&self, layout: &Layout, piece: PieceIndex) -> Option<Place> {
        let (file, within) = layout.locate(piece)?;
        let at = self.offsets.binary_search_by_key(&file, |(file, _)| *file).ok()?;
        Some((piece, self.offsets.get(at)?.1 + within, layout.length_of(piece)))
    }
}

/// Records whose signatures were checked, under each piece that they cover.
#[derive(Clone, Default)]
pub struct Records(Rc<RefCell<LiteMap<PieceIndex, Rc<PieceRecord>>>>);

impl Records {
    /// Keeps a record for those of its pieces that have none, below `piece_count`. Tells whether there are any.
    pub fn add(&self, record: PieceRecord, piece_count: u32) -> bool {
        let mut records = self.0.borrow_mut();
        let first = record.first_piece.0;
        let end = first.saturating_add(record.hashes.len() as u32).min(piece_count);
        let record = Rc::new(record);
        let before = records.len();
        for piece in (first..end).map(PieceIndex) {
            records.entry(piece).or_insert_with(|| record.clone());
        }
        records.len() > before
    }

    /// The one that covers a piece.
    pub fn of(&self, piece: PieceIndex) -> Option<Rc<PieceRecord>> {
        self.0.borrow().get(&piece).cloned()
    }

    /// The hash that a piece must have.
    pub fn hash_of(&self, piece: PieceIndex) -> Option<PieceHash> {
        let record = self.of(piece)?;
        record.hashes.get((piece.0 - record.first_piece.0) as usize).copied()
    }

    /// Each record, hardly ever twice.
    pub fn all(&self) -> Vec<PieceRecord> {
        let records = self.0.borrow();
        let mut all: Vec<&Rc<PieceRecord>> = records.values().collect();
        all.dedup_by(|one, other| Rc::ptr_eq(one, other));
        all.into_iter().map(|record| (**record).clone()).collect()
    }
}

/// Told which files are gone when all others are stored.
type OnSave = dyn Fn(&[u32]);

/// See the module.
pub struct PieceStore {
    layout: Layout,
    shelf: Shelf,
    room_id: RoomId,
    owner_key: OwnerKey,
    storage: Rc<Storage>,
    inbox: Inbox,
    on_save: Box<OnSave>,
    begun: RefCell<LiteMap<PieceIndex, Uint8Array>>,
    records: Records,
}

impl PieceStore {
    /// Over a store that is open. `on_save` is called when all that is wanted is in it.
    pub fn new(
        (layout, shelf): (Layout, Shelf),
        (room_id, owner_key): (RoomId, OwnerKey),
        (storage, records): (Rc<Storage>, Records),
        inbox: Inbox,
        on_save: impl Fn(&[u32]) + 'static,
    ) -> Self {
        Self {
            layout,
            shelf,
            room_id,
            owner_key,
            storage,
            inbox,
            on_save: Box::new(on_save),
            begun: RefCell::default(),
            records,
        }
    }
}

impl Content for PieceStore {
    fn load(&self, piece: PieceIndex) {
        let place = self.shelf.place(&self.layout, piece);
        match (place, self.records.hash_of(piece)) {
            (Some(place), Some(hash)) => self.storage.load(place, &hash),
            _ => self.inbox.post(Input::PieceUnreadable { piece }),
        }
    }

    fn unload(&self, piece: PieceIndex) {
        self.storage.unload(piece);
    }

    fn bytes(&self, block: &BlockRange) -> Option<Uint8Array> {
        self.storage.bytes(block)
    }

    fn record(&self, piece: PieceIndex) -> Option<Rc<PieceRecord>> {
        self.records.of(piece)
    }

    fn keep(&self, block: &BlockRange, payload: &Uint8Array) {
        let length = self.layout.length_of(block.piece);
        let mut begun = self.begun.borrow_mut();
        let whole = begun.entry(block.piece).or_insert_with(|| self.storage.memory(length));
        // The machine lets only blocks pass that lie inside their piece.
        whole.set(payload, block.begin);
    }

    fn check_record(&self, peer: PeerId, record: PieceRecord) {
        let (key, room_id) = (self.owner_key.clone(), self.room_id);
        let (records, inbox) = (self.records.clone(), self.inbox.clone());
        let (storage, pieces) = (self.storage.clone(), self.layout.piece_count());
        spawn_local(async move {
            let authentic = key.verify_record(&room_id, &record).await.is_ok();
            let (first, count) = (record.first_piece, record.hashes.len() as u32);
            // Every provider sends it; what is known already is not written down again.
            if authentic && records.add(record.clone(), pieces) {
                storage.keep_record(&record);
            }
            inbox.post(Input::RecordChecked { peer, first, count, authentic });
        });
    }

    fn check_piece(&self, piece: PieceIndex) {
        let bytes = self.begun.borrow_mut().remove(&piece);
        let place = self.shelf.place(&self.layout, piece);
        if let (Some(bytes), Some(hash), Some(place)) = (bytes, self.records.hash_of(piece), place)
        {
            self.storage.check(piece, place.1, &hash, &bytes);
        }
    }

    fn discard(&self, piece: PieceIndex) {
        self.begun.borrow_mut().remove(&piece);
    }

    fn save(&self, gone_files: &[u32]) {
        (self.on_save)(gone_files);
    }
}
