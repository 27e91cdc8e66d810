//! What a client is answered, in pieces: a long answer is not moved to make room for more of it, nor is it copied on its way
//! to the socket, and a long value stays where it lies.

use std::vec;

use bytes::Bytes;

/// The longest piece that is written at once, in bytes.
pub(super) const LONGEST_PIECE: usize = 64 * 1024;
/// What is behind a written piece is written behind it, as long as it comes to no more than this many bytes.
const MERGED: usize = 16 * 1024;

/// A part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// What was written for it.
    Written(Vec<u8>),
    /// A value that others have a share of.
    Shared(Bytes),
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Piece::Written(bytes) => bytes.len(),
            Piece::Shared(bytes) => bytes.len(),
        }
    }
}

/// Pieces that follow each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// None of them is empty.
    pieces: Vec<Piece>,
    /// Length of all of them, in bytes.
    len: usize,
}

impl Answer {
    /// Its length, in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a piece.
    pub fn push(&mut self, piece: Piece) {
        self.len += piece.len();
        match (self.pieces.last_mut(), piece) {
            (_, piece) if piece.len() == 0 => {}
            (Some(Piece::Written(last)), Piece::Written(bytes)) if last.len() + bytes.len() <= MERGED => {
                last.extend_from_slice(&bytes);
            }
            (_, piece) => self.pieces.push(piece),
        }
    }

    /// Adds all of another one.
    pub fn append(&mut self, other: Answer) {
        other.into_iter().for_each(|piece| self.push(piece));
    }

    /// Puts `bytes` in front of what is behind the first `at` bytes.
    pub(super) fn insert(&mut self, at: usize, bytes: &[u8]) {
        self.len += bytes.len();
        let mut before = at;
        for index in 0..self.pieces.len() {
            match &mut self.pieces[index] {
                Piece::Written(piece) if before <= piece.len() => {
                    piece.reserve_exact(bytes.len());
                    piece.splice(before..before, bytes.iter().copied());
                    return;
                }
                // Nothing is written into the midst of a value.
                Piece::Shared(_) if before == 0 => return self.pieces.insert(index, Piece::Written(bytes.to_vec())),
                piece => before -= piece.len(),
            }
        }
        self.pieces.push(Piece::Written(bytes.to_vec()));
    }
}

impl IntoIterator for Answer {
    type Item = Piece;
    type IntoIter = vec::IntoIter<Piece>;

    fn into_iter(self) -> Self::IntoIter {
        self.pieces.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bytes: &[u8]) -> Piece {
        Piece::Written(bytes.to_vec())
    }

    fn all(answer: Answer) -> Vec<u8> {
        let pieces = answer.into_iter().map(|piece| match piece {
            Piece::Written(bytes) => bytes,
            Piece::Shared(bytes) => bytes.to_vec(),
        });
        pieces.collect::<Vec<_>>().concat()
    }

    #[test]
    fn short_pieces_become_one_and_long_ones_stay_where_they_lie() {
        let (long, value) = (vec![b'l'; MERGED], Bytes::from_static(b"value"));
        let place = long.as_ptr();
        let mut answer = Answer::default();
        answer.push(written(b""));
        assert!(answer.is_empty());
        answer.push(written(b"a"));
        answer.push(written(b"b"));
        answer.push(Piece::Written(long));
        answer.push(Piece::Shared(value.clone()));
        let mut outer = Answer::default();
        outer.append(answer);
        assert_eq!(outer.len(), 2 + MERGED + 5);
        let pieces: Vec<Piece> = outer.into_iter().collect();
        let [first, Piece::Written(second), Piece::Shared(third)] = &pieces[..] else { panic!("{}", pieces.len()) };
        assert_eq!((first, second.as_ptr(), third.as_ptr()), (&written(b"ab"), place, value.as_ptr()));
    }

    #[test]
    fn what_is_inserted_stands_at_its_place_whatever_lies_there() {
        let whole = [&[b'a'; 3][..], b"VALUE", &[b'b'; 3], b"OTHER", b"LAST"].concat();
        for at in [0, 1, 3, 8, 9, 11, 16, 20] {
            let mut answer = Answer::default();
            answer.push(written(b"aaa"));
            answer.push(Piece::Shared(Bytes::from_static(b"VALUE")));
            answer.push(written(b"bbb"));
            answer.push(Piece::Shared(Bytes::from_static(b"OTHER")));
            answer.push(Piece::Shared(Bytes::from_static(b"LAST")));
            answer.insert(at, b"*2\r\n");
            assert_eq!(answer.len(), whole.len() + 4);
            assert_eq!(all(answer), [&whole[..at], b"*2\r\n", &whole[at..]].concat(), "at {at}");
        }
    }
}
