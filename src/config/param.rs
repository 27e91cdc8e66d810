//! One directive: name, section, when it may change, doc, and the functions that read, check and write its value.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::error::WRONG_COUNT;
use super::settings::Settings;
use super::value::{ANY, Given, Rule, Value};

/// An entry of the table. Everything that knows a directive's name learns it from here.
pub struct Param {
    /// The name in files, on the command line (after `--`) and in CONFIG; lower case.
    pub name: &'static str,
    /// An older name for the same value.
    pub alias: Option<&'static str>,
    /// Under which heading it is listed.
    pub section: Section,
    /// When its value may change.
    pub change: Change,
    /// What a change of it means beyond the value that everybody reads.
    pub effect: Effect,
    /// What it does, unit, default and when to change it; one line of text for each element.
    pub doc: &'static [&'static str],
    /// The value must not appear in logs, MONITOR or the slow log.
    pub sensitive: bool,
    pub(super) several: bool,
    pub(super) sample: Option<&'static str>,
    pub(super) rule: Rule,
    /// It bounds something that a peer can make grow.
    pub bounds: bool,
    pub(super) expects: fn(&Rule) -> String,
    /// For a directive that only works at its default: why, and what to do instead.
    pub(super) only_default: Option<&'static str>,
    pub(super) store: Store,
}

impl fmt::Debug for Param {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name)
    }
}

/// When the value of a directive may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// At any time, by CONFIG SET.
    Runtime,
    /// Only when the server starts.
    Start,
    /// By CONFIG SET where `enable-protected-configs` allows it.
    Protected,
    /// Only when the server starts, and CONFIG does not know it.
    FileOnly,
}

/// What a change of a directive means beyond the value that everybody reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// The system must have descriptors for so many clients.
    Descriptors,
    /// The log says more or less, or more of it may wait.
    Log,
    /// Other addresses are listened on; where they cannot be had, this is what CONFIG SET answers.
    Addresses(&'static str),
    /// The default user has another password.
    Password,
    /// Sockets that are listened on get other options.
    Sockets,
    /// Connections that begin from now on are encrypted in another way.
    Tls,
}

impl Effect {
    /// Whether the system may take its time for it.
    pub fn may_wait(self) -> bool {
        matches!(self, Self::Addresses(_) | Self::Sockets | Self::Tls)
    }
}

/// The headings of the example file and of the manual page, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Where the server listens and how connections live.
    Network,
    /// How connections are encrypted.
    Tls,
    /// Who may do what.
    Security,
    /// What a client may use.
    Limits,
    /// The process and its log.
    Process,
    /// Slow log and latency.
    Observation,
    /// How servers act as one.
    Backplane,
    /// Keys.
    Keys,
    /// How the server ends.
    Shutdown,
    /// Directives of Redis without effect here.
    NoEffect,
}

impl Section {
    /// Every section, in the order of the example file.
    pub const ALL: [Self; 10] = [
        Self::Network,
        Self::Tls,
        Self::Security,
        Self::Limits,
        Self::Backplane,
        Self::Keys,
        Self::Process,
        Self::Observation,
        Self::Shutdown,
        Self::NoEffect,
    ];

    /// The heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Network => "Network",
            Self::Tls => "TLS",
            Self::Security => "Security",
            Self::Limits => "Limits",
            Self::Backplane => "Backplane: several servers as one",
            Self::Keys => "Keys",
            Self::Process => "Process and log",
            Self::Observation => "Slow log and latency",
            Self::Shutdown => "Shutdown",
            Self::NoEffect => "Directives of Redis that have no effect here",
        }
    }
}

/// All values at one moment.
#[derive(Clone, Default)]
pub(super) struct Values {
    pub(super) settings: Arc<Settings>,
    /// Values of directives without effect, where they differ from the default in the table.
    pub(super) ignored: BTreeMap<&'static str, Vec<u8>>,
}

impl fmt::Debug for Values {
    /// Without the values that have no effect: a replication password may be among them.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ignored: Vec<_> = self.ignored.keys().collect();
        out.debug_struct("Values").field("settings", &self.settings).field("ignored", &ignored).finish()
    }
}

/// Where a value lives, with the functions of its type.
pub(super) enum Store {
    /// A field of [`Settings`].
    Setting {
        get: fn(&Settings) -> Vec<u8>,
        lines: fn(&Settings) -> Vec<Vec<u8>>,
        set: fn(&mut Settings, &Given<'_>) -> Result<(), String>,
        copy: fn(&mut Settings, &Settings),
    },
    /// Kept only to be answered again, as its own text.
    Ignored {
        default: &'static str,
        lines: fn(&[u8], &Rule) -> Vec<Vec<u8>>,
        accept: fn(&Given<'_>, &[u8]) -> Result<Vec<u8>, String>,
    },
}

impl Param {
    /// Whether `name` is one of its names, in any case.
    pub fn is_called(&self, name: &[u8]) -> bool {
        self.names().any(|own| own.as_bytes().eq_ignore_ascii_case(name))
    }

    /// Its names: the present one, then the older one.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.alias)
    }

    /// Whether setting it changes nothing in this server.
    pub fn is_ignored(&self) -> bool {
        matches!(self.store, Store::Ignored { .. })
    }

    /// What may be written as its value, for messages.
    pub fn expects(&self) -> String {
        (self.expects)(&self.rule)
    }

    /// What it does in a few words; empty where it does nothing here.
    pub(crate) fn first_sentence(&self) -> String {
        let doc = self.prose();
        let first = doc.split_inclusive(['.', ';', ':']).next().unwrap_or_default();
        first.trim_end_matches(['.', ';', ':']).to_owned()
    }

    /// The doc comment as running text.
    pub(super) fn prose(&self) -> String {
        self.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ").replace('`', "")
    }

    /// The value as CONFIG GET answers it.
    pub(super) fn get(&self, values: &Values) -> Vec<u8> {
        match self.store {
            Store::Setting { get, .. } => get(&values.settings),
            Store::Ignored { default, .. } => match values.ignored.get(self.name) {
                Some(value) => value.clone(),
                None => default.as_bytes().to_vec(),
            },
        }
    }

    /// What follows the name in a file, a line for each element.
    pub(super) fn lines(&self, values: &Values) -> Vec<Vec<u8>> {
        match self.store {
            Store::Setting { lines, .. } => lines(&values.settings),
            Store::Ignored { lines, .. } => lines(&self.get(values), &self.rule),
        }
    }

    /// Whether the value is the one of the table.
    pub(super) fn is_default(&self, values: &Values, defaults: &Values) -> bool {
        self.get(values) == self.get(defaults)
    }

    /// Reads the arguments into `values`. `again`: this load has set it before. The error is Redis' reason; nothing has
    /// changed then.
    pub(super) fn set(&self, values: &mut Values, args: &[Vec<u8>], again: bool) -> Result<(), String> {
        if !self.several && args.len() != 1 {
            return Err(WRONG_COUNT.into());
        }
        let given = Given { args, rule: &self.rule, again };
        match self.store {
            Store::Setting { set, .. } => set(Arc::make_mut(&mut values.settings), &given),
            Store::Ignored { accept, .. } => {
                let value = accept(&given, &self.get(values))?;
                values.ignored.insert(self.name, value);
                Ok(())
            }
        }
    }

    /// Gives `values` the value that it has in `others`.
    pub(super) fn copy(&self, values: &mut Values, others: &Values) {
        match self.store {
            Store::Setting { copy, .. } => copy(Arc::make_mut(&mut values.settings), &others.settings),
            Store::Ignored { .. } => drop(values.ignored.insert(self.name, self.get(others))),
        }
    }

    /// Why the server cannot work with the present value, and what to do instead, if that is so.
    pub(super) fn objection(&self, values: &Values) -> Option<&'static str> {
        match self.store {
            Store::Ignored { default, .. } => self.only_default.filter(|_| self.get(values) != default.as_bytes()),
            Store::Setting { .. } => None,
        }
    }
}

/// An entry whose value is checked by type `T`, answered again, and otherwise without effect.
pub(super) const fn ignored<T: Value + Default>(name: &'static str, default: &'static str) -> Param {
    Param {
        name,
        alias: None,
        section: Section::NoEffect,
        change: Change::Runtime,
        effect: Effect::None,
        doc: &[],
        sensitive: T::SENSITIVE,
        several: T::SEVERAL,
        sample: None,
        rule: ANY,
        bounds: false,
        expects: T::expects,
        only_default: None,
        store: Store::Ignored { default, lines: stored_lines::<T>, accept: accept::<T> },
    }
}

/// Builders for the entries of `ignored.rs`.
impl Param {
    pub(super) const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    pub(super) const fn change(mut self, change: Change) -> Self {
        self.change = change;
        self
    }

    pub(super) const fn rule(mut self, rule: Rule) -> Self {
        self.rule = rule;
        self
    }

    pub(super) const fn only_default(mut self, why: &'static str) -> Self {
        self.only_default = Some(why);
        self
    }
}

/// Checks by reading, keeps what the type shows.
fn accept<T: Value + Default>(given: &Given<'_>, old: &[u8]) -> Result<Vec<u8>, String> {
    T::parse(given, &stored(old, given.rule)).map(|value| value.show())
}

fn stored_lines<T: Value + Default>(text: &[u8], rule: &Rule) -> Vec<Vec<u8>> {
    stored::<T>(text, rule).lines()
}

/// The value behind a text that `show` has written.
fn stored<T: Value + Default>(text: &[u8], rule: &Rule) -> T {
    let one = [text.to_vec()];
    let many: Vec<Vec<u8>> = text.split(|byte| *byte == b' ').map(<[u8]>::to_vec).collect();
    let args: &[Vec<u8>] = if T::SEVERAL { &many } else { &one };
    T::parse(&Given { args, rule, again: false }, &T::default()).unwrap_or_default()
}
