//! One place in one file for everyone: the host says where it is and when, the others go there by its clock.
//!
//! A follower far off seeks, one a little off plays a little faster or slower, which nobody hears. A seek takes its time,
//! so it aims ahead by as much as the last ones were late.

use std::time::Duration;

use litemap::LiteMap;

use super::catch_up::CatchUp;
use super::clock_sync::ClockSync;
use super::{CirclePhase, Common, Input, Output, Played, Steering};
use crate::clock::Timestamp;
use crate::protocol::circle::{CircleSignal, Playback};
use crate::protocol::id::PeerId;

/// How often the player is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// How often a host says where it is, though nothing changed.
const TELL_INTERVAL: Duration = Duration::from_secs(5);
/// Least time between two of these, and what it is for each follower: servers take so many messages a second.
const NEWS_INTERVAL: Duration = Duration::from_millis(150);
const NEWS_PER_MEMBER: Duration = Duration::from_millis(25);
/// How often a follower asks for the clock, and at first.
const ASK_INTERVAL: Duration = Duration::from_secs(5);
const FIRST_ASK_INTERVAL: Duration = Duration::from_millis(250);
/// Answers that are enough for the slower pace.
const FIRST_ANSWERS: usize = 5;
/// Least time between two answers to one follower, so that none makes a host talk too much.
const ANSWER_INTERVAL: Duration = Duration::from_millis(150);

/// Microseconds off the place that the clock foretells at which a host says its place anew.
const NEWS: i64 = 40_000;
/// Microseconds off at which a follower seeks, right after a seek and later.
const FAR_AFTER_SEEK: i64 = 120_000;
const FAR: i64 = 400_000;
/// Time in which a seek or a new file comes to play.
const SETTLING: Duration = Duration::from_millis(900);
/// Time for a new file to be opened, from when on it is tried again.
const OPENING: Duration = Duration::from_secs(4);
/// Seeks in a row without coming nearer, after which it is left to the rate.
const MAX_SEEKS: u32 = 3;
/// Most that a seek aims ahead, in microseconds.
const MAX_LEAD: i64 = 1_500_000;

/// What a page that listens together keeps.
#[derive(Debug, Default)]
pub struct Together {
    own: Option<Played>,
    looked: Option<Timestamp>,
    // As host.
    told: Option<Playback>,
    told_at: Option<Timestamp>,
    answered: LiteMap<PeerId, Timestamp>,
    // As follower.
    followed: Option<PeerId>,
    clock: ClockSync,
    asked: Option<Timestamp>,
    playback: Option<Playback>,
    settling: Option<Timestamp>,
    opening: Option<(u32, Timestamp)>,
    seeks: u32,
    /// The last seek is still to be judged.
    judging: bool,
    lead: i64,
    catch_up: CatchUp,
    rate: Option<u16>,
}

impl Together {
    pub(super) fn handle(&mut self, now: Timestamp, common: &mut Common, input: Input) {
        match input {
            Input::Played(played) => {
                self.own = played;
                if common.hosts() {
                    self.tell_if_news(now, common);
                } else {
                    self.steer(now, common);
                }
            }
            Input::SignalReceived { from, signal } => self.heard(now, common, from, signal),
            Input::Timeout => self.time_out(now, common),
            _ => {}
        }
    }

    pub(super) fn roster_changed(&mut self, now: Timestamp, common: &mut Common) {
        let members = &common.roster.members;
        let gone: Vec<PeerId> =
            self.answered.keys().filter(|peer| !members.contains(peer)).copied().collect();
        for peer in gone {
            self.answered.remove(&peer);
        }
        if common.hosts() {
            if self.followed.take().is_some() {
                // It leads from now on, from where it is.
                self.stop_following(common);
            }
            for peer in common.roster.members.clone() {
                if !self.answered.contains_key(&peer) {
                    self.answered.insert(peer, Timestamp::ZERO);
                    common.signal(peer, CircleSignal::Playback(self.told));
                }
            }
        } else if common.roster.host != self.followed {
            self.followed = common.roster.host;
            self.clock = ClockSync::default();
            self.asked = None;
            self.playback = None;
            self.told = None;
            self.answered = LiteMap::new();
            self.ask(now, common);
        }
        self.look(now, common);
    }

    fn heard(&mut self, now: Timestamp, common: &mut Common, from: PeerId, signal: CircleSignal) {
        match signal {
            CircleSignal::ClockAsked { asked_at } if common.hosts() => {
                let Some(last) = self.answered.get_mut(&from) else { return };
                if now >= *last + ANSWER_INTERVAL || *last == Timestamp::ZERO {
                    *last = now;
                    let told_at = ClockSync::micros(now);
                    common.signal(from, CircleSignal::ClockTold { asked_at, told_at });
                }
            }
            CircleSignal::ClockTold { asked_at, told_at } if self.followed == Some(from) => {
                self.clock.told(now, asked_at, told_at);
                self.look(now, common);
            }
            CircleSignal::Playback(playback) if self.followed == Some(from) => {
                self.playback = playback.filter(is_sound);
                self.look(now, common);
            }
            _ => {}
        }
    }

    fn time_out(&mut self, now: Timestamp, common: &mut Common) {
        if self.due_to_ask(common).is_some_and(|at| now >= at) {
            self.ask(now, common);
        }
        if self.looked.is_some_and(|last| now >= last + LOOK_INTERVAL) {
            self.look(now, common);
        }
    }

    fn look(&mut self, now: Timestamp, common: &mut Common) {
        self.looked = Some(now);
        common.outputs.push_back(Output::ObservePlayer);
    }

    fn due_to_ask(&self, common: &Common) -> Option<Timestamp> {
        let asks = self.followed.is_some() && !common.hosts();
        let pause = match self.clock.answers() < FIRST_ANSWERS {
            true => FIRST_ASK_INTERVAL,
            false => ASK_INTERVAL,
        };
        self.asked.filter(|_| asks).map(|last| last + pause)
    }

    fn ask(&mut self, now: Timestamp, common: &mut Common) {
        if let Some(host) = self.followed {
            self.asked = Some(now);
            let asked_at = self.clock.ask(now);
            common.signal(host, CircleSignal::ClockAsked { asked_at });
        }
    }

    /// As host: says where it is, if nobody could know.
    fn tell_if_news(&mut self, now: Timestamp, common: &mut Common) {
        let here = ClockSync::micros(now);
        let playback = self.own.map(|own| Playback {
            file: own.file,
            playing: own.playing && !own.waiting,
            position: micros(own.position),
            at: here,
            speed: own.speed,
        });
        let is_news = match (&self.told, &playback) {
            (None, None) => false,
            (Some(told), Some(new)) => {
                let same = (told.file, told.playing, told.speed);
                same != (new.file, new.playing, new.speed)
                    || difference(new.position, place_at(told, here)).abs() > NEWS
            }
            _ => true,
        };
        let due = self.told_at.is_none_or(|last| now >= last + TELL_INTERVAL);
        let members = u32::try_from(common.roster.members.len()).unwrap_or(u32::MAX);
        let pause = NEWS_INTERVAL.max(NEWS_PER_MEMBER.saturating_mul(members));
        if self.told_at.is_some_and(|last| now < last + pause) {
            // The next look tells it.
            return;
        }
        if is_news || (due && playback.is_some()) {
            self.told = playback;
            self.told_at = Some(now);
            for peer in common.roster.members.clone() {
                common.signal(peer, CircleSignal::Playback(playback));
            }
        }
    }

    /// As follower: one step nearer to where the host is.
    fn steer(&mut self, now: Timestamp, common: &mut Common) {
        let Some(playback) = self.playback else { return };
        let there = self.clock.there(now);
        // One that is held is where it is, whatever the time.
        let target = match (playback.playing, there) {
            (true, Some(there)) => place_at(&playback, there),
            (true, None) => return,
            (false, _) => playback.position,
        };
        let own = match self.own {
            Some(own) if own.file == playback.file => own,
            _ => {
                self.open(now, common, playback.file, target);
                return;
            }
        };
        self.opening = None;
        if !playback.playing {
            if own.playing {
                steer_to(common, Steering::Pause);
            }
            let off = difference(micros(own.position), target).abs() > FAR_AFTER_SEEK;
            if off && !own.waiting && !self.is_settling(now) {
                self.seek(now, common, target);
            }
            self.catch_up.begin_anew();
            self.set_rate(common, 1000);
            return;
        }
        if !own.playing {
            if !self.is_settling(now) {
                if difference(micros(own.position), target).abs() > FAR {
                    self.seek(now, common, target);
                }
                self.settling = Some(now + SETTLING);
                steer_to(common, Steering::Play);
            }
            return;
        }
        if own.waiting || self.is_settling(now) {
            return;
        }
        let off = difference(micros(own.position), target);
        let Some(off) = self.catch_up.seen(off, FAR_AFTER_SEEK) else { return };
        if std::mem::take(&mut self.judging) {
            // It came to play later than the seek aimed, or sooner; the next need not take as long as this one.
            self.lead = (self.lead - off / 2).clamp(0, MAX_LEAD);
        }
        let far = if self.seeks > 0 { FAR_AFTER_SEEK } else { FAR };
        if off.abs() > far && self.seeks < MAX_SEEKS {
            self.seeks += 1;
            self.judging = true;
            let lead = u64::try_from(self.lead).unwrap_or(0);
            self.set_rate(common, 1000);
            self.seek(now, common, target.saturating_add(lead));
            return;
        }
        if off.abs() <= FAR_AFTER_SEEK {
            self.seeks = 0;
        } else if off.abs() > 4 * FAR {
            // The rate will never make that good.
            self.seeks = 1;
        }
        let deviation = self.catch_up.deviation(off, FAR);
        self.set_rate(common, u16::try_from(1000 - deviation).unwrap_or(1000));
    }

    fn open(&mut self, now: Timestamp, common: &mut Common, file: u32, target: u64) {
        let tried = self.opening.is_some_and(|(last, until)| last == file && now < until);
        if tried {
            return;
        }
        self.opening = Some((file, now + OPENING));
        self.settling = Some(now + SETTLING);
        self.seeks = 1;
        self.catch_up = CatchUp::default();
        self.judging = true;
        self.rate = None;
        let position = Duration::from_micros(target);
        steer_to(common, Steering::Open { file, position });
    }

    fn seek(&mut self, now: Timestamp, common: &mut Common, target: u64) {
        self.settling = Some(now + SETTLING);
        self.catch_up.begin_anew();
        steer_to(common, Steering::SeekTo(Duration::from_micros(target)));
    }

    /// In thousandths of the host's own speed.
    fn set_rate(&mut self, common: &mut Common, rate: u16) {
        let speed = self.playback.map_or(100, |playback| playback.speed);
        let rate = u16::try_from(u32::from(rate) * u32::from(speed) / 100).unwrap_or(1000);
        if self.rate.replace(rate) != Some(rate) {
            steer_to(common, Steering::Rate(rate));
        }
    }

    fn is_settling(&mut self, now: Timestamp) -> bool {
        self.settling = self.settling.filter(|until| now < *until);
        self.settling.is_some()
    }

    fn stop_following(&mut self, common: &mut Common) {
        self.playback = None;
        // At the speed that its own person set.
        let speed = self.own.map_or(100, |own| own.speed);
        if self.rate.take().is_some_and(|rate| rate != speed * 10) {
            steer_to(common, Steering::Rate(speed * 10));
        }
        self.catch_up.begin_anew();
        self.settling = None;
        self.opening = None;
        self.seeks = 0;
    }

    pub(super) fn forget_others(&mut self, common: &mut Common) {
        self.stop_following(common);
        let own = self.own;
        *self = Self { own, ..Self::default() };
    }

    pub(super) fn timeout(&self, common: &Common) -> Option<Timestamp> {
        let look = self.looked.filter(|_| common.roster.host.is_some());
        let look = look.map(|last| last + LOOK_INTERVAL);
        [look, self.due_to_ask(common)].into_iter().flatten().min()
    }

    pub(super) fn phase(&self, common: &Common) -> CirclePhase {
        match (common.hosts(), self.playback, self.own) {
            (true, _, Some(_)) => CirclePhase::Hearing,
            (false, Some(_), Some(_)) if self.clock.answers() > 0 => CirclePhase::Hearing,
            (false, Some(_), _) => CirclePhase::Tuning,
            _ => CirclePhase::Quiet,
        }
    }
}

fn steer_to(common: &mut Common, steering: Steering) {
    common.outputs.push_back(Output::Steer(steering));
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// No two places of a file are further apart, and nothing overflows that far.
const FURTHEST: i128 = 1 << 50;

/// One place less another, in microseconds.
fn difference(one: u64, other: u64) -> i64 {
    let difference = i128::from(one) - i128::from(other);
    difference.clamp(-FURTHEST, FURTHEST) as i64
}

/// Where a host is at a moment of its clock, by what it said.
fn place_at(playback: &Playback, at: u64) -> u64 {
    if !playback.playing {
        return playback.position;
    }
    let passed = i128::from(difference(at, playback.at)) * i128::from(playback.speed) / 100;
    let place = i128::from(playback.position) + passed;
    u64::try_from(place.max(0)).unwrap_or(u64::MAX)
}

/// Speeds that players know; a week is longer than any file.
fn is_sound(playback: &Playback) -> bool {
    const WEEK: u64 = 7 * 24 * 3_600_000_000;
    (25..=400).contains(&playback.speed) && playback.position < WEEK
}
