//! The initial seed of a swarm.

use super::several::{ONE, PIECE, TWO};
use super::*;

pub(super) fn granted_to(sent: &[(PeerId, PeerMessage)], to: PeerId) -> Vec<u32> {
    let granted = sent.iter().filter_map(|(peer, message)| match message {
        PeerMessage::Have(pieces) if *peer == to => Some(pieces.iter().map(|piece| piece.0)),
        _ => None,
    });
    granted.flatten().collect()
}

#[test]
fn the_owner_grants_each_leech_its_own_pieces() {
    let mut script = Script::in_swarm(Role::Owner, &[64 * u64::from(PIECE)]);
    script.serves(ONE);
    script.serves(TWO);
    let sent = script.sent();
    assert!(!sent.iter().any(|(_, message)| matches!(message, PeerMessage::Bitfield(_))));
    let (one, two) = (granted_to(&sent, ONE), granted_to(&sent, TWO));
    assert!(!one.is_empty() && !two.is_empty());
    assert!(one.iter().all(|piece| !two.contains(piece)), "{one:?} {two:?}");
    // What one holds is granted anew only when nothing else is left.
    script.gets_from(ONE, &PeerMessage::Have(vec![PieceIndex(one[0])]));
    let more = granted_to(&script.sent(), ONE);
    assert_eq!(more.len(), 1);
    assert!(!two.contains(&more[0]) && !one.contains(&more[0]));
}

#[test]
fn what_a_leech_took_away_is_granted_to_the_next() {
    let mut script = Script::in_swarm(Role::Owner, &[64 * u64::from(PIECE)]);
    script.serves(ONE);
    let first = granted_to(&script.sent(), ONE);
    script.hears(ServerMessage::Revoked { peer: ONE });
    script.serves(TWO);
    assert_eq!(granted_to(&script.sent(), TWO), first);
    // And what one sits on for ten seconds goes to another as well.
    script.wait(seconds(11));
    script.serves(ONE);
    assert_eq!(granted_to(&script.sent(), ONE), first);
}

#[test]
fn nothing_is_sent_twice_while_the_leeches_pass_more_on_than_the_owner_could_add() {
    let mut script = Script::in_swarm(Role::Owner, &[64 * u64::from(PIECE)]);
    let leeches = [ONE, TWO, PeerId(13)];
    for peer in leeches {
        script.serves(peer);
    }
    let mut granted = leeches.map(|_| Vec::new());
    // Each second each gets one piece from here, until every piece was sent once.
    for _ in 0..22 {
        let sent = script.sent();
        for (peer, granted) in leeches.iter().zip(&mut granted) {
            granted.extend(granted_to(&sent, *peer));
            let Some(piece) = granted.pop() else { continue };
            script.gets_from(*peer, &PeerMessage::Request(vec![range(piece, 0, PIECE)]));
            let piece = PieceIndex(piece);
            script.input(Input::PieceLoaded { piece, record_first: piece, record_count: 1 });
            script.gets_from(*peer, &PeerMessage::Have(vec![piece]));
        }
        script.wait(seconds(1));
    }
    script.news();
    let others_bring = |script: &mut Script, pieces: std::ops::Range<u32>| {
        for (peer, number) in leeches.into_iter().zip(0..) {
            for piece in pieces.clone().filter(|piece| piece % 3 != number) {
                script.gets_from(peer, &PeerMessage::Have(vec![PieceIndex(piece)]));
            }
        }
    };
    // Two each to begin with, which says that they do well without; then nothing more.
    others_bring(&mut script, 0..24);
    script.wait(seconds(1));
    script.news();
    others_bring(&mut script, 24..36);
    script.wait(Duration::from_millis(900));
    let sent = script.sent();
    assert!(leeches.iter().all(|peer| granted_to(&sent, *peer).is_empty()), "{sent:?}");
    // They stop.
    script.wait(seconds(4));
    let sent = script.sent();
    assert!(leeches.iter().any(|peer| !granted_to(&sent, *peer).is_empty()), "{sent:?}");
}

#[test]
fn a_leech_is_granted_only_what_it_wants() {
    let sizes = [u64::from(PIECE) * 2, u64::from(PIECE) * 2];
    let mut script = Script::in_swarm(Role::Owner, &sizes);
    script.hears(ServerMessage::Serve { peer: ONE });
    script.input(Input::LinkOpened { peer: ONE, lane: 0, max_message_bytes: 262_144 });
    script.news();
    let hello = PeerMessage::Hello { version: PROTOCOL_VERSION, piece_count: 4 };
    script.gets_from(ONE, &hello);
    script.gets_from(ONE, &PeerMessage::Wanted(vec![0b0011_0000]));
    script.gets_from(ONE, &PeerMessage::Interested);
    let granted = granted_to(&script.sent(), ONE);
    assert!(granted.contains(&2) && granted.contains(&3), "{granted:?}");
    script.gets_from(ONE, &PeerMessage::Wanted(vec![0b0000_0001]));
    assert!(script.news().contains(&Output::Disconnect { peer: ONE, reason: Reason::Misbehaved }));
}
