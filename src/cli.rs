//! The small client that the binary is when called as `redis-cli` or `pregon cli`.
//!
//! It exists so that container health checks, scripts and people who know redis-cli need no other tool: what it prints,
//! its options and its exit codes are those of redis-cli 7.2, as far as they concern talking to one server. Left out:
//! TLS, cluster redirections, and the modes that ask for what this server does not have ([`options`] names them). It
//! blocks and shares nothing with the server, whose decoder reads requests only. It goes further than redis-cli where that
//! gives up: big numbers are printed as integers, attributes are left out.
//!
//! | module | what it holds |
//! |---|---|
//! | [`options`], [`uri`] | arguments and environment; the server's address as one word |
//! | [`connection`], [`reply`] | the socket; replies and their reader |
//! | [`client`], [`meaning`] | what is sent, received and remembered; what is known of commands and replies |
//! | [`format`](mod@format) | replies as text |
//! | [`modes`] | what is done beside sending commands: `--scan`, `--stat`, `--pipe` and others |
//! | [`interactive`], [`source`], [`editor`] | commands from standard input; its lines; those that people type |
//! | [`docs`] | what the server says of its commands: help, hints, completion |
//! | [`completions`](mod@completions) | what shells complete |
//! | [`terminal`], [`interrupt`] | modes of the terminal; Ctrl-C |

mod client;
mod completions;
mod connection;
mod docs;
mod editor;
mod encryption;
mod format;
mod interactive;
mod interrupt;
mod meaning;
mod modes;
mod options;
mod reply;
mod source;
mod terminal;
mod uri;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::process::ExitCode;

use client::{Client, Failure};
pub use completions::completions;
use options::{Action, Environment, Mode, Options, StdinArgument};

/// The environment variable with options that count as if they stood before all others: for health checks and whoever has
/// always the same server.
const OPTIONS_VARIABLE: &str = "PREGON_CLI_OPTIONS";

/// Runs the client to its end: one command from the arguments, or the lines of standard input where there is none.
/// `arguments[0]` is the program's name and not looked at; for `pregon cli ping` leave the `cli` out.
///
/// The exit code is 0 where the server answered, be it with an error (1 with `-e`), and 1 where it could not be reached,
/// went away, or the arguments make no sense. Messages of subscriptions are printed until the process is interrupted.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let terminal = io::stdout().is_terminal() || std::env::var_os("FAKETTY").is_some();
    let variable = std::env::var_os;
    let environment =
        Environment { password: variable("REDISCLI_AUTH"), options: variable(OPTIONS_VARIABLE), terminal };
    match options::parse(arguments, environment) {
        Ok(Action::Run(options)) => start(*options, terminal),
        Ok(Action::Show(text)) => {
            // Nobody reads it: there is nobody to tell.
            let _ = io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(complaint) => fail(&complaint),
    }
}

fn start(mut options: Options, terminal: bool) -> ExitCode {
    if options.password_warning {
        warn("Warning: Using a password with '-a' or '-u' option on the command line interface may not be safe.");
    }
    if options.quoted_input && options.mode == Mode::Commands {
        let Some(words) = options.command.iter().map(|word| options::unquote(word)).collect() else {
            // Where redis-cli says it.
            let _ = writeln!(io::stdout(), "Invalid quoted string");
            return ExitCode::FAILURE;
        };
        options.command = words;
    }
    if let Err(complaint) = complete(&mut options) {
        return fail(&complaint);
    }
    let interactive = options.command.is_empty() && options.mode == Mode::Commands;
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    let mut client = Client::new(&options, interactive, &mut out, &mut err);
    if interactive {
        return interactive::run(&mut client, &options, terminal);
    }
    let result = modes::run(&mut client, &options).unwrap_or_else(|| run_command(&mut client, &options));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Lost(lost)) => {
            client.complain(format_args!("Error: {lost}"));
            ExitCode::FAILURE
        }
        Err(Failure::Unreachable | Failure::Fatal) => ExitCode::FAILURE,
    }
}

/// Takes in what standard input has to add: the password, an argument of the command.
fn complete(options: &mut Options) -> Result<(), String> {
    let unreadable = |error| format!("Reading from standard input: {}", connection::system_text(&error));
    if options.ask_password {
        options.password = Some(terminal::ask_for_password().map_err(unreadable)?);
    }
    if options.command.is_empty() || options.mode != Mode::Commands {
        return Ok(());
    }
    let at = match &options.argument_from_stdin {
        StdinArgument::None => return Ok(()),
        StdinArgument::Last => {
            options.command.push(Vec::new());
            options.command.len() - 1
        }
        StdinArgument::Tagged(tag) => {
            let at = options.command.iter().position(|word| word == tag);
            at.ok_or("Using -X option but stdin tag not match.")?
        }
    };
    let mut argument = Vec::new();
    io::stdin().lock().read_to_end(&mut argument).map_err(unreadable)?;
    options.command[at] = argument;
    Ok(())
}

fn run_command(client: &mut Client<'_>, options: &Options) -> Result<(), Failure> {
    if matches!(options.command[0].to_ascii_lowercase().as_slice(), b"help" | b"?") {
        return interactive::print_help(client, &options.command[1..]);
    }
    client.run(&options.command, options.repeat)?;
    while client.is_subscribed() {
        client.print_message()?;
    }
    Ok(())
}

fn fail(complaint: &str) -> ExitCode {
    warn(complaint);
    ExitCode::FAILURE
}

/// Unlike `eprintln!`, no panic where standard error is closed.
fn warn(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
