//! Serving: which pieces to have in memory, and which block to send next.

use litemap::LiteMap;

use super::remote_peer::RemotePeer;
use super::throughput::Throughput;
use super::{Output, PeerId};
use crate::clock::Timestamp;
use crate::protocol::peer_wire::BLOCK_HEADER_BYTES;
use crate::protocol::piece::{BlockRange, Layout, PieceIndex};

/// Bytes that may wait in one data channel. Far under Chromium's 16 MiB, above which it refuses.
pub const HIGH_WATER_MARK: u64 = 4 << 20;
/// `bufferedAmountLowThreshold`: at this many waiting bytes the channel asks for more.
pub const LOW_WATER_MARK: u32 = 1 << 20;
/// Bytes read ahead for one leech, or two pieces if that is more.
const READ_AHEAD_BYTES: u64 = 4 << 20;
/// Bytes of pieces kept for other leeches that are at about the same place.
const CACHE_BYTES: u64 = 64 << 20;
/// Bytes of pieces in memory, whatever is asked.
const MAX_LOADED_BYTES: u64 = 256 << 20;

/// Bytes a second below which blocks are small, so that one does not hold up control messages for long and the
/// leech sees that something comes.
const SLOW_RATE: u64 = 256 << 10;
/// Payload bytes of a block at such a rate.
const SLOW_BLOCK_LENGTH: u32 = 15 << 10;

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

    /// Emits what can be sent and read now.
    pub fn pump(
        &mut self,
        now: Timestamp,
        layout: &Layout,
        peers: &mut LiteMap<PeerId, RemotePeer>,
        outputs: &mut impl Extend<Output>,
    ) {
        for (peer, remote) in peers.iter_mut() {
            if remote.is_greeted() && !remote.choking {
                self.send_to(now, *peer, remote, outputs);
            }
        }
        self.read_ahead(layout, peers, outputs);
    }

    fn send_to(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        remote: &mut RemotePeer,
        outputs: &mut impl Extend<Output>,
    ) {
        while let Some(range) = remote.queue.front_mut() {
            let Some(loaded) = self.loaded.get_mut(&range.piece) else { return };
            let Some((first, count)) = loaded.record else { return };
            // The emptiest lane of those that have room.
            let lane = remote.lanes.iter_mut().enumerate().min_by_key(|(_, lane)| lane.buffered);
            let Some((number, lane)) = lane.filter(|(_, l)| l.buffered < HIGH_WATER_MARK) else {
                return;
            };
            self.clock += 1;
            loaded.used = self.clock;
            let piece = range.piece;
            let slow = remote.sent.bytes_per_second(now) < SLOW_RATE;
            let longest = if slow { SLOW_BLOCK_LENGTH } else { lane.block_length };
            let block = BlockRange { length: range.length.min(longest), ..*range };
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
            lane.buffered += u64::from(block.length) + BLOCK_HEADER_BYTES as u64;
            self.sent.add(now, u64::from(block.length));
            remote.sent.add(now, u64::from(block.length));
            let lane = u8::try_from(number).unwrap_or(0);
            outputs.extend([Output::SendBlock { peer, lane, block }]);
        }
    }

    fn read_ahead(
        &mut self,
        layout: &Layout,
        peers: &LiteMap<PeerId, RemotePeer>,
        outputs: &mut impl Extend<Output>,
    ) {
        let length_of = |piece| layout.length_of(piece);
        let mut needed: Vec<PieceIndex> = peers
            .values()
            .filter(|remote| !remote.choking)
            .flat_map(|remote| remote.upcoming(READ_AHEAD_BYTES, length_of))
            .collect();
        needed.sort_unstable();
        needed.dedup();
        for piece in &needed {
            if self.loaded.contains_key(piece) {
                continue;
            }
            let length = u64::from(layout.length_of(*piece));
            self.make_room(layout, length, &needed, outputs);
            if self.loaded_bytes > 0 && self.loaded_bytes + length > MAX_LOADED_BYTES {
                // Goes on when another leech is done with what is in memory.
                return;
            }
            self.loaded_bytes += length;
            self.loaded.insert(*piece, Loaded { record: None, used: self.clock });
            outputs.extend([Output::LoadPiece { piece: *piece }]);
        }
        if peers.is_empty() {
            self.make_room(layout, MAX_LOADED_BYTES, &needed, outputs);
        }
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
