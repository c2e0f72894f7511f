//! The one place that knows SQL.
//!
//! SQLite in WAL mode, so that pages are read while rooms are made. Queries are checked when they run, by the
//! tests, and no database is needed to build.

mod storage;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Row, SqlitePool};
use tokio::sync::Mutex;
use tokio::time::timeout;

pub use storage::Ceilings;
use storage::{Disk, stored_bytes};

use crate::protocol::id::{JoinVerifier, RoomId};
use crate::protocol::rooms::{MediaKind, Topology};

/// How long a statement waits for another connection's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// SQLite takes one writer at a time; a few readers beside it are enough.
const CONNECTIONS: u32 = 4;
/// Seconds that the row of a room that is over is kept.
const TOMBSTONE_SECONDS: i64 = 24 * 60 * 60;
/// Rows of rooms that are over which are kept, so that they stay small.
const MOST_TOMBSTONES: i64 = 10_000;
/// Bytes to which the journal is cut once it was written into the file.
const JOURNAL_BYTES: &str = "16777216";

// Primary result codes: https://www.sqlite.org/rescode.html
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_FULL: i32 = 13;

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The disk, or the space the database may take, is full.
    #[error("the database's disk is full")]
    Full(#[source] sqlx::Error),
    /// The operator allows no more than there is of this.
    #[error("one room more would be over the limit of {0}")]
    Ceiling(&'static str),
    /// Others held it for too long.
    #[error("the database is busy")]
    Busy(#[source] sqlx::Error),
    /// Anything else.
    #[error("the database failed")]
    Failed(#[source] sqlx::Error),
    /// It cannot be brought up to date.
    #[error("the database cannot be brought up to date")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A row holds what this program never writes.
    #[error("the database holds a damaged {0}")]
    Damaged(&'static str),
}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|error| error.code());
        // The low byte of an extended code is the primary one.
        let code = code.and_then(|code| code.parse::<i32>().ok()).map(|code| code & 0xff);
        match (code, &error) {
            (Some(SQLITE_FULL), _) => Self::Full(error),
            (Some(SQLITE_BUSY | SQLITE_LOCKED), _) | (_, sqlx::Error::PoolTimedOut) => {
                Self::Busy(error)
            }
            _ => Self::Failed(error),
        }
    }
}

/// One row of the rooms table, without the manifest.
#[derive(Clone, Debug)]
pub struct RoomRow {
    /// Its id.
    pub room_id: RoomId,
    /// Unix time in seconds.
    pub created_at: i64,
    /// Unix time in seconds.
    pub expires_at: i64,
    /// When its owner stopped sharing: Unix time in seconds.
    pub closed_at: Option<i64>,
    /// Bytes of all files together.
    pub total_bytes: u64,
    /// How many files.
    pub file_count: u32,
    /// What they mostly are.
    pub media_kind: MediaKind,
    /// Who serves whom.
    pub topology: Topology,
    /// SHA-256 of the join token.
    pub join_verifier: JoinVerifier,
    /// SHA-256 of the owner token.
    pub owner_token_hash: [u8; 32],
    /// Argon2id in PHC form.
    pub password_hash: Option<String>,
}

/// A pool of connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    pool: SqlitePool,
    disk: Disk,
    ceilings: Ceilings,
    /// Held from the look at the disk to the end of the write, so that the next one sees it.
    adding: Arc<Mutex<()>>,
}

impl Database {
    /// Opens the database at a `sqlite:` URL, makes it if it is absent, and brings it up to date.
    ///
    /// # Errors
    /// The file cannot be opened, or was written by a newer version.
    pub async fn open(url: &str, ceilings: Ceilings) -> Result<Self, DatabaseError> {
        let options = SqliteConnectOptions::from_str(url)?.busy_timeout(BUSY_TIMEOUT);
        Self::connect(options, ceilings).await
    }

    async fn connect(
        options: SqliteConnectOptions,
        ceilings: Ceilings,
    ) -> Result<Self, DatabaseError> {
        let disk = Disk::of(&options);
        let options = options
            .create_if_missing(true)
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .journal_mode(SqliteJournalMode::Wal)
            .pragma("journal_size_limit", JOURNAL_BYTES)
            .synchronous(SqliteSynchronous::Normal);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(BUSY_TIMEOUT)
            .connect_with(options)
            .await?;
        sqlx::migrate!().run(&pool).await?;
        storage::give_back_from_now_on(&pool).await?;
        Ok(Self { pool, disk, ceilings, adding: Arc::default() })
    }

    /// Whether it answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        sqlx::query("select count(*) from server_keys").fetch_one(&self.pool).await?;
        Ok(())
    }

    /// Waits for running statements and closes the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// The key of this name; `fresh` becomes it if there is none yet.
    ///
    /// # Errors
    /// As everywhere here.
    pub async fn server_key(&self, name: &str, fresh: &[u8]) -> Result<Vec<u8>, DatabaseError> {
        sqlx::query("insert into server_keys (name, bytes) values (?, ?) on conflict do nothing")
            .bind(name)
            .bind(fresh)
            .execute(&self.pool)
            .await?;
        let row = sqlx::query("select bytes from server_keys where name = ?")
            .bind(name)
            .fetch_one(&self.pool)
            .await?;
        Ok(row.try_get("bytes")?)
    }

    /// Adds a room, unless there would be more than the operator allows.
    ///
    /// # Errors
    /// As everywhere here; [`DatabaseError::Ceiling`] and [`DatabaseError::Full`] are to be expected one day.
    pub async fn insert_room(
        &self,
        room: &RoomRow,
        sealed_manifest: &[u8],
    ) -> Result<(), DatabaseError> {
        let bytes = stored_bytes(sealed_manifest.len());
        let Ceilings { rooms: most_rooms, bytes: most_bytes, free_bytes } = self.ceilings;
        let _adding = timeout(BUSY_TIMEOUT, self.adding.lock())
            .await
            .map_err(|_| DatabaseError::Busy(sqlx::Error::PoolTimedOut))?;
        self.disk.check(bytes, free_bytes).await?;
        let added = sqlx::query(
            "insert into rooms (room_id, created_at, expires_at, sealed_manifest, total_bytes, \
             file_count, media_kind, topology, join_verifier, owner_token_hash, password_hash) \
             select ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? from storage \
             where rooms < ? and bytes <= ?",
        )
        .bind(room.room_id.to_text())
        .bind(room.created_at)
        .bind(room.expires_at)
        .bind(sealed_manifest)
        .bind(i64::try_from(room.total_bytes).unwrap_or(i64::MAX))
        .bind(room.file_count)
        .bind(room.media_kind.as_str())
        .bind(room.topology.as_str())
        .bind(room.join_verifier.as_bytes().as_slice())
        .bind(room.owner_token_hash.as_slice())
        .bind(room.password_hash.as_deref())
        .bind(i64::try_from(most_rooms).unwrap_or(i64::MAX))
        // Negative, if this one alone is more than that.
        .bind(i64::try_from(i128::from(most_bytes) - i128::from(bytes)).unwrap_or(i64::MAX))
        .execute(&self.pool)
        .await?;
        match added.rows_affected() {
            0 => Err(DatabaseError::Ceiling("stored rooms")),
            _ => Ok(()),
        }
    }

    /// A room that is open or that was swept less than a day ago.
    ///
    /// # Errors
    /// As everywhere here.
    pub async fn room(&self, room_id: &RoomId) -> Result<Option<RoomRow>, DatabaseError> {
        let row = sqlx::query(
            "select created_at, expires_at, closed_at, total_bytes, file_count, media_kind, \
             topology, join_verifier, owner_token_hash, password_hash from rooms where room_id = ?",
        )
        .bind(room_id.to_text())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let total_bytes: i64 = row.try_get("total_bytes")?;
        let join_verifier: Vec<u8> = row.try_get("join_verifier")?;
        let owner_token_hash: Vec<u8> = row.try_get("owner_token_hash")?;
        Ok(Some(RoomRow {
            room_id: *room_id,
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
            closed_at: row.try_get("closed_at")?,
            total_bytes: u64::try_from(total_bytes)
                .map_err(|_| DatabaseError::Damaged("total_bytes"))?,
            file_count: row.try_get("file_count")?,
            media_kind: media_kind(row.try_get("media_kind")?)?,
            topology: topology(row.try_get("topology")?)?,
            join_verifier: join_verifier
                .try_into()
                .map(JoinVerifier::from_bytes)
                .map_err(|_| DatabaseError::Damaged("join_verifier"))?,
            owner_token_hash: owner_token_hash
                .try_into()
                .map_err(|_| DatabaseError::Damaged("owner_token_hash"))?,
            password_hash: row.try_get("password_hash")?,
        }))
    }

    /// The sealed manifest of a room that is not over.
    ///
    /// # Errors
    /// As everywhere here.
    pub async fn sealed_manifest(
        &self,
        room_id: &RoomId,
    ) -> Result<Option<Vec<u8>>, DatabaseError> {
        let row = sqlx::query("select sealed_manifest from rooms where room_id = ?")
            .bind(room_id.to_text())
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|row| row.try_get("sealed_manifest")).transpose()?.flatten())
    }

    /// Marks a room as closed by its owner and drops its manifest. Closing twice changes nothing.
    ///
    /// # Errors
    /// As everywhere here.
    pub async fn close_room(&self, room_id: &RoomId, now: i64) -> Result<(), DatabaseError> {
        sqlx::query(
            "update rooms set closed_at = ?, sealed_manifest = null \
             where room_id = ? and closed_at is null",
        )
        .bind(now)
        .bind(room_id.to_text())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Drops the manifests of rooms that have expired and forgets rooms that ended a day ago. Answers the
    /// rooms that have expired since the last sweep.
    ///
    /// # Errors
    /// As everywhere here.
    pub async fn sweep(&self, now: i64) -> Result<Vec<RoomId>, DatabaseError> {
        let rows = sqlx::query(
            "update rooms set sealed_manifest = null \
             where expires_at <= ? and sealed_manifest is not null returning room_id",
        )
        .bind(now)
        .fetch_all(&self.pool)
        .await?;
        sqlx::query(
            "delete from rooms where sealed_manifest is null \
             and min(expires_at, ifnull(closed_at, expires_at)) <= ?",
        )
        .bind(now - TOMBSTONE_SECONDS)
        .execute(&self.pool)
        .await?;
        sqlx::query(
            "delete from rooms where room_id in (select room_id from rooms \
             where sealed_manifest is null \
             order by min(expires_at, ifnull(closed_at, expires_at)) desc limit -1 offset ?)",
        )
        .bind(MOST_TOMBSTONES)
        .execute(&self.pool)
        .await?;
        storage::give_back(&self.pool).await?;
        rows.iter()
            .map(|row| {
                let text: &str = row.try_get("room_id")?;
                text.parse().map_err(|_| DatabaseError::Damaged("room_id"))
            })
            .collect()
    }
}

fn media_kind(text: &str) -> Result<MediaKind, DatabaseError> {
    [MediaKind::Audio, MediaKind::Video, MediaKind::Image, MediaKind::Other]
        .into_iter()
        .find(|kind| kind.as_str() == text)
        .ok_or(DatabaseError::Damaged("media_kind"))
}

fn topology(text: &str) -> Result<Topology, DatabaseError> {
    Topology::ALL
        .into_iter()
        .find(|topology| topology.as_str() == text)
        .ok_or(DatabaseError::Damaged("topology"))
}

#[cfg(test)]
mod tests;
