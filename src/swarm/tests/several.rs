//! What tests with several peers at once say.

use super::*;
use crate::protocol::rooms::Topology;

pub(super) const PIECE: u32 = MIN_PIECE_LENGTH;
pub(super) const ONE: PeerId = PeerId(11);
pub(super) const TWO: PeerId = PeerId(12);

impl Script {
    pub(super) fn in_swarm(role: Role, sizes: &[u64]) -> Self {
        let mut script = Self::new(role, sizes, 1);
        script.input(Input::Started);
        script.input(Input::SocketOpened);
        script.hears(welcome_to(Topology::Swarm, false));
        script
    }

    /// A recipient in a swarm of `pieces` pieces.
    pub(super) fn leech(pieces: u32) -> Self {
        let sizes = [u64::from(pieces) * u64::from(PIECE)];
        Self::in_swarm(recipient_of(&sizes), &sizes)
    }

    pub(super) fn gets_from(&mut self, peer: PeerId, message: &PeerMessage) {
        self.input(Input::ControlReceived { peer, bytes: message.encode() });
    }

    pub(super) fn opens(&mut self, peer: PeerId) {
        self.input(Input::LinkOpened { peer, lane: 0, max_message_bytes: 262_144 });
        self.input(Input::RoundTripMeasured { peer, time: Duration::from_millis(1) });
        let piece_count = self.swarm.layout.piece_count();
        self.gets_from(peer, &PeerMessage::Hello { version: PROTOCOL_VERSION, piece_count });
    }

    /// A provider of these pieces that serves.
    pub(super) fn provider(&mut self, peer: PeerId, pieces: &[u32]) {
        self.hears(assigned(peer));
        self.opens(peer);
        let mut held = Bitfield::none(self.swarm.layout.piece_count());
        pieces.iter().for_each(|piece| assert!(held.insert(PieceIndex(*piece))));
        self.gets_from(peer, &PeerMessage::Bitfield(held.to_wire()));
        self.gets_from(peer, &PeerMessage::Unchoke);
    }

    /// A leech that wants something.
    pub(super) fn serves(&mut self, peer: PeerId) {
        self.hears(ServerMessage::Serve { peer });
        self.opens(peer);
        self.gets_from(peer, &PeerMessage::Interested);
    }

    pub(super) fn arrives_from(&mut self, peer: PeerId, block: BlockRange) {
        self.input(Input::BlockReceived { peer, block: Some(block) });
    }

    /// A whole piece comes from a peer that was asked for it and is verified.
    pub(super) fn has(&mut self, peer: PeerId, piece: u32) {
        self.arrives_from(peer, range(piece, 0, PIECE));
        self.record_known(piece, 1);
        self.input(Input::PieceChecked { piece: PieceIndex(piece), matches: true });
    }

    /// Control messages since last time, by whom they are for.
    pub(super) fn sent(&mut self) -> Vec<(PeerId, PeerMessage)> {
        let control = self.news().into_iter().filter_map(|output| match output {
            Output::SendControl { peer, message } => Some((peer, message)),
            _ => None,
        });
        control.collect()
    }

    pub(super) fn asked_of(&mut self, of: PeerId) -> Vec<BlockRange> {
        let asked = self.sent().into_iter().filter_map(|(peer, message)| match message {
            PeerMessage::Request(ranges) if peer == of => Some(ranges),
            _ => None,
        });
        asked.flatten().collect()
    }
}
