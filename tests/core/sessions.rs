//! Sessions: reading in pieces, modes, authentication, pauses, the end.

use std::time::Duration;

use pregon::client::Closing;
use pregon::pause::PauseMode;
use pregon::resp::Proto;

use crate::harness::{World, everywhere, everywhere_with, pipeline, request};
use crate::value::Value;

/// Requests of every shape, the last of them a violation of the protocol.
fn script(proto: Proto) -> Vec<u8> {
    let mut bytes = if proto == Proto::Resp3 { request(["HELLO", "3"]) } else { Vec::new() };
    bytes.extend(b"PING\r\nping \"two words\"\n\r\n*0\r\n*-1\r\nECHO \"\\x41\\n\" \r\n");
    bytes.extend(pipeline(&["PUBLISH a lost", "NOSUCH x y", "PUBLISH", "SELECT 1", "SELECT 99", "PUBSUB NUMPAT"]));
    bytes.extend(request([&b"ECHO"[..], b"\r\n$5\r\n\0\xff"]));
    bytes.extend(pipeline(&["MULTI", "SUBSCRIBE a b", "PUBLISH a 1", "PING", "EXEC", "MULTI", "NOSUCH", "EXEC"]));
    bytes.extend(pipeline(&["UNSUBSCRIBE b", "PUBLISH a 2", "PING", "PSUBSCRIBE *", "PUBLISH a 3", "RESET"]));
    bytes.extend(pipeline(&["MULTI", "PUBLISH a 4", "DISCARD", "EXEC", "SUBSCRIBE x"]));
    bytes.extend(b"*1\r\n:5\r\nnever read");
    bytes
}

fn answers(proto: Proto, pieces: &[&[u8]]) -> (Vec<u8>, bool) {
    let world = World::new(1, proto, &[]);
    let mut peer = world.stranger(0);
    let mut output = Vec::new();
    for piece in pieces {
        peer.send(piece);
        output.extend(peer.take_bytes());
    }
    (output, peer.session.is_finished())
}

#[test]
fn requests_split_at_any_byte_are_answered_as_if_they_came_whole() {
    for proto in Proto::ALL {
        let bytes = script(proto);
        let (whole, finished) = answers(proto, &[&bytes]);
        assert!(finished && whole.ends_with(b"-ERR Protocol error: expected '$', got ':'\r\n"));
        for at in 0..=bytes.len() {
            let (split, finished) = answers(proto, &[&bytes[..at], &bytes[at..]]);
            assert!(finished);
            assert_eq!(split.escape_ascii().to_string(), whole.escape_ascii().to_string(), "split at byte {at}");
        }
    }
}

#[test]
fn requests_that_come_byte_by_byte_are_answered_as_if_they_came_whole() {
    for proto in Proto::ALL {
        let bytes = script(proto);
        let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(answers(proto, &pieces), answers(proto, &[&bytes]));
    }
}

#[test]
fn a_pipeline_of_any_length_is_answered_in_order() {
    everywhere(|world| {
        let mut peer = world.peer();
        let commands: Vec<String> = (0..5000).map(|n| format!("ECHO {n}")).collect();
        peer.send(&pipeline(&commands.iter().map(String::as_str).collect::<Vec<_>>()));
        let heard: Vec<String> = peer.take_frames().iter().map(Value::to_string).collect();
        assert!(heard.iter().enumerate().all(|(n, text)| *text == n.to_string()));
        assert_eq!(heard.len(), 5000);
    });
}

#[test]
fn a_violation_of_the_protocol_is_answered_once_and_ends_the_session() {
    let violations: [(&[u8], &str); 7] = [
        (b"*x\r\n", "invalid multibulk length"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n$600000000\r\n", "invalid bulk length"),
        (b"*1\r\n+PING\r\n", "expected '$', got '+'"),
        (b"PING \"open\r\n", "unbalanced quotes in request"),
        (&[b'*'; 65_600], "too big mbulk count string"),
        (&[b'x'; 65_600], "too big inline request"),
    ];
    everywhere(|world| {
        for (bytes, text) in violations {
            let mut peer = world.peer();
            peer.send(b"PING\r\n");
            peer.send(bytes);
            peer.send(b"PING\r\n");
            peer.hears(["+PONG", &format!("-ERR Protocol error: {text}")]);
            peer.hears_nothing();
            assert!(peer.session.is_finished());
        }
    });
}

#[test]
fn a_web_request_is_closed_without_an_answer() {
    everywhere(|world| {
        for bytes in [&b"POST / HTTP/1.1\r\nHost: x\r\n\r\nPING\r\n"[..], b"Host: x\r\nPING\r\n"] {
            let mut peer = world.peer();
            peer.send(bytes);
            assert!(peer.session.is_finished());
            peer.hears_nothing();
        }
    });
}

#[test]
fn only_handshakes_are_allowed_before_the_password() {
    everywhere_with(&[("requirepass", "secret")], |world| {
        let mut peer = world.stranger(0);
        peer.send(&pipeline(&["PING", "SUBSCRIBE a", "MULTI", "HELLO 3", "AUTH wrong", "AUTH nobody secret"]));
        let denied = "-NOAUTH Authentication required.";
        let wrong = "-WRONGPASS invalid username-password pair or user is disabled.";
        peer.hears([denied, denied, denied]);
        assert!(peer.next_frame().to_string().starts_with("-NOAUTH HELLO must be called"));
        peer.hears([wrong, wrong]);
        assert_eq!(peer.client.proto(), Proto::Resp2, "a refused HELLO changes nothing");
        peer.send(&pipeline(&["AUTH secret", "PING", "RESET", "PING", "HELLO 3 AUTH default secret", "PING"]));
        peer.hears(["+OK", "+PONG", "+RESET", denied]);
        assert_eq!(peer.next_frame().items().len(), 14);
        peer.hears(["+PONG"]);
    });
}

#[test]
fn requests_are_small_before_the_password() {
    everywhere_with(&[("requirepass", "secret")], |world| {
        let longest = "x".repeat(16 * 1024);
        for (allowed, refused, text) in [
            (pipeline(&["ECHO 2 3 4 5 6 7 8 9 10"]), b"*11\r\n".to_vec(), "unauthenticated multibulk length"),
            (request(["ECHO", &longest]), b"*2\r\n$16385\r\n".to_vec(), "unauthenticated bulk length"),
        ] {
            let mut peer = world.stranger(0);
            peer.send(&allowed);
            assert!(matches!(peer.next_frame(), Value::Error(_)));
            assert!(!peer.session.is_finished());
            peer.send(&refused);
            peer.hears([&*format!("-ERR Protocol error: {text}")]);
            assert!(peer.session.is_finished());
            // A password that comes first in the same piece lifts the limit.
            let mut member = world.stranger(0);
            member.send(&[request(["AUTH", "secret"]), refused].concat());
            member.hears(["+OK"]);
            assert!(!member.session.is_finished());
        }
    });
}

#[test]
fn an_unfinished_request_beyond_the_query_buffer_limit_closes_the_client() {
    everywhere_with(&[("client-query-buffer-limit", "1mb")], |world| {
        let mut peer = world.peer();
        let whole = request(["ECHO", &"x".repeat(600_000)]);
        peer.send(&whole.repeat(4));
        assert_eq!((peer.take_frames().len(), peer.closing()), (4, None), "finished requests do not count");
        peer.send(b"*2\r\n$4\r\nECHO\r\n$2000000\r\n");
        peer.send(&vec![b'x'; 1024 * 1024 - 100]);
        assert_eq!(peer.closing(), None);
        peer.send(&[b'x'; 100]);
        assert_eq!(peer.closing(), Some(Closing::QueryBuffer));
        peer.hears_nothing();
    });
}

#[test]
fn what_a_paused_client_sends_counts_against_its_query_buffer_limit() {
    everywhere_with(&[("client-query-buffer-limit", "1mb")], |world| {
        let mut peer = world.peer();
        world.server.pause.start(PauseMode::All, 1000, 0);
        peer.send(b"PING\r\n");
        peer.send(&request(["ECHO", &"x".repeat(1000)]).repeat(1000));
        assert_eq!(peer.closing(), None);
        peer.send(&request(["ECHO", &"x".repeat(1000)]).repeat(50));
        assert_eq!(peer.closing(), Some(Closing::QueryBuffer));
    });
}

#[test]
fn a_pause_of_writes_delays_publishing_but_not_delivery_nor_subscribing() {
    everywhere(|world| {
        let (mut publisher, mut subscriber) = (world.peer(), world.peer());
        subscriber.joins("SUBSCRIBE a");
        publisher.send_only(&pipeline(&["PUBLISH a 1"]));
        world.server.pause.start(PauseMode::Write, 1000, 0);
        publisher.send(&pipeline(&["PING", "PUBLISH a 2", "PING"]));
        publisher.hears([":1", "+PONG"]);
        publisher.hears_nothing();
        assert!(publisher.session.is_blocked());
        subscriber.say("SUBSCRIBE b");
        subscriber.hears_push(["message a 1", "subscribe b :2"]);
        world.wait(Duration::from_millis(999));
        publisher.resume();
        publisher.hears_nothing();
        world.wait(Duration::from_millis(1));
        publisher.resume();
        publisher.hears([":1", "+PONG"]);
        subscriber.hears_push(["message a 2"]);
    });
}

#[test]
fn a_pause_of_all_keeps_the_order_of_what_waits() {
    everywhere(|world| {
        let (mut one, mut other) = (world.peer(), world.peer());
        other.joins("SUBSCRIBE a");
        world.server.pause.start(PauseMode::All, 1000, 0);
        one.send(&pipeline(&["PUBLISH a 1", "PUBLISH a 2"]));
        one.send(&pipeline(&["PUBLISH a 3"])[..9]);
        one.send(&pipeline(&["PUBLISH a 3"])[9..]);
        other.say("UNSUBSCRIBE a");
        one.hears_nothing();
        other.hears_nothing();
        world.server.pause.end();
        one.resume();
        other.resume();
        one.hears([":1", ":1", ":1"]);
        other.hears_push(["message a 1", "message a 2", "message a 3", "unsubscribe a :0"]);
    });
}

#[test]
fn a_transaction_that_publishes_waits_for_the_end_of_a_pause_of_writes() {
    everywhere(|world| {
        let (mut writer, mut reader) = (world.peer(), world.peer());
        writer.send(&pipeline(&["MULTI", "PUBLISH a 1"]));
        reader.send(&pipeline(&["MULTI", "PING"]));
        world.server.pause.start(PauseMode::Write, 1000, 0);
        writer.say("EXEC");
        reader.say("EXEC");
        writer.hears(["+OK", "+QUEUED"]);
        writer.hears_nothing();
        reader.hears(["+OK", "+QUEUED", "[+PONG]"]);
        world.wait(Duration::from_secs(1));
        writer.resume();
        writer.hears(["[:0]"]);
    });
}

#[test]
fn a_client_that_goes_while_it_is_paused_takes_its_commands_with_it() {
    everywhere(|world| {
        let (mut publisher, mut subscriber) = (world.peer(), world.peer());
        subscriber.joins("SUBSCRIBE a");
        world.server.pause.start(PauseMode::All, 1000, 0);
        publisher.say("PUBLISH a 1");
        publisher.hangs_up();
        world.wait(Duration::from_secs(1));
        subscriber.hears_nothing();
    });
}

#[test]
fn a_resp2_subscriber_may_send_only_what_belongs_to_subscriptions() {
    for workers in 1..=2 {
        let world = World::new(workers, Proto::Resp2, &[]);
        let mut peer = world.peer();
        for join in ["SUBSCRIBE a", "PSUBSCRIBE a", "SSUBSCRIBE a"] {
            peer.joins(join);
            for (command, name) in [("PUBLISH a x", "publish"), ("MULTI", "multi"), ("PUBSUB NUMPAT", "pubsub|numpat")]
            {
                let text = peer.ask(command).to_string();
                assert!(text.starts_with(&format!("-ERR Can't execute '{name}': only (P|S)SUBSCRIBE")), "{text}");
            }
            peer.send(&pipeline(&["PING", "PING x"]));
            peer.hears(["[pong \"\"]", "[pong x]"]);
            peer.joins(&join.replace("SUBSCRIBE", "UNSUBSCRIBE"));
            assert_eq!(peer.ask("PING").to_string(), "+PONG");
        }
    }
}

#[test]
fn a_resp3_subscriber_may_send_everything() {
    let world = World::new(2, Proto::Resp3, &[]);
    let mut peer = world.peer();
    peer.joins("SUBSCRIBE a");
    peer.send(&pipeline(&["PING", "PUBSUB NUMSUB a", "ECHO x", "MULTI", "PING", "EXEC"]));
    peer.hears(["+PONG", "[a :1]", "x", "+OK", "+QUEUED", "[+PONG]"]);
}

#[test]
fn reset_ends_all_that_a_session_has_begun() {
    everywhere(|world| {
        let (mut publisher, mut peer) = (world.peer(), world.peer());
        peer.send(&pipeline(&["SELECT 3", "MULTI", "PING", "SUBSCRIBE a", "PSUBSCRIBE *", "EXEC"]));
        peer.take_frames();
        publisher.send_only(&pipeline(&["PUBLISH a 1"]));
        peer.say("RESET");
        let frames: Vec<String> = peer.take_frames().iter().map(Value::to_string).collect();
        let mark = if world.proto == Proto::Resp3 { ">" } else { "" };
        let messages = ["message a 1", "pmessage * a 1"].map(|message| format!("{mark}[{message}]"));
        assert_eq!(frames, [&messages[0], &messages[1], "+RESET"], "what was sent before is in the old version");
        assert_eq!(publisher.ask("PUBLISH a 2").to_string(), ":2", "counted before the reset");
        assert_eq!(publisher.next_frame().to_string(), ":0", "not counted after it");
        assert_eq!(peer.client.proto(), Proto::Resp2);
        peer.send(&pipeline(&["MULTI", "PING", "RESET", "EXEC"]));
        peer.hears(["+OK", "+QUEUED", "+RESET", "-ERR EXEC without MULTI"]);
        peer.hears_nothing();
    });
}

#[test]
fn quit_is_answered_and_nothing_behind_it_runs() {
    everywhere(|world| {
        let (mut peer, mut subscriber) = (world.peer(), world.peer());
        subscriber.joins("SUBSCRIBE a");
        peer.send(&pipeline(&["QUIT", "PUBLISH a x"]));
        peer.send(&pipeline(&["PUBLISH a y"]));
        peer.hears(["+OK"]);
        peer.hears_nothing();
        assert!(peer.session.is_finished());
        subscriber.hears_nothing();
    });
}

#[test]
fn hello_answers_who_the_server_is_and_changes_nothing_when_it_is_refused() {
    for workers in 1..=2 {
        let world = World::new(workers, Proto::Resp2, &[]);
        let mut peer = world.stranger(0);
        let id = peer.client.info.id;
        let facts = |proto| {
            format!("server redis version 7.4.2 proto :{proto} id :{id} mode standalone role master modules []")
        };
        assert_eq!(peer.ask("HELLO").to_string(), format!("[{}]", facts(2)));
        assert_eq!(peer.ask("HELLO 3").to_string(), format!("{{{}}}", facts(3)));
        peer.send(&pipeline(&["HELLO 4", "HELLO x", "HELLO 2 SETNAME", "HELLO 2 NOSUCH", "HELLO 2 AUTH a"]));
        peer.hears([
            "-NOPROTO unsupported protocol version",
            "-ERR Protocol version is not an integer or out of range",
        ]);
        peer.hears(
            ["SETNAME", "NOSUCH", "AUTH"]
                .map(|option| format!("-ERR Syntax error in HELLO option '{option}'"))
                .each_ref()
                .map(String::as_str),
        );
        assert_eq!(peer.client.proto(), Proto::Resp3);
    }
}
