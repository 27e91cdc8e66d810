//! Sections about the process: what it is, who is connected, what it uses.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::{MemoryUse, Report, percent};
use crate::command::{forward, redirect};
use crate::config::{Settings, Supervised};
use crate::observe::resources::{self, CpuTime};
use crate::server::Unready;
use crate::version::VERSION;

const SECONDS_A_DAY: u64 = 86_400;

pub(super) fn server(report: &mut Report<'_, '_>) {
    let server = report.server;
    let uptime_seconds = report.now.ms() / 1000;
    let system = rustix::system::uname();
    let part = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    report.field("redis_version", forward::redis_version(server, report.settings));
    report.field("redis_git_sha1", "00000000");
    report.field("redis_git_dirty", 0);
    report.field("redis_build_id", build_id());
    report.field("server_name", "pregon");
    report.field("pregon_version", VERSION);
    report.field("pregon_state", server.unready().map_or("ready", Unready::word));
    let is_clustered = redirect::is_clustered(server);
    report.field("redis_mode", if is_clustered { "cluster" } else { "standalone" });
    let os = format!("{} {} {}", part(system.sysname()), part(system.release()), part(system.machine()));
    report.field("os", os);
    report.field("arch_bits", usize::BITS);
    report.field("monotonic_clock", "POSIX clock_gettime");
    report.field("multiplexing_api", if cfg!(target_os = "linux") { "epoll" } else { "kqueue" });
    report.field("atomicvar_api", "rust-core");
    // What Redis shows where another compiler has made it.
    report.field("gcc_version", "0.0.0");
    report.field("process_id", std::process::id());
    let supervised = if report.settings.supervised.is_in_effect() { Supervised::Systemd } else { Supervised::No };
    report.field("process_supervised", supervised.word());
    report.field("run_id", &server.run_id);
    let Settings { port, tls_port, .. } = *report.settings;
    report.field("tcp_port", if port == 0 { tls_port } else { port });
    report.field("server_time_usec", report.now.unix().as_micros());
    report.field("uptime_in_seconds", uptime_seconds);
    report.field("uptime_in_days", uptime_seconds / SECONDS_A_DAY);
    let hz = report.directive("hz");
    report.field("hz", &hz);
    report.field("configured_hz", hz);
    // Redis' clock for eviction: seconds in 24 bits.
    report.field("lru_clock", report.now.unix().as_secs() & 0xff_ffff);
    report.field("executable", server.executable.display());
    let file = server.config.lock().file().map(|file| file.display().to_string());
    report.field("config_file", file.unwrap_or_default());
    report.field("io_threads", server.workers.len());
    report.field("io_threads_active", u8::from(server.workers.len() > 1));
    listeners(report);
}

/// A line for each kind of listener, numbered as in Redis.
/// Differs between versions: exporters name a build by it.
fn build_id() -> String {
    let mut hasher = DefaultHasher::new();
    VERSION.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn listeners(report: &mut Report<'_, '_>) {
    let settings = report.settings;
    let of_port = |kind: &str, port: u16| {
        let mut line = format!("name={kind}");
        for address in &settings.bind {
            // Writing to a string cannot fail.
            let _ = write!(line, ",bind={address}");
        }
        (port != 0).then(|| format!("{line},port={port}"))
    };
    let unix = settings.unixsocket.as_ref().map(|path| format!("name=unix,bind={}", path.display()));
    let lines = [of_port("tcp", settings.port), unix, of_port("tls", settings.tls_port)];
    for (number, line) in lines.into_iter().enumerate() {
        if let Some(line) = line {
            report.field(format_args!("listener{number}"), line);
        }
    }
}

pub(super) fn clients(report: &mut Report<'_, '_>) {
    let connected = report.server.clients.len() as u64;
    let keys = report.keys();
    let totals = report.clients();
    // Redis reports the highest of the last seconds for both buffers; these are the highest of this moment.
    let fields = [
        ("connected_clients", connected),
        ("cluster_connections", 0),
        ("maxclients", u64::from(report.settings.maxclients)),
        ("client_recent_max_input_buffer", totals.max_input),
        ("client_recent_max_output_buffer", totals.max_output),
        ("client_output_bytes_normal", totals.output_of_others),
        ("client_output_bytes_pubsub", totals.output_of_subscribers),
        ("client_output_bytes_replica", 0),
        ("blocked_clients", totals.blocked),
        ("tracking_clients", keys.tracking.clients as u64),
        ("pubsub_clients", totals.subscribers),
        ("watching_clients", totals.watching),
        ("clients_in_timeout_table", keys.ending as u64),
        ("total_watched_keys", totals.watched),
        ("total_blocking_keys", keys.awaited as u64),
        ("total_blocking_keys_on_nokey", keys.minded as u64),
    ];
    report.fields(&fields);
}

/// What the allocator has given away, what the kernel counts, and what lies between the two.
pub(super) fn memory(report: &mut Report<'_, '_>) {
    let usage = MemoryUse::of(report.server);
    let used = usage.allocator.allocated;
    report.size("used_memory", used);
    report.size("used_memory_rss", usage.memory.resident);
    report.size("used_memory_peak", usage.peak);
    report.field("used_memory_peak_perc", format_args!("{:.2}%", percent(used, usage.peak)));
    report.field("used_memory_overhead", usage.overhead);
    report.field("used_memory_startup", usage.startup);
    report.field("used_memory_dataset", usage.dataset);
    let share = percent(usage.dataset, used - usage.startup);
    report.field("used_memory_dataset_perc", format_args!("{share:.2}%"));
    report.fields(&[
        ("allocator_allocated", used),
        ("allocator_active", usage.allocator.active),
        ("allocator_resident", usage.allocator.resident),
        // Given back lazily, which is switched off.
        ("allocator_muzzy", 0),
    ]);
    report.size("total_system_memory", resources::system_memory());
    scripts(report);
    report.size("maxmemory", report.settings.maxmemory.0);
    let policy = report.directive("maxmemory-policy");
    report.field("maxmemory_policy", policy);
    for (gap, [ratio, bytes]) in usage.gaps().into_iter().zip(GAPS) {
        report.field(ratio, format_args!("{:.2}", gap.ratio));
        report.field(bytes, gap.bytes);
    }
    report.fields(&[
        ("mem_not_counted_for_evict", 0),
        ("mem_replication_backlog", 0),
        ("mem_total_replication_buffers", 0),
        ("mem_clients_slaves", 0),
        ("mem_clients_normal", usage.clients),
        ("mem_cluster_links", 0),
        ("mem_aof_buffer", 0),
    ]);
    report.field("mem_allocator", "jemalloc");
    report.field("mem_overhead_db_hashtable_rehashing", 0);
    let (pending, freed) = report.server.lazy_free.objects();
    report.fields(&[("active_defrag_running", 0), ("lazyfree_pending_objects", pending), ("lazyfreed_objects", freed)]);
}

/// What INFO calls the ratio and the bytes of [`MemoryUse::gaps`].
const GAPS: [[&str; 2]; 4] = [
    ["allocator_frag_ratio", "allocator_frag_bytes"],
    ["allocator_rss_ratio", "allocator_rss_bytes"],
    ["rss_overhead_ratio", "rss_overhead_bytes"],
    ["mem_fragmentation_ratio", "mem_fragmentation_bytes"],
];

/// The memory of scripts, and of functions, of which there are none.
fn scripts(report: &mut Report<'_, '_>) {
    let scripts = &report.server.scripts;
    let vm = scripts.vm_bytes.load(Relaxed);
    let (count, bytes) = {
        let cache = scripts.cache.lock();
        (cache.len() as u64, cache.size_bytes() as u64)
    };
    for (name, value) in [("used_memory_lua", vm), ("used_memory_vm_total", vm), ("used_memory_scripts", bytes)] {
        report.size(name, value);
    }
    report.fields(&[
        ("used_memory_vm_eval", vm),
        ("used_memory_scripts_eval", bytes),
        ("used_memory_vm_functions", 0),
        ("used_memory_functions", 0),
        ("number_of_cached_scripts", count),
        ("number_of_functions", 0),
        ("number_of_libraries", 0),
    ]);
}

pub(super) fn cpu(report: &mut Report<'_, '_>) {
    let (own, children) = resources::cpu_time();
    // Clients gather on the first io-thread, and further ones are used when it is saturated: it is what tools ask for that
    // look whether Redis' one thread is. The process's own first thread serves nobody.
    let first = report.server.workers.first().map_or(0, |worker| worker.system_id.load(Relaxed));
    let main_thread = resources::thread_cpu_time(if first == 0 { std::process::id() } else { first });
    let mut pair = |suffix: &str, time: CpuTime| {
        report.field(format_args!("used_cpu_sys{suffix}"), seconds(time.system));
        report.field(format_args!("used_cpu_user{suffix}"), seconds(time.user));
    };
    pair("", own);
    pair("_children", children);
    pair("_main_thread", main_thread);
}

/// Who is served where, and for how much of its time each io-thread worked in the last tenth of a second.
pub(super) fn threads(report: &mut Report<'_, '_>) {
    for (id, worker) in report.server.workers.iter().enumerate() {
        let (clients, subscribers) = (worker.connections.load(Relaxed), worker.load.subscribers());
        let facts = format_args!("clients={clients},subscribers={subscribers},busy_perc={}", worker.load.busy());
        report.field(format_args!("io_thread_{id}"), facts);
    }
}

fn seconds(time: Duration) -> String {
    format!("{}.{:06}", time.as_secs(), time.subsec_micros())
}
