//! Signals on their way: sealed before they leave and opened as they arrive, each in order.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen_futures::spawn_local;

use super::crypto::SealKey;
use super::signal_seal::{Opener, Sealer};
use crate::protocol::id::{PeerId, RoomId};
use crate::protocol::signal::SealedSignal;

/// Signals that wait to be sealed, or to be opened; a room sends far fewer.
const MAX_WAITING: usize = 1024;

type Told<T> = Box<dyn Fn(PeerId, T)>;

/// A page's signals of one kind.
pub struct SignalPost<T>(Rc<Inner<T>>);

struct Inner<T> {
    me: Cell<Option<PeerId>>,
    /// The room gives its names anew, perhaps to others.
    names_are_new: Cell<bool>,
    sealer: RefCell<Sealer>,
    /// Absent while it opens something.
    opener: RefCell<Option<Opener>>,
    to_seal: RefCell<VecDeque<(PeerId, T)>>,
    sealing: Cell<bool>,
    to_open: RefCell<VecDeque<(PeerId, SealedSignal)>>,
    sealed: Told<SealedSignal>,
    opened: Told<T>,
}

impl<T: Serialize + DeserializeOwned + 'static> SignalPost<T> {
    /// `sealed` is given what is ready to leave, and to whom; `opened` what came, and from whom.
    pub fn new(
        key: &SealKey,
        room_id: RoomId,
        sealed: impl Fn(PeerId, SealedSignal) + 'static,
        opened: impl Fn(PeerId, T) + 'static,
    ) -> Self {
        Self(Rc::new(Inner {
            me: Cell::new(None),
            names_are_new: Cell::new(false),
            sealer: RefCell::new(Sealer::new(key.clone(), room_id)),
            opener: RefCell::new(Some(Opener::new(key.clone(), room_id))),
            to_seal: RefCell::default(),
            sealing: Cell::new(false),
            to_open: RefCell::default(),
            sealed: Box::new(sealed),
            opened: Box::new(opened),
        }))
    }

    /// The server has taken this page in under a name, known from before or new.
    pub fn welcomed(&self, me: PeerId, resumed: bool) {
        self.0.me.set(Some(me));
        if !resumed {
            self.0.names_are_new.set(true);
        }
    }

    /// Seals signals one after the other, so that they leave in order.
    pub fn send(&self, to: PeerId, signal: T) {
        let mut waiting = self.0.to_seal.borrow_mut();
        if waiting.len() < MAX_WAITING {
            waiting.push_back((to, signal));
        }
        if self.0.sealing.replace(true) {
            return;
        }
        let inner = self.0.clone();
        spawn_local(async move {
            while let Some((from, to, signal)) = inner.next_to_seal() {
                let (sealer, sequence) = {
                    let mut sealer = inner.sealer.borrow_mut();
                    let sequence = sealer.next_sequence();
                    (sealer.clone(), sequence)
                };
                if let Ok(sealed) = sealer.seal(from, to, sequence, &signal).await {
                    (inner.sealed)(to, sealed);
                }
            }
            inner.sealing.set(false);
        });
    }

    /// Opens signals one after the other, so that they arrive in order. What does not open is dropped: it is
    /// the server's doing, and the link that it was for fails by itself.
    pub fn open(&self, from: PeerId, sealed: SealedSignal) {
        let mut waiting = self.0.to_open.borrow_mut();
        if waiting.len() >= MAX_WAITING {
            return;
        }
        waiting.push_back((from, sealed));
        let Some(mut opener) = self.0.opener.borrow_mut().take() else { return };
        if self.0.names_are_new.take() {
            opener.forget_names();
        }
        let inner = self.0.clone();
        spawn_local(async move {
            while let Some((me, from, sealed)) = inner.next_to_open() {
                if let Ok(signal) = opener.open(from, me, &sealed).await {
                    (inner.opened)(from, signal);
                }
            }
            inner.opener.replace(Some(opener));
        });
    }
}

impl<T> Inner<T> {
    fn next_to_seal(&self) -> Option<(PeerId, PeerId, T)> {
        let from = self.me.get()?;
        let (to, signal) = self.to_seal.borrow_mut().pop_front()?;
        Some((from, to, signal))
    }

    fn next_to_open(&self) -> Option<(PeerId, PeerId, SealedSignal)> {
        let me = self.me.get()?;
        let (from, sealed) = self.to_open.borrow_mut().pop_front()?;
        Some((me, from, sealed))
    }
}
