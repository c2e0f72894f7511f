//! Links and their lanes: what the machine says is done to them, and what they tell is handed in.

use std::rc::Rc;

use js_sys::Uint8Array;
use litemap::LiteMap;

use super::{Inner, Link};
use crate::browser::peer_connection::{LinkEvent, PeerConnection};
use crate::protocol::id::PeerId;
use crate::protocol::peer_wire::{
    BLOCK_HEADER_BYTES, PeerMessage, decode_block_header, encode_block_header,
};
use crate::protocol::piece::BlockRange;
use crate::swarm::{Failure, Input};

impl Inner {
    pub(super) fn connect(
        self: &Rc<Self>,
        peer: PeerId,
        lane: u16,
        attempt: u32,
        begin: impl FnOnce(&PeerConnection),
    ) {
        let inbox = self.inbox();
        let on_event = move |event| {
            if let Some(inner) = inbox.0.upgrade() {
                inner.link_event(peer, lane, attempt, event);
            }
        };
        let mut state = self.state.borrow_mut();
        match PeerConnection::new(&state.ice, on_event) {
            Ok(connection) => {
                if connection.lacks_servers() {
                    let refused = Input::BrowserRefused(Failure::IceRefused);
                    self.inbox.borrow_mut().push_back(refused);
                }
                begin(&connection);
                let fresh = || Link { attempt, lanes: LiteMap::new() };
                let link = state.links.entry(peer).or_insert_with(fresh);
                if link.attempt != attempt {
                    *link = fresh();
                }
                link.lanes.insert(lane, connection);
            }
            Err(_) => {
                let mut inbox = self.inbox.borrow_mut();
                inbox.push_back(Input::BrowserRefused(Failure::ConnectionRefused));
                inbox.push_back(Input::LinkClosed { peer, lane, attempt });
            }
        }
    }

    fn link_event(self: &Rc<Self>, peer: PeerId, lane: u16, attempt: u32, event: LinkEvent) {
        self.post(match event {
            LinkEvent::Description(sdp) => Input::DescriptionReady { peer, lane, attempt, sdp },
            LinkEvent::Candidate { candidate, sdp_mid } => {
                Input::CandidateFound { peer, lane, attempt, candidate, sdp_mid }
            }
            LinkEvent::Opened { max_message_bytes } => {
                Input::LinkOpened { peer, lane, max_message_bytes }
            }
            // Control travels over the first connection alone, whatever else a peer may send.
            LinkEvent::Path(_) | LinkEvent::Control(_) if lane > 0 => return,
            LinkEvent::Path(path) => Input::PathFound { peer, path },
            LinkEvent::RoundTrip(time) => Input::RoundTripMeasured { peer, time },
            LinkEvent::PathLost => Input::PathLost { peer, lane, attempt },
            LinkEvent::PathRestored => Input::PathRestored { peer, lane, attempt },
            LinkEvent::Control(bytes) => Input::ControlReceived { peer, bytes },
            LinkEvent::Block(message) => {
                let block = block_of(&message);
                *self.arrived.borrow_mut() =
                    Some(message.subarray(BLOCK_HEADER_BYTES as u32, message.length()));
                Input::BlockReceived { peer, block }
            }
            LinkEvent::Drained => {
                self.measure(peer, lane);
                return;
            }
            LinkEvent::Closed => Input::LinkClosed { peer, lane, attempt },
        });
    }

    pub(super) fn on_lane(&self, peer: PeerId, lane: u16, act: impl FnOnce(&PeerConnection)) {
        let state = self.state.borrow();
        if let Some(connection) = state.links.get(&peer).and_then(|link| link.lanes.get(&lane)) {
            act(connection);
        }
    }

    /// What lost its path while there was no network can find another now.
    pub(super) fn network_is_back(self: &Rc<Self>) {
        let lost: Vec<_> = self
            .state
            .borrow()
            .links
            .iter()
            .filter(|(_, link)| link.lanes.get(&0).is_some_and(PeerConnection::has_lost_its_path))
            .map(|(peer, link)| Input::PathLost { peer: *peer, lane: 0, attempt: link.attempt })
            .collect();
        for input in lost {
            self.post(input);
        }
    }

    pub(super) fn send_control(&self, peer: PeerId, message: &PeerMessage) {
        self.on_lane(peer, 0, |connection| {
            if connection.send_control(&message.encode()).is_err() {
                self.link_broke(peer, 0);
            }
        });
    }

    pub(super) fn send_block(&self, peer: PeerId, lane: u16, block: &BlockRange) {
        self.on_lane(peer, lane, |connection| {
            let header = encode_block_header(block.piece, block.begin);
            let sent =
                self.content.bytes(block).map(|bytes| connection.send_block(&header, &bytes));
            if !matches!(sent, Some(Ok(()))) {
                self.link_broke(peer, lane);
            }
        });
    }

    fn link_broke(&self, peer: PeerId, lane: u16) {
        if let Ok(state) = self.state.try_borrow()
            && let Some(link) = state.links.get(&peer)
        {
            let attempt = link.attempt;
            self.inbox.borrow_mut().push_back(Input::LinkClosed { peer, lane, attempt });
        }
    }

    /// How much waits in each lane to a peer, and then that this is all.
    pub(super) fn measure_lanes(self: &Rc<Self>, peer: PeerId) {
        let lanes: Vec<u16> = {
            let state = self.state.borrow();
            state.links.get(&peer).map(|link| link.lanes.keys().copied().collect())
        }
        .unwrap_or_default();
        for lane in lanes {
            self.measure(peer, lane);
        }
        self.post(Input::LanesMeasured { peer });
    }

    pub(super) fn measure(self: &Rc<Self>, peer: PeerId, lane: u16) {
        let mut waiting = None;
        self.on_lane(peer, lane, |connection| waiting = Some(connection.buffered_amount()));
        if let Some(bytes) = waiting {
            self.post(Input::Buffered { peer, lane, bytes });
        }
    }
}

/// The place that a block's header names.
fn block_of(message: &Uint8Array) -> Option<BlockRange> {
    let mut header = [0; BLOCK_HEADER_BYTES];
    if message.length() < BLOCK_HEADER_BYTES as u32 {
        return None;
    }
    message.subarray(0, BLOCK_HEADER_BYTES as u32).copy_to(&mut header);
    decode_block_header(&header, message.length()).ok()
}
