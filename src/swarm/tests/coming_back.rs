//! The socket: lost, opened again, left for good.

use crate::protocol::id::ResumeToken;
use std::collections::BTreeSet;

use super::*;

/// How long the machine waits after each loss in a row.
fn pauses(rng_seed: u64, losses: usize) -> Vec<Duration> {
    let mut script = Script::new(recipient_of(&[5]), &[5], rng_seed);
    script.input(Input::Started);
    let mut pauses = Vec::new();
    for _ in 0..losses {
        script.news();
        script.input(Input::SocketClosed);
        let began = script.now;
        while !script.outputs.contains(&Output::OpenSocket) {
            let next = script.swarm.poll_timeout().unwrap();
            script.wait(next - script.now);
        }
        pauses.push(script.now - began);
    }
    pauses
}

#[test]
fn pauses_grow_to_a_bound_and_spread() {
    for rng_seed in 0..50 {
        for (loss, pause) in pauses(rng_seed, 12).into_iter().enumerate() {
            let longest = Duration::from_millis(500 << loss).min(seconds(20));
            assert!(pause <= longest, "{rng_seed} {loss} {pause:?}");
        }
    }
    assert_eq!(pauses(3, 12), pauses(3, 12));
    let firsts: BTreeSet<Duration> = (0..50).map(|seed| pauses(seed * 2, 2)[1]).collect();
    assert!(firsts.len() > 40, "{firsts:?}");
    let late: Duration = (0..50).map(|seed| pauses(seed * 2, 12)[11]).sum();
    assert!((5..15).contains(&(late / 50).as_secs()), "{late:?}");
}

#[test]
fn a_welcome_begins_the_pauses_again() {
    let mut script = Script::recipient(&[5]);
    for _ in 0..10 {
        script.input(Input::SocketClosed);
        script.wait(seconds(20));
    }
    script.input(Input::SocketOpened);
    script.hears(welcome(true));
    script.news();
    script.input(Input::SocketClosed);
    assert_eq!(script.phase(), Phase::Reconnecting);
    script.wait(Duration::from_millis(500));
    assert!(script.news().contains(&Output::OpenSocket));
}

/// Waits until the socket is opened again.
fn reopen(script: &mut Script) {
    while !script.news().contains(&Output::OpenSocket) {
        let next = script.swarm.poll_timeout().unwrap();
        script.wait(next - script.now);
    }
}

#[test]
fn after_a_socket_that_was_given_up_the_next_has_more_time_until_a_welcome() {
    let mut script = Script::recipient(&[5]);
    for _ in 0..2 {
        script.news();
        script.input(Input::SocketClosed);
        for patience in [15, 30, 30] {
            reopen(&mut script);
            script.wait(Duration::from_millis(patience * 1000 - 1));
            assert!(!script.news().contains(&Output::CloseSocket), "within {patience} s");
            script.wait(Duration::from_millis(1));
            assert!(script.outputs.contains(&Output::CloseSocket), "after {patience} s");
        }
        reopen(&mut script);
        script.enter();
    }
}

#[test]
fn who_comes_back_shows_its_token_and_keeps_its_links() {
    let mut script = Script::recipient(&[5]);
    script.serve();
    script.input(Input::SocketClosed);
    script.wait(seconds(1));
    script.news();
    script.input(Input::SocketOpened);
    let resume_token = Some(ResumeToken::from_bytes([1; 20]));
    let (have, slots, providers) = (Have::None, DEFAULT_SLOTS, vec![OTHER]);
    assert_eq!(script.news(), [Output::Join { resume_token, have, slots, providers }]);
    script.hears(welcome(true));
    let news = script.news();
    assert!(!news.contains(&told(ClientMessage::Want)), "{news:?}");
    assert_eq!(script.phase(), Phase::Downloading);
}

#[test]
fn who_is_not_known_any_more_asks_again_and_drops_old_names() {
    let mut script = Script::recipient(&[5]);
    script.serve();
    script.input(Input::SocketClosed);
    script.wait(seconds(1));
    script.input(Input::SocketOpened);
    script.news();
    script.hears(welcome(false));
    let news = script.news();
    assert!(news.contains(&dropped(Reason::Revoked)));
    assert!(news.contains(&told(ClientMessage::Want)));
}

#[test]
fn nothing_is_told_without_a_socket() {
    let mut script = Script::recipient(&[5]);
    script.serve();
    script.input(Input::SocketClosed);
    script.input(Input::SocketClosed);
    script.input(Input::LinkClosed { peer: OTHER, lane: 0, attempt: 1 });
    script.news();
    script.wait(seconds(60));
    assert!(!script.news().iter().any(|output| matches!(output, Output::Tell(_))));
}

#[test]
fn who_left_is_deaf() {
    let mut script = Script::recipient(&[5]);
    script.serve();
    script.news();
    script.input(Input::Left);
    let news = script.news();
    assert!(
        matches!(&news[..], [gone, Output::Leave(_)] if *gone == dropped(Reason::Done)),
        "{news:?}"
    );
    script.input(Input::SocketOpened);
    script.hears(welcome(true));
    script.hears(assigned(OTHER));
    script.input(Input::SocketClosed);
    script.wait(seconds(60));
    assert_eq!(script.news(), []);
}

#[test]
fn a_silent_server_is_asked_and_its_socket_given_up_without_an_answer() {
    let mut script = Script::recipient(&[5]);
    script.news();
    let ping = Output::Tell(ClientMessage::Ping);
    script.wait(seconds(24));
    assert!(!script.news().contains(&ping), "it is not asked while little time has passed");
    script.wait(seconds(2));
    assert!(script.news().contains(&ping));
    script.hears(ServerMessage::Pong);
    script.wait(seconds(20));
    assert!(!script.news().contains(&Output::CloseSocket), "it answered");
    script.wait(seconds(6));
    assert!(script.news().contains(&ping));
    script.wait(seconds(5));
    assert_eq!(script.phase(), Phase::Reconnecting);
    assert!(script.news().ends_with(&[Output::CloseSocket, Output::OpenSocket]));
}

#[test]
fn a_socket_that_never_opens_is_given_up() {
    let mut script = Script::new(recipient_of(&[5]), &[5], 1);
    script.input(Input::Started);
    script.news();
    script.wait(seconds(17));
    let news = script.news();
    assert_eq!(news, [Output::CloseSocket, Output::OpenSocket]);
}

#[test]
fn the_server_is_asked_at_once_when_a_path_is_lost() {
    let mut script = Script::recipient(&[5]);
    script.serve();
    script.news();
    script.input(Input::PathLost { peer: OTHER, lane: 0, attempt: 1 });
    assert!(script.news().contains(&Output::Tell(ClientMessage::Ping)));
}
