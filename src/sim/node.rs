//! One browser: its machine, its store, and what it counts.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::listener::Listener;
use super::network::Flow;
use super::queue::Nanos;
use super::world::PeerSetting;
use crate::protocol::id::PeerId;
use crate::protocol::limits::{MAX_RECORD_PIECES, SOCKET_BURST, SOCKET_MESSAGES_PER_SECOND};
use crate::protocol::peer_wire::{PieceRecord, SIGNATURE_BYTES};
use crate::protocol::piece::{BlockRange, Layout, PieceIndex};
use crate::swarm::{Bitfield, Config, Failure, Role, Swarm};

/// The signature that stands for the owner's.
const OWNERS_SIGNATURE: [u8; SIGNATURE_BYTES] = [7; SIGNATURE_BYTES];

/// What a peer does that it should not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Character {
    /// Nothing.
    #[default]
    Honest,
    /// Every block that it sends is false.
    Liar,
    /// From this time of the run on it takes requests and sends no block.
    Stalls(Duration),
}

/// What a browser keeps of pieces, without their bytes.
#[derive(Debug)]
pub struct Store {
    /// Verified and stored.
    pub stored: Bitfield,
    /// Blocks of pieces that are begun, and whether each is false.
    begun: BTreeMap<PieceIndex, Vec<(BlockRange, bool)>>,
    /// First piece and count of the record of each piece; a count of zero where none is known.
    records: Vec<(u32, u32)>,
    /// In memory for sending.
    pub loaded: Bitfield,
    /// Read by the owner and not yet signed for.
    unsigned: Vec<PieceIndex>,
    /// A signature is being made.
    pub signing: bool,
}

impl Store {
    fn new(owner: bool, pieces: u32) -> Self {
        Self {
            stored: if owner { Bitfield::all(pieces) } else { Bitfield::none(pieces) },
            begun: BTreeMap::new(),
            records: vec![(0, 0); pieces as usize],
            loaded: Bitfield::none(pieces),
            unsigned: Vec::new(),
            signing: false,
        }
    }

    /// Puts a block into its piece, over what was there.
    pub fn keep(&mut self, block: BlockRange, false_bytes: bool) {
        let kept = self.begun.entry(block.piece).or_default();
        let covers = |there: &BlockRange| there.begin < block.end() && block.begin < there.end();
        let mut rests = vec![(block, false_bytes)];
        kept.retain(|(there, before)| {
            if !covers(there) {
                return true;
            }
            // What sticks out on either side stays.
            let piece = block.piece;
            let mut stays = |begin: u32, end: u32| {
                if begin < end {
                    rests.push((BlockRange { piece, begin, length: end - begin }, *before));
                }
            };
            stays(there.begin, block.begin.min(there.end()));
            stays(block.end().max(there.begin), there.end());
            false
        });
        kept.append(&mut rests);
    }

    /// Forgets what came of a piece.
    pub fn discard(&mut self, piece: PieceIndex) {
        self.begun.remove(&piece);
    }

    /// Compares a piece with its record, and stores it if it matches. `None` if it is not whole.
    pub fn check(&mut self, layout: &Layout, piece: PieceIndex) -> Option<bool> {
        let kept = self.begun.remove(&piece)?;
        let bytes: u64 = kept.iter().map(|(block, _)| u64::from(block.length)).sum();
        if bytes != u64::from(layout.length_of(piece)) || self.record_of(piece).is_none() {
            return None;
        }
        let matches = kept.iter().all(|(_, false_bytes)| !false_bytes);
        if matches {
            self.stored.insert(piece);
        }
        Some(matches)
    }

    /// First piece and count of the record that covers a piece.
    pub fn record_of(&self, piece: PieceIndex) -> Option<(PieceIndex, u32)> {
        let (first, count) = *self.records.get(piece.0 as usize)?;
        (count > 0).then_some((PieceIndex(first), count))
    }

    /// A record is known and authentic.
    pub fn keep_record(&mut self, first: PieceIndex, count: u32) {
        for place in self.records.iter_mut().skip(first.0 as usize).take(count as usize) {
            *place = (first.0, count);
        }
    }

    /// The record that covers a piece, as it is sent. Its hashes mean nothing.
    pub fn record(&self, piece: PieceIndex) -> Option<PieceRecord> {
        let (first_piece, count) = self.record_of(piece)?;
        let hashes = vec![[0; 32]; count as usize];
        Some(PieceRecord { first_piece, hashes, signature: OWNERS_SIGNATURE })
    }

    /// The owner read a piece and has not signed for it.
    pub fn wait_for_signature(&mut self, piece: PieceIndex) {
        self.unsigned.push(piece);
    }

    /// The next run to sign for: as many consecutive pieces as there are, as the owner's page does it.
    pub fn take_run(&mut self) -> Option<(PieceIndex, u32)> {
        self.unsigned.sort_unstable();
        let first = *self.unsigned.first()?;
        let run = self.unsigned.iter().zip(first.0..).take(MAX_RECORD_PIECES);
        let count = run.take_while(|(piece, next)| piece.0 == *next).count();
        self.unsigned.drain(..count);
        Some((first, count as u32))
    }
}

/// Sums over a node's life.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Payload bytes that left its uplink.
    pub sent_bytes: u64,
    /// Bytes of control messages that it sent to peers.
    pub control_bytes: u64,
    /// Bytes of signalling that it sent and received.
    pub signalling_bytes: u64,
    /// Messages above the server's limit of rate.
    pub too_fast: u64,
}

/// One browser.
#[derive(Debug)]
pub struct Node {
    /// What it is like.
    pub setting: PeerSetting,
    /// Shares the content.
    pub owner: bool,
    /// The machine.
    pub swarm: Swarm,
    /// Counts page loads: what an earlier one began is void.
    pub visit: u32,
    /// Its page is open.
    pub present: bool,
    /// What the room calls it.
    pub peer: Option<PeerId>,
    /// Its open socket.
    pub socket: Option<u64>,
    /// It waits for a socket to open.
    pub opening: bool,
    /// Connection to each peer, by lane.
    pub links: BTreeMap<(PeerId, u16), u32>,
    /// Uplink to the outside.
    pub port: u32,
    /// Uplink to its own network.
    pub lan_port: u32,
    /// Downlink from the outside.
    pub pipe: u32,
    /// Downlink from its own network.
    pub lan_pipe: u32,
    /// When its timeout is looked at.
    pub timeout_at: Option<Nanos>,
    /// What it holds.
    pub store: Store,
    /// Flows of which the machine is to be told how much waits.
    pub touched: VecDeque<Flow>,
    /// Its player, if it listens.
    pub listener: Option<Listener>,
    /// Sums.
    pub counts: Counts,
    /// When its page was first opened.
    pub started_at: Nanos,
    /// When all it wanted was there.
    pub completed_at: Option<Nanos>,
    /// Why it ended.
    pub failure: Option<Failure>,
    allowance: (Nanos, f64),
}

impl Node {
    /// A node that is not there yet.
    pub fn new(setting: PeerSetting, owner: bool, layout: &Layout, ports: [u32; 4]) -> Self {
        let [port, lan_port, pipe, lan_pipe] = ports;
        let store = Store::new(owner, layout.piece_count());
        let swarm = machine(&setting, owner, layout, &store, 1);
        Self {
            setting,
            owner,
            swarm,
            visit: 0,
            present: false,
            peer: None,
            socket: None,
            opening: false,
            links: BTreeMap::new(),
            port,
            lan_port,
            pipe,
            lan_pipe,
            timeout_at: None,
            store,
            touched: VecDeque::new(),
            listener: None,
            counts: Counts::default(),
            started_at: 0,
            completed_at: None,
            failure: None,
            allowance: (0, f64::from(SOCKET_BURST)),
        }
    }

    /// Its page is loaded: what is stored is still there.
    pub fn load_page(&mut self, layout: &Layout, rng_seed: u64) {
        self.visit += 1;
        self.present = true;
        self.timeout_at = None;
        self.touched.clear();
        self.store.begun.clear();
        self.store.loaded = Bitfield::none(layout.piece_count());
        self.store.unsigned.clear();
        self.store.signing = false;
        self.swarm = machine(&self.setting, self.owner, layout, &self.store, rng_seed);
    }

    /// A message to the server; tells whether the server would refuse it as one too many.
    pub fn is_too_fast(&mut self, now: Nanos) -> bool {
        let (since, left) = self.allowance;
        let gained = (now - since) as f64 / 1e9 * f64::from(SOCKET_MESSAGES_PER_SECOND);
        let left = (left + gained).min(f64::from(SOCKET_BURST)) - 1.0;
        self.allowance = (now, left.max(0.0));
        left < 0.0
    }
}

fn machine(
    setting: &PeerSetting,
    owner: bool,
    layout: &Layout,
    store: &Store,
    rng_seed: u64,
) -> Swarm {
    let role = match owner {
        true => Role::Owner,
        false => Role::Recipient {
            wanted_files: vec![true; layout.files().len()],
            have: store.stored.clone(),
        },
    };
    Swarm::new(Config { layout: layout.clone(), role, rng_seed, helps: setting.helps })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(piece: u32, begin: u32) -> BlockRange {
        BlockRange { piece: PieceIndex(piece), begin, length: 65_536 }
    }

    #[test]
    fn a_piece_matches_once_its_false_block_was_replaced() {
        let layout = Layout::new(262_144, [131_072]).unwrap();
        let mut store = Store::new(false, 1);
        store.keep_record(PieceIndex(0), 1);
        store.keep(block(0, 0), true);
        assert_eq!(store.check(&layout, PieceIndex(0)), None, "it is not whole");
        store.keep(block(0, 0), true);
        store.keep(block(0, 65_536), false);
        assert_eq!(store.check(&layout, PieceIndex(0)), Some(false));
        store.keep(block(0, 0), true);
        store.keep(block(0, 65_536), false);
        store.keep(block(0, 0), false);
        assert_eq!(store.check(&layout, PieceIndex(0)), Some(true));
        assert!(store.stored.contains(PieceIndex(0)));
    }

    #[test]
    fn the_owner_signs_for_consecutive_pieces_together() {
        let mut store = Store::new(true, 100);
        for piece in [5, 7, 4, 8] {
            store.wait_for_signature(PieceIndex(piece));
        }
        assert_eq!(store.take_run(), Some((PieceIndex(4), 2)));
        assert_eq!(store.take_run(), Some((PieceIndex(7), 2)));
        assert_eq!(store.take_run(), None);
    }
}
