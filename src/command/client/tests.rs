//! CLIENT as clients see it.

mod killing;
mod listing;
mod tracking;

use std::time::Duration;

use crate::command::test_support::World;
use crate::resp::Proto;

#[test]
fn a_name_is_kept_until_an_empty_one_takes_it_away() {
    for (proto, null) in [(Proto::Resp2, "$-1\r\n"), (Proto::Resp3, "_\r\n")] {
        let world = World::new();
        let client = world.client().speaking(proto);
        assert_eq!(client.say("CLIENT GETNAME"), null);
        assert_eq!(client.say("CLIENT SETNAME me\r\nCLIENT GETNAME"), "+OK\r\n$2\r\nme\r\n");
        let refused = "-ERR Client names cannot contain spaces, newlines or special characters.\r\n";
        assert_eq!(client.say("CLIENT SETNAME \"a b\"\r\nCLIENT GETNAME"), format!("{refused}$2\r\nme\r\n"));
        assert_eq!(client.say("CLIENT SETNAME \"\"\r\nCLIENT GETNAME"), format!("+OK\r\n{null}"));
    }
}

#[test]
fn an_attribute_that_is_refused_keeps_its_value() {
    let world = World::new();
    let client = world.client();
    assert_eq!(client.say("CLIENT SETINFO lib-name mine\r\nCLIENT SETINFO LIB-VER 1.2"), "+OK\r\n+OK\r\n");
    let refused = "-ERR lib-Name cannot contain spaces, newlines or special characters.\r\n";
    assert_eq!(client.say("CLIENT SETINFO lib-Name \"a b\""), refused);
    assert_eq!(client.say("CLIENT SETINFO LIB x"), "-ERR Unrecognized option 'LIB'\r\n");
    assert!(client.say("CLIENT INFO").contains(" lib-name=mine lib-ver=1.2 "));
}

#[test]
fn reply_off_silences_all_but_confirmations_and_messages() {
    for (proto, kind) in [(Proto::Resp2, '*'), (Proto::Resp3, '>')] {
        let world = World::new();
        let (client, other) = (world.client().speaking(proto), world.client());
        let confirmation = format!("{kind}3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n");
        assert_eq!(client.say("CLIENT REPLY OFF\r\nPING\r\nNOSUCH\r\nSUBSCRIBE x"), confirmation);
        assert_eq!(other.say("PUBLISH x hi"), ":1\r\n");
        world.settle();
        assert_eq!(client.heard(), format!("{kind}3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$2\r\nhi\r\n"));
        let end = format!("{kind}3\r\n$11\r\nunsubscribe\r\n$1\r\nx\r\n:0\r\n");
        assert_eq!(client.say("UNSUBSCRIBE x\r\nCLIENT REPLY ON\r\nECHO a"), format!("{end}+OK\r\n$1\r\na\r\n"));
    }
}

#[test]
fn reply_skip_silences_itself_and_the_next_command() {
    let world = World::new();
    let client = world.client();
    assert_eq!(client.say("CLIENT REPLY SKIP\r\nECHO 1\r\nECHO 2"), "$1\r\n2\r\n");
    assert_eq!(client.say("CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nECHO 1\r\nECHO 2"), "$1\r\n2\r\n");
    assert_eq!(client.say("CLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\nECHO 2"), "+OK\r\n$1\r\n2\r\n");
    assert_eq!(client.say("CLIENT REPLY SKIP\r\nCLIENT REPLY maybe\r\nECHO 2"), "$1\r\n2\r\n");
    assert_eq!(client.say("CLIENT REPLY OFF\r\nCLIENT REPLY SKIP\r\nECHO 1\r\nECHO 2"), "");
}

#[test]
fn reply_off_in_a_transaction_leaves_the_array_whole() {
    let world = World::new();
    let client = world.client();
    let answer = client.say("MULTI\r\nCLIENT REPLY OFF\r\nECHO 1\r\nEXEC\r\nECHO 2\r\nCLIENT REPLY ON");
    assert_eq!(answer, "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n$1\r\n1\r\n+OK\r\n");
    assert_eq!(client.say("MULTI\r\nCLIENT REPLY ON\r\nECHO 1\r\nEXEC").lines().last(), Some("1"));
}

#[test]
fn a_pause_of_writes_holds_publish_back_until_unpause() {
    let world = World::new();
    let (operator, publisher) = (world.client(), world.client_of(1));
    assert_eq!(operator.say("CLIENT PAUSE 1000 WRITE"), "+OK\r\n");
    assert_eq!(publisher.say("ECHO 1\r\nPUBLISH x y\r\nECHO 2"), "$1\r\n1\r\n");
    let line = operator.say(&format!("CLIENT LIST ID {}", publisher.id()));
    assert!(line.contains(" flags=b ") && !line.contains(" argv-mem=0 "), "{line}");
    assert_eq!(publisher.resume(), "");
    assert_eq!(operator.say("CLIENT UNPAUSE\r\nCLIENT UNPAUSE"), "+OK\r\n+OK\r\n");
    assert_eq!(publisher.resume(), ":0\r\n$1\r\n2\r\n");
    let line = operator.say(&format!("CLIENT LIST ID {}", publisher.id()));
    assert!(line.contains(" flags=N ") && line.contains(" argv-mem=0 "), "{line}");
}

#[test]
fn a_pause_of_everything_ends_by_itself() {
    let world = World::new();
    let client = world.client();
    assert_eq!(client.say("CLIENT PAUSE 1000\r\nECHO x"), "+OK\r\n");
    world.advance(Duration::from_millis(999));
    assert_eq!(client.resume(), "");
    world.advance(Duration::from_millis(1));
    assert_eq!(client.resume(), "$1\r\nx\r\n");
    assert_eq!(client.say("CLIENT PAUSE 0\r\nECHO x"), "+OK\r\n$1\r\nx\r\n");
}

#[test]
fn a_later_pause_makes_an_earlier_one_neither_shorter_nor_laxer() {
    let world = World::new();
    let client = world.client();
    let in_transaction = "MULTI\r\nCLIENT PAUSE 1000 ALL\r\nCLIENT PAUSE 10 WRITE\r\nEXEC\r\nECHO x";
    assert!(client.say(in_transaction).ends_with("*2\r\n+OK\r\n+OK\r\n"));
    world.advance(Duration::from_millis(999));
    assert_eq!(client.resume(), "");
    world.advance(Duration::from_millis(1));
    assert_eq!(client.resume(), "$1\r\nx\r\n");
}

#[test]
fn pause_and_unblock_say_what_is_wrong_with_their_arguments() {
    let world = World::new();
    let client = world.client();
    let too_many =
        |word: &str| format!("-ERR unknown subcommand or wrong number of arguments for '{word}'. Try CLIENT HELP.\r\n");
    let cases = [
        ("CLIENT PAUSE x NOSUCH", "-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n".to_owned()),
        ("CLIENT PAUSE 1.5", "-ERR timeout is not an integer or out of range\r\n".to_owned()),
        ("CLIENT PAUSE -1", "-ERR timeout is negative\r\n".to_owned()),
        ("CLIENT PAUSE 9223372036854775807", "-ERR timeout is out of range\r\n".to_owned()),
        ("CLIENT pause 1 ALL x", too_many("pause")),
        ("CLIENT UNBLOCK x NOSUCH", "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n".to_owned()),
        ("CLIENT UNBLOCK x", "-ERR value is not an integer or out of range\r\n".to_owned()),
        ("CLIENT UNBLOCK 1 ERROR", ":0\r\n".to_owned()),
        ("CLIENT UNBLOCK 1 ERROR x", too_many("UNBLOCK")),
    ];
    for (request, answer) in cases {
        assert_eq!(client.say(request), answer, "{request}");
    }
}
