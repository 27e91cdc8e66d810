//! What a message costs from its PUBLISH to the outboxes of its subscribers, before any system call.
//!
//! Each group answers one question:
//!
//! - `enqueue`: what does it cost to put one shared frame into so many outboxes?
//! - `gather`: what does it cost to prepare the write of one outbox, and to take off what was written, by the messages
//!   that have gathered in it?
//! - `publish`: what does a PUBLISH cost in all that reaches a session in a pipeline of 16, by its subscribers? (They have
//!   no sockets, so each delivery is also checked against the output limits, as for a socket that is full.)
//! - `rights`: what does a PUBLISH that nobody hears cost whose user has every channel, and one that has the channel by the
//!   last of 100 patterns, of a few shapes? To as many `channels` in turn as the name says.

#[path = "support/core.rs"]
mod core;

use std::hint::black_box;
use std::io::IoSlice;
use std::rc::Rc;
use std::time::{Duration, Instant};

use self::core::{Core, server};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use pregon::client::outbox::Outbox;
use pregon::message::{Frame, Kind, Message};
use pregon::resp::Proto;

const CHANNEL: &str = "news:sports";
const PIPELINE: usize = 16;

fn frame() -> Rc<Frame> {
    let message = Message::new(Kind::Channel, CHANNEL.as_bytes(), &[b'x'; 64]);
    Rc::new(message.exact_frame(Proto::Resp2))
}

fn enqueue(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("enqueue");
    for count in [1, 100, 10_000] {
        group.throughput(Throughput::Elements(count as u64));
        let frame = frame();
        // One message has been through them before, as in a server that runs.
        let used = || {
            let mut outbox = Outbox::default();
            outbox.push(frame.clone());
            outbox.advance(frame.len());
            outbox
        };
        group.bench_function(count.to_string(), |bencher| {
            bencher.iter_batched_ref(
                || (0..count).map(|_| used()).collect::<Vec<_>>(),
                |outboxes| outboxes.iter_mut().for_each(|outbox| outbox.push(black_box(&frame).clone())),
                BatchSize::LargeInput,
            );
        });
    }
}

fn gather(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("gather");
    for count in [1, 16, 128] {
        group.throughput(Throughput::Elements(count as u64));
        let frame = frame();
        let mut outbox = Outbox::default();
        group.bench_function(count.to_string(), |bencher| {
            bencher.iter_custom(|times| {
                let mut spent = Duration::ZERO;
                for _ in 0..times {
                    (0..count).for_each(|_| outbox.push(frame.clone()));
                    let start = Instant::now();
                    let mut slices = [IoSlice::new(&[]); 128];
                    black_box(outbox.gather(&mut slices, usize::MAX));
                    outbox.advance(count * frame.len());
                    spent += start.elapsed();
                }
                spent
            });
        });
    }
}

fn publish(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("publish");
    let request = format!("*3\r\n$7\r\nPUBLISH\r\n$11\r\n{CHANNEL}\r\n$64\r\n{}\r\n", "x".repeat(64));
    let pipeline = request.repeat(PIPELINE).into_bytes();
    for count in [0, 1, 100, 10_000] {
        let mut core = Core::new(&server(1));
        (0..count).for_each(|_| core.subscribe(0, &format!("SUBSCRIBE {CHANNEL}")));
        let (mut publisher, client) = core.connect(0);
        group.throughput(Throughput::Elements((PIPELINE * count.max(1)) as u64));
        group.bench_function(count.to_string(), |bencher| {
            bencher.iter_custom(|times| {
                let mut spent = Duration::ZERO;
                for _ in 0..times {
                    let start = Instant::now();
                    publisher.feed(black_box(&pipeline));
                    publisher.spread();
                    spent += start.elapsed();
                    client.take_output();
                    core.deliver_and_forget();
                }
                spent
            });
        });
    }
}

/// `#` stands for the number of the pattern or channel.
const SHAPES: [(&str, &str); 4] = [
    ("news:#:*", "news:#:sports"),
    ("news:#:*:cups", "news:#:sports:cups"),
    ("*:#:sports*", "news:#:sports:cups"),
    ("*[-:]#[-:]?p*", "news:#:sports:cups"),
];

fn rights(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rights");
    let numbered = |shape: &str, number: usize| shape.replace('#', &format!("{number:03}"));
    for (shape, channel) in [("all channels", SHAPES[3].1)].into_iter().chain(SHAPES) {
        for channels in [1, 16, 100] {
            let core = Core::new(&server(1));
            let (mut publisher, client) = core.connect(0);
            let patterns: String = (0..100).map(|number| format!(" &{}", numbered(shape, number))).collect();
            let patterns = if shape == "all channels" { " allchannels".to_owned() } else { patterns };
            publisher.feed(format!("ACL SETUSER u on nopass allkeys allcommands{patterns}\r\nAUTH u x\r\n").as_bytes());
            assert_eq!(client.take_output(), b"+OK\r\n+OK\r\n");
            let publish = |number: usize| {
                let channel = numbered(channel, 99 - number % channels);
                format!("*3\r\n$7\r\nPUBLISH\r\n${}\r\n{channel}\r\n$64\r\n{}\r\n", channel.len(), "x".repeat(64))
            };
            let pipeline: String = (0..100).map(publish).collect();
            let mut run = || {
                publisher.feed(black_box(pipeline.as_bytes()));
                while publisher.has_more() {
                    publisher.resume();
                }
                client.take_output()
            };
            assert_eq!(run(), b":0\r\n".repeat(100));
            group.throughput(Throughput::Elements(100));
            group.bench_function(format!("{shape}, {channels} channels"), |bencher| bencher.iter(&mut run));
            assert_eq!(run(), b":0\r\n".repeat(100));
        }
    }
}

criterion_group!(benches, enqueue, gather, publish, rights);
criterion_main!(benches);
