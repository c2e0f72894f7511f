//! One request of a player, as the service worker passes it on.

use std::cell::{Cell, RefCell};

use js_sys::{Array, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MessageEvent, MessagePort};

use super::super::listener::Listener;
use crate::media::window::Place;

/// What a player asked for.
pub struct Question {
    /// The room's name.
    pub room: String,
    /// Number of the file.
    pub file: usize,
    /// The `Range` field.
    pub range: Option<String>,
    /// Where the answer goes.
    pub port: MessagePort,
}

impl Question {
    /// From a message of the service worker, if it is one.
    pub fn parse(event: &MessageEvent) -> Option<Self> {
        let words: Array = event.data().dyn_into().ok()?;
        if words.get(0) != "media" {
            return None;
        }
        let port: MessagePort = event.ports().get(0).dyn_into().ok()?;
        let (room, file) = (words.get(1).as_string()?, words.get(2).as_f64()? as usize);
        Some(Self { room, file, range: words.get(3).as_string(), port })
    }

    /// This page does not have it.
    pub fn decline(&self) {
        let _ = self.port.post_message(&JsValue::NULL);
    }

    /// Status and header fields of the answer.
    pub fn answer(&self, status: u16, fields: &[(&str, &str)]) {
        let headers = Object::new();
        for (name, value) in fields {
            // A plain object takes any field.
            let _ = Reflect::set(&headers, &(*name).into(), &(*value).into());
        }
        let _ = self.port.post_message(&Array::of2(&status.into(), &headers));
    }
}

/// A request whose answer has begun. Dropping it closes its port.
pub struct Request {
    pub file: usize,
    /// The next byte that goes out.
    pub at: Cell<u64>,
    /// Behind the last.
    pub end: u64,
    /// The player has room for more.
    pub wants: Cell<bool>,
    /// A piece is being read for it.
    pub reading: Cell<bool>,
    /// When it last wanted something, in milliseconds.
    pub wanted_at: Cell<f64>,
    port: MessagePort,
    listener: RefCell<Option<Listener>>,
}

impl Request {
    pub fn new(question: &Question, first: u64, end: u64) -> Self {
        Self {
            file: question.file,
            at: Cell::new(first),
            end,
            wants: Cell::new(false),
            reading: Cell::new(false),
            wanted_at: Cell::new(js_sys::Date::now()),
            port: question.port.clone(),
            listener: RefCell::default(),
        }
    }

    /// Told each time that the player has room for more, and `false` when it does not want any more.
    pub fn listen(&self, heard: impl Fn(bool) + 'static) {
        let heard = move |event: MessageEvent| heard(event.data() == "more");
        self.listener.replace(Some(Listener::new(&self.port, "message", heard)));
        self.port.start();
    }

    /// Where it is.
    pub fn place(&self) -> Place {
        Place { file: self.file, at: self.at.get(), end: self.end }
    }

    /// Hands out bytes; the buffer is gone from here.
    pub fn send(&self, bytes: &Uint8Array) {
        self.wants.set(false);
        self.at.set(self.at.get() + u64::from(bytes.length()));
        let _ = self.port.post_message_with_transferable(bytes, &Array::of1(&bytes.buffer()));
    }

    /// All of it went out.
    pub fn finish(&self) {
        let _ = self.port.post_message(&JsValue::NULL);
    }

    /// The rest cannot be had.
    pub fn give_up(&self) {
        let _ = self.port.post_message(&"lost".into());
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.port.close();
    }
}
