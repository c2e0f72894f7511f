//! Rooms: the one service behind the pages, the server functions and `/api/rooms`.
//!
//! Everything from outside is checked here against [`limits`], whichever door it came through. Rate limits are
//! the doors' own, because only they know the client. A room that never was and one that was swept look alike;
//! one that closed or expired says so for a day.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use leptos::prelude::use_context;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::database::{Database, RoomRow};
use super::error_chain::ErrorChain;
use super::hub::Hub;
use super::passwords::{self, Passwords};
use super::tickets::{self, Tickets};
use super::{AppState, random_bytes};
use crate::protocol::id::{JoinToken, OwnerToken, RoomId};
use crate::protocol::limits;
use crate::protocol::rooms::{
    CreateRoom, CreatedRoom, LiveState, MediaKind, PasswordRequest, RoomLinks, RoomSummary,
    Topology,
};
use crate::protocol::signalling::CloseReason;

/// Why a room cannot be had. The same enum travels to clients.
pub use crate::api::ApiError as RoomError;

/// What the page of a room shows, for the request that is being rendered: pages call this.
///
/// # Errors
/// The text is no room id, or the room is absent, closed or expired, or the database does not answer.
pub async fn page_summary(room_id: &str) -> Result<RoomSummary, RoomError> {
    let state = use_context::<AppState>().ok_or(RoomError::Internal)?;
    let parts = use_context::<http::request::Parts>().ok_or(RoomError::Internal)?;
    let room_id = room_id.parse().map_err(|_| RoomError::NotFound)?;
    state.rooms.read(room_id, tickets::from_cookies(&parts.headers, &room_id)).await
}

/// The service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Rooms {
    database: Database,
    passwords: Passwords,
    tickets: Tickets,
    hub: Hub,
    ttl: Duration,
    topology: Topology,
}

/// Who asks to join, by what it shows.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// Proof of holding the link.
    pub join_token: &'a JoinToken,
    /// Proof of being the owner.
    pub owner_token: Option<&'a OwnerToken>,
    /// Proof of having shown the password.
    pub ticket: Option<&'a str>,
}

/// The answer to right [`Credentials`].
#[derive(Clone, Copy, Debug)]
pub struct Admission {
    /// It proved to be the owner.
    pub owner: bool,
    /// Who serves whom.
    pub topology: Topology,
}

/// Why a socket may not join.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// The room is over, or there never was one.
    Room(RoomError),
    /// The join token or the owner token is not this room's, or its password was not shown.
    Forbidden,
}

impl Rooms {
    /// The service over these parts. No room outlives `ttl`; `topology` is that of rooms which ask for none.
    pub fn new(
        database: Database,
        passwords: Passwords,
        tickets: Tickets,
        hub: Hub,
        ttl: Duration,
        topology: Topology,
    ) -> Self {
        Self { database, passwords, tickets, hub, ttl, topology }
    }

    /// Makes a room.
    ///
    /// # Errors
    /// [`RoomError::Invalid`] names what is outside the limits; a full disk or a full password queue.
    pub async fn create(&self, request: CreateRoom) -> Result<CreatedRoom, RoomError> {
        let sealed_manifest = checked_manifest(&request)?;
        let password = match request.password {
            PasswordRequest::None => None,
            PasswordRequest::Generate => Some(passwords::generate()?),
            PasswordRequest::Text(text) => Some(passwords::chosen(&text)?),
        };
        let password_hash = match &password {
            Some(password) => Some(self.passwords.hash(password.clone()).await?),
            None => None,
        };
        let owner_token = OwnerToken::from_bytes(random_bytes()?);
        let created_at = unix_now();
        let room = RoomRow {
            room_id: RoomId::from_bytes(random_bytes()?),
            created_at,
            expires_at: created_at + self.life(request.expires_in)?,
            closed_at: None,
            total_bytes: request.total_bytes,
            file_count: request.file_count,
            media_kind: request.media_kind,
            topology: request.topology.unwrap_or(self.topology),
            join_verifier: request.join_verifier,
            owner_token_hash: owner_token_hash(&owner_token),
            password_hash,
        };
        self.database.insert_room(&room, &sealed_manifest).await?;
        tracing::info!(room = %room.room_id, files = room.file_count, "room created");
        Ok(CreatedRoom {
            room_id: room.room_id,
            owner_token,
            password,
            expires_at: seconds(room.expires_at),
            links: RoomLinks::new(&room.room_id),
        })
    }

    /// What anyone may see of a room; `ticket` is what the caller showed, if anything. Changes nothing.
    ///
    /// # Errors
    /// The room is absent, closed or expired.
    pub async fn read(
        &self,
        room_id: RoomId,
        ticket: Option<&str>,
    ) -> Result<RoomSummary, RoomError> {
        let room = self.open_room(&room_id).await?;
        let gauge = self.hub.gauge(&room_id);
        Ok(RoomSummary {
            room_id,
            total_bytes: room.total_bytes,
            file_count: room.file_count,
            media_kind: room.media_kind,
            streamable: matches!(room.media_kind, MediaKind::Audio | MediaKind::Video),
            protected: room.password_hash.is_some(),
            unlocked: self.is_unlocked(&room, ticket),
            topology: room.topology,
            seeds_online: gauge.seeds,
            live: LiveState::of_seats(gauge.broadcast),
            expires_at: seconds(room.expires_at),
            links: RoomLinks::new(&room_id),
        })
    }

    /// The sealed manifest.
    ///
    /// # Errors
    /// [`RoomError::Locked`] without a ticket to a protected room, and as [`Self::read`].
    pub async fn manifest(
        &self,
        room_id: RoomId,
        ticket: Option<&str>,
    ) -> Result<Vec<u8>, RoomError> {
        let room = self.open_room(&room_id).await?;
        if !self.is_unlocked(&room, ticket) {
            return Err(RoomError::Locked);
        }
        // It may have ended in between.
        self.database.sealed_manifest(&room_id).await?.ok_or(RoomError::Closed)
    }

    /// Checks a password. The answer is the `Set-Cookie` of a ticket to the rest of the room.
    ///
    /// The caller has asked [`super::rate_limit::RateLimits::unlock`] first.
    ///
    /// # Errors
    /// [`RoomError::WrongPassword`], [`RoomError::Busy`], and as [`Self::read`].
    pub async fn unlock(&self, room_id: RoomId, password: &str) -> Result<String, RoomError> {
        let room = self.open_room(&room_id).await?;
        let forms = passwords::typed(password)?;
        if let Some(hash) = room.password_hash
            && !self.passwords.verify(forms, hash).await?
        {
            return Err(RoomError::WrongPassword);
        }
        let ticket = self.tickets.issue(&room_id, room.expires_at);
        Ok(tickets::set_cookie(&room_id, &ticket, room.expires_at - unix_now()))
    }

    /// Ends a room for everyone. Ending it twice is no mistake.
    ///
    /// # Errors
    /// [`RoomError::NotOwner`] for any token but the one that its creation answered; [`RoomError::NotFound`].
    pub async fn close(&self, room_id: RoomId, token: &OwnerToken) -> Result<(), RoomError> {
        let room = self.database.room(&room_id).await?.ok_or(RoomError::NotFound)?;
        if !is_owner(&room, token) {
            return Err(RoomError::NotOwner);
        }
        self.database.close_room(&room_id, unix_now()).await?;
        self.hub.end(&room_id, CloseReason::Stopped).await;
        tracing::info!(room = %room_id, "room closed");
        Ok(())
    }

    /// Whether a socket may join, by what it shows.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn admit(
        &self,
        room_id: RoomId,
        shown: Credentials<'_>,
    ) -> Result<Admission, Refusal> {
        let room = self.open_room(&room_id).await.map_err(Refusal::Room)?;
        let join_hash = Sha256::digest(shown.join_token.as_bytes());
        let holds_link = bool::from(join_hash.as_slice().ct_eq(room.join_verifier.as_bytes()));
        let owner = shown.owner_token.map(|token| is_owner(&room, token));
        match owner {
            _ if !holds_link => Err(Refusal::Forbidden),
            Some(false) => Err(Refusal::Forbidden),
            None if !self.is_unlocked(&room, shown.ticket) => Err(Refusal::Forbidden),
            _ => Ok(Admission { owner: owner.is_some(), topology: room.topology }),
        }
    }

    /// Ends the rooms whose time is over and forgets those that ended a day ago. To be called every few
    /// seconds.
    pub async fn sweep(&self) {
        match self.database.sweep(unix_now()).await {
            Ok(ended) => {
                for room_id in ended {
                    self.hub.end(&room_id, CloseReason::Expired).await;
                    tracing::info!(room = %room_id, "room expired");
                }
            }
            Err(error) => tracing::warn!(error = %ErrorChain(&error), "sweeping rooms failed"),
        }
    }

    async fn open_room(&self, room_id: &RoomId) -> Result<RoomRow, RoomError> {
        let room = self.database.room(room_id).await?.ok_or(RoomError::NotFound)?;
        if room.closed_at.is_some() {
            return Err(RoomError::Closed);
        }
        if room.expires_at <= unix_now() {
            return Err(RoomError::Expired);
        }
        Ok(room)
    }

    fn is_unlocked(&self, room: &RoomRow, ticket: Option<&str>) -> bool {
        room.password_hash.is_none()
            || ticket.is_some_and(|ticket| self.tickets.is_valid(&room.room_id, ticket, unix_now()))
    }

    /// Seconds that a new room lives.
    fn life(&self, expires_in: Option<u64>) -> Result<i64, RoomError> {
        let life = match expires_in {
            Some(0) => return Err(invalid("A room has to live for a second at least.")),
            Some(asked) => asked.min(self.ttl.as_secs()),
            None => self.ttl.as_secs(),
        };
        i64::try_from(life).map_err(|_| RoomError::Internal)
    }
}

/// The manifest's bytes, if everything about the request is within the limits.
fn checked_manifest(request: &CreateRoom) -> Result<Vec<u8>, RoomError> {
    let sealed = URL_SAFE_NO_PAD
        .decode(request.sealed_manifest.as_bytes())
        .map_err(|_| invalid("The sealed manifest is not unpadded base64url."))?;
    if sealed.len() <= limits::SEAL_OVERHEAD_BYTES {
        return Err(invalid("The sealed manifest is empty."));
    }
    if sealed.len() > limits::MAX_MANIFEST_BYTES + limits::SEAL_OVERHEAD_BYTES {
        return Err(RoomError::TooLarge);
    }
    let files = usize::try_from(request.file_count).unwrap_or(usize::MAX);
    if files == 0 {
        return Err(invalid("A room holds one file at least."));
    }
    if files > limits::MAX_FILES {
        return Err(RoomError::Invalid(format!(
            "A room holds at most {} files. Pack them into one first.",
            limits::MAX_FILES
        )));
    }
    if request.total_bytes > limits::MAX_TOTAL_BYTES {
        return Err(invalid("A room holds at most 1 TiB."));
    }
    Ok(sealed)
}

fn invalid(sentence: &str) -> RoomError {
    RoomError::Invalid(sentence.into())
}

// Owner tokens are random, so one round of SHA-256 is enough; it keeps them out of the database.
fn owner_token_hash(token: &OwnerToken) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn is_owner(room: &RoomRow, token: &OwnerToken) -> bool {
    owner_token_hash(token).ct_eq(&room.owner_token_hash).into()
}

/// Unix time in seconds.
fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn seconds(time: i64) -> u64 {
    u64::try_from(time).unwrap_or_default()
}

impl From<super::database::DatabaseError> for RoomError {
    /// The one place where the database's own words are logged; none of them leaves the server.
    fn from(error: super::database::DatabaseError) -> Self {
        use super::database::DatabaseError;
        match &error {
            DatabaseError::Ceiling(_) => tracing::warn!(%error, "a room was refused"),
            _ => tracing::error!(error = %ErrorChain(&error), "the database refused"),
        }
        match error {
            DatabaseError::Full(_) | DatabaseError::Ceiling(_) => Self::StorageFull,
            DatabaseError::Damaged(_) => Self::Internal,
            DatabaseError::Busy(_) | DatabaseError::Failed(_) | DatabaseError::Migration(_) => {
                Self::Unavailable
            }
        }
    }
}
