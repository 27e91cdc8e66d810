//! Starting servers on free ports, and ending them in every case: by `Drop`, and when this program is interrupted.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::generator::target::Target;
use rustix::process::{Pid, Signal, kill_process};
use rustls::ClientConfig;

/// How long a server may take to answer after its start.
const START: Duration = Duration::from_secs(10);
/// Clients that every server must take: the most that a case connects, and some.
const MAX_CLIENTS: &str = "15000";

/// The processes that run now.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// A program that can be started as a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) name: String,
    path: PathBuf,
    args: Vec<OsString>,
}

impl Program {
    /// Pregon, as this package builds it; with a number of io-threads other than its default if that is given.
    pub(crate) fn pregon(io_threads: Option<u8>) -> Self {
        Program::pregon_at(env!("CARGO_BIN_EXE_pregon"), io_threads)
    }

    /// The same of this file.
    pub(crate) fn pregon_at(path: impl Into<PathBuf>, io_threads: Option<u8>) -> Self {
        let name = match io_threads {
            None => "pregon".into(),
            Some(count) => format!("pregon, io-threads {count}"),
        };
        let threads = io_threads.map(|count| ["--io-threads".into(), count.to_string().into()]);
        let args = listening().into_iter().chain(threads.into_iter().flatten()).collect();
        Program::new(name, path, args)
    }

    /// A program of this name that is started with these arguments before those for its port.
    pub(crate) fn new(name: String, path: impl Into<PathBuf>, args: Vec<OsString>) -> Self {
        Program { name, path: path.into(), args }
    }

    /// The other servers that are installed, `redis-server` first: every file on the PATH whose name begins like that of a
    /// server, so that several versions can stand beside each other, such as `redis-server-8`. All but the first are named
    /// with their version. Where Pregon has several io-threads, Valkey is given two, if `threaded` says so.
    pub(crate) fn peers(threaded: bool) -> Vec<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let directories = std::env::split_paths(&path).filter_map(|directory| fs::read_dir(directory).ok());
        let mut files: Vec<PathBuf> = directories.flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.retain(|file| file.file_name().is_some_and(is_server) && file.is_file());
        files.sort_by_key(|file| (file.file_name() != Some(OsStr::new("redis-server")), file.clone()));
        let mut seen = BTreeSet::new();
        files.retain(|file| seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())));
        let args: Vec<_> =
            listening().into_iter().chain(["--save", "", "--appendonly", "no"].map(OsString::from)).collect();
        let named = |path| Program::new(String::new(), path, args.clone());
        let mut peers: Vec<Program> = files.into_iter().map(named).collect();
        for (number, peer) in peers.iter_mut().enumerate() {
            peer.name = name_of(&peer.version(), number > 0);
            if threaded && peer.name.starts_with("valkey") {
                peer.name.push_str(", io-threads 2");
                peer.args.extend(["--io-threads", "2"].map(OsString::from));
            }
        }
        peers
    }

    /// What it says about its version.
    pub(crate) fn version(&self) -> String {
        let output = Command::new(&self.path).arg("--version").output();
        output.map_or_else(
            |error| error.to_string(),
            |output| String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned(),
        )
    }

    /// Starts it on a free port, with its log where `log` goes, and waits until it answers.
    pub(crate) fn start(&self, log: Stdio) -> io::Result<Server> {
        self.start_with(log, |port| vec!["--port".to_owned(), port.to_string()], None)
    }

    /// The same with these arguments for the port, which clients reach over TLS if there is a configuration for it.
    pub(crate) fn start_with(
        &self,
        log: Stdio,
        ports: impl Fn(u16) -> Vec<String>,
        tls: Option<Arc<ClientConfig>>,
    ) -> io::Result<Server> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let child = Command::new(&self.path)
            .args(&self.args)
            .args(ports(port))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| io::Error::other(format!("{}: {error}", self.path.display())))?;
        running().insert(child.id());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let target = Target::new(address, Some(child.id()), tls);
        let mut server = Server { target, child };
        let start = Instant::now();
        while server.target.connections(1).is_err() {
            if server.child.try_wait()?.is_some() || start.elapsed() > START {
                return Err(io::Error::other(format!("{} does not start", self.name)));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }
}

/// A running server; it ends with this value.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) target: Target,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        running().remove(&self.child.id());
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What all servers that speak the Redis protocol are told.
fn listening() -> [OsString; 4] {
    ["--bind", "127.0.0.1", "--maxclients", MAX_CLIENTS].map(OsString::from)
}

/// Whether a file of this name is a server.
fn is_server(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    ["redis-server", "valkey-server", "keydb-server"].iter().any(|server| {
        name.strip_prefix(server).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.', '@']))
    })
}

/// A server's name by what it says of itself, such as `Valkey server v=8.1.1 ...`; with the number of its major version if
/// that is asked for.
fn name_of(version: &str, with_number: bool) -> String {
    let kind = version.split(' ').next().unwrap_or_default().to_lowercase();
    let number = version.split_once("v=").and_then(|(_, number)| number.split('.').next());
    match number.filter(|_| with_number) {
        Some(number) => format!("{kind} {number}"),
        None => kind,
    }
}

/// Ends the servers and this program when it is interrupted or told to end.
pub(crate) fn end_with_signals() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _context = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        let running = running();
        for pid in running.iter().filter_map(|pid| Pid::from_raw(i32::try_from(*pid).ok()?)) {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::KILL);
        }
        eprintln!("\ninterrupted");
        std::process::exit(130);
    });
    Ok(())
}

fn running() -> std::sync::MutexGuard<'static, BTreeSet<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
