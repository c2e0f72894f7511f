//! The owner's files: read, hashed and signed piece by piece, the first time that somebody asks.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Uint8Array;
use litemap::LiteMap;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, File};

use super::crypto::{OwnerKeys, sha256_of};
use super::error::Error;
use super::loaded_pieces::{LoadedPieces, Run};
use crate::protocol::id::RoomId;
use crate::protocol::limits::MAX_RECORD_PIECES;
use crate::protocol::peer_wire::{PieceHash, PieceRecord};
use crate::protocol::piece::{Layout, PieceIndex};

/// Consecutive pieces that are signed for although the next is being read.
const RUN: usize = 8;
/// Bytes of consecutive pieces of a file that are read at once, if they are asked for together: each part that is cut out of
/// a file takes a browser's page a millisecond.
const MOST_READ_BYTES: u32 = 2 << 20;

/// What a source tells.
pub enum SourceEvent {
    /// A piece is in memory, and this record covers it.
    Loaded(PieceIndex, Rc<PieceRecord>),
    /// Its file changed or vanished.
    Unreadable(PieceIndex),
}

/// The owner's files.
#[derive(Clone)]
pub struct FileSource(Rc<Inner>);

struct Inner {
    files: Vec<File>,
    layout: Layout,
    keys: OwnerKeys,
    room_id: RoomId,
    on_event: Box<dyn Fn(SourceEvent)>,
    state: RefCell<State>,
}

struct State {
    loaded: LoadedPieces<Uint8Array>,
    /// Every piece that was ever read. A piece that reads differently later has changed.
    hashes: LiteMap<PieceIndex, PieceHash>,
    /// Files of several pieces, as they were when the first was read.
    wholes: LiteMap<usize, Blob>,
    records: LiteMap<PieceIndex, Rc<PieceRecord>>,
    /// Hashed and not yet signed for, in order.
    unsigned: Vec<PieceIndex>,
    signing: bool,
    /// Pieces that were asked for just now,
    asked: Vec<PieceIndex>,
    /// those that are being read,
    reading: Vec<PieceIndex>,
    /// and none of those that were begun together is signed for yet.
    urgent: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            loaded: LoadedPieces::new(|part| part.slice(0, part.length())),
            hashes: LiteMap::default(),
            wholes: LiteMap::default(),
            records: LiteMap::default(),
            unsigned: Vec::new(),
            signing: false,
            asked: Vec::new(),
            reading: Vec::new(),
            urgent: false,
        }
    }
}

impl FileSource {
    /// Files in the order of the manifest, which `layout` cuts.
    pub fn new(
        files: Vec<File>,
        layout: Layout,
        keys: OwnerKeys,
        room_id: RoomId,
        on_event: impl Fn(SourceEvent) + 'static,
    ) -> Self {
        let on_event = Box::new(on_event);
        Self(Rc::new(Inner { files, layout, keys, room_id, on_event, state: RefCell::default() }))
    }

    /// Reads a piece; tells when it is there or cannot be had.
    pub fn load(&self, piece: PieceIndex) {
        let first = {
            let mut state = self.0.state.borrow_mut();
            state.urgent |= state.reading.is_empty();
            state.reading.push(piece);
            state.asked.push(piece);
            state.asked.len() == 1
        };
        if first {
            // It begins when all that is asked for together is known.
            let this = self.clone();
            spawn_local(async move { this.read_asked() });
        }
    }

    fn read_asked(&self) {
        let asked = std::mem::take(&mut self.0.state.borrow_mut().asked);
        let layout = &self.0.layout;
        let most = (MOST_READ_BYTES / layout.piece_length()).max(1) as usize;
        let follows = |one: &PieceIndex, next: &PieceIndex| {
            let file = |piece| layout.locate(piece).map(|(file, _)| file);
            one.0 + 1 == next.0 && file(*one) == file(*next)
        };
        for run in asked.chunk_by(follows).flat_map(|run| run.chunks(most)) {
            let (this, run) = (self.clone(), run.to_vec());
            spawn_local(async move { this.read_run(run).await });
        }
    }

    async fn read_run(&self, run: Vec<PieceIndex>) {
        let read = self.bytes_of(&run).await.ok().map(|bytes| {
            let memory: Run = Rc::new(bytes.length().into());
            (bytes, memory)
        });
        let mut begin = 0;
        for piece in run {
            let end = begin + self.0.layout.length_of(piece);
            let part =
                read.as_ref().map(|(bytes, memory)| (bytes.subarray(begin, end), memory.clone()));
            begin = end;
            let this = self.clone();
            spawn_local(async move { this.take(piece, part).await });
        }
    }

    /// A piece was read, or could not be.
    async fn take(&self, piece: PieceIndex, part: Option<(Uint8Array, Run)>) {
        let sound = match part {
            Some((bytes, run)) => self.keep(piece, bytes, run).await.is_ok(),
            None => false,
        };
        self.0.state.borrow_mut().reading.retain(|other| *other != piece);
        if !sound {
            self.unload(piece);
            (self.0.on_event)(SourceEvent::Unreadable(piece));
        }
        self.sign().await;
    }

    /// Drops a piece from memory.
    pub fn unload(&self, piece: PieceIndex) {
        self.0.state.borrow_mut().loaded.remove(piece);
    }

    /// A part of a loaded piece.
    pub fn bytes(&self, piece: PieceIndex, begin: u32, length: u32) -> Option<Uint8Array> {
        let state = self.0.state.borrow();
        let loaded = state.loaded.get(piece)?;
        Some(loaded.subarray(begin, begin.saturating_add(length)))
    }

    /// The record that covers a piece.
    pub fn record(&self, piece: PieceIndex) -> Option<Rc<PieceRecord>> {
        self.0.state.borrow().records.get(&piece).cloned()
    }

    /// What consecutive pieces of one file hold.
    async fn bytes_of(&self, run: &[PieceIndex]) -> Result<Uint8Array, Error> {
        let first = run.first().and_then(|first| self.0.layout.locate(*first));
        let (file, offset) = first.ok_or_else(|| JsValue::from_str("no such piece"))?;
        let length: u32 = run.iter().map(|piece| self.0.layout.length_of(*piece)).sum();
        let slice = self.slice(file, offset as f64, f64::from(length))?;
        let bytes = Uint8Array::new(&JsFuture::from(slice.array_buffer()).await?);
        if bytes.length() == length { Ok(bytes) } else { Err(Error::NotAuthentic) }
    }

    async fn keep(&self, piece: PieceIndex, bytes: Uint8Array, run: Run) -> Result<(), Error> {
        let hash = sha256_of(&bytes).await?;
        let record = {
            let mut state = self.0.state.borrow_mut();
            // Not every browser notices that a file on disk was changed after it was chosen.
            if *state.hashes.entry(piece).or_insert(hash) != hash {
                return Err(Error::NotAuthentic);
            }
            let length = bytes.length().into();
            state.loaded.insert(piece, bytes, length, run);
            let record = state.records.get(&piece).cloned();
            if record.is_none() {
                let at = state.unsigned.partition_point(|other| *other < piece);
                state.unsigned.insert(at, piece);
            }
            record
        };
        if let Some(record) = record {
            (self.0.on_event)(SourceEvent::Loaded(piece, record));
        }
        Ok(())
    }

    /// A part of a file. Of the file itself every part would be cut after the browser has looked at the disk once more,
    /// and the page waits for that; of a part as long as the whole it is cut at once.
    fn slice(&self, number: usize, start: f64, length: f64) -> Result<Blob, Error> {
        let file = self.0.files.get(number);
        let file = file.ok_or_else(|| Error::from(JsValue::from_str("no such file")))?;
        let end = start + length;
        let wholes = &mut self.0.state.borrow_mut().wholes;
        if let Some(whole) = wholes.get(&number) {
            return Ok(whole.slice_with_f64_and_f64(start, end)?);
        }
        let bytes = self.0.layout.files().get(number).map_or(0.0, |span| span.bytes as f64);
        if length >= bytes {
            return Ok(file.slice_with_f64_and_f64(start, end)?);
        }
        let whole = file.slice_with_f64_and_f64(0.0, bytes)?;
        let part = whole.slice_with_f64_and_f64(start, end)?;
        wholes.insert(number, whole);
        Ok(part)
    }

    /// Signs for what waits, a run of consecutive pieces at a time. The first of those that are read together may be
    /// waited for, and is signed for at once; the others once a run cannot grow by what is being read, or has [`RUN`].
    async fn sign(&self) {
        if std::mem::replace(&mut self.0.state.borrow_mut().signing, true) {
            return;
        }
        while let Some((first, hashes)) = self.take_run() {
            let count = hashes.len() as u32;
            let signed = self.0.keys.sign_record(&self.0.room_id, first, hashes).await;
            let record = signed.ok().map(Rc::new);
            for piece in (first.0..first.0 + count).map(PieceIndex) {
                let event = match &record {
                    Some(record) => {
                        self.0.state.borrow_mut().records.insert(piece, record.clone());
                        SourceEvent::Loaded(piece, record.clone())
                    }
                    None => SourceEvent::Unreadable(piece),
                };
                (self.0.on_event)(event);
            }
        }
        self.0.state.borrow_mut().signing = false;
    }

    fn take_run(&self) -> Option<(PieceIndex, Vec<PieceHash>)> {
        let mut state = self.0.state.borrow_mut();
        let State { unsigned, reading, urgent, hashes, .. } = &mut *state;
        let grows = |run: &[PieceIndex]| {
            run.last().is_some_and(|last| reading.contains(&PieceIndex(last.0 + 1)))
        };
        let ripe = |run: &&[PieceIndex]| *urgent || run.len() >= RUN || !grows(run);
        let run = unsigned.chunk_by(|one, next| one.0 + 1 == next.0).find(ripe)?;
        let run: Vec<PieceIndex> = run.iter().take(MAX_RECORD_PIECES).copied().collect();
        *urgent = false;
        unsigned.retain(|piece| !run.contains(piece));
        let hashes: Option<_> = run.iter().map(|piece| hashes.get(piece).copied()).collect();
        Some((*run.first()?, hashes?))
    }
}
