//! The buckets of a table, in pieces, so that none is moved when there are more.

use super::Bucket;

/// Buckets in one piece, a power of two.
const PIECE: usize = 1024;

/// Buckets by their numbers.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    pieces: Vec<Vec<Bucket>>,
    /// The first of those that are not in use, each of which knows the next; none is the number of no bucket.
    spare: Option<u32>,
}

impl Buckets {
    /// The bucket of this number.
    pub(super) fn get(&self, bucket: u32) -> &Bucket {
        &self.pieces[bucket as usize / PIECE][bucket as usize % PIECE]
    }

    /// The bucket of this number.
    pub(super) fn get_mut(&mut self, bucket: u32) -> &mut Bucket {
        &mut self.pieces[bucket as usize / PIECE][bucket as usize % PIECE]
    }

    /// An empty bucket, which may have been in use before.
    pub(super) fn add(&mut self) -> u32 {
        if let Some(spare) = self.spare {
            self.spare = self.get_mut(spare).next_spare.take();
            return spare;
        }
        if self.pieces.last().is_none_or(|piece| piece.len() == PIECE) {
            // The first grows as it is needed: most databases are small.
            self.pieces.push(if self.pieces.is_empty() { Vec::new() } else { Vec::with_capacity(PIECE) });
        }
        let whole = (self.pieces.len() - 1) * PIECE;
        let piece = &mut self.pieces[whole / PIECE];
        piece.push(Bucket::default());
        (whole + piece.len() - 1) as u32
    }

    /// An empty bucket is not in use any more.
    pub(super) fn free(&mut self, bucket: u32) {
        self.get_mut(bucket).next_spare = self.spare;
        self.spare = Some(bucket);
    }

    /// How many there are, with those that are not in use.
    pub(super) fn len(&self) -> usize {
        self.pieces.last().map_or(0, |last| (self.pieces.len() - 1) * PIECE + last.len())
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Bucket> {
        self.pieces.iter().flatten()
    }
}
