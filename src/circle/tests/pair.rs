//! Two pages that listen together, with clocks of their own, a path between them and players that are as slow to seek as
//! real ones.

use super::*;
use std::collections::VecDeque;

use crate::random::Random;

struct Player {
    file: Option<u32>,
    playing: bool,
    position: f64,
    rate: f64,
    busy_until: f64,
    seeks: u32,
    strain: Strain,
}

/// What a machine that has too much to do makes of a player.
struct Strain {
    /// Seconds that the place it tells is behind at most, another time each time.
    behind: f64,
    /// Seconds that a seek takes besides, at most.
    slow: f64,
    /// Seconds for which a change of the rate silences it.
    stumble: f64,
    random: Random,
}

impl Player {
    fn played(&mut self, at: f64) -> Option<Played> {
        let behind = self.strain.behind * self.strain.random.fraction();
        Some(Played {
            file: self.file?,
            playing: self.playing,
            waiting: at < self.busy_until,
            position: Duration::from_secs_f64((self.position - behind).max(0.0)),
            speed: 100,
        })
    }

    fn steer(&mut self, at: f64, steering: Steering, seek_takes: f64) {
        let seek_takes = seek_takes + self.strain.slow * self.strain.random.fraction();
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
            Steering::Rate(rate) => {
                self.rate = f64::from(rate) / 1000.0;
                self.busy_until = self.busy_until.max(at + self.strain.stumble);
            }
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
                strain: Strain { behind: 0.0, slow: 0.0, stumble: 0.0, random: Random::new(0) },
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

/// Two cores that also run three browsers: seeks take now a tenth of a second and now more than one, the place that
/// is told is behind by an eighth, and each change of the rate is a stumble.
#[test]
fn a_follower_on_a_busy_machine_comes_to_the_same_place_all_the_same() {
    let mut apart = Vec::new();
    for seed in 0..60 {
        let mut pair = Pair::new([0.01, 0.03], 0.1);
        let random = Random::new(seed);
        let strain = Strain { behind: 0.125, slow: 1.2, stumble: 0.1, random };
        pair.sides[1].player.strain = strain;
        pair.lead(Steering::Open { file: 0, position: HALF_MINUTE });
        pair.run(15.0);
        apart.push(pair.apart().abs());
        pair.lead(Steering::SeekTo(4 * HALF_MINUTE));
        pair.run(15.0);
        apart.push(pair.apart().abs());
    }
    apart.sort_by(f64::total_cmp);
    let [most, all] = [apart.len() * 19 / 20, apart.len() - 1].map(|at| apart[at]);
    assert!(most < 0.15 && all < 0.3, "most within {most} s, all within {all} s");
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
fn a_host_that_is_dragged_to_and_fro_does_not_talk_too_much() {
    let mut pair = Pair::new([0.01, 0.01], 0.1);
    pair.lead(Steering::Open { file: 0, position: HALF_MINUTE });
    pair.run(6.0);
    pair.wire.clear();
    let (mut said, began) = (0, pair.at);
    for step in 0..100_u64 {
        pair.lead(Steering::SeekTo(Duration::from_secs(step)));
        said += pair.wire.iter().filter(|(.., signal)| is_playback(signal)).count();
        pair.wire.retain(|(.., signal)| !is_playback(signal));
        pair.run(0.01);
    }
    let seconds = pair.at - began;
    assert!((said as f64) < 8.0 * seconds, "{said} in {seconds} s");
    pair.run(6.0);
    assert!(pair.apart().abs() < 0.05, "and is followed in the end: {}", pair.apart());
}

fn is_playback(signal: &CircleSignal) -> bool {
    matches!(signal, CircleSignal::Playback(_))
}

#[test]
fn times_out_of_any_file_overflow_nothing() {
    let mut pair = Pair::new([0.01, 0.01], 0.1);
    pair.lead(Steering::Open { file: 0, position: HALF_MINUTE });
    pair.run(3.0);
    for at in [0, u64::MAX] {
        let playback = Playback { file: 0, playing: true, position: 0, at, speed: 400 };
        let signal = CircleSignal::Playback(Some(playback));
        pair.input(1, Input::SignalReceived { from: PeerId(1), signal });
        pair.run(1.0);
    }
    pair.run(8.0);
    assert!(pair.apart().abs() < 0.05, "the host's next word counts: {}", pair.apart());
}

#[test]
fn nonsense_from_a_host_moves_nobody() {
    let mut pair = Pair::new([0.01, 0.01], 0.1);
    let playback =
        |speed, position| Some(Playback { file: 0, playing: true, position, at: u64::MAX, speed });
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
