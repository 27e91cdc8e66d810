//! Running a client's program against a server, and what the two say to each other.
//!
//! The program is started with the name of one case as its argument, or with `--list` to print the names of its cases.
//! It finds the server in its environment:
//!
//! | Variable | Meaning |
//! |---|---|
//! | `PREGON_HOST`, `PREGON_PORT` | where the server listens |
//! | `PREGON_SUBSCRIBER_PORT` | the port of the node where it is to subscribe: that of the server, or of another node of its deployment |
//! | `PREGON_RESP` | protocol version to use, 2 or 3; not there where the library's own choice is what people get |
//! | `PREGON_PASSWORD` | the password, in the cases whose server asks for one |
//! | `PREGON_CA`, `PREGON_CERT`, `PREGON_KEY` | files for TLS: the authority, the client's certificate and its key; not there for plain connections |
//! | `PREGON_NEXT_CA` | the authority that vouches for the server's next certificate |
//! | `PREGON_REFUSAL` | what the library is to say of a certificate that it refuses, or a part of that |
//! | `PREGON_TLS_MAX` | the newest version of TLS that it is to speak, as OpenSSL calls it; not there where that is its own choice |
//!
//! While it runs it may print an order as a line of its own, and then reads the line `ok` when that has been done: `@restart`
//! starts the server where it subscribes again, `@renew` gives the server its next certificate, `@end` with a port ends the node of
//! a cluster that is there, `@flood` [publishes](super::flood) more than a subscriber keeps up with that does not read until it
//! reads `ok`, `@quiet` lets so much time [pass](super::quiet) that quiet subscribers are sent signs of life. It ends with exit code 0 when the case holds, and otherwise prints why.

use std::io::Write;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use crate::cases::{Case, PASSWORD};
use crate::flood;
use crate::quiet;
use crate::support::engine::EngineKind;
use crate::support::language::Language;
use crate::support::lines::read_lines;
use crate::support::server::next_free_port;
use crate::support::{Authority, TestServer, ThreeNodes, TwoNodes};

/// How long a program may take for one case. Programs have deadlines of their own, which tell more.
const CASE_DEADLINE: Duration = Duration::from_secs(60);

/// A client's program in `tests/clients/`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    pub(crate) language: Language,
    pub(crate) source: &'static str,
}

impl Program {
    /// Runs one case against a new server, in a version of the protocol unless the library shall choose.
    pub(crate) fn run(&self, case: &Case, resp: Option<u8>) -> Result<(), Failed> {
        let mut server = TestServer::start(protection(case));
        let ports = [server.port(); 2];
        self.run_against(&mut server, ports, self.command()?, case, resp)
    }

    /// The same with publishers at one node and subscribers at another, and such an engine between them.
    pub(crate) fn run_between_nodes(&self, kind: EngineKind, case: &Case, resp: Option<u8>) -> Result<(), Failed> {
        let mut nodes = TwoNodes::start(kind);
        let ports = [nodes.publishers.port(), nodes.subscribers.port()];
        self.run_against(&mut nodes, ports, self.command()?, case, resp)
    }

    /// The same with three nodes of a cluster, of which the program is told one.
    pub(crate) fn run_in_cluster(&self, case: &Case) -> Result<(), Failed> {
        let mut nodes = ThreeNodes::start();
        let ports = [nodes.nodes[0].port(); 2];
        self.run_against(&mut nodes, ports, self.command()?, case, None)
    }

    /// The same with nodes that serve TLS, too, of which the program is told that port of one.
    pub(crate) fn run_in_encrypted_cluster(&self, case: &Case) -> Result<(), Failed> {
        let (authority, mut ports) = (Authority::new(), Vec::new());
        let mut nodes = ThreeNodes::start_with(|| {
            ports.push(next_free_port());
            authority.server_args(*ports.last().expect("it was added"))
        });
        let mut command = self.command()?;
        let ca = ["PREGON_CA", "PREGON_NEXT_CA"].map(|name| (name, "ca.pem"));
        let files = ca.into_iter().chain([("PREGON_CERT", "alice.pem"), ("PREGON_KEY", "alice.key")]);
        command.envs(files.map(|(name, file)| (name, authority.path(file))));
        self.run_against(&mut nodes, [ports[0]; 2], command, case, None)
    }

    /// Runs one case, with publishers at one of these ports and subscribers at the other.
    pub(crate) fn run_against(
        &self,
        served: &mut impl Served,
        [publishers, subscribers]: [u16; 2],
        mut command: Command,
        case: &Case,
        resp: Option<u8>,
    ) -> Result<(), Failed> {
        command
            .arg(case.name)
            .env("PREGON_HOST", "127.0.0.1")
            .env("PREGON_PORT", publishers.to_string())
            .env("PREGON_SUBSCRIBER_PORT", subscribers.to_string())
            .envs(resp.map(|resp| ("PREGON_RESP", resp.to_string())))
            .env("PREGON_PASSWORD", PASSWORD);
        Conversation::begin(&mut command)
            .finish(served)
            .map_err(|why| format!("{why}--- log of the server:\n{}---", served.log()).into())
    }

    /// An error unless the program knows exactly these cases.
    pub(crate) fn compare_case_lists<'c>(&self, cases: impl IntoIterator<Item = &'c Case>) -> Result<(), Failed> {
        let mut known: Vec<&str> = cases.into_iter().map(|case| case.name).collect();
        known.sort_unstable();
        let listed = self.list()?;
        let mut listed: Vec<&str> = listed.lines().collect();
        listed.sort_unstable();
        if known == listed {
            Ok(())
        } else {
            Err(format!("the harness knows {known:#?}\nthe program knows {listed:#?}").into())
        }
    }

    /// The names of the cases that the program knows, one in a line.
    fn list(&self) -> Result<String, Failed> {
        let output = self.command()?.arg("--list").output()?;
        if output.status.success() {
            Ok(String::from_utf8(output.stdout)?)
        } else {
            Err(format!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into())
        }
    }

    /// What starts it.
    pub(crate) fn command(&self) -> Result<Command, Failed> {
        let installed = self.language.installed()?;
        let mut command = match self.language {
            Language::Python => {
                let mut python = Command::new(installed.join("venv/bin/python"));
                // Python writes compiled modules beside their sources otherwise.
                python.arg("-B").arg(self.language.sources().join(self.source));
                python
            }
            Language::Node => {
                let mut node = Command::new("node");
                node.arg(installed.join(self.source));
                node
            }
            Language::Go => Command::new(installed.join(self.source)),
            Language::Java => {
                let mut java = Command::new("java");
                // A program that ends so soon is not worth the slower of the two compilers.
                java.args(["-XX:TieredStopAtLevel=1", "-cp"]);
                java.arg(format!("{0}/lib/*:{0}/classes", installed.display())).arg(self.source);
                java
            }
            Language::Php => {
                let mut php = Command::new("php");
                php.arg(self.language.sources().join(self.source));
                php
            }
            Language::Ruby => {
                let mut ruby = Command::new("ruby");
                ruby.arg(self.language.sources().join(self.source));
                ruby
            }
        };
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }
}

/// What a server is started with for a case.
pub(crate) fn protection(case: &Case) -> &'static [&'static str] {
    if case.password { &["--requirepass", PASSWORD] } else { &[] }
}

/// What a program talks to.
pub(crate) trait Served {
    /// Does what it asks for.
    fn obey(&mut self, order: &str);

    /// What was printed there.
    fn log(&self) -> String;
}

impl Served for TestServer {
    fn obey(&mut self, order: &str) {
        match order {
            "flood" => flood::publish(self),
            "quiet" => quiet::pass(self),
            _ => {
                assert_eq!(order, "restart");
                self.restart();
            }
        }
    }

    fn log(&self) -> String {
        TestServer::log(self)
    }
}

impl Served for TwoNodes {
    fn obey(&mut self, order: &str) {
        assert_eq!(order, "restart");
        self.restart_subscribers();
    }

    fn log(&self) -> String {
        format!("{}--- and of the other node:\n{}", self.subscribers.log(), self.publishers.log())
    }
}

impl Served for ThreeNodes {
    fn obey(&mut self, order: &str) {
        let port = order.strip_prefix("end ").and_then(|port| port.parse().ok());
        self.end(port.unwrap_or_else(|| panic!("{order} is no order to nodes of a cluster")));
    }

    fn log(&self) -> String {
        self.nodes.iter().map(|node| format!("--- of one of the nodes:\n{}", node.log())).collect()
    }
}

/// A running program whose output is read by one thread for each of its two streams.
struct Conversation {
    child: Child,
    replies: Option<ChildStdin>,
    lines: Receiver<String>,
    printed: String,
}

impl Conversation {
    fn begin(command: &mut Command) -> Conversation {
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{}: {e}", command.get_program().display()));
        let (sender, lines) = mpsc::channel();
        read_lines(child.stdout.take(), sender.clone());
        read_lines(child.stderr.take(), sender);
        let replies = child.stdin.take();
        Conversation { child, replies, lines, printed: String::new() }
    }

    /// Does what the program asks for until it ends. An error says what it printed.
    fn finish(mut self, served: &mut impl Served) -> Result<(), String> {
        let deadline = Instant::now() + CASE_DEADLINE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.hear(&line, served),
                Err(RecvTimeoutError::Timeout) => return Err(self.failure("did not end in time")),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let status = self.child.wait().map_err(|e| format!("waiting for the program: {e}"))?;
        if status.success() { Ok(()) } else { Err(self.failure(&status.to_string())) }
    }

    fn hear(&mut self, line: &str, served: &mut impl Served) {
        let Some(order) = line.strip_prefix('@') else { return self.printed.push_str(line) };
        served.obey(order.trim_end());
        if let Some(replies) = &mut self.replies {
            // A program that has ended meanwhile says so by its exit code.
            let _ = replies.write_all(b"ok\n");
        }
    }

    fn failure(&self, why: &str) -> String {
        format!("the program failed: {why}\n{}", self.printed)
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        // An error says that it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
