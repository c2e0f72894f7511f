//! Why a configuration is refused, with the name of the option both as a flag and as a variable.

use std::fmt::Write as _;
use std::io::Write as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Prefix of every variable that this program reads.
pub(super) const PREFIX: &str = "T4M_";

/// Why the configuration is refused: a sentence that names the option. Also `--help` and `--version`, which
/// are no mistake.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct ConfigError {
    pub(super) text: String,
    pub(super) exit_code: u8,
}

impl ConfigError {
    /// Tells the operator, on standard output what was asked for and on standard error what is wrong.
    pub fn report(&self) -> std::process::ExitCode {
        // Nobody is left to tell if even that fails.
        let _ = match self.exit_code {
            0 => writeln!(std::io::stdout(), "{}", self.text.trim_end()),
            _ => writeln!(std::io::stderr(), "{}", self.text.trim_end()),
        };
        self.exit_code.into()
    }
}

/// `room-ttl` is set by `T4M_ROOM_TTL`.
pub(super) fn variable(long: &str) -> String {
    format!("{PREFIX}{}", long.replace('-', "_").to_ascii_uppercase())
}

/// clap's refusal, with the variable named, because clap only knows the flag.
pub(super) fn refusal(error: &clap::Error) -> ConfigError {
    let mut text = error.to_string();
    if matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation)
        && let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg)
    {
        let long = flag.trim_start_matches('-').split(' ').next().unwrap_or_default();
        let _ = write!(text, "\n{} is the variable of the same meaning.\n", variable(long));
    }
    ConfigError { text, exit_code: u8::try_from(error.exit_code()).unwrap_or(2) }
}
