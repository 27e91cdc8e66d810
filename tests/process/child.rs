//! Calls of the binary that [`TestServer`](crate::support::TestServer) cannot make: such that end by themselves, and
//! servers that print nothing.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::DEADLINE;

/// How a call ended and what it printed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The binary of this package.
pub(crate) fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_pregon")
}

/// Calls the binary with `args` in `dir` and waits for its end.
pub(crate) fn call(dir: &Path, args: &[&str]) -> Ended {
    finish(Command::new(binary()).args(args).current_dir(dir), b"")
}

/// Gives a program its standard input and waits for its end. It has to end when that ends, or fail at once.
pub(crate) fn finish(command: &mut Command, input: &[u8]) -> Ended {
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.unwrap_or_else(|e| panic!("starting: {e}"));
    if let Some(mut stdin) = child.stdin.take() {
        // It may end without having read it.
        let _ = stdin.write_all(input);
    }
    let output = child.wait_with_output().unwrap_or_else(|e| panic!("waiting: {e}"));
    Ended {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A server that is killed when the test ends.
#[derive(Debug)]
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Starts the binary with `args` in `dir`; a test looks itself for when it is ready.
    pub(crate) fn start(dir: &Path, args: &[&str]) -> Running {
        let mut command = Command::new(binary());
        command.args(args).current_dir(dir).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        Running(command.spawn().unwrap_or_else(|e| panic!("starting: {e}")))
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).expect("a process has a number");
        kill_process(pid, signal).unwrap_or_else(|e| panic!("{signal:?}: {e}"));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error says that it has already ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until `attempt` gives something.
pub(crate) fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::yield_now();
    }
}
