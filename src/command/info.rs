//! INFO: the state of the server in sections of `name:value` lines, for people, dashboards and clients' ready checks.

mod absent;
mod backplane;
mod keyspace;
mod process;
mod traffic;

use std::cell::OnceCell;
use std::fmt::{Display, Write as _};
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use super::Call;
use super::spec::{Arg, Command, Flags, Group};
use crate::client::held::Holding;
use crate::client::order::Order;
use crate::client::registry::{ClientInfo, Flag};
use crate::clock::Now;
use crate::config::Settings;
use crate::hub::{HubState, Totals};
use crate::keyspace::access::KeyAccess;
use crate::message::Kind;
use crate::observe::memory::AllocatorUse;
use crate::observe::resources::{self, Memory};
use crate::resp::errors::ReplyError;
use crate::server::Server;
use keyspace::KeyFacts;

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "info",
    summary: "Reports the state of the server, its counters and its resources",
    group: Group::Server,
    arity: -1,
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::KEYSPACE),
    categories: &["dangerous"],
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    args: &[Arg::string("section").multiple().optional()],
    history: &[("7.0.0", "Several sections may be given.")],
    run: Some(info),
    ..Command::DEFAULT
}];

/// A part of the report.
struct Section {
    /// Its heading, by which it is asked for in any case.
    title: &'static str,
    /// Whether it is shown when none is asked for.
    by_default: fn(&Server) -> bool,
    write: fn(&mut Report<'_, '_>),
}

const fn section(title: &'static str, by_default: fn(&Server) -> bool, write: fn(&mut Report<'_, '_>)) -> Section {
    Section { title, by_default, write }
}

const ALWAYS: fn(&Server) -> bool = |_| true;
const ON_REQUEST: fn(&Server) -> bool = |_| false;

/// All sections, in the order of the report.
const SECTIONS: &[Section] = &[
    section("Server", ALWAYS, process::server),
    section("Clients", ALWAYS, process::clients),
    section("Memory", ALWAYS, process::memory),
    section("Persistence", ALWAYS, absent::persistence),
    section("Stats", ALWAYS, traffic::stats),
    section("Replication", ALWAYS, absent::replication),
    section("Backplane", |server| server.backplane.is_some(), backplane::backplane),
    section("CPU", ALWAYS, process::cpu),
    section("Threads", ON_REQUEST, process::threads),
    section("Modules", ALWAYS, absent::modules),
    section("Commandstats", ON_REQUEST, traffic::commandstats),
    section("Errorstats", ALWAYS, traffic::errorstats),
    section("Latencystats", ON_REQUEST, traffic::latencystats),
    section("Cluster", ALWAYS, absent::cluster),
    section("Keyspace", ALWAYS, keyspace::keyspace),
];

impl Section {
    fn is_asked_for(&self, server: &Server, word: &[u8]) -> bool {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        is(self.title) || is("all") || is("everything") || (is("default") && (self.by_default)(server))
    }
}

fn info(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let hub = call.hub.with(HubCounts::of);
    let mut report = Report {
        server: call.server,
        settings: call.settings,
        now: call.now,
        hub,
        keys: call.keys,
        key_facts: None,
        clients: OnceCell::new(),
        text: String::new(),
    };
    for section in SECTIONS {
        let mut words = call.args.from(1);
        let wanted = match words.len() {
            0 => (section.by_default)(call.server),
            _ => words.any(|word| section.is_asked_for(call.server, word)),
        };
        if wanted {
            report.begin(section.title);
            (section.write)(&mut report);
        }
    }
    call.reply.verbatim(&report.text);
    Ok(())
}

/// What INFO says in all sections, for a thread that must not wait for keys.
#[derive(Debug, Default)]
pub(crate) struct Overview {
    /// What was known of keys when they could last be looked at.
    key_facts: Option<Rc<KeyFacts>>,
}

impl Overview {
    /// The fields of each section at this moment, by name. What is said of keys is older if somebody has them for long.
    pub(crate) fn sections(&mut self, server: &Server) -> Vec<(&'static str, Vec<(String, String)>)> {
        let (settings, now) = (server.settings(), server.clock.now());
        let mut keys = KeyAccess::new(&server.keyspace);
        if keys.try_hold(now) {
            self.key_facts = Some(Rc::new(keys.look(now, KeyFacts::of)));
            keys.release();
        }
        let key_facts = Some(self.key_facts.get_or_insert_default().clone());
        let (hub, clients) = (HubCounts::of(&mut server.hub.lock()), OnceCell::new());
        let mut report =
            Report { server, settings: &settings, now, hub, keys: &mut keys, key_facts, clients, text: String::new() };
        let mut sections = Vec::new();
        for section in SECTIONS {
            report.text.clear();
            (section.write)(&mut report);
            let fields = report.text.lines().filter_map(|line| line.split_once(':'));
            sections.push((section.title, fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()));
        }
        sections
    }
}

/// How many names are listened to.
struct HubCounts {
    channels: usize,
    shard_channels: usize,
    patterns: usize,
    /// Messages that had no room on their way to other servers.
    dropped: u64,
    totals: Totals,
}

impl HubCounts {
    fn of(hub: &mut HubState<Order>) -> Self {
        HubCounts {
            channels: hub.channel_count(Kind::Channel),
            shard_channels: hub.channel_count(Kind::ShardChannel),
            patterns: hub.pattern_count(),
            dropped: hub.dropped(),
            totals: hub.totals,
        }
    }
}

/// A report in the making, with what the sections are made from.
struct Report<'r, 'k> {
    server: &'r Server,
    settings: &'r Settings,
    now: Now,
    hub: HubCounts,
    keys: &'r mut KeyAccess<'k>,
    key_facts: Option<Rc<KeyFacts>>,
    clients: OnceCell<ClientTotals>,
    text: String,
}

impl Report<'_, '_> {
    fn begin(&mut self, title: &str) {
        if !self.text.is_empty() {
            self.text.push_str("\r\n");
        }
        // Writing to a string cannot fail, here and below.
        let _ = write!(self.text, "# {title}\r\n");
    }

    fn field(&mut self, name: impl Display, value: impl Display) {
        let _ = write!(self.text, "{name}:{value}\r\n");
    }

    fn fields(&mut self, fields: &[(&str, u64)]) {
        fields.iter().for_each(|(name, value)| self.field(name, value));
    }

    /// A number of bytes, and once more for people.
    fn size(&mut self, name: &str, bytes: u64) {
        self.field(name, bytes);
        self.field(format_args!("{name}_human"), human(bytes));
    }

    /// What CONFIG GET answers for a directive.
    fn directive(&self, name: &str) -> String {
        let found = self.server.config.lock().get(&[name.as_bytes()]);
        found.into_iter().map(|(_, value)| String::from_utf8_lossy(&value).into_owned()).collect()
    }

    /// What is known of keys, for which the lock is taken once, and only if a section asks.
    fn keys(&mut self) -> Rc<KeyFacts> {
        let facts = self.key_facts.get_or_insert_with(|| Rc::new(self.keys.look(self.now, KeyFacts::of)));
        facts.clone()
    }

    fn clients(&self) -> &ClientTotals {
        self.clients.get_or_init(|| ClientTotals::of(self.server))
    }
}

/// All clients together.
#[derive(Debug, Default)]
struct ClientTotals {
    /// Clients that listen to anything.
    subscribers: u64,
    watching: u64,
    /// Keys, each once for each client that watches it.
    watched: u64,
    /// Clients whose commands wait.
    blocked: u64,
    /// The most that one client has sent and that waits to be run, with the memory kept for more, in bytes.
    max_input: u64,
    /// The most that waits to be written to one client, in bytes.
    max_output: u64,
    /// What waits to be written to those who listen to anything, and to all others, in bytes.
    output_of_subscribers: u64,
    output_of_others: u64,
}

impl ClientTotals {
    /// The clients of this moment.
    fn of(server: &Server) -> Self {
        let mut totals = ClientTotals::default();
        server.clients.all().iter().for_each(|client| totals.add(client));
        totals
    }

    fn add(&mut self, client: &ClientInfo) {
        let held = |holding| client.held.get(holding) as u64;
        let input = held(Holding::Input) + held(Holding::InputRoom);
        let output = held(Holding::Output);
        if client.is_subscriber() {
            self.subscribers += 1;
            self.output_of_subscribers += output;
        } else {
            self.output_of_others += output;
        }
        let watched = u64::from(client.watched.load(Relaxed));
        self.watching += u64::from(watched > 0);
        self.watched += watched;
        self.blocked += u64::from(client.has_flag(Flag::Blocked));
        self.max_input = self.max_input.max(input);
        self.max_output = self.max_output.max(output);
    }
}

/// The process's memory, divided as far as it is known what it is for; all in bytes.
pub(super) struct MemoryUse {
    /// As the kernel counts it.
    pub(super) memory: Memory,
    /// As the allocator counts it.
    pub(super) allocator: AllocatorUse,
    /// The most that the allocator had given away whenever somebody counted.
    pub(super) peak: u64,
    /// What the server used when it started.
    pub(super) startup: u64,
    /// What clients hold. A message that waits for many counts for each, though it takes its memory once.
    pub(super) clients: u64,
    /// Both together.
    pub(super) overhead: u64,
    /// The rest.
    pub(super) dataset: u64,
}

impl MemoryUse {
    /// The memory of this moment.
    pub(super) fn of(server: &Server) -> Self {
        let clients = server.clients.held.total() as u64;
        let (memory, allocator) = (resources::memory(), AllocatorUse::now());
        let used = allocator.allocated;
        let peak = server.memory.peak().max(used);
        // A message that waits for many is counted for each, so the parts could exceed the whole.
        let startup = server.memory.at_start().min(used);
        let overhead = (startup + clients).min(used);
        MemoryUse { memory, allocator, peak, startup, clients, overhead, dataset: used - overhead }
    }
}

/// How much larger one count of memory is than another.
pub(super) struct Gap {
    pub(super) ratio: f64,
    pub(super) bytes: i64,
}

impl MemoryUse {
    /// What lies between what was given away, the pages that it is in, the allocator's pages in RAM and the process's:
    /// each step, and all together.
    pub(super) fn gaps(&self) -> [Gap; 4] {
        let AllocatorUse { allocated, active, resident } = self.allocator;
        let process = self.memory.resident;
        let gap = |small: u64, large: u64| Gap {
            ratio: if small == 0 { 1.0 } else { large as f64 / small as f64 },
            bytes: large as i64 - small as i64,
        };
        [gap(allocated, active), gap(active, resident), gap(resident, process), gap(allocated, process)]
    }
}

/// A number of bytes with two digits and a unit, powers of 1024.
fn human(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["K", "M", "G", "T", "P", "E"];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let power = (bytes.ilog2() / 10) as usize;
    format!("{:.2}{}", bytes as f64 / (1u64 << (10 * power)) as f64, UNITS[power - 1])
}

/// How much `part` is of `whole`, in percent; 0 of nothing.
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

#[cfg(test)]
mod tests;
