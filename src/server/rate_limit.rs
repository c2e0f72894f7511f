//! How often one client may do what costs the server something.
//!
//! Checked before the work, per [`ClientAddress`]. Reading is not limited here: it is cheap and changes nothing.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::client_address::ClientAddress;
use crate::api::ApiError;
use crate::protocol::id::RoomId;

/// How often buckets that are full again are forgotten, which bounds the memory.
pub const HOUSEKEEPING: Duration = Duration::from_secs(30);
/// Clients, or pairs of a client and a room, that are remembered at once for each limit. Whoever comes beyond them
/// has to wait: room ids and most of an IPv6 address are anyone's to choose.
const MOST_BUCKETS: usize = 100_000;
/// Time between two looks for buckets that are full, while there are too many.
const CLEARING: Duration = Duration::from_secs(1);
/// The unit in which manifests are counted.
const MANIFEST_UNIT_BYTES: usize = 64 << 10;

/// A token bucket.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Tokens at first, and at most.
    pub burst: u32,
    /// Tokens that come back.
    pub per_minute: u32,
}

/// All limits, for tests to loosen or tighten.
#[derive(Clone, Debug)]
pub struct Quotas {
    /// Rooms made by one client.
    pub create: Rate,
    /// 64 KiB units of manifest stored for one client.
    pub store: Rate,
    /// Passwords tried by one client, at all rooms together.
    pub unlock: Rate,
    /// Passwords tried by one client at one room.
    pub unlock_room: Rate,
    /// Sockets opened by one client.
    pub join: Rate,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            create: Rate { burst: 200, per_minute: 120 },
            // 512 MiB at once, then 64 MiB a minute: 16 of the largest manifests.
            store: Rate { burst: 8192, per_minute: 1024 },
            // Many people may share one address; one of them guessing must not lock the others out for long.
            unlock: Rate { burst: 60, per_minute: 20 },
            unlock_room: Rate { burst: 5, per_minute: 6 },
            join: Rate { burst: 300, per_minute: 600 },
        }
    }
}

struct Limiter<K: Hash + Eq + Clone> {
    buckets: RateLimiter<K, DashMapStateStore<K>, DefaultClock>,
    /// When the full ones were last looked for because there were too many.
    cleared: Mutex<Option<Instant>>,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    fn new(rate: Rate) -> Self {
        let nonzero = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_minute(nonzero(rate.per_minute)).allow_burst(nonzero(rate.burst));
        Self { buckets: RateLimiter::dashmap(quota), cleared: Mutex::default() }
    }

    fn take(&self, key: &K, tokens: NonZeroU32) -> Result<(), ApiError> {
        if self.buckets.len() >= MOST_BUCKETS && !self.make_room() {
            return Err(ApiError::TooManyRequests(HOUSEKEEPING.as_secs()));
        }
        match self.buckets.check_key_n(key, tokens) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(wait)) => {
                let wait = wait.wait_time_from(self.buckets.clock().now());
                // Rounded up: a client that waits exactly as long is let in.
                Err(ApiError::TooManyRequests(wait.as_secs() + 1))
            }
            // More than the bucket ever holds.
            Err(_) => Err(ApiError::TooLarge),
        }
    }

    fn forget_idle(&self) {
        self.buckets.retain_recent();
        self.buckets.shrink_to_fit();
    }

    /// Forgets the full ones, but not for each request of a flood. Whether there is room now.
    fn make_room(&self) -> bool {
        let mut cleared = self.cleared.lock().unwrap_or_else(PoisonError::into_inner);
        if cleared.is_none_or(|at| at.elapsed() >= CLEARING) {
            self.buckets.retain_recent();
            *cleared = Some(Instant::now());
        }
        self.buckets.len() < MOST_BUCKETS
    }
}

struct Limiters {
    create: Limiter<IpAddr>,
    store: Limiter<IpAddr>,
    unlock: Limiter<IpAddr>,
    unlock_room: Limiter<(IpAddr, RoomId)>,
    join: Limiter<IpAddr>,
}

/// Every client's buckets. Cheap to clone.
#[derive(Clone)]
pub struct RateLimits(Arc<Limiters>);

impl RateLimits {
    /// Full buckets.
    pub fn new(quotas: &Quotas) -> Self {
        Self(Arc::new(Limiters {
            create: Limiter::new(quotas.create),
            store: Limiter::new(quotas.store),
            unlock: Limiter::new(quotas.unlock),
            unlock_room: Limiter::new(quotas.unlock_room),
            join: Limiter::new(quotas.join),
        }))
    }

    /// May this client make a room with a manifest of that many bytes?
    ///
    /// # Errors
    /// [`ApiError::TooManyRequests`].
    pub fn create(&self, client: ClientAddress, manifest_bytes: usize) -> Result<(), ApiError> {
        let units = u32::try_from(manifest_bytes / MANIFEST_UNIT_BYTES).unwrap_or(u32::MAX);
        let units = NonZeroU32::MIN.saturating_add(units);
        self.0.create.take(&client.bucket(), NonZeroU32::MIN)?;
        self.0.store.take(&client.bucket(), units)
    }

    /// May this client try a password at that room?
    ///
    /// # Errors
    /// [`ApiError::TooManyRequests`].
    pub fn unlock(&self, client: ClientAddress, room_id: RoomId) -> Result<(), ApiError> {
        // The narrow bucket first, so that hammering one room does not use up the wide one.
        self.0.unlock_room.take(&(client.bucket(), room_id), NonZeroU32::MIN)?;
        self.0.unlock.take(&client.bucket(), NonZeroU32::MIN)
    }

    /// May this client open a socket?
    ///
    /// # Errors
    /// [`ApiError::TooManyRequests`].
    pub fn join(&self, client: ClientAddress) -> Result<(), ApiError> {
        self.0.join.take(&client.bucket(), NonZeroU32::MIN)
    }

    /// Forgets the buckets that are full again.
    pub fn forget_idle(&self) {
        self.0.create.forget_idle();
        self.0.store.forget_idle();
        self.0.unlock.forget_idle();
        self.0.unlock_room.forget_idle();
        self.0.join.forget_idle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8) -> ClientAddress {
        ClientAddress(IpAddr::from([192, 0, 2, last]))
    }

    const ROOM: RoomId = RoomId::from_bytes([1; 12]);
    const OTHER: RoomId = RoomId::from_bytes([2; 12]);

    #[test]
    fn the_sixth_password_in_a_row_has_to_wait_and_nobody_else_does() {
        let limits = RateLimits::new(&Quotas::default());
        for _ in 0..5 {
            assert_eq!(limits.unlock(client(1), ROOM), Ok(()));
        }
        let refusal = limits.unlock(client(1), ROOM).unwrap_err();
        assert!(matches!(refusal, ApiError::TooManyRequests(1..=10)), "{refusal:?}");
        assert_eq!(limits.unlock(client(2), ROOM), Ok(()));
        assert_eq!(limits.unlock(client(1), OTHER), Ok(()));
    }

    #[test]
    fn hammering_one_room_does_not_use_up_the_allowance_for_others() {
        let limits = RateLimits::new(&Quotas::default());
        for _ in 0..2000 {
            let _ = limits.unlock(client(1), ROOM);
        }
        assert_eq!(limits.unlock(client(1), OTHER), Ok(()));
    }

    #[test]
    fn large_manifests_use_up_more() {
        let limits = RateLimits::new(&Quotas {
            store: Rate { burst: 64, per_minute: 1 },
            ..Quotas::default()
        });
        assert_eq!(limits.create(client(1), 3 << 20), Ok(()));
        assert!(limits.create(client(1), 3 << 20).is_err());
        assert_eq!(limits.create(client(1), 1000), Ok(()));
        assert_eq!(limits.create(client(1), 5 << 20), Err(ApiError::TooLarge));
    }

    #[test]
    fn idle_clients_are_forgotten() {
        let fast = Rate { burst: 1, per_minute: 60_000 };
        let limits = RateLimits::new(&Quotas { join: fast, ..Quotas::default() });
        for last in 0..100 {
            let _ = limits.join(client(last));
        }
        assert_eq!(limits.0.join.buckets.len(), 100);
        std::thread::sleep(Duration::from_millis(20));
        limits.forget_idle();
        assert_eq!(limits.0.join.buckets.len(), 0);
    }

    #[test]
    fn no_number_of_made_up_rooms_takes_more_memory_than_there_is_for_it() {
        let limits = RateLimits::new(&Quotas::default());
        for number in 0..MOST_BUCKETS as u32 + 1000 {
            let mut id = [0; 12];
            id[..4].copy_from_slice(&number.to_be_bytes());
            let _ = limits.unlock(client(1), RoomId::from_bytes(id));
        }
        assert_eq!(limits.0.unlock_room.buckets.len(), MOST_BUCKETS);
        let refusal = limits.unlock(client(2), ROOM).unwrap_err();
        assert_eq!(refusal, ApiError::TooManyRequests(HOUSEKEEPING.as_secs()));
        // Those that are full again make room, once they are looked for.
        let fast = Rate { burst: 1, per_minute: 6_000_000 };
        let limits = RateLimits::new(&Quotas { unlock_room: fast, ..Quotas::default() });
        for number in 0..MOST_BUCKETS as u32 + 1000 {
            let mut id = [0; 12];
            id[..4].copy_from_slice(&number.to_be_bytes());
            let _ = limits.unlock(client(1), RoomId::from_bytes(id));
        }
        assert_eq!(limits.unlock(client(2), ROOM), Ok(()));
    }
}
