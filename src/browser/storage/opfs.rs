//! One file in the browser's own file system.

use js_sys::{AsyncIterator, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions,
    FileSystemGetFileOptions, FileSystemReadWriteOptions, FileSystemSyncAccessHandle,
};

use super::super::error::Error;
use super::worker::global;

/// The folder that holds all of this site's downloads.
const FOLDER: &str = "downloads";
/// Bytes written between two flushes.
const FLUSH_BYTES: u64 = 32 << 20;
/// A download that nobody holds open is removed after this time; until then the browser may still be copying
/// it to where the person keeps it.
const KEEP_MILLIS: f64 = 24.0 * 3600.0 * 1000.0;

/// A file that only this worker can open.
pub struct OpfsStore {
    folder: FileSystemDirectoryHandle,
    name: String,
    file: FileSystemFileHandle,
    handle: Option<FileSystemSyncAccessHandle>,
    unflushed: u64,
}

impl OpfsStore {
    /// Creates the file, and removes those that were left behind.
    ///
    /// # Errors
    /// This browser, or this kind of window, keeps no files for pages.
    pub async fn open(name: &str) -> Result<Self, Error> {
        let storage: web_sys::StorageManager = global(&["navigator", "storage"])?.dyn_into()?;
        let root: FileSystemDirectoryHandle =
            JsFuture::from(storage.get_directory()).await?.dyn_into()?;
        let options = FileSystemGetDirectoryOptions::new();
        options.set_create(true);
        let folder: FileSystemDirectoryHandle =
            JsFuture::from(root.get_directory_handle_with_options(FOLDER, &options))
                .await?
                .dyn_into()?;
        // A failed clean-up costs space and nothing else.
        let _ = remove_old(&folder).await;
        let options = FileSystemGetFileOptions::new();
        options.set_create(true);
        let file: FileSystemFileHandle =
            JsFuture::from(folder.get_file_handle_with_options(name, &options))
                .await?
                .dyn_into()?;
        let handle: FileSystemSyncAccessHandle =
            JsFuture::from(file.create_sync_access_handle()).await?.dyn_into()?;
        let name = name.to_owned();
        Ok(Self { folder, name, file, handle: Some(handle), unflushed: 0 })
    }

    fn handle(&self) -> Result<&FileSystemSyncAccessHandle, Error> {
        self.handle.as_ref().ok_or(Error::NotAuthentic)
    }

    /// Writes a piece.
    ///
    /// # Errors
    /// The disk or the site's share of it is full.
    pub fn write(&mut self, offset: f64, bytes: &Uint8Array) -> Result<(), Error> {
        let options = FileSystemReadWriteOptions::new();
        options.set_at(offset);
        let written = self.handle()?.write_with_buffer_source_and_options(bytes, &options)?;
        // Chromium answers a short count when the disk is full.
        if written < f64::from(bytes.length()) {
            return Err(Error::Exception {
                name: "QuotaExceededError".to_owned(),
                message: "the disk is full".to_owned(),
            });
        }
        self.unflushed += u64::from(bytes.length());
        if self.unflushed >= FLUSH_BYTES {
            self.unflushed = 0;
            self.handle()?.flush()?;
        }
        Ok(())
    }

    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// The file is shorter, or cannot be read.
    pub fn read(&self, offset: f64, buffer: &mut [u8]) -> Result<(), Error> {
        let options = FileSystemReadWriteOptions::new();
        options.set_at(offset);
        let read = self.handle()?.read_with_u8_array_and_options(buffer, &options)?;
        if read < buffer.len() as f64 { Err(Error::NotAuthentic) } else { Ok(()) }
    }

    /// Ends writing; the content stays on disk and is read from there.
    ///
    /// # Errors
    /// The last bytes could not be written.
    pub async fn close(&mut self, bytes: f64) -> Result<Blob, Error> {
        if let Some(handle) = self.handle.take() {
            handle.truncate_with_f64(bytes)?;
            handle.flush()?;
            handle.close();
        }
        Ok(JsFuture::from(self.file.get_file()).await?.dyn_into()?)
    }

    /// Ends writing and removes the file.
    pub async fn remove(mut self) {
        if let Some(handle) = self.handle.take() {
            handle.close();
        }
        let _ = JsFuture::from(self.folder.remove_entry(&self.name)).await;
    }
}

async fn remove_old(folder: &FileSystemDirectoryHandle) -> Result<(), Error> {
    let entries: AsyncIterator = folder.values().unchecked_into();
    let mut old = Vec::new();
    loop {
        let next = JsFuture::from(entries.next()?).await?;
        if Reflect::get(&next, &"done".into())?.is_truthy() {
            break;
        }
        let entry: JsValue = Reflect::get(&next, &"value".into())?;
        let Ok(entry) = entry.dyn_into::<FileSystemFileHandle>() else { continue };
        let Ok(file) = JsFuture::from(entry.get_file()).await else { continue };
        let file: web_sys::File = file.unchecked_into();
        if js_sys::Date::now() - file.last_modified() > KEEP_MILLIS {
            old.push(entry.name());
        }
    }
    for name in old {
        // One that another tab is writing stays: its handle locks it.
        let _ = JsFuture::from(folder.remove_entry(&name)).await;
    }
    Ok(())
}
