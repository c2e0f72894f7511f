//! What browsers fetch: `target/site`, made of the wasm, `style/` and `public/`.
//!
//! Each mode has its own staging folder under `target/xtask`, where finished parts stay; the site is then made equal
//! to it file by file. A file that did not change keeps its time, so nothing that depends on it is built again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

use crate::build::Mode;
use crate::tools;
use crate::wasm;

/// Endings of files that are worth compressing.
const COMPRESSIBLE: [&str; 8] = ["css", "html", "js", "json", "svg", "txt", "wasm", "webmanifest"];

/// Features that rustc uses for this target, and what makes the bundles small. Control flow that is taken apart and put
/// together anew before everything else compresses better: `-Oz` alone leaves 1.5 % more. Nothing is kept in the first
/// kilobyte, which is the stack's far end.
const WASM_OPT_FLAGS: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--flatten",
    "--rereloop",
    "--low-memory-unused",
    "-Oz",
    "-Oz",
];

/// Where the finished site is.
pub fn folder() -> PathBuf {
    tools::target().join("site")
}

/// Brings the site up to date.
pub fn build(mode: Mode) -> Result<()> {
    let bundles = wasm::compile(mode)?;
    let work = tools::target().join("xtask").join(match mode {
        Mode::Dev => "dev",
        Mode::Release => "release",
    });
    let stage = work.join("site");
    fs::create_dir_all(stage.join("pkg")).context("could not make the staging folder")?;

    let mut expected = BTreeSet::new();
    for (name, wasm) in wasm::names().zip(&bundles) {
        bind(mode, name, wasm, &work.join(name), &stage, &mut expected)?;
    }
    tags(&work, &stage, &mut expected)?;
    style(mode, &stage, &mut expected)?;
    public(&stage, &mut expected)?;
    if mode == Mode::Release {
        compress(&stage, &mut expected)?;
    }
    remove_others(&stage, &expected)?;
    publish(&stage, &expected)
}

/// Writes the JavaScript around the wasm, and shrinks both for a release.
fn bind(
    mode: Mode,
    name: &str,
    wasm: &Path,
    work: &Path,
    stage: &Path,
    expected: &mut BTreeSet<PathBuf>,
) -> Result<()> {
    let finished = work.join("bound");
    let stamp = work.join("bound.stamp");
    let identity = identity(wasm)?;
    if fs::read_to_string(&stamp).is_ok_and(|text| text == identity) && finished.is_dir() {
        return copy_tree(&finished, &stage.join("pkg"), Path::new("pkg"), expected);
    }

    let raw = work.join("bindgen");
    for folder in [&raw, &finished] {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
    }
    // Whoever starts it names the wasm (Leptos, and the page for the sender's bundle), and the worker is handed the
    // compiled module: no built-in path is ever used.
    Bindgen::new()
        .input_path(wasm)
        .out_name(name)
        .web(true)?
        .typescript(false)
        .omit_default_module_path(true)
        .remove_name_section(mode == Mode::Release)
        .remove_producers_section(mode == Mode::Release)
        .generate(&raw)
        .context("wasm-bindgen could not read the wasm")?;

    let bound = raw.join(format!("{name}_bg.wasm"));
    let wasm_out = finished.join(format!("{name}.wasm"));
    let script = raw.join(format!("{name}.js"));
    let script_out = finished.join(format!("{name}.js"));
    match mode {
        Mode::Dev => {
            fs::copy(&bound, &wasm_out)?;
            fs::copy(&script, &script_out)?;
        }
        Mode::Release => {
            println!("Shrinking {name}.wasm");
            let mut optimiser = tools::node_program("binaryen/bin/wasm-opt");
            optimiser.args(WASM_OPT_FLAGS).arg(&bound).arg("-o").arg(&wasm_out);
            tools::require(&mut optimiser, "shrink the wasm")?;
            minify(&script, &script_out)?;
        }
    }
    // Modules that wasm-bindgen's inline_js or module attributes need; imported by relative paths from the script.
    let snippets = raw.join("snippets");
    if snippets.is_dir() {
        let mut written = BTreeSet::new();
        copy_tree(&snippets, &finished.join("snippets"), Path::new(""), &mut written)?;
    }
    fs::write(&stamp, identity)?;
    copy_tree(&finished, &stage.join("pkg"), Path::new("pkg"), expected)
}

/// Changes whenever the compiler wrote the file anew, or this step would make something else of it.
fn identity(wasm: &Path) -> Result<String> {
    let metadata = fs::metadata(wasm).with_context(|| format!("{} is missing", wasm.display()))?;
    let modified = metadata.modified()?.duration_since(std::time::UNIX_EPOCH)?.as_nanos();
    let lock = tools::modified(&tools::root().join("package-lock.json"));
    Ok(format!("{} {modified} {lock:?} {WASM_OPT_FLAGS:?} 1", metadata.len()))
}

fn minify(from: &Path, to: &Path) -> Result<()> {
    let mut esbuild = tools::npm_program("esbuild");
    esbuild.arg(from).arg("--minify").arg("--target=es2022").arg("--log-level=warning");
    esbuild.arg(format!("--outfile={}", to.display())).arg("--allow-overwrite");
    tools::require(&mut esbuild, &format!("minify {}", from.display()))
}

/// What reads tags: a library and our few lines around it, in one module that a page fetches when it plays something.
fn tags(work: &Path, stage: &Path, expected: &mut BTreeSet<PathBuf>) -> Result<()> {
    let source = tools::root().join("src/browser/media/tags.js");
    let to = stage.join("pkg/tags.js");
    let stamp = work.join("tags.stamp");
    expected.insert("pkg/tags.js".into());
    let lock = tools::modified(&tools::root().join("package-lock.json"));
    let identity = format!("{:?} {lock:?}", tools::modified(&source));
    if fs::read_to_string(&stamp).is_ok_and(|text| text == identity) && to.exists() {
        return Ok(());
    }
    let mut esbuild = tools::npm_program("esbuild");
    esbuild.arg(&source).args(["--bundle", "--minify", "--format=esm", "--target=es2022"]);
    esbuild.arg("--log-level=warning").arg(format!("--outfile={}", to.display()));
    tools::require(&mut esbuild, "bundle what reads tags")?;
    fs::write(&stamp, identity)?;
    Ok(())
}

/// `style/main.css`, then its other files in the order of their names, as one `pkg/main.css`.
fn style(mode: Mode, stage: &Path, expected: &mut BTreeSet<PathBuf>) -> Result<()> {
    let folder = tools::root().join("style");
    let main = folder.join("main.css");
    let mut parts: Vec<PathBuf> = files_below(&folder);
    parts.retain(|path| path.extension().is_some_and(|ending| ending == "css") && *path != main);
    parts.sort();
    if main.exists() {
        parts.insert(0, main);
    }
    let mut text = String::new();
    for part in &parts {
        let content = fs::read_to_string(part);
        text += &content.with_context(|| format!("could not read {}", part.display()))?;
        text.push('\n');
    }
    let whole = stage.with_file_name("style.css");
    let to = stage.join("pkg/main.css");
    expected.insert("pkg/main.css".into());
    match mode {
        Mode::Dev => write_if_changed(&to, text.as_bytes()),
        Mode::Release => {
            if fs::read_to_string(&whole).is_ok_and(|old| old == text) && to.exists() {
                return Ok(());
            }
            fs::write(&whole, &text)?;
            minify(&whole, &to)
        }
    }
}

fn public(stage: &Path, expected: &mut BTreeSet<PathBuf>) -> Result<()> {
    let from = tools::root().join("public");
    if !from.is_dir() {
        return Ok(());
    }
    copy_tree(&from, stage, Path::new(""), expected)
}

/// Leaves a `.br` and a `.gz` beside every file worth it.
fn compress(stage: &Path, expected: &mut BTreeSet<PathBuf>) -> Result<()> {
    let mut stale = Vec::new();
    let mut made = Vec::new();
    for name in expected.iter() {
        let ending = name.extension().unwrap_or_default().to_string_lossy();
        if !COMPRESSIBLE.contains(&ending.as_ref()) {
            continue;
        }
        let path = stage.join(name);
        let mut fresh = true;
        for suffix in ["br", "gz"] {
            let beside = PathBuf::from(format!("{}.{suffix}", name.display()));
            fresh &= tools::modified(&stage.join(&beside)) >= tools::modified(&path);
            made.push(beside);
        }
        if !fresh {
            stale.push(path);
        }
    }
    expected.extend(made);
    if stale.is_empty() {
        return Ok(());
    }
    let mut script = tools::node_script("compress.mjs");
    tools::require(script.args(&stale), "compress the site")
}

/// Makes the site equal to the stage.
fn publish(stage: &Path, expected: &BTreeSet<PathBuf>) -> Result<()> {
    let site = folder();
    fs::create_dir_all(&site).context("could not make target/site")?;
    for name in expected {
        let content = fs::read(stage.join(name))?;
        let to = site.join(name);
        write_if_changed(&to, &content)?;
    }
    remove_others(&site, expected)
}

/// Copies every file below `from`, and notes its name below the site.
fn copy_tree(
    from: &Path,
    to: &Path,
    prefix: &Path,
    expected: &mut BTreeSet<PathBuf>,
) -> Result<()> {
    for path in files_below(from) {
        let name = path.strip_prefix(from)?;
        if !expected.insert(prefix.join(name)) {
            bail!("two sources would write {} of the site", prefix.join(name).display());
        }
        let content =
            fs::read(&path).with_context(|| format!("could not read {}", path.display()))?;
        write_if_changed(&to.join(name), &content)?;
    }
    Ok(())
}

fn write_if_changed(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content).with_context(|| format!("could not write {}", path.display()))
}

/// Removes files that an earlier build left, and folders that are empty then.
fn remove_others(folder: &Path, expected: &BTreeSet<PathBuf>) -> Result<()> {
    for path in files_below(folder) {
        if path.strip_prefix(folder).is_ok_and(|name| expected.contains(name)) {
            continue;
        }
        fs::remove_file(&path).with_context(|| format!("could not remove {}", path.display()))?;
        let mut parent = path.parent();
        while let Some(inner) = parent.filter(|inner| *inner != folder) {
            // Fails where it is not empty, which is what we want to know.
            if fs::remove_dir(inner).is_err() {
                break;
            }
            parent = inner.parent();
        }
    }
    Ok(())
}

/// Every file below the folder, in no order; none if it is not there. Editors' hidden files are left out.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found
}
