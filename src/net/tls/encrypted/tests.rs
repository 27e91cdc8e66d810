//! Both ends of a connection in memory, with a line between them that takes and gives as much as a test wants.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::Arc;
use std::thread;

use rustls::pki_types::PrivateKeyDer;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::*;
use crate::net::tls::provider;

/// One direction of a line.
#[derive(Default)]
struct Pipe {
    bytes: RefCell<VecDeque<u8>>,
    /// How much it takes or gives at a time.
    step: Cell<usize>,
    /// How much it holds.
    room: Cell<usize>,
}

impl Pipe {
    fn new(step: usize, room: usize) -> Self {
        Pipe { bytes: RefCell::default(), step: Cell::new(step), room: Cell::new(room) }
    }

    fn put(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut bytes = self.bytes.borrow_mut();
        let free = self.room.get().saturating_sub(bytes.len()).min(self.step.get());
        let all: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).take(free).collect();
        bytes.extend(&all);
        if all.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(all.len()) }
    }

    fn get(&self, into: &mut [u8]) -> io::Result<usize> {
        let mut bytes = self.bytes.borrow_mut();
        let count = into.len().min(self.step.get()).min(bytes.len());
        bytes.drain(..count).zip(into.iter_mut()).for_each(|(byte, place)| *place = byte);
        if count == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(count) }
    }
}

struct Line {
    server: Encrypted,
    client: ClientConnection,
    up: Pipe,
    down: Pipe,
}

impl Line {
    /// A connection whose handshake is complete.
    fn new(version: &'static SupportedProtocolVersion, step: usize) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("there is chance");
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).expect("it is a certificate");
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let server = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[version]);
        let server = server.expect("it is known").with_no_client_auth();
        let server = server.with_single_cert(vec![made.cert.der().clone()], key).expect("they belong together");
        let client = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[version]);
        let client = client.expect("it is known").with_root_certificates(roots).with_no_client_auth();
        let name = "localhost".try_into().expect("it is a name");
        let mut line = Line {
            server: Encrypted::new(UnbufferedServerConnection::new(Arc::new(server)).expect("all is there")),
            client: ClientConnection::new(Arc::new(client), name).expect("all is there"),
            up: Pipe::new(step, usize::MAX),
            down: Pipe::new(step, usize::MAX),
        };
        let mut progress = Progress::Reads;
        while progress != Progress::Complete || line.client.is_handshaking() {
            line.pump_client();
            progress =
                line.server.shake(|bytes| line.up.get(bytes), |slices| line.down.put(slices)).expect("all is well");
        }
        // It may have been given tickets.
        line.pump_client();
        line
    }

    /// Lets the client send and hear, and answers what it has heard.
    fn pump_client(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut bytes).expect("memory takes everything");
        }
        self.up.bytes.borrow_mut().extend(bytes);
        let mut heard = Vec::new();
        let received: Vec<u8> = self.down.bytes.borrow_mut().drain(..).collect();
        let mut received = received.as_slice();
        while !received.is_empty() {
            if self.client.read_tls(&mut received).expect("it has room") == 0 {
                break;
            }
            self.client.process_new_packets().expect("the server speaks TLS");
            // At the end of what has come.
            let _ = io::Read::read_to_end(&mut self.client.reader(), &mut heard);
        }
        heard
    }

    fn say(&mut self, bytes: &[u8]) {
        self.client.set_buffer_limit(None);
        self.client.writer().write_all(bytes).expect("memory takes everything");
        self.pump_client();
    }

    /// Reads into so much room.
    fn read(&self, room: usize) -> io::Result<Vec<u8>> {
        let mut buffer = Vec::new();
        let mut limited = (&mut buffer).limit(room);
        let (count, _) = self.server.read(|bytes| self.up.get(bytes), |slices| self.down.put(slices), &mut limited)?;
        assert_eq!(count, buffer.len());
        Ok(buffer)
    }

    /// Reads all that comes, into so much room at a time.
    fn read_all(&self, room: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while self.server.has_input() || !self.up.bytes.borrow().is_empty() {
            match self.read(room) {
                Ok(bytes) => all.extend(bytes),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
        all
    }

    fn write(&self, slices: &[&[u8]]) -> Wrote {
        let slices: Vec<_> = slices.iter().map(|slice| IoSlice::new(slice)).collect();
        self.server.write(&slices, |slices| self.down.put(slices)).expect("the line lives")
    }
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index * 31 + index / 251) as u8).collect()
}

#[test]
fn bytes_arrive_as_they_were_sent_whatever_pieces_they_come_in() {
    for version in [&TLS13, &TLS12] {
        for (step, len) in [(1, 3000), (7, 20_000), (4096, 200_000), (usize::MAX, 1_000_000)] {
            let mut line = Line::new(version, step);
            let sent = pattern(len);
            line.say(&sent);
            let room = step.clamp(5, 100_000);
            assert!(line.read_all(room) == sent, "{step} {version:?}");
            let (head, tail) = sent.split_at(len / 3);
            let (mut written, mut heard) = (line.write(&[head, b"", tail]), Vec::new());
            let mut from = written.taken;
            while written.refused > 0 {
                heard.extend(line.pump_client());
                written = line.write(&[&sent[from..]]);
                from += written.taken;
            }
            heard.extend(line.pump_client());
            assert!(heard == sent, "{step} {version:?}");
        }
    }
}

#[test]
fn p11_what_a_full_socket_refuses_is_bounded_and_nothing_more_is_encrypted() {
    let mut line = Line::new(&TLS13, usize::MAX);
    line.down.room.set(10_000);
    let message = pattern(1_000_000);
    let wrote = line.write(&[&message]);
    assert!((10_000 - 100..=HELD_BYTES).contains(&wrote.taken), "{wrote:?}");
    assert!(wrote.refused > message.len() - wrote.taken, "what is held is refused, too");
    assert_eq!(line.write(&[&message]).taken, 0);
    let mut heard = line.pump_client();
    line.down.room.set(usize::MAX);
    assert_eq!(line.write(&[]), Wrote { taken: 0, refused: 0 }, "what was held goes without anything new");
    heard.extend(line.pump_client());
    assert!(heard == message[..wrote.taken]);
    assert_eq!(line.write(&[&message]), Wrote { taken: message.len(), refused: 0 });
    assert!(line.pump_client() == message);
}

#[test]
fn what_has_gathered_goes_in_as_few_records_as_hold_it() {
    let mut line = Line::new(&TLS13, usize::MAX);
    let messages = vec![&b"a message of twenty-five"[..]; 100];
    line.write(&messages);
    let records = line.down.bytes.borrow().len();
    assert!(records < 2400 + 64, "{records} bytes on the line for 2400");
    assert_eq!(line.pump_client().len(), 2400);
}

#[test]
fn p11_records_with_little_or_nothing_in_them_cost_their_sender_turns() {
    let mut line = Line::new(&TLS13, usize::MAX);
    line.server.take_toll();
    line.say(&pattern(100_000));
    line.read_all(1_000_000);
    assert!(line.server.take_toll() < 100_000, "long records cost little beside what is in them");
    for _ in 0..1000 {
        line.say(b"x");
    }
    assert_eq!(line.read_all(1_000_000).len(), 1000);
    assert_eq!(line.server.take_toll(), 1000 * RECORD_COST);
}

#[test]
fn a_connection_goes_on_on_another_thread_in_the_middle_of_a_record_in_both_directions() {
    let mut line = Line::new(&TLS13, usize::MAX);
    let said = pattern(10_000);
    line.say(&said);
    let last = line.up.bytes.borrow_mut().split_off(7000);
    let early = line.read(1_000_000);
    assert_eq!(early.map_err(|error| error.kind()), Err(io::ErrorKind::WouldBlock), "a record is read whole");
    line.down.room.set(100);
    assert_eq!(line.write(&[b"answer ", &said]).taken, 10_007);
    line.up.bytes.borrow_mut().extend(last);
    let mut line = thread::spawn(move || {
        line.down.room.set(usize::MAX);
        assert!(line.read_all(1_000_000) == said);
        line.write(&[b" end"]);
        line
    })
    .join()
    .expect("all is well there");
    let heard = line.pump_client();
    assert!(heard.starts_with(b"answer ") && heard.ends_with(b" end") && heard.len() == 10_011);
}

#[test]
fn who_says_that_nothing_more_comes_is_at_the_end_and_can_still_hear() {
    for version in [&TLS13, &TLS12] {
        let mut line = Line::new(version, usize::MAX);
        line.say(b"last words");
        line.client.send_close_notify();
        line.pump_client();
        assert_eq!(line.read(100).expect("it has come"), b"last words");
        assert!(line.server.has_input());
        assert_eq!(line.read(100).expect("that is no error"), b"");
        line.write(&[b"answer"]);
        assert_eq!(line.pump_client(), b"answer");
        line.server.part(|slices| line.down.put(slices));
        line.pump_client();
        assert!(io::Read::read(&mut line.client.reader(), &mut [0]).is_ok_and(|count| count == 0), "it is told, too");
    }
}

#[test]
fn a_connection_of_which_nothing_waits_has_no_buffers() {
    for version in [&TLS13, &TLS12] {
        let mut line = Line::new(version, usize::MAX);
        line.say(&pattern(100_000));
        line.read_all(1000);
        line.down.room.set(1000);
        line.write(&[&pattern(100_000)]);
        line.pump_client();
        line.down.room.set(usize::MAX);
        line.write(&[]);
        line.pump_client();
        let state = line.server.state.borrow();
        assert_eq!(state.incomplete.capacity() + state.plain.capacity() + state.unsent.capacity(), 0, "{version:?}");
    }
}

#[test]
fn keys_can_change_at_any_time_and_are_changed_in_return() {
    let mut line = Line::new(&TLS13, usize::MAX);
    for round in 0..10 {
        line.client.refresh_traffic_keys().expect("that is possible in TLS 1.3");
        let said = pattern(round * 5000);
        line.say(&said);
        let (early, late) = said.split_at(said.len() / 2);
        assert!(line.read_all(1_000_000) == said, "{round}");
        line.write(&[early, late]);
        assert!(line.pump_client() == said, "{round}");
    }
}

#[test]
fn what_came_before_a_fault_is_read_before_it_is_known() {
    let mut line = Line::new(&TLS13, usize::MAX);
    line.say(b"all is well");
    line.up.bytes.borrow_mut().extend(b"*1\r\n$4\r\nPING\r\n");
    assert_eq!(line.read(5).expect("it has come"), b"all i");
    assert_eq!(line.read(100).expect("it has come"), b"s well");
    assert!(line.server.has_input());
    assert_eq!(line.read(100).expect_err("that was no record").kind(), io::ErrorKind::InvalidData);
    let refused = line.server.write(&[IoSlice::new(b"late")], |slices| line.down.put(slices));
    assert_eq!(refused.expect_err("it has been told that this is the end").kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn what_is_not_tls_ends_the_connection_and_the_peer_is_told() {
    let mut line = Line::new(&TLS13, usize::MAX);
    line.up.bytes.borrow_mut().extend(b"*1\r\n$4\r\nPING\r\n");
    let error = line.read(100).expect_err("that is no record");
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(!line.down.bytes.borrow().is_empty());
    line.client.writer().write_all(b"too late").expect("memory takes everything");
    let mut late = Vec::new();
    line.client.write_tls(&mut late).expect("memory takes everything");
    line.up.bytes.borrow_mut().extend(late);
    assert!(line.read(100).is_err());
}
