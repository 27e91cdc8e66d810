//! TLS: who gets in with which certificate, what happens to the files, and what is said of those who do not get in.

use std::process::Command;
use std::thread;

use rustix::process::Signal;
use rustls::version::{TLS12, TLS13};

use crate::child::{Ended, binary, call, finish};
use crate::support::peer::encode_command;
use crate::support::server::next_free_port;
use crate::support::{Authority, Peer, TestServer};

const PONG: &[u8] = b"+PONG\r\n";
const BOTH: [&rustls::SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

/// A server that serves TLS beside plain connections, and the address for it.
fn start(authority: &Authority, args: &[&str]) -> (TestServer, String) {
    let port = next_free_port();
    let own = authority.server_args(port);
    let all: Vec<&str> = own.iter().map(String::as_str).chain(args.iter().copied()).collect();
    (TestServer::start(&all), format!("127.0.0.1:{port}"))
}

fn set(server: &TestServer, pairs: &[&str]) -> String {
    let args: Vec<&str> = ["CONFIG", "SET"].into_iter().chain(pairs.iter().copied()).collect();
    String::from_utf8_lossy(&Peer::connect(&server.addr()).call(&args)).into_owned()
}

#[test]
fn clients_with_a_certificate_of_the_authority_get_in_with_both_versions_and_others_do_not() {
    let authority = Authority::new();
    let stranger = Authority::new();
    let (server, addr) = start(&authority, &[]);
    server.expect_log("* Ready to accept connections tls");
    for versions in [&BOTH[..1], &BOTH[1..]] {
        let mut peer = Peer::connect_encrypted(&addr, authority.client(Some("alice"), versions));
        assert_eq!(peer.call(&["PING"]), PONG, "{versions:?}");
        Peer::connect_encrypted(&addr, authority.client(None, versions)).expect_refusal();
    }
    authority.give("carol", "carol", &["carol.example"]);
    stranger.give("carol", "carol", &["carol.example"]);
    authority.adopt("carol", &stranger);
    Peer::connect_encrypted(&addr, authority.client(Some("carol"), &BOTH)).expect_refusal();
    assert_eq!(set(&server, &["tls-auth-clients", "optional"]), "+OK\r\n");
    Peer::connect_encrypted(&addr, authority.client(Some("carol"), &BOTH)).expect_refusal();
    assert_eq!(Peer::connect_encrypted(&addr, authority.client(None, &BOTH)).call(&["PING"]), PONG);
    assert_eq!(set(&server, &["tls-auth-clients", "no", "tls-ca-cert-file", ""]), "+OK\r\n");
    assert_eq!(Peer::connect_encrypted(&addr, authority.client(None, &BOTH)).call(&["PING"]), PONG);
}

#[test]
fn only_the_version_and_the_cipher_that_are_allowed_are_spoken() {
    let authority = Authority::new();
    let cipher = "ECDHE-ECDSA-AES128-GCM-SHA256";
    let (_server, addr) = start(&authority, &["--tls-protocols", "TLSv1.2", "--tls-ciphers", cipher]);
    let mut peer = Peer::connect_encrypted(&addr, authority.client(Some("alice"), &BOTH));
    assert_eq!(peer.call(&["PING"]), PONG);
    Peer::connect_encrypted(&addr, authority.client(Some("alice"), &BOTH[..1])).expect_refusal();
}

#[test]
fn renewed_files_are_taken_on_sighup_and_connections_of_before_live_on() {
    let authority = Authority::new();
    let (server, addr) = start(&authority, &[]);
    let mut before = Peer::connect_encrypted(&addr, authority.client(Some("alice"), &BOTH));
    assert_eq!(before.call(&["PING"]), PONG);
    server.expect_log("certificate=CN=localhost until 4096-01-01T00:00:00Z");
    authority.give("server", "renewed", &["localhost"]);
    server.signal(Signal::HUP);
    server.expect_log("certificate=CN=renewed until");
    let mut after = Peer::connect_encrypted(&addr, authority.client(Some("alice"), &BOTH));
    assert_eq!((before.call(&["PING"]), after.call(&["PING"])), (PONG.to_vec(), PONG.to_vec()));
    std::fs::write(authority.path("server.key"), "nothing").expect("the directory can be written to");
    server.signal(Signal::HUP);
    server.expect_log("there is no private key in it");
    let mut still = Peer::connect_encrypted(&addr, authority.client(Some("alice"), &BOTH));
    assert_eq!(still.call(&["PING"]), PONG, "the certificate of before is in force");
    authority.give_ended("server", "ended", &["localhost"]);
    server.signal(Signal::HUP);
    server.expect_log("certificate=CN=ended until 2002-01-01T00:00:00Z");
    let refusal = Peer::connect_encrypted(&addr, authority.client(Some("alice"), &BOTH)).expect_refusal();
    assert!(refusal.contains("xpired"), "{refusal}");
}

#[test]
fn a_bad_file_is_an_error_of_config_set_that_names_it_and_changes_nothing() {
    let authority = Authority::new();
    let (server, addr) = start(&authority, &[]);
    let client = authority.client(Some("alice"), &BOTH);
    let (key, ca) = (authority.text("alice.key"), authority.text("ca.pem"));
    for (pairs, what) in [
        (["tls-cert-file", "/nowhere"], "tls-cert-file /nowhere: No such file or directory".to_owned()),
        (["tls-cert-file", &key], format!("tls-cert-file {key}: there is no certificate in it")),
        (["tls-key-file", &key], format!("tls-key-file {key}: it is not the key of the certificate in ")),
        (["tls-key-file", &ca], format!("tls-key-file {ca}: there is no private key in it")),
        (["tls-ca-cert-file", ""], "tls-ca-cert-file: set it or tls-ca-cert-dir".to_owned()),
        (["tls-protocols", "SSLv3"], "tls-protocols: unknown version 'SSLv3'".to_owned()),
        (["tls-ciphers", "RC4"], "tls-ciphers: it names no cipher that is safe".to_owned()),
    ] {
        let answer = set(&server, &["timeout", "7", pairs[0], pairs[1]]);
        let expected = format!(
            "-ERR CONFIG SET failed (possibly related to argument '{}') - Unable to update TLS configuration. {what}",
            pairs[0]
        );
        assert!(answer.starts_with(&expected), "{answer}\n{expected}");
        assert_eq!(Peer::connect_encrypted(&addr, client.clone()).call(&["PING"]), PONG);
    }
    let timeout = Peer::connect(&server.addr()).call(&["CONFIG", "GET", "timeout"]);
    assert_eq!(timeout, b"*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n");
}

#[test]
fn a_server_without_what_tls_needs_does_not_start_and_says_in_one_line_why() {
    let authority = Authority::new();
    let dir = tempfile::tempdir().expect("the temporary directory is writable");
    let (cert, key) = (authority.text("server.pem"), authority.text("server.key"));
    for (args, what) in [
        (&["--tls-port", "1"][..], "tls-cert-file: it is not set, and tls-port is".to_owned()),
        (
            &["--tls-port", "1", "--tls-cert-file", "x", "--tls-key-file", "y"],
            "tls-cert-file x: No such file".to_owned(),
        ),
        (
            &["--tls-port", "1", "--tls-cert-file", &cert, "--tls-key-file", &key],
            "tls-ca-cert-file: set it or tls-ca-cert-dir".to_owned(),
        ),
    ] {
        let ended = call(dir.path(), &[&["--port", "0", "--logfile", "log"], args].concat());
        assert_eq!(ended.code, Some(1));
        assert!(ended.err.starts_with(&format!("pregon: {what}")), "{}", ended.err);
        assert_eq!(ended.err.lines().count(), 1);
    }
}

#[test]
fn the_port_for_tls_changes_comes_and_goes_while_the_server_runs() {
    let authority = Authority::new();
    let (server, addr) = start(&authority, &[]);
    let client = authority.client(Some("alice"), &BOTH);
    let mut before = Peer::connect_encrypted(&addr, client.clone());
    assert_eq!(before.call(&["PING"]), PONG);
    assert_eq!(set(&server, &["tls-port", "0"]), "+OK\r\n");
    assert!(std::net::TcpStream::connect(&addr).is_err(), "nobody listens");
    assert_eq!(before.call(&["PING"]), PONG, "connections of before live on");
    assert!(set(&server, &["tls-port", "0", "tls-cert-file", "/nowhere"]).starts_with("+OK"), "nobody needs it now");
    let port = addr.rsplit(':').next().expect("it ends with the port");
    assert!(set(&server, &["tls-port", port]).contains("tls-cert-file /nowhere: No such file"));
    assert_eq!(set(&server, &["tls-cert-file", &authority.text("server.pem"), "tls-port", port]), "+OK\r\n");
    assert_eq!(Peer::connect_encrypted(&addr, client).call(&["PING"]), PONG);
    let plain = server.port().to_string();
    let refusal = set(&server, &["tls-port", &plain]);
    assert!(refusal.contains("'tls-port') - Unable to listen on this port. Check server logs."), "{refusal}");
}

#[test]
fn plain_text_on_the_port_for_tls_and_the_other_way_round_end_with_one_line_in_the_log() {
    let authority = Authority::new();
    let (server, addr) = start(&authority, &[]);
    for _ in 0..3 {
        let mut plain = Peer::connect(&addr);
        plain.send("PING\r\n");
        let alert = plain.read_to_end();
        assert!(alert.starts_with(&[21, 3]), "an alert says so: {}", alert.escape_ascii());
        Peer::connect_encrypted(&server.addr(), authority.client(None, &BOTH)).expect_refusal();
    }
    server.expect_log("a TLS handshake failed");
    server.expect_log("a client speaks TLS where it is not spoken");
    assert_eq!(Peer::connect(&server.addr()).call(&["PING"]), PONG);
    let log = server.log();
    assert_eq!(log.matches("a TLS handshake failed").count(), 1, "what came is not TLS: {log}");
    assert_eq!(log.matches("speaks TLS where it is not spoken").count(), 1, "{log}");
}

#[test]
fn p11_no_more_handshakes_than_tls_handshake_limit_are_under_way_and_each_ends_in_its_time() {
    let authority = Authority::new();
    let (server, addr) = start(&authority, &["--tls-handshake-limit", "2", "--tls-handshake-timeout", "1"]);
    let client = authority.client(Some("alice"), &BOTH);
    let silent: Vec<Peer> = (0..5).map(|_| Peer::connect(&addr)).collect();
    assert_eq!(Peer::connect(&server.addr()).call(&["PING"]), PONG, "nobody else waits");
    assert_eq!(Peer::connect_encrypted(&addr, client).call(&["PING"]), PONG, "its turn comes when they have ended");
    for mut peer in silent {
        peer.read_to_end();
    }
    server.expect_log("it took longer than tls-handshake-timeout");
}

#[test]
fn a_flood_of_handshakes_is_let_in_some_at_a_time_and_nobody_who_is_there_misses_anything() {
    let authority = Authority::new();
    let (_server, addr) = start(&authority, &["--tls-handshake-limit", "4", "--tls-session-caching", "no"]);
    let client = authority.client(Some("alice"), &BOTH);
    let mut subscriber = Peer::connect_encrypted(&addr, client.clone());
    assert!(subscriber.call(&["SUBSCRIBE", "news"]).starts_with(b"*3\r\n$9\r\nsubscribe\r\n"));
    let mut publisher = Peer::connect_encrypted(&addr, client.clone());
    assert_eq!(publisher.call(&["PING"]), PONG);
    let message = encode_command(&["message", "news", "during"]);
    thread::scope(|scope| {
        let come = || {
            for _ in 0..25 {
                assert_eq!(Peer::connect_encrypted(&addr, client.clone()).call(&["PING"]), PONG);
            }
        };
        let comers: Vec<_> = (0..8).map(|_| scope.spawn(come)).collect();
        let mut published = 0;
        while published < 100 || comers.iter().any(|comer| !comer.is_finished()) {
            assert_eq!(publisher.call(&["PUBLISH", "news", "during"]), b":1\r\n");
            subscriber.expect(&message);
            published += 1;
        }
    });
}

#[test]
fn a_stuck_subscriber_over_tls_is_cut_when_the_soft_limit_has_been_exceeded_for_its_time_and_who_reads_is_not() {
    let authority = Authority::new();
    let (server, addr) = start(&authority, &["--client-output-buffer-limit", "pubsub 0 1mb 1"]);
    let client = authority.client(Some("alice"), &BOTH);
    let subscribe = || {
        let mut peer = Peer::connect_encrypted(&addr, client.clone());
        assert!(peer.call(&["SUBSCRIBE", "news"]).starts_with(b"*3\r\n$9\r\nsubscribe\r\n"));
        peer
    };
    let (mut stuck, mut reading) = (subscribe(), subscribe());
    let mut publisher = Peer::connect_encrypted(&addr, client.clone());
    // More than sockets hold, so that much of it waits in the server; and who reads never has much waiting.
    let payload = "x".repeat(500_000);
    let message = encode_command(&["message", "news", &payload]);
    let rounds = 40;
    for _ in 0..rounds {
        publisher.call(&["PUBLISH", "news", &payload]);
        reading.expect(&message);
    }
    server.expect_log("output buffer soft limit reached");
    assert!(stuck.read_to_end().len() < rounds * message.len());
    assert_eq!(publisher.call(&["PUBLISH", "news", "behind"]), b":1\r\n");
    reading.expect(encode_command(&["message", "news", "behind"]));
}

#[test]
fn a_stuck_subscriber_over_tls_is_cut_at_the_hard_limit_and_others_get_everything() {
    let authority = Authority::new();
    let limits = ["--client-output-buffer-limit", "pubsub 1mb 0 0"];
    let (server, addr) = start(&authority, &limits);
    let client = authority.client(Some("alice"), &BOTH);
    let subscribe = || {
        let mut peer = Peer::connect_encrypted(&addr, client.clone());
        assert!(peer.call(&["SUBSCRIBE", "news"]).starts_with(b"*3\r\n$9\r\nsubscribe\r\n"));
        peer
    };
    let (mut stuck, mut others) = (subscribe(), [subscribe(), subscribe()]);
    let mut publisher = Peer::connect_encrypted(&addr, client.clone());
    let payload = "x".repeat(100_000);
    let message = encode_command(&["message", "news", &payload]);
    let mut receivers = b":3\r\n".to_vec();
    let mut published = 0;
    while receivers == b":3\r\n" {
        receivers = publisher.call(&["PUBLISH", "news", &payload]);
        others.iter_mut().for_each(|peer| peer.expect(&message));
        published += 1;
        assert!(published < 1000, "what waits for it is more than 100 MB");
    }
    assert_eq!(receivers, b":2\r\n");
    let line = server.expect_log("output buffer hard limit reached");
    assert!(line.contains("output_bytes="), "{line}");
    assert!(stuck.read_to_end().len() < published * message.len());
    let stats = Peer::connect(&server.addr()).call(&["INFO", "stats"]);
    assert!(String::from_utf8_lossy(&stats).contains("client_output_buffer_limit_disconnections:1\r\n"));
}

#[test]
fn clients_move_to_another_thread_in_the_middle_of_a_record() {
    let authority = Authority::new();
    let (server, addr) = start(&authority, &["--io-threads", "4"]);
    let client = authority.client(Some("alice"), &BOTH);
    // So many listen to one channel that those who come last do not stay where they are.
    let mut moved: Vec<Peer> = Vec::new();
    for _ in 0..160 {
        let mut peer = Peer::connect_encrypted(&addr, client.clone());
        let rest = peer.send_half(&encode_command(&["SUBSCRIBE", "all"]), &encode_command(&["PING", "whole"]));
        assert!(peer.read_frame().starts_with(b"*3\r\n$9\r\nsubscribe\r\n"));
        peer.send_rest(&rest);
        peer.expect("*2\r\n$4\r\npong\r\n$5\r\nwhole\r\n");
        moved.push(peer);
    }
    let mut publisher = Peer::connect_encrypted(&addr, client);
    assert_eq!(publisher.call(&["PUBLISH", "all", "x"]), b":160\r\n");
    for peer in &mut moved {
        assert!(peer.read_frame().ends_with(b"$1\r\nx\r\n"));
    }
    let info = Peer::connect(&server.addr()).call(&["INFO", "threads"]);
    let info = String::from_utf8_lossy(&info).into_owned();
    let served = info.split("subscribers=").skip(1).filter(|rest| !rest.starts_with("0,")).count();
    assert!(served > 1, "{info}");
}

#[test]
fn who_is_one_too_many_is_cut_before_a_handshake_and_counted() {
    let authority = Authority::new();
    let (server, addr) = start(&authority, &["--maxclients", "2"]);
    let client = authority.client(Some("alice"), &BOTH);
    let mut first = Peer::connect_encrypted(&addr, client.clone());
    let mut second = Peer::connect_encrypted(&addr, client.clone());
    assert_eq!((first.call(&["PING"]), second.call(&["PING"])), (PONG.to_vec(), PONG.to_vec()));
    Peer::connect_encrypted(&addr, client).expect_refusal();
    let stats = first.call(&["INFO", "stats"]);
    assert!(String::from_utf8_lossy(&stats).contains("rejected_connections:1\r\n"));
    drop(server);
}

#[test]
fn a_server_that_ends_says_so_to_clients_over_tls_when_they_have_everything() {
    let authority = Authority::new();
    let (mut server, addr) = start(&authority, &[]);
    let mut peer = Peer::connect_encrypted(&addr, authority.client(Some("alice"), &BOTH));
    assert_eq!(peer.call(&["SET", "key", &"v".repeat(5_000_000)]), b"+OK\r\n");
    peer.send_command(&["GET", "key"]);
    peer.send_command(&["QUIT"]);
    assert_eq!(peer.read_frame().len(), 5_000_000 + 12);
    peer.expect("+OK\r\n");
    peer.expect_closed();
    server.stop();
}

#[test]
fn a_certificate_logs_in_the_user_that_it_names_and_others_are_the_default_user() {
    let authority = Authority::new();
    let (server, addr) = start(&authority, &["--requirepass", "secret", "--tls-auth-clients-user", "CN"]);
    let mut admin = Peer::connect(&server.addr());
    assert_eq!(admin.call(&["AUTH", "secret"]), b"+OK\r\n");
    let mut set = |args: &[&str]| assert_eq!(admin.call(args), b"+OK\r\n");
    set(&["ACL", "SETUSER", "alice", "on", "+@all", "&news"]);
    let whoami = || {
        let mut peer = Peer::connect_encrypted(&addr, authority.client(Some("alice"), &BOTH));
        String::from_utf8_lossy(&peer.call(&["ACL", "WHOAMI"])).into_owned()
    };
    assert_eq!(whoami(), "$5\r\nalice\r\n");
    let mut peer = Peer::connect_encrypted(&addr, authority.client(Some("alice"), &BOTH));
    assert!(peer.call(&["SUBSCRIBE", "secrets"]).starts_with(b"-NOPERM "));
    assert!(peer.call(&["SUBSCRIBE", "news"]).starts_with(b"*3\r\n"));
    set(&["ACL", "SETUSER", "alice", "off"]);
    assert!(whoami().starts_with("-NOAUTH "), "who is off is nobody");
    set(&["ACL", "SETUSER", "alice.example", "on", "+@all"]);
    set(&["CONFIG", "SET", "tls-auth-clients-user", "san"]);
    assert_eq!(whoami(), "$13\r\nalice.example\r\n");
    set(&["CONFIG", "SET", "tls-auth-clients-user", "off"]);
    assert!(whoami().starts_with("-NOAUTH "));
    let stats = admin.call(&["INFO", "stats"]);
    assert!(String::from_utf8_lossy(&stats).contains("acl_access_denied_tls_cert:1\r\n"));
}

#[test]
fn a_certificate_lets_nobody_in_beyond_the_connections_that_its_user_may_have() {
    let authority = Authority::new();
    let (server, addr) = start(&authority, &["--tls-auth-clients-user", "CN"]);
    let mut admin = Peer::connect(&server.addr());
    assert_eq!(admin.call(&["ACL", "SETUSER", "alice", "on", "+@all", "limit:connections=1"]), b"+OK\r\n");
    let connect = || Peer::connect_encrypted(&addr, authority.client(Some("alice"), &BOTH));
    let mut first = connect();
    assert_eq!(first.call(&["ACL", "WHOAMI"]), b"$5\r\nalice\r\n");
    let mut second = connect();
    second.expect("-LIMIT User alice has reached its limit:connections\r\n");
    second.expect_closed();
    let info = String::from_utf8_lossy(&admin.call(&["INFO", "stats"])).into_owned();
    for counted in ["acl_limited_connections:1\r\n", "rejected_connections:1\r\n"] {
        assert!(info.contains(counted), "{counted} in {info}");
    }
    assert_eq!(first.call(&["PING"]), b"+PONG\r\n");
}

/// Runs the client that the binary is, with `input`, on its way to the port for TLS.
fn client(addr: &str, args: &[&str], input: &[u8]) -> Ended {
    let port = addr.rsplit(':').next().expect("it ends with the port");
    let mut command = Command::new(binary());
    command.args(["cli", "-p", port]).args(args).env_remove("REDISCLI_AUTH").env_remove("FAKETTY");
    finish(&mut command, input)
}

#[test]
fn the_client_of_the_binary_speaks_tls_in_its_modes_and_believes_only_whom_it_is_told_to() {
    let authority = Authority::new();
    let (server, addr) = start(&authority, &["--tls-auth-clients", "optional"]);
    let (ca, cert, key) = (authority.text("ca.pem"), authority.text("alice.pem"), authority.text("alice.key"));
    let trusting = ["--tls", "--cacert", &ca];
    let run = |args: &[&str], input: &[u8]| client(&addr, &[&trusting[..], args].concat(), input);
    assert_eq!(run(&["ping"], b"").out, "PONG\n");
    assert_eq!(run(&["--cert", &cert, "--key", &key, "ping"], b"").out, "PONG\n");
    let uri = format!("rediss://{addr}/3");
    assert_eq!(client(&addr, &["-u", &uri, "--cacert", &ca, "ping"], b"").out, "PONG\n");
    let long = "x".repeat(300_000);
    assert_eq!(run(&["-x", "set", "key"], long.as_bytes()).out, "OK\n");
    assert_eq!(run(&["get", "key"], b"").out, format!("{long}\n"));
    let piped = run(&["--pipe"], &b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n".repeat(20_000));
    assert!(piped.out.ends_with("errors: 0, replies: 20000\n"), "{} {}", piped.out, piped.err);
    assert!(run(&["--scan"], b"").out.contains("key"));
    let refused = |ended: Ended, why: &str| {
        assert_eq!(ended.code, Some(1), "{}", ended.out);
        assert!(ended.err.contains(why), "{}", ended.err);
    };
    refused(run(&["-h", "127.0.0.2", "ping"], b""), "Connection refused");
    refused(run(&["--sni", "other.example", "ping"], b""), "not valid for name");
    assert_eq!(run(&["--sni", "localhost", "ping"], b"").out, "PONG\n");
    refused(client(&addr, &["--tls", "--cacert", "/nowhere", "ping"], b""), "--cacert /nowhere: No such file");
    let stranger = Authority::new();
    refused(client(&addr, &["--tls", "--cacert", &stranger.text("ca.pem"), "ping"], b""), "invalid peer certificate: ");
    assert_eq!(client(&addr, &["--tls", "--insecure", "ping"], b"").out, "PONG\n");
    refused(run(&["--cert", &cert, "ping"], b""), "one is of no use without the other");
    assert_eq!(set(&server, &["tls-auth-clients", "yes", "tls-protocols", "TLSv1.2"]), "+OK\r\n");
    refused(run(&["ping"], b""), "Could not connect to Redis at 127.0.0.1:");
    authority.give_ended("server", "ended", &["localhost", "127.0.0.1"]);
    assert_eq!(set(&server, &["tls-cert-file", &authority.text("server.pem"), "tls-auth-clients", "no"]), "+OK\r\n");
    refused(run(&["ping"], b""), "certificate expired");
    let options = format!("--tls --insecure -p {}", addr.rsplit(':').next().expect("it ends with the port"));
    let mut health = Command::new(binary());
    health.args(["cli", "ping"]).env("PREGON_CLI_OPTIONS", options).env_remove("FAKETTY");
    assert_eq!(finish(&mut health, b"").out, "PONG\n", "as a health check that knows only TLS");
}
