//! A program on a terminal of its own.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::dup;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::child::Running;
use crate::support::DEADLINE;

pub(super) struct Terminal {
    program: Running,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
    /// How much of it was expected.
    expected: usize,
}

impl Terminal {
    /// Starts the program, whose output goes to the terminal, and which Ctrl-C reaches.
    pub(super) fn run(command: Command) -> Terminal {
        let (keyboard, inside) = pair().unwrap_or_else(|e| panic!("a terminal: {e}"));
        let mut inner = Command::new("setsid");
        inner.arg("--ctty").arg("--wait").arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inner.env(name, value),
                None => inner.env_remove(name),
            };
        }
        let end = || Stdio::from(dup(&inside).unwrap_or_else(|e| panic!("a terminal: {e}")));
        inner.stdin(end()).stdout(end()).stderr(end());
        let program = Running(inner.spawn().unwrap_or_else(|e| panic!("setsid: {e}")));
        let keyboard = File::from(keyboard);
        let mut output = keyboard.try_clone().unwrap_or_else(|e| panic!("a terminal: {e}"));
        let (shown, screen) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut bytes) {
                if shown.send(bytes[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Terminal { program, keyboard, screen, seen: String::new(), expected: 0 }
    }

    /// Types text; `\r` is Enter in an editor.
    pub(super) fn enter(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap_or_else(|e| panic!("typing: {e}"));
    }

    /// Waits until the terminal has shown `text` behind what was expected before.
    pub(super) fn expect(&mut self, text: &str) {
        loop {
            if let Some(at) = self.seen[self.expected..].find(text) {
                self.expected += at + text.len();
                return;
            }
            match self.screen.recv_timeout(DEADLINE) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(e) => panic!("waiting for {text:?}: {e}; the terminal shows {:?}", self.seen),
            }
        }
    }

    /// All that was shown.
    pub(super) fn seen(&self) -> &str {
        &self.seen
    }

    /// Waits for the end of the program.
    pub(super) fn exit_code(&mut self) -> Option<i32> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            match self.screen.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("the program does not end: {:?}", self.seen),
            }
        }
        self.program.0.wait().unwrap_or_else(|e| panic!("waiting: {e}")).code()
    }
}

/// Both ends of a terminal.
fn pair() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    let outside = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&outside)?;
    unlockpt(&outside)?;
    let name = ptsname(&outside, Vec::new())?;
    let inside = open(&*name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    Ok((outside, inside))
}
