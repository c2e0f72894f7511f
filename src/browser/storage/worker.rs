//! The worker's side: takes whole pieces, compares, stores, and reads them back.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use crc::{CRC_32_ISO_HDLC, Crc, Table};
use js_sys::{Array, Float64Array, Promise, Uint8Array, Uint32Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, DedicatedWorkerGlobalScope, MessageEvent};

use super::super::crypto::sha256_of;
use super::super::error::Error;
use super::super::listener::Listener;
use super::memory::MemoryStore;
use super::opfs::{LOCKED, OpfsStore, sleep};

/// The CRC-32 of ZIP, by one table of a kilobyte: sixteen would be faster, and a tenth of the whole first page.
static CRC32: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);

/// Bytes read at a time for a checksum.
const READ_BYTES: f64 = 4_194_304.0;
/// Longest time that a stored piece is not yet claimed.
const FLUSH_MILLIS: i32 = 2000;

/// Where pieces are kept.
enum Store {
    Disk(OpfsStore),
    Memory(MemoryStore),
}

struct Worker {
    scope: DedicatedWorkerGlobalScope,
    inbox: RefCell<VecDeque<Array>>,
    busy: Cell<bool>,
    /// Never borrowed across a pause: pieces are read while others are compared.
    store: RefCell<Option<Store>>,
    /// The promise of the whole content, once it is here; pieces are read from it then.
    content: RefCell<Option<Promise>>,
    flush_due: Cell<bool>,
}

/// Called once by the bootstrap, in the worker.
#[wasm_bindgen]
pub fn storage_worker() {
    console_error_panic_hook::set_once();
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let worker = Rc::new(Worker {
        scope: scope.clone(),
        inbox: RefCell::default(),
        busy: Cell::default(),
        store: RefCell::default(),
        content: RefCell::default(),
        flush_due: Cell::default(),
    });
    let listener = Listener::new(&scope, "message", move |event: MessageEvent| {
        let message: Array = event.data().unchecked_into();
        if message.get(0) == "load" || message.get(0) == "read" {
            // Others wait for it; packing an archive takes longer than they would.
            spawn_local(load(worker.clone(), message));
            return;
        }
        worker.inbox.borrow_mut().push_back(message);
        if !worker.busy.replace(true) {
            spawn_local(run(worker.clone()));
        }
    });
    // It lives as long as the worker: the page ends both at once.
    std::mem::forget(listener);
}

/// Works messages off one after the other. The page keeps the line short: it asks for no more pieces while
/// many are not yet checked.
async fn run(worker: Rc<Worker>) {
    loop {
        let Some(message) = worker.inbox.borrow_mut().pop_front() else { break };
        if worker.handle(&message).await.is_err() {
            worker.tell(&["failed".into()]);
        }
    }
    worker.busy.set(false);
}

async fn flush_later(worker: Rc<Worker>) {
    sleep(FLUSH_MILLIS).await;
    worker.flush_due.set(false);
    if let Some(Store::Disk(store)) = worker.store.borrow_mut().as_mut()
        && store.flush().is_err()
    {
        worker.tell(&["failed".into()]);
    }
}

/// Reads a piece back for another peer, or for the page itself. What does not match any more is not claimed any more.
async fn load(worker: Rc<Worker>, message: Array) {
    let hash: Uint8Array = message.get(4).unchecked_into();
    let found = worker.sound_piece(number(&message, 2), number(&message, 3), &hash).await;
    let word = if message.get(0) == "read" { "read" } else { "loaded" };
    let reply = Array::of2(&word.into(), &message.get(1));
    if word == "read" {
        reply.set(2, JsValue::NULL);
        reply.set(3, message.get(5));
    }
    match found {
        Some(bytes) => {
            reply.set(2, bytes.clone().into());
            let _ = worker.scope.post_message_with_transfer(&reply, &Array::of1(&bytes.buffer()));
        }
        None => {
            if let Some(Store::Disk(store)) = worker.store.borrow_mut().as_mut() {
                store.claim(number(&message, 1) as u32, false);
                let _ = store.flush();
            }
            let _ = worker.scope.post_message(&reply);
        }
    }
}

fn number(message: &Array, index: u32) -> f64 {
    message.get(index).as_f64().unwrap_or_default()
}

impl Worker {
    fn tell(&self, message: &[JsValue]) {
        let _ = self.scope.post_message(&message.iter().collect::<Array>());
    }

    async fn handle(self: &Rc<Self>, message: &Array) -> Result<(), Error> {
        match message.get(0).as_string().unwrap_or_default().as_str() {
            "open" => self.open(&message.get(1).as_string().unwrap_or_default()).await,
            "verify" => self.verify(message).await?,
            "piece" => {
                let matches = self.take_piece(message).await?;
                self.checked(message, matches);
            }
            "finish" => self.finish(message).await?,
            "remove" => {
                let store = self.store.borrow_mut().take();
                if let Some(Store::Disk(store)) = store {
                    store.remove().await;
                }
                self.tell(&["removed".into()]);
            }
            word => {
                if let Some(Store::Disk(store)) = self.store.borrow_mut().as_mut() {
                    let bytes: Uint8Array = message.get(1).dyn_into()?;
                    let (second, third) = (number(message, 2), number(message, 3));
                    match word {
                        "begin" => {
                            let have = (second as u32, third as u32);
                            store.begin(&bytes, have, message.get(4).is_truthy())?;
                        }
                        "record" => store.append(&bytes)?,
                        // Only what a later visit shows depends on it.
                        "mark" => drop(store.mark(second, &bytes)),
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    async fn open(&self, name: &str) {
        let (store, kind, state) = match OpfsStore::open(name).await {
            Ok((store, state)) => (Store::Disk(store), "disk", state),
            Err(error) if error.is(LOCKED) => {
                self.tell(&["busy".into()]);
                return;
            }
            Err(_) => {
                let store = MemoryStore::default();
                (Store::Memory(store), "memory", Uint8Array::new_with_length(0))
            }
        };
        self.store.replace(Some(store));
        self.tell(&["opened".into(), kind.into(), state.into()]);
    }

    /// A part of the content.
    async fn read(&self, offset: f64, length: f64) -> Result<Uint8Array, Error> {
        let content = self.content.borrow().clone();
        if let Some(content) = content {
            let content: Blob = JsFuture::from(content).await?.dyn_into()?;
            let part = content.slice_with_f64_and_f64(offset, offset + length)?;
            return Ok(Uint8Array::new(&JsFuture::from(part.array_buffer()).await?));
        }
        match self.store.borrow().as_ref() {
            Some(Store::Disk(store)) => store.read(offset, length),
            Some(Store::Memory(store)) => store.read(offset),
            None => Err(Error::NotAuthentic),
        }
    }

    /// A piece, if it can be read and is what its record says.
    async fn sound_piece(&self, offset: f64, length: f64, hash: &Uint8Array) -> Option<Uint8Array> {
        let bytes = self.read(offset, length).await.ok()?;
        let sound = sha256_of(&bytes).await.ok()?.as_slice() == hash.to_vec();
        sound.then_some(bytes)
    }

    /// Compares what an earlier visit left with its records, until anything else is asked: then the page has
    /// changed its mind.
    async fn verify(&self, message: &Array) -> Result<(), Error> {
        let places: Float64Array = message.get(1).dyn_into()?;
        let hashes: Uint8Array = message.get(2).dyn_into()?;
        let places = places.to_vec();
        let (places, _) = places.as_chunks::<3>();
        let sound = Array::new();
        let mut told = 0;
        for (index, [piece, offset, length]) in places.iter().enumerate() {
            if !self.inbox.borrow().is_empty() {
                return Ok(());
            }
            let hash = hashes.subarray(index as u32 * 32, index as u32 * 32 + 32);
            if self.sound_piece(*offset, *length, &hash).await.is_some() {
                sound.push(&(*piece).into());
            }
            let percent = (index + 1) * 100 / places.len();
            if percent != told {
                told = percent;
                self.tell(&["checking".into(), (percent as u32).into()]);
            }
        }
        self.tell(&["verified".into(), Uint32Array::new(&sound).into()]);
        Ok(())
    }

    async fn take_piece(self: &Rc<Self>, message: &Array) -> Result<bool, Error> {
        let (piece, offset) = (number(message, 1), number(message, 2));
        let expected: Uint8Array = message.get(3).dyn_into()?;
        let bytes: Uint8Array = message.get(4).dyn_into()?;
        if sha256_of(&bytes).await?.as_slice() != expected.to_vec() {
            return Ok(false);
        }
        match self.store.borrow_mut().as_mut() {
            Some(Store::Disk(store)) => {
                store.write(piece as u32, offset, &bytes)?;
                if !self.flush_due.replace(true) {
                    spawn_local(flush_later(self.clone()));
                }
            }
            Some(Store::Memory(store)) => store.write(offset, &bytes)?,
            None => return Err(Error::NotAuthentic),
        }
        Ok(true)
    }

    /// Answers, and gives the piece's memory back if it is not where the piece is kept.
    fn checked(&self, message: &Array, matches: bool) {
        let answer = Array::of3(&"checked".into(), &message.get(1), &matches.into());
        let kept = matches && !matches!(*self.store.borrow(), Some(Store::Disk(_)));
        match message.get(4).dyn_into::<Uint8Array>() {
            Ok(bytes) if !kept => {
                answer.push(&bytes);
                let memory = Array::of1(&bytes.buffer());
                let _ = self.scope.post_message_with_transfer(&answer, &memory);
            }
            _ => self.tell(&answer.to_vec()),
        }
    }

    async fn finish(&self, message: &Array) -> Result<(), Error> {
        let spans: Float64Array = message.get(2).dyn_into()?;
        let content = match self.store.borrow_mut().as_mut() {
            Some(Store::Disk(store)) => store.close(number(message, 1))?,
            Some(Store::Memory(store)) => Promise::resolve(&JsValue::from(store.close()?)),
            None => return Err(Error::NotAuthentic),
        };
        self.content.replace(Some(content.clone()));
        let sums = self.checksums(&spans.to_vec()).await?;
        let content = JsFuture::from(content).await?;
        let sums = Uint32Array::from(sums.as_slice());
        self.tell(&["finished".into(), content, sums.into()]);
        Ok(())
    }

    async fn checksums(&self, spans: &[f64]) -> Result<Vec<u32>, Error> {
        let (spans, _) = spans.as_chunks::<2>();
        let total: f64 = spans.iter().map(|[_, length]| length).sum();
        let (mut done, mut told) = (0.0, 0);
        let mut sums = Vec::with_capacity(spans.len());
        for [offset, length] in spans {
            let mut digest = CRC32.digest();
            let (mut at, end) = (*offset, *offset + *length);
            while at < end {
                let part = self.read(at, READ_BYTES.min(end - at)).await?.to_vec();
                digest.update(&part);
                at += part.len() as f64;
                done += part.len() as f64;
                let percent = (done * 100.0 / total) as u32;
                if percent != told {
                    told = percent;
                    self.tell(&["packing".into(), percent.into()]);
                }
                if part.is_empty() {
                    return Err(Error::NotAuthentic);
                }
            }
            sums.push(digest.finalize());
        }
        Ok(sums)
    }
}
