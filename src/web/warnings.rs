//! What an operator should know of without having to look for it: what is unsafe, ends soon or is nearly full.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::history::History;
use crate::backplane::status::Phase;
use crate::client::held::Holding;
use crate::client::registry::ClientInfo;
use crate::config::{BindAddress, Settings};
use crate::net::tls::acceptor::Acceptor;
use crate::observe::resources;
use crate::server::{Server, Unready};

/// From which share of a limit on it is nearly reached, in percent.
const NEARLY: u64 = 90;
/// From when on a certificate ends soon.
const SOON: Duration = Duration::from_secs(14 * DAY_SECONDS);
const DAY_SECONDS: u64 = 24 * 60 * 60;

/// What is looked at.
pub(super) struct Condition<'c> {
    pub(super) server: &'c Server,
    pub(super) settings: &'c Settings,
    pub(super) acceptor: &'c Acceptor,
    pub(super) history: &'c History,
    pub(super) clients: &'c [Arc<ClientInfo>],
    /// What the allocator has given away, in bytes.
    pub(super) used: u64,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Severity {
    /// Something does not work.
    Critical,
    /// Something will not work before long, or is unsafe.
    Warning,
    /// Something to know.
    Notice,
}

impl Severity {
    fn word(self) -> &'static str {
        match self {
            Severity::Critical => "critical",
            Severity::Warning => "warning",
            Severity::Notice => "notice",
        }
    }
}

/// What there is to know: a stable name, and a sentence for people.
type Warning = (Severity, &'static str, String);

/// All that are in force, the worst first: `[{"severity": "warning", "name": "clients_nearly_full", "text": "..."}, ...]`.
pub(super) fn warnings(condition: &Condition<'_>) -> Value {
    let checks: [fn(&Condition<'_>) -> Option<Warning>; 12] = [
        link,
        stuck,
        state,
        open_to_all,
        pages_open_to_all,
        certificate,
        clients,
        descriptors,
        memory,
        memory_of_clients,
        outputs,
        log_lines,
    ];
    let mut all: Vec<Warning> = checks.into_iter().filter_map(|check| check(condition)).collect();
    all.sort_by_key(|(severity, ..)| *severity as u8);
    let shown = all
        .into_iter()
        .map(|(severity, name, text)| json!({ "severity": severity.word(), "name": name, "text": text }));
    shown.collect()
}

/// How much of a limit is used, if that is nearly all; none without a limit.
fn nearly(used: u64, limit: u64) -> Option<u64> {
    let percent = (u128::from(used) * 100).checked_div(u128::from(limit))?;
    u64::try_from(percent).ok().filter(|percent| *percent >= NEARLY)
}

fn link(condition: &Condition<'_>) -> Option<Warning> {
    let backplane = condition.server.backplane.as_ref()?;
    let found = backplane.status.condition();
    let text = match found.phase {
        Phase::Up => return None,
        Phase::Restoring => "the engine is being told what clients listen to".to_owned(),
        Phase::Down => "there is no connection to the engine: clients hear only what is published here".to_owned(),
    };
    Some((Severity::Critical, "backplane_down", text))
}

fn stuck(condition: &Condition<'_>) -> Option<Warning> {
    let (server, now_ms) = (condition.server, condition.server.clock.now().ms());
    let is_stuck = |number: &usize| {
        let worker = &server.workers[*number];
        worker.is_served.load(Relaxed) && worker.load.is_stuck(now_ms)
    };
    let stuck: Vec<String> = (0..server.workers.len()).filter(is_stuck).map(|number| number.to_string()).collect();
    let text = format!("io-thread {} has been in the middle of something for long", stuck.join(", "));
    (!stuck.is_empty()).then_some((Severity::Critical, "thread_stuck", text))
}

fn state(condition: &Condition<'_>) -> Option<Warning> {
    let text = match condition.server.unready()? {
        Unready::Draining => "the server empties itself: new clients are to go elsewhere",
        Unready::Ending => "the server ends",
        Unready::Unlinked => return None,
    };
    Some((Severity::Warning, "not_ready", text.to_owned()))
}

fn open_to_all(condition: &Condition<'_>) -> Option<Warning> {
    let Condition { server, settings, .. } = condition;
    let listens = settings.port != 0 || settings.tls_port != 0;
    let open = listens && !settings.protected_mode && server.acl.default.rights().takes_any_password();
    let text = "whoever reaches this server may use it: no password is asked for, and protected-mode is off".to_owned();
    (open && is_public(&settings.bind)).then_some((Severity::Warning, "no_password", text))
}

fn pages_open_to_all(condition: &Condition<'_>) -> Option<Warning> {
    let settings = condition.settings;
    let open = settings.metrics_password.password().is_none() && is_public(&settings.metrics_bind);
    let text = "whoever reaches this page may see it: metrics-password is not set".to_owned();
    open.then_some((Severity::Notice, "no_metrics_password", text))
}

/// Whether others than this machine may reach one of these addresses. A name is taken for such, but for the usual one.
fn is_public(addresses: &[BindAddress]) -> bool {
    let is_local = |address: &BindAddress| {
        let host = address.host.as_str();
        host.parse::<IpAddr>().map_or(host == "localhost", |ip| ip.to_canonical().is_loopback())
    };
    !addresses.iter().all(is_local)
}

fn certificate(condition: &Condition<'_>) -> Option<Warning> {
    let credentials = condition.acceptor.credentials()?;
    let identity = credentials.identity.as_ref()?;
    match identity.rest(SystemTime::now()) {
        None => Some((Severity::Critical, "certificate_ended", format!("the certificate {identity} has ended"))),
        Some(rest) if rest <= SOON => {
            let days = rest.as_secs() / DAY_SECONDS;
            let text = format!("days until the certificate {identity} ends: {days}");
            Some((Severity::Warning, "certificate_ends_soon", text))
        }
        Some(_) => None,
    }
}

fn clients(condition: &Condition<'_>) -> Option<Warning> {
    let (count, rejected) = (condition.server.connections.load(Relaxed) as u64, condition.history.troubles().1);
    let limit = u64::from(condition.settings.maxclients);
    if let Some(percent) = nearly(count, limit) {
        let text = format!("{count} of {limit} clients are connected ({percent} %)");
        return Some((Severity::Warning, "clients_nearly_full", text));
    }
    let text = format!("connections that were turned away in the last five minutes: {rejected}");
    (rejected > 0).then_some((Severity::Notice, "connections_rejected", text))
}

fn descriptors(condition: &Condition<'_>) -> Option<Warning> {
    let limit = resources::descriptor_limit()?;
    let connections = condition.server.connections.load(Relaxed) as u64;
    // They are counted only where there could be so many: a connection takes two at most.
    if connections * 2 < limit * NEARLY / 200 {
        return None;
    }
    let open = resources::open_descriptors();
    let percent = nearly(open, limit)?;
    let text = format!("{open} of {limit} file descriptors are open ({percent} %)");
    Some((Severity::Warning, "descriptors_nearly_full", text))
}

fn memory(condition: &Condition<'_>) -> Option<Warning> {
    let percent = nearly(condition.used, condition.settings.maxmemory.0)?;
    Some((Severity::Warning, "memory_nearly_full", format!("{percent} % of maxmemory are used")))
}

fn memory_of_clients(condition: &Condition<'_>) -> Option<Warning> {
    let settings = condition.settings;
    let limit = settings.maxmemory_clients.limit(settings.maxmemory)?;
    let percent = nearly(condition.server.clients.held.total() as u64, limit)?;
    let text = format!("clients hold {percent} % of maxmemory-clients: soon those that hold most are closed");
    Some((Severity::Warning, "client_memory_nearly_full", text))
}

/// Subscribers that are about to be cut.
fn outputs(condition: &Condition<'_>) -> Option<Warning> {
    let limit = condition.settings.client_output_buffer_limit.pubsub.hard.0;
    let waits = |client: &&Arc<ClientInfo>| client.held.get(Holding::Output) as u64;
    let is_close = |client: &&Arc<ClientInfo>| client.is_subscriber() && nearly(waits(client), limit).is_some();
    let count = condition.clients.iter().filter(is_close).count();
    let text = format!("about to be cut, because what waits has nearly reached its limit: {count} of the subscribers");
    (count > 0).then_some((Severity::Warning, "output_limit_nearly_reached", text))
}

fn log_lines(condition: &Condition<'_>) -> Option<Warning> {
    let (lines, _) = condition.history.troubles();
    let text = format!(
        "lines of the log that were lost in the last five minutes, because whoever takes it is too slow: {lines}"
    );
    (lines > 0).then_some((Severity::Notice, "log_lines_lost", text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::command::new_server;
    use crate::config::Config;
    use crate::ids::Address;

    /// The names of the warnings of a server with these directives of which so much is used.
    fn named(pairs: &[(&str, &str)], connections: usize, used: u64, waiting: usize) -> Vec<String> {
        let config = Config::from_pairs(pairs).expect("valid directives");
        let server = new_server(config, Clock::simulated()).expect("nothing is renamed");
        server.connections.store(connections, Relaxed);
        let client = server.clients.admit(0, Address::Unix("/x".into()), -1, server.clock.now());
        client.subscriptions[0].store(1, Relaxed);
        client.held.set(Holding::Output, waiting);
        let (settings, acceptor, history) = (server.settings(), Acceptor::default(), History::default());
        let clients = server.clients.all();
        let condition = Condition {
            server: &server,
            settings: &settings,
            acceptor: &acceptor,
            history: &history,
            clients: &clients,
            used,
        };
        let all = warnings(&condition);
        let names = all.as_array().into_iter().flatten().map(|warning| warning["name"].as_str().unwrap_or_default());
        names.map(str::to_owned).collect()
    }

    #[test]
    fn whoever_may_use_a_server_without_a_password_is_a_warning_where_others_reach_it() {
        let open = [("protected-mode", "no")];
        assert_eq!(named(&[], 0, 0, 0), [""; 0]);
        assert_eq!(named(&open, 0, 0, 0), ["no_password"]);
        assert_eq!(named(&[&open[..], &[("requirepass", "x")]].concat(), 0, 0, 0), [""; 0]);
        for (addresses, expected) in
            [("127.0.0.1 -::1", 0), ("localhost", 0), ("192.0.2.1", 1), ("127.0.0.1 a.test", 1)]
        {
            assert_eq!(named(&[&open[..], &[("bind", addresses)]].concat(), 0, 0, 0).len(), expected, "{addresses}");
        }
        let pages = [("metrics-bind", "*")];
        assert_eq!(named(&pages, 0, 0, 0), ["no_metrics_password"]);
        assert_eq!(named(&[&pages[..], &[("metrics-password", "x")]].concat(), 0, 0, 0), [""; 0]);
    }

    #[test]
    fn what_is_nearly_full_is_a_warning_from_nine_tenths_on() {
        assert_eq!(named(&[("maxclients", "100")], 89, 0, 0), [""; 0]);
        assert_eq!(named(&[("maxclients", "100")], 90, 0, 0), ["clients_nearly_full"]);
        let memory = [("maxmemory", "1000"), ("maxmemory-clients", "0")];
        assert_eq!(named(&memory, 0, 899, 0), [""; 0]);
        assert_eq!(named(&memory, 0, 900, 0), ["memory_nearly_full"]);
        let output = [("client-output-buffer-limit", "pubsub 1000 0 0")];
        assert_eq!(named(&output, 0, 0, 899), [""; 0]);
        assert_eq!(named(&output, 0, 0, 900), ["output_limit_nearly_reached"]);
        assert_eq!(named(&[("maxmemory-clients", "1mb")], 0, 0, 1_000_000), ["client_memory_nearly_full"]);
    }

    #[test]
    fn a_node_without_a_link_and_a_thread_in_the_middle_of_something_are_critical_and_come_first() {
        let pairs = [("backplane", "nats://127.0.0.1:1"), ("protected-mode", "no")];
        assert_eq!(named(&pairs, 0, 0, 0), ["backplane_down", "no_password"]);
    }
}
