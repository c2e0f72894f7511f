//! A line between hosts on this machine, for tests and measurements: network namespaces joined over TUN devices, with
//! a set delay, rate, loss and queue. For kernels without `netem`, and with a loss that repeats.
//!
//! ```text
//! wan_link left1=10.77.0.1,left2=10.77.0.2 right1=10.77.0.3,right2=10.77.0.4
//! ```
//!
//! Makes the device `up0` in each of these namespaces and says `ready`; whoever started it gives the devices those
//! addresses. All of one side share the line to the other; among themselves they are as near as can be. Each line of
//! standard input, such as `rtt_ms=20 loss=0.001 rate_mbit=50 queue_ms=100 slot_ms=2`, sets both directions anew (without a
//! rate or a slot, there is none) and is answered by what passed so far. It ends with its input.
//!
//! [`line`] is what happens to a packet, [`tun`] the devices; here are the threads, one for each direction.

mod line;
mod tun;

use std::fs::File;
use std::io::{BufRead as _, Read as _, Write as _};
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd as _;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use line::{Counts, Line, Nanos, Packet, Settings};

/// The device in each namespace.
const DEVICE: &str = "up0";
/// Packets taken in one go before those that are due are put out.
const BATCH: usize = 64;
/// Longest time between two looks at what the line is set to.
const LONGEST_WAIT: Duration = Duration::from_millis(20);

/// One host.
struct Host {
    address: Ipv4Addr,
    device: File,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wan_link: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let sides: Vec<String> = std::env::args().skip(1).collect();
    let [left, right] = &sides[..] else {
        bail!("which hosts? wan_link NAMESPACE=ADDRESS,… NAMESPACE=ADDRESS,…");
    };
    let sides = [Arc::new(hosts(left)?), Arc::new(hosts(right)?)];
    let free = Settings::default();
    let lines = [1, 2].map(|seed| Arc::new(Mutex::new(Line::new(free, seed))));
    let start = Instant::now();
    for (from, line) in lines.iter().enumerate() {
        let (near, far) = (sides[from].clone(), sides[1 - from].clone());
        let line = line.clone();
        std::thread::spawn(move || {
            tun::be_punctual();
            if let Err(error) = carry(start, &near, &far, &line) {
                eprintln!("wan_link: {error:#}");
                std::process::exit(1);
            }
        });
    }
    say("ready")?;
    for command in std::io::stdin().lock().lines() {
        let settings = settings_of(&command?)?;
        for line in &lines {
            lock(line).set(settings);
        }
        let [there, back] = [&lines[0], &lines[1]].map(|line| json(lock(line).counts()));
        say(&format!("{{\"there\":{there},\"back\":{back}}}"))?;
    }
    Ok(())
}

/// Opens the device of each host of one side. Each thread can be in one namespace only.
fn hosts(side: &str) -> Result<Vec<Host>> {
    let mut hosts = Vec::new();
    for host in side.split(',') {
        let (namespace, address) = host.split_once('=').context("a host is NAMESPACE=ADDRESS")?;
        let address = address.parse()?;
        let opened = std::thread::scope(|scope| {
            scope
                .spawn(|| tun::open(namespace, DEVICE))
                .join()
                .unwrap_or_else(|_| Err(std::io::Error::other("the thread that opens it panicked")))
        });
        let device = opened.with_context(|| format!("{DEVICE} in {namespace}"))?;
        hosts.push(Host { address, device });
    }
    Ok(hosts)
}

/// One direction, for as long as the program runs.
fn carry(start: Instant, near: &[Host], far: &[Host], line: &Mutex<Line>) -> Result<()> {
    let now = || start.elapsed().as_nanos() as Nanos;
    let readable: Vec<_> = near.iter().map(|host| host.device.as_raw_fd()).collect();
    let mut packet = vec![0; 1 << 16];
    let mut takes_at = None;
    loop {
        let mut line = lock(line);
        if takes_at.is_none_or(|at| now() >= at) {
            let (taken_at, mut all) = (now(), true);
            for host in near {
                let mut read = 0;
                while read < BATCH
                    && let Ok(length) = (&host.device).read(&mut packet)
                {
                    pass(near, far, &packet[..length], taken_at, &mut line);
                    read += 1;
                }
                all &= read < BATCH;
            }
            takes_at = line.takes_at(now()).filter(|_| all);
        }
        let mut due = Vec::new();
        while due.len() < BATCH
            && let Some(packet) = line.leave(now())
        {
            due.push(packet);
        }
        let next = line.next_at().into_iter().chain(takes_at).min();
        drop(line);
        for packet in due {
            // What a device does not take is lost, as it would be on a wire.
            let _ = (&far[packet.to].device).write(&packet.bytes);
        }
        let time = next.map_or(LONGEST_WAIT, |at| Duration::from_nanos(at.saturating_sub(now())));
        let wakes = if takes_at.is_some() { &[] } else { &readable[..] };
        tun::wait(wakes, Some(time.min(LONGEST_WAIT)))?;
    }
}

/// A packet goes to a neighbour at once, to the other side over the line, and nowhere if nobody has its address.
fn pass(near: &[Host], far: &[Host], packet: &[u8], now: Nanos, line: &mut Line) {
    // IPv4 alone (RFC 791): the destination is the fifth word.
    let Some(header) = packet.first_chunk::<20>().filter(|header| header[0] >> 4 == 4) else {
        return;
    };
    let to = Ipv4Addr::new(header[16], header[17], header[18], header[19]);
    if let Some(neighbour) = near.iter().find(|host| host.address == to) {
        let _ = (&neighbour.device).write(packet);
    } else if let Some(to) = far.iter().position(|host| host.address == to) {
        line.enter(now, Packet { bytes: packet.into(), to });
    }
}

/// `rtt_ms=20 loss=0.001 rate_mbit=50 queue_ms=100 slot_ms=2`, in any order; what is absent is zero.
fn settings_of(command: &str) -> Result<Settings> {
    let mut settings = Settings::default();
    for word in command.split_whitespace() {
        let (name, value) =
            word.split_once('=').with_context(|| format!("`{word}`: NAME=VALUE"))?;
        let value: f64 = value.parse().with_context(|| format!("`{word}`: not a number"))?;
        match name {
            "rtt_ms" => settings.delay = (value * 1e6 / 2.0) as Nanos,
            "loss" => settings.loss = value,
            "rate_mbit" => settings.rate = (value * 1e6 / 8.0) as u64,
            "queue_ms" => settings.queue = (value * 1e6) as Nanos,
            "slot_ms" => settings.slot = (value * 1e6) as Nanos,
            _ => bail!("there is no setting `{name}`"),
        }
    }
    Ok(settings)
}

fn json(counts: Counts) -> String {
    let Counts { packets, bytes, lost, dropped } = counts;
    format!("{{\"packets\":{packets},\"bytes\":{bytes},\"lost\":{lost},\"dropped\":{dropped}}}")
}

fn say(words: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{words}")?;
    Ok(out.flush()?)
}

/// A thread that panicked ends the program elsewhere.
fn lock(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_in_any_order() {
        let settings =
            settings_of("loss=0.001 rtt_ms=20 slot_ms=0.5 queue_ms=100 rate_mbit=50").unwrap();
        let expected = Settings {
            delay: 10_000_000,
            loss: 0.001,
            rate: 6_250_000,
            queue: 100_000_000,
            slot: 500_000,
        };
        assert_eq!(settings, expected);
        assert!(settings_of("jitter=3").is_err());
        assert!(settings_of("loss=much").is_err());
    }
}
