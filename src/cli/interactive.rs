//! Commands from standard input, one on a line, typed or piped.

use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read as read_descriptor};

use super::client::{Client, Failure};
use super::docs::{self, Docs};
use super::format::Format;
use super::interrupt::Interrupt;
use super::options::Options;
use super::source::Source;
use super::terminal::Quiet;
use crate::quoting;

/// Reads and runs lines until the input ends or says so. Errors of commands and connections are printed and do not end
/// it; the exit code is 1 only where nothing more can be done.
pub(super) fn run(client: &mut Client<'_>, options: &Options, terminal: bool) -> ExitCode {
    let edited = io::stdin().is_terminal() && io::stdout().is_terminal();
    let source = match Source::open(edited) {
        Ok(source) => source,
        Err(error) => {
            client.complain(format_args!("Reading from standard input: {error}"));
            return ExitCode::FAILURE;
        }
    };
    if let (Source::Editor(_), Ok(interrupt)) = (&source, Interrupt::listen()) {
        client.heed(interrupt);
    }
    let show_hint = terminal && options.style.format != Format::Raw;
    let slow_is_said = options.style.format == Format::Human;
    let mut shell = Shell { client, source, show_hint, slow_is_said, docs: Docs::default() };
    match shell.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Lost(lost)) => {
            shell.client.complain(format_args!("Error: {lost}"));
            ExitCode::FAILURE
        }
        Err(Failure::Unreachable | Failure::Fatal) => ExitCode::FAILURE,
    }
}

/// Prints what `help` says of these words, asking the server what it knows.
pub(super) fn print_help(client: &mut Client<'_>, words: &[Vec<u8>]) -> Result<(), Failure> {
    if words.is_empty() {
        return client.say(&docs::general_help());
    }
    client.connect()?;
    let docs = Docs::read(&client.ask(&["COMMAND", "DOCS"])?);
    client.say(&docs.help(words))
}

/// What a line asks for, beside commands for the server.
enum Line {
    Nothing,
    Quit,
    Help(Vec<Vec<u8>>),
    Clear,
    Prefer(Vec<Vec<u8>>),
    Connect(String, u16),
    Unreadable(&'static str),
    Command(Vec<Vec<u8>>, i64),
}

/// What a subscriber waits for.
enum Event {
    Message,
    Input,
    Interrupt,
}

struct Shell<'a, 'b> {
    client: &'a mut Client<'b>,
    source: Source,
    show_hint: bool,
    slow_is_said: bool,
    /// What the server says of its commands, once it was asked.
    docs: Docs,
}

impl Shell<'_, '_> {
    fn run(&mut self) -> Result<(), Failure> {
        self.tolerate(|client| client.connect())?;
        let mut hint_is_shown = false;
        let mut typed = String::new();
        loop {
            let Some(line) = self.next_line(hint_is_shown, &typed)? else {
                if !(self.source.is_typed() && self.client.is_subscribed()) {
                    return Ok(());
                }
                (hint_is_shown, typed) = (false, String::new());
                self.tolerate(|client| client.connect())?;
                continue;
            };
            typed.clear();
            let only_woke_up = hint_is_shown && line.is_empty();
            hint_is_shown = false;
            if only_woke_up {
                continue;
            }
            if !self.obey(read(&line))? {
                return Ok(());
            }
            if self.client.is_subscribed() {
                typed = self.print_messages()?;
                hint_is_shown = self.source.is_typed() && !self.source.is_edited();
            }
        }
    }

    /// The next line of the input, of which people have typed the start already; none at its end.
    fn next_line(&mut self, hint_is_shown: bool, typed: &str) -> Result<Option<Vec<u8>>, Failure> {
        if self.source.is_edited() {
            self.learn()?;
        } else if self.source.is_typed() && !hint_is_shown {
            let prompt = self.client.prompt();
            self.client.say(&prompt)?;
        }
        Ok(match &mut self.source {
            Source::Lines(lines) => lines.next(),
            Source::Editor(editor) => {
                let line = editor.read(&self.client.prompt(), typed);
                line.inspect(|line| editor.remember(line)).map(String::into_bytes)
            }
        })
    }

    /// Asks the server what there is to know of its commands, unless that is known or not the time for it.
    fn learn(&mut self) -> Result<(), Failure> {
        let Source::Editor(editor) = &mut self.source else {
            return Ok(());
        };
        if editor.docs().is_some_and(Docs::is_empty) && self.client.is_idle() {
            match self.client.ask(&["COMMAND", "DOCS"]) {
                Ok(reply) => editor.learn(Docs::read(&reply)),
                Err(Failure::Lost(_)) => self.client.disconnect(),
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    /// Does what a line says; false if it says to stop.
    fn obey(&mut self, line: Line) -> Result<bool, Failure> {
        match line {
            Line::Nothing => {}
            Line::Quit => return Ok(false),
            Line::Help(words) => self.help(&words)?,
            Line::Clear => match &mut self.source {
                Source::Editor(editor) => editor.clear_screen(),
                Source::Lines(_) => self.client.say("\x1b[H\x1b[2J")?,
            },
            Line::Prefer(words) => {
                if let Source::Editor(editor) = &mut self.source
                    && let Err(complaint) = editor.prefer(&words)
                {
                    self.client.say(&format!("{complaint}\n"))?;
                }
            }
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

    fn help(&mut self, words: &[Vec<u8>]) -> Result<(), Failure> {
        if words.is_empty() {
            return self.client.say(&docs::general_help());
        }
        let known = match &self.source {
            Source::Editor(editor) => editor.docs().filter(|docs| !docs.is_empty()),
            Source::Lines(_) => None,
        };
        if let Some(docs) = known {
            return self.client.say(&docs.help(words));
        }
        if self.docs.is_empty() && self.client.is_idle() {
            self.docs = Docs::read(&self.client.ask(&["COMMAND", "DOCS"])?);
        }
        self.client.say(&self.docs.help(words))
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

    /// Prints messages of subscriptions until there is a line to read, or the start of it, which is returned. Ctrl-C leaves
    /// the subscriptions with their connection. The server goes first where it and the input have something.
    fn print_messages(&mut self) -> Result<String, Failure> {
        // All the time, because it may be pressed while something is being printed, too.
        self.client.wait_for_interrupt(true);
        let line = self.follow_messages();
        self.client.wait_for_interrupt(false);
        line
    }

    fn follow_messages(&mut self) -> Result<String, Failure> {
        let keys = self.source.is_edited().then(Quiet::keys);
        let way_out = if keys.is_some() { "any key" } else { "Enter" };
        loop {
            self.client.print_arrived()?;
            if self.show_hint {
                self.client
                    .say(&format!("Reading messages... (press Ctrl-C to quit or {way_out} to type command)\r"))?;
            }
            let event = self.wait();
            if self.show_hint {
                self.client.say("\x1b[K")?;
            }
            match event {
                Event::Message => self.client.print_message()?,
                Event::Input if keys.is_some() => return Ok(first_key()),
                Event::Input => return Ok(String::new()),
                Event::Interrupt => {
                    self.client.say("Closing current connection. Ready to reconnect to Redis server... \n")?;
                    self.tolerate(|client| client.connect())?;
                    return Ok(String::new());
                }
            }
        }
    }

    fn wait(&mut self) -> Event {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let timeout = self.source.has_line().then_some(&at_once);
        let stdin = io::stdin();
        let Some((connection, interrupt)) = self.client.descriptors() else {
            return Event::Input;
        };
        let input = PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN);
        let mut waiting = vec![PollFd::new(connection, PollFlags::IN), input];
        waiting.extend(interrupt.map(|interrupt| PollFd::new(interrupt, PollFlags::IN)));
        while poll(&mut waiting, timeout) == Err(Errno::INTR) {}
        let message = !waiting[0].revents().is_empty();
        if self.client.interrupt().is_some_and(Interrupt::take) {
            return Event::Interrupt;
        }
        if message { Event::Message } else { Event::Input }
    }
}

/// The key that was pressed, if it is the start of a line.
fn first_key() -> String {
    let mut key = [0];
    match read_descriptor(io::stdin(), &mut key) {
        Ok(1) if key[0] == b' ' || key[0].is_ascii_graphic() => char::from(key[0]).to_string(),
        _ => String::new(),
    }
}

/// A command that took at least this long is followed by its time.
const SLOW: Duration = Duration::from_millis(500);

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
        (b"help" | b"?", [_, topic @ ..]) => Line::Help(topic.to_vec()),
        ([b':', ..], _) => Line::Prefer(words),
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
        assert!(matches!(read(b"help @pubsub"), Line::Help(topic) if topic == words(&["@pubsub"])));
        assert!(matches!(read(b"clear"), Line::Clear));
        assert!(matches!(read(b"connect h 7000"), Line::Connect(host, 7000) if host == "h"));
        assert!(matches!(read(b"  "), Line::Nothing));
        assert!(matches!(read(b"get 'a"), Line::Unreadable("Invalid argument(s)")));
    }
}
