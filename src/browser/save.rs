//! Finished downloads, to the person's disk: one file as it is, several as one archive or into a folder.

use std::rc::Rc;

use js_sys::{Array, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, BlobPropertyBag, File, FileSystemDirectoryHandle, FileSystemFileHandle,
    FileSystemGetDirectoryOptions, FileSystemGetFileOptions, FileSystemWritableFileStream,
    HtmlAnchorElement, ReadableStream, Url,
};

use super::error::Error;
use crate::archive::zip::{ZipEntry, ZipWriter};

/// Saved files are never given a type that a browser would open by itself.
const OCTETS: &str = "application/octet-stream";

/// One file of a finished download.
#[derive(Clone, Debug)]
pub struct FinishedFile {
    /// A path that is safe on any system.
    pub path: String,
    /// Where it begins in the stored content.
    pub offset: u64,
    /// Its size.
    pub bytes: u64,
}

/// Something to save under a name: the browser copies it from its own disk, nothing is held in memory.
pub struct Parcel {
    name: String,
    url: Rc<ObjectUrl>,
}

/// The address of a blob; dropping it lets go of the blob.
pub struct ObjectUrl(String);

impl ObjectUrl {
    /// Makes one.
    ///
    /// # Errors
    /// The browser refuses.
    pub fn new(blob: &Blob) -> Result<Self, Error> {
        Ok(Self(Url::create_object_url_with_blob(blob)?))
    }

    /// The address.
    pub fn address(&self) -> &str {
        &self.0
    }
}

impl Drop for ObjectUrl {
    fn drop(&mut self) {
        let _ = Url::revoke_object_url(&self.0);
    }
}

impl Parcel {
    fn new(blob: &Blob, name: &str) -> Result<Self, Error> {
        let url = Rc::new(ObjectUrl::new(blob)?);
        Ok(Self { name: name.to_owned(), url })
    }

    /// One file, under its own name.
    ///
    /// # Errors
    /// The browser refuses.
    pub fn single(content: &Blob, file: &FinishedFile) -> Result<Self, Error> {
        let name = file.path.rsplit('/').next().unwrap_or(&file.path);
        Self::new(&part(content, file)?, name)
    }

    /// Several files as one archive, which refers to the stored content instead of copying it.
    ///
    /// # Errors
    /// The browser refuses.
    pub fn archive(
        content: &Blob,
        files: &[FinishedFile],
        sums: &[u32],
        name: &str,
    ) -> Result<Self, Error> {
        let parts = Array::new();
        let mut writer = ZipWriter::new((js_sys::Date::now() / 1000.0) as u64);
        for (file, crc32) in files.iter().zip(sums) {
            let entry = ZipEntry { path: file.path.clone(), bytes: file.bytes, crc32: *crc32 };
            parts.push(&Uint8Array::from(writer.local_header(&entry).as_slice()));
            if file.bytes > 0 {
                parts.push(part(content, file)?.as_ref());
            }
        }
        parts.push(&Uint8Array::from(writer.finish().as_slice()));
        Self::new(&Blob::new_with_blob_sequence_and_options(&parts, &octets())?, name)
    }

    /// The name under which it is saved.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Has the browser save it.
    ///
    /// # Errors
    /// The page has no document.
    pub fn save(&self) -> Result<(), Error> {
        let document = web_sys::window()
            .and_then(|window| window.document())
            .ok_or_else(|| Error::from(JsValue::from_str("no document")))?;
        let anchor: HtmlAnchorElement = document.create_element("a")?.unchecked_into();
        anchor.set_href(&self.url.0);
        anchor.set_download(&self.name);
        anchor.click();
        Ok(())
    }
}

fn octets() -> BlobPropertyBag {
    let options = BlobPropertyBag::new();
    options.set_type(OCTETS);
    options
}

fn part(content: &Blob, file: &FinishedFile) -> Result<Blob, Error> {
    let (start, end) = (file.offset as f64, (file.offset + file.bytes) as f64);
    Ok(content.slice_with_f64_and_f64_and_content_type(start, end, OCTETS)?)
}

/// Whether the browser lets pages write into a folder of the person's choice (Chromium).
pub fn can_choose_folder() -> bool {
    Reflect::has(&js_sys::global(), &"showDirectoryPicker".into()).unwrap_or(false)
}

/// Asks the person for a folder.
///
/// # Errors
/// The person declines, or the browser has no such dialogue.
pub async fn choose_folder() -> Result<FileSystemDirectoryHandle, Error> {
    let global = js_sys::global();
    let show: js_sys::Function =
        Reflect::get(&global, &"showDirectoryPicker".into())?.dyn_into()?;
    let options = js_sys::Object::new();
    Reflect::set(&options, &"mode".into(), &"readwrite".into())?;
    let promise: js_sys::Promise = show.call1(&global, &options)?.dyn_into()?;
    Ok(JsFuture::from(promise).await?.dyn_into()?)
}

/// Writes one file below a folder, with the folders on its way.
///
/// # Errors
/// The disk is full, or the folder may not be written.
pub async fn write_into(
    folder: &FileSystemDirectoryHandle,
    content: &Blob,
    file: &FinishedFile,
) -> Result<(), Error> {
    let mut folder = folder.clone();
    let mut parts: Vec<&str> = file.path.split('/').collect();
    let name = parts.pop().unwrap_or(&file.path);
    for part in parts {
        let options = FileSystemGetDirectoryOptions::new();
        options.set_create(true);
        let next = folder.get_directory_handle_with_options(part, &options);
        folder = JsFuture::from(next).await?.dyn_into()?;
    }
    let options = FileSystemGetFileOptions::new();
    options.set_create(true);
    let target: FileSystemFileHandle =
        JsFuture::from(folder.get_file_handle_with_options(name, &options)).await?.dyn_into()?;
    let writable: FileSystemWritableFileStream =
        JsFuture::from(target.create_writable()).await?.dyn_into()?;
    let stream: ReadableStream = part(content, file)?.stream();
    // Piping closes the target, which is when the file takes its place.
    JsFuture::from(stream.pipe_to(&writable)).await?;
    let written: File = JsFuture::from(target.get_file()).await?.dyn_into()?;
    if written.size() == file.bytes as f64 {
        Ok(())
    } else {
        Err(Error::named("QuotaExceededError", "not all of it was written"))
    }
}
