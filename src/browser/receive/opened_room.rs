//! Opening a room: from the address bar to a manifest that the link's owner made.

use js_sys::Uint8Array;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

use super::sentences::Problem;
use crate::browser::address::{link_here, show_link};
use crate::browser::crypto::{LinkSecrets, OwnerKey, random};
use crate::browser::error::Error;
use crate::browser::storage::forget_unsaved;
use crate::browser::swarm_driver::Access;
use crate::protocol::id::PageId;
use crate::protocol::link::ShareLink;
use crate::protocol::manifest::Manifest;
use crate::protocol::piece::Layout;
use crate::protocol::rooms::RoomLinks;

/// A room whose manifest was opened and found to be the owner's.
pub struct OpenedRoom {
    pub link: ShareLink,
    pub secrets: LinkSecrets,
    pub owner_key: OwnerKey,
    pub manifest: Manifest,
    pub layout: Layout,
    page: PageId,
}

impl OpenedRoom {
    /// What is needed to enter it, by whichever way.
    pub fn access(&self) -> Access {
        let (room_id, secrets) = (self.link.room_id, self.secrets.clone());
        Access { room_id, secrets, owner_token: None, page: Some(self.page) }
    }
}

/// Opens the room that the address bar names.
pub async fn open_room() -> Result<OpenedRoom, Problem> {
    let window = web_sys::window().ok_or_else(|| Problem("This is no page.".to_owned()))?;
    let link = link_here().ok_or_else(|| {
        Problem("The link is incomplete: its end, after the #, is missing or damaged. Ask for the whole link.".to_owned())
    })?;
    let secrets = LinkSecrets::derive(link.link_key).await?;
    let sealed = fetch_manifest(&window, &link).await?;
    let (manifest, owner_key) = secrets.open_manifest(&sealed).await.map_err(|error| {
        Problem(format!("This link does not open the room: {error}. Ask for the whole link again."))
    })?;
    let layout =
        manifest.check().map_err(|error| Problem(format!("This room cannot be used: {error}.")))?;
    // Without what was put around it on its way, so that it is passed on as it was meant.
    show_link(&link);
    let page = PageId::from_bytes(random()?);
    Ok(OpenedRoom { link, secrets, owner_key, manifest, layout, page })
}

async fn fetch_manifest(window: &web_sys::Window, link: &ShareLink) -> Result<Vec<u8>, Problem> {
    let path = RoomLinks::new(&link.room_id).manifest;
    let unreachable = |_| {
        Problem(
            "The server cannot be reached. Check the connection and reload the page.".to_owned(),
        )
    };
    let answer = JsFuture::from(window.fetch_with_str(&path)).await.map_err(unreachable)?;
    let answer: Response = answer.dyn_into().map_err(Error::from)?;
    // Only then it is over for good. A server that was set up anew knows of no room, and may again tomorrow.
    if answer.status() == 410 {
        forget_unsaved(&link.room_id.to_string()).await;
    }
    if !answer.ok() {
        return Err(Problem(match answer.status() {
            401 | 403 => "This room asks for a password.".to_owned(),
            404 => "There is no such room. Check the link, or ask for a new one.".to_owned(),
            410 => "This room is closed. Ask for a new link.".to_owned(),
            429 => "Too many requests. Wait a minute and reload the page.".to_owned(),
            _ => "The server has a problem. Reload the page in a while.".to_owned(),
        }));
    }
    let body = answer.array_buffer().map_err(Error::from)?;
    let body = JsFuture::from(body).await.map_err(unreachable)?;
    Ok(Uint8Array::new(&body).to_vec())
}
