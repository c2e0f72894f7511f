//! The server around the site, and running it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::{site, tools};

/// How much the compilers try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Quick to build; the server reads the site from `target/site`.
    Dev,
    /// Optimised and compressed; the site is inside the server.
    Release,
}

impl Mode {
    /// From the flags of `build` and `run`.
    pub fn from_flags(flags: &[String]) -> Result<Self> {
        match flags {
            [] => Ok(Self::Release),
            [flag] if flag == "--dev" => Ok(Self::Dev),
            [flag] if flag == "--release" => Ok(Self::Release),
            other => {
                bail!("`{}` is not understood; `cargo xtask help` lists what is", other.join(" "))
            }
        }
    }
}

/// The site, then the server. Tells where the server is.
pub fn everything(mode: Mode) -> Result<PathBuf> {
    tools::prepare()?;
    site::build(mode)?;
    server(mode)
}

/// The server alone.
pub fn server(mode: Mode) -> Result<PathBuf> {
    let mut cargo = tools::cargo();
    cargo.args(["build", "--bin", "transfer4me", "--no-default-features", "--features", "ssr"]);
    let folder = match mode {
        Mode::Dev => "debug",
        Mode::Release => {
            cargo.arg("--release");
            "release"
        }
    };
    let folder = tools::target().join(folder);
    let listing = EmbeddedListing::new(&folder);
    if mode == Mode::Release {
        listing.touch_embedder_if_changed()?;
    }
    tools::require(&mut cargo, "build the server")?;
    if mode == Mode::Release {
        listing.remember()?;
    }
    Ok(folder.join("transfer4me"))
}

/// The line between hosts that measurements and fault tests use.
pub fn wan_link() -> Result<()> {
    let mut cargo = tools::cargo();
    cargo.args(["build", "--release", "--package", "wan_link"]);
    tools::require(&mut cargo, "build the line between hosts")
}

/// Builds and starts the server; its exit code is ours.
pub fn run(mode: Mode, arguments: &[String]) -> Result<ExitCode> {
    let program = everything(mode)?;
    let mut server = std::process::Command::new(program);
    server.args(arguments);
    exec(server)
}

/// Takes this process's place where the system can, so that signals reach the server itself.
#[cfg(unix)]
fn exec(mut server: std::process::Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    Err(server.exec()).context("could not start the server")
}

#[cfg(not(unix))]
fn exec(mut server: std::process::Command) -> Result<ExitCode> {
    let status = tools::status(&mut server)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The names of the files inside the last release build of the server.
///
/// `rust-embed` includes each file so that cargo sees when one changes, but cargo cannot see that one came or went.
/// So their names are kept, and the source that embeds them is made to look new when they differ.
struct EmbeddedListing {
    stamp: PathBuf,
    names: String,
}

impl EmbeddedListing {
    fn new(folder: &Path) -> Self {
        let site = site::folder();
        let mut names: Vec<String> = site::files_below(&site)
            .iter()
            .filter_map(|path| path.strip_prefix(&site).ok())
            .map(|path| path.to_string_lossy().into_owned())
            .collect();
        names.sort();
        Self { stamp: folder.join(".embedded-site"), names: names.join("\n") }
    }

    fn touch_embedder_if_changed(&self) -> Result<()> {
        if std::fs::read_to_string(&self.stamp).is_ok_and(|names| names == self.names) {
            return Ok(());
        }
        for path in site::files_below(&tools::root().join("src/server")) {
            if std::fs::read_to_string(&path).is_ok_and(|text| text.contains("rust_embed")) {
                let file = std::fs::File::options().append(true).open(&path);
                let touched = file.and_then(|file| file.set_modified(std::time::SystemTime::now()));
                touched.with_context(|| format!("could not touch {}", path.display()))?;
            }
        }
        Ok(())
    }

    fn remember(&self) -> Result<()> {
        std::fs::write(&self.stamp, &self.names).context("could not note what is embedded")
    }
}
