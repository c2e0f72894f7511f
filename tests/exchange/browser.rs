//! One browser: its machine, and the part of a driver that holds bytes.

use std::collections::{BTreeMap, BTreeSet};

use transfer4me::protocol::id::PeerId;
use transfer4me::protocol::limits::MAX_PIECE_LENGTH;
use transfer4me::protocol::peer_wire::{PieceHash, PieceRecord};
use transfer4me::protocol::piece::{BlockRange, PieceIndex};
use transfer4me::protocol::signalling::ClientMessage;
use transfer4me::room::SocketId;
use transfer4me::swarm::{Bitfield, Config, Failure, Input, Reason, Role, Swarm};

use super::content::{Content, hash};

/// The signature that stands for the owner's.
pub const OWNERS_SIGNATURE: [u8; 64] = [7; 64];
/// Bytes of unverified pieces that a recipient may hold: 64 MiB, and the piece that crosses it.
const MAX_OPEN_BYTES: u64 = (64 << 20) + MAX_PIECE_LENGTH as u64;
/// Bytes of pieces that an owner may hold.
const MAX_LOADED_BYTES: u64 = 256 << 20;

pub struct Browser {
    pub swarm: Swarm,
    pub owner: bool,
    pub wanted: Vec<bool>,
    pub socket: Option<SocketId>,
    pub opening: bool,
    /// The connection to each peer.
    /// By peer and lane.
    pub links: BTreeMap<(PeerId, u16), usize>,
    pub stored: BTreeMap<PieceIndex, Vec<u8>>,
    pub loaded: BTreeSet<PieceIndex>,
    /// Files that vanished from this disk.
    pub vanished: BTreeSet<usize>,
    pub saved: u32,
    pub failure: Option<Failure>,
    pub disconnects: Vec<Reason>,
    pub told: Vec<ClientMessage>,
    pub most_open_bytes: u64,
    pub most_loaded_bytes: u64,
    begun: BTreeMap<PieceIndex, Vec<u8>>,
    hashes: BTreeMap<PieceIndex, PieceHash>,
    held: Option<(BlockRange, Vec<u8>)>,
}

impl Browser {
    pub fn new(content: &Content, owner: bool, wanted: Vec<bool>, rng_seed: u64) -> Self {
        let role = match owner {
            true => Role::Owner,
            false => {
                let have = Bitfield::none(content.layout.piece_count());
                Role::Recipient { wanted_files: wanted.clone(), have }
            }
        };
        let layout = content.layout.clone();
        let swarm = Swarm::new(Config { layout, role, rng_seed, helps: true });
        Self {
            swarm,
            owner,
            wanted,
            socket: None,
            opening: false,
            links: BTreeMap::new(),
            stored: BTreeMap::new(),
            loaded: BTreeSet::new(),
            vanished: BTreeSet::new(),
            saved: 0,
            failure: None,
            disconnects: Vec::new(),
            told: Vec::new(),
            most_open_bytes: 0,
            most_loaded_bytes: 0,
            begun: BTreeMap::new(),
            hashes: BTreeMap::new(),
            held: None,
        }
    }

    /// A block came; its payload waits until the machine has answered.
    pub fn hold(&mut self, block: Option<BlockRange>, payload: Vec<u8>) {
        self.held = block.map(|block| (block, payload));
    }

    pub fn let_go(&mut self) {
        self.held = None;
    }

    pub fn keep(&mut self, content: &Content, block: BlockRange) {
        let (held, payload) = self.held.take().expect("a block is kept only as it comes");
        assert_eq!(held, block);
        let length = content.layout.length_of(block.piece) as usize;
        let piece = self.begun.entry(block.piece).or_insert_with(|| match content.hollow {
            true => Vec::new(),
            false => vec![0; length],
        });
        if !content.hollow {
            piece[block.begin as usize..block.end() as usize].copy_from_slice(&payload);
        }
        let open = self.begun.keys().map(|piece| u64::from(content.layout.length_of(*piece))).sum();
        assert!(open <= MAX_OPEN_BYTES, "{open} bytes are held unverified");
        self.most_open_bytes = self.most_open_bytes.max(open);
    }

    pub fn discard(&mut self, piece: PieceIndex) {
        self.begun.remove(&piece);
    }

    pub fn check_record(&mut self, peer: PeerId, record: &PieceRecord) -> Input {
        let authentic = record.signature == OWNERS_SIGNATURE;
        let first = record.first_piece;
        if authentic {
            let pieces = (first.0..).map(PieceIndex);
            self.hashes.extend(pieces.zip(record.hashes.iter().copied()));
        }
        Input::RecordChecked { peer, first, count: record.hashes.len() as u32, authentic }
    }

    pub fn check_piece(&mut self, piece: PieceIndex) -> Input {
        // It may have been discarded since, with its file.
        let bytes = self.begun.remove(&piece);
        let expected = self.hashes.get(&piece).expect("a piece is checked once its hash is known");
        let matches = bytes.as_ref().is_some_and(|bytes| hash(bytes) == *expected);
        if let Some(bytes) = bytes.filter(|_| matches) {
            assert!(self.stored.insert(piece, bytes).is_none(), "{piece:?} is stored twice");
        }
        Input::PieceChecked { piece, matches }
    }

    /// Reads a piece: an owner from its disk, signing for it, a recipient from its store.
    pub fn load(&mut self, content: &Content, piece: PieceIndex) -> Input {
        let (file, _) = content.layout.locate(piece).expect("only pieces that there are are read");
        if self.vanished.contains(&file) {
            return Input::PieceUnreadable { piece };
        }
        assert!(self.owner || self.stored.contains_key(&piece), "{piece:?} is not here to be read");
        assert!(self.loaded.insert(piece), "{piece:?} is read twice");
        let loaded: u64 =
            self.loaded.iter().map(|piece| u64::from(content.layout.length_of(*piece))).sum();
        assert!(loaded <= MAX_LOADED_BYTES, "{loaded} bytes are held for sending");
        self.most_loaded_bytes = self.most_loaded_bytes.max(loaded);
        let (record_first, record_count) = content.record_of(piece);
        Input::PieceLoaded { piece, record_first, record_count }
    }

    /// The record that covers a piece, as this owner signs it.
    pub fn record(&self, content: &Content, piece: PieceIndex) -> PieceRecord {
        let (first_piece, count) = content.record_of(piece);
        let pieces = (first_piece.0..first_piece.0 + count).map(PieceIndex);
        let hashes = pieces.map(|piece| hash(content.piece(piece))).collect();
        PieceRecord { first_piece, hashes, signature: OWNERS_SIGNATURE }
    }

    /// Everything that was wanted and did not vanish is here, with the right bytes.
    pub fn assert_complete(&self, content: &Content) {
        assert_eq!((self.saved, self.failure), (1, None));
        let gone = self.swarm.gone_files();
        for (number, span) in content.layout.files().iter().enumerate() {
            if !self.wanted[number] {
                assert!(span.indices().all(|piece| !self.stored.contains_key(&piece)));
            } else if !gone.contains(&(number as u32)) {
                for piece in span.indices() {
                    let right =
                        self.stored.get(&piece).is_some_and(|bytes| bytes == content.piece(piece));
                    assert!(right, "{piece:?} is missing or wrong");
                    assert!(self.swarm.have().contains(piece));
                }
            }
        }
    }
}
