//! The initial seed of a swarm: which pieces it shows to whom.
//!
//! Whoever holds everything alone must send every piece once, and should send none twice while another was never
//! sent: its uplink is what everyone waits for. So the owner of a `swarm` announces no bitfield. It grants pieces,
//! a few at a time and different ones to each leech, by `have` (the super-seeding of BEP 16), and leaves it to them to
//! pass these on. Only when nothing unsent is wanted does it grant what few hold, and not while the leeches pass more
//! on than this uplink could add: what is on its way among them they will have without it.

use std::time::Duration;

use litemap::LiteMap;

use super::availability::Availability;
use super::bitfield::Bitfield;
use super::remote_peer::RemotePeer;
use super::request_pipeline::RequestPipeline;
use super::throughput::Throughput;
use crate::clock::Timestamp;
use crate::protocol::id::PeerId;
use crate::protocol::piece::{Layout, PieceIndex};

/// Time after which what a leech does not fetch is granted to others as well.
const GRANT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time after which a leech that does well without is looked at again.
const REST: Duration = Duration::from_millis(250);
/// Time without a piece from others after which a leech does not do well any more.
const OTHERS_TIMEOUT: Duration = Duration::from_secs(2);

/// What one leech was granted and does not hold yet.
#[derive(Clone, Debug)]
struct Granted {
    pieces: Bitfield,
    bytes: u64,
    /// What it came to hold without having been granted it.
    from_others: Throughput,
    /// When it last came to hold something that it was not granted.
    others_moved: Timestamp,
    /// It does well without pieces for a second time until then.
    rests: Timestamp,
    /// When it last came to hold something, or was granted something after nothing.
    moved: Timestamp,
    /// Nothing is left that it wants; remembered, because looking takes long.
    exhausted: bool,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Granting {
    /// Pieces that went to someone, or are on their way.
    sent: Bitfield,
    /// No piece before this one is unsent.
    first_unsent: u32,
    /// Pieces of files that are gone from the owner's disk.
    gone: Bitfield,
    /// How many leeches were granted each piece and do not hold it yet.
    outstanding: Availability,
    granted: LiteMap<PeerId, Granted>,
    /// Bytes a second that go out while nobody rests. Zero until it was measured.
    uplink: u64,
    /// Bytes a second that the leeches got from each other, at the last look.
    passed_on: u64,
}

impl Granting {
    /// Nothing of `pieces` pieces was sent yet.
    pub fn new(pieces: u32) -> Self {
        Self {
            sent: Bitfield::none(pieces),
            first_unsent: 0,
            gone: Bitfield::none(pieces),
            outstanding: Availability::new(pieces),
            granted: LiteMap::new(),
            uplink: 0,
            passed_on: 0,
        }
    }

    /// A leech holds a piece, whoever sent it.
    pub fn held(&mut self, now: Timestamp, layout: &Layout, peer: PeerId, piece: PieceIndex) {
        self.sent.insert(piece);
        let Some(granted) = self.granted.get_mut(&peer) else { return };
        let length = u64::from(layout.length_of(piece));
        if granted.pieces.remove(piece) {
            granted.bytes -= length;
            granted.moved = now;
            self.outstanding.remove(piece);
        } else {
            granted.from_others.add(now, length);
            granted.others_moved = now;
        }
    }

    /// A leech that plays asks for a piece before it is granted: that is as if it had been. Tells whether it is granted
    /// only now; then the leech has to hear of it, because it may take its request back and ask again later.
    pub fn asked(
        &mut self,
        now: Timestamp,
        layout: &Layout,
        peer: PeerId,
        piece: PieceIndex,
    ) -> bool {
        let Some(granted) = self.granted.get_mut(&peer) else { return false };
        if granted.pieces.count() == 0 {
            granted.moved = now;
        }
        let news = granted.pieces.insert(piece);
        if news {
            granted.bytes += u64::from(layout.length_of(piece));
            self.sent.insert(piece);
            self.outstanding.add(piece);
        }
        news
    }

    /// A leech tells what it wants: what else it was granted goes to others.
    pub fn wanted(
        &mut self,
        layout: &Layout,
        peer: PeerId,
        wanted: &Bitfield,
        availability: &Availability,
    ) {
        let Some(granted) = self.granted.get_mut(&peer) else { return };
        granted.exhausted = false;
        let unwanted: Vec<PieceIndex> = granted.pieces.without(wanted).collect();
        for piece in &unwanted {
            granted.pieces.remove(*piece);
            granted.bytes -= u64::from(layout.length_of(*piece));
            self.outstanding.remove(*piece);
        }
        for piece in unwanted {
            self.forget_unless_held(piece, availability);
        }
    }

    /// A file cannot be read any more: nobody is granted its pieces, or waits for them.
    pub fn lost(&mut self, layout: &Layout, pieces: impl Iterator<Item = PieceIndex>) {
        for piece in pieces {
            self.gone.insert(piece);
            self.sent.insert(piece);
            for (_, granted) in &mut self.granted {
                if granted.pieces.remove(piece) {
                    granted.bytes -= u64::from(layout.length_of(piece));
                    self.outstanding.remove(piece);
                }
            }
        }
    }

    /// A leech went. What it was granted and never held counts as unsent again, unless others hold it.
    pub fn left(&mut self, peer: PeerId, availability: &Availability) {
        let Some(granted) = self.granted.remove(&peer) else { return };
        for piece in granted.pieces.iter() {
            self.outstanding.remove(piece);
            self.forget_unless_held(piece, availability);
        }
    }

    /// Once a second: leeches that fetched nothing for a while keep what they were granted, but others get it as well.
    ///
    /// `rate` is what is sent to all, in bytes a second.
    pub fn tick(&mut self, now: Timestamp, rate: u64, availability: &Availability) {
        let busy = |granted: &Granted| !granted.exhausted && now >= granted.rests;
        // Of what goes out after the last leech went nothing can be told.
        if rate > 0 && !self.granted.is_empty() && self.granted.values().all(busy) {
            self.uplink = if self.uplink == 0 { rate } else { self.uplink.midpoint(rate) };
        }
        let from_others = |granted: &Granted| granted.from_others.bytes_per_second(now);
        self.passed_on = self.granted.values().map(from_others).sum();
        let mut stuck = Vec::new();
        for (_, granted) in &mut self.granted {
            if granted.pieces.count() > 0 && now >= granted.moved + GRANT_TIMEOUT {
                granted.moved = now;
                stuck.extend(granted.pieces.iter());
            }
        }
        for piece in stuck {
            self.forget_unless_held(piece, availability);
        }
    }

    fn forget_unless_held(&mut self, piece: PieceIndex, availability: &Availability) {
        if availability.of(piece) == 0 && !self.gone.contains(piece) {
            self.sent.remove(piece);
            self.first_unsent = self.first_unsent.min(piece.0);
        }
    }

    /// The next piece to grant to this leech; `None` while it has enough, or if nothing is left that it wants.
    pub fn next(
        &mut self,
        now: Timestamp,
        layout: &Layout,
        peer: PeerId,
        remote: &RemotePeer,
        availability: &Availability,
    ) -> Option<PieceIndex> {
        let pieces = self.sent.length();
        // Without a measured uplink nobody can tell whether to wait for others is better.
        let all_do_well = self.uplink > 0 && self.passed_on >= self.uplink;
        let granted = self.granted.entry(peer).or_insert_with(|| Granted {
            pieces: Bitfield::none(pieces),
            bytes: 0,
            from_others: Throughput::default(),
            others_moved: now,
            rests: now,
            moved: now,
            exhausted: false,
        });
        // Twice what the leech asks for ahead, so that it never waits for a grant.
        let rate = remote.sent.bytes_per_second(now);
        let window = 2 * RequestPipeline::depth_bytes(rate, remote.lanes.len());
        let least = u64::from(layout.piece_length()) * 2;
        let has_enough = granted.pieces.count() > 0 && granted.bytes >= window.max(least);
        if granted.exhausted || has_enough {
            return None;
        }
        while self.sent.contains(PieceIndex(self.first_unsent)) {
            self.first_unsent += 1;
        }
        let fits = |piece: &PieceIndex| remote.needs(*piece) && !granted.pieces.contains(*piece);
        let unsent = (self.first_unsent..pieces)
            .map(PieceIndex)
            .find(|piece| !self.sent.contains(*piece) && fits(piece));
        let piece = match unsent {
            Some(piece) => piece,
            None if now < granted.rests => return None,
            None => {
                let rarest = (0..pieces)
                    .map(PieceIndex)
                    .filter(|piece| fits(piece) && !self.gone.contains(*piece))
                    .min_by_key(|piece| availability.of(*piece) + self.outstanding.of(*piece));
                let Some(piece) = rarest else {
                    granted.exhausted = true;
                    return None;
                };
                if all_do_well && now < granted.others_moved + OTHERS_TIMEOUT {
                    granted.rests = now + REST;
                    return None;
                }
                piece
            }
        };
        if granted.pieces.count() == 0 {
            granted.moved = now;
        }
        granted.pieces.insert(piece);
        granted.bytes += u64::from(layout.length_of(piece));
        self.sent.insert(piece);
        self.outstanding.add(piece);
        Some(piece)
    }
}
