//! What happens when nothing breaks.

use std::time::Duration;

use transfer4me::protocol::signalling::{ClientMessage, MemberPhase};
use transfer4me::swarm::Input;
use transfer4me::swarm::status::Phase;

use super::content::Content;
use super::world::World;

const MIB: u64 = 1 << 20;

#[test]
fn one_file_arrives_whole() {
    let mut world = World::new(Content::new(&[3 * MIB + 12_345]));
    let one = world.recipient_of_all();
    world.run_to_end();
    world.assert_everyone_complete();
    let status = world.browsers[one].swarm.download_status(world.now);
    assert_eq!((status.phase, status.have_bytes), (Phase::Complete, 3 * MIB + 12_345));
    world.run_for(Duration::from_secs(2));
    let sharing = world.browsers[0].swarm.sharing_status(world.now);
    assert_eq!(sharing.recipients[0].phase, MemberPhase::Complete);
    assert_eq!(sharing.recipients[0].percent(), 100);
    assert_eq!(sharing.sent_bytes, 3 * MIB + 12_345);
}

#[test]
fn many_small_files_arrive_whole() {
    let sizes: Vec<u64> = (0..1500).map(|n| n % 97 * 11).collect();
    let mut world = World::new(Content::new(&sizes));
    world.recipient_of_all();
    world.run_to_end();
    world.assert_everyone_complete();
    assert!(world.now.since_start() < Duration::from_secs(10), "{:?}", world.now);
}

#[test]
fn records_of_several_pieces_serve_them_all() {
    let mut content = Content::new(&[2 * MIB, 5, MIB + 1]);
    content.record_pieces = 4;
    let mut world = World::new(content);
    world.recipient_of_all();
    world.run_to_end();
    world.assert_everyone_complete();
}

#[test]
fn empty_files_alone_need_nobody() {
    let mut world = World::new(Content::new(&[0, 0, 0]));
    world.recipient_of_all();
    world.run_to_end();
    world.assert_everyone_complete();
    world.run_for(Duration::from_secs(2));
    let sharing = world.browsers[0].swarm.sharing_status(world.now);
    assert_eq!(sharing.recipients[0].phase, MemberPhase::Complete);
    assert!(!world.browsers[1].told.contains(&ClientMessage::Want));
}

#[test]
fn files_left_out_do_not_come() {
    let mut world = World::new(Content::new(&[MIB, 300_000, 0, 700_000]));
    world.recipient(&[false, true, true, false]);
    world.recipient(&[false, false, true, false]);
    world.run_to_end();
    world.assert_everyone_complete();
    let sent = world.browsers[0].swarm.sharing_status(world.now).sent_bytes;
    assert_eq!(sent, 300_000);
}

#[test]
fn five_at_once_all_end() {
    let mut world = World::new(Content::new(&[2 * MIB, 100, 0, 600_000]));
    for _ in 0..5 {
        world.recipient_of_all();
    }
    world.run_to_end();
    world.assert_everyone_complete();
}

#[test]
fn blocks_fit_the_path() {
    for max_message_bytes in [16_384, 65_536, u32::MAX] {
        let mut world = World::new(Content::new(&[MIB + 7]));
        world.path.max_message_bytes = max_message_bytes;
        world.recipient_of_all();
        world.run_to_end();
        world.assert_everyone_complete();
    }
}

#[test]
fn whoever_comes_first_waits_for_the_owner() {
    let mut world = World::new(Content::new(&[MIB]));
    world.input(0, Input::Left);
    world.run_for(Duration::from_secs(1));
    let one = world.recipient_of_all();
    world.run_for(Duration::from_secs(60));
    let status = world.browsers[one].swarm.download_status(world.now);
    assert_eq!((status.phase, status.seed_online), (Phase::Waiting, false));
    world.reload(0);
    world.run_to_end();
    world.assert_everyone_complete();
}

#[test]
fn a_pause_stops_the_bytes_and_a_resume_ends_right() {
    let mut world = World::new(Content::new(&[8 * MIB]));
    world.path.bytes_per_second = 4_000_000;
    let one = world.recipient_of_all();
    world.run_for(Duration::from_secs(1));
    world.input(one, Input::Paused(true));
    world.run_for(Duration::from_secs(5));
    let sent = |world: &World| world.browsers[0].swarm.sharing_status(world.now).sent_bytes;
    let before = sent(&world);
    let status = world.browsers[one].swarm.download_status(world.now);
    assert!(status.phase == Phase::Paused && status.have_bytes > 0 && before < 8 * MIB);
    world.run_for(Duration::from_secs(120));
    assert_eq!(sent(&world), before);
    assert_eq!(world.browsers[one].disconnects, []);
    world.input(one, Input::Paused(false));
    world.run_to_end();
    world.assert_everyone_complete();
}

#[test]
fn quick_pauses_and_resumes_end_right() {
    let mut world = World::new(Content::new(&[6 * MIB]));
    world.path.bytes_per_second = 4_000_000;
    let one = world.recipient_of_all();
    for step in 0..40 {
        world.run_for(Duration::from_millis(37));
        world.input(one, Input::Paused(step % 2 == 0));
    }
    world.run_to_end();
    world.assert_everyone_complete();
    assert_eq!(world.browsers[one].disconnects.len(), 1);
}

#[test]
fn the_owner_pauses_everyone() {
    let mut world = World::new(Content::new(&[8 * MIB]));
    world.path.bytes_per_second = 4_000_000;
    let two = [world.recipient_of_all(), world.recipient_of_all()];
    world.run_for(Duration::from_secs(1));
    world.input(0, Input::Paused(true));
    world.run_for(Duration::from_secs(60));
    for one in two {
        let status = world.browsers[one].swarm.download_status(world.now);
        assert!(status.phase == Phase::Waiting && status.have_bytes < 8 * MIB, "{status:?}");
        assert_eq!(world.browsers[one].disconnects, []);
    }
    // Whoever comes now waits as well.
    let late = world.recipient_of_all();
    world.run_for(Duration::from_secs(5));
    assert_eq!(world.browsers[late].swarm.download_status(world.now).have_bytes, 0);
    world.input(0, Input::Paused(false));
    world.run_to_end();
    world.assert_everyone_complete();
}

#[test]
fn memory_is_bounded_when_the_disk_is_slow() {
    let mut world = World::new(Content::hollow(16 << 20, &[600 * MIB]));
    world.path.bytes_per_second = 200_000_000;
    world.storing_takes = Duration::from_secs(3);
    let one = world.recipient_of_all();
    world.run_to_end();
    assert_eq!((world.browsers[one].saved, world.browsers[one].failure), (1, None));
    // The bounds themselves are asserted as bytes come; here, that they were reached.
    assert!(world.browsers[one].most_open_bytes == 64 * MIB);
}

#[test]
fn memory_is_bounded_when_many_are_at_other_places() {
    let mut world = World::new(Content::hollow(16 << 20, &[16 * MIB; 30]));
    world.path.bytes_per_second = 5_000_000;
    for number in 0..25 {
        let wanted: Vec<bool> = (0..30).map(|file| file == number || file == number + 5).collect();
        world.recipient(&wanted);
    }
    world.run_to_end();
    assert!(world.browsers.iter().all(|browser| browser.owner || browser.saved == 1));
    assert!(world.browsers[0].most_loaded_bytes > 200 * MIB);
}
