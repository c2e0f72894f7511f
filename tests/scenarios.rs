//! Small runs of the simulator: what each situation must end in. Times are simulated, so that results are exact and
//! repeat; a failure prints the run's figures with its seed.

use std::time::Duration;

use transfer4me::protocol::rooms::Topology;
use transfer4me::sim::scenario::{self, Parameters};
use transfer4me::sim::{Action, PeerSetting, Report, Setting, World};

const MIB: u64 = 1 << 20;

fn parameters(peers: u32, mib: u64, topology: Topology, rng_seed: u64) -> Parameters {
    Parameters { peers, size: mib * MIB, topology, rng_seed }
}

fn swarm(peers: u32, mib: u64) -> Parameters {
    parameters(peers, mib, Topology::Swarm, 1)
}

/// Everyone who stayed has everything, and no machine did what it should not.
#[track_caller]
fn assert_sound(report: &Report) {
    assert!(report.is_sound(), "{}\n{report}\n{:#?}", Report::HEAD, report.problems);
}

#[track_caller]
fn assert_at_most(report: &Report, what: &str, value: f64, most: f64) {
    assert!(value <= most, "{what} is {value:.3}, not {most}\n{}\n{report}", Report::HEAD);
}

#[test]
fn every_topology_serves_everyone() {
    for topology in Topology::ALL {
        let report = scenario::flash_crowd(&parameters(8, 32, topology, 1));
        assert_sound(&report);
        assert_eq!(report.complete, 8, "{report}");
    }
}

#[test]
fn the_owner_of_a_direct_room_sends_everything_to_each() {
    let report = scenario::flash_crowd(&parameters(4, 32, Topology::Direct, 1));
    assert_sound(&report);
    assert!((report.owner_upload - 4.0).abs() < 0.01, "{report}");
    assert_at_most(&report, "time over the owner's uplink", report.over_bound(), 4.1);
}

#[test]
fn a_swarm_of_eight_is_close_to_the_bound_and_its_owner_sends_little_more_than_once() {
    for rng_seed in 1..4 {
        let report = scenario::flash_crowd(&parameters(8, 256, Topology::Swarm, rng_seed));
        assert_sound(&report);
        assert_at_most(&report, "time over the bound", report.over_bound(), 1.25);
        assert_at_most(&report, "the owner's upload over the size", report.owner_upload, 1.2);
        assert_at_most(&report, "what came in vain", report.wasted, 0.01);
    }
}

/// All wait for the recipients' uplinks here, and the owner's could add a little; sending once is preferred.
#[test]
fn an_owner_sends_little_more_than_once_where_recipients_send_slower_than_it() {
    let report = scenario::weaker_uplinks(&swarm(8, 64));
    assert_sound(&report);
    assert_eq!(report.complete, 8, "{report}");
    assert_at_most(&report, "time over the bound", report.over_bound(), 1.3);
    assert_at_most(&report, "the owner's upload over the size", report.owner_upload, 1.2);
}

/// Waiting for others would take many times as long there.
#[test]
fn an_owner_sends_again_where_recipients_hardly_send() {
    let report = scenario::weak_uplinks(&swarm(8, 64));
    assert_sound(&report);
    assert_eq!(report.complete, 8, "{report}");
    assert_at_most(&report, "time over the bound", report.over_bound(), 2.5);
}

#[test]
fn a_run_repeats_exactly() {
    let rows = [1, 1, 2]
        .map(|rng_seed| scenario::churn(&parameters(8, 16, Topology::Swarm, rng_seed)).to_string());
    assert_eq!(rows[0], rows[1]);
    assert_ne!(rows[0], rows[2]);
}

#[test]
fn nobody_loses_anything_when_seeds_leave() {
    let report = scenario::seed_leaves(&swarm(8, 64));
    assert_sound(&report);
    assert_eq!(report.complete, 7, "all but the one that lost power\n{report}");
}

#[test]
fn the_owner_may_leave_when_its_page_says_so() {
    let report = scenario::owner_leaves_at_one_copy(&swarm(8, 64));
    assert_sound(&report);
    assert_eq!(report.complete, 8, "{report}");
}

#[test]
fn a_slow_peer_holds_nobody_else_up() {
    // Whether the last pieces are the slow one's is chance, 1.0 or 1.6 times: over six seeds.
    let slower: f64 = (1..=6)
        .map(|seed| {
            let parameters = parameters(8, 64, Topology::Swarm, seed);
            let report = scenario::slow_peer(&parameters);
            assert_sound(&report);
            assert_eq!(report.complete, 8, "{report}");
            let without = scenario::flash_crowd(&parameters);
            report.median.as_secs_f64() / without.median.as_secs_f64()
        })
        .sum();
    assert!(slower / 6.0 < 1.5, "{:.2} times as long as without the slow one", slower / 6.0);
}

#[test]
fn peers_that_stall_are_left() {
    let report = scenario::stalled_peers(&swarm(8, 64));
    assert_sound(&report);
    assert_eq!(report.complete, 8, "{report}");
}

#[test]
fn whoever_stays_completes_while_others_come_and_go() {
    for rng_seed in 1..4 {
        let report = scenario::churn(&parameters(15, 32, Topology::Swarm, rng_seed));
        assert_sound(&report);
    }
}

#[test]
fn false_pieces_are_thrown_away_and_everyone_completes() {
    let report = scenario::liars(&swarm(8, 64));
    assert_sound(&report);
    assert_eq!(report.complete, 8, "{report}");
}

/// A run in which a piece of which only one provider was to be asked lost that provider half way.
#[test]
fn a_disputed_piece_outlives_the_provider_that_was_to_settle_it() {
    let report = scenario::liars(&parameters(12, 32, Topology::Swarm, 11));
    assert_eq!((report.complete, report.unfinished), (12, 0), "{report}\n{:#?}", report.problems);
}

#[test]
fn a_server_that_restarts_twice_costs_nobody_anything() {
    let report = scenario::rejoin_storm(&swarm(8, 64));
    assert_sound(&report);
    assert_eq!(report.complete, 8, "{report}");
}

#[test]
fn peers_on_one_network_fetch_once_from_outside() {
    let report = scenario::lan(&swarm(8, 64));
    assert_sound(&report);
    assert_eq!(report.complete, 8, "{report}");
    assert_at_most(&report, "the owner's upload over the size", report.owner_upload, 1.5);
}

/// A listener whose line carries 1.3 times what the file takes, seeking twice.
#[test]
fn a_listener_whose_line_is_a_third_faster_than_the_music_hears_no_silence() {
    for topology in [Topology::Swarm, Topology::Direct] {
        // 10 Mbit/s.
        let owner = PeerSetting { up: 1_250_000, ..PeerSetting::default() };
        let size = 48 * MIB;
        let mut world = World::new(Setting { size, topology, rng_seed: 1, owner });
        let one = world.recipient(PeerSetting::default(), Duration::from_secs(1));
        let rate = 1_250_000 * 10 / 13;
        world.act_at(Duration::from_secs(1), Action::Listen(one, rate, 0));
        world.act_at(Duration::from_secs(8), Action::Listen(one, rate, 40 * MIB));
        world.act_at(Duration::from_secs(12), Action::Listen(one, rate, 20 * MIB));
        world.run_for(Duration::from_secs(120));
        let listener = world.listener(one).unwrap();
        assert!(listener.ended, "{topology:?} {listener:?}");
        assert_eq!(listener.stalls, [], "{topology:?}");
        assert_eq!(listener.waits.len(), 3, "{topology:?} {listener:?}");
        assert!(
            listener.waits.iter().all(|wait| wait.as_secs_f64() < 1.0),
            "{topology:?} {listener:?}"
        );
        // A listener is a member like any other.
        let report = world.report("listener");
        assert_sound(&report);
        assert_eq!(report.complete, 1, "{report}");
    }
}

/// A listener asks for little at a time: what the sender reads meanwhile is ready when it is asked for.
#[test]
fn a_sender_that_reads_slowly_keeps_up_with_a_listener() {
    let seconds = |listens: bool| {
        let reading = Duration::from_millis(100);
        let quick = PeerSetting {
            up: 12_500_000,
            latency: Duration::from_millis(1),
            ..PeerSetting::default()
        };
        let owner = PeerSetting { reading, ..quick.clone() };
        let setting = Setting { size: 26 * MIB, topology: Topology::Direct, rng_seed: 1, owner };
        let mut world = World::new(setting);
        let one = world.recipient(quick, Duration::from_secs(1));
        if listens {
            // A WAV file of one channel.
            world.act_at(Duration::from_secs(1), Action::Listen(one, 88_200, 0));
            world.act_at(Duration::from_millis(1500), Action::Listen(one, 88_200, 20 * MIB));
        }
        world.run_for(Duration::from_secs(60));
        let report = world.report("listener");
        assert_sound(&report);
        (report.last_at.as_secs_f64(), report)
    };
    let ((with, report), (without, _)) = (seconds(true), seconds(false));
    assert_at_most(&report, "time over that without a listener", with / without, 1.5);
}

/// What is asked for and taken back, again and again, is asked for in the end, also where an owner grants.
#[test]
fn whoever_jumps_to_and_fro_gets_everything() {
    for (topology, rng_seed) in [(Topology::Swarm, 1), (Topology::Swarm, 3), (Topology::Direct, 1)]
    {
        let reading = Duration::from_millis(100);
        let latency = Duration::from_millis(rng_seed);
        let quick = PeerSetting { up: 12_500_000, latency, ..PeerSetting::default() };
        let owner = PeerSetting { reading, ..quick.clone() };
        let mut world = World::new(Setting { size: 26 * MIB, topology, rng_seed, owner });
        let one = world.recipient(quick, Duration::from_secs(1));
        for jump in 0..25 {
            let at = Duration::from_millis(1000 + 130 * jump);
            world.act_at(at, Action::Listen(one, 88_200, (11 * jump + 3) % 26 * MIB));
        }
        world.run_for(Duration::from_secs(30));
        let report = world.report("listener");
        assert_sound(&report);
        assert_eq!(report.complete, 1, "{topology:?} {report}");
    }
}

/// Eight at once, one of whom listens: what it needs soon comes first, and nobody else waits much longer for that.
#[test]
fn a_listener_among_others_hears_no_silence_and_costs_them_little() {
    let crowd = |listens: bool| {
        let owner = PeerSetting::default();
        let setting = Setting { size: 64 * MIB, topology: Topology::Swarm, rng_seed: 1, owner };
        let mut world = World::new(setting);
        let at = |n: u32| Duration::from_millis(1000 + 50 * u64::from(n));
        let all: Vec<u32> =
            (0..8).map(|n| world.recipient(PeerSetting::default(), at(n))).collect();
        if listens {
            world.act_at(at(3), Action::Listen(all[3], 200_000, 0));
            world.act_at(Duration::from_secs(9), Action::Listen(all[3], 200_000, 60 * MIB));
        }
        world.run_for(Duration::from_secs(200));
        (world.report("listener"), world.listener(all[3]).cloned())
    };
    let (report, listener) = crowd(true);
    assert_sound(&report);
    let listener = listener.unwrap();
    assert_eq!(listener.stalls, [], "{listener:?}");
    assert!(listener.waits.iter().all(|wait| wait.as_secs_f64() < 2.0), "{listener:?}");
    let (without, _) = crowd(false);
    let slower = report.last_at.as_secs_f64() / without.last_at.as_secs_f64();
    assert_at_most(&report, "time over that without a listener", slower, 1.15);
}

#[test]
fn several_lanes_carry_what_one_connection_cannot() {
    let report = scenario::far_apart(&parameters(1, 128, Topology::Direct, 1));
    assert_sound(&report);
    let one_connection = (128 * MIB) as f64 / 449_000.0;
    let times = one_connection / report.last_at.as_secs_f64();
    assert!(times > 5.5, "{times:.2} times\n{report}");
    // Nothing is lost on the way, and nothing sent twice.
    assert!((report.owner_upload - 1.0).abs() < 0.001, "{report}");
}

/// In a swarm the recipients serve each other first; more lanes come on top, and nobody waits for them.
#[test]
fn far_apart_a_swarm_still_shares_the_work() {
    let report = scenario::far_apart(&swarm(8, 64));
    assert_sound(&report);
    assert_eq!(report.complete, 8, "{report}");
    assert_at_most(&report, "the owner's upload over the size", report.owner_upload, 2.0);
}
