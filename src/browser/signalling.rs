//! A page's word with the server of its room: the socket, and the signals to other peers that go through it sealed.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::crypto::SealKey;
use super::parting::part;
use super::signal_post::SignalPost;
use super::signalling_socket::{SignallingSocket, SocketEvent};
use crate::membership::farewell::Farewell;
use crate::protocol::id::{JoinToken, PeerId, RoomId};
use crate::protocol::rooms::RoomLinks;
use crate::protocol::signalling::{ClientMessage, ServerMessage};

/// What comes of it.
pub enum SignallingEvent<T> {
    /// The socket is open.
    Opened,
    /// The server itself said something.
    Said(Box<ServerMessage>),
    /// A peer's signal, opened.
    Signalled {
        /// Whose.
        from: PeerId,
        /// What it says.
        signal: T,
    },
    /// The socket closed or did not open.
    Closed,
}

/// A socket that is opened and closed as its owner says; dropping it closes it.
pub struct Signalling<T>(Rc<Inner<T>>);

struct Inner<T> {
    path: String,
    socket: RefCell<Option<SignallingSocket>>,
    signals: SignalPost<T>,
    on_event: Box<dyn Fn(SignallingEvent<T>)>,
}

impl<T: Serialize + DeserializeOwned + 'static> Signalling<T> {
    /// Nothing is opened yet. Signals are sealed with that key.
    pub fn new(
        room_id: RoomId,
        key: &SealKey,
        on_event: impl Fn(SignallingEvent<T>) + 'static,
    ) -> Self {
        Self(Rc::new_cyclic(|weak: &Weak<Inner<T>>| {
            let (teller, hearer) = (weak.clone(), weak.clone());
            let signals = SignalPost::new(
                key,
                room_id,
                move |to, sealed| {
                    if let Some(inner) = teller.upgrade() {
                        inner.tell(&ClientMessage::Signal { to, sealed });
                    }
                },
                move |from, signal| {
                    if let Some(inner) = hearer.upgrade() {
                        (inner.on_event)(SignallingEvent::Signalled { from, signal });
                    }
                },
            );
            Inner {
                path: RoomLinks::new(&room_id).socket,
                socket: RefCell::default(),
                signals,
                on_event: Box::new(on_event),
            }
        }))
    }

    /// Opens a socket in place of the last one.
    pub fn open(&self) {
        let weak = Rc::downgrade(&self.0);
        let on_event = move |event| {
            if let Some(inner) = weak.upgrade() {
                inner.socket_event(event);
            }
        };
        match SignallingSocket::open(&self.0.path, on_event) {
            Ok(socket) => {
                self.0.socket.replace(Some(socket));
            }
            Err(_) => (self.0.on_event)(SignallingEvent::Closed),
        }
    }

    /// Closes the socket; it tells nothing more.
    pub fn close(&self) {
        self.0.socket.take();
    }

    /// Hands the socket over to the last words to the server, which go on after this is gone.
    pub fn part(&self, farewell: Farewell, join_token: JoinToken) {
        part(farewell, self.0.socket.take(), self.0.path.clone(), join_token);
    }

    /// Says something to the server, if there is a socket.
    pub fn tell(&self, message: &ClientMessage) {
        self.0.tell(message);
    }

    /// Says something to a peer.
    pub fn send(&self, to: PeerId, signal: T) {
        self.0.signals.send(to, signal);
    }
}

impl<T: Serialize + DeserializeOwned + 'static> Inner<T> {
    fn tell(&self, message: &ClientMessage) {
        if let Some(socket) = &*self.socket.borrow() {
            socket.send(message);
        }
    }

    fn socket_event(&self, event: SocketEvent) {
        match event {
            SocketEvent::Opened => (self.on_event)(SignallingEvent::Opened),
            SocketEvent::Closed { .. } => (self.on_event)(SignallingEvent::Closed),
            SocketEvent::Said(message) => match *message {
                ServerMessage::Signal { from, sealed } => self.signals.open(from, sealed),
                message => {
                    if let ServerMessage::Welcome(welcome) = &message {
                        self.signals.welcomed(welcome.peer_id, welcome.resumed);
                    }
                    (self.on_event)(SignallingEvent::Said(Box::new(message)));
                }
            },
        }
    }
}
