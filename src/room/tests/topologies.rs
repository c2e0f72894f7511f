//! What each topology does differently.

use super::*;
use crate::protocol::limits::MAX_PROVIDERS;
use crate::protocol::signalling::RoundTrip;

fn helps(slots: u8) -> Comes {
    Comes { slots, ..RECIPIENT }
}

#[test]
fn direct_serves_all_from_the_owner_whatever_its_slots() {
    let mut scene = Scene::new(Topology::Direct);
    let (_, owner) = scene.joins(Comes { slots: 0, ..OWNER });
    let leeches: Vec<_> = (0..20).map(|_| scene.leech()).collect();
    for (_, peer) in &leeches {
        assert_eq!(scene.providers(*peer), [owner]);
    }
    scene.completes(leeches[0].0);
    assert_eq!(scene.room.gauge().seeds, 1);
}

#[test]
fn a_chain_goes_from_each_to_the_next() {
    let mut scene = Scene::new(Topology::Chain);
    let (_, mut before) = scene.owner();
    for _ in 0..10 {
        let (_, peer) = scene.leech();
        assert_eq!(scene.providers(peer), [before]);
        before = peer;
    }
}

#[test]
fn a_chain_closes_over_a_loss() {
    let mut scene = Scene::new(Topology::Chain);
    scene.owner();
    let leeches: Vec<_> = (0..5).map(|_| scene.leech()).collect();
    scene.says(leeches[2].0, ClientMessage::Leave);
    assert_eq!(scene.providers(leeches[3].1), [leeches[1].1]);
    // The first of all gets the owner's slot again.
    scene.says(leeches[0].0, ClientMessage::Leave);
    assert_eq!(scene.providers(leeches[1].1), [PeerId(1)]);
}

#[test]
fn a_chain_branches_where_someone_does_not_help() {
    let mut scene = Scene::new(Topology::Chain);
    let (_, owner) = scene.owner();
    let (_, first) = scene.leech_as(helps(2));
    let (_, idle) = scene.leech_as(helps(0));
    let (_, third) = scene.leech();
    assert_eq!(scene.providers(idle), [first]);
    assert!(scene.providers(third) == [first] || scene.providers(third) == [owner]);
}

#[test]
fn a_pool_is_served_by_complete_seeds_the_least_loaded_first_and_the_owner_last() {
    let mut scene = Scene::new(Topology::Pool);
    let (_, owner) = scene.joins(Comes { slots: 2, ..OWNER });
    let (one, one_peer) = scene.leech_as(helps(2));
    assert_eq!(scene.providers(one_peer), [owner]);
    scene.says(one, progress(50));
    let (_, two) = scene.leech();
    assert_eq!(scene.providers(two), [owner]);
    // Half a copy serves nobody.
    let (three_socket, three) = scene.leech();
    assert_eq!(scene.news(three_socket), [waiting(0, 1)]);
    scene.completes(one);
    assert_eq!(scene.providers(three), [one_peer]);
    // One each now: the owner is spared.
    let (_, four) = scene.leech();
    assert_eq!(scene.providers(four), [one_peer]);
    let (_, five) = scene.leech();
    assert_eq!(scene.providers(five), [owner]);
}

#[test]
fn a_tree_elects_who_holds_most_when_the_supernodes_are_full() {
    let mut scene = Scene::new(Topology::Tree);
    let (_, owner) = scene.joins(Comes { slots: 3, ..OWNER });
    let first: Vec<_> = (0..3).map(|_| scene.leech()).collect();
    for (at, (socket, peer)) in first.iter().enumerate() {
        assert_eq!(scene.providers(*peer), [owner]);
        scene.says(*socket, progress(if at == 1 { 60 } else { 20 }));
    }
    let (_, fourth) = scene.leech();
    assert_eq!(scene.providers(fourth), [first[1].1]);
    // Among those who hold as much, the better uplink. The supernode that stops helping keeps whom it serves.
    scene.says(first[1].0, ClientMessage::Slots { offered: 0 });
    let stats = Stats { uplink_bytes_per_second: 9, round_trips: Vec::new() };
    scene.says(first[2].0, ClientMessage::Stats(stats));
    let (_, fifth) = scene.leech();
    assert_eq!(scene.providers(fifth), [first[2].1]);
    assert_eq!(scene.providers(fourth), [first[1].1]);
}

#[test]
fn in_a_tree_the_same_network_is_nearest_and_then_the_shortest_round_trip() {
    let mut scene = Scene::new(Topology::Tree);
    scene.joins(Comes { slots: 2, ..OWNER });
    let (near, near_peer) = scene.leech_as(Comes { network: 1, ..helps(2) });
    let (far, far_peer) = scene.leech_as(Comes { network: 2, ..helps(2) });
    for (socket, millis) in [(near, 5), (far, 90)] {
        let round_trips = vec![RoundTrip { peer: PeerId(1), millis }];
        let stats = Stats { uplink_bytes_per_second: 1, round_trips };
        scene.says(socket, ClientMessage::Stats(stats));
    }
    // Both are elected in turn, as there is no other way to serve these.
    let (_, third) = scene.leech_as(Comes { network: 3, ..helps(0) });
    let (_, fourth) = scene.leech_as(Comes { network: 3, ..helps(0) });
    let (fifth_socket, fifth) = scene.leech_as(Comes { network: 3, ..helps(0) });
    assert_eq!(scene.providers(third), [near_peer]);
    assert_eq!(scene.providers(fourth), [near_peer]);
    assert_eq!(scene.providers(fifth), [far_peer]);
    scene.says(fifth_socket, ClientMessage::Leave);
    for network in [2, 3] {
        let (socket, peer) = scene.leech_as(Comes { network, ..helps(0) });
        assert_eq!(scene.providers(peer), [far_peer]);
        scene.says(socket, ClientMessage::Leave);
    }
}

#[test]
fn a_swarm_gives_several_providers_and_everyone_has_a_way_to_the_source() {
    let mut scene = Scene::new(Topology::Swarm);
    let (_, owner) = scene.owner();
    let leeches: Vec<PeerId> = (0..40).map(|_| scene.leech().1).collect();
    for peer in &leeches {
        assert!((3..=MAX_PROVIDERS).contains(&scene.providers(*peer).len()));
        assert!(scene.room.links.reaches(*peer, |p| p == owner));
    }
    assert_eq!(scene.room.links.leech_count(owner), usize::from(DEFAULT_SLOTS));
    assert!(scene.room.waiting.is_empty());
}

#[test]
fn in_a_swarm_nobody_is_far_from_the_source_and_nobody_hangs_by_one_link() {
    let mut scene = Scene::with_at_most(129, Topology::Swarm);
    let (owner, owner_peer) = scene.owner();
    let leeches: Vec<PeerId> = (0..128).map(|_| scene.leech().1).collect();
    let mut near = BTreeSet::from([owner_peer]);
    for _ in 0..7 {
        let next = near.iter().flat_map(|peer| scene.room.links.leeches_of(*peer));
        near.extend(next.collect::<Vec<_>>());
    }
    assert!(leeches.iter().all(|peer| near.contains(peer)), "{}", near.len());
    // Those who come later leave the owner's slots to whom they were given.
    let told = scene.news(owner);
    assert!(told.iter().all(|message| matches!(message, ServerMessage::Serve { .. })), "{told:?}");
}

#[test]
fn a_link_that_never_holds_is_not_tried_for_ever() {
    let mut scene = Scene::new(Topology::Swarm);
    scene.owner();
    let (one, one_peer) = scene.leech();
    let (_, two_peer) = scene.leech();
    for _ in 0..3 {
        assert!(scene.providers(one_peer).contains(&two_peer));
        scene.says(one, ClientMessage::LinkLost { peer: two_peer });
    }
    assert!(!scene.providers(one_peer).contains(&two_peer));
    assert!(!scene.providers(one_peer).is_empty());
}

#[test]
fn a_swarm_prefers_those_of_the_same_network() {
    let mut scene = Scene::new(Topology::Swarm);
    scene.joins(Comes { slots: 6, ..OWNER });
    let mut by_network = [Vec::new(), Vec::new()];
    for at in 0..6 {
        let network = at % 2;
        by_network[network as usize]
            .push(scene.leech_as(Comes { network: network + 1, ..helps(1) }).1);
    }
    let (_, late) = scene.leech_as(Comes { network: 1, ..helps(0) });
    let near = scene.providers(late).into_iter().filter(|p| by_network[0].contains(p)).count();
    let far = scene.providers(late).into_iter().filter(|p| by_network[1].contains(p)).count();
    assert!(near >= far, "{near} {far}");
}

#[test]
fn nobody_who_holds_nothing_and_gets_nothing_serves_anyone() {
    for topology in Topology::ALL {
        let mut scene = Scene::new(topology);
        let sockets: Vec<_> = (0..4).map(|_| scene.leech().0).collect();
        for (ahead, socket) in sockets.into_iter().enumerate() {
            assert_eq!(scene.news(socket), [waiting(ahead as u32, 0)], "{topology:?}");
        }
    }
}

#[test]
fn hundreds_of_members_are_served_under_every_topology() {
    for topology in Topology::ALL {
        let many = if topology == Topology::Swarm { 512 } else { 128 };
        let mut scene = Scene::with_at_most(many + 1, topology);
        scene.owner();
        let sockets: Vec<_> = (0..many).map(|_| scene.leech().0).collect();
        scene.forget_news();
        for socket in sockets {
            scene.completes(socket);
            scene.forget_news();
        }
        assert!(scene.room.waiting.is_empty(), "{topology:?}");
    }
}
