//! Changes valid input a little.

use fastrand::Rng;

/// Pieces that mean something to the protocol, to numbers, to patterns or to configuration files.
const PIECES: [&str; 24] = [
    "\r\n",
    "\n",
    "*",
    "$",
    "-1",
    "0",
    "9223372036854775807",
    "9223372036854775808",
    "-",
    "\"",
    "'",
    "\\",
    "\\x4",
    "[",
    "]",
    "^",
    "?",
    "*3\r\n",
    "$3\r\n",
    "*2147483648\r\n",
    "$600000000\r\n",
    " ",
    "\0",
    "\u{00ff}",
];

/// Changes up to `most` places of `bytes`.
pub(crate) fn mutate(bytes: &mut Vec<u8>, most: usize, random: &mut Rng) {
    for _ in 0..random.usize(1..=most) {
        let at = random.usize(0..=bytes.len());
        let piece = PIECES[random.usize(0..PIECES.len())].as_bytes();
        match random.u8(0..6) {
            0 if at < bytes.len() => bytes[at] = random.u8(..),
            1 if at < bytes.len() => bytes[at] ^= 1 << random.u8(0..8),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 => {
                let end = random.usize(at..=bytes.len().min(at + 40));
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            4 if random.u8(0..4) == 0 => bytes.truncate(at),
            _ => drop(bytes.splice(at..at, piece.iter().copied())),
        }
    }
}

/// One of these.
pub(crate) fn pick<T: Copy>(choices: &[T], random: &mut Rng) -> T {
    choices[random.usize(0..choices.len())]
}
