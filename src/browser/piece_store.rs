//! A recipient's pieces: put together here, compared and stored by the worker, saved at the end.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Uint8Array;
use litemap::LiteMap;
use wasm_bindgen_futures::spawn_local;

use super::crypto::OwnerKey;
use super::storage::Storage;
use super::swarm_driver::{Content, Inbox};
use crate::protocol::id::{PeerId, RoomId};
use crate::protocol::peer_wire::PieceRecord;
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

    fn place(&self, layout: &Layout, piece: PieceIndex) -> Option<u64> {
        let (file, within) = layout.locate(piece)?;
        let at = self.offsets.binary_search_by_key(&file, |(file, _)| *file).ok()?;
        Some(self.offsets.get(at)?.1 + within)
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
    records: Rc<RefCell<LiteMap<PieceIndex, Rc<PieceRecord>>>>,
}

impl PieceStore {
    /// Nothing here yet. `on_save` is called when all that is wanted is stored.
    pub fn new(
        (layout, shelf): (Layout, Shelf),
        room_id: RoomId,
        owner_key: OwnerKey,
        storage: Rc<Storage>,
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
            records: Rc::default(),
        }
    }
}

impl Content for PieceStore {
    fn record(&self, piece: PieceIndex) -> Option<Rc<PieceRecord>> {
        self.records.borrow().get(&piece).cloned()
    }

    fn keep(&self, block: &BlockRange, payload: &Uint8Array) {
        let length = self.layout.length_of(block.piece);
        let mut begun = self.begun.borrow_mut();
        let whole = begun.entry(block.piece).or_insert_with(|| Uint8Array::new_with_length(length));
        // The machine lets only blocks pass that lie inside their piece.
        whole.set(payload, block.begin);
    }

    fn check_record(&self, peer: PeerId, record: PieceRecord) {
        let (key, room_id) = (self.owner_key.clone(), self.room_id);
        let (records, inbox) = (self.records.clone(), self.inbox.clone());
        spawn_local(async move {
            let authentic = key.verify_record(&room_id, &record).await.is_ok();
            let (first, count) = (record.first_piece, record.hashes.len() as u32);
            if authentic {
                let record = Rc::new(record);
                for piece in (first.0..first.0 + count).map(PieceIndex) {
                    records.borrow_mut().insert(piece, record.clone());
                }
            }
            inbox.post(Input::RecordChecked { peer, first, count, authentic });
        });
    }

    fn check_piece(&self, piece: PieceIndex) {
        let bytes = self.begun.borrow_mut().remove(&piece);
        let record = self.record(piece);
        let hash = record
            .as_ref()
            .and_then(|record| record.hashes.get((piece.0 - record.first_piece.0) as usize));
        let place = self.shelf.place(&self.layout, piece);
        if let (Some(bytes), Some(hash), Some(place)) = (bytes, hash, place) {
            self.storage.check(piece, place, hash, &bytes);
        }
    }

    fn discard(&self, piece: PieceIndex) {
        self.begun.borrow_mut().remove(&piece);
    }

    fn save(&self, gone_files: &[u32]) {
        (self.on_save)(gone_files);
    }
}
