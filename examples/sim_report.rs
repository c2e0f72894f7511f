//! Runs the simulator and writes a Markdown table to the standard output: `make bench-sim`.
//!
//! Without arguments: a flash crowd of 8, 64 and 512 equal peers on every topology, 1 GiB. Arguments narrow it:
//! `--peers 8,64 --size 64 --topology swarm --seed 3`, sizes in MiB; `--scenario all` or a scenario's name runs that
//! one instead of the flash crowd; `--plot FILE` writes the chart.

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;
use std::time::Instant;

use transfer4me::protocol::rooms::Topology;
use transfer4me::sim::Report;
use transfer4me::sim::plot::{Series, chart};
use transfer4me::sim::scenario::{self, Parameters, Scenario};

/// Recipients up to which one alone sends them any size: with 512 of them a GiB each takes it 61 simulated hours.
const FEW: u32 = 64;
/// Bytes that it sends to each of more, which gives the same ratio to the bound.
const MOST_FROM_ONE: u64 = 16 << 20;

struct Choice {
    peers: Vec<u32>,
    size: u64,
    topologies: Vec<Topology>,
    rng_seed: u64,
    scenarios: Vec<(&'static str, Scenario)>,
    plot: Option<String>,
}

fn main() -> ExitCode {
    match parse(std::env::args().skip(1)).and_then(|choice| run(&choice)) {
        Ok(sound) if sound => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(problem) => {
            let _ = writeln!(stderr(), "{problem}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Choice, String> {
    let mut choice = Choice {
        peers: vec![8, 64, 512],
        size: 1 << 30,
        topologies: Topology::ALL.to_vec(),
        rng_seed: 1,
        scenarios: vec![scenario::ALL[0]],
        plot: None,
    };
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let wrong = || format!("{name} {value} is not understood");
        match name.as_str() {
            "--peers" => {
                let numbers = value.split(',').map(str::parse).collect::<Result<_, _>>();
                choice.peers = numbers.map_err(|_| wrong())?;
            }
            "--size" => choice.size = value.parse::<u64>().map_err(|_| wrong())? << 20,
            "--topology" => {
                let known = |word: &str| Topology::ALL.into_iter().find(|t| t.as_str() == word);
                let chosen = value.split(',').map(known).collect::<Option<_>>();
                choice.topologies = chosen.ok_or_else(wrong)?;
            }
            "--seed" => choice.rng_seed = value.parse().map_err(|_| wrong())?,
            "--scenario" => {
                let chosen = scenario::ALL.iter().filter(|(n, _)| value == "all" || value == *n);
                choice.scenarios = chosen.copied().collect();
                if choice.scenarios.is_empty() {
                    return Err(wrong());
                }
            }
            "--plot" => choice.plot = Some(value),
            _ => return Err(wrong()),
        }
    }
    Ok(choice)
}

/// Tells whether every run was sound.
fn run(choice: &Choice) -> Result<bool, String> {
    let say = |line: String| writeln!(stdout(), "{line}").map_err(|error| error.to_string());
    say(Report::HEAD.to_owned())?;
    let mut reports = Vec::new();
    for (_, scenario) in &choice.scenarios {
        for topology in &choice.topologies {
            for peers in &choice.peers {
                let (peers, topology) = (*peers, *topology);
                let rng_seed = choice.rng_seed;
                let size = match topology {
                    Topology::Direct if peers > FEW => choice.size.min(MOST_FROM_ONE),
                    _ => choice.size,
                };
                let start = Instant::now();
                let report = scenario(&Parameters { peers, size, topology, rng_seed });
                say(report.to_string())?;
                let took = start.elapsed().as_secs_f64();
                let _ = writeln!(stderr(), "  ({} events in {took:.1} s)", report.events);
                for problem in &report.problems {
                    let _ = writeln!(stderr(), "  ! {problem}");
                }
                reports.push(report);
            }
        }
    }
    if let Some(path) = &choice.plot {
        std::fs::write(path, plot(choice, &reports)).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(reports.iter().all(Report::is_sound))
}

fn plot(choice: &Choice, reports: &[Report]) -> String {
    let of = |topology: &Topology| Series {
        name: topology.as_str().to_owned(),
        points: reports
            .iter()
            .filter(|report| report.topology == *topology && report.unfinished == 0)
            .map(|report| (f64::from(report.recipients), report.over_bound()))
            .collect(),
    };
    let series: Vec<Series> = choice.topologies.iter().map(of).collect();
    chart("Flash crowd: time to the last completion, over the fluid bound", &series)
}
