//! Server functions: the doors through which pages reach the server.
//!
//! JSON in and out under `/rpc`. A body only walks through its door: limits, cookies and status codes are
//! `server::rpc`'s, rules are `server::rooms`'. Programs that are not our pages use `/api/rooms`, which is the
//! same service.

#![expect(missing_docs, reason = "#[server] makes public structs of the arguments, undocumented")]

mod error;

use server_fn::codec::Json;

pub use error::ApiError;

use crate::protocol::id::{OwnerToken, RoomId};
use crate::protocol::rooms::{CreateRoom, CreatedRoom, RoomSummary};
use leptos::server;

/// Makes a room.
///
/// # Errors
/// Anything outside [`crate::protocol::limits`]; too many rooms from this address; a full disk.
#[server(name = CallCreateRoom, prefix = "/rpc", endpoint = "create_room", input = Json, output = Json)]
pub async fn create_room(room: CreateRoom) -> Result<CreatedRoom, ApiError> {
    crate::server::rpc::create_room(room).await
}

/// Reads what anyone who knows its id may see of a room. Changes nothing.
///
/// # Errors
/// The room is absent, closed or expired.
#[server(name = CallReadRoom, prefix = "/rpc", endpoint = "read_room", input = Json, output = Json)]
pub async fn read_room(room_id: RoomId) -> Result<RoomSummary, ApiError> {
    crate::server::rpc::read_room(room_id).await
}

/// Shows a room's password. If it is right, the answer sets the ticket cookie that opens the rest.
///
/// # Errors
/// The password is wrong, or there were too many tries.
#[server(name = CallUnlockRoom, prefix = "/rpc", endpoint = "unlock_room", input = Json, output = Json)]
pub async fn unlock_room(room_id: RoomId, password: String) -> Result<(), ApiError> {
    crate::server::rpc::unlock_room(room_id, password).await
}

/// Ends a room for everyone.
///
/// # Errors
/// The owner token is not the room's.
#[server(name = CallCloseRoom, prefix = "/rpc", endpoint = "close_room", input = Json, output = Json)]
pub async fn close_room(room_id: RoomId, owner_token: OwnerToken) -> Result<(), ApiError> {
    crate::server::rpc::close_room(room_id, owner_token).await
}
