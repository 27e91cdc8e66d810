//! SLOWLOG, LATENCY and MEMORY through sessions in memory.

use crate::command::table;
use crate::command::test_support::{Peer, World};
use crate::keyspace::entry::Entry;
use crate::resp::Proto;

/// The start of simulated time, in seconds since 1970-01-01.
const START: u64 = 1_767_225_600;

fn slow() -> (World, Peer) {
    let world = World::with(&[("slowlog-log-slower-than", "0")]);
    let client = world.client();
    (world, client)
}

#[test]
fn an_entry_tells_what_who_and_how_long() {
    let (_world, client) = slow();
    client.say("ECHO hello");
    let expected = format!(
        "*1\r\n*6\r\n:0\r\n:{START}\r\n:0\r\n*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n$11\r\n127.0.0.1:1\r\n$0\r\n\r\n"
    );
    assert_eq!(client.say("SLOWLOG GET"), expected);
}

#[test]
fn get_answers_the_newest_first_and_ten_unless_told_otherwise() {
    let (_world, client) = slow();
    (0..12).for_each(|i| drop(client.say(&format!("ECHO {i}"))));
    let count = |client: &Peer, line: &str| client.say(line).matches("*6\r\n").count();
    assert_eq!(count(&client, "SLOWLOG GET"), 10);
    assert!(client.say("SLOWLOG GET 1").contains("SLOWLOG"));
    assert_eq!(count(&client, "SLOWLOG GET 2"), 2);
    assert_eq!(count(&client, "SLOWLOG GET -1"), 15);
    assert_eq!(count(&client, "SLOWLOG GET 0"), 0);
    assert_eq!(client.say("SLOWLOG LEN"), ":17\r\n");
    assert_eq!(client.say("SLOWLOG RESET"), "+OK\r\n");
    // The reset itself was slow, too.
    assert_eq!(client.say("SLOWLOG LEN"), ":1\r\n");
}

#[test]
fn p11_slowlog_max_len_bounds_entries_of_which_each_is_bounded() {
    let world = World::with(&[("slowlog-log-slower-than", "0"), ("slowlog-max-len", "3")]);
    let client = world.client();
    client.say(&format!("CLIENT SETNAME {}", "n".repeat(20_000)));
    for _ in 0..5 {
        client.say(&format!("EXISTS {}{}", "x".repeat(20_000), " y".repeat(100)));
    }
    assert_eq!(client.say("SLOWLOG LEN"), ":3\r\n");
    let entries = client.say("SLOWLOG GET -1");
    assert!(entries.contains(&format!("\r\n{}... (19872 more bytes)\r\n", "n".repeat(128))), "{entries}");
    assert!(entries.len() < 3 * 34 * 200, "{} bytes", entries.len());
}

#[test]
fn a_wrong_count_is_refused() {
    let (_world, client) = slow();
    for count in ["-2", "abc"] {
        let refused = client.say(&format!("SLOWLOG GET {count}"));
        assert_eq!(refused, "-ERR count should be greater than or equal to -1\r\n");
    }
    let refused = client.say("SLOWLOG GET 1 2");
    assert_eq!(refused, "-ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.\r\n");
}

/// A server where two events have happened, the first twice.
fn eventful() -> World {
    let world = World::new();
    world.server.latency.add("command", START - 100, 50);
    world.server.latency.add("command", START - 5, 20);
    world.server.latency.add("fast-command", START - 7200, 3);
    world
}

#[test]
fn events_are_answered_with_their_moments_and_times() {
    let world = eventful();
    let client = world.client();
    let history = format!("*2\r\n*2\r\n:{}\r\n:50\r\n*2\r\n:{}\r\n:20\r\n", START - 100, START - 5);
    assert_eq!(client.say("LATENCY HISTORY command"), history);
    assert_eq!(client.say("LATENCY HISTORY nosuch"), "*0\r\n");
    let latest = format!(
        "*2\r\n*4\r\n$7\r\ncommand\r\n:{}\r\n:20\r\n:50\r\n*4\r\n$12\r\nfast-command\r\n:{}\r\n:3\r\n:3\r\n",
        START - 5,
        START - 7200
    );
    assert_eq!(client.say("LATENCY LATEST"), latest);
    assert_eq!(client.say("LATENCY RESET nosuch command"), ":1\r\n");
    assert_eq!(client.say("LATENCY RESET"), ":1\r\n");
    assert_eq!(client.say("LATENCY LATEST"), "*0\r\n");
}

#[test]
fn a_graph_has_a_bar_for_each_sample() {
    let world = eventful();
    let expected = format!(
        "command: the last 2 of up to 50 ms; longest ever 50 ms\n  1m ago |{} 50 ms\n  5s ago |{} 20 ms\n",
        "#".repeat(50),
        "#".repeat(20)
    );
    let graph = world.client().speaking(Proto::Resp3).say("LATENCY GRAPH command");
    assert_eq!(graph, format!("={}\r\ntxt:{expected}\r\n", expected.len() + 4));
    let refused = world.client().say("LATENCY GRAPH nosuch");
    assert_eq!(refused, "-ERR No samples available for event 'nosuch'\r\n");
}

#[test]
fn the_latency_doctor_says_what_it_knows() {
    let quiet = World::new().client();
    assert!(quiet.say("LATENCY DOCTOR").contains("Latency is not monitored."));
    quiet.say("CONFIG SET latency-monitor-threshold 7");
    assert!(quiet.say("LATENCY DOCTOR").contains("Nothing took 7 ms or longer."));
    let report = eventful().client().say("LATENCY DOCTOR");
    assert!(report.contains("\r\ncommand: 2 kept, the last 5s ago; mean 35 ms, longest ever 50 ms.\n"), "{report}");
    assert!(report.contains("fast-command: 1 kept, the last 2h ago; mean 3 ms, longest ever 3 ms.\n"), "{report}");
}

#[test]
fn a_histogram_counts_up_over_all_workers() {
    let world = World::with(&[("io-threads", "2"), ("latency-tracking", "no")]);
    let place = |name: &[u8]| usize::from(table::by_full_name(&world.server.names, name).expect("it exists").index);
    let record = |worker: usize, name: &[u8], ns| {
        world.server.workers[worker].stats.by_command[place(name)].record_latencies(ns, 1)
    };
    [800, 900, 2500, 40_000].into_iter().for_each(|ns| record(0, b"ping", ns));
    record(1, b"ping", 2_000_000_000);
    record(1, b"config|set", 100_000);
    let ping = "$4\r\nping\r\n%2\r\n$5\r\ncalls\r\n:5\r\n$14\r\nhistogram_usec\r\n\
                %4\r\n:1\r\n:2\r\n:4\r\n:3\r\n:66\r\n:4\r\n:1082130\r\n:5\r\n";
    let set = "$10\r\nconfig|set\r\n%2\r\n$5\r\ncalls\r\n:1\r\n$14\r\nhistogram_usec\r\n%1\r\n:132\r\n:1\r\n";
    let client = world.client().speaking(Proto::Resp3);
    assert_eq!(client.say("LATENCY HISTOGRAM PING nosuch"), format!("%1\r\n{ping}"));
    assert_eq!(client.say("LATENCY HISTOGRAM config"), format!("%1\r\n{set}"));
    assert_eq!(client.say("LATENCY HISTOGRAM config|set ping"), format!("%2\r\n{set}{ping}"));
    assert_eq!(client.say("LATENCY HISTOGRAM publish"), "%0\r\n");
    let often = format!("LATENCY HISTOGRAM {}", "ping config config|set ".repeat(1000));
    assert_eq!(client.say(&often), format!("%2\r\n{ping}{set}"), "p11: each once, however often it is named");
    assert!(client.say("LATENCY HISTOGRAM").starts_with("%2\r\n"));
    let flat = world.client().say("LATENCY HISTOGRAM config");
    assert_eq!(flat, format!("*2\r\n{}", set.replace("%2", "*4").replace("%1", "*2")));
}

#[test]
fn a_key_takes_what_its_name_and_value_take() {
    let world = World::new();
    let client = world.client();
    let usage = |key: &str| {
        let answer = client.say(&format!("MEMORY USAGE {key} SAMPLES 1"));
        answer.trim_start_matches(':').trim_end().parse::<usize>().expect("a number of bytes")
    };
    let long = "x".repeat(1000);
    client.say(&format!("SET number 12\r\nSET text {long}\r\nSET {long} 12\r\nRPUSH list {long} {long}"));
    client.say(&format!("XADD stream 1-1 f {long}"));
    // What is short takes nothing beside the entry.
    assert_eq!(usage("number"), size_of::<Entry>());
    assert_eq!(usage(&long), size_of::<Entry>() + 1000);
    assert_eq!(usage("text"), size_of::<Entry>() + 1000);
    assert!(usage("list") > 2000 && usage("stream") > 1000);
}

#[test]
fn a_missing_key_takes_no_memory_and_options_are_checked() {
    let world = World::new();
    let client = world.client();
    for line in ["MEMORY USAGE k", "MEMORY USAGE k SAMPLES 5", "MEMORY USAGE k samples 0 SAMPLES 1"] {
        assert_eq!(client.say(line), "$-1\r\n", "{line}");
        assert_eq!(world.client().speaking(Proto::Resp3).say(line), "_\r\n", "{line}");
    }
    for line in ["MEMORY USAGE k SAMPLES", "MEMORY USAGE k SAMPLES -1", "MEMORY USAGE k NOSUCH 1"] {
        assert_eq!(client.say(line), "-ERR syntax error\r\n", "{line}");
    }
    let refused = client.say("MEMORY USAGE k SAMPLES abc");
    assert_eq!(refused, "-ERR value is not an integer or out of range\r\n");
}

#[test]
fn memory_stats_are_a_map_with_doubles_for_shares() {
    let world = World::new();
    let stats = world.client().speaking(Proto::Resp3).say("MEMORY STATS");
    assert!(stats.starts_with("%27\r\n$14\r\npeak.allocated\r\n:"), "{stats}");
    assert!(stats.contains("\r\n$13\r\nfragmentation\r\n,"), "{stats}");
    assert!(world.client().say("MEMORY STATS").starts_with("*54\r\n"));
    world.client().say("MSET a 1 b 2\r\nSELECT 1\r\nSET c 3");
    assert!(world.client().say("MEMORY STATS").contains("\r\nkeys.count\r\n:3\r\n"));
}

#[test]
fn reports_for_people_are_verbatim_strings() {
    let world = World::new();
    for line in ["MEMORY DOCTOR", "MEMORY MALLOC-STATS", "LATENCY DOCTOR"] {
        let reply = world.client().speaking(Proto::Resp3).say(line);
        assert!(reply.starts_with('=') && reply.contains("\r\ntxt:"), "{reply}");
        assert!(world.client().say(line).starts_with('$'));
    }
    assert_eq!(world.client().say("MEMORY PURGE"), "+OK\r\n");
}
