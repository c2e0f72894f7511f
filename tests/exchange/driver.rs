//! Executes what a machine puts out, one arm for each output.

use transfer4me::membership::farewell::FarewellAct;
use transfer4me::protocol::id::{PeerId, ResumeToken};
use transfer4me::protocol::limits::{
    LONGEST_BLOCK_LENGTH, MAX_CONTROL_BYTES, MAX_SIGNALLING_BYTES,
};
use transfer4me::protocol::peer_wire::{
    BLOCK_HEADER_BYTES, PeerMessage, decode_block_header, encode_block_header,
};
use transfer4me::protocol::piece::BlockRange;
use transfer4me::protocol::signal::SealedSignal;
use transfer4me::protocol::signalling::{ClientMessage, parse_client_message};
use transfer4me::room;
use transfer4me::swarm::{Input, Output, Reason};

use super::browser::Browser;
use super::network::{Connection, End, describe, described};
use super::world::{Event, World};

/// Bytes that wait in one channel at most: the high-water mark and the block that crosses it.
const MAX_BUFFERED: u64 = (4 << 20) + LONGEST_BLOCK_LENGTH as u64 + BLOCK_HEADER_BYTES as u64;

impl World {
    pub fn execute(&mut self, browser: usize, output: Output) {
        match output {
            Output::OpenSocket => {
                self.browsers[browser].opening = true;
                self.later(Event::SocketOpens { browser });
            }
            Output::CloseSocket => self.close_socket(browser),
            Output::Leave(mut farewell) => {
                farewell.begin(self.now);
                // Whoever would have to come back for it is not waited for here.
                while let Some(act) = farewell.poll_act() {
                    match act {
                        FarewellAct::Leave => self.tell(browser, ClientMessage::Leave),
                        FarewellAct::Close | FarewellAct::Abandon => self.close_socket(browser),
                        FarewellAct::Open | FarewellAct::Join(_) => {}
                    }
                }
            }
            Output::Join { resume_token, have, slots, providers } => {
                let Some(socket) = self.browsers[browser].socket else { return };
                let joined = room::Input::Joined {
                    socket,
                    owner: self.browsers[browser].owner,
                    have,
                    slots,
                    resumed: resume_token.map(|token| peer_of(&token)),
                    providers,
                    fresh_peer: self.fresh_peer(),
                    network: room::NetworkId(browser as u64),
                    circle: None,
                    page: None,
                };
                self.later(Event::ToRoom(joined));
            }
            Output::Tell(message) => self.tell(browser, message),
            Output::Signal { to, signal } => {
                let sealed = SealedSignal(serde_json::to_string(&signal).unwrap());
                self.say(browser, ClientMessage::Signal { to, sealed });
            }
            Output::UseIce { .. } | Output::AddCandidate { .. } => {}
            // Paths are not lost here without their connection.
            Output::RestartIce { .. } | Output::AnswerRestart { .. } => {}
            Output::MeasureRoundTrip { peer } => {
                let time = self.path.latency * 2;
                let measured = Input::RoundTripMeasured { peer, time };
                self.later(Event::Input { browser, input: measured });
            }
            Output::Offer { peer, lane, attempt } => {
                let connection = self.connections.len();
                let ends = vec![End::new(browser, peer, lane, attempt)];
                self.connections.push(Connection { ends, silent: false });
                self.begin_link(browser, peer, lane, attempt, connection);
            }
            Output::Answer { peer, lane, attempt, sdp } => {
                let Some(connection) = described(&sdp) else { return };
                self.connections[connection].ends.truncate(1);
                self.connections[connection].ends.push(End::new(browser, peer, lane, attempt));
                self.begin_link(browser, peer, lane, attempt, connection);
            }
            Output::AcceptAnswer { peer, lane, sdp } => {
                let connection = described(&sdp).expect("answers name their connection");
                if self.browsers[browser].links.get(&(peer, lane)) == Some(&connection) {
                    self.later(Event::LinkOpens { connection });
                }
            }
            Output::SendControl { peer, message } => self.send_control(browser, peer, &message),
            Output::SendRecord { peer, piece } => {
                let record = self.browsers[browser].record(&self.content, piece);
                self.send_control(browser, peer, &PeerMessage::Record(record));
            }
            Output::SendBlock { peer, lane, block } => self.send_block(browser, peer, lane, block),
            Output::SetLowWater { peer, lane, bytes } => {
                if let Some((connection, end)) = self.link_to(browser, peer, lane) {
                    self.connections[connection].ends[end].low_water = bytes.into();
                }
            }
            Output::MeasureLanes { peer } => self.measure_lanes(browser, peer),
            Output::CloseLane { peer, lane } => {
                if let Some(connection) = self.browsers[browser].links.remove(&(peer, lane)) {
                    self.hang_up(browser, connection);
                }
            }
            Output::KeepBlock { block } => self.browsers[browser].keep(&self.content, block),
            Output::CheckRecord { peer, record } => {
                let input = self.browsers[browser].check_record(peer, &record);
                self.schedule(self.now + self.reading_takes, Event::Input { browser, input });
            }
            Output::CheckPiece { piece } => {
                self.schedule(self.now + self.storing_takes, Event::CheckPiece { browser, piece });
            }
            Output::DiscardPiece { piece } => self.browsers[browser].discard(piece),
            Output::LoadPiece { piece } => {
                self.schedule(self.now + self.reading_takes, Event::Load { browser, piece });
            }
            Output::UnloadPiece { piece } => {
                assert!(self.browsers[browser].loaded.remove(&piece), "{piece:?} was not loaded");
            }
            Output::Disconnect { peer, reason } => self.disconnect(browser, peer, reason),
            Output::Save => self.browsers[browser].saved += 1,
            Output::Fail(failure) => self.browsers[browser].failure = Some(failure),
        }
    }

    fn tell(&mut self, browser: usize, message: ClientMessage) {
        assert!(self.browsers[browser].socket.is_some(), "{message:?} without a socket");
        self.browsers[browser].told.push(message.clone());
        self.say(browser, message);
    }

    /// Through the same parser as on a server.
    fn say(&mut self, browser: usize, message: ClientMessage) {
        let Some(socket) = self.browsers[browser].socket else { return };
        let text = serde_json::to_string(&message).unwrap();
        assert!(text.len() <= MAX_SIGNALLING_BYTES);
        let message = parse_client_message(&text).expect("our own messages can be read");
        self.later(Event::ToRoom(room::Input::Received { socket, message }));
    }

    fn close_socket(&mut self, browser: usize) {
        self.browsers[browser].opening = false;
        let Some(socket) = self.browsers[browser].socket.take() else { return };
        // What was said before arrives before.
        self.later(Event::SocketGone { socket });
    }

    fn begin_link(&mut self, browser: usize, peer: PeerId, lane: u16, attempt: u32, new: usize) {
        if let Some(earlier) = self.browsers[browser].links.insert((peer, lane), new) {
            self.hang_up(browser, earlier);
        }
        let sdp = describe(new);
        let ready = Input::DescriptionReady { peer, lane, attempt, sdp };
        self.later(Event::Input { browser, input: ready });
        let candidate = Input::CandidateFound {
            peer,
            lane,
            attempt,
            candidate: "candidate:1 1 UDP 1 192.0.2.1 9 typ host".to_owned(),
            sdp_mid: Some("0".to_owned()),
        };
        self.later(Event::Input { browser, input: candidate });
    }

    pub fn link_opens(&mut self, connection: usize) {
        let max_message_bytes = self.path.max_message_bytes;
        for end in 0..2 {
            if let Some((browser, peer)) = self.live_end(connection, end) {
                let lane = self.connections[connection].ends[end].lane;
                self.input(browser, Input::LinkOpened { peer, lane, max_message_bytes });
            }
        }
    }

    pub fn link_closes(&mut self, connection: usize, end: usize) {
        let Some((browser, peer)) = self.live_end(connection, end) else { return };
        let End { lane, attempt, .. } = self.connections[connection].ends[end];
        self.browsers[browser].links.remove(&(peer, lane));
        self.input(browser, Input::LinkClosed { peer, lane, attempt });
    }

    fn disconnect(&mut self, browser: usize, peer: PeerId, reason: Reason) {
        self.browsers[browser].disconnects.push(reason);
        for lane in self.lanes_to(browser, peer) {
            if let Some(connection) = self.browsers[browser].links.remove(&(peer, lane)) {
                self.hang_up(browser, connection);
            }
        }
    }

    fn lanes_to(&self, browser: usize, peer: PeerId) -> Vec<u16> {
        let links = &self.browsers[browser].links;
        links.range((peer, 0)..=(peer, u16::MAX)).map(|((_, lane), _)| *lane).collect()
    }

    fn measure_lanes(&mut self, browser: usize, peer: PeerId) {
        for lane in self.lanes_to(browser, peer) {
            if let Some((connection, end)) = self.link_to(browser, peer, lane) {
                self.schedule(self.now, Event::Buffered { connection, end });
            }
        }
        self.schedule(self.now, Event::Input { browser, input: Input::LanesMeasured { peer } });
    }

    /// The other side learns that a connection closed.
    pub fn hang_up(&mut self, browser: usize, connection: usize) {
        let other = usize::from(self.connections[connection].ends[0].browser == browser);
        if !self.connections[connection].silent {
            self.later(Event::LinkCloses { connection, end: other });
        }
    }

    /// The connection to a peer, and which of its ends is the sender's.
    fn link_to(&self, browser: usize, peer: PeerId, lane: u16) -> Option<(usize, usize)> {
        let connection = *self.browsers[browser].links.get(&(peer, lane))?;
        let ends = &self.connections[connection].ends;
        Some((connection, usize::from(ends[0].browser != browser)))
    }

    fn send_control(&mut self, browser: usize, peer: PeerId, message: &PeerMessage) {
        let bytes = message.encode();
        assert!(bytes.len() <= MAX_CONTROL_BYTES, "{message:?} is too long");
        let Some((connection, end)) = self.link_to(browser, peer, 0) else { return };
        let own = &mut self.connections[connection].ends[end];
        if let PeerMessage::Record(record) = message {
            let (first, count) = (record.first_piece.0, record.hashes.len() as u32);
            own.records
                .extend((first..first + count).map(transfer4me::protocol::piece::PieceIndex));
        }
        let arrives = own.control_arrives(self.now, &self.path, &mut self.random);
        self.schedule(arrives, Event::Control { connection, end: 1 - end, bytes });
    }

    fn send_block(&mut self, browser: usize, peer: PeerId, lane: u16, block: BlockRange) {
        assert!(self.content.layout.contains(&block));
        let sender = &self.browsers[browser];
        assert!(sender.loaded.contains(&block.piece), "{block:?} is sent before it is read");
        let (begin, end) = (block.begin as usize, block.end() as usize);
        let mut message = encode_block_header(block.piece, block.begin).to_vec();
        match self.content.hollow {
            true => {}
            false => message.extend_from_slice(&self.content.piece(block.piece)[begin..end]),
        }
        let bytes = u64::from(block.length) + BLOCK_HEADER_BYTES as u64;
        assert!(bytes <= u64::from(self.path.max_message_bytes));
        let Some((connection, end)) = self.link_to(browser, peer, lane) else { return };
        let Some((first, first_end)) = self.link_to(browser, peer, 0) else { return };
        self.lie_about(block, &mut message);
        let payload = if self.content.hollow {
            block.length
        } else {
            message.len().saturating_sub(BLOCK_HEADER_BYTES) as u32
        };
        let records = &self.connections[first].ends[first_end].records;
        assert!(records.contains(&block.piece), "{block:?} is sent before its record");
        let own = &mut self.connections[connection].ends[end];
        own.buffered += bytes;
        assert!(own.buffered <= MAX_BUFFERED, "{} bytes wait in a channel", own.buffered);
        let (left, arrives) = own.block_leaves(self.now, bytes, &self.path, &mut self.random);
        self.schedule(self.now, Event::Buffered { connection, end });
        self.schedule(left, Event::Sent { connection, end, bytes });
        self.schedule(arrives, Event::Block { connection, end: 1 - end, message, payload });
    }

    /// `bufferedamountlow`.
    pub fn block_sent(&mut self, connection: usize, end: usize, bytes: u64) {
        let own = &mut self.connections[connection].ends[end];
        let (low, lane) = (own.low_water, own.lane);
        let before = own.buffered;
        own.buffered -= bytes;
        let now = own.buffered;
        if before > low
            && now <= low
            && let Some((browser, peer)) = self.live_end(connection, end)
        {
            self.input(browser, Input::Buffered { peer, lane, bytes: now });
        }
    }

    pub fn block_arrives(&mut self, connection: usize, end: usize, message: Vec<u8>, payload: u32) {
        let Some((browser, peer)) = self.live_end(connection, end) else { return };
        let length = payload + BLOCK_HEADER_BYTES as u32;
        let header = message.get(..BLOCK_HEADER_BYTES).unwrap_or(&message);
        let block = decode_block_header(header, length).ok();
        let payload = message.get(BLOCK_HEADER_BYTES..).unwrap_or_default().to_vec();
        self.browsers[browser].hold(block, payload);
        self.input(browser, Input::BlockReceived { peer, block });
    }

    /// What the network or a person does to a recipient's connection: both sides learn of it.
    pub fn cut_links(&mut self, browser: usize) {
        for connection in self.browsers[browser].links.values().copied().collect::<Vec<_>>() {
            for end in 0..self.connections[connection].ends.len() {
                self.later(Event::LinkCloses { connection, end });
            }
        }
    }

    /// The same, without anyone learning of it.
    pub fn silence_links(&mut self, browser: usize) {
        for connection in self.browsers[browser].links.values() {
            self.connections[*connection].silent = true;
        }
    }

    /// A page's socket breaks.
    pub fn cut_socket(&mut self, browser: usize) {
        if let Some(socket) = self.browsers[browser].socket {
            self.socket_gone(socket);
        }
    }

    /// The server stops, with all that its rooms knew.
    pub fn stop_server(&mut self) {
        self.server_up = false;
        self.forget_room();
        for socket in self.sockets.keys().copied().collect::<Vec<_>>() {
            self.socket_gone(socket);
        }
    }
}

/// Tokens here are a name and nothing else.
pub fn peer_of(token: &ResumeToken) -> PeerId {
    let (first, _) = token.as_bytes().split_first_chunk::<4>().expect("tokens are longer");
    PeerId(u32::from_be_bytes(*first))
}

pub fn token_of(peer: PeerId) -> ResumeToken {
    let mut bytes = [0; ResumeToken::LENGTH];
    bytes[..4].copy_from_slice(&peer.0.to_be_bytes());
    ResumeToken::from_bytes(bytes)
}

impl World {
    /// A page is loaded anew: nothing is said to anyone, and it begins again.
    pub fn reload(&mut self, browser: usize) {
        self.cut_links(browser);
        self.cut_socket(browser);
        self.forget_work_of(browser);
        let earlier = &self.browsers[browser];
        let (owner, wanted) = (earlier.owner, earlier.wanted.clone());
        let rng_seed = self.random.next();
        self.browsers[browser] = Browser::new(&self.content, owner, wanted, rng_seed);
        self.input(browser, Input::Started);
    }
}
