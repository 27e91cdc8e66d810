//! What crosses from node to node, and how.

use std::collections::HashMap;

use crate::node::{
    Engine, client, expect_figure, expect_message, figure, next_message, publish, start, subscribe, subscriber,
};

pub(crate) fn what_one_node_publishes_is_heard_at_the_others_by_channel_pattern_and_shard(engine: &mut Engine) {
    let nodes = [(); 3].map(|()| start(engine, &[]));
    let mut subscribers: Vec<_> = nodes
        .iter()
        .map(|node| {
            let mut peer = subscriber(node, "SUBSCRIBE", &[b"news"]);
            subscribe(&mut peer, "PSUBSCRIBE", &[b"n*s"]);
            subscribe(&mut peer, "SSUBSCRIBE", &[b"news"]);
            peer
        })
        .collect();
    for (index, node) in nodes.iter().enumerate() {
        let payload = format!("from {index}");
        let mut publisher = client(node);
        assert_eq!(publish(&mut publisher, b"news", payload.as_bytes()), b":2\r\n", "those at this node count");
        assert_eq!(publisher.call(&["SPUBLISH", "news", &payload]), b":1\r\n");
        for peer in &mut subscribers {
            let words = |kind: &str, names: &[&str]| -> Vec<Vec<u8>> {
                [&[kind], names, &[payload.as_str()]]
                    .concat()
                    .into_iter()
                    .map(|word| word.as_bytes().to_vec())
                    .collect()
            };
            assert_eq!(next_message(peer), words("message", &["news"]));
            assert_eq!(next_message(peer), words("pmessage", &["n*s", "news"]));
            assert_eq!(next_message(peer), words("smessage", &["news"]));
        }
    }
}

pub(crate) fn names_of_any_bytes_and_payloads_of_any_length_arrive_as_they_are(engine: &mut Engine) {
    let [here, there] = [(); 2].map(|()| start(engine, &[]));
    let long = b"a:b.c/".repeat(2000);
    let names: [&[u8]; 7] = [b"", b" ", b"*", b"a.b>c*", b"\r\n\0\xff", &long, b"plain"];
    let mut peer = subscriber(&there, "SUBSCRIBE", &names);
    let mut publisher = client(&here);
    for name in names {
        publish(&mut publisher, name, b"x\r\ny");
        expect_message(&mut peer, name, b"x\r\ny");
    }
    for len in [0, 1, 1023, 1024, 262_000, 263_000, 1_048_576, 3_000_000, 20_000_000] {
        let payload: Vec<u8> = (0..len).map(|index| (index * 7 % 251) as u8).collect();
        publish(&mut publisher, b"plain", &payload);
        publish(&mut publisher, b" ", b"behind it");
        expect_message(&mut peer, b"plain", &payload);
        expect_message(&mut peer, b" ", b"behind it");
    }
}

pub(crate) fn p4_who_publishes_anywhere_after_a_confirmation_is_heard(engine: &mut Engine) {
    let [here, there] = [(); 2].map(|()| start(engine, &[]));
    let mut publisher = client(&here);
    let mut peer = client(&there);
    for round in 0..200 {
        let name = format!("news:{round}");
        match round % 3 {
            0 => subscribe(&mut peer, "SUBSCRIBE", &[name.as_bytes()]),
            1 => subscribe(&mut peer, "PSUBSCRIBE", &[format!("{name}*").as_bytes()]),
            _ => {
                let others: Vec<String> = (0..300).map(|other| format!("{name}:{other}")).collect();
                let mut names: Vec<&[u8]> = others.iter().map(String::as_bytes).collect();
                names.push(name.as_bytes());
                subscribe(&mut peer, "SUBSCRIBE", &names);
            }
        }
        publish(&mut publisher, name.as_bytes(), b"x");
        assert_eq!(next_message(&mut peer).last().map(Vec::as_slice), Some(&b"x"[..]), "{name}");
        let command = if round % 3 == 1 { "PUNSUBSCRIBE" } else { "UNSUBSCRIBE" };
        peer.send_command(&[command]);
        let confirmations = if round % 3 == 2 { 301 } else { 1 };
        (0..confirmations).for_each(|_| _ = peer.read_frame());
    }
    assert_eq!(figure(&mut client(&there), "late_confirmations"), "0");
}

pub(crate) fn p1_p6_order_and_number_hold_while_interest_widens_and_narrows(engine: &mut Engine) {
    const MESSAGES: usize = 20_000;
    let [here, there] = [(); 2].map(|()| start(engine, &["--backplane-linger", "0"]));
    let names: [&[u8]; 4] = [b"a:b:1", b"a:b:2", b"a:c", b"d"];
    let mut peer = subscriber(&there, "SUBSCRIBE", &names);
    let mut publisher = client(&here);
    let sending = std::thread::spawn(move || {
        for number in 0..MESSAGES {
            publish(&mut publisher, names[number % names.len()], number.to_string().as_bytes());
        }
    });
    // Others at the same node make it ask for more and for less meanwhile.
    let mut other = client(&there);
    while !sending.is_finished() {
        for pattern in ["a:b:*", "a:*", "*"] {
            other.send_command(&["PSUBSCRIBE", pattern]);
            other.send_command(&["PUNSUBSCRIBE", pattern]);
        }
        other.send_command(&["GET", "x"]);
        while !other.read_frame().starts_with(b"-ERR") {}
    }
    sending.join().expect("the publisher does not fail");
    for number in 0..MESSAGES {
        expect_message(&mut peer, names[number % names.len()], number.to_string().as_bytes());
    }
    peer.send_command(&["PING"]);
    assert!(peer.read_frame().windows(4).any(|part| part == b"pong"), "nothing comes behind the last message");
}

pub(crate) fn a_node_without_interest_is_sent_nothing(engine: &mut Engine) {
    let [here, there, other] = [(); 3].map(|()| start(engine, &[]));
    let mut peer = subscriber(&there, "SUBSCRIBE", &[b"news"]);
    let _listens_elsewhere = subscriber(&other, "SUBSCRIBE", &[b"other"]);
    let _listens_there = subscriber(&other, "PSUBSCRIBE", &[b"other:*"]);
    let mut publisher = client(&here);
    for number in 0..1000 {
        publish(&mut publisher, b"news", number.to_string().as_bytes());
        publish(&mut publisher, b"nobody", b"x");
    }
    for number in 0..1000 {
        expect_message(&mut peer, b"news", number.to_string().as_bytes());
    }
    assert_eq!(figure(&mut client(&there), "received_messages"), "1000");
    assert_eq!(figure(&mut client(&other), "received_bytes"), "0");
    assert_eq!(figure(&mut publisher, "sent_messages"), "2000");
}

pub(crate) fn very_many_channels_are_asked_for_and_given_up_again(engine: &mut Engine) {
    const CHANNELS: usize = 30_000;
    let [here, there] = [(); 2].map(|()| start(engine, &["--backplane-linger", "0"]));
    let names: Vec<String> = (0..CHANNELS).map(|number| format!("user:{number}")).collect();
    let mut peer = client(&there);
    subscribe(&mut peer, "SUBSCRIBE", &names.iter().map(String::as_bytes).collect::<Vec<_>>());
    let mut operator = client(&there);
    assert_eq!(figure(&mut operator, "interest_asked"), CHANNELS.to_string());
    let mut publisher = client(&here);
    for name in names.iter().step_by(997) {
        publish(&mut publisher, name.as_bytes(), b"x");
        expect_message(&mut peer, name.as_bytes(), b"x");
    }
    // A pattern covers them all where there are trees; when it goes they are asked for again.
    let with_pattern = if engine.has_trees() { 1 } else { CHANNELS + 1 };
    let mut wide = subscriber(&there, "PSUBSCRIBE", &[b"user:*"]);
    expect_figure(&mut operator, "interest_asked", |asked| asked == with_pattern.to_string());
    wide.send_command(&["PUNSUBSCRIBE"]);
    expect_figure(&mut operator, "interest_asked", |asked| asked == CHANNELS.to_string());
    publish(&mut publisher, b"user:77", b"y");
    expect_message(&mut peer, b"user:77", b"y");
    drop(peer);
    expect_figure(&mut operator, "interest_wanted", |wanted| wanted == "0");
}

pub(crate) fn transactions_and_scripts_publish_to_all_nodes(engine: &mut Engine) {
    let [here, there] = [(); 2].map(|()| start(engine, &[]));
    let mut peer = subscriber(&there, "SUBSCRIBE", &[b"news"]);
    let mut publisher = client(&here);
    for command in [&["MULTI"][..], &["PUBLISH", "news", "1"], &["PUBLISH", "news", "2"], &["EXEC"]] {
        publisher.call(command);
    }
    publisher.call(&["EVAL", "return redis.call('PUBLISH', 'news', '3')", "0"]);
    for payload in [b"1", b"2", b"3"] {
        expect_message(&mut peer, b"news", payload);
    }
    // Within a transaction a subscription is confirmed at once, and holds as soon as the engine knows of it.
    let mut other = client(&there);
    for command in [&["MULTI"][..], &["SUBSCRIBE", "later"], &["EXEC"]] {
        other.call(command);
    }
    expect_figure(&mut client(&there), "interest_asked", |asked| asked == "2");
    // The engine knows of everything that was asked for before this.
    let _later = subscriber(&there, "SUBSCRIBE", &[b"other"]);
    publish(&mut publisher, b"later", b"4");
    expect_message(&mut other, b"later", b"4");
}

pub(crate) fn what_happens_to_keys_stays_with_the_node_that_has_them(engine: &mut Engine) {
    let here = start(engine, &[]);
    let mut peer = client(&here);
    for command in [&["SET", "a", "b"][..], &["LPUSH", "a", "b"], &["XLEN", "a"], &["DEL", "a"]] {
        let answer = String::from_utf8(peer.call(command)).expect("errors are text");
        assert!(answer.starts_with("-ERR keys stay on one server"), "{answer}");
    }
    let [here, there] =
        [(); 2].map(|()| start(engine, &["--backplane-keys", "local", "--notify-keyspace-events", "KEA"]));
    let mut events = HashMap::new();
    for (place, node) in [("here", &here), ("there", &there)] {
        events.insert(place, subscriber(node, "PSUBSCRIBE", &[b"__keyspace*"]));
    }
    assert_eq!(client(&here).call(&["SET", "a", "b"]), b"+OK\r\n");
    assert_eq!(client(&there).call(&["GET", "a"]), b"$-1\r\n");
    assert_eq!(client(&there).call(&["SET", "own", "b"]), b"+OK\r\n");
    for (place, key) in [("here", "a"), ("there", "own")] {
        let event = next_message(events.get_mut(place).expect("it was put there"));
        assert_eq!(event[2], format!("__keyspace@0__:{key}").into_bytes(), "{place}");
    }
}
