//! Links to other browsers: offers, answers, time limits and loss.
//!
//! The recipient offers, and only when it wants something. Every attempt has a number, so that a late answer or
//! candidate of an earlier one is told apart. A link may come to serve both ways: the room says `assigned` to the one
//! and `serve` to the other, each in its own time, and the connection that stands is used.

use std::time::Duration;

use super::lane::Lane;
use super::leech::MAX_BAD_PIECES;
use super::negotiation::{block_length_for, inspect_description};
use super::remote_peer::{LinkState, RemotePeer};
use super::{Failure, Output, PeerId, PeerMessage, Reason, Signal, Swarm, Timestamp};
use crate::protocol::limits::{
    BLOCK_LENGTH, MAX_CANDIDATE_BYTES, MAX_CANDIDATES, MAX_RANGES_PER_REQUEST, PROTOCOL_VERSION,
};
use crate::protocol::signalling::ClientMessage;

/// Time for a link to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for `hello` after the channels are open.
const HELLO_TIMEOUT: Duration = Duration::from_secs(15);
/// Time without a block although some are asked for.
const STALL_TIMEOUT: Duration = Duration::from_secs(5);
/// The same for a provider so slow that a single block takes long.
const LONGEST_STALL: Duration = Duration::from_secs(20);
/// Time to find another path for a link that lost its own.
const RESTART_TIMEOUT: Duration = Duration::from_secs(15);
/// Attempts in a row that may fail before the page gives up. Those that were under way together count as one: what
/// delays one of them, as a machine that has too much to do, delays all.
const MAX_FAILED_ATTEMPTS: u32 = 4;

impl Swarm {
    /// This browser is to fetch from `peer`.
    pub(super) fn offer_to(&mut self, now: Timestamp, peer: PeerId) {
        if self.complete {
            return;
        }
        if let Some(remote) = self.peers.get_mut(&peer) {
            // It fetches from here already.
            remote.provider = true;
            remote.owner = self.owner == Some(peer);
            self.be_interested(peer);
            return;
        }
        self.last_attempt += 1;
        let attempt = self.last_attempt;
        self.add_peer(now, peer, attempt, true);
        self.outputs.push_back(Output::Offer { peer, lane: 0, attempt });
    }

    /// `peer` is going to make an offer.
    pub(super) fn expect_offer(&mut self, now: Timestamp, peer: PeerId) {
        if let Some(remote) = self.peers.get_mut(&peer) {
            let was_leech = std::mem::replace(&mut remote.leech, true);
            if !was_leech || (remote.provider && remote.is_greeted()) {
                // This browser fetches from it already, over a connection that will do.
                self.serve_if_interested(peer);
                return;
            }
            self.drop_link(now, peer, Reason::Revoked);
        }
        self.add_peer(now, peer, 0, false);
    }

    fn add_peer(&mut self, now: Timestamp, peer: PeerId, attempt: u32, offerer: bool) {
        let pieces = self.layout.piece_count();
        let deadline = now + CONNECT_TIMEOUT;
        let begun = self.links_begun;
        self.links_begun += 1;
        let mut remote = RemotePeer::connecting(attempt, begun, offerer, pieces, now, deadline);
        remote.owner = self.owner == Some(peer);
        self.peers.insert(peer, remote);
    }

    pub(super) fn signal_received(&mut self, now: Timestamp, from: PeerId, signal: Signal) {
        let Some(remote) = self.peers.get_mut(&from) else { return };
        let sound = match &signal {
            Signal::Offer { sdp, .. }
            | Signal::Answer { sdp, .. }
            | Signal::Restart { sdp, .. } => inspect_description(sdp).is_ok(),
            Signal::Candidate { candidate, .. } if candidate.len() > MAX_CANDIDATE_BYTES => return,
            Signal::Candidate { .. } => true,
        };
        if !sound {
            self.drop_link(now, from, Reason::Misbehaved);
            return;
        }
        if signal.lane() > 0 {
            self.lane_signal(now, from, signal);
            return;
        }
        match signal {
            Signal::Offer { lane, attempt, sdp } => {
                if remote.offerer && !self.give_way(now, from) {
                    return;
                }
                let Some(remote) = self.peers.get_mut(&from) else { return };
                remote.attempt = attempt;
                self.outputs.push_back(Output::Answer { peer: from, lane, attempt, sdp });
            }
            Signal::Restart { lane, attempt, sdp } => {
                if remote.offerer || remote.attempt != attempt {
                    return;
                }
                remote.candidates = 0;
                self.outputs.push_back(Output::AnswerRestart { peer: from, lane, sdp });
            }
            Signal::Answer { lane, attempt, sdp } => {
                if !remote.offerer || remote.attempt != attempt {
                    return;
                }
                self.outputs.push_back(Output::AcceptAnswer { peer: from, lane, sdp });
            }
            Signal::Candidate { lane, attempt, candidate, sdp_mid } => {
                remote.candidates += 1;
                if remote.attempt == attempt && remote.candidates <= MAX_CANDIDATES {
                    let output = Output::AddCandidate { peer: from, lane, candidate, sdp_mid };
                    self.outputs.push_back(output);
                }
            }
        }
    }

    /// A peer that this browser made an offer to makes one itself; tells whether its offer is the one that counts.
    /// If a link stood the peer has given it up. Otherwise the two crossed (glare), as happens when the room's words
    /// overtake each other, and the later name gives way.
    fn give_way(&mut self, now: Timestamp, peer: PeerId) -> bool {
        let Some(remote) = self.peers.get(&peer) else { return false };
        let provider = remote.provider;
        if !remote.is_greeted() && self.me < Some(peer) {
            return false;
        }
        self.drop_link(now, peer, Reason::Revoked);
        if self.failure.is_some() {
            return false;
        }
        self.add_peer(now, peer, 0, false);
        if let Some(remote) = self.peers.get_mut(&peer) {
            remote.provider = provider;
        }
        true
    }

    pub(super) fn description_ready(&mut self, peer: PeerId, lane: u16, attempt: u32, sdp: String) {
        let Some(remote) = self.peers.get(&peer) else { return };
        // Whoever sends opens the further lanes.
        let (offers, opened) = match remote.lanes.get(&lane) {
            Some(known) => (if lane == 0 { remote.offerer } else { known.own }, lane == 0),
            None if lane == 0 => (remote.offerer, false),
            None => return,
        };
        let signal = match offers {
            true if opened => Signal::Restart { lane, attempt, sdp },
            true => Signal::Offer { lane, attempt, sdp },
            false => Signal::Answer { lane, attempt, sdp },
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
        lane: u16,
        max_message_bytes: u32,
    ) {
        let piece_count = self.layout.piece_count();
        if lane > 0 {
            self.lane_opened(now, peer, lane, max_message_bytes);
            return;
        }
        let Some(remote) = self.peers.get_mut(&peer) else { return };
        if remote.lanes.contains_key(&0) {
            return;
        }
        let mut first = Lane::connecting(true, now, now);
        first.open(now, block_length_for(max_message_bytes));
        remote.lanes.insert(0, first);
        remote.state = LinkState::Open { deadline: now + HELLO_TIMEOUT };
        self.send_control(peer, PeerMessage::Hello { version: PROTOCOL_VERSION, piece_count });
    }

    /// A connection failed or closed: the link with the first, and only itself with any other.
    pub(super) fn connection_closed(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        lane: u16,
        attempt: u32,
    ) {
        if self.peers.get(&peer).is_none_or(|remote| remote.attempt != attempt) {
            return;
        }
        match lane {
            0 => self.drop_link(now, peer, Reason::Lost),
            _ => self.close_lane(peer, lane, true),
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
        // A recipient learns of lost files before it asks for them. Only the owner's word counts.
        if self.download.is_none() {
            for file in self.gone_files.clone() {
                self.send_control(peer, PeerMessage::FileGone(file));
            }
        }
        if let Some(download) = &self.download
            && !download.wanted().is_full()
        {
            // Before the owner has granted much that is not wanted.
            let wanted = PeerMessage::Wanted(download.wanted().to_wire());
            self.send_control(peer, wanted);
        }
        if self.have.count() > 0 && !self.is_granting() {
            self.send_control(peer, PeerMessage::Bitfield(self.have.to_wire()));
        }
    }

    /// Ends the link to a peer and sees to what it leaves behind.
    pub(super) fn drop_link(&mut self, now: Timestamp, peer: PeerId, reason: Reason) {
        let Some(mut remote) = self.peers.remove(&peer) else { return };
        self.outputs.push_back(Output::Disconnect { peer, reason });
        self.note_helped(peer, &remote);
        self.availability.remove_all(&remote.have);
        self.granting.left(peer, &self.availability);
        self.give_back(peer, &remote.pipeline.cancel_all());
        if let Some(download) = &mut self.download {
            let pieces = download.drop_unrecorded(&self.layout);
            self.outputs.extend(pieces.into_iter().map(|piece| Output::DiscardPiece { piece }));
        }
        match reason {
            Reason::Done => {}
            // The server knows; it assigns another by itself.
            Reason::Revoked | Reason::BadPiece => {}
            Reason::Misbehaved => self.tell_link_lost(peer),
            Reason::Lost => {
                self.tell_link_lost(peer);
                let act = self.membership.doubt(now);
                self.act_on_socket(act);
            }
        }
        if !remote.provider || self.complete {
            return;
        }
        if reason == Reason::Misbehaved {
            self.bad_pieces += 1;
        }
        let apart = remote.begun_before >= self.begun_at_failure;
        if !remote.is_greeted() && reason != Reason::Revoked && apart {
            self.failed_attempts += 1;
            self.begun_at_failure = self.links_begun;
        }
        // Some may be out of reach while others serve.
        let alone = !self.peers.values().any(RemotePeer::is_greeted);
        if self.failed_attempts >= MAX_FAILED_ATTEMPTS && alone {
            self.fail(self.unreachable);
        } else if reason == Reason::Misbehaved && self.bad_pieces >= MAX_BAD_PIECES && alone {
            self.fail(Failure::Corrupt);
        } else {
            self.tell_progress(now);
        }
    }

    pub(super) fn links_timeout(&self) -> Option<Timestamp> {
        self.peers.values().filter_map(|remote| deadline_of(remote, self.paused)).min()
    }

    /// The path to a peer is gone. What it was asked for is asked elsewhere at once; whoever made the offer looks
    /// for another path within the same connection.
    pub(super) fn path_lost(&mut self, now: Timestamp, peer: PeerId, lane: u16, attempt: u32) {
        if lane > 0 {
            self.connection_closed(now, peer, lane, attempt);
            return;
        }
        let Some(remote) = self.peers.get_mut(&peer).filter(|r| r.attempt == attempt) else {
            return;
        };
        if !remote.is_greeted() {
            return;
        }
        // Told again when the machine is back on a network: the first attempt may have found none.
        remote.path_lost.get_or_insert(now + RESTART_TIMEOUT);
        let offers = remote.offerer;
        if offers {
            remote.candidates = 0;
        }
        let act = self.membership.doubt(now);
        self.act_on_socket(act);
        if offers {
            self.outputs.push_back(Output::RestartIce { peer, lane: 0 });
        }
        // The channel keeps these until there is a path again.
        for chunk in self.take_requests_back(peer).chunks(MAX_RANGES_PER_REQUEST) {
            self.send_control(peer, PeerMessage::Cancel(chunk.to_vec()));
        }
    }

    /// What was said to find another path may be lost with the socket that it went over.
    pub(super) fn restart_lost_paths(&mut self) {
        let lost = |remote: &&RemotePeer| remote.offerer && remote.path_lost.is_some();
        for (peer, _) in self.peers.iter().filter(|(_, remote)| lost(remote)) {
            self.outputs.push_back(Output::RestartIce { peer: *peer, lane: 0 });
        }
    }

    pub(super) fn path_restored(&mut self, now: Timestamp, peer: PeerId, attempt: u32) {
        if let Some(remote) = self.peers.get_mut(&peer).filter(|r| r.attempt == attempt) {
            remote.path_lost = None;
            remote.last_block = now;
        }
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
        LinkState::Greeted if remote.path_lost.is_some() => remote.path_lost,
        LinkState::Greeted if remote.pipeline.is_empty() || remote.choked || paused => None,
        LinkState::Greeted => {
            // Three times what a block takes at the rate so far.
            let rate = remote.received.bytes_per_second(remote.last_block);
            let three_blocks = u64::from(3 * BLOCK_LENGTH).checked_div(rate).unwrap_or(0);
            let patience = Duration::from_secs(three_blocks).clamp(STALL_TIMEOUT, LONGEST_STALL);
            Some(remote.last_block + patience)
        }
    }
}
