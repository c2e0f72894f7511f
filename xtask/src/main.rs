//! Builds, runs and tests Transfer4me: `cargo xtask help`.
//!
//! [`site`] makes what browsers fetch, [`build`] adds the server, [`checks`] is `make test`, [`description`] tries what
//! docs/openapi.json says, [`watch`] rebuilds on changes, [`wasm`] compiles for browsers, [`tools`] and
//! [`python`] find and call programs.

mod build;
mod checks;
mod dependencies;
mod description;
mod python;
mod report;
mod site;
mod tools;
mod wasm;
mod watch;

use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
cargo xtask build [--dev]                 the wasm, the style and the server that embeds them
cargo xtask run [--dev] [-- ARGUMENTS]    the same, then start the server with those arguments
cargo xtask dev [-- ARGUMENTS]            run --dev, and build and start again whenever a source changes
cargo xtask test [--rust | --end2end] [ARGUMENTS OF PLAYWRIGHT]
                                          every check and test, or only one half
cargo xtask lint                          formatting, lints, documentation
cargo xtask interface                     what docs/openapi.json says, tried on the server by schemathesis
cargo xtask fuzz [CASES [DECODER]]        a million made-up cases, or as many as that, for each decoder
cargo xtask bench SPEC                    one Playwright spec of the `bench` project, for example bench_table
cargo xtask simulate [--peers 8,64] [--size MIB] [--topology NAMES] [--scenario NAME] [--seed N] [--plot FILE]
                                          the seed pool on virtual links

--dev builds fast and runs slower; without it everything is optimised and compressed.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<ExitCode> {
    let Some((command, rest)) = arguments.split_first() else {
        println!("{HELP}");
        return Ok(ExitCode::FAILURE);
    };
    let (own, passed_on) = match rest.iter().position(|argument| argument == "--") {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (rest, &rest[..0]),
    };
    match command.as_str() {
        "build" => {
            build::everything(build::Mode::from_flags(own)?)?;
            Ok(ExitCode::SUCCESS)
        }
        "run" => build::run(build::Mode::from_flags(own)?, passed_on),
        "dev" => watch::run(passed_on),
        "test" => checks::test(rest),
        "lint" => checks::lint(),
        "interface" => checks::interface(),
        "fuzz" => checks::fuzz(rest),
        "bench" => checks::bench(rest),
        "simulate" => checks::simulate(rest),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        other => bail!("there is no command `{other}`; `cargo xtask help` lists them"),
    }
}
