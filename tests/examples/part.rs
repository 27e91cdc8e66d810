//! A running program of an example, known by what it prints.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::support::lines::read_lines;

/// How long a line or the end of a program is awaited: demonstrations begin with looking for their packages, while
/// other tests do the same.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that runs until it ends by itself, is interrupted, or is dropped; with it the programs that it started.
///
/// All methods panic with everything that the program printed when it does not do what is expected of it in time.
#[derive(Debug)]
pub(crate) struct Part {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<String>,
    complaints: Receiver<String>,
    /// The lines that were taken from `output`.
    printed: Vec<String>,
}

impl Part {
    /// Starts `command`.
    pub(crate) fn start(command: &mut Command) -> Part {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{}: {e}", command.get_program().display()));
        let (to_output, output) = mpsc::channel();
        let (to_complaints, complaints) = mpsc::channel();
        read_lines(child.stdout.take(), to_output);
        read_lines(child.stderr.take(), to_complaints);
        let input = child.stdin.take();
        Part { child, input, output, complaints, printed: Vec::new() }
    }

    /// Waits until it prints exactly `line`, whatever it prints before.
    pub(crate) fn expect(&mut self, line: &str) {
        self.expect_where(line, |printed| printed == line);
    }

    /// Waits until it prints a line that contains `text`, and returns that line.
    pub(crate) fn expect_containing(&mut self, text: &str) -> String {
        self.expect_where(text, |printed| printed.contains(text))
    }

    /// The next line that it prints.
    pub(crate) fn next_line(&mut self) -> String {
        self.expect_where("a line", |_| true)
    }

    fn expect_where(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let line = line.trim_end().to_string();
                    self.printed.push(line.clone());
                    if wanted(&line) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.fail(&format!("did not print in time: {what}")),
                Err(RecvTimeoutError::Disconnected) => self.fail(&format!("ended without printing: {what}")),
            }
        }
    }

    /// Gives it a line on its standard input.
    pub(crate) fn say(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap_or_else(|| panic!("the standard input is closed"));
        if let Err(e) = writeln!(input, "{line}").and_then(|()| input.flush()) {
            self.fail(&format!("does not take the line {line:?}: {e}"));
        }
    }

    /// Interrupts it as Ctrl-C does; [`Part::finish`] then waits for its end.
    pub(crate) fn interrupt(&self) {
        self.signal(Signal::INT).unwrap_or_else(|e| panic!("interrupting: {e}"));
    }

    /// Sends a signal to it and to the programs that it started.
    fn signal(&self, signal: Signal) -> rustix::io::Result<()> {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        rustix::process::kill_process_group(group.ok_or(rustix::io::Errno::SRCH)?, signal)
    }

    /// Closes its standard input, waits until it ends with exit code 0, and returns all lines that it printed.
    pub(crate) fn finish(mut self) -> Vec<String> {
        let status = self.end();
        if !status.success() {
            self.fail(&format!("ended with {status}"));
        }
        std::mem::take(&mut self.printed)
    }

    /// Closes its standard input, waits until it ends with exit code 1, and returns all lines that it complained with.
    pub(crate) fn refuse(mut self) -> Vec<String> {
        let status = self.end();
        if status.code() != Some(1) || !self.printed.is_empty() {
            self.fail(&format!("ended with {status}"));
        }
        self.complaints.iter().map(|line| line.trim_end().to_string()).collect()
    }

    /// How it ends, after it was given no more input; what it still printed is kept.
    fn end(&mut self) -> ExitStatus {
        self.input = None;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.printed.push(line.trim_end().to_string()),
                Err(RecvTimeoutError::Timeout) => self.fail("did not end in time"),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        match self.child.wait() {
            Ok(status) => status,
            Err(e) => self.fail(&format!("could not be waited for: {e}")),
        }
    }

    fn fail(&mut self, why: &str) -> ! {
        // Ends the stream of complaints. An error says that it has already ended.
        let _ = self.signal(Signal::KILL);
        let complaints: String = self.complaints.iter().collect();
        panic!("the program {why}\n--- it printed:\n{}\n--- and complained:\n{complaints}---", self.printed.join("\n"));
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // An error says that it has already ended.
        let _ = self.signal(Signal::KILL);
        let _ = self.child.wait();
    }
}
