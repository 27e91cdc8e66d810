//! Prometheus, Debian's package.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use crate::support::server::next_free_port;
use crate::support::{DEADLINE, Peer, TestServer};

/// A server that shows its figures, and where, with something to show.
pub(crate) fn start(args: &[&str]) -> (TestServer, String) {
    let port = next_free_port().to_string();
    let server = TestServer::start(&[&["--metrics-port", &port], args].concat());
    let mut client = Peer::connect(&server.addr());
    for _ in 0..7 {
        assert_eq!(client.call(&["PUBLISH", "news", "x"]), b":0\r\n");
    }
    assert!(client.call(&["NOSUCH"]).starts_with(b"-ERR"));
    if args.is_empty() {
        assert_eq!(client.call(&["SET", "k", "v", "EX", "1000"]), b"+OK\r\n");
    }
    (server, format!("127.0.0.1:{port}"))
}

/// The body of what is answered there.
pub(crate) fn get(addr: &str, path: &str) -> String {
    let mut peer = Peer::connect(addr);
    peer.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    let answer = String::from_utf8(peer.read_to_end()).expect("text");
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    body.unwrap_or_else(|| panic!("no head: {answer}"))
}

pub(crate) fn promtool_finds_nothing_to_correct() {
    let (_server, addr) = start(&[]);
    let spawned = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = spawned.expect("promtool starts");
    let mut input = promtool.stdin.take().expect("it reads what it is given");
    input.write_all(get(&addr, "/metrics").as_bytes()).expect("promtool reads");
    drop(input);
    let output = promtool.wait_with_output().expect("promtool ends");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}

/// Prometheus on 127.0.0.1, killed when the test ends.
struct Prometheus {
    child: Child,
    addr: String,
    _dir: TempDir,
}

impl Prometheus {
    /// One that scrapes this address five times a second.
    fn start(target: &str) -> Prometheus {
        let dir = tempfile::tempdir().expect("a directory");
        let config = format!(
            "global: {{scrape_interval: 200ms}}\n\
             scrape_configs:\n- job_name: pregon\n  static_configs: [{{targets: [\"{target}\"]}}]\n"
        );
        let file = dir.path().join("prometheus.yml");
        std::fs::write(&file, config).expect("the directory can be written to");
        let addr = format!("127.0.0.1:{}", next_free_port());
        let log = std::fs::File::create(dir.path().join("log")).expect("the directory can be written to");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address={addr}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        Prometheus { child: child.expect("prometheus starts"), addr, _dir: dir }
    }

    /// What it answers to a query, when that has an answer.
    fn query(&self, query: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            assert!(Instant::now() < deadline, "prometheus has no answer to {query}");
            if std::net::TcpStream::connect(&self.addr).is_ok() {
                let answer = get(&self.addr, &format!("/api/v1/query?query={query}"));
                if answer.contains("\"value\"") {
                    return answer;
                }
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn prometheus_scrapes() {
    let (_server, addr) = start(&[]);
    let prometheus = Prometheus::start(&addr);
    for (query, expected) in
        [("redis_commands_total%7Bcmd=%22publish%22%7D", "\"7\""), ("redis_db_keys_expiring", "\"1\""), ("up", "\"1\"")]
    {
        let answer = prometheus.query(query);
        assert!(answer.contains(expected), "{query}: {answer}");
    }
}
