//! What `--check` tells of a configuration: all that a start would stumble over, not only the first of it, and which lines do
//! nothing here.

use super::error::{Place, StartError};
use super::load::Loader;
use super::param::Values;
use super::reload::Sources;
use super::{Config, find};

/// What was found in a configuration.
#[derive(Debug)]
pub struct Examination {
    /// What was read; where something is wrong, the rest of it.
    pub config: Box<Config>,
    /// What keeps the server from starting, in the order in which it was found; about a hundred at most.
    pub errors: Vec<StartError>,
    /// A line of text for each that asks for something that nobody does here, with its place and the reason.
    pub in_vain: Vec<String>,
    /// The directives with an effect that were set.
    pub in_effect: Vec<&'static str>,
    /// The directives without effect that were set to what Redis does anyway.
    pub idle: Vec<&'static str>,
}

impl Examination {
    /// Reads everything, and goes on behind whatever is wrong.
    pub(super) fn of(sources: Sources) -> Self {
        let mut loader = Loader::gathering();
        let ended = sources.read_into(&mut loader);
        let mut errors = loader.errors.take().unwrap_or_default();
        errors.extend(ended.err());
        errors.extend(loader.standing_objections().cloned());
        let in_vain = in_vain(&loader);
        let set = loader.explicit.iter().filter_map(|name| find(name.as_bytes()));
        let (without, with): (Vec<_>, Vec<_>) = set.partition(|param| param.is_ignored());
        let defaults = Values::default();
        let in_effect = with.iter().map(|param| param.name).collect();
        let idle = without.iter().filter(|param| param.is_default(&loader.values, &defaults));
        let idle = idle.map(|param| param.name).collect();
        Self { config: Box::new(Config::loaded(loader, sources)), errors, in_vain, in_effect, idle }
    }

    /// The directives that were set, as lines for people.
    pub fn summary(&self) -> Vec<String> {
        let lists = [
            ("in effect", &self.in_effect),
            ("no effect here, and not missed: as in Redis when nothing is said", &self.idle),
        ];
        let lists = lists.iter().filter(|(_, names)| !names.is_empty());
        lists.map(|(what, names)| format!("{what}: {}", names.join(", "))).collect()
    }
}

/// What asks for something in vain, and why it does.
fn in_vain(loader: &Loader) -> Vec<String> {
    let ignored = loader.in_vain().map(|ignored| {
        let why = ignored.group().why;
        format!("{}{}: no effect here. {why}", at(ignored.place.as_ref()), ignored.name)
    });
    let absent = loader.absent_commands().map(|rename| {
        let name = String::from_utf8_lossy(&rename.from);
        format!("{}rename-command {name}: no effect here. There is no such command.", at(rename.place.as_ref()))
    });
    ignored.chain(absent).collect()
}

/// A place as the beginning of a line.
fn at(place: Option<&Place>) -> String {
    match place {
        Some((origin, Some(line))) => format!("{origin} line {line}: "),
        Some((origin, None)) => format!("{origin}: "),
        None => String::new(),
    }
}
