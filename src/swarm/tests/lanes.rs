//! More connections of one link, on the side that opens them and sends over them.

use super::super::steering::LOOK_INTERVAL;
use super::*;
use crate::protocol::limits::MAX_RANGES_PER_REQUEST;

const PIECE: u32 = MIN_PIECE_LENGTH;

pub(super) fn closed(lane: u16) -> Output {
    Output::SendControl { peer: OTHER, message: PeerMessage::LaneClosed(lane) }
}

/// An owner that sends to [`OTHER`] at 1 MB/s and has more to send, until it tries more lanes than the one that leaves
/// the first to control; answers these.
fn probing() -> (Script, Vec<u16>) {
    let mut script = Script::owner(&[1000 * u64::from(PIECE)]);
    script.link();
    script.gets(&PeerMessage::Interested);
    let ranges: Vec<BlockRange> = (0..1000).map(|piece| range(piece, 0, PIECE)).collect();
    for ranges in ranges.chunks(MAX_RANGES_PER_REQUEST) {
        script.gets(&PeerMessage::Request(ranges.to_vec()));
    }
    let (mut carrying, mut waiting) = (0, 0);
    for _ in 0..80 {
        let mut offered = Vec::new();
        for output in script.news() {
            match output {
                Output::Offer { lane, .. } => offered.push(lane),
                Output::LoadPiece { piece } => {
                    script.input(Input::PieceLoaded { piece, record_first: piece, record_count: 1 })
                }
                Output::SendBlock { block, .. } => waiting += u64::from(block.length) + 8,
                Output::MeasureLanes { peer } => script.input(Input::LanesMeasured { peer }),
                _ => {}
            }
        }
        if let [first] = *offered {
            script.input(opened(first));
            (carrying, waiting) = (first, 0);
        } else if !offered.is_empty() {
            return (script, offered);
        }
        waiting = waiting.saturating_sub(100_000).max(1);
        script.input(Input::Buffered { peer: OTHER, lane: carrying, bytes: waiting });
        script.wait(Duration::from_millis(100));
    }
    panic!("nothing was opened");
}

pub(super) fn opened(lane: u16) -> Input {
    Input::LinkOpened { peer: OTHER, lane, max_message_bytes: 262_144 }
}

/// Over which connections something was sent since last time, all that is to be read being read.
fn used(script: &mut Script) -> Vec<u16> {
    let mut lanes = Vec::new();
    let mut news = script.news();
    while !news.is_empty() {
        for output in news {
            match output {
                Output::SendBlock { lane, .. } => lanes.push(lane),
                Output::LoadPiece { piece } => {
                    script.input(Input::PieceLoaded { piece, record_first: piece, record_count: 1 })
                }
                _ => {}
            }
        }
        news = script.news();
    }
    lanes
}

#[test]
fn a_sender_with_a_backlog_opens_lanes_by_numbers_of_its_own() {
    let (mut script, lanes) = probing();
    assert_eq!(lanes, [4, 6, 8], "the other side made the link's offer and has the odd ones");
    script.news();
    script.input(opened(4));
    let sent = used(&mut script);
    assert!(sent.contains(&4), "{sent:?}");
    assert!(!sent.contains(&0), "the first is left to control while there are others: {sent:?}");
    // When they are lost it carries all again.
    for lane in [2, 4, 6, 8] {
        script.input(Input::LinkClosed { peer: OTHER, lane, attempt: 0 });
    }
    script.input(Input::Buffered { peer: OTHER, lane: 0, bytes: 0 });
    assert!(used(&mut script).contains(&0));
}

#[test]
fn lanes_that_open_in_one_moment_tell_of_one_queue() {
    let (mut script, mut lanes) = probing();
    lanes.push(2);
    let trip = |script: &mut Script, millis| {
        script.input(Input::RoundTripMeasured { peer: OTHER, time: Duration::from_millis(millis) });
    };
    // On so short a path 45 ms do not limit what is sent.
    // Looked at as often as the machine does; answers over which lanes something is sent then.
    let looked_at = |script: &mut Script| {
        script.wait(LOOK_INTERVAL);
        script.input(Input::LanesMeasured { peer: OTHER });
        used(script);
        lanes.iter().for_each(|lane| {
            script.input(Input::Buffered { peer: OTHER, lane: *lane, bytes: 0 });
        });
        let sent = used(script);
        lanes.iter().filter(|lane| sent.contains(lane)).count()
    };
    for lane in &lanes {
        script.input(opened(*lane));
        trip(&mut script, 45);
    }
    assert_eq!(looked_at(&mut script), 4);
    // In the first moment the path was seen short. Two that are long are another matter: half of the four are given up.
    for expected in [4, 4, 2] {
        for _ in 0..4 {
            script.wait(Duration::from_millis(450));
            looked_at(&mut script);
        }
        trip(&mut script, 45);
        looked_at(&mut script);
        assert_eq!(looked_at(&mut script), expected);
    }
}

#[test]
fn a_peer_whose_own_blocks_stand_before_it_does_not_answer() {
    let mut script = Script::owner(&[u64::from(PIECE)]);
    script.link();
    script.gets(&PeerMessage::Interested);
    script.gets(&PeerMessage::Request(vec![range(0, 0, PIECE)]));
    let piece = PieceIndex(0);
    script.input(Input::PieceLoaded { piece, record_first: piece, record_count: 1 });
    script.news();
    script.gets(&PeerMessage::Ping(5));
    assert_eq!(script.news(), []);
    script.input(Input::Buffered { peer: OTHER, lane: 0, bytes: 0 });
    script.gets(&PeerMessage::Ping(6));
    let pong = Output::SendControl { peer: OTHER, message: PeerMessage::Pong(6) };
    assert!(script.news().contains(&pong));
}

#[test]
fn a_lane_that_crawls_beside_others_is_replaced() {
    let (mut script, _) = probing();
    let (mut closed, mut offered) = (Vec::new(), Vec::new());
    for lane in [4, 6, 8] {
        script.input(opened(lane));
    }
    let mut waiting: LiteMap<u16, u64> = [2, 4, 6, 8].map(|lane| (lane, 0)).into_iter().collect();
    for _ in 0..70 {
        let news = work(&mut script, &mut waiting);
        offered.extend(news.0);
        closed.extend(news.1);
        // 1 MB/s leave each, but of the sixth a packet in a round trip of 100 ms.
        for (lane, bytes) in waiting.iter_mut() {
            *bytes = bytes.saturating_sub(if *lane == 6 { 1200 } else { 100_000 });
            script.input(Input::Buffered { peer: OTHER, lane: *lane, bytes: *bytes });
        }
        script.wait(Duration::from_millis(100));
    }
    assert_eq!(closed, [6]);
    assert!(offered.contains(&10), "{offered:?}");
}

#[test]
fn a_lost_lane_is_closed_and_what_may_be_lost_with_it_is_named() {
    let (mut script, _) = probing();
    script.input(opened(4));
    let sent: Vec<BlockRange> = script
        .news()
        .iter()
        .filter_map(|output| match output {
            Output::SendBlock { lane: 4, block, .. } => Some(*block),
            _ => None,
        })
        .collect();
    assert!(!sent.is_empty());
    script.input(Input::LinkClosed { peer: OTHER, lane: 4, attempt: 0 });
    let news = script.news();
    assert!(news.contains(&Output::CloseLane { peer: OTHER, lane: 4 }));
    assert!(news.contains(&closed(4)));
    let named = news.iter().find_map(|output| match output {
        Output::SendControl { message: PeerMessage::Reject(ranges), .. } => Some(ranges.clone()),
        _ => None,
    });
    let bytes = |ranges: &[BlockRange]| ranges.iter().map(|range| range.length).sum::<u32>();
    assert_eq!(bytes(&named.unwrap_or_default()), bytes(&sent));
    assert!(!news.iter().any(|output| matches!(output, Output::Disconnect { .. })));
    // Told once.
    script.input(Input::LinkClosed { peer: OTHER, lane: 4, attempt: 0 });
    script.gets(&PeerMessage::LaneClosed(4));
    assert!(!script.news().iter().any(|output| matches!(output, Output::CloseLane { .. })));
}

/// Does what a browser does with what comes out, of which `waiting` is in each lane; answers which lanes were offered and
/// which were closed.
fn work(script: &mut Script, waiting: &mut LiteMap<u16, u64>) -> (Vec<u16>, Vec<u16>) {
    let (mut offered, mut closed) = (Vec::new(), Vec::new());
    let mut news = script.news();
    while !news.is_empty() {
        for output in news {
            match output {
                Output::LoadPiece { piece } => {
                    script.input(Input::PieceLoaded { piece, record_first: piece, record_count: 1 })
                }
                Output::SendBlock { lane, block, .. } => {
                    *waiting.entry(lane).or_insert(0) += u64::from(block.length) + 8;
                }
                Output::MeasureLanes { peer } => script.input(Input::LanesMeasured { peer }),
                Output::CloseLane { lane, .. } => closed.push(lane),
                Output::Offer { lane, .. } => offered.push(lane),
                _ => {}
            }
        }
        news = script.news();
    }
    (offered, closed)
}

#[test]
fn lanes_given_up_too_early_are_used_again_and_no_others_opened() {
    let (mut script, lanes) = probing();
    for lane in &lanes {
        script.input(opened(*lane));
    }
    let sending = |script: &Script| {
        let remote = &script.swarm.peers[&OTHER];
        remote.lanes.iter().filter(|(n, lane)| **n > 0 && lane.is_sending()).count() as u64
    };
    let mut waiting = [2, 4, 6, 8].map(|lane| (lane, 0)).into_iter().collect();
    let mut gave_up = false;
    for _ in 0..150 {
        let (offered, closed) = work(&mut script, &mut waiting);
        assert_eq!((&offered[..], &closed[..]), (&[][..], &[][..]));
        let lanes = sending(&script);
        gave_up |= lanes == 1;
        if gave_up && lanes == 4 {
            return;
        }
        // Four carry as much as one did. But that one had a good moment: without them it carries a third.
        let total = if lanes == 1 { 25_000 } else { 75_000 };
        for (lane, bytes) in waiting.iter_mut() {
            *bytes = bytes.saturating_sub(total / lanes);
            script.input(Input::Buffered { peer: OTHER, lane: *lane, bytes: *bytes });
        }
        script.wait(Duration::from_millis(100));
    }
    panic!("given up: {gave_up}, and never used again");
}

#[test]
fn who_is_refused_a_second_connection_asks_ever_more_rarely() {
    let mut script = Script::owner(&[1000 * u64::from(PIECE)]);
    script.link();
    script.gets(&PeerMessage::Interested);
    script.gets(&PeerMessage::Request((0..100).map(|piece| range(piece, 0, PIECE)).collect()));
    let (mut waiting, mut asked) = (LiteMap::new(), Vec::new());
    for second in 0..400_u32 {
        for lane in work(&mut script, &mut waiting).0 {
            script.gets(&PeerMessage::LaneClosed(lane));
            asked.push(second);
        }
        script.hears(ServerMessage::Pong);
        script.wait(seconds(1));
    }
    // A few are tried as well to see what more would carry, ever more rarely too.
    let (early, late): (Vec<u32>, Vec<u32>) = asked.iter().partition(|second| **second < 100);
    assert!((5..20).contains(&early.len()), "{asked:?}");
    assert!((2..10).contains(&late.len()), "{asked:?}");
}

#[test]
fn a_link_that_sends_nothing_for_long_has_one_connection_again() {
    let (mut script, lanes) = probing();
    for lane in &lanes {
        script.input(opened(*lane));
    }
    script.gets(&PeerMessage::Cancel((0..128).map(|piece| range(piece, 0, PIECE)).collect()));
    script.swarm.peers.get_mut(&OTHER).unwrap().queue.clear();
    let mut waiting = LiteMap::new();
    let mut closed = Vec::new();
    for second in 0..70_u32 {
        closed.extend(work(&mut script, &mut waiting).1.into_iter().map(|lane| (second, lane)));
        for lane in [0, 2, 4, 6, 8] {
            script.input(Input::Buffered { peer: OTHER, lane, bytes: 0 });
        }
        waiting.clear();
        script.hears(ServerMessage::Pong);
        script.wait(seconds(1));
    }
    let lanes: Vec<u16> = closed.iter().map(|(_, lane)| *lane).collect();
    assert_eq!(lanes, [2, 4, 6, 8], "{closed:?}");
    assert!(closed.iter().all(|(second, _)| (60..=62).contains(second)), "{closed:?}");
    // What is asked for then opens them anew.
    script.gets(&PeerMessage::Request((200..300).map(|piece| range(piece, 0, PIECE)).collect()));
    let offered = (0..20).any(|_| {
        script.wait(Duration::from_millis(100));
        !work(&mut script, &mut waiting).0.is_empty()
    });
    assert!(offered);
}
