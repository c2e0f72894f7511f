//! One download in the browser's own file system: its content, and beside it what is known of it.

use js_sys::{AsyncIterator, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions,
    FileSystemGetFileOptions, WorkerGlobalScope,
};

use super::super::error::Error;
use super::super::support::global;
use super::exact::{OpenFile, file_of};
use crate::store_state::{SAVED_END, StoreState};

/// The folder that holds all of this site's downloads.
const FOLDER: &str = "downloads";
/// Bytes written between two flushes.
const FLUSH_BYTES: u64 = 32 << 20;
/// A download that nobody holds open is removed after this time; until then the browser may still be copying
/// it to where the person keeps it.
const KEEP_MILLIS: f64 = 7.0 * 24.0 * 3600.0 * 1000.0;
/// What browsers answer when another worker holds a file open.
pub const LOCKED: &str = "NoModificationAllowedError";
/// What browsers answer when there is no such file.
const ABSENT: &str = "NotFoundError";
/// A page that was reloaded, or a download that was cancelled, lets go of its files within this many tries.
const LOCK_TRIES: u32 = 12;
const LOCK_PAUSE_MILLIS: i32 = 250;

/// Two files that only this worker can open. The handle of the state stays open for as long as the worker lives and
/// keeps other tabs and their clean-up away; that of the content is closed when the content is whole, because files
/// that are open for writing cannot be saved.
pub struct OpfsStore {
    folder: FileSystemDirectoryHandle,
    name: String,
    file: FileSystemFileHandle,
    content: Option<OpenFile>,
    state: OpenFile,
    /// Bytes of the state that are written in full; what is appended goes there.
    state_end: f64,
    /// Pieces on the disk, and where the state tells of them.
    have: Vec<u8>,
    have_at: f64,
    unflushed: u64,
}

impl OpfsStore {
    /// Opens or creates both files, and removes those that were left behind by others. Answers the state as it is.
    ///
    /// # Errors
    /// [`LOCKED`]: another tab holds them. Any other: this browser, or this kind of window, keeps no files for pages.
    pub async fn open(name: &str) -> Result<(Self, Uint8Array), Error> {
        let folder = downloads(true).await?;
        // A failed clean-up costs space and nothing else.
        let _ = remove_old(&folder, name).await;
        let mut tries = 0;
        loop {
            match Self::lock(&folder, name).await {
                // Removed between being found and being opened.
                Err(error) if (error.is(LOCKED) || error.is(ABSENT)) && tries < LOCK_TRIES => {
                    tries += 1;
                    sleep(LOCK_PAUSE_MILLIS).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn lock(
        folder: &FileSystemDirectoryHandle,
        name: &str,
    ) -> Result<(Self, Uint8Array), Error> {
        let state = OpenFile::open(&handle_of(folder, &state_name(name)).await?).await?;
        match Self::with_content(folder, name, &state).await {
            Ok((file, content, bytes)) => {
                let (folder, name, content) = (folder.clone(), name.to_owned(), Some(content));
                let (have, have_at, state_end) = (Vec::new(), 0.0, bytes.length().into());
                let unflushed = 0;
                let store = Self {
                    folder,
                    name,
                    file,
                    content,
                    state,
                    state_end,
                    have,
                    have_at,
                    unflushed,
                };
                Ok((store, bytes))
            }
            Err(error) => {
                // Else it could not be opened again before the worker ends.
                let _ = state.close();
                Err(error)
            }
        }
    }

    async fn with_content(
        folder: &FileSystemDirectoryHandle,
        name: &str,
        state: &OpenFile,
    ) -> Result<(FileSystemFileHandle, OpenFile, Uint8Array), Error> {
        let bytes = state.read(0.0, state.size()?)?;
        let file = handle_of(folder, name).await?;
        let content = OpenFile::open(&file).await?;
        Ok((file, content, bytes))
    }

    fn content(&self) -> Result<&OpenFile, Error> {
        self.content.as_ref().ok_or(Error::NotAuthentic)
    }

    /// Whether the content is whole and closed.
    pub fn is_closed(&self) -> bool {
        self.content.is_none()
    }

    /// The content, to be read from once it is closed, or opened again by [`Self::reopened`].
    pub fn file(&self) -> FileSystemFileHandle {
        self.file.clone()
    }

    /// The content is open again: something of it is to be written anew.
    pub fn reopened(&mut self, content: OpenFile) {
        self.content = Some(content);
    }

    /// Replaces the state. Its bits of pieces are `have_bytes` from `have_at` on. What is stored stays or goes.
    ///
    /// # Errors
    /// The disk is full.
    pub fn begin(
        &mut self,
        state: &Uint8Array,
        (have_at, have_bytes): (u32, u32),
        keep: bool,
    ) -> Result<(), Error> {
        if !keep {
            self.content()?.truncate(0.0)?;
        }
        self.state.write(0.0, state)?;
        self.state_end = state.length().into();
        self.state.truncate(self.state_end)?;
        self.state.flush()?;
        self.have = state.subarray(have_at, have_at + have_bytes).to_vec();
        self.have_at = have_at.into();
        Ok(())
    }

    /// Appends to the state.
    ///
    /// # Errors
    /// The disk is full.
    pub fn append(&mut self, record: &Uint8Array) -> Result<(), Error> {
        self.state.write(self.state_end, record)?;
        self.state_end += f64::from(record.length());
        Ok(())
    }

    /// Changes a part of the state.
    ///
    /// # Errors
    /// The disk is full.
    pub fn mark(&self, at: f64, bytes: &Uint8Array) -> Result<(), Error> {
        self.state.write(at, bytes)?;
        self.state.flush()
    }

    /// Writes a piece.
    ///
    /// # Errors
    /// The disk or the site's share of it is full.
    pub fn write(&mut self, piece: u32, offset: f64, bytes: &Uint8Array) -> Result<(), Error> {
        self.content()?.write(offset, bytes)?;
        self.claim(piece, true);
        self.unflushed += u64::from(bytes.length());
        if self.unflushed >= FLUSH_BYTES { self.flush() } else { Ok(()) }
    }

    /// Remembers that a piece is there, or is not.
    pub fn claim(&mut self, piece: u32, there: bool) {
        if let Some(byte) = self.have.get_mut((piece / 8) as usize) {
            let bit = 0x80 >> (piece % 8);
            *byte = if there { *byte | bit } else { *byte & !bit };
        }
    }

    /// First the content, then what is said of it: a crash never leaves a claim of something that is not there.
    ///
    /// # Errors
    /// The disk is full.
    pub fn flush(&mut self) -> Result<(), Error> {
        if let Some(content) = &self.content {
            content.flush()?;
        }
        self.unflushed = 0;
        self.mark(self.have_at, &Uint8Array::from(self.have.as_slice()))
    }

    /// A part of the content.
    ///
    /// # Errors
    /// The file is shorter, or cannot be read.
    pub fn read(&self, offset: f64, length: f64) -> Result<Uint8Array, Error> {
        self.content()?.read(offset, length)
    }

    /// Ends writing, if that was not done; the content stays on disk and is read from [`Self::file`].
    ///
    /// # Errors
    /// The last bytes could not be written.
    pub fn close(&mut self, bytes: f64) -> Result<(), Error> {
        let Some(content) = &self.content else { return Ok(()) };
        // A browser that is still copying what an earlier visit saved stops if the file changes.
        if content.size()? != bytes {
            content.truncate(bytes)?;
        }
        self.flush()?;
        self.content()?.close()?;
        self.content = None;
        Ok(())
    }

    /// Closes and removes everything.
    pub async fn remove(self) {
        // Whoever opens it before it is gone finds nothing to go on with.
        let _ = self.state.truncate(0.0);
        if let Some(content) = self.content {
            let _ = content.close();
        }
        let _ = self.state.close();
        remove_pair(&self.folder, &self.name).await;
    }
}

fn state_name(name: &str) -> String {
    format!("{name}.state")
}

async fn downloads(create: bool) -> Result<FileSystemDirectoryHandle, Error> {
    let storage: web_sys::StorageManager = global(&["navigator", "storage"])?.dyn_into()?;
    let root: FileSystemDirectoryHandle =
        JsFuture::from(storage.get_directory()).await?.dyn_into()?;
    let options = FileSystemGetDirectoryOptions::new();
    options.set_create(create);
    let folder = root.get_directory_handle_with_options(FOLDER, &options);
    Ok(JsFuture::from(folder).await?.dyn_into()?)
}

/// Whether there is a download of this name. Pages may ask as well as workers.
pub async fn is_stored(name: &str) -> bool {
    let Ok(folder) = downloads(false).await else { return false };
    JsFuture::from(folder.get_file_handle(&state_name(name))).await.is_ok()
}

/// Removes a download that nobody holds open, unless its files were saved: then the browser may still be copying it,
/// and it goes with those that are old. Pages may do so as well as workers.
pub async fn forget_unsaved(name: &str) {
    let Ok(folder) = downloads(false).await else { return };
    if !is_saved(&folder, name).await.unwrap_or(false) {
        remove_pair(&folder, name).await;
    }
}

async fn is_saved(folder: &FileSystemDirectoryHandle, name: &str) -> Result<bool, Error> {
    let state = JsFuture::from(folder.get_file_handle(&state_name(name))).await?;
    let state: FileSystemFileHandle = state.dyn_into()?;
    let state = file_of(&state).await?;
    let start = state.slice_with_f64_and_f64(0.0, SAVED_END as f64)?;
    let start = JsFuture::from(start.array_buffer()).await?;
    Ok(StoreState::says_saved(&Uint8Array::new(&start).to_vec()))
}

/// The state goes first: it is locked for as long as anybody uses either.
async fn remove_pair(folder: &FileSystemDirectoryHandle, name: &str) {
    let state = JsFuture::from(folder.remove_entry(&state_name(name))).await;
    if state.map_or_else(|error| Error::from(error).is(ABSENT), |_| true) {
        let _ = JsFuture::from(folder.remove_entry(name)).await;
    }
}

async fn handle_of(
    folder: &FileSystemDirectoryHandle,
    name: &str,
) -> Result<FileSystemFileHandle, Error> {
    let options = FileSystemGetFileOptions::new();
    options.set_create(true);
    Ok(JsFuture::from(folder.get_file_handle_with_options(name, &options)).await?.dyn_into()?)
}

/// Lets time pass, in a worker.
pub async fn sleep(millis: i32) {
    let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
    let passed = Promise::new(&mut |resolve, _| {
        let _ = scope.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, millis);
    });
    let _ = JsFuture::from(passed).await;
}

/// Removes what nobody has used for a while, but not what this worker came for.
async fn remove_old(folder: &FileSystemDirectoryHandle, own: &str) -> Result<(), Error> {
    let entries: AsyncIterator = folder.values().unchecked_into();
    let mut files = Vec::new();
    loop {
        let next = JsFuture::from(entries.next()?).await?;
        if Reflect::get(&next, &"done".into())?.is_truthy() {
            break;
        }
        let entry: JsValue = Reflect::get(&next, &"value".into())?;
        let Ok(entry) = entry.dyn_into::<FileSystemFileHandle>() else { continue };
        let Ok(file) = file_of(&entry).await else { continue };
        let old = js_sys::Date::now() - file.last_modified() > KEEP_MILLIS;
        files.push((entry.name(), old));
    }
    for (file, old) in &files {
        // The state is written last, so it tells the age of both.
        let name = file.strip_suffix(".state");
        let alone = !files.iter().any(|(other, _)| *other == state_name(file));
        let name = name.or_else(|| alone.then_some(file.as_str()));
        if let Some(name) = name.filter(|name| *old && *name != own) {
            remove_pair(folder, name).await;
        }
    }
    Ok(())
}
