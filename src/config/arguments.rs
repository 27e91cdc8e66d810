//! The command line: `pregon [FILE] [-] [--directive value ...]`, as redis-server takes it, and a few options of its own.
//!
//! What is read later wins: [`DEFAULTS_VARIABLE`], file, standard input, options, whatever their order. Source: the
//! argument loop of Redis' `main`: an option's values reach to the next argument that begins with `--`; the argument
//! right after an option is a value even if it begins so; `--save` alone means `--save ""`; name and value may share one
//! argument (`"--port 7000"`).

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::Config;
use super::error::StartError;
use super::examination::Examination;
use super::load::Loader;
use super::manual;
use super::print;
use super::reload::Sources;
use crate::quoting;

/// What the command line asks for.
#[derive(Debug)]
pub enum Invocation {
    /// Start the server.
    Run {
        /// With everything that was read.
        config: Box<Config>,
        /// To be logged at start.
        warnings: Vec<String>,
    },
    /// `--check`: say what was found and exit.
    Check(Examination),
    /// `--help`, `--version`, `--print-example`, `--print-man`: print this and exit.
    Print(String),
    /// `--print-completions`: print what completes the command line in this shell.
    Completions(Shell),
}

/// A shell that completes what is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// GNU bash.
    Bash,
    /// The Z shell.
    Zsh,
    /// Fish.
    Fish,
}

impl Shell {
    const ALL: [(&str, Self); 3] = [("bash", Self::Bash), ("zsh", Self::Zsh), ("fish", Self::Fish)];
    const NAMES: [&str; 3] = ["bash", "zsh", "fish"];

    fn named(name: Option<&Vec<u8>>) -> Result<Self, StartError> {
        let found = Self::ALL.into_iter().find(|(known, _)| name.is_some_and(|name| name == known.as_bytes()));
        found.map(|(_, shell)| shell).ok_or_else(|| {
            let text = format!("--{PRINT_COMPLETIONS}: which shell?");
            StartError::new(text, format!("name one of: {}", Self::NAMES.join(", ")))
        })
    }
}

/// An option that is no directive.
pub(crate) struct OwnOption {
    /// The name, behind two dashes.
    pub(crate) name: &'static str,
    /// The letter that stands for it behind one dash, if it is the first argument.
    pub(crate) short: Option<char>,
    /// The words of which one has to follow it.
    pub(crate) words: &'static [&'static str],
    /// What it does.
    pub(crate) doc: &'static str,
}

impl OwnOption {
    /// How it is written.
    pub(super) fn usage(&self) -> String {
        let short = self.short.map(|short| format!(", -{short}")).unwrap_or_default();
        let words = if self.words.is_empty() { String::new() } else { format!(" <{}>", self.words.join("|")) };
        format!("--{}{short}{words}", self.name)
    }
}

const PRINT_COMPLETIONS: &str = "print-completions";

/// Every option that is no directive.
pub(crate) static OPTIONS: &[OwnOption] = &[
    option("check", None, &[], "read the configuration, report all errors and what has no effect, and exit"),
    option("print-example", None, &[], "print a configuration file that explains every directive"),
    option("print-man", None, &[], "print the manual page: pregon --print-man | man -l -"),
    option(PRINT_COMPLETIONS, None, &Shell::NAMES, "print what completes the command line in a shell"),
    option("version", Some('v'), &[], "print the version"),
    option("help", Some('h'), &[], "print the help"),
];

const fn option(
    name: &'static str,
    short: Option<char>,
    words: &'static [&'static str],
    doc: &'static str,
) -> OwnOption {
    OwnOption { name, short, words, doc }
}

/// The environment variable whose lines are read as a configuration file before everything else.
///
/// Whoever packs the server sets defaults with it that a file and the command line still overrule.
pub const DEFAULTS_VARIABLE: &str = "PREGON_DEFAULTS";

/// What errors call the place of an option.
const COMMAND_LINE: &str = "command line";

/// Reads [`DEFAULTS_VARIABLE`], the arguments that follow the program's name, the file they name, and standard input if
/// they say `-`.
pub fn invocation(args: impl IntoIterator<Item = OsString>) -> Result<Invocation, StartError> {
    let defaults = std::env::var_os(DEFAULTS_VARIABLE).unwrap_or_default();
    invocation_with(args, &defaults.into_vec(), &mut std::io::stdin())
}

/// As [`invocation`], with something else for the environment variable and for standard input.
pub fn invocation_with(
    args: impl IntoIterator<Item = OsString>,
    defaults: &[u8],
    stdin: &mut dyn Read,
) -> Result<Invocation, StartError> {
    let args: Vec<Vec<u8>> = args.into_iter().map(OsString::into_vec).collect();
    let arguments = Arguments::read(&args).map_err(on_command_line)?;
    match arguments.wish {
        Wish::Print(text) => Ok(Invocation::Print(text())),
        Wish::Completions(shell) => Ok(Invocation::Completions(shell)),
        Wish::Check => Ok(Invocation::Check(Examination::of(arguments.sources(defaults, stdin)?))),
        Wish::Run => {
            let sources = arguments.sources(defaults, stdin)?;
            let loader = sources.read()?;
            let warnings = loader.warnings();
            Ok(Invocation::Run { config: Box::new(Config::loaded(loader, sources)), warnings })
        }
    }
}

/// The arguments sorted by what they are.
struct Arguments {
    wish: Wish,
    file: Option<PathBuf>,
    stdin: bool,
    /// Name and values of each option.
    options: Vec<Vec<Vec<u8>>>,
}

#[derive(Clone, Copy)]
enum Wish {
    Run,
    Check,
    Print(fn() -> String),
    Completions(Shell),
}

impl Wish {
    /// Options that are no directives.
    fn named(option: &[u8]) -> Option<Self> {
        match option {
            b"--help" => Some(Self::Print(print::help)),
            b"--version" => Some(Self::Print(print::version)),
            b"--print-example" => Some(Self::Print(print::example)),
            b"--print-man" => Some(Self::Print(manual::page)),
            b"--check" => Some(Self::Check),
            _ => None,
        }
    }
}

impl Arguments {
    fn read(args: &[Vec<u8>]) -> Result<Self, StartError> {
        let mut all = Self { wish: Wish::Run, file: None, stdin: false, options: Vec::new() };
        // The last option has no value yet, so the next argument is one whatever it looks like.
        let mut awaits_value = false;
        let mut is_read = false;
        for (index, arg) in args.iter().enumerate() {
            let next = args.get(index + 1);
            if std::mem::take(&mut is_read) {
                continue;
            }
            let before_options = index == 0 || (index == 1 && all.file.is_some());
            match arg.as_slice() {
                b"-" if before_options || next.is_none() => all.stdin = true,
                b"-h" | b"help" if index == 0 => all.wish = Wish::Print(print::help),
                b"-v" | b"version" if index == 0 => all.wish = Wish::Print(print::version),
                [b'-', b'-', name @ ..] if !awaits_value && name == PRINT_COMPLETIONS.as_bytes() => {
                    all.wish = Wish::Completions(Shell::named(next)?);
                    is_read = true;
                }
                [b'-', b'-', ..] if !awaits_value => match Wish::named(arg) {
                    Some(wish) => all.wish = wish,
                    None => awaits_value = all.option(&arg[2..], next)?,
                },
                [b'-', ..] | [] if index == 0 => return Err(unexpected(arg)),
                path if index == 0 => all.file = Some(OsString::from_vec(path.to_vec()).into()),
                value => {
                    all.options.last_mut().ok_or_else(|| unexpected(arg))?.push(value.to_vec());
                    awaits_value = false;
                }
            }
        }
        Ok(all)
    }

    /// Begins an option; true when its value is still to come.
    fn option(&mut self, text: &[u8], next: Option<&Vec<u8>>) -> Result<bool, StartError> {
        if let Some((why, cure)) = absent_mode(text) {
            return Err(StartError::new(format!("--{}: {why}", String::from_utf8_lossy(text)), cure));
        }
        let mut words = quoting::split(text).ok().filter(|words| !words.is_empty()).ok_or_else(|| unexpected(text))?;
        let bare_save = words.len() == 1
            && words[0].eq_ignore_ascii_case(b"save")
            && next.is_none_or(|next| next.starts_with(b"--"));
        if bare_save {
            words.push(Vec::new());
        }
        let awaits_value = words.len() == 1;
        self.options.push(words);
        Ok(awaits_value)
    }

    /// What they ask to be read.
    fn sources(self, defaults: &[u8], stdin: &mut dyn Read) -> Result<Sources, StartError> {
        let file = self.file.map(|file| std::path::absolute(&file).unwrap_or(file));
        let mut sources = Sources { defaults: defaults.to_vec(), file, stdin: None, options: self.options };
        if self.stdin {
            sources.keep_stdin(stdin)?;
        }
        Ok(sources)
    }
}

/// Reads options into `loader`.
pub(super) fn apply(options: &[Vec<Vec<u8>>], loader: &mut Loader) -> Result<(), StartError> {
    for option in options {
        let read = loader.directive(option).map_err(|error| with_hint(error, option));
        loader.placed(read, COMMAND_LINE, None)?;
    }
    Ok(())
}

/// What redis-server does with these options instead of serving.
fn absent_mode(option: &[u8]) -> Option<(&'static str, &'static str)> {
    match option {
        b"sentinel" => Some(("there is no Sentinel", "let clients connect to this server directly")),
        b"test-memory" => Some(("there is no test of memory", "use memtest86+ or stressapptest")),
        b"check-system" => Some(("there is no check of the system", "start the server, which logs what it finds")),
        _ => None,
    }
}

fn on_command_line(error: StartError) -> StartError {
    error.at(COMMAND_LINE, None)
}

/// The commonest slip: the file stands behind an option and so became its value.
fn with_hint(mut error: StartError, option: &[Vec<u8>]) -> StartError {
    if option.len() > 2 && error.text.ends_with("wrong number of arguments") {
        error.cure += ", and the configuration file has to be the first argument";
    }
    error
}

fn unexpected(arg: &[u8]) -> StartError {
    let text = format!("unexpected argument '{}'", String::from_utf8_lossy(arg));
    StartError::new(text, "the configuration file comes first, and every directive begins with --, as in --port 7000")
}
