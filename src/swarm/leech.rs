//! Fetching: what to ask for, what to keep, what to believe, and when it is done.

use std::time::Duration;

use super::download::{Download, Kept};
use super::remote_peer::RemotePeer;
use super::request_pipeline::{Arrival, PLAYING_RANGE_BYTES};
use super::{
    BlockRange, Failure, Output, PathKind, PeerId, PeerMessage, PieceIndex, PieceRecord, Reason,
    Swarm, Timestamp, Topology,
};
use crate::protocol::limits::{MAX_QUEUED_RANGES, MAX_RANGES_PER_REQUEST};
use crate::protocol::signalling::{ClientMessage, Have, MemberPhase, Progress};

/// Bad pieces or broken messages in a row after which nobody here is trusted any more.
pub const MAX_BAD_PIECES: u32 = 3;
/// Bytes that a pipeline may fall short before it is filled again, and of a deep one this part, at most so much: fewer,
/// larger request messages.
const REFILL_BYTES: u64 = 256 << 10;
const REFILL_PART: u64 = 16;
const MOST_REFILL_BYTES: u64 = 1 << 20;
/// Pieces that the owner need not hear of one by one, and for how long.
const MOST_UNSAID: usize = 8;
const UNSAID: Duration = Duration::from_millis(200);

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
                // Saying it again is no sign of life.
                if std::mem::take(&mut remote.choked) {
                    remote.last_block = now;
                }
            }
            PeerMessage::Interested => self.interested(peer),
            PeerMessage::NotInterested => remote.interested = false,
            PeerMessage::Have(pieces) => self.remote_has(now, peer, &pieces),
            PeerMessage::Bitfield(bits) => self.bitfield(now, peer, &bits),
            PeerMessage::Wanted(bits) => self.remote_wants(now, peer, &bits),
            PeerMessage::Request(ranges) => self.requested(now, peer, ranges),
            PeerMessage::Cancel(ranges) => {
                remote.queue.retain(|queued| !ranges.iter().any(|range| overlaps(queued, range)));
            }
            PeerMessage::Record(record) => self.record_received(now, peer, record),
            PeerMessage::FileGone(file) => self.remote_lost_file(now, peer, file),
            PeerMessage::Reject(ranges) => self.rejected(now, peer, &ranges),
            PeerMessage::LaneClosed(lane) => self.close_lane(peer, lane, false),
            PeerMessage::Ping(number) => {
                if remote.answers_ping(now) {
                    self.send_control(peer, PeerMessage::Pong(number));
                }
            }
            PeerMessage::Pong(number) => remote.pong_received(now, number),
        }
    }

    fn choked(&mut self, now: Timestamp, peer: PeerId) {
        let Some(remote) = self.peers.get_mut(&peer) else { return };
        if std::mem::replace(&mut remote.choked, true) {
            return;
        }
        // A choke drops what was asked for (BEP 3).
        self.take_requests_back(peer);
        self.tell_progress(now);
    }

    /// What was asked of a peer is asked of others, or of it later. Blocks may still be on their way.
    pub(super) fn take_requests_back(&mut self, peer: PeerId) -> Vec<BlockRange> {
        let Some(remote) = self.peers.get_mut(&peer) else { return Vec::new() };
        let ranges = remote.pipeline.cancel_all();
        self.give_back(peer, &ranges);
        ranges
    }

    pub(super) fn give_back(&mut self, from: PeerId, ranges: &[BlockRange]) {
        self.ask_later(ranges);
        let Some(download) = &mut self.download else { return };
        for piece in download.abandon(&self.layout, from) {
            self.outputs.push_back(Output::DiscardPiece { piece });
        }
    }

    /// These ranges are to be asked for again.
    pub(super) fn ask_later(&mut self, ranges: &[BlockRange]) {
        let Some(download) = &mut self.download else { return };
        // What a second provider was asked for as well is still on its way from there.
        let under_way = |range: &&BlockRange| {
            self.peers.values().any(|r| r.pipeline.in_flight().any(|(o, _)| overlaps(o, range)))
        };
        let lost: Vec<BlockRange> = ranges.iter().filter(|r| !under_way(r)).copied().collect();
        download.give_back(&lost);
    }

    fn remote_has(&mut self, now: Timestamp, peer: PeerId, pieces: &[PieceIndex]) {
        let Some(remote) = self.peers.get_mut(&peer) else { return };
        if pieces.iter().any(|piece| piece.0 >= remote.have.length()) {
            self.drop_link(now, peer, Reason::Misbehaved);
            return;
        }
        for piece in pieces {
            if remote.have.insert(*piece) {
                self.availability.add(*piece);
            }
            self.granting.held(now, &self.layout, peer, *piece);
        }
        self.be_interested(peer);
    }

    fn bitfield(&mut self, now: Timestamp, peer: PeerId, bits: &[u8]) {
        let pieces = self.layout.piece_count();
        let field = super::Bitfield::from_wire(bits, pieces);
        let (Some(remote), Some(field)) = (self.peers.get_mut(&peer), field) else {
            self.drop_link(now, peer, Reason::Misbehaved);
            return;
        };
        self.availability.remove_all(&remote.have);
        self.availability.add_all(&field);
        for piece in field.iter() {
            self.granting.held(now, &self.layout, peer, piece);
        }
        remote.have = field;
        self.be_interested(peer);
    }

    /// Says that this browser wants something, once the peer is known to hold it.
    pub(super) fn be_interested(&mut self, peer: PeerId) {
        let (Some(remote), Some(download)) = (self.peers.get_mut(&peer), &self.download) else {
            return;
        };
        if remote.interested_sent || !remote.provider || !download.wants_from(&remote.have) {
            return;
        }
        remote.interested_sent = true;
        self.send_control(peer, PeerMessage::Interested);
    }

    /// Fills every pipeline to the depth that its rate asks for.
    pub(super) fn request_more(&mut self, now: Timestamp) {
        self.asks_at = None;
        let Some(download) = &mut self.download else { return };
        if self.paused || self.complete {
            return;
        }
        let usual = if download.is_hurried() { PLAYING_RANGE_BYTES } else { u32::MAX };
        let most = self.download_cap.most_at_once().min(usual);
        let scattered = self.topology == Some(Topology::Swarm);
        for (peer, remote) in self.peers.iter_mut().filter(|(_, remote)| remote.serves()) {
            let depth = remote.depth_bytes(now, download.is_hurried());
            let refill =
                (depth / REFILL_PART).clamp(REFILL_BYTES.min(depth / 4), MOST_REFILL_BYTES);
            if remote.pipeline.bytes() + refill > depth {
                continue;
            }
            // To be asked anew at once after refusing everything is no pause.
            if remote.pipeline.is_empty() && remote.rejected != Some(now) {
                remote.last_block = now;
            }
            let mut ranges = Vec::new();
            while remote.pipeline.bytes() < depth
                && remote.pipeline.ranges() < MAX_QUEUED_RANGES / 2
            {
                if !self.download_cap.allows(now) {
                    self.asks_at = Some(self.download_cap.allows_at(now));
                    break;
                }
                // The owner grants different pieces to each; in order it reads and signs several at a time.
                let ties = (scattered && !remote.owner).then_some(&mut self.random);
                let (layout, counts) = (&self.layout, &self.availability);
                // The owner holds everything, also what it does not show.
                let held = (&remote.have, remote.owner);
                let next = download.next_request(layout, *peer, held, counts, ties, most);
                let Some(range) = next else { break };
                self.download_cap.take(range.length.into());
                remote.pipeline.push(now, range);
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
            // It was on its way when it was taken back, and is as good as any.
            Arrival::Late if download.takes_late(peer, block.piece) => {}
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
        let kept = download.block_arrived(peer, &block);
        if kept != Kept::No {
            self.outputs.push_back(Output::KeepBlock { block });
        }
        if kept == Kept::Whole {
            self.outputs.push_back(Output::CheckPiece { piece: block.piece });
        }
        self.cancel_superfluous(&block);
    }

    /// Whoever else was asked for what has just come need not send it.
    fn cancel_superfluous(&mut self, block: &BlockRange) {
        let Some(download) = self.download.as_ref().filter(|d| d.is_doubled(block.piece)) else {
            return;
        };
        for (peer, remote) in &mut self.peers {
            let cancelled = remote
                .pipeline
                .cancel_where(|range| range.piece == block.piece && download.is_superfluous(range));
            if !cancelled.is_empty() {
                let message = PeerMessage::Cancel(cancelled);
                self.outputs.push_back(Output::SendControl { peer: *peer, message });
            }
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
            if download.record_known(piece) {
                self.outputs.push_back(Output::CheckPiece { piece });
            }
        }
    }

    pub(super) fn piece_checked(&mut self, now: Timestamp, piece: PieceIndex, matches: bool) {
        let Some(download) = &mut self.download else { return };
        if !matches {
            let liar = download.corrupt(&self.layout, piece);
            self.bad_pieces += u32::from(liar.is_some());
            if let Some(peer) = liar {
                if !self.liars.contains(&peer) {
                    self.liars.push(peer);
                }
                self.drop_liar(now, peer, piece.0);
            }
            return;
        }
        if !download.verified(&self.layout, piece) {
            return;
        }
        // Somebody here is honest, and can be reached.
        self.bad_pieces = 0;
        self.liars.clear();
        self.failed_attempts = 0;
        self.have.insert(piece);
        // An owner shows only what it grants, and waits to hear of each.
        let curious = |remote: &RemotePeer| remote.owner || !remote.have.contains(piece);
        for (_, remote) in &mut self.peers {
            if remote.is_greeted() && curious(remote) {
                remote.unsaid.get_or_insert((now, Vec::new())).1.push(piece);
            }
        }
        self.say_what_is_here(now);
        self.finish_if_complete(now);
    }

    /// Names pieces that are here to those who do not know it: at once to whoever may lack them, several at a time to the
    /// owner, who holds them.
    pub(super) fn say_what_is_here(&mut self, now: Timestamp) {
        let all = self.download.as_ref().is_none_or(Download::is_complete);
        for (peer, remote) in &mut self.peers {
            let owner = remote.owner;
            let due = |(since, pieces): &mut (Timestamp, Vec<PieceIndex>)| {
                all || !owner || pieces.len() >= MOST_UNSAID || now >= *since + UNSAID
            };
            if let Some((_, pieces)) = remote.unsaid.take_if(due) {
                let message = PeerMessage::Have(pieces);
                self.outputs.push_back(Output::SendControl { peer: *peer, message });
            }
        }
    }

    /// When pieces are to be named that are not yet.
    pub(super) fn unsaid_timeout(&self) -> Option<Timestamp> {
        let unsaid = self.peers.values().filter_map(|remote| remote.unsaid.as_ref());
        unsaid.map(|(since, _)| *since + UNSAID).min()
    }

    /// Only the owner knows that a file is gone; from anyone else it would be a way to keep others from having it.
    fn remote_lost_file(&mut self, now: Timestamp, peer: PeerId, file: u32) {
        if file as usize >= self.layout.files().len() {
            self.drop_link(now, peer, Reason::Misbehaved);
            return;
        }
        let from_owner = self.peers.get(&peer).is_some_and(|remote| remote.owner);
        let Some(download) = self.download.as_mut().filter(|_| from_owner) else { return };
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
        // Those that this browser serves keep their links; the others' are of no use any more.
        let idle: Vec<PeerId> =
            self.peers.iter().filter(|(_, r)| !r.leech).map(|(peer, _)| *peer).collect();
        for peer in idle {
            self.drop_link(now, peer, Reason::Done);
        }
        for (peer, remote) in self.peers.iter_mut().filter(|(_, remote)| remote.provider) {
            remote.provider = false;
            if std::mem::take(&mut remote.interested_sent) {
                let message = PeerMessage::NotInterested;
                self.outputs.push_back(Output::SendControl { peer: *peer, message });
            }
        }
        self.outputs.push_back(Output::Save);
    }

    pub(super) fn pause_requests(&mut self, now: Timestamp) {
        let peers: Vec<PeerId> = self.peers.keys().copied().collect();
        for peer in peers {
            if let Some(remote) = self.peers.get_mut(&peer) {
                remote.last_block = now;
            }
            if !self.paused {
                continue;
            }
            for chunk in self.take_requests_back(peer).chunks(MAX_RANGES_PER_REQUEST) {
                self.send_control(peer, PeerMessage::Cancel(chunk.to_vec()));
            }
        }
    }

    pub(super) fn tell_progress(&mut self, now: Timestamp) {
        let Some(download) = &self.download else { return };
        if !self.started {
            return;
        }
        let providers =
            || self.peers.values().filter(|remote| remote.provider && remote.is_greeted());
        let phase = if self.complete {
            MemberPhase::Complete
        } else if self.paused {
            MemberPhase::Paused
        } else if providers().any(|remote| !remote.choked) && download.is_hurried() {
            MemberPhase::Listening
        } else if providers().any(|remote| !remote.choked) {
            MemberPhase::Downloading
        } else {
            MemberPhase::Waiting
        };
        let progress = Progress {
            have_bytes: download.have_bytes(),
            wanted_bytes: download.wanted_bytes(),
            bytes_per_second: self.received.bytes_per_second(now),
            phase,
            path: providers().next().map_or(PathKind::Unknown, |remote| remote.path),
            have: self.holds(),
        };
        self.tell(ClientMessage::Progress(progress));
    }

    /// How much of the room is here.
    pub(super) fn holds(&self) -> Have {
        if self.have.is_full() {
            Have::All
        } else if self.have.count() == 0 {
            Have::None
        } else {
            Have::Some
        }
    }
}

fn overlaps(one: &BlockRange, other: &BlockRange) -> bool {
    super::assembly::intersection(one, other).is_some()
}
