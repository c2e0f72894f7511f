//! Whoever is sent away under one name is sent away under all that its page has.

use super::*;

const ONE: PageId = PageId::from_bytes([1; PageId::LENGTH]);
const OTHER: PageId = PageId::from_bytes([2; PageId::LENGTH]);

fn on(page: PageId, circle: Option<CircleKind>) -> Comes {
    Comes { page: Some(page), ..comes(false, circle) }
}

fn is_sent_away(scene: &mut Scene, socket: SocketId) -> bool {
    let reason = CloseReason::Removed;
    scene.news(socket).contains(&ServerMessage::Closed { reason }) && scene.closed.contains(&socket)
}

/// A page's sockets and names: in the exchange, listening live, and together.
type Page = [(SocketId, PeerId); 3];

/// A room with its owner and its broadcast, and two pages that are everywhere.
fn scene() -> (Scene, [SocketId; 2], [Page; 2]) {
    let mut scene = Scene::new(Topology::Swarm);
    let (owner, _) = scene.owner();
    let (host, _) = scene.joins(Comes { page: Some(ONE), ..comes(true, Some(CircleKind::Live)) });
    scene.says(host, ClientMessage::Seats { count: 4 });
    let pages = [ONE, OTHER].map(|page| {
        [None, Some(CircleKind::Live), Some(CircleKind::Together)]
            .map(|circle| scene.joins(on(page, circle)))
    });
    scene.wait(Duration::from_secs(1));
    scene.forget_news();
    (scene, [owner, host], pages)
}

#[test]
fn removed_from_the_recipients_or_from_the_listeners_is_removed_from_all() {
    for from_listeners in [false, true] {
        let (mut scene, [owner, host], [one, other]) = scene();
        let (who, by) = if from_listeners { (one[1], host) } else { (one[0], owner) };
        scene.says(by, ClientMessage::Remove { peer: who.1 });
        // The host ends its connection at once, and does not wait as it does for one whose server is away.
        let listener = ServerMessage::Revoked { peer: one[1].1 };
        assert!(scene.news(host).contains(&listener), "{from_listeners}");
        for (socket, _) in one {
            assert!(is_sent_away(&mut scene, socket), "{from_listeners} {socket:?}");
        }
        for (socket, _) in other {
            assert!(!is_sent_away(&mut scene, socket), "{from_listeners} {socket:?}");
        }
        assert_eq!(scene.room.gauge(), Gauge { members: 2, seeds: 1, broadcast: Some(4) });
        // Neither under a name that it had, nor as someone new.
        for circle in [None, Some(CircleKind::Live), Some(CircleKind::Together)] {
            for (_, peer) in one {
                let again = scene.attach(Comes { resumed: Some(peer), ..comes(false, circle) });
                assert!(is_sent_away(&mut scene, again));
            }
            let again = scene.attach(on(ONE, circle));
            assert!(is_sent_away(&mut scene, again));
            let fresh = scene.attach(on(OTHER, circle));
            assert!(!is_sent_away(&mut scene, fresh));
        }
    }
}

#[test]
fn the_owner_is_never_sent_away_with_a_page_and_whoever_names_none_stands_alone() {
    let (mut scene, [owner, host], [one, _]) = scene();
    // The host of the broadcast said the same page as the one that is removed.
    scene.says(owner, ClientMessage::Remove { peer: one[0].1 });
    assert!(!is_sent_away(&mut scene, host) && !is_sent_away(&mut scene, owner));
    let (_, silent) = scene.recipient();
    let (other, _) = scene.joins(comes(false, Some(CircleKind::Live)));
    scene.says(owner, ClientMessage::Remove { peer: silent });
    assert!(!is_sent_away(&mut scene, other));
    // One that is away is barred as well.
    let page = PageId::from_bytes([3; PageId::LENGTH]);
    let (socket, away) = scene.joins(on(page, None));
    let (listens, _) = scene.joins(on(page, Some(CircleKind::Live)));
    scene.says(socket, ClientMessage::Want);
    scene.input(Input::Disconnected { socket });
    scene.says(owner, ClientMessage::Remove { peer: away });
    assert!(is_sent_away(&mut scene, listens));
}
