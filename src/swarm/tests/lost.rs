//! Pieces that were here and cannot be read back.

use super::several::{ONE, PIECE, TWO};
use super::*;
use crate::protocol::signalling::{MemberPhase, Progress};

/// A recipient of a swarm that fetched both pieces and is done.
fn complete() -> Script {
    let mut script = Script::leech(2);
    script.provider(ONE, &[0, 1]);
    script.has(ONE, 0);
    script.has(ONE, 1);
    assert_eq!(script.phase(), Phase::Seeding);
    assert!(script.news().contains(&Output::Save));
    script
}

fn lose(script: &mut Script, piece: u32) {
    script.input(Input::PieceUnreadable { piece: PieceIndex(piece) });
}

#[test]
fn what_is_lost_after_everything_was_complete_is_fetched_anew_and_saved() {
    let mut script = complete();
    lose(&mut script, 1);
    let news = script.news();
    let progress = |output: &Output| match output {
        Output::Tell(ClientMessage::Progress(Progress { have, phase, have_bytes, .. })) => {
            Some((*have, *phase, *have_bytes))
        }
        _ => None,
    };
    let said = news.iter().position(|output| progress(output).is_some()).unwrap();
    let some = (Have::Some, MemberPhase::Waiting, u64::from(PIECE));
    assert_eq!(progress(&news[said]), Some(some));
    let asked = news.iter().position(|output| *output == told(ClientMessage::Want)).unwrap();
    assert!(said < asked, "a room gives nobody to who holds everything");
    assert!(!matches!(script.phase(), Phase::Complete | Phase::Seeding));
    script.provider(TWO, &[0, 1]);
    assert_eq!(script.asked_of(TWO), [range(1, 0, PIECE)]);
    script.has(TWO, 1);
    let news = script.news();
    assert!(news.contains(&Output::Save) && news.contains(&told(ClientMessage::Complete)));
    assert_eq!(script.phase(), Phase::Seeding);
}

#[test]
fn several_that_are_lost_together_are_asked_for_once() {
    let mut script = complete();
    lose(&mut script, 0);
    lose(&mut script, 1);
    lose(&mut script, 1);
    let wants = |output: &&Output| **output == told(ClientMessage::Want);
    assert_eq!(script.outputs.iter().filter(wants).count(), 1);
    assert_eq!(script.swarm.failure(), None, "one that was not here yet is not lost again");
    script.provider(TWO, &[0, 1]);
    assert_eq!(script.asked_of(TWO).len(), 2);
}

#[test]
fn a_store_that_loses_a_piece_twice_is_given_up() {
    let mut script = complete();
    lose(&mut script, 1);
    script.provider(TWO, &[0, 1]);
    script.has(TWO, 1);
    script.news();
    lose(&mut script, 0);
    assert_eq!(script.swarm.failure(), None, "another one");
    lose(&mut script, 1);
    assert_eq!(script.swarm.failure(), Some(Failure::Damaged));
    assert_eq!(script.phase(), Phase::Failed);
    assert!(script.news().iter().any(|output| matches!(output, Output::Leave(_))));
}

#[test]
fn what_is_lost_when_the_room_is_over_is_told_as_that() {
    let mut script = complete();
    script.hears(ServerMessage::Closed { reason: CloseReason::Stopped });
    assert_eq!(script.swarm.failure(), None);
    lose(&mut script, 1);
    assert_eq!(script.swarm.failure(), Some(Failure::Damaged));
}

#[test]
fn what_is_lost_while_the_server_is_away_is_asked_for_when_it_is_back() {
    let mut script = complete();
    script.input(Input::SocketClosed);
    lose(&mut script, 1);
    script.wait(seconds(1));
    script.news();
    script.input(Input::SocketOpened);
    let joins = |output: &Output| matches!(output, Output::Join { have: Have::Some, .. });
    assert!(script.news().iter().any(joins));
    script.hears(welcome_to(Topology::Swarm, true));
    assert!(script.news().contains(&told(ClientMessage::Want)));
}

#[test]
fn the_owner_of_a_swarm_is_asked_for_what_was_lost_though_it_shows_it_no_more() {
    let mut script = Script::leech(3);
    script.hears(assigned(OTHER));
    script.opens(OTHER);
    script.gets_from(OTHER, &PeerMessage::Have(vec![PieceIndex(0)]));
    script.gets_from(OTHER, &PeerMessage::Unchoke);
    script.provider(ONE, &[1]);
    script.has(ONE, 1);
    // It is gone, and the owner was told that the piece is here.
    script.hears(ServerMessage::Revoked { peer: ONE });
    script.news();
    lose(&mut script, 1);
    assert_eq!(script.asked_of(OTHER), [range(1, 0, PIECE)]);
}

#[test]
fn what_is_lost_of_a_file_that_was_left_out_is_not_missed() {
    let sizes = [5, 5];
    let wanted_files = vec![true, false];
    let role = Role::Recipient { wanted_files, have: Bitfield::all(2) };
    let mut script = Script::in_swarm(role, &sizes);
    script.news();
    lose(&mut script, 1);
    assert_eq!(script.news(), []);
    assert_eq!(script.phase(), Phase::Seeding);
}
