//! What is served over HTTP: metrics, health and JSON.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;

use rustix::process::Signal;
use rustls::version::TLS13;

use crate::child::eventually;
use crate::support::server::next_free_port;
use crate::support::{Authority, DEADLINE, Peer, TestServer};

/// A server that shows its figures, and where.
fn start(args: &[&str]) -> (TestServer, String) {
    let port = next_free_port().to_string();
    let all = [&["--metrics-port", &port], args].concat();
    (TestServer::start(&all), format!("127.0.0.1:{port}"))
}

/// Head and body of the answer to a request with these lines.
fn ask_through(mut peer: Peer, lines: &str) -> (String, String) {
    peer.send(format!("{lines}\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    let answer = String::from_utf8(peer.read_to_end()).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {answer}"));
    (head.to_owned(), body.to_owned())
}

fn ask(addr: &str, lines: &str) -> (String, String) {
    ask_through(Peer::connect(addr), lines)
}

fn get(addr: &str, path: &str) -> String {
    let (head, body) = ask(addr, &format!("GET {path} HTTP/1.1"));
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    body
}

fn number(metrics: &str, sample: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{sample} is not there: {metrics}"))
}

#[test]
fn metrics_say_what_has_happened_by_the_names_that_exporters_use() {
    let (server, addr) = start(&[]);
    let mut client = Peer::connect(&server.addr());
    client.send("SUBSCRIBE a b\r\n");
    (0..2).for_each(|_| drop(client.read_frame()));
    let mut other = Peer::connect(&server.addr());
    for _ in 0..3 {
        assert_eq!(other.call(&["PUBLISH", "a", "x"]), b":1\r\n");
    }
    assert_eq!(other.call(&["SET", "k", "v"]), b"+OK\r\n");
    assert!(other.call(&["LPUSH", "k", "v"]).starts_with(b"-WRONGTYPE"));
    let metrics = get(&addr, "/metrics");
    for (sample, expected) in [
        ("redis_up", 1.0),
        ("pregon_ready{state=\"ready\"}", 1.0),
        ("redis_connected_clients", 2.0),
        ("redis_pubsub_clients", 1.0),
        ("redis_pubsub_channels", 2.0),
        ("redis_commands_total{cmd=\"publish\"}", 3.0),
        ("redis_commands_failed_calls_total{cmd=\"lpush\"}", 1.0),
        ("redis_errors_total{err=\"WRONGTYPE\"}", 1.0),
        ("redis_commands_processed_total", 6.0),
        ("redis_db_keys{db=\"db0\"}", 1.0),
        ("pregon_drained_clients_total", 0.0),
        ("pregon_pubsub_published_messages_total", 3.0),
        ("pregon_pubsub_deliveries_total", 3.0),
        ("pregon_cuts_total{reason=\"output_limit\"}", 0.0),
        ("pregon_dropped_messages_total{policy=\"conflate\"}", 0.0),
        ("pregon_queue_bytes{class=\"pubsub\"}", 0.0),
    ] {
        assert!((number(&metrics, sample) - expected).abs() < f64::EPSILON, "{sample}: {metrics}");
    }
    assert!(number(&metrics, "redis_memory_used_bytes") > 1e5 && number(&metrics, "redis_start_time_seconds") > 1.7e9);
}

#[test]
fn the_text_is_open_metrics_for_those_who_ask_for_it_and_the_older_format_for_others() {
    let (_server, addr) = start(&[]);
    let (head, newer) =
        ask(&addr, "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5");
    assert!(head.contains("application/openmetrics-text; version=1.0.0"), "{head}");
    assert!(newer.contains("# TYPE redis_connections_received counter\n") && newer.ends_with("# EOF\n"));
    let (head, older) = ask(&addr, "GET /metrics HTTP/1.1\r\nAccept: text/plain");
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    assert!(older.contains("# TYPE redis_connections_received_total counter\n") && !older.contains("# EOF"));
}

#[test]
fn health_says_whether_the_server_is_ready_and_needs_no_password() {
    let (mut server, addr) = start(&["--drain-wait", "3600", "--metrics-password", "secret"]);
    assert_eq!((get(&addr, "/health/live"), get(&addr, "/health/ready")), ("alive\n".into(), "ready\n".into()));
    server.signal(Signal::TERM);
    let unready = || Some(ask(&addr, "GET /health/ready HTTP/1.1")).filter(|(_, body)| body == "draining\n");
    assert!(eventually("it is not ready", unready).0.starts_with("HTTP/1.1 503 "));
    assert_eq!(get(&addr, "/health/live"), "alive\n");
    server.stop();
}

#[test]
fn everything_else_needs_the_password_if_there_is_one() {
    let (_server, addr) = start(&["--metrics-user", "me", "--metrics-password", "secret"]);
    for path in ["/metrics", "/json", "/", "/page.js"] {
        let (head, _) = ask(&addr, &format!("GET {path} HTTP/1.1"));
        assert!(head.starts_with("HTTP/1.1 401 ") && head.contains("www-authenticate: Basic"), "{head}");
        // me:secret
        let (head, _) = ask(&addr, &format!("GET {path} HTTP/1.1\r\nAuthorization: Basic bWU6c2VjcmV0"));
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    }
}

#[test]
fn json_has_what_info_says() {
    let (server, addr) = start(&[]);
    let json: serde_json::Value = serde_json::from_str(&get(&addr, "/json")).expect("JSON");
    assert_eq!(json["state"], "ready");
    assert_eq!(json["info"]["server"]["tcp_port"], server.port());
    assert_eq!(json["info"]["threads"]["io_thread_0"]["clients"], 0);
}

#[test]
fn the_page_and_what_it_shows_are_answered_by_the_server_itself() {
    let (server, addr) = start(&[]);
    for (path, content) in
        [("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript"), ("/icon.svg", "image/svg+xml")]
    {
        let (head, body) = ask(&addr, &format!("GET {path} HTTP/1.1"));
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains(&format!("content-type: {content}")), "{head}");
        assert!(head.contains("content-security-policy: default-src 'none';") && !body.is_empty(), "{head}");
    }
    let mut subscriber = Peer::connect(&server.addr());
    subscriber.send("SUBSCRIBE a\r\n");
    drop(subscriber.read_frame());
    let json: serde_json::Value = serde_json::from_str(&get(&addr, "/json")).expect("JSON");
    assert_eq!((&json["clients"]["subscribers"], &json["server"]["port"]), (&1.into(), &server.port().into()));
    assert!(json["warnings"].as_array().is_some_and(Vec::is_empty), "{}", json["warnings"]);
}

#[test]
fn what_json_has_beside_info_is_explained() {
    let (_server, addr) = start(&["--backplane", "nats://127.0.0.1:1"]);
    let json: serde_json::Value = serde_json::from_str(&get(&addr, "/json")).expect("JSON");
    let explained = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating.md");
    let explained = std::fs::read_to_string(&explained).unwrap_or_else(|e| panic!("{}: {e}", explained.display()));
    let all = json.as_object().expect("an object");
    assert!(all.len() > 10);
    let within = all.iter().filter(|(name, _)| *name != "info").filter_map(|(_, part)| part.as_object());
    for name in all.keys().chain(within.flat_map(|part| part.keys())) {
        assert!(explained.contains(&format!("`{name}`")), "{name}");
    }
}

/// What is said of each second by this server, with the streams that it comes by.
struct Watch(BufReader<TcpStream>);

impl Watch {
    fn start(addr: &str) -> Self {
        let mut socket = TcpStream::connect(addr).expect("it listens");
        socket.set_read_timeout(Some(DEADLINE)).expect("it is no zero");
        socket.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("there is room");
        Watch(BufReader::new(socket))
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("it goes on");
        line
    }

    /// The data of the next event of this name.
    fn next(&mut self, name: &str) -> serde_json::Value {
        while self.line() != format!("event: {name}\n") {}
        serde_json::from_str(self.line().trim_start_matches("data: ")).expect("JSON")
    }
}

#[test]
fn who_watches_hears_of_each_second_what_happened_in_it() {
    let (server, addr) = start(&[]);
    let mut watch = Watch::start(&addr);
    assert!(watch.line().starts_with("HTTP/1.1 200 OK"));
    assert!(watch.next("history")["messages"].is_array());
    let first = watch.next("board")["number"].as_u64().expect("a number");
    let mut publisher = Peer::connect(&server.addr());
    for _ in 0..100 {
        assert_eq!(publisher.call(&["PUBLISH", "a", "x"]), b":0\r\n");
    }
    let mut number = first;
    let told = loop {
        let board = watch.next("board");
        number += 1;
        assert_eq!(board["number"], number);
        if let Some(told) = board["rates"]["messages"].as_u64().filter(|told| *told > 0) {
            break told;
        }
    };
    assert!(told <= 100, "{told}");
    let history = Watch::start(&addr).next("history");
    assert!(history["messages"].as_array().is_some_and(|all| all.contains(&told.into())), "{history}");
}

#[test]
fn p11_only_so_many_watch_and_others_are_answered_beside_them_and_a_stuck_thread() {
    let (server, addr) = start(&["--io-threads", "1", "--enable-debug-command", "local"]);
    let mut watches: Vec<Watch> = (0..16).map(|_| Watch::start(&addr)).collect();
    watches.iter_mut().for_each(|watch| drop(watch.next("board")));
    let (head, body) = ask(&addr, "GET /events HTTP/1.1");
    assert!(head.starts_with("HTTP/1.1 503 ") && body == "too many watch already\n", "{head}");
    Peer::connect(&server.addr()).send("DEBUG STALL 3600\r\n");
    assert!(get(&addr, "/metrics").contains("redis_up 1"));
    assert_eq!(get(&addr, "/health/live"), "alive\n");
    let is_stuck = |board: &serde_json::Value| board["warnings"][0]["name"] == "thread_stuck";
    while !is_stuck(&watches[0].next("board")) {}
    drop(watches);
    eventually("there is a place again", || Watch::start(&addr).line().starts_with("HTTP/1.1 200").then_some(()));
}

#[test]
fn it_answers_beside_a_stuck_io_thread() {
    let (server, addr) = start(&["--io-threads", "1", "--enable-debug-command", "local"]);
    let mut stalling = Peer::connect(&server.addr());
    stalling.send("DEBUG STALL 3600\r\n");
    assert!(get(&addr, "/metrics").contains("redis_up 1"));
    assert_eq!(get(&addr, "/health/live"), "alive\n");
}

#[test]
fn over_tls_it_is_asked_for_the_certificates_of_clients() {
    let authority = Authority::new();
    let own = authority.server_args(0);
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let (_server, addr) = start(&[&own[..], &["--metrics-tls", "yes"]].concat());
    let peer = Peer::connect_encrypted(&addr, authority.client(Some("alice"), &[&TLS13]));
    assert!(ask_through(peer, "GET /metrics HTTP/1.1").1.contains("redis_up 1"));
    Peer::connect_encrypted(&addr, authority.client(None, &[&TLS13])).expect_refusal();
}

#[test]
fn a_certificate_that_has_ended_is_a_warning() {
    let authority = Authority::new();
    authority.give_ended("server", "ended", &["localhost"]);
    let own = authority.server_args(next_free_port());
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let (_server, addr) = start(&own);
    let json: serde_json::Value = serde_json::from_str(&get(&addr, "/json")).expect("JSON");
    let warning = &json["warnings"][0];
    assert_eq!((&warning["name"], &warning["severity"]), (&"certificate_ended".into(), &"critical".into()));
    assert!(warning["text"].as_str().is_some_and(|text| text.contains("CN=ended until 2002")), "{warning}");
}

#[test]
fn what_is_no_request_for_a_page_is_refused_and_harms_nobody() {
    let (_server, addr) = start(&[]);
    for (lines, status) in [("GET /nowhere HTTP/1.1", 404), ("POST /metrics HTTP/1.1", 405), ("PING", 400)] {
        let (head, _) = ask(&addr, lines);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{lines}: {head}");
    }
    let (head, _) = ask(&addr, &format!("GET /metrics HTTP/1.1\r\nX: {}", "x".repeat(100_000)));
    assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
    let mut silent = TcpStream::connect(&addr).expect("it listens");
    silent.write_all(b"GET /met").expect("there is room");
    assert_eq!(get(&addr, "/health/live"), "alive\n");
}
