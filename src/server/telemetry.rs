//! Logs: to standard error, for people on a terminal and as JSON lines otherwise.
//!
//! What is never logged, at any level of ours: passwords, tokens, tickets and other cookies, link keys, file names,
//! request bodies, query strings. Requests are named by the route's template, so that not even room ids show;
//! secrets' types do not print (`protocol::id`).

use std::io::IsTerminal;
use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use tower_http::trace::{MakeSpan, OnResponse};
use tracing::Span;
use tracing_subscriber::EnvFilter;

/// Starts logging by `filter`, which the configuration has checked. Later calls change nothing.
pub fn start(filter: &str) {
    let filter = EnvFilter::builder().parse_lossy(filter);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Fails only if logging has been started before, which is as good.
    let _ = if std::io::stderr().is_terminal() {
        lines.try_init()
    } else {
        lines.json().flatten_event(true).with_span_list(false).with_ansi(false).try_init()
    };
}

/// Names a request by its method and its route's template.
#[derive(Clone, Copy, Debug)]
pub struct RequestSpan;

impl<B> MakeSpan<B> for RequestSpan {
    fn make_span(&mut self, request: &Request<B>) -> Span {
        let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str);
        tracing::info_span!("request", method = %request.method(), route)
    }
}

/// Logs how a request went: failures of ours as warnings, the rest for those who want to see it.
#[derive(Clone, Copy, Debug)]
pub struct RequestOutcome;

impl<B> OnResponse<B> for RequestOutcome {
    fn on_response(self, response: &Response<B>, latency: Duration, _: &Span) {
        let status = response.status().as_u16();
        let millis = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        if response.status().is_server_error() {
            tracing::warn!(status, millis, "answered");
        } else {
            tracing::debug!(status, millis, "answered");
        }
    }
}
