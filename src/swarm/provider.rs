//! Serving: what others ask for, and files that vanish.

use super::read_ahead;
use super::remote_peer::RemotePeer;
use super::{
    BlockRange, Output, PeerId, PeerMessage, PieceIndex, Reason, Swarm, Timestamp, Topology,
};
use crate::protocol::limits::{MAX_HAVE_PIECES, MAX_QUEUED_RANGES};
use crate::protocol::signalling::ClientMessage;

/// Leeches that are counted as helped; more are not told apart.
const MAX_REMEMBERED: usize = 1000;

impl Swarm {
    pub(super) fn interested(&mut self, peer: PeerId) {
        if let Some(remote) = self.peers.get_mut(&peer) {
            remote.interested = true;
            self.serve_if_interested(peer);
        }
    }

    /// Whether anyone is served now. A recipient that pauses its download goes on helping.
    fn serves(&self) -> bool {
        match self.download {
            None => !self.paused,
            Some(_) => self.slots.helps(),
        }
    }

    /// Unchokes a leech of this browser that wants something. Interest may come before the room's word.
    pub(super) fn serve_if_interested(&mut self, peer: PeerId) {
        let serves = self.serves();
        let Some(remote) = self.peers.get_mut(&peer) else { return };
        if serves && remote.is_greeted() && remote.leech && remote.interested && remote.choking {
            remote.choking = false;
            self.send_control(peer, PeerMessage::Unchoke);
        }
    }

    pub(super) fn remote_wants(&mut self, now: Timestamp, peer: PeerId, bits: &[u8]) {
        let pieces = self.layout.piece_count();
        let field = super::Bitfield::from_wire(bits, pieces);
        let (Some(remote), Some(field)) = (self.peers.get_mut(&peer), field) else {
            self.drop_link(now, peer, Reason::Misbehaved);
            return;
        };
        self.granting.wanted(&self.layout, peer, &field, &self.availability);
        remote.wanted = Some(field);
    }

    /// The person helps from now on, or does not. Whoever is served looks elsewhere at once.
    pub(super) fn choose_helping(&mut self, now: Timestamp, helps: bool) {
        if self.slots.helps() == helps {
            return;
        }
        self.slots.set_helps(helps);
        self.tell_slots();
        if helps || self.download.is_none() {
            return;
        }
        let served: Vec<PeerId> =
            self.peers.iter().filter(|(_, remote)| remote.leech).map(|(peer, _)| *peer).collect();
        for peer in served {
            self.drop_link(now, peer, Reason::Lost);
        }
    }

    /// Leeches that this browser serves or is about to.
    pub(super) fn leeches(&self) -> usize {
        self.peers.values().filter(|remote| remote.leech).count()
    }

    pub(super) fn tell_slots(&mut self) {
        let offered = self.slots.offered();
        self.tell(ClientMessage::Slots { offered });
    }

    /// Whether pieces are granted one by one instead of shown all at once; see `granting`.
    pub(super) fn is_granting(&self) -> bool {
        self.download.is_none() && self.topology == Some(Topology::Swarm)
    }

    /// Grants pieces to leeches that are about to run out of them.
    pub(super) fn grant(&mut self, now: Timestamp) {
        if !self.is_granting() || self.paused {
            return;
        }
        for (peer, remote) in self.peers.iter().filter(|(_, r)| r.is_greeted() && r.leech) {
            let (layout, counts) = (&self.layout, &self.availability);
            let next = || self.granting.next(now, layout, *peer, remote, counts);
            let granted: Vec<PieceIndex> = std::iter::from_fn(next).collect();
            self.outputs.extend(named(*peer, &granted));
        }
    }

    /// Remembers whom this browser sent something to.
    pub(super) fn note_helped(&mut self, peer: PeerId, remote: &RemotePeer) {
        if remote.sent.total() > 0
            && !self.helped.contains(&peer)
            && self.helped.len() < MAX_REMEMBERED
        {
            self.helped.push(peer);
        }
    }

    /// Chokes everyone, or serves those again that want something.
    pub(super) fn choke_everyone(&mut self) {
        for (peer, remote) in self.peers.iter_mut().filter(|(_, remote)| remote.is_greeted()) {
            let choking = self.paused || !remote.interested || !remote.leech;
            if choking == remote.choking {
                continue;
            }
            remote.choking = choking;
            remote.queue.clear();
            let message = if choking { PeerMessage::Choke } else { PeerMessage::Unchoke };
            self.outputs.push_back(Output::SendControl { peer: *peer, message });
        }
    }

    pub(super) fn requested(&mut self, now: Timestamp, peer: PeerId, ranges: Vec<BlockRange>) {
        let Some(remote) = self.peers.get_mut(&peer) else { return };
        let sound = ranges.iter().all(|range| self.layout.contains(range));
        if !sound || remote.queue.len() + ranges.len() > MAX_QUEUED_RANGES {
            self.drop_link(now, peer, Reason::Misbehaved);
            return;
        }
        if remote.choking {
            // It was asked before the choke arrived.
            return;
        }
        // What the owner cannot read any more a recipient may well have kept.
        let reads = self.download.is_none();
        let grants = self.download.is_none() && self.topology == Some(Topology::Swarm);
        let (mut ordered, mut granted) = (None, Vec::new());
        for range in ranges {
            match self.layout.locate(range.piece) {
                Some((file, _)) if reads && self.gone_files.contains(&(file as u32)) => {}
                _ if !self.have.contains(range.piece) => {}
                _ => {
                    if grants
                        && !remote.have.contains(range.piece)
                        && self.granting.asked(now, &self.layout, peer, range.piece)
                    {
                        granted.push(range.piece);
                    }
                    if remote.read_ahead.asked(range.piece) {
                        ordered = Some(range.piece);
                    }
                    remote.queue.push_back(range);
                }
            }
        }
        self.outputs.extend(named(peer, &granted));
        if let Some(piece) = ordered {
            let expected = read_ahead::behind(&self.layout, &self.have, remote, piece);
            remote.read_ahead.expect(expected);
        }
    }

    /// A file changed or vanished on the owner's disk: it is not served any more, and everyone is told. In a
    /// recipient's store only the piece is lost; whoever waits for it asks elsewhere when the link ends.
    pub(super) fn piece_unreadable(&mut self, now: Timestamp, piece: PieceIndex) {
        self.upload.load_failed(&self.layout, piece);
        if self.download.is_some() {
            let asked = |remote: &RemotePeer| remote.queue.iter().any(|r| r.piece == piece);
            let waiting: Vec<PeerId> =
                self.peers.iter().filter(|(_, r)| asked(r)).map(|(peer, _)| *peer).collect();
            for peer in waiting {
                self.drop_link(now, peer, Reason::Lost);
            }
            self.piece_lost(now, piece);
            return;
        }
        let Some((file, _)) = self.layout.locate(piece) else { return };
        let Some(span) = self.layout.files().get(file).copied() else { return };
        let file = file as u32;
        let news = !self.gone_files.contains(&file);
        if news {
            self.gone_files.push(file);
            self.granting.lost(&self.layout, span.indices());
        }
        let last = span.first_piece + span.pieces;
        for (peer, remote) in &mut self.peers {
            remote.queue.retain(|r| r.piece.0 < span.first_piece || r.piece.0 >= last);
            if news && remote.is_greeted() {
                let message = PeerMessage::FileGone(file);
                self.outputs.push_back(Output::SendControl { peer: *peer, message });
            }
        }
    }
}

/// Names all of these to a peer.
fn named(peer: PeerId, pieces: &[PieceIndex]) -> impl Iterator<Item = Output> {
    pieces.chunks(MAX_HAVE_PIECES).map(move |chunk| {
        let message = PeerMessage::Have(chunk.to_vec());
        Output::SendControl { peer, message }
    })
}
