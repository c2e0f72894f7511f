//! Bodies that tell their connection's place when they begin and end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

use super::place::{Phase, Place};

/// Bytes that are handed to the connection at once.
const STRIDE: usize = 16 << 10;

/// The body of a request, as it comes in.
pub struct Incoming {
    body: hyper::body::Incoming,
    place: Arc<Place>,
}

impl Incoming {
    /// Around what the connection reads.
    pub fn new(body: hyper::body::Incoming, place: Arc<Place>) -> Self {
        let this = Self { body, place };
        if this.body.is_end_stream() {
            this.is_here();
        }
        this
    }

    fn is_here(&self) {
        self.place.turn(&[Phase::Body], Phase::Answering);
    }
}

impl HttpBody for Incoming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.is_here();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.is_here();
    }
}

/// The body of an answer. It is handed over in strides, so that it ends only when the most of it has left: a
/// whole one would be the connection's at once, which would then seem to wait for its next request.
pub struct Outgoing {
    body: axum::body::Body,
    rest: Bytes,
    place: Arc<Place>,
}

impl Outgoing {
    /// Around what a route answered.
    pub fn new(body: axum::body::Body, place: Arc<Place>) -> Self {
        Self { body, rest: Bytes::new(), place }
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => self.rest = bytes,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let stride = self.rest.len().min(STRIDE);
        let bytes = self.rest.split_to(stride);
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(rest));
        if let Some(upper) = inner.upper().and_then(|upper| upper.checked_add(rest)) {
            hint.set_upper(upper);
        }
        hint
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.place.turn(&[Phase::Sending], Phase::Waiting);
    }
}
