//! Bytes that stay as they are and are mostly few.

use std::fmt;
use std::ops::Deref;

/// How many bytes have room in place, so that all takes three words.
const ROOM: usize = 22;

/// Bytes, kept in place if they are no more than 22: these cost no allocation, and are in the cache with what holds
/// them.
#[derive(Clone)]
pub struct Packed(Place);

#[derive(Clone)]
enum Place {
    Here(u8, [u8; ROOM]),
    Heap(Box<[u8]>),
}

const _: () = assert!(size_of::<Packed>() == 24);

impl From<&[u8]> for Packed {
    fn from(bytes: &[u8]) -> Self {
        if bytes.len() > ROOM {
            return Packed(Place::Heap(bytes.into()));
        }
        let mut here = [0; ROOM];
        here[..bytes.len()].copy_from_slice(bytes);
        Packed(Place::Here(bytes.len() as u8, here))
    }
}

impl Default for Packed {
    fn default() -> Self {
        Packed(Place::Here(0, [0; ROOM]))
    }
}

impl From<Packed> for Vec<u8> {
    fn from(packed: Packed) -> Self {
        match packed.0 {
            Place::Here(len, bytes) => bytes[..usize::from(len)].to_vec(),
            Place::Heap(bytes) => bytes.into_vec(),
        }
    }
}

impl Deref for Packed {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Place::Here(len, bytes) => &bytes[..usize::from(*len)],
            Place::Heap(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl Packed {
    /// What it has on the heap, in bytes.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Place::Here(..) => 0,
            Place::Heap(bytes) => bytes.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_same_wherever_they_are() {
        for len in 0..40u8 {
            let bytes: Vec<u8> = (0..len).collect();
            let packed = Packed::from(&bytes[..]);
            assert_eq!(&*packed, &bytes[..]);
            assert_eq!(packed.heap_bytes(), if bytes.len() > ROOM { bytes.len() } else { 0 });
            assert_eq!(Vec::from(packed.clone()), bytes);
            assert_eq!(format!("{packed:?}"), format!("{bytes:?}"));
        }
        assert!(Packed::default().is_empty());
    }
}
