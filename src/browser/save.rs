//! Finished downloads, to the person's disk: one file as it is, several as one archive. Those that go into a folder of
//! the person's choice are in [`super::folder`].

use std::rc::Rc;

use js_sys::{Array, Date, JsString, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, Url};

use super::error::Error;
use crate::archive::portable::download_name;
use crate::archive::zip::{ZipEntry, ZipTime, ZipWriter};
use crate::transfer::Saved;

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
    /// When its owner changed it, in milliseconds since 1970.
    pub modified: Option<u64>,
}

impl FinishedFile {
    /// Without the folders on its way.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Its bytes.
    ///
    /// # Errors
    /// The browser refuses.
    pub fn part_of(&self, content: &Blob) -> Result<Blob, Error> {
        let (start, end) = (self.offset as f64, (self.offset + self.bytes) as f64);
        Ok(content.slice_with_f64_and_f64_and_content_type(start, end, OCTETS)?)
    }
}

/// What [`crate::archive::fold::Fold`] asks for.
pub fn fold(text: &str) -> String {
    let form_c = JsString::from(text).normalize("NFC");
    form_c.to_lower_case().to_upper_case().normalize("NFC").into()
}

/// Something to save under a name: the browser copies it from its own disk, nothing is held in memory.
pub struct Parcel {
    name: String,
    /// The file's own, if it is another.
    own_name: Option<String>,
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
    /// What the browser would make of the name is made of it before, so that the page can tell it.
    fn new(blob: &Blob, wanted: &str) -> Result<Self, Error> {
        let url = Rc::new(ObjectUrl::new(blob)?);
        let name = download_name(wanted);
        let own_name = (name != wanted).then(|| wanted.to_owned());
        Ok(Self { name, own_name, url })
    }

    /// One file, under its own name if browsers save such.
    ///
    /// # Errors
    /// The browser refuses.
    pub fn single(content: &Blob, file: &FinishedFile) -> Result<Self, Error> {
        Self::new(&file.part_of(content)?, file.name())
    }

    /// Several files as one archive, which refers to the stored content instead of copying it, and folders with nothing
    /// in them.
    ///
    /// # Errors
    /// The browser refuses.
    pub fn archive(
        content: &Blob,
        files: &[FinishedFile],
        sums: &[u32],
        folders: &[String],
        name: &str,
    ) -> Result<Self, Error> {
        let parts = Array::new();
        let mut writer = ZipWriter::new();
        let now = Date::now() as u64;
        for (file, crc32) in files.iter().zip(sums) {
            let changed = local_time(file.modified.unwrap_or(now));
            let path = file.path.clone();
            let entry = ZipEntry { path, bytes: file.bytes, crc32: *crc32, changed };
            parts.push(&Uint8Array::from(writer.local_header(&entry).as_slice()));
            if file.bytes > 0 {
                parts.push(file.part_of(content)?.as_ref());
            }
        }
        for folder in folders {
            let path = format!("{folder}/");
            let entry = ZipEntry { path, bytes: 0, crc32: 0, changed: local_time(now) };
            parts.push(&Uint8Array::from(writer.local_header(&entry).as_slice()));
        }
        parts.push(&Uint8Array::from(writer.finish().as_slice()));
        Self::new(&Blob::new_with_blob_sequence_and_options(&parts, &octets())?, name)
    }

    /// Where it goes, for the page to tell.
    pub fn saved(&self) -> Saved {
        Saved::File { name: self.name.clone(), own_name: self.own_name.clone() }
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

/// A time of change, in milliseconds since 1970, with how far this computer's clock is ahead then.
fn local_time(millis: u64) -> ZipTime {
    let date = Date::new(&(millis as f64).into());
    let ahead_of_utc = -60 * date.get_timezone_offset() as i32;
    ZipTime { unix_seconds: millis / 1000, ahead_of_utc }
}
