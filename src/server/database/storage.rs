//! How much all rooms together may take, and how much of the disk stays free.
//!
//! What counts is what is live: the table of `0003_storage.sql` is kept by the statements that change it. The file
//! follows: pages that a room leaves are used for the next, and the sweep gives the rest back to the disk.

use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Row, SqlitePool};

use super::DatabaseError;

/// Bytes of a page of the file: what SQLite takes by itself.
const PAGE_BYTES: u64 = 4096;
/// Bytes that a room's row takes beside its manifest, and then some.
const ROW_BYTES: u64 = 1024;
/// Times that a manifest is on the disk until the journal is begun anew.
const COPIES: u64 = 2;
/// Pages that stay free for the next rooms: 16 MiB.
const SPARE_PAGES: i64 = 4096;
/// Pages given back in one sweep, which writes for as long: 32 MiB.
const MOST_PAGES: i64 = 8192;

/// What the operator allows.
#[derive(Clone, Copy, Debug)]
pub struct Ceilings {
    /// Rooms that are not over.
    pub rooms: u64,
    /// Bytes of their rows and sealed manifests.
    pub bytes: u64,
    /// Bytes that stay free on the disk.
    pub free_bytes: u64,
}

impl Ceilings {
    /// No limit at all.
    pub const NONE: Self = Self { rooms: u64::MAX, bytes: u64::MAX, free_bytes: 0 };
}

/// Bytes that a room with a manifest of so many takes.
pub fn stored_bytes(manifest: usize) -> u64 {
    ROW_BYTES + (manifest as u64).div_ceil(PAGE_BYTES) * PAGE_BYTES
}

/// The disk on which the database is.
#[derive(Clone, Debug)]
pub struct Disk(PathBuf);

impl Disk {
    /// Where these options lead.
    pub fn of(options: &SqliteConnectOptions) -> Self {
        let folder = options.get_filename().parent().filter(|path| !path.as_os_str().is_empty());
        Self(folder.unwrap_or(Path::new(".")).to_path_buf())
    }

    /// Whether a room that takes `bytes` leaves `free` on it.
    ///
    /// # Errors
    /// [`DatabaseError::Ceiling`] if not. A disk that does not tell is not held against the room.
    pub async fn check(&self, bytes: u64, free: u64) -> Result<(), DatabaseError> {
        let folder = self.0.clone();
        let asked = tokio::task::spawn_blocking(move || rustix::fs::statvfs(&folder)).await;
        match asked {
            Ok(Ok(disk)) => {
                let left = disk.f_bavail.saturating_mul(disk.f_frsize);
                let needed = bytes.saturating_mul(COPIES).saturating_add(free);
                if left < needed {
                    Err(DatabaseError::Ceiling("the disk's free space"))
                } else {
                    Ok(())
                }
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "the disk does not tell its free space");
                Ok(())
            }
            Err(error) => {
                tracing::warn!(%error, "the disk was not asked for its free space");
                Ok(())
            }
        }
    }
}

/// Lets a database that was made before this give space back; one that is new does so already.
pub async fn give_back_from_now_on(pool: &SqlitePool) -> Result<(), DatabaseError> {
    const INCREMENTAL: i64 = 2;
    let mut connection = pool.acquire().await?;
    let mode: i64 =
        sqlx::query("pragma auto_vacuum").fetch_one(&mut *connection).await?.try_get(0)?;
    if mode == INCREMENTAL {
        return Ok(());
    }
    sqlx::query("pragma auto_vacuum = incremental").execute(&mut *connection).await?;
    if let Err(error) = sqlx::query("vacuum").execute(&mut *connection).await {
        // It needs as much space again. Without it, space is used again and not given back.
        tracing::warn!(%error, "the database's file could not be made one that shrinks");
    }
    Ok(())
}

/// Gives back to the disk what will not be used again soon.
pub async fn give_back(pool: &SqlitePool) -> Result<(), DatabaseError> {
    let free: i64 = sqlx::query("pragma freelist_count").fetch_one(pool).await?.try_get(0)?;
    let pages = (free - SPARE_PAGES).min(MOST_PAGES);
    if pages > 0 {
        // A pragma takes no parameter; this is a number.
        let statement = sqlx::AssertSqlSafe(format!("pragma incremental_vacuum({pages})"));
        sqlx::query(statement).fetch_all(pool).await?;
    }
    Ok(())
}
