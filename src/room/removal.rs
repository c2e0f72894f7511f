//! Whom the owner sends away. A page has a socket, and a name, for each thing that it does here; the owner sees one of
//! them and means the page.

use super::{CloseReason, Output, PeerId, Room, ServerMessage, SocketId, join};
use crate::protocol::circle::CircleKind;

impl Room {
    /// Sends a member of the exchange, or a listener, away, and with it everything of its page. What it says of its page
    /// is its own word: a page that lies stays in its other places, and can as well come again as someone new.
    pub(super) fn send_page_away(&mut self, peer: PeerId) {
        let member = self.members.get(peer).map(|member| (member.owner, member.page));
        let Some((false, page)) = member.or_else(|| self.circles.page_of(peer)) else { return };
        if let Some(page) = page {
            join::remember(&mut self.removed_pages, page);
        }
        for other in self.members.ids() {
            let of_page = self
                .members
                .get(other)
                .is_some_and(|member| !member.owner && page.is_some() && member.page == page);
            if other == peer || of_page {
                self.remember_removed(other);
                self.dismiss(other, CloseReason::Removed);
            }
        }
        for (kind, other, socket) in self.circles.of_page(peer, page) {
            self.remember_removed(other);
            self.leave_circle(socket);
            self.send_away(socket, CloseReason::Removed);
            // Else it would take the listener for one whose server is away.
            if let Some(host) = self.circles.host_socket(kind).filter(|_| kind == CircleKind::Live)
            {
                let message = ServerMessage::Revoked { peer: other };
                self.outputs.push_back(Output::Send { socket: host, message });
            }
        }
    }

    /// Sends a member away and says why.
    pub(super) fn dismiss(&mut self, peer: PeerId, reason: CloseReason) {
        if let Some(socket) = self.members.get(peer).and_then(|member| member.socket) {
            self.send_away(socket, reason);
        }
        self.drop_member(peer);
    }

    pub(super) fn send_away(&mut self, socket: SocketId, reason: CloseReason) {
        let message = ServerMessage::Closed { reason };
        self.outputs.push_back(Output::Send { socket, message });
        self.outputs.push_back(Output::Close { socket });
    }
}
