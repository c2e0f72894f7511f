//! Headers that narrow what a browser may do with an answer.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

use http::StatusCode;

use super::origin::AllowedOrigins;

/// On every answer.
const ALWAYS: [(HeaderName, &str); 6] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // The link key is in the fragment and never sent, but the room's id is nobody's business either.
    (REFERRER_POLICY, "no-referrer"),
    (X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(), geolocation=(), payment=(), usb=(), display-capture=()",
    ),
];

/// For what is not a page. Pages set their own, with a nonce: see `app::shell`.
const NOTHING_ALLOWED: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'";
/// A worker runs under the policy of its own script's answer: it loads the client and stores, nothing else.
const FOR_SCRIPTS: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
                           connect-src 'self'; frame-ancestors 'none'; base-uri 'none'";
/// Two years. Subdomains are not ours to decide for.
const HTTPS_ONLY: &str = "max-age=63072000";

/// Puts the headers on an answer.
pub async fn add(State(origins): State<AllowedOrigins>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    // Browsers lay the headers of a 304 over those that they stored (RFC 9111, section 3.2): it must not bring a
    // policy that is not the file's own.
    let stored = response.status() == StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if origins.is_https() {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HTTPS_ONLY));
    }
    let content_type =
        headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let policy = match content_type {
        _ if stored => None,
        html if html.starts_with("text/html") => None,
        script if script.starts_with("text/javascript") => Some(FOR_SCRIPTS),
        _ => Some(NOTHING_ALLOWED),
    };
    if let Some(policy) = policy {
        headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(policy));
    }
    response
}
