//! Tries a decoder on bytes that are almost right.
//!
//! Every case begins with a kept one or with a valid encoding, and is then cut, flipped, spliced, repeated and filled
//! with numbers at which things overflow. What a decoder says to a case (which error, or which kind of message) is
//! remembered, and the first case of each saying is built upon: so cases go deeper without any help of a compiler.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use transfer4me::random::Random;

/// Cases for each decoder in `make test`. `make fuzz` sets another number.
const CASES: u64 = 10_000;
/// Longest case in bytes: what comes in one message, and a little more.
const MAX_CASE_BYTES: usize = 72 << 10;
/// Cases that are built upon at most.
const MAX_KEPT: usize = 400;
/// No case may take as long. The longest take some milliseconds without optimisation, and anything quadratic minutes.
const MAX_TIME: Duration = Duration::from_secs(4);
/// Bytes that any case may allocate, and how many more for each of its own.
const ALLOWED_BYTES: u64 = 64 << 10;

/// What is tried.
pub struct Decoder {
    /// Names the folder of its kept cases, below tests/corpus.
    pub name: &'static str,
    /// Valid encodings of every kind.
    pub valid: Vec<Vec<u8>>,
    /// What stands in such encodings and means something.
    pub words: &'static [&'static [u8]],
    /// Bytes that may be allocated for each byte of a case, the checks' own copies included.
    pub bytes_per_byte: u64,
    /// Decodes, and checks everything that holds of the result; says what came of it.
    pub check: fn(&[u8]) -> String,
}

/// Tries it on its kept cases, on every valid encoding and on as many made-up cases as were asked for.
///
/// # Panics
/// It panics on one, which is then in the message.
pub fn try_out(decoder: &Decoder) {
    let cases = std::env::var("T4M_FUZZ_CASES").ok().and_then(|text| text.parse().ok());
    let mut kept = corpus(decoder.name);
    assert!(!kept.is_empty(), "no kept cases of {}", decoder.name);
    kept.extend(decoder.valid.iter().cloned());
    let mut said = BTreeSet::new();
    for case in &kept {
        said.insert(try_one(decoder, case));
    }
    let mut random = Random::new(0x7434_6d66);
    for _ in 0..cases.unwrap_or(CASES) {
        let case = made_up(decoder, &kept, &mut random);
        if said.insert(try_one(decoder, &case)) && kept.len() < MAX_KEPT {
            kept.push(case);
        }
    }
    // Whatever is tried has to be refused and taken, or the cases are of no use.
    assert!(said.len() > 1, "{} says nothing but {said:?}", decoder.name);
}

fn try_one(decoder: &Decoder, case: &[u8]) -> String {
    let (before, began) = (ALLOCATED.get(), Instant::now());
    let outcome = catch_unwind(AssertUnwindSafe(|| (decoder.check)(case)));
    let (allocated, took) = (ALLOCATED.get() - before, began.elapsed());
    let shown = || {
        let shown = String::from_utf8_lossy(&case[..case.len().min(300)]).into_owned();
        let hex: String = case.iter().take(2000).map(|byte| format!("{byte:02x}")).collect();
        format!("{} bytes: {shown:?}\n{hex}", case.len())
    };
    let name = decoder.name;
    let Ok(said) = outcome else { panic!("{name} on {}", shown()) };
    let allowed = ALLOWED_BYTES + decoder.bytes_per_byte * case.len() as u64;
    assert!(allocated <= allowed, "{name} allocates {allocated} bytes on {}", shown());
    assert!(took < MAX_TIME, "{name} takes {took:?} on {}", shown());
    said
}

/// The files of tests/corpus/{name}, in the order of their names, which say why each is kept.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Numbers at which something may overflow, big endian.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 53,
    i64::MAX as u64,
    u64::MAX,
];

fn made_up(decoder: &Decoder, kept: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut case = kept[below(random, kept.len())].clone();
    if below(random, 20) == 0 {
        case = (0..below(random, 200)).map(|_| below(random, 256) as u8).collect();
    }
    for _ in 0..=below(random, 5) {
        let at = below(random, case.len() + 1);
        let end = at + below(random, (case.len() - at).min(64) + 1);
        match below(random, 12) {
            0 if !case.is_empty() => case[at.min(end.saturating_sub(1))] ^= 1 << below(random, 8),
            1 if at < case.len() => case[at] = below(random, 256) as u8,
            2 => case.truncate(at),
            3 => drop(case.drain(at..end)),
            4 => {
                let part = case[at..end].to_vec();
                case.splice(at..at, part);
            }
            5 => {
                let other = &kept[below(random, kept.len())];
                let from = below(random, other.len() + 1);
                let part = other[from..].iter().copied().take(below(random, 400));
                case.splice(at..end, part);
            }
            6 | 7 if !decoder.words.is_empty() => {
                let word = decoder.words[below(random, decoder.words.len())];
                case.splice(at..end, word.iter().copied());
            }
            8 => {
                let edge = EDGES[below(random, EDGES.len())];
                let bytes = edge.to_be_bytes();
                let width = [1, 2, 4, 8][below(random, 4)];
                for (place, byte) in case.iter_mut().skip(at).zip(&bytes[8 - width..]) {
                    *place = *byte;
                }
            }
            9 => {
                let edge = EDGES[below(random, EDGES.len())].to_string();
                case.splice(at..end, edge.into_bytes());
            }
            10 => case.extend((0..below(random, 40)).map(|_| below(random, 256) as u8)),
            // Rarely, because it is slow: a part so often that whatever is not linear shows.
            11 if below(random, 60) == 0 && at < end => {
                let part = case[at..end].to_vec();
                let times = MAX_CASE_BYTES / part.len();
                case.splice(at..at, part.repeat(times));
            }
            _ => {}
        }
        case.truncate(MAX_CASE_BYTES);
    }
    case
}

fn below(random: &mut Random, end: usize) -> usize {
    random.below(end as u64) as usize
}

thread_local! {
    /// Bytes that this thread has asked for, given back or not.
    static ALLOCATED: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, which also counts.
struct Counting;

fn count(bytes: usize) {
    // A thread that ends may allocate when its counter is gone.
    let _ = ALLOCATED.try_with(|counter| counter.set(counter.get() + bytes as u64));
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        unsafe { System.dealloc(place, layout) }
    }
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count(bytes.saturating_sub(layout.size()));
        unsafe { System.realloc(place, layout, bytes) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
