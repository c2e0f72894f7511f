//! More connections of one link, on the side that opens them and on the other.

use super::*;
use crate::protocol::limits::{MAX_CANDIDATES, MAX_LANES, MAX_SHARED_LANES};

const PIECE: u32 = MIN_PIECE_LENGTH;
const THIRD: PeerId = PeerId(8);

/// Answers the offer of `lane` if it comes out, as [`OTHER`] would.
fn offer(lane: u8, attempt: u32) -> Input {
    let signal = Signal::Offer { lane, attempt, sdp: DESCRIPTION.to_owned() };
    Input::SignalReceived { from: OTHER, signal }
}

fn answer_to(lane: u8) -> Output {
    Output::Answer { peer: OTHER, lane, attempt: 1, sdp: DESCRIPTION.to_owned() }
}

fn closed(lane: u8) -> Output {
    Output::SendControl { peer: OTHER, message: PeerMessage::LaneClosed(lane) }
}

/// A recipient that [`OTHER`] serves.
fn served() -> Script {
    let mut script = Script::recipient(&[4 * u64::from(PIECE)]);
    script.serve();
    script.news();
    script
}

/// An owner that sends to [`OTHER`] at 1 MB/s and has more to send, until it opens lanes; answers which.
fn probing() -> (Script, Vec<u8>) {
    let mut script = Script::owner(&[1000 * u64::from(PIECE)]);
    script.link();
    script.gets(&PeerMessage::Interested);
    let ranges: Vec<BlockRange> = (0..100).map(|piece| range(piece, 0, PIECE)).collect();
    script.gets(&PeerMessage::Request(ranges));
    let mut waiting = 0;
    for _ in 0..80 {
        let news = script.news();
        let offered: Vec<u8> = news
            .iter()
            .filter_map(|output| match output {
                Output::Offer { lane, .. } => Some(*lane),
                _ => None,
            })
            .collect();
        if !offered.is_empty() {
            return (script, offered);
        }
        for output in news {
            match output {
                Output::LoadPiece { piece } => {
                    script.input(Input::PieceLoaded { piece, record_first: piece, record_count: 1 })
                }
                Output::SendBlock { block, .. } => waiting += u64::from(block.length) + 8,
                Output::MeasureLanes { peer } => script.input(Input::LanesMeasured { peer }),
                _ => {}
            }
        }
        waiting = waiting.saturating_sub(100_000).max(1);
        script.input(Input::Buffered { peer: OTHER, lane: 0, bytes: waiting });
        script.wait(Duration::from_millis(100));
    }
    panic!("nothing was opened");
}

#[test]
fn a_sender_with_a_backlog_opens_lanes_by_numbers_of_its_own() {
    let (mut script, lanes) = probing();
    assert_eq!(lanes, [2, 4, 6], "the other side made the link's offer and has the odd ones");
    script.input(Input::LinkOpened { peer: OTHER, lane: 4, max_message_bytes: 262_144 });
    let sent: Vec<u8> = script
        .news()
        .iter()
        .filter_map(|output| match output {
            Output::SendBlock { lane, .. } => Some(*lane),
            _ => None,
        })
        .collect();
    assert!(sent.contains(&4), "{sent:?}");
}

#[test]
fn lanes_that_open_in_one_moment_tell_of_one_queue() {
    let (mut script, lanes) = probing();
    let trip = |script: &mut Script, millis| {
        script.input(Input::RoundTripMeasured { peer: OTHER, time: Duration::from_millis(millis) });
    };
    // Looked at as often as the machine does; answers over which lanes something is sent then.
    let looked_at = |script: &mut Script| {
        script.input(Input::LanesMeasured { peer: OTHER });
        script.news();
        lanes.iter().for_each(|lane| {
            script.input(Input::Buffered { peer: OTHER, lane: *lane, bytes: 0 });
        });
        let sent: Vec<u8> = script
            .news()
            .iter()
            .filter_map(|output| match output {
                Output::SendBlock { lane, .. } if *lane > 0 => Some(*lane),
                _ => None,
            })
            .collect();
        lanes.iter().filter(|lane| sent.contains(lane)).count()
    };
    trip(&mut script, 50);
    script.wait(Duration::from_millis(2500));
    for lane in &lanes {
        script.input(Input::LinkOpened { peer: OTHER, lane: *lane, max_message_bytes: 262_144 });
        trip(&mut script, 300);
    }
    assert_eq!(looked_at(&mut script), 3);
    // Another moment is another matter: half of the four are given up.
    script.wait(Duration::from_millis(2500));
    trip(&mut script, 300);
    looked_at(&mut script);
    assert_eq!(looked_at(&mut script), 1);
}

#[test]
fn a_lost_lane_is_closed_and_what_may_be_lost_with_it_is_named() {
    let (mut script, _) = probing();
    script.input(Input::LinkOpened { peer: OTHER, lane: 2, max_message_bytes: 262_144 });
    let sent: Vec<BlockRange> = script
        .news()
        .iter()
        .filter_map(|output| match output {
            Output::SendBlock { lane: 2, block, .. } => Some(*block),
            _ => None,
        })
        .collect();
    assert!(!sent.is_empty());
    script.input(Input::LinkClosed { peer: OTHER, lane: 2, attempt: 0 });
    let news = script.news();
    assert!(news.contains(&Output::CloseLane { peer: OTHER, lane: 2 }));
    assert!(news.contains(&closed(2)));
    let named = news.iter().find_map(|output| match output {
        Output::SendControl { message: PeerMessage::Reject(ranges), .. } => Some(ranges.clone()),
        _ => None,
    });
    let bytes = |ranges: &[BlockRange]| ranges.iter().map(|range| range.length).sum::<u32>();
    assert_eq!(bytes(&named.unwrap_or_default()), bytes(&sent));
    assert!(!news.iter().any(|output| matches!(output, Output::Disconnect { .. })));
    // Told once.
    script.input(Input::LinkClosed { peer: OTHER, lane: 2, attempt: 0 });
    script.gets(&PeerMessage::LaneClosed(2));
    assert!(!script.news().iter().any(|output| matches!(output, Output::CloseLane { .. })));
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
    for lane in 1..MAX_LANES as u8 {
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
    let taken = (1..MAX_LANES as u8).filter(|lane| {
        script.input(offer(2 * lane, 1));
        script.news() == [answer_to(2 * lane)]
    });
    assert_eq!(taken.count(), MAX_SHARED_LANES / 2 - 1, "half of them to each, the first included");
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
    script.input(Input::LinkOpened { peer: OTHER, lane: 2, max_message_bytes: 262_144 });
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
        script.input(Input::LinkOpened { peer: OTHER, lane: 2 * lane, max_message_bytes: 262_144 });
    }
    // Nothing came yet: for all that is known seven of the eight hold what was asked for first.
    let more = asked(&mut script);
    assert!(with_one + more >= 4 * with_one, "{with_one}, then {more}");
}
