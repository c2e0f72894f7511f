//! The one place that knows SQL.
//!
//! SQLite in WAL mode, so that pages are read while rooms are made. Queries are checked when they run, by the
//! tests, and no database is needed to build.

use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row, SqlitePool};

use crate::protocol::id::{JoinVerifier, RoomId};
use crate::protocol::rooms::{MediaKind, Topology};

/// How long a statement waits for another connection's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// SQLite takes one writer at a time; a few readers beside it are enough.
const CONNECTIONS: u32 = 4;
/// Seconds that the row of a room that is over is kept.
const TOMBSTONE_SECONDS: i64 = 24 * 60 * 60;

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
}

impl Database {
    /// Opens the database at a `sqlite:` URL, makes it if it is absent, and brings it up to date.
    ///
    /// # Errors
    /// The file cannot be opened, or was written by a newer version.
    pub async fn open(url: &str) -> Result<Self, DatabaseError> {
        Self::connect(SqliteConnectOptions::from_str(url)?.busy_timeout(BUSY_TIMEOUT)).await
    }

    async fn connect(options: SqliteConnectOptions) -> Result<Self, DatabaseError> {
        let options = options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(BUSY_TIMEOUT)
            .connect_with(options)
            .await?;
        sqlx::migrate!().run(&pool).await?;
        Ok(Self { pool })
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

    /// Adds a room.
    ///
    /// # Errors
    /// As everywhere here; [`DatabaseError::Full`] is to be expected one day.
    pub async fn insert_room(
        &self,
        room: &RoomRow,
        sealed_manifest: &[u8],
    ) -> Result<(), DatabaseError> {
        sqlx::query(
            "insert into rooms (room_id, created_at, expires_at, sealed_manifest, total_bytes, \
             file_count, media_kind, topology, join_verifier, owner_token_hash, password_hash) \
             values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
        .execute(&self.pool)
        .await?;
        Ok(())
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
        sqlx::query("delete from rooms where min(expires_at, ifnull(closed_at, expires_at)) <= ?")
            .bind(now - TOMBSTONE_SECONDS)
            .execute(&self.pool)
            .await?;
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
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::protocol::id::OwnerToken;
    use crate::server::random_bytes;

    fn file() -> PathBuf {
        let name = OwnerToken::from_bytes(random_bytes().unwrap()).to_text();
        std::env::temp_dir().join(format!("t4m-test-{name}.db"))
    }

    fn room(byte: u8) -> RoomRow {
        RoomRow {
            room_id: RoomId::from_bytes([byte; 12]),
            created_at: 100,
            expires_at: 200,
            closed_at: None,
            total_bytes: 1 << 40,
            file_count: 3,
            media_kind: MediaKind::Video,
            topology: Topology::Direct,
            join_verifier: JoinVerifier::from_bytes([2; 32]),
            owner_token_hash: [3; 32],
            password_hash: Some("hash".into()),
        }
    }

    #[tokio::test]
    async fn a_room_comes_back_as_it_was_put_in() {
        let file = file();
        let database = Database::open(&format!("sqlite:{}", file.display())).await.unwrap();
        database.insert_room(&room(1), b"sealed").await.unwrap();
        let found = database.room(&room(1).room_id).await.unwrap();
        assert_eq!(format!("{:?}", found.unwrap()), format!("{:?}", room(1)));
        assert!(database.room(&room(2).room_id).await.unwrap().is_none());
        let manifest = database.sealed_manifest(&room(1).room_id).await.unwrap();
        assert_eq!(manifest.as_deref(), Some(b"sealed".as_slice()));
        database.close().await;
        let _ = std::fs::remove_file(file);
    }

    #[tokio::test]
    async fn a_sweep_ends_what_has_expired_once_and_forgets_it_a_day_later() {
        let file = file();
        let database = Database::open(&format!("sqlite:{}", file.display())).await.unwrap();
        let id = room(1).room_id;
        database.insert_room(&room(1), b"sealed").await.unwrap();
        database.insert_room(&RoomRow { expires_at: 1_000_000, ..room(2) }, b"x").await.unwrap();
        assert_eq!(database.sweep(199).await.unwrap(), []);
        assert_eq!(database.sweep(200).await.unwrap(), [id]);
        assert_eq!(database.sweep(201).await.unwrap(), []);
        assert!(database.sealed_manifest(&id).await.unwrap().is_none());
        assert!(database.room(&id).await.unwrap().is_some());
        database.sweep(200 + TOMBSTONE_SECONDS).await.unwrap();
        assert!(database.room(&id).await.unwrap().is_none());
        // One that was closed is forgotten a day after that, however long it was meant to live.
        database.close_room(&room(2).room_id, 300).await.unwrap();
        database.sweep(299 + TOMBSTONE_SECONDS).await.unwrap();
        assert_eq!(database.room(&room(2).room_id).await.unwrap().unwrap().closed_at, Some(300));
        database.sweep(300 + TOMBSTONE_SECONDS).await.unwrap();
        assert!(database.room(&room(2).room_id).await.unwrap().is_none());
        let _ = std::fs::remove_file(file);
    }

    #[tokio::test]
    async fn the_first_key_of_a_name_stays() {
        let file = file();
        let database = Database::open(&format!("sqlite:{}", file.display())).await.unwrap();
        assert_eq!(database.server_key("ticket", b"first").await.unwrap(), b"first");
        assert_eq!(database.server_key("ticket", b"second").await.unwrap(), b"first");
        let _ = std::fs::remove_file(file);
    }

    #[tokio::test]
    async fn a_full_disk_is_told_apart_and_what_was_there_stays_readable() {
        let file = file();
        let options = SqliteConnectOptions::new().filename(&file).pragma("max_page_count", "40");
        let database = Database::connect(options).await.unwrap();
        database.insert_room(&room(1), b"sealed").await.unwrap();
        let error = database.insert_room(&room(2), &vec![0; 1 << 20]).await.unwrap_err();
        assert!(matches!(error, DatabaseError::Full(_)), "{error:?}");
        assert!(database.room(&room(1).room_id).await.unwrap().is_some());
        assert!(database.room(&room(2).room_id).await.unwrap().is_none());
        let _ = std::fs::remove_file(file);
    }

    #[tokio::test]
    async fn a_locked_database_is_busy_and_can_still_be_read() {
        let file = file();
        let options =
            SqliteConnectOptions::new().filename(&file).busy_timeout(Duration::from_millis(50));
        let database = Database::connect(options.clone()).await.unwrap();
        let other = Database::connect(options).await.unwrap();
        let mut writer = other.pool.acquire().await.unwrap();
        sqlx::query("begin immediate").execute(&mut *writer).await.unwrap();
        let error = database.insert_room(&room(1), b"sealed").await.unwrap_err();
        assert!(matches!(error, DatabaseError::Busy(_)), "{error:?}");
        assert!(database.room(&room(1).room_id).await.unwrap().is_none());
        sqlx::query("rollback").execute(&mut *writer).await.unwrap();
        database.insert_room(&room(1), b"sealed").await.unwrap();
        let _ = std::fs::remove_file(file);
    }
}
