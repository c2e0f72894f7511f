//! A circle's machine, driven by hand: each test is an exchange.

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
    assert_eq!(script.roster(Some(ME), &[OTHER]), [], "it is back under its name");
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
fn a_long_title_is_cut_where_a_character_ends() {
    let mut script = Script::joined(Part::Listen);
    script.roster(Some(OTHER), &[ME]);
    script.heard(OTHER, CircleSignal::OnAir(air(&"ä".repeat(2000))));
    let title = script.circle.status().on_air.unwrap().title;
    assert_eq!(title.len(), crate::protocol::limits::MAX_TITLE_BYTES);
}

/// Two pages that listen together, with clocks of their own, a path between them and players that are as slow to seek as
/// real ones.
mod pair {
    use super::*;
    use std::collections::VecDeque;

    struct Player {
        file: Option<u32>,
        playing: bool,
        position: f64,
        rate: f64,
        busy_until: f64,
        seeks: u32,
    }

    impl Player {
        fn played(&self, at: f64) -> Option<Played> {
            Some(Played {
                file: self.file?,
                playing: self.playing,
                waiting: at < self.busy_until,
                position: Duration::from_secs_f64(self.position.max(0.0)),
                speed: 100,
            })
        }

        fn steer(&mut self, at: f64, steering: Steering, seek_takes: f64) {
            match steering {
                Steering::Open { file, position } => {
                    (self.file, self.playing) = (Some(file), true);
                    self.position = position.as_secs_f64();
                    self.busy_until = at + 2.0 * seek_takes;
                }
                Steering::Play => self.playing = true,
                Steering::Pause => self.playing = false,
                Steering::SeekTo(position) => {
                    self.position = position.as_secs_f64();
                    self.busy_until = at + seek_takes;
                    self.seeks += 1;
                }
                Steering::Rate(rate) => self.rate = f64::from(rate) / 1000.0,
            }
        }
    }

    struct Side {
        circle: Circle,
        player: Player,
        clock_offset: f64,
        name: PeerId,
    }

    struct Pair {
        sides: [Side; 2],
        wire: VecDeque<(f64, usize, PeerId, CircleSignal)>,
        at: f64,
        delays: [f64; 2],
        seek_takes: f64,
    }

    impl Pair {
        fn new(delays: [f64; 2], seek_takes: f64) -> Self {
            let side = |name: u32, clock_offset| Side {
                circle: Circle::new(Part::Together, u64::from(name)),
                player: Player {
                    file: None,
                    playing: false,
                    position: 0.0,
                    rate: 1.0,
                    busy_until: 0.0,
                    seeks: 0,
                },
                clock_offset,
                name: PeerId(name),
            };
            let sides = [side(1, 3.0), side(2, 40_000.0)];
            let mut pair = Self { sides, wire: VecDeque::new(), at: 0.0, delays, seek_takes };
            for index in 0..2 {
                pair.input(index, Input::Started);
                pair.input(index, Input::SocketOpened);
                let welcome = Welcome {
                    peer_id: pair.sides[index].name,
                    resume_token: ResumeToken::from_bytes([0; ResumeToken::LENGTH]),
                    resumed: false,
                    ice_servers: Vec::new(),
                    trickle_ice: true,
                    topology: Topology::Swarm,
                };
                pair.input(index, Input::ServerSaid(ServerMessage::Welcome(welcome)));
            }
            pair.meet(1, &[2]);
            pair
        }

        fn meet(&mut self, host: u32, members: &[u32]) {
            let members: Vec<PeerId> = members.iter().copied().map(PeerId).collect();
            for index in 0..2 {
                let roster = CircleRoster {
                    host: Some(PeerId(host)),
                    members: members.clone(),
                    ..CircleRoster::default()
                };
                self.input(index, Input::ServerSaid(ServerMessage::Circle(roster)));
            }
        }

        fn now(&self, index: usize) -> Timestamp {
            Timestamp::new(Duration::from_secs_f64(self.at + self.sides[index].clock_offset))
        }

        fn input(&mut self, index: usize, input: Input) {
            let now = self.now(index);
            let at = self.at;
            self.sides[index].circle.handle_input(now, input);
            while let Some(output) = self.sides[index].circle.poll_output() {
                match output {
                    Output::Signal { signal, .. } => {
                        let from = self.sides[index].name;
                        self.wire.push_back((at + self.delays[index], 1 - index, from, signal));
                    }
                    Output::ObservePlayer => {
                        let played = self.sides[index].player.played(at);
                        self.sides[index].circle.handle_input(now, Input::Played(played));
                    }
                    Output::Steer(steering) => {
                        let seek_takes = self.seek_takes;
                        self.sides[index].player.steer(at, steering, seek_takes);
                    }
                    _ => {}
                }
            }
        }

        fn run(&mut self, seconds: f64) {
            const STEP: f64 = 0.005;
            let until = self.at + seconds;
            while self.at < until {
                self.at += STEP;
                for side in &mut self.sides {
                    let player = &mut side.player;
                    if player.playing && self.at >= player.busy_until {
                        player.position += STEP * player.rate;
                    }
                }
                let due = |wire: &VecDeque<(f64, _, _, _)>, at| wire.iter().position(|m| m.0 <= at);
                while let Some(at) = due(&self.wire, self.at) {
                    if let Some((_, to, from, signal)) = self.wire.remove(at) {
                        self.input(to, Input::SignalReceived { from, signal });
                    }
                }
                for index in 0..2 {
                    let now = self.now(index);
                    if self.sides[index].circle.poll_timeout().is_some_and(|at| now >= at) {
                        self.input(index, Input::Timeout);
                    }
                }
            }
        }

        /// Seconds that the follower is ahead.
        fn apart(&self) -> f64 {
            self.sides[1].player.position - self.sides[0].player.position
        }

        fn lead(&mut self, steering: Steering) {
            let at = self.at;
            self.sides[0].player.steer(at, steering, 0.0);
            let played = self.sides[0].player.played(at);
            self.input(0, Input::Played(played));
        }
    }

    const HALF_MINUTE: Duration = Duration::from_secs(30);

    #[test]
    fn a_follower_comes_to_the_same_place_within_five_seconds() {
        for (delays, seek_takes) in
            [([0.002, 0.002], 0.05), ([0.002, 0.002], 0.6), ([0.04, 0.06], 0.2), ([0.2, 0.2], 0.3)]
        {
            let mut pair = Pair::new(delays, seek_takes);
            pair.lead(Steering::Open { file: 3, position: HALF_MINUTE });
            pair.run(5.0);
            let apart = pair.apart();
            assert!(apart.abs() < 0.05, "{apart} s apart with {delays:?} and {seek_takes}");
            assert_eq!(pair.sides[1].player.file, Some(3));
            pair.run(20.0);
            assert!(pair.apart().abs() < 0.03, "{} s apart later", pair.apart());
            let seeks = pair.sides[1].player.seeks;
            assert!(seeks <= 3, "{seeks} seeks");
        }
    }

    #[test]
    fn a_follower_pauses_seeks_and_goes_on_with_the_host() {
        let mut pair = Pair::new([0.01, 0.01], 0.1);
        pair.lead(Steering::Open { file: 0, position: HALF_MINUTE });
        pair.run(6.0);
        pair.lead(Steering::Pause);
        pair.run(1.0);
        assert!(!pair.sides[1].player.playing);
        assert!(pair.apart().abs() < 0.15, "{}", pair.apart());
        pair.lead(Steering::SeekTo(2 * HALF_MINUTE));
        pair.run(2.0);
        assert!(pair.apart().abs() < 0.01, "{}", pair.apart());
        pair.lead(Steering::Play);
        pair.run(4.0);
        assert!(pair.sides[1].player.playing && pair.apart().abs() < 0.05, "{}", pair.apart());
        pair.lead(Steering::Open { file: 1, position: Duration::ZERO });
        pair.run(5.0);
        assert_eq!(pair.sides[1].player.file, Some(1));
        assert!(pair.apart().abs() < 0.05, "{}", pair.apart());
    }

    #[test]
    fn whoever_is_next_leads_on_from_where_it_is() {
        let mut pair = Pair::new([0.01, 0.01], 0.1);
        pair.lead(Steering::Open { file: 0, position: HALF_MINUTE });
        pair.run(6.0);
        pair.meet(2, &[]);
        pair.run(1.0);
        let new_host = &pair.sides[1];
        assert!(new_host.circle.status().hosts && new_host.player.playing);
        assert!((new_host.player.rate - 1.0).abs() < f64::EPSILON, "at the ordinary speed");
        pair.meet(2, &[1]);
        pair.sides[1].player.position += 60.0;
        pair.run(6.0);
        assert!(pair.apart().abs() < 0.05, "the first one follows now: {}", pair.apart());
    }

    #[test]
    fn nonsense_from_a_host_moves_nobody() {
        let mut pair = Pair::new([0.01, 0.01], 0.1);
        let playback = |speed, position| {
            Some(Playback { file: 0, playing: true, position, at: u64::MAX, speed })
        };
        for nonsense in [playback(0, 0), playback(100, u64::MAX), playback(60_000, 0)] {
            let signal = CircleSignal::Playback(nonsense);
            pair.input(1, Input::SignalReceived { from: PeerId(1), signal });
            pair.run(1.0);
            assert_eq!(pair.sides[1].player.file, None);
        }
        let signal = CircleSignal::Playback(playback(100, 0));
        pair.input(1, Input::SignalReceived { from: PeerId(9), signal });
        pair.run(1.0);
        assert_eq!(pair.sides[1].player.file, None, "and a stranger none at all");
    }

    #[test]
    fn a_follower_that_asks_all_the_time_is_answered_now_and_then() {
        let mut pair = Pair::new([0.01, 0.01], 0.1);
        pair.run(1.0);
        pair.wire.clear();
        for asked_at in 0..100 {
            let signal = CircleSignal::ClockAsked { asked_at };
            pair.input(0, Input::SignalReceived { from: PeerId(2), signal });
        }
        assert!(pair.wire.len() <= 1, "{}", pair.wire.len());
    }

    #[test]
    fn kinds_join_their_own_circle() {
        assert_eq!(Part::Together.kind(), CircleKind::Together);
        assert_eq!(Part::Listen.kind(), CircleKind::Live);
    }
}
