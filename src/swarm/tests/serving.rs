//! An owner's side.

use super::*;
use crate::protocol::limits::{MAX_CANDIDATES, MAX_RANGES_PER_REQUEST};
use crate::protocol::peer_wire::BLOCK_HEADER_BYTES;

const PIECE: u32 = MIN_PIECE_LENGTH;

fn offer(attempt: u32) -> Input {
    let signal = Signal::Offer { lane: 0, attempt, sdp: DESCRIPTION.to_owned() };
    Input::SignalReceived { from: OTHER, signal }
}

fn load(piece: u32) -> Output {
    Output::LoadPiece { piece: PieceIndex(piece) }
}

fn loaded(piece: u32) -> Input {
    let piece = PieceIndex(piece);
    Input::PieceLoaded { piece, record_first: piece, record_count: 1 }
}

/// An owner that serves [`OTHER`], which asked for these.
fn asked(sizes: &[u64], ranges: &[BlockRange]) -> Script {
    let mut script = Script::owner(sizes);
    script.link();
    script.gets(&PeerMessage::Interested);
    script.news();
    script.gets(&PeerMessage::Request(ranges.to_vec()));
    script
}

fn blocks(outputs: &[Output]) -> Vec<BlockRange> {
    let block = |output: &Output| match output {
        Output::SendBlock { block, .. } => Some(*block),
        _ => None,
    };
    outputs.iter().filter_map(block).collect()
}

#[test]
fn an_offer_is_answered_when_the_server_announced_it() {
    let mut script = Script::owner(&[5]);
    script.news();
    script.input(offer(4));
    assert_eq!(script.news(), []);
    script.hears(ServerMessage::Serve { peer: OTHER });
    script.input(offer(4));
    let answer = Output::Answer { peer: OTHER, lane: 0, attempt: 4, sdp: DESCRIPTION.to_owned() };
    assert_eq!(script.news(), [answer]);
    // Announced anew: the earlier link is gone.
    script.hears(ServerMessage::Serve { peer: OTHER });
    assert_eq!(script.news(), [dropped(Reason::Revoked)]);
}

#[test]
fn hello_is_followed_by_what_is_held_and_interest_by_an_unchoke() {
    let mut script = Script::owner(&[5]);
    script.link();
    let sends = |message| Output::SendControl { peer: OTHER, message };
    assert!(script.news().contains(&sends(PeerMessage::Bitfield(vec![0x80]))));
    script.gets(&PeerMessage::Interested);
    script.gets(&PeerMessage::Interested);
    assert_eq!(script.news(), [sends(PeerMessage::Unchoke)]);
}

#[test]
fn a_piece_is_read_once_and_its_record_goes_before_its_first_block() {
    let half = PIECE / 2;
    let mut script = asked(&[u64::from(PIECE)], &[range(0, 0, half), range(0, half, half)]);
    assert_eq!(script.news(), [load(0)]);
    script.input(loaded(0));
    let news = script.news();
    assert_eq!(news[0], Output::SendRecord { peer: OTHER, piece: PieceIndex(0) });
    let sent = blocks(&news);
    let records = |output: &&Output| matches!(output, Output::SendRecord { .. });
    assert_eq!(news.iter().filter(records).count(), 1);
    assert_eq!(sent.iter().map(|block| block.length).sum::<u32>(), PIECE);
    assert!(sent.iter().all(|block| block.length <= BLOCK_LENGTH));
    script.input(Input::Buffered { peer: OTHER, lane: 0, bytes: 0 });
    script.gets(&PeerMessage::Request(vec![range(0, 0, 10)]));
    assert_eq!(blocks(&script.news()), [range(0, 0, 10)]);
}

/// Everything that is read, asked for or not.
fn reads(script: &mut Script) -> Vec<u32> {
    let load = |output: &Output| match output {
        Output::LoadPiece { piece } => Some(piece.0),
        _ => None,
    };
    script.news().iter().filter_map(load).collect()
}

#[test]
fn several_pieces_are_read_at_a_time() {
    let mut script = asked(
        &[64 * u64::from(PIECE)],
        &Vec::from_iter((0..64).map(|piece| range(piece, 0, PIECE))),
    );
    let mut groups = Vec::new();
    for _ in 0..1000 {
        let outputs = script.news();
        let group = outputs.iter().filter_map(|output| match output {
            Output::LoadPiece { piece } => Some(piece.0),
            _ => None,
        });
        let group: Vec<u32> = group.collect();
        group.iter().for_each(|piece| script.input(loaded(*piece)));
        script.input(Input::Buffered { peer: OTHER, lane: 0, bytes: 0 });
        groups.extend((!group.is_empty()).then_some(group));
    }
    assert_eq!(groups.concat(), Vec::from_iter(0..64), "each once, in order");
    let lengths: Vec<usize> = groups.iter().map(Vec::len).collect();
    assert!(groups.len() <= 8, "{lengths:?}");
    // But for what is left at the end.
    assert!(lengths.iter().rev().skip(1).all(|length| *length >= 8), "{lengths:?}");
}

/// Most bytes that were read and not yet sent while a leech that asks for a hundred pieces takes so many bytes a second.
fn most_ahead(bytes_per_second: f64) -> u64 {
    let ranges: Vec<_> = (0..100).map(|piece| range(piece, 0, PIECE)).collect();
    let mut script = asked(&[100 * u64::from(PIECE)], &ranges);
    let (mut read, mut sent, mut most) = (0, 0, 0);
    while sent < 100 * u64::from(PIECE) {
        let before = sent;
        for output in script.news() {
            match output {
                Output::LoadPiece { piece } => {
                    read += u64::from(PIECE);
                    script.input(loaded(piece.0));
                }
                Output::SendBlock { block, .. } => sent += u64::from(block.length),
                _ => {}
            }
        }
        most = most.max(read - sent);
        script.wait(Duration::from_secs_f64((sent - before) as f64 / bytes_per_second));
        script.input(Input::Buffered { peer: OTHER, lane: 0, bytes: 0 });
    }
    most
}

#[test]
fn more_is_read_ahead_of_a_fast_leech() {
    assert_eq!(most_ahead(1e6), 4 << 20);
    let fast = most_ahead(20e6);
    assert!((9_000_000..13_000_000).contains(&fast), "half a second of it or so: {fast}");
    let fastest = most_ahead(200e6);
    assert!((13_000_000..=16 << 20).contains(&fastest), "and no more than 16 MiB: {fastest}");
}

#[test]
fn what_follows_is_read_before_it_is_asked_for() {
    let mut script = asked(&[20 * u64::from(PIECE)], &[range(5, 0, PIECE / 4)]);
    assert_eq!(reads(&mut script), [5], "one piece is no order");
    script.gets(&PeerMessage::Request(vec![range(5, PIECE / 4, PIECE / 4)]));
    script.gets(&PeerMessage::Have(vec![PieceIndex(8)]));
    script.gets(&PeerMessage::Request(vec![range(6, 0, PIECE / 4)]));
    assert_eq!(reads(&mut script), [6, 7, 9, 10], "but not what it has");
    script.input(loaded(5));
    script.input(loaded(6));
    script.gets(&PeerMessage::Request(vec![range(7, 0, PIECE / 4)]));
    assert_eq!(reads(&mut script), [11]);
    for piece in [2, 18, 14] {
        script.gets(&PeerMessage::Request(vec![range(piece, 0, PIECE / 4)]));
        assert_eq!(reads(&mut script), [piece], "jumps are no order");
    }
    script.gets(&PeerMessage::Request(vec![range(19, 0, PIECE / 4)]));
    assert_eq!(reads(&mut script), [19], "nothing lies behind the end");
}

#[test]
fn nothing_is_read_ahead_in_other_files_or_for_whoever_asks_for_much() {
    let many = [u64::from(PIECE); 8];
    let mut script = asked(&many, &[range(0, 0, 9), range(1, 0, 9)]);
    assert_eq!(reads(&mut script), [0, 1]);
    let ranges: Vec<_> = (0..4).map(|piece| range(piece, 0, PIECE)).collect();
    let mut script = asked(&[20 * u64::from(PIECE)], &ranges);
    assert_eq!(reads(&mut script), [0, 1, 2, 3]);
}

/// Someone who asks for a byte here and there has more read than is asked for, but no more than once again for each pair,
/// and never more than is kept for others anyway.
#[test]
fn reading_ahead_is_bounded_by_what_is_asked_for_and_by_the_memory() {
    let pieces = 2000;
    let mut script = asked(&[u64::from(pieces) * u64::from(PIECE)], &[range(0, 0, 1)]);
    let (mut read, mut in_memory, mut most) = (0, 0_u64, 0_u64);
    for first in (0..pieces - 10).step_by(10) {
        script.gets(&PeerMessage::Request(vec![range(first, 0, 1), range(first + 1, 0, 1)]));
        for output in script.news() {
            match output {
                Output::LoadPiece { piece } => {
                    read += 1;
                    in_memory += 1;
                    script.input(loaded(piece.0));
                }
                Output::UnloadPiece { .. } => in_memory -= 1,
                _ => {}
            }
        }
        most = most.max(in_memory);
        script.input(Input::Buffered { peer: OTHER, lane: 0, bytes: 0 });
    }
    assert!(read <= 3 * 2 * pieces / 10, "{read}");
    assert!(most * u64::from(PIECE) <= 64 << 20, "{most}");
}

#[test]
fn sending_stops_at_the_high_water_mark_and_goes_on_when_drained() {
    let ranges: Vec<_> = (0..24).map(|piece| range(piece, 0, PIECE)).collect();
    let mut script = asked(&[24 * u64::from(PIECE)], &ranges);
    let mut sent = 0;
    for _ in 0..24 {
        for output in script.news() {
            match output {
                Output::LoadPiece { piece } => script.input(loaded(piece.0)),
                Output::SendBlock { block, .. } => {
                    sent += u64::from(block.length) + BLOCK_HEADER_BYTES as u64;
                }
                _ => {}
            }
        }
    }
    // So little as long as nothing has left and no rate is known.
    let most = 256 << 10;
    assert!((most..most + 65_544).contains(&sent), "{sent}");
    script.input(Input::Buffered { peer: OTHER, lane: 0, bytes: 64 << 10 });
    assert!(!blocks(&script.news()).is_empty());
}

#[test]
fn a_queue_in_the_path_slows_sending_down_until_it_is_gone() {
    let ranges: Vec<_> = (0..600).map(|piece| range(piece, 0, PIECE)).collect();
    let mut script = Script::owner(&[600 * u64::from(PIECE)]);
    script.link_over(20);
    script.gets(&PeerMessage::Interested);
    for ranges in ranges.chunks(MAX_RANGES_PER_REQUEST) {
        script.gets(&PeerMessage::Request(ranges.to_vec()));
    }
    let (mut waiting, mut left, mut pings) = (0, 0, Vec::new());
    // Bytes that leave in so many seconds, of 2 MB/s that the path takes, while pings are answered after so long.
    let mut sends = |seconds: u64, millis: u64| {
        let before = left;
        // Nothing waits in the first lane before it is full: until then its pings tell, and then ICE.
        for _ in 0..seconds * 100 {
            let takes = 20_000.min(waiting);
            (waiting, left) = (waiting - takes, left + takes);
            script.input(Input::Buffered { peer: OTHER, lane: 0, bytes: waiting });
            script.wait(Duration::from_millis(10));
            let now = script.now;
            for (_, number) in pings.extract_if(.., |(at, _)| *at <= now) {
                script.gets(&PeerMessage::Pong(number));
            }
            let mut news = script.news();
            while !news.is_empty() {
                for output in news {
                    match output {
                        Output::LoadPiece { piece } => script.input(loaded(piece.0)),
                        Output::SendBlock { block, .. } => {
                            waiting += u64::from(block.length) + BLOCK_HEADER_BYTES as u64;
                        }
                        Output::MeasureLanes { peer } => {
                            script.input(Input::Buffered { peer, lane: 0, bytes: waiting });
                            script.input(Input::LanesMeasured { peer });
                        }
                        Output::SendControl { message: PeerMessage::Ping(number), .. } => {
                            pings.push((now + Duration::from_millis(millis), number));
                        }
                        Output::MeasureRoundTrip { peer } => {
                            let time = Duration::from_millis(millis);
                            script.input(Input::RoundTripMeasured { peer, time });
                        }
                        _ => {}
                    }
                }
                news = script.news();
            }
        }
        left - before
    };
    let most = sends(10, 20);
    assert!(most > 18_000_000, "{most}");
    assert!(sends(2, 120) > 3_600_000, "one may be a browser that was busy");
    let paced = sends(5, 120);
    assert!((5_000_000..9_000_000).contains(&paced), "{paced}");
    sends(20, 20);
    let again = sends(5, 20);
    assert!(again > 9_000_000, "{again}");
}

#[test]
fn whoever_is_choked_is_not_served() {
    let mut script = Script::owner(&[5]);
    script.link();
    script.news();
    script.gets(&PeerMessage::Request(vec![range(0, 0, 5)]));
    assert_eq!(script.news(), []);
    script.gets(&PeerMessage::Interested);
    script.gets(&PeerMessage::Request(vec![range(0, 0, 5)]));
    script.input(Input::Paused(true));
    script.news();
    script.input(loaded(0));
    script.gets(&PeerMessage::Request(vec![range(0, 0, 5)]));
    assert_eq!(script.news(), []);
    script.input(Input::Paused(false));
    script.gets(&PeerMessage::Request(vec![range(0, 0, 5)]));
    assert_eq!(blocks(&script.news()), [range(0, 0, 5)]);
}

#[test]
fn what_is_cancelled_is_not_sent() {
    let mut script = asked(&[2 * u64::from(PIECE)], &[range(0, 0, PIECE), range(1, 0, PIECE)]);
    script.gets(&PeerMessage::Cancel(vec![range(0, 0, PIECE)]));
    script.input(loaded(0));
    script.input(loaded(1));
    assert!(blocks(&script.news()).iter().all(|block| block.piece == PieceIndex(1)));
}

#[test]
fn a_vanished_file_is_told_once_and_never_served_again() {
    let sizes = [5, u64::from(PIECE) * 2, 5];
    let ranges = [range(1, 0, 9), range(2, 0, 9), range(3, 0, 5)];
    let mut script = asked(&sizes, &ranges);
    script.news();
    script.input(Input::PieceUnreadable { piece: PieceIndex(1) });
    script.input(Input::PieceUnreadable { piece: PieceIndex(2) });
    let gone = Output::SendControl { peer: OTHER, message: PeerMessage::FileGone(1) };
    assert_eq!(script.news(), std::slice::from_ref(&gone));
    script.gets(&PeerMessage::Request(vec![range(2, 0, 9)]));
    script.input(loaded(3));
    assert_eq!(blocks(&script.news()), [range(3, 0, 5)]);
    assert_eq!(script.swarm.sharing_status(script.now).gone_files, [1]);
    // A recipient that comes later hears of it before it learns what there is.
    script.link();
    let news = script.news();
    let place = |wanted: &Output| news.iter().position(|output| output == wanted).unwrap();
    let bitfield = PeerMessage::Bitfield(Bitfield::all(4).to_wire());
    assert!(place(&gone) < place(&Output::SendControl { peer: OTHER, message: bitfield }));
}

#[test]
fn an_owner_tells_no_progress_and_asks_for_nothing() {
    let mut script = Script::owner(&[5]);
    script.link();
    script.news();
    script.wait(seconds(10));
    let measured = |output: &Output| {
        matches!(output, Output::MeasureRoundTrip { .. } | Output::Tell(ClientMessage::Stats(_)))
    };
    assert!(script.news().iter().all(measured));
}

#[test]
fn removing_someone_is_told_only_to_a_server_that_hears_it() {
    let mut script = Script::owner(&[5]);
    script.news();
    script.input(Input::RemovalAsked { peer: OTHER });
    assert_eq!(script.news(), [told(ClientMessage::Remove { peer: OTHER })]);
    script.input(Input::SocketClosed);
    script.input(Input::RemovalAsked { peer: OTHER });
    assert_eq!(script.news(), []);
}

#[test]
fn more_candidates_than_anyone_has_are_passed_over() {
    let mut script = Script::owner(&[5]);
    script.enter();
    script.hears(ServerMessage::Serve { peer: OTHER });
    script.input(offer(1));
    script.news();
    for number in 0..MAX_CANDIDATES + 10 {
        let candidate = format!("candidate:{number}");
        let signal = Signal::Candidate { lane: 0, attempt: 1, candidate, sdp_mid: None };
        script.input(Input::SignalReceived { from: OTHER, signal });
    }
    let news = script.news();
    let taken = news.iter().filter(|output| matches!(output, Output::AddCandidate { .. }));
    assert_eq!(taken.count(), MAX_CANDIDATES);
}
