//! Connections between nodes: how they come about and end, and how blocks travel.

use std::time::Duration;

use super::network::{Connection, End, Flow, LAN_LATENCY, Path, time_for, wire_bytes};
use super::node::Character;
use super::queue::{Event, Nanos};
use super::world::World;
use crate::protocol::id::PeerId;
use crate::protocol::piece::BlockRange;
use crate::protocol::signalling::PathKind;
use crate::swarm::Input;

/// Round trips from an accepted answer to open channels: ICE, DTLS 1.2 and SCTP.
const CONNECT_ROUND_TRIPS: u64 = 5;
/// Time after which a browser says that nothing comes any more (RFC 7675: consent is asked for every 5 s).
const PATH_LOST_AFTER: Nanos = 6_000_000_000;
/// Time after which it gives the connection up.
const LINK_LOST_AFTER: Nanos = 30_000_000_000;
/// Bytes of the largest message that browsers take.
const MAX_MESSAGE_BYTES: u32 = 262_144;

impl World {
    pub(super) fn end(&self, flow: Flow) -> Option<&End> {
        self.connections.get(flow.connection as usize)?.ends[usize::from(flow.end)].as_ref()
    }

    pub(super) fn end_mut(&mut self, flow: Flow) -> Option<&mut End> {
        self.connections.get_mut(flow.connection as usize)?.ends[usize::from(flow.end)].as_mut()
    }

    /// Whose end it is and what it calls the other, while it takes what comes.
    pub(super) fn live_end(&self, flow: Flow) -> Option<(u32, PeerId, u16)> {
        let end = self.end(flow)?;
        let silent = self.connections[flow.connection as usize].silent;
        (end.held && !silent).then_some((end.node, end.peer, end.lane))
    }

    /// The flow from a node to a peer.
    pub(super) fn flow_to(&self, node: u32, peer: PeerId, lane: u16) -> Option<Flow> {
        let connection = *self.nodes[node as usize].links.get(&(peer, lane))?;
        let ends = &self.connections[connection as usize].ends;
        let first = ends[0].as_ref().is_some_and(|end| end.node == node);
        Some(Flow { connection, end: u8::from(!first) })
    }

    /// How bytes travel between two nodes.
    pub(super) fn path_between(&self, one: u32, other: u32) -> Path {
        let (one, other) = (&self.nodes[one as usize].setting, &self.nodes[other as usize].setting);
        if one.network != 0 && one.network == other.network {
            return Path::new(LAN_LATENCY.as_nanos() as Nanos, 0.0);
        }
        let latency = (one.latency + other.latency) / 2;
        Path::new(latency.as_nanos() as Nanos, one.loss + other.loss)
    }

    /// A node makes a connection: it offers.
    pub(super) fn connection_begins(
        &mut self,
        node: u32,
        peer: PeerId,
        lane: u16,
        attempt: u32,
    ) -> u32 {
        let connection = self.connections.len() as u32;
        let path = Path { latency: 0, pace: 0.0 };
        self.connections.push(Connection { ends: [None, None], path, open: false, silent: false });
        self.take_end(Flow { connection, end: 0 }, node, peer, lane, attempt);
        connection
    }

    /// A node answers: both ends are known now, and so is the path.
    pub(super) fn connection_answered(
        &mut self,
        connection: u32,
        node: u32,
        peer: PeerId,
        lane: u16,
        attempt: u32,
    ) {
        self.take_end(Flow { connection, end: 1 }, node, peer, lane, attempt);
        let Some(first) = self.end(Flow { connection, end: 0 }).map(|end| end.node) else { return };
        self.connections[connection as usize].path = self.path_between(first, node);
        let near = |world: &Self| {
            let network = world.nodes[node as usize].setting.network;
            network != 0 && network == world.nodes[first as usize].setting.network
        };
        let near = near(self);
        for end in 0..2 {
            let flow = Flow { connection, end };
            let Some(number) = self.end(flow).map(|end| end.node) else { continue };
            let node = &self.nodes[number as usize];
            let (port, pipe) =
                if near { (node.lan_port, node.lan_pipe) } else { (node.port, node.pipe) };
            if let Some(end) = self.end_mut(flow) {
                (end.port, end.pipe) = (port, pipe);
            }
        }
    }

    fn take_end(&mut self, flow: Flow, node: u32, peer: PeerId, lane: u16, attempt: u32) {
        let earlier = self.nodes[node as usize].links.insert((peer, lane), flow.connection);
        if let Some(earlier) = earlier {
            self.hang_up(node, earlier);
        }
        let end = End::new(node, peer, lane, attempt);
        self.connections[flow.connection as usize].ends[usize::from(flow.end)] = Some(end);
    }

    /// The answer is back: the handshakes follow.
    pub(super) fn connection_accepted(&mut self, connection: u32) {
        let link = &self.connections[connection as usize];
        if link.open || link.silent {
            return;
        }
        let takes = CONNECT_ROUND_TRIPS * 2 * link.path.latency;
        self.queue.push(self.now + takes, Event::LinkOpens { connection });
    }

    pub(super) fn link_opens(&mut self, connection: u32) {
        let flows = [Flow { connection, end: 0 }, Flow { connection, end: 1 }];
        let link = &mut self.connections[connection as usize];
        let both = link.ends.iter().all(|end| end.as_ref().is_some_and(|end| end.held));
        if !both || link.silent {
            return;
        }
        link.open = true;
        for flow in flows {
            if let Some((node, peer, lane)) = self.live_end(flow) {
                let max_message_bytes = MAX_MESSAGE_BYTES;
                self.input(node, Input::LinkOpened { peer, lane, max_message_bytes });
                self.input(node, Input::PathFound { peer, path: PathKind::Direct });
            }
        }
    }

    /// A node closes one lane of its link to a peer.
    pub(super) fn close_lane(&mut self, node: u32, peer: PeerId, lane: u16) {
        if let Some(connection) = self.nodes[node as usize].links.remove(&(peer, lane)) {
            self.hang_up(node, connection);
        }
    }

    /// How much waits in each lane to a peer, and then that this is all.
    pub(super) fn measure_lanes(&mut self, node: u32, peer: PeerId) {
        let links = &self.nodes[node as usize].links;
        let lanes: Vec<u16> = links.range((peer, 0)..=(peer, u16::MAX)).map(|(k, _)| k.1).collect();
        for lane in lanes {
            let bytes =
                self.flow_to(node, peer, lane).and_then(|f| self.end(f)).map(|e| e.buffered);
            let bytes = bytes.unwrap_or(0);
            self.later(node, 0, Input::Buffered { peer, lane, bytes });
        }
        self.later(node, 0, Input::LanesMeasured { peer });
    }

    /// A node ends its link to a peer, over all lanes.
    pub(super) fn disconnect(&mut self, node: u32, peer: PeerId) {
        let links = &mut self.nodes[node as usize].links;
        let lanes: Vec<_> =
            links.range((peer, 0)..=(peer, u16::MAX)).map(|(key, _)| *key).collect();
        for key in lanes {
            if let Some(connection) = self.nodes[node as usize].links.remove(&key) {
                self.hang_up(node, connection);
            }
        }
    }

    /// A node lets go of a connection; the other side learns of it.
    pub(super) fn hang_up(&mut self, node: u32, connection: u32) {
        let first = Flow { connection, end: 0 };
        let own = match self.end(first) {
            Some(end) if end.node == node => first,
            _ => first.other(),
        };
        self.let_go(own);
        let link = &self.connections[connection as usize];
        if !link.silent && link.ends[usize::from(1 - own.end)].is_some() {
            let at = self.now + link.path.latency;
            self.queue.push(at, Event::LinkCloses { flow: own.other() });
        }
    }

    fn let_go(&mut self, flow: Flow) {
        if let Some(end) = self.end_mut(flow) {
            end.held = false;
            end.waiting = std::collections::VecDeque::new();
            end.buffered = 0;
        }
    }

    pub(super) fn link_closes(&mut self, flow: Flow) {
        let Some(end) = self.end(flow).filter(|end| end.held) else { return };
        let (node, peer, lane, attempt) = (end.node, end.peer, end.lane, end.attempt);
        self.let_go(flow);
        self.nodes[node as usize].links.remove(&(peer, lane));
        self.input(node, Input::LinkClosed { peer, lane, attempt });
    }

    pub(super) fn path_lost(&mut self, flow: Flow) {
        let Some(end) = self.end(flow).filter(|end| end.held) else { return };
        let (node, peer, lane, attempt) = (end.node, end.peer, end.lane, end.attempt);
        self.input(node, Input::PathLost { peer, lane, attempt });
    }

    /// Nothing comes from a node any more: the others' browsers find out by themselves.
    pub(super) fn silence_links(&mut self, node: u32) {
        for connection in self.nodes[node as usize].links.values().copied().collect::<Vec<_>>() {
            self.connections[connection as usize].silent = true;
            for flow in [Flow { connection, end: 0 }, Flow { connection, end: 1 }] {
                if self.end(flow).is_some_and(|end| end.node != node) {
                    self.queue.push(self.now + PATH_LOST_AFTER, Event::PathLost { flow });
                    self.queue.push(self.now + LINK_LOST_AFTER, Event::LinkCloses { flow });
                }
            }
        }
    }

    /// A machine hands a block to a channel.
    pub(super) fn send_block(&mut self, node: u32, peer: PeerId, lane: u16, block: BlockRange) {
        if !self.nodes[node as usize].store.loaded.contains(block.piece) {
            self.problem(format!("node {node} sends {block:?} before it is read"));
            return;
        }
        let Some(flow) = self.flow_to(node, peer, lane) else { return };
        let Some(end) = self.end_mut(flow) else { return };
        end.waiting.push_back(block);
        end.buffered += wire_bytes(&block);
        let (port, had_turn) = (end.port, std::mem::replace(&mut end.has_turn, true));
        let touched = std::mem::replace(&mut end.touched, true);
        if !touched {
            self.nodes[node as usize].touched.push_back(flow);
        }
        if !had_turn {
            self.ports[port as usize].turns.push_back(flow);
        }
        if !self.ports[port as usize].busy {
            self.send_next(port);
        }
    }

    /// Sends the next block whose path takes it; otherwise the port looks again when one does.
    fn send_next(&mut self, number: u32) {
        let mut earliest: Option<Nanos> = None;
        for _ in 0..self.ports[number as usize].turns.len() {
            let Some(flow) = self.ports[number as usize].turns.pop_front() else { return };
            let ready_at = match self.ready_at(flow) {
                None => {
                    if let Some(end) = self.end_mut(flow) {
                        end.has_turn = false;
                    }
                    continue;
                }
                Some(at) => at,
            };
            self.ports[number as usize].turns.push_back(flow);
            if ready_at > self.now {
                earliest = Some(earliest.map_or(ready_at, |at| at.min(ready_at)));
                continue;
            }
            let pace = self.connections[flow.connection as usize].path.pace;
            let now = self.now;
            let Some(end) = self.end_mut(flow) else { continue };
            let Some(block) = end.waiting.pop_front() else { continue };
            end.ready_at = now + (wire_bytes(&block) as f64 * pace) as Nanos;
            let port = &mut self.ports[number as usize];
            port.busy = true;
            let at = now + time_for(wire_bytes(&block), port.rate);
            self.queue.push(at, Event::Left { port: number, flow, block });
            return;
        }
        let port = &mut self.ports[number as usize];
        if let Some(at) = earliest
            && port.wakes_at.is_none_or(|planned| planned <= self.now || at < planned)
        {
            port.wakes_at = Some(at);
            self.queue.push(at, Event::Wake { port: number });
        }
    }

    /// When a flow may send its next block; `None` if it has none, or never will.
    fn ready_at(&self, flow: Flow) -> Option<Nanos> {
        let end = self.end(flow)?;
        let link = &self.connections[flow.connection as usize];
        if !end.held || end.waiting.is_empty() || link.silent || self.stalls(end.node) {
            return None;
        }
        let receiver = self.end(flow.other())?;
        let room_at = self.pipes[receiver.pipe as usize].has_room_at();
        Some(end.ready_at.max(room_at))
    }

    fn stalls(&self, node: u32) -> bool {
        match self.nodes[node as usize].setting.character {
            Character::Stalls(from) => Duration::from_nanos(self.now) >= from,
            _ => false,
        }
    }

    pub(super) fn port_wakes(&mut self, number: u32) {
        let port = &mut self.ports[number as usize];
        if port.wakes_at == Some(self.now) {
            port.wakes_at = None;
            if !port.busy {
                self.send_next(number);
            }
        }
    }

    pub(super) fn block_left(&mut self, port: u32, flow: Flow, block: BlockRange) {
        self.ports[port as usize].busy = false;
        self.send_next(port);
        let link = &self.connections[flow.connection as usize];
        let (silent, latency) = (link.silent, link.path.latency);
        let Some(end) = self.end_mut(flow) else { return };
        let before = end.buffered;
        end.buffered = before.saturating_sub(wire_bytes(&block));
        let (node, held) = (end.node, end.held);
        let drained = before > u64::from(end.low_water) && end.buffered <= u64::from(end.low_water);
        let (peer, lane, bytes) = (end.peer, end.lane, end.buffered);
        let sender = &mut self.nodes[node as usize];
        sender.counts.sent_bytes += u64::from(block.length);
        let false_bytes = sender.setting.character == Character::Liar;
        if !silent {
            self.queue.push(self.now + latency, Event::Arrived { flow, block, false_bytes });
        }
        if held && drained {
            // `bufferedamountlow`.
            self.input(node, Input::Buffered { peer, lane, bytes });
        }
    }

    pub(super) fn block_arrived(&mut self, flow: Flow, block: BlockRange, false_bytes: bool) {
        let Some(pipe) = self.end(flow.other()).map(|end| end.pipe) else { return };
        let at = self.pipes[pipe as usize].take(self.now, &block);
        self.queue.push(at, Event::Delivered { flow, block, false_bytes });
    }

    pub(super) fn block_delivered(&mut self, flow: Flow, block: BlockRange, false_bytes: bool) {
        let Some((node, peer, _)) = self.live_end(flow.other()) else { return };
        self.held = Some((block, false_bytes));
        self.input(node, Input::BlockReceived { peer, block: Some(block) });
        self.held = None;
    }

    pub(super) fn control_arrived(&mut self, flow: Flow, bytes: Box<[u8]>) {
        if let Some((node, peer, _)) = self.live_end(flow.other()) {
            self.input(node, Input::ControlReceived { peer, bytes: bytes.into_vec() });
        }
    }
}
