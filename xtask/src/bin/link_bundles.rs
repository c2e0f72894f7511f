//! Stands in for the linker when the library is compiled for browsers, and links it once for each bundle.
//!
//! Compiling takes minutes and linking a second. What nothing exports any more the linker leaves out, with all that
//! only it called, so no page fetches code that it may never run: the home page what makes a room and serves it, a
//! recipient's page what only the sender needs.

use std::path::Path;
use std::process::{Command, ExitCode};

/// The real linker's path.
const LINKER: &str = "T4M_WASM_LINKER";

/// One output.
struct Bundle {
    /// Its file name; `None` for the one that was asked for.
    file: Option<&'static str>,
    /// What it exports and no other does. Exports carry a hash behind the name.
    own: &'static [&'static str],
}

/// What is nobody's own is in every bundle.
const BUNDLES: [Bundle; 3] = [
    // A room's page, and the storage worker, which runs the same file.
    Bundle { file: None, own: &["Receive", "Return", "storage_worker"] },
    Bundle { file: Some("home.wasm"), own: &["Share"] },
    Bundle { file: Some("sender.wasm"), own: &["create_room", "return_to_room"] },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Ok(linker) = std::env::var(LINKER) else {
        eprintln!("link_bundles: {LINKER} has to name the linker");
        return ExitCode::FAILURE;
    };
    let link = |arguments: &[String]| {
        Command::new(&linker).args(arguments).status().is_ok_and(|status| status.success())
    };
    let linked = BUNDLES.iter().all(|bundle| match arguments_for(bundle, &arguments) {
        Some(arguments) => link(&arguments),
        None => false,
    });
    if linked { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The same without what other bundles have for themselves; `None` if this names no output.
fn arguments_for(bundle: &Bundle, arguments: &[String]) -> Option<Vec<String>> {
    let mut kept = Vec::with_capacity(arguments.len());
    let mut rest = arguments.iter();
    let mut named = false;
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "-o" => {
                let output = rest.next()?;
                kept.extend(["-o".to_owned(), beside(output, bundle.file)?]);
                named = true;
            }
            "--export" => {
                let symbol = rest.next()?;
                if !is_of_another(bundle, symbol) {
                    kept.extend([argument.clone(), symbol.clone()]);
                }
            }
            other => match other.strip_prefix("--export=") {
                Some(symbol) if is_of_another(bundle, symbol) => {}
                _ => kept.push(argument.clone()),
            },
        }
    }
    named.then_some(kept)
}

fn beside(output: &str, file: Option<&str>) -> Option<String> {
    match file {
        None => Some(output.to_owned()),
        Some(file) => Some(Path::new(output).with_file_name(file).to_str()?.to_owned()),
    }
}

/// `Name_hash`, or what describes it to wasm-bindgen.
fn is_of_another(bundle: &Bundle, symbol: &str) -> bool {
    let name = symbol.strip_prefix("__wbindgen_describe_").unwrap_or(symbol);
    BUNDLES
        .iter()
        .filter(|other| other.file != bundle.file)
        .flat_map(|other| other.own)
        .any(|own| name.strip_prefix(own).is_some_and(|hash| hash.starts_with('_')))
}
