//! The arguments of the client and the environment, made into what it does.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, ArgMatches, CommandFactory as _, FromArgMatches as _, Parser};

use super::connection::Target;
use super::format::{Format, Style};
use super::uri::{self, Uri};
use crate::version::{REDIS_VERSION, VERSION};

/// What surrounds the client, apart from its arguments.
#[derive(Debug, Default)]
pub(super) struct Environment {
    /// `REDISCLI_AUTH`: a password that the list of processes does not show.
    pub(super) password: Option<OsString>,
    /// Whether standard output is a terminal.
    pub(super) terminal: bool,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    Run(Box<Options>),
    /// Print this and be done: help, version.
    Show(String),
}

/// How to reach the server, what to send and how to print.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) target: Target,
    pub(super) user: Option<Vec<u8>>,
    pub(super) password: Option<Vec<u8>>,
    /// Whether the user is to be told that others can read the password on the command line.
    pub(super) password_warning: bool,
    pub(super) database: i32,
    pub(super) protocol: Protocol,
    /// How often the command is sent; for ever if negative.
    pub(super) repeat: i64,
    /// The pause after each command.
    pub(super) interval: Duration,
    pub(super) argument_from_stdin: bool,
    pub(super) fail_on_error: bool,
    pub(super) style: Style,
    /// Whether pushes outside of a subscription are printed.
    pub(super) show_pushes: bool,
    /// Empty: commands are read from standard input.
    pub(super) command: Vec<Vec<u8>>,
}

/// Which version of the protocol to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Resp2,
    Resp3,
    /// RESP3, and no complaint where the server refuses it; for JSON, whose objects need maps.
    PreferResp3,
}

/// Reads the arguments, of which the first is the program's name.
///
/// # Errors
///
/// One line for the user.
pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>, environment: Environment) -> Result<Action, String> {
    let mut words: Vec<OsString> = arguments.into_iter().collect();
    if words.last().is_some_and(|last| last == "-h") && words.len() == 2 {
        words[1] = "--help".into();
    }
    let last = words.last().cloned().unwrap_or_default();
    let complaint = |error: &clap::Error| complaint(error, &last.to_string_lossy());
    let matches = match Arguments::command().try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok(Action::Show(error.to_string()));
        }
        Err(error) => return Err(complaint(&error)),
    };
    let arguments = Arguments::from_arg_matches(&matches).map_err(|error| complaint(&error))?;
    arguments.into_options(&matches, environment).map(|options| Action::Run(Box::new(options)))
}

/// As redis-cli shows its own, and who it really is.
static VERSION_SHOWN: LazyLock<String> = LazyLock::new(|| format!("{REDIS_VERSION} (pregon {VERSION})"));

/// A small client for servers that speak the Redis protocol. Without a command, it reads commands from standard input.
#[derive(Debug, Parser)]
#[command(
    name = "redis-cli",
    version = VERSION_SHOWN.as_str(),
    disable_help_flag = true,
    disable_version_flag = true,
    args_override_self = true,
    override_usage = "redis-cli [OPTIONS] [COMMAND [ARGUMENT ...]]"
)]
struct Arguments {
    /// Host name or address of the server
    #[arg(short = 'h', value_name = "HOST", default_value = "127.0.0.1", allow_hyphen_values = true)]
    host: String,
    /// Port of the server
    #[arg(short, default_value_t = 6379, allow_hyphen_values = true)]
    port: u16,
    /// Unix socket of the server, instead of host and port
    #[arg(short, allow_hyphen_values = true)]
    socket: Option<PathBuf>,
    /// Password; the environment variable REDISCLI_AUTH hides it from the list of processes
    #[arg(short = 'a', long = "pass", value_name = "PASSWORD", allow_hyphen_values = true)]
    password: Option<OsString>,
    /// User that the password belongs to
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    user: Option<OsString>,
    /// Do not warn about a password on the command line
    #[arg(long)]
    no_auth_warning: bool,
    #[arg(short, help = "Address as redis://[user[:password]@][host][:port][/database]", allow_hyphen_values = true)]
    uri: Option<String>,
    /// Send the command this many times; for ever if negative
    #[arg(short, value_name = "TIMES", default_value_t = 1, allow_hyphen_values = true)]
    repeat: i64,
    /// Wait so many seconds after each command, 0.1 for example
    #[arg(short, value_name = "SECONDS", value_parser = seconds, default_value = "0", allow_hyphen_values = true)]
    interval: Duration,
    /// Number of the database
    #[arg(short = 'n', value_name = "NUMBER", default_value_t = 0, allow_hyphen_values = true)]
    database: i32,
    /// Speak RESP2
    #[arg(short = '2')]
    resp2: bool,
    /// Speak RESP3
    #[arg(short = '3')]
    resp3: bool,
    /// Read the last argument of the command from standard input
    #[arg(short = 'x')]
    argument_from_stdin: bool,
    /// What stands between elements in raw output [default: a line end]
    #[arg(short = 'd', value_name = "DELIMITER", allow_hyphen_values = true)]
    element_delimiter: Option<OsString>,
    /// What stands after a reply in raw output [default: a line end]
    #[arg(short = 'D', value_name = "DELIMITER", allow_hyphen_values = true)]
    reply_delimiter: Option<OsString>,
    /// Exit with code 1 when the reply is an error
    #[arg(short = 'e')]
    fail_on_error: bool,
    /// Print replies raw, as is done where the output is not a terminal
    #[arg(long, overrides_with_all = ["no_raw", "csv", "json"])]
    raw: bool,
    /// Print replies for people, also where the output is not a terminal
    #[arg(long, overrides_with_all = ["raw", "csv", "json"])]
    no_raw: bool,
    /// Print replies as CSV
    #[arg(long, overrides_with_all = ["raw", "no_raw", "json"])]
    csv: bool,
    /// Print replies as JSON, asking for RESP3 unless -2 is given
    #[arg(long, overrides_with_all = ["raw", "no_raw", "csv"])]
    json: bool,
    /// Print RESP3 pushes (yes or no) [default: yes on a terminal]
    #[arg(long, value_name = "YN", value_parser = yes_or_no)]
    show_pushes: Option<bool>,
    /// Print help
    #[arg(long, action = ArgAction::HelpShort)]
    help: Option<bool>,
    /// Print version
    #[arg(short, long, action = ArgAction::Version)]
    version: Option<bool>,
    /// The command and its arguments
    #[arg(trailing_var_arg = true, hide = true)]
    command: Vec<OsString>,
}

impl Arguments {
    fn into_options(self, matches: &ArgMatches, environment: Environment) -> Result<Options, String> {
        if self.resp2 && self.resp3 {
            return Err("Options -2 and -3 are mutually exclusive.".to_owned());
        }
        let style = self.style(environment.terminal);
        let protocol = self.protocol();
        let place = self.place(matches)?;
        let password = place.password;
        Ok(Options {
            target: self.socket.map_or(place.target, Target::Unix),
            user: place.user,
            password_warning: password.is_some() && !self.no_auth_warning,
            password: password.or(environment.password.map(OsString::into_vec)),
            database: place.database,
            protocol,
            repeat: self.repeat,
            interval: self.interval,
            argument_from_stdin: self.argument_from_stdin,
            fail_on_error: self.fail_on_error,
            style,
            show_pushes: self.show_pushes.unwrap_or(environment.terminal),
            command: self.command.into_iter().map(OsString::into_vec).collect(),
        })
    }

    /// What the URI and the options beside it say together: an option counts over the URI if it stands behind it.
    fn place(&self, matches: &ArgMatches) -> Result<Place, &'static str> {
        let uri = self.uri.as_deref().map(uri::parse).transpose()?.unwrap_or_default();
        let Uri { user, password, host, port, database } = uri;
        let uri_index = last_index(matches, "uri");
        let wins = |option| last_index(matches, option) > uri_index;
        let bytes = |word: &Option<OsString>| word.clone().map(OsString::into_vec);
        Ok(Place {
            target: Target::Tcp {
                host: choose(host, self.host.clone(), wins("host")),
                port: choose(port, self.port, wins("port")),
            },
            user: choose(user.map(Some), bytes(&self.user), wins("user")),
            password: choose(password.map(Some), bytes(&self.password), wins("password")),
            database: choose(database, self.database, wins("database")),
        })
    }

    fn style(&self, terminal: bool) -> Style {
        let format = match self {
            Self { raw: true, .. } => Format::Raw,
            Self { no_raw: true, .. } => Format::Human,
            Self { csv: true, .. } => Format::Csv,
            Self { json: true, .. } => Format::Json,
            _ if terminal => Format::Human,
            _ => Format::Raw,
        };
        let delimiter = |given: &Option<OsString>| given.clone().map_or(b"\n".to_vec(), OsString::into_vec);
        Style {
            format,
            element_delimiter: delimiter(&self.element_delimiter),
            reply_delimiter: delimiter(&self.reply_delimiter),
        }
    }

    fn protocol(&self) -> Protocol {
        match self {
            Self { resp2: true, .. } => Protocol::Resp2,
            Self { resp3: true, .. } => Protocol::Resp3,
            Self { json: true, .. } => Protocol::PreferResp3,
            _ => Protocol::Resp2,
        }
    }
}

/// Where to go and as whom, before the socket and the environment count.
struct Place {
    target: Target,
    user: Option<Vec<u8>>,
    password: Option<Vec<u8>>,
    database: i32,
}

fn choose<T>(from_uri: Option<T>, option: T, option_wins: bool) -> T {
    match from_uri {
        Some(value) if !option_wins => value,
        _ => option,
    }
}

/// Where an option stands among the arguments, unless it is at its default.
fn last_index(matches: &ArgMatches, option: &str) -> Option<usize> {
    let given = matches.value_source(option) == Some(clap::parser::ValueSource::CommandLine);
    given.then(|| matches.indices_of(option)?.max()).flatten()
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn yes_or_no(text: &str) -> Result<bool, &'static str> {
    match text.as_bytes().first() {
        Some(b'y' | b'Y') => Ok(true),
        Some(b'n' | b'N') => Ok(false),
        _ => Err("valid: '[y]es', '[n]o'"),
    }
}

/// One line, worded as redis-cli words it. An option misses its value only as the last word.
fn complaint(error: &clap::Error, last: &str) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    let option = text(ContextKind::InvalidArg).split(' ').next().unwrap_or_default();
    let value = text(ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::ValueValidation if option == "-p" => "Invalid server port.".to_owned(),
        ErrorKind::InvalidValue => unrecognized(last),
        ErrorKind::ValueValidation => format!("Invalid value for '{option}': '{value}'"),
        _ => unrecognized(option),
    }
}

fn unrecognized(option: &str) -> String {
    format!("Unrecognized option or bad number of args for: '{option}'")
}

#[cfg(test)]
mod tests;
