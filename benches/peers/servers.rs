//! Starting servers on free ports, and ending them in every case: by `Drop`, and when this program is interrupted.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::generator::target::Target;
use rustix::process::{Pid, Signal, kill_process};

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
        let name = match io_threads {
            None => "pregon".into(),
            Some(count) => format!("pregon, io-threads {count}"),
        };
        let threads = io_threads.map(|count| ["--io-threads".into(), count.to_string().into()]);
        let args = threads.into_iter().flatten().collect();
        Program { name, path: env!("CARGO_BIN_EXE_pregon").into(), args }
    }

    /// The other servers that are installed, Redis first if it is among them.
    pub(crate) fn peers() -> Vec<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = ["redis-server", "valkey-server", "keydb-server"].into_iter().filter_map(|name| {
            let path = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|path| path.is_file())?;
            let args = ["--save", "", "--appendonly", "no"].map(OsString::from).to_vec();
            Some(Program { name: name.trim_end_matches("-server").into(), path, args })
        });
        found.collect()
    }

    /// What it says about its version.
    pub(crate) fn version(&self) -> String {
        let output = Command::new(&self.path).arg("--version").output();
        output.map_or_else(
            |error| error.to_string(),
            |output| String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned(),
        )
    }

    /// Starts it on a free port and waits until it answers.
    pub(crate) fn start(&self) -> io::Result<Server> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let child = Command::new(&self.path)
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--maxclients", MAX_CLIENTS])
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| io::Error::other(format!("{}: {error}", self.path.display())))?;
        running().insert(child.id());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut server = Server { target: Target { address, pid: Some(child.id()) }, child };
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
