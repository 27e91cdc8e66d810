//! Reads directives from files, standard input and the command line into values. The last value of a directive wins.
//!
//! Source: `loadServerConfigFromString` and `loadServerConfig` of Redis' `config.c`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::absent::is_absent;
use super::compound::Rename;
use super::error::{Place, StartError, WRONG_COUNT, reason};
use super::ignored::Group;
use super::param::{Param, Values};
use super::{Settings, find, ignored, params};
use crate::quoting;

/// How deep files may include one another; a file that includes itself ends here.
const MAX_INCLUDE_DEPTH: usize = 16;

/// The directive that stands with the parameters of modules.
const LOADMODULE: &str = "loadmodule";

/// What parameters of the modules begin with that come with Redis 8; those of others have a dot in their names.
const OF_MODULES: [&[u8]; 4] = [b"search-", b"ts-", b"bf-", b"cf-"];

/// The directive that asks for the background.
const DAEMONIZE: &str = "daemonize";

/// Errors after which nothing more is read where all of them are looked for: the first ones say what the others are like.
const MAX_ERRORS: usize = 100;

/// Says that a text is UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

const UNBALANCED: &str = "unbalanced quotes";
const CHECK_PATH: &str = "check the path and its permissions";

/// Collects what is read. Values of an earlier source are overwritten by a later one.
#[derive(Default)]
pub(super) struct Loader {
    pub(super) values: Values,
    /// Directives that some source has set.
    pub(super) explicit: BTreeSet<&'static str>,
    /// Each use of something without effect, in their order.
    pub(super) ignored: Vec<Ignored>,
    /// What was wrong so far, where all of it is looked for; otherwise the first of it ends the reading.
    pub(super) errors: Option<Vec<StartError>>,
    /// Where directives got values that they must not end with, because nothing here does what they ask for. A later value
    /// may replace such a one, so they are judged when all has been read.
    objections: Vec<(&'static Param, StartError)>,
    depth: usize,
}

/// One use of a directive without effect.
pub(super) struct Ignored {
    pub(super) name: Cow<'static, str>,
    /// None for a parameter of a module.
    pub(super) param: Option<&'static Param>,
    /// Where that is, once it is known.
    pub(super) place: Option<Place>,
}

impl Loader {
    /// One that does not end at the first error, but gathers them.
    pub(super) fn gathering() -> Self {
        Self { errors: Some(Vec::new()), ..Self::default() }
    }

    /// Reads a file. Errors name the file and the line, of the included file where it is in one.
    pub(super) fn file(&mut self, path: &Path) -> Result<(), StartError> {
        let origin = path.display().to_string();
        let text = fs::read(path).map_err(|error| {
            let text = format!("can't open the configuration file: {}", reason(&error));
            StartError::new(text, CHECK_PATH).at(&origin, None)
        })?;
        self.text(&origin, &text)
    }

    /// Reads the text of a file or of standard input.
    pub(super) fn text(&mut self, origin: &str, text: &[u8]) -> Result<(), StartError> {
        // What some editors put in front of a text, and nobody sees.
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let read = self.line(line);
            self.placed(read, origin, Some(index + 1))?;
        }
        Ok(())
    }

    /// Says of what has just been read where that is: of its error, or of what may turn out to be one.
    pub(super) fn placed(
        &mut self,
        read: Result<(), StartError>,
        origin: &str,
        line: Option<usize>,
    ) -> Result<(), StartError> {
        for (_, objection) in &mut self.objections {
            objection.place(origin, line);
        }
        let place = (origin.to_owned(), line);
        for ignored in self.ignored.iter_mut().rev().take_while(|ignored| ignored.place.is_none()) {
            ignored.place = Some(place.clone());
        }
        self.place_newest(&place);
        match (read.map_err(|error| error.at(origin, line)), &mut self.errors) {
            (Err(error), Some(errors)) if errors.len() < MAX_ERRORS => {
                errors.push(error);
                Ok(())
            }
            (read, _) => read,
        }
    }

    /// Notes where the newest renamed command and the newest user stand, if one of them has just been read.
    fn place_newest(&mut self, place: &Place) {
        let Settings { rename_command, user, .. } = &*self.values.settings;
        let is_new = rename_command.last().is_some_and(|rename| rename.place.is_none())
            || user.0.last().is_some_and(|user| user.place.is_none());
        if is_new {
            let Settings { rename_command, user, .. } = Arc::make_mut(&mut self.values.settings);
            for known in [
                rename_command.last_mut().map(|rename| &mut rename.place),
                user.0.last_mut().map(|user| &mut user.place),
            ] {
                known.into_iter().for_each(|known| _ = known.get_or_insert_with(|| place.clone()));
            }
        }
    }

    /// Judges values that later ones might have replaced, when all has been read.
    ///
    /// # Errors
    ///
    /// [`StartError`] for the first directive that ends with a value of which nothing here does what it asks for.
    pub(super) fn judge(&self) -> Result<(), StartError> {
        self.standing_objections().next().map_or(Ok(()), |objection| Err(objection.clone()))
    }

    /// What is wrong with the values with which directives end.
    pub(super) fn standing_objections(&self) -> impl Iterator<Item = &StartError> {
        // Who is supervised stays in the foreground whatever `daemonize` says, as in Redis.
        let is_supervised = self.values.settings.supervised.is_in_effect();
        let stands =
            move |param: &Param| param.objection(&self.values).is_some() && !(is_supervised && param.name == DAEMONIZE);
        self.objections.iter().filter(move |(param, _)| stands(param)).map(|(_, objection)| objection)
    }

    /// Sets one directive from its words; the first is its name.
    pub(super) fn directive(&mut self, words: &[Vec<u8>]) -> Result<(), StartError> {
        let Some((name, args)) = words.split_first() else {
            return Ok(());
        };
        if name.eq_ignore_ascii_case(b"include") {
            return self.include(args);
        }
        match find(name) {
            Some(param) => self.set(param, args),
            None if is_of_module(name) => {
                // The parameter of a module. Modules are not loaded, so it has no effect.
                let name = String::from_utf8_lossy(name).into_owned().into();
                self.ignored.push(Ignored { name, param: None, place: None });
                Ok(())
            }
            None => Err(unknown(name)),
        }
    }

    /// What is asked for that nobody does here, a line for each reason. Values that are those of Redis ask for nothing.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for group in ignored::GROUPS {
            let mut names: Vec<&str> = Vec::new();
            let (of_modules, others): (Vec<_>, Vec<_>) = self.in_vain().partition(|ignored| ignored.param.is_none());
            for ignored in others.iter().chain(&of_modules).filter(|ignored| ignored.group().title == group.title) {
                if !names.contains(&&*ignored.name) {
                    names.push(&ignored.name);
                }
            }
            if !names.is_empty() {
                warnings.push(format!("no effect here: {}. {}", names.join(", "), group.why));
            }
        }
        let absent: Vec<_> = self.absent_commands().map(|rename| String::from_utf8_lossy(&rename.from)).collect();
        if !absent.is_empty() {
            warnings.push(format!("no effect here: rename-command {}. There are no such commands.", absent.join(", ")));
        }
        warnings
    }

    /// The uses of what has no effect that ask for something.
    pub(super) fn in_vain(&self) -> impl Iterator<Item = &Ignored> {
        let defaults = Values::default();
        let asks = move |param: &Param| !param.is_default(&self.values, &defaults);
        self.ignored.iter().filter(move |ignored| ignored.param.is_none_or(&asks))
    }

    /// Commands that were given other names and that do not exist here.
    pub(super) fn absent_commands(&self) -> impl Iterator<Item = &Rename> {
        self.values.settings.rename_command.iter().filter(|rename| is_absent(&rename.from))
    }

    fn line(&mut self, line: &[u8]) -> Result<(), StartError> {
        let line = line.trim_ascii();
        if line.starts_with(b"#") {
            return Ok(());
        }
        let words = quoting::split(line).map_err(|quoting::Unbalanced| {
            StartError::new(UNBALANCED, "close every quote, and put a blank after a closing one")
        })?;
        self.directive(&words)
    }

    fn set(&mut self, param: &'static Param, args: &[Vec<u8>]) -> Result<(), StartError> {
        // One quoted argument may hold all of several: --bind "127.0.0.1 ::1"
        let inner = match args {
            [only] if param.several && !only.is_empty() => quoting::split(only).ok(),
            _ => Some(args.to_vec()),
        };
        let again = self.explicit.contains(param.name);
        let before = param.only_default.map(|_| param.get(&self.values));
        let result = match inner {
            Some(args) if !args.is_empty() => param.set(&mut self.values, &args, again),
            Some(_) => Err(WRONG_COUNT.to_owned()),
            None => Err(UNBALANCED.to_owned()),
        };
        result.map_err(|why| {
            StartError::new(format!("{}: {why}", param.name), format!("it takes: {}", param.expects()))
        })?;
        self.explicit.insert(param.name);
        if before.is_some_and(|before| before != param.get(&self.values)) {
            self.objections.retain(|(known, _)| known.name != param.name);
            self.objections.extend(param.objection(&self.values).map(|why| (param, refused(param, why))));
        }
        if param.is_ignored() && param.only_default.is_none() {
            self.ignored.push(Ignored { name: param.name.into(), param: Some(param), place: None });
        }
        Ok(())
    }

    /// Reads other files. A path is relative to the directory in which the server was started, as in Redis, not to the
    /// including file. A pattern that matches nothing is no error, so that an empty directory can be included.
    fn include(&mut self, args: &[Vec<u8>]) -> Result<(), StartError> {
        let [path] = args else {
            return Err(StartError::new(format!("include: {WRONG_COUNT}"), "it takes: a path or a pattern"));
        };
        if self.depth == MAX_INCLUDE_DEPTH {
            let cure = "remove the include by which a file includes itself";
            return Err(StartError::new(format!("more than {MAX_INCLUDE_DEPTH} files include one another"), cure));
        }
        self.depth += 1;
        let result = included(path)?.iter().try_for_each(|file| self.included_file(file));
        self.depth -= 1;
        result
    }

    /// As [`Loader::file`], but where it cannot be opened, the place to correct is the line with the include.
    fn included_file(&mut self, path: &Path) -> Result<(), StartError> {
        let origin = path.display().to_string();
        let text = fs::read(path).map_err(|error| {
            StartError::new(format!("include: can't open {origin}: {}", reason(&error)), CHECK_PATH)
        })?;
        self.text(&origin, &text)
    }
}

impl Ignored {
    /// The directives that it belongs to, and why these have no effect.
    pub(super) fn group(&self) -> &'static Group {
        let name = self.param.map_or(LOADMODULE, |param| param.name);
        let found = ignored::GROUPS.iter().find(|group| group.params.iter().any(|param| param.name == name));
        found.expect("what is ignored is in a group")
    }
}

/// The files that the argument of `include` stands for, in alphabetical order.
fn included(path: &[u8]) -> Result<Vec<PathBuf>, StartError> {
    if !path.iter().any(|byte| b"*?[".contains(byte)) {
        return Ok(vec![PathBuf::from(OsStr::from_bytes(path))]);
    }
    let wrong = |why: String| StartError::new(format!("include: {why}"), "correct the pattern or its directory");
    let pattern = std::str::from_utf8(path).map_err(|_| wrong("a pattern has to be UTF-8".into()))?;
    let options =
        glob::MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let files = glob::glob_with(pattern, options).map_err(|error| wrong(error.to_string()))?;
    files.collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))
}

fn is_of_module(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains(&b'.') || OF_MODULES.iter().any(|prefix| name.starts_with(prefix))
}

fn refused(param: &Param, why: &str) -> StartError {
    let (text, cure) = why.split_once("; ").unwrap_or((why, "remove the line"));
    StartError::new(format!("{}: {text}", param.name), cure)
}

fn unknown(name: &[u8]) -> StartError {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let text = format!("unknown directive '{name}'");
    if let Some((directive, value)) = name.split_once('=').filter(|(directive, _)| find(directive.as_bytes()).is_some())
    {
        return StartError::new(text, format!("write the value after a blank: {directive} {value}"));
    }
    let names = params().flat_map(Param::names);
    let near = names.map(|known| (distance(known, &name), known)).min().filter(|(distance, _)| *distance <= 2);
    match near {
        Some((_, known)) => StartError::new(text, format!("did you mean '{known}'?")),
        None => StartError::new(text, "remove it; pregon --print-example lists every directive"),
    }
}

/// The least number of letters to insert, remove or replace to make one word of the other.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, second) in other.bytes().enumerate() {
            let replaced = diagonal + usize::from(letter != second);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}
