//! Which piece to ask for next: the rarest first.

use super::availability::Availability;
use super::bitfield::Bitfield;
use crate::protocol::piece::PieceIndex;
use crate::random::Random;

/// Pieces that nobody has been asked for yet.
#[derive(Clone, Debug)]
pub struct PiecePicker {
    missing: Bitfield,
}

impl PiecePicker {
    /// Nothing of these is here.
    pub fn new(missing: Bitfield) -> Self {
        Self { missing }
    }

    /// Whether every piece was picked.
    pub fn is_empty(&self) -> bool {
        self.missing.count() == 0
    }

    /// Takes the piece that fewest hold, of those that a remote peer holds. Of several that are as rare it takes
    /// one by chance, so that leeches of one seed fetch different ones and have something for each other; or the
    /// first without `ties`, which the disk likes best.
    pub fn pick(
        &mut self,
        remote: &Bitfield,
        availability: &Availability,
        mut ties: Option<&mut Random>,
    ) -> Option<PieceIndex> {
        let mut rarest = None;
        let mut fewest = u16::MAX;
        let mut alike = 0;
        for piece in self.missing.common(remote) {
            let holders = availability.of(piece);
            if rarest.is_some() && holders > fewest {
                continue;
            }
            if rarest.is_none() || holders < fewest {
                (rarest, fewest, alike) = (Some(piece), holders, 1);
            } else if let Some(random) = &mut ties {
                // Each of those seen so far is as likely as any other (reservoir sampling, Vitter 1985).
                alike += 1;
                if random.below(alike) == 0 {
                    rarest = Some(piece);
                }
            }
        }
        self.missing.remove(rarest?);
        rarest
    }

    /// Takes this piece; tells whether it was still to be picked.
    pub fn take(&mut self, piece: PieceIndex) -> bool {
        self.missing.remove(piece)
    }

    /// Whether a remote peer holds anything that is still to be picked.
    pub fn wants_from(&self, remote: &Bitfield) -> bool {
        self.missing.common(remote).next().is_some()
    }

    /// Whether this piece is still to be picked.
    pub fn is_missing(&self, piece: PieceIndex) -> bool {
        self.missing.contains(piece)
    }

    /// Puts a piece back that has to be fetched from its beginning.
    pub fn put_back(&mut self, piece: PieceIndex) {
        self.missing.insert(piece);
    }

    /// Never picks this piece.
    pub fn forget(&mut self, piece: PieceIndex) {
        self.missing.remove(piece);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn field(length: u32, pieces: &[u32]) -> Bitfield {
        let mut field = Bitfield::none(length);
        for piece in pieces {
            field.insert(PieceIndex(*piece));
        }
        field
    }

    #[test]
    fn ties_are_broken_by_chance_or_by_place() {
        let availability = Availability::new(64);
        let remote = Bitfield::all(64);
        let mut picker = PiecePicker::new(Bitfield::all(64));
        assert_eq!(picker.pick(&remote, &availability, None), Some(PieceIndex(0)));
        assert_eq!(picker.pick(&remote, &availability, None), Some(PieceIndex(1)));
        let mut random = Random::new(3);
        let chosen: Vec<_> =
            (0..8).filter_map(|_| picker.pick(&remote, &availability, Some(&mut random))).collect();
        assert!(!chosen.is_sorted(), "{chosen:?}");
    }

    proptest! {
        #[test]
        fn the_choice_is_one_that_a_naive_search_would_allow(
            missing in prop::collection::vec(0_u32..40, 0..40),
            held in prop::collection::vec(0_u32..40, 0..40),
            others in prop::collection::vec(prop::collection::vec(0_u32..40, 0..40), 0..4),
            seed: u64,
        ) {
            let (missing, held) = (field(40, &missing), field(40, &held));
            let mut availability = Availability::new(40);
            let others: Vec<_> = others.iter().map(|pieces| field(40, pieces)).collect();
            others.iter().for_each(|other| availability.add_all(other));
            let holders = |piece: u32| others.iter().filter(|o| o.contains(PieceIndex(piece))).count();
            let candidates: Vec<u32> = (0..40)
                .filter(|p| missing.contains(PieceIndex(*p)) && held.contains(PieceIndex(*p)))
                .collect();
            let fewest = candidates.iter().map(|piece| holders(*piece)).min();
            let mut picker = PiecePicker::new(missing);
            prop_assert_eq!(picker.wants_from(&held), !candidates.is_empty());
            let picked = picker.pick(&held, &availability, Some(&mut Random::new(seed)));
            prop_assert_eq!(picked.map(|piece| holders(piece.0)), fewest);
            if let Some(piece) = picked {
                prop_assert!(candidates.contains(&piece.0));
                prop_assert!(!picker.missing.contains(piece));
            }
        }
    }
}
