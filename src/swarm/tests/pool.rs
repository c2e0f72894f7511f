//! Several peers at once: fetching from all of them, passing on, and whoever goes or lies.

use super::several::{ONE, PIECE, TWO};
use super::*;
use crate::protocol::signalling::{MemberPhase, PathKind, Progress, RosterEntry};

fn entry(peer: PeerId, have: Have, helps: bool) -> RosterEntry {
    let progress = Progress {
        have_bytes: 0,
        wanted_bytes: 0,
        bytes_per_second: 0,
        phase: MemberPhase::Downloading,
        path: PathKind::Direct,
        have,
    };
    RosterEntry { peer, progress, helps }
}

#[test]
fn two_providers_are_asked_for_different_pieces() {
    let mut script = Script::leech(40);
    script.provider(ONE, &(0..40).collect::<Vec<_>>());
    let of_one = script.asked_of(ONE);
    script.provider(TWO, &(0..40).collect::<Vec<_>>());
    let of_two = script.asked_of(TWO);
    assert!(!of_one.is_empty() && !of_two.is_empty());
    assert!(of_one.iter().all(|range| !of_two.contains(range)));
}

#[test]
fn the_rarest_piece_is_asked_for_first() {
    let mut script = Script::leech(40);
    script.provider(ONE, &(0..39).collect::<Vec<_>>());
    script.news();
    script.provider(TWO, &(0..40).collect::<Vec<_>>());
    assert_eq!(script.asked_of(TWO)[0], range(39, 0, PIECE));
}

#[test]
fn what_fails_together_counts_as_one_attempt() {
    // A machine that has too much to do answers none of five in time.
    let mut script = Script::leech(4);
    let peers: Vec<PeerId> = (20..25).map(PeerId).collect();
    for round in 1..=4 {
        assert_eq!(script.swarm.failure(), None, "before round {round}");
        for peer in &peers {
            script.hears(assigned(*peer));
        }
        script.wait(seconds(30));
    }
    assert_eq!(script.swarm.failure(), Some(Failure::Unreachable));
}

#[test]
fn whoever_leaves_is_replaced_by_the_others_at_once() {
    let mut script = Script::leech(4);
    script.provider(ONE, &[0, 1, 2, 3]);
    assert_eq!(script.asked_of(ONE).len(), 4);
    script.provider(TWO, &[0, 1, 2, 3]);
    assert_eq!(script.asked_of(TWO), []);
    script.arrives_from(ONE, range(2, 0, 65_536));
    script.input(Input::LinkClosed { peer: ONE, lane: 0, attempt: 1 });
    let asked = script.asked_of(TWO);
    let bytes: u32 = asked.iter().map(|range| range.length).sum();
    assert_eq!(bytes, 4 * PIECE - 65_536, "all but what came");
}

#[test]
fn what_is_late_in_the_endgame_is_asked_of_one_other_and_no_more() {
    let mut script = Script::leech(1);
    script.provider(ONE, &[0]);
    script.provider(TWO, &[0]);
    script.provider(PeerId(13), &[0]);
    script.wait(seconds(1));
    script.news();
    script.wait(seconds(2));
    let doubled: Vec<_> = script
        .sent()
        .into_iter()
        .filter(|(_, message)| matches!(message, PeerMessage::Request(_)))
        .collect();
    assert_eq!(doubled, [(TWO, PeerMessage::Request(vec![range(0, 0, PIECE)]))]);
    // The second is faster: the first need not send it, and what it sent meanwhile is not kept twice.
    script.arrives_from(TWO, range(0, 0, 65_536));
    script.arrives_from(ONE, range(0, 0, 65_536));
    let news = script.news();
    let kept = news.iter().filter(|output| matches!(output, Output::KeepBlock { .. }));
    assert_eq!(kept.count(), 1);
    for begin in (65_536..PIECE).step_by(65_536) {
        script.arrives_from(TWO, range(0, begin, 65_536));
    }
    let rest = range(0, 65_536, PIECE - 65_536);
    assert!(script.sent().contains(&(ONE, PeerMessage::Cancel(vec![rest]))));
    script.record_known(0, 1);
    script.input(Input::PieceChecked { piece: PieceIndex(0), matches: true });
    assert!(script.swarm.is_settled());
}

#[test]
fn parts_of_two_that_do_not_fit_blame_nobody_and_come_from_one_next_time() {
    let mut script = Script::leech(1);
    script.provider(ONE, &[0]);
    script.arrives_from(ONE, range(0, 0, 65_536));
    script.input(Input::LinkClosed { peer: ONE, lane: 0, attempt: 1 });
    script.provider(TWO, &[0]);
    script.arrives_from(TWO, range(0, 65_536, PIECE - 65_536));
    script.record_known(0, 1);
    script.news();
    script.input(Input::PieceChecked { piece: PieceIndex(0), matches: false });
    assert_eq!(script.asked_of(TWO), [range(0, 0, PIECE)], "not dropped, and asked for all of it");
    script.arrives_from(TWO, range(0, 0, PIECE));
    script.input(Input::PieceChecked { piece: PieceIndex(0), matches: false });
    let news = script.news();
    assert!(news.contains(&told(ClientMessage::BadPiece { peer: TWO, piece: 0 })), "{news:?}");
}

#[test]
fn a_piece_that_one_alone_was_to_send_comes_from_another_when_that_one_goes() {
    let mut script = Script::leech(1);
    script.provider(ONE, &[0]);
    script.arrives_from(ONE, range(0, 0, 65_536));
    script.input(Input::LinkClosed { peer: ONE, lane: 0, attempt: 1 });
    script.provider(TWO, &[0]);
    script.arrives_from(TWO, range(0, 65_536, PIECE - 65_536));
    script.record_known(0, 1);
    script.input(Input::PieceChecked { piece: PieceIndex(0), matches: false });
    script.arrives_from(TWO, range(0, 0, 65_536));
    script.news();
    script.input(Input::LinkClosed { peer: TWO, lane: 0, attempt: 2 });
    assert!(script.news().contains(&Output::DiscardPiece { piece: PieceIndex(0) }));
    script.provider(PeerId(13), &[0]);
    assert_eq!(script.asked_of(PeerId(13)), [range(0, 0, PIECE)]);
}

#[test]
fn a_link_that_stands_is_used_the_other_way_as_well() {
    let mut script = Script::leech(2);
    script.provider(ONE, &[0]);
    script.news();
    script.has(ONE, 0);
    assert!(script.sent().iter().all(|(_, message)| !matches!(message, PeerMessage::Have(_))));
    // Interest comes over the link before the room's word comes over the socket.
    script.gets_from(ONE, &PeerMessage::Interested);
    assert!(!script.sent().contains(&(ONE, PeerMessage::Unchoke)));
    script.hears(ServerMessage::Serve { peer: ONE });
    assert_eq!(script.sent(), [(ONE, PeerMessage::Unchoke)]);
    script.gets_from(ONE, &PeerMessage::Request(vec![range(0, 0, 10), range(1, 0, 10)]));
    let load = Output::LoadPiece { piece: PieceIndex(0) };
    assert_eq!(script.news(), [load], "only what is here");
    // The other way round: no second connection.
    let mut script = Script::leech(2);
    script.serves(ONE);
    script.hears(assigned(ONE));
    assert!(!script.news().iter().any(|output| matches!(output, Output::Offer { .. })));
    script.gets_from(ONE, &PeerMessage::Have(vec![PieceIndex(1)]));
    script.gets_from(ONE, &PeerMessage::Unchoke);
    assert_eq!(script.asked_of(ONE), [range(1, 0, PIECE)]);
}

#[test]
fn an_offer_from_a_peer_that_gave_the_first_link_up_takes_its_place() {
    let mut script = Script::leech(2);
    script.provider(ONE, &[0, 1]);
    script.hears(ServerMessage::Serve { peer: ONE });
    script.news();
    let sdp = DESCRIPTION.to_owned();
    let signal = Signal::Offer { lane: 0, attempt: 9, sdp: sdp.clone() };
    script.input(Input::SignalReceived { from: ONE, signal });
    let news = script.news();
    assert!(news.contains(&Output::Answer { peer: ONE, lane: 0, attempt: 9, sdp }));
    assert!(!news.contains(&told(ClientMessage::LinkLost { peer: ONE })));
    script.opens(ONE);
    script.gets_from(ONE, &PeerMessage::Bitfield(vec![0b1100_0000]));
    script.gets_from(ONE, &PeerMessage::Unchoke);
    assert_eq!(script.asked_of(ONE).len(), 2, "what was asked of the first link is asked again");
}

#[test]
fn of_two_offers_that_cross_the_one_of_the_earlier_name_counts() {
    let sdp = DESCRIPTION.to_owned();
    // This browser's own name is 1.
    for (other, gives_way) in [(PeerId(0), true), (PeerId(2), false)] {
        let mut script = Script::leech(2);
        script.hears(assigned(other));
        script.news();
        let signal = Signal::Offer { lane: 0, attempt: 9, sdp: sdp.clone() };
        script.input(Input::SignalReceived { from: other, signal });
        let answer = Output::Answer { peer: other, lane: 0, attempt: 9, sdp: sdp.clone() };
        assert_eq!(script.news().contains(&answer), gives_way);
    }
}

#[test]
fn whoever_is_complete_stays_and_serves() {
    let mut script = Script::leech(2);
    script.provider(ONE, &[0, 1]);
    script.serves(TWO);
    script.has(ONE, 0);
    script.has(ONE, 1);
    let news = script.news();
    assert!(news.contains(&Output::Disconnect { peer: ONE, reason: Reason::Done }));
    assert!(!news.contains(&Output::Disconnect { peer: TWO, reason: Reason::Done }));
    assert_eq!(script.phase(), Phase::Seeding);
    script.gets_from(TWO, &PeerMessage::Request(vec![range(1, 0, PIECE)]));
    let piece = PieceIndex(1);
    script.input(Input::PieceLoaded { piece, record_first: piece, record_count: 1 });
    let news = script.news();
    assert!(news.iter().any(|output| matches!(output, Output::SendBlock { peer: TWO, .. })));
    assert_eq!(script.swarm.download_status(script.now).helped, 1);
    // Its socket breaks and it comes back: as a seed.
    script.input(Input::SocketClosed);
    script.wait(seconds(1));
    script.input(Input::SocketOpened);
    let all = |output: &Output| matches!(output, Output::Join { have: Have::All, .. });
    assert!(script.news().iter().any(all));
}

#[test]
fn whoever_stops_helping_says_so_and_lets_its_leeches_go() {
    let mut script = Script::leech(2);
    script.provider(ONE, &[0]);
    script.serves(TWO);
    script.news();
    script.input(Input::HelpingChosen(false));
    let news = script.news();
    assert!(news.contains(&told(ClientMessage::Slots { offered: 0 })));
    assert!(news.contains(&told(ClientMessage::LinkLost { peer: TWO })));
    assert!(!news.contains(&Output::Disconnect { peer: ONE, reason: Reason::Lost }));
    script.input(Input::HelpingChosen(true));
    assert!(script.news().contains(&told(ClientMessage::Slots { offered: DEFAULT_SLOTS })));
}

#[test]
fn only_the_owner_can_say_that_a_file_is_gone() {
    let mut script = Script::leech(2);
    script.provider(ONE, &[0, 1]);
    script.gets_from(ONE, &PeerMessage::FileGone(0));
    assert_eq!((script.swarm.gone_files(), script.swarm.failure()), (&[][..], None));
    script.provider(OTHER, &[0, 1]);
    script.gets_from(OTHER, &PeerMessage::FileGone(0));
    assert_eq!(script.swarm.failure(), Some(Failure::AllGone));
}

#[test]
fn a_lost_path_is_looked_for_within_the_connection_meanwhile_others_are_asked() {
    let mut script = Script::leech(4);
    script.provider(ONE, &[0, 1, 2, 3]);
    script.provider(TWO, &[0, 1, 2, 3]);
    script.news();
    script.input(Input::PathLost { peer: ONE, lane: 0, attempt: 1 });
    let news = script.news();
    assert!(news.contains(&Output::RestartIce { peer: ONE, lane: 0 }));
    let ready = Input::DescriptionReady { peer: ONE, lane: 0, attempt: 1, sdp: "x".to_owned() };
    let asked = news.iter().any(|output| {
        matches!(output, Output::SendControl { peer: TWO, message: PeerMessage::Request(_) })
    });
    assert!(asked, "{news:?}");
    script.input(ready);
    let signal = Signal::Restart { lane: 0, attempt: 1, sdp: "x".to_owned() };
    assert_eq!(script.news(), [Output::Signal { to: ONE, signal }]);
    script.input(Input::PathRestored { peer: ONE, lane: 0, attempt: 1 });
    script.wait(seconds(4));
    assert!(!script.news().contains(&Output::Disconnect { peer: ONE, reason: Reason::Lost }));
    script.input(Input::PathLost { peer: ONE, lane: 0, attempt: 1 });
    script.wait(seconds(15));
    assert!(script.news().contains(&Output::Disconnect { peer: ONE, reason: Reason::Lost }));
}

#[test]
fn the_other_end_answers_within_the_connection_that_there_is() {
    let mut script = Script::in_swarm(Role::Owner, &[5]);
    script.hears(ServerMessage::Serve { peer: ONE });
    let sdp = DESCRIPTION.to_owned();
    let offer = Signal::Offer { lane: 0, attempt: 3, sdp: sdp.clone() };
    script.input(Input::SignalReceived { from: ONE, signal: offer });
    script.opens(ONE);
    script.news();
    let restart = |attempt| Signal::Restart { lane: 0, attempt, sdp: sdp.clone() };
    script.input(Input::SignalReceived { from: ONE, signal: restart(2) });
    assert_eq!(script.news(), []);
    script.input(Input::SignalReceived { from: ONE, signal: restart(3) });
    let answer = Output::AnswerRestart { peer: ONE, lane: 0, sdp: sdp.clone() };
    assert_eq!(script.news(), [answer]);
    script.input(Input::DescriptionReady { peer: ONE, lane: 0, attempt: 3, sdp: sdp.clone() });
    let signal = Signal::Answer { lane: 0, attempt: 3, sdp };
    assert_eq!(script.news(), [Output::Signal { to: ONE, signal }]);
}

#[test]
fn whoever_finds_nothing_at_hand_tells_the_room_ever_more_patiently() {
    let mut script = Script::leech(2);
    script.provider(ONE, &[]);
    script.news();
    let mut wants = Vec::new();
    for second in 1..=30 {
        script.wait(seconds(1));
        if script.news().contains(&told(ClientMessage::Want)) {
            wants.push(second);
        }
    }
    assert_eq!(wants, [4, 10, 22]);
}

#[test]
fn copies_count_whole_ones_and_what_others_hold_together() {
    let mut script = Script::in_swarm(Role::Owner, &[2 * u64::from(PIECE)]);
    let copies = |script: &mut Script, members: Vec<RosterEntry>| {
        script.hears(ServerMessage::Roster { members });
        let status = script.swarm.sharing_status(script.now);
        assert_eq!(status.may_close, status.copies > 0);
        status.copies
    };
    let far = PeerId(99);
    assert_eq!(copies(&mut script, vec![entry(far, Have::Some, true)]), 0);
    assert_eq!(copies(&mut script, vec![entry(far, Have::All, true)]), 1);
    assert_eq!(copies(&mut script, vec![entry(far, Have::All, false)]), 0, "it does not help");
    script.serves(ONE);
    script.serves(TWO);
    script.gets_from(ONE, &PeerMessage::Have(vec![PieceIndex(0)]));
    let both = vec![entry(ONE, Have::Some, true), entry(TWO, Have::Some, true)];
    assert_eq!(copies(&mut script, both.clone()), 0);
    script.gets_from(TWO, &PeerMessage::Have(vec![PieceIndex(1)]));
    assert_eq!(copies(&mut script, both), 1);
}

#[test]
fn what_an_earlier_visit_left_counts_and_is_not_asked_for() {
    let sizes = [3 * u64::from(PIECE)];
    let mut have = Bitfield::none(3);
    have.insert(PieceIndex(1));
    let mut script = Script::in_swarm(Role::Recipient { wanted_files: vec![true], have }, &sizes);
    assert_eq!(script.swarm.download_status(script.now).have_bytes, u64::from(PIECE));
    script.provider(ONE, &[0, 1, 2]);
    let mut asked: Vec<u32> = script.asked_of(ONE).iter().map(|range| range.piece.0).collect();
    asked.sort_unstable();
    assert_eq!(asked, [0, 2]);
    let role = Role::Recipient { wanted_files: vec![true], have: Bitfield::all(3) };
    let script = Script::in_swarm(role, &sizes);
    assert!(script.outputs.contains(&Output::Save));
    assert!(script.outputs.contains(&told(ClientMessage::Complete)));
    assert_eq!(script.phase(), Phase::Seeding);
}

#[test]
fn a_piece_that_cannot_be_read_back_is_missing_again() {
    let mut script = Script::leech(2);
    script.provider(ONE, &[0, 1]);
    script.serves(TWO);
    script.has(ONE, 0);
    script.gets_from(TWO, &PeerMessage::Request(vec![range(0, 0, 10)]));
    script.news();
    script.input(Input::PieceUnreadable { piece: PieceIndex(0) });
    assert_eq!(script.swarm.download_status(script.now).have_bytes, 0);
    let news = script.news();
    assert!(news.contains(&Output::Disconnect { peer: TWO, reason: Reason::Lost }));
    let again = PeerMessage::Request(vec![range(0, 0, PIECE)]);
    assert!(news.contains(&Output::SendControl { peer: ONE, message: again }), "{news:?}");
}

#[test]
fn whoever_lacks_a_piece_hears_of_it_at_once_and_the_owner_of_several() {
    let mut script = Script::leech(40);
    script.provider(OTHER, &Vec::from_iter(0..40));
    script.provider(ONE, &[]);
    let mut asked = VecDeque::new();
    // Who hears of how many pieces, in each message.
    let mut heard = |script: &mut Script| {
        let mut heard = Vec::new();
        for (peer, message) in script.sent() {
            match message {
                PeerMessage::Request(ranges) => asked.extend(ranges),
                PeerMessage::Have(pieces) => heard.push((peer, pieces.len())),
                _ => {}
            }
        }
        (heard, asked.pop_front().map(|range| range.piece.0))
    };
    let (_, mut next) = heard(&mut script);
    for count in 1..=9 {
        script.has(OTHER, next.unwrap());
        let (said, after) = heard(&mut script);
        if count == 8 {
            assert_eq!(said, [(OTHER, 8), (ONE, 1)]);
        } else {
            assert_eq!(said, [(ONE, 1)]);
        }
        next = after;
    }
    script.wait(Duration::from_millis(199));
    assert_eq!(heard(&mut script).0, []);
    script.wait(Duration::from_millis(1));
    assert_eq!(heard(&mut script).0, [(OTHER, 1)], "the last one does not wait for seven more");
}
