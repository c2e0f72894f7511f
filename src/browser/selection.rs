//! Files that a person chooses or drops, folders included.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use js_sys::{Array, Promise, Reflect};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    DragEvent, File, FileSystemDirectoryEntry, FileSystemDirectoryReader, FileSystemEntry,
    FileSystemFileEntry, HtmlInputElement,
};

use super::error::Error;
use crate::protocol::limits::{MAX_FILES, MAX_PATH_BYTES, MAX_PATH_DEPTH};
use crate::transfer::{SelectedFile, SelectionView};

/// A file and the path under which it is shared.
#[derive(Clone)]
pub struct ChosenFile {
    /// With `/` between its parts.
    pub path: String,
    /// What is read.
    pub file: File,
    /// A `FileSystemFileHandle`, where the browser gives one: it can be kept, and outlives the page.
    pub handle: Option<JsValue>,
}

impl ChosenFile {
    /// A file that was chosen in another bundle, whose objects are not ours but whose values are.
    pub fn from_js(value: JsValue) -> Option<Self> {
        let parts: Array = value.dyn_into().ok()?;
        let handle = parts.get(2);
        Some(Self {
            path: parts.get(0).as_string()?,
            file: parts.get(1).dyn_into().ok()?,
            handle: (!handle.is_undefined()).then_some(handle),
        })
    }
}

/// Files that a person has chosen and not yet shared.
#[derive(Clone)]
pub struct Selection(Rc<Inner>);

struct Inner {
    files: RefCell<Vec<ChosenFile>>,
    problem: RefCell<Option<String>>,
    reading: Cell<u32>,
    on_change: Box<dyn Fn(SelectionView)>,
}

impl Selection {
    /// Nothing chosen; `on_change` is told after every change.
    pub fn new(on_change: impl Fn(SelectionView) + 'static) -> Self {
        Self(Rc::new(Inner {
            files: RefCell::default(),
            problem: RefCell::default(),
            reading: Cell::new(0),
            on_change: Box::new(on_change),
        }))
    }

    /// Adds what was chosen in an input, and empties the input.
    pub fn add_from_input(&self, input: &HtmlInputElement) {
        self.begin();
        if let Some(files) = input.files() {
            for file in (0..files.length()).filter_map(|index| files.get(index)) {
                let relative = Reflect::get(&file, &"webkitRelativePath".into());
                let relative = relative.ok().and_then(|path| path.as_string()).unwrap_or_default();
                let path = if relative.is_empty() { file.name() } else { relative };
                self.add(path, file, None);
            }
        }
        // So that choosing the same file again is a change.
        input.set_value("");
        self.end();
    }

    /// Adds dropped files and folders.
    pub fn add_from_drop(&self, event: &DragEvent) {
        event.prevent_default();
        let Some(transfer) = event.data_transfer() else { return };
        self.begin();
        // Entries are gone as soon as the event is over, so they are all taken now.
        let items = transfer.items();
        let entries: Vec<(FileSystemEntry, Option<Promise>)> = (0..items.length())
            .filter_map(|index| items.get(index))
            .filter_map(|item| {
                let entry = item.webkit_get_as_entry().ok().flatten()?;
                let item: HandleItem = item.unchecked_into();
                let handle = entry.is_file().then(|| item.handle().ok()).flatten();
                Some((entry, handle))
            })
            .collect();
        if entries.is_empty() {
            let files = transfer.files();
            for file in files.iter().flat_map(|f| (0..f.length()).filter_map(|i| f.get(i))) {
                self.add(file.name(), file, None);
            }
            self.end();
            return;
        }
        let this = self.clone();
        spawn_local(async move {
            for (entry, handle) in entries {
                let handle = match handle {
                    Some(handle) => JsFuture::from(handle).await.ok(),
                    None => None,
                };
                if this.add_entry(entry, handle, String::new()).await.is_err() {
                    this.refuse("Part of what was dropped could not be read.");
                }
            }
            this.end();
        });
    }

    /// Takes one out.
    pub fn remove(&self, index: usize) {
        let mut files = self.0.files.borrow_mut();
        if index < files.len() {
            files.remove(index);
        }
        drop(files);
        self.0.problem.replace(None);
        self.tell();
    }

    /// Takes all out.
    pub fn clear(&self) {
        self.0.files.borrow_mut().clear();
        self.0.problem.replace(None);
        self.tell();
    }

    /// The chosen files as another bundle takes them: see [`ChosenFile::from_js`].
    pub fn to_js(&self) -> Array {
        let files = self.0.files.borrow();
        let each = files.iter().map(|chosen| {
            let handle = chosen.handle.clone().unwrap_or_default();
            Array::of3(&chosen.path.as_str().into(), &chosen.file, &handle)
        });
        each.collect()
    }

    /// Hands the chosen files over, and is empty.
    pub fn take(&self) -> Vec<ChosenFile> {
        self.0.files.take()
    }

    fn begin(&self) {
        self.0.problem.replace(None);
        self.0.reading.set(self.0.reading.get() + 1);
        self.tell();
    }

    fn end(&self) {
        self.0.reading.set(self.0.reading.get() - 1);
        self.tell();
    }

    fn refuse(&self, problem: &str) {
        self.0.problem.replace(Some(problem.to_owned()));
    }

    fn add(&self, path: String, file: File, handle: Option<JsValue>) {
        if path.len() > MAX_PATH_BYTES || path.split('/').count() > MAX_PATH_DEPTH {
            self.refuse(&format!(
                "A file was left out because its name is too long: more than {MAX_PATH_BYTES} bytes, or \
                 more than {MAX_PATH_DEPTH} folders deep. Rename it and choose it again."
            ));
            return;
        }
        let mut files = self.0.files.borrow_mut();
        if files.len() >= MAX_FILES {
            self.refuse(&format!(
                "Only the first {MAX_FILES} files were taken. Put the others into an archive or a second room."
            ));
            return;
        }
        files.push(ChosenFile { path, file, handle });
    }

    fn add_entry(
        &self,
        entry: FileSystemEntry,
        handle: Option<JsValue>,
        folder: String,
    ) -> Pin<Box<dyn Future<Output = Result<(), Error>> + '_>> {
        Box::pin(async move {
            let path =
                if folder.is_empty() { entry.name() } else { format!("{folder}/{}", entry.name()) };
            if entry.is_file() {
                let file = file_of(entry.unchecked_into()).await?;
                self.add(path, file, handle);
                return Ok(());
            }
            let reader = entry.unchecked_into::<FileSystemDirectoryEntry>().create_reader();
            // A reader hands out a hundred entries at a time, until it hands out none.
            loop {
                let batch = read_entries(&reader).await?;
                if batch.length() == 0 {
                    return Ok(());
                }
                for entry in batch.iter() {
                    self.add_entry(entry.unchecked_into(), None, path.clone()).await?;
                }
            }
        })
    }

    fn tell(&self) {
        let files = self.0.files.borrow();
        let listed: Vec<_> = files
            .iter()
            .map(|chosen| SelectedFile { path: chosen.path.clone(), bytes: bytes_of(&chosen.file) })
            .collect();
        let view = SelectionView {
            total_bytes: listed.iter().map(|file| file.bytes).sum(),
            files: Rc::new(listed),
            reading: self.0.reading.get() > 0,
            problem: self.0.problem.borrow().clone(),
        };
        drop(files);
        (self.0.on_change)(view);
    }
}

#[wasm_bindgen]
extern "C" {
    /// A `DataTransferItem`: web-sys lets the missing method end the module, and it is missing outside Chromium.
    type HandleItem;
    #[wasm_bindgen(method, catch, js_name = getAsFileSystemHandle)]
    fn handle(this: &HandleItem) -> Result<Promise, JsValue>;
}

/// Its size.
pub fn bytes_of(file: &File) -> u64 {
    file.size() as u64
}

async fn file_of(entry: FileSystemFileEntry) -> Result<File, Error> {
    let promise = from_callbacks(|resolve, reject| {
        entry.file_with_callback_and_callback(resolve, reject);
    });
    Ok(JsFuture::from(promise).await?.dyn_into()?)
}

async fn read_entries(reader: &FileSystemDirectoryReader) -> Result<Array, Error> {
    let mut failed = None;
    let promise = from_callbacks(|resolve, reject| {
        failed = reader.read_entries_with_callback_and_callback(resolve, reject).err();
    });
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(JsFuture::from(promise).await?.dyn_into()?),
    }
}

/// A promise out of an interface that still takes two callbacks.
fn from_callbacks(mut begin: impl FnMut(&js_sys::Function, &js_sys::Function)) -> Promise {
    Promise::new(&mut |resolve, reject| begin(&resolve, &reject))
}
