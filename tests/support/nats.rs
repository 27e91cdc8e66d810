//! NATS' own server, Debian's package, as a peer of the tests.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use super::DEADLINE;
use super::server::next_free_port;

/// The binary, looked for on `PATH`.
const BINARY: &str = "nats-server";

/// Why this machine cannot run it, if it cannot.
pub fn missing() -> Option<String> {
    let output = Command::new(BINARY).arg("--version").output();
    output.err().map(|_| format!("{BINARY} is not on PATH"))
}

/// A server on 127.0.0.1, killed when the test ends.
#[derive(Debug)]
pub struct NatsServer {
    port: u16,
    /// Its configuration file is here.
    dir: TempDir,
    child: Option<Child>,
}

impl NatsServer {
    /// Starts one whose configuration has these lines beside its address.
    pub fn start(lines: &str) -> NatsServer {
        let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("a directory for {BINARY}: {e}"));
        let mut server = NatsServer { port: next_free_port(), dir, child: None };
        let text = format!("host: 127.0.0.1\nport: {}\n{lines}\n", server.port);
        std::fs::write(server.dir.path().join("nats.conf"), text).unwrap_or_else(|e| panic!("nats.conf: {e}"));
        server.start_again();
        server
    }

    /// Starts several that are one cluster, and waits until each has connections to all others.
    pub fn cluster(count: usize) -> Vec<NatsServer> {
        let ports: Vec<u16> = (0..count).map(|_| next_free_port()).collect();
        let routes: Vec<String> = ports.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        let servers: Vec<NatsServer> = ports
            .iter()
            .enumerate()
            .map(|(index, port)| {
                let routes = routes.join(", ");
                let cluster = format!("cluster {{ name: one, host: 127.0.0.1, port: {port}, routes: [{routes}] }}");
                NatsServer::start(&format!("server_name: \"server-{index}\"\n{cluster}"))
            })
            .collect();
        for server in &servers {
            let deadline = Instant::now() + DEADLINE;
            while server.log().matches("Route connection created").count() < count - 1 {
                assert!(Instant::now() < deadline, "{BINARY} finds no others: {}", server.log());
                std::thread::yield_now();
            }
        }
        servers
    }

    /// Starts it again on the same port after [`NatsServer::kill`], and waits until it takes connections.
    pub fn start_again(&mut self) {
        let log = std::fs::File::create(self.dir.path().join("log")).unwrap_or_else(|e| panic!("its log: {e}"));
        let spawned = Command::new(BINARY)
            .args(["--config", "nats.conf"])
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.child = Some(spawned.unwrap_or_else(|e| panic!("starting {BINARY}: {e}")));
        let deadline = Instant::now() + DEADLINE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "{BINARY} takes no connections: {}", self.log());
            std::thread::yield_now();
        }
    }

    /// What it has printed in this run.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Its address, as the directive takes it.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it without a warning.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // An error says that it has already ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = self.child.as_ref().and_then(|child| Pid::from_raw(i32::try_from(child.id()).ok()?));
        let Some(pid) = pid else { panic!("{BINARY} does not run") };
        rustix::process::kill_process(pid, signal).unwrap_or_else(|e| panic!("{signal:?}: {e}"));
    }

    /// Publishes these bytes as a client of its own that knows nothing of nodes.
    pub fn publish(&self, subject: &str, payload: &[u8]) {
        let talk = || -> std::io::Result<()> {
            let mut socket = TcpStream::connect(("127.0.0.1", self.port))?;
            socket.set_read_timeout(Some(DEADLINE))?;
            socket.write_all(b"CONNECT {\"verbose\":false}\r\n")?;
            socket.write_all(format!("PUB {subject} {}\r\n", payload.len()).as_bytes())?;
            socket.write_all(payload)?;
            socket.write_all(b"\r\nPING\r\n")?;
            // What it has taken is on its way when it answers.
            let mut said = Vec::new();
            while !said.ends_with(b"PONG\r\n") {
                let mut byte = [0];
                socket.read_exact(&mut byte)?;
                said.push(byte[0]);
            }
            Ok(())
        };
        talk().unwrap_or_else(|e| panic!("publishing to {BINARY}: {e}"));
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        if let Some(child) = &self.child
            && let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw)
        {
            // One that a test has stopped hears nothing else.
            let _ = rustix::process::kill_process(pid, Signal::CONT);
        }
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- log of {BINARY} on port {}:\n{}---", self.port, self.log());
        }
    }
}
