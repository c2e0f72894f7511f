//! What a scenario does to the room: people who come and go, machines and servers that fail.

use super::queue::{Event, Nanos};
use super::world::World;
use crate::swarm::Input;

/// How often a condition of the scenario is looked at.
const WATCH_INTERVAL: Nanos = 500_000_000;

/// What a scenario does, by the number of a node. The owner is number 0.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// Opens its page and begins.
    Arrive(u32),
    /// Leaves, in good order.
    Leave(u32),
    /// Leaves once it is complete.
    LeaveWhenComplete(u32),
    /// Leaves once its page says that the room can do without it.
    LeaveWhenItMay(u32),
    /// Vanishes without a word: its machine lost power.
    Vanish(u32),
    /// Loads its page again.
    Reload(u32),
    /// Plays a file of so many bytes a second from this byte on.
    Listen(u32, u64, u64),
    /// Its player reads on.
    Hear(u32),
    /// The server stops and forgets its rooms.
    ServerStops,
    /// The server runs again.
    ServerStarts,
}

impl World {
    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::Arrive(node) => self.arrive(node),
            Action::Leave(node) => self.leave(node),
            Action::LeaveWhenComplete(node) => {
                let complete = self.nodes[node as usize].completed_at.is_some();
                self.leave_if(complete, node, action);
            }
            Action::LeaveWhenItMay(node) => {
                let now = self.timestamp();
                let status = self.nodes[node as usize].swarm.sharing_status(now);
                self.leave_if(status.may_close, node, action);
            }
            Action::Vanish(node) => self.vanish(node),
            Action::Reload(node) => {
                self.tab_closes(node);
                self.arrive(node);
            }
            Action::Listen(node, bytes_per_second, at) => self.listen(node, bytes_per_second, at),
            Action::Hear(node) => self.hear(node),
            Action::ServerStops => self.server_stops(),
            Action::ServerStarts => self.server_up = true,
        }
    }

    fn leave_if(&mut self, now: bool, node: u32, action: Action) {
        if now {
            self.leave(node);
        } else {
            self.queue.push(self.now + WATCH_INTERVAL, Event::Act(action));
        }
    }

    fn arrive(&mut self, number: u32) {
        let rng_seed = self.random.next();
        let node = &mut self.nodes[number as usize];
        if node.visit == 0 {
            node.started_at = self.now;
        }
        node.load_page(&self.layout, rng_seed);
        self.input(number, Input::Started);
    }

    fn leave(&mut self, number: u32) {
        self.input(number, Input::Left);
        self.is_gone(number);
    }

    /// A node is gone for good.
    pub(super) fn is_gone(&mut self, number: u32) {
        let node = &mut self.nodes[number as usize];
        if !std::mem::take(&mut node.present) {
            return;
        }
        if !node.owner && node.completed_at.is_none() && node.failure.is_none() {
            self.unfinished -= 1;
        }
    }
}
