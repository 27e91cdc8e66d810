//! CLIENT as clients see it.

mod killing;
mod listing;

use std::time::Duration;

use crate::command::test_support::World;
use crate::resp::Proto;
use crate::upkeep;

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

#[test]
fn a_client_of_another_shard_is_told_what_to_forget() {
    let world = World::new();
    let (reader, writer) = (world.client_of(1).speaking(Proto::Resp3), world.client());
    reader.say("CLIENT TRACKING ON\r\nGET k");
    writer.say("SET k v");
    assert_eq!(reader.heard(), "");
    world.settle();
    assert_eq!(reader.heard(), ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
}

#[test]
fn a_key_that_expires_by_itself_is_to_be_forgotten() {
    let world = World::new();
    let client = world.client().speaking(Proto::Resp3);
    client.say("SET k v PX 5\r\nCLIENT TRACKING ON BCAST");
    world.advance(Duration::from_millis(5));
    while upkeep::remove_keys(&world.shards[0]) {}
    world.settle();
    assert_eq!(client.heard(), ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
}

#[test]
fn a_small_table_lets_clients_forget_keys_that_have_not_changed() {
    let world = World::new();
    let client = world.client().speaking(Proto::Resp3);
    client.say("CONFIG SET tracking-table-max-keys 1\r\nCLIENT TRACKING ON\r\nGET a");
    assert_eq!(client.say("GET b"), "_\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n");
}

#[test]
fn who_has_gone_is_not_told() {
    let world = World::new();
    let (reader, writer) = (world.client().speaking(Proto::Resp3), world.client());
    reader.say("CLIENT TRACKING ON\r\nGET k");
    reader.leave();
    assert_eq!(writer.say("SET k v"), "+OK\r\n");
    assert!(writer.say("INFO clients").contains("tracking_clients:0\r\n"));
}

#[test]
fn options_of_tracking_are_checked_all_the_same() {
    let world = World::new();
    let client = world.client();
    let cases = [
        ("maybe", "syntax error"),
        ("ON NOSUCH", "syntax error"),
        ("ON REDIRECT", "syntax error"),
        ("ON REDIRECT x", "value is not an integer or out of range"),
        ("OFF REDIRECT 99", "The client ID you want redirect to does not exist"),
        ("ON REDIRECT 1 REDIRECT 1", "A client can only redirect to a single other client"),
        ("ON PREFIX a", "PREFIX option requires BCAST mode to be enabled"),
        ("ON BCAST OPTIN", "OPTIN and OPTOUT are not compatible with BCAST"),
        ("ON OPTIN OPTOUT", "You can't specify both OPTIN mode and OPTOUT mode"),
        (
            "ON BCAST PREFIX x PREFIX ab PREFIX a",
            "Prefix 'ab' overlaps with another provided prefix 'a'. Prefixes for a single client must not overlap.",
        ),
    ];
    for (options, error) in cases {
        assert_eq!(client.say(&format!("CLIENT TRACKING {options}")), format!("-ERR {error}\r\n"), "{options}");
    }
}
