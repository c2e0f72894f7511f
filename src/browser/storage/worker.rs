//! The worker's side: takes whole pieces, compares, stores, and reads them back.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use js_sys::{Array, Uint8Array, Uint32Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, DedicatedWorkerGlobalScope, MessageEvent};

use super::super::crypto::sha256_of;
use super::super::error::Error;
use super::super::listener::Listener;
use super::checking::{Checklist, numbers};
use super::exact::{OpenFile, file_of};
use super::memory::MemoryStore;
use super::opfs::{LOCKED, OpfsStore, sleep};

/// Longest time that a stored piece is not yet claimed.
const FLUSH_MILLIS: i32 = 2000;

/// Where pieces are kept.
enum Store {
    Disk(OpfsStore),
    Memory(MemoryStore),
}

/// All that the worker has.
pub struct Worker {
    scope: DedicatedWorkerGlobalScope,
    inbox: RefCell<VecDeque<Array>>,
    busy: Cell<bool>,
    /// Never borrowed across a pause: pieces are read while others are compared.
    store: RefCell<Option<Store>>,
    /// The whole content, once it is here; pieces are read from it then.
    content: RefCell<Option<Blob>>,
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
    pub fn tell(&self, message: &[JsValue]) {
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

    /// A part of the content, all of it or nothing.
    pub async fn read(&self, offset: f64, length: f64) -> Result<Uint8Array, Error> {
        let content = match self.content.borrow().clone() {
            None => match self.store.borrow().as_ref() {
                Some(Store::Disk(store)) if store.is_closed() => Err(store.file()),
                Some(Store::Disk(store)) => return store.read(offset, length),
                Some(Store::Memory(store)) => return store.read(offset),
                None => return Err(Error::NotAuthentic),
            },
            Some(content) => Ok(content),
        };
        let content: Blob = match content {
            Ok(content) => content,
            // It was closed a moment ago.
            Err(file) => file_of(&file).await?.into(),
        };
        let part = content.slice_with_f64_and_f64(offset, offset + length)?;
        let bytes = Uint8Array::new(&JsFuture::from(part.array_buffer()).await?);
        if f64::from(bytes.length()) == length { Ok(bytes) } else { Err(Error::NotAuthentic) }
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
        let list = Checklist::parse(message, 1)?;
        if let Some(checked) = list.check(self, |worker| !worker.inbox.borrow().is_empty()).await {
            self.tell(&["verified".into(), numbers(&checked.sound)]);
        }
        Ok(())
    }

    fn is_closed(&self) -> bool {
        match self.store.borrow().as_ref() {
            Some(Store::Disk(store)) => store.is_closed(),
            _ => self.content.borrow().is_some(),
        }
    }

    /// The content is whole and closed, but something of it is lost: it is written anew.
    async fn reopen(&self) -> Result<(), Error> {
        let file = match self.store.borrow().as_ref() {
            Some(Store::Disk(store)) => store.file(),
            _ => return Err(Error::NotAuthentic),
        };
        let opened = OpenFile::open(&file).await?;
        if let Some(Store::Disk(store)) = self.store.borrow_mut().as_mut() {
            store.reopened(opened);
        }
        self.content.replace(None);
        Ok(())
    }

    async fn take_piece(self: &Rc<Self>, message: &Array) -> Result<bool, Error> {
        let (piece, offset) = (number(message, 1), number(message, 2));
        let expected: Uint8Array = message.get(3).dyn_into()?;
        let bytes: Uint8Array = message.get(4).dyn_into()?;
        if sha256_of(&bytes).await?.as_slice() != expected.to_vec() {
            return Ok(false);
        }
        if self.is_closed() {
            self.reopen().await?;
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

    /// Closes the content and compares all that is to be saved with its records, in the file that is handed over for that.
    /// Nothing is taken for stored because it was written.
    async fn finish(&self, message: &Array) -> Result<(), Error> {
        let list = Checklist::parse(message, 2)?;
        let content = self.close(number(message, 1)).await?;
        self.content.replace(Some(content.clone()));
        let cancelled =
            |worker: &Self| worker.inbox.borrow().iter().any(|message| message.get(0) == "remove");
        let Some(checked) = list.check(self, cancelled).await else { return Ok(()) };
        if checked.unsound.length() > 0 {
            if let Some(Store::Disk(store)) = self.store.borrow_mut().as_mut() {
                let pieces = checked.unsound.iter().filter_map(|piece| piece.as_f64());
                pieces.for_each(|piece| store.claim(piece as u32, false));
                store.flush()?;
            }
            self.tell(&["unsound".into(), numbers(&checked.unsound)]);
            return Ok(());
        }
        let sums = Uint32Array::from(checked.sums.as_slice());
        let answer = Array::of3(&"finished".into(), &content, &sums);
        Ok(self.scope.post_message(&answer)?)
    }

    /// All that is stored, to be read and saved from there.
    async fn close(&self, bytes: f64) -> Result<Blob, Error> {
        if let Some(content) = &*self.content.borrow() {
            return Ok(content.clone());
        }
        let file = match self.store.borrow_mut().as_mut() {
            Some(Store::Disk(store)) => {
                store.close(bytes)?;
                store.file()
            }
            Some(Store::Memory(store)) => return store.close(),
            None => return Err(Error::NotAuthentic),
        };
        Ok(file_of(&file).await?.into())
    }
}
