//! What it costs to take requests apart.
//!
//! Each group answers one question:
//!
//! - `publish`: what does a PUBLISH cost, by the length of its payload, when 16 of them arrive together?
//! - `dribble`: what does it cost in all when a PUBLISH arrives in pieces of so many bytes?
//! - `names`: what does a SUBSCRIBE with 1,000 names cost?
//! - `inline`: what does the same PUBLISH cost as a line of text?

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pregon::resp::decode::{Decoder, Limits, Step};
use std::hint::black_box;

const LIMITS: Limits = Limits { max_bulk: 512 * 1024 * 1024, authenticated: true };
const PIPELINE: usize = 16;

fn request(args: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

fn publish_of(payload_len: usize) -> Vec<u8> {
    request(&[b"PUBLISH", b"news:sports", &vec![b'x'; payload_len]])
}

/// Decodes all that `input` holds and answers how many arguments that were.
fn decode(decoder: &mut Decoder, input: &[u8]) -> usize {
    let (mut used, mut args) = (0, 0);
    loop {
        match decoder.next(black_box(&input[used..]), LIMITS) {
            Ok(Step::Request(request, taken)) => {
                args += black_box(request).len();
                used += taken;
            }
            Ok(Step::Nothing(taken)) => used += taken,
            Ok(Step::Incomplete(_)) => return args,
            Err(error) => panic!("the input is valid: {error:?}"),
        }
    }
}

fn publish(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("publish");
    group.throughput(Throughput::Elements(PIPELINE as u64));
    for (name, payload_len) in [("64 B", 64), ("1 KB", 1024), ("64 KB", 64 * 1024)] {
        let input = publish_of(payload_len).repeat(PIPELINE);
        let mut decoder = Decoder::default();
        assert_eq!(decode(&mut decoder, &input), 3 * PIPELINE);
        group.bench_function(name, |bencher| bencher.iter(|| decode(&mut decoder, &input)));
    }
}

fn dribble(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dribble");
    let input = publish_of(1024);
    for step in [1, 16, 256] {
        let mut decoder = Decoder::default();
        group.bench_function(format!("{step} B"), |bencher| {
            bencher.iter(|| {
                let arrived = (step..input.len()).step_by(step).chain([input.len()]);
                arrived.map(|arrived| decode_arrived(&mut decoder, &input[..arrived])).sum::<usize>()
            });
        });
    }
}

/// Decodes an unfinished request, which the next call sees again with more behind it.
fn decode_arrived(decoder: &mut Decoder, input: &[u8]) -> usize {
    match decoder.next(black_box(input), LIMITS) {
        Ok(Step::Request(request, _)) => request.len(),
        _ => 0,
    }
}

fn names(criterion: &mut Criterion) {
    let names: Vec<String> = (0..1000).map(|number| format!("{number:032}")).collect();
    let args: Vec<&[u8]> = [&b"SUBSCRIBE"[..]].into_iter().chain(names.iter().map(String::as_bytes)).collect();
    let input = request(&args);
    let mut decoder = Decoder::default();
    criterion.bench_function("names", |bencher| bencher.iter(|| decode(&mut decoder, &input)));
}

fn inline(criterion: &mut Criterion) {
    let input = format!("PUBLISH news:sports {}\r\n", "x".repeat(64)).into_bytes();
    let mut decoder = Decoder::default();
    criterion.bench_function("inline", |bencher| bencher.iter(|| decode(&mut decoder, &input)));
}

criterion_group!(benches, publish, dribble, names, inline);
criterion_main!(benches);
