//! What a page may know of its own transfer: the only part of `swarm` that views see.

use crate::protocol::id::PeerId;
use crate::protocol::piece::PieceIndex;
use crate::protocol::rooms::Topology;
use crate::protocol::signalling::{Have, MemberPhase, PathKind, RosterEntry};

/// What a recipient's page is doing. The words are the page's `data-phase` contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// A password is asked and not yet given.
    Locked,
    /// Nothing asked for yet.
    #[default]
    Idle,
    /// Joining the room or connecting to a provider.
    Connecting,
    /// Nobody can serve yet.
    Waiting,
    /// Fetching.
    Downloading,
    /// Stopped by the person.
    Paused,
    /// The server or every provider is gone; trying again.
    Reconnecting,
    /// Everything wanted is here and saved.
    Complete,
    /// Complete, and helping others.
    Seeding,
    /// Over, with a problem that the page shows.
    Failed,
}

impl Phase {
    /// The value of `data-phase`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Waiting => "waiting",
            Self::Downloading => "downloading",
            Self::Paused => "paused",
            Self::Reconnecting => "reconnecting",
            Self::Complete => "complete",
            Self::Seeding => "seeding",
            Self::Failed => "failed",
        }
    }
}

/// How far a recipient is. Published at most four times a second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DownloadStatus {
    /// What the page is doing.
    pub phase: Phase,
    /// Others ahead in line, while waiting.
    pub ahead: u32,
    /// Whether anyone who could serve is in the room, while waiting.
    pub seed_online: bool,
    /// Bytes verified.
    pub have_bytes: u64,
    /// Bytes wanted.
    pub wanted_bytes: u64,
    /// Payload bytes a second, over the last seconds.
    pub bytes_per_second: u64,
    /// Seconds until the rest is here at that speed.
    pub seconds_left: Option<u64>,
    /// How the bytes travel.
    pub path: PathKind,
    /// Files that can no longer be had, because they changed or vanished on the owner's disk.
    pub gone_files: Vec<u32>,
    /// Whether this page serves others, now and once complete.
    pub helps: bool,
    /// Others helped so far.
    pub helped: u32,
    /// Payload bytes a second sent to others now.
    pub sent_bytes_per_second: u64,
}

/// How far an owner's share is. Published at most four times a second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SharingStatus {
    /// Whether the server is reached.
    pub online: bool,
    /// Whether the owner stopped serving for a while.
    pub paused: bool,
    /// Everyone else in the room, oldest first.
    pub recipients: Vec<Recipient>,
    /// Complete copies that others in the room hold and can pass on.
    pub copies: u32,
    /// Whether the room can do without this tab.
    pub may_close: bool,
    /// Payload bytes a second sent now, to all together.
    pub bytes_per_second: u64,
    /// Payload bytes sent so far.
    pub sent_bytes: u64,
    /// Files that changed or vanished on this disk and are not served any more.
    pub gone_files: Vec<u32>,
}

/// Limits that the person set, in bytes a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// To all others together.
    pub upload: Option<u64>,
    /// From all others together.
    pub download: Option<u64>,
}

impl Caps {
    /// Megabits a second as a person writes them, thousandths at the finest; anything but a number above zero is no
    /// limit. Without floating point, whose reading and writing would make the first page larger.
    pub fn from_megabits(text: &str) -> Option<u64> {
        let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(part) {
            return None;
        }
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let places = part.bytes().chain(std::iter::repeat(b'0')).take(3);
        let thousandths = places.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        let kilobits = whole.checked_mul(1000)?.checked_add(thousandths)?;
        kilobits.checked_mul(125).filter(|bytes| *bytes > 0)
    }

    /// The same, to be written into a field; nothing where there is no limit.
    pub fn to_megabits(cap: Option<u64>) -> String {
        let Some(kilobits) = cap.map(|bytes| bytes / 125) else { return String::new() };
        let (whole, part) = (kilobits / 1000, kilobits % 1000);
        let text = format!("{whole}.{part:03}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// One recipient, as the owner's page lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Who.
    pub peer: PeerId,
    /// What it is doing.
    pub phase: MemberPhase,
    /// Bytes it has verified.
    pub have_bytes: u64,
    /// Bytes it wants.
    pub wanted_bytes: u64,
    /// Payload bytes a second that it receives.
    pub bytes_per_second: u64,
    /// How its bytes travel.
    pub path: PathKind,
    /// Whether it serves others.
    pub helps: bool,
}

impl Recipient {
    /// Whole per cent, never 100 before the end.
    pub fn percent(&self) -> u8 {
        percent(self.have_bytes, self.wanted_bytes)
    }
}

/// `part` of `whole` in whole per cent, rounded down; 100 if `whole` is nothing.
pub fn percent(part: u64, whole: u64) -> u8 {
    if whole == 0 {
        return 100;
    }
    u8::try_from(u128::from(part.min(whole)) * 100 / u128::from(whole)).unwrap_or(100)
}

impl super::Swarm {
    fn helped_so_far(&self) -> u32 {
        let helped_now = |(peer, remote): &(&PeerId, &super::RemotePeer)| {
            remote.sent.total() > 0 && !self.helped.contains(peer)
        };
        let count = self.helped.len() + self.peers.iter().filter(helped_now).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Complete copies that others hold and pass on: members that hold everything, and what the others that this
    /// browser is linked to hold together. There may be more, among members that it has no link to.
    fn copies(&self) -> u32 {
        if self.topology == Some(Topology::Direct) {
            return 0;
        }
        let helping =
            |entry: &&RosterEntry| entry.helps && entry.progress.phase != MemberPhase::Away;
        let (mut whole, mut parts) = (0, Vec::new());
        for entry in self.roster.iter().filter(helping) {
            if entry.progress.have == Have::All {
                whole += 1;
            } else if let Some(remote) = self.peers.get(&entry.peer) {
                parts.push(&remote.have);
            }
        }
        let pieces = (0..self.layout.piece_count()).map(PieceIndex);
        let holders = |piece| parts.iter().filter(|held| held.contains(piece)).count();
        let together = if parts.is_empty() { 0 } else { pieces.map(holders).min().unwrap_or(0) };
        whole + u32::try_from(together).unwrap_or(u32::MAX)
    }

    /// How far a recipient is.
    pub fn download_status(&self, now: crate::clock::Timestamp) -> DownloadStatus {
        let Some(download) = &self.download else { return DownloadStatus::default() };
        let bytes_per_second = self.received.bytes_per_second(now);
        let left = download.wanted_bytes().saturating_sub(download.have_bytes());
        let phase = self.phase();
        let running = phase == Phase::Downloading && bytes_per_second > 0;
        let (ahead, seed_online) = self.waiting.unwrap_or((0, true));
        DownloadStatus {
            phase,
            ahead,
            seed_online,
            have_bytes: download.have_bytes(),
            wanted_bytes: download.wanted_bytes(),
            bytes_per_second: if running { bytes_per_second } else { 0 },
            seconds_left: running.then(|| left.div_ceil(bytes_per_second)),
            path: self.peers.values().find(|r| r.provider).map_or(PathKind::Unknown, |r| r.path),
            gone_files: self.gone_files.to_vec(),
            helps: self.slots.helps(),
            helped: self.helped_so_far(),
            sent_bytes_per_second: self.upload.sent.bytes_per_second(now),
        }
    }

    fn phase(&self) -> Phase {
        let serving = |remote: &super::RemotePeer| remote.provider && remote.is_greeted();
        if self.failure.is_some() {
            Phase::Failed
        } else if self.complete {
            // In a room where only the owner serves nobody else helps, and who left the room does not either.
            let seeding = self.topology.is_some_and(|topology| topology != Topology::Direct);
            if seeding && self.started && self.slots.helps() {
                Phase::Seeding
            } else {
                Phase::Complete
            }
        } else if !self.started {
            Phase::Idle
        } else if self.paused {
            Phase::Paused
        } else if self.peers.values().any(serving) {
            let waits = |remote: &super::RemotePeer| remote.choked && remote.interested_sent;
            if self.peers.values().filter(|remote| serving(remote)).all(waits) {
                Phase::Waiting
            } else {
                Phase::Downloading
            }
        } else if self.membership.is_away() {
            Phase::Reconnecting
        } else if self.waiting.is_some() {
            Phase::Waiting
        } else if self.was_connected {
            Phase::Reconnecting
        } else {
            Phase::Connecting
        }
    }

    /// How far an owner's share is.
    pub fn sharing_status(&self, now: crate::clock::Timestamp) -> SharingStatus {
        let recipients = self
            .roster
            .iter()
            .map(|entry| Recipient {
                peer: entry.peer,
                phase: entry.progress.phase,
                have_bytes: entry.progress.have_bytes,
                wanted_bytes: entry.progress.wanted_bytes,
                bytes_per_second: entry.progress.bytes_per_second,
                path: entry.progress.path,
                helps: entry.helps,
            })
            .collect();
        let copies = self.copies();
        SharingStatus {
            online: self.membership.is_joined(),
            paused: self.paused,
            recipients,
            copies,
            may_close: copies > 0,
            bytes_per_second: self.upload.sent.bytes_per_second(now),
            sent_bytes: self.upload.sent.total(),
            gone_files: self.gone_files.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("8", Some(1_000_000)),
            (" 2.5 ", Some(312_500)),
            (".1", Some(12_500)),
            ("1.0019", Some(125_125)),
            ("0", None),
            ("", None),
            ("-3", None),
            ("1e3", None),
            ("99999999999999999999", None),
            ("18446744073709551", None),
        ] {
            assert_eq!(Caps::from_megabits(text), bytes, "{text}");
        }
        for text in ["8", "2.5", "0.1", "100", "1.001"] {
            assert_eq!(Caps::to_megabits(Caps::from_megabits(text)), text);
        }
        assert_eq!(Caps::to_megabits(None), "");
    }
}
