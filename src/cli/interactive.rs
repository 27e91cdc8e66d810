//! Commands from standard input, one on a line, typed or piped.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::client::{Client, Failure};
use super::format::Format;
use super::options::Options;
use crate::quoting;

/// Reads and runs lines until the input ends or says so. Errors of commands and connections are printed and do not end
/// it; the exit code is 1 only where nothing more can be done.
pub(super) fn run(client: &mut Client<'_>, options: &Options, terminal: bool) -> ExitCode {
    let input = match Input::open() {
        Ok(input) => input,
        Err(error) => {
            client.complain(format_args!("Reading from standard input: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let show_hint = terminal && options.style.format != Format::Raw;
    let slow_is_said = options.style.format == Format::Human;
    let mut shell = Shell { client, input, show_hint, slow_is_said };
    match shell.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Lost(lost)) => {
            shell.client.complain(format_args!("Error: {lost}"));
            ExitCode::FAILURE
        }
        Err(Failure::Unreachable | Failure::Fatal) => ExitCode::FAILURE,
    }
}

/// Standard input in lines, with its own buffer, so that it is known whether a line waits in it.
struct Input {
    lines: BufReader<File>,
    typed: bool,
}

impl Input {
    fn open() -> io::Result<Self> {
        let stdin = io::stdin();
        let typed = stdin.is_terminal();
        let file = File::from(stdin.as_fd().try_clone_to_owned()?);
        Ok(Self { lines: BufReader::new(file), typed })
    }

    /// The next line without its end, `None` at the end of the input.
    fn next(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        let length = self.lines.read_until(b'\n', &mut line).unwrap_or(0);
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        (length > 0).then_some(line)
    }
}

/// What a line asks for, beside commands for the server.
enum Line {
    Nothing,
    Quit,
    Help,
    Clear,
    Connect(String, u16),
    Unreadable(&'static str),
    Command(Vec<Vec<u8>>, i64),
}

struct Shell<'a, 'b> {
    client: &'a mut Client<'b>,
    input: Input,
    show_hint: bool,
    slow_is_said: bool,
}

impl Shell<'_, '_> {
    fn run(&mut self) -> Result<(), Failure> {
        self.tolerate(|client| client.connect())?;
        let mut hint_is_shown = false;
        loop {
            if self.input.typed && !hint_is_shown {
                let prompt = self.client.prompt();
                self.client.say(&prompt)?;
            }
            let Some(line) = self.input.next() else {
                if !(self.input.typed && self.client.is_subscribed()) {
                    return Ok(());
                }
                hint_is_shown = false;
                self.tolerate(|client| client.connect())?;
                continue;
            };
            let only_woke_up = hint_is_shown && line.is_empty();
            hint_is_shown = false;
            if only_woke_up {
                continue;
            }
            if !self.obey(read(&line))? {
                return Ok(());
            }
            if self.client.is_subscribed() {
                self.print_messages()?;
                hint_is_shown = self.input.typed;
            }
        }
    }

    /// Does what a line says; false if it says to stop.
    fn obey(&mut self, line: Line) -> Result<bool, Failure> {
        match line {
            Line::Nothing => {}
            Line::Quit => return Ok(false),
            Line::Help => self.client.say(HELP)?,
            Line::Clear => self.client.say("\x1b[H\x1b[2J")?,
            Line::Connect(host, port) => self.tolerate(|client| client.connect_to(host, port))?,
            Line::Unreadable(why) => self.client.say(&format!("{why}\n"))?,
            Line::Command(command, repeat) => {
                let start = Instant::now();
                self.tolerate(|client| client.run(&command, repeat))?;
                let elapsed = start.elapsed();
                if elapsed >= SLOW && self.slow_is_said {
                    self.client.say(&format!("({:.2}s)\n", elapsed.as_secs_f64()))?;
                }
            }
        }
        Ok(true)
    }

    /// Lets the shell live on after a failure that a new connection may cure.
    fn tolerate(&mut self, action: impl FnOnce(&mut Client<'_>) -> Result<(), Failure>) -> Result<(), Failure> {
        match action(self.client) {
            Err(Failure::Lost(lost)) if lost.is_disconnect() => {
                self.client.complain(format_args!("Error: {lost}"));
                self.client.disconnect();
                Ok(())
            }
            Err(Failure::Unreachable) => Ok(()),
            result => result,
        }
    }

    /// Prints messages of subscriptions until there is a line to read. The server goes first where both have something.
    fn print_messages(&mut self) -> Result<(), Failure> {
        loop {
            self.client.print_arrived()?;
            if self.show_hint {
                self.client.say("Reading messages... (press Ctrl-C to quit or Enter to type command)\r")?;
            }
            let message = self.wait();
            if self.show_hint {
                self.client.say("\x1b[K")?;
            }
            if !message {
                return Ok(());
            }
            self.client.print_message()?;
        }
    }

    /// Waits for the server or the input; true if it is the server.
    fn wait(&self) -> bool {
        let Some(connection) = self.client.connection() else {
            return false;
        };
        let input = self.input.lines.get_ref();
        let mut waiting =
            [PollFd::new(connection, PollFlags::IN), PollFd::from_borrowed_fd(input.as_fd(), PollFlags::IN)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let timeout = (!self.input.lines.buffer().is_empty()).then_some(&at_once);
        while poll(&mut waiting, timeout) == Err(rustix::io::Errno::INTR) {}
        !waiting[0].revents().is_empty()
    }
}

/// A command that took at least this long is followed by its time.
const SLOW: Duration = Duration::from_millis(500);

const HELP: &str = "Type a command of the server, with quotes as in \"a b\\n\\x00\", \
    or a number before it to send it so many times.\n\
    COMMAND DOCS <name> describes a command. CONNECT <host> <port> goes to another server, QUIT leaves.\n";

fn read(line: &[u8]) -> Line {
    let Ok(mut words) = quoting::split(line) else {
        return Line::Unreadable("Invalid argument(s)");
    };
    let mut repeat = 1;
    if words.len() > 1
        && let Some(number) = repeat_count(&words[0])
    {
        if number <= 0 {
            return Line::Unreadable("Invalid redis-cli repeat command option value.");
        }
        repeat = number;
        words.remove(0);
    }
    let Some(first) = words.first() else {
        return Line::Nothing;
    };
    match (first.to_ascii_lowercase().as_slice(), words.as_slice()) {
        (b"quit" | b"exit", _) => Line::Quit,
        (b"help" | b"?", _) => Line::Help,
        (b"clear", [_]) => Line::Clear,
        (b"connect", [_, host, port]) => {
            let text = |word: &[u8]| String::from_utf8_lossy(word).into_owned();
            match text(port).parse() {
                Ok(port) => Line::Connect(text(host), port),
                Err(_) => Line::Unreadable("Invalid server port."),
            }
        }
        _ => Line::Command(words, repeat),
    }
}

/// The number that a word is; 0, which is refused, if it is too large.
fn repeat_count(word: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(word).ok()?;
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::{Line, read};

    fn command(line: &str) -> Option<(Vec<Vec<u8>>, i64)> {
        match read(line.as_bytes()) {
            Line::Command(words, repeat) => Some((words, repeat)),
            _ => None,
        }
    }

    fn words(list: &[&str]) -> Vec<Vec<u8>> {
        list.iter().map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn a_number_before_a_command_repeats_it() {
        assert_eq!(command("ping"), Some((words(&["ping"]), 1)));
        assert_eq!(command("3 ping x"), Some((words(&["ping", "x"]), 3)));
        assert_eq!(command("3"), Some((words(&["3"]), 1)));
        assert_eq!(command("3x ping"), Some((words(&["3x", "ping"]), 1)));
    }

    #[test]
    fn a_number_that_cannot_count_is_refused() {
        for line in ["0 ping", "-1 ping", "99999999999999999999 ping"] {
            let refused = matches!(read(line.as_bytes()), Line::Unreadable(text) if text.contains("repeat"));
            assert!(refused, "{line}");
        }
    }

    #[test]
    fn some_words_are_for_the_client_itself() {
        assert!(matches!(read(b"QUIT"), Line::Quit));
        assert!(matches!(read(b"exit now"), Line::Quit));
        assert!(matches!(read(b"help @pubsub"), Line::Help));
        assert!(matches!(read(b"clear"), Line::Clear));
        assert!(matches!(read(b"connect h 7000"), Line::Connect(host, 7000) if host == "h"));
        assert!(matches!(read(b"  "), Line::Nothing));
        assert!(matches!(read(b"get 'a"), Line::Unreadable("Invalid argument(s)")));
    }
}
