//! One direction of the line: what happens to a packet, and when. Time is an argument, in nanoseconds.

use std::collections::VecDeque;

/// Nanoseconds since some start.
pub type Nanos = u64;

/// Bytes under way at most, whatever the line is set to: 2 Gbit/s for a quarter of a second.
const MAX_UNDER_WAY: usize = 64 << 20;

/// What a direction does to packets.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Settings {
    /// One way, without waiting.
    pub delay: Nanos,
    /// The part of packets that is lost, each by itself.
    pub loss: f64,
    /// Bytes a second; zero is without a limit.
    pub rate: u64,
    /// How long the queue in front of the line may grow. What comes when it is full is dropped.
    pub queue: Nanos,
    /// Packets are taken once in so long, all that came by then: an access network sends in turns. Modems on cable ask for
    /// theirs every 2 ms, Wi-Fi sends up to 2.5 ms at a time, LTE once in a millisecond. A packet waits for half of it
    /// on average, so that much of the delay goes. Zero is at once, as on a wire.
    pub slot: Nanos,
}

/// What became of the packets so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Came out at the other end.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Dropped because the queue was full.
    pub dropped: u64,
}

/// A packet and where it goes.
#[derive(Debug)]
pub struct Packet {
    /// From the IP header on.
    pub bytes: Box<[u8]>,
    /// Which host of the other side.
    pub to: usize,
}

/// One direction.
#[derive(Debug)]
pub struct Line {
    settings: Settings,
    random: u64,
    /// When the line is through with all that waits.
    busy_until: Nanos,
    /// In the order in which they come out.
    under_way: VecDeque<(Nanos, Packet)>,
    under_way_bytes: usize,
    counts: Counts,
}

impl Line {
    /// An empty line. The same seed loses the same packets.
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            settings,
            random: seed,
            busy_until: 0,
            under_way: VecDeque::new(),
            under_way_bytes: 0,
            counts: Counts::default(),
        }
    }

    /// From now on; what is under way stays as it is.
    pub fn set(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// What became of the packets so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// A packet comes.
    pub fn enter(&mut self, now: Nanos, packet: Packet) {
        let Settings { delay, loss, rate, queue, slot } = self.settings;
        if loss > 0.0 && self.fraction() < loss {
            self.counts.lost += 1;
            return;
        }
        let length = packet.bytes.len();
        let starts = self.busy_until.max(now);
        let full = rate > 0 && starts - now > queue;
        if full || self.under_way_bytes + length > MAX_UNDER_WAY {
            self.counts.dropped += 1;
            return;
        }
        let through = match rate {
            0 => now,
            rate => starts + (length as u64 * 1_000_000_000).div_ceil(rate),
        };
        self.busy_until = through;
        // Packets do not overtake each other, not even when the delay is made shorter.
        let last = self.under_way.back().map_or(0, |(at, _)| *at);
        self.under_way_bytes += length;
        let out = through + delay.saturating_sub(slot / 2);
        self.under_way.push_back((out.max(last), packet));
    }

    /// When packets are taken next, if all that are there now were: `None` is as they come.
    pub fn takes_at(&self, now: Nanos) -> Option<Nanos> {
        let slot = self.settings.slot;
        (slot > 0).then(|| (now + 1).next_multiple_of(slot))
    }

    /// When the next packet comes out.
    pub fn next_at(&self) -> Option<Nanos> {
        self.under_way.front().map(|(at, _)| *at)
    }

    /// A packet that has come out by now.
    pub fn leave(&mut self, now: Nanos) -> Option<Packet> {
        if self.next_at().is_none_or(|at| at > now) {
            return None;
        }
        let (_, packet) = self.under_way.pop_front()?;
        self.under_way_bytes -= packet.bytes.len();
        self.counts.packets += 1;
        self.counts.bytes += packet.bytes.len() as u64;
        Some(packet)
    }

    /// From 0 to 1: SplitMix64 (Steele, Lea and Flood 2014).
    fn fraction(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Nanos = 1_000_000;
    const FREE: Settings = Settings { delay: 0, loss: 0.0, rate: 0, queue: 0, slot: 0 };

    fn packet(length: usize) -> Packet {
        Packet { bytes: vec![0; length].into(), to: 0 }
    }

    /// When everything that is under way comes out.
    fn drain(line: &mut Line) -> Vec<Nanos> {
        let mut times = Vec::new();
        while let Some(at) = line.next_at() {
            assert!(at == 0 || line.leave(at - 1).is_none(), "not before its time");
            assert!(line.leave(at).is_some());
            times.push(at);
        }
        times
    }

    #[test]
    fn a_packet_takes_the_delay() {
        let mut line = Line::new(Settings { delay: 10 * MILLISECOND, ..FREE }, 1);
        line.enter(5, packet(1200));
        line.enter(7, packet(1200));
        assert_eq!(drain(&mut line), [10 * MILLISECOND + 5, 10 * MILLISECOND + 7]);
    }

    #[test]
    fn packets_leave_at_the_rate_and_what_does_not_fit_the_queue_is_dropped() {
        // 1,000 bytes take 1 ms; the queue holds 10 ms.
        let settings = Settings { rate: 1_000_000, queue: 10 * MILLISECOND, ..FREE };
        let mut line = Line::new(settings, 1);
        for _ in 0..100 {
            line.enter(0, packet(1000));
        }
        let times = drain(&mut line);
        let expected: Vec<Nanos> = (1..=11).map(|n| n * MILLISECOND).collect();
        assert_eq!(times, expected);
        assert_eq!(line.counts(), Counts { packets: 11, bytes: 11_000, lost: 0, dropped: 89 });
        line.enter(20 * MILLISECOND, packet(1000));
        assert_eq!(drain(&mut line), [21 * MILLISECOND], "an idle line saves nothing up");
    }

    #[test]
    fn with_slots_packets_go_together_and_take_the_delay_on_average() {
        let settings = Settings { delay: 10 * MILLISECOND, slot: 2 * MILLISECOND, ..FREE };
        let mut line = Line::new(settings, 1);
        // One comes every 100 µs; whoever takes them does so when a slot begins.
        let came: Vec<Nanos> = (0..200).map(|n| n * MILLISECOND / 10).collect();
        let mut waiting = came.iter().peekable();
        let mut now = 0;
        while waiting.peek().is_some() {
            now = line.takes_at(now).unwrap();
            while waiting.next_if(|at| **at <= now).is_some() {
                line.enter(now, packet(1200));
            }
        }
        let left = drain(&mut line);
        let total: Nanos = left.iter().zip(&came).map(|(out, came)| out - came).sum();
        let mean = total / came.len() as Nanos;
        assert!((9 * MILLISECOND..11 * MILLISECOND).contains(&mean), "{mean}");
        let moments: std::collections::BTreeSet<_> = left.iter().collect();
        assert_eq!(moments.len(), 10);
        assert_eq!(Line::new(FREE, 1).takes_at(5), None);
    }

    #[test]
    fn loss_is_as_set_and_repeats_with_its_seed() {
        let lost = |seed| {
            let mut line = Line::new(Settings { loss: 0.01, ..FREE }, seed);
            for now in 0..100_000 {
                line.enter(now, packet(100));
                while line.leave(now).is_some() {}
            }
            line.counts().lost
        };
        assert!((900..1100).contains(&lost(1)), "{}", lost(1));
        assert_eq!(lost(1), lost(1));
        assert_ne!(lost(1), lost(2));
    }

    #[test]
    fn a_shorter_delay_lets_nobody_overtake() {
        let mut line = Line::new(Settings { delay: 100, ..FREE }, 1);
        line.enter(0, packet(100));
        line.set(FREE);
        line.enter(10, packet(100));
        assert_eq!(drain(&mut line), [100, 100]);
    }
}
