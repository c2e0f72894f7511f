//! A person who listens while the file arrives.

use std::time::Duration;

use super::actions::Action;
use super::queue::{Event, Nanos};
use super::world::World;
use crate::media::window::{Place, needed, piece_at};
use crate::swarm::Input;

/// How often the player reads.
const STEP: Nanos = 50_000_000;

/// What one player did.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Bytes of the file that a second of it takes.
    pub bytes_per_second: u64,
    /// When Play was pressed, or the last seek.
    pressed_at: Nanos,
    /// The next byte that is heard.
    at: u64,
    sounds: bool,
    waits_since: Option<Nanos>,
    /// From Play, or a seek, to the sound.
    pub waits: Vec<Duration>,
    /// Silences in between.
    pub stalls: Vec<Duration>,
    /// It was heard to the end.
    pub ended: bool,
}

impl World {
    /// What a node's player did so far.
    pub fn listener(&self, node: u32) -> Option<&Listener> {
        self.nodes.get(node as usize)?.listener.as_ref()
    }

    /// Play is pressed, or the slider moved to this byte.
    pub(super) fn listen(&mut self, node: u32, bytes_per_second: u64, at: u64) {
        let now = self.now;
        let player = &mut self.nodes[node as usize].listener;
        let first = player.is_none();
        let player = player.get_or_insert_with(|| Listener {
            bytes_per_second,
            pressed_at: now,
            at,
            sounds: false,
            waits_since: None,
            waits: Vec::new(),
            stalls: Vec::new(),
            ended: false,
        });
        (player.pressed_at, player.at, player.sounds) = (now, at, false);
        player.waits_since = None;
        if first {
            self.queue.push(now, Event::Act(Action::Hear(node)));
        }
    }

    /// The player reads on, if what comes next is there.
    pub(super) fn hear(&mut self, number: u32) {
        let (now, size) = (self.now, self.setting.size);
        let node = &mut self.nodes[number as usize];
        let Some(player) = &mut node.listener else { return };
        let here = piece_at(&self.layout, 0, player.at)
            .is_some_and(|(piece, _)| node.store.stored.contains(piece));
        let since = |then: Nanos| Duration::from_nanos(now - then);
        if here {
            if !player.sounds {
                player.sounds = true;
                player.waits.push(since(player.pressed_at));
            }
            if let Some(then) = player.waits_since.take() {
                player.stalls.push(since(then));
            }
            player.at += player.bytes_per_second * STEP / 1_000_000_000;
        } else if player.sounds && player.waits_since.is_none() {
            player.waits_since = Some(now);
        }
        player.ended = player.at >= size;
        let ended = player.ended;
        let place = Place { file: 0, at: player.at.min(size), end: size };
        let places = if ended { &[][..] } else { &[place] };
        let pieces = needed(&self.layout, &node.store.stored, places, player.bytes_per_second);
        self.input(number, Input::PlaybackMoved { pieces });
        if !ended {
            self.queue.push(now + STEP, Event::Act(Action::Hear(number)));
        }
    }
}
