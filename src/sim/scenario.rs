//! The situations that are looked at.

use std::time::Duration;

use super::actions::Action;
use super::node::Character;
use super::random::Random;
use super::report::Report;
use super::world::{PeerSetting, Setting, World};
use crate::protocol::rooms::Topology;

/// What a scenario takes.
#[derive(Clone, Copy, Debug)]
pub struct Parameters {
    /// Recipients.
    pub peers: u32,
    /// Bytes of the file.
    pub size: u64,
    /// Who serves whom.
    pub topology: Topology,
    /// Chance.
    pub rng_seed: u64,
}

/// A scenario.
pub type Scenario = fn(&Parameters) -> Report;

/// Every scenario by its name.
pub const ALL: [(&str, Scenario); 12] = [
    ("flash crowd", flash_crowd),
    ("weaker uplinks", weaker_uplinks),
    ("weak uplinks", weak_uplinks),
    ("seed leaves", seed_leaves),
    ("owner leaves", owner_leaves_at_one_copy),
    ("slow peer", slow_peer),
    ("stalled peers", stalled_peers),
    ("churn", churn),
    ("liars", liars),
    ("rejoin storm", rejoin_storm),
    ("one network", lan),
    ("far apart", far_apart),
];

impl Parameters {
    /// Time for the owner alone to send the file once.
    fn once(&self) -> Duration {
        Duration::from_secs_f64(self.size as f64 / PeerSetting::default().up as f64)
    }

    /// Longer than any scheme that goes on at all.
    fn limit(&self) -> Duration {
        self.once() * (2 * self.peers + 4) + Duration::from_secs(600)
    }

    fn world(&self) -> World {
        World::new(Setting {
            size: self.size,
            topology: self.topology,
            rng_seed: self.rng_seed,
            owner: PeerSetting::default(),
        })
    }

    fn random(&self) -> Random {
        Random::new(!self.rng_seed)
    }
}

/// Recipients of this kind, who all arrive within a second. Answers their numbers.
fn crowd(
    world: &mut World,
    parameters: &Parameters,
    kind: impl Fn(u32) -> PeerSetting,
) -> Vec<u32> {
    let mut random = parameters.random();
    let arrivals = |_| Duration::from_millis(random.below(1000));
    let times: Vec<Duration> = (0..parameters.peers).map(arrivals).collect();
    times.into_iter().zip(0..).map(|(at, number)| world.recipient(kind(number), at)).collect()
}

fn alike(_: u32) -> PeerSetting {
    PeerSetting::default()
}

fn run(mut world: World, parameters: &Parameters, scenario: &'static str) -> Report {
    world.run(parameters.limit());
    world.report(scenario)
}

/// All arrive at once, on equal lines.
pub fn flash_crowd(parameters: &Parameters) -> Report {
    let mut world = parameters.world();
    crowd(&mut world, parameters, alike);
    run(world, parameters, "flash crowd")
}

/// Recipients send at two fifths of the owner's rate, so that their uplinks and not the owner's are what all wait for.
pub fn weaker_uplinks(parameters: &Parameters) -> Report {
    let mut world = parameters.world();
    crowd(&mut world, parameters, |_| PeerSetting { up: 1_000_000, ..PeerSetting::default() });
    run(world, parameters, "weaker uplinks")
}

/// Recipients send at a twentieth of the owner's rate, as some mobile networks do: most must come from the owner.
pub fn weak_uplinks(parameters: &Parameters) -> Report {
    let mut world = parameters.world();
    crowd(&mut world, parameters, |_| PeerSetting { up: 125_000, ..PeerSetting::default() });
    run(world, parameters, "weak uplinks")
}

/// One recipient has a faster line and leaves as soon as it is complete, while the others fetch from it; a second one
/// loses power half way.
pub fn seed_leaves(parameters: &Parameters) -> Report {
    let mut world = parameters.world();
    let fast = PeerSetting { up: 10_000_000, down: 50_000_000, ..PeerSetting::default() };
    let kind = |n| if n == 0 { fast.clone() } else { PeerSetting::default() };
    let recipients = crowd(&mut world, parameters, kind);
    if let [first, second, ..] = recipients[..] {
        world.act_at(Duration::from_secs(1), Action::LeaveWhenComplete(first));
        world.act_at(parameters.once() / 2, Action::Vanish(second));
    }
    run(world, parameters, "seed leaves")
}

/// The owner leaves once its page says that the room can do without it.
pub fn owner_leaves_at_one_copy(parameters: &Parameters) -> Report {
    let mut world = parameters.world();
    crowd(&mut world, parameters, alike);
    world.act_at(Duration::from_secs(2), Action::LeaveWhenItMay(0));
    run(world, parameters, "owner leaves")
}

/// One recipient sends and receives at a tenth of the others' rates and loses a packet in a hundred.
pub fn slow_peer(parameters: &Parameters) -> Report {
    let mut world = parameters.world();
    let slow = PeerSetting { up: 250_000, down: 1_250_000, loss: 0.01, ..PeerSetting::default() };
    crowd(&mut world, parameters, |n| if n == 0 { slow.clone() } else { PeerSetting::default() });
    run(world, parameters, "slow peer")
}

/// A quarter of the recipients take requests and, from a third of the way on, answer none.
pub fn stalled_peers(parameters: &Parameters) -> Report {
    let mut world = parameters.world();
    let character = Character::Stalls(parameters.once() / 3);
    let stalled = PeerSetting { character, ..PeerSetting::default() };
    let kind = |n| if n % 4 == 1 { stalled.clone() } else { PeerSetting::default() };
    crowd(&mut world, parameters, kind);
    run(world, parameters, "stalled peers")
}

/// Recipients come over time; of each five one loads its page again, one leaves early, one loses power.
pub fn churn(parameters: &Parameters) -> Report {
    let mut world = parameters.world();
    let mut random = parameters.random();
    let span = parameters.once();
    for number in 0..parameters.peers {
        let at = span.mul_f64(random.fraction());
        let recipient = world.recipient(PeerSetting::default(), at);
        let then = at + span.mul_f64(0.1 + 0.7 * random.fraction());
        match number % 5 {
            1 => world.act_at(then, Action::Reload(recipient)),
            2 => world.act_at(then, Action::Leave(recipient)),
            3 => world.act_at(then, Action::Vanish(recipient)),
            _ => {}
        }
    }
    run(world, parameters, "churn")
}

/// A quarter of the recipients send false bytes.
pub fn liars(parameters: &Parameters) -> Report {
    let mut world = parameters.world();
    let liar = PeerSetting { character: Character::Liar, ..PeerSetting::default() };
    crowd(
        &mut world,
        parameters,
        |n| if n % 4 == 1 { liar.clone() } else { PeerSetting::default() },
    );
    run(world, parameters, "liars")
}

/// The server stops and starts twice during the transfer; everyone comes back to an empty room.
pub fn rejoin_storm(parameters: &Parameters) -> Report {
    let mut world = parameters.world();
    crowd(&mut world, parameters, alike);
    for part in [0.3, 0.6] {
        let stops = parameters.once().mul_f64(part);
        world.act_at(stops, Action::ServerStops);
        world.act_at(stops + Duration::from_secs(3), Action::ServerStarts);
    }
    run(world, parameters, "rejoin storm")
}

/// All but the owner share one line to the outside and a network of their own.
pub fn lan(parameters: &Parameters) -> Report {
    let mut world = parameters.world();
    crowd(&mut world, parameters, |_| PeerSetting { network: 1, ..PeerSetting::default() });
    run(world, parameters, "one network")
}

/// Everyone has a fast line, 100 ms from everyone else, on which a packet in a thousand is lost: by Mathis, a single
/// connection carries 449 kB a second.
pub fn far_apart(parameters: &Parameters) -> Report {
    let far = PeerSetting {
        up: 12_500_000,
        latency: Duration::from_millis(50),
        loss: 0.0005,
        ..PeerSetting::default()
    };
    let mut world = World::new(Setting {
        size: parameters.size,
        topology: parameters.topology,
        rng_seed: parameters.rng_seed,
        owner: far.clone(),
    });
    crowd(&mut world, parameters, |_| far.clone());
    run(world, parameters, "far apart")
}
