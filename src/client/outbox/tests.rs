//! The queue of a client as such.

mod model;

use bytes::Bytes;

use super::*;

fn frame(bytes: &'static [u8]) -> Rc<Frame> {
    Rc::new(Frame::whole(bytes))
}

/// Takes everything off, at most `step` bytes at a time.
fn drain(outbox: &mut Outbox, step: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while !outbox.is_empty() {
        let mut slices = [IoSlice::new(&[]); 2];
        let used = outbox.gather(&mut slices, step);
        let next: Vec<u8> = slices[..used].iter().flat_map(|s| s.iter().copied()).collect();
        assert!((1..=step).contains(&next.len()));
        outbox.advance(next.len());
        all.extend(next);
    }
    all
}

#[test]
fn bytes_leave_in_order_whatever_the_size_of_the_writes() {
    for step in 1..12 {
        let mut outbox = Outbox::default();
        outbox.push_own(b"+OK\r\n");
        outbox.push(frame(b"first"));
        outbox.push(frame(b"second"));
        outbox.push_own(b":1\r\n");
        outbox.push_own(b":2\r\n");
        assert_eq!(outbox.bytes(), 24);
        assert_eq!(drain(&mut outbox, step), b"+OK\r\nfirstsecond:1\r\n:2\r\n");
        assert_eq!(outbox.bytes(), 0);
    }
}

#[test]
fn the_message_under_way_and_the_newest_of_a_client_that_reads_do_not_count() {
    let mut outbox = Outbox::default();
    let counted = |outbox: &Outbox| (outbox.bytes(), outbox.counted_bytes());
    outbox.push(frame(&[b'x'; 100]));
    assert_eq!(counted(&outbox), (100, 0), "nothing says that it would not take it");
    outbox.advance(10);
    assert_eq!(counted(&outbox), (90, 0), "the first is under way");
    outbox.push(frame(&[b'x'; 200]));
    assert_eq!(counted(&outbox), (290, 0), "something was taken since the first was queued");
    outbox.push(frame(&[b'x'; 400]));
    assert_eq!(counted(&outbox), (690, 600), "nothing was taken since the second was queued");
    outbox.advance(1);
    assert_eq!(counted(&outbox), (689, 200), "it goes on");
    outbox.advance(289);
    assert_eq!(counted(&outbox), (400, 0), "the newest is the next, and nothing of it is under way");
    outbox.push_own(b"reply");
    assert_eq!(counted(&outbox), (405, 405), "the client's own replies count, and what they wait for");
}

#[test]
fn what_is_long_of_an_answer_is_not_copied_and_counts_in_full() {
    let value = Bytes::from(vec![b'v'; 3 * OWN_PIECE]);
    let mut reply = Reply::default();
    reply.raw(&[b'l'; 5 * OWN_PIECE]);
    reply.shared_bulk(&value);
    let (len, mut outbox) = (reply.len(), Outbox::default());
    outbox.push_reply(&mut reply);
    assert!(reply.is_empty());
    assert_eq!((outbox.bytes(), outbox.counted_bytes()), (len, len));
    let mut slices = [IoSlice::new(&[]); 8];
    let used = outbox.gather(&mut slices, usize::MAX);
    assert!(slices[..used].iter().any(|slice| slice.as_ptr() == value.as_ptr()));
    outbox.advance(1);
    assert_eq!(outbox.counted_bytes(), len - 1, "what is under way of it counts, too");
    let rest = drain(&mut outbox, usize::MAX);
    assert!(rest.ends_with(&[&value[..], b"\r\n"].concat()) && rest.len() == len - 1);
}

#[test]
fn held_frames_follow_the_reply() {
    let mut outbox = Outbox::default();
    outbox.hold();
    outbox.push(frame(b"push"));
    assert_eq!((outbox.held_bytes(), outbox.bytes()), (4, 0));
    outbox.push_own(b"reply ");
    outbox.release();
    assert_eq!((outbox.held_bytes(), outbox.bytes()), (0, 10));
    assert_eq!(drain(&mut outbox, 100), b"reply push");
}
