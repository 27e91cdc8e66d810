//! Users as clients see them.

mod files;
mod limits;

use std::time::Duration;

use crate::command::test_support::{Peer, World};
use crate::resp::Proto;

const WRONG: &str = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
const NO_KEY: &str = "-NOPERM No permissions to access a key\r\n";
const NO_CHANNEL: &str = "-NOPERM No permissions to access a channel\r\n";

/// A world with a user `u` that has no password and these rules, an operator, and a client that is that user.
fn world_with(rules: &str) -> (World, Peer, Peer) {
    let world = World::new();
    let operator = world.client();
    assert_eq!(operator.say(&format!("ACL SETUSER u on nopass {rules}")), "+OK\r\n", "{rules}");
    let client = world.client();
    assert_eq!(client.say("AUTH u x"), "+OK\r\n");
    (world, operator, client)
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn no_command(user: &str, name: &str) -> String {
    format!("-NOPERM User {user} has no permissions to run the '{name}' command\r\n")
}

/// The rules of the user `u` as ACL LIST shows them.
fn rules(operator: &Peer) -> String {
    let list = operator.say("ACL LIST");
    let line = list.lines().find_map(|line| line.strip_prefix("user u "));
    line.map(str::to_owned).unwrap_or_else(|| panic!("{list}"))
}

#[test]
fn a_user_is_shown_by_the_rules_that_make_it() {
    for (given, shown) in [
        ("", "on nopass sanitize-payload resetchannels -@all"),
        (
            ">p &* +@all",
            "on sanitize-payload #148de9c5a7a44d19e56cd9ae1a554bf67847afb0c58f6e12fa29ac7ddfca9940 &* +@all",
        ),
        ("~a* %R~b %RW~c %W~b +get", "on nopass sanitize-payload ~a* ~b ~c resetchannels -@all +get"),
        ("&a %P&b %S&c %SP&d %S&b", "on nopass sanitize-payload resetchannels &a &b %S&c &d -@all"),
        ("allkeys allchannels allcommands", "on nopass sanitize-payload ~* &* +@all"),
        ("+@all -@dangerous +keys", "on nopass sanitize-payload resetchannels +@all -@dangerous +keys"),
        ("+config|get +config", "on nopass sanitize-payload resetchannels -@all +config"),
        ("+select|0 +SELECT|1", "on nopass sanitize-payload resetchannels -@all +select|0 +select|1"),
        ("+hset +@hash -zadd", "on nopass sanitize-payload resetchannels -@all +hset +@hash -zadd"),
        (
            "(+get ~x) (+set %W~y &z)",
            "on nopass sanitize-payload resetchannels -@all (~x resetchannels -@all +get) (%W~y resetchannels &z \
             -@all +set)",
        ),
        ("(+get ~x) clearselectors", "on nopass sanitize-payload resetchannels -@all"),
        ("~a &b +get reset", "off sanitize-payload resetchannels -@all"),
        ("skip-sanitize-payload off", "off nopass skip-sanitize-payload resetchannels -@all"),
    ] {
        let world = World::new();
        let operator = world.client();
        assert_eq!(operator.say(&format!("ACL SETUSER u on nopass {given}")), "+OK\r\n", "{given}");
        assert_eq!(rules(&operator), shown, "{given}");
        assert_eq!(operator.say(&format!("ACL SETUSER again {shown}")), "+OK\r\n", "{shown}");
        let again =
            operator.say("ACL LIST").lines().find_map(|line| line.strip_prefix("user again ").map(str::to_owned));
        assert_eq!(again.as_deref(), Some(shown), "what is shown makes the same user");
    }
}

#[test]
fn a_rule_that_is_wrong_changes_nothing_and_is_named_with_the_reason() {
    let (_world, operator, _) = world_with("~a");
    for (rule, why) in [
        ("+nothing", "Unknown command or category name in ACL"),
        ("-select|0", "Unknown command or category name in ACL"),
        ("+@nothing", "Unknown command or category name in ACL"),
        ("+config|nothing", "Unknown command or category name in ACL"),
        ("+config|get|x", "Allowing first-arg of a subcommand is not supported"),
        ("+get|", "Syntax error"),
        ("%RX~a", "Syntax error"),
        ("%~a", "Syntax error"),
        ("%PP&a", "Syntax error"),
        ("nonsense", "Syntax error"),
        ("#abc", "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"),
        ("<abc", "The password you are trying to remove from the user does not exist"),
    ] {
        let refused = format!("-ERR Error in ACL SETUSER modifier '{rule}': {why}\r\n");
        assert_eq!(operator.say(&format!("ACL SETUSER u ~b {rule}")), refused);
    }
    let open = "-ERR Unmatched parenthesis in acl selector starting at '(+get'.\r\n";
    assert_eq!(operator.say("ACL SETUSER u off (+get ~b"), open);
    assert_eq!(operator.say("ACL SETUSER \"a b\" on"), "-ERR Usernames can't contain spaces or null characters\r\n");
    assert_eq!(rules(&operator), "on nopass sanitize-payload ~a resetchannels -@all");
}

#[test]
fn only_what_the_rules_allow_is_executed() {
    let (_world, operator, client) =
        world_with("~a* %R~b* +get +set +config|get +select|0 &news:* %P&out +publish +psubscribe");
    for (request, answer) in [
        ("SET a1 x", "+OK\r\n"),
        ("GET b1", "$-1\r\n"),
        ("SET b1 x", NO_KEY),
        ("GET c", NO_KEY),
        ("SELECT 0", "+OK\r\n"),
        ("PUBLISH news:x m", ":0\r\n"),
        ("PUBLISH out m", ":0\r\n"),
        ("PUBLISH in m", NO_CHANNEL),
        ("PSUBSCRIBE news:x*", NO_CHANNEL),
    ] {
        assert_eq!(client.say(request), answer, "{request}");
    }
    for (request, name) in [("SELECT 1", "select"), ("CONFIG SET maxmemory 1", "config|set"), ("DEL a1", "del")] {
        assert_eq!(client.say(request), no_command("u", name));
    }
    assert!(client.say("CONFIG GET port").starts_with("*2\r\n"));
    let info = operator.say("INFO stats");
    for counted in ["acl_access_denied_cmd:3", "acl_access_denied_key:2", "acl_access_denied_channel:2"] {
        assert!(info.contains(counted), "{counted} in {info}");
    }
    assert_eq!(client.say("PSUBSCRIBE news:*"), "*3\r\n$10\r\npsubscribe\r\n$6\r\nnews:*\r\n:1\r\n");
}

#[test]
fn a_request_needs_one_set_of_permissions_that_allows_all_of_it() {
    let (_world, _operator, client) = world_with("~a +get (~b +set) (+mget ~a ~b)");
    assert_eq!(client.say("GET a\r\nSET b x\r\nMGET a b"), "$-1\r\n+OK\r\n*2\r\n$-1\r\n$1\r\nx\r\n");
    assert_eq!(client.say("SET a x"), NO_KEY);
    assert_eq!(client.say("GET b"), NO_KEY);
    assert_eq!(client.say("DEL b"), no_command("u", "del"));
}

#[test]
fn dryrun_says_what_would_be_refused_and_why() {
    let (_world, operator, _) = world_with("~a +get +publish %P&out");
    for (request, answer) in [
        ("get a", "+OK\r\n".to_owned()),
        ("get b", bulk("User u has no permissions to access the 'b' key")),
        ("publish in m", bulk("User u has no permissions to access the 'in' channel")),
        ("config get x", bulk("User u has no permissions to run the 'config|get' command")),
        ("nothing", "-ERR Command 'nothing' not found\r\n".to_owned()),
        ("get", "-ERR wrong number of arguments for 'get' command\r\n".to_owned()),
    ] {
        assert_eq!(operator.say(&format!("ACL DRYRUN u {request}")), answer);
    }
    assert_eq!(operator.say("ACL DRYRUN nobody get a"), "-ERR User 'nobody' not found\r\n");
}

#[test]
fn a_refusal_in_multi_makes_exec_fail_and_one_that_came_later_fails_alone() {
    let (_world, operator, client) = world_with("~a +@all");
    let refused = "-EXECABORT Transaction discarded because of previous errors.\r\n";
    assert_eq!(client.say("MULTI\r\nGET a\r\nGET b\r\nEXEC"), format!("+OK\r\n+QUEUED\r\n{NO_KEY}{refused}"));
    assert_eq!(client.say("MULTI\r\nGET a\r\nTIME"), "+OK\r\n+QUEUED\r\n+QUEUED\r\n");
    operator.say("ACL SETUSER u -time");
    let reason = "-NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This \
                  command is no longer allowed for the following reason: no permission to execute the command or \
                  subcommand\r\n";
    assert_eq!(client.say("EXEC"), format!("*2\r\n$-1\r\n{reason}"));
}

#[test]
fn scripts_may_do_what_their_user_may() {
    let (_world, _operator, client) = world_with("~a +@all -time");
    assert_eq!(client.say("EVAL \"return redis.call('set', KEYS[1], 'x')\" 1 a"), "+OK\r\n");
    let refused = client.say("EVAL \"return redis.call('set', ARGV[1], 'x')\" 0 b");
    assert!(refused.starts_with("-ERR ACL failure in script: No permissions to access a key script: "), "{refused}");
    let refused = client.say("EVAL \"return redis.pcall('time')\" 0");
    let text = "-ERR ACL failure in script: User u has no permissions to run the 'time' command";
    assert!(refused.starts_with(text), "{refused}");
    let ask = "EVAL \"return {redis.acl_check_cmd('get', 'a'), redis.acl_check_cmd('get', 'b')}\" 0";
    assert_eq!(client.say(ask), "*2\r\n:1\r\n$-1\r\n");
}

#[test]
fn sort_reads_other_keys_only_for_who_may_read_all() {
    let (_world, operator, client) = world_with("~l +sort +rpush");
    client.say("RPUSH l 1 2");
    assert_eq!(client.say("SORT l BY nosort"), "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
    let denied = |word: &str| format!("-ERR {word} option of SORT denied due to insufficient ACL permissions.\r\n");
    assert_eq!(client.say("SORT l BY w*"), denied("BY"));
    assert_eq!(client.say("SORT l GET x*"), denied("GET"));
    operator.say("ACL SETUSER u %R~*");
    assert_eq!(client.say("SORT l GET x*"), "*2\r\n$-1\r\n$-1\r\n");
}

#[test]
fn who_logs_in_is_another_user_until_reset() {
    let world = World::new();
    let operator = world.client();
    operator.say("ACL SETUSER ann on >one >two +@all");
    operator.say("ACL SETUSER off >one");
    let client = world.client();
    for wrong in ["AUTH ann three", "AUTH nobody one", "AUTH off one"] {
        assert_eq!(client.say(wrong), WRONG);
    }
    assert_eq!(client.say("AUTH ann two\r\nACL WHOAMI"), "+OK\r\n$3\r\nann\r\n");
    assert!(client.say("CLIENT INFO").contains(" user=ann "));
    assert_eq!(client.say("RESET\r\nACL WHOAMI"), "+RESET\r\n$7\r\ndefault\r\n");
    assert!(client.say("HELLO 3 AUTH ann one").starts_with("%7\r\n"));
    assert_eq!(client.say("ACL WHOAMI"), "$3\r\nann\r\n");
    assert_eq!(operator.say("CLIENT KILL USER ann"), ":1\r\n");
    assert!(client.is_killed());
}

#[test]
fn a_user_that_is_switched_off_stays_logged_in_and_nobody_else_comes() {
    let (world, operator, client) = world_with("+ping");
    operator.say("ACL SETUSER u off");
    assert_eq!(client.say("PING"), "+PONG\r\n");
    assert_eq!(world.client().say("AUTH u x"), WRONG);
}

#[test]
fn the_password_of_the_configuration_is_that_of_the_default_user() {
    let world = World::with(&[("requirepass", "secret")]);
    let client = world.client();
    assert_eq!(client.say("PING"), "-NOAUTH Authentication required.\r\n");
    assert_eq!(client.say("AUTH secret\r\nCONFIG SET requirepass other"), "+OK\r\n+OK\r\n");
    let another = world.client();
    assert_eq!(another.say("AUTH secret"), WRONG);
    assert_eq!(another.say("AUTH default other\r\nPING"), "+OK\r\n+PONG\r\n");
    assert_eq!(client.say("CONFIG SET requirepass \"\""), "+OK\r\n");
    assert_eq!(world.client().say("PING"), "+PONG\r\n");
    assert_eq!(client.say("ACL SETUSER default off"), "+OK\r\n");
    assert_eq!(world.client().say("PING"), "-NOAUTH Authentication required.\r\n");
}

#[test]
fn who_listens_to_what_its_user_may_not_any_more_is_ended_and_others_are_not() {
    let (world, operator, client) = world_with("+@all &a &b &p*");
    let (other, publisher) = (world.client_of(1), world.client());
    for peer in [&client, &other] {
        peer.say("AUTH u x");
    }
    client.say("SUBSCRIBE a b");
    other.say("SUBSCRIBE b\r\nPSUBSCRIBE p*");
    assert_eq!(operator.say("ACL SETUSER u &c"), "+OK\r\n");
    publisher.say("PUBLISH a before");
    assert_eq!(operator.say("ACL SETUSER u resetchannels &b &p*"), "", "it waits for the other worker");
    world.settle();
    assert_eq!(operator.resume(), "+OK\r\n");
    assert_eq!(publisher.say("PUBLISH a behind\r\nPUBLISH b behind"), ":0\r\n:1\r\n");
    world.settle();
    assert!(client.is_finished() && !other.is_finished());
    assert_eq!(client.heard(), "", "it has been closed");
    assert!(other.heard().ends_with("behind\r\n"));
    operator.say("ACL SETUSER u resetchannels &b &p");
    world.settle();
    assert!(other.is_finished(), "a pattern has to be there literally");
}

#[test]
fn a_message_under_way_does_not_reach_who_may_not_hear_it_any_more() {
    let (world, operator, _) = world_with("+@all &a");
    let subscriber = world.client_of(1);
    subscriber.say("AUTH u x\r\nSUBSCRIBE a");
    subscriber.heard();
    world.client().say("PUBLISH a earlier");
    operator.say("ACL SETUSER u resetchannels");
    world.client().say("PUBLISH a later");
    world.settle();
    assert!(subscriber.is_finished());
    assert!(!subscriber.heard().contains("later"));
}

#[test]
fn the_connections_of_a_deleted_user_end() {
    let (world, operator, client) = world_with("+@all");
    let bystander = world.client();
    assert_eq!(operator.say("ACL DELUSER default"), "-ERR The 'default' user cannot be removed\r\n");
    assert_eq!(operator.say("ACL DELUSER nobody u"), ":1\r\n");
    assert!(client.is_killed());
    assert_eq!(bystander.say("PING"), "+PONG\r\n");
    let own = world.client();
    operator.say("ACL SETUSER u on nopass +@all");
    assert_eq!(own.say("AUTH u x\r\nACL DELUSER u\r\nPING"), "+OK\r\n:1\r\n");
    assert!(own.is_finished());
}

#[test]
fn a_user_with_covered_patterns_may_subscribe_to_narrower_ones_where_the_directive_says_so() {
    let (_world, operator, client) = world_with("+@all %S&news:*");
    assert_eq!(client.say("PSUBSCRIBE news:sport:*"), NO_CHANNEL);
    operator.say("CONFIG SET acl-pattern-subscribe covered");
    assert_eq!(client.say("PSUBSCRIBE news*"), NO_CHANNEL);
    assert!(client.say("PSUBSCRIBE news:sport:*").starts_with("*3\r\n$10\r\npsubscribe\r\n"));
}

#[test]
fn acl_log_counts_what_is_alike_and_forgets_when_told_to() {
    for (proto, map) in [(Proto::Resp2, "*20\r\n"), (Proto::Resp3, "%10\r\n")] {
        let (world, operator, client) = world_with("+get +multi ~a");
        let operator = operator.speaking(proto);
        client.say("GET b\r\nGET b");
        world.advance(Duration::from_secs(2));
        client.say("MULTI\r\nSET a x");
        world.client().say("AUTH u2 x");
        let log = operator.say("ACL LOG");
        assert!(log.starts_with(&format!("*3\r\n{map}$5\r\ncount\r\n:1\r\n$6\r\nreason\r\n$4\r\nauth\r\n")), "{log}");
        for part in [
            "$7\r\ncontext\r\n$8\r\ntoplevel\r\n$6\r\nobject\r\n$4\r\nAUTH\r\n$8\r\nusername\r\n$2\r\nu2\r\n",
            "count\r\n:1\r\n$6\r\nreason\r\n$7\r\ncommand\r\n$7\r\ncontext\r\n$5\r\nmulti\r\n",
            "count\r\n:2\r\n$6\r\nreason\r\n$3\r\nkey\r\n$7\r\ncontext\r\n$8\r\ntoplevel\r\n$6\r\nobject\r\n$1\r\nb\r\n",
            " user=u ",
            "$8\r\nentry-id\r\n:0\r\n",
        ] {
            assert!(log.contains(part), "{part} in {log}");
        }
        assert!(operator.say("ACL LOG 1").starts_with("*1\r\n"));
        assert_eq!(operator.say("ACL LOG -1"), "*0\r\n");
        assert_eq!(operator.say("ACL LOG RESET\r\nACL LOG"), "+OK\r\n*0\r\n");
    }
}

#[test]
fn p11_acl_log_keeps_as_many_entries_as_acllog_max_len_says() {
    let world = World::with(&[("acllog-max-len", "5")]);
    let client = world.client();
    for n in 0..20 {
        client.say(&format!("AUTH user{n} x"));
    }
    assert!(client.say("ACL LOG 100").starts_with("*5\r\n"));
}

#[test]
fn p11_acl_log_keeps_of_a_name_as_much_as_acllog_name_max_len_says() {
    let (_world, operator, client) = world_with("+@all ~a");
    client.say(&format!(
        "CLIENT SETNAME {}\r\nGET {}\r\nAUTH {} x",
        "n".repeat(5000),
        "k".repeat(4000),
        "u".repeat(4000)
    ));
    let log = operator.say("ACL LOG");
    assert!(log.contains(&bulk(&"k".repeat(4000))) && log.contains(&bulk(&"u".repeat(4000))), "{log}");
    assert!(!log.contains(&"n".repeat(4096)));
    operator.say("CONFIG SET acllog-name-max-len 10\r\nACL LOG RESET");
    client.say(&format!("GET {}", "k".repeat(4000)));
    let log = operator.say("ACL LOG");
    assert!(log.contains(&bulk(&"k".repeat(10))) && !log.contains(&"k".repeat(11)), "{log}");
}

#[test]
fn genpass_makes_as_many_digits_as_the_bits_need() {
    let client = World::new().client();
    for (asked, digits) in [("", 64), ("5", 2), ("4096", 1024), ("1", 1)] {
        let password = client.say(&format!("ACL GENPASS {asked}"));
        let password = password.lines().nth(1).expect("a password");
        assert_eq!(password.len(), digits);
        assert!(password.bytes().all(|digit| digit.is_ascii_hexdigit()));
    }
    assert_ne!(client.say("ACL GENPASS"), client.say("ACL GENPASS"));
    assert!(client.say("ACL GENPASS 0").starts_with("-ERR ACL GENPASS argument must be the number of bits"));
}

#[test]
fn passwords_of_users_are_shown_to_no_log() {
    let world = World::with(&[("slowlog-log-slower-than", "0")]);
    let client = world.client();
    client.say("ACL SETUSER u on >secret\r\nAUTH u secret\r\nHELLO 2 AUTH u secret\r\nRESET");
    assert!(!client.say("SLOWLOG GET 100").contains("secret"));
    assert!(!client.say("ACL LIST").contains("secret"));
}

#[test]
fn getuser_shows_each_part_and_nothing_for_who_is_not_there() {
    let operator = World::new().client();
    operator.say("ACL SETUSER u on >p ~a %R~b &c +get (+set ~d)");
    let part = |commands: &str, keys: &str, channels: &str| {
        let fields = [("commands", commands), ("keys", keys), ("channels", channels)];
        fields.map(|(name, value)| bulk(name) + &bulk(value)).concat()
    };
    let passwords = bulk("148de9c5a7a44d19e56cd9ae1a554bf67847afb0c58f6e12fa29ac7ddfca9940");
    let root = part("-@all +get", "~a %R~b", "&c");
    let selector = part("-@all +set", "~d", "");
    let (flags, words, selectors) = (bulk("flags"), bulk("passwords"), bulk("selectors"));
    let on = bulk("on") + &bulk("sanitize-payload");
    assert_eq!(
        operator.say("ACL GETUSER u"),
        format!("*12\r\n{flags}*2\r\n{on}{words}*1\r\n{passwords}{root}{selectors}*1\r\n*6\r\n{selector}")
    );
    assert_eq!(operator.say("ACL GETUSER nobody"), "$-1\r\n");
}

#[test]
fn who_guesses_passwords_waits_for_the_answers_longer_and_longer_and_nobody_else_does() {
    let world = World::with(&[("requirepass", "secret")]);
    let guesser = world.client_from([192, 0, 2, 7]);
    for _ in 0..5 {
        assert_eq!(guesser.say("AUTH guess"), WRONG);
    }
    assert_eq!(guesser.say("AUTH guess\r\nPING"), "");
    assert_eq!(guesser.wakes_in(), Some(Duration::from_millis(50)));
    let same = world.client_from([192, 0, 2, 7]);
    assert_eq!(same.say("AUTH secret"), "", "a right password waits, too");
    let (near, other) = (world.client(), world.client_from([192, 0, 2, 8]));
    assert_eq!(near.say("AUTH guess"), WRONG);
    assert_eq!(other.say("AUTH secret\r\nPING"), "+OK\r\n+PONG\r\n");
    world.advance(Duration::from_millis(50));
    assert_eq!(guesser.resume(), format!("{WRONG}-NOAUTH Authentication required.\r\n"));
    assert_eq!(same.resume(), "+OK\r\n");
    other.say("CONFIG SET auth-failure-delay 0");
    assert_eq!(guesser.say("AUTH guess"), WRONG);
}
