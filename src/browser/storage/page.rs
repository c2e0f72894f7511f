//! The page's side of the storage worker.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Float64Array, Reflect, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, MessageEvent, StorageEstimate, Worker, WorkerOptions, WorkerType};

use super::super::error::Error;
use super::super::listener::Listener;
use crate::protocol::peer_wire::PieceHash;
use crate::protocol::piece::PieceIndex;

const BOOTSTRAP: &str = "/storage-worker.js";

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_namespace = ["import", "meta"], js_name = url)]
    static SCRIPT_URL: String;
}

/// Where pieces are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// In the browser's file system.
    OnDisk,
    /// In memory, because the browser keeps no files for pages now.
    InMemory,
}

/// What the worker tells.
pub enum StorageEvent {
    /// Ready for pieces.
    Opened(Opened),
    /// A piece was compared, and stored if it matches.
    Checked {
        /// Which.
        piece: PieceIndex,
        /// Whether it matches its record.
        matches: bool,
    },
    /// It cannot store any more: disk full, memory bound reached, or the worker died.
    Failed,
    /// Making an archive's checksums, per cent.
    Packing(u8),
    /// All is stored and closed: the content, and a CRC-32 for each span that was asked for.
    Finished(Blob, Vec<u32>),
}

/// The worker; dropping it ends it.
pub struct Storage {
    worker: Worker,
    waiting: Rc<RefCell<Option<Vec<JsValue>>>>,
    _listeners: [Listener; 3],
}

impl Storage {
    /// Starts the worker and opens a store of this name.
    ///
    /// # Errors
    /// The browser refuses workers.
    pub fn open(
        name: &str,
        on_event: impl Fn(StorageEvent) + Clone + 'static,
    ) -> Result<Self, Error> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(BOOTSTRAP, &options)?;
        let start = js_sys::Object::new();
        Reflect::set(&start, &"script".into(), &SCRIPT_URL.with(|url| url.clone()).into())?;
        Reflect::set(&start, &"module".into(), &wasm_bindgen::module())?;
        worker.post_message(&start)?;
        // Until the worker's code runs, messages to it would be lost.
        let open = Array::of2(&"open".into(), &name.into());
        let waiting = Rc::new(RefCell::new(Some(vec![open.into()])));
        let (target, queue, told) = (worker.clone(), waiting.clone(), on_event.clone());
        let heard = move |event: MessageEvent| {
            let message: Array = event.data().unchecked_into();
            if message.get(0) == "ready" {
                for message in queue.borrow_mut().take().into_iter().flatten() {
                    let _ = target.post_message(&message);
                }
            } else if let Some(event) = parse(&message) {
                told(event);
            }
        };
        let failed = on_event.clone();
        let listeners = [
            Listener::new(&worker, "message", heard),
            Listener::new(&worker, "error", move |_: web_sys::Event| failed(StorageEvent::Failed)),
            Listener::new(&worker, "messageerror", move |_: web_sys::Event| {
                on_event(StorageEvent::Failed);
            }),
        ];
        Ok(Self { worker, waiting, _listeners: listeners })
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

    /// Closes the store of `bytes` bytes and makes the CRC-32 of each span (offset, length).
    pub fn finish(&self, bytes: u64, spans: &[(u64, u64)]) {
        let flat: Vec<f64> = spans.iter().flat_map(|s| [s.0 as f64, s.1 as f64]).collect();
        let flat = Float64Array::from(flat.as_slice());
        self.send(Array::of3(&"finish".into(), &(bytes as f64).into(), &flat).into());
    }

    /// Closes the store and removes what is in it.
    pub fn remove(&self) {
        self.send(Array::of1(&"remove".into()).into());
    }

    fn send(&self, message: JsValue) {
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

fn parse(message: &Array) -> Option<StorageEvent> {
    let number = |index| message.get(index).as_f64().unwrap_or(-1.0);
    Some(match message.get(0).as_string()?.as_str() {
        "opened" if message.get(1) == "disk" => StorageEvent::Opened(Opened::OnDisk),
        "opened" => StorageEvent::Opened(Opened::InMemory),
        "checked" => StorageEvent::Checked {
            piece: PieceIndex(number(1) as u32),
            matches: message.get(2).is_truthy(),
        },
        "failed" => StorageEvent::Failed,
        "packing" => StorageEvent::Packing(number(1) as u8),
        "finished" => {
            let blob = message.get(1).dyn_into().ok()?;
            let sums: js_sys::Uint32Array = message.get(2).dyn_into().ok()?;
            StorageEvent::Finished(blob, sums.to_vec())
        }
        _ => return None,
    })
}

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
    Some((number("quota")? - number("usage")?).max(0.0) as u64)
}
