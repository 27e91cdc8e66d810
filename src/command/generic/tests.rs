//! What replies alone do not show: simulated time, upkeep, iterations while keys come and go.

mod model;

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use proptest::prelude::*;

use crate::backplane::control::Presence;
use crate::command::test_support::{Peer, World};
use crate::config::Config;
use crate::process::upkeep;
use crate::resp::Proto;

/// One call of SCAN: the next cursor and the keys.
fn scan(client: &Peer, cursor: &str, options: &str) -> (String, Vec<String>) {
    let answer = client.say(&format!("SCAN {cursor} {options}"));
    let mut texts = answer.lines().filter(|line| !line.starts_with(['*', '$'])).map(str::to_owned);
    let next = texts.next().expect("a cursor");
    (next, texts.collect())
}

#[test]
fn an_iteration_looks_at_no_more_keys_a_call_than_it_is_told_and_a_bucket() {
    let client = World::new().client();
    (0..1000).for_each(|i| drop(client.say(&format!("SET k{i} v"))));
    for count in [1, 10, 100] {
        let (mut cursor, mut seen) = ("0".to_owned(), HashSet::new());
        loop {
            let (next, keys) = scan(&client, &cursor, &format!("COUNT {count}"));
            assert!(keys.len() < count + 32 && (keys.len() >= count || next == "0"), "{}", keys.len());
            assert!(keys.into_iter().all(|key| seen.insert(key)));
            cursor = next;
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(seen.len(), 1000);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn an_iteration_shows_every_key_that_stays_and_none_that_is_not_there(
        staying in 0..300usize,
        count in 1..40usize,
        changes in prop::collection::vec((any::<bool>(), 0..400usize, 1..120usize), 1..30),
    ) {
        let client = World::new().client();
        (0..staying).for_each(|i| drop(client.say(&format!("SET stay{i} v"))));
        let (mut cursor, mut shown, mut others) = ("0".to_owned(), BTreeSet::new(), BTreeSet::new());
        for (adds, first, len) in changes.into_iter().cycle() {
            for key in (first..first + len).map(|i| format!("other{i}")) {
                client.say(&if adds { format!("SET {key} v") } else { format!("DEL {key}") });
                if adds { others.insert(key) } else { others.remove(&key) };
            }
            let (next, keys) = scan(&client, &cursor, &format!("COUNT {count}"));
            for key in keys {
                prop_assert!(key.starts_with("stay") || others.contains(&key), "{} is not there", key);
                shown.insert(key);
            }
            cursor = next;
            if cursor == "0" {
                break;
            }
        }
        let missing = (0..staying).map(|i| format!("stay{i}")).find(|key| !shown.contains(key));
        prop_assert_eq!(missing, None);
    }
}

#[test]
fn a_deadline_is_rounded_to_whole_seconds_where_these_are_asked_for() {
    let world = World::new();
    let client = world.client();
    client.say("SET k v PX 1500");
    assert_eq!(client.say("TTL k\r\nPTTL k"), ":2\r\n:1500\r\n");
    world.advance(Duration::from_millis(1));
    assert_eq!(client.say("TTL k\r\nPTTL k"), ":1\r\n:1499\r\n");
    world.advance(Duration::from_millis(1498));
    assert_eq!(client.say("TTL k\r\nPTTL k"), ":0\r\n:1\r\n");
    world.advance(Duration::from_millis(1));
    assert_eq!(client.say("TTL k\r\nPTTL k"), ":-2\r\n:-2\r\n");
}

#[test]
fn keys_are_removed_when_their_time_is_over_though_nobody_asks_for_them() {
    let world = World::with(&[("notify-keyspace-events", "Ex")]);
    let client = world.client();
    let subscriber = world.client_of(1).speaking(Proto::Resp3);
    subscriber.say("PSUBSCRIBE __keyevent@*__:expired");
    (0..200).for_each(|i| drop(client.say(&format!("SELECT {}\r\nSET k{i} v PX {}", i % 2, 10 + i))));
    client.say("SET stays v");
    assert!(!upkeep::remove_keys(&world.server, 0));
    world.advance(Duration::from_millis(109));
    let steps = 1 + (0..10).take_while(|_| upkeep::remove_keys(&world.server, 0)).count();
    assert_eq!(steps, 2, "some at a time");
    world.settle();
    assert_eq!(subscriber.heard().matches("pmessage").count(), 100);
    assert_eq!(client.say("DBSIZE\r\nSELECT 0\r\nDBSIZE"), ":51\r\n+OK\r\n:50\r\n");
    world.advance(Duration::from_secs(1));
    while upkeep::remove_keys(&world.server, 0) {}
    assert_eq!(client.say("DBSIZE\r\nSELECT 1\r\nKEYS *"), ":0\r\n+OK\r\n*1\r\n$5\r\nstays\r\n");
}

#[test]
fn keys_whose_slots_another_node_has_got_go_some_at_a_time_and_who_caches_them_is_told() {
    let world = World::with(&[("backplane", "nats://none"), ("cluster-enabled", "yes")]);
    let backplane = world.server.backplane.as_ref().expect("it is configured");
    backplane.deal(0);
    let client = world.client();
    let caches = world.client().speaking(Proto::Resp3);
    caches.say("CLIENT TRACKING ON BCAST");
    (0..2000).for_each(|i| assert_eq!(client.say(&format!("SET k{i} v")), "+OK\r\n"));
    world.settle();
    caches.heard();
    let now_ms = || world.server.clock.now().ms();
    let other = Presence { id: "other".into(), address: "h:1".into(), has_slots: true, ..Presence::default() };
    backplane.nodes.note_presence(1, other, now_ms());
    backplane.deal(now_ms());
    world.advance(Duration::from_secs(59));
    assert!(!upkeep::drop_moved_keys(&world.server));
    assert_eq!(client.say("DBSIZE"), ":2000\r\n");
    world.advance(Duration::from_secs(1));
    let (mut steps, mut size) = (1, 2000);
    while upkeep::drop_moved_keys(&world.server) {
        let left: usize = client.say("DBSIZE").trim_start_matches(':').trim().parse().expect("a number");
        assert!(size - left <= 300, "some at a time");
        (steps, size) = (steps + 1, left);
    }
    let moved = (0..2000).filter(|i| client.say(&format!("GET k{i}")).starts_with("-MOVED")).count();
    assert!(steps > 4 && (800..1200).contains(&moved), "{moved} in {steps} steps");
    assert_eq!(client.say("DBSIZE"), format!(":{}\r\n", 2000 - moved));
    world.settle();
    assert_eq!(caches.heard().matches("\r\nk").count(), moved);
    // What has come back before its time stays.
    backplane.deal(now_ms());
    assert!(!upkeep::drop_moved_keys(&world.server));
}

#[test]
fn who_waits_for_a_key_that_another_node_has_got_is_sent_there() {
    let world = World::with(&[("backplane", "nats://none"), ("cluster-enabled", "yes")]);
    let backplane = world.server.backplane.as_ref().expect("it is configured");
    backplane.deal(0);
    let waiting: Vec<Peer> = (0..600).map(|i| world.client_of(i % 2)).collect();
    for (i, client) in waiting.iter().enumerate() {
        assert_eq!(client.say(&format!("BLPOP k{i} 0")), "");
    }
    assert!(!upkeep::redirect_waiters(&world.server), "nothing was lost");
    let other = Presence { id: "other".into(), address: "h:1".into(), has_slots: true, ..Presence::default() };
    backplane.nodes.note_presence(1, other, 0);
    backplane.deal(0);
    let steps = (0..10).take_while(|_| upkeep::redirect_waiters(&world.server)).count();
    assert_eq!(steps, 3, "some at a time");
    world.settle();
    let asks = world.client();
    for (i, client) in waiting.iter().enumerate() {
        let answer = asks.say(&format!("LPUSH k{i} v"));
        world.settle();
        let expected = if answer.starts_with("-MOVED") {
            answer
        } else {
            format!("*2\r\n${}\r\nk{i}\r\n$1\r\nv\r\n", i.to_string().len() + 1)
        };
        assert_eq!(client.resume(), expected);
    }
}

#[test]
fn keys_wait_for_somebody_to_ask_for_them_where_debug_says_so() {
    let world = World::with(&[("enable-debug-command", "local")]);
    let client = world.client();
    client.say("DEBUG SET-ACTIVE-EXPIRE 0\r\nSET a v PX 10\r\nSET b v PX 10");
    world.advance(Duration::from_millis(10));
    assert!(!upkeep::remove_keys(&world.server, 0));
    assert_eq!(client.say("DBSIZE\r\nGET a\r\nDBSIZE"), ":2\r\n$-1\r\n:1\r\n");
    client.say("DEBUG SET-ACTIVE-EXPIRE 1");
    upkeep::remove_keys(&world.server, 0);
    assert_eq!(client.say("DBSIZE"), ":0\r\n");
}

#[test]
fn looking_at_a_key_is_no_use_and_touch_is_one_in_spite_of_no_touch() {
    let world = World::new();
    let client = world.client();
    client.say("RPUSH k 1\r\nCLIENT NO-TOUCH ON");
    world.advance(Duration::from_secs(10));
    for look in ["EXISTS k", "TYPE k", "TTL k", "OBJECT ENCODING k", "MEMORY USAGE k", "LLEN k", "SORT k"] {
        client.say(look);
        assert_eq!(client.say("OBJECT IDLETIME k"), ":10\r\n", "{look}");
    }
    client.say("TOUCH k");
    assert_eq!(client.say("OBJECT IDLETIME k"), ":0\r\n");
    client.say("CLIENT NO-TOUCH OFF");
    for (request, idle) in [("EXISTS k", 10), ("TYPE k", 20), ("PTTL k", 30), ("LLEN k", 0), ("RPUSH k 2", 0)] {
        world.advance(Duration::from_secs(10));
        client.say(request);
        assert_eq!(client.say("OBJECT IDLETIME k"), format!(":{idle}\r\n"), "{request}");
    }
}

#[test]
fn a_random_key_can_be_any_that_is_there() {
    let world = World::new();
    let client = world.client();
    (0..20).for_each(|i| drop(client.say(&format!("SET k{i} v"))));
    (0..30).for_each(|i| drop(client.say(&format!("SET over{i} v PX 1"))));
    world.advance(Duration::from_millis(1));
    let seen: HashSet<String> = (0..2000).map(|_| client.say("RANDOMKEY")).collect();
    assert_eq!(seen.len(), 20);
    assert!(seen.iter().all(|key| key.contains("\r\nk")));
}

#[test]
fn the_one_key_that_is_left_is_found_among_many_that_are_over() {
    let world = World::new();
    let client = world.client();
    (0..1000).for_each(|i| drop(client.say(&format!("SET over{i} v PX 1"))));
    client.say("SET left v");
    world.advance(Duration::from_millis(1));
    assert_eq!(client.say("RANDOMKEY"), "$4\r\nleft\r\n");
    client.say("DEL left");
    assert_eq!(client.say("RANDOMKEY"), "$-1\r\n");
}

#[test]
fn how_often_a_key_was_used_goes_along_with_it() {
    let world = World::with(&[("maxmemory-policy", "allkeys-lfu"), ("lfu-log-factor", "0")]);
    let client = world.client();
    client.say("SET k v");
    (0..50).for_each(|_| drop(client.say("GET k")));
    client.say("RENAME k l\r\nMOVE l 3\r\nSELECT 3\r\nCOPY l copy");
    let frequency = |key: &str| client.say(&format!("OBJECT FREQ {key}")).trim_matches([':', '\r', '\n']).parse::<u8>();
    assert!(frequency("l").is_ok_and(|count| count > 50));
    assert!(frequency("copy").is_ok_and(|count| count < 10));
}

#[test]
fn a_client_hears_what_its_own_commands_do_behind_their_replies() {
    let world = World::with(&[("notify-keyspace-events", "KA")]);
    let client = world.client().speaking(Proto::Resp3);
    client.say("PSUBSCRIBE __keyspace@*__:*");
    let event = |name: &str| {
        let len = name.len();
        format!(">4\r\n$8\r\npmessage\r\n$16\r\n__keyspace@*__:*\r\n$16\r\n__keyspace@0__:k\r\n${len}\r\n{name}\r\n")
    };
    assert_eq!(client.say("SET k v\r\nDEL k"), format!("+OK\r\n{}:1\r\n{}", event("set"), event("del")));
    let transaction = client.say("MULTI\r\nSET k v\r\nDEL k\r\nEXEC");
    let queued = "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n:1\r\n";
    assert_eq!(transaction, format!("{queued}{}{}", event("set"), event("del")));
}

#[test]
fn a_client_hears_that_a_key_it_asks_for_is_over() {
    let world = World::with(&[("notify-keyspace-events", "Exm")]);
    let client = world.client().speaking(Proto::Resp3);
    client.say("PSUBSCRIBE __keyevent@*__:*\r\nSET k v PX 10");
    world.advance(Duration::from_millis(10));
    let heard = client.say("GET k");
    let (answer, events) = heard.split_at("_\r\n".len());
    assert_eq!(answer, "_\r\n");
    let names: Vec<&str> = events.lines().filter_map(|line| line.strip_prefix("__keyevent@0__:")).collect();
    assert_eq!(names, ["expired", "keymiss"]);
}

/// How many things were handed over to be freed elsewhere since the beginning.
fn thrown_away(world: &World) -> u64 {
    let (waiting, freed) = world.server.lazy_free.objects();
    waiting + freed
}

#[test]
fn what_is_large_is_freed_elsewhere_whatever_throws_it_away() {
    let elements = "x ".repeat(20_000);
    let text = "SETRANGE k 100000 x".to_owned();
    let list = format!("RPUSH k {elements}");
    let stream = format!("XADD k 1-1 f {0}\r\nXADD k 2-2 f {0}", "y".repeat(60_000));
    let all = [&text, &list, &stream];
    for (fills, throws_away) in [
        (&all[..], "DEL k"),
        (&all, "UNLINK k"),
        (&all, "SET k v"),
        (&all, "EXPIRE k 0"),
        (&all, "FLUSHALL SYNC"),
        (&all, "FLUSHDB ASYNC"),
        (&all, "SET other v\r\nRENAME other k"),
        (&all, "SET other v\r\nCOPY other k REPLACE"),
        (&all, "RPUSH other v\r\nSORT other ALPHA STORE k"),
        (&[&text], "GETDEL k"),
        (&[&text], "GETEX k PXAT 1"),
        (&[&list], "LTRIM k 0 0"),
        (&[&list], "LTRIM k -1 -1"),
        (&[&stream], "XTRIM k MAXLEN 0"),
        (&[&stream], "XADD k MAXLEN 0 3-3 a b"),
        (&all, "FLUSHALL\r\nGET k"),
    ] {
        for fill in fills {
            let world = World::new();
            let client = world.client();
            client.say(fill);
            assert_eq!(thrown_away(&world), 0);
            client.say(throws_away);
            assert_eq!(thrown_away(&world), 1, "{throws_away} after {:.20}", fill);
        }
    }
}

#[test]
fn large_values_whose_time_is_over_are_freed_elsewhere_and_small_ones_at_once() {
    let world = World::new();
    let client = world.client();
    client.say("SETRANGE k 100000 x\r\nPEXPIRE k 1\r\nSETRANGE l 100000 x\r\nPEXPIRE l 1\r\nPSETEX small 1 v");
    world.advance(Duration::from_millis(2));
    assert_eq!((client.say("GET k"), thrown_away(&world)), ("$-1\r\n".into(), 1));
    upkeep::remove_keys(&world.server, 0);
    assert_eq!((client.say("DBSIZE"), thrown_away(&world)), (":0\r\n".into(), 2));
}

#[test]
fn a_group_with_very_much_pending_is_freed_elsewhere() {
    let world = World::new();
    let client = world.client();
    client.say("XGROUP CREATE s g 0 MKSTREAM");
    (0..1000).for_each(|_| drop(client.say("XADD s * f v")));
    client.say("XREADGROUP GROUP g c STREAMS s >");
    assert_eq!((client.say("XGROUP DESTROY s g"), thrown_away(&world)), (":1\r\n".into(), 1));
}

#[test]
fn every_database_that_the_configuration_may_have_is_one_of_its_own() {
    let world = World::with(&[("databases", "65536")]);
    let client = world.client();
    assert_eq!(client.say("SELECT 65535\r\nSET k v\r\nSELECT 0\r\nEXISTS k"), "+OK\r\n+OK\r\n+OK\r\n:0\r\n");
    for beyond in ["65536", "65537", "-1"] {
        assert_eq!(client.say(&format!("SELECT {beyond}")), "-ERR DB index is out of range\r\n");
    }
    assert!(Config::from_pairs(&[("databases", "65537")]).is_err());
}
