//! The page's side of the storage worker.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Float64Array, Function, Promise, Reflect, Uint8Array, Uint32Array};
use litemap::LiteMap;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, MessageEvent, StorageEstimate, Worker, WorkerOptions, WorkerType};

use super::super::error::Error;
use super::super::listener::Listener;
use crate::protocol::peer_wire::{PieceHash, PieceRecord};
use crate::protocol::piece::{BlockRange, PieceIndex};
use crate::store_state::{StoreState, encode_record};

/// Pieces' memory that is kept for the next ones.
const MAX_SPARE: usize = 8;
const BOOTSTRAP: &str = "/storage-worker.js";

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_namespace = ["import", "meta"], js_name = url)]
    static SCRIPT_URL: String;
}

/// Address of this very script.
pub fn script_url() -> String {
    SCRIPT_URL.with(|url| url.clone())
}

/// Where pieces are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// In the browser's file system.
    OnDisk,
    /// In memory, because the browser keeps no files for pages now.
    InMemory,
}

/// A piece, the first byte of its place in the store, and its length.
pub type Place = (PieceIndex, u64, u32);

/// Pieces to be compared, in the order of the store.
#[derive(Default)]
pub struct Pieces {
    places: Vec<Place>,
    hashes: Vec<u8>,
    files: Vec<u32>,
}

impl Pieces {
    /// One more, and the hash that it must have.
    pub fn push(&mut self, place: Place, hash: &PieceHash) {
        self.places.push(place);
        self.hashes.extend_from_slice(hash);
    }

    /// The next so many of them are all of a file whose checksum is wanted.
    pub fn sum(&mut self, pieces: u32) {
        self.files.push(pieces);
    }

    /// Whether there is nothing to compare.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    fn to_message(&self) -> [JsValue; 3] {
        let numbers = |place: &Place| [f64::from(place.0.0), place.1 as f64, place.2.into()];
        let places: Vec<f64> = self.places.iter().flat_map(numbers).collect();
        [
            Float64Array::from(places.as_slice()).into(),
            Uint8Array::from(self.hashes.as_slice()).into(),
            Uint32Array::from(self.files.as_slice()).into(),
        ]
    }
}

/// What the worker tells.
pub enum StorageEvent {
    /// Open, with the state that an earlier visit left.
    Opened(Opened, Vec<u8>),
    /// Another tab has it open.
    Busy,
    /// Comparing what an earlier visit left, or all that is to be saved, per cent.
    Checking(u8),
    /// These pieces of an earlier visit match their records.
    Verified(Vec<u32>),
    /// A piece was compared, and stored if it matches.
    Checked {
        /// Which.
        piece: PieceIndex,
        /// Whether it matches its record.
        matches: bool,
    },
    /// A piece was read back, if it is still what its record says.
    Loaded {
        /// Which.
        piece: PieceIndex,
        /// Whether it is in memory now.
        found: bool,
    },
    /// It cannot store any more: disk full, memory bound reached, or the worker died.
    Failed,
    /// All is stored, closed and was compared: the content, and a CRC-32 for each file that was asked for.
    Finished(Blob, Vec<u32>),
    /// It is not: these pieces cannot be read or are something else. They are not claimed any more.
    Unsound(Vec<u32>),
}

/// The worker; dropping it ends it.
pub struct Storage {
    worker: Worker,
    waiting: Rc<RefCell<Option<Vec<JsValue>>>>,
    loaded: Loaded,
    spare: Spare,
    readers: Readers,
    last_reader: Cell<u32>,
    leaving: Leaving,
    hearer: Hearer,
    dead: Rc<Cell<bool>>,
    _listeners: [Listener; 3],
}

/// Pieces that were read back and not dropped yet.
type Loaded = Rc<RefCell<LiteMap<PieceIndex, Uint8Array>>>;
/// Memory of pieces that are stored, for the next ones: the browser need not find and clear new memory for each.
type Spare = Rc<RefCell<Vec<Uint8Array>>>;
/// Who waits for what is read for the page itself.
type Readers = Rc<RefCell<LiteMap<u32, Function>>>;
/// Itself, while it removes its files: until then it must not end.
type Leaving = Rc<RefCell<Option<Rc<Storage>>>>;
/// Who opened a store.
type Hearer = Rc<OnceCell<Box<dyn Fn(StorageEvent)>>>;

impl Storage {
    /// Starts the worker, and nothing else: that takes longer than all that comes between a store and the first byte.
    ///
    /// # Errors
    /// The browser refuses workers.
    pub fn start() -> Result<Self, Error> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(BOOTSTRAP, &options)?;
        let start = js_sys::Object::new();
        Reflect::set(&start, &"script".into(), &script_url().into())?;
        Reflect::set(&start, &"module".into(), &wasm_bindgen::module())?;
        worker.post_message(&start)?;
        // Until the worker's code runs, messages to it would be lost.
        let waiting = Rc::new(RefCell::new(Some(Vec::new())));
        let (loaded, leaving) = (Loaded::default(), Leaving::default());
        let (hearer, dead) = (Hearer::default(), Rc::new(Cell::new(false)));
        let (target, queue, told) = (worker.clone(), waiting.clone(), hearer.clone());
        let spare = Spare::default();
        let (pieces, freed, gone) = (loaded.clone(), spare.clone(), leaving.clone());
        let readers = Readers::default();
        let reading = readers.clone();
        let heard = move |event: MessageEvent| {
            let message: Array = event.data().unchecked_into();
            if message.get(0) == "ready" {
                for message in queue.borrow_mut().take().into_iter().flatten() {
                    let _ = target.post_message(&message);
                }
            } else if message.get(0) == "removed" {
                drop(gone.take());
            } else if message.get(0) == "read" {
                let reader = message.get(3).as_f64().unwrap_or_default() as u32;
                if let Some(reader) = reading.borrow_mut().remove(&reader) {
                    // It only takes the value.
                    let _ = reader.call1(&JsValue::NULL, &message.get(2));
                }
            } else if let Some(event) = parse(&message) {
                match event {
                    StorageEvent::Loaded { piece, found: true } => {
                        pieces.borrow_mut().insert(piece, message.get(2).unchecked_into());
                    }
                    StorageEvent::Checked { .. } if freed.borrow().len() < MAX_SPARE => {
                        freed.borrow_mut().extend(message.get(3).dyn_into::<Uint8Array>());
                    }
                    _ => {}
                }
                tell(&told, event);
            }
        };
        let (failed, died) = (hearer.clone(), dead.clone());
        let (gone, left) = (leaving.clone(), readers.clone());
        let listeners = [
            Listener::new(&worker, "message", heard),
            Listener::new(&worker, "error", move |_: web_sys::Event| {
                drop(gone.take());
                // Whoever waits for a piece would wait for ever, and keep all of this alive.
                for (_, reader) in left.take() {
                    let _ = reader.call1(&JsValue::NULL, &JsValue::NULL);
                }
                died.set(true);
                tell(&failed, StorageEvent::Failed);
            }),
            Listener::new(&worker, "messageerror", {
                let hearer = hearer.clone();
                move |_: web_sys::Event| tell(&hearer, StorageEvent::Failed)
            }),
        ];
        Ok(Self {
            worker,
            waiting,
            loaded,
            spare,
            readers,
            last_reader: Cell::new(0),
            leaving,
            hearer,
            dead,
            _listeners: listeners,
        })
    }

    /// Whether the worker ended by itself.
    pub fn is_dead(&self) -> bool {
        self.dead.get()
    }

    /// Opens the store of this name. Once.
    pub fn open(&self, name: &str, on_event: impl Fn(StorageEvent) + 'static) {
        let _ = self.hearer.set(Box::new(on_event));
        self.send(&["open".into(), name.into()]);
    }

    /// Compares pieces that an earlier visit left with their hashes.
    pub fn verify(&self, pieces: &Pieces) {
        let [places, hashes, files] = pieces.to_message();
        self.send(&["verify".into(), places, hashes, files]);
    }

    /// Writes down what is stored and what is wanted; keeps the content, or begins anew.
    pub fn begin(&self, state: &StoreState, keep: bool) {
        let bytes = Uint8Array::from(state.encode().as_slice());
        let have = state.have_at();
        let (at, length) = (have.start as u32, have.len() as u32);
        self.send(&["begin".into(), bytes.into(), at.into(), length.into(), keep.into()]);
    }

    /// Keeps a record for later visits.
    pub fn keep_record(&self, record: &PieceRecord) {
        self.send(&["record".into(), Uint8Array::from(encode_record(record).as_slice()).into()]);
    }

    /// Writes down what changed at the end.
    pub fn mark(&self, (at, bytes): (usize, Vec<u8>)) {
        let bytes = Uint8Array::from(bytes.as_slice());
        self.send(&["mark".into(), bytes.into(), (at as u32).into()]);
    }

    /// Memory for a piece of this length, to be filled from end to end.
    pub fn memory(&self, length: u32) -> Uint8Array {
        let mut spare = self.spare.borrow_mut();
        match spare.iter().position(|memory| memory.length() == length) {
            Some(at) => spare.swap_remove(at),
            None => Uint8Array::new_with_length(length),
        }
    }

    /// Hands a whole piece over, to be compared with its hash and stored at `offset`.
    pub fn check(&self, piece: PieceIndex, offset: u64, hash: &PieceHash, bytes: &Uint8Array) {
        let message = Array::of5(
            &"piece".into(),
            &piece.0.into(),
            &(offset as f64).into(),
            &Uint8Array::from(hash.as_slice()),
            bytes,
        );
        let _ = self.worker.post_message_with_transfer(&message, &Array::of1(&bytes.buffer()));
    }

    /// Reads a piece back; [`StorageEvent::Loaded`] follows.
    pub fn load(&self, (piece, offset, length): Place, hash: &PieceHash) {
        let hash = Uint8Array::from(hash.as_slice());
        let (piece, offset) = (piece.0.into(), (offset as f64).into());
        self.send(&["load".into(), piece, offset, length.into(), hash.into()]);
    }

    /// Reads a piece for this page itself, if it is still what its record says.
    pub async fn read(
        &self,
        (piece, offset, length): Place,
        hash: &PieceHash,
    ) -> Option<Uint8Array> {
        let reader = self.last_reader.get().wrapping_add(1);
        self.last_reader.set(reader);
        let read = Promise::new(&mut |resolve, _| {
            self.readers.borrow_mut().insert(reader, resolve);
        });
        let hash = Uint8Array::from(hash.as_slice());
        let (piece, offset) = (piece.0.into(), (offset as f64).into());
        self.send(&["read".into(), piece, offset, length.into(), hash.into(), reader.into()]);
        JsFuture::from(read).await.ok()?.dyn_into().ok()
    }

    /// A part of a piece that was read back.
    pub fn bytes(&self, block: &BlockRange) -> Option<Uint8Array> {
        let loaded = self.loaded.borrow();
        Some(loaded.get(&block.piece)?.subarray(block.begin, block.end()))
    }

    /// Drops a piece that was read back.
    pub fn unload(&self, piece: PieceIndex) {
        self.loaded.borrow_mut().remove(&piece);
    }

    /// Closes the store of `bytes` bytes, compares these pieces, and makes the CRC-32 of each of their files.
    pub fn finish(&self, bytes: u64, pieces: &Pieces) {
        let [places, hashes, files] = pieces.to_message();
        self.send(&["finish".into(), (bytes as f64).into(), places, hashes, files]);
    }

    /// Closes the store and removes what is in it.
    pub fn remove(self: Rc<Self>) {
        self.leaving.replace(Some(self.clone()));
        self.send(&["remove".into()]);
    }

    fn send(&self, message: &[JsValue]) {
        let message: JsValue = message.iter().collect::<Array>().into();
        if let Some(waiting) = self.waiting.borrow_mut().as_mut() {
            waiting.push(message);
            return;
        }
        let _ = self.worker.post_message(&message);
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.worker.terminate();
    }
}

fn tell(hearer: &Hearer, event: StorageEvent) {
    // Whoever is told may drop the storage, and with it all that calls this.
    let hearer = hearer.clone();
    if let Some(hear) = hearer.get() {
        hear(event);
    }
}

fn parse(message: &Array) -> Option<StorageEvent> {
    let number = |index| message.get(index).as_f64().unwrap_or(-1.0);
    let piece = || PieceIndex(number(1) as u32);
    Some(match message.get(0).as_string()?.as_str() {
        "opened" => {
            let on_disk = message.get(1) == "disk";
            let kind = if on_disk { Opened::OnDisk } else { Opened::InMemory };
            StorageEvent::Opened(kind, Uint8Array::new(&message.get(2)).to_vec())
        }
        "busy" => StorageEvent::Busy,
        "checking" => StorageEvent::Checking(number(1) as u8),
        "verified" => StorageEvent::Verified(Uint32Array::new(&message.get(1)).to_vec()),
        "checked" => StorageEvent::Checked { piece: piece(), matches: message.get(2).is_truthy() },
        "loaded" => StorageEvent::Loaded { piece: piece(), found: message.length() > 2 },
        "failed" => StorageEvent::Failed,
        "unsound" => StorageEvent::Unsound(Uint32Array::new(&message.get(1)).to_vec()),
        "finished" => {
            let sums = Uint32Array::new(&message.get(2)).to_vec();
            StorageEvent::Finished(message.get(1).dyn_into().ok()?, sums)
        }
        _ => return None,
    })
}

/// The most that Chromium says is free, though it stores up to 60 % of the disk: how much that is would tell visitors apart
/// (<https://chromestatus.com/feature/4977371751645184>).
const MOST_TOLD: u64 = 10 << 30;

/// Bytes that the browser lets this site store, after asking it to keep them if they would not be enough.
/// `None` if it does not say.
pub async fn free_space(needed: u64) -> Option<u64> {
    let storage = web_sys::window()?.navigator().storage();
    let free = estimate(&storage).await?;
    if free >= needed {
        return Some(free);
    }
    // Firefox asks the person, and then allows half the disk instead of a tenth.
    let persisted = JsFuture::from(storage.persist().ok()?).await;
    if persisted.is_ok_and(|granted| granted.is_truthy()) {
        return estimate(&storage).await;
    }
    Some(free)
}

async fn estimate(storage: &web_sys::StorageManager) -> Option<u64> {
    let estimate = JsFuture::from(storage.estimate().ok()?).await.ok()?;
    let estimate: StorageEstimate = estimate.unchecked_into();
    let number = |name: &str| Reflect::get(&estimate, &name.into()).ok()?.as_f64();
    let free = (number("quota")? - number("usage")?).max(0.0) as u64;
    (free != MOST_TOLD).then_some(free)
}
