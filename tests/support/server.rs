//! The server under test as a child process.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use super::DEADLINE;

/// Ports below the kernel's range for outgoing connections, so that no client's socket takes one while a server
/// restarts.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// How many ports are tried before a server counts as unable to start.
const PORT_ATTEMPTS: usize = 50;

/// How often a child is asked whether it still runs, while a log line or its end is awaited.
const POLL: Duration = Duration::from_millis(10);

/// A server of its own for one test: on 127.0.0.1, with its own port and an empty working directory.
///
/// Dropping it kills the server, and prints the server's log when the test failed.
#[derive(Debug)]
pub struct TestServer {
    binary: OsString,
    args: Vec<String>,
    port: u16,
    dir: TempDir,
    log: Arc<Log>,
    child: Option<Child>,
}

impl TestServer {
    /// Starts the server under test with `args` after `--port` and `--bind`, and waits until it says that it is ready.
    ///
    /// It must log at level notice to its standard output, which is the default. Fails with the server's log when it
    /// ends instead.
    pub fn start(args: &[&str]) -> TestServer {
        TestServer::start_with_files(args, &[])
    }

    /// As [`TestServer::start`], with these files, which are empty, in its working directory.
    pub fn start_with_files(args: &[&str], files: &[&str]) -> TestServer {
        TestServer::start_binary(server_under_test(), args, files)
    }

    /// As [`TestServer::start_with_files`], with another server binary that takes the same command line.
    pub fn start_binary(binary: impl Into<OsString>, args: &[&str], files: &[&str]) -> TestServer {
        let mut server = TestServer {
            binary: binary.into(),
            args: args.iter().map(ToString::to_string).collect(),
            port: 0,
            dir: tempfile::tempdir().unwrap_or_else(|e| panic!("a working directory for the server: {e}")),
            log: Arc::default(),
            child: None,
        };
        for file in files {
            std::fs::write(server.dir.path().join(file), "").unwrap_or_else(|e| panic!("{file}: {e}"));
        }
        for _ in 0..PORT_ATTEMPTS {
            server.port = next_free_port();
            if server.try_launch() {
                return server;
            }
        }
        panic!("every port tried was in use");
    }

    /// The port it listens on; the same after a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address as `127.0.0.1:port`.
    pub fn addr(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Its working directory, removed at the end of the test.
    pub fn dir(&self) -> PathBuf {
        self.dir.path().to_path_buf()
    }

    /// Everything it printed so far, standard output and errors in one, over all its runs.
    pub fn log(&self) -> String {
        self.log.lock().text.clone()
    }

    /// Waits until it has printed a line that contains `text`, and returns the first such line.
    pub fn expect_log(&self, text: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(line) = self.log.lock().text.lines().find(|line| line.contains(text)) {
                return line.to_string();
            }
            assert!(Instant::now() < deadline, "the server does not log: {text}");
            self.log.wait();
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = self.pid().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        let Some(pid) = pid else { panic!("the server does not run") };
        if let Err(e) = rustix::process::kill_process(pid, signal) {
            panic!("sending {signal:?}: {e}");
        }
    }

    /// Ends it as a service manager does (SIGTERM), waits, and fails unless it ends with exit code 0.
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        let status = self.wait_for_exit();
        assert!(status.success(), "after SIGTERM the server ended with {status}");
    }

    /// Starts it again on the same port after [`TestServer::stop`].
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "the server still runs");
        assert!(self.try_launch(), "port {} is taken by somebody else", self.port);
    }

    /// Stops it and starts it again on the same port.
    pub fn restart(&mut self) {
        self.stop();
        self.start_again();
    }

    /// Waits until it ends by itself, for example after SHUTDOWN.
    pub fn wait_for_exit(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.exit_status() {
                return status;
            }
            assert!(Instant::now() < deadline, "the server does not end");
            self.log.wait();
        }
    }

    /// Launches it on `self.port` and waits until it is ready. `false` when the port is in use.
    fn try_launch(&mut self) -> bool {
        self.log.begin_run();
        let mut child = Command::new(&self.binary)
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(&self.args)
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("starting {}: {e}", self.binary.display()));
        self.log.follow(child.stdout.take());
        self.log.follow(child.stderr.take());
        self.child = Some(child);
        let deadline = Instant::now() + DEADLINE;
        while !self.log.lock().ready {
            if let Some(status) = self.exit_status() {
                self.log.wait_for_end();
                if self.log.lock().port_in_use {
                    return false;
                }
                panic!("the server did not start: {status}");
            }
            assert!(Instant::now() < deadline, "the server does not say that it is ready");
            self.log.wait();
        }
        true
    }

    /// How it ended, and forgets the child then; `None` while it runs.
    fn exit_status(&mut self) -> Option<ExitStatus> {
        let child = self.child.as_mut()?;
        let status = child.try_wait().unwrap_or_else(|e| panic!("asking for the server's state: {e}"))?;
        self.child = None;
        Some(status)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // An error says that it has already ended.
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- log of the server on port {}:\n{}---", self.port, self.log());
        }
    }
}

/// What a server printed, collected by one thread for each of its two streams.
#[derive(Debug, Default)]
struct Log {
    state: Mutex<LogState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct LogState {
    text: String,
    /// The current run announced that it accepts connections.
    ready: bool,
    /// The current run complained about its port.
    port_in_use: bool,
    /// Streams of the current run that have not ended.
    open_streams: usize,
}

impl Log {
    /// Forgets what was found out about the run before; its text stays.
    fn begin_run(&self) {
        let mut state = self.lock();
        state.ready = false;
        state.port_in_use = false;
    }

    /// Collects the lines of `stream` until it ends.
    fn follow(self: &Arc<Self>, stream: Option<impl Read + Send + 'static>) {
        let Some(stream) = stream else { return };
        self.lock().open_streams += 1;
        let log = Arc::clone(self);
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stream);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                log.add(&String::from_utf8_lossy(&line));
                line.clear();
            }
            log.lock().open_streams -= 1;
            log.changed.notify_all();
        });
    }

    fn add(&self, line: &str) {
        let lower = line.to_ascii_lowercase();
        let mut state = self.lock();
        state.ready |= lower.contains("ready to accept connections");
        state.port_in_use |= lower.contains("already in use");
        state.text.push_str(line);
        self.changed.notify_all();
    }

    /// Returns after a new line or after [`POLL`].
    fn wait(&self) {
        let _unused = self.changed.wait_timeout(self.lock(), POLL);
    }

    /// Waits until an ended server's last lines have been read.
    fn wait_for_end(&self) {
        let ended = self.changed.wait_timeout_while(self.lock(), DEADLINE, |state| state.open_streams > 0);
        drop(ended);
    }

    fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The binary that this package builds, or the one that `PREGON_TEST_SERVER` names.
fn server_under_test() -> OsString {
    std::env::var_os("PREGON_TEST_SERVER").unwrap_or_else(|| env!("CARGO_BIN_EXE_pregon").into())
}

/// A port that nobody listened on a moment ago and that this process has not given out before.
///
/// Processes that run at the same time begin at different places.
pub fn next_free_port() -> u16 {
    static GIVEN_OUT: AtomicU16 = AtomicU16::new(0);
    let begin = std::process::id().wrapping_mul(389) % u32::from(PORTS.end - PORTS.start);
    loop {
        let step = u32::from(GIVEN_OUT.fetch_add(1, Ordering::Relaxed));
        let offset = (begin + step) % u32::from(PORTS.end - PORTS.start);
        // Below the length of a range of `u16`.
        let port = PORTS.start + offset as u16;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
