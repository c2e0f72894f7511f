//! Fetching: what to ask for, what to keep, what to believe, and when it is done.

use super::request_pipeline::{Arrival, RequestPipeline};
use super::{
    BlockRange, Failure, Output, PathKind, PeerId, PeerMessage, PieceIndex, PieceRecord, Reason,
    Swarm, Timestamp,
};
use crate::protocol::limits::{MAX_QUEUED_RANGES, MAX_RANGES_PER_REQUEST};
use crate::protocol::signalling::{ClientMessage, MemberPhase, Progress};

/// Bad pieces or broken messages after which a provider is not trusted any more.
pub const MAX_BAD_PIECES: u32 = 3;
/// Bytes that a pipeline may fall short before it is filled again: fewer, larger request messages.
const REFILL_BYTES: u64 = 256 << 10;

impl Swarm {
    pub(super) fn control_received(&mut self, now: Timestamp, peer: PeerId, bytes: &[u8]) {
        let Some(remote) = self.peers.get_mut(&peer) else { return };
        let Ok(message) = PeerMessage::decode(bytes) else {
            self.drop_link(now, peer, Reason::Misbehaved);
            return;
        };
        if let PeerMessage::Hello { version, piece_count } = message {
            self.hello(now, peer, version, piece_count);
            return;
        }
        if !remote.is_greeted() {
            self.drop_link(now, peer, Reason::Misbehaved);
            return;
        }
        match message {
            PeerMessage::Hello { .. } => {}
            PeerMessage::Choke => self.choked(now, peer),
            PeerMessage::Unchoke => {
                remote.choked = false;
                remote.last_block = now;
            }
            PeerMessage::Interested => self.interested(peer),
            PeerMessage::NotInterested => remote.interested = false,
            PeerMessage::Have(piece) => self.remote_has(now, peer, piece),
            PeerMessage::Bitfield(bits) => self.bitfield(now, peer, &bits),
            PeerMessage::Request(ranges) => self.requested(now, peer, ranges),
            PeerMessage::Cancel(ranges) => {
                remote.queue.retain(|queued| !ranges.iter().any(|range| overlaps(queued, range)));
            }
            PeerMessage::Record(record) => self.record_received(now, peer, record),
            PeerMessage::FileGone(file) => self.remote_lost_file(now, peer, file),
        }
    }

    fn choked(&mut self, now: Timestamp, peer: PeerId) {
        let Some(remote) = self.peers.get_mut(&peer) else { return };
        remote.choked = true;
        // A choke drops what was asked for (BEP 3).
        let ranges = remote.pipeline.cancel_all();
        if let Some(download) = &mut self.download {
            download.give_back(ranges);
        }
        self.tell_progress(now);
    }

    fn remote_has(&mut self, now: Timestamp, peer: PeerId, piece: PieceIndex) {
        let Some(remote) = self.peers.get_mut(&peer) else { return };
        if piece.0 >= remote.have.length() {
            self.drop_link(now, peer, Reason::Misbehaved);
            return;
        }
        remote.have.insert(piece);
        self.be_interested(peer);
    }

    fn bitfield(&mut self, now: Timestamp, peer: PeerId, bits: &[u8]) {
        let pieces = self.layout.piece_count();
        let field = super::Bitfield::from_wire(bits, pieces);
        match (self.peers.get_mut(&peer), field) {
            (Some(remote), Some(field)) => remote.have = field,
            _ => {
                self.drop_link(now, peer, Reason::Misbehaved);
                return;
            }
        }
        self.be_interested(peer);
    }

    fn be_interested(&mut self, peer: PeerId) {
        let (Some(remote), Some(download)) = (self.peers.get_mut(&peer), &self.download) else {
            return;
        };
        if !remote.interested_sent && download.wants_from(&remote.have) {
            remote.interested_sent = true;
            self.send_control(peer, PeerMessage::Interested);
        }
    }

    /// Fills every pipeline to the depth that its rate asks for.
    pub(super) fn request_more(&mut self, now: Timestamp) {
        let Some(download) = &mut self.download else { return };
        if self.paused || self.complete {
            return;
        }
        for (peer, remote) in &mut self.peers {
            if !remote.is_greeted() || remote.choked || !remote.provider {
                continue;
            }
            let depth = RequestPipeline::depth_bytes(remote.received.bytes_per_second(now));
            if remote.pipeline.bytes() + REFILL_BYTES > depth {
                continue;
            }
            if remote.pipeline.is_empty() {
                remote.last_block = now;
            }
            let mut ranges = Vec::new();
            while remote.pipeline.bytes() < depth
                && remote.pipeline.ranges() < MAX_QUEUED_RANGES / 2
            {
                let Some(range) = download.next_request(&self.layout, &remote.have) else { break };
                remote.pipeline.push(range);
                ranges.push(range);
            }
            for chunk in ranges.chunks(MAX_RANGES_PER_REQUEST) {
                let message = PeerMessage::Request(chunk.to_vec());
                self.outputs.push_back(Output::SendControl { peer: *peer, message });
            }
        }
    }

    pub(super) fn block_received(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        block: Option<BlockRange>,
    ) {
        let Some(remote) = self.peers.get_mut(&peer) else { return };
        let sound = block.filter(|block| self.layout.contains(block));
        let (Some(block), Some(download)) = (sound, &mut self.download) else {
            self.drop_link(now, peer, Reason::Misbehaved);
            return;
        };
        match remote.pipeline.arrive(&block) {
            Arrival::Late => return,
            Arrival::Unrequested => {
                self.drop_link(now, peer, Reason::Misbehaved);
                return;
            }
            Arrival::Expected => {}
        }
        remote.last_block = now;
        remote.received.add(now, u64::from(block.length));
        self.received.add(now, u64::from(block.length));
        self.outputs.push_back(Output::KeepBlock { block });
        if let Some(piece) = download.block_arrived(&self.layout, peer, &block) {
            self.outputs.push_back(Output::CheckPiece { piece });
        }
    }

    fn record_received(&mut self, now: Timestamp, peer: PeerId, record: PieceRecord) {
        let end = record.first_piece.0.checked_add(record.hashes.len() as u32);
        let inside = end.is_some_and(|end| end <= self.layout.piece_count());
        if !inside || self.download.is_none() {
            self.drop_link(now, peer, Reason::Misbehaved);
            return;
        }
        self.outputs.push_back(Output::CheckRecord { peer, record });
    }

    pub(super) fn record_checked(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        first: PieceIndex,
        count: u32,
        authentic: bool,
    ) {
        if !authentic {
            self.drop_link(now, peer, Reason::Misbehaved);
            return;
        }
        let Some(download) = &mut self.download else { return };
        for piece in (first.0..first.0.saturating_add(count)).map(PieceIndex) {
            if let Some(piece) = download.record_known(&self.layout, piece) {
                self.outputs.push_back(Output::CheckPiece { piece });
            }
        }
    }

    pub(super) fn piece_checked(&mut self, now: Timestamp, piece: PieceIndex, matches: bool) {
        let Some(download) = &mut self.download else { return };
        if !matches {
            let senders = download.corrupt(&self.layout, piece);
            self.bad_pieces += u32::from(!senders.is_empty());
            for peer in senders {
                self.drop_liar(now, peer, piece.0);
            }
            return;
        }
        if !download.verified(&self.layout, piece) {
            return;
        }
        self.have.insert(piece);
        for (peer, _) in self.peers.iter().filter(|(_, remote)| remote.is_greeted()) {
            let message = PeerMessage::Have(piece);
            self.outputs.push_back(Output::SendControl { peer: *peer, message });
        }
        self.finish_if_complete(now);
    }

    fn remote_lost_file(&mut self, now: Timestamp, peer: PeerId, file: u32) {
        if file as usize >= self.layout.files().len() {
            self.drop_link(now, peer, Reason::Misbehaved);
            return;
        }
        let from_provider = self.peers.get(&peer).is_some_and(|remote| remote.provider);
        let Some(download) = self.download.as_mut().filter(|_| from_provider) else { return };
        if !download.file_gone(&self.layout, &self.have, file) {
            return;
        }
        self.gone_files.push(file);
        let Some(span) = self.layout.files().get(file as usize).copied() else { return };
        let of_file = |range: &BlockRange| span.indices().any(|piece| piece == range.piece);
        for (_, remote) in &mut self.peers {
            remote.pipeline.cancel_where(of_file);
        }
        let lost = span.indices().filter(|piece| !self.have.contains(*piece));
        self.outputs.extend(lost.map(|piece| Output::DiscardPiece { piece }));
        self.finish_if_complete(now);
    }

    pub(super) fn finish_if_complete(&mut self, now: Timestamp) {
        let Some(download) = &self.download else { return };
        if self.complete || !download.is_complete() {
            return;
        }
        if download.is_all_gone() {
            self.fail(Failure::AllGone);
            return;
        }
        self.complete = true;
        self.waiting = None;
        self.tell_progress(now);
        self.tell(ClientMessage::Complete);
        for peer in std::mem::take(&mut self.peers).keys().copied() {
            self.outputs.push_back(Output::Disconnect { peer, reason: Reason::Done });
        }
        self.outputs.push_back(Output::Save);
    }

    pub(super) fn pause_requests(&mut self, now: Timestamp) {
        let Some(download) = &mut self.download else { return };
        for (peer, remote) in &mut self.peers {
            remote.last_block = now;
            if !self.paused {
                continue;
            }
            let ranges = remote.pipeline.cancel_all();
            for chunk in ranges.chunks(MAX_RANGES_PER_REQUEST) {
                let message = PeerMessage::Cancel(chunk.to_vec());
                self.outputs.push_back(Output::SendControl { peer: *peer, message });
            }
            download.give_back(ranges);
        }
    }

    pub(super) fn tell_progress(&mut self, now: Timestamp) {
        let Some(download) = &self.download else { return };
        if !self.started {
            return;
        }
        let providing = |remote: &&super::RemotePeer| remote.provider && remote.is_greeted();
        let provider = self.peers.values().find(providing);
        let phase = if self.complete {
            MemberPhase::Complete
        } else if self.paused {
            MemberPhase::Paused
        } else if provider.is_some_and(|remote| !remote.choked) {
            MemberPhase::Downloading
        } else {
            MemberPhase::Waiting
        };
        let progress = Progress {
            have_bytes: download.have_bytes(),
            wanted_bytes: download.wanted_bytes(),
            bytes_per_second: self.received.bytes_per_second(now),
            phase,
            path: provider.map_or(PathKind::Unknown, |remote| remote.path),
        };
        self.tell(ClientMessage::Progress(progress));
    }
}

fn overlaps(one: &BlockRange, other: &BlockRange) -> bool {
    one.piece == other.piece && one.begin < other.end() && other.begin < one.end()
}
