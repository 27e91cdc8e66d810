//! What is shown by which name. Families that `redis_exporter` publishes have its names, so that dashboards and alerts made for
//! it work; all others begin with `pregon_`.
//!
//! Source of the names: `exporter/exporter.go` of redis_exporter.

use super::channels;
use super::figures::{Figures, part};
use crate::observe::counters::{self, METRICS, Metric, Source};
use crate::server::Unready;
use Kind::{Counter, Gauge};

/// How a number behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It rises until the server is restarted, or CONFIG RESETSTAT is called.
    Counter,
    /// It rises and falls.
    Gauge,
}

/// Samples of one name.
#[derive(Debug)]
pub(super) struct Family {
    /// Without the ending of counters.
    pub(super) name: String,
    pub(super) help: String,
    pub(super) kind: Kind,
    pub(super) samples: Vec<(Vec<(String, String)>, f64)>,
}

impl Family {
    pub(super) fn of(name: impl Into<String>, help: impl Into<String>, kind: Kind) -> Self {
        // The encoder ends a help with a point.
        let help: String = help.into();
        Family { name: name.into(), help: help.trim_end_matches('.').to_owned(), kind, samples: Vec::new() }
    }

    fn with(mut self, labels: &[(&str, &str)], value: f64) -> Self {
        self.add(labels, value);
        self
    }

    pub(super) fn add(&mut self, labels: &[(&str, &str)], value: f64) {
        let labels = labels.iter().map(|(name, value)| (String::from(*name), String::from(*value))).collect();
        self.samples.push((labels, value));
    }
}

/// What INFO calls it, what redis_exporter calls it, how it behaves, and what it is where the table of counters does not say.
type Known = (&'static str, &'static str, Kind, &'static str);

/// What redis_exporter has, too, as one number.
const KNOWN: &[Known] = &[
    ("uptime_in_seconds", "redis_uptime_in_seconds", Gauge, "Seconds since the start"),
    ("process_id", "redis_process_id", Gauge, "Number of the process"),
    ("io_threads_active", "redis_io_threads_active", Gauge, "Whether more than one io-thread serves clients"),
    ("connected_clients", "redis_connected_clients", Gauge, "Clients that are connected"),
    ("maxclients", "redis_max_clients", Gauge, "How many there may be"),
    (
        "client_recent_max_input_buffer",
        "redis_client_recent_max_input_buffer_bytes",
        Gauge,
        "The most that one client has sent and that waits to be run",
    ),
    (
        "client_recent_max_output_buffer",
        "redis_client_recent_max_output_buffer_bytes",
        Gauge,
        "The most that waits to be written to one client",
    ),
    ("blocked_clients", "redis_blocked_clients", Gauge, "Clients whose commands wait"),
    ("tracking_clients", "redis_tracking_clients", Gauge, "Clients that are told of changes of keys"),
    ("pubsub_clients", "redis_pubsub_clients", Gauge, "Clients that listen to anything"),
    ("watching_clients", "redis_watching_clients", Gauge, "Clients that watch keys"),
    ("clients_in_timeout_table", "redis_clients_in_timeout_table", Gauge, "Clients that wait for keys for a time only"),
    ("total_watched_keys", "redis_total_watched_keys", Gauge, "Keys that clients watch"),
    ("total_blocking_keys", "redis_total_blocking_keys", Gauge, "Keys that clients wait for"),
    ("used_memory", "redis_memory_used_bytes", Gauge, "Memory that the allocator has given away"),
    ("used_memory_rss", "redis_memory_used_rss_bytes", Gauge, "Memory of the process, as the system counts it"),
    ("used_memory_peak", "redis_memory_used_peak_bytes", Gauge, "The most that the allocator had given away"),
    ("used_memory_overhead", "redis_memory_used_overhead_bytes", Gauge, "Memory of the start and of clients"),
    ("used_memory_startup", "redis_memory_used_startup_bytes", Gauge, "Memory that was used at the start"),
    ("used_memory_dataset", "redis_memory_used_dataset_bytes", Gauge, "Memory of all else"),
    ("used_memory_lua", "redis_memory_used_lua_bytes", Gauge, "Memory of the interpreter of scripts"),
    ("used_memory_scripts", "redis_memory_used_scripts_bytes", Gauge, "Memory of scripts that are kept"),
    ("number_of_cached_scripts", "redis_number_of_cached_scripts", Gauge, "Scripts that are kept"),
    ("maxmemory", "redis_memory_max_bytes", Gauge, "How much memory may be used; 0 is no limit"),
    (
        "allocator_active",
        "redis_allocator_active_bytes",
        Gauge,
        "Pages in which the allocator has given something away",
    ),
    ("allocator_allocated", "redis_allocator_allocated_bytes", Gauge, "What it has given away of them"),
    ("allocator_resident", "redis_allocator_resident_bytes", Gauge, "Its pages in memory"),
    ("allocator_frag_ratio", "redis_allocator_frag_ratio", Gauge, "Its pages by what it has given away"),
    ("allocator_frag_bytes", "redis_allocator_frag_bytes", Gauge, "The difference between the two"),
    ("mem_fragmentation_ratio", "redis_mem_fragmentation_ratio", Gauge, "Memory of the process by what was given away"),
    ("mem_fragmentation_bytes", "redis_mem_fragmentation_bytes", Gauge, "The difference between the two"),
    ("mem_clients_normal", "redis_mem_clients_normal", Gauge, "Memory that clients hold, in bytes"),
    ("lazyfree_pending_objects", "redis_lazyfree_pending_objects", Gauge, "Large values that wait to be freed"),
    ("total_connections_received", "redis_connections_received", Counter, ""),
    ("total_commands_processed", "redis_commands_processed", Counter, ""),
    ("total_net_input_bytes", "redis_net_input_bytes", Counter, ""),
    ("total_net_output_bytes", "redis_net_output_bytes", Counter, ""),
    ("rejected_connections", "redis_rejected_connections", Counter, ""),
    ("expired_keys", "redis_expired_keys", Counter, ""),
    ("evicted_keys", "redis_evicted_keys", Counter, ""),
    ("evicted_clients", "redis_evicted_clients", Counter, ""),
    ("evicted_scripts", "redis_evicted_scripts", Counter, ""),
    ("keyspace_hits", "redis_keyspace_hits", Counter, ""),
    ("keyspace_misses", "redis_keyspace_misses", Counter, ""),
    ("pubsub_channels", "redis_pubsub_channels", Gauge, ""),
    ("pubsub_patterns", "redis_pubsub_patterns", Gauge, ""),
    ("pubsubshard_channels", "redis_pubsubshard_channels", Gauge, ""),
    ("tracking_total_keys", "redis_tracking_total_keys", Gauge, ""),
    ("tracking_total_items", "redis_tracking_total_items", Gauge, ""),
    ("tracking_total_prefixes", "redis_tracking_total_prefixes", Gauge, ""),
    // Counters there, too, but by names without the ending of such.
    ("total_error_replies", "redis_total_error_replies", Gauge, ""),
    ("total_reads_processed", "redis_total_reads_processed", Gauge, ""),
    ("total_writes_processed", "redis_total_writes_processed", Gauge, ""),
    ("io_threaded_reads_processed", "redis_io_threaded_reads_processed", Gauge, ""),
    ("io_threaded_writes_processed", "redis_io_threaded_writes_processed", Gauge, ""),
    ("client_query_buffer_limit_disconnections", "redis_client_query_buffer_limit_disconnections", Counter, ""),
    ("client_output_buffer_limit_disconnections", "redis_client_output_buffer_limit_disconnections", Counter, ""),
    ("acl_access_denied_auth", "redis_acl_access_denied_auth", Counter, ""),
    ("acl_access_denied_cmd", "redis_acl_access_denied_cmd", Counter, ""),
    ("acl_access_denied_key", "redis_acl_access_denied_key", Counter, ""),
    ("acl_access_denied_channel", "redis_acl_access_denied_channel", Counter, ""),
    ("used_cpu_sys", "redis_cpu_sys_seconds", Counter, "Seconds of processor time that the system has worked for it"),
    ("used_cpu_user", "redis_cpu_user_seconds", Counter, "Seconds of processor time of its own"),
    (
        "used_cpu_sys_main_thread",
        "redis_cpu_sys_main_thread_seconds",
        Counter,
        "The same of the first io-thread, of the system",
    ),
    (
        "used_cpu_user_main_thread",
        "redis_cpu_user_main_thread_seconds",
        Counter,
        "The same of the first io-thread, of its own",
    ),
    ("connected_slaves", "redis_connected_slaves", Gauge, "Replicas, of which there are none"),
];

/// What is left out: Prometheus makes rates of counters itself, for any time.
const RATES: &str = "instantaneous_";

/// All families of a moment.
pub(super) fn families(figures: &Figures) -> Vec<Family> {
    let mut all = vec![
        Family::of("redis_up", "Whether the server answers", Gauge).with(&[], 1.0),
        ready(figures),
        instance(figures),
        start(figures),
    ];
    all.extend(known(figures));
    all.extend(own(figures));
    all.extend(commands(figures));
    all.push(errors(figures));
    all.extend(LABELLED.iter().map(|family| labelled(figures, family)));
    all.extend(databases(figures));
    all.extend(threads(figures));
    all.extend(backplane(figures));
    all.extend(channels::families(&figures.channels));
    all.retain(|family| !family.samples.is_empty());
    all
}

fn ready(figures: &Figures) -> Family {
    let mut family = Family::of("pregon_ready", "Whether new clients should be sent here, and why not", Gauge);
    let state = figures.unready.map_or("ready", Unready::word);
    family.add(&[("state", state)], if figures.unready.is_none() { 1.0 } else { 0.0 });
    family
}

/// Texts, as labels of a number that is always 1.
fn instance(figures: &Figures) -> Family {
    let names =
        ["redis_version", "pregon_version", "redis_mode", "os", "run_id", "tcp_port", "process_id", "maxmemory_policy"];
    let labels: Vec<(&str, &str)> = names.iter().map(|name| (*name, figures.text(name).unwrap_or_default())).collect();
    let labels = [&labels[..], &[("role", "master")]].concat();
    Family::of("redis_instance_info", "What the server is", Gauge).with(&labels, 1.0)
}

fn start(figures: &Figures) -> Family {
    let mut family = Family::of("redis_start_time_seconds", "When the server started, in seconds since 1970", Gauge);
    let now = figures.number("server_time_usec").map(|us| us / 1e6);
    if let Some((now, uptime)) = now.zip(figures.number("uptime_in_seconds")) {
        family.add(&[], (now - uptime).floor());
    }
    family
}

fn metric(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}

fn known(figures: &Figures) -> impl Iterator<Item = Family> + '_ {
    KNOWN.iter().filter_map(|(info, name, kind, help)| {
        let help = if help.is_empty() { metric(info)?.help.concat() } else { (*help).to_owned() };
        Some(Family::of(*name, help, *kind).with(&[], figures.number(info)?))
    })
}

/// What the table of counters has beside it.
fn own(figures: &Figures) -> impl Iterator<Item = Family> + '_ {
    METRICS.iter().filter(|metric| !matches!(metric.source, Source::Absent(_))).filter_map(|metric| {
        if metric.name.starts_with(RATES) || KNOWN.iter().any(|(info, ..)| *info == metric.name) {
            return None;
        }
        let kind = match metric.kind {
            counters::Kind::Counter => Counter,
            counters::Kind::Gauge => Gauge,
        };
        let name = format!("pregon_{}", metric.name);
        Some(Family::of(name, metric.help.concat(), kind).with(&[], figures.number(metric.name)?))
    })
}

/// A family for each part of what INFO says of each of several, with a label that tells them apart.
fn divided(
    figures: &Figures,
    prefix: &'static str,
    label: &str,
    parts: &[(&str, &str, Kind, f64, &str)],
) -> Vec<Family> {
    let mut families: Vec<Family> =
        parts.iter().map(|(_, name, kind, _, help)| Family::of(*name, *help, *kind)).collect();
    for (of, value) in figures.beginning(prefix) {
        for (family, (part_name, .., scale, _)) in families.iter_mut().zip(parts) {
            if let Some(number) = part(value, part_name) {
                family.add(&[(label, of)], number * scale);
            }
        }
    }
    families
}

fn commands(figures: &Figures) -> Vec<Family> {
    divided(
        figures,
        "cmdstat_",
        "cmd",
        &[
            ("calls", "redis_commands", Counter, 1.0, "Commands executed"),
            ("usec", "redis_commands_duration_seconds", Counter, 1e-6, "Time that commands took"),
            (
                "rejected_calls",
                "redis_commands_rejected_calls",
                Counter,
                1.0,
                "Commands that were refused before they ran",
            ),
            ("failed_calls", "redis_commands_failed_calls", Counter, 1.0, "Commands that failed when they ran"),
        ],
    )
}

/// A family of which each sample has a name of its own in INFO: its name, what it is, how it behaves, its label, and the values of
/// that with the names in INFO.
type Labelled = (&'static str, &'static str, Kind, &'static str, &'static [(&'static str, &'static str)]);

const LABELLED: &[Labelled] = &[
    (
        "pregon_cuts",
        "Clients closed by the server, by the reason",
        Counter,
        "reason",
        &[
            ("output_limit", "client_output_buffer_limit_disconnections"),
            ("query_buffer_limit", "client_query_buffer_limit_disconnections"),
            ("evicted", "evicted_clients"),
            ("dead_peer", "client_dead_peer_disconnections"),
            ("drained", "drained_clients"),
            ("killed", "client_kill_disconnections"),
            ("rights", "client_rights_disconnections"),
            ("idle", "client_idle_disconnections"),
            ("write_failed", "client_write_disconnections"),
            ("upstream_lost", "client_upstream_disconnections"),
            ("failed", "client_failed_disconnections"),
        ],
    ),
    (
        "pregon_dropped_messages",
        "Messages that slow subscribers lost, by the policy",
        Counter,
        "policy",
        &[
            ("drop-oldest", "slow_subscriber_drop_oldest_messages"),
            ("drop-newest", "slow_subscriber_drop_newest_messages"),
            ("conflate", "slow_subscriber_conflate_messages"),
        ],
    ),
    (
        "pregon_queue_bytes",
        "What waits to be written to clients, by their class",
        Gauge,
        "class",
        &[
            ("normal", "client_output_bytes_normal"),
            ("pubsub", "client_output_bytes_pubsub"),
            ("replica", "client_output_bytes_replica"),
        ],
    ),
];

fn labelled(figures: &Figures, (name, help, kind, label, samples): &Labelled) -> Family {
    let mut family = Family::of(*name, *help, *kind);
    for (value, info) in *samples {
        if let Some(number) = figures.number(info) {
            family.add(&[(label, value)], number);
        }
    }
    family
}

fn errors(figures: &Figures) -> Family {
    let mut family = Family::of("redis_errors", "Error replies by their first word", Counter);
    for (code, value) in figures.beginning("errorstat_") {
        if let Some(count) = part(value, "count") {
            family.add(&[("err", code)], count);
        }
    }
    family
}

fn databases(figures: &Figures) -> Vec<Family> {
    let mut keys = Family::of("redis_db_keys", "Keys of a database", Gauge);
    let mut expiring = Family::of("redis_db_keys_expiring", "Keys of a database that expire", Gauge);
    let of_database = figures.beginning("db").filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
    for (number, value) in of_database {
        let db = format!("db{number}");
        for (family, name) in [(&mut keys, "keys"), (&mut expiring, "expires")] {
            if let Some(count) = part(value, name) {
                family.add(&[("db", &db)], count);
            }
        }
    }
    vec![keys, expiring]
}

fn threads(figures: &Figures) -> Vec<Family> {
    divided(
        figures,
        "io_thread_",
        "thread",
        &[
            ("clients", "pregon_io_thread_clients", Gauge, 1.0, "Connections that an io-thread serves"),
            ("subscribers", "pregon_io_thread_subscribers", Gauge, 1.0, "Subscribers among them"),
            ("busy_perc", "pregon_io_thread_busy_ratio", Gauge, 0.01, "For how much of its time it worked, lately"),
        ],
    )
}

/// The connection to the engine, where there is one.
fn backplane(figures: &Figures) -> Vec<Family> {
    let mut families = Vec::new();
    for (name, value) in figures.beginning("backplane_") {
        let (kind, help) = match name {
            "nodes" => (Gauge, "Nodes that there are, this one included"),
            "interest_asked" => (Gauge, "Subjects that the engine was asked for"),
            "interest_wanted" => (Gauge, "Subjects that clients listen to"),
            _ => (Counter, "What INFO backplane counts by this name"),
        };
        if let Ok(number) = value.parse() {
            families.push(Family::of(format!("pregon_backplane_{name}"), help, kind).with(&[], number));
        }
    }
    if let Some(state) = figures.text("backplane_state").filter(|state| *state != "none") {
        let mut up = Family::of("pregon_backplane_up", "Whether the engine knows what clients listen to", Gauge);
        up.add(&[], if state == "up" { 1.0 } else { 0.0 });
        families.push(up);
    }
    families
}
