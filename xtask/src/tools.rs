//! The programs that the build needs, and how they are called.

use std::env::consts::ARCH;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

use crate::wasm;

/// The folder with the workspace's Cargo.toml.
pub fn root() -> PathBuf {
    // xtask is one folder below it; known when this was compiled, so any working folder will do.
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

/// Where cargo builds.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// A cargo command in the workspace's folder.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).stdin(Stdio::null());
    // `cargo run` sets these for xtask itself. Passed on they would look like changes to build scripts.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// One of the programs that npm installed, run by node without npm in between.
pub fn node_program(path_in_node_modules: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(root().join("node_modules").join(path_in_node_modules));
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// One of the programs that npm installed and that may be a native one.
pub fn npm_program(name: &str) -> Command {
    let mut command = Command::new(root().join("node_modules/.bin").join(name));
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// One of our scripts.
pub fn node_script(name: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(root().join("scripts").join(name));
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// Runs it and requires success; `what` completes "could not …".
pub fn require(command: &mut Command, what: &str) -> Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("could not {what}: {} ended with {status}", name_of(command));
    }
    Ok(())
}

/// Runs it.
pub fn status(command: &mut Command) -> Result<ExitStatus> {
    command.status().with_context(|| format!("could not start {}", name_of(command)))
}

/// What the program prints on its standard output, if it can be run and succeeds.
pub fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let output = output.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn name_of(command: &Command) -> String {
    let path = Path::new(command.get_program());
    path.file_name().unwrap_or(OsStr::new("?")).to_string_lossy().into_owned()
}

/// Fails with one sentence if something is missing that cannot be fetched from here, and fetches the npm packages
/// if package-lock.json changed since the last time.
pub fn prepare() -> Result<()> {
    let Some(node) = output_of("node", &["--version"]) else {
        bail!("Node.js 20 or newer is needed: https://nodejs.org");
    };
    let major = node.trim_start_matches('v').split('.').next().and_then(|text| text.parse().ok());
    if major.is_none_or(|major: u32| major < 20) {
        bail!("Node.js 20 or newer is needed, this is {node}: https://nodejs.org");
    }
    wasm::prepare()?;
    npm_packages()
}

fn npm_packages() -> Result<()> {
    let lock = root().join("package-lock.json");
    let installed = root().join("node_modules/.package-lock.json");
    if modified(&installed) >= modified(&lock) {
        return Ok(());
    }
    if output_of("npm", &["--version"]).is_none() {
        bail!("npm is needed; it comes with Node.js: https://nodejs.org");
    }
    println!("Installing the npm packages of package-lock.json");
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-fund", "--no-audit", "--loglevel=error"]);
    npm.current_dir(root()).stdin(Stdio::null());
    npm.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    require(&mut npm, "install the npm packages")?;
    // npm leaves the file's time alone where nothing changed, and we would come here every time.
    let file = std::fs::File::options().append(true).open(&installed);
    if let Ok(file) = file {
        file.set_modified(std::time::SystemTime::now())?;
    }
    Ok(())
}

/// When the file was last written; `None`, which is less than any time, if it is not there.
pub fn modified(path: &Path) -> Option<std::time::SystemTime> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// What the browser tests take from Debian. Firefox plays nothing without a sound server; ffmpeg makes what is played.
const TEST_PROGRAMS: [(&str, &str); 4] = [
    ("/usr/bin/chromium", "chromium"),
    ("/usr/bin/firefox-esr", "firefox-esr"),
    ("/usr/bin/pulseaudio", "pulseaudio"),
    ("/usr/bin/ffmpeg", "ffmpeg"),
];

/// All of them, installed if they are missing.
pub fn browsers() -> Result<()> {
    let missing: Vec<&str> = TEST_PROGRAMS
        .into_iter()
        .filter(|(path, _)| !Path::new(path).exists())
        .map(|(_, package)| package)
        .collect();
    debian_packages(&missing, "for the browser tests")
}

/// What lets a benchmark's hosts have slower clocks, installed if it is missing.
pub fn slow_clock() -> Result<()> {
    let library = format!("/usr/lib/{ARCH}-linux-gnu/faketime/libfaketimeMT.so.1");
    let missing = if Path::new(&library).exists() { &[][..] } else { &["libfaketime"] };
    debian_packages(missing, "for hosts with slower clocks")
}

/// Installs these Debian packages, or says which are needed and `why`.
pub fn debian_packages(missing: &[&str], why: &str) -> Result<()> {
    if !missing.is_empty() && !install_debian_packages(missing, why)? {
        let (names, all) = (missing.join(" and "), missing.join(" "));
        bail!("{why}, Debian's packages {names} are needed: `apt-get install {all}`");
    }
    Ok(())
}

/// Installs Debian packages where this is Debian and we are root or may become it unasked; otherwise says no.
pub fn install_debian_packages(packages: &[&str], why: &str) -> Result<bool> {
    let root = output_of("id", &["-u"]).as_deref() == Some("0");
    let may = root || output_of("sudo", &["-n", "true"]).is_some();
    if !Path::new("/etc/debian_version").exists() || !may {
        return Ok(false);
    }
    println!("Installing {} with apt-get, {why}", packages.join(" and "));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(if root { "apt-get" } else { "sudo" });
        if !root {
            command.args(["-n", "apt-get"]);
        }
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        require(&mut command, &format!("install {} with apt-get", packages.join(" and ")))
    };
    apt(&["update", "-qq"])?;
    let mut install = vec!["install", "-y", "-qq", "--no-install-recommends"];
    install.extend(packages);
    apt(&install)?;
    Ok(true)
}
