//! How many connections there may be, and for how long one may keep the server waiting.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::pace::Pace;

/// Connections at once at most, however many files the system allows: each takes some memory, too.
const MOST_CONNECTIONS: usize = 16_384;
/// Files that are kept for everything else: the database, its journal, and the runtime's own.
const RESERVED_FILES: usize = 64;
/// Files at once where the system tells no limit.
const UNKNOWN_FILES: u64 = 1024;

/// Limits on connections, for tests to tighten.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Those of one client's address, where it is not a trusted proxy's.
    pub per_address: usize,
    /// WebSockets among all connections. What is left is for those who only ask for something.
    pub sockets: usize,
    /// WebSockets of one client, behind a proxy or not.
    pub sockets_per_client: usize,
    /// Time for the head of a request, from the connection's beginning or the end of the last answer: so this is
    /// also how long a connection may stay unused.
    pub head: Duration,
    /// The same for trusted proxies, which keep connections for the requests of others. Longer than they do,
    /// since a request may cross the close of its connection.
    pub proxy_head: Duration,
    /// How slowly bodies may come in and answers be taken.
    pub pace: Pace,
    /// How long a request may take before its connection may have to make room for another.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self::for_files(UNKNOWN_FILES)
    }
}

impl Limits {
    /// For a process that may have so many files open.
    pub fn for_files(files: u64) -> Self {
        let files = usize::try_from(files).unwrap_or(usize::MAX);
        let connections = files.saturating_sub(RESERVED_FILES.min(files / 4));
        let connections = connections.clamp(1, MOST_CONNECTIONS);
        let share = |whole: usize, quarters: usize| (whole * quarters / 4).max(1);
        let per_address = share(connections, 1);
        Self {
            connections,
            per_address,
            sockets: share(connections, 3),
            sockets_per_client: share(per_address, 3),
            head: Duration::from_secs(15),
            proxy_head: Duration::from_secs(75),
            pace: Pace { patience: Duration::from_secs(20), bytes_per_second: 4 << 10 },
            grace: Duration::from_secs(5),
        }
    }

    /// For this process, whose limit is raised first as far as it may raise it and needs to.
    pub fn of_this_process() -> Self {
        let wanted = (MOST_CONNECTIONS + RESERVED_FILES) as u64;
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        if current.is_some_and(|current| current < wanted) {
            let raised = Some(maximum.map_or(wanted, |maximum| maximum.min(wanted)));
            if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: raised, maximum }) {
                tracing::debug!(%error, "the limit of open files stays as it is");
            }
        }
        // None is no limit at all.
        Self::for_files(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_kept_back_and_no_address_or_kind_takes_them_all() {
        for files in [0, 1, 16, 64, 256, 1024, 65_536, u64::MAX] {
            let limits = Limits::for_files(files);
            let most = limits.connections;
            assert!((1..=MOST_CONNECTIONS).contains(&most), "{files}: {limits:?}");
            assert!(files < 4 || (most as u64) < files, "{files}: {limits:?}");
            if most >= 16 {
                assert!(limits.per_address < most && limits.sockets < most, "{files}: {limits:?}");
                assert!(limits.sockets_per_client < limits.per_address, "{files}: {limits:?}");
            }
        }
        assert_eq!(Limits::for_files(1024).connections, 960);
        assert_eq!(Limits::for_files(u64::MAX).connections, MOST_CONNECTIONS);
    }
}
