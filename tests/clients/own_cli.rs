//! The client that the binary is itself, beside redis-cli: both print the same, byte for byte, and end alike.

use std::process::Command;

use crate::redis_cli::{Case, Cli};

/// The cases that need no password.
pub(crate) const CASES: &[(&str, Case)] = &[
    ("our_own_client_prints_replies_alike", prints_replies_alike),
    ("our_own_client_lists_and_compares_keys_alike", lists_and_compares_keys_alike),
    ("our_own_client_takes_arguments_alike", takes_arguments_alike),
    ("our_own_client_runs_script_files_alike", runs_script_files_alike),
    ("our_own_client_explains_commands_alike", explains_commands_alike),
    ("our_own_client_pipes_alike", pipes_alike),
    ("our_own_client_measures_in_the_same_form", measures_in_the_same_form),
];

/// How redis-cli and our own client end and what they print, which has to be the same.
fn compare(cli: &Cli, args: &[&str], input: &[u8]) {
    let [theirs, ours] = both(cli, args).map(|mut command| outcome(&mut command, input));
    assert_eq!(ours, theirs, "{args:?}");
}

fn both(cli: &Cli, args: &[&str]) -> [Command; 2] {
    let mut ours = Command::new(env!("CARGO_BIN_EXE_pregon"));
    ours.arg("cli");
    [cli.command(args), cli.prepare(ours, args)]
}

/// The exit code, standard output and standard error.
fn outcome(command: &mut Command, input: &[u8]) -> (Option<i32>, String, String) {
    let output = crate::redis_cli::finish(command, input);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn fill(cli: &Cli) {
    let keys =
        "rpush list a b c\nrpush long a b c d\nset short 1\nset \"odd\\x01\\\" key\" 12345\nxadd stream 1-1 a b\n";
    cli.run_with_input(&[], keys.as_bytes());
}

fn prints_replies_alike(cli: &Cli) {
    fill(cli);
    for form in ["--raw", "--no-raw", "--csv", "--json", "--quoted-json"] {
        for command in [
            &["get", "odd\x01\" key"] as &[&str],
            &["get", "missing"],
            &["lrange", "list", "0", "-1"],
            &["xrange", "stream", "-", "+"],
            &["strlen", "short"],
            &["ping"],
            &["lpush", "short", "x"],
        ] {
            compare(cli, &[&[form], command].concat(), b"");
        }
    }
    compare(cli, &["-d", "|", "-D", "", "lrange", "list", "0", "-1"], b"");
    compare(cli, &["-e", "proclaim"], b"");
}

/// There are keys: without them, redis-cli names the types in another order.
fn lists_and_compares_keys_alike(cli: &Cli) {
    fill(cli);
    for mode in [
        &["--scan"] as &[&str],
        &["--no-raw", "--scan"],
        &["--csv", "--scan"],
        &["--scan", "--pattern", "l*"],
        &["--scan", "--quoted-pattern", "\"odd\\x01*\""],
        &["--scan", "--quoted-pattern", "\"odd"],
        &["--bigkeys"],
        &["--bigkeys", "--pattern", "l*"],
        &["--memkeys"],
        &["--memkeys-samples", "2"],
    ] {
        compare(cli, mode, b"");
    }
}

fn takes_arguments_alike(cli: &Cli) {
    for (args, input) in [
        (&["-x", "set", "a"] as &[&str], "from outside\n"),
        (&["-X", "tag", "set", "b", "tag"], "from outside\n"),
        (&["-X", "tag", "set", "b", "x"], "from outside\n"),
        (&["-x", "-X", "tag", "get"], ""),
        (&["--quoted-input", "set", "\"c\\x00\"", "'d'"], ""),
        (&["--quoted-input", "set", "\"c"], ""),
        (&["-c", "--verbose", "--show-pushes", "no", "get", "a"], ""),
        (&["-r", "3", "-i", "0.001", "get", "a"], ""),
        (&["-n", "3", "dbsize"], ""),
        (&["--pattern"], ""),
        (&["--nonsense"], ""),
    ] {
        compare(cli, args, input.as_bytes());
    }
}

/// A comma of its own stands between keys and arguments; one that touches a word is part of it.
fn runs_script_files_alike(cli: &Cli) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.to_string_lossy().into_owned()
    };
    let answers = file("answers.lua", "return {KEYS, ARGV, #KEYS, false, {ok = 'FINE'}, redis.call('PING')}\n");
    for words in ["", "k", "k l , a b", "k ,", ", a", ",", "k, a", "k ,a", "k , , a"] {
        let words: Vec<&str> = words.split_whitespace().collect();
        for form in ["--raw", "--no-raw", "--csv", "--json"] {
            compare(cli, &[&[form, "--eval", &answers], &words[..]].concat(), b"");
        }
    }
    compare(cli, &["--no-raw", "-r", "2", "--eval", &answers, "k", ",", "a"], b"");
    let scripts = [
        file("empty.lua", ""),
        file("misspelt.lua", "retrun 1"),
        file("failing.lua", "return redis.call('LPUSH', KEYS[1])"),
        file("refused.lua", "return redis.error_reply('SOLD OUT')"),
        file("reading.lua", "#!lua flags=no-writes\nreturn redis.call('SET', KEYS[1], 'taken')"),
        folder.path().join("missing.lua").to_string_lossy().into_owned(),
    ];
    for script in &scripts {
        compare(cli, &["--eval", script, "seat"], b"");
        compare(cli, &["-e", "--no-raw", "--eval", script, "seat"], b"");
    }
}

fn explains_commands_alike(cli: &Cli) {
    for topic in ["get", "pubsub", "@pubsub", "@transactions", "@string", "subscribe extra", "nothing"] {
        let words: Vec<&str> = ["help"].into_iter().chain(topic.split(' ')).collect();
        compare(cli, &words, b"");
        compare(cli, &[], format!("help {topic}\nping\n").as_bytes());
    }
}

fn pipes_alike(cli: &Cli) {
    compare(cli, &["--pipe"], b"");
    compare(cli, &["--pipe"], &b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n".repeat(1000));
    compare(cli, &["--pipe"], b"SET a 1\r\nPROCLAIM\r\nGET a\r\n");
}

fn measures_in_the_same_form(cli: &Cli) {
    for form in ["--raw", "--csv", "--json"] {
        let masked = both(cli, &["--latency", form, "-i", "0.03"]).map(|mut command| {
            let (code, out, err) = outcome(&mut command, b"");
            let mut masked = out.replace(|digit: char| digit.is_ascii_digit(), "0");
            while masked.contains("00") {
                masked = masked.replace("00", "0");
            }
            (code, masked, err)
        });
        assert_eq!(masked[1], masked[0], "{form}");
    }
}
