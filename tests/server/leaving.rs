//! Whoever leaves is gone at once, over real sockets. Every order of events is in `tests/leaving.rs`.

use tokio_tungstenite::tungstenite::Message;
use transfer4me::protocol::signalling::{ClientMessage, Join, ServerMessage};

use super::running::{Peer, start};

/// Reads until the sender's list is empty after somebody was in it, or was gone before it was written.
async fn list_is_empty(owner: &mut Peer) {
    loop {
        if let Some(ServerMessage::Roster { members }) = owner.hear_any().await {
            // Whoever is away stays in the list: a minute, which is more than this waits.
            if members.is_empty() {
                return;
            }
        }
    }
}

#[tokio::test]
async fn who_leaves_before_the_welcome_is_gone() {
    let server = start().await;
    let room = server.room().await;
    let (mut owner, _) = server.owner(&room).await;
    list_is_empty(&mut owner).await;
    for _ in 0..10 {
        let mut leech = server.socket(&room).await;
        leech.say(&ClientMessage::Join(room.join())).await;
        leech.say(&ClientMessage::Leave).await;
        leech.send(Message::Close(None)).await.unwrap();
        list_is_empty(&mut owner).await;
    }
}

#[tokio::test]
async fn who_vanishes_before_the_welcome_is_not_waited_for() {
    let server = start().await;
    let room = server.room().await;
    let (mut owner, _) = server.owner(&room).await;
    list_is_empty(&mut owner).await;
    let mut leech = server.socket(&room).await;
    leech.say(&ClientMessage::Join(room.join())).await;
    drop(leech);
    list_is_empty(&mut owner).await;
}

#[tokio::test]
async fn who_lost_its_socket_comes_back_to_leave() {
    let server = start().await;
    let room = server.room().await;
    let (mut owner, _) = server.owner(&room).await;
    list_is_empty(&mut owner).await;
    let (mut leech, welcome) = server.recipient(&room).await;
    leech.say(&ClientMessage::Want).await;
    drop(leech);
    let mut again = server.socket(&room).await;
    let resume_token = Some(welcome.resume_token);
    again.say(&ClientMessage::Join(Join { resume_token, ..room.join() })).await;
    again.say(&ClientMessage::Leave).await;
    list_is_empty(&mut owner).await;
    // A join of the same page that was held up on the way does not bring it back.
    let mut late = server.socket(&room).await;
    late.say(&ClientMessage::Join(Join { resume_token, ..room.join() })).await;
    assert!(late.hear_out().await.is_empty());
}

#[tokio::test]
async fn a_page_that_closes_its_socket_is_answered() {
    let server = start().await;
    let room = server.room().await;
    for leaves in [true, false] {
        let (mut leech, _) = server.recipient(&room).await;
        if leaves {
            leech.say(&ClientMessage::Leave).await;
        }
        leech.send(Message::Close(None)).await.unwrap();
        // By that it knows that all it said was read.
        assert!(leech.is_closed_in_order().await, "it left: {leaves}");
    }
}
