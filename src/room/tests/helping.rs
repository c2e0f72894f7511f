//! Slots, the line, links that go both ways, and leeches who ask again.

use super::*;

fn offers(slots: u8) -> Comes {
    Comes { slots, ..OWNER }
}

fn helps(slots: u8) -> Comes {
    Comes { slots, ..RECIPIENT }
}

#[test]
fn slots_are_kept_and_the_line_moves_as_they_free() {
    let mut scene = Scene::new(Topology::Pool);
    let (owner, owner_peer) = scene.joins(offers(1));
    let sockets: Vec<SocketId> = (0..4).map(|_| scene.leech_as(helps(0)).0).collect();
    assert_eq!(scene.news(sockets[0]), [assigned(owner_peer)]);
    assert_eq!(scene.news(sockets[1]), [waiting(0, 1)]);
    assert_eq!(scene.news(sockets[2]), [waiting(1, 1)]);
    assert_eq!(scene.news(sockets[3]), [waiting(2, 1)]);
    scene.completes(sockets[0]);
    assert_eq!(scene.news(sockets[1]), [assigned(owner_peer)]);
    assert_eq!(scene.news(sockets[2]), [waiting(0, 1)]);
    assert_eq!(scene.news(sockets[3]), [waiting(1, 1)]);
    // Fewer slots cut nobody off, and more serve the line at once.
    scene.says(owner, ClientMessage::Slots { offered: 0 });
    assert_eq!(scene.providers(scene.name(sockets[1])), [owner_peer]);
    scene.completes(sockets[1]);
    assert_eq!(scene.news(sockets[2]), []);
    scene.says(owner, ClientMessage::Slots { offered: 2 });
    assert_eq!(scene.news(sockets[2]), [assigned(owner_peer)]);
    assert_eq!(scene.news(sockets[3]), [assigned(owner_peer)]);
}

#[test]
fn more_slots_than_anyone_has_are_not_believed() {
    let mut scene = Scene::new(Topology::Pool);
    let (owner, owner_peer) = scene.joins(offers(255));
    scene.says(owner, ClientMessage::Slots { offered: 200 });
    for _ in 0..20 {
        scene.leech();
    }
    assert_eq!(scene.room.links.leech_count(owner_peer), usize::from(MAX_SLOTS));
}

#[test]
fn whoever_completes_keeps_whom_it_serves_and_is_a_seed_at_once() {
    let mut scene = Scene::new(Topology::Swarm);
    let (owner, owner_peer) = scene.joins(offers(1));
    let (one, one_peer) = scene.leech_as(helps(2));
    let (two, two_peer) = scene.leech_as(helps(0));
    assert_eq!(scene.providers(two_peer), [one_peer]);
    scene.forget_news();
    scene.completes(one);
    // The owner's slot is free and goes to the other; nothing between the two is revoked.
    let revoked = ServerMessage::Revoked { peer: one_peer };
    assert_eq!(scene.news(owner), [revoked, ServerMessage::Serve { peer: two_peer }]);
    assert_eq!(scene.news(one), [ServerMessage::Revoked { peer: owner_peer }]);
    assert_eq!(scene.news(two), [assigned(owner_peer)]);
    assert_eq!(scene.providers(two_peer), [owner_peer, one_peer]);
    assert_eq!(scene.room.gauge().seeds, 2);
    // One that does not help is no seed, however much it holds.
    scene.completes(two);
    assert_eq!(scene.room.gauge().seeds, 2);
}

#[test]
fn two_who_serve_each_other_stay_connected_until_neither_does() {
    let mut scene = Scene::new(Topology::Swarm);
    scene.owner();
    let (one, one_peer) = scene.leech();
    let (two, two_peer) = scene.leech();
    assert!(scene.providers(one_peer).contains(&two_peer));
    assert!(scene.providers(two_peer).contains(&one_peer));
    scene.forget_news();
    scene.completes(one);
    let revoked = |news: Vec<ServerMessage>, peer| news.contains(&ServerMessage::Revoked { peer });
    assert!(!revoked(scene.news(one), two_peer) && !revoked(scene.news(two), one_peer));
    scene.completes(two);
    assert!(revoked(scene.news(one), two_peer) && revoked(scene.news(two), one_peer));
}

#[test]
fn a_lost_link_ends_both_directions_and_both_look_elsewhere() {
    let mut scene = Scene::new(Topology::Swarm);
    scene.owner();
    let (one, one_peer) = scene.leech();
    let (two, two_peer) = scene.leech();
    let (_, three_peer) = scene.leech();
    scene.forget_news();
    scene.says(one, ClientMessage::LinkLost { peer: two_peer });
    assert_eq!(scene.news(two).first(), Some(&ServerMessage::Revoked { peer: one_peer }));
    // Whoever tells may mean an earlier link, and hears that this one is over too.
    assert_eq!(scene.news(one).first(), Some(&ServerMessage::Revoked { peer: two_peer }));
    assert!(scene.providers(one_peer).contains(&three_peer));
    assert!(scene.providers(two_peer).contains(&three_peer));
}

#[test]
fn a_slot_that_someone_can_do_without_goes_to_whoever_waits() {
    let mut scene = Scene::new(Topology::Swarm);
    let (_, owner_peer) = scene.joins(offers(1));
    let (_, seed) = scene.joins(Comes { have: Have::All, ..helps(1) });
    let (rich, rich_peer) = scene.leech_as(helps(0));
    assert_eq!(scene.providers(rich_peer), [owner_peer, seed]);
    scene.forget_news();
    let (poor, poor_peer) = scene.leech_as(helps(0));
    let kept = scene.providers(rich_peer);
    let given = scene.providers(poor_peer);
    assert_eq!((kept.len(), given.len()), (1, 1));
    assert_eq!(scene.news(rich), [ServerMessage::Revoked { peer: given[0] }]);
    assert_eq!(scene.news(poor), [assigned(given[0])]);
}

#[test]
fn whoever_asks_again_gets_a_complete_seed_above_the_limit() {
    let mut scene = Scene::new(Topology::Swarm);
    let (owner, owner_peer) = scene.joins(offers(1));
    for _ in 0..6 {
        scene.leech_as(helps(6));
    }
    let (stuck, stuck_peer) = scene.leech_as(helps(0));
    let before = scene.providers(stuck_peer);
    assert!(before.len() == 5 && !before.contains(&owner_peer));
    // With a free slot of the owner's it is one more; nothing is taken away.
    scene.says(owner, ClientMessage::Slots { offered: 2 });
    assert_eq!(scene.room.links.leech_count(owner_peer), 1);
    scene.says(stuck, ClientMessage::Want);
    let after = scene.providers(stuck_peer);
    assert!(after.contains(&owner_peer));
    assert!(before.iter().all(|peer| after.contains(peer)));
    // It may be silent: whatever else is tried in place of the others, the seed stays, and so does the limit.
    for _ in 0..5 {
        scene.says(stuck, ClientMessage::Want);
        let providers = scene.providers(stuck_peer);
        assert!(providers.contains(&owner_peer) && providers.len() == after.len());
    }
}

#[test]
fn whoever_asks_again_gets_a_seeds_slot_from_one_with_several() {
    let mut scene = Scene::new(Topology::Swarm);
    let (_, owner_peer) = scene.joins(offers(1));
    let (_, rich_peer) = scene.leech_as(helps(6));
    let (_, other_peer) = scene.leech_as(helps(6));
    assert_eq!(scene.providers(rich_peer), [owner_peer, other_peer]);
    let (stuck, stuck_peer) = scene.leech_as(helps(6));
    assert!(!scene.providers(stuck_peer).contains(&owner_peer));
    scene.says(stuck, ClientMessage::Want);
    assert!(scene.providers(stuck_peer).contains(&owner_peer));
    assert!(!scene.providers(rich_peer).contains(&owner_peer));
    // Nobody is cut off from the source by that.
    assert!(scene.room.fed.contains(&rich_peer));
}

#[test]
fn an_island_is_given_a_way_to_the_source_as_soon_as_there_is_one() {
    let mut scene = Scene::new(Topology::Swarm);
    let (owner, _) = scene.joins(offers(4));
    let leeches: Vec<PeerId> = (0..4).map(|_| scene.leech().1).collect();
    scene.says(owner, ClientMessage::Leave);
    assert!(scene.room.fed.is_empty());
    assert!(leeches.iter().all(|peer| !scene.providers(*peer).is_empty()));
    let (_, owner_peer) = scene.joins(offers(1));
    assert!(leeches.iter().all(|peer| scene.room.fed.contains(peer)));
    assert_eq!(scene.room.links.leech_count(owner_peer), 1);
}

#[test]
fn the_roster_tells_who_helps() {
    let mut scene = Scene::new(Topology::Swarm);
    let (owner, _) = scene.owner();
    scene.joins(helps(0));
    scene.joins(helps(1));
    scene.wait(Duration::from_secs(1));
    let Some(ServerMessage::Roster { members }) = scene.heard(owner).last() else { panic!() };
    assert_eq!(members.iter().map(|entry| entry.helps).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn whoever_holds_everything_asks_for_nothing() {
    let mut scene = Scene::new(Topology::Swarm);
    let (owner, owner_peer) = scene.owner();
    scene.joins(Comes { have: Have::All, ..RECIPIENT });
    scene.says(owner, ClientMessage::Want);
    assert_eq!((scene.news(owner), scene.providers(owner_peer)), (vec![], vec![]));
}

#[test]
fn in_a_chain_whoever_waits_for_someone_who_stopped_is_moved_and_nobody_else() {
    let mut scene = Scene::new(Topology::Chain);
    scene.owner();
    let (one, one_peer) = scene.leech();
    let (two, two_peer) = scene.leech();
    scene.says(two, ClientMessage::Want);
    assert_eq!(scene.providers(two_peer), [one_peer]);
    // It has all that it wanted, and that is not all.
    scene.says(one, progress(50));
    scene.says(one, ClientMessage::Complete);
    scene.says(two, ClientMessage::Want);
    assert_eq!(scene.providers(two_peer), [PeerId(1)]);
}

#[test]
fn whoever_sent_bad_pieces_to_two_serves_nobody_any_more() {
    let mut scene = Scene::new(Topology::Pool);
    scene.joins(offers(0));
    let (_, liar) = scene.joins(Comes { have: Have::All, ..RECIPIENT });
    let (_, honest) = scene.joins(Comes { have: Have::All, slots: 6, ..RECIPIENT });
    let bad = |peer| ClientMessage::BadPiece { peer, piece: 0 };
    for _ in 0..2 {
        assert!(!scene.room.members.get(liar).unwrap().is_found_out());
        // It is the least busy, so that newcomers come to it.
        let (leech, leech_peer) = scene.leech();
        let other = scene.leech().1;
        let (victim, peer) = match scene.providers(leech_peer) == [liar] {
            true => (leech, leech_peer),
            false => (scene.room.members.get(other).unwrap().socket.unwrap(), other),
        };
        assert_eq!(scene.providers(peer), [liar]);
        // Accusing someone without being served by it counts for nothing.
        scene.says(victim, bad(honest));
        scene.says(victim, bad(liar));
    }
    assert!(scene.room.members.get(liar).unwrap().is_found_out());
    assert!(!scene.room.members.get(honest).unwrap().is_found_out());
    for _ in 0..3 {
        let newcomer = scene.leech().1;
        assert_ne!(scene.providers(newcomer), [liar]);
    }
}

#[test]
fn whoever_is_served_by_someone_is_not_heard_as_its_accuser() {
    let mut scene = Scene::new(Topology::Pool);
    let (_, seed) = scene.joins(Comes { have: Have::All, ..helps(2) });
    for _ in 0..2 {
        // The seed is the accuser's provider, not the other way round.
        let (leech, leech_peer) = scene.leech();
        assert_eq!(scene.providers(leech_peer), [seed]);
        let socket = scene.room.members.get(seed).unwrap().socket.unwrap();
        scene.says(socket, ClientMessage::BadPiece { peer: leech_peer, piece: 0 });
        assert!(scene.room.members.get(leech_peer).unwrap().accusers.is_empty());
        scene.says(leech, ClientMessage::BadPiece { peer: seed, piece: 0 });
        assert!(scene.room.members.get(seed).unwrap().accusers.contains(&leech_peer));
    }
}

#[test]
fn whoever_is_left_waiting_by_a_seed_is_moved_to_another() {
    for topology in [Topology::Pool, Topology::Chain, Topology::Tree] {
        // The owner paused; or it is a member that says that it holds everything and sends nothing.
        for owner in [true, false] {
            let mut scene = Scene::new(topology);
            let (_, silent) = scene.joins(Comes { owner, have: Have::All, ..helps(4) });
            if topology == Topology::Tree && !owner {
                continue;
            }
            let (leech, leech_peer) = scene.leech_as(helps(0));
            assert_eq!(scene.providers(leech_peer), [silent]);
            // There is nobody else: nothing is taken away.
            scene.forget_news();
            scene.says(leech, ClientMessage::Want);
            assert_eq!((scene.news(leech), scene.providers(leech_peer)), (vec![], vec![silent]));
            let (_, other) = scene.joins(Comes { have: Have::All, ..helps(1) });
            scene.says(leech, ClientMessage::Want);
            assert_eq!(scene.providers(leech_peer), [other], "{topology:?}");
            let revoked = ServerMessage::Revoked { peer: silent };
            assert_eq!(scene.news(leech), [assigned(other), revoked]);
        }
    }
}

#[test]
fn whoever_is_left_waiting_by_the_only_seed_gets_anothers_after_asking_twice() {
    let mut scene = Scene::new(Topology::Swarm);
    let (_, silent) = scene.joins(Comes { have: Have::All, ..helps(2) });
    let (_, rich) = scene.leech_as(helps(0));
    let (stuck, stuck_peer) = scene.leech_as(helps(0));
    let (owner, owner_peer) = scene.joins(offers(0));
    // One slot, and whoever was here first has it.
    scene.says(owner, ClientMessage::Slots { offered: 1 });
    assert_eq!(scene.providers(rich), [silent, owner_peer]);
    assert_eq!(scene.providers(stuck_peer), [silent]);
    scene.says(stuck, ClientMessage::Want);
    assert_eq!(scene.providers(stuck_peer), [silent]);
    scene.says(stuck, ClientMessage::Want);
    assert_eq!(scene.providers(stuck_peer), [silent, owner_peer]);
    assert_eq!(scene.providers(rich), [silent]);
}

#[test]
fn whoever_is_left_waiting_in_a_chain_though_there_is_more_is_moved() {
    let mut scene = Scene::new(Topology::Chain);
    let (_, owner_peer) = scene.owner();
    let (one, one_peer) = scene.leech();
    let (two, two_peer) = scene.leech();
    scene.says(one, progress(50));
    scene.says(two, progress(50));
    scene.says(two, ClientMessage::Want);
    assert_eq!(scene.providers(two_peer), [one_peer]);
    scene.says(one, progress(60));
    scene.says(two, ClientMessage::Want);
    assert_eq!(scene.providers(two_peer), [owner_peer]);
}

#[test]
fn when_one_of_two_who_serve_each_other_is_given_to_a_third_both_links_end() {
    let mut scene = Scene::new(Topology::Swarm);
    let (_, owner_peer) = scene.joins(offers(1));
    let (one, one_peer) = scene.leech_as(helps(1));
    let (two, two_peer) = scene.leech_as(helps(1));
    assert_eq!(scene.providers(one_peer), [owner_peer, two_peer]);
    assert_eq!(scene.providers(two_peer), [one_peer]);
    scene.forget_news();
    let (_, three_peer) = scene.leech_as(helps(0));
    // The second lost its only provider by that and is given the same one, over a new connection.
    assert_eq!(scene.providers(one_peer), [owner_peer]);
    assert_eq!(scene.providers(two_peer), [one_peer]);
    assert_eq!(scene.providers(three_peer), [two_peer]);
    let revoked = |peer| ServerMessage::Revoked { peer };
    let serve = |peer| ServerMessage::Serve { peer };
    assert_eq!(scene.news(one), [revoked(two_peer), serve(two_peer)]);
    assert_eq!(scene.news(two), [revoked(one_peer), serve(three_peer), assigned(one_peer)]);
}

#[test]
fn a_returning_member_that_knows_of_one_direction_less_loses_both() {
    let mut scene = Scene::new(Topology::Swarm);
    scene.owner();
    let (one, one_peer) = scene.leech();
    let (two, two_peer) = scene.leech();
    assert!(scene.room.links.serves(one_peer, two_peer));
    assert!(scene.room.links.serves(two_peer, one_peer));
    scene.disconnects(one);
    scene.forget_news();
    let back = scene.attach(Comes { resumed: Some(one_peer), ..RECIPIENT });
    for (socket, peer) in [(two, one_peer), (back, two_peer)] {
        assert!(scene.news(socket).contains(&ServerMessage::Revoked { peer }));
    }
    // Both are made anew, as if there had been none.
    assert!(scene.room.links.serves(one_peer, two_peer));
    assert!(scene.room.links.serves(two_peer, one_peer));
}
