//! Requests in pieces: whatever the pieces, the decoder finds the same, never panics, and allocates in proportion to what
//! has come, not to what is announced.

use fastrand::Rng;
use pregon::resp::decode::{Decoder, Limits, Step};
use tikv_jemalloc_ctl::thread;

use crate::mutation::{mutate, pick};

/// What may be allocated for each byte of input: an argument of two bytes with its line end takes a span of two words.
const FOR_EACH_BYTE: u64 = 64;
/// What may be allocated whatever the input, in bytes.
const ALWAYS: u64 = 4096;

/// What a decoder found.
#[derive(Debug, PartialEq)]
enum Found {
    Request(Vec<Vec<u8>>),
    Nothing,
    Error(String),
}

/// Requests of which some are valid, decoded whole, in pieces, and byte by byte.
pub(crate) fn case(random: &mut Rng) {
    let input = input(random);
    let limits = Limits { max_bulk: pick(&[64, 1024, 512 * 1024 * 1024], random), authenticated: random.u8(0..4) > 0 };
    let allocated = thread::allocatedp::read().expect("jemalloc counts what a thread allocates");
    let before = allocated.get();
    let whole = decode(&input, limits, || usize::MAX);
    let allocated = allocated.get() - before;
    let shown = input.escape_ascii();
    // What was found is kept here, too.
    assert!(allocated <= ALWAYS + FOR_EACH_BYTE * input.len() as u64, "{allocated} bytes for {shown}");
    let mut lens = random.fork();
    assert_eq!(decode(&input, limits, || lens.usize(1..=30)), whole, "in pieces, {shown}");
    assert_eq!(decode(&input, limits, || 1), whole, "byte by byte, {shown}");
}

/// All that is found in `input` when it comes in pieces of such lengths.
fn decode(input: &[u8], limits: Limits, mut len: impl FnMut() -> usize) -> Vec<Found> {
    let mut decoder = Decoder::default();
    let mut found = Vec::new();
    let (mut used, mut come) = (0, 0);
    while come < input.len() {
        come = input.len().min(come.saturating_add(len()));
        loop {
            match decoder.next(&input[used..come], limits) {
                Ok(Step::Request(args, taken)) => {
                    found.push(Found::Request(args.iter().map(<[u8]>::to_vec).collect()));
                    used += taken;
                }
                Ok(Step::Nothing(taken)) => {
                    found.push(Found::Nothing);
                    used += taken;
                }
                Ok(Step::Incomplete(_)) => break,
                Err(error) => {
                    found.push(Found::Error(error.text().escape_ascii().to_string()));
                    return found;
                }
            }
        }
    }
    found
}

fn input(random: &mut Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.usize(1..=5) {
        match random.u8(0..4) {
            0 => inline(&mut bytes, random),
            1 => bytes
                .extend_from_slice(pick(&[&b"*0\r\n"[..], b"\r\n", b"*-1\r\n", b"\n", b"*1\r\n$0\r\n\r\n"], random)),
            _ => multibulk(&mut bytes, random),
        }
    }
    if random.u8(0..3) > 0 {
        mutate(&mut bytes, 4, random);
    }
    bytes
}

fn multibulk(bytes: &mut Vec<u8>, random: &mut Rng) {
    let count = random.usize(1..=12);
    bytes.extend_from_slice(format!("*{count}\r\n").as_bytes());
    for _ in 0..count {
        let len = pick(&[0, 1, 3, 5, 17, 70, 1000], random);
        bytes.extend_from_slice(format!("${len}\r\n").as_bytes());
        bytes.extend((0..len).map(|_| pick(b"ab\r\n$*\0\xff", random)));
        bytes.extend_from_slice(b"\r\n");
    }
}

fn inline(bytes: &mut Vec<u8>, random: &mut Rng) {
    for _ in 0..random.usize(1..=4) {
        let word = pick(&["GET", "a", "\"a b\"", "'a\\'b'", "\"\\x41\\n\"", "\t", "''", "\"\""], random);
        bytes.extend_from_slice(word.as_bytes());
        bytes.push(b' ');
    }
    bytes.extend_from_slice(pick(&[&b"\r\n"[..], b"\n"], random));
}
