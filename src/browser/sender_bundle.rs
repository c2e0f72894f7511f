//! Fetching the code of the sender's room when it is first needed, and calling it.
//!
//! It is a bundle of its own, with its own memory: only JavaScript's values pass between the two. What it exports is in
//! `crate::sender`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Object, Promise, Reflect};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, future_to_promise, spawn_local};
use web_sys::Element;

use super::address::link_here;
use super::error::Error;
use super::owner_record;
use super::selection::Selection;
use super::storage::script_url;

/// Its name, beside the page's own script.
const NAME: &str = "sender";
const NOT_FETCHED: &str = "The rest of this page could not be fetched. Check the connection and try again; if that \
                           does not help, reload the page.";
const NOT_FETCHED_FOR_OWNER: &str = "This is your room, but its page could not be fetched. Check the connection and \
                                     reload the page.";

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = "import")]
    fn import(address: &str) -> Promise;

    #[derive(Clone)]
    type Bundle;
    #[wasm_bindgen(method, catch, js_name = "default")]
    fn start(this: &Bundle, options: &Object) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn hydrate(this: &Bundle) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch, js_name = create_room)]
    fn create_room(
        this: &Bundle,
        place: &Element,
        files: &Array,
        password: Option<String>,
    ) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = return_to_room)]
    fn return_to_room(this: &Bundle, place: &Element) -> Result<(), JsValue>;
}

/// The code of the sender's room.
#[derive(Clone, Default)]
pub struct SenderBundle(Rc<Inner>);

#[derive(Default)]
struct Inner {
    /// The way to it, unless it was not asked for yet or the last attempt failed.
    fetching: RefCell<Option<Promise>>,
    failures: Cell<u32>,
}

impl SenderBundle {
    /// Begins to fetch it, unless it is here or on its way.
    pub fn fetch(&self) {
        let this = self.clone();
        spawn_local(async move {
            // Whoever needs it asks again, and is told then.
            let _ = this.bundle().await;
        });
    }

    /// Has it make a room for what is chosen and show it in `place`. Tells whether there is one, or why not, in one or
    /// two sentences.
    pub fn create_room(
        &self,
        place: &Element,
        selection: &Selection,
        password: Option<String>,
        on_outcome: impl FnOnce(Result<(), String>) + 'static,
    ) {
        let (this, place, files) = (self.clone(), place.clone(), selection.to_js());
        spawn_local(async move {
            let asked = async {
                let room = this.bundle().await?.create_room(&place, &files, password)?;
                Ok::<JsValue, Error>(JsFuture::from(room).await?)
            };
            on_outcome(match asked.await {
                Ok(problem) => problem.as_string().map_or(Ok(()), Err),
                Err(_) => Err(NOT_FETCHED.to_owned()),
            });
        });
    }

    async fn bundle(&self) -> Result<Bundle, Error> {
        let fetching = self.0.fetching.borrow().clone();
        let fetching = fetching.unwrap_or_else(|| self.begin());
        Ok(JsFuture::from(fetching).await?.unchecked_into())
    }

    fn begin(&self) -> Promise {
        let this = self.0.clone();
        let fetching = future_to_promise(async move {
            let fetched = fetched(this.failures.get()).await;
            if fetched.is_err() {
                this.failures.set(this.failures.get() + 1);
                this.fetching.take();
            }
            fetched
        });
        self.0.fetching.replace(Some(fetching.clone()));
        fetching
    }
}

/// Fetches it and makes it ready, as the page's own bundle was made.
async fn fetched(failures: u32) -> Result<JsValue, JsValue> {
    let own = script_url();
    let folder = own.rsplit_once('/').map_or("", |(folder, _)| folder);
    // Browsers may remember that an address could not be imported, and not try it again.
    let address = match failures {
        0 => format!("{folder}/{NAME}.js"),
        failures => format!("{folder}/{NAME}.js?{failures}"),
    };
    let bundle: Bundle = JsFuture::from(import(&address)).await?.unchecked_into();
    let options = Object::new();
    Reflect::set(&options, &"module_or_path".into(), &format!("{folder}/{NAME}.wasm").into())?;
    JsFuture::from(bundle.start(&options)?).await?;
    bundle.hydrate()?;
    Ok(bundle.into())
}

/// Shows the sender's room in `place`, if this browser made the room that the address bar names. Tells in a sentence if
/// it should and cannot.
pub fn return_to_room(place: &Element, on_problem: impl FnOnce(String) + 'static) {
    let Some(link) = link_here() else { return };
    let place = place.clone();
    spawn_local(async move {
        spawn_local(async move { owner_record::forget_those_over(&link.room_id).await });
        if !owner_record::is_kept(&link.room_id).await {
            return;
        }
        let shown = match SenderBundle::default().bundle().await {
            Ok(bundle) => bundle.return_to_room(&place).map_err(Error::from),
            Err(error) => Err(error),
        };
        if shown.is_err() {
            on_problem(NOT_FETCHED_FOR_OWNER.to_owned());
        }
    });
}
