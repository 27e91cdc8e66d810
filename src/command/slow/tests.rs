//! Slow subscribers as clients and operators see them: clients of a world take nothing, so all of them are slow.

use super::*;
use crate::command::test_support::{Peer, World};
use crate::resp::Proto;

/// The lines of INFO that say how many messages were lost.
fn counted(peer: &Peer) -> String {
    let info = peer.say("INFO stats");
    let lines = info.lines().filter(|line| line.starts_with("slow_subscriber"));
    lines.map(|line| format!("{};", line.trim_start_matches("slow_subscriber_"))).collect()
}

/// The end of the line of CLIENT LIST of a client.
fn listed(peer: &Peer, of: &Peer) -> String {
    let line = peer.say(&format!("CLIENT LIST ID {}", of.id()));
    line.split("tot-cmds=")
        .nth(1)
        .and_then(|rest| rest.split_once(' '))
        .map_or_else(String::new, |(_, rest)| rest.trim().into())
}

fn push(channel: &str, payload: &str) -> String {
    format!(">3\r\n$7\r\nmessage\r\n${}\r\n{channel}\r\n${}\r\n{payload}\r\n", channel.len(), payload.len())
}

#[test]
fn each_policy_tells_what_was_lost_and_it_is_counted() {
    let gap = |count: usize| format!(">3\r\n$3\r\ngap\r\n$1\r\na\r\n:{count}\r\n");
    for (policy, heard, stats) in [
        (
            "drop-oldest",
            [gap(3), push("a", "3")].concat(),
            "drop_oldest_messages:3;drop_newest_messages:0;conflate_messages:0;",
        ),
        (
            "drop-newest",
            [push("a", "0"), gap(3)].concat(),
            "drop_oldest_messages:0;drop_newest_messages:3;conflate_messages:0;",
        ),
        (
            "conflate",
            [gap(3), push("a", "3")].concat(),
            "drop_oldest_messages:0;drop_newest_messages:0;conflate_messages:3;",
        ),
    ] {
        let world =
            World::with(&[("io-threads", "1"), ("slow-subscriber-policy", policy), ("slow-subscriber-limit", "0 1")]);
        let (publisher, slow) = (world.client(), world.client().speaking(Proto::Resp3));
        slow.say("SUBSCRIBE a");
        for payload in 0..4 {
            publisher.say(&format!("PUBLISH a {payload}"));
        }
        world.settle();
        assert_eq!(slow.heard(), heard, "{policy}");
        let bytes = 3 * push("a", "0").len();
        assert_eq!(counted(&publisher), format!("{stats}dropped_bytes:{bytes};"));
        assert_eq!(listed(&publisher, &slow), format!("slow={policy} lost=3"));
        assert!(publisher.say("ACL GETUSER default").ends_with("$4\r\nlost\r\n:3\r\n"));
    }
}

#[test]
fn a_resp2_subscriber_is_told_on_the_reserved_channel_if_it_listens_to_that() {
    for (channels, gap) in
        [("a", ""), ("a __pregon__:gap", "*3\r\n$7\r\nmessage\r\n$14\r\n__pregon__:gap\r\n$11\r\n2 message a\r\n")]
    {
        let world = World::with(&[("slow-subscriber-policy", "drop-oldest"), ("slow-subscriber-limit", "1b 0")]);
        let (publisher, slow) = (world.client(), world.client());
        slow.say(&format!("SUBSCRIBE {channels}"));
        (0..3).for_each(|payload| drop(publisher.say(&format!("PUBLISH a {payload}"))));
        world.settle();
        assert_eq!(slow.heard(), format!("{gap}*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n2\r\n"));
    }
}

#[test]
fn no_client_may_publish_what_only_the_server_says() {
    let world = World::new();
    let client = world.client();
    let refused = "-ERR channels that begin with __pregon__: are for what servers say themselves\r\n";
    assert_eq!(client.say("PUBLISH __pregon__:gap x"), refused);
    assert_eq!(client.say("SPUBLISH __pregon__:gap x"), refused);
    assert_eq!(client.say("PUBLISH __pregon__:gaps x"), ":0\r\n");
    assert_eq!(client.say("SUBSCRIBE __pregon__:gap"), "*3\r\n$9\r\nsubscribe\r\n$14\r\n__pregon__:gap\r\n:1\r\n");
}

#[test]
fn a_connection_chooses_for_itself_and_gives_its_choice_up() {
    let world = World::new();
    let client = world.client();
    let shown = |policy: &str, bytes: u64, messages: u64| {
        let length = policy.len();
        format!(
            "*8\r\n$6\r\npolicy\r\n${length}\r\n{policy}\r\n$5\r\nbytes\r\n:{bytes}\r\n$8\r\nmessages\r\n:{messages}\r\n$4\r\nlost\r\n:0\r\n"
        )
    };
    assert_eq!(client.say("PREGON SLOW"), shown("disconnect", 1024 * 1024, 10_000));
    assert_eq!(listed(&client, &client), "");
    assert_eq!(client.say("PREGON SLOW conflate"), "+OK\r\n");
    assert_eq!(client.say("PREGON SLOW"), shown("conflate", 1024 * 1024, 10_000));
    assert_eq!(listed(&client, &client), "slow=conflate lost=0");
    assert_eq!(client.say("PREGON SLOW Drop-Oldest 2kb 20000"), "+OK\r\n");
    assert_eq!(client.say("PREGON SLOW"), shown("drop-oldest", 2048, 10_000), "the lower limit holds");
    for (request, error) in [
        ("PREGON SLOW never", ReplyError::SLOW_POLICY),
        ("PREGON SLOW conflate -1", ReplyError::SLOW_LIMIT),
        ("PREGON SLOW conflate 1 x", ReplyError::SLOW_LIMIT),
        ("PREGON SLOW disconnect 1", ReplyError::SYNTAX),
        ("PREGON SLOW conflate 1 1 1", ReplyError::SYNTAX),
    ] {
        assert_eq!(client.say(request).as_bytes(), [b"-", error.text(), b"\r\n"].concat(), "{request}");
    }
    assert_eq!(client.say("PREGON SLOW default"), "+OK\r\n");
    assert_eq!(client.say("PREGON SLOW"), shown("disconnect", 1024 * 1024, 10_000));
    client.say("PREGON SLOW conflate");
    assert_eq!(client.say("RESET"), "+RESET\r\n");
    assert_eq!(client.say("PREGON SLOW"), shown("disconnect", 1024 * 1024, 10_000));
}

#[test]
fn no_connection_is_treated_more_laxly_than_the_rule_of_its_user_says() {
    let world = World::with(&[("slow-subscriber-policy", "drop-newest")]);
    let (operator, client) = (world.client(), world.client());
    let policy = |client: &Peer| {
        let shown = client.say("PREGON SLOW");
        shown.lines().nth(4).map(str::to_owned)
    };
    operator.say("ACL SETUSER u on nopass +@all slow:CONFLATE");
    client.say("AUTH u x");
    assert_eq!(policy(&client).as_deref(), Some("conflate"), "the rule comes before the directive");
    let refused = "-NOPERM User u may have no laxer policy for slow subscribers than conflate\r\n";
    assert_eq!(client.say("PREGON SLOW drop-oldest"), refused);
    assert_eq!(client.say("PREGON SLOW drop-newest"), refused);
    assert_eq!(client.say("PREGON SLOW conflate"), "+OK\r\n");
    assert_eq!(client.say("PREGON SLOW disconnect"), "+OK\r\n");
    assert_eq!(policy(&client).as_deref(), Some("disconnect"));
    operator.say("ACL SETUSER u slow:drop-oldest");
    assert_eq!(client.say("PREGON SLOW drop-newest"), "+OK\r\n");
    operator.say("ACL SETUSER u slow:disconnect");
    assert_eq!(policy(&client).as_deref(), Some("disconnect"), "the choice was allowed before");
    operator.say("ACL SETUSER u resetslow");
    assert_eq!(policy(&client).as_deref(), Some("drop-newest"), "it stands");
}

#[test]
fn the_rule_of_a_user_is_shown_where_it_is_set_and_read_again() {
    let world = World::new();
    let operator = world.client();
    operator.say("ACL SETUSER u on >x +@all slow:drop-newest");
    let listed = operator.say("ACL LIST");
    assert!(listed.contains(" +@all slow:drop-newest\r\n") && listed.matches("slow:").count() == 1, "{listed}");
    assert!(operator.say("ACL GETUSER u").ends_with("$4\r\nslow\r\n$11\r\ndrop-newest\r\n"));
    assert!(!operator.say("ACL GETUSER default").contains("slow"));
    let rules = listed.lines().find_map(|line| line.strip_prefix("user u ")).expect("it is listed").to_owned();
    operator.say(&format!("ACL SETUSER v {rules}"));
    assert!(operator.say("ACL GETUSER v").ends_with("$4\r\nslow\r\n$11\r\ndrop-newest\r\n"));
    operator.say("ACL SETUSER u reset");
    assert!(!operator.say("ACL GETUSER u").contains("slow"));
    let why = "Unknown policy for slow subscribers. There are disconnect, drop-oldest, drop-newest and conflate";
    assert_eq!(operator.say("ACL SETUSER u slow:x"), format!("-ERR Error in ACL SETUSER modifier 'slow:x': {why}\r\n"));
}

#[test]
fn p11_no_more_than_slow_subscriber_limit_waits_for_a_subscriber_that_loses_messages() {
    for policy in ["drop-oldest", "drop-newest", "conflate"] {
        for (limit, most) in [("10kb 0", 10 * 1024), ("0 100", 100 * 60)] {
            let world = World::with(&[("slow-subscriber-policy", policy), ("slow-subscriber-limit", limit)]);
            let (publisher, slow) = (world.client(), world.client().speaking(Proto::Resp3));
            slow.say("PSUBSCRIBE *");
            for number in 0..1_000 {
                publisher.say(&format!("PUBLISH channel:{number} {number}"));
                world.settle();
                assert!(slow.client.outbox.borrow().bytes() <= most, "{policy} {limit}");
            }
            assert!(slow.client.info.slow.lost() > 500);
            assert_eq!(slow.client.closing(), None);
        }
    }
}

#[test]
fn confirmations_and_replies_are_never_lost() {
    for policy in ["drop-oldest", "drop-newest", "conflate"] {
        let world = World::with(&[("slow-subscriber-policy", policy), ("slow-subscriber-limit", "1b 1")]);
        let (publisher, slow) = (world.client(), world.client().speaking(Proto::Resp3));
        let mut said = String::new();
        slow.say("SUBSCRIBE a");
        for number in 0..10 {
            for request in [format!("SUBSCRIBE c{number}"), "PING".into(), format!("ECHO {number}")] {
                slow.transmit(format!("{request}\r\n").as_bytes(), usize::MAX);
                (0..3).for_each(|_| drop(publisher.say("PUBLISH a x")));
                world.settle();
            }
            said +=
                &format!(">3\r\n$9\r\nsubscribe\r\n$2\r\nc{number}\r\n:{}\r\n+PONG\r\n$1\r\n{number}\r\n", number + 2);
        }
        let heard = slow.heard();
        let pushed = |kind: &str| heard.matches(&format!(">3\r\n${}\r\n{kind}\r\n", kind.len())).count();
        assert!(pushed("message") < 90 && pushed("gap") > 0, "{heard}");
        let others: String = heard.split(">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n").collect();
        let parts = others.split(">3\r\n$3\r\ngap\r\n$1\r\na\r\n:");
        let rest: String = parts
            .enumerate()
            .map(|(place, part)| if place == 0 { part } else { &part[part.find('\n').map_or(0, |end| end + 1)..] })
            .collect();
        assert_eq!(rest, said, "{policy}");
    }
}
