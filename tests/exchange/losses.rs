//! What breaks, and still ends right.

use std::time::Duration;

use transfer4me::protocol::piece::PieceIndex;
use transfer4me::protocol::rooms::Topology;
use transfer4me::protocol::signalling::CloseReason;
use transfer4me::room;
use transfer4me::swarm::status::Phase;
use transfer4me::swarm::{Failure, Input, Reason};

use super::content::Content;
use super::world::World;

const MIB: u64 = 1 << 20;

/// A transfer of some seconds, one second in.
fn midway(recipients: usize) -> World {
    let mut world = World::new(Content::new(&[5 * MIB, 0, 3 * MIB]));
    world.path.bytes_per_second = 3_000_000;
    for _ in 0..recipients {
        world.recipient_of_all();
    }
    world.run_for(Duration::from_secs(1));
    for browser in world.browsers.iter().filter(|browser| !browser.owner) {
        let have = browser.swarm.have().count();
        assert!(have > 0 && have < world.content.layout.piece_count());
    }
    world
}

fn sent(world: &World) -> u64 {
    world.browsers[0].swarm.sharing_status(world.now).sent_bytes
}

#[test]
fn a_lost_link_is_made_again_and_nothing_whole_is_sent_twice() {
    let mut world = midway(2);
    world.cut_links(1);
    world.run_to_end();
    world.assert_everyone_complete();
    assert!(world.browsers[1].disconnects.contains(&Reason::Lost));
    assert_eq!(world.browsers[2].disconnects, [Reason::Done]);
    assert!(sent(&world) <= 2 * 8 * MIB + 6 * MIB, "{}", sent(&world));
}

#[test]
fn a_silent_link_is_given_up_and_made_again() {
    let mut world = midway(1);
    world.silence_links(1);
    world.run_to_end();
    world.assert_everyone_complete();
    assert_eq!(world.browsers[1].disconnects, [Reason::Lost, Reason::Done]);
    let seconds = world.now.since_start().as_secs();
    assert!((5..20).contains(&seconds), "{seconds}");
}

#[test]
fn a_link_that_never_opens_is_given_up_at_last() {
    let mut world = World::new(Content::new(&[MIB]));
    let one = world.recipient_of_all();
    for _ in 0..4 {
        world.run_until(|world| !world.browsers[1].links.is_empty());
        world.silence_links(one);
        world.run_until(|world| world.browsers[1].links.is_empty());
    }
    assert_eq!(world.browsers[one].failure, Some(Failure::Unreachable));
    // The owner does not keep what will not come.
    world.run_for(Duration::from_secs(60));
    assert!(world.browsers[0].links.is_empty());
}

#[test]
fn the_server_is_not_needed_while_bytes_flow() {
    let mut world = midway(2);
    world.cut_socket(1);
    world.run_to_end();
    world.assert_everyone_complete();
    assert_eq!(world.browsers[1].disconnects, [Reason::Done]);
    assert!(world.browsers.iter().all(|browser| browser.socket.is_some()));
}

#[test]
fn the_owners_socket_may_break_too() {
    let mut world = midway(2);
    world.cut_socket(0);
    world.run_to_end();
    world.assert_everyone_complete();
    assert_eq!(world.browsers[1].disconnects, [Reason::Done]);
    assert_eq!(sent(&world), 16 * MIB);
}

#[test]
fn link_and_socket_may_break_together() {
    for browsers in [vec![0], vec![1], vec![0, 1]] {
        let mut world = midway(2);
        for browser in browsers {
            world.cut_links(browser);
            world.cut_socket(browser);
        }
        world.run_to_end();
        world.assert_everyone_complete();
    }
}

#[test]
fn a_stopped_server_delays_only_what_is_not_connected() {
    let mut world = midway(1);
    world.stop_server();
    world.run_to_end();
    world.assert_everyone_complete();
    let late = world.recipient_of_all();
    world.run_for(Duration::from_secs(90));
    assert_eq!(world.browsers[late].swarm.download_status(world.now).phase, Phase::Reconnecting);
    world.server_up = true;
    world.run_to_end();
    world.assert_everyone_complete();
}

#[test]
fn a_server_that_forgot_everyone_is_told_again() {
    let mut world = midway(3);
    world.stop_server();
    world.run_for(Duration::from_millis(200));
    world.server_up = true;
    world.run_for(Duration::from_millis(300));
    world.recipient_of_all();
    world.run_to_end();
    world.assert_everyone_complete();
}

#[test]
fn links_lost_while_the_server_is_away_are_made_again() {
    let mut world = midway(2);
    world.stop_server();
    world.cut_links(1);
    world.run_for(Duration::from_secs(5));
    world.server_up = true;
    world.run_to_end();
    world.assert_everyone_complete();
}

#[test]
fn the_owner_leaves_and_comes_back() {
    let mut world = midway(2);
    world.input(0, Input::Left);
    world.run_for(Duration::from_secs(100));
    let status = world.browsers[1].swarm.download_status(world.now);
    assert!(matches!(status.phase, Phase::Waiting) && !status.seed_online, "{status:?}");
    world.reload(0);
    world.run_to_end();
    world.assert_everyone_complete();
}

#[test]
fn the_owners_page_is_loaded_again() {
    let mut world = midway(2);
    world.reload(0);
    world.run_to_end();
    world.assert_everyone_complete();
    assert!(world.now.since_start() < Duration::from_secs(20), "{:?}", world.now);
}

#[test]
fn the_owner_leaves_while_a_recipient_is_away() {
    // The recipient hears neither that its link was revoked nor, for a while, that it is dead.
    let mut world = midway(1);
    world.silence_links(1);
    world.cut_socket(1);
    world.input(0, Input::Left);
    world.run_for(Duration::from_secs(40));
    world.reload(0);
    world.run_to_end();
    world.assert_everyone_complete();
}

#[test]
fn someone_away_for_longer_than_the_grace_is_let_in_again() {
    let mut world = midway(1);
    world.input(1, Input::Paused(true));
    for _ in 0..200 {
        world.cut_socket(1);
        world.browsers[1].opening = false;
        world.run_for(Duration::from_millis(500));
    }
    world.input(1, Input::SocketClosed);
    world.input(1, Input::Paused(false));
    world.run_to_end();
    world.assert_everyone_complete();
}

#[test]
fn a_file_that_vanishes_is_left_out() {
    let mut world = midway(2);
    world.browsers[0].vanished.insert(2);
    world.run_to_end();
    world.assert_everyone_complete();
    for browser in &world.browsers[1..] {
        assert_eq!(browser.swarm.gone_files().to_vec(), [2]);
        let status = browser.swarm.download_status(world.now);
        assert_eq!((status.have_bytes, status.wanted_bytes), (5 * MIB, 5 * MIB));
    }
    // Whoever comes later learns of it first.
    let late = world.recipient(&[false, false, true]);
    world.run_to_end();
    assert_eq!(world.browsers[late].failure, Some(Failure::AllGone));
}

#[test]
fn a_file_that_vanishes_half_way_through_is_left_out() {
    let mut world = midway(1);
    world.browsers[0].vanished.insert(0);
    world.run_to_end();
    world.assert_everyone_complete();
    let status = world.browsers[1].swarm.download_status(world.now);
    assert_eq!((status.have_bytes, status.wanted_bytes), (3 * MIB, 3 * MIB));
}

#[test]
fn when_every_file_vanishes_it_is_over() {
    let mut world = midway(1);
    world.browsers[0].vanished.extend([0, 1, 2]);
    world.run_to_end();
    // The empty file is still there; whoever wanted only the others has nothing.
    world.assert_everyone_complete();
    let mut world = World::new(Content::new(&[MIB, 0]));
    world.browsers[0].vanished.insert(0);
    let one = world.recipient(&[true, false]);
    world.run_to_end();
    assert_eq!(world.browsers[one].failure, Some(Failure::AllGone));
}

#[test]
fn whoever_is_sent_away_is_told_and_the_others_go_on() {
    let mut world = midway(2);
    let peer = world.browsers[0].swarm.sharing_status(world.now).recipients[0].peer;
    world.input(0, Input::RemovalAsked { peer });
    world.run_to_end();
    assert_eq!(world.browsers[1].failure, Some(Failure::Removed));
    world.browsers[2].assert_complete(&world.content);
    assert!(world.browsers[1].socket.is_none() && world.browsers[1].links.is_empty());
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.browsers[0].swarm.sharing_status(world.now).recipients.len(), 1);
}

#[test]
fn a_closed_room_ends_for_everyone() {
    for (reason, failure) in
        [(CloseReason::Stopped, Failure::Stopped), (CloseReason::Expired, Failure::Expired)]
    {
        let mut world = midway(2);
        world.room_input(room::Input::Ended { reason });
        world.run_to_end();
        world.run_for(Duration::from_secs(120));
        for browser in &world.browsers {
            assert_eq!(browser.failure, Some(failure));
            assert!(browser.socket.is_none() && browser.links.is_empty());
        }
    }
}

#[test]
fn a_room_that_ends_takes_nothing_from_whoever_is_complete() {
    let mut world = World::new(Content::new(&[MIB]));
    world.recipient_of_all();
    world.run_to_end();
    world.room_input(room::Input::Ended { reason: CloseReason::Stopped });
    world.run_for(Duration::from_secs(120));
    world.assert_everyone_complete();
    assert!(world.browsers[1].socket.is_none());
}

#[test]
fn a_full_disk_ends_it_and_frees_the_owner() {
    let mut world = midway(1);
    world.input(1, Input::StorageFailed);
    assert_eq!(world.browsers[1].failure, Some(Failure::Storage));
    world.run_for(Duration::from_secs(1));
    assert!(world.browsers[0].links.is_empty());
    assert!(world.browsers[0].swarm.sharing_status(world.now).recipients.is_empty());
}

#[test]
fn a_page_that_is_loaded_again_begins_again() {
    let mut world = midway(1);
    world.reload(1);
    world.run_to_end();
    world.assert_everyone_complete();
}

/// Some of what a browser stored cannot be read back, and what it saved has to be saved again.
fn lose(world: &mut World, browser: usize, pieces: &[u32]) {
    world.browsers[browser].saved = 0;
    for piece in pieces.iter().copied().map(PieceIndex) {
        world.browsers[browser].stored.remove(&piece).expect("it was here");
        world.input(browser, Input::PieceUnreadable { piece });
    }
}

#[test]
fn what_a_store_loses_after_everything_was_complete_comes_again() {
    for topology in [Topology::Direct, Topology::Swarm, Topology::Chain, Topology::Tree] {
        let mut world = World::with_topology(Content::new(&[2 * MIB, 0, MIB]), topology);
        let one = world.recipient_of_all();
        world.recipient_of_all();
        world.run_to_end();
        let before = sent(&world);
        lose(&mut world, one, &[0, 3, 9]);
        world.run_to_end();
        world.assert_everyone_complete();
        assert!(sent(&world) <= before + MIB, "nothing else was sent again");
    }
}

#[test]
fn what_a_store_loses_on_the_way_comes_again() {
    let mut world = midway(3);
    let stored = world.browsers[1].stored.keys().map(|piece| piece.0).collect::<Vec<_>>();
    lose(&mut world, 1, &stored);
    world.run_to_end();
    world.assert_everyone_complete();
}
