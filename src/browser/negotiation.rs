//! Descriptions and candidates of one `RTCPeerConnection`, whatever it carries.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    RtcConfiguration, RtcIceCandidateInit, RtcIceGatheringState, RtcIceServer, RtcPeerConnection,
    RtcPeerConnectionIceEvent, RtcSdpType, RtcSessionDescriptionInit,
};

use super::error::Error;
use super::listener::Listener;
use crate::protocol::signalling::IceServer;

/// The servers and the way of trickling that new connections use.
#[derive(Clone, Debug, Default)]
pub struct IceSettings {
    /// `RTCConfiguration.iceServers`.
    pub servers: Vec<IceServer>,
    /// Whether candidates travel one by one.
    pub trickle: bool,
}

/// What is to be sent to the other side.
pub enum Negotiated {
    /// The local description is set; send it.
    Description(String),
    /// One more way to be reached.
    Candidate {
        /// `candidate:` line.
        candidate: String,
        /// Its media section.
        sdp_mid: Option<String>,
    },
    /// The browser refused a description.
    Refused,
}

type Tell = Rc<dyn Fn(Negotiated)>;

/// The negotiation of a connection; once it is dropped nothing is told any more. The connection is its owner's to close.
pub struct Negotiation {
    connection: RtcPeerConnection,
    trickle: bool,
    tell: Tell,
    gathered: Rc<RefCell<Option<Listener>>>,
    /// The browser did not take the servers, and looks for a path without them.
    lacks_servers: bool,
    _candidates: Option<Listener>,
}

impl Negotiation {
    /// A connection that is not yet negotiated.
    ///
    /// # Errors
    /// The browser refuses: WebRTC is blocked, or there are too many connections.
    pub fn new(ice: &IceSettings, tell: impl Fn(Negotiated) + 'static) -> Result<Self, Error> {
        let configuration = RtcConfiguration::new();
        configuration.set_ice_servers(&ice_servers(&ice.servers));
        let whole = RtcPeerConnection::new_with_configuration(&configuration);
        // One address that it does not take, and a browser refuses them all. On one network none is needed.
        let lacks_servers = whole.is_err();
        let connection = whole.or_else(|_| RtcPeerConnection::new())?;
        let tell: Tell = Rc::new(tell);
        let candidates = ice.trickle.then(|| {
            let tell = tell.clone();
            let heard = move |event: RtcPeerConnectionIceEvent| {
                // The end of candidates needs no telling: ICE copes without (RFC 8838, section 14).
                let Some(found) = event.candidate().filter(|c| !c.candidate().is_empty()) else {
                    return;
                };
                let (candidate, sdp_mid) = (found.candidate(), found.sdp_mid());
                tell(Negotiated::Candidate { candidate, sdp_mid });
            };
            Listener::new(&connection, "icecandidate", heard)
        });
        let (trickle, gathered) = (ice.trickle, Rc::default());
        Ok(Self { connection, trickle, tell, gathered, lacks_servers, _candidates: candidates })
    }

    /// Whether the browser refused the servers that it was to use.
    pub fn lacks_servers(&self) -> bool {
        self.lacks_servers
    }

    /// The connection.
    pub fn connection(&self) -> &RtcPeerConnection {
        &self.connection
    }

    /// Prepares, sets the local description that fits, and tells it: at once, or with all candidates in it.
    pub fn describe(&self, prepare: impl Future<Output = Result<(), JsValue>> + 'static) {
        // One that waited for an earlier gathering would tell the next description a second time.
        self.gathered.borrow_mut().take();
        let connection = self.connection.clone();
        let tell = self.tell.clone();
        let trickle = self.trickle;
        let gathered = self.gathered.clone();
        spawn_local(async move {
            let set = async {
                prepare.await?;
                set_local_description(&connection).await
            };
            if set.await.is_err() {
                tell(Negotiated::Refused);
            } else if trickle {
                tell_description(&connection, &tell);
            } else {
                tell_when_gathered(&connection, tell, &gathered);
            }
        });
    }

    /// Takes the remote's description. Called before this returns, so that candidates that follow queue behind it.
    pub fn set_remote(&self, kind: RtcSdpType, sdp: &str) -> Promise {
        let description = RtcSessionDescriptionInit::new(kind);
        description.set_sdp(sdp);
        self.connection.set_remote_description(&description)
    }

    /// Takes the answer to the offer.
    pub fn accept_answer(&self, answer: &str) {
        // Of two restarts in a row one answer settles both.
        if self.is_stable() {
            return;
        }
        let remote = self.set_remote(RtcSdpType::Answer, answer);
        let tell = self.tell.clone();
        spawn_local(async move {
            if JsFuture::from(remote).await.is_err() {
                tell(Negotiated::Refused);
            }
        });
    }

    /// Whether nothing is being negotiated.
    pub fn is_stable(&self) -> bool {
        let state = Reflect::get(&self.connection, &"signalingState".into());
        state.is_ok_and(|state| state == "stable")
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
}

impl Drop for Negotiation {
    fn drop(&mut self) {
        self.gathered.borrow_mut().take();
    }
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
    let promise: Promise = set.call0(connection)?.dyn_into()?;
    JsFuture::from(promise).await.map(|_| ())
}

/// A method that not every browser has, or that web-sys lacks.
///
/// # Errors
/// There is none of that name.
pub fn method(object: &JsValue, name: &str) -> Result<js_sys::Function, JsValue> {
    Reflect::get(object, &name.into())?.dyn_into()
}

fn tell_description(connection: &RtcPeerConnection, tell: &Tell) {
    if let Some(description) = connection.local_description() {
        tell(Negotiated::Description(description.sdp()));
    }
}

fn tell_when_gathered(
    connection: &RtcPeerConnection,
    tell: Tell,
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
