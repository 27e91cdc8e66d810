//! Directives of Redis 7.0 to 8.0 with the values that they have there, and what becomes of each here.

use super::*;

/// Every directive, a section for each version that brought some, with its default value. Both names where there are two.
const DIRECTIVES: &str = r#"
# 7.0
acl-pubsub-default resetchannels
aclfile ""
acllog-max-len 128
active-defrag-cycle-max 25
active-defrag-cycle-min 1
active-defrag-ignore-bytes 104857600
active-defrag-max-scan-fields 1000
active-defrag-threshold-lower 10
active-defrag-threshold-upper 100
active-expire-effort 1
activedefrag no
activerehashing yes
always-show-logo no
aof-load-truncated yes
aof-rewrite-incremental-fsync yes
aof-timestamp-enabled no
aof-use-rdb-preamble yes
aof_rewrite_cpulist ""
appenddirname appendonlydir
appendfilename appendonly.aof
appendfsync everysec
appendonly no
auto-aof-rewrite-min-size 67108864
auto-aof-rewrite-percentage 100
bgsave_cpulist ""
bind * -::*
bind-source-addr ""
bio_cpulist ""
busy-reply-threshold 5000
client-output-buffer-limit normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60
client-query-buffer-limit 1073741824
cluster-allow-pubsubshard-when-down yes
cluster-allow-reads-when-down no
cluster-allow-replica-migration yes
cluster-announce-bus-port 0
cluster-announce-hostname ""
cluster-announce-ip ""
cluster-announce-port 0
cluster-announce-tls-port 0
cluster-config-file nodes.conf
cluster-enabled no
cluster-link-sendbuf-limit 0
cluster-migration-barrier 1
cluster-node-timeout 15000
cluster-port 0
cluster-preferred-endpoint-type ip
cluster-replica-no-failover no
cluster-replica-validity-factor 10
cluster-require-full-coverage yes
cluster-slave-no-failover no
cluster-slave-validity-factor 10
crash-log-enabled yes
crash-memcheck-enabled yes
daemonize no
databases 16
dbfilename dump.rdb
dir ./
disable-thp yes
dynamic-hz yes
enable-debug-command no
enable-module-command no
enable-protected-configs no
hash-max-listpack-entries 512
hash-max-listpack-value 64
hash-max-ziplist-entries 512
hash-max-ziplist-value 64
hll-sparse-max-bytes 3000
hz 10
ignore-warnings ""
io-threads 1
io-threads-do-reads no
jemalloc-bg-thread yes
latency-monitor-threshold 0
latency-tracking yes
latency-tracking-info-percentiles 50 99 99.9
lazyfree-lazy-eviction no
lazyfree-lazy-expire no
lazyfree-lazy-server-del no
lazyfree-lazy-user-del no
lazyfree-lazy-user-flush no
lfu-decay-time 1
lfu-log-factor 10
list-compress-depth 0
list-max-listpack-size -2
list-max-ziplist-size -2
logfile ""
loglevel notice
lua-time-limit 5000
masterauth ""
masteruser ""
maxclients 10000
maxmemory 0
maxmemory-clients 0
maxmemory-eviction-tenacity 10
maxmemory-policy noeviction
maxmemory-samples 5
min-replicas-max-lag 10
min-replicas-to-write 0
min-slaves-max-lag 10
min-slaves-to-write 0
no-appendfsync-on-rewrite no
notify-keyspace-events ""
oom-score-adj no
oom-score-adj-values 0 200 800
pidfile ""
port 6379
proc-title-template "{title} {listen-addr} {server-mode}"
propagation-error-behavior ignore
protected-mode yes
proto-max-bulk-len 536870912
rdb-del-sync-files no
rdb-save-incremental-fsync yes
rdbchecksum yes
rdbcompression yes
repl-backlog-size 1048576
repl-backlog-ttl 3600
repl-disable-tcp-nodelay no
repl-diskless-load disabled
repl-diskless-sync yes
repl-diskless-sync-delay 5
repl-diskless-sync-max-replicas 0
repl-ping-replica-period 10
repl-ping-slave-period 10
repl-timeout 60
replica-announce-ip ""
replica-announce-port 0
replica-announced yes
replica-ignore-disk-write-errors no
replica-ignore-maxmemory yes
replica-lazy-flush no
replica-priority 100
replica-read-only yes
replica-serve-stale-data yes
replicaof no one
requirepass ""
sanitize-dump-payload no
save 3600 1 300 100 60 10000
server_cpulist ""
set-max-intset-entries 512
set-proc-title yes
shutdown-on-sigint default
shutdown-on-sigterm default
shutdown-timeout 10
slave-announce-ip ""
slave-announce-port 0
slave-ignore-maxmemory yes
slave-lazy-flush no
slave-priority 100
slave-read-only yes
slave-serve-stale-data yes
slaveof no one
slowlog-log-slower-than 10000
slowlog-max-len 128
socket-mark-id 0
stop-writes-on-bgsave-error yes
stream-node-max-bytes 4096
stream-node-max-entries 100
supervised no
syslog-enabled no
syslog-facility local0
syslog-ident redis
tcp-backlog 511
tcp-keepalive 300
timeout 0
tls-auth-clients yes
tls-ca-cert-dir ""
tls-ca-cert-file ""
tls-cert-file ""
tls-ciphers ""
tls-ciphersuites ""
tls-client-cert-file ""
tls-client-key-file ""
tls-client-key-file-pass ""
tls-cluster no
tls-dh-params-file ""
tls-key-file ""
tls-key-file-pass ""
tls-port 0
tls-prefer-server-ciphers no
tls-protocols ""
tls-replication no
tls-session-cache-size 20480
tls-session-cache-timeout 300
tls-session-caching yes
tracking-table-max-keys 1000000
unixsocket ""
unixsocketperm 0
zset-max-listpack-entries 128
zset-max-listpack-value 64
zset-max-ziplist-entries 128
zset-max-ziplist-value 64
# 7.2
cluster-announce-human-nodename ""
locale-collate ""
set-max-listpack-entries 128
set-max-listpack-value 64
# 7.4
aof-rewrite-cpulist ""
bgsave-cpulist ""
bio-cpulist ""
hide-user-data-from-log no
max-new-connections-per-cycle 10
max-new-tls-connections-per-cycle 1
server-cpulist ""
# 8.0
cluster-compatibility-sample-ratio 0
replica-full-sync-buffer-limit 0
"#;

/// Directives that Redis hides, for its own tests: nobody's file has them.
const UNKNOWN_HERE: &str = "aof-disable-auto-gc client-default-resp cluster-ping-interval key-load-delay loading-process-events-interval-bytes \
    rdb-key-save-delay req-res-logfile use-exit-on-panic watchdog-period";

/// Defaults of Redis that ask for what does not exist here; its own file does not write them.
const ASKING: [&str; 1] = ["save"];

/// What one line in a file causes: an error, or warnings.
fn verdict(line: &str) -> Result<Vec<String>, String> {
    match call_with(&["-"], line) {
        Ok(Invocation::Run { warnings, .. }) => Ok(warnings),
        Ok(other) => panic!("{line}: {other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn every_directive_of_redis_is_taken_with_its_default_and_nothing_is_said_of_it() {
    let lines = || DIRECTIVES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    for line in lines() {
        let warnings = verdict(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let name = line.split(' ').next().unwrap_or_default();
        assert_eq!(warnings.is_empty(), !ASKING.contains(&name), "{line}: {warnings:?}");
    }
    let all: Vec<&str> = lines().collect();
    assert_eq!(verdict(&all.join("\n")).map(|warnings| warnings.len()), Ok(ASKING.len()));
    for name in UNKNOWN_HERE.split_ascii_whitespace() {
        let error = verdict(&format!("{name} 0")).expect_err("it is unknown");
        assert!(error.contains(&format!("line 1: unknown directive '{name}'; ")), "{error}");
    }
}

/// Lines that ask for what does not exist here and are taken, with what is said of them.
const WARNED: [(&str, &str); 16] = [
    ("appendonly yes", "appendonly. Nothing is kept on disk"),
    ("save 3600 1 300 100 60 10000", "save. Nothing is kept on disk"),
    ("dbfilename other.rdb", "dbfilename. Nothing is kept on disk"),
    ("replicaof 10.0.0.1 6379", "replicaof. There are no replicas"),
    ("slaveof 10.0.0.1 6379", "replicaof. There are no replicas"),
    ("masterauth secret", "masterauth. There are no replicas"),
    ("min-slaves-to-write 1", "min-replicas-to-write. There are no replicas"),
    ("cluster-require-full-coverage no", "cluster-require-full-coverage. Nodes find each other"),
    ("loadmodule /usr/lib/search.so A B", "loadmodule. There are no modules"),
    ("search-on-timeout return", "search-on-timeout. There are no modules"),
    ("hash-max-ziplist-entries 1024", "hash-max-listpack-entries. Data is laid out in another way"),
    ("activedefrag yes", "activedefrag. Nothing is defragmented"),
    ("syslog-enabled yes", "syslog-enabled. The server"),
    ("hz 100", "hz. The server"),
    ("tls-replication yes", "tls-replication. There are no connections to other servers"),
    ("rename-command HSET \"\"\nrename-command zadd b840fc", "rename-command HSET, zadd. There are no such commands"),
];

/// Lines that are refused, because to go on without what they ask for would harm.
const REFUSED: [(&str, &str); 3] = [
    ("daemonize yes", "daemonize: the server stays in the foreground"),
    ("sentinel monitor mymaster 127.0.0.1 6379 2", "sentinel: this is no Sentinel"),
    ("maxmemory-samples 65", "maxmemory-samples: argument must be between 1 and 64 inclusive"),
];

#[test]
fn what_is_asked_for_in_vain_is_said_in_one_line_with_the_reason() {
    for (line, expected) in WARNED {
        let warnings = verdict(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(warnings.len(), 1, "{line}: {warnings:?}");
        assert!(warnings[0].starts_with(&format!("no effect here: {expected}")), "{line}: {warnings:?}");
    }
    for (line, expected) in REFUSED {
        let error = verdict(line).expect_err("it is refused");
        assert!(error.starts_with(&format!("standard input line 1: {expected}")), "{line}: {error}");
    }
    let lines: Vec<&str> = WARNED.iter().map(|(line, _)| *line).collect();
    let warnings = verdict(&lines.join("\n")).unwrap_or_else(|error| panic!("all of them: {error}"));
    assert!(warnings.len() == 9 && warnings.iter().all(|line| line.lines().count() == 1), "{warnings:?}");
    assert!(
        verdict("appendonly yes\nappendonly no\n").is_ok_and(|warnings| warnings.is_empty()),
        "the last one counts"
    );
}

#[test]
fn what_debian_and_the_chart_of_bitnami_write_starts() {
    let debian = "daemonize yes\npidfile /run/redis/redis-server.pid\nlogfile /var/log/redis/redis-server.log\n\
        dir /var/lib/redis\nalways-show-logo no\nproc-title-template \"{title} {listen-addr} {server-mode}\"\n";
    let files = Files::new(&[
        ("redis.conf", debian),
        ("common.conf", "appendonly yes\nsave \"\"\n"),
        ("master.conf", "dir /data\nrename-command FLUSHDB \"\"\nrename-command FLUSHALL \"\"\n"),
    ]);
    let (_, warnings) = run_with(&[&files.text("redis.conf"), "--supervised", "systemd", "--daemonize", "no"], "");
    assert_eq!(warnings, Vec::<String>::new());
    let (common, master) = (files.text("common.conf"), files.text("master.conf"));
    let password = ["--port", "6379", "--requirepass", "secret", "--masterauth", "secret"];
    let chart = [&password[..], &["--include", &common, "--include", &master]].concat();
    let (config, warnings) = run_with(&chart, "");
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains(": appendonly. ") && warnings[1].contains(": masterauth. "), "{warnings:?}");
    assert_eq!((value(&config, "requirepass").as_str(), config.settings().rename_command.len()), ("secret", 2));
}
