//! One `RTCPeerConnection` with its data channels: one lane of a link.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    MessageEvent, RtcDataChannel, RtcDataChannelInit, RtcDataChannelState, RtcDataChannelType,
    RtcPeerConnection, RtcPeerConnectionState, RtcSdpType,
};

use super::error::Error;
use super::listener::Listener;
use super::negotiation::{IceSettings, Negotiated, Negotiation, method};
use super::peer_path::look_at_path;
use crate::protocol::peer_wire::{BLOCK_HEADER_BYTES, BLOCKS_CHANNEL_ID, CONTROL_CHANNEL_ID};
use crate::protocol::signalling::PathKind;
use crate::swarm::negotiation::inspect_description;

/// What a connection tells.
pub enum LinkEvent {
    /// The local description is set; send it.
    Description(String),
    /// One more way to be reached.
    Candidate {
        /// `candidate:` line.
        candidate: String,
        /// Its media section.
        sdp_mid: Option<String>,
    },
    /// All channels are open.
    Opened {
        /// Bytes of the largest message that the remote takes.
        max_message_bytes: u32,
    },
    /// How bytes travel.
    Path(PathKind),
    /// How long ICE's own checks take there and back.
    RoundTrip(Duration),
    /// Nothing comes through any more; ICE may find another path.
    PathLost,
    /// Something comes through again.
    PathRestored,
    /// A control message.
    Control(Vec<u8>),
    /// A block with its header.
    Block(Uint8Array),
    /// The blocks channel drained to the low-water mark.
    Drained,
    /// It failed or closed. The last event.
    Closed,
}

type OnEvent = Rc<dyn Fn(LinkEvent)>;

/// A connection; dropping it closes it and nothing is told any more.
pub struct PeerConnection {
    negotiation: Negotiation,
    control: RtcDataChannel,
    blocks: RtcDataChannel,
    on_event: OnEvent,
    max_message_bytes: Rc<Cell<u32>>,
    /// Where blocks get their headers: the channel takes a copy, so one after the other can stand here.
    message: RefCell<Uint8Array>,
    path_lost: Rc<Cell<bool>>,
    /// Which round trip was told last.
    told: Rc<Cell<f64>>,
    listeners: Vec<Listener>,
}

impl PeerConnection {
    /// A connection with both channels, not yet negotiated.
    ///
    /// # Errors
    /// The browser refuses: WebRTC is blocked, or there are too many connections.
    pub fn new(ice: &IceSettings, on_event: impl Fn(LinkEvent) + 'static) -> Result<Self, Error> {
        let on_event: OnEvent = Rc::new(on_event);
        let tell = on_event.clone();
        let negotiation = Negotiation::new(ice, move |negotiated| {
            tell(match negotiated {
                Negotiated::Description(sdp) => LinkEvent::Description(sdp),
                Negotiated::Candidate { candidate, sdp_mid } => {
                    LinkEvent::Candidate { candidate, sdp_mid }
                }
                Negotiated::Refused => LinkEvent::Closed,
            });
        })?;
        let control = open_channel(negotiation.connection(), "control", CONTROL_CHANNEL_ID);
        let blocks = open_channel(negotiation.connection(), "blocks", BLOCKS_CHANNEL_ID);
        let mut this = Self {
            negotiation,
            control,
            blocks,
            on_event,
            max_message_bytes: Rc::default(),
            message: RefCell::new(Uint8Array::new_with_length(0)),
            path_lost: Rc::default(),
            told: Rc::default(),
            listeners: Vec::new(),
        };
        this.listen_to_connection();
        this.listen_to_channels();
        Ok(this)
    }

    /// Whether the browser refused the servers that it was to use.
    pub fn lacks_servers(&self) -> bool {
        self.negotiation.lacks_servers()
    }

    fn listen_to_connection(&mut self) {
        let tell = self.on_event.clone();
        let connection = self.negotiation.connection().clone();
        let (lost, told) = (self.path_lost.clone(), self.told.clone());
        self.listeners.push(Listener::new(
            self.negotiation.connection(),
            "connectionstatechange",
            move |_: web_sys::Event| match connection.connection_state() {
                RtcPeerConnectionState::Failed | RtcPeerConnectionState::Closed => {
                    tell(LinkEvent::Closed);
                }
                RtcPeerConnectionState::Disconnected => {
                    lost.set(true);
                    tell(LinkEvent::PathLost);
                }
                RtcPeerConnectionState::Connected if lost.replace(false) => {
                    tell(LinkEvent::PathRestored);
                    spawn_local(look_at_path(connection.clone(), tell.clone(), told.clone()));
                }
                _ => {}
            },
        ));
    }

    fn listen_to_channels(&mut self) {
        for channel in [&self.control, &self.blocks] {
            let tell = self.on_event.clone();
            let (control, blocks) = (self.control.clone(), self.blocks.clone());
            let max_message_bytes = self.max_message_bytes.clone();
            let (connection, told) = (self.negotiation.connection().clone(), self.told.clone());
            self.listeners.push(Listener::new(channel, "open", move |_: web_sys::Event| {
                let open =
                    |channel: &RtcDataChannel| channel.ready_state() == RtcDataChannelState::Open;
                if open(&control) && open(&blocks) {
                    tell(LinkEvent::Opened { max_message_bytes: max_message_bytes.get() });
                    spawn_local(look_at_path(connection.clone(), tell.clone(), told.clone()));
                }
            }));
            let tell = self.on_event.clone();
            let closed = move |_: web_sys::Event| tell(LinkEvent::Closed);
            self.listeners.push(Listener::new(channel, "close", closed));
        }
        let tell = self.on_event.clone();
        let heard = move |event: MessageEvent| {
            // Text is no message of this protocol; nothing decodes from no bytes.
            let buffer = event.data().dyn_into::<ArrayBuffer>();
            let bytes = buffer.map_or_else(|_| Vec::new(), |b| Uint8Array::new(&b).to_vec());
            tell(LinkEvent::Control(bytes));
        };
        self.listeners.push(Listener::new(&self.control, "message", heard));
        let tell = self.on_event.clone();
        let heard = move |event: MessageEvent| {
            let buffer =
                event.data().dyn_into::<ArrayBuffer>().unwrap_or_else(|_| ArrayBuffer::new(0));
            tell(LinkEvent::Block(Uint8Array::new(&buffer)));
        };
        self.listeners.push(Listener::new(&self.blocks, "message", heard));
        let tell = self.on_event.clone();
        let drained = move |_: web_sys::Event| tell(LinkEvent::Drained);
        self.listeners.push(Listener::new(&self.blocks, "bufferedamountlow", drained));
    }

    /// Makes an offer; tells [`LinkEvent::Description`].
    pub fn offer(&self) {
        self.negotiation.describe(async { Ok(()) });
    }

    /// Looks for another path and makes an offer of it; tells [`LinkEvent::Description`].
    pub fn restart_ice(&self) {
        // Browsers that lack it lack what follows as well, and the link ends as it would have.
        let connection = self.negotiation.connection();
        if let Ok(restart) = method(connection, "restartIce") {
            let _ = restart.call0(connection);
            self.offer();
        }
    }

    /// Whether nothing comes through now.
    pub fn has_lost_its_path(&self) -> bool {
        self.path_lost.get()
    }

    /// Tells [`LinkEvent::Path`] and [`LinkEvent::RoundTrip`], as far as the browser knows them.
    pub fn look_at_path(&self) {
        let connection = self.negotiation.connection().clone();
        spawn_local(look_at_path(connection, self.on_event.clone(), self.told.clone()));
    }

    /// Answers an offer, the first or one within the connection; tells [`LinkEvent::Description`].
    pub fn answer(&self, offer: &str) {
        self.remember_message_size(offer);
        let remote = self.negotiation.set_remote(RtcSdpType::Offer, offer);
        self.negotiation.describe(async move { JsFuture::from(remote).await.map(drop) });
    }

    /// Takes the answer to the offer.
    pub fn accept_answer(&self, answer: &str) {
        if !self.negotiation.is_stable() {
            self.remember_message_size(answer);
            self.negotiation.accept_answer(answer);
        }
    }

    /// Takes one more way to reach the remote. One that the browser cannot use is passed over.
    pub fn add_candidate(&self, candidate: &str, sdp_mid: Option<&str>) {
        self.negotiation.add_candidate(candidate, sdp_mid);
    }

    /// Sends a control message.
    ///
    /// # Errors
    /// The channel is not open or its queue is full.
    pub fn send_control(&self, bytes: &[u8]) -> Result<(), Error> {
        Ok(self.control.send_with_u8_array(bytes)?)
    }

    /// Sends a block: its header and a part of a loaded piece.
    ///
    /// # Errors
    /// The channel is not open or its queue is full.
    pub fn send_block(
        &self,
        header: &[u8; BLOCK_HEADER_BYTES],
        payload: &Uint8Array,
    ) -> Result<(), Error> {
        let length = BLOCK_HEADER_BYTES as u32 + payload.length();
        let mut message = self.message.borrow_mut();
        if message.length() != length {
            *message = Uint8Array::new_with_length(length);
        }
        message.subarray(0, BLOCK_HEADER_BYTES as u32).copy_from(header);
        message.set(payload, BLOCK_HEADER_BYTES as u32);
        Ok(self.blocks.send_with_array_buffer_view(&message)?)
    }

    /// Tells [`LinkEvent::Drained`] whenever no more than this waits in the blocks channel.
    pub fn set_low_water(&self, bytes: u32) {
        self.blocks.set_buffered_amount_low_threshold(bytes);
    }

    /// Bytes that wait in the blocks channel.
    pub fn buffered_amount(&self) -> u64 {
        u64::from(self.blocks.buffered_amount())
    }

    fn remember_message_size(&self, sdp: &str) {
        self.max_message_bytes.set(inspect_description(sdp).unwrap_or_default());
    }
}

impl Drop for PeerConnection {
    fn drop(&mut self) {
        self.listeners.clear();
        self.negotiation.connection().close();
    }
}

fn open_channel(connection: &RtcPeerConnection, label: &str, id: u16) -> RtcDataChannel {
    let init = RtcDataChannelInit::new();
    init.set_negotiated(true);
    init.set_id(id);
    let channel = connection.create_data_channel_with_data_channel_dict(label, &init);
    channel.set_binary_type(RtcDataChannelType::Arraybuffer);
    channel
}
