//! What it costs to encode a message, which happens once however many receive it.
//!
//! Each group answers one question:
//!
//! - `message`: what does it cost to copy a message from its publisher, by the length of the payload?
//! - `exact`: what does the first frame for subscribers of the channel cost, and one for each protocol version?
//! - `pattern`: what does a frame for the subscribers of one pattern cost?
//! - `confirm`: what does the confirmation of a subscription cost?

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use pregon::message::{Kind, Message};
use pregon::resp::Proto;
use pregon::resp::encode::Reply;
use std::hint::black_box;

const CHANNEL: &[u8] = b"news:sports";
const PAYLOADS: [(&str, usize); 3] = [("64 B", 64), ("1 KB", 1024), ("64 KB", 64 * 1024)];

fn message_of(payload_len: usize) -> Message {
    Message::new(Kind::Channel, CHANNEL, &vec![b'x'; payload_len])
}

fn message(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("message");
    for (name, payload_len) in PAYLOADS {
        let payload = vec![b'x'; payload_len];
        group.bench_function(name, |bencher| {
            bencher.iter(|| Message::new(Kind::Channel, black_box(CHANNEL), black_box(&payload)));
        });
    }
}

fn exact(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("exact");
    for (name, payload_len) in PAYLOADS {
        for (protos, protos_name) in [(&[Proto::Resp2][..], "RESP2"), (&Proto::ALL[..], "both")] {
            let encode =
                |message: &Message| protos.iter().map(|proto| message.exact_frame(*proto).len()).sum::<usize>();
            group.bench_function(format!("{name}, {protos_name}"), |bencher| {
                bencher.iter_batched_ref(
                    || message_of(payload_len),
                    |message| encode(black_box(message)),
                    BatchSize::SmallInput,
                );
            });
        }
    }
}

fn pattern(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pattern");
    for (name, payload_len) in PAYLOADS {
        let message = message_of(payload_len);
        group.bench_function(name, |bencher| {
            bencher.iter(|| message.pattern_frame(Proto::Resp2, black_box(b"news:*")));
        });
    }
}

fn confirm(criterion: &mut Criterion) {
    let mut buffer = Vec::new();
    criterion.bench_function("confirm", |bencher| {
        bencher.iter(|| {
            let mut reply = Reply::new(std::mem::take(&mut buffer), Proto::Resp2);
            reply.push(3, |reply| {
                reply.bulk("subscribe");
                reply.bulk(black_box(CHANNEL));
                reply.count(1);
            });
            buffer = reply.into_bytes();
        });
    });
}

criterion_group!(benches, message, exact, pattern, confirm);
criterion_main!(benches);
