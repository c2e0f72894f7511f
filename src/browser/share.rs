//! The owner's side: from chosen files to a room that serves them.

use std::cell::RefCell;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wasm_bindgen_futures::spawn_local;
use web_sys::File;

use super::crypto::{LinkSecrets, OwnerKeys, random};
use super::error::Error;
use super::file_source::{FileSource, SourceEvent};
use super::selection::Selection;
use super::server_call::call;
use super::swarm_driver::{Access, Content, Inbox, SwarmDriver};
use crate::api::{ApiError, CallCloseRoom, CallCreateRoom};
use crate::protocol::id::{LinkKey, OwnerToken, PeerId, RoomId};
use crate::protocol::link::ShareLink;
use crate::protocol::manifest::Manifest;
use crate::protocol::peer_wire::PieceRecord;
use crate::protocol::piece::{BlockRange, Layout, PieceIndex};
use crate::protocol::rooms::{CreateRoom, CreatedRoom, MediaKind, PasswordRequest, Topology};
use crate::swarm::{Config, Failure, Input, Role, Swarm};
use crate::transfer::ShareView;

/// A running share; dropping it leaves the room, which stays until it ends by itself.
pub struct Share(Rc<Inner>);

struct Inner {
    view: RefCell<ShareView>,
    running: RefCell<Option<Running>>,
    on_change: Box<dyn Fn(ShareView)>,
}

struct Running {
    driver: SwarmDriver,
    room_id: RoomId,
    owner_token: OwnerToken,
}

/// Why a share did not come about, as one or two sentences.
struct Problem(String);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(format!(
            "This browser refused to make the keys for a link ({error}). Nothing was shared."
        ))
    }
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        Self(error.sentence())
    }
}

impl Share {
    /// Creates a room for what is chosen and serves it until stopped or dropped.
    pub fn start(
        selection: &Selection,
        password: PasswordRequest,
        on_change: impl Fn(ShareView) + 'static,
    ) -> Self {
        let inner = Rc::new(Inner {
            view: RefCell::default(),
            running: RefCell::default(),
            on_change: Box::new(on_change),
        });
        let chosen = selection.manifest();
        let this = inner.clone();
        spawn_local(async move {
            let outcome = match chosen {
                Ok((manifest, files)) => this.create(manifest, files, password).await,
                Err(error) => Err(Problem(format!("These files cannot be shared: {error}."))),
            };
            if let Err(Problem(problem)) = outcome {
                this.change(|view| view.problem = Some(problem));
            }
        });
        Self(inner)
    }

    /// Sends one recipient away.
    pub fn remove(&self, peer: PeerId) {
        self.0.post(Input::RemovalAsked { peer });
    }

    /// Stops serving for a while, or goes on.
    pub fn set_paused(&self, paused: bool) {
        self.0.post(Input::Paused(paused));
    }

    /// Closes the room for good.
    pub fn stop(&self) {
        let Some(running) = self.0.running.borrow_mut().take() else { return };
        let inner = self.0.clone();
        spawn_local(async move {
            let (room_id, owner_token) = (running.room_id, running.owner_token);
            let closed: Result<(), _> = call(&CallCloseRoom { room_id, owner_token }).await;
            // Only now: the server tells the others why, instead of their losing the owner first.
            drop(running.driver);
            inner.change(|view| {
                view.status.online = false;
                view.ended = Some(match closed {
                    Ok(()) => "You stopped sharing. The link no longer works.".to_owned(),
                    Err(error) => format!(
                        "You stopped sharing, but the server could not be told: {} The link shows an empty \
                         room until it expires.",
                        error.sentence()
                    ),
                });
            });
        });
    }
}

impl Inner {
    fn post(&self, input: Input) {
        if let Some(running) = &*self.running.borrow() {
            running.driver.post(input);
        }
    }

    fn change(&self, change: impl FnOnce(&mut ShareView)) {
        let view = {
            let mut view = self.view.borrow_mut();
            change(&mut view);
            view.clone()
        };
        (self.on_change)(view);
    }

    async fn create(
        self: &Rc<Self>,
        manifest: Manifest,
        files: Vec<File>,
        password: PasswordRequest,
    ) -> Result<(), Problem> {
        let keys = OwnerKeys::generate().await?;
        let link_key = keys.link_key().await?;
        let secrets = LinkSecrets::derive(link_key).await?;
        let sealed = keys.seal_manifest(&secrets, &manifest).await?;
        let layout = manifest
            .check()
            .map_err(|error| Problem(format!("These files cannot be shared: {error}.")))?;
        let room = CreateRoom {
            sealed_manifest: URL_SAFE_NO_PAD.encode(&sealed),
            total_bytes: manifest.total_bytes(),
            file_count: u32::try_from(manifest.files.len()).unwrap_or(u32::MAX),
            media_kind: media_kind(&files),
            join_verifier: secrets.join_verifier().await?,
            password,
            topology: Topology::default(),
            expires_in: None,
        };
        let created: CreatedRoom = call(&CallCreateRoom { room }).await?;
        self.serve(&created, link_key, secrets, layout, keys, files)
    }

    fn serve(
        self: &Rc<Self>,
        created: &CreatedRoom,
        link_key: LinkKey,
        secrets: LinkSecrets,
        layout: Layout,
        keys: OwnerKeys,
        files: Vec<File>,
    ) -> Result<(), Problem> {
        let (room_id, owner_token) = (created.room_id, created.owner_token);
        let rng_seed = u64::from_ne_bytes(random()?);
        let swarm = Swarm::new(Config { layout: layout.clone(), role: Role::Owner, rng_seed });
        let access = Access { room_id, secrets, owner_token: Some(owner_token) };
        let content = move |inbox: Inbox| -> Box<dyn Content> {
            let on_event = move |event| match event {
                SourceEvent::Loaded(piece, record) => inbox.post(Input::PieceLoaded {
                    piece,
                    record_first: record.first_piece,
                    record_count: record.hashes.len() as u32,
                }),
                SourceEvent::Unreadable(piece) => inbox.post(Input::PieceUnreadable { piece }),
            };
            Box::new(FileSource::new(files, layout, keys, room_id, on_event))
        };
        let weak = Rc::downgrade(self);
        let driver = SwarmDriver::new(swarm, access, content, move |swarm, now| {
            let Some(inner) = weak.upgrade() else { return };
            let (status, failure) = (swarm.sharing_status(now), swarm.failure());
            inner.change(|view| {
                view.status = status;
                view.ended = view.ended.take().or_else(|| failure.map(ended_sentence));
            });
        });
        let link = show_link(&ShareLink { room_id, link_key });
        self.change(|view| {
            view.link = Some(link);
            view.password = created.password.clone();
            view.expires_at = Some(created.expires_at);
        });
        driver.post(Input::Started);
        *self.running.borrow_mut() = Some(Running { driver, room_id, owner_token });
        Ok(())
    }
}

impl Content for FileSource {
    fn load(&self, piece: PieceIndex) {
        Self::load(self, piece);
    }
    fn unload(&self, piece: PieceIndex) {
        Self::unload(self, piece);
    }
    fn bytes(&self, block: &BlockRange) -> Option<js_sys::Uint8Array> {
        Self::bytes(self, block.piece, block.begin, block.length)
    }
    fn record(&self, piece: PieceIndex) -> Option<Rc<PieceRecord>> {
        Self::record(self, piece)
    }
}

/// Makes the address bar the share link, and answers it.
fn show_link(link: &ShareLink) -> String {
    let Some(window) = web_sys::window() else { return link.to_url("") };
    let url = link.to_url(&window.location().origin().unwrap_or_default());
    if let Ok(history) = window.history() {
        // A page that may not change its address still shows the link.
        let state = wasm_bindgen::JsValue::NULL;
        let _ = history.replace_state_with_url(&state, "", Some(&url));
    }
    url
}

fn ended_sentence(failure: Failure) -> String {
    match failure {
        Failure::Expired => "The room has reached its end. Create a new link to go on sharing.",
        Failure::Replaced => "This room was opened in another tab, which serves it now.",
        Failure::Version => "The site was updated. Reload this page and create a new link.",
        _ => "The room is closed. Create a new link to go on sharing.",
    }
    .to_owned()
}

/// What the files mostly are, by the types that the browser gives them.
fn media_kind(files: &[File]) -> MediaKind {
    let all = |prefixes: &[&str]| {
        files.iter().all(|file| prefixes.iter().any(|prefix| file.type_().starts_with(prefix)))
    };
    if all(&["audio/"]) {
        MediaKind::Audio
    } else if all(&["video/", "audio/"]) {
        MediaKind::Video
    } else if all(&["image/"]) {
        MediaKind::Image
    } else {
        MediaKind::Other
    }
}
