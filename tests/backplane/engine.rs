//! The engine itself: who it is, and what it may bring.

use std::process::Command;

use crate::node::{
    Engine, JOINED, SecuredUpstream, client, expect_figure, expect_message, figure, next_message, publish, start,
    start_alone, subscribe, subscriber,
};
use crate::support::engine::EngineKind;
use crate::support::{Authority, NatsServer, Peer, TestServer};

pub(crate) fn an_engine_with_a_password_and_with_tls_is_used() {
    let authority = Authority::new();
    let file = |name: &str| authority.text(name);
    let lines = format!(
        "authorization {{ user: ann, password: \"s3 cr@t\" }}\ntls {{ cert_file: {:?}, key_file: {:?}, ca_file: {:?}, verify: true }}",
        file("server.pem"),
        file("server.key"),
        file("ca.pem")
    );
    let engine = NatsServer::start(&lines);
    let url = format!("tls://ann:s3%20cr%40t@localhost:{}", engine.port());
    let options = |authority: &str| {
        let words = ["--backplane-tls-ca-cert-file", authority, "--backplane-tls-cert-file"].map(String::from);
        let files = [file("alice.pem"), "--backplane-tls-key-file".into(), file("alice.key")];
        [&words[..], &files].concat()
    };
    let trusted = options(&file("ca.pem"));
    let trusted: Vec<&str> = trusted.iter().map(String::as_str).collect();
    let [here, there] = [(); 2].map(|()| start_alone(&url, &trusted));
    [&here, &there].into_iter().for_each(|node| _ = node.expect_log(JOINED));
    let mut peer = subscriber(&there, "SUBSCRIBE", &[b"news"]);
    let long = vec![b'x'; 3_000_000];
    for payload in [&b"hello"[..], &long, b"again"] {
        publish(&mut client(&here), b"news", payload);
        expect_message(&mut peer, b"news", payload);
    }
    assert_eq!(figure(&mut client(&here), "engine"), format!("tls://localhost:{}", engine.port()), "no credentials");
    // Whom it does not trust, and who does not trust it, does not join; what is wrong is said.
    for (url, problem) in [
        (format!("tls://ann:wrong@localhost:{}", engine.port()), "Authorization Violation"),
        (format!("tls://ann:s3%20cr%40t@127.0.0.2:{}", engine.port()), "no connection to the backplane"),
    ] {
        let line = start_alone(&url, &trusted).expect_log("no connection to the backplane");
        assert!(line.contains(problem) && !line.contains("s3"), "{line}");
    }
    let other = Authority::new();
    let stranger = options(&other.text("ca.pem"));
    let stranger: Vec<&str> = stranger.iter().map(String::as_str).collect();
    let line = start_alone(&url, &stranger).expect_log("no connection to the backplane");
    assert!(line.contains("certificate"), "{line}");
}

pub(crate) fn what_is_no_message_is_counted_and_hurts_nobody() {
    let server = NatsServer::start("");
    let node = start_alone(&server.url(), &[]);
    node.expect_log(JOINED);
    let mut peer = subscriber(&node, "SUBSCRIBE", &[b"news"]);
    let foreign: [&[u8]; 5] = [b"", b"hello", &[0xff; 100], &[1; 22], b"\x01\x00aaaaaaaabbbbbbbb\xff\xff\xff\xffnews"];
    for bytes in foreign {
        server.publish("pregon.c.n.news.=", bytes);
    }
    let mut operator = client(&node);
    expect_figure(&mut operator, "damaged_messages", |count| count == foreign.len().to_string());
    node.expect_log("something that is no message");
    // One that is as a node would send it counts as sent by a node.
    let envelope = |number: u8, payload: &[u8]| {
        [&b"\x01\x00aaaaaaaa\0\0\0\0\0\0\0"[..], &[number], b"\0\0\0\x04news", payload].concat()
    };
    for (number, payload) in [(1, b"first"), (1, b"again"), (3, b"third"), (2, b"older")] {
        server.publish("pregon.c.n.news.=", &envelope(number, payload));
    }
    expect_message(&mut peer, b"news", b"first");
    expect_message(&mut peer, b"news", b"third");
    expect_figure(&mut operator, "repeated_messages", |count| count == "2");
    publish(&mut operator, b"news", b"own");
    expect_message(&mut peer, b"news", b"own");
}

pub(crate) fn p11_backplane_pieces_limit_bounds_what_is_not_whole() {
    let engine = EngineKind::Nats.start();
    let [here, there] = [(); 2]
        .map(|()| start(&engine, &["--backplane-pieces-limit", "1mb", "--client-output-buffer-limit", "pubsub 0 0 0"]));
    let mut peer = subscriber(&there, "SUBSCRIBE", &[b"news"]);
    let mut publisher = client(&here);
    publish(&mut publisher, b"news", &vec![b'x'; 5_000_000]);
    publish(&mut publisher, b"news", b"behind it");
    expect_message(&mut peer, b"news", b"behind it");
    expect_figure(&mut client(&there), "lost_pieces", |count| count != "0");
    publish(&mut publisher, b"news", &vec![b'x'; 1_000_000]);
    expect_message(&mut peer, b"news", &vec![b'x'; 1_000_000]);
}

pub(crate) fn deployments_with_different_prefixes_do_not_hear_each_other() {
    let engine = EngineKind::Nats.start();
    let [one, other] = ["one.deployment", "other"].map(|prefix| start(&engine, &["--backplane-prefix", prefix]));
    let again = start(&engine, &["--backplane-prefix", "other"]);
    let mut peer = subscriber(&other, "PSUBSCRIBE", &[b"*"]);
    publish(&mut client(&one), b"news", b"of one");
    publish(&mut client(&again), b"news", b"of the other");
    assert!(peer.read_frame().ends_with(b"of the other\r\n"));
    assert_eq!(figure(&mut client(&other), "received_messages"), "1");
}

pub(crate) fn what_cannot_work_is_said_at_the_start() {
    for (options, texts) in [
        (&["--backplane", "http://a"][..], &["backplane", "nats://host:4222"][..]),
        (&["--backplane", "nats://a redis://a"], &["backplane", "one engine"]),
        (&["--backplane", "nats://a", "--io-threads", "128"], &["io-threads"]),
        (&["--backplane", "tls://a", "--backplane-tls-ca-cert-file", "/nowhere.pem"], &["/nowhere.pem"]),
        (&["--backplane", "nats://a", "--backplane-prefix", "a b"], &["backplane-prefix"]),
        (&["--backplane", "nats://a", "--backplane-credentials-file", "/nowhere.creds"], &["/nowhere.creds"]),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_pregon")).args(options).output().expect("it can be started");
        let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(texts.iter().all(|text| said.contains(text)) && said.trim().lines().count() == 1, "{said}");
    }
    let alone = TestServer::start(&["--cluster-enabled", "yes"]);
    alone.expect_log("cluster-enabled has no effect without a backplane");
    assert!(client(&alone).call(&["CLUSTER", "INFO"]).starts_with(b"-ERR This instance has cluster support disabled"));
}

pub(crate) fn an_upstream_with_users_and_tls_is_used() {
    let upstream = SecuredUpstream::start();
    let port = upstream.port;
    let options = upstream.options();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let url = |password: &str| format!("rediss://ann:{password}@localhost:{port}");
    let [here, there] = [(); 2].map(|()| start_alone(&url("s3cr%40t"), &options));
    [&here, &there].into_iter().for_each(|node| _ = node.expect_log(JOINED));
    let mut peer = subscriber(&there, "SUBSCRIBE", &[b"news"]);
    publish(&mut client(&here), b"news", b"hello");
    expect_message(&mut peer, b"news", b"hello");
    let line = start_alone(&url("wrong"), &options).expect_log("no connection to the backplane");
    assert!(line.contains("WRONGPASS"), "{line}");
}

/// Who knows nothing of nodes publishes and subscribes at the upstream as before.
pub(crate) fn clients_of_an_upstream_hear_those_of_nodes_and_are_heard(engine: &mut Engine) {
    let node = start(engine, &[]);
    let mut direct = Peer::connect(engine.url().trim_start_matches("redis://"));
    subscribe(&mut direct, "SUBSCRIBE", &[b"news"]);
    let mut peer = subscriber(&node, "SUBSCRIBE", &[b"news"]);
    subscribe(&mut peer, "PSUBSCRIBE", &[b"n*"]);
    let mut other = subscriber(&node, "PSUBSCRIBE", &[b"ne*"]);
    let mut publisher = Peer::connect(engine.url().trim_start_matches("redis://"));
    for (publisher, payload) in [(&mut publisher, b"of a client"), (&mut client(&node), b"of a node's")] {
        publish(publisher, b"news", payload);
        expect_message(&mut direct, b"news", payload);
        expect_message(&mut peer, b"news", payload);
        for peer in [&mut peer, &mut other] {
            let message = next_message(peer);
            assert_eq!((&message[0][..], &message[3][..]), (&b"pmessage"[..], &payload[..]));
        }
    }
    assert_eq!(figure(&mut client(&node), "received_messages"), "2", "a message is one message");
    // What nodes tell each other there is believed, so clients of nodes may not say it.
    let answer = publish(&mut client(&node), b"__pregon__:pregon:", b"x");
    assert!(answer.starts_with(b"-ERR channels that begin with __pregon__:"), "{}", answer.escape_ascii());
}
