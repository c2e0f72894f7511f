//! What came of a run.

use std::fmt;
use std::time::Duration;

use super::network::LAN_RATE;
use super::node::{Character, Node};
use super::world::World;
use crate::protocol::rooms::Topology;

/// Nodes that are told of when a run does not end.
const TOLD_NODES: usize = 4;

/// The figures of one run. Times count from each recipient's arrival.
#[derive(Clone, Debug)]
pub struct Report {
    /// Which scenario.
    pub scenario: &'static str,
    /// Who served whom.
    pub topology: Topology,
    /// Repeats the run.
    pub rng_seed: u64,
    /// Recipients that there ever were.
    pub recipients: u32,
    /// Bytes of the file.
    pub size: u64,
    /// Recipients that have everything, verified.
    pub complete: u32,
    /// Recipients that neither are complete nor left.
    pub unfinished: u32,
    /// The fastest.
    pub fastest: Duration,
    /// The one in the middle.
    pub median: Duration,
    /// The slowest.
    pub slowest: Duration,
    /// From the first arrival to the last completion.
    pub last_at: Duration,
    /// No scheme whatever can be faster with these links (Kumar and Ross 2006), seeds staying.
    pub bound: Duration,
    /// What the owner sent, over the size.
    pub owner_upload: f64,
    /// Jain's index of what the recipients sent: 1 if all sent as much, 1/n if one sent it all.
    pub upload_fairness: f64,
    /// Jain's index of the recipients' mean download rates.
    pub download_fairness: f64,
    /// What was sent over what all uplinks together could have sent until the last completion.
    pub uplink_use: f64,
    /// Payload bytes that were sent in vain, over those that were of use: twice, false, of pieces never finished, or
    /// over links that had ended.
    pub wasted: f64,
    /// Bytes of control messages between peers.
    pub control_bytes: u64,
    /// Bytes of signalling.
    pub signalling_bytes: u64,
    /// What the machines should not have done.
    pub problems: Vec<String>,
    /// Events of the run.
    pub events: u64,
}

/// Jain, Chiu and Hawe 1984: (Σx)² / (n·Σx²); 1 of nothing.
pub fn jain(values: &[f64]) -> f64 {
    let sum: f64 = values.iter().sum();
    let squares: f64 = values.iter().map(|value| value * value).sum();
    if squares == 0.0 { 1.0 } else { sum * sum / (values.len() as f64 * squares) }
}

/// max(F/u_s, F/d_min, N·F/(u_s + Σu_i)) in seconds.
pub fn fluid_bound(size: u64, owner_up: u64, recipients: &[(u64, u64)]) -> f64 {
    let size = size as f64;
    let down = recipients.iter().map(|(_, down)| *down).min().unwrap_or(u64::MAX) as f64;
    let up = owner_up as f64 + recipients.iter().map(|(up, _)| *up as f64).sum::<f64>();
    (size / owner_up as f64).max(size / down).max(recipients.len() as f64 * size / up)
}

/// Up and down rates of a node. Within a network its members reach each other at the network's rate; whoever
/// misbehaves adds nothing.
fn rates(node: &Node) -> (u64, u64) {
    let up = match (node.setting.character, node.setting.network) {
        (Character::Honest, 0) => node.setting.up,
        (Character::Honest, _) => LAN_RATE,
        _ => 0,
    };
    (up, node.setting.down)
}

impl World {
    /// What came of it so far.
    pub fn report(&mut self, scenario: &'static str) -> Report {
        self.tell_of_unfinished();
        let size = self.setting.size;
        let recipients: Vec<&Node> = self.nodes.iter().filter(|node| !node.owner).collect();
        let mut times: Vec<u64> = Vec::new();
        let mut last_at = 0;
        for node in &recipients {
            if let Some(at) = node.completed_at {
                times.push(at - node.started_at);
                last_at = last_at.max(at);
            }
        }
        times.sort_unstable();
        let nth = |n: usize| Duration::from_nanos(times.get(n).copied().unwrap_or_default());
        let sent: Vec<f64> = recipients.iter().map(|node| node.counts.sent_bytes as f64).collect();
        let speeds: Vec<f64> = times.iter().map(|time| size as f64 / *time as f64).collect();
        let owner_sent = self.nodes[0].counts.sent_bytes as f64;
        let up: f64 = self.nodes.iter().map(|node| node.setting.up as f64).sum();
        let able = (up * last_at as f64 / 1e9).max(1.0);
        let sum = |of: fn(&Node) -> u64| self.nodes.iter().map(of).sum::<u64>();
        let piece = u64::from(self.layout.piece_length());
        let useful: u64 =
            recipients.iter().map(|n| (u64::from(n.store.stored.count()) * piece).min(size)).sum();
        let sent_in_all = sum(|node| node.counts.sent_bytes);
        let lines: Vec<_> = recipients.iter().map(|node| rates(node)).collect();
        let bound = fluid_bound(size, self.setting.owner.up, &lines);
        let mut problems = self.problems.clone();
        let too_fast = sum(|node| node.counts.too_fast);
        if too_fast > 0 {
            problems.push(format!("{too_fast} messages more than the server allows"));
        }
        Report {
            scenario,
            topology: self.setting.topology,
            rng_seed: self.setting.rng_seed,
            recipients: recipients.len() as u32,
            size,
            complete: times.len() as u32,
            unfinished: self.unfinished,
            fastest: nth(0),
            median: nth(times.len() / 2),
            slowest: nth(times.len().saturating_sub(1)),
            last_at: Duration::from_nanos(last_at),
            bound: Duration::from_secs_f64(bound),
            owner_upload: owner_sent / size as f64,
            upload_fairness: jain(&sent),
            download_fairness: jain(&speeds),
            uplink_use: (owner_sent + sent.iter().sum::<f64>()) / able,
            wasted: sent_in_all.saturating_sub(useful) as f64 / useful.max(1) as f64,
            control_bytes: sum(|node| node.counts.control_bytes),
            signalling_bytes: sum(|node| node.counts.signalling_bytes),
            problems,
            events: self.queue.added(),
        }
    }

    fn tell_of_unfinished(&mut self) {
        let now = self.timestamp();
        let mut stuck = Vec::new();
        for (number, node) in self.nodes.iter().enumerate() {
            let open = node.present && node.completed_at.is_none() && node.failure.is_none();
            if !node.owner && open && stuck.len() < TOLD_NODES {
                let phase = node.swarm.download_status(now).phase;
                let held = node.store.stored.count();
                let links = node.links.len();
                let of = self.layout.piece_count();
                stuck.push(format!(
                    "node {number} is not complete: {phase:?}, {held} of {of} pieces, {links} links"
                ));
            }
        }
        for line in stuck {
            self.problem(line);
        }
    }
}

impl Report {
    /// From the first arrival to the last completion, over the bound.
    pub fn over_bound(&self) -> f64 {
        self.last_at.as_secs_f64() / self.bound.as_secs_f64()
    }

    /// Everyone who stayed is complete and no machine did what it should not.
    pub fn is_sound(&self) -> bool {
        self.unfinished == 0 && self.problems.is_empty()
    }

    /// The head of a Markdown table of reports.
    pub const HEAD: &'static str = "\
| scenario | topology | peers | MiB | complete | first s | median s | last s | bound s | last / bound | \
owner sent / F | uplinks used | fair up | fair down | wasted | control KiB | signalling KiB | seed |\n\
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|";
}

impl fmt::Display for Report {
    /// A row of a Markdown table, and a line for each problem.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |time: Duration| format!("{:.1}", time.as_secs_f64());
        write!(
            f,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {:.2} | {:.2} | {:.0} % | {:.2} | {:.2} | \
            {:.2} % | {} | {} | {} |",
            self.scenario,
            self.topology.as_str(),
            self.recipients,
            self.size >> 20,
            self.complete,
            seconds(self.fastest),
            seconds(self.median),
            seconds(self.last_at),
            seconds(self.bound),
            self.over_bound(),
            self.owner_upload,
            self.uplink_use * 100.0,
            self.upload_fairness,
            self.download_fairness,
            self.wasted * 100.0,
            self.control_bytes >> 10,
            self.signalling_bytes >> 10,
            self.rng_seed,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fairness_is_one_where_all_are_alike_and_one_nth_where_one_has_all() {
        assert!((jain(&[3.0, 3.0, 3.0]) - 1.0).abs() < 1e-12);
        assert!((jain(&[5.0, 0.0, 0.0, 0.0]) - 0.25).abs() < 1e-12);
        assert_eq!(jain(&[]), 1.0);
    }

    #[test]
    fn the_bound_is_the_narrowest_place() {
        // The owner's uplink, one recipient's downlink, all uplinks together.
        assert_eq!(fluid_bound(100, 10, &[(10, 100); 3]), 10.0);
        assert_eq!(fluid_bound(100, 50, &[(50, 4)]), 25.0);
        assert_eq!(fluid_bound(100, 100, &[(0, 100); 4]), 4.0);
    }
}
