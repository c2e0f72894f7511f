//! What is to happen, earliest first, and in the order in which it was scheduled where that is alike.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::actions::Action;
use super::network::Flow;
use crate::protocol::piece::{BlockRange, PieceIndex};
use crate::protocol::signalling::{ClientMessage, ServerMessage};
use crate::{room, swarm};

/// Nanoseconds since the run began.
pub type Nanos = u64;

/// What takes time.
#[derive(Debug)]
pub enum Event {
    /// A block has left an uplink.
    Left { port: u32, flow: Flow, block: BlockRange },
    /// An uplink that had to wait looks again.
    Wake { port: u32 },
    /// A block reached its receiver's downlink.
    Arrived { flow: Flow, block: BlockRange, false_bytes: bool },
    /// A block is through its receiver's downlink.
    Delivered { flow: Flow, block: BlockRange, false_bytes: bool },
    /// A control message reached its receiver.
    Control { flow: Flow, bytes: Box<[u8]> },
    /// A connection's channels open on both sides.
    LinkOpens { connection: u32 },
    /// One end learns that its connection closed.
    LinkCloses { flow: Flow },
    /// One end learns that its connection lost its path.
    PathLost { flow: Flow },
    /// The time of a swarm's timeout may have come.
    SwarmTimeout { node: u32 },
    /// The time of the room's timeout may have come.
    RoomTimeout,
    /// A swarm is told something, if its page is still the one of that visit.
    Input { node: u32, visit: u32, input: Box<swarm::Input> },
    /// The owner has read a piece.
    Read { node: u32, visit: u32, piece: PieceIndex },
    /// The owner has signed for a run of pieces.
    Signed { node: u32, visit: u32, first: PieceIndex, count: u32 },
    /// A piece was hashed.
    Hashed { node: u32, visit: u32, piece: PieceIndex },
    /// A socket is open, or cannot be opened.
    SocketOpens { node: u32, visit: u32 },
    /// A message reached the server.
    ToRoom { socket: u64, message: Box<ClientMessage> },
    /// A socket's `join` reached the server.
    JoinsRoom { socket: u64, input: Box<room::Input> },
    /// A message reached a page.
    FromRoom { socket: u64, message: Box<ServerMessage> },
    /// The server learns that a socket closed.
    SocketGoneAtServer { socket: u64 },
    /// A page learns that its socket closed.
    SocketGoneAtPage { socket: u64 },
    /// The scenario does something.
    Act(Action),
}

struct Entry {
    at: Nanos,
    sequence: u64,
    event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    // Turned round, because the heap gives its greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.sequence).cmp(&(self.at, self.sequence))
    }
}

/// The events to come.
#[derive(Default)]
pub struct Queue {
    heap: BinaryHeap<Entry>,
    sequence: u64,
}

impl Queue {
    /// Adds an event.
    pub fn push(&mut self, at: Nanos, event: Event) {
        self.sequence += 1;
        self.heap.push(Entry { at, sequence: self.sequence, event });
    }

    /// When the next event is.
    pub fn next_at(&self) -> Option<Nanos> {
        self.heap.peek().map(|entry| entry.at)
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<(Nanos, Event)> {
        self.heap.pop().map(|entry| (entry.at, entry.event))
    }

    /// Events that were ever added.
    pub fn added(&self) -> u64 {
        self.sequence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_then_as_they_were_added() {
        let mut queue = Queue::default();
        for (at, port) in [(5, 1), (3, 2), (5, 3), (1, 4)] {
            queue.push(at, Event::Wake { port });
        }
        let mut order = Vec::new();
        while let Some((_, Event::Wake { port })) = queue.pop() {
            order.push(port);
        }
        assert_eq!(order, [4, 2, 1, 3]);
    }
}
