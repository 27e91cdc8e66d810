//! The arguments as they are written, and what they say together.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use clap::{ArgAction, ArgMatches, Parser};

use super::{Environment, Mode, Options, Protocol, StdinArgument};
use crate::cli::connection::{Family, Target};
use crate::cli::encryption::Encryption;
use crate::cli::format::{Format, Style};
use crate::cli::modes::scan::Selection;
use crate::cli::uri::{self, Uri};
use crate::version::{REDIS_VERSION, VERSION};

/// As redis-cli shows its own, and who it really is.
pub(in crate::cli) static VERSION_SHOWN: LazyLock<String> =
    LazyLock::new(|| format!("{REDIS_VERSION} (pregon {VERSION})"));

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
pub(in crate::cli) struct Arguments {
    /// Host name or address of the server
    #[arg(short = 'h', value_name = "HOST", default_value = "127.0.0.1", allow_hyphen_values = true)]
    host: String,
    /// Port of the server
    #[arg(short, default_value_t = 6379, allow_hyphen_values = true)]
    port: u16,
    /// Give up connecting after so many seconds, 0.5 for example; 0 waits as long as the system does
    #[arg(short = 't', value_name = "SECONDS", value_parser = seconds, default_value = "0", allow_hyphen_values = true)]
    timeout: Duration,
    /// Unix socket of the server, instead of host and port
    #[arg(short, allow_hyphen_values = true)]
    socket: Option<PathBuf>,
    /// Password; the environment variable REDISCLI_AUTH hides it from the list of processes
    #[arg(short = 'a', long = "pass", value_name = "PASSWORD", allow_hyphen_values = true)]
    password: Option<OsString>,
    /// User that the password belongs to
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    user: Option<OsString>,
    /// Ask for the password, whatever -a and REDISCLI_AUTH say
    #[arg(long)]
    askpass: bool,
    /// Do not warn about a password on the command line
    #[arg(long)]
    no_auth_warning: bool,
    #[arg(
        short,
        help = "Address as redis://[user[:password]@][host][:port][/database], or rediss:// for TLS",
        allow_hyphen_values = true
    )]
    uri: Option<String>,
    /// Encrypt the connection, as rediss:// does
    #[arg(long)]
    tls: bool,
    /// For --tls: the name that the server's certificate has to be for, if it is not the host's
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    sni: Option<String>,
    /// For --tls: file with the authorities to trust, instead of those that the system trusts
    #[arg(long, value_name = "FILE", allow_hyphen_values = true)]
    cacert: Option<PathBuf>,
    /// For --tls: directory with such files
    #[arg(long, value_name = "DIR", allow_hyphen_values = true)]
    cacertdir: Option<PathBuf>,
    /// For --tls: believe every certificate
    #[arg(long)]
    insecure: bool,
    /// For --tls: file with the client's own certificate
    #[arg(long, value_name = "FILE", allow_hyphen_values = true)]
    cert: Option<PathBuf>,
    /// For --tls: file with the key to it
    #[arg(long, value_name = "FILE", allow_hyphen_values = true)]
    key: Option<PathBuf>,
    /// Send the command this many times; for ever if negative
    #[arg(short, value_name = "TIMES", default_value_t = 1, allow_hyphen_values = true)]
    repeat: i64,
    /// Wait so many seconds after each command, 0.1 for example; also between the steps of the modes below
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
    /// Prefer IPv4 addresses of a name, as without this option
    #[arg(short = '4')]
    ipv4: bool,
    /// Prefer IPv6 addresses of a name
    #[arg(short = '6')]
    ipv6: bool,
    /// Accepted: this server never sends a client elsewhere
    #[arg(short = 'c')]
    cluster: bool,
    /// Read the last argument of the command from standard input
    #[arg(short = 'x')]
    argument_from_stdin: bool,
    /// Read the argument that is this word from standard input
    #[arg(short = 'X', value_name = "TAG", allow_hyphen_values = true)]
    tag: Option<OsString>,
    /// Take each argument as a quoted string, "a\\x00b" for example
    #[arg(long)]
    quoted_input: bool,
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
    #[arg(long, overrides_with_all = ["no_raw", "csv", "json", "quoted_json"])]
    raw: bool,
    /// Print replies for people, also where the output is not a terminal
    #[arg(long, overrides_with_all = ["raw", "csv", "json", "quoted_json"])]
    no_raw: bool,
    /// Print replies as CSV
    #[arg(long, overrides_with_all = ["raw", "no_raw", "json", "quoted_json"])]
    csv: bool,
    /// Print replies as JSON, asking for RESP3 unless -2 is given
    #[arg(long, overrides_with_all = ["raw", "no_raw", "csv", "quoted_json"])]
    json: bool,
    /// The same in plain ASCII, with escapes for all other bytes
    #[arg(long, overrides_with_all = ["raw", "no_raw", "csv", "json"])]
    quoted_json: bool,
    /// Print RESP3 pushes (yes or no) [default: yes on a terminal]
    #[arg(long, value_name = "YN", value_parser = yes_or_no)]
    show_pushes: Option<bool>,
    /// List all keys
    #[arg(long)]
    scan: bool,
    /// For --scan, --bigkeys and --memkeys: only keys that match
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true, overrides_with = "quoted_pattern")]
    pattern: Option<OsString>,
    /// The same as a quoted string
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true, overrides_with = "pattern")]
    quoted_pattern: Option<OsString>,
    /// For --scan, --bigkeys and --memkeys: how many keys the server looks at in each step
    #[arg(long, value_name = "COUNT", default_value_t = 10, allow_hyphen_values = true)]
    count: i64,
    /// For --scan, --bigkeys and --memkeys: only keys of this type
    #[arg(long = "type", value_name = "TYPE", allow_hyphen_values = true)]
    key_type: Option<OsString>,
    /// Find the keys with the most elements or bytes
    #[arg(long)]
    bigkeys: bool,
    /// Find the keys that take the most memory
    #[arg(long)]
    memkeys: bool,
    /// The same, looking at so many elements of each key
    #[arg(long, value_name = "SAMPLES", allow_hyphen_values = true)]
    memkeys_samples: Option<u64>,
    /// Print figures of the server, a line each second (-i)
    #[arg(long)]
    stat: bool,
    /// Measure how long PING takes; where the output is no terminal, for one second (-i)
    #[arg(long)]
    latency: bool,
    /// The same without end, a line for each 15 seconds (-i)
    #[arg(long)]
    latency_history: bool,
    /// The same as a spectrum in colours, a line each second (-i)
    #[arg(long)]
    latency_dist: bool,
    /// For --latency-dist: shades of grey
    #[arg(long)]
    mono: bool,
    /// Send what standard input says as it is, and count replies and errors
    #[arg(long)]
    pipe: bool,
    /// For --pipe: give up when nothing is answered for so many seconds; 0 waits for ever
    #[arg(long, value_name = "SECONDS", default_value_t = 30, allow_hyphen_values = true)]
    pipe_timeout: i64,
    /// Run the script in this file: its keys, a comma and its arguments follow
    #[arg(long, value_name = "FILE", allow_hyphen_values = true)]
    eval: Option<PathBuf>,
    /// Accepted: there is nothing more to say
    #[arg(long)]
    verbose: bool,
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
    /// What they ask for.
    ///
    /// # Errors
    ///
    /// One line for the user: arguments that exclude each other, an address or a pattern that makes no sense.
    pub(super) fn into_options(self, matches: &ArgMatches, environment: Environment) -> Result<Options, String> {
        self.refuse_contradictions()?;
        let style = self.style(environment.terminal);
        let protocol = self.protocol();
        let mode = self.mode()?;
        let argument_from_stdin = self.argument_from_stdin();
        let place = self.place(matches)?;
        let password = place.password;
        let encryption = (self.tls || place.encrypted).then_some(Encryption {
            ca_file: self.cacert,
            ca_dir: self.cacertdir,
            certificate: self.cert,
            key: self.key,
            name: self.sni,
            insecure: self.insecure,
        });
        Ok(Options {
            encryption,
            target: self.socket.map_or(place.target, Target::Unix),
            timeout: self.timeout,
            family: if self.ipv6 { Family::V6 } else { Family::V4 },
            user: place.user,
            password_warning: password.is_some() && !self.no_auth_warning,
            password: password.or(environment.password.map(OsString::into_vec)),
            database: place.database,
            protocol,
            repeat: self.repeat,
            interval: self.interval,
            argument_from_stdin,
            quoted_input: self.quoted_input,
            ask_password: self.askpass,
            fail_on_error: self.fail_on_error,
            mode,
            style,
            show_pushes: self.show_pushes.unwrap_or(environment.terminal),
            command: self.command.into_iter().map(OsString::into_vec).collect(),
        })
    }

    fn refuse_contradictions(&self) -> Result<(), &'static str> {
        match self {
            Self { socket: Some(_), cluster: true, .. } => Err("Options -c and -s are mutually exclusive."),
            Self { resp2: true, resp3: true, .. } => Err("Options -2 and -3 are mutually exclusive."),
            Self { argument_from_stdin: true, tag: Some(_), .. } => Err("Options -x and -X are mutually exclusive."),
            Self { ipv4: true, ipv6: true, .. } => Err("Options -4 and -6 are mutually exclusive."),
            _ => Ok(()),
        }
    }

    fn argument_from_stdin(&self) -> StdinArgument {
        match &self.tag {
            Some(tag) => StdinArgument::Tagged(tag.clone().into_vec()),
            None if self.argument_from_stdin => StdinArgument::Last,
            None => StdinArgument::None,
        }
    }

    /// Where several are asked for, the first of them in the order of redis-cli.
    fn mode(&self) -> Result<Mode, &'static str> {
        Ok(match self {
            Self { latency_history: true, .. } => Mode::Latency { history: true },
            Self { latency: true, .. } => Mode::Latency { history: false },
            Self { latency_dist: true, mono, .. } => Mode::Spectrum { grey: *mono },
            Self { pipe: true, .. } => {
                let seconds = u64::try_from(self.pipe_timeout).unwrap_or(0);
                Mode::Pipe { timeout: (seconds > 0).then(|| Duration::from_secs(seconds)) }
            }
            Self { bigkeys: true, .. } => Mode::BigKeys(self.selection()?),
            Self { memkeys: true, .. } | Self { memkeys_samples: Some(_), .. } => {
                Mode::MemoryKeys(self.selection()?, self.memkeys_samples.filter(|samples| *samples > 0))
            }
            Self { stat: true, .. } => Mode::Stat,
            Self { scan: true, .. } => Mode::Scan(self.selection()?),
            Self { eval: Some(file), .. } => Mode::Eval(file.clone()),
            _ => Mode::Commands,
        })
    }

    fn selection(&self) -> Result<Selection, &'static str> {
        let bytes = |word: &Option<OsString>| word.clone().map(OsString::into_vec);
        let pattern = match bytes(&self.quoted_pattern) {
            Some(text) => {
                let word = super::unquote(&text);
                Some(word.ok_or("Invalid quoted string specified for --quoted-pattern.")?)
            }
            None => bytes(&self.pattern),
        };
        Ok(Selection { pattern, count: self.count, key_type: bytes(&self.key_type) })
    }

    /// What the URI and the options beside it say together: an option counts over the URI if it stands behind it.
    fn place(&self, matches: &ArgMatches) -> Result<Place, &'static str> {
        let uri = self.uri.as_deref().map(uri::parse).transpose()?.unwrap_or_default();
        let Uri { user, password, host, port, database, encrypted } = uri;
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
            encrypted,
        })
    }

    fn style(&self, terminal: bool) -> Style {
        let format = match self {
            Self { raw: true, .. } => Format::Raw,
            Self { no_raw: true, .. } => Format::Human,
            Self { csv: true, .. } => Format::Csv,
            Self { json: true, .. } => Format::Json,
            Self { quoted_json: true, .. } => Format::QuotedJson,
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
            Self { json: true, .. } | Self { quoted_json: true, .. } => Protocol::PreferResp3,
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
    encrypted: bool,
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
