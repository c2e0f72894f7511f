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
use crate::archive::safe_path::shown_name;
use crate::protocol::limits::{MAX_FILES, MAX_PATH_BYTES, MAX_PATH_DEPTH};
use crate::transfer::{SelectedFile, SelectionView};

/// Of what a drop holds and nobody can read, so many are named; the rest are counted.
const UNREAD_NAMED: usize = 3;
const ONLY_FOLDERS: &str =
    "There is nothing to send: only empty folders were dropped. Add at least one file.";

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

/// The path of an empty folder that was chosen in another bundle.
pub fn empty_folder_from_js(value: JsValue) -> Option<String> {
    let parts: Array = value.dyn_into().ok()?;
    parts.get(1).is_undefined().then(|| parts.get(0).as_string()).flatten()
}

/// Files that a person has chosen and not yet shared.
#[derive(Clone)]
pub struct Selection(Rc<Inner>);

struct Inner {
    files: RefCell<Vec<ChosenFile>>,
    /// Paths of dropped folders that hold nothing.
    folders: RefCell<Vec<String>>,
    problem: RefCell<Option<String>>,
    reading: Cell<u32>,
    on_change: Box<dyn Fn(SelectionView)>,
}

impl Selection {
    /// Nothing chosen; `on_change` is told after every change.
    pub fn new(on_change: impl Fn(SelectionView) + 'static) -> Self {
        Self(Rc::new(Inner {
            files: RefCell::default(),
            folders: RefCell::default(),
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
        let mut entries: Vec<(FileSystemEntry, Option<Promise>)> = Vec::new();
        let mut dropped = 0;
        for item in (0..items.length()).filter_map(|index| items.get(index)) {
            if let Some(entry) = item.webkit_get_as_entry().ok().flatten() {
                let item: HandleItem = item.unchecked_into();
                let handle = entry.is_file().then(|| item.handle().ok()).flatten();
                entries.push((entry, handle));
            } else if let Some(file) = item.get_as_file().ok().flatten() {
                self.add(file.name(), file, None);
            } else {
                // Text or an address.
                continue;
            }
            dropped += 1;
        }
        if dropped == 0 {
            self.refuse("What was dropped holds no file, so nothing was added.");
        }
        if entries.is_empty() {
            self.end();
            return;
        }
        let this = self.clone();
        spawn_local(async move {
            let mut unread = Unread::default();
            for (entry, handle) in entries {
                let handle = match handle {
                    Some(handle) => JsFuture::from(handle).await.ok(),
                    None => None,
                };
                this.add_entry(entry, handle, String::new(), &mut unread).await;
            }
            if let Some(sentence) = unread.sentence() {
                let earlier = this.0.problem.take().map(|problem| format!("{problem} "));
                this.refuse(&format!("{}{sentence}", earlier.unwrap_or_default()));
            }
            this.end();
        });
    }

    /// Takes one out.
    pub fn remove(&self, index: usize) {
        let (mut files, mut folders) = (self.0.files.borrow_mut(), self.0.folders.borrow_mut());
        if index < files.len() {
            files.remove(index);
        } else if index - files.len() < folders.len() {
            let at = index - files.len();
            folders.remove(at);
        }
        drop((files, folders));
        self.0.problem.replace(None);
        self.tell();
    }

    /// Takes all out.
    pub fn clear(&self) {
        self.0.files.borrow_mut().clear();
        self.0.folders.borrow_mut().clear();
        self.0.problem.replace(None);
        self.tell();
    }

    /// What is chosen as another bundle takes it: see [`ChosenFile::from_js`] and [`empty_folder_from_js`].
    pub fn to_js(&self) -> Array {
        let files = self.0.files.borrow();
        let each = files.iter().map(|chosen| {
            let handle = chosen.handle.clone().unwrap_or_default();
            Array::of3(&chosen.path.as_str().into(), &chosen.file, &handle)
        });
        let folders = self.0.folders.borrow();
        each.chain(folders.iter().map(|path| Array::of1(&path.as_str().into()))).collect()
    }

    /// Hands the chosen files over, and is empty.
    pub fn take(&self) -> Vec<ChosenFile> {
        self.0.folders.take();
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
        if self.has_place_for(&path) {
            self.0.files.borrow_mut().push(ChosenFile { path, file, handle });
        }
    }

    /// Whether one more of this path can be shared; otherwise the page is told.
    fn has_place_for(&self, path: &str) -> bool {
        if path.len() > MAX_PATH_BYTES || path.split('/').count() > MAX_PATH_DEPTH {
            self.refuse(&format!(
                "A file was left out because its name is too long: more than {MAX_PATH_BYTES} bytes, or \
                 more than {MAX_PATH_DEPTH} folders deep. Rename it and choose it again."
            ));
            return false;
        }
        if self.0.files.borrow().len() + self.0.folders.borrow().len() >= MAX_FILES {
            self.refuse(&format!(
                "Only the first {MAX_FILES} files were taken. Put the others into an archive or a second room."
            ));
            return false;
        }
        true
    }

    fn add_entry<'a>(
        &'a self,
        entry: FileSystemEntry,
        handle: Option<JsValue>,
        folder: String,
        unread: &'a mut Unread,
    ) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
        Box::pin(async move {
            let path =
                if folder.is_empty() { entry.name() } else { format!("{folder}/{}", entry.name()) };
            if entry.is_file() {
                match file_of(entry.unchecked_into()).await {
                    Ok(file) => self.add(path, file, handle),
                    Err(_) => unread.note(&path),
                }
                return;
            }
            let reader = entry.unchecked_into::<FileSystemDirectoryEntry>().create_reader();
            let mut empty = true;
            // A reader hands out a hundred entries at a time, until it hands out none.
            loop {
                let Ok(batch) = read_entries(&reader).await else {
                    unread.note(&path);
                    return;
                };
                if batch.length() == 0 {
                    break;
                }
                empty = false;
                for entry in batch.iter() {
                    self.add_entry(entry.unchecked_into(), None, path.clone(), unread).await;
                }
            }
            // Nobody wants it twice.
            let known = empty && self.0.folders.borrow().contains(&path);
            if empty && !known && self.has_place_for(&path) {
                self.0.folders.borrow_mut().push(path);
            }
        })
    }

    fn tell(&self) {
        let (files, folders) = (self.0.files.borrow(), self.0.folders.borrow());
        let file = |chosen: &ChosenFile| SelectedFile {
            path: chosen.path.clone(),
            bytes: bytes_of(&chosen.file),
        };
        let folder = |path: &String| SelectedFile { path: format!("{path}/"), bytes: 0 };
        let listed: Vec<_> = files.iter().map(file).chain(folders.iter().map(folder)).collect();
        let reading = self.0.reading.get() > 0;
        let nothing = files.is_empty() && !folders.is_empty() && !reading;
        let view = SelectionView {
            total_bytes: listed.iter().map(|file| file.bytes).sum(),
            empty_folders: folders.len(),
            files: Rc::new(listed),
            reading,
            problem: self.0.problem.borrow().clone().or(nothing.then(|| ONLY_FOLDERS.to_owned())),
        };
        drop((files, folders));
        (self.0.on_change)(view);
    }
}

/// What of a drop could not be read.
#[derive(Default)]
struct Unread {
    /// The first few, as they are shown.
    named: Vec<String>,
    others: usize,
}

impl Unread {
    fn note(&mut self, path: &str) {
        match self.named.len() {
            0..UNREAD_NAMED => self.named.push(format!("“{}”", shown_name(path))),
            _ => self.others += 1,
        }
    }

    fn sentence(&self) -> Option<String> {
        let (last, before) = self.named.split_last()?;
        let names = match (before.join(", "), self.others) {
            (before, 0) if before.is_empty() => last.clone(),
            (before, 0) => format!("{before} and {last}"),
            (before, others) => format!("{before}, {last} and {others} more"),
        };
        Some(format!("{names} could not be read and will not be sent."))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_read_is_named() {
        let mut unread = Unread::default();
        let mut sentences = vec![unread.sentence()];
        for path in ["a", "f/b\u{202e}", "c", "d", "e"] {
            unread.note(path);
            sentences.push(unread.sentence());
        }
        let told = |names: &str| Some(format!("{names} could not be read and will not be sent."));
        assert_eq!(
            sentences[..4],
            [None, told("“a”"), told("“a” and “f/b”"), told("“a”, “f/b” and “c”")]
        );
        assert_eq!(sentences[5], told("“a”, “f/b”, “c” and 2 more"));
    }
}
