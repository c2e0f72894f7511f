//! One swarm and a script: what goes in by hand, and what comes out. Whole exchanges are in `tests/exchange`.
//!
//! `fetching` is a recipient's side, `playback` a listener's, `serving` an owner's, `granting` the initial seed's, `lanes`
//! and `lanes_taken` the two sides of several connections of one link, `pool` and `several` several peers at once,
//! `lost` what a store lost, `coming_back` the socket's.

use super::status::Phase;
use super::*;
use crate::protocol::id::ResumeToken;
use crate::protocol::limits::{BLOCK_LENGTH, DEFAULT_SLOTS, MIN_PIECE_LENGTH, PROTOCOL_VERSION};
use crate::protocol::signalling::{CloseReason, ErrorCode, Have, Welcome};

mod coming_back;
mod fetching;
mod granting;
mod lanes;
mod lanes_taken;
mod lost;
mod playback;
mod pool;
mod serving;
mod several;

const OTHER: PeerId = PeerId(7);
const DESCRIPTION: &str = "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n\
    a=fingerprint:sha-256 AA:BB\r\n";

/// A machine, its clock, and all that it put out since it was last asked.
struct Script {
    swarm: Swarm,
    now: Timestamp,
    outputs: Vec<Output>,
}

impl Script {
    fn new(role: Role, sizes: &[u64], rng_seed: u64) -> Self {
        let layout = Layout::new(MIN_PIECE_LENGTH, sizes.iter().copied()).unwrap();
        let swarm = Swarm::new(Config { layout, role, rng_seed, helps: true });
        Self { swarm, now: Timestamp::ZERO, outputs: Vec::new() }
    }

    /// Has begun and is welcome.
    fn recipient(sizes: &[u64]) -> Self {
        let mut script = Self::new(recipient_of(sizes), sizes, 1);
        script.input(Input::Started);
        script.enter();
        script
    }

    fn owner(sizes: &[u64]) -> Self {
        let mut script = Self::new(Role::Owner, sizes, 1);
        script.input(Input::Started);
        script.enter();
        script
    }

    fn input(&mut self, input: Input) {
        self.swarm.handle_input(self.now, input);
        self.outputs.extend(std::iter::from_fn(|| self.swarm.poll_output()));
    }

    fn hears(&mut self, message: ServerMessage) {
        self.input(Input::ServerSaid(message));
    }

    fn gets(&mut self, message: &PeerMessage) {
        self.input(Input::ControlReceived { peer: OTHER, bytes: message.encode() });
    }

    fn enter(&mut self) {
        self.input(Input::SocketOpened);
        self.hears(welcome(false));
    }

    /// The link to [`OTHER`] stands: a recipient's after its offer, an owner's after the other's. The path is so short that
    /// nothing is held back.
    fn link(&mut self) {
        self.link_over(1);
    }

    /// The same over a path of so many milliseconds.
    fn link_over(&mut self, millis: u64) {
        if self.swarm.download.is_some() {
            self.hears(assigned(OTHER));
        } else {
            self.hears(ServerMessage::Serve { peer: OTHER });
        }
        self.input(Input::LinkOpened { peer: OTHER, lane: 0, max_message_bytes: 262_144 });
        self.input(Input::RoundTripMeasured { peer: OTHER, time: Duration::from_millis(millis) });
        let piece_count = self.swarm.layout.piece_count();
        self.gets(&PeerMessage::Hello { version: PROTOCOL_VERSION, piece_count });
    }

    /// The link stands and the provider serves everything.
    fn serve(&mut self) {
        self.link();
        let pieces = self.swarm.layout.piece_count();
        self.gets(&PeerMessage::Bitfield(Bitfield::all(pieces).to_wire()));
        self.gets(&PeerMessage::Unchoke);
    }

    /// Lets time pass, with every timeout on the way.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.swarm.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.input(Input::Timeout);
            assert!(self.swarm.poll_timeout().is_none_or(|next| next > self.now));
        }
        self.now = end;
    }

    fn news(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// Everything asked for since last time.
    fn requested(&mut self) -> Vec<BlockRange> {
        let requests = self.news().into_iter().filter_map(|output| match output {
            Output::SendControl { message: PeerMessage::Request(ranges), .. } => Some(ranges),
            _ => None,
        });
        requests.flatten().collect()
    }

    /// The blocks of a range come.
    fn arrive(&mut self, range: BlockRange) {
        for begin in (range.begin..range.end()).step_by(BLOCK_LENGTH as usize) {
            let length = BLOCK_LENGTH.min(range.end() - begin);
            let block = Some(BlockRange { begin, length, ..range });
            self.input(Input::BlockReceived { peer: OTHER, block });
        }
    }

    fn record_known(&mut self, first: u32, count: u32) {
        let first = PieceIndex(first);
        self.input(Input::RecordChecked { peer: OTHER, first, count, authentic: true });
    }

    fn phase(&self) -> Phase {
        self.swarm.download_status(self.now).phase
    }
}

/// Wants all of these and has nothing.
fn recipient_of(sizes: &[u64]) -> Role {
    let layout = Layout::new(MIN_PIECE_LENGTH, sizes.iter().copied()).unwrap();
    let have = Bitfield::none(layout.piece_count());
    Role::Recipient { wanted_files: vec![true; sizes.len()], have }
}

/// The room says whom to fetch from; [`OTHER`] is its owner.
fn assigned(peer: PeerId) -> ServerMessage {
    ServerMessage::Assigned { peers: vec![peer], owner: Some(OTHER) }
}

fn welcome(resumed: bool) -> ServerMessage {
    welcome_to(Topology::Direct, resumed)
}

fn welcome_to(topology: Topology, resumed: bool) -> ServerMessage {
    ServerMessage::Welcome(Welcome {
        peer_id: PeerId(1),
        resume_token: ResumeToken::from_bytes([1; 20]),
        resumed,
        ice_servers: Vec::new(),
        trickle_ice: true,
        topology,
    })
}

fn range(piece: u32, begin: u32, length: u32) -> BlockRange {
    BlockRange { piece: PieceIndex(piece), begin, length }
}

fn told(message: ClientMessage) -> Output {
    Output::Tell(message)
}

fn dropped(reason: Reason) -> Output {
    Output::Disconnect { peer: OTHER, reason }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
