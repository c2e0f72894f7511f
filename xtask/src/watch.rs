//! `cargo xtask dev`: builds and starts the server again whenever a source changes.

use std::path::PathBuf;
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use crate::build::{self, Mode};
use crate::{site, tools};

/// How often the sources are looked at. There are a few hundred: it costs next to nothing.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Runs until interrupted.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let mut server = None;
    loop {
        let seen = newest();
        match build::everything(Mode::Dev) {
            Ok(program) => {
                stop(server.take());
                let mut command = Command::new(program);
                server =
                    Some(command.args(arguments).spawn().context("could not start the server")?);
            }
            // The old one goes on while the mistake is being corrected.
            Err(error) => eprintln!("xtask: {error:#}"),
        }
        while newest() == seen {
            std::thread::sleep(LOOK_EVERY);
        }
        println!("A source changed");
    }
}

fn stop(server: Option<Child>) {
    if let Some(mut server) = server {
        // It may have ended by itself; then there is nothing to do.
        let _ = server.kill();
        let _ = server.wait();
    }
}

/// How many sources there are, and the time of the one that changed last.
fn newest() -> (usize, Option<SystemTime>) {
    let root = tools::root();
    let mut files: Vec<PathBuf> = ["src", "style", "public", "migrations"]
        .iter()
        .flat_map(|folder| site::files_below(&root.join(folder)))
        .collect();
    files.push(root.join("Cargo.toml"));
    (files.len(), files.iter().filter_map(|path| tools::modified(path)).max())
}
