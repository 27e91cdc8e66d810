//! What depends on time and on other clients, in simulated time and on several workers.

use std::time::Duration;

use crate::command::test_support::World;
use crate::resp::Proto;

#[test]
fn the_server_chooses_ids_by_its_clock_and_never_goes_back() {
    let world = World::new();
    let client = world.client();
    // Simulated time begins with 2026.
    assert_eq!(client.say("XADD s * a 1"), "$15\r\n1767225600000-0\r\n");
    assert_eq!(client.say("XADD s * a 1"), "$15\r\n1767225600000-1\r\n");
    world.advance(Duration::from_millis(5));
    assert_eq!(client.say("XADD s * a 1"), "$15\r\n1767225600005-0\r\n");
    assert_eq!(
        client.say("XADD s 1767225600009-7 a 1\r\nXADD s * a 1"),
        "$15\r\n1767225600009-7\r\n$15\r\n1767225600009-8\r\n"
    );
}

#[test]
fn a_reader_on_another_worker_hears_of_an_entry() {
    let world = World::new();
    let (reader, writer) = (world.client_of(1), world.client());
    assert_eq!(reader.say("XREAD BLOCK 0 STREAMS s $"), "");
    writer.say("XADD s 1-1 a 1\r\nXADD s 1-2 a 2");
    world.settle();
    let first = "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n";
    assert_eq!(reader.resume(), first, "what came later is for the next read");
}

#[test]
fn a_reader_waits_as_long_as_it_said() {
    for (proto, nothing) in [(Proto::Resp2, "*-1\r\n"), (Proto::Resp3, "_\r\n")] {
        let world = World::new();
        let client = world.client().speaking(proto);
        client.say("XGROUP CREATE s g $ MKSTREAM");
        for read in ["XREAD BLOCK 1500 STREAMS s $", "XREADGROUP GROUP g c BLOCK 1500 STREAMS s >"] {
            assert_eq!(client.say(read), "", "{read}");
            assert_eq!(client.wakes_in(), Some(Duration::from_millis(1500)));
            world.advance(Duration::from_millis(1500));
            assert_eq!(client.resume(), nothing, "{read}");
        }
    }
}

#[test]
fn a_consumer_that_waits_is_told_when_its_group_or_stream_has_gone() {
    let no_group = "-NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option\r\n";
    for (end, answer) in [
        ("XGROUP DESTROY s g", no_group),
        ("DEL s", no_group),
        ("SET s x", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        ("FLUSHALL", no_group),
        ("RENAME s t", no_group),
    ] {
        let world = World::new();
        let (consumer, other) = (world.client_of(1), world.client());
        other.say("XGROUP CREATE s g $ MKSTREAM");
        assert_eq!(consumer.say("XREADGROUP GROUP g c BLOCK 0 STREAMS s >"), "");
        other.say(end);
        world.settle();
        assert_eq!(consumer.resume(), answer, "{end}");
    }
}

#[test]
fn times_of_deliveries_and_consumers_are_kept() {
    let world = World::new();
    let client = world.client();
    client.say("XADD s 1-1 a 1\r\nXGROUP CREATE s g 0\r\nXREADGROUP GROUP g c STREAMS s >");
    world.advance(Duration::from_millis(70));
    assert_eq!(client.say("XPENDING s g - + 10"), "*1\r\n*4\r\n$3\r\n1-1\r\n$1\r\nc\r\n:70\r\n:1\r\n");
    assert_eq!(client.say("XPENDING s g IDLE 71 - + 10"), "*0\r\n");
    assert_eq!(client.say("XCLAIM s g d 71 1-1 JUSTID"), "*0\r\n");
    assert_eq!(client.say("XAUTOCLAIM s g d 70 0 JUSTID"), "*3\r\n$3\r\n0-0\r\n*1\r\n$3\r\n1-1\r\n*0\r\n");
    world.advance(Duration::from_millis(30));
    let consumers = client.say("XINFO CONSUMERS s g");
    assert!(consumers.contains("$1\r\nc\r\n$7\r\npending\r\n:0\r\n$4\r\nidle\r\n:100\r\n$8\r\ninactive\r\n:100\r\n"));
    assert!(consumers.contains("$1\r\nd\r\n$7\r\npending\r\n:1\r\n$4\r\nidle\r\n:30\r\n$8\r\ninactive\r\n:30\r\n"));
    client.say("XREADGROUP GROUP g e STREAMS s >");
    assert!(
        client
            .say("XINFO CONSUMERS s g")
            .contains("$1\r\ne\r\n$7\r\npending\r\n:0\r\n$4\r\nidle\r\n:0\r\n$8\r\ninactive\r\n:-1\r\n")
    );
}

#[test]
fn xclaim_sets_when_and_how_often_an_entry_was_delivered() {
    let world = World::new();
    let client = world.client();
    client.say("XADD s 1-1 a 1\r\nXGROUP CREATE s g 0\r\nXREADGROUP GROUP g c STREAMS s >");
    client.say("XCLAIM s g d 0 1-1 IDLE 500 RETRYCOUNT 9 JUSTID");
    assert_eq!(client.say("XPENDING s g - + 1"), "*1\r\n*4\r\n$3\r\n1-1\r\n$1\r\nd\r\n:500\r\n:9\r\n");
    client.say("XCLAIM s g d 0 1-1");
    assert_eq!(client.say("XPENDING s g - + 1"), "*1\r\n*4\r\n$3\r\n1-1\r\n$1\r\nd\r\n:0\r\n:10\r\n");
}

#[test]
fn an_entry_that_is_refused_as_too_large_makes_no_stream() {
    let client = World::new().client();
    let value = "x".repeat(crate::keyspace::stream::ENTRY_BYTES);
    let add = format!("*5\r\n$4\r\nXADD\r\n$1\r\ns\r\n$1\r\n*\r\n$1\r\nf\r\n${}\r\n{value}", value.len());
    assert!(client.say(&add).starts_with("-ERR "), "one byte more than there may be");
    assert_eq!(client.say("EXISTS s"), ":0\r\n");
    client.say("XADD s 1-1 a b");
    assert!(client.say(&add).starts_with("-ERR "));
    assert_eq!(client.say("XLEN s"), ":1\r\n");
}

#[test]
fn a_reader_may_begin_with_the_last_entry_that_is_there() {
    let world = World::new();
    let (client, reader, late) = (world.client(), world.client(), world.client());
    let entry = |id: &str| format!("*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n{id}\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n");
    assert_eq!(client.say("XREAD STREAMS s +"), "*-1\r\n");
    assert_eq!(reader.say("XREAD BLOCK 0 STREAMS s +"), "");
    client.say("XADD s 1-0 a 1\r\nXADD s 2-0 a 1");
    world.settle();
    assert_eq!(reader.resume(), entry("1-0"), "what comes first, where nothing was there");
    assert_eq!(client.say("XREAD COUNT 9 STREAMS s +"), entry("2-0"));
    client.say("XDEL s 2-0");
    assert_eq!(client.say("XREAD BLOCK 0 STREAMS s +"), entry("1-0"), "not one that was deleted");
    client.say("XDEL s 1-0");
    assert_eq!(late.say("XREAD BLOCK 0 STREAMS s +"), "");
    client.say("XADD s 3-0 a 1");
    world.settle();
    assert_eq!(late.resume(), entry("3-0"));
    let answer = client.say("XGROUP CREATE s g 0\r\nXREADGROUP GROUP g c STREAMS s +");
    assert!(answer.starts_with("+OK\r\n-ERR The + ID is meaningless in the context of XREADGROUP: "), "{answer}");
}
