//! One `RTCPeerConnection` that carries sound and picture one way: from an owner to a listener.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    MediaStream, MediaStreamTrack, RtcPeerConnection, RtcPeerConnectionState, RtcRtpSender,
    RtcRtpTransceiver, RtcRtpTransceiverDirection, RtcRtpTransceiverInit, RtcSdpType,
    RtcTrackEvent,
};

use super::error::Error;
use super::listener::Listener;
use super::negotiation::{IceSettings, Negotiated, Negotiation, method};
use crate::circle::rates::Rates;

/// What a connection tells.
pub enum LiveEvent {
    /// A description or candidate to send, or that the browser refused one.
    Negotiated(Negotiated),
    /// It came about.
    Connected,
    /// It failed. The last event.
    Closed,
    /// What is heard and seen.
    Heard(MediaStream),
}

/// What is played, as an element gives it out.
#[derive(Clone, Debug, Default)]
pub struct Tracks {
    /// Sound.
    pub audio: Option<MediaStreamTrack>,
    /// Picture.
    pub video: Option<MediaStreamTrack>,
}

impl Tracks {
    fn of_kind(&self, kind: &str) -> Option<&MediaStreamTrack> {
        match kind {
            "audio" => self.audio.as_ref(),
            _ => self.video.as_ref(),
        }
    }
}

type OnEvent = Rc<dyn Fn(LiveEvent)>;

/// A connection; dropping it closes it and nothing is told any more.
pub struct LiveConnection {
    negotiation: Negotiation,
    sends: Cell<bool>,
    tracks: Rc<RefCell<Tracks>>,
    limits: Rc<Limits>,
    listeners: Vec<Listener>,
}

impl LiveConnection {
    /// A connection that is not yet negotiated.
    ///
    /// # Errors
    /// The browser refuses: WebRTC is blocked, or there are too many connections.
    pub fn new(ice: &IceSettings, on_event: impl Fn(LiveEvent) + 'static) -> Result<Self, Error> {
        let tell: OnEvent = Rc::new(on_event);
        let teller = tell.clone();
        let negotiation = Negotiation::new(ice, move |told| teller(LiveEvent::Negotiated(told)))?;
        let connection = negotiation.connection().clone();
        let teller = tell.clone();
        let limits: Rc<Limits> = Rc::default();
        let set = limits.clone();
        let changed = move |_: web_sys::Event| match connection.connection_state() {
            RtcPeerConnectionState::Connected => {
                // Before that there may be nothing yet that could be limited.
                if set.rates.get() != Rates::default() {
                    set.set(&connection);
                }
                teller(LiveEvent::Connected);
            }
            RtcPeerConnectionState::Failed | RtcPeerConnectionState::Closed => {
                teller(LiveEvent::Closed);
            }
            _ => {}
        };
        let heard = move |event: RtcTrackEvent| {
            // Sound and picture come in one stream, so that they stay together.
            if let Ok(stream) = event.streams().get(0).dyn_into() {
                tell(LiveEvent::Heard(stream));
            }
        };
        let listeners = vec![
            Listener::new(negotiation.connection(), "connectionstatechange", changed),
            Listener::new(negotiation.connection(), "track", heard),
        ];
        let (sends, tracks) = (Cell::new(false), Rc::default());
        Ok(Self { negotiation, sends, tracks, limits, listeners })
    }

    /// Asks for sound and picture.
    pub fn ask(&self) {
        for kind in ["audio", "video"] {
            let init = RtcRtpTransceiverInit::new();
            init.set_direction(RtcRtpTransceiverDirection::Recvonly);
            self.negotiation.connection().add_transceiver_with_str_and_init(kind, &init);
        }
        self.negotiation.describe(async { Ok(()) });
    }

    /// Answers a listener's offer, and sends it what is played now and later.
    pub fn answer(&self, offer: &str, tracks: &Tracks) {
        self.sends.set(true);
        self.tracks.replace(tracks.clone());
        let remote = self.negotiation.set_remote(RtcSdpType::Offer, offer);
        let connection = self.negotiation.connection().clone();
        let tracks = self.tracks.clone();
        self.negotiation.describe(async move {
            JsFuture::from(remote).await?;
            let stream = MediaStream::new()?;
            for transceiver in transceivers(&connection) {
                transceiver.set_direction(RtcRtpTransceiverDirection::Sendonly);
                let sender = transceiver.sender();
                if let Ok(join) = method(&sender, "setStreams") {
                    join.call1(&sender, &stream)?;
                }
                let track = tracks.borrow().of_kind(&kind_of(&transceiver)).cloned();
                replace(&sender, track.as_ref()).await?;
            }
            Ok(())
        });
    }

    /// Sends this from now on. Nothing is negotiated anew.
    pub fn set_tracks(&self, tracks: &Tracks) {
        if !self.sends.get() {
            return;
        }
        self.tracks.replace(tracks.clone());
        for transceiver in transceivers(self.negotiation.connection()) {
            let track = tracks.of_kind(&kind_of(&transceiver)).cloned();
            spawn_local(async move {
                // Refused once the connection is closed, and then nobody misses it.
                let _ = replace(&transceiver.sender(), track.as_ref()).await;
            });
        }
    }

    /// Sends no more than this from now on.
    pub fn set_rates(&self, rates: Rates) {
        if self.limits.rates.replace(rates) != rates {
            self.limits.set(self.negotiation.connection());
        }
    }

    /// Takes the answer to the offer.
    pub fn accept_answer(&self, answer: &str) {
        self.negotiation.accept_answer(answer);
    }

    /// Takes one more way to reach the remote.
    pub fn add_candidate(&self, candidate: &str, sdp_mid: Option<&str>) {
        self.negotiation.add_candidate(candidate, sdp_mid);
    }
}

impl Drop for LiveConnection {
    fn drop(&mut self) {
        self.listeners.clear();
        self.negotiation.connection().close();
    }
}

fn transceivers(connection: &RtcPeerConnection) -> Vec<RtcRtpTransceiver> {
    let all: Array = connection.get_transceivers();
    all.iter().filter_map(|one| one.dyn_into().ok()).collect()
}

fn kind_of(transceiver: &RtcRtpTransceiver) -> String {
    transceiver.receiver().track().kind()
}

/// What a listener is sent at most.
#[derive(Default)]
struct Limits {
    rates: Cell<Rates>,
    /// How often it was to be set.
    asked: Cell<u32>,
    /// It is being set.
    sets: Cell<bool>,
}

impl Limits {
    /// Sets it, one after the other: browsers refuse parameters while others are on their way.
    fn set(self: &Rc<Self>, connection: &RtcPeerConnection) {
        self.asked.set(self.asked.get() + 1);
        if self.sets.replace(true) {
            return;
        }
        let (limits, connection) = (self.clone(), connection.clone());
        spawn_local(async move {
            let mut done = 0;
            while done != limits.asked.get() {
                done = limits.asked.get();
                let Rates { sound, picture } = limits.rates.get();
                for transceiver in transceivers(&connection) {
                    let rate = if kind_of(&transceiver) == "audio" { sound } else { picture };
                    // A browser that does not know these fields sends as it sees fit.
                    let _ = limit(&transceiver.sender(), rate).await;
                }
            }
            limits.sets.set(false);
        });
    }
}

/// `RTCRtpSender.setParameters` with another `maxBitrate`.
async fn limit(sender: &RtcRtpSender, bits_per_second: Option<u32>) -> Result<(), JsValue> {
    let parameters = method(sender, "getParameters")?.call0(sender)?;
    let encodings: Array = Reflect::get(&parameters, &"encodings".into())?.dyn_into()?;
    for encoding in encodings.iter() {
        let encoding: Object = encoding.dyn_into()?;
        match bits_per_second {
            Some(rate) => Reflect::set(&encoding, &"maxBitrate".into(), &rate.into())?,
            None => Reflect::delete_property(&encoding, &"maxBitrate".into())?,
        };
    }
    let set = method(sender, "setParameters")?.call1(sender, &parameters)?;
    JsFuture::from(Promise::from(set)).await.map(drop)
}

async fn replace(sender: &RtcRtpSender, track: Option<&MediaStreamTrack>) -> Result<(), JsValue> {
    JsFuture::from(sender.replace_track(track)).await.map(drop)
}
