//! The configuration: one table of directives, from which everything else follows.
//!
//! | file | what it holds |
//! |---|---|
//! | `table.rs` | the directives that have an effect, one entry each; [`Settings`] is made from it |
//! | `ignored.rs` | the directives of Redis that have none here |
//! | `param.rs` | what an entry is |
//! | `settings.rs` | the macro behind the table |
//! | `absent.rs` | the commands of Redis that do not exist here, for `rename-command` |
//! | `value.rs`, `compound.rs`, `limits.rs`, `events.rs`, `accepted.rs`, `user.rs` | the types of values: read, check, show |
//! | `load.rs` | files, `include`, standard input |
//! | `arguments.rs` | the command line |
//! | `examination.rs` | `--check` |
//! | `reload.rs` | the file read again while the server runs |
//! | `rewrite.rs` | CONFIG REWRITE |
//! | `print.rs`, `manual.rs` | `--help`, `--version`, the example file; the manual page |
//! | `error.rs` | what can go wrong |
//!
//! [`invocation`] reads the command line into a [`Config`]. Its [`Config::settings`] is a snapshot that readers keep as
//! long as they like; a CONFIG SET replaces it. Nothing here depends on the rest of the server: whoever changes a directive
//! that means work elsewhere (a new port) calls [`Config::plan`], does the work, and then [`Config::commit`].

pub(crate) mod absent;
mod accepted;
mod arguments;
mod compound;
mod engine;
mod error;
mod events;
mod examination;
mod ignored;
mod limits;
mod load;
mod manual;
mod param;
mod print;
mod reload;
pub(crate) mod rewrite;
mod rule;
mod settings;
mod slow;
mod table;
mod user;
mod value;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

pub use arguments::Shell;
pub use arguments::{DEFAULTS_VARIABLE, Invocation, invocation, invocation_with};
pub(crate) use arguments::{OPTIONS, OwnOption};
pub use compound::{BindAddress, Directory, FileMode, IoThreads, Percentiles, Rename, Secret, ShutdownFlags};
pub(crate) use engine::{EngineKind, EngineUrl};
pub use engine::{EngineUrls, SubjectPrefix};
pub use error::{RewriteError, SetError, StartError};
pub use events::KeyspaceEvents;
pub use examination::Examination;
pub use limits::{MaxmemoryClients, OutputLimit, OutputLimits};
pub use param::{Change, Effect, Param, Section};
pub use reload::Reading;
pub use settings::Settings;
pub use slow::{SlowLimit, SlowPolicy};
pub use user::{UserLine, UserLines};
pub use value::{
    BackplaneCounts, BackplaneForwardAuth, BackplaneKeys, BackplaneOffline, ByteSize, CertificateUser,
    ClientCertificates, DrainOrder, EvictionPolicy, LogFormat, LogLevel, Micros, Millis, PatternSubscribe, Permission,
    PubsubDefault, Seconds, Supervised,
};

use load::Loader;
use param::Values;
use reload::Sources;

/// Every directive, those with an effect first.
pub fn params() -> impl Iterator<Item = &'static Param> {
    table::WORKING.iter().chain(ignored::GROUPS.iter().flat_map(|group| group.params))
}

/// The directive of that name or alias, in any case.
pub fn find(name: &[u8]) -> Option<&'static Param> {
    params().find(|param| param.is_called(name))
}

/// The values of all directives, and where they came from.
#[derive(Clone, Debug, Default)]
pub struct Config {
    values: Values,
    /// What was read last: differs from the values by what CONFIG SET has changed since.
    read: Values,
    sources: Arc<Sources>,
    explicit: BTreeSet<&'static str>,
}

/// Who asks for a change of a protected directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A client on the loopback interface or the Unix socket.
    Local,
    /// Any other client.
    Remote,
}

impl Caller {
    /// Who comes from this machine, or does not.
    pub fn from_here(is_local: bool) -> Self {
        if is_local { Self::Local } else { Self::Remote }
    }
}

/// A checked change that has not happened yet.
#[derive(Debug)]
pub struct Plan {
    values: Values,
    changed: Vec<&'static Param>,
}

impl Plan {
    /// The settings as they are going to be.
    pub fn settings(&self) -> &Settings {
        &self.values.settings
    }

    /// The directives that get another value, or the same that may mean something else now, in the order in which they were
    /// given.
    pub fn changed(&self) -> Vec<&'static str> {
        self.changed.iter().map(|param| param.name).collect()
    }

    /// What the change means beyond the values, with the directives' names.
    pub fn effects(&self) -> impl Iterator<Item = (&'static str, Effect)> {
        self.changed.iter().map(|param| (param.name, param.effect))
    }
}

impl Config {
    /// A configuration from names and values, as if each pair were a line of a file. For tests and embedding.
    pub fn from_pairs(pairs: &[(&str, &str)]) -> Result<Self, StartError> {
        let mut loader = Loader::default();
        for (name, value) in pairs {
            loader.directive(&[name.as_bytes().to_vec(), value.as_bytes().to_vec()])?;
        }
        loader.judge()?;
        Ok(Self::loaded(loader, Sources::default()))
    }

    /// The present settings. Cheap to clone; never changes, but is replaced by a change.
    pub fn settings(&self) -> &Arc<Settings> {
        &self.values.settings
    }

    /// The file the server was started with, absolute.
    pub fn file(&self) -> Option<&Path> {
        self.sources.file.as_deref()
    }

    /// Whether the file, standard input or the command line has set the directive.
    pub fn is_explicit(&self, name: &str) -> bool {
        find(name.as_bytes()).is_some_and(|param| self.explicit.contains(param.name))
    }

    /// CONFIG GET: names and values of the directives that one of the patterns matches, each once. A pattern without
    /// `*`, `?` and `[` is a name, which is answered as it was asked for. Case does not matter.
    pub fn get(&self, patterns: &[&[u8]]) -> Vec<(String, Vec<u8>)> {
        let mut found: Vec<(String, Vec<u8>)> = Vec::new();
        let mut add = |name: &str, param: &Param| {
            if !found.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                found.push((name.to_owned(), param.get(&self.values)));
            }
        };
        for pattern in patterns {
            if pattern.iter().any(|byte| b"*?[".contains(byte)) {
                for (name, param) in visible_names() {
                    if crate::pattern::matches_ignoring_case(pattern, name.as_bytes()) {
                        add(name, param);
                    }
                }
            } else if let Some((_, param)) =
                visible_names().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(pattern))
            {
                add(&String::from_utf8_lossy(pattern), param);
            }
        }
        found
    }

    /// CONFIG SET: all pairs or none. Returns the directives that got another value.
    pub fn set(&mut self, pairs: &[(&[u8], &[u8])], caller: Caller) -> Result<Vec<&'static str>, SetError> {
        let plan = self.plan(pairs, caller)?;
        let changed = plan.changed();
        self.commit(plan);
        Ok(changed)
    }

    /// Checks a CONFIG SET without doing it. Between this and [`Config::commit`] no other change may happen.
    pub fn plan(&self, pairs: &[(&[u8], &[u8])], caller: Caller) -> Result<Plan, SetError> {
        let mut params: Vec<&'static Param> = Vec::with_capacity(pairs.len());
        for (name, _) in pairs {
            let param = self.changeable(name, caller)?;
            if params.iter().any(|known| known.name == param.name) {
                let name = String::from_utf8_lossy(name);
                return Err(SetError::failed(name, "duplicate parameter"));
            }
            params.push(param);
        }
        let mut values = self.values.clone();
        for (param, (name, value)) in params.iter().zip(pairs) {
            let args = match value {
                [] if param.several => Vec::new(),
                _ if param.several => value.split(|byte| *byte == b' ').map(<[u8]>::to_vec).collect(),
                _ => vec![value.to_vec()],
            };
            // The name that was used, but as the table writes it.
            let failed = |reason| SetError::failed(String::from_utf8_lossy(name).to_ascii_lowercase(), reason);
            param.set(&mut values, &args, false).map_err(&failed)?;
            param.objection(&values).map_or(Ok(()), |why| Err(failed(why.to_owned())))?;
        }
        // Files may hold something else than when they were named before.
        params.retain(|param| param.effect == Effect::Tls || param.get(&values) != param.get(&self.values));
        Ok(Plan { changed: params, values })
    }

    /// Makes the planned change.
    pub fn commit(&mut self, plan: Plan) {
        self.values = plan.values;
    }

    /// Makes `maxclients` what the system allows.
    pub(crate) fn lower_maxclients(&mut self, possible: u32) {
        Arc::make_mut(&mut self.values.settings).maxclients = possible;
    }

    /// CONFIG REWRITE: writes what differs from the defaults into the file, keeping its comments and order.
    /// `users` are the users of now, name and rules of each; none where another file keeps them.
    pub fn rewrite(&self, users: Option<&[Vec<u8>]>) -> Result<(), RewriteError> {
        let file = self.file().ok_or(RewriteError::NoFile)?;
        rewrite::rewrite(file, &self.values, users).map_err(RewriteError::Io)
    }

    fn loaded(loader: Loader, sources: Sources) -> Self {
        let Loader { values, explicit, .. } = loader;
        Self { read: values.clone(), values, sources: Arc::new(sources), explicit }
    }

    /// The directive, if CONFIG SET may change it now.
    fn changeable(&self, name: &[u8], caller: Caller) -> Result<&'static Param, SetError> {
        let text = || String::from_utf8_lossy(name).into_owned();
        let known = find(name).filter(|param| param.change != Change::FileOnly);
        let param = known.ok_or_else(|| SetError::Unknown { name: text() })?;
        let unprotected = self.settings().enable_protected_configs.allows(caller == Caller::Local);
        match param.change {
            Change::Runtime => Ok(param),
            Change::Protected if unprotected => Ok(param),
            Change::Protected => Err(SetError::failed(text(), "can't set protected config")),
            Change::Start | Change::FileOnly => Err(SetError::failed(text(), "can't set immutable config")),
        }
    }
}

/// Every name that CONFIG knows, aliases included, with its directive.
fn visible_names() -> impl Iterator<Item = (&'static str, &'static Param)> {
    let visible = params().filter(|param| param.change != Change::FileOnly);
    visible.flat_map(|param| param.names().map(move |name| (name, param)))
}

#[cfg(test)]
mod tests;
