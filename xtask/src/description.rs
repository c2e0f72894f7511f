//! docs/openapi.json against the running server, by schemathesis: no mistake of ours, and no answer that is not documented.
//!
//! The seed is fixed, so that a run can be repeated.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::report::Counts;
use crate::{python, tools};

/// Requests made up for each operation in each phase; what the cases of the schema's edges add is not counted.
const EXAMPLES: &str = "100";
const SEED: &str = "1";
/// It takes a quarter of a minute; on a machine with much else to do, several times that.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often it is looked whether it is done.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Installs what is missing, starts the server, and tries every operation.
pub fn try_out() -> Result<Counts> {
    let folder = tools::target().join("schemathesis");
    let program = python::program("schemathesis")?;
    let server = Server::start(&folder)?;
    let report = folder.join("junit.xml");
    if report.exists() {
        std::fs::remove_file(&report)?;
    }
    let scripts = tools::root().join("scripts");
    let mut command = Command::new(program);
    command.arg("--config-file").arg(scripts.join("schemathesis.toml"));
    command.arg("run").arg(tools::root().join("docs/openapi.json")).arg("--url").arg(&server.url);
    // That check takes the real owner tokens of the hooks for made-up ones. That no other token closes a room is
    // shown by tests/server/rooms_api.rs.
    command.args(["--checks", "all", "--exclude-checks", "ignored_auth"]);
    command.args(["--seed", SEED, "--max-examples", EXAMPLES, "--generation-database", "none"]);
    command.args(["--request-timeout", "30", "--report", "junit", "--report-junit-path"]);
    command.arg(&report);
    command.env("SCHEMATHESIS_HOOKS", scripts.join("schemathesis_hooks.py"));
    command.env("T4M_TESTED_SERVER", &server.url).env("PYTHONDONTWRITEBYTECODE", "1");
    // It leaves files where it runs.
    command.current_dir(&folder).stdin(Stdio::null());
    let mut running = command.spawn().context("could not start schemathesis")?;
    let began = Instant::now();
    let status = loop {
        if let Some(status) = running.try_wait()? {
            break status;
        }
        if began.elapsed() > PATIENCE {
            running.kill()?;
            running.wait()?;
            bail!("schemathesis was not done after {} s", PATIENCE.as_secs());
        }
        std::thread::sleep(LOOK_EVERY);
    };
    let report = std::fs::read_to_string(&report).context("schemathesis left no report")?;
    let number = |name: &str| attribute(&report, name).with_context(|| format!("no {name}"));
    let failed = number("failures")? + number("errors")?;
    let skipped = number("skipped")?;
    let passed = number("tests")?.saturating_sub(failed + skipped);
    Ok(Counts { passed, failed, skipped, complete: status.success(), notes: Vec::new() })
}

/// A number among the attributes of the report's first element.
fn attribute(report: &str, name: &str) -> Option<u64> {
    let element = report.split_once("<testsuites ")?.1.split_once('>')?.0;
    let value = element.split_once(&format!("{name}=\""))?.1.split_once('"')?.0;
    value.parse().ok()
}

/// A server on a free port with a new database. It ends with this.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(folder: &Path) -> Result<Self> {
        for end in ["", "-wal", "-shm"] {
            let path = folder.join(format!("tried.db{end}"));
            if path.exists() {
                std::fs::remove_file(path)?;
            }
        }
        let mut command = Command::new(tools::target().join("debug/transfer4me"));
        command.args(["--listen=127.0.0.1:0", "--log=info", "--trusted-proxies=127.0.0.0/8"]);
        // How full this machine's disk is changes no answer.
        command.arg("--min-free-bytes=0");
        command.arg(format!("--database-url=sqlite:{}", folder.join("tried.db").display()));
        // What the environment sets is for another server.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("T4M_") {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().context("could not start the server")?;
        let log = process.stderr.take();
        let mut server = Self { process, url: String::new() };
        let mut log = BufReader::new(log.context("the server has no log")?);
        let mut line = String::new();
        while server.url.is_empty() {
            line.clear();
            if log.read_line(&mut line)? == 0 {
                bail!("the server did not start");
            }
            let address = line.split_once("listening on ").map(|(_, rest)| rest);
            server.url = address.and_then(|rest| rest.split('"').next()).unwrap_or("").to_owned();
        }
        // The rest as well, or the server would wait for it to be read.
        let mut rest = File::create(folder.join("server.log"))?;
        std::thread::spawn(move || std::io::copy(&mut log, &mut rest));
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
