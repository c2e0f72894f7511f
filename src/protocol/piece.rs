//! How content is cut: files into pieces, pieces into blocks.
//!
//! Pieces are numbered through the whole room. Every file starts a new piece, so that leaving a file out, or
//! losing one, never touches another; its last piece is as short as the file makes it. An empty file has none.

use serde::{Deserialize, Serialize};

use super::limits::{MAX_PIECE_LENGTH, MIN_PIECE_LENGTH, TARGET_PIECES};

/// A piece: the unit of hashing, signing, storing and choosing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PieceIndex(pub u32);

/// A run of bytes inside one piece: what a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockRange {
    /// Which piece.
    pub piece: PieceIndex,
    /// First byte, from the piece's start.
    pub begin: u32,
    /// Bytes; never zero on the wire.
    pub length: u32,
}

impl BlockRange {
    /// The byte behind the last, from the piece's start.
    pub fn end(&self) -> u32 {
        self.begin.saturating_add(self.length)
    }
}

/// The piece length for a room of this size: a power of two, about [`TARGET_PIECES`] pieces.
pub fn piece_length_for(total_bytes: u64) -> u32 {
    let wanted = total_bytes.div_ceil(TARGET_PIECES).next_power_of_two();
    u32::try_from(wanted).unwrap_or(MAX_PIECE_LENGTH).clamp(MIN_PIECE_LENGTH, MAX_PIECE_LENGTH)
}

/// Where one file lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSpan {
    /// Its first piece; that of the next file if it is empty.
    pub first_piece: u32,
    /// How many pieces.
    pub pieces: u32,
    /// Its bytes.
    pub bytes: u64,
}

impl FileSpan {
    /// Its pieces.
    pub fn indices(&self) -> impl Iterator<Item = PieceIndex> + use<> {
        (self.first_piece..self.first_piece + self.pieces).map(PieceIndex)
    }
}

/// The cut of a whole room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    piece_length: u32,
    piece_count: u32,
    files: Vec<FileSpan>,
}

/// Sizes that do not fit [`Layout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// Not a power of two within the limits.
    #[error("the piece length is not allowed")]
    PieceLength,
    /// More pieces than are counted.
    #[error("there are too many pieces")]
    TooManyPieces,
}

impl Layout {
    /// Cuts files of these sizes.
    ///
    /// # Errors
    /// The piece length is not a power of two between [`MIN_PIECE_LENGTH`] and [`MAX_PIECE_LENGTH`], or there
    /// would be 2³¹ pieces or more.
    pub fn new(
        piece_length: u32,
        sizes: impl IntoIterator<Item = u64>,
    ) -> Result<Self, LayoutError> {
        let allowed = MIN_PIECE_LENGTH..=MAX_PIECE_LENGTH;
        if !piece_length.is_power_of_two() || !allowed.contains(&piece_length) {
            return Err(LayoutError::PieceLength);
        }
        let mut files = Vec::new();
        let mut first_piece = 0_u32;
        for bytes in sizes {
            let pieces = u32::try_from(bytes.div_ceil(u64::from(piece_length)))
                .map_err(|_| LayoutError::TooManyPieces)?;
            files.push(FileSpan { first_piece, pieces, bytes });
            first_piece = first_piece
                .checked_add(pieces)
                .filter(|count| *count < 1 << 31)
                .ok_or(LayoutError::TooManyPieces)?;
        }
        Ok(Self { piece_length, piece_count: first_piece, files })
    }

    /// Bytes of every piece but the last of each file.
    pub fn piece_length(&self) -> u32 {
        self.piece_length
    }

    /// Pieces in all.
    pub fn piece_count(&self) -> u32 {
        self.piece_count
    }

    /// Every file's place.
    pub fn files(&self) -> &[FileSpan] {
        &self.files
    }

    /// The file that a piece belongs to, and the piece's first byte in it. `None` beyond the last piece.
    pub fn locate(&self, piece: PieceIndex) -> Option<(usize, u64)> {
        if piece.0 >= self.piece_count {
            return None;
        }
        // Empty files share their first piece with the next file; the last of equals is the one with pieces.
        let file = self.files.partition_point(|span| span.first_piece <= piece.0).checked_sub(1)?;
        let within = u64::from(piece.0 - self.files.get(file)?.first_piece);
        Some((file, within * u64::from(self.piece_length)))
    }

    /// Bytes of a piece; zero beyond the last.
    pub fn length_of(&self, piece: PieceIndex) -> u32 {
        let Some((file, offset)) = self.locate(piece) else { return 0 };
        let rest = self.files.get(file).map_or(0, |span| span.bytes.saturating_sub(offset));
        u32::try_from(rest.min(u64::from(self.piece_length))).unwrap_or(0)
    }

    /// Whether a range lies inside its piece and is not empty.
    pub fn contains(&self, range: &BlockRange) -> bool {
        range.length > 0
            && range
                .begin
                .checked_add(range.length)
                .is_some_and(|end| end <= self.length_of(range.piece))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn piece_length_follows_the_size() {
        assert_eq!(piece_length_for(0), 256 << 10);
        assert_eq!(piece_length_for(1 << 30), 256 << 10);
        assert_eq!(piece_length_for(2 << 30), 512 << 10);
        assert_eq!(piece_length_for(10 << 30), 4 << 20);
        assert_eq!(piece_length_for(1 << 40), 16 << 20);
    }

    #[test]
    fn empty_files_have_no_piece_and_shift_nothing() {
        let layout = Layout::new(MIN_PIECE_LENGTH, [0, 5, 0, 0, 7, 0]).unwrap();
        assert_eq!(layout.piece_count(), 2);
        assert_eq!(layout.locate(PieceIndex(0)), Some((1, 0)));
        assert_eq!(layout.locate(PieceIndex(1)), Some((4, 0)));
        assert_eq!(layout.length_of(PieceIndex(1)), 7);
        assert_eq!(layout.locate(PieceIndex(2)), None);
    }

    #[test]
    fn odd_piece_lengths_are_refused() {
        for length in [0, 1, MIN_PIECE_LENGTH - 1, MIN_PIECE_LENGTH + 1, MAX_PIECE_LENGTH * 2] {
            assert_eq!(Layout::new(length, [1]), Err(LayoutError::PieceLength));
        }
    }

    #[test]
    fn more_pieces_than_fit_are_refused() {
        assert_eq!(Layout::new(MIN_PIECE_LENGTH, [u64::MAX]), Err(LayoutError::TooManyPieces));
        assert_eq!(Layout::new(MIN_PIECE_LENGTH, [1 << 48; 8]), Err(LayoutError::TooManyPieces));
    }

    proptest! {
        #[test]
        fn pieces_cover_every_byte_once(sizes in prop::collection::vec(0_u64..3_000_000, 0..20)) {
            let layout = Layout::new(MIN_PIECE_LENGTH, sizes.iter().copied()).unwrap();
            let mut covered = vec![0_u64; sizes.len()];
            for piece in (0..layout.piece_count()).map(PieceIndex) {
                let (file, offset) = layout.locate(piece).unwrap();
                prop_assert_eq!(covered[file], offset);
                prop_assert!(layout.length_of(piece) > 0);
                covered[file] += u64::from(layout.length_of(piece));
            }
            prop_assert_eq!(covered, sizes);
        }

        #[test]
        fn ranges_are_inside_or_refused(begin: u32, length: u32, piece in 0_u32..4) {
            let layout = Layout::new(MIN_PIECE_LENGTH, [600_000]).unwrap();
            let range = BlockRange { piece: PieceIndex(piece), begin, length };
            let end = u64::from(begin) + u64::from(length);
            let inside = length > 0 && end <= u64::from(layout.length_of(range.piece));
            prop_assert_eq!(layout.contains(&range), inside);
        }
    }
}
