//! Everyone completes while a complete seed can be reached, whatever happened before.

use proptest::prelude::*;

use super::random::{Action, Watched, action, topology};
use super::*;

/// Leeches to whom every piece comes over the links as they are.
fn reached(watched: &Watched) -> Option<SocketId> {
    let room = &watched.scene.room;
    let is_source = |peer| room.members.get(peer).is_some_and(Member::is_complete);
    room.members
        .iter()
        .filter(|member| member.is_leech() && room.links.reaches(member.peer, is_source))
        .find_map(|member| member.socket)
}

fn leeches(watched: &Watched) -> usize {
    watched.scene.room.members.iter().filter(|member| member.is_leech()).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn everyone_completes(
        topology in topology(),
        actions in prop::collection::vec(action(), 0..100),
        owners_slots in 1..4_u8,
    ) {
        let mut watched = Watched::new(topology);
        // Three bad pieces close the way between two for good.
        for action in actions.iter().filter(|action| !matches!(action, Action::BadPiece(..))) {
            watched.act(action);
        }
        // Everyone asks, the owner is here, and those who are away are given up.
        for number in 0..watched.scene.last_socket as usize {
            watched.act(&Action::Want(number));
        }
        watched.join(Comes { slots: owners_slots, ..OWNER });
        watched.act(&Action::Wait(60_000));
        while let Some(socket) = reached(&watched) {
            let before = leeches(&watched);
            watched.act(&Action::Complete(socket.0 as usize - 1));
            prop_assert!(leeches(&watched) < before);
        }
        prop_assert_eq!(leeches(&watched), 0, "{:?}", topology);
        prop_assert!(watched.scene.room.waiting.is_empty());
    }
}
