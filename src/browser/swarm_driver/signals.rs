//! Signals, sealed and opened in order.

use std::rc::Rc;

use wasm_bindgen_futures::spawn_local;

use super::{Inner, MAX_WAITING_SIGNALS};
use crate::browser::signal_seal::Sealer;
use crate::protocol::id::PeerId;
use crate::protocol::signal::{SealedSignal, Signal};
use crate::protocol::signalling::ClientMessage;
use crate::swarm::Input;

impl Inner {
    /// Seals signals one after the other, so that they leave in order.
    pub(super) fn seal(self: &Rc<Self>, to: PeerId, signal: Signal) {
        let mut state = self.state.borrow_mut();
        state.to_seal.push_back((to, signal));
        if std::mem::replace(&mut state.sealing, true) {
            return;
        }
        let inner = self.clone();
        spawn_local(async move {
            while let Some((from, to, signal, sequence, sealer)) = inner.next_to_seal() {
                if let Ok(sealed) = sealer.seal(from, to, sequence, &signal).await {
                    inner.tell(&ClientMessage::Signal { to, sealed });
                }
            }
            inner.state.borrow_mut().sealing = false;
        });
    }

    fn next_to_seal(&self) -> Option<(PeerId, PeerId, Signal, u64, Sealer)> {
        let mut state = self.state.borrow_mut();
        let from = state.me?;
        let (to, signal) = state.to_seal.pop_front()?;
        let sequence = state.sealer.next_sequence();
        Some((from, to, signal, sequence, state.sealer.clone()))
    }

    /// Opens signals one after the other, so that they arrive in order. What does not open is dropped: it is
    /// the server's doing, and the link that it was for fails by itself.
    pub(super) fn open_signal(self: &Rc<Self>, from: PeerId, sealed: SealedSignal) {
        let mut state = self.state.borrow_mut();
        if state.to_open.len() >= MAX_WAITING_SIGNALS {
            return;
        }
        state.to_open.push_back((from, sealed));
        let Some(mut opener) = state.opener.take() else { return };
        if std::mem::take(&mut state.names_are_new) {
            opener.forget_names();
        }
        let inner = self.clone();
        spawn_local(async move {
            loop {
                let next = {
                    let mut state = inner.state.borrow_mut();
                    state.me.and_then(|me| state.to_open.pop_front().map(|next| (me, next)))
                };
                let Some((me, (from, sealed))) = next else { break };
                if let Ok(signal) = opener.open(from, me, &sealed).await {
                    inner.post(Input::SignalReceived { from, signal });
                }
            }
            inner.state.borrow_mut().opener = Some(opener);
        });
    }
}
