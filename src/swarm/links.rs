//! Links to other browsers: offers, answers, time limits and loss.
//!
//! The recipient offers, and only when it wants something. Every attempt has a number, so that a late answer or
//! candidate of an earlier one is told apart.

use std::time::Duration;

use super::negotiation::{block_length_for, inspect_description};
use super::remote_peer::{Lane, LinkState, RemotePeer};
use super::{Failure, Output, PeerId, PeerMessage, Reason, Signal, Swarm, Timestamp};
use crate::protocol::limits::{MAX_CANDIDATE_BYTES, MAX_CANDIDATES, PROTOCOL_VERSION};
use crate::protocol::signalling::ClientMessage;

/// Time for a link to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for `hello` after the channels are open.
const HELLO_TIMEOUT: Duration = Duration::from_secs(15);
/// Time without a block although some are asked for. Long, while one provider is all there is.
const STALL_TIMEOUT: Duration = Duration::from_secs(20);
/// Attempts in a row that may fail before the page gives up.
const MAX_FAILED_ATTEMPTS: u32 = 4;

impl Swarm {
    /// This browser is to fetch from `peer`.
    pub(super) fn offer_to(&mut self, now: Timestamp, peer: PeerId) {
        if self.peers.contains_key(&peer) || self.complete {
            return;
        }
        self.last_attempt += 1;
        let attempt = self.last_attempt;
        self.add_peer(now, peer, attempt, true);
        self.outputs.push_back(Output::Offer { peer, lane: 0, attempt });
    }

    /// `peer` is going to make an offer.
    pub(super) fn expect_offer(&mut self, now: Timestamp, peer: PeerId) {
        if self.peers.contains_key(&peer) {
            self.drop_link(now, peer, Reason::Revoked);
        }
        self.add_peer(now, peer, 0, false);
    }

    fn add_peer(&mut self, now: Timestamp, peer: PeerId, attempt: u32, provider: bool) {
        let pieces = self.layout.piece_count();
        let deadline = now + CONNECT_TIMEOUT;
        let remote = RemotePeer::connecting(attempt, provider, pieces, now, deadline);
        self.peers.insert(peer, remote);
    }

    pub(super) fn signal_received(&mut self, now: Timestamp, from: PeerId, signal: Signal) {
        let Some(remote) = self.peers.get_mut(&from) else { return };
        match signal {
            Signal::Offer { lane, attempt, sdp } => {
                if remote.provider || inspect_description(&sdp).is_err() {
                    self.drop_link(now, from, Reason::Misbehaved);
                    return;
                }
                remote.attempt = attempt;
                self.outputs.push_back(Output::Answer { peer: from, lane, attempt, sdp });
            }
            Signal::Answer { lane, attempt, sdp } => {
                if !remote.provider || remote.attempt != attempt {
                    return;
                }
                if inspect_description(&sdp).is_err() {
                    self.drop_link(now, from, Reason::Misbehaved);
                    return;
                }
                self.outputs.push_back(Output::AcceptAnswer { peer: from, lane, sdp });
            }
            Signal::Candidate { lane, attempt, candidate, sdp_mid } => {
                remote.candidates += 1;
                let few = remote.candidates <= MAX_CANDIDATES;
                if remote.attempt == attempt && few && candidate.len() <= MAX_CANDIDATE_BYTES {
                    let output = Output::AddCandidate { peer: from, lane, candidate, sdp_mid };
                    self.outputs.push_back(output);
                }
            }
        }
    }

    pub(super) fn description_ready(&mut self, peer: PeerId, lane: u8, attempt: u32, sdp: String) {
        let Some(remote) = self.peers.get(&peer) else { return };
        let signal = if remote.provider {
            Signal::Offer { lane, attempt, sdp }
        } else {
            Signal::Answer { lane, attempt, sdp }
        };
        self.signal_if_current(peer, attempt, signal);
    }

    pub(super) fn signal_if_current(&mut self, peer: PeerId, attempt: u32, signal: Signal) {
        if self.peers.get(&peer).is_some_and(|remote| remote.attempt == attempt) {
            self.outputs.push_back(Output::Signal { to: peer, signal });
        }
    }

    pub(super) fn link_opened(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        lane: u8,
        max_message_bytes: u32,
    ) {
        let piece_count = self.layout.piece_count();
        let Some(remote) = self.peers.get_mut(&peer) else { return };
        // One lane for now; the next is always the one behind the last.
        if usize::from(lane) != remote.lanes.len() {
            return;
        }
        let block_length = block_length_for(max_message_bytes);
        remote.lanes.push(Lane { buffered: 0, block_length });
        if lane == 0 {
            remote.state = LinkState::Open { deadline: now + HELLO_TIMEOUT };
            self.send_control(peer, PeerMessage::Hello { version: PROTOCOL_VERSION, piece_count });
        }
    }

    pub(super) fn hello(&mut self, now: Timestamp, peer: PeerId, version: u32, piece_count: u32) {
        let fits = version == PROTOCOL_VERSION && piece_count == self.layout.piece_count();
        let Some(remote) = self.peers.get_mut(&peer) else { return };
        if !fits || !matches!(remote.state, LinkState::Open { .. }) {
            self.drop_link(now, peer, Reason::Misbehaved);
            return;
        }
        remote.state = LinkState::Greeted;
        remote.last_block = now;
        self.was_connected = true;
        self.failed_attempts = 0;
        // A recipient learns of lost files before it asks for them.
        for file in self.gone_files.clone() {
            self.send_control(peer, PeerMessage::FileGone(file));
        }
        if self.have.count() > 0 {
            self.send_control(peer, PeerMessage::Bitfield(self.have.to_wire()));
        }
    }

    /// Ends the link to a peer and sees to what it leaves behind.
    pub(super) fn drop_link(&mut self, now: Timestamp, peer: PeerId, reason: Reason) {
        let Some(mut remote) = self.peers.remove(&peer) else { return };
        self.outputs.push_back(Output::Disconnect { peer, reason });
        if let Some(download) = &mut self.download {
            download.give_back(remote.pipeline.cancel_all());
        }
        if !remote.provider || self.complete {
            return;
        }
        match reason {
            Reason::Done => {}
            // The server knows; it assigns another by itself.
            Reason::Revoked | Reason::BadPiece => {}
            Reason::Lost | Reason::Misbehaved => self.tell_link_lost(peer),
        }
        if reason == Reason::Misbehaved {
            self.bad_pieces += 1;
        }
        if !remote.is_greeted() && reason != Reason::Revoked {
            self.failed_attempts += 1;
        }
        if self.failed_attempts >= MAX_FAILED_ATTEMPTS {
            self.fail(Failure::Unreachable);
        } else if self.bad_pieces >= super::leech::MAX_BAD_PIECES && self.peers.is_empty() {
            self.fail(Failure::Corrupt);
        } else {
            self.tell_progress(now);
        }
    }

    pub(super) fn links_timeout(&self) -> Option<Timestamp> {
        self.peers.values().filter_map(|remote| deadline_of(remote, self.paused)).min()
    }

    pub(super) fn links_time_out(&mut self, now: Timestamp) {
        let late: Vec<PeerId> = self
            .peers
            .iter()
            .filter(|(_, remote)| deadline_of(remote, self.paused).is_some_and(|at| now >= at))
            .map(|(peer, _)| *peer)
            .collect();
        for peer in late {
            self.drop_link(now, peer, Reason::Lost);
        }
    }

    /// A bad piece is told before the link is dropped, so that the server counts it.
    pub(super) fn drop_liar(&mut self, now: Timestamp, peer: PeerId, piece: u32) {
        self.tell(ClientMessage::BadPiece { peer, piece });
        self.drop_link(now, peer, Reason::BadPiece);
    }
}

/// When a link is to be given up, if nothing comes.
fn deadline_of(remote: &RemotePeer, paused: bool) -> Option<Timestamp> {
    match remote.state {
        LinkState::Connecting { deadline } | LinkState::Open { deadline } => Some(deadline),
        LinkState::Greeted if remote.pipeline.is_empty() || remote.choked || paused => None,
        LinkState::Greeted => Some(remote.last_block + STALL_TIMEOUT),
    }
}
