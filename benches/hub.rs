//! How long one publish holds the lock that orders everything: what bounds the messages per second of all cores
//! together.
//!
//! Each group answers one question:
//!
//! - `workers`: how does it grow with the io-threads that have subscribers of the channel? (0: nobody listens.)
//! - `patterns`: how does it grow with the patterns that match, all of them of one io-thread?
//! - `subscribers`: does it grow with the subscribers? (It must not.)

#[path = "support/core.rs"]
mod core;

use std::time::{Duration, Instant};

use self::core::{Core, server};
use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use pregon::message::{Kind, Message};
use pregon::server::Server;

const CHANNEL: &str = "news:sports";
/// Publishes between two deliveries: as many as arrive in one read of a busy publisher.
const BATCH: u64 = 64;

/// Measures the publishes and leaves the deliveries out.
fn publishes(bencher: &mut Bencher<'_>, server: &Server, core: &mut Core) {
    let message = Message::new(Kind::Channel, CHANNEL.as_bytes(), &[b'x'; 64]);
    bencher.iter_custom(|count| {
        let mut spent = Duration::ZERO;
        let mut left = count;
        while left > 0 {
            let batch = left.min(BATCH);
            let start = Instant::now();
            for _ in 0..batch {
                server.hub.publish(Kind::Channel, CHANNEL.as_bytes(), &message);
            }
            spent += start.elapsed();
            left -= batch;
            core.deliver_and_forget();
        }
        spent
    });
}

fn workers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("workers");
    for workers in [0, 1, 2, 4, 8, 16, 64] {
        let server = server(workers.max(1));
        let mut core = Core::new(&server);
        (0..workers).for_each(|worker| core.subscribe(worker, &format!("SUBSCRIBE {CHANNEL}")));
        group.bench_function(workers.to_string(), |bencher| publishes(bencher, &server, &mut core));
    }
}

fn patterns(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("patterns");
    for count in [1, 10, 100] {
        let server = server(1);
        let mut core = Core::new(&server);
        for number in 0..count {
            let (kept, any) = CHANNEL.split_at(1 + number / 10);
            let end = &any[any.len() - 1 - number % 10 % any.len()..];
            core.subscribe(0, &format!("PSUBSCRIBE {kept}*{end}"));
        }
        group.bench_function(count.to_string(), |bencher| publishes(bencher, &server, &mut core));
    }
}

fn subscribers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("subscribers");
    for count in [1, 1_000] {
        let server = server(1);
        let mut core = Core::new(&server);
        (0..count).for_each(|_| core.subscribe(0, &format!("SUBSCRIBE {CHANNEL}")));
        group.bench_function(count.to_string(), |bencher| publishes(bencher, &server, &mut core));
    }
}

criterion_group!(benches, workers, patterns, subscribers);
criterion_main!(benches);
