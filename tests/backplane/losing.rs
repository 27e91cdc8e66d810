//! What is lost and what is not when nodes and engines stop, die and come back.

use rustix::process::Signal;

use crate::node::{
    Engine, JOINED, client, expect_figure, expect_message, figure, publish, start, start_alone, subscribe, subscriber,
};
use crate::support::{NatsServer, Peer, TestServer};

pub(crate) fn without_an_engine_a_node_serves_its_own_clients_and_joins_when_it_comes(engine: &mut Engine) {
    engine.kill();
    let [here, there] = [(); 2].map(|()| start_alone(&engine.url(), &[]));
    here.expect_log("no connection to the backplane");
    let mut peer = subscriber(&here, "SUBSCRIBE", &[b"news"]);
    let mut far = subscriber(&there, "SUBSCRIBE", &[b"news"]);
    let mut publisher = client(&here);
    assert_eq!(publish(&mut publisher, b"news", b"alone"), b":1\r\n");
    expect_message(&mut peer, b"news", b"alone");
    assert_eq!(figure(&mut publisher, "state"), "down");
    engine.start_again();
    [&here, &there].into_iter().for_each(|node| _ = node.expect_log(JOINED));
    publish(&mut publisher, b"news", b"together");
    expect_message(&mut peer, b"news", b"together");
    // What waited for the engine is sent when it comes; that the other node was there then is not promised.
    while !far.read_frame().ends_with(b"together\r\n") {}
    assert_eq!(figure(&mut publisher, "state"), "up");
}

pub(crate) fn an_engine_that_dies_and_comes_back_finds_all_interest_again(engine: &mut Engine) {
    let [here, there] = [(); 2].map(|()| start(engine, &[]));
    let mut peer = subscriber(&there, "SUBSCRIBE", &[b"a", b"b"]);
    let (mut publisher, mut operator) = (client(&here), client(&there));
    for round in 1..4 {
        engine.kill();
        expect_figure(&mut operator, "state", |state| state == "down");
        // Who subscribes while it is away is confirmed at once, and heard from its return on.
        let name = format!("round:{round}");
        subscribe(&mut peer, "SUBSCRIBE", &[name.as_bytes()]);
        engine.start_again();
        for operator in [&mut operator, &mut publisher] {
            expect_figure(operator, "connections", |count| count == (round + 1).to_string());
            expect_figure(operator, "state", |state| state == "up");
        }
        for name in [b"a", b"b", name.as_bytes()] {
            publish(&mut publisher, name, b"x");
            expect_message(&mut peer, name, b"x");
        }
    }
}

pub(crate) fn p7_a_stalled_engine_keeps_no_publisher_waiting(engine: &mut Engine) {
    let [here, there] = [(); 2]
        .map(|()| start(engine, &["--backplane-timeout", "3600", "--client-output-buffer-limit", "pubsub 0 0 0"]));
    let mut near = subscriber(&here, "SUBSCRIBE", &[b"news"]);
    let mut far = subscriber(&there, "SUBSCRIBE", &[b"news"]);
    engine.signal(Signal::STOP);
    let mut publisher = client(&here);
    let payload = vec![b'x'; 50_000];
    for _ in 0..1000 {
        assert_eq!(publish(&mut publisher, b"news", &payload), b":1\r\n");
        if !engine.delivers_own() {
            expect_message(&mut near, b"news", &payload);
        }
    }
    engine.signal(Signal::CONT);
    for _ in 0..1000 {
        if engine.delivers_own() {
            expect_message(&mut near, b"news", &payload);
        }
        expect_message(&mut far, b"news", &payload);
    }
}

pub(crate) fn p11_backplane_queue_limit_bounds_what_waits_for_the_engine(engine: &mut Engine) {
    let [here, there] =
        [(); 2].map(|()| start(engine, &["--backplane-queue-limit", "1mb", "--backplane-timeout", "3600"]));
    let mut far = subscriber(&there, "SUBSCRIBE", &[b"news"]);
    let mut publisher = client(&here);
    engine.signal(Signal::STOP);
    const MESSAGES: usize = 1000;
    for number in 0..MESSAGES {
        publish(&mut publisher, b"news", &[&[b'x'; 50_000][..], number.to_string().as_bytes()].concat());
    }
    let dropped: usize = figure(&mut publisher, "dropped_messages").parse().expect("a number");
    assert!((100..MESSAGES).contains(&dropped), "sockets hold some megabytes, the queue one: {dropped}");
    engine.signal(Signal::CONT);
    expect_figure(&mut publisher, "sent_messages", |count| count == (MESSAGES - dropped).to_string());
    publish(&mut publisher, b"news", b"later");
    while !far.read_frame().ends_with(b"later\r\n") {}
}

pub(crate) fn a_node_that_is_killed_and_started_again_hears_everything_from_then_on(engine: &mut Engine) {
    let here = start(engine, &[]);
    let mut there = start(engine, &[]);
    let mut near = subscriber(&here, "SUBSCRIBE", &[b"news"]);
    for _ in 0..3 {
        let mut far = subscriber(&there, "SUBSCRIBE", &[b"news"]);
        for (publisher, payload) in [(&here, b"from here"), (&there, b"and there")] {
            publish(&mut client(publisher), b"news", payload);
            for peer in [&mut near, &mut far] {
                expect_message(peer, b"news", payload);
            }
        }
        there.signal(Signal::KILL);
        there.wait_for_exit();
        publish(&mut client(&here), b"news", b"missed there");
        expect_message(&mut near, b"news", b"missed there");
        there.start_again();
        // Its log says so of the first time, too.
        expect_figure(&mut client(&there), "state", |state| state == "up");
    }
}

/// While there is no upstream nobody waits for it, and what has not gone there is heard here.
pub(crate) fn without_an_upstream_messages_are_heard_at_their_own_node_once(engine: &mut Engine) {
    let [here, there] = [(); 2].map(|()| start(engine, &[]));
    let mut near = subscriber(&here, "SUBSCRIBE", &[b"news"]);
    let mut far = subscriber(&there, "SUBSCRIBE", &[b"news"]);
    let mut publisher = client(&here);
    for round in 0..3 {
        publish(&mut publisher, b"news", b"together");
        expect_message(&mut near, b"news", b"together");
        expect_message(&mut far, b"news", b"together");
        engine.kill();
        for node in [&here, &there] {
            expect_figure(&mut client(node), "state", |state| state == "down");
        }
        for number in 0..100 {
            let payload = format!("{round} {number}");
            publish(&mut publisher, b"news", payload.as_bytes());
            expect_message(&mut near, b"news", payload.as_bytes());
        }
        engine.start_again();
        for node in [&here, &there] {
            expect_figure(&mut client(node), "state", |state| state == "up");
        }
    }
    publish(&mut publisher, b"news", b"the last");
    expect_message(&mut near, b"news", b"the last");
    expect_message(&mut far, b"news", b"the last");
}

pub(crate) fn publish_is_refused_without_an_engine_where_it_is_to_be(engine: &mut Engine) {
    let node = start(engine, &["--backplane-offline", "refuse"]);
    let mut peer = subscriber(&node, "SUBSCRIBE", &[b"news"]);
    let mut publisher = client(&node);
    assert_eq!(publish(&mut publisher, b"news", b"1"), b":1\r\n");
    expect_message(&mut peer, b"news", b"1");
    engine.kill();
    expect_figure(&mut publisher, "state", |state| state == "down");
    let answer = publish(&mut publisher, b"news", b"2");
    assert!(answer.starts_with(b"-OFFLINE no connection"), "{}", answer.escape_ascii());
    engine.start_again();
    expect_figure(&mut publisher, "state", |state| state == "up");
    publish(&mut publisher, b"news", b"3");
    expect_message(&mut peer, b"news", b"3");
}

/// Nodes at different servers of a cluster of NATS, of which one is killed: its node goes to another one.
pub(crate) fn a_cluster_of_nats_joins_nodes_and_survives_one_of_its_servers() {
    let mut servers = NatsServer::cluster(3);
    let urls: Vec<String> = servers.iter().map(NatsServer::url).collect();
    let nodes: Vec<TestServer> = (0..3)
        .map(|first| {
            let mut urls = urls.clone();
            urls.rotate_left(first);
            let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
            let node = TestServer::start(&[&["--backplane"][..], &urls].concat());
            node.expect_log(JOINED);
            node
        })
        .collect();
    let mut operators: Vec<Peer> = nodes.iter().map(client).collect();
    let mut peers: Vec<Peer> = nodes.iter().map(|node| subscriber(node, "SUBSCRIBE", &[b"news"])).collect();
    let mut heard_everywhere = |operators: &mut [Peer], word: &str| {
        // Between servers interest travels a moment longer than to the one that has confirmed it.
        let mut rounds = (0..).map(|round| format!("{word} {round}"));
        let mut missing: Vec<usize> = (0..peers.len()).collect();
        while !missing.is_empty() {
            let payload = rounds.next().expect("there is no end of numbers");
            publish(&mut operators[0], b"news", payload.as_bytes());
            missing.retain(|index| !peers[*index].comes_soon(&payload));
        }
    };
    heard_everywhere(&mut operators, "before");
    servers[1].kill();
    expect_figure(&mut operators[1], "connections", |count| count == "2");
    expect_figure(&mut operators[1], "state", |state| state == "up");
    heard_everywhere(&mut operators, "after");
}
