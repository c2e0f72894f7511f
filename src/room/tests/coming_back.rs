//! Sockets that drop, tokens that are shown again, rooms that a restart has emptied.

use super::*;

fn again(name: PeerId) -> Comes {
    Comes { resumed: Some(name), ..RECIPIENT }
}

fn served_by(name: PeerId, provider: PeerId) -> Comes {
    Comes { providers: vec![provider], ..again(name) }
}

#[test]
fn a_dropped_socket_keeps_its_place_for_exactly_a_minute_and_its_name_for_good() {
    for (waits, stays) in [(59_999, true), (60_000, false)] {
        let mut scene = Scene::new(Topology::Swarm);
        let (owner, owner_peer) = scene.owner();
        let (one, peer) = scene.leech();
        scene.disconnects(one);
        scene.news(owner);
        scene.wait(Duration::from_millis(waits));
        let revoked = ServerMessage::Revoked { peer };
        assert_eq!(scene.news(owner), if stays { vec![] } else { vec![revoked] });
        let socket = scene.attach(served_by(peer, owner_peer));
        assert_eq!(scene.welcome(socket), (peer, true));
        assert_eq!(scene.providers(peer), [owner_peer]);
        // The owner did not forget anyone, so it dropped the link; the member has to as well, and gets it anew.
        let revoked = ServerMessage::Revoked { peer: owner_peer };
        let anew = vec![revoked, assigned(owner_peer)];
        assert_eq!(scene.news(socket), if stays { vec![] } else { anew });
    }
}

#[test]
fn who_never_answered_its_welcome_is_not_waited_for_and_may_still_come_back() {
    let mut scene = Scene::new(Topology::Swarm);
    scene.owner();
    let (one, peer) = scene.recipient();
    scene.disconnects(one);
    assert_eq!(scene.room.members.recipients(), 0);
    let again = scene.attach(again(peer));
    assert_eq!(scene.welcome(again), (peer, true));
    // Whoever came back knows its token, whether it said anything more or not.
    scene.disconnects(again);
    assert_eq!(scene.room.members.recipients(), 1);
}

#[test]
fn a_token_is_worth_no_more_than_its_member() {
    let mut scene = Scene::new(Topology::Swarm);
    let (owner, owner_peer) = scene.owner();
    let (one, one_peer) = scene.recipient();
    // Without the owner token, the owner's name makes a new recipient.
    let thief = scene.attach(again(owner_peer));
    let (name, resumed) = scene.welcome(thief);
    assert!(!resumed && name != owner_peer);
    scene.says(thief, ClientMessage::Remove { peer: one_peer });
    assert!(scene.closed.contains(&thief) && !scene.closed.contains(&one));
    assert!(!scene.closed.contains(&owner));
    // An owner does not take a recipient's place either.
    let other = scene.attach(Comes { resumed: Some(one_peer), ..OWNER });
    assert!(!scene.welcome(other).1 && !scene.closed.contains(&one));
}

#[test]
fn a_second_socket_of_a_member_replaces_the_first() {
    let mut scene = Scene::new(Topology::Swarm);
    let (one, peer) = scene.recipient();
    let second = scene.attach(again(peer));
    assert_eq!(scene.news(one), [ServerMessage::Closed { reason: CloseReason::Replaced }]);
    assert!(scene.closed.contains(&one));
    assert_eq!(scene.welcome(second), (peer, true));
    // The old socket's last words change nothing.
    scene.says(one, ClientMessage::Leave);
    scene.disconnects(one);
    assert_eq!(scene.room.gauge().members, 1);
}

#[test]
fn whoever_was_away_when_its_provider_went_is_served_again() {
    let mut scene = Scene::new(Topology::Swarm);
    let (owner, _) = scene.owner();
    let (one, peer) = scene.leech();
    scene.disconnects(one);
    scene.says(owner, ClientMessage::Leave);
    let socket = scene.attach(again(peer));
    assert_eq!(scene.news(socket), [waiting(0, 0)]);
    let (_, owner_peer) = scene.owner();
    assert_eq!(scene.news(socket), [assigned(owner_peer)]);
}

#[test]
fn nobody_away_is_assigned_to_anyone_and_links_of_the_away_stay() {
    let mut scene = Scene::new(Topology::Swarm);
    let (owner, owner_peer) = scene.owner();
    let (one, one_peer) = scene.leech();
    scene.disconnects(owner);
    scene.disconnects(one);
    let (two, two_peer) = scene.leech();
    assert_eq!(scene.news(two), [waiting(0, 0)]);
    assert_eq!(scene.providers(one_peer), [owner_peer]);
    let back = scene.attach(served_by(one_peer, owner_peer));
    // And the newcomer helps it in turn.
    let serve = |peer| ServerMessage::Serve { peer };
    assert_eq!(scene.news(two), [assigned(one_peer), serve(one_peer)]);
    assert_eq!(scene.news(back), [serve(two_peer), assigned(two_peer)]);
}

#[test]
fn links_that_a_returning_member_does_not_know_of_are_made_anew() {
    let mut scene = Scene::new(Topology::Swarm);
    let (owner, owner_peer) = scene.owner();
    let (_, peer) = scene.leech();
    scene.forget_news();
    // Its socket had dropped before `assigned` reached it, and the server had not noticed.
    let socket = scene.attach(again(peer));
    let revoked = ServerMessage::Revoked { peer };
    assert_eq!(scene.news(owner), [revoked, ServerMessage::Serve { peer }]);
    let revoked = ServerMessage::Revoked { peer: owner_peer };
    assert_eq!(scene.news(socket), [revoked, assigned(owner_peer)]);
}

#[test]
fn after_a_restart_names_and_links_are_as_they_were() {
    let mut scene = Scene::new(Topology::Swarm);
    let (owner, leech) = (PeerId(70), PeerId(80));
    let first = scene.attach(served_by(leech, owner));
    assert_eq!(scene.welcome(first), (leech, true));
    assert_eq!((scene.news(first), scene.providers(leech)), (vec![], vec![owner]));
    scene.says(first, signal(owner));
    let second = scene.attach(Comes { resumed: Some(owner), ..OWNER });
    assert_eq!(scene.welcome(second), (owner, true));
    assert_eq!(scene.room.members.owner(), Some(owner));
    scene.says(second, signal(leech));
    assert!(matches!(scene.news(first)[..], [ServerMessage::Signal { from, .. }] if from == owner));
    assert_eq!(scene.news(second), []);
    assert_eq!(scene.room.gauge(), Gauge { members: 2, seeds: 1, broadcast: None });
}

#[test]
fn who_does_not_come_back_after_a_restart_is_given_up_after_the_grace() {
    let mut scene = Scene::new(Topology::Swarm);
    let (gone, leech) = (PeerId(70), PeerId(80));
    let socket = scene.attach(served_by(leech, gone));
    let (_, owner) = scene.owner();
    scene.news(socket);
    scene.wait(REJOIN_GRACE);
    assert_eq!(scene.news(socket), [ServerMessage::Revoked { peer: gone }]);
    assert_eq!(scene.providers(leech), [owner]);
    // Nor is it shown to the owner as someone who is away.
    let rosters = scene.sent.values().flatten();
    assert!(rosters.into_iter().all(|message| match message {
        ServerMessage::Roster { members } => members.iter().all(|entry| entry.peer != gone),
        _ => true,
    }));
}

#[test]
fn whoever_claims_a_provider_that_is_not_believed_is_served_all_the_same() {
    let mut scene = Scene::new(Topology::Pool);
    // It joined after the restart, as someone new.
    let (owner, owner_peer) = scene.joins(Comes { slots: 0, ..OWNER });
    let leech = PeerId(80);
    let socket = scene.attach(served_by(leech, owner_peer));
    let revoked = ServerMessage::Revoked { peer: owner_peer };
    assert_eq!(scene.news(socket), [revoked, waiting(0, 1)]);
    scene.says(owner, ClientMessage::Slots { offered: 1 });
    assert_eq!(scene.news(socket), [assigned(owner_peer)]);
    // Nobody is made a leech by it who needs nothing.
    let seed = scene.attach(Comes { have: Have::All, ..served_by(PeerId(81), owner_peer) });
    assert_eq!(scene.news(seed), [ServerMessage::Revoked { peer: owner_peer }]);
}

#[test]
fn claims_of_links_are_bounded_and_not_believed_of_those_who_are_new() {
    let mut scene = Scene::with_at_most(4, Topology::Swarm);
    let (_, owner) = scene.joins(Comes { slots: 0, ..OWNER });
    let claims = [PeerId(9), owner].into_iter().chain((100..160).map(PeerId)).collect();
    let socket = scene.attach(Comes { providers: claims, ..again(PeerId(9)) });
    assert!(scene.news(socket).contains(&ServerMessage::Revoked { peer: owner }));
    assert!(scene.room.members.len() <= 8);
    assert!(!scene.providers(PeerId(9)).contains(&PeerId(9)));
    // Those who are only named take nobody's place.
    scene.recipient();
}

#[test]
fn whom_the_owner_removed_stays_out() {
    let mut scene = Scene::new(Topology::Swarm);
    let (owner, _) = scene.owner();
    let (one, peer) = scene.recipient();
    scene.says(owner, ClientMessage::Remove { peer });
    assert!(scene.closed.contains(&one));
    let socket = scene.attach(again(peer));
    assert_eq!(scene.news(socket), [ServerMessage::Closed { reason: CloseReason::Removed }]);
    assert!(scene.closed.contains(&socket) && !scene.welcomed.contains_key(&socket));
}

#[test]
fn a_name_that_is_taken_is_given_to_nobody_else() {
    let mut scene = Scene::new(Topology::Swarm);
    let taken = scene.attach(again(PeerId(2)));
    assert_eq!(scene.welcome(taken), (PeerId(2), true));
    assert_eq!(scene.recipient().1, PeerId(3));
    assert_eq!(scene.recipient().1, PeerId(4));
}
