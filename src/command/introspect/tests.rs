//! COMMAND and HELP as clients see them.

mod documents;

use crate::clock::Clock;
use crate::command::new_server;
use crate::command::test_support::{Peer, World};
use crate::config::Config;
use crate::config::absent::is_absent;
use crate::resp::Proto;

/// Says `request` in both versions of the protocol.
fn in_both(request: &str) -> [String; 2] {
    Proto::ALL.map(|proto| World::new().client().speaking(proto).say(request))
}

/// The bulk strings of an answer.
fn bulks(client: &Peer, request: &str) -> Vec<String> {
    let text = client.say(request);
    let lines: Vec<&str> = text.lines().collect();
    lines.windows(2).filter(|pair| pair[0].starts_with('$')).map(|pair| pair[1].to_owned()).collect()
}

#[test]
fn info_tells_a_command_in_ten_elements() {
    let [resp2, resp3] = in_both("COMMAND INFO spublish");
    let head = "*1\r\n*10\r\n$8\r\nspublish\r\n:3\r\n";
    let flags = "4\r\n+pubsub\r\n+loading\r\n+stale\r\n+fast\r\n:1\r\n:1\r\n:1\r\n";
    let spec = "$5\r\nflags\r\nS1\r\n+not_key\r\n$12\r\nbegin_search\r\nM2\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n\
                M1\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\nM2\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\nM3\r\n\
                $7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n";
    let tail = format!("S2\r\n+@pubsub\r\n+@fast\r\nS0\r\nS1\r\nM3\r\n{spec}S0\r\n");
    assert_eq!(resp3, format!("{head}~{flags}{}", tail.replace('S', "~").replace('M', "%")));
    let flat = tail.replace('S', "*").replace("M1", "*2").replace("M2", "*4").replace("M3", "*6");
    assert_eq!(resp2, format!("{head}*{flags}{flat}"));
}

#[test]
fn info_of_a_container_has_its_subcommands_within() {
    let world = World::new();
    let client = world.client();
    assert!(client.say("COMMAND INFO client").starts_with("*1\r\n*10\r\n$6\r\nclient\r\n:-2\r\n*0\r\n"));
    let names = bulks(&client, "COMMAND INFO client");
    assert!(names.contains(&"client|kill".to_owned()) && names.contains(&"client|no-touch".to_owned()));
    assert!(client.say("COMMAND INFO CLIENT|List").starts_with("*1\r\n*10\r\n$11\r\nclient|list\r\n:-2\r\n"));
}

#[test]
fn info_of_what_does_not_exist_is_null() {
    assert_eq!(in_both("COMMAND INFO nosuch client|nosuch"), ["*2\r\n$-1\r\n$-1\r\n", "*2\r\n_\r\n_\r\n"]);
}

#[test]
fn bare_command_and_info_and_docs_tell_about_all_commands() {
    let world = World::new();
    let client = world.client().speaking(Proto::Resp3);
    let count = client.say("COMMAND COUNT").trim_end().trim_start_matches(':').to_owned();
    let all = client.say("COMMAND");
    assert!(all.starts_with(&format!("*{count}\r\n*10\r\n")));
    assert_eq!(client.say("COMMAND INFO"), all);
    assert!(client.say("COMMAND DOCS").starts_with(&format!("%{count}\r\n")));
    assert_eq!(client.say("COMMAND NOSUCH"), "-ERR unknown subcommand 'NOSUCH'. Try COMMAND HELP.\r\n");
}

#[test]
fn docs_tell_what_people_want_to_know() {
    let [resp2, resp3] = in_both("COMMAND DOCS quit nosuch client|reply");
    assert!(resp2.starts_with("*4\r\n$4\r\nquit\r\n*14\r\n$7\r\nsummary\r\n$65\r\nEnds the connection, once what was sent before has been answered.\r\n"));
    assert!(resp3.starts_with("%2\r\n$4\r\nquit\r\n%7\r\n$7\r\nsummary\r\n$65\r\nEnds the connection, once what was sent before has been answered.\r\n"));
    let deprecated = "$9\r\ndoc_flags\r\n~1\r\n+deprecated\r\n$16\r\ndeprecated_since\r\n$5\r\n7.2.0\r\n";
    assert!(resp3.contains(deprecated), "{resp3}");
    let arguments = "$9\r\narguments\r\n*1\r\n%3\r\n$4\r\nname\r\n$6\r\naction\r\n$4\r\ntype\r\n$5\r\noneof\r\n$9\r\n\
                     arguments\r\n*3\r\n%4\r\n$4\r\nname\r\n$2\r\non\r\n$4\r\ntype\r\n$10\r\npure-token\r\n$12\r\n\
                     display_text\r\n$2\r\non\r\n$5\r\ntoken\r\n$2\r\nON\r\n";
    assert!(resp3.contains(arguments), "{resp3}");
}

#[test]
fn docs_of_arguments_say_what_is_special_about_them() {
    let world = World::new();
    let docs = world.client().speaking(Proto::Resp3).say("COMMAND DOCS client|kill");
    for part in [
        "$7\r\nhistory\r\n~6\r\n*2\r\n$6\r\n2.8.12\r\n",
        "$12\r\ndisplay_text\r\n$7\r\nip:port\r\n$16\r\ndeprecated_since\r\n$6\r\n2.8.12\r\n",
        "$5\r\ntoken\r\n$6\r\nMAXAGE\r\n$5\r\nsince\r\n$5\r\n7.4.0\r\n$5\r\nflags\r\n~1\r\n+optional\r\n",
    ] {
        assert!(docs.contains(part), "{part}");
    }
}

#[test]
fn list_can_be_filtered() {
    let world = World::new();
    let client = world.client();
    let transactions = ["discard", "exec", "multi", "unwatch", "watch"];
    let mut found = bulks(&client, "COMMAND LIST FILTERBY aclcat TRANSACTION");
    found.sort();
    assert_eq!(found, transactions);
    assert_eq!(bulks(&client, "COMMAND LIST FILTERBY PATTERN CLIENT|*ID"), ["client|id"]);
    assert_eq!(client.say("COMMAND LIST FILTERBY MODULE json"), "*0\r\n");
    assert_eq!(client.say("COMMAND LIST FILTERBY ACLCAT nosuch"), "*0\r\n");
    assert!(bulks(&client, "COMMAND LIST").contains(&"client|list".to_owned()));
    for wrong in ["x", "FILTERBY", "FILTERBY ACLCAT", "FILTERBY NOSUCH x", "FILTERBY ACLCAT pubsub x"] {
        assert_eq!(client.say(&format!("COMMAND LIST {wrong}")), "-ERR syntax error\r\n", "{wrong}");
    }
}

#[test]
fn getkeys_says_why_there_are_none() {
    let world = World::new();
    let client = world.client();
    for (request, error) in [
        ("NOSUCH x", "Invalid command specified"),
        ("CLIENT NOSUCH", "Invalid command specified"),
        ("CLIENT", "The command has no key arguments"),
        ("CLIENT LIST", "The command has no key arguments"),
        ("PUBLISH a", "The command has no key arguments"),
        ("SSUBSCRIBE a", "The command has no key arguments"),
    ] {
        for word in ["GETKEYS", "GETKEYSANDFLAGS"] {
            assert_eq!(client.say(&format!("COMMAND {word} {request}")), format!("-ERR {error}\r\n"), "{request}");
        }
    }
    assert_eq!(client.say("COMMAND GETKEYS"), "-ERR wrong number of arguments for 'command|getkeys' command\r\n");
}

#[test]
fn help_names_every_subcommand_with_its_arguments() {
    for help in in_both("CLIENT HELP") {
        for line in [
            "+CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
            "+PAUSE <timeout> [WRITE|ALL]",
            "+LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID <client-id> [<client-id> ...]] [(NAME <name>|LIB-NAME \
             <lib-name>|LIB-VER <lib-ver>|IDLE <idle>|FLAGS <flags>|IP <ip>|DB <db>) ...]",
            "+NO-EVICT (ON|OFF)",
            "+    Print this help.",
        ] {
            assert!(help.lines().any(|shown| shown == line), "{line}");
        }
    }
    assert!(in_both("COMMAND HELP")[0].contains("\r\n+(no subcommand)\r\n"));
}

#[test]
fn a_renamed_command_is_known_by_its_new_name_only() {
    let world = World::with(&[("rename-command", "PING pong"), ("rename-command", "ECHO \"\"")]);
    let client = world.client();
    assert_eq!(client.say("COMMAND INFO ping echo"), "*2\r\n$-1\r\n$-1\r\n");
    assert!(client.say("COMMAND INFO PONG").starts_with("*1\r\n*10\r\n$4\r\nping\r\n"));
    assert_eq!(client.say("COMMAND LIST FILTERBY PATTERN echo"), "*0\r\n");
}

#[test]
fn commands_that_only_redis_has_may_be_renamed_and_what_nobody_has_may_not() {
    let renamed =
        |pairs: &[(&str, &str)]| Config::from_pairs(pairs).and_then(|config| new_server(config, Clock::real()));
    let hardened =
        [("rename-command", "HSET \"\""), ("rename-command", "Zadd b840fc"), ("rename-command", "PING \"\"")];
    assert!(renamed(&hardened).is_ok());
    for wrong in ["FROBNICATE \"\"", "HSET1 x", "PING GET"] {
        assert!(renamed(&[("rename-command", wrong)]).is_err(), "{wrong}");
    }
    let world = World::new();
    for name in bulks(&world.client(), "COMMAND LIST") {
        assert!(!is_absent(name.as_bytes()), "{name}");
    }
}
