//! The path that a connection's bytes take.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use js_sys::Reflect;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::RtcPeerConnection;

use super::peer_connection::LinkEvent;
use crate::protocol::signalling::PathKind;

/// Looks the chosen candidate pair up and tells whether a TURN server is in the path, and how long it is. A round trip
/// that was told before, by the browser's sum or its last one, is not told again: `told` remembers it.
pub async fn look_at_path(
    connection: RtcPeerConnection,
    tell: Rc<dyn Fn(LinkEvent)>,
    told: Rc<Cell<f64>>,
) {
    let Ok(report) = JsFuture::from(connection.get_stats()).await else { return };
    let report: js_sys::Map = report.unchecked_into();
    let field = |entry: &JsValue, name: &str| {
        Reflect::get(entry, &name.into()).unwrap_or(JsValue::UNDEFINED)
    };
    let mut pair_id = JsValue::UNDEFINED;
    report.for_each(&mut |entry, _| {
        let kind = field(&entry, "type").as_string().unwrap_or_default();
        if kind == "transport" {
            let selected = field(&entry, "selectedCandidatePairId");
            if !selected.is_undefined() {
                pair_id = selected;
            }
        } else if kind == "candidate-pair" && field(&entry, "selected").is_truthy() {
            // Firefox marks the pair itself.
            pair_id = field(&entry, "id");
        }
    });
    let pair: JsValue = report.get(&pair_id);
    if pair.is_undefined() {
        return;
    }
    let relayed = ["localCandidateId", "remoteCandidateId"].iter().any(|end| {
        let candidate: JsValue = report.get(&field(&pair, end));
        !candidate.is_undefined()
            && field(&candidate, "candidateType") == JsValue::from_str("relay")
    });
    tell(LinkEvent::Path(if relayed { PathKind::Relayed } else { PathKind::Direct }));
    let seconds = field(&pair, "currentRoundTripTime").as_f64();
    let sum = field(&pair, "totalRoundTripTime").as_f64().or(seconds);
    if sum.is_none_or(|sum| told.replace(sum) == sum) {
        return;
    }
    if let Some(Ok(time)) = seconds.map(Duration::try_from_secs_f64) {
        tell(LinkEvent::RoundTrip(time));
    }
}
