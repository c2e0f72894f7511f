//! What a recipient still needs: pieces missing, pieces being put together, pieces being verified.

use litemap::LiteMap;

use super::bitfield::Bitfield;
use super::piece_picker::PiecePicker;
use crate::protocol::id::PeerId;
use crate::protocol::piece::{BlockRange, Layout, PieceIndex};

/// Bytes of pieces that are begun and not verified, at most: they are held in memory.
const MAX_OPEN_BYTES: u64 = 64 << 20;
/// Bytes of one request at most, so that a provider with several leeches turns from one to the next.
const MAX_REQUEST_BYTES: u32 = 1 << 20;

/// A piece that is begun.
#[derive(Clone, Debug)]
struct Assembly {
    /// Not asked for, or asked for in vain.
    todo: Vec<BlockRange>,
    received: u32,
    from: Vec<PeerId>,
    verifying: bool,
}

/// What a recipient still needs.
#[derive(Clone, Debug)]
pub struct Download {
    wanted: Bitfield,
    picker: PiecePicker,
    begun: LiteMap<PieceIndex, Assembly>,
    open_bytes: u64,
    records: Bitfield,
    wanted_files: usize,
    gone_files: Vec<u32>,
    remaining: u32,
    have_bytes: u64,
    wanted_bytes: u64,
}

impl Download {
    /// Wants these files, by number, and has nothing yet.
    pub fn new(layout: &Layout, wanted_files: &[bool]) -> Self {
        let mut wanted = Bitfield::none(layout.piece_count());
        let mut wanted_bytes = 0;
        for (span, _) in layout.files().iter().zip(wanted_files).filter(|(_, wanted)| **wanted) {
            wanted_bytes += span.bytes;
            for piece in span.indices() {
                wanted.insert(piece);
            }
        }
        Self {
            picker: PiecePicker::new(wanted.clone()),
            remaining: wanted.count(),
            wanted,
            begun: LiteMap::new(),
            open_bytes: 0,
            records: Bitfield::none(layout.piece_count()),
            wanted_files: wanted_files.iter().filter(|wanted| **wanted).count(),
            gone_files: Vec::new(),
            have_bytes: 0,
            wanted_bytes,
        }
    }

    /// Whether nothing is missing any more.
    pub fn is_complete(&self) -> bool {
        self.remaining == 0
    }

    /// Bytes verified.
    pub fn have_bytes(&self) -> u64 {
        self.have_bytes
    }

    /// Bytes wanted and still to be had, those that are here included.
    pub fn wanted_bytes(&self) -> u64 {
        self.wanted_bytes
    }

    /// Whether no file that was wanted is left. An empty one always is.
    pub fn is_all_gone(&self) -> bool {
        !self.gone_files.is_empty() && self.gone_files.len() == self.wanted_files
    }

    /// Whether a remote peer holds anything that is needed.
    pub fn wants_from(&self, remote: &Bitfield) -> bool {
        self.begun.keys().any(|piece| remote.contains(*piece)) || self.picker.wants_from(remote)
    }

    /// The next range to ask a peer for that holds `remote`; `None` if there is none, or if enough is begun.
    pub fn next_request(&mut self, layout: &Layout, remote: &Bitfield) -> Option<BlockRange> {
        let begun = self
            .begun
            .iter_mut()
            .find(|(piece, assembly)| !assembly.todo.is_empty() && remote.contains(**piece));
        if let Some((_, assembly)) = begun {
            return split_request(&mut assembly.todo);
        }
        if self.open_bytes >= MAX_OPEN_BYTES {
            return None;
        }
        let piece = self.picker.pick(remote)?;
        let length = layout.length_of(piece);
        self.open_bytes += u64::from(length);
        let assembly = self.begun.entry(piece).or_insert_with(|| Assembly {
            todo: vec![BlockRange { piece, begin: 0, length }],
            received: 0,
            from: Vec::new(),
            verifying: false,
        });
        split_request(&mut assembly.todo)
    }

    /// Ranges that a peer will not send after all.
    pub fn give_back(&mut self, ranges: Vec<BlockRange>) {
        for range in ranges {
            if let Some(assembly) = self.begun.get_mut(&range.piece) {
                assembly.todo.push(range);
            }
        }
    }

    /// A block that was asked for is here. Answers its piece if that can be verified now.
    pub fn block_arrived(
        &mut self,
        layout: &Layout,
        from: PeerId,
        block: &BlockRange,
    ) -> Option<PieceIndex> {
        let assembly = self.begun.get_mut(&block.piece)?;
        assembly.received += block.length;
        if !assembly.from.contains(&from) {
            assembly.from.push(from);
        }
        self.ready_to_verify(layout, block.piece)
    }

    /// The owner's hash of a piece is known. Answers the piece if it can be verified now.
    pub fn record_known(&mut self, layout: &Layout, piece: PieceIndex) -> Option<PieceIndex> {
        self.records.insert(piece);
        self.ready_to_verify(layout, piece)
    }

    fn ready_to_verify(&mut self, layout: &Layout, piece: PieceIndex) -> Option<PieceIndex> {
        let assembly = self.begun.get_mut(&piece)?;
        let whole = assembly.received == layout.length_of(piece);
        if !whole || assembly.verifying || !self.records.contains(piece) {
            return None;
        }
        assembly.verifying = true;
        Some(piece)
    }

    /// A piece is verified and stored; tells whether it was still waited for.
    pub fn verified(&mut self, layout: &Layout, piece: PieceIndex) -> bool {
        if self.begun.remove(&piece).is_none() {
            return false;
        }
        let length = u64::from(layout.length_of(piece));
        self.open_bytes -= length;
        self.have_bytes += length;
        self.remaining -= 1;
        true
    }

    /// A piece does not match its record: it is missing again. Answers who sent parts of it.
    pub fn corrupt(&mut self, layout: &Layout, piece: PieceIndex) -> Vec<PeerId> {
        let Some(assembly) = self.begun.remove(&piece) else { return Vec::new() };
        self.open_bytes -= u64::from(layout.length_of(piece));
        self.picker.put_back(piece);
        assembly.from
    }

    /// A file will not come. What is verified of it stays stored and does not count.
    /// Tells whether it was wanted and not yet whole.
    pub fn file_gone(&mut self, layout: &Layout, have: &Bitfield, file: u32) -> bool {
        let Some(span) = layout.files().get(file as usize) else { return false };
        let missing: Vec<_> = span
            .indices()
            .filter(|piece| self.wanted.contains(*piece) && !have.contains(*piece))
            .collect();
        if missing.is_empty() || self.gone_files.contains(&file) {
            return false;
        }
        self.gone_files.push(file);
        let mut had = span.bytes;
        for piece in missing {
            had -= u64::from(layout.length_of(piece));
            self.picker.forget(piece);
            if self.begun.remove(&piece).is_some() {
                self.open_bytes -= u64::from(layout.length_of(piece));
            }
            self.remaining -= 1;
        }
        self.have_bytes -= had;
        self.wanted_bytes -= span.bytes;
        true
    }
}

/// Cuts the next request off the ranges that are to be asked for.
fn split_request(todo: &mut Vec<BlockRange>) -> Option<BlockRange> {
    let range = todo.last_mut()?;
    let request = BlockRange { length: range.length.min(MAX_REQUEST_BYTES), ..*range };
    range.begin += request.length;
    range.length -= request.length;
    if range.length == 0 {
        todo.pop();
    }
    Some(request)
}
