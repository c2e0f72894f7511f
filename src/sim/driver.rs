//! Executes what a swarm puts out, one arm for each output.

use super::queue::{Event, Nanos};
use super::world::World;
use crate::protocol::id::PeerId;
use crate::protocol::limits::MAX_CONTROL_BYTES;
use crate::protocol::peer_wire::{PeerMessage, SIGNATURE_BYTES};
use crate::protocol::piece::PieceIndex;
use crate::protocol::signalling::ClientMessage;
use crate::swarm::{Input, Output, Reason};

/// Time to make or check a signature.
const SIGNING_TAKES: Nanos = 1_000_000;
/// Time to hash a piece and store it.
const HASHING_TAKES: Nanos = 2_000_000;
/// Time that a browser takes for a description of its own.
const DESCRIBING_TAKES: Nanos = 5_000_000;

impl World {
    pub(super) fn execute(&mut self, node: u32, output: Output) {
        match output {
            Output::OpenSocket => self.open_socket(node),
            Output::CloseSocket => self.close_socket(node),
            Output::Leave(farewell) => self.part(node, farewell),
            Output::Join { resume_token, have, slots, providers } => {
                self.join(node, resume_token, have, slots, providers);
            }
            Output::Tell(message) => self.tell(node, message),
            Output::Signal { to, signal } => self.signal(node, to, &signal),
            Output::UseIce { .. } | Output::AddCandidate { .. } => {}
            Output::Offer { peer, lane, attempt } => {
                let connection = self.connection_begins(node, peer, lane, attempt);
                self.describe(node, peer, lane, attempt, connection);
            }
            Output::Answer { peer, lane, attempt, sdp } => {
                let Some(connection) = self.described(&sdp) else { return };
                self.connection_answered(connection, node, peer, lane, attempt);
                self.describe(node, peer, lane, attempt, connection);
            }
            Output::AcceptAnswer { peer, lane, sdp } => {
                let current = self.nodes[node as usize].links.get(&(peer, lane)).copied();
                if let Some(connection) = self.described(&sdp).filter(|c| current == Some(*c)) {
                    self.connection_accepted(connection);
                }
            }
            Output::RestartIce { peer, lane } | Output::AnswerRestart { peer, lane, .. } => {
                // Paths do not change here; a restart finds nobody at the other end.
                let Some(flow) = self.flow_to(node, peer, lane) else { return };
                let Some(attempt) = self.end(flow).map(|end| end.attempt) else { return };
                self.describe(node, peer, lane, attempt, flow.connection);
            }
            Output::MeasureRoundTrip { peer } => self.measure(node, peer),
            Output::SendControl { peer, message } => self.send_control(node, peer, &message),
            Output::SendRecord { peer, piece } => {
                match self.nodes[node as usize].store.record(piece) {
                    Some(record) => self.send_control(node, peer, &PeerMessage::Record(record)),
                    None => self.problem(format!("node {node} has no record of {piece:?}")),
                }
            }
            Output::SendBlock { peer, lane, block } => self.send_block(node, peer, lane, block),
            Output::SetLowWater { peer, lane, bytes } => {
                let flow = self.flow_to(node, peer, lane);
                if let Some(end) = flow.and_then(|flow| self.end_mut(flow)) {
                    end.low_water = bytes;
                }
            }
            Output::MeasureLanes { peer } => self.measure_lanes(node, peer),
            Output::CloseLane { peer, lane } => self.close_lane(node, peer, lane),
            Output::KeepBlock { block } => match self.held.take() {
                Some((held, false_bytes)) if held == block => {
                    self.nodes[node as usize].store.keep(block, false_bytes);
                }
                _ => self.problem(format!("node {node} keeps {block:?}, which did not just come")),
            },
            Output::CheckRecord { peer, record } => {
                let authentic = record.signature == [7; SIGNATURE_BYTES];
                let (first, count) = (record.first_piece, record.hashes.len() as u32);
                if authentic {
                    self.nodes[node as usize].store.keep_record(first, count);
                }
                let input = Input::RecordChecked { peer, first, count, authentic };
                self.later(node, SIGNING_TAKES, input);
            }
            Output::CheckPiece { piece } => {
                let visit = self.nodes[node as usize].visit;
                self.queue.push(self.now + HASHING_TAKES, Event::Hashed { node, visit, piece });
            }
            Output::DiscardPiece { piece } => self.nodes[node as usize].store.discard(piece),
            Output::LoadPiece { piece } => self.load(node, piece),
            Output::UnloadPiece { piece } => {
                self.nodes[node as usize].store.loaded.remove(piece);
            }
            Output::Disconnect { peer, reason } => {
                if matches!(reason, Reason::Misbehaved) {
                    let other = self.nodes.iter().position(|other| other.peer == Some(peer));
                    let cause = self.cause;
                    self.problem(format!("node {node} drops {other:?} for {cause}"));
                }
                self.disconnect(node, peer);
            }
            Output::Save => self.saved(node),
            Output::Fail(failure) => {
                self.problem(format!("node {node} gave up: {failure:?}"));
                self.nodes[node as usize].failure = Some(failure);
                if !self.nodes[node as usize].owner {
                    self.unfinished -= 1;
                }
            }
        }
    }

    /// Tells a swarm something after a while.
    pub(super) fn later(&mut self, node: u32, after: Nanos, input: Input) {
        let visit = self.nodes[node as usize].visit;
        let input = Box::new(input);
        self.queue.push(self.now + after, Event::Input { node, visit, input });
    }

    /// A description that names its connection.
    fn describe(&mut self, node: u32, peer: PeerId, lane: u16, attempt: u32, connection: u32) {
        let sdp = format!(
            "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n\
            a=fingerprint:sha-256 AA:BB\r\na=max-message-size:262144\r\na=connection:{connection}\r\n"
        );
        let ready = Input::DescriptionReady { peer, lane, attempt, sdp };
        self.later(node, DESCRIBING_TAKES, ready);
        let candidate = Input::CandidateFound {
            peer,
            lane,
            attempt,
            candidate: "candidate:1 1 UDP 1 192.0.2.1 9 typ host".to_owned(),
            sdp_mid: Some("0".to_owned()),
        };
        self.later(node, DESCRIBING_TAKES, candidate);
    }

    /// The connection that a description names.
    fn described(&self, sdp: &str) -> Option<u32> {
        let number = sdp.lines().find_map(|line| line.strip_prefix("a=connection:"))?;
        number.parse().ok().filter(|number| (*number as usize) < self.connections.len())
    }

    fn measure(&mut self, node: u32, peer: PeerId) {
        let Some(flow) = self.flow_to(node, peer, 0) else { return };
        let link = &self.connections[flow.connection as usize];
        if link.open && !link.silent {
            let time = std::time::Duration::from_nanos(2 * link.path.latency);
            self.later(node, 0, Input::RoundTripMeasured { peer, time });
        }
    }

    fn send_control(&mut self, node: u32, peer: PeerId, message: &PeerMessage) {
        let bytes = message.encode();
        if bytes.len() > MAX_CONTROL_BYTES {
            self.problem(format!("node {node} sends {} bytes of control", bytes.len()));
        }
        let Some(flow) = self.flow_to(node, peer, 0) else { return };
        let link = &self.connections[flow.connection as usize];
        if !link.open {
            self.problem(format!("node {node} sends {message:?} before the link is open"));
            return;
        }
        self.nodes[node as usize].counts.control_bytes += bytes.len() as u64;
        let (at, bytes) = (self.now + link.path.latency, bytes.into_boxed_slice());
        self.queue.push(at, Event::Control { flow, bytes });
    }

    fn load(&mut self, node: u32, piece: PieceIndex) {
        let visit = self.nodes[node as usize].visit;
        if !self.has_piece(piece) || !self.nodes[node as usize].store.stored.contains(piece) {
            self.problem(format!("node {node} reads {piece:?}, which it does not hold"));
            return;
        }
        let takes = self.nodes[node as usize].setting.reading.as_nanos() as Nanos;
        self.queue.push(self.now + takes, Event::Read { node, visit, piece });
    }

    pub(super) fn piece_read(&mut self, node: u32, visit: u32, piece: PieceIndex) {
        let one = &mut self.nodes[node as usize];
        if one.visit != visit {
            return;
        }
        one.store.loaded.insert(piece);
        match one.store.record_of(piece) {
            Some((record_first, record_count)) => {
                self.input(node, Input::PieceLoaded { piece, record_first, record_count });
            }
            None if one.owner => {
                one.store.wait_for_signature(piece);
                self.sign(node);
            }
            None => self.problem(format!("node {node} holds {piece:?} without its record")),
        }
    }

    fn sign(&mut self, node: u32) {
        let one = &mut self.nodes[node as usize];
        if one.store.signing {
            return;
        }
        if let Some((first, count)) = one.store.take_run() {
            one.store.signing = true;
            let visit = one.visit;
            let signed = Event::Signed { node, visit, first, count };
            self.queue.push(self.now + SIGNING_TAKES, signed);
        }
    }

    pub(super) fn run_signed(&mut self, node: u32, visit: u32, first: PieceIndex, count: u32) {
        let one = &mut self.nodes[node as usize];
        if one.visit != visit {
            return;
        }
        one.store.signing = false;
        one.store.keep_record(first, count);
        for piece in (first.0..first.0 + count).map(PieceIndex) {
            let loaded = Input::PieceLoaded { piece, record_first: first, record_count: count };
            self.input(node, loaded);
        }
        self.sign(node);
    }

    pub(super) fn piece_hashed(&mut self, node: u32, visit: u32, piece: PieceIndex) {
        if self.nodes[node as usize].visit != visit {
            return;
        }
        let checked = self.nodes[node as usize].store.check(&self.layout, piece);
        if checked.is_none() {
            self.problem(format!("node {node} checks {piece:?}, which is not whole"));
        }
        self.input(node, Input::PieceChecked { piece, matches: checked.unwrap_or(false) });
    }

    fn saved(&mut self, number: u32) {
        let pieces = self.layout.piece_count();
        let now = self.now;
        let node = &mut self.nodes[number as usize];
        if node.store.stored.count() != pieces {
            let held = node.store.stored.count();
            self.problem(format!("node {number} saves with {held} of {pieces} pieces"));
            return;
        }
        if node.completed_at.is_none() {
            node.completed_at = Some(now);
            self.unfinished -= 1;
        }
    }

    /// A node's machine loses power.
    pub(super) fn vanish(&mut self, node: u32) {
        self.silence_links(node);
        self.forget_socket(node);
        self.is_gone(node);
    }

    /// A page is closed without a word: its browser closes what it had open.
    pub(super) fn tab_closes(&mut self, node: u32) {
        let links = std::mem::take(&mut self.nodes[node as usize].links);
        for connection in links.into_values() {
            self.hang_up(node, connection);
        }
        self.drop_socket(node);
    }

    /// Tells the server something.
    pub(super) fn tell(&mut self, node: u32, message: ClientMessage) {
        if self.nodes[node as usize].socket.is_none() {
            self.problem(format!("node {node} tells {message:?} without a socket"));
        }
        self.say(node, message);
    }
}
