//! INFO through sessions in memory.

use std::time::Duration;

use super::{SECTIONS, human, percent};
use crate::command::table;
use crate::command::test_support::{Peer, World};
use crate::resp::Proto;

/// The report without its frame.
fn report(client: &Peer, line: &str) -> String {
    let reply = client.say(line);
    let (_, text) = reply.split_once("\r\n").expect("a reply has a first line");
    text.strip_prefix("txt:").unwrap_or(text).to_owned()
}

/// The value of a field.
fn field<'a>(report: &'a str, name: &str) -> &'a str {
    let lines = report.lines().filter_map(|line| line.split_once(':'));
    let mut found = lines.filter(|(field, _)| *field == name).map(|(_, value)| value);
    let value = found.next().unwrap_or_else(|| panic!("{name} in {report}"));
    assert_eq!(found.next(), None, "{name} is given once");
    value
}

fn titles(report: &str) -> Vec<&str> {
    report.lines().filter_map(|line| line.strip_prefix("# ")).collect()
}

#[test]
fn sections_are_chosen_by_name_in_any_case_and_keep_their_order() {
    let world = World::new();
    let client = world.client();
    let default = report(&client, "INFO");
    let expected = [
        "Server",
        "Clients",
        "Memory",
        "Persistence",
        "Stats",
        "Replication",
        "CPU",
        "Modules",
        "Errorstats",
        "Cluster",
        "Keyspace",
    ];
    assert_eq!(titles(&default), expected);
    assert_eq!(titles(&report(&client, "INFO default")), expected);
    for all in ["INFO all", "INFO Everything"] {
        assert_eq!(titles(&report(&client, all)).len(), SECTIONS.len());
    }
    assert_eq!(titles(&report(&client, "INFO stats nosuch CLIENTS stats")), ["Clients", "Stats"]);
    assert_eq!(titles(&report(&client, "INFO default commandstats")).len(), expected.len() + 1);
    assert_eq!(client.say("INFO nosuch"), "$0\r\n\r\n");
    assert_eq!(world.client().speaking(Proto::Resp3).say("INFO nosuch"), "=4\r\ntxt:\r\n");
    assert_eq!(
        world.client().speaking(Proto::Resp3).say("INFO cluster"),
        "=34\r\ntxt:# Cluster\r\ncluster_enabled:0\r\n\r\n"
    );
}

#[test]
fn sections_are_parted_by_an_empty_line() {
    let text = report(&World::new().client(), "INFO modules cluster keyspace");
    assert_eq!(text, "# Modules\r\n\r\n# Cluster\r\ncluster_enabled:0\r\n\r\n# Keyspace\r\n\r\n");
}

#[test]
fn the_server_names_its_level_and_itself() {
    let world = World::with(&[
        ("port", "7777"),
        ("tls-port", "7778"),
        ("io-threads", "3"),
        ("unixsocket", "/tmp/x.sock"),
        ("hz", "20"),
    ]);
    world.server.clock.advance(Duration::from_secs(2 * 86_400 + 5));
    let text = report(&world.client(), "INFO server");
    for (name, value) in [
        ("redis_version", "7.4.2"),
        ("server_name", "pregon"),
        ("pregon_version", env!("CARGO_PKG_VERSION")),
        ("redis_mode", "standalone"),
        ("tcp_port", "7777"),
        ("uptime_in_seconds", "172805"),
        ("uptime_in_days", "2"),
        ("hz", "20"),
        ("io_threads_active", "1"),
        ("config_file", ""),
        ("listener0", "name=tcp,bind=*,bind=-::*,port=7777"),
        ("listener1", "name=unix,bind=/tmp/x.sock"),
        ("listener2", "name=tls,bind=*,bind=-::*,port=7778"),
    ] {
        assert_eq!(field(&text, name), value, "{name}");
    }
    assert_eq!(field(&text, "run_id").len(), 40);
    let without_threads = report(&World::with(&[("io-threads", "1")]).client(), "INFO server");
    assert_eq!(field(&without_threads, "io_threads_active"), "0");
}

#[test]
fn clients_and_names_are_counted() {
    let world = World::new();
    let (first, second) = (world.client(), world.client().speaking(Proto::Resp3));
    first.say("SUBSCRIBE a b");
    second.say("PSUBSCRIBE p* q*");
    second.say("SSUBSCRIBE s");
    let unfinished = "*2\r\n$4\r\nECHO\r\n$5\r\nab";
    world.client().say(unfinished);
    world.client().say("WATCH a b");
    let text = report(&world.client(), "INFO clients stats");
    for (name, value) in [
        ("connected_clients", "5"),
        ("pubsub_clients", "2"),
        ("watching_clients", "1"),
        ("total_watched_keys", "2"),
        ("blocked_clients", "0"),
        ("maxclients", "10000"),
        ("pubsub_channels", "2"),
        ("pubsub_patterns", "2"),
        ("pubsubshard_channels", "1"),
    ] {
        assert_eq!(field(&text, name), value, "{name}");
    }
    let input = field(&text, "client_recent_max_input_buffer").parse::<usize>();
    assert!(input.is_ok_and(|bytes| bytes >= unfinished.len()));
}

#[test]
fn keys_are_counted_with_the_mean_of_the_time_that_they_have_left() {
    let world = World::new();
    let client = world.client();
    client.say("SET a 1\r\nSET b 1 PX 1000\r\nSET c 1 PX 4000\r\nSELECT 9\r\nRPUSH l x");
    world.advance(Duration::from_millis(500));
    let keyspace = |databases| format!("# Keyspace\r\n{databases}\r\n");
    let expected = "db0:keys=3,expires=2,avg_ttl=2000\r\ndb9:keys=1,expires=0,avg_ttl=0\r\n";
    assert_eq!(report(&client, "INFO keyspace"), keyspace(expected));
    client.say("SWAPDB 0 9\r\nSELECT 9\r\nPERSIST b\r\nRENAME c d\r\nDEL a");
    let expected = "db0:keys=1,expires=0,avg_ttl=0\r\ndb9:keys=2,expires=1,avg_ttl=3500\r\n";
    assert_eq!(report(&client, "INFO keyspace"), keyspace(expected));
    world.advance(Duration::from_secs(10));
    let expected = "db0:keys=1,expires=0,avg_ttl=0\r\ndb9:keys=2,expires=1,avg_ttl=0\r\n";
    assert_eq!(report(&client, "INFO keyspace"), keyspace(expected));
    client.say("FLUSHALL");
    assert_eq!(report(&client, "INFO keyspace"), keyspace(""));
}

#[test]
fn what_happened_to_keys_is_counted_until_it_is_reset() {
    let world = World::new();
    let client = world.client();
    client.say("SET a 1\r\nGET a\r\nGET b\r\nEXISTS a b c\r\nINCR a\r\nSET b 1 PX 10");
    world.advance(Duration::from_millis(10));
    client.say("TTL b");
    let names = ["keyspace_hits", "keyspace_misses", "expired_keys", "evicted_keys", "rdb_changes_since_last_save"];
    let counts = || names.map(|name| field(&report(&client, "INFO"), name).to_owned());
    assert_eq!(counts(), ["2", "4", "1", "0", "4"]);
    client.say("CONFIG RESETSTAT");
    assert_eq!(counts(), ["0", "0", "0", "0", "4"]);
}

#[test]
fn clients_that_wait_are_counted_with_their_keys() {
    let world = World::new();
    let [first, second, other] = [0, 1, 2].map(|_| world.client());
    let names = ["blocked_clients", "clients_in_timeout_table", "total_blocking_keys", "total_blocking_keys_on_nokey"];
    let counts = || names.map(|name| field(&report(&other, "INFO clients"), name).to_owned());
    first.say("BLPOP x y 0");
    second.say("BLPOP y z 100");
    assert_eq!(counts(), ["2", "1", "3", "0"]);
    other.say("RPUSH y 1 2");
    world.settle();
    [first, second].iter().for_each(|client| drop(client.resume()));
    assert_eq!(counts(), ["0", "0", "0", "0"]);
}

#[test]
fn clients_that_track_are_counted_with_what_is_remembered_for_them() {
    let world = World::new();
    let [first, second, third] = [0, 1, 2].map(|_| world.client().speaking(Proto::Resp3));
    first.say("CLIENT TRACKING ON\r\nMGET a b");
    second.say("CLIENT TRACKING ON\r\nGET b");
    third.say("CLIENT TRACKING ON BCAST PREFIX x PREFIX y");
    let names = ["tracking_clients", "tracking_total_keys", "tracking_total_items", "tracking_total_prefixes"];
    let text = report(&world.client(), "INFO");
    assert_eq!(names.map(|name| field(&text, name)), ["3", "2", "3", "2"]);
}

#[test]
fn keys_are_counted_within_a_transaction_that_uses_them() {
    let client = World::with(&[("enable-debug-command", "yes")]).client();
    client.say("MULTI\r\nSET a 1\r\nINFO keyspace\r\nMEMORY STATS\r\nCONFIG RESETSTAT\r\nDEBUG DIGEST");
    assert!(client.say("EXEC").contains("\r\ndb0:keys=1,expires=0,avg_ttl=0\r\n"));
}

#[test]
fn clients_wait_for_the_field_that_says_that_nothing_is_loading() {
    let text = report(&World::new().client(), "INFO");
    assert_eq!(field(&text, "loading"), "0");
    assert_eq!(field(&text, "role"), "master");
    assert_eq!(field(&text, "rdb_last_save_time"), "1767225600");
}

#[test]
#[cfg(target_os = "linux")]
fn memory_is_what_the_kernel_counts() {
    let text = report(&World::with(&[("maxmemory", "1gb")]).client(), "INFO memory");
    let number = |name: &str| field(&text, name).parse::<u64>().expect("a number of bytes");
    assert!(number("used_memory") > 0 && number("used_memory_peak") >= number("used_memory"));
    assert!(number("used_memory_startup") + number("used_memory_dataset") <= number("used_memory"));
    assert_eq!((field(&text, "maxmemory"), field(&text, "maxmemory_human")), ("1073741824", "1.00G"));
    assert_eq!(field(&text, "maxmemory_policy"), "noeviction");
}

#[test]
fn cpu_time_has_microseconds_behind_the_point() {
    let text = report(&World::new().client(), "INFO cpu");
    for name in ["used_cpu_sys", "used_cpu_user", "used_cpu_sys_children", "used_cpu_user_main_thread"] {
        let (_, fraction) = field(&text, name).split_once('.').expect("a fraction");
        assert_eq!(fraction.len(), 6, "{name}");
    }
}

#[test]
fn calls_refusals_and_failures_are_counted_for_each_command() {
    let world = World::new();
    let client = world.client();
    for line in ["PING", "PING", "ECHO", "SELECT 99", "AUTH x y", "NOSUCH", "CONFIG GET port"] {
        client.say(line);
    }
    let text = report(&client, "INFO commandstats errorstats stats");
    for (name, value) in [
        ("cmdstat_ping", "calls=2,usec=0,usec_per_call=0.00,rejected_calls=0,failed_calls=0"),
        ("cmdstat_echo", "calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0"),
        ("cmdstat_select", "calls=1,usec=0,usec_per_call=0.00,rejected_calls=0,failed_calls=1"),
        ("cmdstat_config|get", "calls=1,usec=0,usec_per_call=0.00,rejected_calls=0,failed_calls=0"),
        ("errorstat_ERR", "count=3"),
        ("errorstat_WRONGPASS", "count=1"),
        ("total_error_replies", "4"),
        ("total_commands_processed", "5"),
        ("acl_access_denied_auth", "1"),
    ] {
        assert_eq!(field(&text, name), value, "{name}");
    }
    assert!(!text.contains("cmdstat_publish"));
}

#[test]
fn percentiles_are_those_of_the_directive_over_all_workers() {
    let world = World::with(&[("io-threads", "2"), ("latency-tracking-info-percentiles", "50 99.90 100")]);
    let ping = usize::from(table::get(&world.server.names, b"ping").expect("PING exists").index);
    for (worker, ns) in [(0, 1000), (0, 1000), (1, 5000)] {
        world.server.workers[worker].stats.by_command[ping].record_latencies(ns, 1);
    }
    let client = world.client();
    let text = report(&client, "INFO latencystats");
    assert_eq!(field(&text, "latency_percentiles_usec_ping"), "p50=1.003,p99.9=5.023,p100=5.023");
    client.say(r#"CONFIG SET latency-tracking-info-percentiles """#);
    assert_eq!(field(&report(&client, "INFO latencystats"), "latency_percentiles_usec_ping"), "");
}

#[test]
fn rates_are_means_of_the_last_samples() {
    let world = World::new();
    world.server.sample_rates();
    for _ in 0..16 {
        world.server.clock.advance(Duration::from_millis(100));
        world.server.workers[0].stats.counters.commands.add(10);
        world.server.workers[0].stats.counters.net_output_bytes.add(1024);
        world.server.sample_rates();
    }
    let text = report(&world.client(), "INFO stats");
    assert_eq!(field(&text, "instantaneous_ops_per_sec"), "100");
    assert_eq!(field(&text, "instantaneous_input_kbps"), "0.00");
    assert_eq!(field(&text, "instantaneous_output_kbps"), "10.00");
}

#[test]
fn sizes_for_people_have_two_digits_and_a_unit() {
    for (bytes, text) in [(0, "0B"), (1023, "1023B"), (1024, "1.00K"), (1536, "1.50K"), (5 << 40, "5.00T")] {
        assert_eq!(human(bytes), text);
    }
    assert_eq!(human(u64::MAX), "16.00E");
    assert_eq!((percent(1, 4), percent(1, 0)), (25.0, 0.0));
}

/// What a Redis 7.4 shows that is a master, keeps nothing on disk and is not ending, but for the cycles of its event loop.
const OF_REDIS: &str = "\
    acl_access_denied_auth acl_access_denied_channel acl_access_denied_cmd acl_access_denied_key active_defrag_hits \
    active_defrag_key_hits active_defrag_key_misses active_defrag_misses active_defrag_running allocator_active \
    allocator_allocated allocator_frag_bytes allocator_frag_ratio allocator_muzzy allocator_resident \
    allocator_rss_bytes allocator_rss_ratio aof_current_rewrite_time_sec aof_enabled aof_last_bgrewrite_status \
    aof_last_cow_size aof_last_rewrite_time_sec aof_last_write_status aof_rewrite_in_progress aof_rewrite_scheduled \
    aof_rewrites aof_rewrites_consecutive_failures arch_bits async_loading atomicvar_api blocked_clients \
    client_output_buffer_limit_disconnections client_query_buffer_limit_disconnections \
    client_recent_max_input_buffer client_recent_max_output_buffer clients_in_timeout_table cluster_connections \
    cluster_enabled config_file configured_hz connected_clients connected_slaves current_active_defrag_time \
    current_cow_peak current_cow_size current_cow_size_age current_eviction_exceeded_time current_fork_perc \
    current_save_keys_processed current_save_keys_total dump_payload_sanitizations evicted_clients evicted_keys \
    evicted_scripts executable expire_cycle_cpu_milliseconds expired_keys expired_stale_perc expired_subkeys \
    expired_time_cap_reached_count gcc_version hz instantaneous_input_kbps instantaneous_input_repl_kbps \
    instantaneous_ops_per_sec instantaneous_output_kbps instantaneous_output_repl_kbps io_threaded_reads_processed \
    io_threaded_writes_processed io_threads_active keyspace_hits keyspace_misses latest_fork_usec \
    lazyfree_pending_objects lazyfreed_objects loading lru_clock master_failover_state master_repl_offset \
    master_replid master_replid2 maxclients maxmemory maxmemory_human maxmemory_policy mem_allocator mem_aof_buffer \
    mem_clients_normal mem_clients_slaves mem_cluster_links mem_fragmentation_bytes mem_fragmentation_ratio \
    mem_not_counted_for_evict mem_overhead_db_hashtable_rehashing mem_replication_backlog \
    mem_total_replication_buffers migrate_cached_sockets module_fork_in_progress module_fork_last_cow_size \
    monotonic_clock multiplexing_api number_of_cached_scripts number_of_functions number_of_libraries os process_id \
    process_supervised pubsub_channels pubsub_clients pubsub_patterns pubsubshard_channels rdb_bgsave_in_progress \
    rdb_changes_since_last_save rdb_current_bgsave_time_sec rdb_last_bgsave_status rdb_last_bgsave_time_sec \
    rdb_last_cow_size rdb_last_load_keys_expired rdb_last_load_keys_loaded rdb_last_save_time rdb_saves \
    redis_build_id redis_git_dirty redis_git_sha1 redis_mode redis_version rejected_connections repl_backlog_active \
    repl_backlog_first_byte_offset repl_backlog_histlen repl_backlog_size reply_buffer_expands reply_buffer_shrinks \
    role rss_overhead_bytes rss_overhead_ratio run_id second_repl_offset server_time_usec slave_expires_tracked_keys \
    sync_full sync_partial_err sync_partial_ok tcp_port total_active_defrag_time total_blocking_keys \
    total_blocking_keys_on_nokey total_commands_processed total_connections_received total_error_replies \
    total_eviction_exceeded_time total_forks total_net_input_bytes total_net_output_bytes total_net_repl_input_bytes \
    total_net_repl_output_bytes total_reads_processed total_system_memory total_system_memory_human \
    total_watched_keys total_writes_processed tracking_clients tracking_total_items tracking_total_keys \
    tracking_total_prefixes unexpected_error_replies uptime_in_days uptime_in_seconds used_cpu_sys \
    used_cpu_sys_children used_cpu_sys_main_thread used_cpu_user used_cpu_user_children used_cpu_user_main_thread \
    used_memory used_memory_dataset used_memory_dataset_perc used_memory_functions used_memory_human used_memory_lua \
    used_memory_lua_human used_memory_overhead used_memory_peak used_memory_peak_human used_memory_peak_perc \
    used_memory_rss used_memory_rss_human used_memory_scripts used_memory_scripts_eval used_memory_scripts_human \
    used_memory_startup used_memory_vm_eval used_memory_vm_functions used_memory_vm_total used_memory_vm_total_human \
    watching_clients";

#[test]
fn every_field_that_tools_find_in_redis_is_there_once() {
    let text = report(&World::new().client(), "INFO everything");
    for name in OF_REDIS.split_ascii_whitespace() {
        field(&text, name);
    }
}
