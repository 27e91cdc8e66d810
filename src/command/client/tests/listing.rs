//! CLIENT ID, INFO, LIST.

use std::time::Duration;

use crate::command::test_support::{Peer, World};
use crate::resp::Proto;

const FIELDS: &str = "id addr laddr fd name age idle flags db sub psub ssub multi watch qbuf qbuf-free argv-mem \
                      multi-mem rbs rbp obl oll omem tot-mem events cmd user redir resp lib-name lib-ver tot-net-in \
                      tot-net-out tot-cmds";

/// The value of a field in the first line of `text`.
fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find(|line| line.contains("id=")).unwrap_or_default();
    let value = line.split(' ').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("{name} is missing in {text}"))
}

/// The numbers of the clients that `request` lists.
fn listed(client: &Peer, request: &str) -> Vec<String> {
    let text = client.say(request);
    let lines = text.lines().filter_map(|line| line.trim_start_matches("txt:").strip_prefix("id="));
    lines.map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_line_has_every_field_in_its_order() {
    let world = World::new();
    let text = world.client().say("CLIENT INFO");
    let line = text.lines().nth(1).expect("the text follows its length");
    let names: Vec<&str> = line.split(' ').filter_map(|pair| pair.split('=').next()).collect();
    assert_eq!(names.join(" "), FIELDS);
    assert!(text.ends_with("\n\r\n"));
}

#[test]
fn resp3_shows_it_as_text_for_people() {
    let world = World::new();
    let text = world.client().speaking(Proto::Resp3).say("CLIENT LIST");
    assert!(text.starts_with('=') && text.contains("\r\ntxt:id=1 "), "{text}");
}

#[test]
fn a_line_tells_what_the_client_does() {
    let world = World::new();
    let client = world.client().speaking(Proto::Resp3);
    world.advance(Duration::from_secs(5));
    client
        .say("SELECT 3\r\nSUBSCRIBE a b\r\nPSUBSCRIBE p*\r\nSSUBSCRIBE s\r\nCLIENT NO-EVICT ON\r\nCLIENT NO-TOUCH ON");
    client.say("MULTI\r\nPUBLISH a xyz");
    world.advance(Duration::from_secs(2));
    let text = world.client().say("CLIENT LIST ID 1");
    let expected = [
        ("addr", "127.0.0.1:1"),
        ("laddr", "127.0.0.1:6379"),
        ("age", "7"),
        ("idle", "2"),
        ("flags", "PxeT"),
        ("db", "3"),
        ("sub", "2"),
        ("psub", "1"),
        ("ssub", "1"),
        ("multi", "1"),
        ("watch", "0"),
        ("cmd", "publish"),
        ("user", "default"),
        ("redir", "-1"),
        ("resp", "3"),
        ("tot-cmds", "8"),
    ];
    for (name, value) in expected {
        assert_eq!(field(&text, name), value, "{name}");
    }
    for busy in ["multi-mem", "tot-mem", "tot-net-in"] {
        assert_ne!(field(&text, busy), "0", "{busy}");
    }
}

#[test]
fn an_unfinished_request_shows_in_qbuf() {
    let world = World::new();
    let (client, other) = (world.client(), world.client());
    client.say("*2\r\n$4\r\nECHO\r\n$100\r\nabc");
    assert_ne!(field(&other.say("CLIENT LIST ID 1"), "qbuf"), "0");
    assert_eq!(field(&other.say("CLIENT LIST ID 2"), "argv-mem"), "13");
}

#[test]
fn a_client_that_never_said_anything_has_no_command() {
    let world = World::new();
    let (_silent, client) = (world.client(), world.client());
    assert_eq!(field(&client.say("CLIENT LIST ID 1"), "cmd"), "NULL");
    assert_eq!(field(&client.say("CLIENT LIST ID 2"), "cmd"), "client|list");
}

#[test]
fn info_in_a_transaction_shows_the_transaction() {
    let world = World::new();
    let client = world.client();
    let text = client.say("MULTI\r\nCLIENT INFO\r\nEXEC");
    assert_eq!((field(&text, "flags"), field(&text, "multi")), ("x", "1"));
    let text = client.say("CLIENT INFO");
    assert_eq!((field(&text, "flags"), field(&text, "multi"), field(&text, "multi-mem")), ("N", "-1", "0"));
}

#[test]
fn clients_are_listed_by_type_and_by_id_whatever_their_worker() {
    let world = World::new();
    let (client, subscriber, sharded) = (world.client(), world.client_of(1), world.client_of(1));
    subscriber.say("PSUBSCRIBE x");
    sharded.say("SSUBSCRIBE x");
    assert_eq!(client.say("CLIENT ID"), ":1\r\n");
    assert_eq!(listed(&client, "CLIENT LIST"), ["1", "2", "3"]);
    assert_eq!(listed(&client, "CLIENT LIST TYPE normal"), ["1"]);
    assert_eq!(listed(&client, "CLIENT LIST type PubSub"), ["2", "3"]);
    assert_eq!(client.say("CLIENT LIST TYPE slave\r\nCLIENT LIST TYPE master"), "$0\r\n\r\n$0\r\n\r\n");
    assert_eq!(listed(&client, "CLIENT LIST ID 3 99 1 3 -1"), ["3", "1", "3"]);
}

#[test]
fn filters_of_list_that_make_no_sense_are_errors() {
    let world = World::new();
    let client = world.client();
    let cases = [
        ("TYPE nosuch", "Unknown client type 'nosuch'"),
        ("TYPE", "syntax error"),
        ("TYPE normal pubsub", "syntax error"),
        ("ID", "syntax error"),
        ("ID 1 x", "Invalid client ID"),
        ("NOSUCH x", "syntax error"),
    ];
    for (filters, error) in cases {
        assert_eq!(client.say(&format!("CLIENT LIST {filters}")), format!("-ERR {error}\r\n"), "{filters}");
    }
}

#[test]
fn a_listing_shows_those_who_pass_every_filter_and_a_kill_ends_them() {
    let world = World::new();
    let clients: Vec<_> = (0..4).map(|_| world.client()).collect();
    clients[0].say("CLIENT SETNAME a\r\nCLIENT SETINFO LIB-NAME x\r\nCLIENT SETINFO LIB-VER 1");
    clients[1].say("CLIENT SETNAME b\r\nSELECT 3");
    clients[2].say("SUBSCRIBE news");
    world.advance(Duration::from_secs(10));
    clients[3].say("PING");
    for (filters, wanted) in [
        ("NAME a", vec![1]),
        ("NOT-NAME a", vec![2, 3, 4]),
        ("LIB-NAME x LIB-VER 1", vec![1]),
        ("lib-name x lib-ver 2", vec![]),
        ("DB 3", vec![2]),
        ("NOT-DB 0 NAME b", vec![2]),
        ("FLAGS P", vec![3]),
        ("NOT-FLAGS P NOT-NAME a", vec![2, 4]),
        ("IDLE 10", vec![1, 2, 3]),
        ("IDLE 11", vec![]),
        ("MAXAGE 10 TYPE normal", vec![1, 2, 4]),
        ("NOT-TYPE normal", vec![3]),
        ("IP 127.0.0.1", vec![1, 2, 3, 4]),
        ("NOT-IP 127.0.0.1", vec![]),
        ("ID 1 2 3 NOT-ID 2", vec![1, 3]),
        ("SKIPME yes", vec![1, 2, 3]),
        ("USER default NOT-USER default", vec![]),
    ] {
        let wanted: Vec<String> = wanted.iter().map(i32::to_string).collect();
        assert_eq!(listed(&clients[3], &format!("CLIENT LIST {filters}")), wanted, "{filters}");
    }
    for (filters, error) in [
        ("FLAGS Z", "-ERR Unknown flags found in the provided filter: Z\r\n"),
        ("IDLE x", "-ERR idle is not an integer or out of range\r\n"),
        ("NOT-IDLE 1", "-ERR syntax error\r\n"),
        ("NAME", "-ERR syntax error\r\n"),
        ("DB x", "-ERR value is not an integer or out of range\r\n"),
    ] {
        assert_eq!(clients[3].say(&format!("CLIENT LIST {filters}")), error, "{filters}");
    }
    assert_eq!(clients[3].say("CLIENT KILL NOT-NAME a NOT-FLAGS P"), ":1\r\n");
    assert!(clients[1].is_killed() && !clients[0].is_killed());
}
