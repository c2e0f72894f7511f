//! A circle's machine, driven by hand: each test is an exchange.

mod pair;

use std::time::Duration;

use super::*;
use crate::protocol::circle::{CircleKind, OnAir, Playback};
use crate::protocol::id::ResumeToken;
use crate::protocol::rooms::Topology;

const ME: PeerId = PeerId(1);
const OTHER: PeerId = PeerId(2);
const THIRD: PeerId = PeerId(3);

const OFFER: &str = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=fingerprint:sha-256 AA\r\na=recvonly\r\n\
                     m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=recvonly\r\n";

struct Script {
    circle: Circle,
    now: Timestamp,
}

impl Script {
    /// Joined, with nobody else there yet.
    fn joined(part: Part) -> Self {
        let mut script = Self { circle: Circle::new(part, 7), now: Timestamp::ZERO };
        assert_eq!(script.input(Input::Started), [Output::OpenSocket]);
        let joined = script.input(Input::SocketOpened);
        assert_eq!(joined, [Output::Join { resume_token: None, kind: part.kind() }]);
        script.welcome(false);
        script
    }

    fn welcome(&mut self, resumed: bool) -> Vec<Output> {
        self.said(ServerMessage::Welcome(Welcome {
            peer_id: ME,
            resume_token: ResumeToken::from_bytes([0; ResumeToken::LENGTH]),
            resumed,
            ice_servers: Vec::new(),
            trickle_ice: true,
            topology: Topology::Swarm,
        }))
    }

    fn input(&mut self, input: Input) -> Vec<Output> {
        self.circle.handle_input(self.now, input);
        std::iter::from_fn(|| self.circle.poll_output()).collect()
    }

    fn said(&mut self, message: ServerMessage) -> Vec<Output> {
        self.input(Input::ServerSaid(message))
    }

    fn roster(&mut self, host: Option<PeerId>, members: &[PeerId]) -> Vec<Output> {
        let roster = CircleRoster { host, members: members.to_vec(), waiting: 0, ahead: None };
        self.said(ServerMessage::Circle(roster))
    }

    fn in_line(&mut self, ahead: u32) -> Vec<Output> {
        let roster =
            CircleRoster { host: Some(OTHER), members: vec![], waiting: 9, ahead: Some(ahead) };
        self.said(ServerMessage::Circle(roster))
    }

    fn heard(&mut self, from: PeerId, signal: CircleSignal) -> Vec<Output> {
        self.input(Input::SignalReceived { from, signal })
    }

    fn wait(&mut self, time: Duration) -> Vec<Output> {
        let until = self.now + time;
        let mut outputs = Vec::new();
        while let Some(at) = self.circle.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            outputs.extend(self.input(Input::Timeout));
        }
        self.now = until;
        outputs
    }

    fn phase(&self) -> CirclePhase {
        self.circle.status().phase
    }
}

fn air(title: &str) -> Option<OnAir> {
    Some(OnAir { title: title.to_owned(), seen: false, playing: true })
}

fn offer(attempt: u32) -> CircleSignal {
    CircleSignal::Offer { attempt, sdp: OFFER.to_owned() }
}

fn answer(attempt: u32) -> CircleSignal {
    CircleSignal::Answer { attempt, sdp: OFFER.replace("recvonly", "sendonly") }
}

fn candidate(attempt: u32) -> CircleSignal {
    CircleSignal::Candidate { attempt, candidate: "candidate:1".to_owned(), sdp_mid: None }
}

fn host() -> Script {
    let mut script = Script::joined(Part::Broadcast { seats: 4 });
    script.roster(Some(ME), &[OTHER]);
    script.input(Input::AirChanged(air("a")));
    script
}

#[test]
fn a_host_says_how_many_it_plays_for_and_what_is_on() {
    let mut script =
        Script { circle: Circle::new(Part::Broadcast { seats: 4 }, 7), now: Timestamp::ZERO };
    script.input(Input::Started);
    script.input(Input::SocketOpened);
    assert!(script.welcome(false).contains(&Output::Tell(ClientMessage::Seats { count: 4 })));
    let nothing = Output::Signal { to: OTHER, signal: CircleSignal::OnAir(None) };
    assert_eq!(script.roster(Some(ME), &[OTHER]), [nothing]);
    assert_eq!(script.phase(), CirclePhase::Quiet);
    let on = |to| Output::Signal { to, signal: CircleSignal::OnAir(air("a")) };
    assert_eq!(script.input(Input::AirChanged(air("a"))), [on(OTHER)]);
    assert_eq!(script.input(Input::AirChanged(air("a"))), [], "that is no news");
    assert_eq!(script.roster(Some(ME), &[OTHER, THIRD]), [on(THIRD)]);
}

#[test]
fn a_host_hangs_up_at_once_on_whom_the_server_names_as_removed() {
    let mut script = host();
    script.roster(Some(ME), &[OTHER, THIRD]);
    script.heard(OTHER, offer(1));
    script.heard(THIRD, offer(1));
    let hung_up = [Output::Disconnect { peer: OTHER }];
    assert_eq!(script.said(ServerMessage::Revoked { peer: OTHER }), hung_up);
    assert_eq!(script.heard(OTHER, offer(2)), []);
    assert_eq!(script.roster(Some(ME), &[THIRD]), []);
    assert_eq!(script.said(ServerMessage::Revoked { peer: OTHER }), []);
}

#[test]
fn a_host_answers_while_something_is_on_and_hangs_up_when_it_stops() {
    let mut script = host();
    let answer = Output::Answer { peer: OTHER, attempt: 1, sdp: OFFER.to_owned() };
    assert_eq!(script.heard(OTHER, offer(1)), [answer]);
    let sent = script.input(Input::DescriptionReady { peer: OTHER, attempt: 1, sdp: "x".into() });
    assert!(matches!(&sent[..], [Output::Signal { signal: CircleSignal::Answer { .. }, .. }]));
    assert_eq!(script.heard(OTHER, candidate(1)).len(), 1);
    assert_eq!(script.heard(OTHER, candidate(9)), [], "of another attempt");
    let stopped = script.input(Input::AirChanged(None));
    assert_eq!(stopped[0], Output::Disconnect { peer: OTHER });
    assert_eq!(script.heard(OTHER, offer(2)), []);
}

#[test]
fn what_a_hostile_listener_sends_gets_it_nothing() {
    let mut script = host();
    let sends = OFFER.replace("recvonly", "sendrecv");
    assert_eq!(script.heard(OTHER, CircleSignal::Offer { attempt: 1, sdp: sends }), []);
    assert_eq!(script.heard(THIRD, offer(1)), [], "from one whom the server did not name");
    assert_eq!(script.heard(OTHER, CircleSignal::OnAir(air("mine"))), []);
    assert_eq!(script.heard(OTHER, offer(1)).len(), 1);
    assert_eq!(script.heard(OTHER, offer(2)), [], "one connection after the other");
    let candidates: usize = (0..200).map(|_| script.heard(OTHER, candidate(1)).len()).sum();
    assert_eq!(candidates, crate::protocol::limits::MAX_CANDIDATES);
}

#[test]
fn a_listener_that_the_server_lost_keeps_its_connection_for_a_while() {
    let mut script = host();
    script.heard(OTHER, offer(1));
    assert_eq!(script.roster(Some(ME), &[]), []);
    script.wait(Duration::from_secs(10));
    let on = Output::Signal { to: OTHER, signal: CircleSignal::OnAir(air("a")) };
    assert_eq!(
        script.roster(Some(ME), &[OTHER]),
        [on],
        "it is back, and may have missed something"
    );
    script.roster(Some(ME), &[]);
    assert!(script.wait(Duration::from_secs(16)).contains(&Output::Disconnect { peer: OTHER }));
}

fn listener() -> Script {
    let mut script = Script::joined(Part::Listen);
    assert_eq!(script.roster(Some(OTHER), &[ME]), []);
    assert_eq!(script.phase(), CirclePhase::Quiet);
    let asked = script.heard(OTHER, CircleSignal::OnAir(air("a")));
    assert_eq!(asked, [Output::Offer { peer: OTHER, attempt: 1 }]);
    script
}

#[test]
fn a_listener_asks_for_what_is_on_and_hears_it() {
    let mut script = listener();
    assert_eq!(script.phase(), CirclePhase::Tuning);
    let ready = Input::DescriptionReady { peer: OTHER, attempt: 1, sdp: OFFER.into() };
    assert!(matches!(
        &script.input(ready)[..],
        [Output::Signal { to: OTHER, signal: CircleSignal::Offer { attempt: 1, .. } }]
    ));
    assert!(matches!(&script.heard(OTHER, answer(1))[..], [Output::AcceptAnswer { .. }]));
    script.input(Input::Connected { peer: OTHER, attempt: 1 });
    assert_eq!(script.phase(), CirclePhase::Hearing);
    assert_eq!(script.circle.status().on_air, air("a"));
    assert_eq!(
        script.heard(OTHER, CircleSignal::OnAir(air("b"))),
        [],
        "no new connection for that"
    );
    let over = script.heard(OTHER, CircleSignal::OnAir(None));
    assert_eq!(over, [Output::Disconnect { peer: OTHER }]);
    assert_eq!(script.phase(), CirclePhase::Quiet);
}

#[test]
fn only_the_host_is_believed() {
    let mut script = listener();
    assert_eq!(script.heard(THIRD, CircleSignal::OnAir(None)), []);
    assert_eq!(script.heard(THIRD, answer(1)), []);
    assert_eq!(script.circle.status().on_air, air("a"));
    let wrong = CircleSignal::Answer { attempt: 1, sdp: OFFER.to_owned() };
    assert_eq!(script.heard(OTHER, wrong), [Output::Disconnect { peer: OTHER }]);
}

#[test]
fn a_lost_connection_is_asked_for_again_ever_later() {
    let mut script = listener();
    for attempt in 1..5 {
        let lost = script.input(Input::ConnectionClosed { peer: OTHER, attempt });
        assert_eq!(lost, [Output::Disconnect { peer: OTHER }]);
        let pause = Duration::from_secs(1 << (attempt - 1));
        assert_eq!(script.wait(pause - Duration::from_millis(1)), []);
        let again = script.wait(Duration::from_millis(2));
        assert_eq!(again, [Output::Offer { peer: OTHER, attempt: attempt + 1 }]);
    }
    let nothing_came = script.wait(Duration::from_secs(21));
    assert!(nothing_came.contains(&Output::Disconnect { peer: OTHER }), "{nothing_came:?}");
}

#[test]
fn whoever_stands_in_line_hears_nothing_until_it_is_its_turn() {
    let mut script = Script::joined(Part::Listen);
    script.in_line(2);
    assert_eq!(script.phase(), CirclePhase::InLine(2));
    assert_eq!(script.heard(OTHER, CircleSignal::OnAir(air("a"))), []);
    assert_eq!(script.in_line(0), []);
    let asked = script.roster(Some(OTHER), &[ME]);
    assert_eq!(asked, [Output::Offer { peer: OTHER, attempt: 1 }]);
}

#[test]
fn a_restarted_server_interrupts_nothing_but_a_lost_host_ends_it() {
    let mut script = listener();
    script.input(Input::Connected { peer: OTHER, attempt: 1 });
    script.input(Input::SocketClosed);
    assert_eq!(script.phase(), CirclePhase::Hearing, "the sound goes on");
    script.wait(Duration::from_secs(1));
    script.input(Input::SocketOpened);
    script.welcome(true);
    assert_eq!(script.roster(None, &[ME]), []);
    assert_eq!(script.roster(Some(OTHER), &[ME]), []);
    assert!(!script.wait(Duration::from_secs(20)).contains(&Output::Disconnect { peer: OTHER }));
    script.roster(None, &[ME]);
    assert!(script.wait(Duration::from_secs(16)).contains(&Output::Disconnect { peer: OTHER }));
    assert_eq!(script.phase(), CirclePhase::Quiet);
}

#[test]
fn a_host_that_was_away_says_again_what_is_on() {
    let mut script = host();
    script.input(Input::SocketClosed);
    script.wait(Duration::from_secs(1));
    script.input(Input::SocketOpened);
    script.welcome(true);
    let on = Output::Signal { to: OTHER, signal: CircleSignal::OnAir(air("a")) };
    assert_eq!(script.roster(Some(ME), &[OTHER]), std::slice::from_ref(&on));
    assert!(script.wait(Duration::from_secs(11)).contains(&on), "and now and then besides");
}

#[test]
fn a_host_keeps_to_its_own_seats() {
    let mut script = host();
    let many: Vec<PeerId> = (2..8).map(PeerId).collect();
    script.roster(Some(ME), &many);
    let answered =
        |outputs: Vec<Output>| outputs.iter().any(|o| matches!(o, Output::Answer { .. }));
    let taken = many.iter().filter(|peer| answered(script.heard(**peer, offer(1)))).count();
    assert_eq!(taken, 4);
    script.roster(Some(ME), &many[1..]);
    let next = script.heard(many[5], offer(1));
    assert_eq!(next[0], Output::Disconnect { peer: many[0] }, "whoever is gone makes way");
    assert!(answered(next));
}

#[test]
fn whoever_is_sent_away_is_hung_up_on_at_once() {
    let mut script = host();
    script.heard(OTHER, offer(1));
    let sent = script.input(Input::RemovalAsked { peer: OTHER });
    assert_eq!(
        sent,
        [Output::Disconnect { peer: OTHER }, Output::Tell(ClientMessage::Remove { peer: OTHER })]
    );
}

#[test]
fn an_owner_that_reloaded_is_heard_and_stays_so() {
    let mut script = listener();
    script.input(Input::Connected { peer: OTHER, attempt: 1 });
    script.roster(None, &[ME]);
    script.wait(Duration::from_secs(2));
    script.roster(Some(THIRD), &[ME]);
    let moved = script.heard(THIRD, CircleSignal::OnAir(air("b")));
    let offer = Output::Offer { peer: THIRD, attempt: 2 };
    assert_eq!(moved, [Output::Disconnect { peer: OTHER }, offer]);
    script.input(Input::Connected { peer: THIRD, attempt: 2 });
    assert_eq!(script.wait(Duration::from_secs(20)), []);
    assert_eq!(script.phase(), CirclePhase::Hearing);
}

#[test]
fn a_listener_whose_owner_is_gone_waits_without_a_timer_that_is_due() {
    let mut script = listener();
    script.roster(None, &[ME]);
    script.input(Input::ConnectionClosed { peer: OTHER, attempt: 1 });
    script.wait(Duration::from_secs(3));
    let now = script.now;
    assert!(script.circle.poll_timeout().is_none_or(|at| at > now));
}

#[test]
fn the_rooms_end_is_the_circles() {
    let mut script = listener();
    script.input(Input::Connected { peer: OTHER, attempt: 1 });
    let ended = script.said(ServerMessage::Closed { reason: CloseReason::Stopped });
    assert!(ended.contains(&Output::Disconnect { peer: OTHER }));
    assert!(ended.contains(&Output::CloseSocket));
    assert_eq!(script.circle.status().failure, Some(Failure::Stopped));
    assert_eq!(script.input(Input::Started), [], "it is over");
}

#[test]
fn a_title_is_shown_as_one_short_line_that_turns_nothing_around() {
    for (said, shown) in [
        ("ä".repeat(2000), format!("{}…", "ä".repeat(200))),
        (
            "Night\u{202e}3pm.exe\n\u{1b}[31mTrain\u{2069}".to_owned(),
            "Night3pm.exe [31mTrain".to_owned(),
        ),
        (format!("a{}", "\u{301}".repeat(400)), "a\u{301}\u{301}\u{301}\u{301}".to_owned()),
        ("\u{200b}".to_owned(), String::new()),
    ] {
        let mut script = Script::joined(Part::Listen);
        script.roster(Some(OTHER), &[ME]);
        script.heard(OTHER, CircleSignal::OnAir(air(&said)));
        assert_eq!(script.circle.status().on_air.unwrap().title, shown);
    }
}
