//! Playing what is still arriving: the pieces before the play head come first.
//!
//! The driver tells which pieces the player reads next, soonest first. They are asked for in that order before
//! anything else; what is left of the bandwidth goes to the rarest as ever, so a listener stays a good member of the
//! room. When the play head jumps, what is under way for later is taken back: on a slow line it would take longer than
//! a person waits.

use super::remote_peer::RemotePeer;
use super::{BlockRange, Output, PeerId, PeerMessage, PieceIndex, Swarm, Timestamp};
use crate::protocol::limits::MAX_RANGES_PER_REQUEST;

/// Pieces that may be needed soon at most; the rest is left out.
const MAX_URGENT: usize = 128;

impl Swarm {
    /// The player reads these next, soonest first; nothing any more if there are none.
    pub(super) fn playback_moved(&mut self, now: Timestamp, mut pieces: Vec<PieceIndex>) {
        let Some(download) = &mut self.download else { return };
        pieces.truncate(MAX_URGENT);
        let first = download.hurry(pieces).filter(|_| !self.paused && !self.complete);
        let Some(first) = first else { return };
        let mut taken: Vec<(PeerId, Vec<BlockRange>)> = Vec::new();
        // Nobody is interrupted for what it could not send.
        let could =
            |remote: &RemotePeer| remote.serves() && (remote.owner || remote.have.contains(first));
        for (peer, remote) in self.peers.iter_mut().filter(|(_, remote)| could(remote)) {
            remote.last_block = now;
            // All of it is needed later, if at all; what is on its way is kept when it comes.
            let ranges = remote.pipeline.cancel_where(|range| range.piece != first);
            if !ranges.is_empty() {
                taken.push((*peer, ranges));
            }
        }
        for (peer, ranges) in taken {
            self.ask_later(&ranges);
            for chunk in ranges.chunks(MAX_RANGES_PER_REQUEST) {
                let message = PeerMessage::Cancel(chunk.to_vec());
                self.outputs.push_back(Output::SendControl { peer, message });
            }
        }
    }
}
