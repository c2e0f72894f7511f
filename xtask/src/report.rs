//! What was checked, and how it went: every check runs even after one failed, and the last line counts.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};

/// What a test program reported.
#[derive(Default)]
pub struct Counts {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
    /// Tests that were not run.
    pub skipped: u64,
    /// It ended as if all went well.
    pub complete: bool,
    /// What else is to be said of it, a line each.
    pub notes: Vec<String>,
}

/// What was done so far.
#[derive(Default)]
pub struct Report {
    lines: Vec<String>,
    failed_steps: BTreeSet<String>,
    passed: u64,
    failed: u64,
}

impl Report {
    /// Does one check; tells whether it succeeded.
    pub fn step(&mut self, name: &str, check: impl FnOnce() -> Result<()>) -> bool {
        println!("\n== {name}");
        let start = Instant::now();
        let outcome = check();
        let seconds = start.elapsed().as_secs();
        match outcome {
            Ok(()) => {
                self.lines.push(format!("{name}: ok ({seconds} s)"));
                true
            }
            Err(error) => {
                println!("FAILED: {error:#}");
                self.lines.push(format!("{name}: FAILED ({seconds} s)"));
                self.failed_steps.insert(name.to_owned());
                false
            }
        }
    }

    /// Runs tests and counts them.
    pub fn tests(&mut self, name: &str, run: impl FnOnce() -> Result<Counts>) {
        let mut counts = Counts::default();
        let ended = self.step(name, || {
            counts = run()?;
            if counts.complete { Ok(()) } else { bail!("not everything passed") }
        });
        let Counts { passed, failed, skipped, .. } = counts;
        self.passed += passed;
        self.failed += failed;
        if !ended && failed > 0 {
            // Counted test by test already.
            self.failed_steps.remove(name);
        }
        let outcome = self.lines.pop().unwrap_or_default();
        self.lines.push(format!("{outcome}: {passed} passed, {failed} failed, {skipped} skipped"));
        self.lines.extend(counts.notes.iter().map(|note| format!("  {note}")));
    }

    /// The summary. A check that failed outside of a test counts as one failure, so 0 failed means that all is well.
    pub fn finish(self) -> ExitCode {
        let failed = self.failed + self.failed_steps.len() as u64;
        println!("\n== summary");
        for line in &self.lines {
            println!("{line}");
        }
        println!("{} passed, {failed} failed", self.passed);
        if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
