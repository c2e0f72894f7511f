//! What of an album plays next, why a track does not play, and what is said of those that were passed over.
//!
//! An album goes on without a track that is damaged, empty or gone. It waits at one that cannot be had now, because the
//! next would be no nearer. Each failure takes one track out, so that going on ends.

use litemap::LiteMap;

/// Names in one sentence at most.
const MOST_NAMES: usize = 5;
/// A track, as far as it matters for the order.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Number of its file.
    pub file: usize,
    /// There is not one byte in it.
    pub empty: bool,
    /// It is fetched, and the browser does not refuse its kind.
    pub offered: bool,
}

/// Why a track does not play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is here, and the browser makes nothing of it.
    Damaged,
    /// It has no content.
    Empty,
    /// It is not where it came from any more.
    Gone,
    /// The way to it broke, and may mend.
    Unreachable,
    /// The person did not want it.
    LeftOut,
}

impl Fault {
    /// Whether an album goes on without such a track, rather than wait for it.
    pub fn is_passed_over(self) -> bool {
        matches!(self, Self::Damaged | Self::Empty | Self::Gone)
    }
}

/// Which way somebody goes through an album.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Toward {
    /// To its end.
    #[default]
    Next,
    /// To its beginning.
    Previous,
}

/// What a player knows of the tracks that it has.
#[derive(Debug, Default)]
pub struct Album {
    faults: LiteMap<usize, Fault>,
    gone: Vec<u32>,
    /// Passed over since somebody chose: whoever only listens may look much later.
    passed: Vec<(usize, Fault)>,
    toward: Toward,
    is_over: bool,
}

impl Album {
    /// Somebody chose this track: what is known against it may not hold any more.
    pub fn choose(&mut self, file: usize) {
        self.faults.remove(&file);
        self.begin(Toward::Next);
    }

    /// These files will not come any more; those that are complete are not among them.
    pub fn set_gone(&mut self, files: &[u32]) {
        if self.gone != files {
            self.gone = files.to_vec();
        }
    }

    /// Whether the rest of this file will not come any more.
    pub fn is_gone(&self, file: usize) -> bool {
        self.gone.iter().any(|gone| *gone as usize == file)
    }

    /// Somebody asks for the next track, or the one before. `None` if there is none.
    pub fn turn(&mut self, entries: &[Entry], from: usize, toward: Toward) -> Option<usize> {
        self.begin(toward);
        self.find(entries, from)
    }

    /// A track came to its end. `None` if the album did as well.
    pub fn ended(&mut self, entries: &[Entry], file: usize) -> Option<usize> {
        self.toward = Toward::Next;
        let next = self.find(entries, file);
        self.is_over = next.is_none();
        next
    }

    /// A track does not play. Where to go on; `None` if nothing is left, or it is worth while to wait.
    pub fn failed(&mut self, entries: &[Entry], file: usize, fault: Fault) -> Option<usize> {
        if !fault.is_passed_over() {
            return None;
        }
        self.faults.insert(file, fault);
        self.pass_over(file, fault);
        let mut next = self.find(entries, file);
        if next.is_none() && self.toward == Toward::Previous {
            // Back to where the person came from.
            self.toward = Toward::Next;
            next = self.find(entries, file);
        }
        self.is_over = next.is_none();
        next
    }

    /// With what an album that came to its end begins anew; `None` while it did not, or if nothing of it plays.
    pub fn begin_anew(&self, entries: &[Entry]) -> Option<usize> {
        let first = || entries.iter().find(|entry| self.plays(entry));
        self.is_over.then(first).flatten().map(|entry| entry.file)
    }

    /// Something is heard again.
    pub fn sounds(&mut self) {
        self.is_over = false;
    }

    /// What is to be said of the tracks that were passed over.
    pub fn words(&self, name: impl Fn(usize) -> String) -> Option<String> {
        let of = |fault| {
            let files = self.passed.iter().filter(move |(_, one)| *one == fault);
            files.map(|(file, _)| name(*file)).collect::<Vec<String>>()
        };
        let faults = [Fault::Damaged, Fault::Empty, Fault::Gone].map(|fault| (fault, of(fault)));
        let said = faults.iter().filter(|(_, names)| !names.is_empty());
        let said: Vec<String> = said.map(|(fault, names)| sentence(*fault, names)).collect();
        (!said.is_empty()).then(|| said.join(" "))
    }

    fn begin(&mut self, toward: Toward) {
        self.passed.clear();
        self.toward = toward;
        self.is_over = false;
    }

    fn fault_of(&self, entry: &Entry) -> Option<Fault> {
        let known = self.faults.get(&entry.file).copied();
        known
            .or(self.is_gone(entry.file).then_some(Fault::Gone))
            .or(entry.empty.then_some(Fault::Empty))
    }

    fn plays(&self, entry: &Entry) -> bool {
        entry.offered && self.fault_of(entry).is_none()
    }

    fn find(&mut self, entries: &[Entry], from: usize) -> Option<usize> {
        let at = entries.iter().position(|entry| entry.file == from)?;
        let (before, after) = entries.split_at(at);
        let way: Vec<&Entry> = match self.toward {
            Toward::Next => after.iter().skip(1).collect(),
            Toward::Previous => before.iter().rev().collect(),
        };
        for entry in way.into_iter().filter(|entry| entry.offered) {
            match self.fault_of(entry) {
                Some(fault) => self.pass_over(entry.file, fault),
                None => return Some(entry.file),
            }
        }
        None
    }

    fn pass_over(&mut self, file: usize, fault: Fault) {
        if self.passed.iter().all(|(known, _)| *known != file) {
            self.passed.push((file, fault));
        }
    }
}

/// What is said of tracks of these names.
pub fn sentence(fault: Fault, names: &[String]) -> String {
    let one = names.len() == 1;
    let names = listed(names);
    match (fault, one) {
        (Fault::Damaged, true) => format!(
            "This browser cannot play {names}: it is damaged, is not what its name says, or is of a kind that the browser \
             does not know. You can still download it."
        ),
        (Fault::Damaged, false) => format!(
            "This browser cannot play {names}: they are damaged, are not what their names say, or are of kinds that the \
             browser does not know. You can still download them."
        ),
        (Fault::Empty, true) => format!("{names} is empty: there is nothing to play."),
        (Fault::Empty, false) => format!("{names} are empty: there is nothing to play."),
        (Fault::Gone, true) => {
            format!(
                "{names} cannot be had any more: it was moved, changed or deleted where it came from."
            )
        }
        (Fault::Gone, false) => {
            format!(
                "{names} cannot be had any more: they were moved, changed or deleted where they came from."
            )
        }
        (Fault::Unreachable, _) => {
            format!("The rest of {names} cannot be had now. Press Play to try again.")
        }
        (Fault::LeftOut, true) => format!("{names} was left out of this download."),
        (Fault::LeftOut, false) => format!("{names} were left out of this download."),
    }
}

fn listed(names: &[String]) -> String {
    let (shown, more) = names.split_at(names.len().min(MOST_NAMES));
    match (shown, more.len()) {
        ([], _) => String::new(),
        ([one], 0) => one.clone(),
        ([rest @ .., last], 0) => format!("{} and {last}", rest.join(", ")),
        (shown, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files 0, 1, 2 …; `e` is empty, `-` is not offered.
    fn entries(kinds: &str) -> Vec<Entry> {
        let entry = |(file, kind)| Entry { file, empty: kind == 'e', offered: kind != '-' };
        kinds.chars().enumerate().map(entry).collect()
    }

    fn name(file: usize) -> String {
        format!("{file}.mp3")
    }

    #[test]
    fn an_album_plays_in_its_order_and_ends() {
        let (mut album, all) = (Album::default(), entries("ab-d"));
        assert_eq!(album.ended(&all, 0), Some(1));
        assert_eq!(album.ended(&all, 1), Some(3));
        assert_eq!(album.begin_anew(&all), None);
        assert_eq!(album.ended(&all, 3), None);
        assert_eq!(album.begin_anew(&all), Some(0));
        assert_eq!(album.words(name), None);
        assert_eq!(album.turn(&all, 3, Toward::Previous), Some(1));
        assert_eq!(album.begin_anew(&all), None, "somebody went back into it");
        assert_eq!(album.turn(&all, 0, Toward::Previous), None);
        assert_eq!(album.turn(&all, 3, Toward::Next), None);
        assert_eq!(album.begin_anew(&all), None, "the last one still plays");
    }

    #[test]
    fn it_goes_on_after_damaged_and_empty_tracks_and_names_them() {
        let (mut album, all) = (Album::default(), entries("abede"));
        assert_eq!(album.ended(&all, 0), Some(1));
        assert_eq!(album.failed(&all, 1, Fault::Damaged), Some(3));
        let words = album.words(name).unwrap();
        assert!(words.contains("cannot play 1.mp3: it is damaged"), "{words}");
        assert!(words.contains("2.mp3 is empty"), "{words}");
        assert_eq!(album.ended(&all, 3), None);
        let words = album.words(name).unwrap();
        assert!(words.contains("cannot play 1.mp3: it is damaged"), "{words}");
        assert!(words.contains("2.mp3 and 4.mp3 are empty"), "{words}");
        assert_eq!(album.begin_anew(&all), Some(0));
        // It is not tried each time anew, and is still named.
        assert_eq!(album.turn(&all, 0, Toward::Next), Some(3));
        assert!(album.words(name).unwrap().contains("1.mp3"));
        assert_eq!(album.turn(&all, 3, Toward::Next), None);
        assert_eq!(album.words(name).unwrap(), "4.mp3 is empty: there is nothing to play.");
    }

    #[test]
    fn the_first_or_the_last_may_be_the_damaged_one() {
        let (mut album, all) = (Album::default(), entries("abc"));
        album.choose(0);
        assert_eq!(album.failed(&all, 0, Fault::Damaged), Some(1));
        assert_eq!(album.ended(&all, 1), Some(2));
        assert_eq!(album.failed(&all, 2, Fault::Damaged), None);
        assert!(album.words(name).unwrap().contains("2.mp3"));
        // It begins anew with the first that plays.
        assert_eq!(album.begin_anew(&all), Some(1));
    }

    #[test]
    fn if_none_plays_it_stops_and_names_them() {
        let (mut album, all) = (Album::default(), entries("abcdefg"));
        album.choose(0);
        let mut at = Some(0);
        let mut tried = 0;
        while let Some(file) = at {
            tried += 1;
            assert!(tried <= all.len(), "it goes on for ever");
            at = album.failed(&all, file, Fault::Damaged);
        }
        // One of them is empty, and need not be tried.
        assert_eq!(tried, 6);
        assert_eq!(album.begin_anew(&all), None);
        let words = album.words(name).unwrap();
        assert!(words.contains("0.mp3, 1.mp3, 2.mp3, 3.mp3, 5.mp3 and 1 more"), "{words}");
    }

    #[test]
    fn going_back_passes_over_them_as_well() {
        let (mut album, all) = (Album::default(), entries("abcd"));
        assert_eq!(album.turn(&all, 3, Toward::Previous), Some(2));
        assert_eq!(album.failed(&all, 2, Fault::Damaged), Some(1));
        assert_eq!(album.failed(&all, 1, Fault::Damaged), Some(0));
        // Nothing is left before it: to where the person came from.
        assert_eq!(album.failed(&all, 0, Fault::Damaged), Some(3));
        assert_eq!(album.failed(&all, 3, Fault::Damaged), None);
    }

    #[test]
    fn what_is_chosen_is_tried_again() {
        let (mut album, all) = (Album::default(), entries("ab"));
        album.choose(0);
        assert_eq!(album.failed(&all, 0, Fault::Damaged), Some(1));
        album.choose(0);
        assert_eq!(album.words(name), None);
        assert_eq!(album.ended(&all, 1), None);
        assert_eq!(album.begin_anew(&all), Some(0));
    }

    #[test]
    fn what_is_gone_is_passed_over_and_what_is_only_away_is_waited_for() {
        let (mut album, all) = (Album::default(), entries("abc"));
        album.set_gone(&[1]);
        assert_eq!(album.ended(&all, 0), Some(2));
        assert!(album.words(name).unwrap().starts_with("1.mp3 cannot be had any more"));
        album.choose(0);
        assert_eq!(album.failed(&all, 0, Fault::Unreachable), None);
        assert_eq!(album.begin_anew(&all), None, "Play tries the same one again");
        assert_eq!(album.failed(&all, 0, Fault::LeftOut), None);
        assert_eq!(album.words(name), None);
    }
}
