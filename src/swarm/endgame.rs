//! What a leech does when the rest is late: the endgame, and telling the room that nobody at hand has anything.

use std::time::Duration;

use super::{BlockRange, Output, PeerId, PeerMessage, Reason, Swarm, Timestamp};
use crate::protocol::signalling::ClientMessage;

/// Age at which a block of the endgame is asked of a second provider.
const DOUBLE_AFTER: Duration = Duration::from_secs(2);
/// Time with nothing to ask for, though something is missing, after which the room is told.
const STARVED_AFTER: Duration = Duration::from_secs(3);
/// Longest time until the room is told again.
const MOST_PATIENCE: Duration = Duration::from_secs(60);

impl Swarm {
    /// Pieces half fetched from providers that went may fill all the memory that there is for such.
    fn make_room(&mut self) {
        let Some(download) = &mut self.download else { return };
        let serving = |piece| self.peers.values().any(|r| r.serves() && r.have.contains(piece));
        for piece in download.evict(&self.layout, serving) {
            self.outputs.push_back(Output::DiscardPiece { piece });
        }
    }

    /// When all that is missing was asked of someone, whoever is done asks a second provider for what is late. What a
    /// player needs is asked for a second time at any time.
    pub(super) fn play_endgame(&mut self, now: Timestamp) {
        let Some(download) = &mut self.download else { return };
        let endgame = download.is_endgame();
        if self.paused || self.complete || !(endgame || download.is_hurried()) {
            return;
        }
        let matters = |range: &BlockRange| endgame || download.is_urgent(range.piece);
        let late: Vec<(PeerId, BlockRange)> = self
            .peers
            .iter()
            .flat_map(|(peer, remote)| {
                // Three times what the rest takes at the rate so far.
                let rate = remote.received.bytes_per_second(now);
                let expected = (3 * remote.pipeline.bytes()).checked_div(rate).unwrap_or(0);
                let limit = DOUBLE_AFTER.max(Duration::from_secs(expected));
                let overdue = move |asked: Timestamp| now.saturating_since(asked) >= limit;
                let in_flight = remote.pipeline.in_flight();
                in_flight
                    .filter(move |(_, asked)| overdue(*asked))
                    .filter(|(range, _)| matters(range))
                    .map(|(range, _)| (*peer, *range))
            })
            .collect();
        for (slow, range) in late {
            if !self.download_cap.allows(now) {
                break;
            }
            let second = self.peers.iter_mut().find(|(peer, remote)| {
                // A player cannot wait until somebody has nothing else to do.
                let free = remote.pipeline.is_empty() || download.is_urgent(range.piece);
                let holds = remote.have.contains(range.piece) || remote.owner;
                **peer != slow && free && remote.serves() && holds
            });
            let Some((peer, remote)) = second else { continue };
            if download.double(&range) {
                self.download_cap.take(range.length.into());
                remote.last_block = now;
                remote.pipeline.push(now, range);
                let message = PeerMessage::Request(vec![range]);
                self.outputs.push_back(Output::SendControl { peer: *peer, message });
            }
        }
    }

    /// Tells the room when those at hand have nothing for this browser, though something is missing.
    pub(super) fn watch_for_starvation(&mut self, now: Timestamp) {
        let Some(download) = &self.download else { return };
        let linked = self.peers.values().any(|remote| remote.provider && remote.is_greeted());
        let under_way = self
            .peers
            .values()
            .any(|remote| !remote.pipeline.is_empty() || (remote.provider && !remote.is_greeted()));
        let starving =
            linked && !under_way && !download.is_verifying() && !self.paused && !self.complete;
        if !starving {
            self.starving = None;
            return;
        }
        // Ever more patiently: there may be nobody else.
        let (since, patience) = *self.starving.get_or_insert((now, STARVED_AFTER));
        if now >= since + patience {
            self.starving = Some((now, (patience * 2).min(MOST_PATIENCE)));
            self.drop_withholders(now);
            self.make_room();
            self.tell(ClientMessage::Want);
        }
    }

    /// The record of a piece comes before its blocks, and nothing was under way for a while: what is whole without one takes
    /// the place of what could be verified. Once that may be an accident, for each travels over a connection of its own.
    fn drop_withholders(&mut self, now: Timestamp) {
        let Some(download) = &mut self.download else { return };
        let (pieces, withholders) = download.drop_withheld(&self.layout);
        if !pieces.is_empty() {
            // Something is to be asked for again.
            self.starving = None;
        }
        self.outputs.extend(pieces.into_iter().map(|piece| Output::DiscardPiece { piece }));
        for peer in withholders {
            let Some(remote) = self.peers.get_mut(&peer).filter(|r| r.serves()) else { continue };
            if std::mem::replace(&mut remote.withheld, true) {
                self.drop_link(now, peer, Reason::Misbehaved);
            }
        }
    }
}
