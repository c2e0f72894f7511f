//! How many sockets there are, of all clients and of each: a connection that became a socket may stay.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::api::ApiError;
use crate::server::client_address::ClientAddress;

/// Seconds after which trying again makes sense.
const RETRY_AFTER_SECONDS: u64 = 10;

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    clients: HashMap<IpAddr, usize>,
}

/// All seats. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Seats {
    most: usize,
    per_client: usize,
    taken: Arc<Mutex<Taken>>,
}

/// One socket's place, given back when it is dropped.
#[derive(Debug)]
pub struct Seat {
    client: IpAddr,
    seats: Seats,
}

impl Seats {
    /// So many in all, and for one client.
    pub fn new(most: usize, per_client: usize) -> Self {
        Self { most, per_client, taken: Arc::default() }
    }

    /// One of them.
    ///
    /// # Errors
    /// [`ApiError::Busy`] if none is left, or none for this client.
    pub fn take(&self, client: ClientAddress) -> Result<Seat, ApiError> {
        let client = client.bucket();
        let mut taken = self.taken();
        let own = taken.clients.get(&client).copied().unwrap_or_default();
        if taken.all >= self.most || own >= self.per_client {
            return Err(ApiError::Busy(RETRY_AFTER_SECONDS));
        }
        taken.all += 1;
        taken.clients.insert(client, own + 1);
        Ok(Seat { client, seats: self.clone() })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        taken.all = taken.all.saturating_sub(1);
        if let Some(own) = taken.clients.get_mut(&self.client) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                taken.clients.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8) -> ClientAddress {
        ClientAddress(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn seats_are_counted_for_each_client_and_for_all_and_come_back() {
        let seats = Seats::new(3, 2);
        let first = seats.take(client(1)).unwrap();
        let second = seats.take(client(1)).unwrap();
        assert!(matches!(seats.take(client(1)), Err(ApiError::Busy(_))));
        let third = seats.take(client(2)).unwrap();
        assert!(matches!(seats.take(client(3)), Err(ApiError::Busy(_))));
        drop(first);
        let fourth = seats.take(client(3)).unwrap();
        drop((second, third, fourth));
        assert!(seats.taken().clients.is_empty() && seats.taken().all == 0);
    }
}
