//! Runs what a section says, as somebody does who types it.
//!
//! Each command runs in a shell of its own, in an empty directory with a configuration file and certificates. So that it
//! meets nobody else, these stand in for what a reader's machine has, and nothing else does:
//!
//! - The ports of [`PORTS`] are replaced by free ones wherever they stand; without one, programs take that of Redis.
//! - `pregon` is the binary of this package, and so is what `cargo run --release` starts.
//! - Where a section starts no server, one runs already.
//!
//! What serves or listens ([`lasting`]), and whatever ends in `&`, runs until its section is over, and what comes behind it waits
//! until it is ready. Anything else has to end with exit code 0.

use std::io::Write as _;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::str::Lines;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::Instant;

use libtest_mimic::Failed;
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::markdown::{Block, Section};
use crate::support::lines::read_lines;
use crate::support::nodes::JOINED;
use crate::support::server::next_free_port;
use crate::support::{Authority, DEADLINE, TestServer};
use crate::{THIS, elsewhere, text};

/// The server.
const BINARY: &str = env!("CARGO_BIN_EXE_pregon");

/// Redis' and another server's, NATS', and that of metrics.
const PORTS: [&str; 4] = ["6379", "6380", "4222", "9121"];

/// What a shell is told before each command.
const PRELUDE: &str = r#"
pregon() { "$PREGON" "$@"; }
cargo() { [ "$*" = 'run --release' ] && "$PREGON"; }
redis-cli() { command redis-cli -e --no-raw -p 6379 "$@"; }
nats-server() { command nats-server --addr 127.0.0.1 --port 4222 "$@"; }
"#;

pub(crate) fn run(section: &Section) -> Result<(), Failed> {
    let mut stage = Stage::new();
    let commands: Vec<String> = section.blocks.iter().flat_map(Block::commands).collect();
    let _server = commands.iter().all(|line| !starts_server(line)).then(|| stage.serve());
    for block in &section.blocks {
        let failed = |why: String| Failed::from(format!("{} line {}: {why}", section.document, block.line));
        match block.language.as_str() {
            "conf" => stage.check(&block.text).map_err(failed)?,
            "redis" => stage.ask(&block.text).map_err(failed)?,
            _ => {}
        }
        for line in block.commands().iter().filter(|line| *line != THIS && elsewhere(line).is_none()) {
            stage.command(line).map_err(failed)?;
        }
        stage.expect(&block.printed().collect::<Vec<_>>()).map_err(failed)?;
    }
    Ok(())
}

/// Whether a command serves or listens until somebody ends it, and what it prints when it does.
fn lasting(line: &str) -> Option<&'static str> {
    let has = |word: &str| line.split(' ').any(|own| own == word);
    let program = line.split(' ').next().unwrap_or_default();
    match program {
        "pregon" if has("--backplane") => Some(JOINED),
        _ if starts_server(line) => Some("Ready to accept connections"),
        "nats-server" => Some("Server is ready"),
        "redis-cli" if has("subscribe") || has("psubscribe") => Some("subscribe\""),
        _ => None,
    }
}

fn starts_server(line: &str) -> bool {
    let is_only_asked = ["--check", "--help", "--print-", " cli "].iter().any(|word| line.contains(word));
    let program = line.split(' ').next().unwrap_or_default();
    line.starts_with("cargo run") || program == "redis-server" || program == "pregon" && !is_only_asked
}

/// What a section is run on.
struct Stage {
    directory: TempDir,
    /// It holds the certificates' files.
    _authority: Authority,
    ports: [u16; PORTS.len()],
    programs: Vec<Program>,
}

impl Stage {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap_or_else(|e| panic!("a directory: {e}"));
        let authority = Authority::new();
        authority.give("client", "client", &["client.example"]);
        for file in ["ca.pem", "server.pem", "server.key", "client.pem", "client.key"] {
            let copied = std::fs::copy(authority.path(file), directory.path().join(file));
            copied.unwrap_or_else(|e| panic!("{file}: {e}"));
        }
        let written = std::fs::write(directory.path().join("redis.conf"), text("redis.conf.example"));
        written.unwrap_or_else(|e| panic!("redis.conf: {e}"));
        let ports = PORTS.map(|_| next_free_port());
        Self { directory, _authority: authority, ports, programs: Vec::new() }
    }

    /// Starts the server that a section counts on.
    fn serve(&mut self) -> TestServer {
        let server = TestServer::start(&[]);
        self.ports[0] = server.port();
        server
    }

    /// A text with the ports of this stage.
    fn placed(&self, text: &str) -> String {
        PORTS.iter().zip(self.ports).fold(text.to_owned(), |text, (port, own)| text.replace(port, &own.to_string()))
    }

    fn shell(&self, line: &str) -> Command {
        let mut shell = Command::new("bash");
        shell.args(["-c", &self.placed(&format!("{PRELUDE}\n{line}"))]).current_dir(self.directory.path());
        shell.env("PREGON", BINARY).env("PREGON_DEFAULTS", self.placed("port 6379\nbind 127.0.0.1"));
        // A group of its own, so that nothing of it outlives the section.
        shell.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        shell
    }

    /// Runs a command to its end, or until it is ready.
    fn command(&mut self, line: &str) -> Result<(), String> {
        let (line, is_left) = match line.strip_suffix(" &") {
            Some(line) => (line, true),
            None => (line, false),
        };
        let sign = lasting(line);
        if is_left && sign.is_none() {
            return Err(format!("nobody knows when this is ready: {line}"));
        }
        let mut program = Program::start(self.shell(line)).map_err(|e| format!("bash: {e}"))?;
        let result = match sign {
            Some(sign) => eventually(|| program.has_printed(|lines| lines.any(|line| line.contains(sign)))),
            None => eventually(|| program.has_ended()),
        };
        let succeeded = sign.is_some() || program.succeeded();
        self.programs.push(program);
        match result && succeeded {
            true => Ok(()),
            false => Err(format!("this fails, or is not ready in time: {line}\n{}", self.all_printed())),
        }
    }

    /// Waits until one program has printed these lines in this order.
    fn expect(&mut self, expected: &[&str]) -> Result<(), String> {
        let in_order = |lines: &mut Lines<'_>| expected.iter().all(|text| lines.any(|line| line == *text));
        if expected.is_empty() {
            return Ok(());
        }
        match eventually(|| self.programs.iter_mut().any(|program| program.has_printed(in_order))) {
            true => Ok(()),
            false => Err(format!("nothing prints {expected:?}\n{}", self.all_printed())),
        }
    }

    fn all_printed(&self) -> String {
        self.programs.iter().map(|program| format!("--\n{}", program.printed)).collect()
    }

    /// Has lines of a configuration checked.
    fn check(&self, configuration: &str) -> Result<(), String> {
        self.piped("pregon - --check", configuration).map(drop)
    }

    /// Sends requests over one connection.
    fn ask(&self, requests: &str) -> Result<(), String> {
        let answers = self.piped("redis-cli", requests)?;
        match answers.lines().find(|line| line.starts_with("(error)")) {
            Some(error) => Err(format!("{error}\n{answers}")),
            None => Ok(()),
        }
    }

    /// What a command prints to this input.
    fn piped(&self, line: &str, input: &str) -> Result<String, String> {
        let failed = |e: std::io::Error| format!("{line}: {e}");
        let mut child = self.shell(line).stdin(Stdio::piped()).spawn().map_err(failed)?;
        child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(input.as_bytes())).map_err(failed)?;
        let output = child.wait_with_output().map_err(failed)?;
        let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        if output.status.success() { Ok(printed) } else { Err(printed) }
    }
}

/// Waits until this is so; whether it was in time.
fn eventually(mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

/// A command that has been started, with what it has printed. It is ended with whatever it has started when it is dropped.
struct Program {
    child: Child,
    prints: Receiver<String>,
    printed: String,
}

impl Program {
    fn start(mut command: Command) -> std::io::Result<Self> {
        let mut child = command.spawn()?;
        let (print, prints) = mpsc::channel();
        read_lines(child.stdout.take(), print.clone());
        read_lines(child.stderr.take(), print);
        Ok(Self { child, prints, printed: String::new() })
    }

    /// Whether what it has printed so far is like this.
    fn has_printed(&mut self, is_it: impl Fn(&mut Lines<'_>) -> bool) -> bool {
        self.printed.extend(self.prints.try_iter());
        is_it(&mut self.printed.lines())
    }

    /// Whether it has ended and all that it has printed has been read.
    fn has_ended(&mut self) -> bool {
        loop {
            match self.prints.try_recv() {
                Ok(line) => self.printed += &line,
                Err(TryRecvError::Empty) => return false,
                Err(TryRecvError::Disconnected) => return matches!(self.child.try_wait(), Ok(Some(_))),
            }
        }
    }

    fn succeeded(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(status)) if status.success())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // An error says that it has already ended.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}
