//! Live rooms: who is connected, and to which task.
//!
//! ```text
//! socket task ──(bounded inbox)──> room task, owns room::Room ──(bounded outbox per socket)──> socket task
//! ```
//!
//! The hub is the only place that knows where a room lives. A room task exists while someone is joined or may
//! come back; looking at a room's page starts none. No lock is held across an await.

mod resume;
mod room_driver;
mod seats;
mod socket;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::ApiError;
use crate::protocol::id::RoomId;
use crate::protocol::limits::ROOM_INBOX;
use crate::protocol::rooms::Topology;
use crate::protocol::signalling::{CloseReason, IceServer};
use crate::room::{Gauge, SocketId};
use crate::server::client_address::ClientAddress;

pub use resume::ResumeTokens;
pub use seats::Seat;
pub use socket::{Greeting, serve};

use room_driver::{Event, RoomDriver};
use seats::Seats;

/// How long a stopping server waits for its sockets to say goodbye.
const FAREWELL: Duration = Duration::from_secs(5);

/// What every room of this server is set to.
#[derive(Clone, Debug)]
pub struct Config {
    /// Members at once, the owner included.
    pub max_peers: usize,
    /// Passed to each member.
    pub ice_servers: Vec<IceServer>,
    /// Passed to each member.
    pub trickle_ice: bool,
    /// Know members again.
    pub resume_tokens: ResumeTokens,
    /// Sockets at once.
    pub max_sockets: usize,
    /// Sockets of one client.
    pub max_sockets_per_client: usize,
}

/// A way into one live room. While anyone holds one, its task goes on.
type Door = mpsc::Sender<Event>;

/// Where a live room is found.
#[derive(Debug)]
struct LiveRoom {
    /// Weak, so that the task ends when it is idle and nobody holds a door.
    door: mpsc::WeakSender<Event>,
    gauge: watch::Receiver<Gauge>,
    /// Tells this task from the next one for the same room.
    generation: u64,
}

#[derive(Debug, Default)]
struct Live {
    rooms: HashMap<RoomId, LiveRoom>,
    next_generation: u64,
    next_socket: u64,
}

#[derive(Debug)]
struct Inner {
    config: Arc<Config>,
    live: Mutex<Live>,
    stopping: CancellationToken,
    sockets: TaskTracker,
    seats: Seats,
}

/// All live rooms. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hub(Arc<Inner>);

impl Hub {
    /// No rooms yet.
    pub fn new(config: Config) -> Self {
        let seats = Seats::new(config.max_sockets, config.max_sockets_per_client);
        Self(Arc::new(Inner {
            seats,
            config: Arc::new(config),
            live: Mutex::new(Live::default()),
            stopping: CancellationToken::new(),
            sockets: TaskTracker::new(),
        }))
    }

    /// What anyone may know of a room now; nothing, if nobody is in it.
    pub fn gauge(&self, room_id: &RoomId) -> Gauge {
        self.live().rooms.get(room_id).map(|room| *room.gauge.borrow()).unwrap_or_default()
    }

    /// How many rooms are live.
    pub fn live_rooms(&self) -> usize {
        self.live().rooms.len()
    }

    /// A place for one more socket of this client.
    ///
    /// # Errors
    /// [`ApiError::Busy`]: there are too many sockets, of this client or of all.
    pub fn seat(&self, client: ClientAddress) -> Result<Seat, ApiError> {
        self.0.seats.take(client)
    }

    /// Tells everyone in a room that it is over. Nothing happens if nobody is there.
    pub async fn end(&self, room_id: &RoomId, reason: CloseReason) {
        let door = self.live().rooms.get(room_id).and_then(|room| room.door.upgrade());
        if let Some(door) = door {
            // Fails only if the task has just ended, and then everyone is gone.
            let _ = door.send(Event::Ended(reason)).await;
        }
    }

    /// Sends every socket away with a word and waits for them, a few seconds at most.
    pub async fn stop(&self) {
        self.0.stopping.cancel();
        self.0.sockets.close();
        if tokio::time::timeout(FAREWELL, self.0.sockets.wait()).await.is_err() {
            tracing::warn!(sockets = self.0.sockets.len(), "sockets did not close in time");
        }
    }

    /// A door to the room, whose task is started if there is none.
    fn enter(&self, room_id: RoomId, topology: Topology) -> Door {
        let mut live = self.live();
        if let Some(door) = live.rooms.get(&room_id).and_then(|room| room.door.upgrade()) {
            return door;
        }
        let (door, inbox) = mpsc::channel(ROOM_INBOX);
        let (gauge_tx, gauge) = watch::channel(Gauge::default());
        live.next_generation += 1;
        let generation = live.next_generation;
        live.rooms.insert(room_id, LiveRoom { door: door.downgrade(), gauge, generation });
        let config = self.0.config.clone();
        let hub = self.clone();
        tokio::spawn(async move {
            RoomDriver::new(room_id, topology, config, inbox, gauge_tx).run().await;
            hub.forget(&room_id, generation);
        });
        door
    }

    fn next_socket(&self) -> SocketId {
        let mut live = self.live();
        live.next_socket += 1;
        SocketId(live.next_socket)
    }

    fn forget(&self, room_id: &RoomId, generation: u64) {
        let mut live = self.live();
        if live.rooms.get(room_id).is_some_and(|room| room.generation == generation) {
            live.rooms.remove(room_id);
        }
    }

    /// A std mutex: it is held for a look-up and never across an await.
    fn live(&self) -> MutexGuard<'_, Live> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
