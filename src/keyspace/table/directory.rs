//! The directory of a table: which bucket the first bits of a hash lead to.
//!
//! It is as deep as the deepest bucket, so it doubles and halves as the table grows and shrinks. The directory of the next
//! size is made ahead of time, a few places with each change of the table, because a large one takes longer to be laid out
//! than others should wait.

use super::MAX_DEPTH;

/// Places of the next directory that are made with each change. A bucket that is three quarters full takes thousands of times
/// as many changes to be full as it takes to make all.
const MADE_AT_ONCE: usize = 64;

/// Buckets by the first `depth` bits of the hash.
#[derive(Debug)]
pub(super) struct Directory {
    /// Empty while there is no bucket.
    places: Vec<u32>,
    depth: u32,
    /// How many buckets there are of each depth.
    buckets: [u32; MAX_DEPTH as usize + 1],
    /// The beginning of the next directory: of twice the size where it grows, otherwise of half of it.
    next: Vec<u32>,
    /// Whether a bucket will soon have to be deeper than the directory.
    grows: bool,
    /// How many places have been written to make directories of another size.
    #[cfg(test)]
    pub(super) made: usize,
}

impl Default for Directory {
    fn default() -> Self {
        Directory {
            places: Vec::new(),
            depth: 0,
            buckets: [0; MAX_DEPTH as usize + 1],
            next: Vec::new(),
            grows: false,
            #[cfg(test)]
            made: 0,
        }
    }
}

impl Directory {
    /// Whether there is no bucket yet.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// How many bits tell its places apart.
    #[cfg(test)]
    pub(super) fn depth(&self) -> u32 {
        self.depth
    }

    /// How many places it has.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Adds the first bucket.
    pub(super) fn begin(&mut self, bucket: u32) {
        self.places.push(bucket);
        self.buckets[0] = 1;
    }

    /// The bucket of a hash; 0 while there is none.
    pub(super) fn bucket_of(&self, hash: u64) -> u32 {
        self.places.get(prefix(hash, self.depth)).copied().unwrap_or(0)
    }

    /// The bucket of the hashes that begin with the `depth` bits of `range`.
    pub(super) fn bucket_at(&self, range: usize, depth: u32) -> u32 {
        self.places[range << (self.depth - depth)]
    }

    /// A bucket of this depth is nearly full.
    pub(super) fn expect_split(&mut self, depth: u32) {
        if depth == self.depth && !self.grows {
            self.grows = true;
        }
    }

    /// The bucket of this depth that `hash` leads to has been divided: the upper half is in `upper`.
    pub(super) fn divided(&mut self, hash: u64, depth: u32, upper: u32) {
        self.buckets[depth as usize] -= 1;
        self.buckets[depth as usize + 1] += 2;
        if depth == self.depth {
            self.expect_split(depth);
            self.make(usize::MAX);
            (self.places, self.grows) = (std::mem::take(&mut self.next), false);
            self.depth += 1;
        } else if depth + 1 == self.depth && !self.grows {
            // It does not shrink any more.
            self.next = Vec::new();
        }
        self.point(prefix(hash, depth) * 2 + 1, depth + 1, upper);
    }

    /// The two buckets of this depth whose hashes begin like `hash` but for their last bit are one now, `bucket`.
    pub(super) fn joined(&mut self, hash: u64, depth: u32, bucket: u32) {
        self.buckets[depth as usize] -= 2;
        self.buckets[depth as usize - 1] += 1;
        if self.grows && self.shrinks() {
            (self.grows, self.next) = (false, Vec::new());
        }
        self.point(prefix(hash, depth - 1), depth - 1, bucket);
    }

    /// Goes on making the next directory, if there is to be one.
    pub(super) fn go_on(&mut self) {
        if self.grows || self.shrinks() {
            self.make(MADE_AT_ONCE);
        }
    }

    /// Whether its last bit tells no buckets apart.
    fn shrinks(&self) -> bool {
        self.depth > 0 && self.buckets[self.depth as usize] == 0
    }

    /// Makes up to `most` places of the next directory. One of half the size is the directory as soon as it is done, and the
    /// next is begun; one of twice the size when it is needed.
    fn make(&mut self, most: usize) {
        let mut left = most;
        while left > 0 && (self.grows || self.shrinks()) {
            let (whole, begin) = (self.next_len(), self.next.len());
            let end = whole.min(begin.saturating_add(left));
            if begin == 0 {
                self.next.reserve_exact(whole);
            }
            match self.grows {
                true => self.next.extend((begin..end).map(|place| self.places[place / 2])),
                false => self.next.extend((begin..end).map(|place| self.places[place * 2])),
            }
            #[cfg(test)]
            {
                self.made += end - begin;
            }
            left -= end - begin;
            if end < whole || self.grows {
                return;
            }
            self.places = std::mem::take(&mut self.next);
            self.depth -= 1;
        }
    }

    fn next_len(&self) -> usize {
        if self.grows { self.places.len() * 2 } else { self.places.len() / 2 }
    }

    /// Leads from all hashes that begin with the `depth` bits of `range` to `bucket`.
    fn point(&mut self, range: usize, depth: u32, bucket: u32) {
        let shift = self.depth - depth;
        let (begin, end) = (range << shift, (range + 1) << shift);
        self.places[begin..end].fill(bucket);
        // Of what is made already, too. Where it shrinks no bucket is so deep that it has an odd place.
        let (begin, end) = if self.grows { (begin * 2, end * 2) } else { (begin / 2, end / 2) };
        let made = self.next.len();
        self.next[begin.min(made)..end.min(made)].fill(bucket);
    }
}

/// The first `bits` bits of a hash.
pub(super) fn prefix(hash: u64, bits: u32) -> usize {
    // In two steps, because a shift by all 64 bits would be none.
    (hash >> 1 >> (63 - bits)) as usize
}
