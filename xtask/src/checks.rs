//! `cargo xtask test` and `lint`: every check is run even after one failed, and the last line counts.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::build::{self, Mode};
use crate::report::{Counts, Report};
use crate::{dependencies, description, site, tools, wasm};

/// Where Playwright leaves its figures.
const PLAYWRIGHT_RESULTS: &str = "end2end/results/results.json";

/// What each bundle may cost on the wire, with its script.
const BUDGETS: [(&str, u64); 3] = [
    // With style sheet, HTML and icon, 6 kB, it is the first page, which may never take more than 250 kB.
    ("home", 94_000),
    // What it fetches beyond that once files are chosen: making a room, and the sender's room with its player.
    ("sender", 310_000),
    // A room's page: the recipient's side, the player, what is heard live and together, and what steers several connections to one peer.
    ("transfer4me", 357_000),
];

/// Everything, or one half of it.
pub fn test(arguments: &[String]) -> Result<ExitCode> {
    let (rust, end2end, passed_on) = match arguments.split_first() {
        Some((flag, rest)) if flag == "--rust" => (true, false, rest),
        Some((flag, rest)) if flag == "--end2end" => (false, true, rest),
        _ => (true, true, arguments),
    };
    if rust && !end2end && !passed_on.is_empty() {
        bail!("`{}` is not understood after --rust", passed_on.join(" "));
    }
    tools::prepare()?;
    if end2end {
        tools::browsers()?;
    }
    let mut report = Report::default();
    if rust {
        lints(&mut report);
        rust_tests(&mut report);
    }
    let built = report.step("site", || site::build(Mode::Release));
    if built {
        report.step("wasm imports", wasm_imports);
        report.step("site budget", site_budget);
    }
    if end2end {
        report.step("types of the browser tests", type_check);
        report.step("line between hosts", build::wan_link);
        if built && report.step("server", || build::server(Mode::Dev).map(drop)) {
            playwright(&mut report, passed_on);
        }
    }
    Ok(report.finish())
}

/// The checks that run nothing.
pub fn lint() -> Result<ExitCode> {
    tools::prepare()?;
    let mut report = Report::default();
    lints(&mut report);
    report.step("types of the browser tests", type_check);
    Ok(report.finish())
}

/// What docs/openapi.json says, tried on the server.
pub fn interface() -> Result<ExitCode> {
    let mut report = Report::default();
    server_interface(&mut report);
    Ok(report.finish())
}

/// A million made-up cases for each decoder, or as many as it says, optimised but with every check of numbers.
pub fn fuzz(arguments: &[String]) -> Result<ExitCode> {
    let (cases, filter) = match arguments {
        [] => ("1000000", None),
        [cases] => (cases.as_str(), None),
        [cases, filter] => (cases.as_str(), Some(filter)),
        other => bail!("`{}` is not understood after fuzz", other.join(" ")),
    };
    if cases.parse::<u64>().is_err() {
        bail!("`{cases}` is no number of cases");
    }
    let mut report = Report::default();
    let rings: [(&str, &[&str]); 2] = [
        ("pure", &["--features", "sim", "--test", "decoders"]),
        ("server", &["--features", "ssr", "--test", "server"]),
    ];
    for (ring, target) in rings {
        let mut cargo = tools::cargo();
        cargo.args(["test", "--package", "transfer4me", "--no-default-features", "--no-fail-fast"]);
        cargo.args(target).env("T4M_FUZZ_CASES", cases);
        if ring == "pure" {
            cargo.arg("--release").env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true");
            cargo.env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true");
            // Beside the program's, which would otherwise be built anew after this.
            cargo.arg("--target-dir").arg(tools::target().join("fuzz"));
        }
        let filter = filter.map_or("", String::as_str);
        // Whatever else the server's tests are is not for this.
        let module = if ring == "server" { "decoders::" } else { "" };
        cargo.args(["--", &format!("{module}{filter}")]);
        report.tests(&format!("{cases} cases, {ring}"), || cargo_test(&mut cargo));
    }
    Ok(report.finish())
}

/// One measurement, in a release build because that is what it is about.
pub fn bench(arguments: &[String]) -> Result<ExitCode> {
    let Some((spec, rest)) = arguments.split_first() else {
        bail!("which one? The files end2end/*.bench.ts are there");
    };
    tools::browsers()?;
    if std::env::var_os("T4M_WAN_DILATION").is_some() {
        tools::slow_clock()?;
    }
    let program = build::everything(Mode::Release)?;
    build::wan_link()?;
    let mut command = tools::node_program("@playwright/test/cli.js");
    command.args(["test", "--reporter=line"]).arg(format!("{spec}.bench.ts")).args(rest);
    command.env("T4M_BENCH", "1").env("T4M_BINARY", program);
    let status = tools::status(&mut command)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The simulator's table, or whatever the arguments ask of it.
pub fn simulate(arguments: &[String]) -> Result<ExitCode> {
    let mut cargo = tools::cargo();
    cargo.args([
        "run",
        "--quiet",
        "--release",
        "--package",
        "transfer4me",
        "--no-default-features",
    ]);
    cargo.args(["--features", "sim", "--example", "sim_report", "--"]).args(arguments);
    let status = tools::status(&mut cargo)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn lints(report: &mut Report) {
    // The macro that embeds the site wants the folder, even where nothing was built yet.
    report.step("site folder", || Ok(std::fs::create_dir_all(site::folder())?));
    report.step("formatting", || {
        tools::require(tools::cargo().args(["fmt", "--all", "--check"]), "accept the formatting")
    });
    let pure = ["--package", "transfer4me", "--no-default-features", "--all-targets"];
    let rings: [(&str, &[&str]); 5] = [
        ("pure", &pure),
        ("simulator", &[&pure[..], &["--features", "sim"]].concat()),
        ("server", &["--package", "transfer4me", "--features", "ssr", "--all-targets"]),
        ("browser", &BROWSER_LIBRARY),
        ("tools", &["--package", "xtask", "--package", "wan_link", "--all-targets"]),
    ];
    for (ring, arguments) in rings {
        report.step(&format!("clippy, {ring}"), || {
            let mut cargo = tools::cargo();
            cargo.arg("clippy").args(arguments).args(["--", "-D", "warnings"]);
            tools::require(&mut cargo, "pass clippy")
        });
    }
    let documented: [(&str, &[&str]); 2] = [
        ("server and simulator", &["--package", "transfer4me", "--features", "ssr,sim"]),
        ("browser", &BROWSER_LIBRARY),
    ];
    for (ring, arguments) in documented {
        report.step(&format!("documentation, {ring}"), || {
            let mut cargo = tools::cargo();
            cargo.args(["doc", "--no-deps"]).args(arguments).env("RUSTDOCFLAGS", "-D warnings");
            tools::require(&mut cargo, "build the documentation")
        });
    }
    report.step("feature gates", feature_gates);
    report.step("tests that docs/security.md names", dependencies::named_tests);
    report.step("crates: licences, sources, bans", dependencies::crates);
    report.step("packages: licences", dependencies::packages);
}

/// The browser's ring compiles for this machine as well, so its lints need no second copy of every dependency; the
/// site's build compiles it for browsers.
const BROWSER_LIBRARY: [&str; 5] =
    ["--package", "transfer4me", "--lib", "--no-default-features", "--features=hydrate"];

/// The rings are kept apart by modules, not by gates sprinkled over functions.
fn feature_gates() -> Result<()> {
    let source = tools::root().join("src");
    let allowed = [source.join("lib.rs"), source.join("transfer/mod.rs")];
    let mut found = Vec::new();
    for path in site::files_below(&source) {
        if allowed.contains(&path) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        for (index, line) in text.lines().enumerate() {
            if line.contains("cfg") && (line.contains("feature =") || line.contains("target_arch"))
            {
                found.push(format!("{}:{}: {}", path.display(), index + 1, line.trim()));
            }
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    bail!(
        "feature gates belong into src/lib.rs and src/transfer/mod.rs alone:\n{}",
        found.join("\n")
    )
}

/// Anything imported from elsewhere than our own JavaScript is native code that leaked in, and fails in the browser.
fn wasm_imports() -> Result<()> {
    for name in wasm::names() {
        let wasm = site::folder().join(format!("pkg/{name}.wasm"));
        let mut script = tools::node_script("wasm_imports.mjs");
        tools::require(script.arg(wasm), "accept the wasm's imports")?;
    }
    Ok(())
}

fn site_budget() -> Result<()> {
    let package = site::folder().join("pkg");
    for (bundle, budget) in BUDGETS {
        let mut total = 0;
        for name in [format!("{bundle}.js.br"), format!("{bundle}.wasm.br")] {
            let size = std::fs::metadata(package.join(&name)).context(name.clone())?.len();
            println!("{size:>9} {name}");
            total += size;
        }
        println!("{total:>9} of {budget}");
        if total > budget {
            bail!("{bundle} is {} bytes over its budget", total - budget);
        }
    }
    Ok(())
}

fn type_check() -> Result<()> {
    let mut tsc = tools::node_program("typescript/bin/tsc");
    tools::require(tsc.args(["--noEmit", "--project", "end2end"]), "accept the tests' types")
}

fn rust_tests(report: &mut Report) {
    report.tests("cargo test, tools", || {
        cargo_test(tools::cargo().args(["test", "--package", "wan_link", "--no-fail-fast"]))
    });
    for (ring, features) in [("pure", "sim"), ("server", "ssr")] {
        let mut cargo = tools::cargo();
        cargo.args(["test", "--package", "transfer4me", "--no-default-features", "--no-fail-fast"]);
        cargo.args(["--features", features]);
        report.tests(&format!("cargo test, {ring}"), || cargo_test(&mut cargo));
    }
    // What is pure among the modules that only browsers load.
    report.tests("cargo test, browser", || {
        let mut cargo = tools::cargo();
        cargo_test(cargo.arg("test").args(BROWSER_LIBRARY).args(["--", "browser::", "sender::"]))
    });
    server_interface(report);
}

fn server_interface(report: &mut Report) {
    if report.step("server for its description", || build::server(Mode::Dev).map(drop)) {
        report.tests("schemathesis", description::try_out);
    }
}

/// Runs `cargo test`, shows what it prints as it comes, and adds up its summaries.
fn cargo_test(cargo: &mut Command) -> Result<Counts> {
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("could not start cargo")?;
    let mut counts = Counts::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            println!("{line}");
            // test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s
            let Some(summary) = line.strip_prefix("test result: ") else { continue };
            for part in summary.split([';', '.']) {
                let mut words = part.split_whitespace();
                let (Some(number), Some(word)) = (words.next(), words.next()) else { continue };
                let Ok(number) = number.parse::<u64>() else { continue };
                match word {
                    "passed" => counts.passed += number,
                    "failed" => counts.failed += number,
                    "ignored" => counts.skipped += number,
                    _ => {}
                }
            }
        }
    }
    counts.complete = child.wait()?.success();
    Ok(counts)
}

fn playwright(report: &mut Report, arguments: &[String]) {
    report.tests("Playwright", || {
        let results = tools::root().join(PLAYWRIGHT_RESULTS);
        if results.exists() {
            std::fs::remove_file(&results)?;
        }
        let mut command = tools::node_program("@playwright/test/cli.js");
        command.arg("test").args(arguments);
        command.env("T4M_BINARY", tools::target().join("debug/transfer4me"));
        let status = tools::status(&mut command)?;
        let text = std::fs::read_to_string(&results).context("Playwright left no results")?;
        let results = serde_json::from_str(&text)?;
        let mut seen = Seen::default();
        playwright_failures(&results, &mut seen);
        // Once more at the end, where whoever sees only the last lines of a long run finds them.
        for (name, said) in &seen.failures {
            println!("\n{name}\n{said}");
        }
        let mut counts = playwright_counts(&results);
        counts.skipped = counts.skipped.saturating_sub(seen.not_run);
        counts.complete = status.success();
        counts.notes = seen.failures.into_iter().map(|(name, _)| name).collect();
        if seen.not_run > 0 && !counts.complete {
            counts.notes.push(format!("{} tests were not reached", seen.not_run));
        }
        Ok(counts)
    });
}

/// What of a JSON report wants to be told.
#[derive(Default)]
struct Seen {
    /// Failed tests, and what each said.
    failures: Vec<(String, String)>,
    /// Tests that no time was left for; the report counts them among those that were skipped.
    not_run: u64,
}

/// Reads a report, which nests suites and specs.
fn playwright_failures(node: &serde_json::Value, seen: &mut Seen) {
    let list =
        |node: &serde_json::Value, name: &str| node[name].as_array().cloned().unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    for suite in list(node, "suites") {
        playwright_failures(&suite, seen);
    }
    for spec in list(node, "specs") {
        let tests = list(&spec, "tests");
        seen.not_run += tests.iter().filter(|test| list(test, "results").is_empty()).count() as u64;
        for test in tests.iter().filter(|test| test["status"] == "unexpected") {
            let errors = list(test, "results")
                .iter()
                .flat_map(|result| list(result, "errors"))
                .collect::<Vec<_>>();
            let said =
                errors.iter().map(|error| text(&error["message"])).collect::<Vec<_>>().join("\n");
            let (file, title, project) =
                (text(&spec["file"]), text(&spec["title"]), text(&test["projectName"]));
            seen.failures.push((format!("{file}, {project}: {title}"), said));
        }
    }
}

fn playwright_counts(results: &serde_json::Value) -> Counts {
    let number = |name: &str| results["stats"][name].as_u64().unwrap_or(0);
    Counts {
        passed: number("expected"),
        failed: number("unexpected") + number("flaky"),
        skipped: number("skipped"),
        complete: true,
        notes: Vec::new(),
    }
}
