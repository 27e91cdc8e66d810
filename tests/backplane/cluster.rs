//! Nodes that look like those of a Redis Cluster to clients.

use std::collections::HashMap;

use rustls::ALL_VERSIONS;

use crate::node::{Engine, client, eventually, expect_figure, expect_message, parts, publish, start, subscriber};
use crate::support::nodes::expect_agreement;
use crate::support::server::next_free_port;
use crate::support::{Authority, Peer, TestServer};

fn start_clustered(engine: &Engine, name: &str) -> TestServer {
    start(engine, &["--cluster-enabled", "yes", "--backplane-id", name])
}

fn text(peer: &mut Peer, words: &[&str]) -> String {
    String::from_utf8(peer.call(words)).expect("it is text")
}

/// The address in -MOVED, if an answer is that.
fn moved(answer: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(answer).into_owned();
    text.strip_prefix("-MOVED ").and_then(|rest| rest.trim_end().split(' ').nth(1).map(String::from))
}

pub(crate) fn keys_lie_on_one_node_each_and_clients_are_sent_there(engine: &mut Engine) {
    let nodes = ["one", "two", "three"].map(|name| start_clustered(engine, name));
    expect_agreement(&nodes);
    let mut peers: HashMap<String, Peer> = nodes.iter().map(|node| (node.addr(), client(node))).collect();
    let mut keys_of: HashMap<String, usize> = HashMap::new();
    for number in 0..300 {
        let key = format!("key:{number}");
        let mut takers = Vec::new();
        let mut sent_to = Vec::new();
        for (address, peer) in &mut peers {
            let answer = peer.call(&["SET", &key, &number.to_string()]);
            match moved(&answer) {
                Some(other) => sent_to.push(other),
                None => {
                    assert_eq!(answer, b"+OK\r\n");
                    takers.push(address.clone());
                }
            }
        }
        assert_eq!(takers.len(), 1, "{key}");
        assert_eq!(sent_to, [takers[0].clone(), takers[0].clone()], "{key}");
        *keys_of.entry(takers[0].clone()).or_default() += 1;
    }
    assert!(keys_of.len() == 3 && keys_of.values().all(|count| (50..150).contains(count)), "{keys_of:?}");
    let peer = peers.values_mut().next().expect("there are three");
    for (command, answer) in [
        (&["MSET", "a", "1", "b", "2"][..], "-CROSSSLOT Keys in request don't hash to the same slot\r\n"),
        (&["SELECT", "1"], "-ERR SELECT is not allowed in cluster mode\r\n"),
        (&["SWAPDB", "0", "1"], "-ERR SWAPDB is not allowed in cluster mode\r\n"),
        (&["SELECT", "0"], "+OK\r\n"),
        (&["READONLY"], "+OK\r\n"),
        (&["ASKING"], "+OK\r\n"),
        (&["CLUSTER", "KEYSLOT", "foo{bar}"], ":5061\r\n"),
        (
            &["CLUSTER", "ADDSLOTS", "1"],
            "-ERR slots are dealt out to the nodes that are there, and nobody has to see to that\r\n",
        ),
    ] {
        assert_eq!(text(peer, command), answer);
    }
    assert!(text(peer, &["INFO", "cluster"]).contains("cluster_enabled:1"));
    assert!(text(peer, &["INFO", "server"]).contains("redis_mode:cluster"));
    let script = "return redis.call('GET', ARGV[1])";
    let answers: Vec<String> = peers.values_mut().map(|peer| text(peer, &["EVAL", script, "0", "key:1"])).collect();
    let refused = answers.iter().filter(|answer| answer.contains("Script attempted to access a non local key")).count();
    assert_eq!((refused, answers.contains(&"$1\r\n1\r\n".into())), (2, true), "{answers:?}");
}

/// EXEC refuses what a command with several keys would be refused for, and is no transaction of what it says that was queued.
pub(crate) fn all_keys_of_a_transaction_have_one_slot(engine: &mut Engine) {
    let node = start_clustered(engine, "one");
    expect_agreement([&node]);
    let mut peer = client(&node);
    let crossed = "-CROSSSLOT Keys in request don't hash to the same slot\r\n";
    let aborted = "-EXECABORT Transaction discarded because of previous errors.\r\n";
    for (queued, answer) in [
        (&["SET b 1", "SET f 2"][..], crossed),
        (&["SET b 1", "PING", "SET b 2"], "*3\r\n+OK\r\n+PONG\r\n+OK\r\n"),
        (&["SET {b}1 1", "SET b 2", "PUBLISH f 1"], "*3\r\n+OK\r\n+OK\r\n:0\r\n"),
        (&["SET b 1", "SET f 2", "SET b"], crossed),
        (&["SET b 1", "SET b", "SET f 2"], aborted),
        (&["MSET b 1 f 2"], aborted),
        (&[], "*0\r\n"),
    ] {
        assert_eq!(text(&mut peer, &["WATCH", "f"]), "+OK\r\n");
        assert_eq!(text(&mut peer, &["MULTI"]), "+OK\r\n");
        for command in queued {
            text(&mut peer, &command.split(' ').collect::<Vec<_>>());
        }
        assert_eq!(text(&mut peer, &["EXEC"]), answer, "{queued:?}");
        assert_eq!(text(&mut peer, &["EXEC"]), "-ERR EXEC without MULTI\r\n");
    }
    assert!(text(&mut peer, &["CLIENT", "INFO"]).contains(" watch=0 "));
    let errors = text(&mut peer, &["INFO", "errorstats"]);
    assert!(errors.contains("errorstat_CROSSSLOT:count=3\r\n"), "{errors}");
}

pub(crate) fn messages_are_taken_at_any_node_of_a_cluster(engine: &mut Engine) {
    let nodes = ["one", "two"].map(|name| start_clustered(engine, name));
    expect_agreement(&nodes);
    let mut peers: Vec<Peer> = nodes.iter().map(|node| subscriber(node, "SUBSCRIBE", &[b"news"])).collect();
    let mut sharded: Vec<Peer> = nodes.iter().map(|node| subscriber(node, "SSUBSCRIBE", &[b"{a}", b"{b}"])).collect();
    for node in &nodes {
        publish(&mut client(node), b"news", b"hello");
        peers.iter_mut().for_each(|peer| expect_message(peer, b"news", b"hello"));
        for name in ["{a}", "{b}"] {
            client(node).call(&["SPUBLISH", name, "x"]);
            for peer in &mut sharded {
                assert_eq!(parts(&peer.read_frame())[1], name.as_bytes());
            }
        }
    }
}

pub(crate) fn slots_of_a_node_that_goes_go_to_the_others_and_come_back_with_it(engine: &mut Engine) {
    let [one, mut two, three] = ["one", "two", "three"].map(|name| start_clustered(engine, name));
    expect_agreement([&one, &two, &three]);
    let before = client(&one).call(&["CLUSTER", "SLOTS"]);
    two.stop();
    expect_agreement([&one, &three]);
    two.start_again();
    expect_agreement([&one, &two, &three]);
    assert_eq!(client(&one).call(&["CLUSTER", "SLOTS"]), before);
    let shown = text(&mut client(&two), &["CLUSTER", "NODES"]);
    assert_eq!(shown.matches("myself,master").count(), 1, "{shown}");
    let own = text(&mut client(&two), &["CLUSTER", "MYID"]);
    assert!(shown.contains(own.lines().nth(1).expect("an id")), "{shown}");
}

/// Whoever encrypts is sent to ports for those who do, and others to the others.
pub(crate) fn clients_are_sent_to_ports_at_which_they_can_speak(engine: &mut Engine) {
    let authority = Authority::new();
    let [one, two] = ["one", "two"].map(|name| {
        let port = next_free_port();
        let tls = authority.server_args(port);
        let own = ["--cluster-enabled", "yes", "--backplane-id", name, "--tls-auth-clients", "no"];
        (start(engine, &[&own[..], &tls.iter().map(String::as_str).collect::<Vec<_>>()].concat()), port)
    });
    expect_agreement([&one.0, &two.0]);
    let config = authority.client(None, ALL_VERSIONS);
    let mut encrypted = Peer::connect_encrypted(&format!("127.0.0.1:{}", one.1), config);
    let mut plain = client(&one.0);
    let key = (0..).map(|number: u32| number.to_string()).find(|key| moved(&plain.call(&["GET", key])).is_some());
    let key = key.expect("the other has slots, too");
    for (peer, ports) in [(&mut encrypted, [one.1, two.1]), (&mut plain, [one.0.port(), two.0.port()])] {
        assert_eq!(moved(&peer.call(&["GET", &key])), Some(format!("127.0.0.1:{}", ports[1])));
        let (nodes, slots) = (text(peer, &["CLUSTER", "NODES"]), text(peer, &["CLUSTER", "SLOTS"]));
        for port in ports {
            assert!(nodes.contains(&format!(" 127.0.0.1:{port}@{port} ")), "{nodes}");
            assert!(slots.contains(&format!("\r\n:{port}\r\n")), "{slots}");
        }
        let shards = text(peer, &["CLUSTER", "SHARDS"]);
        for (node, tls_port) in [&one, &two] {
            let both = format!("$4\r\nport\r\n:{}\r\n$8\r\ntls-port\r\n:{tls_port}\r\n", node.port());
            assert!(shards.contains(&both), "{shards}");
        }
    }
    // What is announced can be changed, and the others hear of it.
    assert_eq!(text(&mut client(&two.0), &["CONFIG", "SET", "cluster-announce-tls-port", "7"]), "+OK\r\n");
    eventually("the other node knows that", || {
        moved(&encrypted.call(&["GET", &key])).as_deref() == Some("127.0.0.1:7")
    });
}

fn expect_blocked(operator: &mut Peer, count: usize) {
    let expected = format!("blocked_clients:{count}\r");
    eventually("all of them wait", || text(operator, &["INFO", "clients"]).contains(&expected));
}

/// Nobody reaches any more at a node what another one has got, so it does not stay there.
pub(crate) fn keys_of_slots_that_another_node_has_got_go_in_time(engine: &mut Engine) {
    let one = start_clustered(engine, "one");
    expect_agreement([&one]);
    let mut peer = client(&one);
    peer.call(&["HELLO", "3"]);
    peer.call(&["CLIENT", "TRACKING", "ON", "BCAST"]);
    peer.call(&["CONFIG", "SET", "cluster-moved-keys-timeout", "1"]);
    let keys: Vec<String> = (0..1000).map(|number| format!("key:{number}")).collect();
    let mut operator = client(&one);
    keys.iter().for_each(|key| assert_eq!(operator.call(&["SET", key, "x"]), b"+OK\r\n"));
    let mut waiting: Vec<Peer> = (0..20).map(|_| client(&one)).collect();
    (0..).zip(&mut waiting).for_each(|(number, peer)| peer.send_command(&["BLPOP", &format!("list:{number}"), "0"]));
    expect_blocked(&mut operator, waiting.len());
    let two = start_clustered(engine, "two");
    expect_agreement([&one, &two]);
    // Who waits for what the other node has got is sent there.
    for (number, peer) in waiting.iter_mut().enumerate() {
        if let Some(address) = moved(&operator.call(&["LPUSH", &format!("list:{number}"), "x"])) {
            assert_eq!(moved(&peer.read_frame()), Some(address));
        } else {
            assert!(peer.read_frame().starts_with(b"*2"));
        }
    }
    let gone = keys.iter().filter(|key| moved(&operator.call(&["GET", key])).is_some()).count();
    assert!((300..700).contains(&gone), "{gone}");
    expect_figure(&mut operator, "moved_keys", |count| count == gone.to_string());
    assert_eq!(text(&mut operator, &["DBSIZE"]), format!(":{}\r\n", keys.len() - gone));
    one.expect_log("what was left of slots that other nodes have got is dropped");
    let stays = |key: &&String| operator.call(&["GET", key]) == b"$1\r\nx\r\n";
    assert_eq!(keys.iter().filter(stays).count(), keys.len() - gone);
}

/// Nobody takes a key while it is not known who has its slot.
pub(crate) fn a_cluster_without_an_engine_is_down(engine: &mut Engine) {
    engine.kill();
    let node = TestServer::start(&["--backplane", &engine.url(), "--cluster-enabled", "yes"]);
    let mut peer = client(&node);
    assert_eq!(text(&mut peer, &["SET", "a", "b"]), "-CLUSTERDOWN The cluster is down\r\n");
    assert!(text(&mut peer, &["CLUSTER", "INFO"]).contains("cluster_state:fail"));
    engine.start_again();
    eventually("the cluster is there", || text(&mut peer, &["SET", "a", "b"]) == "+OK\r\n");
    // What is known stays known while the engine is away.
    engine.kill();
    assert_eq!(text(&mut peer, &["GET", "a"]), "$1\r\nb\r\n");
}
