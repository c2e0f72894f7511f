//! Faults in any order: no panic, no bound crossed, and once they stop everyone ends complete.
//!
//! The seed is fixed, so that every run is the same; `PROPTEST_CASES=5000` looks further with a fresh one.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use transfer4me::protocol::rooms::Topology;
use transfer4me::swarm::{Failure, Input};

use super::content::Content;
use super::world::{Lie, World};

const SIZES: [u64; 6] = [900_000, 0, 300_000, 10, 10, 1_200_000];

#[derive(Clone, Debug)]
enum Fault {
    CutLinks(usize),
    SilenceLinks(usize),
    CutSocket(usize),
    StopServer,
    StartServer,
    Reload(usize),
    Pause(usize, bool),
    Lie(usize),
    Vanish(usize),
    Forge(usize, Vec<u8>),
    Arrive(Vec<bool>),
    OwnerLeaves,
}

fn fault() -> impl Strategy<Value = Fault> {
    let who = 0..4_usize;
    prop_oneof![
        who.clone().prop_map(Fault::CutLinks),
        who.clone().prop_map(Fault::SilenceLinks),
        who.clone().prop_map(Fault::CutSocket),
        Just(Fault::StopServer),
        Just(Fault::StartServer),
        who.clone().prop_map(Fault::Reload),
        (who.clone(), any::<bool>()).prop_map(|(who, paused)| Fault::Pause(who, paused)),
        (0..4_usize).prop_map(Fault::Lie),
        (0..SIZES.len()).prop_map(Fault::Vanish),
        (who, prop::collection::vec(0_u8..14, 0..14)).prop_map(|(who, b)| Fault::Forge(who, b)),
        prop::collection::vec(any::<bool>(), SIZES.len()).prop_map(Fault::Arrive),
        Just(Fault::OwnerLeaves),
    ]
}

/// Faults, each after some milliseconds; now and then after a long time.
fn schedule() -> impl Strategy<Value = Vec<(u64, Fault)>> {
    let pause = prop_oneof![8 => 0..800_u64, 1 => 20_000..90_000_u64];
    prop::collection::vec((pause, fault()), 0..14)
}

fn strike(world: &mut World, fault: &Fault) {
    let there = |world: &World, who: &usize| *who < world.browsers.len();
    match fault {
        Fault::CutLinks(who) if there(world, who) => world.cut_links(*who),
        Fault::SilenceLinks(who) if there(world, who) => world.silence_links(*who),
        Fault::CutSocket(who) if there(world, who) => world.cut_socket(*who),
        Fault::StopServer => world.stop_server(),
        Fault::StartServer => world.server_up = true,
        Fault::Reload(who) if there(world, who) => world.reload(*who),
        Fault::Pause(who, paused) if there(world, who) => world.input(*who, Input::Paused(*paused)),
        Fault::Lie(lie) => {
            let lies = [Lie::WrongBytes, Lie::Unrequested, Lie::OutOfRange, Lie::NoHeader];
            world.lies.push(lies[*lie]);
        }
        Fault::Vanish(file) => {
            world.browsers[0].vanished.insert(*file);
        }
        Fault::Forge(who, bytes) if there(world, who) => world.forge(*who, bytes.clone()),
        Fault::Arrive(wanted) if world.browsers.len() < 6 && wanted.contains(&true) => {
            world.recipient(wanted);
        }
        Fault::OwnerLeaves => world.input(0, Input::Left),
        _ => {}
    }
}

fn config() -> ProptestConfig {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => config,
        None => ProptestConfig { cases: 128, rng_seed: RngSeed::Fixed(4), ..config },
    }
}

fn run(schedule: &[(u64, Fault)], jitter: u64, record_pieces: u32, topology: Topology) {
    let mut content = Content::new(&SIZES);
    content.record_pieces = record_pieces;
    let mut world = World::with_topology(content, topology);
    world.path.bytes_per_second = 600_000;
    world.path.jitter = Duration::from_millis(jitter);
    world.recipient_of_all();
    for (pause, fault) in schedule {
        world.run_for(Duration::from_millis(*pause));
        strike(&mut world, fault);
    }
    world.server_up = true;
    world.lies.clear();
    world.reload(0);
    for number in 0..world.browsers.len() {
        world.input(number, Input::Paused(false));
    }
    world.run_to_end();
    let hostile = |fault: &Fault| matches!(fault, Fault::Lie(_) | Fault::Forge(..));
    let hostile = schedule.iter().filter(|(_, fault)| hostile(fault)).count();
    for browser in world.browsers.iter().filter(|browser| !browser.owner) {
        match browser.failure {
            None => browser.assert_complete(&world.content),
            Some(Failure::Corrupt) => assert!(hostile >= 3),
            Some(Failure::AllGone) => assert!(!browser.swarm.gone_files().is_empty()),
            Some(Failure::Unreachable) => assert!(schedule.len() >= 4),
            other => panic!("{other:?}"),
        }
    }
    world.run_for(Duration::from_secs(70));
    assert!(world.browsers[0].links.is_empty(), "{:?}", world.browsers[0].links);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn everyone_ends_complete_once_faults_stop(
        schedule in schedule(),
        jitter in 0..60_u64,
        record_pieces in 1..6_u32,
        topology in prop::sample::select(&Topology::ALL[..]),
    ) {
        run(&schedule, jitter, record_pieces, topology);
    }
}

/// Schedules that once failed.
#[test]
fn known_schedules_end_right() {
    // Names of an earlier room were kept beyond its end.
    let direct = Topology::Direct;
    run(&[(100, Fault::StopServer), (0, Fault::CutLinks(0))], 0, 1, direct);
    // The server's words for a page that had left were taken for words to the next.
    run(&[(40, Fault::OwnerLeaves), (0, Fault::StartServer)], 0, 1, direct);
    run(&[(312, Fault::CutSocket(0)), (55, Fault::CutLinks(0))], 17, 1, direct);
}
