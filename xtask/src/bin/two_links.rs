//! Stands in for the linker when the library is compiled for browsers, and links it twice: whole, and as `home.wasm`
//! beside it, which holds only what the home page needs.
//!
//! Compiling takes minutes and linking a second. What nothing exports any more the linker leaves out, with all that
//! only it called, so the first page that a person opens does not fetch the code of a page that they may never see.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The real linker's path.
const LINKER: &str = "T4M_WASM_LINKER";
/// The file name of the second output.
const HOME: &str = "home.wasm";
/// Islands, and the worker, of which the home page has none. Exports carry a hash behind the name.
const NOT_ON_THE_HOME_PAGE: [&str; 3] = ["Receive", "Return", "storage_worker"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Ok(linker) = std::env::var(LINKER) else {
        eprintln!("two_links: {LINKER} has to name the linker");
        return ExitCode::FAILURE;
    };
    let link = |arguments: &[String]| {
        Command::new(&linker).args(arguments).status().is_ok_and(|status| status.success())
    };
    let linked = link(&arguments)
        && match home(&arguments) {
            Some(arguments) => link(&arguments),
            None => true,
        };
    if linked { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The same without what the home page does not need; `None` if this links something else than the library.
fn home(arguments: &[String]) -> Option<Vec<String>> {
    let mut kept = Vec::with_capacity(arguments.len());
    let mut rest = arguments.iter();
    let mut redirected = false;
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "-o" => {
                let output = rest.next().map(PathBuf::from)?;
                kept.extend(["-o".to_owned(), beside(&output)?]);
                redirected = true;
            }
            "--export" => {
                let symbol = rest.next()?;
                if !is_left_out(symbol) {
                    kept.extend([argument.clone(), symbol.clone()]);
                }
            }
            other => match other.strip_prefix("--export=") {
                Some(symbol) if is_left_out(symbol) => {}
                _ => kept.push(argument.clone()),
            },
        }
    }
    redirected.then_some(kept)
}

fn beside(output: &Path) -> Option<String> {
    Some(output.parent()?.join(HOME).to_string_lossy().into_owned())
}

/// `Name_hash`, or what describes it to wasm-bindgen.
fn is_left_out(symbol: &str) -> bool {
    let name = symbol.strip_prefix("__wbindgen_describe_").unwrap_or(symbol);
    NOT_ON_THE_HOME_PAGE
        .iter()
        .any(|left_out| name.strip_prefix(left_out).is_some_and(|hash| hash.starts_with('_')))
}
