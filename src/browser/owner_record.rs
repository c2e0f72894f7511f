//! What an owner's page keeps of its room, so that it is the owner's again after a reload.
//!
//! One record for each room in IndexedDB: the owner token, the key pair (which cannot be read, only kept), and what the
//! files were. Where a browser keeps nothing for pages, as some do in private windows, a share works all the
//! same and a reload ends it.
//!
//! Only one tab serves a room. It holds a lock of the browser's, so that the owner can still open the own link
//! in a second tab and see what recipients see.

use js_sys::{Array, Float64Array, Function, Object, Promise, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Event, File, FileSystemFileHandle, IdbDatabase, IdbObjectStore, IdbRequest, IdbTransaction,
    IdbTransactionMode,
};

use super::crypto::{OwnerKeys, object};
use super::error::Error;
use super::listener::Listener;
use super::server_call::is_over;
use crate::protocol::id::{OwnerToken, RoomId};
use crate::protocol::link::ShareLink;
use crate::protocol::manifest::Manifest;

const DATABASE: &str = "transfer4me owner";
const STORE: &str = "rooms";
const LOCK_PREFIX: &str = "transfer4me room ";
/// How long the lock of a page that was just left may take to come free, on a busy machine. Beside a tab that
/// serves, the page shows meanwhile what recipients see.
const CLAIM_PATIENCE_MS: u32 = 10_000;
/// Rooms that the server is asked about at one visit.
const MAX_ASKED_ABOUT: usize = 4;

/// A room that this browser made.
pub struct OwnerRecord {
    /// Its link.
    pub link: ShareLink,
    /// Proof of being its owner.
    pub owner_token: OwnerToken,
    /// What signs for its pieces.
    pub keys: OwnerKeys,
    /// Its files.
    pub manifest: Manifest,
    /// `File.lastModified` of each, in milliseconds since 1970.
    pub modified: Vec<f64>,
    /// `FileSystemFileHandle` of each, or undefined; nothing if there are none.
    pub handles: Array,
    /// What recipients are asked for, to be shown again.
    pub password: Option<String>,
    /// Unix time in seconds at which it ends by itself.
    pub expires_at: u64,
}

impl OwnerRecord {
    /// Keeps it, and makes this tab the one that serves the room. Tells whether it is kept: else a reload ends the share.
    pub fn keep(&self) -> impl Future<Output = bool> + use<> {
        let room = self.link.room_id.to_text();
        let record = object(&[
            ("room", (&room).into()),
            ("token", self.owner_token.to_text().into()),
            ("keys", self.keys.pair().into()),
            ("manifest", self.manifest.to_json().into()),
            ("modified", Float64Array::from(self.modified.as_slice()).into()),
            ("password", self.password.as_deref().into()),
            ("expires_at", (self.expires_at as f64).into()),
        ]);
        let handles = self.handles.clone();
        async move {
            claim(&room).await;
            // Refused where keys cannot be stored, and where the disk is full.
            let Ok(record) = record else { return false };
            if put(&room, &record).await.is_err() {
                return false;
            }
            if handles.length() > 0 {
                // A second time, because handles may be refused where the rest is not.
                let _ = Reflect::set(&record, &"handles".into(), &handles);
                let _ = put(&room, &record).await;
            }
            true
        }
    }

    /// The record of this link's room, unless another tab serves it.
    pub async fn find(link: &ShareLink) -> Option<Self> {
        let room = link.room_id.to_text();
        let record = remembered(&room).await.ok()??;
        let field = |name: &str| Reflect::get(&record, &name.into()).ok();
        let text = |name: &str| field(name)?.as_string();
        let keys = OwnerKeys::from_pair(field("keys")?.unchecked_into()).await.ok()?;
        if keys.link_key().await.ok()? != link.link_key || !claim(&room).await {
            return None;
        }
        Some(Self {
            link: link.clone(),
            owner_token: text("token")?.parse().ok()?,
            keys,
            manifest: Manifest::from_json(&text("manifest")?).ok()?,
            modified: Float64Array::new(&field("modified")?).to_vec(),
            handles: field("handles")?.dyn_into().unwrap_or_default(),
            password: text("password"),
            expires_at: field("expires_at")?.as_f64()? as u64,
        })
    }

    /// Forgets a room that was closed.
    pub async fn forget(room_id: &RoomId) {
        if let Ok(store) = store().await {
            // A record that stays goes at a later visit.
            let _ = store.delete(&room_id.to_text().into());
        }
    }
}

/// Whether this browser made the room.
pub async fn is_kept(room_id: &RoomId) -> bool {
    matches!(remembered(&room_id.to_text()).await, Ok(Some(_)))
}

async fn put(room: &str, record: &Object) -> Result<(), Error> {
    let store = store().await?;
    let kept = committed(&store.transaction());
    answer(&store.put_with_key(record, &room.into())?).await?;
    Ok(kept.await.map(drop)?)
}

/// Waits until what was asked in a transaction is kept. One that runs out of space is taken back as a whole, though each
/// request in it succeeded.
fn committed(transaction: &IdbTransaction) -> JsFuture {
    let done = Promise::new(&mut |resolve, reject| {
        transaction.set_oncomplete(Some(&resolve));
        transaction.set_onabort(Some(&reject));
    });
    done.into()
}

/// The file behind a kept handle, if the person lets this page read it again.
pub async fn reopened(handle: &JsValue) -> Option<File> {
    let mode = object(&[("mode", "read".into())]).ok()?;
    let asking = handle.unchecked_ref::<KeptHandle>().request_permission(&mode).ok()?;
    if JsFuture::from(asking).await.ok()? != "granted" {
        return None;
    }
    let handle: &FileSystemFileHandle = handle.unchecked_ref();
    JsFuture::from(handle.get_file()).await.ok()?.dyn_into().ok()
}

/// The record of one room.
async fn remembered(room: &str) -> Result<Option<JsValue>, Error> {
    let record = answer(&store().await?.get(&room.into())?).await?;
    Ok(Some(record).filter(|record| !record.is_undefined()))
}

/// Removes what is kept of other rooms that are over. Only the server knows which are: this machine's clock may be
/// wrong by days. It is asked about those that were to end first, a few at each visit.
pub async fn forget_those_over(here: &RoomId) {
    // What stays is asked about at the next visit.
    let _ = ask_about_others(here).await;
}

async fn ask_about_others(here: &RoomId) -> Result<(), Error> {
    let all: Array = answer(&store().await?.get_all()?).await?.unchecked_into();
    let known = |record: JsValue| {
        let field = |name: &str| Reflect::get(&record, &name.into()).ok();
        Some((field("expires_at")?.as_f64()?, field("room")?.as_string()?.parse::<RoomId>().ok()?))
    };
    let mut others: Vec<(f64, RoomId)> =
        all.iter().filter_map(known).filter(|(_, room_id)| room_id != here).collect();
    others.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    for (_, room_id) in others.into_iter().take(MAX_ASKED_ABOUT) {
        if is_over(&room_id).await? {
            OwnerRecord::forget(&room_id).await;
        }
    }
    Ok(())
}

/// The store in a transaction of its own, which ends when the caller awaits anything but its requests.
async fn store() -> Result<IdbObjectStore, Error> {
    let window = web_sys::window().ok_or(Error::NotAuthentic)?;
    let request = window.indexed_db()?.ok_or(Error::NotAuthentic)?.open(DATABASE)?;
    let new = request.clone();
    let _upgrade = Listener::new(&request, "upgradeneeded", move |_: Event| {
        if let Ok(database) = new.result() {
            // If this fails, so does the transaction below.
            let _ = database.unchecked_into::<IdbDatabase>().create_object_store(STORE);
        }
    });
    let database: IdbDatabase = answer(&request).await?.unchecked_into();
    let transaction =
        database.transaction_with_str_and_mode(STORE, IdbTransactionMode::Readwrite)?;
    let store = transaction.object_store(STORE);
    // It closes when its transactions are done: no other is begun on it.
    database.close();
    Ok(store?)
}

async fn answer(request: &IdbRequest) -> Result<JsValue, Error> {
    let done = Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    });
    JsFuture::from(done).await?;
    Ok(request.result()?)
}

#[wasm_bindgen]
extern "C" {
    // web-sys holds these back as unstable, or lets a missing one end the module.
    #[wasm_bindgen(catch, js_namespace = ["navigator", "locks"], js_name = request)]
    fn request_lock(name: &str, options: &Object, granted: &Function) -> Result<Promise, JsValue>;
    #[wasm_bindgen(catch, js_namespace = AbortSignal, js_name = timeout)]
    fn abort_after(millis: u32) -> Result<JsValue, JsValue>;

    type KeptHandle;
    #[wasm_bindgen(method, catch, js_name = requestPermission)]
    fn request_permission(this: &KeptHandle, mode: &Object) -> Result<Promise, JsValue>;
}

/// Whether no other tab serves the room; this one holds it then, until it closes. Without locks in this
/// browser, every tab may.
async fn claim(room: &str) -> bool {
    let mut tell = None;
    let granted = Promise::new(&mut |resolve, _| tell = Some(resolve));
    let hold = Closure::once(move |_: JsValue| {
        if let Some(tell) = tell {
            // Calling a promise's own function cannot throw.
            let _ = tell.call0(&JsValue::NULL);
        }
        // Never settled, so the lock is let go with the page.
        Promise::new(&mut |_, _| {})
    });
    let options = abort_after(CLAIM_PATIENCE_MS)
        .map_err(Error::from)
        .and_then(|signal| object(&[("signal", signal)]))
        .unwrap_or_default();
    // Prefixed, because names that begin with "-" are refused (Web Locks API, section 4.1), and one room in 64 does.
    let name = format!("{LOCK_PREFIX}{room}");
    let Ok(request) = request_lock(&name, &options, hold.as_ref().unchecked_ref()) else {
        return true;
    };
    JsFuture::from(Promise::race(&Array::of2(&granted, &request))).await.is_ok()
}
