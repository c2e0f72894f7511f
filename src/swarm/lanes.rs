//! More connections of a link: opening, giving up, losing them. How many there are to be is `steering`'s.
//!
//! Whoever sends opens them, and sends over those alone that it opened, so that neither side's decisions touch the
//! other's. The first connection and its control channel stay in charge: with it the link ends, with any other only
//! what was under way there, which the sender names and the leech asks for again.

use std::collections::VecDeque;
use std::time::Duration;

use super::lane::{Lane, LaneState};
use super::negotiation::block_length_for;
use super::remote_peer::RemotePeer;
use super::steering::{Decision, LOOK_INTERVAL, View};
use super::{BlockRange, Output, PeerId, PeerMessage, Reason, Signal, Swarm, Timestamp};
use crate::protocol::limits::{
    MAX_CANDIDATES, MAX_LANES, MAX_RANGES_PER_REQUEST, MAX_SHARED_LANES,
};
use crate::random::Random;

/// Time for a lane to open.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for what a lane was handed to arrive, once it is given up.
const LEAVING: Duration = Duration::from_secs(10);
/// Time with nothing to send after which a link has one connection again.
const IDLE: Duration = Duration::from_secs(60);
/// Time without anything leaving a lane, although something waits in it.
const LANE_STALL: Duration = Duration::from_secs(5);

impl Swarm {
    /// A signal about a connection other than the first.
    pub(super) fn lane_signal(&mut self, now: Timestamp, from: PeerId, signal: Signal) {
        let providers = self.peers.values().filter(|r| r.provider && r.is_greeted()).count();
        let Some(remote) = self.peers.get_mut(&from) else { return };
        match signal {
            Signal::Offer { lane, attempt, sdp } => {
                if remote.attempt != attempt || remote.lanes.contains_key(&lane) {
                    return;
                }
                let theirs = remote.lanes.iter().filter(|(n, lane)| **n > 0 && !lane.own).count();
                // More providers bring more than more lanes of one.
                let few = theirs < lanes_of_each(providers) && remote.takes_lane(now);
                // The other side takes the numbers that this one does not.
                let sound = remote.is_greeted() && (lane % 2 == 1) != remote.offerer;
                if !remote.provider || !few || !sound {
                    self.send_control(from, PeerMessage::LaneClosed(lane));
                    return;
                }
                remote.lanes.insert(lane, Lane::connecting(false, now, now + OPEN_TIMEOUT));
                self.outputs.push_back(Output::Answer { peer: from, lane, attempt, sdp });
            }
            Signal::Answer { lane, attempt, sdp } => {
                let waits = |lane: &Lane| lane.own && lane.state != LaneState::Open;
                if remote.attempt == attempt && remote.lanes.get(&lane).is_some_and(waits) {
                    self.outputs.push_back(Output::AcceptAnswer { peer: from, lane, sdp });
                }
            }
            Signal::Candidate { lane: number, attempt, candidate, sdp_mid } => {
                let Some(lane) = remote.lanes.get_mut(&number) else { return };
                lane.candidates += 1;
                if remote.attempt == attempt && lane.candidates <= MAX_CANDIDATES {
                    let lane = number;
                    let output = Output::AddCandidate { peer: from, lane, candidate, sdp_mid };
                    self.outputs.push_back(output);
                }
            }
            // A lane that lost its path is given up at once; there are others.
            Signal::Restart { .. } => {}
        }
    }

    /// All channels of a connection other than the first are open.
    pub(super) fn lane_opened(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        lane: u16,
        max_message_bytes: u32,
    ) {
        let lanes = self.peers.get_mut(&peer).map(|remote| &mut remote.lanes);
        if let Some(lane) = lanes.and_then(|lanes| lanes.get_mut(&lane))
            && matches!(lane.state, LaneState::Connecting { .. })
        {
            lane.open(now, block_length_for(max_message_bytes));
        }
    }

    /// A connection other than the first is over, or does not come about: closes it here, and says what it may have
    /// taken along.
    pub(super) fn close_lane(&mut self, peer: PeerId, number: u16, tell: bool) {
        let Some(remote) = self.peers.get_mut(&peer).filter(|_| number > 0) else { return };
        let Some(mut lane) = remote.lanes.remove(&number) else { return };
        remote.lost += lane.buffered;
        self.outputs.push_back(Output::CloseLane { peer, lane: number });
        if !remote.is_greeted() {
            return;
        }
        if tell {
            self.send_control(peer, PeerMessage::LaneClosed(number));
        }
        for chunk in lane.take_recent().chunks(MAX_RANGES_PER_REQUEST) {
            self.send_control(peer, PeerMessage::Reject(chunk.to_vec()));
        }
    }

    /// What was lost with a connection is asked for again, here or elsewhere.
    pub(super) fn rejected(&mut self, now: Timestamp, peer: PeerId, ranges: &[BlockRange]) {
        let sound = ranges.iter().all(|range| self.layout.contains(range));
        let Some(remote) = self.peers.get_mut(&peer).filter(|_| sound) else {
            self.drop_link(now, peer, Reason::Misbehaved);
            return;
        };
        let lost = remote.pipeline.reject(ranges);
        if !lost.is_empty() && remote.pipeline.is_empty() {
            remote.rejected = Some(now);
        }
        self.give_back(peer, &lost);
    }

    /// When lanes are to be looked at next, or a path is to be measured.
    pub(super) fn lanes_timeout(&self) -> Option<Timestamp> {
        // What is being measured is looked at when that is told.
        let waiting = || self.peers.values().filter(|r| r.is_greeted() && !r.measuring);
        let pings = waiting().filter(|r| r.is_used()).map(|r| r.trips.due());
        let looks = waiting().filter_map(|remote| remote.next_look);
        looks.chain(waiting().filter_map(|remote| remote.idle_until)).chain(pings).min()
    }

    /// Has the lanes measured that are due, and those looked at that something is sent over for the first time.
    pub(super) fn watch_lanes(&mut self, now: Timestamp) {
        self.close_idle_lanes(now);
        for (peer, remote) in self.peers.iter_mut().filter(|(_, remote)| remote.is_greeted()) {
            if remote.next_look.is_none() {
                if !remote.is_busy() {
                    continue;
                }
                remote.next_look = Some(now + LOOK_INTERVAL);
                remote.trips.put_off(now);
                remote.look_at_path(now);
            }
            let look = remote.next_look.is_some_and(|at| now >= at);
            let mut ping = remote.is_used() && now >= remote.trips.due();
            if ping && remote.is_control_apart() && remote.is_control_clear() {
                ping_peer(now, *peer, remote, &mut self.random, &mut self.outputs);
                ping = false;
            }
            // Whether a ping would wait in the first lane is to be known before.
            if (look || ping) && !remote.measuring {
                remote.measuring = true;
                self.outputs.push_back(Output::MeasureLanes { peer: *peer });
            }
        }
    }

    /// Looks at the lanes to a peer, which were just measured.
    pub(super) fn lanes_measured(&mut self, now: Timestamp, peer: PeerId) {
        let served = self.peers.values().filter(|r| r.is_greeted() && !r.choking).count();
        let joined = self.is_joined();
        let Some(remote) = self.peers.get_mut(&peer) else { return };
        remote.measuring = false;
        if remote.is_used() && now >= remote.trips.due() {
            match remote.is_control_clear() {
                true => ping_peer(now, peer, remote, &mut self.random, &mut self.outputs),
                false => remote.trips.put_off(now),
            }
        }
        if remote.next_look.is_none_or(|at| now < at) {
            return;
        }
        remote.next_look = remote.is_busy().then_some(now + LOOK_INTERVAL);
        remote.look_at_path(now);
        self.close_lanes(peer, |lane| is_late(lane, now));
        let Some(remote) = self.peers.get_mut(&peer) else { return };
        let view = view_of(remote, lanes_of_each(served));
        let decision = remote.steering.look(now, &view);
        // One is given up only where another can be opened, and not beside others.
        let gives_up = matches!(decision, Some(Decision::GiveUp(_)));
        let replaceable = joined && !gives_up && remote.next_lane().is_some();
        let crawling = if replaceable { remote.crawling_lane(now) } else { None };
        if let Some(lane) = crawling {
            // A new one begins anew where this one would for long do nothing.
            self.close_lane(peer, lane, true);
            self.open_lane(now, peer);
        }
        match decision {
            Some(Decision::Open(lanes)) => (0..lanes).for_each(|_| self.open_lane(now, peer)),
            Some(Decision::GiveUp(lanes)) => self.give_lanes_up(now, peer, lanes),
            None => {}
        }
    }

    fn close_lanes(&mut self, peer: PeerId, closes: impl Fn(&Lane) -> bool) {
        let Some(remote) = self.peers.get(&peer) else { return };
        let closed = remote.lanes.iter().filter(|(number, lane)| **number > 0 && closes(lane));
        for lane in closed.map(|(number, _)| *number).collect::<Vec<u16>>() {
            self.close_lane(peer, lane, true);
        }
    }

    /// Whoever sends nothing for long keeps no connections that others may have use for.
    fn close_idle_lanes(&mut self, now: Timestamp) {
        let mut idle = Vec::new();
        for (peer, remote) in &mut self.peers {
            let rests = remote.is_control_apart() && !remote.is_busy();
            let until = remote.idle_until.take().unwrap_or(now + IDLE);
            match rests {
                true if now >= until => idle.push(*peer),
                true => remote.idle_until = Some(until),
                false => {}
            }
        }
        for peer in idle {
            self.close_lanes(peer, |lane| lane.own);
        }
    }

    fn open_lane(&mut self, now: Timestamp, peer: PeerId) {
        let joined = self.is_joined();
        let Some(remote) = self.peers.get_mut(&peer) else { return };
        // One that was given up a moment ago still stands, and the leech counts it.
        let is_leaving = |lane: &Lane| matches!(lane.state, LaneState::Leaving { .. });
        if let Some((_, lane)) = remote.lanes.iter_mut().find(|(_, lane)| is_leaving(lane)) {
            lane.resume(now);
            return;
        }
        // Nothing can be offered while the server is away.
        let Some(lane) = remote.next_lane().filter(|_| joined) else { return };
        remote.last_lane = lane;
        remote.lanes.insert(lane, Lane::connecting(true, now, now + OPEN_TIMEOUT));
        let attempt = remote.attempt;
        self.outputs.push_back(Output::Offer { peer, lane, attempt });
    }

    fn give_lanes_up(&mut self, now: Timestamp, peer: PeerId, count: usize) {
        let Some(remote) = self.peers.get_mut(&peer) else { return };
        let last = remote.lanes.iter_mut().rev().filter(|(n, lane)| **n > 0 && lane.is_sending());
        for (_, lane) in last.take(count) {
            lane.state = LaneState::Leaving { until: now + LEAVING };
        }
    }
}

fn ping_peer(
    now: Timestamp,
    peer: PeerId,
    remote: &mut RemotePeer,
    random: &mut Random,
    outputs: &mut VecDeque<Output>,
) {
    let number = random.below(1 << 32) as u32;
    remote.trips.ping(now, number);
    let message = PeerMessage::Ping(number);
    outputs.push_back(Output::SendControl { peer, message });
}

/// Connections of each link besides the first, where there are so many links to send over or to get from. One would only
/// take the first one's place.
fn lanes_of_each(links: usize) -> usize {
    match MAX_SHARED_LANES.checked_div(links) {
        None | Some(MAX_SHARED_LANES) => MAX_LANES - 1,
        Some(1) => 0,
        Some(lanes) => lanes,
    }
}

fn view_of(remote: &RemotePeer, allowed: usize) -> View {
    let own = || remote.lanes.values().filter(|lane| lane.own);
    let opening = |lane: &&Lane| matches!(lane.state, LaneState::Connecting { .. });
    View {
        others: remote.lanes.iter().filter(|(n, lane)| **n > 0 && lane.is_sending()).count(),
        opening: own().filter(opening).count(),
        allowed,
        used: remote.is_used(),
        left: remote.left(),
        // Where pacing holds back, more lanes carry no more.
        backlogged: !remote.pacing.limits()
            && own().filter(|lane| lane.is_sending()).any(|lane| lane.buffered > 0),
        round_trip: remote.round_trip,
    }
}

/// Whether a lane is to be closed by now.
fn is_late(lane: &Lane, now: Timestamp) -> bool {
    match lane.state {
        LaneState::Connecting { deadline } => now >= deadline,
        LaneState::Open => lane.own && lane.buffered > 0 && now >= lane.moved + LANE_STALL,
        LaneState::Leaving { until } => now >= until,
    }
}
