//! One behaviour a test.

use super::*;

#[test]
fn whoever_wants_is_served_by_the_owner_who_hears_of_it_first() {
    let mut scene = Scene::new(Topology::Direct);
    let (owner, owner_peer) = scene.owner();
    let (one, peer) = scene.recipient();
    scene.news(owner);
    scene.news(one);
    scene.says(one, ClientMessage::Want);
    assert_eq!(scene.news(owner), [ServerMessage::Serve { peer }]);
    assert_eq!(scene.news(one), [ServerMessage::Assigned { peers: vec![owner_peer], owner: None }]);
}

#[test]
fn nobody_is_served_before_asking() {
    let mut scene = Scene::new(Topology::Direct);
    let (owner, _) = scene.owner();
    scene.recipient();
    assert_eq!(scene.news(owner), []);
}

#[test]
fn the_line_is_told_its_order_and_served_in_it() {
    let mut scene = Scene::new(Topology::Direct);
    let sockets: Vec<SocketId> = (0..3).map(|_| scene.recipient().0).collect();
    for (ahead, socket) in sockets.iter().enumerate() {
        scene.news(*socket);
        scene.says(*socket, ClientMessage::Want);
        let waiting = ServerMessage::Waiting { ahead: ahead as u32, seeds: 0 };
        assert_eq!(scene.news(*socket), [waiting]);
    }
    scene.says(sockets[0], ClientMessage::Leave);
    assert_eq!(scene.news(sockets[1]), [ServerMessage::Waiting { ahead: 0, seeds: 0 }]);
    let (owner, _) = scene.owner();
    assert_eq!(
        scene.news(owner),
        [ServerMessage::Serve { peer: PeerId(2) }, ServerMessage::Serve { peer: PeerId(3) }]
    );
}

#[test]
fn signals_pass_only_along_links_and_name_their_sender() {
    let mut scene = Scene::new(Topology::Direct);
    let (owner, owner_peer) = scene.owner();
    let (one, one_peer) = scene.recipient();
    let (two, two_peer) = scene.recipient();
    scene.says(one, ClientMessage::Want);
    for socket in [owner, one, two] {
        scene.news(socket);
    }
    let sealed = SealedSignal("x".to_owned());
    scene.says(one, signal(owner_peer));
    let from_one = ServerMessage::Signal { from: one_peer, sealed: sealed.clone() };
    assert_eq!(scene.news(owner), [from_one]);
    scene.says(owner, signal(one_peer));
    assert_eq!(scene.news(one), [ServerMessage::Signal { from: owner_peer, sealed }]);
    for (from, to) in [(two, owner_peer), (two, one_peer), (one, two_peer), (owner, two_peer)] {
        scene.says(from, signal(to));
    }
    scene.says(one, signal(one_peer));
    scene.says(one, signal(PeerId(99)));
    for socket in [owner, one, two] {
        assert_eq!(scene.news(socket), []);
    }
}

#[test]
fn an_owner_that_reloads_takes_over_and_serves_again() {
    let mut scene = Scene::new(Topology::Direct);
    let (first, first_peer) = scene.owner();
    let (one, peer) = scene.recipient();
    scene.says(one, ClientMessage::Want);
    scene.news(first);
    scene.news(one);
    let (second, second_peer) = scene.owner();
    assert_eq!(scene.news(first), [ServerMessage::Closed { reason: CloseReason::Replaced }]);
    let serve = ServerMessage::Serve { peer };
    assert_eq!(scene.news(second).last(), Some(&serve));
    let news = scene.news(one);
    assert_eq!(news.first(), Some(&ServerMessage::Revoked { peer: first_peer }));
    assert_eq!(
        news.last(),
        Some(&ServerMessage::Assigned { peers: vec![second_peer], owner: None })
    );
}

#[test]
fn a_full_room_refuses_recipients_and_never_the_owner() {
    let mut scene = Scene::with_at_most(3, Topology::Direct);
    let (one, _) = scene.leech();
    scene.recipient();
    let third = scene.attach(RECIPIENT);
    assert_eq!(refused_as(&scene.news(third)), Some(ErrorCode::Full));
    assert!(scene.closed.contains(&third));
    scene.owner();
    // A member that comes back has its place.
    let name = scene.name(one);
    scene.disconnects(one);
    let fourth = scene.attach(RECIPIENT);
    assert_eq!(refused_as(&scene.news(fourth)), Some(ErrorCode::Full));
    let again = scene.attach(Comes { resumed: Some(name), ..RECIPIENT });
    assert_eq!(scene.welcome(again), (name, true));
}

#[test]
fn whoever_breaks_the_rules_is_told_and_leaves_no_trace() {
    for (message, code) in [
        (join_message(), ErrorCode::Malformed),
        (progress(101), ErrorCode::Malformed),
        (ClientMessage::Remove { peer: PeerId(1) }, ErrorCode::Forbidden),
    ] {
        let mut scene = Scene::new(Topology::Direct);
        let (owner, _) = scene.owner();
        let (one, peer) = scene.recipient();
        scene.says(one, ClientMessage::Want);
        scene.news(owner);
        scene.news(one);
        scene.says(one, message);
        assert_eq!(refused_as(&scene.news(one)), Some(code));
        assert!(scene.closed.contains(&one));
        assert_eq!(scene.news(owner), [ServerMessage::Revoked { peer }]);
        assert_eq!(scene.room.gauge().members, 1);
    }
}

#[test]
fn only_others_can_be_removed() {
    let mut scene = Scene::new(Topology::Direct);
    let (owner, owner_peer) = scene.owner();
    let (one, peer) = scene.recipient();
    scene.news(one);
    scene.says(owner, ClientMessage::Remove { peer });
    assert_eq!(scene.news(one), [ServerMessage::Closed { reason: CloseReason::Removed }]);
    scene.says(owner, ClientMessage::Remove { peer });
    scene.says(owner, ClientMessage::Remove { peer: owner_peer });
    assert!(scene.closed.contains(&owner));
}

#[test]
fn a_liar_is_not_assigned_to_the_same_leech_a_fourth_time() {
    let mut scene = Scene::new(Topology::Direct);
    let (_, owner_peer) = scene.owner();
    let (one, _) = scene.recipient();
    scene.says(one, ClientMessage::Want);
    for bad in 1..=3 {
        scene.news(one);
        scene.says(one, ClientMessage::BadPiece { peer: owner_peer, piece: 0 });
        let again = ServerMessage::Assigned { peers: vec![owner_peer], owner: None };
        let in_line = ServerMessage::Waiting { ahead: 0, seeds: 1 };
        let over = ServerMessage::Revoked { peer: owner_peer };
        assert_eq!(scene.news(one), [over, if bad < 3 { again } else { in_line }]);
    }
}

#[test]
fn a_link_lost_that_is_not_known_asks_again_all_the_same() {
    let mut scene = Scene::new(Topology::Direct);
    let (one, _) = scene.recipient();
    scene.says(one, ClientMessage::Want);
    scene.news(one);
    scene.says(one, ClientMessage::LinkLost { peer: PeerId(50) });
    assert_eq!(scene.news(one), [ServerMessage::Waiting { ahead: 0, seeds: 0 }]);
    let (_, owner_peer) = scene.owner();
    scene.news(one);
    scene.says(one, ClientMessage::LinkLost { peer: PeerId(50) });
    assert_eq!(scene.news(one), []);
    scene.says(one, ClientMessage::LinkLost { peer: owner_peer });
    let over = ServerMessage::Revoked { peer: owner_peer };
    let again = ServerMessage::Assigned { peers: vec![owner_peer], owner: None };
    assert_eq!(scene.news(one), [over, again]);
}

#[test]
fn rosters_are_few_and_the_last_is_right() {
    let mut scene = Scene::new(Topology::Direct);
    let (owner, _) = scene.owner();
    let (one, peer) = scene.recipient();
    let began = scene.now;
    for step in 0..100 {
        scene.says(one, progress(step));
        scene.wait(Duration::from_millis(20));
    }
    scene.wait(Duration::from_secs(1));
    let rosters: Vec<_> = scene
        .heard(owner)
        .iter()
        .filter_map(|message| match message {
            ServerMessage::Roster { members } => Some(members),
            _ => None,
        })
        .collect();
    let most = (scene.now - began).as_millis() as usize / 250 + 1;
    assert!((8..=most).contains(&rosters.len()), "{}", rosters.len());
    let last = rosters.last().unwrap();
    assert_eq!((last.len(), last[0].peer, last[0].progress.have_bytes), (1, peer, 99));
    scene.disconnects(one);
    scene.wait(Duration::from_secs(1));
    let Some(ServerMessage::Roster { members }) = scene.heard(owner).last() else { panic!() };
    assert_eq!(members[0].progress.phase, MemberPhase::Away);
}

#[test]
fn a_room_is_idle_only_when_nobody_can_come_back() {
    let mut scene = Scene::new(Topology::Direct);
    assert!(scene.room.is_idle());
    let (owner, _) = scene.owner();
    let (one, _) = scene.recipient();
    scene.disconnects(owner);
    scene.says(one, ClientMessage::Leave);
    scene.wait(Duration::from_millis(59_999));
    assert!(!scene.room.is_idle());
    scene.wait(Duration::from_millis(1));
    assert!(scene.room.is_idle());
    assert_eq!(scene.room.poll_timeout(), None);
}

#[test]
fn an_ended_room_tells_everyone_once() {
    let mut scene = Scene::new(Topology::Direct);
    let (owner, _) = scene.owner();
    let (one, _) = scene.recipient();
    scene.says(one, ClientMessage::Want);
    scene.news(owner);
    scene.news(one);
    scene.input(Input::Ended { reason: CloseReason::Expired });
    let closed = ServerMessage::Closed { reason: CloseReason::Expired };
    assert_eq!(scene.news(owner), std::slice::from_ref(&closed));
    assert_eq!(scene.news(one).last(), Some(&closed));
    assert!(scene.room.is_idle());
}
