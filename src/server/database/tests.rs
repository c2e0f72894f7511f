//! The database against real files.

use std::path::PathBuf;

use super::*;
use crate::protocol::id::OwnerToken;
use crate::server::random_bytes;

fn file() -> PathBuf {
    let name = OwnerToken::from_bytes(random_bytes().unwrap()).to_text();
    std::env::temp_dir().join(format!("t4m-test-{name}.db"))
}

async fn open(file: &std::path::Path) -> Result<Database, DatabaseError> {
    open_with(file, Ceilings::NONE).await
}

async fn open_with(file: &std::path::Path, ceilings: Ceilings) -> Result<Database, DatabaseError> {
    Database::open(&format!("sqlite:{}", file.display()), ceilings).await
}

/// What is counted, and what there is.
async fn counted(database: &Database) -> ((i64, i64), (i64, i64)) {
    let pair = async |query: &'static str| {
        let row = sqlx::query(query).fetch_one(&database.pool).await.unwrap();
        (row.try_get(0).unwrap(), row.try_get(1).unwrap())
    };
    (
        pair("select rooms, bytes from storage").await,
        pair("select count(sealed_manifest), ifnull(sum(stored_bytes), 0) from rooms").await,
    )
}

async fn pragma(database: &Database, statement: &'static str) -> i64 {
    sqlx::query(statement).fetch_one(&database.pool).await.unwrap().try_get(0).unwrap()
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
    let database = open(&file).await.unwrap();
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
    let database = open(&file).await.unwrap();
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
    let database = open(&file).await.unwrap();
    assert_eq!(database.server_key("ticket", b"first").await.unwrap(), b"first");
    assert_eq!(database.server_key("ticket", b"second").await.unwrap(), b"first");
    let _ = std::fs::remove_file(file);
}

#[tokio::test]
async fn a_full_disk_is_told_apart_and_what_was_there_stays_readable() {
    let file = file();
    let options = SqliteConnectOptions::new().filename(&file).pragma("max_page_count", "40");
    let database = Database::connect(options, Ceilings::NONE).await.unwrap();
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
    let database = Database::connect(options.clone(), Ceilings::NONE).await.unwrap();
    let other = Database::connect(options, Ceilings::NONE).await.unwrap();
    let mut writer = other.pool.acquire().await.unwrap();
    sqlx::query("begin immediate").execute(&mut *writer).await.unwrap();
    let error = database.insert_room(&room(1), b"sealed").await.unwrap_err();
    assert!(matches!(error, DatabaseError::Busy(_)), "{error:?}");
    assert!(database.room(&room(1).room_id).await.unwrap().is_none());
    sqlx::query("rollback").execute(&mut *writer).await.unwrap();
    database.insert_room(&room(1), b"sealed").await.unwrap();
    let _ = std::fs::remove_file(file);
}

#[tokio::test]
async fn what_is_stored_is_counted_through_a_whole_life() {
    let file = file();
    let database = open(&file).await.unwrap();
    for (byte, bytes) in [(1, 1), (2, 4096), (3, 4097), (4, 100_000)] {
        database.insert_room(&room(byte), &vec![7; bytes]).await.unwrap();
        let (storage, rooms) = counted(&database).await;
        assert_eq!((storage, storage.0), (rooms, i64::from(byte)));
    }
    let sum: u64 = [1, 4096, 4097, 100_000].into_iter().map(stored_bytes).sum();
    assert_eq!(counted(&database).await.0.1, i64::try_from(sum).unwrap());
    // A second room of the same name changes nothing.
    database.insert_room(&room(1), b"again").await.unwrap_err();
    for _ in 0..2 {
        database.close_room(&room(4).room_id, 150).await.unwrap();
    }
    let (storage, rooms) = counted(&database).await;
    assert_eq!((storage, storage.0), (rooms, 3));
    database.sweep(200).await.unwrap();
    assert_eq!(counted(&database).await, ((0, 0), (0, 0)));
    database.sweep(200 + TOMBSTONE_SECONDS).await.unwrap();
    assert_eq!(counted(&database).await, ((0, 0), (0, 0)));
    let _ = std::fs::remove_file(file);
}

#[tokio::test]
async fn rooms_that_come_at_once_stay_under_both_ceilings_and_leave_their_place() {
    let file = file();
    let ceilings = Ceilings { bytes: 5 * stored_bytes(9000) + 100, ..Ceilings::NONE };
    let by_bytes = open_with(&file, ceilings).await.unwrap();
    let by_rooms = open_with(&file, Ceilings { rooms: 8, ..Ceilings::NONE }).await.unwrap();
    for (database, most) in [(&by_bytes, 5), (&by_rooms, 8)] {
        let adding = (0..40).map(|byte| {
            let database = database.clone();
            // On threads of their own, as requests are.
            tokio::spawn(async move { database.insert_room(&room(byte), &[7; 9000]).await })
        });
        let mut added = 0;
        for result in futures_util::future::join_all(adding).await {
            match result.unwrap() {
                Ok(()) => added += 1,
                Err(error) => assert!(
                    matches!(error, DatabaseError::Ceiling(_) | DatabaseError::Failed(_)),
                    "{error:?}"
                ),
            }
        }
        let (storage, rooms) = counted(database).await;
        assert_eq!((storage, storage.0), (rooms, most), "{added} added");
    }
    // What is there can be read, and what goes leaves its place to one more.
    assert!(by_rooms.insert_room(&room(99), b"x").await.is_err());
    let there = (0..40).map(room);
    let mut ended = 0;
    for room in there {
        if by_rooms.sealed_manifest(&room.room_id).await.unwrap().is_some() && ended == 0 {
            by_rooms.close_room(&room.room_id, 150).await.unwrap();
            ended += 1;
        }
    }
    by_rooms.insert_room(&room(99), b"x").await.unwrap();
    assert!(matches!(by_rooms.insert_room(&room(98), b"x").await, Err(DatabaseError::Ceiling(_))));
    let _ = std::fs::remove_file(file);
}

#[tokio::test]
async fn a_disk_with_too_little_left_takes_no_room() {
    let file = file();
    let none = Ceilings { free_bytes: u64::MAX / 2, ..Ceilings::NONE };
    let database = open_with(&file, none).await.unwrap();
    let error = database.insert_room(&room(1), b"sealed").await.unwrap_err();
    assert!(matches!(error, DatabaseError::Ceiling(_)), "{error:?}");
    assert!(database.room(&room(1).room_id).await.unwrap().is_none());
    let some = Ceilings { free_bytes: 1, ..Ceilings::NONE };
    open_with(&file, some).await.unwrap().insert_room(&room(1), b"sealed").await.unwrap();
    let _ = std::fs::remove_file(file);
}

#[tokio::test]
async fn a_database_from_before_is_counted_and_gives_space_back() {
    let file = file();
    // As the first two migrations left it, with auto_vacuum as SQLite has it by itself.
    let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let old = SqlitePoolOptions::new().connect_with(options).await.unwrap();
    let mut all = sqlx::migrate!();
    all.migrations = all.migrations.iter().filter(|one| one.version < 3).cloned().collect();
    all.run(&old).await.unwrap();
    let insert = "insert into rooms (room_id, created_at, expires_at, sealed_manifest, total_bytes, file_count, \
                  media_kind, topology, join_verifier, owner_token_hash) \
                  values (?, 0, 200, zeroblob(4000000), 1, 1, 'other', 'swarm', zeroblob(32), zeroblob(32))";
    for byte in 0..10 {
        sqlx::query(insert).bind(room(byte).room_id.to_text()).execute(&old).await.unwrap();
    }
    old.close().await;
    let database = open(&file).await.unwrap();
    let (storage, rooms) = counted(&database).await;
    assert_eq!((storage, storage.0), (rooms, 10));
    let before = pragma(&database, "pragma page_count").await;
    database.sweep(200).await.unwrap();
    assert_eq!(counted(&database).await.0, (0, 0));
    let after = pragma(&database, "pragma page_count").await;
    assert!(before > 9000 && after < before - 5000, "{before} {after}");
    let _ = std::fs::remove_file(file);
}

#[tokio::test]
async fn only_so_many_rows_of_rooms_that_are_over_are_kept() {
    let file = file();
    let database = open(&file).await.unwrap();
    let insert = "with recursive number (n) as (select 1 union all select n + 1 from number where n < 10050) \
                  insert into rooms (room_id, created_at, expires_at, closed_at, total_bytes, file_count, \
                  media_kind, topology, join_verifier, owner_token_hash) \
                  select 'r' || n, 0, 1000000, n, 1, 1, 'other', 'swarm', zeroblob(32), zeroblob(32) from number";
    sqlx::query(insert).execute(&database.pool).await.unwrap();
    database.insert_room(&RoomRow { expires_at: 1_000_000, ..room(1) }, b"sealed").await.unwrap();
    database.sweep(20_000).await.unwrap();
    let left = pragma(&database, "select count(*) from rooms where sealed_manifest is null").await;
    assert_eq!(left, MOST_TOMBSTONES);
    assert_eq!(pragma(&database, "select min(closed_at) from rooms").await, 51);
    assert!(database.sealed_manifest(&room(1).room_id).await.unwrap().is_some());
    let _ = std::fs::remove_file(file);
}
