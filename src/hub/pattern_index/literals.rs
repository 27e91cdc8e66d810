//! The children of a node by literal byte.

use super::edge::Link;
use crate::pattern::ByteSet;

/// The children of a node by literal byte: in place while there are few, behind a bitmap when there are more.
#[derive(Debug)]
pub(super) enum Literals {
    Few { len: u8, bytes: [u8; FEW], children: [Option<Link>; FEW] },
    Many(Box<Many>),
}

#[derive(Debug)]
pub(super) struct Many {
    bytes: ByteSet,
    /// In the order of `bytes`.
    children: Vec<Link>,
}

const FEW: usize = 4;

impl Default for Literals {
    fn default() -> Self {
        Literals::Few { len: 0, bytes: [0; FEW], children: [None; FEW] }
    }
}

impl Literals {
    pub(super) fn len(&self) -> usize {
        match self {
            Literals::Few { len, .. } => usize::from(*len),
            Literals::Many(many) => many.children.len(),
        }
    }

    /// The bytes of children that are not in place.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Literals::Few { .. } => 0,
            Literals::Many(many) => size_of::<Many>() + many.children.capacity() * size_of::<Link>(),
        }
    }

    pub(super) fn get(&self, byte: u8) -> Option<Link> {
        match self {
            Literals::Few { len, bytes, children } => {
                let index = bytes[..usize::from(*len)].iter().position(|&own| own == byte)?;
                children[index]
            }
            Literals::Many(many) => many.bytes.contains(byte).then(|| many.children[many.bytes.rank(byte)]),
        }
    }

    /// The children with their bytes.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u8, Link)> + '_ {
        let (few, many) = match self {
            Literals::Few { len, bytes, children } => {
                (Some(bytes[..usize::from(*len)].iter().copied().zip(children.iter().flatten().copied())), None)
            }
            Literals::Many(many) => (None, Some(many.bytes.iter().zip(many.children.iter().copied()))),
        };
        few.into_iter().flatten().chain(many.into_iter().flatten())
    }

    pub(super) fn insert(&mut self, byte: u8, child: Link) {
        match self {
            Literals::Few { len, bytes, children } => {
                let used = usize::from(*len);
                if let Some(index) = bytes[..used].iter().position(|&own| own == byte) {
                    children[index] = Some(child);
                } else if used < FEW {
                    (bytes[used], children[used]) = (byte, Some(child));
                    *len += 1;
                } else {
                    let mut many = Many { bytes: ByteSet::default(), children: Vec::with_capacity(FEW + 1) };
                    for (&byte, child) in bytes.iter().zip(children.iter().flatten()) {
                        many.insert(byte, *child);
                    }
                    many.insert(byte, child);
                    *self = Literals::Many(Box::new(many));
                }
            }
            Literals::Many(many) => many.insert(byte, child),
        }
    }

    pub(super) fn remove(&mut self, byte: u8) {
        match self {
            Literals::Few { len, bytes, children } => {
                let used = usize::from(*len);
                if let Some(index) = bytes[..used].iter().position(|&own| own == byte) {
                    (bytes[index], children[index]) = (bytes[used - 1], children[used - 1]);
                    *len -= 1;
                }
            }
            Literals::Many(many) => {
                many.remove(byte);
                // a gap to the size at which they were moved out, so that a child that comes and goes moves nothing
                if many.children.len() <= FEW / 2 {
                    let mut few = Literals::default();
                    for (byte, &child) in many.bytes.iter().zip(&many.children) {
                        few.insert(byte, child);
                    }
                    *self = few;
                }
            }
        }
    }
}

impl Many {
    fn insert(&mut self, byte: u8, child: Link) {
        let rank = self.bytes.rank(byte);
        if self.bytes.contains(byte) {
            self.children[rank] = child;
        } else {
            self.bytes.insert(byte);
            self.children.insert(rank, child);
        }
    }

    fn remove(&mut self, byte: u8) {
        if self.bytes.contains(byte) {
            self.children.remove(self.bytes.rank(byte));
            self.bytes.remove(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_children_are_found_however_many_there_are() {
        let mut literals = Literals::default();
        for round in 0..2 {
            for byte in 0..=255u8 {
                assert_eq!(literals.get(byte), None, "round {round}");
                literals.insert(byte, Link::to_node(0));
                literals.insert(byte, Link::to_entry(usize::from(byte)));
                assert_eq!(literals.len(), usize::from(byte) + 1);
            }
            for byte in 0..=255u8 {
                assert_eq!(literals.get(byte), Some(Link::to_entry(usize::from(byte))));
                literals.remove(byte);
                literals.remove(byte);
                assert_eq!(literals.len(), 255 - usize::from(byte));
            }
        }
    }
}
