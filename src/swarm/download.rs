//! What a recipient still needs: pieces missing, pieces being put together, pieces being verified.

use litemap::LiteMap;

use super::assembly::Assembly;
use super::availability::Availability;
use super::bitfield::Bitfield;
use super::lost::Loss;
use super::piece_picker::PiecePicker;
use crate::protocol::id::PeerId;
use crate::protocol::piece::{BlockRange, Layout, PieceIndex};
use crate::random::Random;

/// Bytes of pieces that are begun and not verified, at most: they are held in memory. Twice that for a player.
const MAX_OPEN_BYTES: u64 = 64 << 20;
/// Times that a piece may be lost from the store. Once may be an accident; a store that is broken would have it fetched
/// for ever.
const MAX_LOSSES: usize = 1;

/// What a block is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is here already, from another provider, or is not wanted any more.
    No,
    /// It goes into its piece.
    Yes,
    /// It goes into its piece, which can be verified now.
    Whole,
}

/// What a recipient still needs.
#[derive(Clone, Debug)]
pub struct Download {
    wanted: Bitfield,
    picker: PiecePicker,
    begun: LiteMap<PieceIndex, Assembly>,
    open_bytes: u64,
    /// What a player needs next, soonest first.
    urgent: Vec<PieceIndex>,
    /// Pieces that were here before, each as often as it was lost.
    lost: Vec<PieceIndex>,
    records: Bitfield,
    /// Pieces whose parts of several providers did not fit together.
    disputed: Vec<PieceIndex>,
    wanted_files: usize,
    gone_files: Vec<u32>,
    remaining: u32,
    have_bytes: u64,
    wanted_bytes: u64,
}

impl Download {
    /// Wants these files, by number, of which `have` is here from an earlier visit.
    pub fn new(layout: &Layout, wanted_files: &[bool], have: &Bitfield) -> Self {
        let mut wanted = Bitfield::none(layout.piece_count());
        let mut wanted_bytes = 0;
        for (span, _) in layout.files().iter().zip(wanted_files).filter(|(_, wanted)| **wanted) {
            wanted_bytes += span.bytes;
            for piece in span.indices() {
                wanted.insert(piece);
            }
        }
        let mut missing = wanted.clone();
        let mut have_bytes = 0;
        for piece in wanted.common(have) {
            missing.remove(piece);
            have_bytes += u64::from(layout.length_of(piece));
        }
        Self {
            remaining: missing.count(),
            picker: PiecePicker::new(missing),
            wanted,
            begun: LiteMap::new(),
            open_bytes: 0,
            urgent: Vec::new(),
            lost: Vec::new(),
            records: Bitfield::none(layout.piece_count()),
            disputed: Vec::new(),
            wanted_files: wanted_files.iter().filter(|wanted| **wanted).count(),
            gone_files: Vec::new(),
            have_bytes,
            wanted_bytes,
        }
    }

    /// Whether nothing is missing any more.
    pub fn is_complete(&self) -> bool {
        self.remaining == 0
    }

    /// All that is wanted, here or not.
    pub fn wanted(&self) -> &Bitfield {
        &self.wanted
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

    /// Whether everything that is missing was asked of someone: only the last blocks are still to come.
    pub fn is_endgame(&self) -> bool {
        self.picker.is_empty() && self.begun.values().all(Assembly::is_asked_for)
    }

    /// Whether some piece is whole and is being compared with its record.
    pub fn is_verifying(&self) -> bool {
        self.begun.values().any(|assembly| assembly.verifying)
    }

    /// A player needs these next, soonest first. Answers the first that is missing, if it was not yet asked for, all of
    /// it: then the player waits.
    pub fn hurry(&mut self, pieces: Vec<PieceIndex>) -> Option<PieceIndex> {
        self.urgent = pieces;
        let missing = |piece: &&PieceIndex| {
            self.begun.contains_key(*piece) || self.picker.is_missing(**piece)
        };
        let first = self.urgent.iter().find(missing)?;
        let asked = self.begun.get(first).is_some_and(Assembly::is_asked_for);
        (!asked).then_some(*first)
    }

    /// Whether a player needs something soon.
    pub fn is_hurried(&self) -> bool {
        !self.urgent.is_empty()
    }

    /// Whether a player needs this piece soon.
    pub fn is_urgent(&self, piece: PieceIndex) -> bool {
        self.urgent.contains(&piece)
    }

    /// The next range to ask `peer` for, which holds `remote`, of `most` bytes at most; `None` if there is none, or if
    /// enough is begun. What is urgent or was lost comes first, and may be had from whoever `holds_all` though it does not say so.
    pub fn next_request(
        &mut self,
        layout: &Layout,
        peer: PeerId,
        (remote, holds_all): (&Bitfield, bool),
        availability: &Availability,
        ties: Option<&mut Random>,
        most: u32,
    ) -> Option<BlockRange> {
        if let Some(range) = self.next_urgent(layout, peer, (remote, holds_all), most) {
            return Some(range);
        }
        let begun = self
            .begun
            .iter_mut()
            .find(|(piece, assembly)| assembly.has_work_for(peer) && remote.contains(**piece));
        if let Some((_, assembly)) = begun {
            return assembly.next_request(most);
        }
        if self.open_bytes >= MAX_OPEN_BYTES {
            return None;
        }
        let piece = self.picker.pick(remote, availability, ties)?;
        self.begin(layout, peer, piece, most)
    }

    fn next_urgent(
        &mut self,
        layout: &Layout,
        peer: PeerId,
        (remote, holds_all): (&Bitfield, bool),
        most: u32,
    ) -> Option<BlockRange> {
        // What was lost an owner that grants takes for had, and does not show again.
        let urgent = self.urgent.iter().map(|piece| (*piece, 2 * MAX_OPEN_BYTES));
        let lost = self.lost.iter().map(|piece| (*piece, MAX_OPEN_BYTES));
        let holds = |piece| holds_all || remote.contains(piece);
        for (piece, most_open) in urgent.chain(lost).filter(|(piece, _)| holds(*piece)) {
            if let Some(assembly) = self.begun.get_mut(&piece) {
                if assembly.has_work_for(peer) {
                    return assembly.next_request(most);
                }
            } else if self.open_bytes < most_open && self.picker.take(piece) {
                return self.begin(layout, peer, piece, most);
            }
        }
        None
    }

    fn begin(
        &mut self,
        layout: &Layout,
        peer: PeerId,
        piece: PieceIndex,
        most: u32,
    ) -> Option<BlockRange> {
        let length = layout.length_of(piece);
        self.open_bytes += u64::from(length);
        let sole = self.disputed.contains(&piece).then_some(peer);
        let assembly =
            self.begun.entry(piece).or_insert_with(|| Assembly::new(piece, length, sole));
        assembly.next_request(most)
    }

    /// Whether to ask a second provider for a range that a first one is slow with.
    pub fn double(&mut self, range: &BlockRange) -> bool {
        self.begun.get_mut(&range.piece).is_some_and(|assembly| assembly.double(range))
    }

    /// Ranges that a peer will not send after all.
    pub fn give_back(&mut self, ranges: &[BlockRange]) {
        for range in ranges {
            if let Some(assembly) = self.begun.get_mut(&range.piece) {
                assembly.give_back(range);
            }
        }
    }

    /// Gives up what only this peer was to send and will not: each is fetched anew, all of it, from another one.
    pub fn abandon(&mut self, layout: &Layout, sole: PeerId) -> Vec<PieceIndex> {
        let left = |assembly: &Assembly| assembly.sole == Some(sole) && !assembly.verifying;
        let pieces: Vec<PieceIndex> =
            self.begun.iter().filter(|(_, assembly)| left(assembly)).map(|(p, _)| *p).collect();
        self.begin_anew(layout, &pieces);
        pieces
    }

    /// A block that was asked for is here.
    pub fn block_arrived(&mut self, from: PeerId, block: &BlockRange) -> Kept {
        let Some(assembly) = self.begun.get_mut(&block.piece) else { return Kept::No };
        if !assembly.arrive(from, block) {
            return Kept::No;
        }
        if self.ready_to_verify(block.piece) { Kept::Whole } else { Kept::Yes }
    }

    /// Whether a block of this piece may be used that comes after its request was taken back.
    pub fn takes_late(&self, from: PeerId, piece: PieceIndex) -> bool {
        self.begun.get(&piece).is_some_and(|assembly| assembly.takes_late(from))
    }

    /// Whether a range that two providers were asked for has come from one of them.
    pub fn is_superfluous(&self, range: &BlockRange) -> bool {
        match self.begun.get(&range.piece) {
            Some(assembly) => !assembly.is_missing(range),
            None => true,
        }
    }

    /// Whether parts of a piece were asked of two providers.
    pub fn is_doubled(&self, piece: PieceIndex) -> bool {
        self.begun.get(&piece).is_some_and(Assembly::is_doubled)
    }

    /// Gives up pieces that are begun and that nobody at hand can finish, so that others can be begun.
    pub fn evict(
        &mut self,
        layout: &Layout,
        at_hand: impl Fn(PieceIndex) -> bool,
    ) -> Vec<PieceIndex> {
        let idle =
            |piece: &PieceIndex, assembly: &Assembly| !assembly.verifying && !at_hand(*piece);
        let pieces: Vec<PieceIndex> =
            self.begun.iter().filter(|(p, assembly)| idle(p, assembly)).map(|(p, _)| *p).collect();
        self.begin_anew(layout, &pieces);
        pieces
    }

    /// Gives up pieces that are whole and whose record has not come: it may have been lost with the link, while the blocks
    /// came over other lanes. Each is fetched anew, with its record.
    pub fn drop_unrecorded(&mut self, layout: &Layout) -> Vec<PieceIndex> {
        let pieces: Vec<PieceIndex> = self.unrecorded().map(|(piece, _)| *piece).collect();
        self.begin_anew(layout, &pieces);
        pieces
    }

    /// Gives them up since their records do not come though all links stand, and answers who sent all of such a piece. What
    /// several sent is fetched anew from one alone.
    pub fn drop_withheld(&mut self, layout: &Layout) -> (Vec<PieceIndex>, Vec<PeerId>) {
        let (mut shared, mut withholders) = (Vec::new(), Vec::new());
        for (piece, assembly) in self.unrecorded() {
            match assembly.from[..] {
                [peer] if !withholders.contains(&peer) => withholders.push(peer),
                [_] => {}
                _ => shared.push(*piece),
            }
        }
        self.disputed.extend(shared);
        (self.drop_unrecorded(layout), withholders)
    }

    fn unrecorded(&self) -> impl Iterator<Item = (&PieceIndex, &Assembly)> {
        self.begun.iter().filter(|(piece, assembly)| {
            assembly.is_whole() && !assembly.verifying && !self.records.contains(**piece)
        })
    }

    fn begin_anew(&mut self, layout: &Layout, pieces: &[PieceIndex]) {
        for piece in pieces {
            self.begun.remove(piece);
            self.open_bytes -= u64::from(layout.length_of(*piece));
            self.picker.put_back(*piece);
        }
    }

    /// The owner's hash of a piece is known; tells whether it can be verified now.
    pub fn record_known(&mut self, piece: PieceIndex) -> bool {
        self.records.insert(piece);
        self.ready_to_verify(piece)
    }

    fn ready_to_verify(&mut self, piece: PieceIndex) -> bool {
        let Some(assembly) = self.begun.get_mut(&piece) else { return false };
        if !assembly.is_whole() || assembly.verifying || !self.records.contains(piece) {
            return false;
        }
        assembly.verifying = true;
        true
    }

    /// A piece is verified and stored; tells whether it was still waited for.
    pub fn verified(&mut self, layout: &Layout, piece: PieceIndex) -> bool {
        if self.begun.remove(&piece).is_none() {
            return false;
        }
        let length = u64::from(layout.length_of(piece));
        self.disputed.retain(|disputed| *disputed != piece);
        self.open_bytes -= length;
        self.have_bytes += length;
        self.remaining -= 1;
        true
    }

    /// A piece does not match its record: it is missing again. Answers who sent it, if one peer sent all of it. If
    /// several did, any of them may have lied: nobody is blamed, and it is fetched anew from one alone.
    pub fn corrupt(&mut self, layout: &Layout, piece: PieceIndex) -> Option<PeerId> {
        let assembly = self.begun.remove(&piece)?;
        self.open_bytes -= u64::from(layout.length_of(piece));
        self.picker.put_back(piece);
        match assembly.from[..] {
            [liar] => Some(liar),
            _ => {
                self.disputed.push(piece);
                None
            }
        }
    }

    /// A piece that was here cannot be read any more.
    pub fn lost(&mut self, layout: &Layout, piece: PieceIndex) -> Loss {
        let gone = |(file, _): (usize, u64)| self.gone_files.contains(&(file as u32));
        if !self.wanted.contains(piece) || layout.locate(piece).is_some_and(gone) {
            return Loss::Unwanted;
        }
        let losses = self.lost.iter().filter(|lost| **lost == piece).count();
        self.lost.push(piece);
        self.picker.put_back(piece);
        self.remaining += 1;
        self.have_bytes -= u64::from(layout.length_of(piece));
        if losses < MAX_LOSSES { Loss::Missing } else { Loss::Again }
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
