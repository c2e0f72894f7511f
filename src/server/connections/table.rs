//! Who is connected, and who has to go for someone new. Pure: time comes in.
//!
//! A newcomer is let in even when all places are taken, because nothing is known of it yet, and whoever fills
//! the server has connections that wait for nothing. So the one that has waited longest for its next request
//! goes, or else the one that has been busy with one for longest, if that is longer than it ought to take. At
//! an address that has all its places the choice is among its own.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use crate::clock::Timestamp;

/// Names a connection within one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(u64);

/// What a connection is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// No whole head of a request is here.
    Waiting,
    /// A request is under way.
    Working,
    /// It is a WebSocket now, which has rules of its own and never makes room.
    Socket,
}

#[derive(Debug)]
struct Entry<H> {
    address: Option<IpAddr>,
    state: Use,
    since: Timestamp,
    handle: H,
}

/// Connections in the order in which they would have to go.
#[derive(Debug, Default)]
struct Line {
    all: usize,
    waiting: BTreeSet<(Timestamp, ConnectionId)>,
    working: BTreeSet<(Timestamp, ConnectionId)>,
}

impl Line {
    fn of(&mut self, state: Use) -> Option<&mut BTreeSet<(Timestamp, ConnectionId)>> {
        match state {
            Use::Waiting => Some(&mut self.waiting),
            Use::Working => Some(&mut self.working),
            Use::Socket => None,
        }
    }

    fn first(&self, now: Timestamp, grace: Duration) -> Option<ConnectionId> {
        let overdue = |(since, _): &&(Timestamp, _)| now.saturating_since(*since) > grace;
        let first = self.waiting.first().or_else(|| self.working.first().filter(overdue));
        first.map(|(_, id)| *id)
    }
}

/// All connections of a server, each with a handle by which it is sent away.
#[derive(Debug)]
pub struct Table<H> {
    most: usize,
    per_address: usize,
    grace: Duration,
    line: Line,
    addresses: HashMap<IpAddr, Line>,
    entries: HashMap<ConnectionId, Entry<H>>,
    next: u64,
}

impl<H> Table<H> {
    /// For `most` connections, `per_address` of each address; a request that takes no longer than `grace` is
    /// never cut off.
    pub fn new(most: usize, per_address: usize, grace: Duration) -> Self {
        Self {
            most,
            per_address,
            grace,
            line: Line::default(),
            addresses: HashMap::new(),
            entries: HashMap::new(),
            next: 0,
        }
    }

    /// A newcomer; without an address it counts for none. Answers its name, and the handle of the one that has
    /// to go for it. Nothing, if there is no place and nobody goes: then its own handle comes to nothing.
    pub fn admit(
        &mut self,
        now: Timestamp,
        address: Option<IpAddr>,
        handle: H,
    ) -> Option<(ConnectionId, Option<H>)> {
        let own = address.and_then(|address| self.addresses.get(&address));
        let full = own.filter(|line| line.all >= self.per_address);
        let full = full.or_else(|| (self.line.all >= self.most).then_some(&self.line));
        let leaves = match full {
            Some(line) => {
                let first = line.first(now, self.grace)?;
                self.remove(first)
            }
            None => None,
        };
        let id = ConnectionId(self.next);
        self.next += 1;
        let entry = Entry { address, state: Use::Waiting, since: now, handle };
        for line in self.lines(address) {
            line.all += 1;
            line.waiting.insert((now, id));
        }
        self.entries.insert(id, entry);
        Some((id, leaves))
    }

    /// It is about something else from now on.
    pub fn turn(&mut self, now: Timestamp, id: ConnectionId, state: Use) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let (before, since) = (entry.state, entry.since);
        let address = entry.address;
        (entry.state, entry.since) = (state, now);
        for line in self.lines(address) {
            if let Some(places) = line.of(before) {
                places.remove(&(since, id));
            }
            if let Some(places) = line.of(state) {
                places.insert((now, id));
            }
        }
    }

    /// It is gone. Nothing happens if it was sent away before.
    pub fn remove(&mut self, id: ConnectionId) -> Option<H> {
        let entry = self.entries.remove(&id)?;
        for line in self.lines(entry.address) {
            line.all -= 1;
            if let Some(places) = line.of(entry.state) {
                places.remove(&(entry.since, id));
            }
        }
        if let Some(address) = entry.address
            && self.addresses.get(&address).is_some_and(|line| line.all == 0)
        {
            self.addresses.remove(&address);
        }
        Some(entry.handle)
    }

    fn lines(&mut self, address: Option<IpAddr>) -> impl Iterator<Item = &mut Line> {
        let own = address.map(|address| self.addresses.entry(address).or_default());
        std::iter::once(&mut self.line).chain(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(5);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::new(Duration::from_secs(seconds))
    }

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    /// Lets the connection `name` in; answers its id and who went.
    fn admit(
        table: &mut Table<u32>,
        second: u64,
        from: u8,
        name: u32,
    ) -> Option<(ConnectionId, Option<u32>)> {
        table.admit(at(second), address(from), name)
    }

    #[test]
    fn whoever_waits_longest_goes_first() {
        let mut table = Table::new(3, 3, GRACE);
        let (first, _) = admit(&mut table, 0, 1, 1).unwrap();
        for name in 2..=3 {
            assert_eq!(admit(&mut table, u64::from(name), 1, name).unwrap().1, None);
        }
        // It asked for something and waits anew.
        table.turn(at(4), first, Use::Working);
        table.turn(at(5), first, Use::Waiting);
        assert_eq!(admit(&mut table, 6, 2, 4).unwrap().1, Some(2));
        assert_eq!(admit(&mut table, 7, 2, 5).unwrap().1, Some(3));
        assert_eq!(admit(&mut table, 8, 2, 6).unwrap().1, Some(1));
    }

    #[test]
    fn an_address_takes_from_itself_alone() {
        let mut table = Table::new(10, 2, GRACE);
        admit(&mut table, 0, 1, 1).unwrap();
        for name in 2..100 {
            let left = admit(&mut table, u64::from(name), 2, name).unwrap().1;
            assert_eq!(left, (name > 3).then(|| name - 2));
        }
        assert_eq!(admit(&mut table, 100, 1, 100).unwrap().1, None);
        assert_eq!(admit(&mut table, 101, 1, 101).unwrap().1, Some(1));
        // A trusted proxy has no address here.
        assert_eq!(table.admit(at(102), None, 102).unwrap().1, None);
    }

    #[test]
    fn a_request_under_way_goes_only_once_it_takes_too_long_and_a_socket_never() {
        let mut table = Table::new(2, 2, GRACE);
        let (request, _) = admit(&mut table, 0, 1, 1).unwrap();
        let (socket, _) = admit(&mut table, 0, 1, 2).unwrap();
        table.turn(at(1), request, Use::Working);
        table.turn(at(1), socket, Use::Socket);
        assert_eq!(admit(&mut table, 6, 1, 3), None);
        let (other, left) = admit(&mut table, 7, 1, 3).unwrap();
        assert_eq!(left, Some(1));
        table.turn(at(8), other, Use::Socket);
        assert_eq!(admit(&mut table, 100, 2, 4), None);
        table.remove(socket);
        assert!(admit(&mut table, 101, 2, 4).is_some());
    }

    #[test]
    fn nothing_is_left_of_who_is_gone() {
        let mut table = Table::new(4, 4, GRACE);
        let ids: Vec<_> = (0..20)
            .map(|name| {
                let second = 10 * u64::from(name);
                let (id, _) = admit(&mut table, second, 1, name).unwrap();
                table.turn(at(second), id, [Use::Working, Use::Waiting][name as usize % 2]);
                id
            })
            .collect();
        for id in ids {
            // What it is told too late changes nothing.
            table.remove(id);
            table.turn(at(500), id, Use::Working);
        }
        assert_eq!(table.line.all, 0);
        assert!(table.line.waiting.is_empty() && table.line.working.is_empty());
        assert!(table.entries.is_empty() && table.addresses.is_empty());
    }
}
