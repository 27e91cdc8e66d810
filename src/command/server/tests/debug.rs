//! DEBUG.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::command::test_support::World;
use crate::message::{Kind, Message};
use crate::pause::PauseMode;
use crate::resp::Proto;

/// A server that allows DEBUG.
fn with_debug() -> World {
    World::with(&[("enable-debug-command", "yes")])
}

#[test]
fn debug_is_refused_where_it_is_not_enabled() {
    let world = World::new();
    let answer = world.client().say("DEBUG SLEEP 0");
    assert!(answer.starts_with("-ERR DEBUG command not allowed."), "{answer}");
}

#[test]
fn every_type_of_the_protocol_can_be_seen() {
    let world = with_debug();
    let cases = [
        ("string", "$11\r\nHello World", "$11\r\nHello World"),
        ("INTEGER", ":12345", ":12345"),
        ("double", "$5\r\n3.141", ",3.141"),
        ("bignum", "$37\r\n1234567999999999999999999999999999999", "(1234567999999999999999999999999999999"),
        ("null", "$-1", "_"),
        ("array", "*3\r\n:0\r\n:1\r\n:2", "*3\r\n:0\r\n:1\r\n:2"),
        ("set", "*3\r\n:0\r\n:1\r\n:2", "~3\r\n:0\r\n:1\r\n:2"),
        ("map", "*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0", "%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f"),
        (
            "attrib",
            "$39\r\nSome real reply following the attribute",
            "|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n$39\r\nSome real reply following the attribute",
        ),
        ("verbatim", "$25\r\nThis is a verbatim\nstring", "=29\r\ntxt:This is a verbatim\nstring"),
        ("true", ":1", "#t"),
        ("false", ":0", "#f"),
    ];
    let clients = [world.client(), world.client().speaking(Proto::Resp3)];
    for (kind, resp2, resp3) in cases {
        for (client, answer) in clients.iter().zip([resp2, resp3]) {
            assert_eq!(client.say(&format!("DEBUG PROTOCOL {kind}")), format!("{answer}\r\n"), "{kind}");
        }
    }
    for client in &clients {
        let answer = client.say("DEBUG PROTOCOL nosuch");
        assert!(answer.starts_with("-ERR Wrong protocol type name. Please use one of"), "{answer}");
    }
}

const REPLY: &str = "$40\r\nSome real reply following the push reply\r\n";
const PUSH: &str = ">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n";

#[test]
fn a_push_follows_its_reply_and_the_whole_of_exec() {
    let world = with_debug();
    let client = world.client().speaking(Proto::Resp3);
    assert_eq!(client.say("DEBUG PROTOCOL push"), format!("{REPLY}{PUSH}"));
    assert_eq!(client.say("DEBUG PROTOCOL push\r\nPING"), format!("{REPLY}{PUSH}+PONG\r\n"));
    client.say("MULTI\r\nDEBUG PROTOCOL push\r\nPING");
    assert_eq!(client.say("EXEC"), format!("*2\r\n{REPLY}+PONG\r\n{PUSH}"));
    let old = world.client();
    assert_eq!(old.say("DEBUG PROTOCOL push"), "-ERR RESP2 is not supported by this command\r\n");
}

#[test]
fn sleep_keeps_commands_waiting_and_nothing_else() {
    let world = with_debug();
    let sleeper = world.client();
    let listener = world.client_of(1);
    let other = world.client_of(1);
    listener.say("SUBSCRIBE news");
    assert_eq!(sleeper.say("PUBLISH news 1\r\nDEBUG SLEEP 0.5\r\nPING"), ":1\r\n");
    world.settle();
    assert!(listener.heard().contains("news"), "messages are delivered meanwhile");
    assert_eq!(other.say("PING"), "");
    world.advance(Duration::from_millis(499));
    assert_eq!((sleeper.resume(), other.resume()), (String::new(), String::new()));
    let last = Some(Duration::from_millis(1));
    assert_eq!((sleeper.wakes_in(), other.wakes_in()), (last, last));
    world.advance(Duration::from_millis(1));
    assert_eq!(sleeper.resume(), "+OK\r\n+PONG\r\n");
    assert_eq!(other.resume(), "+PONG\r\n");
}

#[test]
fn p4_a_message_that_comes_while_its_subscriber_sleeps_follows_the_confirmation() {
    let world = with_debug();
    let sleeper = world.client().speaking(Proto::Resp3);
    let confirmed = sleeper.say("SUBSCRIBE news\r\nDEBUG SLEEP 1");
    assert_eq!(confirmed, ">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    world.server.hub.publish(Kind::Channel, b"news", &Message::new(Kind::Channel, b"news", b"x"));
    world.settle();
    assert_eq!(sleeper.heard(), ">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\nx\r\n");
    world.advance(Duration::from_secs(1));
    assert_eq!(sleeper.resume(), "+OK\r\n");
}

#[test]
fn sleep_does_not_make_a_pause_of_writes_longer_or_stricter() {
    let world = with_debug();
    world.server.pause.start(PauseMode::Write, 60_000, 0);
    let sleeper = world.client();
    let other = world.client_of(1);
    sleeper.say("DEBUG SLEEP 1");
    assert_eq!(other.say("PING"), "");
    assert_eq!(other.wakes_in(), Some(Duration::from_secs(1)), "the earlier of two ends");
    world.advance(Duration::from_millis(1000));
    assert_eq!((sleeper.resume(), other.resume()), ("+OK\r\n".into(), "+PONG\r\n".into()));
    assert_eq!(other.say("PUBLISH x y"), "", "writes still wait");
    world.server.pause.end();
    assert_eq!(other.resume(), ":0\r\n");
}

#[test]
fn a_write_that_sleep_stopped_goes_on_waiting_in_a_pause_of_writes() {
    let world = with_debug();
    world.server.pause.start(PauseMode::Write, 60_000, 0);
    let other = world.client_of(1);
    world.client().say("DEBUG SLEEP 1");
    other.say("PUBLISH x y\r\nPING");
    world.advance(Duration::from_millis(1000));
    assert_eq!(other.resume(), "");
    assert_eq!(other.wakes_in(), Some(Duration::from_secs(59)));
    world.advance(Duration::from_millis(59_000));
    assert_eq!(other.resume(), ":0\r\n+PONG\r\n");
}

#[test]
fn sleep_within_exec_does_not_withhold_the_answer() {
    let world = with_debug();
    let client = world.client();
    client.say("MULTI\r\nDEBUG SLEEP 1\r\nECHO x");
    assert_eq!(client.say("EXEC"), "*2\r\n+OK\r\n$1\r\nx\r\n");
    assert_eq!(client.say("PING"), "", "what comes behind it waits");
    world.advance(Duration::from_millis(1000));
    assert_eq!(client.resume(), "+PONG\r\n");
}

#[test]
fn a_sleep_of_no_length_is_over_at_once() {
    let world = with_debug();
    let client = world.client();
    for length in ["0", "-1", "x", "nan", "inf", "1e300"] {
        assert_eq!(client.say(&format!("DEBUG SLEEP {length}")), "+OK\r\n", "{length}");
    }
}

#[test]
fn a_sleep_counts_as_slow() {
    let world = with_debug();
    let client = world.client();
    client.say("DEBUG SLEEP 0.2");
    assert_eq!(world.server.slowlog.len(), 1);
}

#[test]
fn crashing_words_panic_and_leave_the_others_alone() {
    let world = with_debug();
    let other = world.client();
    for word in ["PANIC", "segfault", "ASSERT"] {
        let client = world.client();
        client.say("SUBSCRIBE news\r\nRESET");
        let crash = catch_unwind(AssertUnwindSafe(|| client.say(&format!("DEBUG {word}"))));
        let message = crash.expect_err("the command panics");
        let message = message.downcast_ref::<String>().expect("a panic with arguments carries a String");
        assert_eq!(*message, format!("DEBUG {} asked for by client {}", word.to_uppercase(), client.id()));
        client.leave();
        assert_eq!(other.say("PUBLISH news x"), ":0\r\n");
    }
}

#[test]
fn a_crash_within_exec_gives_the_hub_back() {
    let world = with_debug();
    let client = world.client();
    client.say("MULTI\r\nPUBLISH x y\r\nDEBUG PANIC");
    catch_unwind(AssertUnwindSafe(|| client.say("EXEC"))).expect_err("the command panics");
    client.leave();
    assert_eq!(world.client_of(1).say("PUBLISH x y"), ":0\r\n");
}

#[test]
fn an_error_is_answered_as_it_was_given() {
    let world = with_debug();
    let client = world.client();
    assert_eq!(client.say("DEBUG ERROR \"CODE some\\r\\ntext\""), "-CODE some  text\r\n");
}

#[test]
fn words_without_effect_answer_as_redis_does() {
    let world = with_debug();
    let client = world.client();
    let zeros = "0".repeat(40);
    let no_disk = "-ERR nothing is kept on disk: this server holds all data in memory and never saves";
    for (command, answer) in [
        ("quicklist-packed-threshold 100b", "+OK"),
        ("QUICKLIST-PACKED-THRESHOLD x", "-ERR argument must be a memory value bigger than 1 and smaller than 4gb"),
        ("CHANGE-REPL-ID", "+OK"),
        ("LOG hello", "+OK"),
        ("OBJECT key", "-ERR no such key"),
        ("LISTPACK key", "-ERR no such key"),
        ("DIGEST", &format!("+{zeros}")),
        ("DIGEST-VALUE a b", &format!("*2\r\n+{zeros}\r\n+{zeros}")),
        ("RELOAD NOSAVE", no_disk),
        ("RELOAD x", "-ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."),
        ("NOSUCH", "-ERR unknown subcommand or wrong number of arguments for 'NOSUCH'. Try DEBUG HELP."),
        ("SLEEP", "-ERR unknown subcommand or wrong number of arguments for 'SLEEP'. Try DEBUG HELP."),
        ("HELP x", "-ERR unknown subcommand or wrong number of arguments for 'HELP'. Try DEBUG HELP."),
    ] {
        assert_eq!(client.say(&format!("DEBUG {command}")), format!("{answer}\r\n"), "{command}");
    }
}

#[test]
fn an_object_is_shown_with_its_layout() {
    let world = with_debug();
    let client = world.client();
    client.say("RPUSH list a b\r\nSET number 12");
    world.advance(Duration::from_secs(7));
    let shown = client.say("DEBUG OBJECT list");
    let (address, rest) = shown.split_once(' ').and_then(|(_, rest)| rest.split_once(' ')).expect("an address");
    assert!(address.starts_with("at:0x") && rest.starts_with("refcount:1 encoding:listpack serializedlength:"));
    assert!(rest.ends_with(" lru_seconds_idle:7\r\n"), "{rest}");
    assert!(client.say("DEBUG OBJECT number").contains(" encoding:int serializedlength:0 "));
    let refused = "-ERR values are laid out in another way here\r\n";
    for word in ["LISTPACK", "QUICKLIST", "SDSLEN"] {
        assert_eq!(client.say(&format!("DEBUG {word} list")), refused);
    }
}

#[test]
fn equal_data_have_equal_signatures_in_every_server() {
    let one = with_debug().client();
    let two = with_debug().client();
    one.say("SET a 1\r\nRPUSH l x y\r\nXADD s 1-1 f v\r\nSELECT 2\r\nSET b 2 EX 100");
    two.say("SELECT 2\r\nSET b 2 EX 100\r\nSELECT 0\r\nXADD s 1-1 f v\r\nRPUSH l x\r\nRPUSH l y\r\nINCR a\r\nSELECT 2");
    let signature = one.say("DEBUG DIGEST");
    assert_eq!(signature.len(), 43);
    assert_eq!(two.say("DEBUG DIGEST"), signature);
    assert_eq!(one.say("DEBUG DIGEST-VALUE a b l s"), two.say("DEBUG DIGEST-VALUE a b l s"));
    for change in ["PERSIST b", "APPEND b 2", "RENAME b c", "MOVE c 3", "SELECT 0", "LSET l 0 X", "XDEL s 1-1"] {
        let before = one.say("DEBUG DIGEST");
        assert!(!one.say(change).starts_with('-'));
        assert_eq!(one.say("DEBUG DIGEST") == before, change == "SELECT 0", "{change}");
    }
    one.say("FLUSHALL");
    assert_eq!(one.say("DEBUG DIGEST"), format!("+{}\r\n", "0".repeat(40)));
}

#[test]
fn a_signature_of_a_value_does_not_depend_on_its_key() {
    let client = with_debug().client();
    client.say("SET a v\r\nSET b v\r\nSET c w\r\nRPUSH d v");
    let signatures = client.say("DEBUG DIGEST-VALUE a b c d nosuch");
    let lines: Vec<&str> = signatures.lines().skip(1).collect();
    assert_eq!(lines[0], lines[1]);
    assert!(lines[0] != lines[2] && lines[0] != lines[3]);
    assert_eq!(lines[4], format!("+{}", "0".repeat(40)));
}

#[test]
fn help_has_as_many_lines_as_it_says() {
    let world = with_debug();
    let answer = world.client().say("debug help");
    let (count, lines) = answer.split_once("\r\n").expect("an array begins with its length");
    assert_eq!(count, format!("*{}", lines.lines().count()));
    assert!(lines.contains("+SLEEP <seconds>\r\n+    ") && lines.ends_with("+    Print this help.\r\n"), "{lines}");
}
