//! A recipient's piece that cannot be read back, or is not what it was: the disk was full, or is damaged.
//!
//! It is not claimed any more and is fetched again. What was complete is so no more: the room is told, and assigns providers
//! as it did at first. A store that loses the same piece twice is not trusted with it for a third time.

use super::{Failure, PieceIndex, Swarm, Timestamp};
use crate::protocol::signalling::ClientMessage;

/// What it means that a piece is not in the store any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing: it was not wanted.
    Unwanted,
    /// It is missing again.
    Missing,
    /// It was fetched anew after the last time: the store does not keep what it is given.
    Again,
}

impl Swarm {
    /// Of any piece that is not here nothing follows.
    pub(super) fn piece_lost(&mut self, now: Timestamp, piece: PieceIndex) {
        let Some(download) = &mut self.download else { return };
        if !self.have.remove(piece) {
            return;
        }
        match download.lost(&self.layout, piece) {
            Loss::Unwanted => return,
            Loss::Missing => {}
            Loss::Again => {
                self.fail(Failure::Damaged);
                return;
            }
        }
        if !std::mem::take(&mut self.complete) {
            return;
        }
        if !self.started {
            // The room is over, and nobody can send it.
            self.fail(Failure::Damaged);
            return;
        }
        // In this order: a room gives nobody to who holds everything.
        self.tell_progress(now);
        self.tell(ClientMessage::Want);
    }
}
