//! Comparing what is stored with the owner's word, and the checksums of an archive on the way.

use crc::{CRC_32_ISO_HDLC, Crc, Table};
use js_sys::{Array, Float64Array, Uint8Array, Uint32Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::super::crypto::{begin_sha256, sha256_from};
use super::super::error::Error;
use super::worker::Worker;
use crate::protocol::peer_wire::HASH_BYTES;

/// The CRC-32 of ZIP, by one table of a kilobyte: sixteen would be faster, and a tenth of the whole first page.
static CRC32: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);

/// Bytes read at a time: each read takes a browser a millisecond, however short it is.
const READ_BYTES: f64 = 4_194_304.0;

/// A piece's number, first byte and length.
type Place = [f64; 3];

/// Pieces, the hash that each must have, and how many of them make up each file of an archive.
pub struct Checklist {
    places: Vec<Place>,
    hashes: Uint8Array,
    files: Vec<u32>,
}

/// What came of it.
pub struct Checked {
    /// Pieces that are what they must be.
    pub sound: Array,
    /// Pieces that cannot be read or are something else.
    pub unsound: Array,
    /// The CRC-32 of each file of the archive.
    pub sums: Vec<u32>,
}

impl Checklist {
    /// From a message, whose values begin at `first`: places, hashes, pieces of each file.
    ///
    /// # Errors
    /// They are something else.
    pub fn parse(message: &Array, first: u32) -> Result<Self, Error> {
        let places: Float64Array = message.get(first).dyn_into()?;
        let hashes = message.get(first + 1).dyn_into()?;
        let files: Uint32Array = message.get(first + 2).dyn_into()?;
        let places = places.to_vec();
        let (places, _) = places.as_chunks::<3>();
        Ok(Self { places: places.to_vec(), hashes, files: files.to_vec() })
    }

    /// Reads all of it, a few mebibytes at a time. `None` once `unwanted`.
    pub async fn check(
        &self,
        worker: &Worker,
        unwanted: impl Fn(&Worker) -> bool,
    ) -> Option<Checked> {
        let mut sums = Sums::new(self.files.clone());
        let (sound, unsound) = (Array::new(), Array::new());
        let (mut done, mut told) = (0, 0);
        while let Some(rest) = self.places.get(done..).filter(|rest| !rest.is_empty()) {
            if unwanted(worker) {
                return None;
            }
            let run = rest.get(..run_length(rest)).unwrap_or(rest);
            // All are begun before the first is waited for: browsers hash on several threads.
            let hashing: Vec<_> = read_run(worker, run).await.into_iter().map(hash).collect();
            for ([piece, ..], (bytes, hashing)) in run.iter().zip(hashing) {
                let at = (done * HASH_BYTES) as u32;
                let expected = self.hashes.subarray(at, at + HASH_BYTES as u32).to_vec();
                sums.add(bytes.as_ref());
                let is_sound = match hashing {
                    Some(hash) => sha256_from(hash).await.is_ok_and(|hash| hash[..] == expected),
                    None => false,
                };
                if is_sound { &sound } else { &unsound }.push(&(*piece).into());
                done += 1;
            }
            let percent = (done * 100 / self.places.len()) as u32;
            if percent != told {
                told = percent;
                worker.tell(&["checking".into(), percent.into()]);
            }
        }
        Some(Checked { sound, unsound, sums: sums.finish() })
    }
}

/// How many of the first places lie behind each other and are worth one read: one at least.
fn run_length(places: &[Place]) -> usize {
    let mut end = places.first().map_or(0.0, |[_, offset, _]| *offset);
    let mut bytes = 0.0;
    let fits = |[_, offset, length]: &&Place| {
        let fits = *offset == end && (bytes == 0.0 || bytes + length <= READ_BYTES);
        (end, bytes) = (offset + length, bytes + length);
        fits
    };
    places.iter().take_while(fits).count()
}

/// What each place holds; nothing where it cannot be read.
async fn read_run(worker: &Worker, run: &[Place]) -> Vec<Option<Uint8Array>> {
    let start = run.first().map_or(0.0, |[_, offset, _]| *offset);
    let length = run.iter().map(|[.., length]| length).sum();
    if let Ok(all) = worker.read(start, length).await {
        let part = |[_, offset, length]: &Place| {
            let begin = (offset - start) as u32;
            Some(all.subarray(begin, begin + *length as u32))
        };
        return run.iter().map(part).collect();
    }
    // One that is lost does not take its neighbours along.
    let mut parts = Vec::with_capacity(run.len());
    for [_, offset, length] in run {
        parts.push(worker.read(*offset, *length).await.ok());
    }
    parts
}

fn hash(bytes: Option<Uint8Array>) -> (Option<Uint8Array>, Option<JsFuture>) {
    let hashing = bytes.as_ref().and_then(|bytes| begin_sha256(bytes).ok());
    (bytes, hashing)
}

/// Checksums of files whose pieces come in order.
struct Sums {
    left: std::vec::IntoIter<u32>,
    /// The file that is under way, and how many of its pieces are to come.
    file: Option<(crc::Digest<'static, u32, Table<1>>, u32)>,
    sums: Vec<u32>,
}

impl Sums {
    fn new(files: Vec<u32>) -> Self {
        let sums = Vec::with_capacity(files.len());
        let mut sums = Self { left: files.into_iter(), file: None, sums };
        sums.next_file();
        sums
    }

    /// On to the next file that has any pieces. Empty ones are done.
    fn next_file(&mut self) {
        for pieces in self.left.by_ref() {
            let digest = CRC32.digest();
            if pieces > 0 {
                self.file = Some((digest, pieces));
                return;
            }
            self.sums.push(digest.finalize());
        }
    }

    /// The next piece; of one that is lost the sum is no use, nor is it used.
    fn add(&mut self, bytes: Option<&Uint8Array>) {
        let Some((digest, pieces)) = &mut self.file else { return };
        if let Some(bytes) = bytes {
            digest.update(&bytes.to_vec());
        }
        *pieces -= 1;
        if *pieces == 0
            && let Some((digest, _)) = self.file.take()
        {
            self.sums.push(digest.finalize());
            self.next_file();
        }
    }

    fn finish(self) -> Vec<u32> {
        self.sums
    }
}

/// Numbers, as an answer.
pub fn numbers(numbers: &Array) -> JsValue {
    Uint32Array::new(numbers).into()
}

#[cfg(test)]
mod tests {
    use super::{READ_BYTES, run_length};

    #[test]
    fn neighbours_are_read_together_up_to_a_bound() {
        let piece = READ_BYTES / 4.0;
        let places: Vec<_> =
            (0..9).map(|at| [f64::from(at), f64::from(at) * piece, piece]).collect();
        assert_eq!(run_length(&places), 4);
        assert_eq!(run_length(&places[7..]), 2);
        assert_eq!(run_length(&[[0.0, 5.0, 3.0], [1.0, 8.0, 2.0], [2.0, 11.0, 2.0]]), 2);
    }

    #[test]
    fn one_is_read_whatever_its_size() {
        assert_eq!(run_length(&[[0.0, 0.0, 4.0 * READ_BYTES], [1.0, 4.0 * READ_BYTES, 1.0]]), 1);
        assert_eq!(run_length(&[]), 0);
    }
}
