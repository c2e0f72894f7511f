//! Circles of a room, over real sockets.

use serde_json::Value;
use transfer4me::protocol::circle::{CircleKind, CircleRoster};
use transfer4me::protocol::id::{PageId, PeerId};
use transfer4me::protocol::rooms::LiveState;
use transfer4me::protocol::signal::SealedSignal;
use transfer4me::protocol::signalling::{
    ClientMessage, CloseReason, ErrorCode, Join, ServerMessage, Welcome,
};

use super::running::{Peer, Room, Running, Setup, start, start_with};

fn sealed(text: &str) -> SealedSignal {
    SealedSignal(text.into())
}

async fn listener(server: &Running, room: &Room, kind: CircleKind) -> (Peer, Welcome) {
    server.joined(room, Join { circle: Some(kind), ..room.join() }).await
}

async fn host(server: &Running, room: &Room) -> (Peer, Welcome) {
    let circle = Some(CircleKind::Live);
    server.joined(room, Join { circle, ..room.owner_join() }).await
}

/// Until the circle is like this; every other view on the way is skipped.
async fn sees(peer: &mut Peer, host: Option<PeerId>, members: &[PeerId], ahead: Option<u32>) {
    loop {
        let ServerMessage::Circle(CircleRoster {
            host: plays, members: seated, ahead: first, ..
        }) = peer.hear().await
        else {
            panic!("not of the circle")
        };
        if plays == host && seated == members && first == ahead {
            return;
        }
    }
}

async fn live(server: &Running, room: &Room) -> LiveState {
    let summary: Value = server.get(&room.created.links.self_).await.json();
    serde_json::from_value(summary["live"].clone()).unwrap()
}

#[tokio::test]
async fn a_broadcast_goes_to_whoever_has_a_seat() {
    let server = start().await;
    let room = server.room().await;
    assert_eq!(live(&server, &room).await, LiveState::Absent);
    let (mut owner, owner_name) = host(&server, &room).await;
    owner.say(&ClientMessage::Seats { count: 1 }).await;
    owner.say(&ClientMessage::Ping).await;
    while owner.hear().await != ServerMessage::Pong {}
    assert_eq!(live(&server, &room).await, LiveState::Ready);
    let plays = Some(owner_name.peer_id);

    let (mut first, first_name) = listener(&server, &room, CircleKind::Live).await;
    let (mut second, second_name) = listener(&server, &room, CircleKind::Live).await;
    sees(&mut first, plays, &[first_name.peer_id], None).await;
    sees(&mut second, plays, &[first_name.peer_id], Some(0)).await;
    sees(&mut owner, plays, &[first_name.peer_id], None).await;

    let to = owner_name.peer_id;
    second.say(&ClientMessage::Signal { to, sealed: sealed("too early") }).await;
    // Once this is answered, that was dropped.
    second.say(&ClientMessage::Ping).await;
    while second.hear().await != ServerMessage::Pong {}
    first.say(&ClientMessage::Signal { to, sealed: sealed("offer") }).await;
    let from = first_name.peer_id;
    loop {
        match owner.hear().await {
            ServerMessage::Circle(_) => {}
            heard => {
                assert_eq!(heard, ServerMessage::Signal { from, sealed: sealed("offer") });
                break;
            }
        }
    }
    for to in [second_name.peer_id, first_name.peer_id] {
        owner.say(&ClientMessage::Signal { to, sealed: sealed("answer") }).await;
    }
    loop {
        match first.hear().await {
            ServerMessage::Circle(_) => {}
            heard => {
                let from = owner_name.peer_id;
                assert_eq!(heard, ServerMessage::Signal { from, sealed: sealed("answer") });
                break;
            }
        }
    }

    // A socket that drops gives its seat up, and nothing but the circle was told to the one in line.
    drop(first);
    sees(&mut second, plays, &[second_name.peer_id], None).await;
    owner.say(&ClientMessage::Seats { count: 0 }).await;
    owner.say(&ClientMessage::Remove { peer: second_name.peer_id }).await;
    let heard = second.hear_out().await;
    assert_eq!(heard.last(), Some(&ServerMessage::Closed { reason: CloseReason::Removed }));
    assert_eq!(live(&server, &room).await, LiveState::Unable);
    let token = Some(first_name.resume_token);
    let again = Join { resume_token: token, circle: Some(CircleKind::Live), ..room.join() };
    let (_first, again) = server.joined(&room, again).await;
    assert!(again.resumed && again.peer_id == first_name.peer_id);
}

#[tokio::test]
async fn those_who_listen_together_have_the_next_as_host_when_one_goes() {
    let server = start().await;
    let room = server.room().await;
    let (mut first, first_name) = listener(&server, &room, CircleKind::Together).await;
    let (mut second, second_name) = listener(&server, &room, CircleKind::Together).await;
    let (mut third, third_name) = listener(&server, &room, CircleKind::Together).await;
    let [a, b, c] = [first_name, second_name, third_name].map(|name| name.peer_id);
    sees(&mut first, Some(a), &[b, c], None).await;
    first.say(&ClientMessage::Leave).await;
    sees(&mut second, Some(b), &[c], None).await;
    sees(&mut third, Some(b), &[c], None).await;
    third.say(&ClientMessage::Signal { to: b, sealed: sealed("what time is it") }).await;
    let heard = second.hear().await;
    assert_eq!(heard, ServerMessage::Signal { from: c, sealed: sealed("what time is it") });
    assert_eq!(live(&server, &room).await, LiveState::Absent);
    // The room lives for as long as someone is in a circle of it, and its end is told there.
    assert_eq!(server.state.hub.live_rooms(), 1);
    server.close(&room).await;
    let heard = third.hear_out().await;
    assert_eq!(heard, [ServerMessage::Closed { reason: CloseReason::Stopped }]);
}

#[tokio::test]
async fn only_the_owner_broadcasts_and_a_full_room_says_so() {
    let args = vec!["--max-peers-per-room=2"];
    let server = start_with(Setup { args, ..Setup::default() }).await;
    let room = server.room().await;
    let (mut one, name) = listener(&server, &room, CircleKind::Live).await;
    sees(&mut one, None, &[name.peer_id], None).await;
    let mut late = server.socket(&room).await;
    let join = Join { circle: Some(CircleKind::Live), ..room.join() };
    late.say(&ClientMessage::Join(join)).await;
    late.expect_refusal(ErrorCode::Full).await;
    let (_owner, owner_name) = host(&server, &room).await;
    sees(&mut one, Some(owner_name.peer_id), &[name.peer_id], None).await;
    one.say(&ClientMessage::Seats { count: 1 }).await;
    one.expect_refusal(ErrorCode::Malformed).await;
}

#[tokio::test]
async fn a_page_that_is_removed_from_the_exchange_is_removed_from_the_circle() {
    let server = start().await;
    let room = server.room().await;
    let page = Some(PageId::from_bytes([7; PageId::LENGTH]));
    let (mut owner, _) = server.joined(&room, room.owner_join()).await;
    let (mut playing, _) = host(&server, &room).await;
    let (fetching, name) = server.joined(&room, Join { page, ..room.join() }).await;
    let listens = Join { page, circle: Some(CircleKind::Live), ..room.join() };
    let (listening, listener) = server.joined(&room, listens.clone()).await;
    owner.say(&ClientMessage::Remove { peer: name.peer_id }).await;
    let removed = ServerMessage::Closed { reason: CloseReason::Removed };
    assert_eq!(fetching.hear_out().await.last(), Some(&removed));
    assert_eq!(listening.hear_out().await.last(), Some(&removed));
    while playing.hear().await != (ServerMessage::Revoked { peer: listener.peer_id }) {}
    let mut again = server.socket(&room).await;
    again.say(&ClientMessage::Join(listens)).await;
    assert_eq!(again.hear_out().await.last(), Some(&removed));
}
