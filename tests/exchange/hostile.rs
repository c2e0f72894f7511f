//! What a hostile or broken peer sends: it is dropped, nothing wrong is kept, and the download still ends right.

use std::time::Duration;

use transfer4me::protocol::id::PeerId;
use transfer4me::protocol::limits::MAX_RANGES_PER_REQUEST;
use transfer4me::protocol::peer_wire::{PeerMessage, PieceRecord};
use transfer4me::protocol::piece::{BlockRange, PieceIndex};
use transfer4me::protocol::signal::Signal;
use transfer4me::protocol::signalling::ClientMessage;
use transfer4me::swarm::{Failure, Input, Reason};

use super::content::Content;
use super::world::{Lie, World};

const MIB: u64 = 1 << 20;

fn midway() -> World {
    let mut world = World::new(Content::new(&[5 * MIB]));
    world.path.bytes_per_second = 3_000_000;
    world.recipient_of_all();
    world.run_for(Duration::from_secs(1));
    world
}

fn range(piece: u32, begin: u32, length: u32) -> BlockRange {
    BlockRange { piece: PieceIndex(piece), begin, length }
}

#[test]
fn a_wrong_piece_is_told_and_fetched_again() {
    let mut world = midway();
    world.lies = vec![Lie::WrongBytes];
    world.run_to_end();
    world.assert_everyone_complete();
    assert_eq!(world.browsers[1].disconnects, [Reason::BadPiece, Reason::Done]);
    let told = |message: &&ClientMessage| matches!(message, ClientMessage::BadPiece { .. });
    assert_eq!(world.browsers[1].told.iter().filter(told).count(), 1);
}

#[test]
fn an_owner_that_sends_nothing_right_is_given_up() {
    let mut world = midway();
    world.lies = vec![Lie::WrongBytes; 10_000];
    world.run_to_end();
    assert_eq!(world.browsers[1].failure, Some(Failure::Corrupt));
    let bad = world.browsers[1].disconnects.iter().filter(|reason| **reason == Reason::BadPiece);
    assert_eq!(bad.count(), 3);
}

#[test]
fn every_other_lie_drops_the_link_and_ends_right() {
    for lie in [Lie::Unrequested, Lie::OutOfRange, Lie::NoHeader] {
        let mut world = midway();
        world.lies = vec![lie];
        world.run_to_end();
        world.assert_everyone_complete();
        assert_eq!(world.browsers[1].disconnects, [Reason::Misbehaved, Reason::Done]);
    }
}

#[test]
fn lies_without_end_end_it() {
    for lie in [Lie::Unrequested, Lie::OutOfRange, Lie::NoHeader] {
        let mut world = midway();
        world.lies = vec![lie; 10_000];
        world.run_to_end();
        assert_eq!(world.browsers[1].failure, Some(Failure::Corrupt));
    }
}

#[test]
fn garbage_to_a_recipient_drops_the_link_and_ends_right() {
    let forged =
        PieceRecord { first_piece: PieceIndex(3), hashes: vec![[0; 32]], signature: [0; 64] };
    let beyond = PieceRecord { first_piece: PieceIndex(u32::MAX), ..forged.clone() };
    let long = PieceRecord { hashes: vec![[0; 32]; 64], ..forged.clone() };
    for bytes in [
        vec![],
        vec![99],
        vec![7; 100_000],
        PeerMessage::Hello { version: 1, piece_count: 20 }.encode(),
        PeerMessage::Have(vec![PieceIndex(20)]).encode(),
        PeerMessage::Bitfield(vec![0xff; 2]).encode(),
        PeerMessage::Bitfield(vec![0xff; 3]).encode(),
        PeerMessage::Record(forged).encode(),
        PeerMessage::Record(beyond).encode(),
        PeerMessage::Record(long).encode(),
        PeerMessage::FileGone(1).encode(),
        PeerMessage::FileGone(u32::MAX).encode(),
        PeerMessage::Request(vec![range(0, 0, 0)]).encode(),
        PeerMessage::Request(vec![range(0, 1, u32::MAX)]).encode(),
    ] {
        let mut world = midway();
        world.forge(0, bytes.clone());
        world.run_to_end();
        world.assert_everyone_complete();
        assert_eq!(world.browsers[1].disconnects, [Reason::Misbehaved, Reason::Done], "{bytes:?}");
    }
}

#[test]
fn odd_but_harmless_words_change_nothing() {
    for message in [
        PeerMessage::Choke,
        PeerMessage::Interested,
        PeerMessage::NotInterested,
        PeerMessage::Have(vec![PieceIndex(0)]),
        PeerMessage::Cancel(vec![range(9, 9, 9)]),
        PeerMessage::Request(vec![range(19, 0, 10)]),
    ] {
        let mut world = midway();
        world.forge_message(0, &message);
        world.forge_message(0, &PeerMessage::Unchoke);
        world.run_to_end();
        world.assert_everyone_complete();
        assert_eq!(world.browsers[1].disconnects, [Reason::Done], "{message:?}");
    }
}

#[test]
fn garbage_to_the_owner_drops_the_sender_alone() {
    for message in [
        PeerMessage::Request(vec![range(20, 0, 1)]),
        PeerMessage::Request(vec![range(0, 0, 0)]),
        PeerMessage::Request(vec![range(0, u32::MAX, u32::MAX)]),
        PeerMessage::Record(PieceRecord {
            first_piece: PieceIndex(0),
            hashes: vec![[0; 32]],
            signature: [0; 64],
        }),
        PeerMessage::Bitfield(vec![]),
        PeerMessage::Hello { version: 1, piece_count: 20 },
    ] {
        let mut world = midway();
        let other = world.recipient_of_all();
        world.run_for(Duration::from_millis(300));
        let last = world.browsers[other].links.clone();
        world.forge_message(1, &message);
        world.run_for(Duration::from_millis(30));
        assert_eq!(world.browsers[0].disconnects, [Reason::Misbehaved], "{message:?}");
        assert_eq!(world.browsers[other].links, last);
        world.run_to_end();
        world.assert_everyone_complete();
    }
}

#[test]
fn a_flood_of_requests_drops_the_sender() {
    let mut world = midway();
    let flood = PeerMessage::Request(vec![range(19, 0, 1); MAX_RANGES_PER_REQUEST]);
    for _ in 0..9 {
        world.forge_message(1, &flood);
    }
    world.run_for(Duration::from_millis(30));
    assert_eq!(world.browsers[0].disconnects, [Reason::Misbehaved]);
    world.run_to_end();
    world.assert_everyone_complete();
}

#[test]
fn a_lying_file_gone_costs_only_that_file() {
    let mut world = midway();
    world.forge_message(0, &PeerMessage::FileGone(0));
    world.run_to_end();
    assert_eq!(world.browsers[1].failure, Some(Failure::AllGone));
}

#[test]
fn blocks_to_the_owner_drop_the_sender() {
    let mut world = midway();
    let (peer, _) = *world.browsers[0].links.keys().next().unwrap();
    world.input(0, Input::BlockReceived { peer, block: Some(range(0, 0, 10)) });
    assert_eq!(world.browsers[0].disconnects, [Reason::Misbehaved]);
    world.run_to_end();
    world.assert_everyone_complete();
}

#[test]
fn signals_of_strangers_and_odd_descriptions_are_not_answered() {
    let mut world = midway();
    let offer = |sdp: &str| Signal::Offer { lane: 0, attempt: 1, sdp: sdp.to_owned() };
    let links = world.browsers[0].links.clone();
    world.input(0, Input::SignalReceived { from: PeerId(77), signal: offer("v=0") });
    assert_eq!(world.browsers[0].links, links);
    let (peer, _) = *world.browsers[1].links.keys().next().unwrap();
    world.input(1, Input::SignalReceived { from: peer, signal: offer("v=0") });
    assert_eq!(world.browsers[1].disconnects, [Reason::Misbehaved]);
    world.run_to_end();
    world.assert_everyone_complete();
}
