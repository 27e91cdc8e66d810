//! How much the connections of a user may have and do together.

use std::time::Duration;

use super::{bulk, rules, world_with};
use crate::command::test_support::{Peer, World, beside_executors, heard_until};
use crate::resp::Proto;

fn reached(limit: &str) -> String {
    format!("-LIMIT User u has reached its limit:{limit}\r\n")
}

fn too_much(limit: &str, wait_ms: u64) -> String {
    let rest = format!("the message was not published, try again in {wait_ms} ms");
    format!("-LIMIT User u has reached its limit:{limit}: {rest}\r\n")
}

/// A client of this worker that is the user `u`.
fn client_of(world: &World, worker: usize) -> Peer {
    let client = world.client_of(worker);
    assert_eq!(client.say("AUTH u x"), "+OK\r\n");
    client
}

/// The value of a counter of INFO.
fn counted(operator: &Peer, name: &str) -> u64 {
    let info = operator.say("INFO stats");
    let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} in {info}"))
}

#[test]
fn limits_are_shown_by_the_rules_that_make_them() {
    for (given, shown) in [
        ("limit:connections=100", " limit:connections=100"),
        ("LIMIT:Publish-Messages=07 limit:connections=1", " limit:connections=1 limit:publish-messages=7"),
        ("limit:publish-bytes=10MB", " limit:publish-bytes=10mb"),
        ("limit:publish-bytes=10m limit:subscriptions=9", " limit:subscriptions=9 limit:publish-bytes=10000000"),
        ("limit:publish-bytes=3000b", " limit:publish-bytes=3000"),
        ("limit:connections=9223372036854775807", " limit:connections=9223372036854775807"),
        ("limit:connections=1 limit:connections=0 limit:subscriptions=2", " limit:subscriptions=2"),
        ("limit:connections=1 resetlimits", ""),
        ("limit:connections=1 reset on nopass", ""),
    ] {
        let (_world, operator, _) = world_with("");
        assert_eq!(operator.say(&format!("ACL SETUSER u {given}")), "+OK\r\n", "{given}");
        let expected = format!("on nopass sanitize-payload resetchannels -@all{shown}");
        assert_eq!(rules(&operator), expected, "{given}");
        assert_eq!(operator.say(&format!("ACL SETUSER u reset {expected}")), "+OK\r\n", "{expected}");
        assert_eq!(rules(&operator), expected, "what is shown makes the same user");
    }
}

#[test]
fn a_limit_that_makes_no_sense_changes_nothing_and_is_named_with_the_reason() {
    let (_world, operator, _) = world_with("limit:connections=5");
    let unknown = "Unknown limit. There are connections, subscriptions, publish-bytes and publish-messages";
    let value = "A limit must be a number, which for bytes may have a unit. 0 takes it away";
    for (rule, why) in [
        ("limit:", unknown),
        ("limit:keys=1", unknown),
        ("limit:=1", unknown),
        ("limit:connections", value),
        ("limit:connections=", value),
        ("limit:connections=-1", value),
        ("limit:connections=+1", value),
        ("limit:connections=1k", value),
        ("limit:connections=9223372036854775808", value),
        ("limit:publish-bytes=kb", value),
        ("limit:publish-bytes=1tb", value),
        ("limit:publish-bytes=9999999999gb", value),
        ("limit", "Syntax error"),
        ("(limit:connections=1)", "Syntax error"),
    ] {
        let refused = format!("-ERR Error in ACL SETUSER modifier '{rule}': {why}\r\n");
        assert_eq!(operator.say(&format!("ACL SETUSER u limit:connections=7 {rule}")), refused);
    }
    assert!(rules(&operator).ends_with(" limit:connections=5"));
}

#[test]
fn getuser_shows_limits_behind_all_else_where_there_are_some() {
    for (proto, without, with) in [(Proto::Resp2, "*12\r\n", "*14\r\n"), (Proto::Resp3, "%6\r\n", "%7\r\n")] {
        let (_world, operator, _) = world_with("");
        let operator = operator.speaking(proto);
        assert!(operator.say("ACL GETUSER u").starts_with(without));
        operator.say("ACL SETUSER u limit:publish-bytes=1kb limit:connections=2");
        let shown = operator.say("ACL GETUSER u");
        let limits = bulk("limits") + &bulk("limit:connections=2 limit:publish-bytes=1kb");
        assert!(shown.starts_with(with) && shown.ends_with(&limits), "{shown}");
    }
}

#[test]
fn dryrun_tells_of_rights_and_not_of_what_is_too_much_at_a_moment() {
    let (_world, operator, client) = world_with("+@all &* limit:publish-messages=1 limit:subscriptions=1");
    assert_eq!(client.say("PUBLISH a x\r\nPUBLISH a x"), format!(":0\r\n{}", too_much("publish-messages", 1000)));
    assert_eq!(operator.say("ACL DRYRUN u PUBLISH a x\r\nACL DRYRUN u SUBSCRIBE a b"), "+OK\r\n+OK\r\n");
}

#[test]
fn no_more_connections_are_a_user_than_it_may_have_until_one_of_them_is_not_any_more() {
    let (world, operator, one) = world_with("+@all limit:connections=2");
    let (two, three) = (client_of(&world, 1), world.client_of(1));
    assert_eq!(three.say("AUTH u x\r\nACL WHOAMI"), reached("connections") + &bulk("default"));
    assert_eq!(three.say("HELLO 3 AUTH u x SETNAME me\r\nCLIENT GETNAME"), reached("connections") + "$-1\r\n");
    assert_eq!(three.say("AUTH u wrong"), reached("connections"), "it takes any password");
    assert_eq!(one.say("AUTH u x\r\nHELLO 2 AUTH u x\r\nACL WHOAMI").lines().last(), Some("u"), "it is u already");
    assert_eq!(one.say("RESET"), "+RESET\r\n");
    assert_eq!(three.say("AUTH u x"), "+OK\r\n");
    assert_eq!(one.say("AUTH u x"), reached("connections"));
    two.leave();
    assert_eq!(one.say("AUTH u x"), "+OK\r\n");
    operator.say("ACL SETUSER u limit:connections=1");
    assert_eq!(one.say("PING\r\nAUTH u x") + &three.say("PING"), "+PONG\r\n+OK\r\n+PONG\r\n", "a limit ends nobody");
    one.leave();
    assert_eq!(world.client().say("AUTH u x"), reached("connections"));
    three.leave();
    assert_eq!(world.client().say("AUTH u x"), "+OK\r\n");
    assert_eq!(counted(&operator, "acl_limited_connections"), 5);
}

#[test]
fn who_is_reset_is_the_default_user_only_if_that_may_have_one_more_connection() {
    let (_world, operator, client) = world_with("+@all");
    assert_eq!(operator.say("ACL SETUSER default limit:connections=1"), "+OK\r\n");
    assert_eq!(client.say("RESET"), "-LIMIT User default has reached its limit:connections\r\n");
    assert!(client.is_finished() && !operator.is_finished());
    assert_eq!(operator.say("RESET\r\nPING"), "+RESET\r\n+PONG\r\n");
    assert_eq!(counted(&operator, "acl_limited_connections"), 1);
}

#[test]
fn a_connection_that_has_still_to_prove_who_it_is_is_nobody_s() {
    let world = World::with(&[("requirepass", "secret")]);
    let (operator, strangers) = (world.client(), [world.client(), world.client()]);
    assert_eq!(operator.say("AUTH secret\r\nACL SETUSER default limit:connections=2"), "+OK\r\n+OK\r\n");
    assert_eq!(strangers[0].say("AUTH secret"), "+OK\r\n");
    let refused = "-LIMIT User default has reached its limit:connections\r\n";
    assert_eq!(strangers[1].say("AUTH secret\r\nPING"), format!("{refused}-NOAUTH Authentication required.\r\n"));
    assert_eq!(strangers[0].say("RESET\r\nPING"), "+RESET\r\n-NOAUTH Authentication required.\r\n");
    assert_eq!(strangers[1].say("AUTH secret"), "+OK\r\n");
}

#[test]
fn subscriptions_of_all_connections_and_kinds_count_and_a_command_is_refused_as_a_whole() {
    for proto in Proto::ALL {
        let (world, operator, one) = world_with("+@all &* limit:subscriptions=5");
        let (one, two) = (one.speaking(proto), client_of(&world, 1).speaking(proto));
        one.say("SUBSCRIBE a b\r\nPSUBSCRIBE a*");
        assert_eq!(two.say("SSUBSCRIBE a b c"), reached("subscriptions"));
        assert_eq!(
            world.client().say("PUBSUB SHARDNUMSUB a b c"),
            "*6\r\n$1\r\na\r\n:0\r\n$1\r\nb\r\n:0\r\n$1\r\nc\r\n:0\r\n"
        );
        assert_eq!(two.say("SSUBSCRIBE a b").matches("ssubscribe").count(), 2);
        assert_eq!(one.say("SUBSCRIBE a b").matches("subscribe").count(), 2, "it listens to these already");
        assert_eq!(one.say("SUBSCRIBE a c"), reached("subscriptions"));
        one.say("UNSUBSCRIBE b nothing");
        assert_eq!(one.say("SUBSCRIBE c c"), reached("subscriptions"), "what is named twice counts twice");
        assert_eq!(one.say("SUBSCRIBE c").matches("subscribe").count(), 1);
        operator.say("ACL SETUSER u limit:subscriptions=1");
        assert_eq!(operator.say("PUBLISH c m"), ":1\r\n", "a limit ends nothing");
        assert_eq!(two.say("SUNSUBSCRIBE a\r\nSSUBSCRIBE a").lines().last(), reached("subscriptions").lines().next());
        operator.say("ACL SETUSER u limit:subscriptions=5");
        one.leave();
        assert_eq!(two.say("PSUBSCRIBE 1 2 3 4").matches("psubscribe").count(), 4);
        assert_eq!(two.say("PSUBSCRIBE 5"), reached("subscriptions"));
        assert_eq!(counted(&operator, "acl_limited_subscriptions"), 5);
    }
}

#[test]
fn subscriptions_in_a_transaction_and_of_who_becomes_another_user_count() {
    let (world, operator, client) = world_with("+@all &* limit:subscriptions=2");
    let client = client.speaking(Proto::Resp3);
    let answers = client.say("MULTI\r\nSUBSCRIBE a b\r\nSUBSCRIBE c\r\nPING\r\nEXEC");
    assert!(answers.contains("$1\r\nb\r\n:2\r\n") && answers.ends_with(&(reached("subscriptions") + "+PONG\r\n")));
    assert_eq!(client.say("AUTH default x"), "+OK\r\n", "its subscriptions are the default user's now");
    let other = client_of(&world, 1).speaking(Proto::Resp3);
    assert_eq!(other.say("SUBSCRIBE a b").matches("subscribe").count(), 2);
    assert_eq!(client.say("AUTH u x\r\nSUBSCRIBE c"), format!("+OK\r\n{}", reached("subscriptions")));
    client.leave();
    assert_eq!(other.say("SUBSCRIBE c"), reached("subscriptions"));
    operator.say("ACL SETUSER u resetlimits");
    assert_eq!(other.say("SUBSCRIBE c").matches("subscribe").count(), 1);
    operator.say("ACL SETUSER u limit:subscriptions=4");
    assert_eq!(other.say("SUBSCRIBE d e"), reached("subscriptions"), "those without a limit have been counted");
    assert_eq!(other.say("SUBSCRIBE d").matches("subscribe").count(), 1);
}

#[test]
fn a_command_that_begins_very_many_subscriptions_has_them_for_itself_until_it_ends() {
    let names = |from: usize, to: usize| (from..to).map(|n| format!(" n{n}")).collect::<String>();
    let (world, operator, client) = world_with("+@all &* limit:subscriptions=5000");
    let other = client_of(&world, 1);
    assert_eq!(client.say(&format!("SUBSCRIBE{}", names(0, 4990))).matches("$9\r\nsubscribe").count(), 4990);
    assert_eq!(other.say(&format!("SUBSCRIBE{}", names(0, 11))), reached("subscriptions"));
    assert_eq!(other.say(&format!("SUBSCRIBE{}", names(0, 10))).matches("$9\r\nsubscribe").count(), 10);
    // Closed before it has begun all of them: what it has not begun counts no more.
    client.leave();
    world.settle();
    let doomed = client_of(&world, 0);
    operator.say("CONFIG SET client-output-buffer-limit \"pubsub 100000 0 0\"");
    doomed.say(&format!("SUBSCRIBE{}", names(0, 4990)));
    assert!(doomed.is_finished());
    doomed.leave();
    world.settle();
    operator.say("CONFIG SET client-output-buffer-limit \"pubsub 0 0 0\"");
    assert_eq!(other.say(&format!("PSUBSCRIBE{}", names(0, 4991))), reached("subscriptions"));
    assert_eq!(other.say(&format!("PSUBSCRIBE{}", names(0, 4990))).matches("$10\r\npsubscribe").count(), 4990);
}

#[test]
fn a_publisher_over_its_limit_is_told_so_and_its_message_reaches_nobody() {
    let (world, operator, one) = world_with("+@all &* limit:publish-messages=2 limit:publish-bytes=20");
    let (two, subscriber) = (client_of(&world, 1), world.client());
    subscriber.say("SUBSCRIBE a\r\nSSUBSCRIBE a");
    subscriber.heard();
    assert_eq!(one.say("PUBLISH a m") + &two.say("SPUBLISH a m"), ":1\r\n:1\r\n");
    assert_eq!(one.say("PUBLISH a lost"), too_much("publish-messages", 500));
    assert_eq!(two.say("SPUBLISH a lost"), too_much("publish-messages", 500));
    world.advance(Duration::from_millis(500));
    let long = format!("PUBLISH a {}", "x".repeat(39));
    assert_eq!(two.say(&long), ":1\r\n", "the bucket is full: it lets through what is larger than itself");
    world.advance(Duration::from_millis(500));
    assert_eq!(one.say("SPUBLISH a lost"), too_much("publish-bytes", 750));
    assert_eq!(two.say("PUBLISH abc lost"), too_much("publish-bytes", 850));
    world.advance(Duration::from_millis(750));
    assert_eq!(one.say("SPUBLISH a 1234"), ":1\r\n");
    world.settle();
    assert_eq!(subscriber.heard().matches("lost").count(), 0);
    assert_eq!(counted(&operator, "acl_limited_publish_messages"), 2);
    assert_eq!(counted(&operator, "acl_limited_publish_bytes"), 2);
    assert_eq!(world.client().say("PUBLISH a free\r\nPUBLISH a free\r\nPUBLISH a free"), ":1\r\n:1\r\n:1\r\n");
}

#[test]
fn a_message_with_a_name_that_is_too_long_counts_for_nothing() {
    let (_world, operator, client) = world_with("+@all &* limit:publish-messages=1");
    operator.say("CONFIG SET channel-name-max-len 3");
    assert!(client.say("PUBLISH long m").starts_with("-ERR channel name is longer"));
    assert_eq!(client.say("PUBLISH a m"), ":0\r\n");
    assert_eq!(client.say("PUBLISH a m"), too_much("publish-messages", 1000));
}

#[test]
fn exec_answers_what_is_too_much_in_its_place_and_goes_on() {
    let (world, operator, client) = world_with("+@all ~* &* limit:publish-messages=2");
    let queue = "MULTI\r\nPUBLISH a 1\r\nPUBLISH a 2\r\nPUBLISH a 3\r\nSET k v\r\n";
    let queued = "+OK\r\n".to_owned() + &"+QUEUED\r\n".repeat(4);
    let answers = format!("*4\r\n:0\r\n:0\r\n{}+OK\r\n", too_much("publish-messages", 500));
    assert_eq!(client.say(&format!("{queue}EXEC")), format!("{queued}{answers}"));
    assert_eq!(client.say(&format!("{queue}DISCARD")), format!("{queued}+OK\r\n"), "what is queued is not judged");
    let log = operator.say("ACL LOG");
    assert!(log.contains("$7\r\ncontext\r\n$5\r\nmulti\r\n$6\r\nobject\r\n$16\r\npublish-messages\r\n"), "{log}");
    world.advance(Duration::from_secs(1));
    world.server.executors.keys.attach();
    world.server.executors.others.attach();
    beside_executors(&world.server, || {
        // So many commands run elsewhere.
        let pings = 100;
        client.say(&queue.replace("SET k v\r\n", &"PING\r\n".repeat(pings)));
        let answer = client.say("EXEC\r\nECHO behind");
        let heard = answer + &heard_until(&world, &client, "$6\r\nbehind\r\n");
        let answers = format!("*{}\r\n:0\r\n:0\r\n{}+PONG\r\n", pings + 3, too_much("publish-messages", 500));
        assert!(heard.starts_with(&answers), "{heard}");
    });
}

#[test]
fn scripts_are_raised_an_error_by_what_is_too_much_and_may_catch_it() {
    let (world, operator, client) = world_with("+@all ~* &* limit:publish-messages=1");
    let publish = |call: &str| format!("EVAL \"return redis.{call}('publish', 'a', 'm')\" 0");
    for attached in [false, true] {
        world.advance(Duration::from_secs(1));
        if attached {
            world.server.executors.keys.attach();
        }
        beside_executors(&world.server, || {
            let ask = |request: &str| {
                let answer = client.say(request);
                if answer.is_empty() { heard_until(&world, &client, "\r\n") } else { answer }
            };
            assert_eq!(ask(&publish("call")), ":0\r\n");
            let refused = ask(&publish("call"));
            let text = too_much("publish-messages", 1000);
            assert!(refused.starts_with(&format!("{} script: ", text.trim_end())), "{refused}");
            assert_eq!(ask(&publish("pcall")), text);
            let caught = "EVAL \"return redis.pcall('publish', 'a', 'm').err\" 0";
            assert_eq!(ask(caught), bulk(text[1..].trim_end()));
        });
    }
    let log = operator.say("ACL LOG");
    assert!(log.contains("$7\r\ncontext\r\n$3\r\nlua\r\n$6\r\nobject\r\n$16\r\npublish-messages\r\n"), "{log}");
}

#[test]
fn what_was_published_counts_on_when_other_rules_change_and_when_users_are_loaded_again() {
    let folder = tempfile::tempdir().expect("there is room");
    let path = folder.path().join("users.acl");
    std::fs::write(&path, "").expect("there is room");
    let world = World::with(&[("aclfile", path.to_str().expect("its name is text"))]);
    let (operator, client) = (world.client(), world.client());
    operator.say("ACL SETUSER u on nopass +@all &* limit:publish-messages=1 limit:connections=1");
    client.say("AUTH u x\r\nPUBLISH a m");
    assert_eq!(operator.say("ACL SETUSER u ~a\r\nACL SAVE"), "+OK\r\n+OK\r\n");
    let list = operator.say("ACL LIST");
    assert!(list.ends_with(" ~a &* +@all limit:connections=1 limit:publish-messages=1\r\n"), "{list}");
    assert_eq!(client.say("PUBLISH a m"), too_much("publish-messages", 1000));
    operator.say("ACL SETUSER u resetkeys");
    assert_eq!(operator.say("ACL LOAD\r\nACL LIST"), format!("+OK\r\n{list}"));
    assert_eq!(client.say("PUBLISH a m"), too_much("publish-messages", 1000));
    operator.say("ACL SETUSER u resetlimits");
    assert_eq!(client.say("PUBLISH a m"), ":0\r\n");
    assert_eq!(operator.say("ACL LOAD"), "+OK\r\n");
    let refused = too_much("publish-messages", 1000);
    assert_eq!(client.say("PUBLISH a m\r\nPUBLISH a m"), format!(":0\r\n{refused}"), "nothing counted without a limit");
    assert_eq!(operator.say("AUTH u x"), reached("connections"), "its connections count on");
}

#[test]
fn acl_log_shows_which_limit_was_reached_and_groups_what_is_alike() {
    let (world, operator, client) = world_with("+@all &* limit:publish-messages=1 limit:connections=1");
    client.say("PUBLISH a m\r\nPUBLISH a m\r\nSPUBLISH b m");
    world.advance(Duration::from_millis(1500));
    client.say("PUBLISH a m\r\nPUBLISH c m");
    world.client().say("AUTH u x");
    let log = operator.say("ACL LOG");
    let entry = |count: u32, object: &str| {
        let fields = [("reason", "limit"), ("context", "toplevel"), ("object", object), ("username", "u")];
        let fields: String = fields.map(|(name, value)| bulk(name) + &bulk(value)).concat();
        format!("*20\r\n$5\r\ncount\r\n:{count}\r\n{fields}$11\r\nage-seconds\r\n$1\r\n0\r\n$11\r\nclient-info")
    };
    assert!(log.starts_with(&format!("*2\r\n{}", entry(1, "connections"))), "{log}");
    assert!(log.contains(&entry(3, "publish-messages")), "{log}");
    assert!(log.contains(" cmd=publish user=u "), "{log}");
}

#[test]
fn a_default_user_with_limits_is_among_the_users_of_the_configuration() {
    let world = World::with(&[("user", "default on nopass +@all ~* &* limit:publish-messages=1")]);
    let client = world.client();
    let refused = "-LIMIT User default has reached its limit:publish-messages";
    assert!(client.say("PUBLISH a m\r\nPUBLISH a m").starts_with(&format!(":0\r\n{refused}")));
    let lines = world.server.acl.lines();
    assert_eq!(lines, [b"default on nopass sanitize-payload ~* &* +@all limit:publish-messages=1"]);
    client.say("ACL SETUSER default resetlimits");
    assert!(world.server.acl.lines().is_empty());
}
