//! The signalling WebSocket.

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{MessageEvent, WebSocket};

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
    Closed,
}

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
        let opened = on_event.clone();
        let said = on_event.clone();
        let listeners = [
            Listener::new(&socket, "open", move |_: web_sys::Event| opened(SocketEvent::Opened)),
            Listener::new(&socket, "message", move |event: MessageEvent| {
                // A message of a newer server that this page does not know is passed over.
                if let Some(text) = event.data().as_string()
                    && let Ok(message) = serde_json::from_str(&text)
                {
                    said(SocketEvent::Said(Box::new(message)));
                }
            }),
            Listener::new(&socket, "close", move |_: web_sys::Event| on_event(SocketEvent::Closed)),
        ];
        Ok(Self { socket, _listeners: listeners })
    }

    /// Sends a message; one that cannot be sent is lost with the socket, which tells so itself.
    pub fn send(&self, message: &ClientMessage) {
        if let Ok(text) = serde_json::to_string(message) {
            let _ = self.socket.send_with_str(&text);
        }
    }
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
