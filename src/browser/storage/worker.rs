//! The worker's side: takes whole pieces, compares, stores.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use crc::{CRC_32_ISO_HDLC, Crc, Table};
use js_sys::{Array, Float64Array, Reflect, Uint8Array, Uint32Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{Blob, DedicatedWorkerGlobalScope, MessageEvent};

use super::super::crypto::sha256_of;
use super::super::error::Error;
use super::super::listener::Listener;
use super::memory::MemoryStore;
use super::opfs::OpfsStore;

/// The CRC-32 of ZIP, by one table of a kilobyte: sixteen would be faster, and a tenth of the whole first page.
static CRC32: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);

/// Bytes read at a time for a checksum.
const READ_BYTES: u64 = 1 << 20;

/// Where pieces are kept.
enum Store {
    Disk(OpfsStore),
    Memory(MemoryStore),
}

impl Store {
    async fn open(name: &str) -> Self {
        match OpfsStore::open(name).await {
            Ok(store) => Self::Disk(store),
            Err(_) => Self::Memory(MemoryStore::default()),
        }
    }

    fn write(&mut self, offset: f64, bytes: &Uint8Array) -> Result<(), Error> {
        match self {
            Self::Disk(store) => store.write(offset, bytes),
            Self::Memory(store) => store.write(offset, bytes),
        }
    }

    /// Fills `buffer` from `offset` on.
    fn read(&self, offset: f64, buffer: &mut [u8]) -> Result<(), Error> {
        match self {
            Self::Disk(store) => store.read(offset, buffer),
            Self::Memory(store) => store.read(offset, buffer),
        }
    }

    async fn close(&mut self, bytes: f64) -> Result<Blob, Error> {
        match self {
            Self::Disk(store) => store.close(bytes).await,
            Self::Memory(store) => store.blob(),
        }
    }

    async fn remove(self) {
        if let Self::Disk(store) = self {
            store.remove().await;
        }
    }
}

struct Worker {
    scope: DedicatedWorkerGlobalScope,
    inbox: RefCell<VecDeque<Array>>,
    busy: RefCell<bool>,
    store: RefCell<Option<Store>>,
}

/// Called once by the bootstrap, in the worker.
#[wasm_bindgen]
pub fn storage_worker() {
    console_error_panic_hook::set_once();
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let worker = Rc::new(Worker {
        scope: scope.clone(),
        inbox: RefCell::default(),
        busy: RefCell::default(),
        store: RefCell::default(),
    });
    let listener = Listener::new(&scope, "message", move |event: MessageEvent| {
        worker.inbox.borrow_mut().push_back(event.data().unchecked_into());
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
            worker.tell(&Array::of1(&"failed".into()));
        }
    }
    worker.busy.replace(false);
}

impl Worker {
    fn tell(&self, message: &Array) {
        let _ = self.scope.post_message(message);
    }

    async fn handle(&self, message: &Array) -> Result<(), Error> {
        match message.get(0).as_string().unwrap_or_default().as_str() {
            "open" => {
                let store = Store::open(&message.get(1).as_string().unwrap_or_default()).await;
                let kind = if matches!(store, Store::Disk(_)) { "disk" } else { "memory" };
                *self.store.borrow_mut() = Some(store);
                self.tell(&Array::of2(&"opened".into(), &kind.into()));
            }
            "piece" => {
                let matches = self.take_piece(message).await?;
                self.tell(&Array::of3(&"checked".into(), &message.get(1), &matches.into()));
            }
            "finish" => self.finish(message).await?,
            "remove" => {
                let store = self.store.borrow_mut().take();
                if let Some(store) = store {
                    store.remove().await;
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn take_piece(&self, message: &Array) -> Result<bool, Error> {
        let offset = message.get(2).as_f64().unwrap_or_default();
        let expected: Uint8Array = message.get(3).dyn_into()?;
        let bytes: Uint8Array = message.get(4).dyn_into()?;
        if sha256_of(&bytes).await?.as_slice() != expected.to_vec() {
            return Ok(false);
        }
        match self.store.borrow_mut().as_mut() {
            Some(store) => store.write(offset, &bytes)?,
            None => return Err(Error::NotAuthentic),
        }
        Ok(true)
    }

    async fn finish(&self, message: &Array) -> Result<(), Error> {
        let bytes = message.get(1).as_f64().unwrap_or_default();
        let spans: Float64Array = message.get(2).dyn_into()?;
        let Some(mut store) = self.store.borrow_mut().take() else {
            return Err(Error::NotAuthentic);
        };
        let sums = self.checksums(&store, &spans.to_vec())?;
        let blob = store.close(bytes).await?;
        let sums = Uint32Array::from(sums.as_slice());
        self.tell(&Array::of3(&"finished".into(), &blob, &sums));
        *self.store.borrow_mut() = Some(store);
        Ok(())
    }

    fn checksums(&self, store: &Store, spans: &[f64]) -> Result<Vec<u32>, Error> {
        let (spans, _) = spans.as_chunks::<2>();
        let total: f64 = spans.iter().map(|[_, length]| length).sum();
        let (mut done, mut told) = (0.0, 0);
        let mut sums = Vec::with_capacity(spans.len());
        let mut buffer = vec![0; READ_BYTES as usize];
        for [offset, length] in spans {
            let mut digest = CRC32.digest();
            let (mut at, end) = (*offset as u64, (*offset + *length) as u64);
            while at < end {
                let count = READ_BYTES.min(end - at);
                let part = buffer.get_mut(..count as usize).ok_or(Error::NotAuthentic)?;
                store.read(at as f64, part)?;
                digest.update(part);
                at += count;
                done += count as f64;
                let percent = (done * 100.0 / total) as u32;
                if percent != told {
                    told = percent;
                    self.tell(&Array::of2(&"packing".into(), &percent.into()));
                }
            }
            sums.push(digest.finalize());
        }
        Ok(sums)
    }
}

/// One field of the worker's global object.
pub(super) fn global(path: &[&str]) -> Result<JsValue, Error> {
    let mut value: JsValue = js_sys::global().into();
    for name in path {
        value = Reflect::get(&value, &JsValue::from_str(name))?;
    }
    Ok(value)
}
