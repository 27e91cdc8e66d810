//! Arguments to configuration to server to exit code.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use pregon::config::{Examination, Invocation, StartError, invocation};

/// Gives memory back to the system when clients have gone, which the system's own allocator does not.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let (program, args) = program(std::env::args_os());
    let result = match program {
        Program::Client => return pregon::cli::run(args),
        Program::Server => start(args),
        Program::Absent(why) => Err(absent(why)),
    };
    result.unwrap_or_else(|error| {
        eprintln!("pregon: {error}");
        ExitCode::FAILURE
    })
}

/// What the one binary is called as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Server,
    Client,
    /// One that Redis has, with why it is not here and what to do instead.
    Absent(&'static str),
}

impl Program {
    /// By the name of a program file.
    fn called(name: &OsStr) -> Option<Self> {
        match name.to_str()? {
            "pregon" | "redis-server" => Some(Self::Server),
            "redis-cli" => Some(Self::Client),
            "redis-sentinel" => Some(Self::Absent("there is no Sentinel; let clients connect to this server directly")),
            "redis-check-rdb" | "redis-check-aof" => {
                Some(Self::Absent("there are no files of data to check; leave it out"))
            }
            "redis-benchmark" => {
                Some(Self::Absent("no benchmark is in here; call the redis-benchmark of Redis or Valkey"))
            }
            _ => None,
        }
    }

    /// By the first argument: `cli`, or a program's name where a container's entry point stands before the command. A
    /// path names a program only in a directory `bin`, because anywhere else it may be a configuration file.
    fn asked_for(word: &OsStr) -> Option<Self> {
        let path = Path::new(word);
        let is_program = path.parent().is_some_and(|parent| parent == "" || parent.ends_with("bin"));
        match word.to_str() {
            Some("cli") => Some(Self::Client),
            _ if is_program => Self::called(path.file_name()?),
            _ => None,
        }
    }
}

/// Which program the arguments ask for, and its arguments, the first of which is a name of the program.
fn program(args: impl IntoIterator<Item = OsString>) -> (Program, Vec<OsString>) {
    let mut args: Vec<OsString> = args.into_iter().collect();
    let name = args.first().and_then(|path| Path::new(path).file_name());
    let called = name.and_then(Program::called).unwrap_or(Program::Server);
    if called != Program::Server {
        return (called, args);
    }
    match args.get(1).and_then(|word| Program::asked_for(word)) {
        Some(asked_for) => {
            args.remove(0);
            (asked_for, args)
        }
        None => (Program::Server, args),
    }
}

/// Why a program cannot run, behind which stands what to do instead.
fn absent(why: &str) -> StartError {
    let (text, cure) = why.split_once("; ").unwrap_or((why, ""));
    StartError::new(text, cure)
}

fn start(args: Vec<OsString>) -> Result<ExitCode, StartError> {
    match invocation(args.into_iter().skip(1))? {
        // Nobody reads it to its end: there is nobody to tell.
        Invocation::Print(text) => drop(std::io::stdout().write_all(text.as_bytes())),
        Invocation::Completions(shell) => {
            drop(std::io::stdout().write_all(pregon::cli::completions(shell).as_bytes()));
        }
        Invocation::Check(examination) => return Ok(check(examination)),
        Invocation::Run { config, warnings } => pregon::process::run(*config, &warnings)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what was found in a configuration. What lies outside it (ports, files that it names) is looked at where it is right.
fn check(mut examination: Examination) -> ExitCode {
    let mut lines = examination.summary();
    if examination.errors.is_empty() {
        examination.errors.extend(pregon::process::check(*examination.config).err());
    }
    examination.in_vain.iter().for_each(|line| eprintln!("pregon: {line}"));
    examination.errors.iter().for_each(|error| eprintln!("pregon: {error}"));
    let (verdict, code) = match examination.errors.len() {
        0 => ("the configuration is valid".to_owned(), ExitCode::SUCCESS),
        count => (format!("the configuration is not valid; errors: {count}"), ExitCode::FAILURE),
    };
    lines.push(verdict);
    // Nobody reads it to its end: there is nobody to tell.
    let _ = std::io::stdout().write_all((lines.join("\n") + "\n").as_bytes());
    code
}

#[cfg(test)]
mod tests {
    use super::Program::{Absent, Client, Server};
    use super::*;

    /// The program and what follows its name.
    fn asked(line: &str) -> (Program, String) {
        let (program, args) = program(line.split(' ').map(OsString::from));
        let args: Vec<String> = args.into_iter().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
        (program, args.join(" "))
    }

    #[test]
    fn the_name_it_is_called_by_chooses_the_program() {
        for (line, program, args) in [
            ("pregon --port 1", Server, "--port 1"),
            ("/usr/bin/redis-server redis.conf", Server, "redis.conf"),
            ("pregon-0.1 redis.conf", Server, "redis.conf"),
            ("redis-cli ping", Client, "ping"),
            ("pregon help", Server, "help"),
            ("./redis-cli redis-server", Client, "redis-server"),
            ("pregon", Server, ""),
        ] {
            assert_eq!(asked(line), (program, args.to_owned()), "{line}");
        }
    }

    #[test]
    fn the_first_argument_may_name_the_program() {
        for (line, program, args) in [
            ("pregon cli ping", Client, "ping"),
            ("pregon redis-cli ping", Client, "ping"),
            ("pregon redis-server --requirepass x", Server, "--requirepass x"),
            ("pregon pregon redis.conf", Server, "redis.conf"),
            ("pregon /usr/local/bin/redis-server redis.conf", Server, "redis.conf"),
            ("redis-server redis-cli ping", Client, "ping"),
        ] {
            assert_eq!(asked(line), (program, args.to_owned()), "{line}");
        }
    }

    #[test]
    fn programs_of_redis_that_are_not_here_are_known_by_name() {
        for line in ["redis-sentinel s.conf", "pregon redis-sentinel s.conf", "pregon /usr/bin/redis-check-rdb x"] {
            assert!(matches!(asked(line).0, Absent(_)), "{line}");
        }
    }

    #[test]
    fn a_configuration_file_may_have_the_name_of_a_program() {
        for line in ["pregon ./redis-server", "pregon /etc/redis-cli", "pregon ./cli", "pregon /redis-server"] {
            let file = line.split(' ').next_back().unwrap_or_default();
            assert_eq!(asked(line), (Server, file.to_owned()), "{line}");
        }
    }
}
