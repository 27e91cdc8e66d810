use std::ffi::OsString;
use std::time::Duration;

use super::{ABSENT, Action, Environment, Mode, Options, Protocol, StdinArgument, parse};
use crate::cli::connection::{Family, Target};
use crate::cli::encryption::Encryption;
use crate::cli::format::Format;
use crate::cli::modes::scan::Selection;

fn try_options(line: &str, environment: Environment) -> Result<Options, String> {
    let words = line.split(' ').filter(|word| !word.is_empty());
    match parse(["redis-cli"].into_iter().chain(words).map(OsString::from), environment)? {
        Action::Run(options) => Ok(*options),
        Action::Show(text) => Err(text),
    }
}

fn options(line: &str) -> Options {
    try_options(line, Environment::default()).expect("the arguments are valid")
}

#[test]
fn options_of_the_environment_stand_before_those_of_the_command_line() {
    let environment = |text: &str| Environment { options: Some(text.into()), ..Environment::default() };
    let options = try_options("-p 7001 ping", environment("--tls -p 7000 --cacert 'my ca.pem'")).expect("all is well");
    assert_eq!((options.target, options.command), (tcp("127.0.0.1", 7001), words(&["ping"])));
    let encryption = Encryption { ca_file: Some("my ca.pem".into()), ..Encryption::default() };
    assert_eq!(options.encryption, Some(encryption));
    assert!(
        try_options("ping", environment("--cacert 'ca.pem")).is_err_and(|text| text.contains("PREGON_CLI_OPTIONS"))
    );
}

#[test]
fn a_connection_is_encrypted_where_an_option_or_the_uri_says_so() {
    assert_eq!(options("--cacert ca.pem ping").encryption, None);
    assert_eq!(options("--tls ping").encryption, Some(Encryption::default()));
    let all = "-u rediss://h --cacert a --cacertdir b --cert c --key d --sni e --insecure ping";
    let encryption = Encryption {
        ca_file: Some("a".into()),
        ca_dir: Some("b".into()),
        certificate: Some("c".into()),
        key: Some("d".into()),
        name: Some("e".into()),
        insecure: true,
    };
    assert_eq!(options(all).encryption, Some(encryption));
}

fn error(line: &str) -> String {
    try_options(line, Environment::default()).expect_err("the arguments are not valid")
}

fn tcp(host: &str, port: u16) -> Target {
    Target::Tcp { host: host.to_owned(), port }
}

fn words(list: &[&str]) -> Vec<Vec<u8>> {
    list.iter().map(|word| word.as_bytes().to_vec()).collect()
}

#[test]
fn without_arguments_the_defaults_hold() {
    let options = options("");
    assert_eq!(options.target, tcp("127.0.0.1", 6379));
    assert_eq!((options.repeat, options.interval, options.database), (1, Duration::ZERO, 0));
    assert_eq!((options.protocol, options.style.format), (Protocol::Resp2, Format::Raw));
    assert_eq!((options.password, options.command), (None, vec![]));
}

#[test]
fn everything_behind_the_command_belongs_to_it() {
    let options = options("-h host -p 7000 -n 3 -r 5 -i 0.25 -x -e publish -h -- --raw -p 1");
    assert_eq!(options.target, tcp("host", 7000));
    assert_eq!((options.database, options.repeat, options.interval), (3, 5, Duration::from_millis(250)));
    assert_eq!((options.argument_from_stdin, options.fail_on_error), (StdinArgument::Last, true));
    assert_eq!(options.command, words(&["publish", "-h", "--", "--raw", "-p", "1"]));
}

#[test]
fn a_value_may_start_with_a_hyphen() {
    let options = options("-a -secret -r -1 ping");
    assert_eq!((options.password, options.repeat), (Some(b"-secret".to_vec()), -1));
}

#[test]
fn a_password_on_the_command_line_is_warned_about() {
    assert!(options("-a x").password_warning);
    assert!(options("--pass x").password_warning);
    assert!(options("-u redis://x@h").password_warning);
    assert!(!options("-a x --no-auth-warning").password_warning);
}

#[test]
fn the_environment_gives_a_password_that_arguments_override() {
    let environment = || Environment { password: Some("env".into()), ..Environment::default() };
    let from_environment = try_options("ping", environment()).expect("valid");
    assert_eq!((from_environment.password, from_environment.password_warning), (Some(b"env".to_vec()), false));
    let given = try_options("-a given", environment()).expect("valid");
    assert_eq!(given.password, Some(b"given".to_vec()));
}

#[test]
fn the_form_follows_the_terminal_unless_chosen() {
    let on_terminal = |line| {
        let environment = Environment { terminal: true, ..Environment::default() };
        try_options(line, environment).expect("valid").style.format
    };
    assert_eq!(on_terminal("ping"), Format::Human);
    assert_eq!(on_terminal("--raw ping"), Format::Raw);
    assert_eq!(options("--no-raw ping").style.format, Format::Human);
    assert_eq!(options("--csv ping").style.format, Format::Csv);
    assert_eq!(options("--csv --raw --json ping").style.format, Format::Json);
}

#[test]
fn json_asks_for_resp3_softly() {
    assert_eq!(options("--json").protocol, Protocol::PreferResp3);
    assert_eq!(options("--json -3").protocol, Protocol::Resp3);
    assert_eq!(options("--json -2").protocol, Protocol::Resp2);
    assert_eq!(error("-2 -3"), "Options -2 and -3 are mutually exclusive.");
}

#[test]
fn options_behind_the_uri_count_over_it() {
    let behind = options("-u redis://ann:pw@h:7000/2 -h other -n 5 --user bob");
    assert_eq!((behind.target, behind.database), (tcp("other", 7000), 5));
    assert_eq!((behind.user, behind.password), (Some(b"bob".to_vec()), Some(b"pw".to_vec())));
    let before = options("-h other -n 5 -u redis://h:7000/2");
    assert_eq!((before.target, before.database), (tcp("h", 7000), 2));
    assert_eq!(options("-p 7001 -u redis://h").target, tcp("h", 7001));
}

#[test]
fn a_unix_socket_counts_over_host_and_port() {
    assert_eq!(options("-h h -s /run/r.sock").target, Target::Unix("/run/r.sock".into()));
}

#[test]
fn what_cannot_be_understood_is_named() {
    assert_eq!(error("--nonsense"), "Unrecognized option or bad number of args for: '--nonsense'");
    assert_eq!(error("-p"), "Unrecognized option or bad number of args for: '-p'");
    assert_eq!(error("-3 -a"), "Unrecognized option or bad number of args for: '-a'");
    assert_eq!(error("-p 70000"), "Invalid server port.");
    assert_eq!(error("-r many ping"), "Invalid value for '-r': 'many'");
    assert_eq!(error("-i -1 ping"), "Invalid value for '-i': '-1'");
    assert_eq!(error("-u http://h"), "Invalid URI scheme");
}

#[test]
fn version_and_help_are_shown() {
    assert!(error("--version").starts_with("redis-cli 7.4.2 (pregon "));
    assert_eq!(error("-v"), error("--version"));
    assert!(error("--help").contains("redis://[user[:password]@]"));
    assert_eq!(error("-h"), error("--help"));
}

#[test]
fn a_mode_is_asked_for_by_its_option_and_the_first_of_several_counts() {
    let selection = |pattern: Option<&str>, count| Selection {
        pattern: pattern.map(|pattern| pattern.as_bytes().to_vec()),
        count,
        key_type: None,
    };
    let modes = [
        ("ping", Mode::Commands),
        ("--scan", Mode::Scan(selection(None, 10))),
        ("--scan --pattern a* --count 7", Mode::Scan(selection(Some("a*"), 7))),
        ("--scan --quoted-pattern \"\\x41*\"", Mode::Scan(selection(Some("A*"), 10))),
        ("--stat --bigkeys", Mode::BigKeys(selection(None, 10))),
        ("--memkeys", Mode::MemoryKeys(selection(None, 10), None)),
        ("--memkeys-samples 5", Mode::MemoryKeys(selection(None, 10), Some(5))),
        ("--memkeys-samples 0", Mode::MemoryKeys(selection(None, 10), None)),
        ("--stat --scan", Mode::Stat),
        ("--latency", Mode::Latency { history: false }),
        ("--latency-history", Mode::Latency { history: true }),
        ("--latency-dist --mono", Mode::Spectrum { grey: true }),
        ("--pipe", Mode::Pipe { timeout: Some(Duration::from_secs(30)) }),
        ("--pipe --pipe-timeout 0", Mode::Pipe { timeout: None }),
        ("--eval x.lua a , b", Mode::Eval("x.lua".into())),
    ];
    for (line, mode) in modes {
        assert_eq!(options(line).mode, mode, "{line}");
    }
    assert_eq!(error("--scan --quoted-pattern \"a"), "Invalid quoted string specified for --quoted-pattern.");
}

#[test]
fn how_to_connect_can_be_chosen() {
    assert_eq!((options("").timeout, options("").family), (Duration::ZERO, Family::V4));
    assert_eq!((options("-t 0.5 -6").timeout, options("-6").family), (Duration::from_millis(500), Family::V6));
    assert_eq!(error("-t soon"), "Invalid connection timeout for -t.");
    assert_eq!(options("-c --verbose get x").command, words(&["get", "x"]));
}

#[test]
fn options_that_exclude_each_other_are_refused() {
    for (line, pair) in
        [("-2 -3", "-2 and -3"), ("-x -X t", "-x and -X"), ("-4 -6", "-4 and -6"), ("-c -s x", "-c and -s")]
    {
        assert_eq!(error(line), format!("Options {pair} are mutually exclusive."));
    }
}

#[test]
fn an_option_that_is_not_here_is_explained_in_one_line() {
    for (option, instead) in ABSENT {
        assert_eq!(error(&format!("{option} x")), format!("This client does not know '{option}': {instead}."));
    }
    assert!(error("--cluster-replicas 1").contains("'--cluster-replicas': there is no cluster"));
    assert_eq!(error("--nonsense"), "Unrecognized option or bad number of args for: '--nonsense'");
}
