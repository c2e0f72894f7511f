//! Who is in a circle, who has a seat there, and what passes.

use super::*;
use crate::protocol::circle::CircleRoster;
use crate::protocol::limits::{DEFAULT_SEATS, MAX_CIRCLE_MEMBERS};

const LIVE: Comes = comes(false, Some(CircleKind::Live));
const HOST: Comes = comes(true, Some(CircleKind::Live));
const TOGETHER: Comes = comes(false, Some(CircleKind::Together));

fn scene() -> Scene {
    Scene::new(Topology::Swarm)
}

/// As someone with a seat is told it, or the host.
fn circle(host: Option<PeerId>, members: &[PeerId], waiting: u32) -> ServerMessage {
    ServerMessage::Circle(CircleRoster { host, members: members.to_vec(), waiting, ahead: None })
}

fn in_line(host: Option<PeerId>, members: &[PeerId], waiting: u32, ahead: u32) -> ServerMessage {
    let members = members.to_vec();
    ServerMessage::Circle(CircleRoster { host, members, waiting, ahead: Some(ahead) })
}

fn closed(reason: CloseReason) -> [ServerMessage; 1] {
    [ServerMessage::Closed { reason }]
}

impl Scene {
    /// What a socket was told since the last time, once every roster that is due was sent.
    fn news_later(&mut self, socket: SocketId) -> Vec<ServerMessage> {
        self.wait(Duration::from_millis(250));
        self.news(socket)
    }

    /// The host of a broadcast for so many.
    fn host(&mut self, seats: u8) -> (SocketId, PeerId) {
        let (socket, peer) = self.joins(HOST);
        self.says(socket, ClientMessage::Seats { count: seats });
        (socket, peer)
    }

    fn hears_signal_of(&mut self, socket: SocketId, from: PeerId) -> bool {
        let sealed = SealedSignal("x".to_owned());
        self.news(socket).contains(&ServerMessage::Signal { from, sealed })
    }
}

#[test]
fn a_circle_is_apart_from_the_exchange() {
    let mut scene = scene();
    let (owner, _) = scene.owner();
    let (leech, _) = scene.recipient();
    scene.host(4);
    scene.joins(LIVE);
    scene.joins(TOGETHER);
    scene.says(leech, ClientMessage::Want);
    scene.wait(Duration::from_secs(1));
    let gauge = Gauge { members: 2, seeds: 1, broadcast: Some(4) };
    assert_eq!(scene.room.gauge(), gauge);
    let Some(ServerMessage::Roster { members }) =
        scene.heard(owner).iter().rfind(|m| matches!(m, ServerMessage::Roster { .. }))
    else {
        panic!("no roster")
    };
    assert_eq!(members.len(), 1);
    for socket in [owner, leech] {
        assert!(!scene.news(socket).iter().any(|m| matches!(m, ServerMessage::Circle(_))));
    }
}

#[test]
fn seats_are_taken_in_the_order_of_coming_and_a_free_one_goes_to_the_first_in_line() {
    let mut scene = scene();
    let (host, host_peer) = scene.host(2);
    let (a, a_peer) = scene.joins(LIVE);
    let (_b, b_peer) = scene.joins(LIVE);
    let (c, c_peer) = scene.joins(LIVE);
    let (d, _) = scene.joins(LIVE);
    let who = Some(host_peer);
    // At once for whoever came, as it was then.
    assert_eq!(scene.heard(a), [circle(who, &[a_peer], 0)]);
    assert_eq!(scene.heard(d), [in_line(who, &[a_peer, b_peer], 2, 1)]);
    assert_eq!(scene.news_later(host).last(), Some(&circle(who, &[a_peer, b_peer], 2)));
    assert_eq!(scene.news_later(c).last(), Some(&in_line(who, &[a_peer, b_peer], 2, 0)));
    scene.forget_news();
    scene.says(a, ClientMessage::Leave);
    assert!(scene.closed.contains(&a));
    assert_eq!(scene.news(c), [circle(who, &[b_peer, c_peer], 1)]);
    assert_eq!(scene.news(d), [in_line(who, &[b_peer, c_peer], 1, 0)]);
    assert_eq!(scene.news(host), [circle(who, &[b_peer, c_peer], 1)]);
}

#[test]
fn fewer_seats_take_nobodys_and_more_let_the_line_in() {
    let mut scene = scene();
    let (host, host_peer) = scene.host(2);
    let listeners: Vec<_> = (0..4).map(|_| scene.joins(LIVE)).collect();
    let names: Vec<PeerId> = listeners.iter().map(|one| one.1).collect();
    scene.says(host, ClientMessage::Seats { count: 1 });
    assert_eq!(scene.news_later(host).last(), Some(&circle(Some(host_peer), &names[..2], 2)));
    // Two had a seat and there is one now, so the one that is given up is not filled.
    scene.disconnects(listeners[0].0);
    assert_eq!(scene.news_later(host), [circle(Some(host_peer), &names[1..2], 2)]);
    scene.says(host, ClientMessage::Seats { count: u8::MAX });
    assert_eq!(scene.news_later(host), [circle(Some(host_peer), &names[1..], 0)]);
    assert_eq!(scene.room.gauge().broadcast, Some(MAX_CIRCLE_MEMBERS as u8));
    scene.says(host, ClientMessage::Seats { count: 0 });
    assert_eq!(scene.room.gauge().broadcast, Some(0));
}

#[test]
fn listeners_wait_for_a_host_and_are_told_when_it_comes_and_goes() {
    let mut scene = scene();
    let (one, one_peer) = scene.joins(LIVE);
    assert_eq!(scene.news(one), [circle(None, &[one_peer], 0)]);
    assert_eq!(scene.room.gauge().broadcast, None);
    let (host, host_peer) = scene.joins(HOST);
    assert_eq!(scene.room.gauge().broadcast, Some(DEFAULT_SEATS));
    assert_eq!(scene.news_later(one), [circle(Some(host_peer), &[one_peer], 0)]);
    scene.disconnects(host);
    assert_eq!(scene.room.gauge().broadcast, None);
    assert_eq!(scene.news_later(one), [circle(None, &[one_peer], 0)]);
}

#[test]
fn seats_outlast_a_host_that_reloads() {
    let mut scene = scene();
    let (host, _) = scene.host(1);
    let (one, one_peer) = scene.joins(LIVE);
    scene.joins(LIVE);
    scene.disconnects(host);
    let (_, host_peer) = scene.joins(HOST);
    assert_eq!(scene.news_later(one).last(), Some(&circle(Some(host_peer), &[one_peer], 1)));
    assert_eq!(scene.room.gauge().broadcast, Some(1));
}

#[test]
fn a_second_host_takes_the_place_of_the_first() {
    let mut scene = scene();
    let (first, first_peer) = scene.host(3);
    let (one, one_peer) = scene.joins(LIVE);
    scene.news(first);
    let (second, second_peer) = scene.joins(HOST);
    assert_ne!(first_peer, second_peer);
    assert_eq!(scene.news(first), closed(CloseReason::Replaced));
    assert_eq!(scene.news_later(one).last(), Some(&circle(Some(second_peer), &[one_peer], 0)));
    // By its token it is the same again.
    scene.news(second);
    let third = scene.attach(Comes { resumed: Some(second_peer), ..HOST });
    assert_eq!(scene.welcome(third), (second_peer, true));
    assert_eq!(scene.news(second), closed(CloseReason::Replaced));
    // What is still heard of a socket that was replaced counts for nothing.
    scene.disconnects(first);
    scene.disconnects(second);
    assert_eq!(scene.room.gauge().broadcast, Some(3));
    assert_eq!(scene.news_later(third).last(), Some(&circle(Some(second_peer), &[one_peer], 0)));
}

#[test]
fn together_whoever_came_first_is_host_and_then_the_next() {
    let mut scene = scene();
    let (a, a_peer) = scene.joins(TOGETHER);
    // The owner is one of them.
    let (b, b_peer) = scene.joins(Comes { owner: true, ..TOGETHER });
    let (c, c_peer) = scene.joins(TOGETHER);
    assert_eq!(scene.news_later(a).last(), Some(&circle(Some(a_peer), &[b_peer, c_peer], 0)));
    scene.forget_news();
    scene.disconnects(a);
    let passed_on = circle(Some(b_peer), &[c_peer], 0);
    assert_eq!(scene.news_later(b), std::slice::from_ref(&passed_on));
    assert_eq!(scene.news(c), [passed_on]);
    assert_eq!(scene.room.gauge(), Gauge::default());
    // Whoever comes back is the last.
    let again = scene.attach(Comes { resumed: Some(a_peer), ..TOGETHER });
    assert_eq!(scene.welcome(again), (a_peer, true));
    assert_eq!(scene.news(again), [circle(Some(b_peer), &[c_peer, a_peer], 0)]);
}

#[test]
fn signals_pass_between_a_host_and_whoever_has_a_seat_and_nobody_else() {
    let mut scene = scene();
    let (owner, owner_peer) = scene.owner();
    let (host, host_peer) = scene.host(2);
    let (one, one_peer) = scene.joins(LIVE);
    let (two, two_peer) = scene.joins(LIVE);
    let (late, late_peer) = scene.joins(LIVE);
    let (first, first_peer) = scene.joins(TOGETHER);
    let (second, second_peer) = scene.joins(TOGETHER);
    let everyone = [
        (owner, owner_peer),
        (host, host_peer),
        (one, one_peer),
        (two, two_peer),
        (late, late_peer),
        (first, first_peer),
        (second, second_peer),
    ];
    let pairs = [(host, one), (host, two), (first, second)];
    for (from, from_peer) in everyone {
        for (to, to_peer) in everyone {
            scene.forget_news();
            scene.says(from, signal(to_peer));
            let allowed = pairs.contains(&(from, to)) || pairs.contains(&(to, from));
            assert_eq!(scene.hears_signal_of(to, from_peer), allowed, "{from_peer} to {to_peer}");
            assert!(scene.sent.is_empty());
        }
    }
    scene.says(host, signal(PeerId(99)));
    assert!(scene.sent.is_empty());
    // With a seat it may.
    scene.says(one, ClientMessage::Leave);
    scene.says(late, signal(host_peer));
    assert!(scene.hears_signal_of(host, late_peer));
}

#[test]
fn the_host_of_a_broadcast_sends_listeners_away_and_nobody_else_can() {
    let mut scene = scene();
    let (host, host_peer) = scene.host(1);
    let (one, one_peer) = scene.joins(LIVE);
    let (two, two_peer) = scene.joins(LIVE);
    let (_, member) = scene.recipient();
    scene.news(one);
    scene.says(host, ClientMessage::Remove { peer: one_peer });
    assert_eq!(scene.news(one), closed(CloseReason::Removed));
    assert_eq!(scene.news_later(two).last(), Some(&circle(Some(host_peer), &[two_peer], 0)));
    // Its name is worth nothing any more, here and elsewhere.
    for comes in [LIVE, TOGETHER, RECIPIENT] {
        let again = scene.attach(Comes { resumed: Some(one_peer), ..comes });
        assert_eq!(scene.news(again), closed(CloseReason::Removed));
    }
    // Members of the exchange are the owner's affair there.
    scene.says(host, ClientMessage::Remove { peer: member });
    assert_eq!(scene.room.gauge().members, 1);
    scene.says(two, ClientMessage::Remove { peer: host_peer });
    assert_eq!(refused_as(&scene.news(two)), Some(ErrorCode::Forbidden));
    scene.joins(LIVE);
    scene.news(host);
    scene.says(host, ClientMessage::Remove { peer: host_peer });
    assert_eq!(refused_as(&scene.news(host)[..1]), Some(ErrorCode::Forbidden));
    let (first, _) = scene.joins(TOGETHER);
    let (_, second_peer) = scene.joins(TOGETHER);
    scene.news(first);
    scene.says(first, ClientMessage::Remove { peer: second_peer });
    assert_eq!(refused_as(&scene.news(first)), Some(ErrorCode::Forbidden));
}

#[test]
fn a_token_gives_a_place_back_only_where_it_was() {
    let mut scene = scene();
    scene.host(1);
    let (one, one_peer) = scene.joins(LIVE);
    let (two, two_peer) = scene.joins(LIVE);
    let (_, member) = scene.recipient();
    for socket in [one, two] {
        scene.news(socket);
    }
    // In the same circle: the place too, with or without a seat.
    for (socket, peer) in [(one, one_peer), (two, two_peer)] {
        let again = scene.attach(Comes { resumed: Some(peer), ..LIVE });
        assert_eq!(scene.welcome(again), (peer, true));
        assert_eq!(scene.news(socket).last(), closed(CloseReason::Replaced).last());
        let Some(ServerMessage::Circle(roster)) = scene.news(again).pop() else { panic!() };
        assert_eq!((roster.members, roster.waiting), (vec![one_peer], 1));
        assert_eq!(roster.ahead, (peer == two_peer).then_some(0));
    }
    // Elsewhere, in another role, or a name that a member of the exchange bears: as someone new.
    let owner_too = Comes { owner: true, ..TOGETHER };
    for (name, comes) in [
        (one_peer, TOGETHER),
        (one_peer, RECIPIENT),
        (one_peer, HOST),
        (member, LIVE),
        (member, owner_too),
    ] {
        let again = scene.attach(Comes { resumed: Some(name), ..comes });
        assert!(!scene.welcome(again).1);
        assert!(![one_peer, two_peer, member].contains(&scene.name(again)));
    }
    // Nor is a name of a circle taken over as that of a provider.
    let providers = vec![one_peer];
    let (back, _) = scene.joins(Comes { resumed: Some(PeerId(77)), providers, ..RECIPIENT });
    assert!(scene.news(back).contains(&ServerMessage::Revoked { peer: one_peer }));
}

#[test]
fn a_full_room_takes_no_more_listeners_but_always_the_owner() {
    let mut scene = Scene::with_at_most(3, Topology::Swarm);
    scene.recipient();
    scene.recipient();
    let (one, one_peer) = scene.joins(LIVE);
    scene.joins(TOGETHER);
    for comes in [LIVE, TOGETHER] {
        let late = scene.attach(comes);
        assert_eq!(refused_as(&scene.news(late)), Some(ErrorCode::Full));
        assert!(scene.closed.contains(&late));
    }
    let (host, _) = scene.joins(HOST);
    let again = scene.attach(Comes { resumed: Some(one_peer), ..LIVE });
    assert_eq!(scene.welcome(again), (one_peer, true));
    assert!(scene.closed.contains(&one) && !scene.closed.contains(&host));
    let late = scene.attach(LIVE);
    assert_eq!(refused_as(&scene.news(late)), Some(ErrorCode::Full));
}

#[test]
fn those_who_listen_together_are_bounded() {
    let mut scene = Scene::with_at_most(1000, Topology::Swarm);
    for _ in 0..=MAX_CIRCLE_MEMBERS {
        scene.joins(TOGETHER);
    }
    let late = scene.attach(TOGETHER);
    assert_eq!(refused_as(&scene.news(late)), Some(ErrorCode::Full));
    // A broadcast has a line instead.
    for _ in 0..100 {
        scene.joins(LIVE);
    }
}

#[test]
fn whoever_breaks_the_rules_of_a_circle_is_told_and_gone() {
    for comes in [HOST, LIVE, TOGETHER] {
        for message in [
            join_message(),
            ClientMessage::Want,
            ClientMessage::Complete,
            ClientMessage::Slots { offered: 1 },
            ClientMessage::LinkLost { peer: PeerId(1) },
            ClientMessage::BadPiece { peer: PeerId(1), piece: 0 },
            progress(1),
            ClientMessage::Seats { count: 1 },
        ] {
            let may = comes.owner && matches!(message, ClientMessage::Seats { .. });
            let mut scene = scene();
            let (socket, _) = scene.joins(comes.clone());
            scene.news(socket);
            scene.says(socket, message);
            let code = (!may).then_some(ErrorCode::Malformed);
            assert_eq!(refused_as(&scene.news(socket)), code);
            assert_eq!(scene.closed.contains(&socket), !may);
            assert_eq!(scene.room.is_idle(), !may);
        }
    }
    let mut scene = scene();
    let (owner, _) = scene.owner();
    scene.says(owner, ClientMessage::Seats { count: 1 });
    assert_eq!(refused_as(&scene.news(owner)), Some(ErrorCode::Malformed));
}

#[test]
fn a_ping_is_answered_and_an_end_is_told() {
    let mut scene = scene();
    let (host, _) = scene.host(1);
    let (one, _) = scene.joins(LIVE);
    let (other, _) = scene.joins(TOGETHER);
    assert!(!scene.room.is_idle());
    for socket in [host, one, other] {
        scene.news_later(socket);
        scene.says(socket, ClientMessage::Ping);
        assert_eq!(scene.news(socket), [ServerMessage::Pong]);
    }
    scene.input(Input::Ended { reason: CloseReason::Stopped });
    for socket in [host, one, other] {
        assert_eq!(scene.news(socket), closed(CloseReason::Stopped));
        assert!(scene.closed.contains(&socket));
    }
    assert!(scene.room.is_idle());
    assert_eq!(scene.room.poll_timeout(), None);
}

#[test]
fn rosters_of_a_circle_are_few_and_the_last_is_right() {
    let mut scene = scene();
    let (host, host_peer) = scene.host(2);
    let (_, one_peer) = scene.joins(LIVE);
    let began = scene.now;
    for _ in 0..100 {
        let (two, _) = scene.joins(LIVE);
        scene.wait(Duration::from_millis(10));
        scene.disconnects(two);
        scene.wait(Duration::from_millis(10));
    }
    let rosters = scene.news_later(host);
    let most = (scene.now - began).as_millis() as usize / 250 + 2;
    assert!((4..=most).contains(&rosters.len()), "{}", rosters.len());
    assert_eq!(rosters.last(), Some(&circle(Some(host_peer), &[one_peer], 0)));
    // Nothing new, nothing said.
    scene.says(host, ClientMessage::Seats { count: 2 });
    assert_eq!(scene.news_later(host), []);
    assert_eq!(scene.room.poll_timeout(), None);
}
