//! Several connections of one link: they come where they help, and one that is lost costs only what was under way.

use std::time::Duration;

use transfer4me::protocol::id::PeerId;
use transfer4me::swarm::Reason;

use super::content::Content;
use super::world::{Event, World};

const MIB: u64 = 1 << 20;

/// A long transfer over connections that carry 2 MB/s each, far from its end, with all the lanes that it takes.
fn on_all_lanes() -> World {
    let mut world = World::new(Content::hollow(1 << 20, &[384 * MIB]));
    world.path.bytes_per_second = 2_000_000;
    world.recipient_of_all();
    world.run_for(Duration::from_secs(15));
    assert_eq!(lanes(&world).len(), 16);
    world
}

/// The owner's connections, by lane.
fn lanes(world: &World) -> Vec<((PeerId, u16), usize)> {
    world.browsers[0].links.iter().map(|(key, connection)| (*key, *connection)).collect()
}

fn sent(world: &World) -> u64 {
    world.browsers[0].swarm.sharing_status(world.now).sent_bytes
}

#[test]
fn many_lanes_carry_what_one_cannot() {
    let mut world = on_all_lanes();
    world.run_to_end();
    world.assert_everyone_complete();
    // One alone would take 200 seconds.
    let seconds = world.now.since_start().as_secs();
    assert!(seconds < 28, "{seconds}");
    assert_eq!(sent(&world), 384 * MIB, "nothing is sent twice");
    assert_eq!(world.browsers[1].disconnects, [Reason::Done]);
    world.run_for(Duration::from_secs(1));
    assert!(world.browsers[0].links.is_empty());
}

#[test]
fn a_lost_lane_costs_what_was_under_way_there_and_nothing_else() {
    let mut world = on_all_lanes();
    let (_, connection) = lanes(&world)[3];
    for end in 0..2 {
        world.later(Event::LinkCloses { connection, end });
    }
    world.run_to_end();
    world.assert_everyone_complete();
    assert_eq!(world.browsers[1].disconnects, [Reason::Done]);
    let again = sent(&world) - 384 * MIB;
    assert!((1..2 * MIB).contains(&again), "{again}");
}

#[test]
fn a_lane_that_falls_silent_is_given_up_and_its_blocks_come_over_others() {
    let mut world = on_all_lanes();
    let (_, connection) = lanes(&world)[5];
    world.connections[connection].silent = true;
    world.run_to_end();
    world.assert_everyone_complete();
    assert_eq!(world.browsers[1].disconnects, [Reason::Done]);
    let seconds = world.now.since_start().as_secs();
    assert!(seconds < 35, "{seconds}");
}

#[test]
fn with_several_leeches_the_lanes_are_shared_among_them() {
    let mut world = World::new(Content::hollow(1 << 20, &[64 * MIB]));
    world.path.bytes_per_second = 1_000_000;
    for _ in 0..4 {
        world.recipient_of_all();
    }
    world.run_for(Duration::from_secs(20));
    // Eight, and the first of each link.
    assert!(lanes(&world).len() <= 12, "{:?}", lanes(&world));
    world.run_to_end();
    world.assert_everyone_complete();
}

#[test]
fn lanes_are_not_opened_while_the_server_is_away_and_the_transfer_goes_on() {
    let mut world = World::new(Content::hollow(1 << 20, &[32 * MIB]));
    world.path.bytes_per_second = 2_000_000;
    world.recipient_of_all();
    world.run_for(Duration::from_secs(1));
    assert_eq!(lanes(&world).len(), 2, "the first, which is left to control, and another");
    world.stop_server();
    world.run_for(Duration::from_secs(10));
    assert_eq!(lanes(&world).len(), 2);
    world.run_to_end();
    world.assert_everyone_complete();
}
