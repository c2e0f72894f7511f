//! Compiling the library for browsers, by one of two compilers.
//!
//! Usually rustup installed the wasm target together with the toolchain, because rust-toolchain.toml asks for it.
//! Where it could not, Debian's newest compiler takes its place: the package holds the standard library's source, and
//! cargo builds that along with ours.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::build::Mode;
use crate::tools;

/// The name that Leptos asks for when `LEPTOS_OUTPUT_NAME` is set: `/pkg/transfer4me.js` and `/pkg/transfer4me.wasm`.
pub const OUTPUT_NAME: &str = "transfer4me";
/// The other bundles: the home page's, and the sender's room, which pages fetch when they need it. See
/// `bin/link_bundles.rs`.
const NAMES_BESIDE: [&str; 2] = ["home", "sender"];

const TARGET: &str = "wasm32-unknown-unknown";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_RUSTDOC: &str = "/usr/bin/rustdoc";
const DEBIAN_SOURCE: &str = "/usr/lib/rustlib/src/rust/library/std/src/lib.rs";
const DEBIAN_PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];

/// Makes sure that one of the two is there.
pub fn prepare() -> Result<()> {
    if toolchain_has_target() || debian_is_there() {
        return Ok(());
    }
    // rust-toolchain.toml asks for it, but rustup may be told not to install by itself.
    if Command::new("rustup")
        .args(["target", "add", TARGET])
        .status()
        .is_ok_and(|done| done.success())
        && toolchain_has_target()
    {
        return Ok(());
    }
    if tools::install_debian_packages(&DEBIAN_PACKAGES, "to compile for browsers")? {
        return Ok(());
    }
    bail!("the toolchain cannot compile for browsers yet: run `rustup target add {TARGET}`");
}

/// The names of all bundles.
pub fn names() -> impl Iterator<Item = &'static str> {
    std::iter::once(OUTPUT_NAME).chain(NAMES_BESIDE)
}

/// Compiles and tells where each bundle is, in the order of [`names`].
pub fn compile(mode: Mode) -> Result<Vec<PathBuf>> {
    let profile = match mode {
        Mode::Dev => "wasm-dev",
        Mode::Release => "wasm-release",
    };
    // A folder of its own: another compiler or other flags in the common one would make cargo look at everything anew.
    let folder = tools::target().join("wasm");
    let built = folder.join(TARGET).join(profile);
    let main = built.join(format!("{OUTPUT_NAME}.wasm"));
    let beside = NAMES_BESIDE.map(|name| built.join("deps").join(format!("{name}.wasm")));
    if main.exists() && !beside.iter().all(|path| path.exists()) {
        // Cargo would not link again only because another output is missing.
        let mut clean = tools::cargo();
        clean.args(["clean", "--quiet", "--package", "transfer4me", "--target", TARGET]);
        clean.args(["--profile", profile, "--target-dir"]).arg(&folder);
        tools::require(&mut clean, "forget an earlier build")?;
    }
    let mut cargo = cargo()?;
    cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", link_bundles()?);
    cargo.args(["build", "--package", "transfer4me", "--lib", "--target", TARGET]);
    cargo.args(["--no-default-features", "--features", "hydrate", "--profile", profile]);
    cargo.arg("--target-dir").arg(&folder);
    tools::require(&mut cargo, "build the wasm")?;
    Ok(std::iter::once(main).chain(beside).collect())
}

/// Builds the stand-in for the linker and tells where it is.
fn link_bundles() -> Result<PathBuf> {
    let mut cargo = tools::cargo();
    cargo.args(["build", "--quiet", "--package", "xtask", "--bin", "link_bundles"]);
    tools::require(&mut cargo, "build the linker's stand-in")?;
    Ok(tools::target().join("debug/link_bundles"))
}

fn cargo() -> Result<Command> {
    let mut cargo = tools::cargo();
    let Some(linker) = linker() else {
        bail!("the toolchain has no linker for browsers: run `rustup target add {TARGET}`");
    };
    cargo.env("T4M_WASM_LINKER", linker);
    if toolchain_has_target() {
        return Ok(cargo);
    }
    cargo.args(["-Z", "build-std=std,panic_abort"]);
    cargo.env("RUSTC", DEBIAN_RUSTC).env("RUSTDOC", DEBIAN_RUSTDOC);
    // Building the standard library is not a stable feature; this is how distributions use such with a stable compiler.
    cargo.env("RUSTC_BOOTSTRAP", "1");
    // rustup's cargo exports the toolchain's own folder, which another compiler must not load its libraries from.
    cargo.env_remove("LD_LIBRARY_PATH");
    Ok(cargo)
}

fn sysroot() -> Option<PathBuf> {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    tools::output_of(&rustc, &["--print", "sysroot"]).map(PathBuf::from)
}

fn toolchain_has_target() -> bool {
    sysroot().is_some_and(|root| root.join("lib/rustlib").join(TARGET).join("lib").is_dir())
}

fn debian_is_there() -> bool {
    Path::new(DEBIAN_SOURCE).exists() && Path::new(DEBIAN_RUSTC).exists()
}

/// Every toolchain brings LLVM's linker, which can link for browsers too.
fn linker() -> Option<PathBuf> {
    let folder = sysroot()?.join("lib/rustlib");
    let hosts = std::fs::read_dir(folder).ok()?.flatten();
    hosts.map(|host| host.path().join("bin/rust-lld")).find(|path| path.exists())
}
