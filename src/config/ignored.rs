//! Directives that Redis 7.2 has and that have no effect here. They are read, checked, answered by CONFIG GET and taken
//! by CONFIG SET as Redis does, because configuration files made for Redis, clients' test suites and tools use them. At start
//! a warning for each group names those that ask for something, and says why they have no effect.
//!
//! Bounds, defaults, aliases and what may change at run time are those of Redis' own table (`config.c`). Where ignoring a
//! value would be dangerous, the entry takes only its default: see `only_default`.

use super::accepted::{Anything, OomScores, ReplicaOf, Save, Text, Word};
use super::compound::Secret;
use super::param::Change::{FileOnly, Protected, Start};
use super::param::{Param, ignored};
use super::value::{ByteSize, INT_MAX, LONG_MAX, number, words};

/// Directives that belong together, with the reason why they have no effect.
pub(super) struct Group {
    /// Names the group in the example file.
    pub(super) title: &'static str,
    /// Why they have no effect.
    pub(super) why: &'static str,
    pub(super) params: &'static [Param],
}

/// Every directive without effect, in the order of the example file.
pub(super) static GROUPS: &[Group] = &[
    Group {
        title: "Persistence",
        why: "Nothing is kept on disk: keys are gone when the server ends.",
        params: PERSISTENCE,
    },
    Group {
        title: "Replication",
        why: "There are no replicas: this server has its own keys and copies nobody's.",
        params: REPLICATION,
    },
    Group {
        title: "Cluster",
        why: "Nodes find each other through the backplane and deal out slots by themselves.",
        params: CLUSTER,
    },
    Group {
        title: "Modules",
        why: "There are no modules and none of their commands, and scripts are replicated to nobody.",
        params: MODULES,
    },
    Group { title: "Encodings", why: "Data is laid out in another way.", params: ENCODINGS },
    Group { title: "Memory", why: "Nothing is defragmented or freed in the background.", params: MEMORY },
    Group { title: "Process", why: "The server runs in the foreground and has other threads.", params: PROCESS },
    Group {
        title: "TLS",
        why: "There are no connections to other servers, and Diffie-Hellman is over elliptic curves only.",
        params: TLS,
    },
];

const fn flag(name: &'static str, default: &'static str) -> Param {
    ignored::<bool>(name, default)
}

const fn int(name: &'static str, default: &'static str, min: i128, max: i128) -> Param {
    ignored::<i64>(name, default).rule(number(min, max))
}

const fn bytes(name: &'static str, default: &'static str, min: i128, max: i128) -> Param {
    ignored::<ByteSize>(name, default).rule(number(min, max))
}

const fn text(name: &'static str, default: &'static str) -> Param {
    ignored::<Text>(name, default)
}

const fn word(name: &'static str, default: &'static str, all: &'static [&'static str]) -> Param {
    ignored::<Word>(name, default).rule(words(all))
}

static PERSISTENCE: &[Param] = &[
    ignored::<Save>("save", ""),
    flag("stop-writes-on-bgsave-error", "yes"),
    flag("rdbcompression", "yes"),
    flag("rdbchecksum", "yes").change(Start),
    flag("rdb-del-sync-files", "no"),
    flag("rdb-save-incremental-fsync", "yes"),
    text("dbfilename", "dump.rdb").change(Protected),
    word("sanitize-dump-payload", "no", &["no", "yes", "clients"]),
    flag("appendonly", "no"),
    text("appendfilename", "appendonly.aof").change(Start),
    text("appenddirname", "appendonlydir").change(Start),
    word("appendfsync", "everysec", &["everysec", "always", "no"]),
    flag("no-appendfsync-on-rewrite", "no"),
    int("auto-aof-rewrite-percentage", "100", 0, INT_MAX),
    bytes("auto-aof-rewrite-min-size", "67108864", 0, LONG_MAX),
    flag("aof-load-truncated", "yes"),
    flag("aof-use-rdb-preamble", "yes"),
    flag("aof-timestamp-enabled", "no"),
    flag("aof-rewrite-incremental-fsync", "yes"),
];

static REPLICATION: &[Param] = &[
    ignored::<ReplicaOf>("replicaof", "").alias("slaveof").change(Start),
    ignored::<Secret>("masterauth", ""),
    ignored::<Secret>("masteruser", ""),
    flag("replica-serve-stale-data", "yes").alias("slave-serve-stale-data"),
    flag("replica-read-only", "yes").alias("slave-read-only"),
    flag("replica-lazy-flush", "no").alias("slave-lazy-flush"),
    flag("replica-ignore-maxmemory", "yes").alias("slave-ignore-maxmemory"),
    flag("replica-ignore-disk-write-errors", "no"),
    flag("replica-announced", "yes"),
    text("replica-announce-ip", "").alias("slave-announce-ip"),
    int("replica-announce-port", "0", 0, 65535).alias("slave-announce-port"),
    int("replica-priority", "100", 0, INT_MAX).alias("slave-priority"),
    flag("repl-diskless-sync", "yes"),
    int("repl-diskless-sync-delay", "5", 0, INT_MAX),
    int("repl-diskless-sync-max-replicas", "0", 0, INT_MAX),
    word("repl-diskless-load", "disabled", &["disabled", "on-empty-db", "swapdb"]),
    flag("repl-disable-tcp-nodelay", "no"),
    int("repl-timeout", "60", 1, INT_MAX),
    int("repl-ping-replica-period", "10", 1, INT_MAX).alias("repl-ping-slave-period"),
    bytes("replica-full-sync-buffer-limit", "0", 0, LONG_MAX),
    bytes("repl-backlog-size", "1048576", 1, LONG_MAX),
    int("repl-backlog-ttl", "3600", 0, LONG_MAX),
    int("min-replicas-to-write", "0", 0, INT_MAX).alias("min-slaves-to-write"),
    int("min-replicas-max-lag", "10", 0, INT_MAX).alias("min-slaves-max-lag"),
    word("propagation-error-behavior", "ignore", &["ignore", "panic", "panic-on-replicas"]),
];

static CLUSTER: &[Param] = &[
    text("cluster-config-file", "nodes.conf").change(Start),
    int("cluster-node-timeout", "15000", 0, LONG_MAX),
    int("cluster-port", "0", 0, 65535).change(Start),
    text("cluster-announce-hostname", ""),
    text("cluster-announce-human-nodename", ""),
    int("cluster-announce-bus-port", "0", 0, 65535),
    int("cluster-compatibility-sample-ratio", "0", 0, 100),
    int("cluster-replica-validity-factor", "10", 0, INT_MAX).alias("cluster-slave-validity-factor"),
    int("cluster-migration-barrier", "1", 0, INT_MAX),
    flag("cluster-allow-replica-migration", "yes"),
    flag("cluster-require-full-coverage", "yes"),
    flag("cluster-replica-no-failover", "no").alias("cluster-slave-no-failover"),
    flag("cluster-allow-reads-when-down", "no"),
    flag("cluster-allow-pubsubshard-when-down", "yes"),
    bytes("cluster-link-sendbuf-limit", "0", 0, u64::MAX as i128),
    word("cluster-preferred-endpoint-type", "ip", &["ip", "hostname", "unknown-endpoint"]),
];

static MODULES: &[Param] = &[
    word("enable-module-command", "no", &["no", "yes", "local"]).change(Start),
    ignored::<Anything>("loadmodule", "").change(FileOnly),
    ignored::<Anything>("lua-replicate-commands", "").change(FileOnly),
];

static ENCODINGS: &[Param] = &[
    int("hash-max-listpack-entries", "512", 0, LONG_MAX).alias("hash-max-ziplist-entries"),
    bytes("hash-max-listpack-value", "64", 0, LONG_MAX).alias("hash-max-ziplist-value"),
    int("list-max-listpack-size", "-2", i32::MIN as i128, INT_MAX).alias("list-max-ziplist-size"),
    int("list-compress-depth", "0", 0, INT_MAX),
    ignored::<Anything>("list-max-ziplist-entries", "").change(FileOnly),
    ignored::<Anything>("list-max-ziplist-value", "").change(FileOnly),
    int("set-max-intset-entries", "512", 0, LONG_MAX),
    int("set-max-listpack-entries", "128", 0, LONG_MAX),
    int("set-max-listpack-value", "64", 0, LONG_MAX),
    int("zset-max-listpack-entries", "128", 0, LONG_MAX).alias("zset-max-ziplist-entries"),
    bytes("zset-max-listpack-value", "64", 0, LONG_MAX).alias("zset-max-ziplist-value"),
    bytes("hll-sparse-max-bytes", "3000", 0, LONG_MAX),
    bytes("stream-node-max-bytes", "4096", 0, LONG_MAX),
    int("stream-node-max-entries", "100", 0, LONG_MAX),
];

static MEMORY: &[Param] = &[
    int("maxmemory-eviction-tenacity", "10", 0, 100),
    int("active-expire-effort", "1", 1, 10),
    flag("lazyfree-lazy-eviction", "no"),
    flag("lazyfree-lazy-expire", "no"),
    flag("lazyfree-lazy-server-del", "no"),
    flag("lazyfree-lazy-user-del", "no"),
    flag("lazyfree-lazy-user-flush", "no"),
    flag("activedefrag", "no"),
    bytes("active-defrag-ignore-bytes", "104857600", 1, LONG_MAX),
    int("active-defrag-threshold-lower", "10", 0, 1000),
    int("active-defrag-threshold-upper", "100", 0, 1000),
    int("active-defrag-cycle-min", "1", 1, 99),
    int("active-defrag-cycle-max", "25", 1, 99),
    int("active-defrag-max-scan-fields", "1000", 1, LONG_MAX),
    flag("activerehashing", "yes"),
    flag("jemalloc-bg-thread", "yes"),
];

const FACILITIES: &[&str] = &["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"];

static PROCESS: &[Param] = &[
    flag("daemonize", "no").change(Start).only_default(
        "the server stays in the foreground; let systemd, a container or 'setsid pregon ... &' run it in the background",
    ),
    int("hz", "10", 0, INT_MAX),
    flag("dynamic-hz", "yes"),
    flag("io-threads-do-reads", "no").change(Start),
    flag("always-show-logo", "no").change(Start),
    flag("set-proc-title", "yes").change(Start),
    text("proc-title-template", "{title} {listen-addr} {server-mode}"),
    flag("syslog-enabled", "no").change(Start),
    text("syslog-ident", "redis").change(Start),
    word("syslog-facility", "local0", FACILITIES).change(Start),
    flag("crash-log-enabled", "yes"),
    flag("crash-memcheck-enabled", "yes"),
    word("oom-score-adj", "no", &["no", "yes", "relative", "absolute"]),
    ignored::<OomScores>("oom-score-adj-values", "0 200 800"),
    text("server-cpulist", "").alias("server_cpulist").change(Start),
    text("bio-cpulist", "").alias("bio_cpulist").change(Start),
    text("aof-rewrite-cpulist", "").alias("aof_rewrite_cpulist").change(Start),
    text("bgsave-cpulist", "").alias("bgsave_cpulist").change(Start),
    flag("hide-user-data-from-log", "no"),
    int("max-new-connections-per-cycle", "10", 1, 1000),
    text("bind-source-addr", ""),
    int("socket-mark-id", "0", 0, u32::MAX as i128).change(Start),
    text("ignore-warnings", ""),
    text("locale-collate", ""),
    ignored::<Anything>("sentinel", "")
        .change(FileOnly)
        .only_default("this is no Sentinel; remove the line and let clients connect to this server directly"),
];

static TLS: &[Param] = &[
    text("tls-client-cert-file", ""),
    text("tls-client-key-file", ""),
    ignored::<Secret>("tls-client-key-file-pass", ""),
    text("tls-dh-params-file", ""),
    flag("tls-replication", "no"),
    flag("tls-cluster", "no"),
    int("max-new-tls-connections-per-cycle", "1", 1, 1000),
];
