use std::io::IoSlice;

use crate::client::held::Holding;
use crate::command::test_support::{Peer, World};

const LONG: usize = 3_000_000;

fn request(args: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        bytes.extend_from_slice(&[format!("${}\r\n", arg.len()).as_bytes(), arg, b"\r\n"].concat());
    }
    bytes
}

/// The longest piece that waits for `peer`: where it lies, and how long it is.
fn longest_piece(peer: &Peer) -> (*const u8, usize) {
    let outbox = peer.client.outbox.borrow();
    let mut slices = [IoSlice::new(&[]); 8];
    let used = outbox.gather(&mut slices, usize::MAX);
    let pieces = slices[..used].iter().map(|piece| (piece.as_ptr(), piece.len()));
    pieces.max_by_key(|(_, len)| *len).expect("something waits")
}

#[test]
fn a_long_value_is_in_memory_once_however_many_answers_it_is_in() {
    let world = World::new();
    let (writer, readers) = (world.client(), [world.client(), world.client()]);
    writer.transmit(&request(&[b"SET", b"key", &vec![b'x'; LONG]]), 64 * 1024);
    let get = request(&[b"GET", b"key"]);
    readers[0].transmit(&get, usize::MAX);
    readers[1].transmit(&[b"MULTI\r\n", &get[..], b"EXEC\r\n"].concat(), usize::MAX);
    let pieces = readers.each_ref().map(longest_piece);
    assert_eq!(pieces[0].1, LONG);
    assert_eq!(pieces[0], pieces[1]);
    assert_eq!(writer.say("APPEND key y"), format!("+OK\r\n:{}\r\n", LONG + 1));
    let answer = format!("${LONG}\r\n{}\r\n", "x".repeat(LONG));
    assert!(readers[0].heard() == answer, "what was answered stays as it was");
    assert!(readers[1].heard() == format!("+OK\r\n+QUEUED\r\n*1\r\n{answer}"));
}

#[test]
fn what_is_long_is_answered_like_what_is_short_however_it_comes() {
    let payload = vec![b'x'; LONG];
    let requests = [
        request(&[b"PUBLISH", b"news", &payload]),
        request(&[b"SET", b"key", &payload, b"EX", b"100"]),
        request(&[b"PUBLISH", b"news", b"short"]),
        request(&[b"STRLEN", b"key"]),
        request(&[b"APPEND", b"key", &payload]),
        b"TTL key\r\n".to_vec(),
    ];
    for at_once in [1_000, 10_000, 64 * 1024, 1_000_000, usize::MAX] {
        let world = World::new();
        let (subscriber, sender) = (world.client(), world.client());
        subscriber.say("SUBSCRIBE news");
        sender.transmit(&requests.concat(), at_once);
        assert_eq!(sender.heard(), ":1\r\n+OK\r\n:1\r\n:3000000\r\n:6000000\r\n:100\r\n");
        let head = "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n";
        let long = String::from_utf8(payload.clone()).expect("ASCII");
        let heard = subscriber.heard();
        assert!(heard == format!("{head}$3000000\r\n{long}\r\n{head}$5\r\nshort\r\n"), "{} bytes", heard.len());
        assert_eq!(sender.client.info.held.get(Holding::Input), 0);
        assert_eq!(sender.client.info.held.get(Holding::InputRoom), 0);
    }
}

#[test]
fn a_long_argument_is_received_where_it_stays() {
    let world = World::new();
    let (subscriber, sender) = (world.client(), world.client());
    subscriber.say("SUBSCRIBE news");
    let request = request(&[b"PUBLISH", b"news", &vec![b'x'; LONG]]);
    let header = request.len() - LONG - 2;
    let (begin, end) = request.split_at(request.len() - 40_000);
    let in_place = sender.transmit(begin, 64 * 1024);
    assert!(in_place >= LONG - 3 * 64 * 1024, "{in_place} bytes");
    let place = sender.room_start().expect("there is much to come").wrapping_add(header);
    sender.transmit(end, 64 * 1024);
    assert_eq!(longest_piece(&subscriber), (place, LONG + 2));
}

#[test]
fn a_long_argument_that_has_not_come_whole_counts_and_is_let_go_of_with_its_client() {
    let world = World::with(&[("client-query-buffer-limit", "1mb")]);
    let sender = world.client();
    let request = request(&[b"PUBLISH", b"news", &vec![b'x'; LONG]]);
    sender.transmit(&request[..500_000], 64 * 1024);
    let held = &sender.client.info.held;
    assert_eq!(held.get(Holding::Input), 500_000);
    assert!(held.get(Holding::InputRoom) <= LONG, "room is made for no more than was announced");
    assert!(!sender.is_finished());
    sender.transmit(&request[500_000..1_200_000], 64 * 1024);
    assert!(sender.is_finished());
}
