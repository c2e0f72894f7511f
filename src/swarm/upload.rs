//! Serving: which pieces to have in memory, and which block to send next.

use std::collections::VecDeque;
use std::time::Duration;

use litemap::LiteMap;

use super::cap::Cap;
use super::lane::Lane;
use super::remote_peer::{MOST_UPCOMING, RemotePeer};
use super::throughput::Throughput;
use super::{Output, PeerId};
use crate::clock::Timestamp;
use crate::protocol::piece::{BlockRange, Layout, PieceIndex};

/// Bytes read ahead for one leech: what it is sent in so long a time, since a busy machine takes a tenth of a second to read,
/// hash and sign; at least and at most so much, or two pieces if that is more.
const READ_AHEAD: Duration = Duration::from_millis(500);
const LEAST_READ_AHEAD: u64 = 4 << 20;
const MOST_READ_AHEAD: u64 = 16 << 20;
/// The part that is left of that, and as many pieces, when it is filled again: what is read together is signed together.
const REREAD_PART: u64 = 2;
const REREAD_PIECES: usize = 2;
/// Bytes of pieces kept for other leeches that are at about the same place.
const CACHE_BYTES: u64 = 64 << 20;
/// Bytes of pieces in memory, whatever is asked.
const MAX_LOADED_BYTES: u64 = 256 << 20;

#[derive(Clone, Debug)]
struct Loaded {
    /// First piece and count of the record that covers it, once it is in memory.
    record: Option<(PieceIndex, u32)>,
    used: u64,
}

/// What is in memory for sending.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    loaded: LiteMap<PieceIndex, Loaded>,
    loaded_bytes: u64,
    clock: u64,
    /// Everything sent, to all together.
    pub sent: Throughput,
    /// What may be sent, to all together.
    pub cap: Cap,
    sends_at: Option<Timestamp>,
    /// Who was sent something last.
    last: Option<PeerId>,
}

impl Upload {
    /// A piece is in memory, and a record of `count` pieces from `first` covers it.
    pub fn piece_loaded(&mut self, piece: PieceIndex, first: PieceIndex, count: u32) {
        if let Some(loaded) = self.loaded.get_mut(&piece) {
            loaded.record = Some((first, count));
        }
    }

    /// A piece could not be read.
    pub fn load_failed(&mut self, layout: &Layout, piece: PieceIndex) {
        if self.loaded.remove(&piece).is_some() {
            self.loaded_bytes -= u64::from(layout.length_of(piece));
        }
    }

    /// Emits what can be sent and read now: block by block in turn, so that all whom this browser serves share what
    /// there is.
    pub fn pump(
        &mut self,
        now: Timestamp,
        layout: &Layout,
        peers: &mut LiteMap<PeerId, RemotePeer>,
        outputs: &mut impl Extend<Output>,
    ) {
        self.sends_at = None;
        let served = |remote: &RemotePeer| remote.is_greeted() && !remote.choking;
        let mut turns: VecDeque<PeerId> =
            peers.iter().filter(|(_, remote)| served(remote)).map(|(peer, _)| *peer).collect();
        // A limit may end this at anyone; whoever is behind comes first the next time.
        let behind = turns.iter().position(|peer| Some(*peer) > self.last);
        turns.rotate_left(behind.unwrap_or(0));
        while let Some(peer) = turns.pop_front() {
            let Some(remote) = peers.get_mut(&peer) else { continue };
            if !self.cap.allows(now) {
                if turns.iter().chain([&peer]).any(|p| peers.get(p).is_some_and(has_work)) {
                    let at = self.cap.allows_at(now);
                    self.sends_again_at(at);
                }
                break;
            }
            if !remote.pace.allows(now) {
                if has_work(remote) {
                    self.sends_again_at(remote.pace.allows_at(now));
                }
                continue;
            }
            if self.send_block_to(now, peer, remote, outputs) {
                self.last = Some(peer);
                turns.push_back(peer);
            }
        }
        self.read_ahead(now, layout, peers, outputs);
    }

    /// When more may be sent, if the person's limit or the pace for a path is in the way.
    pub fn sends_at(&self) -> Option<Timestamp> {
        self.sends_at
    }

    fn sends_again_at(&mut self, at: Timestamp) {
        self.sends_at = Some(self.sends_at.map_or(at, |earlier| earlier.min(at)));
    }

    /// Sends the next block to a peer, if one is in memory and some lane has room.
    fn send_block_to(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        remote: &mut RemotePeer,
        outputs: &mut impl Extend<Output>,
    ) -> bool {
        let first_lane = u16::from(remote.is_control_apart());
        let Some(range) = remote.queue.front_mut() else { return false };
        let Some(loaded) = self.loaded.get_mut(&range.piece) else { return false };
        let Some((first, count)) = loaded.record else { return false };
        // The emptiest lane of those that have room: a fast one is emptied more often. The first is left to control.
        let has_room = |number: u16, lane: &Lane| number >= first_lane && lane.has_room();
        let lanes = remote.lanes.iter_mut().filter(|(number, lane)| has_room(**number, lane));
        let Some((number, lane)) = lanes.min_by_key(|(_, lane)| lane.buffered) else {
            return false;
        };
        let number = *number;
        self.clock += 1;
        loaded.used = self.clock;
        let piece = range.piece;
        let block = BlockRange { length: range.length.min(lane.block_length(now)), ..*range };
        range.begin += block.length;
        range.length -= block.length;
        if range.length == 0 {
            remote.queue.pop_front();
        }
        if !remote.records_sent.contains(piece) {
            for covered in first.0..first.0 + count {
                remote.records_sent.insert(PieceIndex(covered));
            }
            outputs.extend([Output::SendRecord { peer, piece }]);
        }
        if let Some(bytes) = lane.hand_over(now, &block) {
            outputs.extend([Output::SetLowWater { peer, lane: number, bytes }]);
        }
        self.cap.take(block.length.into());
        remote.pace.take(block.length.into());
        self.sent.add(now, u64::from(block.length));
        remote.sent.add(now, u64::from(block.length));
        outputs.extend([Output::SendBlock { peer, lane: number, block }]);
        true
    }

    fn read_ahead(
        &mut self,
        now: Timestamp,
        layout: &Layout,
        peers: &mut LiteMap<PeerId, RemotePeer>,
        outputs: &mut impl Extend<Output>,
    ) {
        let length_of = |piece| layout.length_of(piece);
        let mut expected = Vec::new();
        for (_, remote) in peers.iter_mut() {
            expected.extend(remote.read_ahead.take_expected());
        }
        let (mut needed, mut first, mut due) = (Vec::new(), Vec::new(), Vec::new());
        for remote in peers.values().filter(|remote| !remote.choking) {
            let sent = remote.sent.bytes_per_second(now) * READ_AHEAD.as_millis() as u64 / 1000;
            let ahead = sent.clamp(LEAST_READ_AHEAD, MOST_READ_AHEAD);
            let upcoming = remote.upcoming(ahead, length_of);
            let here = upcoming.iter().take_while(|piece| self.loaded.contains_key(piece));
            let (pieces, bytes) = here.fold((0, 0), |(pieces, bytes), piece| {
                (pieces + 1, bytes + u64::from(length_of(*piece)))
            });
            // Of tiny pieces so few are looked at that they are never as much.
            let whole = match upcoming.len() {
                MOST_UPCOMING => upcoming.iter().map(|piece| u64::from(length_of(*piece))).sum(),
                _ => ahead,
            };
            if pieces < REREAD_PIECES || bytes < whole / REREAD_PART {
                let (soonest, later) = upcoming.split_at(upcoming.len().min(REREAD_PIECES));
                first.extend_from_slice(soonest);
                due.extend_from_slice(later);
            }
            needed.extend(upcoming);
        }
        // What one waits for is not read behind all that others may ask for next.
        first.sort_unstable();
        due.sort_unstable();
        for piece in first.into_iter().chain(due) {
            // Several leeches may be about to ask for it.
            if self.loaded.contains_key(&piece) {
                continue;
            }
            let length = u64::from(layout.length_of(piece));
            self.make_room(layout, length, &needed, outputs);
            if self.loaded_bytes > 0 && self.loaded_bytes + length > MAX_LOADED_BYTES {
                // Goes on when another leech is done with what is in memory.
                return;
            }
            self.load(piece, length, outputs);
        }
        // None of these takes the place of another, or of what was asked for.
        needed.extend(&expected);
        for piece in expected {
            let length = u64::from(layout.length_of(piece));
            if self.loaded.contains_key(&piece) {
                continue;
            }
            self.make_room(layout, length, &needed, outputs);
            if self.loaded_bytes + length > CACHE_BYTES {
                break;
            }
            self.load(piece, length, outputs);
        }
        if peers.is_empty() {
            self.make_room(layout, MAX_LOADED_BYTES, &needed, outputs);
        }
    }

    fn load(&mut self, piece: PieceIndex, length: u64, outputs: &mut impl Extend<Output>) {
        self.loaded_bytes += length;
        self.loaded.insert(piece, Loaded { record: None, used: self.clock });
        outputs.extend([Output::LoadPiece { piece }]);
    }

    /// Drops pieces that nobody needs now, those unused for longest first, until `length` more fit the cache.
    fn make_room(
        &mut self,
        layout: &Layout,
        length: u64,
        needed: &[PieceIndex],
        outputs: &mut impl Extend<Output>,
    ) {
        while self.loaded_bytes + length > CACHE_BYTES {
            let idle = self
                .loaded
                .iter()
                .filter(|(piece, loaded)| loaded.record.is_some() && !needed.contains(piece))
                .min_by_key(|(_, loaded)| loaded.used)
                .map(|(piece, _)| *piece);
            let Some(piece) = idle else { return };
            self.loaded.remove(&piece);
            self.loaded_bytes -= u64::from(layout.length_of(piece));
            outputs.extend([Output::UnloadPiece { piece }]);
        }
    }
}

fn has_work(remote: &RemotePeer) -> bool {
    !remote.queue.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::limits::MIN_PIECE_LENGTH;
    use crate::swarm::remote_peer::LinkState;

    /// A leech that asked for these pieces.
    fn leech(layout: &Layout, pieces: std::ops::Range<u32>) -> RemotePeer {
        let now = Timestamp::ZERO;
        let mut remote = RemotePeer::connecting(1, 0, false, layout.piece_count(), now, now);
        (remote.state, remote.choking) = (LinkState::Greeted, false);
        let whole = |piece| BlockRange { piece, begin: 0, length: layout.length_of(piece) };
        remote.queue = pieces.map(PieceIndex).map(whole).collect();
        remote
    }

    /// The pieces that are to be read now.
    fn read(
        upload: &mut Upload,
        layout: &Layout,
        peers: &mut LiteMap<PeerId, RemotePeer>,
    ) -> Vec<u32> {
        let mut outputs = Vec::new();
        upload.pump(Timestamp::ZERO, layout, peers, &mut outputs);
        let piece = |output: &Output| match output {
            Output::LoadPiece { piece } => Some(piece.0),
            _ => None,
        };
        outputs.iter().filter_map(piece).collect()
    }

    #[test]
    fn what_a_leech_waits_for_is_read_before_what_others_ask_for_later() {
        let layout = Layout::new(MIN_PIECE_LENGTH, [1000 * u64::from(MIN_PIECE_LENGTH)]).unwrap();
        let fast = (PeerId(1), leech(&layout, 0..200));
        let mut peers = [fast, (PeerId(2), leech(&layout, 800..810))].into_iter().collect();
        let read = read(&mut Upload::default(), &layout, &mut peers);
        assert_eq!(read[..4], [0, 1, 800, 801]);
        assert!(read.len() > 12 && read[4..].is_sorted(), "{read:?}");
    }

    #[test]
    fn tiny_pieces_are_read_many_at_a_time_from_beginning_to_end() {
        let layout = Layout::new(MIN_PIECE_LENGTH, [20_000; 300]).unwrap();
        let mut peers: LiteMap<_, _> = [(PeerId(1), leech(&layout, 0..300))].into_iter().collect();
        let (mut upload, mut times) = (Upload::default(), Vec::new());
        while !peers[&PeerId(1)].queue.is_empty() {
            let loaded = read(&mut upload, &layout, &mut peers);
            let pieces = loaded.iter().copied().map(PieceIndex);
            pieces.for_each(|piece| upload.piece_loaded(piece, piece, 1));
            times.extend((!loaded.is_empty()).then_some(loaded.len()));
            // As if it had been sent.
            peers.get_mut(&PeerId(1)).unwrap().queue.pop_front();
        }
        assert_eq!(times.iter().sum::<usize>(), 300);
        assert!(times.len() <= 12, "{times:?}");
    }
}
