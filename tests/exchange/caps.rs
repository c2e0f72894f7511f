//! The limits that a person sets: kept to, shared, and no cause for anyone to go.

use std::time::Duration;

use transfer4me::swarm::status::Caps;
use transfer4me::swarm::{Input, Reason};

use super::content::Content;
use super::world::World;

const MIB: u64 = 1 << 20;

fn world_of(mebibytes: u64) -> World {
    World::new(Content::hollow(256 << 10, &[mebibytes * MIB]))
}

fn seconds(world: &World) -> f64 {
    world.now.since_start().as_secs_f64()
}

#[test]
fn an_upload_limit_holds_for_all_together_and_is_shared_evenly() {
    let mut world = world_of(8);
    world.input(0, Input::Capped(Caps { upload: Some(MIB), download: None }));
    let two = [world.recipient_of_all(), world.recipient_of_all()];
    world.run_for(Duration::from_secs(8));
    let have = two.map(|one| world.browsers[one].swarm.have().count());
    assert!(have[0].abs_diff(have[1]) <= 2, "{have:?}");
    world.run_to_end();
    world.assert_everyone_complete();
    assert!((15.5..18.0).contains(&seconds(&world)), "{}", seconds(&world));
    let lost = |one: usize| world.browsers[one].disconnects.contains(&Reason::Lost);
    assert!(!two.into_iter().any(lost), "nobody is taken to be stalled");
}

#[test]
fn a_download_limit_holds_and_nobody_takes_it_for_a_stall() {
    for (rate, expected) in [(MIB, 8.0), (64 << 10, 128.0)] {
        let mut world = world_of(8);
        let one = world.recipient_of_all();
        world.input(one, Input::Capped(Caps { upload: None, download: Some(rate) }));
        world.run_to_end();
        world.assert_everyone_complete();
        assert_eq!(world.browsers[one].disconnects, [Reason::Done]);
        let took = seconds(&world);
        assert!((expected * 0.9..expected * 1.1 + 1.0).contains(&took), "{took} of {expected}");
    }
}

#[test]
fn a_limit_can_be_lifted_on_the_way() {
    let mut world = world_of(8);
    let one = world.recipient_of_all();
    world.input(0, Input::Capped(Caps { upload: Some(10_000), download: None }));
    world.run_for(Duration::from_secs(60));
    assert!(world.browsers[one].swarm.have().count() < 4);
    world.input(0, Input::Capped(Caps::default()));
    world.run_for(Duration::from_secs(5));
    world.assert_everyone_complete();
}
