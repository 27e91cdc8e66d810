//! What the constants stand for by which io-threads share their clients: what clients cost a thread, what it costs to wake another
//! one, and to move a client there.
//!
//! - `write`: a message to a socket whose reader waits for it. From 100 bytes on it grows by what the bytes cost.
//! - `read`: waiting for a client and reading what it has sent.
//! - `command`: a PUBLISH to one subscriber, of 64 in one read, without the delivery.
//! - `wake`: waking a thread that sleeps.
//! - `move`: a subscriber of so many names goes to another thread, as far as it is done by the one that it leaves: publishers wait for
//!   most of that.

#[path = "support/core.rs"]
mod core;

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use self::core::{Core, server};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pregon::ids::Address;
use pregon::session::Session;
use pregon::worker::Worker;
use rustix::event::{PollFd, PollFlags, poll};

/// A connection over loopback.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a port");
    let here = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
    let (there, _) = listener.accept().expect("somebody has connected");
    [&here, &there].into_iter().for_each(|end| end.set_nodelay(true).expect("TCP can"));
    (here, there)
}

fn write(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("write");
    for bytes in [100, 1000, 64 * 1024] {
        let (mut here, mut there) = pair();
        let reader = thread::spawn(move || {
            let mut buffer = vec![0; 256 * 1024];
            while there.read(&mut buffer).is_ok_and(|count| count > 0) {}
        });
        let message = vec![b'x'; bytes];
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(bytes.to_string(), |bencher| {
            bencher.iter(|| here.write_all(&message).expect("the reader is there"));
        });
        drop(here);
        reader.join().expect("it ends with the connection");
    }
}

fn read(criterion: &mut Criterion) {
    let (mut here, mut there) = pair();
    let mut buffer = [0; 1024];
    criterion.bench_function("read", |bencher| {
        bencher.iter_custom(|count| {
            let mut spent = Duration::ZERO;
            for _ in 0..count {
                there.write_all(b"*1\r\n$4\r\nPING\r\n").expect("the peer is there");
                let start = Instant::now();
                poll(&mut [PollFd::new(&here, PollFlags::IN)], None).expect("it can be waited for");
                assert!(here.read(&mut buffer).is_ok_and(|count| count > 0));
                spent += start.elapsed();
            }
            spent
        });
    });
}

fn command(criterion: &mut Criterion) {
    const COUNT: usize = 64;
    let server = server(1);
    let mut core = Core::new(&server);
    core.subscribe(0, "SUBSCRIBE news");
    let (mut session, publisher) = core.connect(0);
    let requests = format!("*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$64\r\n{}\r\n", "x".repeat(64)).repeat(COUNT);
    criterion.benchmark_group("command").throughput(Throughput::Elements(COUNT as u64)).bench_function(
        "64",
        |bencher| {
            bencher.iter_custom(|count| {
                let mut spent = Duration::ZERO;
                for _ in 0..count {
                    let start = Instant::now();
                    session.feed(requests.as_bytes());
                    spent += start.elapsed();
                    session.spread();
                    publisher.take_output();
                    core.deliver_and_forget();
                }
                spent
            });
        },
    );
}

fn wake(criterion: &mut Criterion) {
    let (bell, rung) = mpsc::channel::<()>();
    let (say, heard) = mpsc::channel();
    let sleeper = thread::spawn(move || while rung.recv().is_ok_and(|()| say.send(()).is_ok()) {});
    criterion.bench_function("wake", |bencher| {
        bencher.iter_custom(|count| {
            let mut spent = Duration::ZERO;
            for _ in 0..count {
                let start = Instant::now();
                bell.send(()).expect("the thread is there");
                spent += start.elapsed();
                heard.recv().expect("it answers");
                // It sleeps again by then.
                thread::yield_now();
            }
            spent
        });
    });
    drop(bell);
    sleeper.join().expect("it ends when nobody can ring any more");
}

fn moves(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("move");
    for names in [1, 8, 64] {
        let server = server(2);
        let workers = [0, 1].map(|id| Worker::new(server.clone(), id));
        let mut client = workers[0].register(Address::Unix("/x".into()));
        let mut session = Session::new(workers[0].clone(), client.clone());
        for number in 0..names {
            session.feed(format!("SUBSCRIBE channel{number}\r\n").as_bytes());
        }
        client.take_output();
        let here = Cell::new(0);
        group.bench_function(names.to_string(), |bencher| {
            bencher.iter_custom(|count| {
                let mut spent = Duration::ZERO;
                for _ in 0..count {
                    let there = 1 - here.replace(1 - here.get());
                    let start = Instant::now();
                    let luggage = session.leave_for(there).expect("nothing is under way");
                    spent += start.elapsed();
                    (client, session) = Session::arrive(&workers[there], client.info.clone(), luggage);
                    workers[there].deliver_all();
                }
                spent
            });
        });
    }
}

criterion_group!(benches, write, read, command, wake, moves);
criterion_main!(benches);
