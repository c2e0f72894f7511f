//! Which of a room's files its returned owner has chosen again: pure, like a list that is ticked off.

use crate::protocol::manifest::ManifestFile;
use crate::transfer::{Asked, Named};

/// One file as it was when it was shared, or as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Path and size, without the time.
    pub file: ManifestFile,
    /// `File.lastModified`, in milliseconds since 1970.
    pub modified: f64,
}

/// A room's files in the order of its manifest, and what was chosen for each so far.
pub struct MissingFiles<F> {
    files: Vec<(Known, Option<F>)>,
    /// Where the next file probably belongs: people choose in the order in which they chose before.
    next: usize,
}

impl<F> MissingFiles<F> {
    /// Nothing is chosen yet.
    pub fn new(files: impl Iterator<Item = Known>) -> Self {
        Self { files: files.map(|known| (known, None)).collect(), next: 0 }
    }

    /// Takes those that are the room's, and tells what is missing then, and what did not fit. A file that was
    /// edited is refused: its pieces would no longer be the ones that were signed.
    pub fn offer(&mut self, chosen: impl Iterator<Item = (Known, F)>) -> Asked {
        let mut asked = Asked::default();
        for (known, file) in chosen {
            let at = self.place(|slot| slot.0 == known && slot.1.is_none());
            if let Some(at) = at {
                self.files[at].1 = Some(file);
                self.next = at + 1;
            } else if self.place(|slot| slot.0 == known).is_some() {
                // Chosen twice.
            } else if self.place(|slot| slot.0.file.path == known.file.path).is_some() {
                count(&mut asked.different, &known);
            } else {
                count(&mut asked.foreign, &known);
            }
        }
        for (known, _) in self.files.iter().filter(|slot| slot.1.is_none()) {
            count(&mut asked.missing, known);
        }
        asked
    }

    /// All files in order, once none is missing.
    pub fn complete(&mut self) -> Option<Vec<F>> {
        if self.files.iter().any(|slot| slot.1.is_none()) {
            return None;
        }
        self.files.drain(..).map(|slot| slot.1).collect()
    }

    fn place(&self, fits: impl Fn(&(Known, Option<F>)) -> bool) -> Option<usize> {
        let count = self.files.len();
        (self.next..count).chain(0..self.next.min(count)).find(|at| fits(&self.files[*at]))
    }
}

fn count(named: &mut Option<Named>, known: &Known) {
    match named {
        Some(named) => named.others += 1,
        None => *named = Some(Named { first: known.file.path.clone(), others: 0 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(path: &str, bytes: u64, modified: f64) -> Known {
        Known { file: ManifestFile::undated(path.to_owned(), bytes), modified }
    }

    fn named(first: &str, others: usize) -> Option<Named> {
        Some(Named { first: first.to_owned(), others })
    }

    fn room() -> MissingFiles<u32> {
        MissingFiles::new(
            [known("a", 1, 10.0), known("b", 2, 20.0), known("b", 2, 21.0)].into_iter(),
        )
    }

    #[test]
    fn files_are_taken_in_any_order_and_by_parts() {
        let mut files = room();
        let asked = files.offer([(known("b", 2, 21.0), 3)].into_iter());
        assert_eq!(asked.missing, named("a", 1));
        assert_eq!(files.complete(), None);
        let asked = files.offer([(known("a", 1, 10.0), 1), (known("b", 2, 20.0), 2)].into_iter());
        assert_eq!(asked, Asked::default());
        assert_eq!(files.complete(), Some(vec![1, 2, 3]));
    }

    #[test]
    fn another_size_or_time_is_another_file() {
        let mut files = room();
        let asked = files.offer([(known("a", 1, 11.0), 1), (known("b", 3, 20.0), 2)].into_iter());
        assert_eq!(asked.different, named("a", 1));
        assert_eq!(asked.missing, named("a", 2));
    }

    #[test]
    fn what_is_not_the_rooms_is_named_and_left() {
        let mut files = room();
        let asked = files.offer([(known("c", 1, 10.0), 9)].into_iter());
        assert_eq!((asked.foreign, asked.different), (named("c", 0), None));
    }

    #[test]
    fn choosing_a_file_again_changes_nothing() {
        let mut files = room();
        files.offer([(known("a", 1, 10.0), 1)].into_iter());
        let asked = files.offer([(known("a", 1, 10.0), 8)].into_iter());
        assert_eq!((asked.different, asked.foreign), (None, None));
        files.offer([(known("b", 2, 20.0), 2), (known("b", 2, 21.0), 3)].into_iter());
        assert_eq!(files.complete(), Some(vec![1, 2, 3]));
    }
}
