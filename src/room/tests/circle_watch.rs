//! What holds of circles whatever happens.

use super::*;
use crate::protocol::circle::CircleRoster;
use crate::room::circles::Circle;

/// What was so before, and what everyone was told.
#[derive(Debug, Default)]
pub struct Watch {
    seated: BTreeMap<CircleKind, Vec<PeerId>>,
    told: BTreeMap<SocketId, CircleRoster>,
}

impl Watch {
    /// After each thing that happens, with what was said because of it still in `sent`.
    pub fn check(&mut self, scene: &Scene) {
        let room = &scene.room;
        for (socket, messages) in &scene.sent {
            let Some((kind, to)) = room.circles.by_socket(*socket) else { continue };
            let circle = room.circles.get(kind).unwrap();
            for message in messages {
                match message {
                    ServerMessage::Circle(roster) => {
                        let before = self.told.insert(*socket, roster.clone());
                        assert_ne!(before.as_ref(), Some(roster), "told twice");
                    }
                    ServerMessage::Signal { from, .. } => {
                        let seated = circle.seated();
                        let passes =
                            |host, other| Some(host) == circle.host() && seated.contains(&other);
                        assert!(passes(*from, to) || passes(to, *from), "{from} to {to}");
                    }
                    // A host is told whose connection is over.
                    ServerMessage::Revoked { .. } if circle.host() == Some(to) => {}
                    ServerMessage::Pong | ServerMessage::Closed { .. } => {}
                    other => panic!("{other:?} in a circle"),
                }
            }
        }
        for kind in [CircleKind::Live, CircleKind::Together] {
            let before = self.seated.remove(&kind).unwrap_or_default();
            let Some(circle) = room.circles.get(kind) else { continue };
            self.check_seats(circle, &before);
            self.seated.insert(kind, circle.seated());
        }
        // Once nothing is due any more, everyone knows how it is.
        if room.circles.poll_timeout().is_none() {
            self.check_told(room);
        }
    }

    fn check_seats(&self, circle: &Circle, before: &[PeerId]) {
        let seated = circle.seated();
        let waits = circle.others.len() > seated.len();
        assert!(!waits || seated.len() >= circle.seats, "a seat is free and someone waits");
        let is_new = seated.iter().any(|peer| !before.contains(peer));
        assert!(!is_new || seated.len() <= circle.seats, "more than there are seats");
        let line = circle.others.iter().skip(seated.len());
        assert!(line.clone().all(|one| !before.contains(&one.peer)), "lost its seat");
    }

    fn check_told(&self, room: &Room) {
        let everyone = self.seated.keys().filter_map(|kind| room.circles.get(*kind));
        let everyone: usize =
            everyone.map(|circle| circle.others.len() + usize::from(circle.host().is_some())).sum();
        let here = self.told.iter().filter_map(|(socket, roster)| {
            room.circles.by_socket(*socket).map(|(kind, peer)| (kind, peer, roster))
        });
        let here: Vec<_> = here.collect();
        assert_eq!(here.len(), everyone);
        for (kind, peer, roster) in here {
            let circle = room.circles.get(kind).unwrap();
            let seated = circle.seated();
            let at = circle.others.iter().position(|one| one.peer == peer);
            let ahead = at.and_then(|at| at.checked_sub(seated.len())).map(|ahead| ahead as u32);
            let waiting = (circle.others.len() - seated.len()) as u32;
            let true_one = CircleRoster { host: circle.host(), members: seated, waiting, ahead };
            assert_eq!(roster, &true_one);
        }
    }
}
