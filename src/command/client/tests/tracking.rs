//! CLIENT TRACKING: who is told what to forget, when, and on which worker.

use std::time::Duration;

use crate::command::test_support::{Peer, World};
use crate::ids::Address;
use crate::process::upkeep;
use crate::resp::Proto;

const ALL: &str = ">2\r\n$10\r\ninvalidate\r\n_\r\n";

/// The push that makes a client forget these keys.
fn forget(keys: &[&str]) -> String {
    let keys: String = keys.iter().map(|key| format!("${}\r\n{key}\r\n", key.len())).collect();
    let count = keys.matches('$').count();
    format!(">2\r\n$10\r\ninvalidate\r\n*{count}\r\n{keys}")
}

/// The same as a message for a client that speaks RESP2.
fn message(key: &str) -> String {
    format!("*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n${}\r\n{key}\r\n", key.len())
}

/// What INFO says of these fields, in its order.
fn counts(client: &Peer, fields: &[&str]) -> Vec<String> {
    let info = client.say("INFO everything");
    let lines = info.lines().filter_map(|line| line.split_once(':'));
    lines.filter(|(name, _)| fields.contains(name)).map(|(_, value)| value.to_owned()).collect()
}

/// Clients that track, keys, readers of keys and prefixes, as INFO counts them.
fn extent(client: &Peer) -> Vec<String> {
    let names = ["clients", "total_keys", "total_items", "total_prefixes"].map(|name| format!("tracking_{name}"));
    counts(client, &names.each_ref().map(String::as_str))
}

#[test]
fn a_client_of_another_worker_is_told_what_to_forget() {
    let world = World::new();
    let (reader, writer) = (world.client_of(1).speaking(Proto::Resp3), world.client());
    reader.say("CLIENT TRACKING ON\r\nGET k");
    writer.say("SET k v");
    assert_eq!(reader.heard(), "");
    world.settle();
    assert_eq!(reader.heard(), forget(&["k"]));
}

#[test]
fn clients_of_every_worker_are_told_once_each() {
    let world = World::with(&[("io-threads", "4")]);
    let readers: Vec<_> = (0..12).map(|i| world.client_of(i % 4).speaking(Proto::Resp3)).collect();
    for reader in &readers {
        reader.say("CLIENT TRACKING ON\r\nMGET a b\r\nGET a");
    }
    let writer = world.client_of(3);
    assert_eq!(extent(&writer), ["12", "2", "24", "0"]);
    writer.say("DEL a\r\nSET a 1\r\nSET a 2");
    world.settle();
    assert!(readers.iter().all(|reader| reader.heard() == forget(&["a"])));
    assert_eq!(extent(&writer), ["12", "1", "12", "0"]);
}

#[test]
fn what_a_turn_has_read_is_answered_before_it_is_to_be_forgotten() {
    let world = World::new();
    let client = world.client().speaking(Proto::Resp3);
    client.say("CLIENT TRACKING ON");
    let heard = client.say("GET k\r\nSET k 1\r\nGET k\r\nECHO x");
    assert_eq!(heard, format!("_\r\n+OK\r\n{}$1\r\n1\r\n$1\r\nx\r\n", forget(&["k"])));
}

#[test]
fn an_answer_is_never_newer_than_what_is_cached_beside_it() {
    let world = World::new();
    let (reader, writer) = (world.client_of(1).speaking(Proto::Resp3), world.client());
    reader.say("CLIENT TRACKING ON\r\nMGET a b");
    writer.say("MSET a 1 b 1");
    assert_eq!(reader.say("ECHO x\r\nGET new"), format!("$1\r\nx\r\n{}{}_\r\n", forget(&["a"]), forget(&["b"])));
    reader.say("GET a");
    writer.say("SET a 2");
    let queued = "+OK\r\n+QUEUED\r\n";
    let expected = format!("{queued}{}*1\r\n$1\r\n1\r\n", forget(&["a"]));
    assert_eq!(reader.say("MULTI\r\nGET b\r\nEXEC"), expected);
}

#[test]
fn who_is_killed_while_it_catches_up_changes_nothing_more() {
    let world = World::new();
    let (client, admin) = (world.client_of(1).speaking(Proto::Resp3), world.client());
    client.say("CLIENT TRACKING ON");
    admin.say(&format!("CLIENT KILL ID {}", client.id()));
    assert_eq!(client.say("SET k 1"), "");
    assert!(client.is_killed());
    assert_eq!(admin.resume() + &admin.say("EXISTS k"), ":1\r\n:0\r\n");
}

#[test]
fn a_key_is_to_be_forgotten_before_its_event_arrives() {
    let world = World::with(&[("notify-keyspace-events", "E$g")]);
    let (client, writer) = (world.client().speaking(Proto::Resp3), world.client());
    client.say("CLIENT TRACKING ON\r\nSUBSCRIBE __keyevent@0__:del\r\nMGET a b");
    writer.say("MSET a 1 b 1");
    assert_eq!(client.heard(), forget(&["a"]) + &forget(&["b"]));
    client.say("MGET a b");
    writer.say("DEL a b");
    let event = |key| format!(">3\r\n$7\r\nmessage\r\n$18\r\n__keyevent@0__:del\r\n$1\r\n{key}\r\n");
    let expected = forget(&["a"]) + &event("a") + &forget(&["b"]) + &event("b");
    assert_eq!(client.heard(), expected);
}

#[test]
fn a_redirection_target_hears_behind_its_own_answer() {
    let world = World::new();
    let (reader, target) = (world.client().speaking(Proto::Resp3), world.client().speaking(Proto::Resp3));
    reader.say(&format!("CLIENT TRACKING ON REDIRECT {}\r\nGET k", target.id()));
    assert_eq!(target.say("SET k 1\r\nECHO x"), format!("+OK\r\n{}$1\r\nx\r\n", forget(&["k"])));
    assert_eq!(reader.heard(), "");
}

#[test]
fn the_form_of_a_notice_suits_its_receiver_when_it_arrives() {
    let world = World::new();
    let (reader, writer) = (world.client(), world.client());
    let target = world.client_of(1);
    reader.say(&format!("CLIENT TRACKING ON REDIRECT {}\r\nMGET a b c", target.id()));
    target.say("SUBSCRIBE __redis__:invalidate");
    writer.say("SET a 1");
    let left = "*3\r\n$11\r\nunsubscribe\r\n$20\r\n__redis__:invalidate\r\n:0\r\n";
    assert_eq!(target.say("UNSUBSCRIBE"), message("a") + left, "what comes first is delivered first");
    target.say("SUBSCRIBE x");
    writer.say("SET b 1");
    target.say("RESET");
    world.settle();
    assert_eq!(target.heard(), "", "it had been told before it was reset");
    writer.say("SET c 1");
    target.say("HELLO 3");
    world.settle();
    assert_eq!(target.heard(), forget(&["c"]));
}

#[test]
fn a_transaction_is_broadcast_as_a_whole_behind_its_answer() {
    let world = World::new();
    let (own, other) = (world.client().speaking(Proto::Resp3), world.client_of(1).speaking(Proto::Resp3));
    for client in [&own, &other] {
        client.say("CLIENT TRACKING ON BCAST PREFIX u: PREFIX v:");
    }
    let heard = own.say("MULTI\r\nSET u:2 1\r\nSET v:1 1\r\nSET u:1 1\r\nSET w:1 1\r\nSET u:2 2\r\nEXEC");
    let told = forget(&["u:1", "u:2"]) + &forget(&["v:1"]);
    assert!(heard.ends_with(&format!("*5\r\n{}{told}", "+OK\r\n".repeat(5))), "{heard}");
    world.settle();
    assert_eq!(other.heard(), told);
}

#[test]
fn what_serves_a_blocked_client_is_broadcast_once() {
    let world = World::new();
    let (watching, blocked) = (world.client().speaking(Proto::Resp3), world.client());
    watching.say("CLIENT TRACKING ON BCAST");
    blocked.say("BLPOP l 0");
    world.client().say("RPUSH l x");
    assert_eq!(watching.heard(), forget(&["l"]));
    assert_eq!(blocked.heard(), "*2\r\n$1\r\nl\r\n$1\r\nx\r\n");
}

#[test]
fn a_reader_that_waits_is_remembered_with_what_it_is_served() {
    let world = World::new();
    let (reader, writer) = (world.client().speaking(Proto::Resp3), world.client());
    reader.say("CLIENT TRACKING ON\r\nXREAD BLOCK 0 STREAMS s t $ $");
    assert_eq!(extent(&writer), ["1", "2", "2", "0"], "it caches that there is nothing");
    writer.say("XADD s 1-1 a b");
    let entry = "*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n";
    assert_eq!(reader.heard(), format!("{}%1\r\n$1\r\ns\r\n*1\r\n{entry}", forget(&["s"])));
    reader.resume();
    writer.say("XADD s 1-2 a b\r\nXADD t 1-1 a b");
    assert_eq!(reader.heard(), forget(&["s"]) + &forget(&["t"]));
}

#[test]
fn a_client_without_loop_is_served_what_it_changes_itself() {
    let world = World::new();
    let (client, other) = (world.client().speaking(Proto::Resp3), world.client().speaking(Proto::Resp3));
    client.say("CLIENT TRACKING ON BCAST NOLOOP\r\nBLMOVE from to LEFT LEFT 0");
    other.say("CLIENT TRACKING ON BCAST NOLOOP");
    assert_eq!(other.say("RPUSH from x"), format!(":1\r\n{}", forget(&["from", "to"])));
    assert_eq!(client.heard(), "$1\r\nx\r\n", "it took what the other one had pushed");
}

#[test]
fn a_key_that_expires_by_itself_is_to_be_forgotten() {
    let world = World::new();
    let (broadcast, reader) = (world.client().speaking(Proto::Resp3), world.client().speaking(Proto::Resp3));
    broadcast.say("SET k v PX 5\r\nCLIENT TRACKING ON BCAST NOLOOP");
    reader.say("CLIENT TRACKING ON NOLOOP\r\nGET k");
    world.advance(Duration::from_millis(5));
    while upkeep::remove_keys(&world.server, 0) {}
    world.settle();
    assert_eq!([broadcast.heard(), reader.heard()], [forget(&["k"]), forget(&["k"])]);
}

#[test]
fn who_finds_a_key_expired_is_told_unless_it_has_read_it_without_loop() {
    let world = World::new();
    let (broadcast, reader) = (world.client().speaking(Proto::Resp3), world.client().speaking(Proto::Resp3));
    broadcast.say("SET a v PX 5\r\nSET b v PX 5\r\nCLIENT TRACKING ON BCAST NOLOOP");
    reader.say("CLIENT TRACKING ON NOLOOP\r\nMGET a b");
    world.advance(Duration::from_millis(5));
    assert_eq!(broadcast.say("GET a"), format!("_\r\n{}", forget(&["a"])), "nobody has changed it");
    assert_eq!(reader.heard(), forget(&["a"]));
    assert_eq!(reader.say("GET b\r\nECHO x"), "_\r\n$1\r\nx\r\n", "the answer says it already");
}

#[test]
fn an_evicted_key_is_to_be_forgotten() {
    let world = World::with(&[("maxmemory-policy", "allkeys-random")]);
    let (reader, admin) = (world.client().speaking(Proto::Resp3), world.client());
    reader.say("SET k v\r\nCLIENT TRACKING ON\r\nGET k");
    admin.say("CONFIG SET maxmemory 1");
    while upkeep::remove_keys(&world.server, 0) {}
    world.settle();
    assert_eq!(reader.heard(), forget(&["k"]));
}

#[test]
fn emptying_any_database_empties_every_cache_and_swapping_none() {
    let world = World::new();
    let (reader, writer) = (world.client().speaking(Proto::Resp3), world.client());
    let broadcast = world.client_of(1).speaking(Proto::Resp3);
    broadcast.say("CLIENT TRACKING ON BCAST NOLOOP PREFIX x");
    assert_eq!(reader.say("CLIENT TRACKING ON\r\nGET k\r\nFLUSHDB"), format!("+OK\r\n_\r\n+OK\r\n{ALL}"));
    assert_eq!(extent(&writer), ["2", "0", "0", "1"]);
    reader.say("GET k");
    writer.say("SET k 1\r\nSELECT 3\r\nSET k 2\r\nFLUSHALL ASYNC");
    world.settle();
    assert_eq!(reader.heard(), forget(&["k"]) + ALL, "no database is told from another");
    assert_eq!(broadcast.heard(), ALL.repeat(2));
    reader.say("GET k");
    writer.say("SWAPDB 0 3");
    assert_eq!(reader.heard(), "", "as in Redis");
}

#[test]
fn p11_beyond_tracking_table_max_keys_clients_forget_keys_that_have_not_changed() {
    let world = World::with(&[("tracking-table-max-keys", "2")]);
    let client = world.client().speaking(Proto::Resp3);
    let heard = client.say("CLIENT TRACKING ON\r\nMGET a b c");
    assert!(["a", "b", "c"].iter().any(|key| heard.ends_with(&forget(&[key]))), "{heard}");
    assert_eq!(extent(&client), ["1", "2", "2", "0"]);
}

#[test]
fn a_table_whose_bound_is_lowered_shrinks_without_any_command() {
    let world = World::new();
    let (client, admin) = (world.client().speaking(Proto::Resp3), world.client());
    let keys: Vec<String> = (0..500).map(|i| format!("k{i:03}")).collect();
    client.say(&format!("CLIENT TRACKING ON NOLOOP\r\nMGET {}", keys.join(" ")));
    admin.say("CONFIG SET tracking-table-max-keys 0");
    assert!(!upkeep::trim(&world.server));
    admin.say("CONFIG SET tracking-table-max-keys 7");
    while upkeep::trim(&world.server) {}
    world.settle();
    assert_eq!(client.heard().matches("invalidate").count(), 493);
    assert_eq!(extent(&admin), ["1", "7", "7", "0"]);
}

#[test]
fn who_has_gone_is_not_told() {
    let world = World::new();
    let (reader, writer) = (world.client().speaking(Proto::Resp3), world.client());
    let broadcast = world.client().speaking(Proto::Resp3);
    reader.say("CLIENT TRACKING ON\r\nGET k");
    broadcast.say("CLIENT TRACKING ON BCAST PREFIX a PREFIX b");
    assert_eq!(extent(&writer), ["2", "1", "1", "2"]);
    reader.leave();
    broadcast.leave();
    assert_eq!(extent(&writer), ["0", "1", "1", "0"], "the key is left until it changes");
    assert_eq!(writer.say("SET k v"), "+OK\r\n");
    assert_eq!(extent(&writer), ["0", "0", "0", "0"]);
}

#[test]
fn a_redirection_breaks_when_its_target_leaves_and_is_mended_by_another() {
    let world = World::new();
    let (reader, writer) = (world.client().speaking(Proto::Resp3), world.client());
    let (target, other) = (world.client_of(1).speaking(Proto::Resp3), world.client_of(1).speaking(Proto::Resp3));
    let id = target.id();
    reader.say(&format!("CLIENT TRACKING ON REDIRECT {id}\r\nMGET a b c"));
    writer.say("SET a 1");
    world.settle();
    assert_eq!(target.heard(), forget(&["a"]));
    target.leave();
    let own_line = format!("CLIENT LIST ID {}", reader.id());
    assert!(writer.say(&own_line).contains(" flags=t db=0 "), "nobody has noticed yet");
    writer.say("SET b 1");
    assert_eq!(reader.heard(), format!(">2\r\n$21\r\ntracking-redir-broken\r\n:{id}\r\n"));
    let line = writer.say(&own_line);
    assert!(line.contains(" flags=tR ") && line.contains(&format!(" redir={id} ")), "{line}");
    assert!(reader.say("CLIENT TRACKINGINFO").contains("broken_redirect"));
    reader.say(&format!("CLIENT TRACKING ON REDIRECT {}", other.id()));
    assert!(!reader.say("CLIENT TRACKINGINFO").contains("broken_redirect"));
    writer.say("SET c 1");
    world.settle();
    assert_eq!(other.heard(), forget(&["c"]));
}

#[test]
fn the_list_of_clients_shows_who_tracks_and_how() {
    let world = World::new();
    let client = world.client();
    let shown = || {
        let line = client.say("CLIENT INFO");
        let shows = |field: &&str| field.starts_with("flags=") || field.starts_with("redir=");
        let fields: Vec<_> = line.split(' ').filter(shows).collect();
        fields.join(" ")
    };
    assert_eq!(shown(), "flags=N redir=-1");
    client.say("CLIENT TRACKING ON");
    assert_eq!(shown(), "flags=t redir=0");
    client.say("CLIENT TRACKING OFF\r\nCLIENT TRACKING ON BCAST REDIRECT 1");
    assert_eq!(shown(), "flags=tB redir=1");
    client.say("RESET");
    assert_eq!(shown(), "flags=N redir=-1");
}

#[test]
fn caching_ends_with_any_other_command_even_one_that_fails() {
    let world = World::new();
    let (client, writer) = (world.client().speaking(Proto::Resp3), world.client());
    client.say("CLIENT TRACKING ON OPTIN");
    for (between, remembered) in [
        ("CLIENT ID", true),
        ("CLIENT GETNAME x", true),
        ("PING", false),
        ("NOSUCH", false),
        ("CLIENT NOSUCH", false),
        ("GET", false),
        ("MULTI\r\nDISCARD", false),
    ] {
        client.say(&format!("CLIENT CACHING YES\r\n{between}\r\nGET k"));
        writer.say("SET k 1");
        assert_eq!(!client.heard().is_empty(), remembered, "{between}");
    }
}

#[test]
fn tracking_within_a_transaction_begins_and_ends_at_its_place() {
    let world = World::new();
    let (client, writer) = (world.client().speaking(Proto::Resp3), world.client());
    client.say("MULTI\r\nGET a\r\nCLIENT TRACKING ON\r\nGET b\r\nEXEC");
    writer.say("MSET a 1 b 1");
    assert_eq!(client.heard(), forget(&["b"]));
    client.say("GET b\r\nMULTI\r\nCLIENT TRACKING OFF\r\nSET b 2\r\nEXEC");
    assert_eq!(client.heard(), "");
}

#[test]
fn a_client_that_wants_no_replies_is_told_all_the_same() {
    let world = World::new();
    let (client, writer) = (world.client().speaking(Proto::Resp3), world.client());
    client.say("CLIENT TRACKING ON\r\nCLIENT REPLY OFF\r\nGET k");
    writer.say("SET k 1");
    assert_eq!(client.heard(), forget(&["k"]));
}

#[test]
fn options_of_tracking_are_checked_all_the_same() {
    let world = World::new();
    let client = world.client();
    let cases = [
        ("maybe", "syntax error"),
        ("ON NOSUCH", "syntax error"),
        ("ON REDIRECT", "syntax error"),
        ("ON REDIRECT x", "value is not an integer or out of range"),
        ("OFF REDIRECT 99", "The client ID you want redirect to does not exist"),
        ("ON REDIRECT 1 REDIRECT 1", "A client can only redirect to a single other client"),
        ("ON PREFIX a", "PREFIX option requires BCAST mode to be enabled"),
        ("ON BCAST OPTIN", "OPTIN and OPTOUT are not compatible with BCAST"),
        ("ON OPTIN OPTOUT", "You can't specify both OPTIN mode and OPTOUT mode"),
        (
            "ON BCAST PREFIX x PREFIX ab PREFIX a",
            "Prefix 'ab' overlaps with another provided prefix 'a'. Prefixes for a single client must not overlap.",
        ),
    ];
    for (options, error) in cases {
        assert_eq!(client.say(&format!("CLIENT TRACKING {options}")), format!("-ERR {error}\r\n"), "{options}");
    }
}

#[test]
fn a_client_that_has_not_been_welcomed_may_be_redirected_to() {
    let world = World::new();
    let (tracker, writer) = (world.client().speaking(Proto::Resp3), world.client());
    let target = world.server.clients.admit(0, Address::Unix("/x".into()), -1, world.workers[0].now());
    tracker.say(&format!("CLIENT TRACKING ON REDIRECT {}\r\nGET k", target.id));
    assert_eq!(writer.say("SET k v"), "+OK\r\n");
    assert!(!world.workers[0].deliver_some(), "nothing goes round and round");
    assert_eq!(writer.say("SET k v"), "+OK\r\n");
}
