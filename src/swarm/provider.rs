//! Serving: what others ask for, and files that vanish.

use super::{BlockRange, Output, PeerId, PeerMessage, PieceIndex, Reason, Swarm, Timestamp};
use crate::protocol::limits::MAX_QUEUED_RANGES;

impl Swarm {
    pub(super) fn interested(&mut self, peer: PeerId) {
        let serves = self.download.is_none() && !self.paused;
        let Some(remote) = self.peers.get_mut(&peer) else { return };
        remote.interested = true;
        if serves && remote.choking {
            remote.choking = false;
            self.send_control(peer, PeerMessage::Unchoke);
        }
    }

    /// Chokes everyone, or serves those again that want something.
    pub(super) fn choke_everyone(&mut self) {
        for (peer, remote) in self.peers.iter_mut().filter(|(_, remote)| remote.is_greeted()) {
            let choking = self.paused || !remote.interested;
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
        for range in ranges {
            match self.layout.locate(range.piece) {
                Some((file, _)) if self.gone_files.contains(&(file as u32)) => {}
                _ if !self.have.contains(range.piece) => {}
                _ => remote.queue.push_back(range),
            }
        }
    }

    /// A file changed or vanished on this disk: it is not served any more, and everyone is told.
    pub(super) fn piece_unreadable(&mut self, piece: PieceIndex) {
        self.upload.load_failed(&self.layout, piece);
        let Some((file, _)) = self.layout.locate(piece) else { return };
        let Some(span) = self.layout.files().get(file).copied() else { return };
        let file = file as u32;
        let news = !self.gone_files.contains(&file);
        if news {
            self.gone_files.push(file);
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
