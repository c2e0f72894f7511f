//! A listener's side of a broadcast: it asks when something is on and it has a seat, and again when the connection is
//! lost.

use std::time::Duration;

use super::broadcast::ABSENCE;
use super::description::{Direction, ask_for_music, inspect_media};
use super::{CirclePhase, Common, Input, Output};
use crate::clock::Timestamp;
use crate::foreign_text::cleaned;
use crate::protocol::circle::{CircleSignal, OnAir};
use crate::protocol::id::PeerId;
use crate::protocol::limits::{MAX_CANDIDATE_BYTES, MAX_CANDIDATES, MAX_TITLE_CHARS};

/// Time for a connection to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// First pause before a lost connection is asked for again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// The connection to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// None is wanted.
    Idle,
    /// Being made, no longer than until then.
    Connecting { host: PeerId, until: Timestamp },
    /// Sound comes.
    Open { host: PeerId },
    /// Lost; asked for again then.
    Pausing { until: Timestamp },
}

/// What a listener keeps.
#[derive(Debug)]
pub struct Listening {
    air: Option<OnAir>,
    link: Link,
    attempt: u32,
    failures: u32,
    candidates: usize,
    /// Since when the server names no host, or not the one that is heard.
    absent_since: Option<Timestamp>,
}

impl Default for Listening {
    fn default() -> Self {
        let link = Link::Idle;
        Self { air: None, link, attempt: 0, failures: 0, candidates: 0, absent_since: None }
    }
}

impl Listening {
    pub(super) fn handle(&mut self, now: Timestamp, common: &mut Common, input: Input) {
        match input {
            Input::SignalReceived { from, signal } if common.roster.host == Some(from) => {
                self.heard(now, common, from, signal);
            }
            Input::DescriptionReady { peer, attempt, sdp } if attempt == self.attempt => {
                let sdp = ask_for_music(&sdp);
                common.signal(peer, CircleSignal::Offer { attempt, sdp });
            }
            Input::CandidateFound { peer, attempt, candidate, sdp_mid }
                if attempt == self.attempt =>
            {
                common.signal(peer, CircleSignal::Candidate { attempt, candidate, sdp_mid });
            }
            Input::Connected { peer, attempt }
                if attempt == self.attempt && self.peer() == Some(peer) =>
            {
                self.failures = 0;
                self.link = Link::Open { host: peer };
            }
            Input::ConnectionClosed { attempt, .. } if attempt == self.attempt => {
                self.lost(now, common);
            }
            Input::Timeout => self.time_out(now, common),
            _ => {}
        }
    }

    fn heard(&mut self, now: Timestamp, common: &mut Common, from: PeerId, signal: CircleSignal) {
        match signal {
            CircleSignal::OnAir(air) => {
                // A host may write anything there.
                self.air =
                    air.map(|air| OnAir { title: cleaned(&air.title, MAX_TITLE_CHARS), ..air });
                if self.peer().is_some_and(|peer| peer != from) {
                    // The one that was heard has made way.
                    self.hang_up(common);
                }
                self.connect(now, common);
            }
            CircleSignal::Answer { attempt, sdp }
                if attempt == self.attempt && self.peer() == Some(from) =>
            {
                if inspect_media(&sdp, Direction::Sends).is_ok() {
                    common.outputs.push_back(Output::AcceptAnswer { peer: from, sdp });
                } else {
                    self.lost(now, common);
                }
            }
            CircleSignal::Candidate { attempt, candidate, sdp_mid }
                if attempt == self.attempt && self.peer() == Some(from) =>
            {
                self.candidates += 1;
                if candidate.len() <= MAX_CANDIDATE_BYTES && self.candidates <= MAX_CANDIDATES {
                    let output = Output::AddCandidate { peer: from, candidate, sdp_mid };
                    common.outputs.push_back(output);
                }
            }
            _ => {}
        }
    }

    pub(super) fn roster_changed(&mut self, now: Timestamp, common: &mut Common) {
        if self.peer().is_some() && common.roster.host != self.peer() {
            // It may be the server that went, and the host comes back to it as well.
            self.absent_since.get_or_insert(now);
        } else {
            self.absent_since = None;
        }
        if common.roster.host.is_none() && self.peer().is_none() {
            // The next host says what it plays.
            self.air = None;
        }
        self.connect(now, common);
    }

    /// Asks for what is on, or ends what is not to be heard any more.
    fn connect(&mut self, now: Timestamp, common: &mut Common) {
        let has_seat = common.roster.ahead.is_none();
        if self.air.is_none() || !has_seat {
            self.hang_up(common);
            return;
        }
        let Some(host) = common.roster.host else {
            if matches!(self.link, Link::Pausing { .. }) {
                self.link = Link::Idle;
            }
            return;
        };
        let due = match self.link {
            Link::Idle => true,
            Link::Pausing { until } => now >= until,
            Link::Connecting { .. } | Link::Open { .. } => false,
        };
        if due {
            self.attempt += 1;
            self.candidates = 0;
            self.link = Link::Connecting { host, until: now + CONNECT_TIMEOUT };
            common.outputs.push_back(Output::Offer { peer: host, attempt: self.attempt });
        }
    }

    fn lost(&mut self, now: Timestamp, common: &mut Common) {
        self.disconnect(common);
        let pause = FIRST_PAUSE * 2_u32.pow(self.failures.min(8));
        self.failures += 1;
        self.link = Link::Pausing { until: now + pause.min(LONGEST_PAUSE) };
    }

    fn time_out(&mut self, now: Timestamp, common: &mut Common) {
        if self.absent_since.is_some_and(|since| now >= since + ABSENCE) {
            self.absent_since = None;
            self.air = None;
            self.connect(now, common);
        }
        match self.link {
            Link::Connecting { until, .. } if now >= until => self.lost(now, common),
            Link::Pausing { until } if now >= until => self.connect(now, common),
            _ => {}
        }
    }

    fn disconnect(&mut self, common: &mut Common) {
        if let Some(peer) = self.peer() {
            common.outputs.push_back(Output::Disconnect { peer });
        }
    }

    fn hang_up(&mut self, common: &mut Common) {
        self.disconnect(common);
        self.link = Link::Idle;
        self.absent_since = None;
    }

    pub(super) fn forget_others(&mut self, common: &mut Common) {
        self.hang_up(common);
        self.air = None;
    }

    pub(super) fn timeout(&self) -> Option<Timestamp> {
        let link = match self.link {
            Link::Connecting { until, .. } | Link::Pausing { until } => Some(until),
            Link::Idle | Link::Open { .. } => None,
        };
        let absent = self.absent_since.map(|since| since + ABSENCE);
        [link, absent].into_iter().flatten().min()
    }

    pub(super) fn phase(&self, common: &Common) -> CirclePhase {
        match (self.link, common.roster.ahead) {
            (Link::Open { .. }, _) => CirclePhase::Hearing,
            (_, Some(ahead)) => CirclePhase::InLine(ahead),
            (Link::Idle, None) => CirclePhase::Quiet,
            _ => CirclePhase::Tuning,
        }
    }

    pub(super) fn on_air(&self) -> Option<&OnAir> {
        self.air.as_ref()
    }

    fn peer(&self) -> Option<PeerId> {
        match self.link {
            Link::Connecting { host, .. } | Link::Open { host } => Some(host),
            Link::Idle | Link::Pausing { .. } => None,
        }
    }
}
