//! The table of what is counted: one entry for each number that INFO shows under Stats, in the order in which it is shown
//! there. The counters themselves, INFO's lines and CONFIG RESETSTAT come from it.
//!
//! To count something new, add a `counted` entry and call [`Counter::add`] where it happens.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that rises. Each worker has its own, which only its thread writes; any thread may read it.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `count`.
    pub fn add(&self, count: u64) {
        Self::add_to(&self.0, count);
    }

    /// Adds `count` to a number that only the calling thread writes, without the cost of an atomic addition.
    pub fn add_to(number: &AtomicU64, count: u64) {
        number.store(number.load(Relaxed).wrapping_add(count), Relaxed);
    }

    /// Adds `count` where several threads may do so.
    pub fn add_shared(&self, count: u64) {
        self.0.fetch_add(count, Relaxed);
    }

    /// Its value.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Sets it back to zero. An addition at the same moment may survive.
    pub fn reset(&self) {
        self.0.store(0, Relaxed);
    }
}

/// A line of the table.
#[derive(Debug)]
pub struct Metric {
    /// Its name in INFO.
    pub name: &'static str,
    /// What it says; one line of text for each element. None for what this server does not have.
    pub help: &'static [&'static str],
    /// How it behaves.
    pub kind: Kind,
    /// Where its value comes from.
    pub source: Source,
}

/// How a number behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It rises until it is reset.
    Counter,
    /// It rises and falls.
    Gauge,
}

/// Where a number comes from.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// It is counted here: the sum of all workers' counters and the shared one.
    Counted(fn(&Counters) -> &Counter),
    /// Somebody else knows it, who is asked when it is shown.
    Figure(fn(&Figures) -> u64, Shape),
    /// It is always this, because there is nothing of the kind here. Exporters read the name.
    Absent(&'static str),
}

/// How a figure is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// As it is.
    Plain,
    /// Bytes, as kilobytes with two digits behind the point.
    Kilobytes,
    /// Microseconds, as seconds with six digits behind the point.
    Seconds,
}

/// Turns the list below into [`Counters`], [`Figures`] and [`METRICS`].
///
/// An entry is one of:
/// `/// help` and `counted field = "name";`,
/// `/// help` and `figure Kind field = "name", Shape;`,
/// `absent "name" = "text";`
macro_rules! counters {
    (@sort [$($counted:tt)*] [$($figures:tt)*] [$($metrics:tt)*]
        $(#[doc = $help:literal])+ counted $field:ident = $name:literal; $($rest:tt)*) => {
        counters! { @sort [$($counted)* { [$($help)+] $field }] [$($figures)*] [$($metrics)* Metric {
            name: $name,
            help: &[$($help),+],
            kind: Kind::Counter,
            source: Source::Counted(|counters| &counters.$field),
        },] $($rest)* }
    };
    (@sort [$($counted:tt)*] [$($figures:tt)*] [$($metrics:tt)*]
        $(#[doc = $help:literal])+ figure $kind:ident $field:ident = $name:literal, $shape:ident; $($rest:tt)*) => {
        counters! { @sort [$($counted)*] [$($figures)* { [$($help)+] $field }] [$($metrics)* Metric {
            name: $name,
            help: &[$($help),+],
            kind: Kind::$kind,
            source: Source::Figure(|figures| figures.$field, Shape::$shape),
        },] $($rest)* }
    };
    (@sort [$($counted:tt)*] [$($figures:tt)*] [$($metrics:tt)*] absent $name:literal = $text:literal; $($rest:tt)*) => {
        counters! { @sort [$($counted)*] [$($figures)*] [$($metrics)* Metric {
            name: $name,
            help: &[],
            kind: Kind::Gauge,
            source: Source::Absent($text),
        },] $($rest)* }
    };
    (@sort [$({ [$($help:literal)+] $counter:ident })*] [$({ [$($what:literal)+] $figure:ident })*] [$($metrics:tt)*]) => {
        /// What is counted here. Each worker has such counters, and the server has some for what happens to no worker.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[doc = $help])+ pub $counter: Counter,)*
        }

        impl Counters {
            /// Sets all back to zero, for CONFIG RESETSTAT.
            pub fn reset(&self) {
                $(self.$counter.reset();)*
            }

            /// The names of the counters.
            #[cfg(test)]
            const FIELDS: &[&str] = &[$(stringify!($counter)),*];
        }

        /// What others know, at one moment.
        #[derive(Debug)]
        pub struct Figures {
            $($(#[doc = $what])+ pub $figure: u64,)*
        }

        /// All numbers, in the order of INFO.
        pub static METRICS: &[Metric] = &[$($metrics)*];
    };
    (@sort $($unknown:tt)*) => { compile_error!("an entry that is neither counted nor a figure nor absent"); };
    ($($entries:tt)+) => { counters! { @sort [] [] [] $($entries)+ } };
}

counters! {
    /// Connections accepted.
    counted connections = "total_connections_received";
    /// Commands executed.
    counted commands = "total_commands_processed";
    /// Commands executed in a second, lately.
    figure Gauge commands_per_second = "instantaneous_ops_per_sec", Plain;
    /// Bytes received.
    counted net_input_bytes = "total_net_input_bytes";
    /// Bytes sent.
    counted net_output_bytes = "total_net_output_bytes";
    absent "total_net_repl_input_bytes" = "0";
    absent "total_net_repl_output_bytes" = "0";
    /// Bytes received in a second, lately.
    figure Gauge input_bytes_per_second = "instantaneous_input_kbps", Kilobytes;
    /// Bytes sent in a second, lately.
    figure Gauge output_bytes_per_second = "instantaneous_output_kbps", Kilobytes;
    absent "instantaneous_input_repl_kbps" = "0.00";
    absent "instantaneous_output_repl_kbps" = "0.00";
    /// Connections refused because of `maxclients`, protected mode, or the limit of their user.
    counted rejected_connections = "rejected_connections";
    absent "sync_full" = "0";
    absent "sync_partial_ok" = "0";
    absent "sync_partial_err" = "0";
    absent "expired_subkeys" = "0";
    /// Keys removed because their time was over.
    figure Counter expired_keys = "expired_keys", Plain;
    absent "expired_stale_perc" = "0.00";
    absent "expired_time_cap_reached_count" = "0";
    absent "expire_cycle_cpu_milliseconds" = "0";
    /// Keys removed because of `maxmemory`.
    figure Counter evicted_keys = "evicted_keys", Plain;
    /// Clients closed because of `maxmemory-clients`.
    counted evicted_clients = "evicted_clients";
    /// Clients ended because the server emptied itself.
    counted drained_clients = "drained_clients";
    /// Scripts that EVAL left, forgotten because there were too many.
    figure Counter evicted_scripts = "evicted_scripts", Plain;
    absent "total_eviction_exceeded_time" = "0";
    absent "current_eviction_exceeded_time" = "0";
    /// Keys that were asked for and there.
    figure Counter key_hits = "keyspace_hits", Plain;
    /// Keys that were asked for and not there.
    figure Counter key_misses = "keyspace_misses", Plain;
    /// Messages that were published here, or came from other servers.
    figure Counter published = "pubsub_published_messages", Plain;
    /// Deliveries of messages that were queued, one for each subscriber.
    figure Counter deliveries = "pubsub_deliveries", Plain;
    /// How often a thread found the lock taken that orders all messages.
    figure Counter hub_lock_waits = "hub_lock_waits", Plain;
    /// How long threads waited for that lock, in seconds.
    figure Counter hub_lock_wait_us = "hub_lock_wait_seconds", Seconds;
    /// Channels that are listened to.
    figure Gauge channels = "pubsub_channels", Plain;
    /// Patterns that are listened to.
    figure Gauge patterns = "pubsub_patterns", Plain;
    /// Shard channels that are listened to.
    figure Gauge shard_channels = "pubsubshard_channels", Plain;
    absent "latest_fork_usec" = "0";
    absent "total_forks" = "0";
    absent "migrate_cached_sockets" = "0";
    absent "slave_expires_tracked_keys" = "0";
    absent "active_defrag_hits" = "0";
    absent "active_defrag_misses" = "0";
    absent "active_defrag_key_hits" = "0";
    absent "active_defrag_key_misses" = "0";
    absent "total_active_defrag_time" = "0";
    absent "current_active_defrag_time" = "0";
    /// Keys that clients have read which are told of changes.
    figure Gauge tracked_keys = "tracking_total_keys", Plain;
    /// The same, each as often as clients have read it.
    figure Gauge tracked_items = "tracking_total_items", Plain;
    /// Prefixes of keys of whose changes clients are told.
    figure Gauge tracked_prefixes = "tracking_total_prefixes", Plain;
    absent "unexpected_error_replies" = "0";
    /// Error replies.
    counted errors = "total_error_replies";
    absent "dump_payload_sanitizations" = "0";
    /// Reads from sockets.
    counted reads = "total_reads_processed";
    /// Writes to sockets.
    counted writes = "total_writes_processed";
    /// Reads from sockets, where more than one thread reads.
    figure Counter threaded_reads = "io_threaded_reads_processed", Plain;
    /// Writes to sockets, where more than one thread writes.
    figure Counter threaded_writes = "io_threaded_writes_processed", Plain;
    /// Clients closed because of `client-query-buffer-limit`.
    counted query_buffer_disconnections = "client_query_buffer_limit_disconnections";
    /// Clients closed because of `client-output-buffer-limit`.
    counted output_limit_disconnections = "client_output_buffer_limit_disconnections";
    absent "reply_buffer_shrinks" = "0";
    absent "reply_buffer_expands" = "0";
    /// Clients closed because their peers did not answer any more, as `subscriber-dead-peer-timeout` bounds.
    counted dead_peer_disconnections = "client_dead_peer_disconnections";
    /// Clients closed by CLIENT KILL.
    counted kill_disconnections = "client_kill_disconnections";
    /// Clients closed because they listened to what their user may not listen to any more.
    counted rights_disconnections = "client_rights_disconnections";
    /// Clients closed because of `timeout`.
    counted idle_disconnections = "client_idle_disconnections";
    /// Clients closed because their sockets took nothing any more.
    counted write_disconnections = "client_write_disconnections";
    /// Clients closed because their upstream went in the midst of an answer.
    counted upstream_disconnections = "client_upstream_disconnections";
    /// Clients closed because a command failed as none should.
    counted failed_disconnections = "client_failed_disconnections";
    /// Signs of life sent to quiet subscribers.
    counted signs_of_life = "subscriber_signs_of_life";
    /// Messages that slow subscribers lost because they were the oldest that waited.
    counted dropped_oldest = "slow_subscriber_drop_oldest_messages";
    /// Messages that slow subscribers lost because they came when too much waited.
    counted dropped_newest = "slow_subscriber_drop_newest_messages";
    /// Messages that slow subscribers lost because newer ones of their channels came.
    counted conflated = "slow_subscriber_conflate_messages";
    /// Bytes of messages that slow subscribers lost.
    counted dropped_bytes = "slow_subscriber_dropped_bytes";
    /// Lines of the log that nobody took in time.
    figure Counter dropped_log_lines = "log_lines_dropped", Plain;
    /// AUTH and HELLO with a wrong password.
    counted denied_auth = "acl_access_denied_auth";
    /// Commands that their user may not execute.
    counted denied_command = "acl_access_denied_cmd";
    /// Commands with keys that their user may not use so.
    counted denied_key = "acl_access_denied_key";
    /// Commands with channels that their user may not use so.
    counted denied_channel = "acl_access_denied_channel";
    /// Certificates of clients that name no user who may log in.
    counted denied_certificate = "acl_access_denied_tls_cert";
    /// Connections that their user may not have beside those that it has.
    counted limited_connections = "acl_limited_connections";
    /// SUBSCRIBE and its family with more than their user may listen to.
    counted limited_subscriptions = "acl_limited_subscriptions";
    /// Messages with more bytes than their user may publish in that second.
    counted limited_publish_bytes = "acl_limited_publish_bytes";
    /// Messages beside as many as their user may publish in that second.
    counted limited_publish_messages = "acl_limited_publish_messages";
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::{fs, io};

    use super::*;

    /// The sources of the server below `folder`, without this file.
    fn sources(folder: &Path, text: &mut String) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                sources(&path, text)?;
            } else if !path.ends_with(file!()) && path.file_name().is_some_and(|name| name != "tests.rs") {
                text.push_str(&fs::read_to_string(path)?);
            }
        }
        Ok(())
    }

    #[test]
    fn every_counter_is_written_somewhere() {
        let mut text = String::new();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        sources(&folder, &mut text).expect("the sources can be read");
        for field in Counters::FIELDS {
            let written = ["add", "add_shared"].iter().any(|add| text.contains(&format!(".{field}.{add}(")));
            assert!(written, "nobody counts {field}");
        }
    }

    #[test]
    fn every_number_has_one_name_and_says_what_it_is() {
        for (i, metric) in METRICS.iter().enumerate() {
            assert!(!METRICS[..i].iter().any(|other| other.name == metric.name), "{} is there twice", metric.name);
            let absent = matches!(metric.source, Source::Absent(_));
            assert_eq!(metric.help.is_empty(), absent, "{}", metric.name);
        }
    }

    #[test]
    fn a_reset_reaches_every_counter() {
        let counters = Counters::default();
        let counted = || {
            METRICS.iter().filter_map(|metric| match metric.source {
                Source::Counted(of) => Some(of(&counters)),
                _ => None,
            })
        };
        counted().for_each(|counter| counter.add(1));
        assert_eq!(counted().count(), Counters::FIELDS.len());
        counters.reset();
        assert!(counted().all(|counter| counter.get() == 0));
    }
}
