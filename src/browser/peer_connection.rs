//! One `RTCPeerConnection` with its data channels: one lane of a link.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use js_sys::{Array, ArrayBuffer, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    MessageEvent, RtcConfiguration, RtcDataChannel, RtcDataChannelInit, RtcDataChannelState,
    RtcDataChannelType, RtcIceCandidateInit, RtcIceGatheringState, RtcIceServer, RtcPeerConnection,
    RtcPeerConnectionIceEvent, RtcPeerConnectionState, RtcSdpType, RtcSessionDescriptionInit,
};

use super::error::Error;
use super::listener::Listener;
use super::peer_path::look_at_path;
use crate::protocol::peer_wire::{BLOCK_HEADER_BYTES, BLOCKS_CHANNEL_ID, CONTROL_CHANNEL_ID};
use crate::protocol::signalling::{IceServer, PathKind};
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

/// The servers and the way of trickling that new connections use.
#[derive(Clone, Debug, Default)]
pub struct IceSettings {
    /// `RTCConfiguration.iceServers`.
    pub servers: Vec<IceServer>,
    /// Whether candidates travel one by one.
    pub trickle: bool,
}

type OnEvent = Rc<dyn Fn(LinkEvent)>;

/// A connection; dropping it closes it and nothing is told any more.
pub struct PeerConnection {
    connection: RtcPeerConnection,
    control: RtcDataChannel,
    blocks: RtcDataChannel,
    trickle: bool,
    on_event: OnEvent,
    max_message_bytes: Rc<Cell<u32>>,
    /// Where blocks get their headers: the channel takes a copy, so one after the other can stand here.
    message: RefCell<Uint8Array>,
    path_lost: Rc<Cell<bool>>,
    listeners: Vec<Listener>,
    gathered: Rc<RefCell<Option<Listener>>>,
}

impl PeerConnection {
    /// A connection with both channels, not yet negotiated.
    ///
    /// # Errors
    /// The browser refuses: WebRTC is blocked, or there are too many connections.
    pub fn new(ice: &IceSettings, on_event: impl Fn(LinkEvent) + 'static) -> Result<Self, Error> {
        let configuration = RtcConfiguration::new();
        configuration.set_ice_servers(&ice_servers(&ice.servers));
        let connection = RtcPeerConnection::new_with_configuration(&configuration)?;
        let control = open_channel(&connection, "control", CONTROL_CHANNEL_ID);
        let blocks = open_channel(&connection, "blocks", BLOCKS_CHANNEL_ID);
        let mut this = Self {
            connection,
            control,
            blocks,
            trickle: ice.trickle,
            on_event: Rc::new(on_event),
            max_message_bytes: Rc::default(),
            message: RefCell::new(Uint8Array::new_with_length(0)),
            path_lost: Rc::default(),
            listeners: Vec::new(),
            gathered: Rc::default(),
        };
        this.listen_to_connection();
        this.listen_to_channels();
        Ok(this)
    }

    fn listen_to_connection(&mut self) {
        let tell = self.on_event.clone();
        let connection = self.connection.clone();
        let lost = self.path_lost.clone();
        self.listeners.push(Listener::new(
            &self.connection,
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
                    spawn_local(look_at_path(connection.clone(), tell.clone()));
                }
                _ => {}
            },
        ));
        if self.trickle {
            let tell = self.on_event.clone();
            let heard = move |event: RtcPeerConnectionIceEvent| {
                // The end of candidates needs no telling: ICE copes without (RFC 8838, section 14).
                let Some(found) = event.candidate().filter(|c| !c.candidate().is_empty()) else {
                    return;
                };
                let (candidate, sdp_mid) = (found.candidate(), found.sdp_mid());
                tell(LinkEvent::Candidate { candidate, sdp_mid });
            };
            self.listeners.push(Listener::new(&self.connection, "icecandidate", heard));
        }
    }

    fn listen_to_channels(&mut self) {
        for channel in [&self.control, &self.blocks] {
            let tell = self.on_event.clone();
            let (control, blocks) = (self.control.clone(), self.blocks.clone());
            let max_message_bytes = self.max_message_bytes.clone();
            let connection = self.connection.clone();
            self.listeners.push(Listener::new(channel, "open", move |_: web_sys::Event| {
                let open =
                    |channel: &RtcDataChannel| channel.ready_state() == RtcDataChannelState::Open;
                if open(&control) && open(&blocks) {
                    tell(LinkEvent::Opened { max_message_bytes: max_message_bytes.get() });
                    spawn_local(look_at_path(connection.clone(), tell.clone()));
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
        self.negotiate(async { Ok(()) });
    }

    /// Looks for another path and makes an offer of it; tells [`LinkEvent::Description`].
    pub fn restart_ice(&self) {
        // Browsers that lack it lack what follows as well, and the link ends as it would have.
        if let Ok(restart) = method(&self.connection, "restartIce") {
            let _ = restart.call0(&self.connection);
            self.offer();
        }
    }

    /// Whether nothing comes through now.
    pub fn has_lost_its_path(&self) -> bool {
        self.path_lost.get()
    }

    /// Tells [`LinkEvent::Path`] and [`LinkEvent::RoundTrip`], as far as the browser knows them.
    pub fn look_at_path(&self) {
        spawn_local(look_at_path(self.connection.clone(), self.on_event.clone()));
    }

    /// Answers an offer, the first or one within the connection; tells [`LinkEvent::Description`].
    pub fn answer(&self, offer: &str) {
        self.remember_message_size(offer);
        // Called before this returns, so that candidates that follow queue behind it.
        let remote = self.set_remote(RtcSdpType::Offer, offer);
        self.negotiate(async move {
            JsFuture::from(remote).await?;
            Ok(())
        });
    }

    /// Takes the answer to the offer.
    pub fn accept_answer(&self, answer: &str) {
        // Of two restarts in a row one answer settles both.
        let state = Reflect::get(&self.connection, &"signalingState".into());
        if state.is_ok_and(|state| state == "stable") {
            return;
        }
        self.remember_message_size(answer);
        let remote = self.set_remote(RtcSdpType::Answer, answer);
        let tell = self.on_event.clone();
        spawn_local(async move {
            if JsFuture::from(remote).await.is_err() {
                tell(LinkEvent::Closed);
            }
        });
    }

    /// Takes one more way to reach the remote. One that the browser cannot use is passed over.
    pub fn add_candidate(&self, candidate: &str, sdp_mid: Option<&str>) {
        let init = RtcIceCandidateInit::new(candidate);
        init.set_sdp_mid(sdp_mid);
        let added = self.connection.add_ice_candidate_with_opt_rtc_ice_candidate_init(Some(&init));
        spawn_local(async move {
            let _ = JsFuture::from(added).await;
        });
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

    fn set_remote(&self, kind: RtcSdpType, sdp: &str) -> js_sys::Promise {
        let description = RtcSessionDescriptionInit::new(kind);
        description.set_sdp(sdp);
        self.connection.set_remote_description(&description)
    }

    /// Prepares, sets the local description that fits, and tells it: at once, or with all candidates in it.
    fn negotiate(&self, prepare: impl Future<Output = Result<(), JsValue>> + 'static) {
        // One that waited for an earlier gathering would tell the next description a second time.
        self.gathered.borrow_mut().take();
        let connection = self.connection.clone();
        let tell = self.on_event.clone();
        let trickle = self.trickle;
        let gathered = self.gathered.clone();
        spawn_local(async move {
            let set = async {
                prepare.await?;
                set_local_description(&connection).await
            };
            if set.await.is_err() {
                tell(LinkEvent::Closed);
            } else if trickle {
                tell_description(&connection, &tell);
            } else {
                tell_when_gathered(&connection, tell, &gathered);
            }
        });
    }
}

impl Drop for PeerConnection {
    fn drop(&mut self) {
        self.listeners.clear();
        self.gathered.borrow_mut().take();
        self.connection.close();
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

fn ice_servers(servers: &[IceServer]) -> JsValue {
    let list = Array::new();
    for server in servers {
        let entry = RtcIceServer::new();
        let urls: Array = server.urls.iter().map(|url| JsValue::from_str(url)).collect();
        entry.set_urls(&urls);
        if let Some(username) = &server.username {
            entry.set_username(username);
        }
        if let Some(credential) = &server.credential {
            entry.set_credential(credential);
        }
        list.push(&entry);
    }
    list.into()
}

/// Without an argument the browser makes the description that its state asks for: an offer or an answer.
async fn set_local_description(connection: &RtcPeerConnection) -> Result<(), JsValue> {
    let set = method(connection, "setLocalDescription")?;
    let promise: js_sys::Promise = set.call0(connection)?.dyn_into()?;
    JsFuture::from(promise).await.map(|_| ())
}

fn method(connection: &RtcPeerConnection, name: &str) -> Result<js_sys::Function, JsValue> {
    Reflect::get(connection, &name.into())?.dyn_into()
}

fn tell_description(connection: &RtcPeerConnection, tell: &OnEvent) {
    if let Some(description) = connection.local_description() {
        tell(LinkEvent::Description(description.sdp()));
    }
}

fn tell_when_gathered(
    connection: &RtcPeerConnection,
    tell: OnEvent,
    gathered: &Rc<RefCell<Option<Listener>>>,
) {
    let complete =
        |c: &RtcPeerConnection| c.ice_gathering_state() == RtcIceGatheringState::Complete;
    // After a restart the state may still be that of the gathering before.
    let found = connection
        .local_description()
        .is_some_and(|description| description.sdp().contains("a=candidate:"));
    if found && complete(connection) {
        tell_description(connection, &tell);
        return;
    }
    let source = connection.clone();
    let changed = move |_: web_sys::Event| {
        if complete(&source) {
            tell_description(&source, &tell);
        }
    };
    let listener = Listener::new(connection, "icegatheringstatechange", changed);
    *gathered.borrow_mut() = Some(listener);
}
