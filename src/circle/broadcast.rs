//! The owner's side of a broadcast: a connection to each listener that asks while something is on.

use std::time::Duration;

use litemap::LiteMap;

use super::description::{Direction, inspect_media};
use super::{CirclePhase, Common, Input, Output};
use crate::clock::Timestamp;
use crate::protocol::circle::{CircleSignal, OnAir};
use crate::protocol::id::PeerId;
use crate::protocol::limits::{MAX_CANDIDATE_BYTES, MAX_CANDIDATES};

/// Time that a listener whom the server does not name any more keeps its connection: it may be the server that went.
pub const ABSENCE: Duration = Duration::from_secs(15);
/// How often everyone is told what is on, whether it changed or not: what was said while a socket was away is lost.
const TELL_INTERVAL: Duration = Duration::from_secs(10);
/// Least time between two offers of one listener. Each costs this browser a connection.
const OFFER_INTERVAL: Duration = Duration::from_millis(700);

/// One listener.
#[derive(Debug, Default)]
struct Listener {
    /// Of the connection that stands or is being made.
    attempt: Option<u32>,
    offered: Option<Timestamp>,
    candidates: usize,
    absent_since: Option<Timestamp>,
    /// It knows what is on.
    told: bool,
}

/// What a host keeps.
#[derive(Debug)]
pub struct Broadcast {
    /// Connections at once.
    seats: usize,
    air: Option<OnAir>,
    listeners: LiteMap<PeerId, Listener>,
    told_at: Option<Timestamp>,
}

impl Broadcast {
    /// Plays for so many at once.
    pub(super) fn new(seats: u8) -> Self {
        Self { seats: seats.into(), air: None, listeners: LiteMap::new(), told_at: None }
    }

    pub(super) fn handle(&mut self, now: Timestamp, common: &mut Common, input: Input) {
        match input {
            Input::AirChanged(air) => self.air_changed(now, common, air),
            Input::SignalReceived { from, signal } => self.heard(now, common, from, signal),
            Input::DescriptionReady { peer, attempt, sdp } if self.is_current(peer, attempt) => {
                common.signal(peer, CircleSignal::Answer { attempt, sdp });
            }
            Input::CandidateFound { peer, attempt, candidate, sdp_mid }
                if self.is_current(peer, attempt) =>
            {
                common.signal(peer, CircleSignal::Candidate { attempt, candidate, sdp_mid });
            }
            Input::ConnectionClosed { peer, attempt } if self.is_current(peer, attempt) => {
                // The listener asks again by itself, if it still wants to.
                self.disconnect(common, peer);
            }
            Input::Timeout => {
                self.drop_absent(now, common);
                if self.due_to_tell().is_some_and(|at| now >= at) {
                    self.tell_everyone(now, common);
                }
            }
            _ => {}
        }
    }

    pub(super) fn roster_changed(&mut self, now: Timestamp, common: &mut Common) {
        for peer in common.roster.members.clone() {
            let listener = self.listeners.entry(peer).or_default();
            listener.absent_since = None;
            if !std::mem::replace(&mut listener.told, true) {
                common.signal(peer, CircleSignal::OnAir(self.air.clone()));
            }
        }
        for (peer, listener) in self.listeners.iter_mut() {
            if !common.roster.members.contains(peer) {
                listener.absent_since.get_or_insert(now);
                listener.told = false;
            }
        }
    }

    /// The server is there again: nobody knows what was missed.
    pub(super) fn welcomed(&mut self) {
        for (_, listener) in self.listeners.iter_mut() {
            listener.told = false;
        }
    }

    /// The person sends one away.
    pub(super) fn remove(&mut self, common: &mut Common, peer: PeerId) {
        self.disconnect(common, peer);
        self.listeners.remove(&peer);
    }

    fn air_changed(&mut self, now: Timestamp, common: &mut Common, air: Option<OnAir>) {
        if self.air == air {
            return;
        }
        self.air = air;
        if self.air.is_none() {
            for peer in self.listeners.keys().copied().collect::<Vec<_>>() {
                self.disconnect(common, peer);
            }
        }
        self.tell_everyone(now, common);
    }

    fn tell_everyone(&mut self, now: Timestamp, common: &mut Common) {
        self.told_at = Some(now);
        for (peer, _) in self.listeners.iter().filter(|(_, one)| one.absent_since.is_none()) {
            common.signal(*peer, CircleSignal::OnAir(self.air.clone()));
        }
    }

    fn due_to_tell(&self) -> Option<Timestamp> {
        let any = self.air.is_some() && !self.listeners.is_empty();
        self.told_at.filter(|_| any).map(|last| last + TELL_INTERVAL)
    }

    /// Whether one more connection may be made; whoever has been away longest makes way.
    fn makes_room(&mut self, common: &mut Common, peer: PeerId) -> bool {
        let connected = |one: &Listener| one.attempt.is_some();
        let again = self.listeners.get(&peer).is_some_and(connected);
        if again || self.listeners.values().filter(|one| connected(one)).count() < self.seats {
            return true;
        }
        let absent = self.listeners.iter().filter(|(_, one)| connected(one));
        let absent = absent.filter_map(|(peer, one)| Some((one.absent_since?, *peer))).min();
        absent.map(|(_, peer)| self.disconnect(common, peer)).is_some()
    }

    fn heard(&mut self, now: Timestamp, common: &mut Common, from: PeerId, signal: CircleSignal) {
        let Some(listener) = self.listeners.get_mut(&from) else { return };
        match signal {
            CircleSignal::Offer { attempt, sdp } => {
                let soon = listener.offered.is_some_and(|last| now < last + OFFER_INTERVAL);
                if self.air.is_none() || soon || inspect_media(&sdp, Direction::Receives).is_err() {
                    return;
                }
                if !self.makes_room(common, from) {
                    return;
                }
                let Some(listener) = self.listeners.get_mut(&from) else { return };
                listener.offered = Some(now);
                listener.attempt = Some(attempt);
                listener.candidates = 0;
                common.outputs.push_back(Output::Answer { peer: from, attempt, sdp });
            }
            CircleSignal::Candidate { attempt, candidate, sdp_mid } => {
                listener.candidates += 1;
                let sound = candidate.len() <= MAX_CANDIDATE_BYTES
                    && listener.candidates <= MAX_CANDIDATES
                    && listener.attempt == Some(attempt);
                if sound {
                    let output = Output::AddCandidate { peer: from, candidate, sdp_mid };
                    common.outputs.push_back(output);
                }
            }
            _ => {}
        }
    }

    fn drop_absent(&mut self, now: Timestamp, common: &mut Common) {
        let gone = |listener: &Listener| listener.absent_since.is_some_and(|t| now >= t + ABSENCE);
        let gone: Vec<PeerId> =
            self.listeners.iter().filter(|(_, one)| gone(one)).map(|(peer, _)| *peer).collect();
        for peer in gone {
            self.disconnect(common, peer);
            self.listeners.remove(&peer);
        }
    }

    fn disconnect(&mut self, common: &mut Common, peer: PeerId) {
        if let Some(listener) = self.listeners.get_mut(&peer)
            && listener.attempt.take().is_some()
        {
            common.outputs.push_back(Output::Disconnect { peer });
        }
    }

    pub(super) fn forget_others(&mut self, common: &mut Common) {
        for peer in self.listeners.keys().copied().collect::<Vec<_>>() {
            self.disconnect(common, peer);
        }
        self.listeners.clear();
    }

    pub(super) fn timeout(&self) -> Option<Timestamp> {
        let absent = self.listeners.values().filter_map(|one| one.absent_since).min();
        [absent.map(|since| since + ABSENCE), self.due_to_tell()].into_iter().flatten().min()
    }

    pub(super) fn phase(&self) -> CirclePhase {
        match self.air {
            Some(_) => CirclePhase::Hearing,
            None => CirclePhase::Quiet,
        }
    }

    pub(super) fn on_air(&self) -> Option<&OnAir> {
        self.air.as_ref()
    }

    fn is_current(&self, peer: PeerId, attempt: u32) -> bool {
        self.listeners.get(&peer).is_some_and(|listener| listener.attempt == Some(attempt))
    }
}
