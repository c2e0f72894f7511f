//! The WebSocket of a room, from joining to the end.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use transfer4me::protocol::id::{JoinToken, OwnerToken, ResumeToken, RoomId};
use transfer4me::protocol::rooms::Topology;
use transfer4me::protocol::signal::SealedSignal;
use transfer4me::protocol::signalling::{
    ClientMessage, CloseReason, ErrorCode, Have, Join, MemberPhase, PathKind, Progress,
    ServerMessage, Welcome,
};

use super::running::{Peer, Room, Running, Setup, random, start, start_with};

/// Fetch from the owner.
fn assigned_to(owner: &Welcome) -> ServerMessage {
    ServerMessage::Assigned { peers: vec![owner.peer_id], owner: Some(owner.peer_id) }
}

fn sealed(text: &str) -> SealedSignal {
    SealedSignal(text.into())
}

async fn summary(server: &Running, room: &Room) -> Value {
    server.get(&room.created.links.self_).await.json()
}

/// Waits for what happens behind the sockets.
async fn eventually(mut met: impl AsyncFnMut() -> bool) {
    for _ in 0..200 {
        if met().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not happen");
}

async fn refused(server: &Running, room: &Room, join: Join) {
    let mut peer = server.socket(room).await;
    peer.say(&ClientMessage::Join(join)).await;
    peer.expect_refusal(ErrorCode::Forbidden).await;
}

async fn closed_because(peer: Peer, reason: CloseReason) {
    assert_eq!(peer.hear_out().await.last(), Some(&ServerMessage::Closed { reason }));
}

#[tokio::test]
async fn a_ping_is_answered() {
    let server = start().await;
    let room = server.room().await;
    let (mut owner, _) = server.owner(&room).await;
    owner.say(&ClientMessage::Ping).await;
    assert_eq!(owner.hear().await, ServerMessage::Pong);
}

#[tokio::test]
async fn a_recipient_is_given_the_owner_and_signals_pass_between_them() {
    let server = start().await;
    let room = server.room().await;
    let (mut owner, host) = server.owner(&room).await;
    assert_eq!(summary(&server, &room).await["seeds_online"], 1);
    let (mut leech, guest) = server.recipient(&room).await;
    assert_ne!(host.peer_id, guest.peer_id);
    assert!(host.trickle_ice && host.ice_servers.is_empty() && !host.resumed);

    leech.say(&ClientMessage::Want).await;
    assert_eq!(leech.hear().await, assigned_to(&host));
    assert_eq!(owner.hear().await, ServerMessage::Serve { peer: guest.peer_id });
    leech.say(&ClientMessage::Signal { to: host.peer_id, sealed: sealed("offer") }).await;
    let heard = owner.hear().await;
    assert_eq!(heard, ServerMessage::Signal { from: guest.peer_id, sealed: sealed("offer") });
    owner.say(&ClientMessage::Signal { to: guest.peer_id, sealed: sealed("answer") }).await;
    let heard = leech.hear().await;
    assert_eq!(heard, ServerMessage::Signal { from: host.peer_id, sealed: sealed("answer") });
}

#[tokio::test]
async fn a_signal_to_a_peer_that_was_not_assigned_goes_nowhere() {
    let server = start().await;
    // Where recipients do not serve each other.
    let room = server.room_with(json!({"topology": "direct"})).await;
    let (mut owner, host) = server.owner(&room).await;
    let (mut served, guest) = server.recipient(&room).await;
    let (mut stranger, _) = server.recipient(&room).await;
    served.say(&ClientMessage::Want).await;
    assert_eq!(owner.hear().await, ServerMessage::Serve { peer: guest.peer_id });
    assert!(matches!(served.hear().await, ServerMessage::Assigned { .. }));

    for to in [host.peer_id, guest.peer_id] {
        stranger.say(&ClientMessage::Signal { to, sealed: sealed("psst") }).await;
    }
    // Its own request comes after its signals, and the owner hears of nothing before it.
    stranger.say(&ClientMessage::Want).await;
    assert!(matches!(owner.hear().await, ServerMessage::Serve { .. }));
    owner.say(&ClientMessage::Signal { to: guest.peer_id, sealed: sealed("to you") }).await;
    let heard = served.hear().await;
    assert_eq!(heard, ServerMessage::Signal { from: host.peer_id, sealed: sealed("to you") });
}

#[tokio::test]
async fn rooms_are_apart() {
    let server = start().await;
    let (room, other) = (server.room().await, server.room().await);
    let (_owner, _) = server.owner(&room).await;
    let (mut leech, _) = server.recipient(&other).await;
    leech.say(&ClientMessage::Want).await;
    assert!(matches!(leech.hear().await, ServerMessage::Waiting { .. }));
    assert_eq!(summary(&server, &other).await["seeds_online"], 0);
}

#[tokio::test]
async fn whoever_lacks_the_link_or_lies_about_owning_it_stays_out() {
    let server = start().await;
    let room = server.room().await;
    let wrong = Join { join_token: JoinToken::from_bytes(random()), ..room.owner_join() };
    refused(&server, &room, wrong).await;
    let liar = room.with_owner_token(OwnerToken::from_bytes(random()));
    refused(&server, &liar, liar.owner_join()).await;
    assert_eq!(server.state.hub.live_rooms(), 0);
}

#[tokio::test]
async fn a_protected_room_wants_the_ticket_or_the_owner() {
    let server = start().await;
    let room = server.room_with(json!({"password": {"kind": "text", "text": "kabo"}})).await;
    refused(&server, &room, room.join()).await;
    let (_owner, _) = server.owner(&room).await;

    let (_, ticket) = server.unlock(&room, "kabo").await;
    let (id, origin) = (&room.created.room_id, Some(server.origin.as_str()));
    let mut peer = server.socket_with(id, origin, ticket.as_deref()).await.unwrap();
    peer.say(&ClientMessage::Join(room.join())).await;
    assert!(matches!(peer.hear().await, ServerMessage::Welcome(_)));

    // The ticket is not the link.
    let mut peer = server.socket_with(id, origin, ticket.as_deref()).await.unwrap();
    let join = Join { join_token: JoinToken::from_bytes(random()), ..room.join() };
    peer.say(&ClientMessage::Join(join)).await;
    peer.expect_refusal(ErrorCode::Forbidden).await;
}

#[tokio::test]
async fn a_room_that_never_was_is_told_on_the_socket() {
    let server = start().await;
    let room = server.room().await;
    let absent = RoomId::from_bytes(random());
    let mut peer = server.socket_with(&absent, Some(&server.origin), None).await.unwrap();
    peer.say(&ClientMessage::Join(room.join())).await;
    peer.expect_refusal(ErrorCode::NotFound).await;
}

#[tokio::test]
async fn the_owner_sends_a_recipient_away_and_nobody_else_can() {
    let server = start().await;
    let room = server.room().await;
    let (mut owner, host) = server.owner(&room).await;
    let (mut first, _) = server.recipient(&room).await;
    let (second, guest) = server.recipient(&room).await;
    first.say(&ClientMessage::Remove { peer: host.peer_id }).await;
    first.expect_refusal(ErrorCode::Forbidden).await;
    owner.say(&ClientMessage::Remove { peer: guest.peer_id }).await;
    closed_because(second, CloseReason::Removed).await;
}

#[tokio::test]
async fn the_owner_sees_how_far_others_are() {
    let server = start().await;
    let room = server.room().await;
    let (mut owner, _) = server.owner(&room).await;
    let (mut leech, guest) = server.recipient(&room).await;
    let progress = Progress {
        have_bytes: 3,
        wanted_bytes: 5,
        bytes_per_second: 1,
        phase: MemberPhase::Downloading,
        path: PathKind::Direct,
        have: Have::Some,
    };
    leech.say(&ClientMessage::Progress(progress)).await;
    loop {
        let Some(ServerMessage::Roster { members }) = owner.hear_any().await else {
            panic!("no roster")
        };
        if members.iter().any(|entry| entry.progress == progress) {
            assert_eq!((members.len(), members[0].peer), (1, guest.peer_id));
            break;
        }
    }
}

#[tokio::test]
async fn closing_a_room_sends_everyone_away_and_lets_nobody_in() {
    let server = start().await;
    let room = server.room().await;
    let (owner, _) = server.owner(&room).await;
    let (leech, _) = server.recipient(&room).await;
    assert_eq!(server.close(&room).await, StatusCode::NO_CONTENT);
    closed_because(owner, CloseReason::Stopped).await;
    closed_because(leech, CloseReason::Stopped).await;
    let mut late = server.socket(&room).await;
    late.say(&ClientMessage::Join(room.join())).await;
    closed_because(late, CloseReason::Stopped).await;
    eventually(async || server.state.hub.live_rooms() == 0).await;
}

#[tokio::test]
async fn the_end_of_a_room_is_told_to_those_inside() {
    let server = start().await;
    let room = server.room_with(json!({"expires_in": 1})).await;
    let (owner, _) = server.owner(&room).await;
    tokio::time::sleep(Duration::from_millis(2100)).await;
    server.state.rooms.sweep().await;
    closed_because(owner, CloseReason::Expired).await;
    let mut late = server.socket(&room).await;
    late.say(&ClientMessage::Join(room.join())).await;
    closed_because(late, CloseReason::Expired).await;
}

#[tokio::test]
async fn a_member_whose_socket_dropped_gets_its_place_back() {
    let server = start().await;
    let room = server.room().await;
    let (leech, before) = server.recipient(&room).await;
    drop(leech);
    eventually(async || server.state.hub.gauge(&room.created.room_id).members == 0).await;
    let join = Join { resume_token: Some(before.resume_token), ..room.join() };
    let (_leech, after) = server.joined(&room, join).await;
    assert!(after.resumed);
    assert_eq!(after.peer_id, before.peer_id);
    // Somebody else's token is worth nothing.
    let join = Join { resume_token: Some(ResumeToken::from_bytes(random())), ..room.join() };
    let (_other, other) = server.joined(&room, join).await;
    assert!(!other.resumed && other.peer_id != before.peer_id);
}

#[tokio::test]
async fn names_and_links_outlive_the_server() {
    let server = start().await;
    let room = server.room().await;
    let (mut owner, host) = server.owner(&room).await;
    let (mut leech, guest) = server.recipient(&room).await;
    leech.say(&ClientMessage::Want).await;
    assert_eq!(leech.hear().await, assigned_to(&host));
    assert_eq!(owner.hear().await, ServerMessage::Serve { peer: guest.peer_id });

    let server = server.crash().await;
    let join = Join {
        resume_token: Some(guest.resume_token),
        providers: vec![host.peer_id],
        ..room.join()
    };
    let (mut leech, again) = server.joined(&room, join).await;
    assert!(again.resumed && again.peer_id == guest.peer_id);
    let join = Join { resume_token: Some(host.resume_token), ..room.owner_join() };
    let (mut owner, again) = server.joined(&room, join).await;
    assert!(again.resumed && again.peer_id == host.peer_id);
    assert_eq!(summary(&server, &room).await["seeds_online"], 1);
    // The link stands: signals pass, and nothing was assigned anew.
    leech.say(&ClientMessage::Signal { to: host.peer_id, sealed: sealed("still here") }).await;
    let heard = owner.hear().await;
    assert_eq!(heard, ServerMessage::Signal { from: guest.peer_id, sealed: sealed("still here") });
    owner.say(&ClientMessage::Signal { to: guest.peer_id, sealed: sealed("me too") }).await;
    let heard = leech.hear().await;
    assert_eq!(heard, ServerMessage::Signal { from: host.peer_id, sealed: sealed("me too") });
}

#[tokio::test]
async fn a_resume_token_that_was_not_made_for_this_makes_a_new_member() {
    let server = start().await;
    let (room, other) = (server.room().await, server.room().await);
    let (_owner, host) = server.owner(&room).await;
    let (_leech, guest) = server.recipient(&room).await;
    let (_elsewhere, stranger) = server.recipient(&other).await;
    let mut altered = *guest.resume_token.as_bytes();
    altered[ResumeToken::LENGTH - 1] ^= 1;
    let mut renamed = *guest.resume_token.as_bytes();
    renamed[..4].copy_from_slice(&host.peer_id.0.to_be_bytes());
    // Altered, with another's name, of another room, of another role.
    for token in [
        ResumeToken::from_bytes(altered),
        ResumeToken::from_bytes(renamed),
        stranger.resume_token,
        host.resume_token,
    ] {
        let providers = vec![host.peer_id];
        let join = Join { resume_token: Some(token), providers, ..room.join() };
        let (_new, welcome) = server.joined(&room, join).await;
        assert!(!welcome.resumed);
        assert!(![host.peer_id, guest.peer_id, stranger.peer_id].contains(&welcome.peer_id));
    }
}

#[tokio::test]
async fn whom_the_owner_removed_does_not_come_back_by_its_token() {
    let server = start().await;
    let room = server.room().await;
    let (mut owner, _) = server.owner(&room).await;
    let (leech, guest) = server.recipient(&room).await;
    owner.say(&ClientMessage::Remove { peer: guest.peer_id }).await;
    closed_because(leech, CloseReason::Removed).await;
    let mut again = server.socket(&room).await;
    let join = Join { resume_token: Some(guest.resume_token), ..room.join() };
    again.say(&ClientMessage::Join(join)).await;
    closed_because(again, CloseReason::Removed).await;
}

#[tokio::test]
async fn the_operators_topology_is_that_of_rooms_which_choose_none() {
    let args = vec!["--topology=pool"];
    let server = start_with(Setup { args, ..Setup::default() }).await;
    let room = server.room().await;
    assert_eq!(summary(&server, &room).await["topology"], "pool");
    assert_eq!(server.recipient(&room).await.1.topology, Topology::Pool);
    let null = server.room_with(json!({"topology": null})).await;
    assert_eq!(summary(&server, &null).await["topology"], "pool");
    for topology in Topology::ALL {
        let room = server.room_with(json!({"topology": topology})).await;
        assert_eq!(summary(&server, &room).await["topology"], json!(topology));
        assert_eq!(server.recipient(&room).await.1.topology, topology);
    }
}

#[tokio::test]
async fn a_pool_of_one_slot_lets_one_in_after_the_other() {
    let server = start().await;
    let room = server.room_with(json!({"topology": "pool"})).await;
    let (_owner, host) = server.joined(&room, Join { slots: 1, ..room.owner_join() }).await;
    let mut line = Vec::new();
    for ahead in 0..4_u32 {
        let join = Join { slots: 0, ..room.join() };
        let (mut leech, _) = server.joined(&room, join).await;
        leech.say(&ClientMessage::Want).await;
        let expected = match ahead.checked_sub(1) {
            None => assigned_to(&host),
            Some(ahead) => ServerMessage::Waiting { ahead, seeds: 1 },
        };
        assert_eq!(leech.hear().await, expected);
        line.push(leech);
    }
    let mut line = line.into_iter();
    let mut first = line.next().unwrap();
    for mut next in line {
        first.say(&ClientMessage::Complete).await;
        loop {
            match next.hear().await {
                ServerMessage::Waiting { .. } => {}
                heard => {
                    assert_eq!(heard, assigned_to(&host));
                    break;
                }
            }
        }
        first = next;
    }
}

#[tokio::test]
async fn a_room_task_ends_when_all_have_left_and_starts_again_when_needed() {
    let server = start().await;
    let room = server.room().await;
    for _ in 0..3 {
        let (mut owner, _) = server.owner(&room).await;
        assert_eq!(server.state.hub.live_rooms(), 1);
        owner.say(&ClientMessage::Leave).await;
        assert!(owner.hear_out().await.is_empty());
        eventually(async || server.state.hub.live_rooms() == 0).await;
    }
}

#[tokio::test]
async fn a_full_room_says_so() {
    let args = vec!["--max-peers-per-room=2"];
    let server = start_with(Setup { args, ..Setup::default() }).await;
    let room = server.room().await;
    let (_owner, _) = server.owner(&room).await;
    let (_leech, _) = server.recipient(&room).await;
    let mut late = server.socket(&room).await;
    late.say(&ClientMessage::Join(room.join())).await;
    late.expect_refusal(ErrorCode::Full).await;
}

#[tokio::test]
async fn members_learn_what_the_operator_set() {
    let args = vec!["--trickle-ice=false", "--stun-urls=stun:stun.example.org:3478"];
    let server = start_with(Setup { args, ..Setup::default() }).await;
    let (_leech, welcome) = server.recipient(&server.room().await).await;
    assert!(!welcome.trickle_ice);
    assert_eq!(welcome.ice_servers[0].urls, ["stun:stun.example.org:3478"]);
}

#[tokio::test]
async fn a_stopping_server_says_goodbye_and_goes() {
    let server = start().await;
    let room = server.room().await;
    let (owner, _) = server.owner(&room).await;
    let waiting = server.socket(&room).await;
    let asked = std::time::Instant::now();
    let stopped = tokio::spawn(server.stop());
    owner.expect_refusal(ErrorCode::Unavailable).await;
    waiting.expect_refusal(ErrorCode::Unavailable).await;
    stopped.await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}
