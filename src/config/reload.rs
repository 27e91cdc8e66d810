//! The configuration read again while the server runs, because whoever has changed its file says so.
//!
//! What counts is what is said otherwise than when it was last read: what CONFIG SET has changed meanwhile stays, unless the
//! file has changed at the same directive.

use std::fmt;
use std::io::Read;
use std::path::PathBuf;

use super::arguments::{self, DEFAULTS_VARIABLE};
use super::error::{StartError, reason};
use super::load::Loader;
use super::param::{Change, Param, Values};
use super::{Config, Plan, params};

/// What a configuration is read from, in this order.
#[derive(Default)]
pub(super) struct Sources {
    /// The text of [`DEFAULTS_VARIABLE`].
    pub(super) defaults: Vec<u8>,
    /// Absolute, so that it is found whatever the current directory is then.
    pub(super) file: Option<PathBuf>,
    /// The text of standard input, where it is one of them.
    pub(super) stdin: Option<Vec<u8>>,
    /// Name and values of each option of the command line.
    pub(super) options: Vec<Vec<Vec<u8>>>,
}

impl fmt::Debug for Sources {
    /// Without the texts: passwords may be among them.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Sources").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Sources {
    /// Takes what can be read only once.
    ///
    /// # Errors
    ///
    /// [`StartError`] if standard input cannot be read.
    pub(super) fn keep_stdin(&mut self, stdin: &mut dyn Read) -> Result<(), StartError> {
        let mut text = Vec::new();
        stdin.read_to_end(&mut text).map_err(|error| {
            StartError::new(format!("can't read: {}", reason(&error)), "write the directives to it, or leave out '-'")
                .at("standard input", None)
        })?;
        self.stdin = Some(text);
        Ok(())
    }

    /// Reads and judges all of them.
    ///
    /// # Errors
    ///
    /// [`StartError`] for the first directive that is wrong.
    pub(super) fn read(&self) -> Result<Loader, StartError> {
        let mut loader = Loader::default();
        self.read_into(&mut loader)?;
        loader.judge()?;
        Ok(loader)
    }

    /// Reads all of them.
    ///
    /// # Errors
    ///
    /// [`StartError`] for the first directive that is wrong, unless the loader gathers errors.
    pub(super) fn read_into(&self, loader: &mut Loader) -> Result<(), StartError> {
        loader.text(DEFAULTS_VARIABLE, &self.defaults)?;
        if let Some(file) = &self.file {
            loader.file(file)?;
        }
        if let Some(text) = &self.stdin {
            loader.text("standard input", text)?;
        }
        arguments::apply(&self.options, loader)
    }
}

/// What a configuration says that was read again.
#[derive(Debug)]
pub struct Reading(Values);

impl Config {
    /// Reads again what it was read from; none if that is no file. May take as long as the file system does.
    ///
    /// # Errors
    ///
    /// [`StartError`] for the first directive that is wrong.
    pub fn read_again(&self) -> Result<Option<Reading>, StartError> {
        if self.sources.file.is_none() {
            return Ok(None);
        }
        self.sources.read().map(|loader| Some(Reading(loader.values)))
    }

    /// What is to be changed because it is said otherwise than before, of what may change while the server runs.
    pub fn plan_for(&self, reading: &Reading) -> Plan {
        let mut values = self.values.clone();
        let mut changed = self.said_otherwise(reading, true);
        changed.iter().for_each(|param| param.copy(&mut values, &reading.0));
        changed.retain(|param| param.get(&values) != param.get(&self.values));
        Plan { changed, values }
    }

    /// The directives that are said otherwise than before and that only a new start changes.
    pub fn for_the_next_start(&self, reading: &Reading) -> Vec<&'static str> {
        self.said_otherwise(reading, false).iter().map(|param| param.name).collect()
    }

    /// Remembers what was said last.
    pub fn keep(&mut self, reading: Reading) {
        self.read = reading.0;
    }

    fn said_otherwise(&self, reading: &Reading, while_running: bool) -> Vec<&'static Param> {
        let differs = |param: &&Param| param.get(&reading.0) != param.get(&self.read);
        let fits = |param: &&Param| matches!(param.change, Change::Runtime | Change::Protected) == while_running;
        params().filter(fits).filter(differs).collect()
    }
}
