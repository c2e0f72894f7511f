//! Writing a finished download into a folder that the person chose (Chromium). Nothing that is there is replaced.

use std::collections::{HashMap, HashSet};

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, File, FileSystemDirectoryHandle, FileSystemWritableFileStream};

use super::error::Error;
use super::save::{FinishedFile, fold};
use crate::archive::fold::path_key;
use crate::archive::placing::{Found, Kind, Naming, Step};
use crate::transfer::{FolderSave, SaveEnd};

#[wasm_bindgen]
extern "C" {
    /// A `FileSystemDirectoryHandle`, whose refusals are never exceptions that end the module.
    #[derive(Clone)]
    type Folder;
    #[wasm_bindgen(method, catch, js_name = getFileHandle)]
    fn file(this: &Folder, name: &str, options: &Object) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = getDirectoryHandle)]
    fn folder(this: &Folder, name: &str, options: &Object) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = removeEntry)]
    fn remove(this: &Folder, name: &str) -> Result<Promise, JsValue>;

    /// A `FileSystemFileHandle`.
    type Target;
    #[wasm_bindgen(method, catch, js_name = getFile)]
    fn file(this: &Target) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = createWritable)]
    fn open(this: &Target, options: &Object) -> Result<Promise, JsValue>;
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
    let show: Function = Reflect::get(&global, &"showDirectoryPicker".into())?.dyn_into()?;
    let options = object("mode", &"readwrite".into());
    let promise: Promise = show.call1(&global, &options)?.dyn_into()?;
    Ok(JsFuture::from(promise).await?.unchecked_into())
}

/// Writes files and folders below a folder, and keeps the report of it.
pub struct FolderWriter {
    chosen: Place,
    /// What became of each folder of the download, by its path there. `None` if there is no name for it.
    folders: HashMap<String, Option<Place>>,
    /// Folders that were made, each after those that it is in: where, and its name and path in the download.
    made: Vec<(Folder, String, String)>,
    /// Keys of all paths of the download: names that its other files and folders want.
    wanted: HashSet<String>,
    /// Paths of folders that stay even if nothing is in them.
    empty: HashSet<String>,
    report: FolderSave,
}

/// A folder on the person's disk.
#[derive(Clone)]
struct Place {
    folder: Folder,
    /// From the chosen folder, with `/` at its end unless it is that.
    path: String,
}

/// Why something cannot be written.
enum Refusal {
    /// Nor can anything else.
    All(SaveEnd),
    /// This one alone.
    One,
}

impl FolderWriter {
    /// Nothing of these files and empty folders is written yet.
    pub fn new(
        chosen: FileSystemDirectoryHandle,
        files: &[FinishedFile],
        empty: &[String],
    ) -> Self {
        let mut paths: HashSet<&str> = HashSet::new();
        for path in files.iter().map(|file| &file.path).chain(empty) {
            let mut path = path.as_str();
            while paths.insert(path) {
                let Some((above, _)) = path.rsplit_once('/') else { break };
                path = above;
            }
        }
        Self {
            report: FolderSave { folder: chosen.name(), of: files.len(), ..Default::default() },
            chosen: Place { folder: chosen.unchecked_into(), path: String::new() },
            folders: HashMap::new(),
            made: Vec::new(),
            wanted: paths.into_iter().map(|path| path_key(path, &fold)).collect(),
            empty: empty.iter().cloned().collect(),
        }
    }

    /// Writes one file, with the folders on its way. Tells whether more can be written.
    pub async fn write(&mut self, content: &Blob, file: &FinishedFile) -> bool {
        match self.write_file(content, file).await {
            Ok(()) => self.report.saved += 1,
            Err(Refusal::One) => self.report.left_out.push(file.path.clone()),
            Err(Refusal::All(end)) => self.report.end = Some(end),
        }
        self.report.end.is_none()
    }

    /// Makes a folder, with those on its way. Tells whether more can be written.
    pub async fn make_folder(&mut self, path: &str) -> bool {
        match self.place(path).await {
            Ok(_) => {}
            Err(Refusal::One) => self.report.left_out.push(format!("{path}/")),
            Err(Refusal::All(end)) => self.report.end = Some(end),
        }
        self.report.end.is_none()
    }

    /// What was written, and what not. Folders that were made for files that did not come are gone then.
    pub async fn finish(self) -> FolderSave {
        if !self.report.is_whole() {
            for (folder, name, path) in self.made.iter().rev() {
                if !self.empty.contains(path) {
                    // Those that hold something stay: it is refused.
                    remove(folder, name).await;
                }
            }
        }
        self.report
    }

    async fn write_file(&mut self, content: &Blob, file: &FinishedFile) -> Result<(), Refusal> {
        let name = file.name();
        let above = file.path.strip_suffix(name).unwrap_or_default();
        let place = self.place(above).await?;
        let mut naming = Naming::new(Kind::File, name);
        let mut found = look(&place.folder, name, Kind::File).await?;
        let (target, writable) = loop {
            found = match naming.looked(found, |other| self.wants(above, other)) {
                Step::Make => match create(&place.folder, naming.name()).await? {
                    Ok(created) => break created,
                    Err(found) => found,
                },
                Step::Look => look(&place.folder, naming.name(), Kind::File).await?,
                Step::Enter | Step::GiveUp => return Err(Refusal::One),
            };
        };
        if let Err(error) = fill(&target, &writable, content, file).await {
            remove(&place.folder, naming.name()).await;
            return Err(Refusal::of(&error));
        }
        let written = format!("{}{}", place.path, naming.name());
        if naming.name() != name {
            self.report.renamed.push((file.path.clone(), written));
        }
        Ok(())
    }

    /// Where a folder of the download is on the disk; it is made if need be.
    async fn place(&mut self, path: &str) -> Result<Place, Refusal> {
        let mut place = self.chosen.clone();
        let mut end = 0;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let start = end + usize::from(end > 0);
            end = start + name.len();
            let (above, path) = (&path[..start], &path[..end]);
            let known = match self.folders.get(path) {
                Some(known) => known.clone(),
                None => {
                    let made = self.enter(&place, above, name).await?;
                    self.folders.insert(path.to_owned(), made.clone());
                    made
                }
            };
            place = known.ok_or(Refusal::One)?;
        }
        Ok(place)
    }

    /// `above` is the path of the folder that it is in, as the download has it, with `/` at its end.
    async fn enter(
        &mut self,
        place: &Place,
        above: &str,
        name: &str,
    ) -> Result<Option<Place>, Refusal> {
        let mut naming = Naming::new(Kind::Folder, name);
        let mut found = look(&place.folder, name, Kind::Folder).await?;
        let folder: Folder = loop {
            let step = naming.looked(found, |other| self.wants(above, other));
            found = match step {
                Step::Make | Step::Enter => {
                    match settled(place.folder.folder(naming.name(), &creating())).await {
                        Ok(folder) => {
                            if step == Step::Make {
                                let made = (naming.name().to_owned(), format!("{above}{name}"));
                                self.made.push((place.folder.clone(), made.0, made.1));
                            }
                            break folder.unchecked_into();
                        }
                        Err(error) => found_by(&error, Kind::Folder)?,
                    }
                }
                Step::Look => look(&place.folder, naming.name(), Kind::Folder).await?,
                Step::GiveUp => return Ok(None),
            };
        };
        let path = format!("{}{}/", place.path, naming.name());
        if naming.name() != name {
            self.report.renamed.push((format!("{above}{name}/"), path.clone()));
        }
        Ok(Some(Place { folder, path }))
    }

    fn wants(&self, above: &str, name: &str) -> bool {
        self.wanted.contains(&path_key(&format!("{above}{name}"), &fold))
    }
}

impl Refusal {
    fn of(error: &Error) -> Self {
        if error.is("QuotaExceededError") {
            Self::All(SaveEnd::Full)
        } else if error.is("NotAllowedError") {
            Self::All(SaveEnd::Denied)
        } else {
            Self::One
        }
    }
}

/// What is under a name, without making anything.
async fn look(folder: &Folder, name: &str, kind: Kind) -> Result<Found, Refusal> {
    let (found, handle) = match kind {
        Kind::File => (Found::File, folder.file(name, &Object::new())),
        Kind::Folder => (Found::Folder, folder.folder(name, &Object::new())),
    };
    match settled(handle).await {
        Ok(_) => Ok(found),
        Err(error) => found_by(&error, kind),
    }
}

/// What an exception tells of a name that was asked for a file or a folder.
fn found_by(error: &Error, asked: Kind) -> Result<Found, Refusal> {
    if error.is("NotFoundError") {
        return Ok(Found::Nothing);
    }
    if error.is("TypeMismatchError") {
        return Ok(if asked == Kind::File { Found::Folder } else { Found::File });
    }
    match Refusal::of(error) {
        Refusal::One => Ok(Found::Refusal),
        all => Err(all),
    }
}

/// Makes a new file and opens it, or tells what is there instead.
async fn create(
    folder: &Folder,
    name: &str,
) -> Result<Result<(Target, FileSystemWritableFileStream), Found>, Refusal> {
    let target: Target = match settled(folder.file(name, &creating())).await {
        Ok(target) => target.unchecked_into(),
        // What vanished in between is no free name for ever.
        Err(error) if error.is("NotFoundError") => return Ok(Err(Found::Refusal)),
        Err(error) => return found_by(&error, Kind::File).map(Err),
    };
    let opened = async {
        if bytes_of(&target).await? > 0 {
            return Ok(Err(Found::File));
        }
        // Another page that came to the same name has it open.
        match settled(target.open(&object("mode", &"exclusive".into()))).await {
            Err(error) if error.is("NoModificationAllowedError") => Ok(Err(Found::File)),
            opened => opened.map(|writable| Ok(writable.unchecked_into())),
        }
    };
    match opened.await {
        Ok(opened) => Ok(opened.map(|writable| (target, writable))),
        // Chromium writes beside the file first, under a longer name.
        Err(error) => {
            remove(folder, name).await;
            found_by(&error, Kind::File).map(|_| Err(Found::Refusal))
        }
    }
}

/// Copies the content. It takes its place when it is whole.
async fn fill(
    target: &Target,
    writable: &FileSystemWritableFileStream,
    content: &Blob,
    file: &FinishedFile,
) -> Result<(), Error> {
    // Piping closes the target, or gives it up.
    let stream = file.part_of(content)?.stream();
    JsFuture::from(stream.pipe_to(writable)).await?;
    if bytes_of(target).await? != file.bytes {
        return Err(Error::named("QuotaExceededError", "not all of it was written"));
    }
    Ok(())
}

async fn bytes_of(target: &Target) -> Result<u64, Error> {
    let file: File = settled(target.file()).await?.unchecked_into();
    Ok(file.size() as u64)
}

/// Takes back what was made. Where this is refused as well, there is nothing left to do.
async fn remove(folder: &Folder, name: &str) {
    let _ = settled(folder.remove(name)).await;
}

async fn settled(promise: Result<Promise, JsValue>) -> Result<JsValue, Error> {
    Ok(JsFuture::from(promise?).await?)
}

fn creating() -> Object {
    object("create", &true.into())
}

fn object(name: &str, value: &JsValue) -> Object {
    let object = Object::new();
    // A new object takes any property.
    let _ = Reflect::set(&object, &name.into(), value);
    object
}
