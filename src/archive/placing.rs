//! The name that a file or folder gets in a folder of the person's: one that is free there and that the browser allows.
//!
//! Pure: whoever can look asks [`Naming::name`], looks, and tells [`Naming::looked`] what was found.

use super::portable::folder_name;
use super::safe_path::with_number;

/// Highest number that is tried. Each try is a look at the person's disk.
const MAX_NUMBER: u32 = 9999;

/// What shall be put there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A new file.
    File,
    /// A folder for files. One that is there already will do, unless it took a number to get to it.
    Folder,
}

/// What was found under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing: it is free.
    Nothing,
    /// A file.
    File,
    /// A folder.
    Folder,
    /// The browser does not allow the name.
    Refusal,
}

/// What to do then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make it, under this name. If that shows something else, tell what.
    Make,
    /// Go on in the folder that is there.
    Enter,
    /// Look at the next name.
    Look,
    /// There is no name for it.
    GiveUp,
}

/// The search for one name.
#[derive(Clone, Debug)]
pub struct Naming {
    kind: Kind,
    /// Without its number.
    base: String,
    number: u32,
    name: String,
    /// `base` is the replacement of one that was refused.
    replaced: bool,
}

impl Naming {
    /// Begins with the name that is wanted.
    pub fn new(kind: Kind, name: &str) -> Self {
        let base = name.to_owned();
        Self { kind, name: base.clone(), base, number: 1, replaced: false }
    }

    /// The name to look at, or that was decided on.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Decides by what is under [`Self::name`]. `reserved` are names that others of the same download want there.
    pub fn looked(&mut self, found: Found, reserved: impl Fn(&str) -> bool) -> Step {
        match found {
            Found::Nothing => Step::Make,
            Found::Folder if self.kind == Kind::Folder && self.number == 1 => Step::Enter,
            Found::File | Found::Folder => self.next(reserved),
            Found::Refusal if self.replaced => Step::GiveUp,
            Found::Refusal => {
                self.replaced = true;
                let allowed = folder_name(&self.base);
                if allowed == self.base {
                    return Step::GiveUp;
                }
                self.base = allowed;
                self.number = 1;
                self.name = self.base.clone();
                if reserved(&self.name) { self.next(reserved) } else { Step::Look }
            }
        }
    }

    fn next(&mut self, reserved: impl Fn(&str) -> bool) -> Step {
        while self.number < MAX_NUMBER {
            self.number += 1;
            self.name = with_number(&self.base, self.number);
            if !reserved(&self.name) {
                return Step::Look;
            }
        }
        Step::GiveUp
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::portable::MAX_PORTABLE_BYTES;
    use super::*;

    fn nobody(_: &str) -> bool {
        false
    }

    /// A disk that does not tell the case, and a browser that refuses what Chromium does.
    fn look(disk: &BTreeMap<String, Found>, name: &str) -> Found {
        let refused =
            name.contains(['~', '\u{200b}']) || name.ends_with(".lnk") || name.len() > 248;
        let there = disk.get(&name.to_lowercase()).copied();
        if refused { Found::Refusal } else { there.unwrap_or(Found::Nothing) }
    }

    fn place(disk: &BTreeMap<String, Found>, kind: Kind, name: &str) -> (Step, String) {
        let mut naming = Naming::new(kind, name);
        for _ in 0..20_000 {
            let found = look(disk, naming.name());
            match naming.looked(found, nobody) {
                Step::Look => {}
                end => return (end, naming.name().to_owned()),
            }
        }
        panic!("no end");
    }

    fn disk(entries: &[(&str, Found)]) -> BTreeMap<String, Found> {
        entries.iter().map(|(name, found)| ((*name).to_owned(), *found)).collect()
    }

    #[test]
    fn nothing_that_is_there_is_replaced() {
        let disk =
            disk(&[("a.txt", Found::File), ("a (2).txt", Found::Folder), ("b", Found::Folder)]);
        for (name, placed) in
            [("a.txt", "a (3).txt"), ("A.TXT", "A (3).TXT"), ("b", "b (2)"), ("c", "c")]
        {
            assert_eq!(place(&disk, Kind::File, name), (Step::Make, placed.to_owned()));
        }
    }

    #[test]
    fn a_folder_that_is_there_is_gone_into_and_a_file_is_not() {
        let disk = disk(&[("photos", Found::Folder), ("x", Found::File), ("x (2)", Found::Folder)]);
        assert_eq!(place(&disk, Kind::Folder, "photos"), (Step::Enter, "photos".to_owned()));
        assert_eq!(place(&disk, Kind::Folder, "x"), (Step::Make, "x (3)".to_owned()));
    }

    #[test]
    fn a_refused_name_gives_way_to_an_allowed_one() {
        let disk = disk(&[("a.lnk.download", Found::File)]);
        assert_eq!(
            place(&disk, Kind::File, "a.lnk"),
            (Step::Make, "a.lnk (2).download".to_owned())
        );
        assert_eq!(place(&disk, Kind::Folder, "b~"), (Step::Make, "b_".to_owned()));
        let (step, name) = place(&disk, Kind::File, &format!("{}.png", "x".repeat(251)));
        assert_eq!(step, Step::Make);
        assert!(name.ends_with("x.png") && name.len() <= MAX_PORTABLE_BYTES);
    }

    #[test]
    fn what_is_refused_under_any_name_is_given_up() {
        let mut naming = Naming::new(Kind::File, "a~");
        assert_eq!(naming.looked(Found::Refusal, nobody), Step::Look);
        assert_eq!(naming.looked(Found::Refusal, nobody), Step::GiveUp);
        assert_eq!(Naming::new(Kind::File, "a").looked(Found::Refusal, nobody), Step::GiveUp);
    }

    #[test]
    fn names_that_others_of_the_download_want_are_left_to_them() {
        let mut naming = Naming::new(Kind::File, "a.txt");
        let reserved = |name: &str| name == "a (2).txt";
        assert_eq!(naming.looked(Found::File, reserved), Step::Look);
        assert_eq!(naming.name(), "a (3).txt");
    }

    #[test]
    fn it_does_not_look_for_ever() {
        let mut naming = Naming::new(Kind::File, "a");
        let tries =
            std::iter::from_fn(|| (naming.looked(Found::File, nobody) == Step::Look).then_some(()));
        assert_eq!(tries.count(), 9998);
    }

    proptest! {
        #[test]
        fn what_is_made_was_free(
            names in prop::collection::vec("[ab~]{1,2}([.](x|lnk))?", 0..30),
            wanted in prop::collection::vec(("[ab~]{1,2}([.](x|lnk))?", any::<bool>()), 0..10),
        ) {
            let mut disk: BTreeMap<String, Found> = names.iter().zip([Found::File, Found::Folder].iter().cycle())
                .map(|(name, found)| (name.clone(), *found)).collect();
            for (name, folder) in wanted {
                let kind = if folder { Kind::Folder } else { Kind::File };
                match place(&disk, kind, &name) {
                    (Step::Make, name) => {
                        prop_assert_eq!(look(&disk, &name), Found::Nothing);
                        disk.insert(name.to_lowercase(), if folder { Found::Folder } else { Found::File });
                    }
                    (Step::Enter, name) => prop_assert!(folder && look(&disk, &name) == Found::Folder),
                    (step, name) => prop_assert!(false, "{:?} {}", step, name),
                }
            }
        }
    }
}
