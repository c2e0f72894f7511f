//! Recipients that pass on what they have.

use std::time::Duration;

use transfer4me::protocol::rooms::Topology;
use transfer4me::protocol::signalling::MemberPhase;
use transfer4me::swarm::status::Phase;

use super::content::Content;
use super::world::World;

const MIB: u64 = 1 << 20;

fn swarm(sizes: &[u64]) -> World {
    let mut world = World::with_topology(Content::new(sizes), Topology::Swarm);
    world.path.bytes_per_second = 4_000_000;
    world
}

fn sent_by_owner(world: &World) -> u64 {
    world.browsers[0].swarm.sharing_status(world.now).sent_bytes
}

#[test]
fn whoever_comes_later_is_served_by_those_who_came_before() {
    for topology in [Topology::Chain, Topology::Tree, Topology::Pool, Topology::Swarm] {
        let mut world = World::with_topology(Content::new(&[4 * MIB]), topology);
        world.recipient_of_all();
        world.run_to_end();
        assert!(world.browsers[0].swarm.sharing_status(world.now).copies <= 1);
        world.run_for(Duration::from_secs(2));
        assert!(world.browsers[0].swarm.sharing_status(world.now).may_close, "{topology:?}");
        let before = sent_by_owner(&world);
        world.input(0, transfer4me::swarm::Input::Left);
        let late = world.recipient_of_all();
        world.run_to_end();
        world.assert_everyone_complete();
        assert_eq!(sent_by_owner(&world), before);
        let status = world.browsers[late].swarm.download_status(world.now);
        assert_eq!(status.phase, Phase::Seeding, "{topology:?}");
        assert_eq!(world.browsers[1].swarm.download_status(world.now).helped, 1);
    }
}

#[test]
fn a_crowd_costs_the_owner_little_more_than_one_copy() {
    let mut world = swarm(&[24 * MIB]);
    for _ in 0..6 {
        world.recipient_of_all();
    }
    world.run_to_end();
    world.assert_everyone_complete();
    let copies = sent_by_owner(&world) as f64 / (24 * MIB) as f64;
    assert!(copies < 2.5, "{copies}");
}

#[test]
fn whoever_leaves_the_first_files_out_gets_the_others() {
    let mut world = swarm(&[6 * MIB, 3 * MIB, 40]);
    world.recipient(&[false, true, false]);
    world.recipient(&[false, false, true]);
    world.run_to_end();
    world.assert_everyone_complete();
    assert!(world.now.since_start() < Duration::from_secs(20), "{:?}", world.now);
}

#[test]
fn a_file_that_vanishes_keeps_no_other_from_coming() {
    let mut world = swarm(&[12 * MIB, 3 * MIB]);
    world.browsers[0].vanished.insert(0);
    world.recipient_of_all();
    world.recipient_of_all();
    world.run_to_end();
    world.assert_everyone_complete();
    assert_eq!(world.browsers[1].swarm.gone_files(), [0]);
}

#[test]
fn a_direct_room_cannot_do_without_its_owner() {
    let mut world = World::new(Content::new(&[MIB]));
    world.recipient_of_all();
    world.run_to_end();
    world.run_for(Duration::from_secs(2));
    let status = world.browsers[0].swarm.sharing_status(world.now);
    assert_eq!(status.recipients[0].phase, MemberPhase::Complete);
    assert!(!status.may_close);
}

#[test]
fn peers_out_of_reach_end_nothing_while_others_serve() {
    let mut world = swarm(&[64 * MIB]);
    world.path.bytes_per_second = 400_000;
    world.recipient_of_all();
    world.run_for(Duration::from_secs(2));
    // Links to those who come now never stand.
    for _ in 0..5 {
        let new = world.recipient_of_all();
        world.run_until(|world| !world.browsers[new].links.is_empty());
        world.silence_links(new);
        world.run_for(Duration::from_secs(40));
        world.input(new, transfer4me::swarm::Input::Left);
    }
    assert_eq!(world.browsers[1].failure, None);
}
