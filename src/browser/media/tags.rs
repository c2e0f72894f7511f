//! What a file says of itself, read by a library that is fetched when it is first needed.

use std::rc::Rc;

use js_sys::{Array, Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, HtmlElement};

use super::super::save::ObjectUrl;
use super::super::storage::script_url;
use super::player::Inner;
use crate::browser::support::global;
use crate::foreign_text::cleaned;
use crate::media::kind;
use crate::transfer::Track;

/// What the script leaves in the page.
const READER: &str = "transfer4meTags";
/// Beside the page's own script.
const SCRIPT: &str = "tags.js";
/// Characters of a text that are shown at most.
const MOST_CHARS: usize = 200;

/// See the module.
#[derive(Clone)]
pub struct Tags {
    pub title: String,
    pub artist: String,
    pub album: String,
    pub picture: Option<Rc<ObjectUrl>>,
}

impl Tags {
    /// What a track is called.
    pub fn title_of<'a>(&'a self, track: &'a Track) -> &'a str {
        if self.title.is_empty() { &track.title } else { &self.title }
    }
}

/// Reads them at an address or in a blob; `None` if there are none, or the file is not what it claims to be.
pub async fn read(source: &JsValue, mime: &str, bytes: u64) -> Option<Tags> {
    let mut reader = global(&[READER]).ok()?;
    if reader.is_undefined() {
        load().await?;
        reader = global(&[READER]).ok()?;
    }
    let reader: Function = reader.dyn_into().ok()?;
    let tags = reader.call3(&JsValue::NULL, source, &mime.into(), &(bytes as f64).into()).ok()?;
    let tags: Array = JsFuture::from(Promise::from(tags)).await.ok()?.dyn_into().ok()?;
    let text =
        |index| -> String { cleaned(&tags.get(index).as_string().unwrap_or_default(), MOST_CHARS) };
    let picture = tags.get(3).dyn_into::<Blob>().ok().and_then(|blob| ObjectUrl::new(&blob).ok());
    Some(Tags { title: text(0), artist: text(1), album: text(2), picture: picture.map(Rc::new) })
}

async fn load() -> Option<()> {
    let own = script_url();
    let address = format!("{}/{SCRIPT}", own.rsplit_once('/')?.0);
    let document = web_sys::window()?.document()?;
    let script: HtmlElement = document.create_element("script").ok()?.dyn_into().ok()?;
    script.set_attribute("type", "module").ok()?;
    script.set_attribute("src", &address).ok()?;
    let loaded = Promise::new(&mut |resolve, reject| {
        for (event, then) in [("onload", resolve), ("onerror", reject)] {
            // An element takes any handler.
            let _ = Reflect::set(&script, &event.into(), &then);
        }
    });
    document.head()?.append_child(&script).ok()?;
    JsFuture::from(loaded).await.ok().map(drop)
}

impl Inner {
    /// Once a track plays well: what it says of itself is not worth waiting for.
    pub(super) fn read_tags(self: &Rc<Self>) {
        let Some(track) = self.current() else { return };
        if self.tagged.replace(Some(track.file)) == Some(track.file) {
            return;
        }
        let Some(media) = kind::of_path(&track.title) else { return };
        // The page's policy lets it read an address of its own, but not that of a blob.
        let source: JsValue = match (self.worker.get(), &*self.address.borrow()) {
            (Some(false), Some((_, blob))) => blob.clone().into(),
            (Some(true), _) => self.address(&track, true).into(),
            _ => return,
        };
        let this = Rc::downgrade(self);
        spawn_local(async move {
            let tags = read(&source, media.mime, track.bytes).await;
            let inner = this.upgrade().filter(|i| i.view.borrow().current == Some(track.file));
            let (Some(inner), Some(tags)) = (inner, tags) else { return };
            inner.change(|view| {
                view.title = tags.title_of(&track).to_owned();
                view.artist = tags.artist.clone();
                view.artwork = tags.picture.as_ref().map(|picture| picture.address().to_owned());
            });
            inner.tags.replace(Some(tags));
            if inner.session.borrow().is_some() {
                inner.take_session();
            }
        });
    }
}
