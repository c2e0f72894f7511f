//! Answers what players ask for, out of the pieces that are here and those that are still to come.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_bindgen_futures::spawn_local;
use web_sys::MessageEvent;

use super::super::listener::Listener;
use super::super::piece_store::{Records, Shelf};
use super::super::storage::Storage;
use super::request::{Question, Request};
use super::service_worker::container;
use crate::media::range::{Answer, answer};
use crate::media::window::{Place, needed, piece_at};
use crate::protocol::piece::{Layout, PieceIndex};
use crate::swarm::{Bitfield, Input};

/// Answers under way at once; of more the one that rested longest ends.
const MAX_REQUESTS: usize = 16;
/// Questions that wait for the store to open.
const MAX_WAITING: usize = 16;
/// A request that wanted nothing for so long does not tell where the player is, in milliseconds. Not every browser says
/// that it gave one up.
const RESTING_MILLIS: f64 = 10_000.0;

/// Where the pieces of a room are.
pub struct Source {
    /// Content type of each file, of those that may be played or shown.
    pub types: Vec<Option<&'static str>>,
    pub layout: Layout,
    pub shelf: Shelf,
    pub records: Records,
    pub storage: Rc<Storage>,
    /// Stored and verified.
    pub have: RefCell<Bitfield>,
}

enum State {
    /// This page has nothing, and another may.
    Elsewhere,
    /// The store is being opened.
    Opening,
    Open(Rc<Source>),
}

/// Told what a machine is to be told.
type Post = dyn Fn(Input);

struct Inner {
    room: String,
    state: RefCell<State>,
    waiting: RefCell<Vec<Question>>,
    requests: RefCell<Vec<Rc<Request>>>,
    hurried: RefCell<Vec<PieceIndex>>,
    /// Files whose rest will not come.
    gone: RefCell<Vec<u32>>,
    bytes_per_second: Cell<u64>,
    post: Box<Post>,
}

/// Dropping it ends every answer.
pub struct Answers {
    inner: Rc<Inner>,
    _listener: Option<Listener>,
}

impl Answers {
    /// For the room of this name. `post` takes what the room's machine is to know.
    pub fn new(room: &str, post: impl Fn(Input) + 'static) -> Self {
        let inner = Rc::new(Inner {
            room: room.to_owned(),
            state: RefCell::new(State::Elsewhere),
            waiting: RefCell::default(),
            requests: RefCell::default(),
            hurried: RefCell::default(),
            gone: RefCell::default(),
            bytes_per_second: Cell::new(0),
            post: Box::new(post),
        });
        let weak = Rc::downgrade(&inner);
        let listener = container().map(|container| {
            Listener::new(&container, "message", move |event: MessageEvent| {
                if let (Some(inner), Some(question)) = (weak.upgrade(), Question::parse(&event)) {
                    inner.asked(question);
                }
            })
        });
        Self { inner, _listener: listener }
    }

    /// The store is being opened: players wait for it.
    pub fn opening(&self) {
        self.inner.state.replace(State::Opening);
    }

    /// The pieces are here, or will be.
    pub fn open(&self, source: Source) {
        self.inner.state.replace(State::Open(Rc::new(source)));
        for question in self.inner.waiting.take() {
            self.inner.asked(question);
        }
    }

    /// The pieces are gone from this page, or another has them.
    pub fn close(&self) {
        self.inner.state.replace(State::Elsewhere);
        self.inner.hurried.take();
        for question in self.inner.waiting.take() {
            question.decline();
        }
        for request in self.inner.requests.take() {
            request.give_up();
        }
    }

    /// Whether this page has the pieces, or is about to.
    pub fn is_here(&self) -> bool {
        !matches!(&*self.inner.state.borrow(), State::Elsewhere)
    }

    /// A piece was stored.
    pub fn stored(&self, piece: PieceIndex) {
        let Some(source) = self.inner.source() else { return };
        source.have.borrow_mut().insert(piece);
        self.inner.all_go_on();
        self.inner.hurry();
    }

    /// A piece that was stored is not there any more.
    pub fn lost(&self, piece: PieceIndex) {
        if let Some(source) = self.inner.source() {
            source.have.borrow_mut().remove(piece);
        }
    }

    /// These files will not come any more.
    pub fn gone(&self, files: &[u32]) {
        if *self.inner.gone.borrow() != files {
            self.inner.gone.replace(files.to_vec());
            self.inner.all_go_on();
        }
    }

    /// How fast the file that is played is read.
    pub fn set_rate(&self, bytes_per_second: u64) {
        self.inner.bytes_per_second.set(bytes_per_second);
    }

    /// Parts of a file that are here, in thousandths of its bytes.
    pub fn here(&self, file: usize) -> Vec<(u16, u16)> {
        self.inner.source().map(|source| source.parts(file)).unwrap_or_default()
    }
}

impl Source {
    fn parts(&self, file: usize) -> Vec<(u16, u16)> {
        let Some(span) = self.layout.files().get(file).filter(|span| span.bytes > 0) else {
            return Vec::new();
        };
        let have = self.have.borrow();
        let permille = |piece: u32| {
            let at = u64::from(piece - span.first_piece) * u64::from(self.layout.piece_length());
            (u128::from(at.min(span.bytes)) * 1000 / u128::from(span.bytes)) as u16
        };
        let mut parts: Vec<(u16, u16)> = Vec::new();
        for piece in span.indices().filter(|piece| have.contains(*piece)) {
            let (from, to) = (permille(piece.0), permille(piece.0 + 1));
            match parts.last_mut().filter(|(_, end)| *end == from) {
                Some((_, end)) => *end = to,
                None => parts.push((from, to)),
            }
        }
        parts
    }
}

impl Inner {
    fn source(&self) -> Option<Rc<Source>> {
        match &*self.state.borrow() {
            State::Open(source) => Some(source.clone()),
            _ => None,
        }
    }

    fn asked(self: &Rc<Self>, question: Question) {
        if question.room != self.room {
            question.decline();
            return;
        }
        let opening = matches!(&*self.state.borrow(), State::Opening);
        if opening && self.waiting.borrow().len() < MAX_WAITING {
            self.waiting.borrow_mut().push(question);
            return;
        }
        let source =
            self.source().filter(|s| s.shelf.files().any(|(file, _)| file == question.file));
        let Some(source) = source else {
            question.decline();
            return;
        };
        let span = source.layout.files().get(question.file);
        let mime = source.types.get(question.file).copied().flatten();
        match (span, mime) {
            (Some(span), Some(mime)) => self.answer(&question, span.bytes, mime),
            _ => question.decline(),
        }
    }

    fn answer(self: &Rc<Self>, question: &Question, bytes: u64, mime: &str) {
        let (status, first, end) = match answer(question.range.as_deref(), bytes) {
            Answer::Whole => (200, 0, bytes),
            Answer::Part { first, last } => (206, first, last + 1),
            Answer::Unsatisfiable => {
                let range = format!("bytes */{bytes}");
                question.answer(416, &[("Content-Range", &range), ("Content-Length", "0")]);
                return;
            }
        };
        let length = (end - first).to_string();
        let mut fields = vec![("Content-Type", mime), ("Content-Length", length.as_str())];
        let range = format!("bytes {first}-{}/{bytes}", end.saturating_sub(1));
        if status == 206 {
            fields.push(("Content-Range", &range));
        }
        let request = Rc::new(Request::new(question, first, end));
        let (inner, asked) = (Rc::downgrade(self), Rc::downgrade(&request));
        request.listen(move |more| {
            let (Some(inner), Some(request)) = (inner.upgrade(), asked.upgrade()) else { return };
            if more {
                request.wants.set(true);
                request.wanted_at.set(js_sys::Date::now());
                inner.go_on(&request);
            } else {
                inner.drop_request(&request);
            }
            inner.hurry();
        });
        question.answer(status, &fields);
        self.make_room();
        self.requests.borrow_mut().push(request);
        self.hurry();
    }

    fn make_room(&self) {
        let mut requests = self.requests.borrow_mut();
        while requests.len() >= MAX_REQUESTS {
            let rested = |request: &Rc<Request>| request.wanted_at.get();
            let longest = (0..requests.len())
                .min_by(|one, other| rested(&requests[*one]).total_cmp(&rested(&requests[*other])));
            let Some(longest) = longest else { return };
            requests.remove(longest).give_up();
        }
    }

    fn drop_request(&self, request: &Rc<Request>) {
        self.requests.borrow_mut().retain(|other| !Rc::ptr_eq(other, request));
    }

    fn all_go_on(self: &Rc<Self>) {
        // Some end with that.
        let requests = self.requests.borrow().clone();
        for request in &requests {
            self.go_on(request);
        }
    }

    /// Sends the next part, if the player wants it and it is here.
    fn go_on(self: &Rc<Self>, request: &Rc<Request>) {
        if !request.wants.get() || request.reading.get() {
            return;
        }
        let at = request.at.get();
        if at >= request.end {
            request.finish();
            self.drop_request(request);
            return;
        }
        let Some(source) = self.source() else { return };
        let Some((piece, within)) = piece_at(&source.layout, request.file, at) else { return };
        if !source.have.borrow().contains(piece) {
            // What is here of a file goes out all the same.
            if self.gone.borrow().contains(&(request.file as u32)) {
                request.give_up();
                self.drop_request(request);
            }
            return;
        }
        request.reading.set(true);
        let (inner, request) = (self.clone(), request.clone());
        spawn_local(async move {
            let place = source.shelf.place(&source.layout, piece);
            let bytes = match (place, source.records.hash_of(piece)) {
                (Some(place), Some(hash)) => source.storage.read(place, &hash).await,
                _ => None,
            };
            request.reading.set(false);
            let Some(bytes) = bytes else {
                // It is fetched anew, and the player waits for it.
                source.have.borrow_mut().remove(piece);
                (inner.post)(Input::PieceUnreadable { piece });
                inner.hurry();
                return;
            };
            let rest = u32::try_from(request.end - at).unwrap_or(u32::MAX);
            let end = within.saturating_add(rest).min(bytes.length());
            let whole = within == 0 && end == bytes.length();
            let part = if whole { bytes } else { bytes.slice(within, end) };
            request.send(&part);
            inner.hurry();
        });
    }

    /// Tells the machine what is needed next, if that is something else than before.
    fn hurry(&self) {
        let Some(source) = self.source() else { return };
        let now = js_sys::Date::now();
        let requests = self.requests.borrow();
        let moves = |request: &&Rc<Request>| {
            request.wants.get() || now - request.wanted_at.get() < RESTING_MILLIS
        };
        // The latest first: that is where a person has just gone.
        let places: Vec<Place> =
            requests.iter().rev().filter(moves).map(|request| request.place()).collect();
        let rate = self.bytes_per_second.get();
        let pieces = needed(&source.layout, &source.have.borrow(), &places, rate);
        drop(requests);
        if *self.hurried.borrow() != pieces {
            self.hurried.replace(pieces.clone());
            (self.post)(Input::PlaybackMoved { pieces });
        }
    }
}
