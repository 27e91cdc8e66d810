//! Subscribers that move between threads while a publisher publishes as fast as it can, over real sockets, encrypted and not.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::thread::{self, JoinHandle};

use rustls::pki_types::PrivateKeyDer;
use rustls::server::UnbufferedServerConnection;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};
use tokio::io::Interest;

use super::*;
use crate::client::registry::ClientInfo;
use crate::net::tls::encrypted::{Encrypted, Progress};
use crate::net::tls::provider;

const THREADS: usize = 2;
/// So many times each subscriber moves at least.
const MOVES: usize = 30;
/// Messages between two looks whether all have moved so often.
const BATCH: usize = 50;
/// Of so many messages one is long.
const LONG_EVERY: usize = 40;
const LONG_BYTES: usize = 200_000;

/// An io-thread whose subscribers go to the next one again and again.
fn restless(server: Arc<Server>, id: WorkerId, inlet: Inlet, moves: Arc<AtomicBool>) {
    LocalSet::new().block_on(&runtime().expect("the system has descriptors"), async move {
        let worker = Worker::new(server, id);
        spawn_local(deliver(worker.clone()));
        spawn_local(flush(worker.clone()));
        spawn_local(end(worker.clone()));
        let mover = worker.clone();
        spawn_local(async move {
            while moves.load(SeqCst) {
                let clients = mover.all_clients();
                let subscribers = clients.iter().filter(|client| client.is_subscriber());
                subscribers.for_each(|client| client.send_away((id + 1) % THREADS));
                for _ in 0..20 {
                    yield_now().await;
                }
            }
        });
        receive(worker, inlet).await;
    });
}

/// A connection that the first thread serves, and the client's end of it.
fn connect(server: &Arc<Server>, doors: &Doors) -> (Arc<ClientInfo>, UnixStream) {
    let (peer, transport) = pair();
    (hand_over(server, doors, transport), peer)
}

fn pair() -> (UnixStream, Detached) {
    let (peer, socket) = UnixStream::pair().expect("the system has sockets");
    socket.set_nonblocking(true).expect("sockets can be so");
    (peer, Detached::unix(socket.into()))
}

fn hand_over(server: &Arc<Server>, doors: &Doors, transport: Detached) -> Arc<ClientInfo> {
    server.connections.fetch_add(1, Relaxed);
    server.workers[0].connections.fetch_add(1, Relaxed);
    let info = server.clients.admit(0, Address::Unix("/x".into()), -1, server.clock.now());
    doors.hand_over(0, Guest { transport: Ok(transport), info: info.clone(), luggage: None });
    info
}

/// The same, encrypted.
fn connect_encrypted(
    server: &Arc<Server>,
    doors: &Doors,
) -> (Arc<ClientInfo>, StreamOwned<ClientConnection, UnixStream>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("there is chance");
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("it is a certificate");
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let of_server = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let of_server = of_server.expect("all are known").with_no_client_auth();
    let of_server = of_server.with_single_cert(vec![made.cert.der().clone()], key).expect("they belong together");
    let of_client = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let of_client = of_client.expect("all are known").with_root_certificates(roots).with_no_client_auth();
    let name = "localhost".try_into().expect("it is a name");
    let client = ClientConnection::new(Arc::new(of_client), name).expect("all is there");
    let (peer, transport) = pair();
    let shaking = thread::spawn(move || {
        let mut stream = StreamOwned::new(client, peer);
        stream.conn.complete_io(&mut stream.sock).expect("the server speaks TLS");
        stream
    });
    let encrypted = Encrypted::new(UnbufferedServerConnection::new(Arc::new(of_server)).expect("all is there"));
    let transport = runtime().expect("the system has descriptors").block_on(async {
        let transport = transport.encrypted(encrypted).attach().expect("the reactor takes sockets");
        while transport.shake().expect("the client speaks TLS") != Progress::Complete {
            transport.ready(Interest::READABLE | Interest::WRITABLE).await.expect("the client is there");
            yield_now().await;
        }
        transport.detach().expect("the reactor gives it up")
    });
    let stream = shaking.join().expect("it has shaken hands");
    (hand_over(server, doors, transport), stream)
}

/// What is published as the message of this number.
fn payload(number: usize) -> String {
    let tail = if number.is_multiple_of(LONG_EVERY) { "x".repeat(LONG_BYTES) } else { String::new() };
    format!("{number}:{tail}")
}

/// Subscribes, and reads until it has heard a message without a number: each before that once, in order and whole.
fn listens(mut peer: impl Read + Write + Send + 'static, subscribe: &'static str) -> JoinHandle<usize> {
    peer.write_all(subscribe.as_bytes()).expect("there is room");
    let mut lines = BufReader::new(peer);
    let mut next_bulk = move || loop {
        let mut line = String::new();
        assert!(lines.read_line(&mut line).expect("the connection lasts") > 0, "the connection lasts");
        if let Some(len) = line.strip_prefix('$') {
            let mut bulk = vec![0; len.trim_end().parse::<usize>().expect("a length") + 2];
            lines.read_exact(&mut bulk).expect("the connection lasts");
            bulk.truncate(bulk.len() - 2);
            return String::from_utf8(bulk).expect("text");
        }
    };
    assert!(next_bulk().ends_with("subscribe"));
    next_bulk();
    thread::spawn(move || {
        for number in 0.. {
            let kind = next_bulk();
            if kind == "pmessage" {
                assert_eq!(next_bulk(), "n*");
            }
            assert_eq!(next_bulk(), "news");
            let heard = next_bulk();
            if heard == "end" {
                return number;
            }
            assert!(heard == payload(number), "number {number} comes next, not {:.20}", heard);
        }
        0
    })
}

/// Publishes until each of `subscribers` has moved often enough, and answers how many messages that were.
fn publish(mut peer: UnixStream, subscribers: &[Arc<ClientInfo>]) -> usize {
    let mut replies = BufReader::new(peer.try_clone().expect("the system has descriptors"));
    let mut moved: Vec<(WorkerId, usize)> = subscribers.iter().map(|info| (info.worker(), 0)).collect();
    let (mut count, mut expected) = (0, format!(":{}\r\n", subscribers.len()).repeat(BATCH).into_bytes());
    let command = |payload: &str| format!("*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n${}\r\n{payload}\r\n", payload.len());
    while moved.iter().any(|(_, moves)| *moves < MOVES) {
        let requests: String = (count..count + BATCH).map(|number| command(&payload(number))).collect();
        let mut writer = peer.try_clone().expect("the system has descriptors");
        thread::scope(|scope| {
            scope.spawn(move || writer.write_all(requests.as_bytes()).expect("the server reads"));
            let mut heard = vec![0; expected.len()];
            replies.read_exact(&mut heard).expect("the server answers");
            assert_eq!(heard, expected, "each message goes to all, wherever they are");
        });
        count += BATCH;
        for (info, (worker, moves)) in subscribers.iter().zip(&mut moved) {
            let home = info.worker();
            *moves += usize::from(home != std::mem::replace(worker, home));
        }
    }
    peer.write_all(command("end").as_bytes()).expect("the server reads");
    expected.truncate(expected.len() / BATCH);
    replies.read_exact(&mut expected).expect("the server answers");
    count
}

#[test]
fn p4_p5_p6_subscribers_that_move_hear_every_message_once_and_in_order() {
    let config = Config::from_pairs(&[("io-threads", "2"), ("client-output-buffer-limit", "pubsub 0 0 0")]);
    let server = new_server(config.expect("valid directives"), Clock::real()).expect("nothing is renamed");
    let (doors, errands) = Doors::new(THREADS);
    let (phase, phases) = watch::channel(Phase::Serving);
    let moves = Arc::new(AtomicBool::new(true));
    let threads: Vec<_> = errands
        .into_iter()
        .enumerate()
        .map(|(id, errands)| {
            let inlet = Inlet { errands, doors: doors.clone(), phase: phases.clone() };
            let (server, moves) = (server.clone(), moves.clone());
            thread::spawn(move || restless(server, id, inlet, moves))
        })
        .collect();
    let (plain, plain_peer) = connect(&server, &doors);
    let (by_pattern, pattern_peer) = connect(&server, &doors);
    let (encrypted, encrypted_peer) = connect_encrypted(&server, &doors);
    let listeners = [
        listens(plain_peer, "SUBSCRIBE news\r\n"),
        listens(pattern_peer, "PSUBSCRIBE n*\r\n"),
        listens(encrypted_peer, "SUBSCRIBE news\r\n"),
    ];
    let (_, publisher) = connect(&server, &doors);
    let count = publish(publisher, &[plain, by_pattern, encrypted]);
    for listener in listeners {
        assert_eq!(listener.join().expect("it has heard all"), count);
    }
    moves.store(false, SeqCst);
    phase.send(Phase::Ended).expect("the threads hear it");
    threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
}
