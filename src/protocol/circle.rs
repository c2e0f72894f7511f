//! Circles: members of a room who hear or see the same moment. A circle has a socket of its own for each member, beside
//! the one by which the page fetches, so that whoever only listens fetches nothing, and a download changes nothing for
//! whoever listens.
//!
//! ```text
//! listener                        server                          owner
//!  | join {circle: live, …} ------>|<-------- join {circle: live, …}|   host, by its owner token
//!  |                               |<------------------ seats {16} -|
//!  |<---- circle {host, ahead, …} -|- circle {members, waiting} --->|
//!  | signal: offer --------------->|------------------------------->|   once it has a seat and something is on
//!  |<------------------------------|<---------------- signal: answer|   then sound goes from browser to browser
//!  |<------------------------------|<---------------- signal: on_air|   what is on, whenever that changes
//! ```
//!
//! Whoever listens together has its own copy. The member that came first is host, and the next one when it goes:
//! `playback` says what it plays, and `clock_asked` and `clock_told` compare the clocks (as in RFC 5905, section 8).
//! The server passes signals between a host and the others, not among these, and can read none.

use serde::{Deserialize, Serialize};

use super::id::PeerId;

/// What a circle is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CircleKind {
    /// The owner plays, and its sound and picture go to everyone as they are played.
    Live,
    /// Everyone plays a copy, and all are at the same place.
    Together,
}

/// Who is in a circle, for each of its members; at most four times a second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CircleRoster {
    /// Who plays for all, if anyone does.
    pub host: Option<PeerId>,
    /// All others that have a place, in the order in which they came; at most
    /// [`super::limits::MAX_CIRCLE_MEMBERS`].
    pub members: Vec<PeerId>,
    /// How many stand in line for a place.
    pub waiting: u32,
    /// How many of these come before the one that is told; `None` if that one has a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<u32>,
}

/// What a host and another member tell each other, once opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CircleSignal {
    /// A listener asks for what is on: a description that only receives.
    Offer {
        /// Tells this attempt from an earlier one.
        attempt: u32,
        /// RFC 8866.
        sdp: String,
    },
    /// The host's answer: a description that only sends.
    Answer {
        /// The offer's.
        attempt: u32,
        /// RFC 8866.
        sdp: String,
    },
    /// One more way to reach the sender (RFC 8838).
    Candidate {
        /// The offer's.
        attempt: u32,
        /// `candidate:` line.
        candidate: String,
        /// Its media section.
        sdp_mid: Option<String>,
    },
    /// What the host of a broadcast plays; nothing once it has stopped.
    OnAir(Option<OnAir>),
    /// What the host of those who listen together plays; nothing while it plays nothing.
    Playback(Option<Playback>),
    /// Asks a host for its clock.
    ClockAsked {
        /// Microseconds of the asker's clock.
        asked_at: u64,
    },
    /// A host's answer.
    ClockTold {
        /// The question's.
        asked_at: u64,
        /// Microseconds of the host's clock.
        told_at: u64,
    },
}

/// What is broadcast.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnAir {
    /// Its name, as the host wrote it; see [`super::limits::MAX_TITLE_CHARS`].
    pub title: String,
    /// Whether there is a picture.
    pub seen: bool,
    /// Whether it plays now, or is held.
    pub playing: bool,
}

/// Where a host is in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Playback {
    /// The file's number in the manifest.
    pub file: u32,
    /// Whether it plays now, or is held.
    pub playing: bool,
    /// Microseconds from the file's start.
    pub position: u64,
    /// Microseconds of the host's clock when it was there.
    pub at: u64,
    /// Per cent of the normal speed.
    pub speed: u16,
}
