//! A recipient's side.

use super::*;
use crate::protocol::signalling::MemberPhase;

const PIECE: u32 = MIN_PIECE_LENGTH;

#[test]
fn the_page_is_told_each_phase() {
    let mut script = Script::new(recipient_of(&[5]), &[5], 1);
    assert_eq!(script.phase(), Phase::Idle);
    script.input(Input::Started);
    assert_eq!(script.phase(), Phase::Connecting);
    script.enter();
    script.hears(ServerMessage::Waiting { ahead: 3, seeds: 1 });
    let status = script.swarm.download_status(script.now);
    assert_eq!((status.phase, status.ahead, status.seed_online), (Phase::Waiting, 3, true));
    script.serve();
    assert_eq!(script.phase(), Phase::Downloading);
    script.gets(&PeerMessage::Choke);
    assert_eq!(script.phase(), Phase::Waiting);
    script.gets(&PeerMessage::Unchoke);
    script.input(Input::Paused(true));
    assert_eq!(script.phase(), Phase::Paused);
    script.input(Input::Paused(false));
    script.input(Input::LinkClosed { peer: OTHER, lane: 0, attempt: 1 });
    assert_eq!(script.phase(), Phase::Reconnecting);
    script.serve();
    script.arrive(range(0, 0, 5));
    script.record_known(0, 1);
    assert_eq!(script.phase(), Phase::Downloading);
    script.input(Input::PieceChecked { piece: PieceIndex(0), matches: true });
    assert_eq!(script.phase(), Phase::Complete);
    assert_eq!(script.swarm.download_status(script.now).have_bytes, 5);
}

#[test]
fn completion_is_told_once_and_saved_once() {
    let mut script = Script::recipient(&[5]);
    script.serve();
    script.record_known(0, 1);
    script.arrive(range(0, 0, 5));
    script.news();
    for _ in 0..2 {
        script.input(Input::PieceChecked { piece: PieceIndex(0), matches: true });
    }
    let news = script.news();
    assert_eq!(news.iter().filter(|output| **output == Output::Save).count(), 1);
    assert!(news.contains(&told(ClientMessage::Complete)));
    assert!(news.contains(&dropped(Reason::Done)));
    // A late assignment changes nothing.
    script.hears(assigned(PeerId(9)));
    assert_eq!(script.news(), []);
}

#[test]
fn requests_stay_inside_pieces_and_fill_the_pipeline() {
    let mut script = Script::recipient(&[10 * u64::from(PIECE), 5]);
    script.serve();
    let requested = script.requested();
    let bytes: u32 = requested.iter().map(|range| range.length).sum();
    assert_eq!(bytes, 1 << 20);
    assert!(requested.iter().all(|range| script.swarm.layout.contains(range)));
    assert_eq!(requested[0], range(0, 0, PIECE));
    for range in requested {
        script.arrive(range);
    }
    let again = script.requested();
    assert_eq!(again[0].piece, PieceIndex(4));
}

#[test]
fn nothing_is_asked_before_a_bitfield_and_an_unchoke() {
    let mut script = Script::recipient(&[5]);
    script.link();
    assert_eq!(script.requested(), []);
    script.gets(&PeerMessage::Unchoke);
    assert_eq!(script.requested(), []);
    script.gets(&PeerMessage::Have(vec![PieceIndex(0)]));
    assert_eq!(script.requested(), [range(0, 0, 5)]);
}

#[test]
fn a_pause_takes_requests_back_and_asks_nothing_until_it_ends() {
    let mut script = Script::recipient(&[u64::from(PIECE)]);
    script.serve();
    assert_eq!(script.requested(), [range(0, 0, PIECE)]);
    script.input(Input::BlockReceived { peer: OTHER, block: Some(range(0, 0, 65_536)) });
    script.news();
    script.input(Input::Paused(true));
    let rest = range(0, 65_536, PIECE - 65_536);
    let cancel = PeerMessage::Cancel(vec![rest]);
    assert!(script.news().contains(&Output::SendControl { peer: OTHER, message: cancel }));
    // Blocks that were on their way are kept, and not held against anyone.
    script.input(Input::BlockReceived { peer: OTHER, block: Some(range(0, 65_536, 65_536)) });
    assert_eq!(script.news(), [Output::KeepBlock { block: range(0, 65_536, 65_536) }]);
    script.wait(seconds(600));
    script.gets(&PeerMessage::Have(vec![PieceIndex(0)]));
    let news = script.news();
    assert!(news.iter().all(|output| !matches!(output, Output::SendControl { .. })));
    script.input(Input::Paused(false));
    let left = range(0, 131_072, PIECE - 131_072);
    assert_eq!(script.requested(), [left]);
    script.arrive(range(0, 131_072, 65_536));
    assert_eq!(script.news(), [Output::KeepBlock { block: range(0, 131_072, 65_536) }]);
    // The same block once more.
    script.arrive(range(0, 65_536, 65_536));
    assert_eq!(script.news()[0], dropped(Reason::Misbehaved));
}

#[test]
fn a_provider_that_stalls_is_given_up_after_five_seconds() {
    let mut script = Script::recipient(&[u64::from(PIECE)]);
    script.serve();
    script.wait(seconds(4));
    script.input(Input::BlockReceived { peer: OTHER, block: Some(range(0, 0, 65_536)) });
    script.wait(Duration::from_millis(4_999));
    assert!(!script.news().contains(&dropped(Reason::Lost)));
    script.wait(Duration::from_millis(1));
    let news = script.news();
    assert!(news.contains(&dropped(Reason::Lost)));
    assert!(news.contains(&told(ClientMessage::LinkLost { peer: OTHER })));
    // What came is not asked for again.
    script.serve();
    assert_eq!(script.requested(), [range(0, 65_536, PIECE - 65_536)]);
}

#[test]
fn a_choked_or_idle_link_may_be_silent_for_ever() {
    let mut script = Script::recipient(&[5]);
    script.serve();
    script.gets(&PeerMessage::Choke);
    script.wait(seconds(3600));
    assert!(!script.news().iter().any(|output| matches!(output, Output::Disconnect { .. })));
    script.gets(&PeerMessage::Unchoke);
    assert_eq!(script.requested(), [range(0, 0, 5)]);
}

#[test]
fn a_link_that_does_not_come_about_is_given_up() {
    let mut script = Script::recipient(&[5]);
    script.hears(assigned(OTHER));
    script.wait(Duration::from_millis(29_999));
    assert!(!script.news().contains(&dropped(Reason::Lost)));
    script.wait(Duration::from_millis(1));
    assert!(script.news().contains(&dropped(Reason::Lost)));
    script.hears(assigned(OTHER));
    script.input(Input::LinkOpened { peer: OTHER, lane: 0, max_message_bytes: 65_536 });
    script.news();
    script.wait(seconds(15));
    assert!(script.news().contains(&dropped(Reason::Lost)));
}

#[test]
fn what_the_browser_refused_is_not_taken_for_the_network() {
    for refused in [Failure::IceRefused, Failure::ConnectionRefused] {
        let mut script = Script::recipient(&[5]);
        for attempt in 1..=4 {
            assert_eq!(script.swarm.failure(), None);
            script.hears(assigned(OTHER));
            script.input(Input::BrowserRefused(refused));
            script.input(Input::LinkClosed { peer: OTHER, lane: 0, attempt });
        }
        assert_eq!(script.swarm.failure(), Some(refused));
    }
}

#[test]
fn after_four_attempts_in_a_row_it_is_over() {
    let mut script = Script::recipient(&[5]);
    for attempt in 1..=4 {
        assert_eq!(script.swarm.failure(), None);
        script.hears(assigned(OTHER));
        script.input(Input::LinkClosed { peer: OTHER, lane: 0, attempt });
    }
    assert_eq!(script.swarm.failure(), Some(Failure::Unreachable));
    assert!(script.news().ends_with(&[Output::Fail(Failure::Unreachable)]));
    assert_eq!(script.swarm.poll_timeout(), None);
}

#[test]
fn one_link_that_stood_or_was_revoked_begins_the_count_again() {
    let mut script = Script::recipient(&[5]);
    for attempt in 1..=3 {
        script.hears(assigned(OTHER));
        script.input(Input::LinkClosed { peer: OTHER, lane: 0, attempt });
    }
    for _ in 0..5 {
        script.hears(assigned(OTHER));
        script.hears(ServerMessage::Revoked { peer: OTHER });
    }
    script.link();
    script.input(Input::LinkClosed { peer: OTHER, lane: 0, attempt: 9 });
    script.hears(assigned(OTHER));
    script.input(Input::LinkClosed { peer: OTHER, lane: 0, attempt: 10 });
    assert_eq!(script.swarm.failure(), None);
}

#[test]
fn words_of_an_earlier_attempt_are_not_taken_for_this_one() {
    let mut script = Script::recipient(&[5]);
    script.hears(assigned(OTHER));
    script.input(Input::LinkClosed { peer: OTHER, lane: 0, attempt: 1 });
    script.news();
    script.hears(assigned(OTHER));
    assert_eq!(script.news(), [Output::Offer { peer: OTHER, lane: 0, attempt: 2 }]);
    let sdp = DESCRIPTION.to_owned();
    let candidate = "candidate:1".to_owned();
    script.input(Input::LinkClosed { peer: OTHER, lane: 0, attempt: 1 });
    script.input(Input::DescriptionReady { peer: OTHER, lane: 0, attempt: 1, sdp: sdp.clone() });
    let found = Input::CandidateFound {
        peer: OTHER,
        lane: 0,
        attempt: 1,
        candidate: candidate.clone(),
        sdp_mid: None,
    };
    script.input(found);
    let answer = |attempt| Signal::Answer { lane: 0, attempt, sdp: DESCRIPTION.to_owned() };
    script.input(Input::SignalReceived { from: OTHER, signal: answer(1) });
    let signal = Signal::Candidate { lane: 0, attempt: 1, candidate, sdp_mid: None };
    script.input(Input::SignalReceived { from: OTHER, signal });
    assert_eq!(script.news(), []);
    script.input(Input::SignalReceived { from: OTHER, signal: answer(2) });
    assert_eq!(script.news(), [Output::AcceptAnswer { peer: OTHER, lane: 0, sdp }]);
}

#[test]
fn progress_is_told_every_second_while_it_runs() {
    let mut script = Script::recipient(&[5]);
    script.news();
    script.wait(seconds(10));
    let news = script.news();
    assert_eq!(news.len(), 10);
    for output in news {
        let Output::Tell(ClientMessage::Progress(progress)) = output else { panic!("{output:?}") };
        assert_eq!((progress.wanted_bytes, progress.phase), (5, MemberPhase::Waiting));
    }
}

#[test]
fn nothing_counts_before_hello_and_nothing_twice() {
    let hello = |version, piece_count| PeerMessage::Hello { version, piece_count };
    for message in [PeerMessage::Unchoke, hello(2, 1), hello(1, 2)] {
        let mut script = Script::recipient(&[5]);
        script.hears(assigned(OTHER));
        script.input(Input::LinkOpened { peer: OTHER, lane: 0, max_message_bytes: 65_536 });
        script.gets(&message);
        assert!(script.news().contains(&dropped(Reason::Misbehaved)), "{message:?}");
    }
    let mut script = Script::recipient(&[5]);
    script.link();
    script.gets(&hello(1, 1));
    assert!(script.news().contains(&dropped(Reason::Misbehaved)));
}

#[test]
fn a_piece_waits_for_its_record_and_is_checked_once() {
    let mut script = Script::recipient(&[5]);
    script.serve();
    script.arrive(range(0, 0, 5));
    let check = Output::CheckPiece { piece: PieceIndex(0) };
    assert!(!script.news().contains(&check));
    script.record_known(0, 1);
    script.record_known(0, 1);
    assert_eq!(script.news(), [check]);
}

#[test]
fn each_end_has_its_own_reason() {
    for (message, failure) in [
        (ServerMessage::Closed { reason: CloseReason::Stopped }, Failure::Stopped),
        (ServerMessage::Closed { reason: CloseReason::Expired }, Failure::Expired),
        (ServerMessage::Closed { reason: CloseReason::Removed }, Failure::Removed),
        (ServerMessage::Closed { reason: CloseReason::Replaced }, Failure::Replaced),
        (refusal(ErrorCode::Forbidden), Failure::Refused),
        (refusal(ErrorCode::Full), Failure::Full),
        (refusal(ErrorCode::Version), Failure::Version),
        (refusal(ErrorCode::NotFound), Failure::Stopped),
    ] {
        let mut script = Script::recipient(&[5]);
        script.serve();
        script.news();
        script.hears(message);
        let news = script.news();
        assert_eq!(news.last(), Some(&Output::Fail(failure)));
        assert!(news.contains(&dropped(Reason::Done)) && news.contains(&Output::CloseSocket));
        assert_eq!(script.phase(), Phase::Failed);
        script.input(Input::SocketClosed);
        script.wait(seconds(100));
        assert_eq!(script.news(), []);
    }
}

fn refusal(code: ErrorCode) -> ServerMessage {
    ServerMessage::Error { code, message: String::new() }
}

#[test]
fn whoever_refuses_all_it_is_asked_for_is_given_up_like_one_that_stalls() {
    let mut script = Script::recipient(&[u64::from(PIECE)]);
    script.serve();
    for tenth in 0..100 {
        let asked = script.requested();
        if script.swarm.peers.is_empty() {
            assert!((45..=55).contains(&tenth), "{tenth}");
            return;
        }
        assert!(!asked.is_empty(), "asked anew each time");
        script.gets(&PeerMessage::Reject(asked));
        script.wait(Duration::from_millis(100));
    }
    panic!("it may go on for ever");
}

#[test]
fn whole_pieces_whose_records_are_withheld_are_fetched_anew_and_then_elsewhere() {
    let pieces = 4;
    let mut script = Script::recipient(&[pieces * u64::from(PIECE)]);
    script.serve();
    for time in 1..=2 {
        let asked = script.requested();
        let bytes: u64 = asked.iter().map(|range| u64::from(range.length)).sum();
        assert_eq!(bytes, pieces * u64::from(PIECE), "time {time}");
        asked.into_iter().for_each(|range| script.arrive(range));
        script.news();
        script.wait(Duration::from_millis(2_900));
        assert_eq!(script.news().iter().filter(|o| is_discard(o)).count(), 0, "time {time}");
        script.wait(Duration::from_millis(1_200));
    }
    let news = script.news();
    assert_eq!(news.iter().filter(|output| is_discard(output)).count() as u64, pieces);
    assert!(news.contains(&dropped(Reason::Misbehaved)), "{news:?}");
}

fn is_discard(output: &Output) -> bool {
    matches!(output, Output::DiscardPiece { .. })
}
