//! The signalling WebSocket.

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{CloseEvent, MessageEvent, WebSocket};

use super::error::Error;
use super::listener::Listener;
use crate::protocol::signalling::{ClientMessage, ServerMessage};

/// What the socket tells.
pub enum SocketEvent {
    /// It is open.
    Opened,
    /// The server said something.
    Said(Box<ServerMessage>),
    /// It closed or did not open. The last event.
    Closed {
        /// Both sides closed it, and the server had nothing against what it heard: it read all that was sent.
        in_order: bool,
    },
}

/// What a close says by which the server lets go, and what browsers tell of one that answers their own (RFC 6455,
/// section 7.4.1).
const CLOSED_IN_ORDER: [u16; 2] = [1000, 1005];

/// An open or opening socket; dropping it closes it and nothing is told any more.
pub struct SignallingSocket {
    socket: WebSocket,
    _listeners: [Listener; 3],
}

impl SignallingSocket {
    /// Opens a socket to `path` on the page's own server.
    ///
    /// # Errors
    /// The browser refuses, by policy.
    pub fn open(
        path: &str,
        on_event: impl Fn(SocketEvent) + Clone + 'static,
    ) -> Result<Self, Error> {
        // A path alone is resolved against the page, with its scheme turned into ws or wss, only in new
        // browsers.
        let location = web_sys::window().map(|window| window.location());
        let (protocol, host) = match &location {
            Some(location) => (location.protocol()?, location.host()?),
            None => (String::new(), String::new()),
        };
        let scheme = if protocol == "https:" { "wss" } else { "ws" };
        let socket = WebSocket::new(&format!("{scheme}://{host}{path}"))?;
        let listeners = listen(&socket, on_event);
        Ok(Self { socket, _listeners: listeners })
    }

    /// The same socket, whose events go elsewhere from now on.
    pub fn heard_by(mut self, on_event: impl Fn(SocketEvent) + Clone + 'static) -> Self {
        self._listeners = listen(&self.socket, on_event);
        self
    }

    /// Closes it in order; what was sent before arrives before, and its end is told.
    pub fn close(&self) {
        let _ = self.socket.close();
    }

    /// Sends a message; one that cannot be sent is lost with the socket, which tells so itself.
    pub fn send(&self, message: &ClientMessage) {
        if let Ok(text) = serde_json::to_string(message) {
            let _ = self.socket.send_with_str(&text);
        }
    }
}

fn listen(socket: &WebSocket, on_event: impl Fn(SocketEvent) + Clone + 'static) -> [Listener; 3] {
    let opened = on_event.clone();
    let said = on_event.clone();
    [
        Listener::new(socket, "open", move |_: web_sys::Event| opened(SocketEvent::Opened)),
        Listener::new(socket, "message", move |event: MessageEvent| {
            // A message of a newer server that this page does not know is passed over.
            if let Some(text) = event.data().as_string()
                && let Ok(message) = serde_json::from_str(&text)
            {
                said(SocketEvent::Said(Box::new(message)));
            }
        }),
        Listener::new(socket, "close", move |event: CloseEvent| {
            let in_order = event.was_clean() && CLOSED_IN_ORDER.contains(&event.code());
            on_event(SocketEvent::Closed { in_order });
        }),
    ]
}

impl Drop for SignallingSocket {
    fn drop(&mut self) {
        if self.socket.ready_state() != WebSocket::CONNECTING {
            let _ = self.socket.close();
            return;
        }
        // Closing it now would be reported to the console as a failure. The browser frees the closure with the
        // socket.
        let socket = self.socket.clone();
        let close = Closure::once_into_js(move || {
            let _ = socket.close();
        });
        self.socket.set_onopen(close.dyn_ref());
    }
}
