//! More connections of one link, on the side that takes them and receives over them.

use super::lanes::{closed, opened};
use super::*;
use crate::protocol::limits::{MAX_CANDIDATES, MAX_LANES, MAX_SHARED_LANES};

const PIECE: u32 = MIN_PIECE_LENGTH;
const THIRD: PeerId = PeerId(8);

/// Answers the offer of `lane` if it comes out, as [`OTHER`] would.
fn offer(lane: u16, attempt: u32) -> Input {
    let signal = Signal::Offer { lane, attempt, sdp: DESCRIPTION.to_owned() };
    Input::SignalReceived { from: OTHER, signal }
}

fn answer_to(lane: u16) -> Output {
    Output::Answer { peer: OTHER, lane, attempt: 1, sdp: DESCRIPTION.to_owned() }
}

/// A recipient that [`OTHER`] serves.
fn served() -> Script {
    let mut script = Script::recipient(&[4 * u64::from(PIECE)]);
    script.serve();
    script.news();
    script
}

#[test]
fn pings_are_answered_at_once_but_not_as_often_as_somebody_likes() {
    let mut script = served();
    let pong = |number| Output::SendControl { peer: OTHER, message: PeerMessage::Pong(number) };
    for number in [5, 6, 7] {
        script.gets(&PeerMessage::Ping(number));
    }
    assert_eq!(script.news(), [pong(5)]);
    script.wait(Duration::from_millis(10));
    script.gets(&PeerMessage::Ping(8));
    assert!(script.news().contains(&pong(8)));
    // Nobody asked for this one.
    script.gets(&PeerMessage::Pong(9));
    assert_eq!(script.news(), []);
}

#[test]
fn a_lane_is_answered_once_and_its_candidates_are_counted_by_itself() {
    let mut script = served();
    script.input(offer(2, 1));
    assert_eq!(script.news(), [answer_to(2)]);
    script.input(offer(2, 1));
    assert_eq!(script.news(), []);
    for _ in 0..2 * MAX_CANDIDATES {
        let signal = Signal::Candidate {
            lane: 2,
            attempt: 1,
            candidate: "candidate:1".to_owned(),
            sdp_mid: None,
        };
        script.input(Input::SignalReceived { from: OTHER, signal });
    }
    assert_eq!(script.news().len(), MAX_CANDIDATES);
}

#[test]
fn no_more_lanes_are_taken_than_there_may_be_and_none_by_numbers_of_this_side() {
    let mut script = served();
    script.input(offer(3, 1));
    assert_eq!(script.news(), [closed(3)]);
    script.input(offer(2, 9));
    assert_eq!(script.news(), [], "of an earlier attempt");
    for lane in 1..MAX_LANES as u16 {
        script.input(offer(2 * lane, 1));
        assert_eq!(script.news(), [answer_to(2 * lane)]);
    }
    script.input(offer(100, 1));
    assert_eq!(script.news(), [closed(100)]);
}

#[test]
fn more_providers_come_before_more_lanes() {
    let mut script = served();
    script.hears(ServerMessage::Assigned { peers: vec![THIRD], owner: Some(OTHER) });
    script.input(Input::LinkOpened { peer: THIRD, lane: 0, max_message_bytes: 262_144 });
    let hello = PeerMessage::Hello { version: PROTOCOL_VERSION, piece_count: 4 };
    script.input(Input::ControlReceived { peer: THIRD, bytes: hello.encode() });
    script.news();
    let taken = (1..MAX_LANES as u16).filter(|lane| {
        script.input(offer(2 * lane, 1));
        script.news() == [answer_to(2 * lane)]
    });
    assert_eq!(taken.count(), MAX_SHARED_LANES / 2, "half of them to each, besides the first");
}

#[test]
fn what_is_rejected_is_asked_for_again_and_what_came_is_not() {
    let mut script = Script::recipient(&[4 * u64::from(PIECE)]);
    script.serve();
    let asked: u32 = script.requested().iter().map(|range| range.length).sum();
    assert_eq!(asked, 4 * PIECE);
    script.input(Input::BlockReceived { peer: OTHER, block: Some(range(1, 0, 1000)) });
    script.news();
    script.gets(&PeerMessage::Reject(vec![range(1, 0, PIECE), range(3, 500, 100)]));
    assert_eq!(script.requested(), [range(1, 1000, PIECE - 1000), range(3, 500, 100)]);
    script.gets(&PeerMessage::Reject(vec![range(9, 0, 1)]));
    assert!(script.news().contains(&dropped(Reason::Misbehaved)), "there is no such piece");
}

#[test]
fn without_its_first_lane_a_link_ends_whatever_else_is_open() {
    let mut script = served();
    script.input(offer(2, 1));
    script.input(opened(2));
    script.news();
    script.input(Input::LinkClosed { peer: OTHER, lane: 0, attempt: 1 });
    assert!(script.news().contains(&dropped(Reason::Lost)));
}

#[test]
fn lanes_that_stand_still_leave_the_others_something_to_carry() {
    let mut script = Script::recipient(&[1000 * u64::from(PIECE)]);
    script.serve();
    let asked = |script: &mut Script| {
        script.requested().iter().map(|range| u64::from(range.length)).sum::<u64>()
    };
    let with_one = asked(&mut script);
    for lane in 1..8 {
        script.input(offer(2 * lane, 1));
        script.input(opened(2 * lane));
    }
    // Nothing came yet: for all that is known seven of the eight hold what was asked for first.
    let more = asked(&mut script);
    assert!(with_one + more >= 4 * with_one, "{with_one}, then {more}");
}

#[test]
fn a_provider_cannot_have_connections_opened_without_end() {
    let mut script = Script::recipient(&[4 * u64::from(PIECE)]);
    script.link();
    let answered = |script: &mut Script, lanes: std::ops::Range<u16>| {
        let taken = lanes.filter(|lane| {
            script.news();
            script.input(offer(2 * lane, 1));
            let taken = script.news().contains(&answer_to(2 * lane));
            script.gets(&PeerMessage::LaneClosed(2 * lane));
            taken
        });
        taken.count()
    };
    assert_eq!(answered(&mut script, 1..1000), 8 * MAX_LANES);
    script.wait(seconds(60));
    assert_eq!(answered(&mut script, 1000..1010), 10);
}
