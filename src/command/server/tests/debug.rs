use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::message::{Kind, Message};

#[test]
fn debug_is_refused_where_it_is_not_enabled() {
    let town = Town::new(&[]);
    let answer = town.client(0, Proto::Resp2).ask("DEBUG SLEEP 0");
    assert!(answer.starts_with("-ERR DEBUG command not allowed."), "{answer}");
}

#[test]
fn every_type_of_the_protocol_can_be_seen() {
    let town = Town::with_debug();
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
    let mut clients = [town.client(0, Proto::Resp2), town.client(0, Proto::Resp3)];
    for (kind, resp2, resp3) in cases {
        for (client, answer) in clients.iter_mut().zip([resp2, resp3]) {
            assert_eq!(client.ask(&format!("DEBUG PROTOCOL {kind}")), format!("{answer}\r\n"), "{kind}");
        }
    }
    for client in &mut clients {
        let answer = client.ask("DEBUG PROTOCOL nosuch");
        assert!(answer.starts_with("-ERR Wrong protocol type name. Please use one of"), "{answer}");
    }
}

const REPLY: &str = "$40\r\nSome real reply following the push reply\r\n";
const PUSH: &str = ">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n";

#[test]
fn a_push_follows_its_reply_and_the_whole_of_exec() {
    let town = Town::with_debug();
    let mut client = town.client(0, Proto::Resp3);
    assert_eq!(client.ask("DEBUG PROTOCOL push"), format!("{REPLY}{PUSH}"));
    assert_eq!(client.ask("DEBUG PROTOCOL push\r\nPING"), format!("{REPLY}{PUSH}+PONG\r\n"));
    client.ask("MULTI\r\nDEBUG PROTOCOL push\r\nPING");
    assert_eq!(client.ask("EXEC"), format!("*2\r\n{REPLY}+PONG\r\n{PUSH}"));
    let mut old = town.client(0, Proto::Resp2);
    assert_eq!(old.ask("DEBUG PROTOCOL push"), "-ERR RESP2 is not supported by this command\r\n");
}

#[test]
fn sleep_keeps_commands_waiting_and_nothing_else() {
    let town = Town::with_debug();
    let mut sleeper = town.client(0, Proto::Resp2);
    let mut listener = town.client(1, Proto::Resp2);
    let mut other = town.client(1, Proto::Resp2);
    listener.ask("SUBSCRIBE news");
    assert_eq!(sleeper.ask("PUBLISH news 1\r\nDEBUG SLEEP 0.5\r\nPING"), ":1\r\n");
    town.deliver();
    assert!(listener.heard().contains("news"), "messages are delivered meanwhile");
    assert_eq!(other.ask("PING"), "");
    town.advance(499);
    assert_eq!((sleeper.wake(), other.wake()), (String::new(), String::new()));
    let last = Some(Duration::from_millis(1));
    assert_eq!((sleeper.session.wakes_in(), other.session.wakes_in()), (last, last));
    town.advance(1);
    assert_eq!(sleeper.wake(), "+OK\r\n+PONG\r\n");
    assert_eq!(other.wake(), "+PONG\r\n");
}

#[test]
fn p4_a_message_that_comes_while_its_subscriber_sleeps_follows_the_confirmation() {
    let town = Town::with_debug();
    let mut sleeper = town.client(0, Proto::Resp3);
    let confirmed = sleeper.ask("SUBSCRIBE news\r\nDEBUG SLEEP 1");
    assert_eq!(confirmed, ">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    town.server.hub.publish(Kind::Channel, b"news", &Arc::new(Message::new(Kind::Channel, b"news", b"x")));
    town.deliver();
    assert_eq!(sleeper.heard(), ">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\nx\r\n");
    town.advance(1000);
    assert_eq!(sleeper.wake(), "+OK\r\n");
}

#[test]
fn sleep_does_not_make_a_pause_of_writes_longer_or_stricter() {
    let town = Town::with_debug();
    town.server.pause.start(crate::pause::PauseMode::Write, 60_000, 0);
    let mut sleeper = town.client(0, Proto::Resp2);
    let mut other = town.client(1, Proto::Resp2);
    sleeper.ask("DEBUG SLEEP 1");
    assert_eq!(other.ask("PING"), "");
    assert_eq!(other.session.wakes_in(), Some(Duration::from_secs(1)), "the earlier of two ends");
    town.advance(1000);
    assert_eq!((sleeper.wake(), other.wake()), ("+OK\r\n".into(), "+PONG\r\n".into()));
    assert_eq!(other.ask("PUBLISH x y"), "", "writes still wait");
    town.server.pause.end();
    assert_eq!(other.wake(), ":0\r\n");
}

#[test]
fn a_write_that_sleep_stopped_goes_on_waiting_in_a_pause_of_writes() {
    let town = Town::with_debug();
    town.server.pause.start(crate::pause::PauseMode::Write, 60_000, 0);
    let mut other = town.client(1, Proto::Resp2);
    town.client(0, Proto::Resp2).ask("DEBUG SLEEP 1");
    other.ask("PUBLISH x y\r\nPING");
    town.advance(1000);
    assert_eq!(other.wake(), "");
    assert_eq!(other.session.wakes_in(), Some(Duration::from_secs(59)));
    town.advance(59_000);
    assert_eq!(other.wake(), ":0\r\n+PONG\r\n");
}

#[test]
fn sleep_within_exec_does_not_withhold_the_answer() {
    let town = Town::with_debug();
    let mut client = town.client(0, Proto::Resp2);
    client.ask("MULTI\r\nDEBUG SLEEP 1\r\nECHO x");
    assert_eq!(client.ask("EXEC"), "*2\r\n+OK\r\n$1\r\nx\r\n");
    assert_eq!(client.ask("PING"), "", "what comes behind it waits");
    town.advance(1000);
    assert_eq!(client.wake(), "+PONG\r\n");
}

#[test]
fn a_sleep_of_no_length_is_over_at_once() {
    let town = Town::with_debug();
    let mut client = town.client(0, Proto::Resp2);
    for length in ["0", "-1", "x", "nan", "inf", "1e300"] {
        assert_eq!(client.ask(&format!("DEBUG SLEEP {length}")), "+OK\r\n", "{length}");
    }
}

#[test]
fn a_sleep_counts_as_slow() {
    let town = Town::with_debug();
    let mut client = town.client(0, Proto::Resp2);
    client.ask("DEBUG SLEEP 0.2");
    assert_eq!(town.server.slowlog.len(), 1);
}

#[test]
fn crashing_words_panic_and_leave_the_others_alone() {
    let town = Town::with_debug();
    let mut other = town.client(0, Proto::Resp2);
    for word in ["PANIC", "segfault", "ASSERT"] {
        let mut client = town.client(0, Proto::Resp2);
        client.ask("SUBSCRIBE news\r\nRESET");
        let crash = catch_unwind(AssertUnwindSafe(|| client.ask(&format!("DEBUG {word}"))));
        let message = crash.expect_err("the command panics");
        let message = message.downcast_ref::<String>().expect("a panic with arguments carries a String");
        assert_eq!(*message, format!("DEBUG {} asked for by client {}", word.to_uppercase(), client.client.info.id));
        client.leave();
        assert_eq!(other.ask("PUBLISH news x"), ":0\r\n");
    }
}

#[test]
fn a_crash_within_exec_gives_the_hub_back() {
    let town = Town::with_debug();
    let mut client = town.client(0, Proto::Resp2);
    client.ask("MULTI\r\nPUBLISH x y\r\nDEBUG PANIC");
    catch_unwind(AssertUnwindSafe(|| client.ask("EXEC"))).expect_err("the command panics");
    client.leave();
    assert_eq!(town.client(1, Proto::Resp2).ask("PUBLISH x y"), ":0\r\n");
}

#[test]
fn an_error_is_answered_as_it_was_given() {
    let town = Town::with_debug();
    let mut client = town.client(0, Proto::Resp2);
    assert_eq!(client.ask("DEBUG ERROR \"CODE some\\r\\ntext\""), "-CODE some  text\r\n");
}

#[test]
fn words_without_effect_answer_as_redis_does() {
    let town = Town::with_debug();
    let mut client = town.client(0, Proto::Resp2);
    let zeros = "0".repeat(40);
    let no_disk = "-ERR nothing is kept on disk: this server holds all data in memory and never saves";
    for (command, answer) in [
        ("SET-ACTIVE-EXPIRE 0", "+OK"),
        ("quicklist-packed-threshold 100b", "+OK"),
        ("QUICKLIST-PACKED-THRESHOLD x", "-ERR argument must be a memory value bigger than 1 and smaller than 4gb"),
        ("CHANGE-REPL-ID", "+OK"),
        ("LOG hello", "+OK"),
        ("OBJECT key", "-ERR no such key"),
        ("DIGEST", &format!("+{zeros}")),
        ("DIGEST-VALUE a b", &format!("*2\r\n+{zeros}\r\n+{zeros}")),
        ("RELOAD NOSAVE", no_disk),
        ("RELOAD x", "-ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."),
        ("NOSUCH", "-ERR unknown subcommand or wrong number of arguments for 'NOSUCH'. Try DEBUG HELP."),
        ("SLEEP", "-ERR unknown subcommand or wrong number of arguments for 'SLEEP'. Try DEBUG HELP."),
        ("HELP x", "-ERR unknown subcommand or wrong number of arguments for 'HELP'. Try DEBUG HELP."),
    ] {
        assert_eq!(client.ask(&format!("DEBUG {command}")), format!("{answer}\r\n"), "{command}");
    }
}

#[test]
fn help_has_as_many_lines_as_it_says() {
    let town = Town::with_debug();
    let answer = town.client(0, Proto::Resp2).ask("debug help");
    let (count, lines) = answer.split_once("\r\n").expect("an array begins with its length");
    assert_eq!(count, format!("*{}", lines.lines().count()));
    assert!(lines.contains("+SLEEP <seconds>\r\n+    ") && lines.ends_with("+    Print this help.\r\n"), "{lines}");
}
