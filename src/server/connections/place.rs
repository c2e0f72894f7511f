//! One connection's place, for as long as its socket is open, and what it is doing there.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, interval};

use super::Doors;
use super::pace::Pace;
use super::table::{ConnectionId, Use};

/// Times in [`Pace::patience`] that a connection is looked at.
const LOOKS: u32 = 4;

/// What one connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It waits for a request, or for the rest of its head.
    Waiting,
    /// The body of a request comes in.
    Body,
    /// The request is here and the answer is not.
    Answering,
    /// The answer goes out.
    Sending,
    /// It has become a WebSocket.
    Socket,
}

impl Phase {
    fn of_table(self) -> Use {
        match self {
            Self::Waiting => Use::Waiting,
            Self::Body | Self::Answering | Self::Sending => Use::Working,
            Self::Socket => Use::Socket,
        }
    }
}

/// Where a phase began.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Began {
    phase: Phase,
    at: Instant,
    /// Bytes that had moved by then.
    moved: u64,
}

/// The place. Dropping the last share of it, with the socket, gives it back.
#[derive(Debug)]
pub struct Place {
    doors: Arc<Doors>,
    id: ConnectionId,
    moved: AtomicU64,
    began: Mutex<Began>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    /// Its beginning, waiting for a request.
    pub fn new(doors: Arc<Doors>, id: ConnectionId, permit: OwnedSemaphorePermit) -> Self {
        let began = Began { phase: Phase::Waiting, at: Instant::now(), moved: 0 };
        Self { doors, id, moved: AtomicU64::new(0), began: Mutex::new(began), _permit: permit }
    }

    /// Goes on to `to`, if it is in one of the phases `from`.
    pub fn turn(&self, from: &[Phase], to: Phase) {
        let mut began = self.began();
        if !from.contains(&began.phase) {
            return;
        }
        let changed = began.phase.of_table() != to.of_table();
        let moved = self.moved.load(Ordering::Relaxed);
        *began = Began { phase: to, at: Instant::now(), moved };
        drop(began);
        if changed {
            self.doors.turn(self.id, to.of_table());
        }
    }

    /// Is ready once a body comes in, or an answer goes out, too slowly.
    pub async fn too_slow(&self, pace: &Pace) {
        let mut look = interval(pace.patience / LOOKS);
        let mut last = (*self.began(), 0);
        let mut moved_at = Instant::now();
        loop {
            let now = look.tick().await;
            let began = *self.began();
            let seen = (began, self.moved.load(Ordering::Relaxed));
            if seen != last {
                (last, moved_at) = (seen, now);
            }
            let bytes = seen.1.saturating_sub(began.moved);
            let (taken, still) = (now.duration_since(began.at), now.duration_since(moved_at));
            if matches!(began.phase, Phase::Body | Phase::Sending)
                && pace.is_too_slow(taken, still, bytes)
            {
                return;
            }
        }
    }

    // A std mutex: nothing waits while it is held.
    fn began(&self) -> MutexGuard<'_, Began> {
        self.began.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.doors.left(self.id);
    }
}

/// A socket that counts what moves through it, and holds its place.
#[derive(Debug)]
pub struct Counted<S> {
    socket: S,
    place: Arc<Place>,
}

impl<S> Counted<S> {
    /// Over this socket.
    pub fn new(socket: S, place: Arc<Place>) -> Self {
        Self { socket, place }
    }

    fn count(&self, bytes: usize) {
        self.place.moved.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn written(&self, wrote: Poll<std::io::Result<usize>>) -> Poll<std::io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &wrote {
            self.count(*bytes);
        }
        wrote
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(cx, buffer);
        self.count(buffer.filled().len().saturating_sub(before));
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let wrote = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.written(wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let wrote = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.written(wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
