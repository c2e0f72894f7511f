//! A file of the browser's own file system: every call is done to the letter, or has failed.
//!
//! On a full disk Chromium's `write` answers a short count, or 4294967288, which is a negative error code read as a large
//! number, instead of throwing. So nothing but exactly the length is a success.

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, FileSystemFileHandle, FileSystemReadWriteOptions, FileSystemSyncAccessHandle};

use super::super::error::Error;

/// Bytes that are read at once, at most. A size beyond that is no size of ours.
const MOST_BYTES: f64 = 268_435_456.0;

#[wasm_bindgen]
extern "C" {
    // web-sys takes for granted that these do not throw; what is thrown past Rust would never be told to the page.
    type Careful;
    #[wasm_bindgen(method, catch, js_name = close)]
    fn close(this: &Careful) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch, js_name = getFile)]
    fn get_file(this: &Careful) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = createSyncAccessHandle)]
    fn create_sync_access_handle(this: &Careful) -> Result<Promise, JsValue>;
}

/// A file that is open for reading and writing, and locked.
pub struct OpenFile(FileSystemSyncAccessHandle);

impl OpenFile {
    /// Opens it.
    ///
    /// # Errors
    /// Somebody else has it open, or the browser refuses.
    pub async fn open(file: &FileSystemFileHandle) -> Result<Self, Error> {
        let opening = file.unchecked_ref::<Careful>().create_sync_access_handle()?;
        Ok(Self(JsFuture::from(opening).await?.dyn_into()?))
    }

    /// Its length in bytes.
    ///
    /// # Errors
    /// The browser does not know.
    pub fn size(&self) -> Result<f64, Error> {
        let size = self.0.get_size()?;
        if size >= 0.0 && size.fract() == 0.0 { Ok(size) } else { Err(incomplete("size")) }
    }

    /// Writes all of these bytes.
    ///
    /// # Errors
    /// Not all of them were written: the disk or the site's share of it is full.
    pub fn write(&self, offset: f64, bytes: &Uint8Array) -> Result<(), Error> {
        let written = self.0.write_with_buffer_source_and_options(bytes, &at(offset))?;
        exactly(written, bytes.length()).ok_or_else(|| incomplete("write"))
    }

    /// Reads exactly so many bytes.
    ///
    /// # Errors
    /// The file is shorter, or cannot be read.
    pub fn read(&self, offset: f64, length: f64) -> Result<Uint8Array, Error> {
        if !(0.0..=MOST_BYTES).contains(&length) {
            return Err(incomplete("read"));
        }
        let bytes = Uint8Array::new_with_length(length as u32);
        let read = self.0.read_with_buffer_source_and_options(&bytes, &at(offset))?;
        exactly(read, bytes.length()).ok_or_else(|| incomplete("read"))?;
        Ok(bytes)
    }

    /// Makes it this long.
    ///
    /// # Errors
    /// The browser refuses, or it has another length all the same.
    pub fn truncate(&self, bytes: f64) -> Result<(), Error> {
        self.0.truncate_with_f64(bytes)?;
        if self.size()? == bytes { Ok(()) } else { Err(incomplete("truncate")) }
    }

    /// Has the browser bring all that was written to the disk.
    ///
    /// # Errors
    /// The disk is full.
    pub fn flush(&self) -> Result<(), Error> {
        Ok(self.0.flush()?)
    }

    /// Closes it.
    ///
    /// # Errors
    /// The browser refuses. It is as good as open then.
    pub fn close(&self) -> Result<(), Error> {
        Ok(self.0.unchecked_ref::<Careful>().close()?)
    }
}

/// The file as it is now.
///
/// # Errors
/// It cannot be read.
pub async fn file_of(handle: &FileSystemFileHandle) -> Result<File, Error> {
    let asked = handle.unchecked_ref::<Careful>().get_file()?;
    Ok(JsFuture::from(asked).await?.dyn_into()?)
}

fn at(offset: f64) -> FileSystemReadWriteOptions {
    let options = FileSystemReadWriteOptions::new();
    options.set_at(offset);
    options
}

/// Something if a call did all that was asked. `undefined` comes as not a number.
fn exactly(done: f64, length: u32) -> Option<()> {
    (done == f64::from(length)).then_some(())
}

fn incomplete(what: &str) -> Error {
    Error::named("QuotaExceededError", what)
}

#[cfg(test)]
mod tests {
    use super::exactly;

    #[test]
    fn only_exactly_the_length_is_a_success() {
        assert_eq!(exactly(262_144.0, 262_144), Some(()));
        assert_eq!(exactly(0.0, 0), Some(()));
        let others = [0.0, 262_143.0, 262_145.0, 4_294_967_288.0, -8.0, f64::NAN, f64::INFINITY];
        for other in others {
            assert_eq!(exactly(other, 262_144), None, "{other}");
        }
    }
}
