//! A player reads while the rest arrives.

use super::granting::granted_to;
use super::several::{ONE, TWO};
use super::*;
use crate::swarm::status::Caps;

const PIECE: u32 = MIN_PIECE_LENGTH;

impl Script {
    fn plays(&mut self, pieces: &[u32]) {
        let pieces = pieces.iter().copied().map(PieceIndex).collect();
        self.input(Input::PlaybackMoved { pieces });
    }

    /// Control messages of one kind since last time.
    fn cancelled(&mut self) -> (Vec<BlockRange>, Vec<BlockRange>) {
        let (mut cancelled, mut requested) = (Vec::new(), Vec::new());
        for output in self.news() {
            match output {
                Output::SendControl { message: PeerMessage::Cancel(ranges), .. } => {
                    cancelled.extend(ranges);
                }
                Output::SendControl { message: PeerMessage::Request(ranges), .. } => {
                    requested.extend(ranges);
                }
                _ => {}
            }
        }
        (cancelled, requested)
    }
}

fn pieces_of(ranges: &[BlockRange]) -> Vec<u32> {
    let mut pieces: Vec<u32> = ranges.iter().map(|range| range.piece.0).collect();
    pieces.dedup();
    pieces
}

#[test]
fn what_is_played_next_is_asked_for_first() {
    let mut script = Script::recipient(&[100 * u64::from(PIECE)]);
    script.plays(&[50, 51, 52]);
    script.serve();
    let mut requested = script.requested();
    let bytes: u32 = requested.iter().map(|range| range.length).sum();
    assert_eq!(bytes, 128 << 10, "no more than a person would not wait for");
    // Then the window's rest, and the others after it.
    let mut all = requested.clone();
    while all.len() < 16 {
        for range in std::mem::take(&mut requested) {
            script.arrive(range);
        }
        requested = script.requested();
        all.extend(requested.clone());
    }
    assert_eq!(pieces_of(&all)[..4], [50, 51, 52, 0]);
}

#[test]
fn a_seek_takes_back_what_is_under_way_for_later() {
    let mut script = Script::recipient(&[100 * u64::from(PIECE)]);
    script.serve();
    let under_way = script.requested();
    assert_eq!(pieces_of(&under_way), [0, 1, 2, 3]);
    script.plays(&[1, 80]);
    let (cancelled, requested) = script.cancelled();
    assert_eq!(cancelled, [], "the first is on its way already");
    assert_eq!(requested, []);
    script.plays(&[80, 1]);
    let (cancelled, requested) = script.cancelled();
    assert_eq!(pieces_of(&cancelled), [0, 1, 2, 3]);
    assert_eq!(pieces_of(&requested), [80]);
    // What comes all the same is kept, and not asked for again.
    script.arrive(range(0, 0, PIECE));
    // Nothing is lost: without a player the rest is asked for again.
    script.plays(&[]);
    let mut left = pieces_of(&script.requested());
    left.sort_unstable();
    left.dedup();
    assert_eq!(left, [1, 2, 3, 80]);
}

#[test]
fn what_is_here_or_unknown_is_no_reason_to_take_anything_back() {
    let mut script = Script::recipient(&[10 * u64::from(PIECE)]);
    script.serve();
    script.requested();
    script.arrive(range(0, 0, PIECE));
    script.record_known(0, 1);
    script.input(Input::PieceChecked { piece: PieceIndex(0), matches: true });
    script.news();
    script.plays(&[0, 4_000_000]);
    let (cancelled, _) = script.cancelled();
    assert_eq!(cancelled, []);
}

#[test]
fn nobody_is_interrupted_for_what_it_does_not_hold() {
    let mut script = Script::leech(100);
    script.provider(ONE, &(0..50).collect::<Vec<_>>());
    assert!(!script.asked_of(ONE).is_empty());
    script.plays(&[80]);
    let (cancelled, requested) = script.cancelled();
    assert_eq!((cancelled, requested), (vec![], vec![]));
}

#[test]
fn the_owner_of_a_swarm_is_asked_for_what_it_did_not_grant() {
    let mut script = Script::leech(100);
    script.hears(assigned(OTHER));
    script.opens(OTHER);
    script.gets_from(OTHER, &PeerMessage::Have(vec![PieceIndex(3)]));
    script.gets_from(OTHER, &PeerMessage::Unchoke);
    script.provider(ONE, &[4]);
    script.news();
    script.plays(&[60, 61]);
    assert_eq!(pieces_of(&script.asked_of(OTHER)), [60]);
}

#[test]
fn the_owner_counts_what_a_player_asks_for_as_granted() {
    let sizes = [100 * u64::from(PIECE)];
    let mut script = Script::in_swarm(Role::Owner, &sizes);
    script.serves(ONE);
    let granted = granted_to(&script.sent(), ONE);
    script.gets_from(ONE, &PeerMessage::Request(vec![range(60, 0, PIECE)]));
    let loads = |output: &Output| matches!(output, Output::LoadPiece { piece: PieceIndex(60) });
    assert!(script.outputs.iter().any(loads));
    // A listener that jumped away before it came knows that it may ask for it again.
    assert_eq!(granted_to(&script.sent(), ONE), [60]);
    script.serves(TWO);
    let others = granted_to(&script.sent(), TWO);
    assert!(!others.contains(&60) && others.iter().all(|piece| !granted.contains(piece)));
}

#[test]
fn a_late_piece_that_is_played_next_is_asked_of_a_second_provider() {
    let mut script = Script::leech(100);
    let all: Vec<u32> = (0..100).collect();
    script.provider(ONE, &all);
    script.plays(&[50]);
    assert!(pieces_of(&script.asked_of(ONE)).contains(&50));
    script.provider(TWO, &all);
    script.news();
    script.wait(seconds(3));
    assert!(pieces_of(&script.asked_of(TWO)).contains(&50));
}

#[test]
fn what_a_player_asks_of_a_second_provider_counts_towards_the_persons_limit() {
    let mut script = Script::leech(100);
    let all: Vec<u32> = (0..100).collect();
    let limit = 32 << 10;
    script.input(Input::Capped(Caps { upload: None, download: Some(limit) }));
    script.plays(&[50]);
    script.provider(ONE, &all);
    script.provider(TWO, &all);
    // Nothing comes of any, for just too short to give them up.
    script.wait(Duration::from_millis(4_900));
    let asked: u64 = script.requested().iter().map(|range| u64::from(range.length)).sum();
    assert!((4 * limit..5 * limit + limit / 2).contains(&asked), "{asked} of {} bytes", 5 * limit);
}
