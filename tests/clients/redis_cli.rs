//! redis-cli as people type it and as scripts call it, in RESP2 and with `-3`.

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};

use crate::cases::PASSWORD;
use crate::encryption::TLS_1_2;
use crate::own_cli;
use crate::support::encrypted::{Encrypted, Shows};
use crate::support::engine::EngineKind;
use crate::support::language::{output_of, version};
use crate::support::lines::read_lines;
use crate::support::trial::Unchecked;
use crate::support::{DEADLINE, TestServer, TwoNodes};

/// What keeps this machine from running redis-cli; `None` when it is there. Version 7 is the first with COMMAND DOCS.
pub(crate) fn missing() -> Option<&'static str> {
    let found = output_of("redis-cli", &["--version"]).filter(|v| version(v) >= (7, 0));
    found.is_none().then_some("needs redis-cli 7")
}

/// One trial for each case and protocol version.
pub(crate) fn trials() -> impl Iterator<Item = Unchecked> {
    let open = CASES.iter().chain(own_cli::CASES).map(|&(name, case)| (name, case, &[] as &[&str]));
    let protected = PROTECTED_CASES.iter().map(|&(name, case)| (name, case, &["--requirepass", PASSWORD] as &[&str]));
    let runs = open.chain(protected).flat_map(|run| [2, 3].map(|resp| (run, resp)));
    let encrypted = CASES.iter().filter(|(name, _)| OVER_TLS.contains(name)).map(|&(name, case)| Unchecked {
        name: format!("redis_cli::tls::{name}"),
        run: Box::new(move || {
            case(&Cli::over_tls(Shows::Valid, &[]));
            Ok(())
        }),
    });
    let of_tls = OF_TLS.iter().map(|&(name, case)| Unchecked {
        name: format!("redis_cli::tls::{name}"),
        run: Box::new(move || {
            case();
            Ok(())
        }),
    });
    let plain = runs.map(|((name, case, arguments), resp)| Unchecked {
        name: format!("redis_cli::resp{resp}::{name}"),
        run: Box::new(move || {
            case(&Cli { served: Served::Server(TestServer::start(arguments)), resp });
            Ok(())
        }),
    });
    plain.chain(encrypted).chain(of_tls)
}

/// One trial for each case that is about messages, with publishers at one node and subscribers at another.
pub(crate) fn trials_between_nodes(kind: EngineKind) -> impl Iterator<Item = Unchecked> {
    let cases = CASES.iter().filter(|(name, _)| BETWEEN_NODES.contains(name));
    cases.map(move |&(name, case)| Unchecked {
        name: format!("redis_cli::resp2::{name} (two nodes, {})", kind.name()),
        run: Box::new(move || {
            case(&Cli { served: Served::Nodes(Box::new(TwoNodes::start(kind))), resp: 2 });
            Ok(())
        }),
    })
}

/// Those of the cases that are also done between nodes.
const BETWEEN_NODES: [&str; 5] = [
    "subscribe_prints_what_is_published",
    "psubscribe_prints_pattern_and_channel",
    "ssubscribe_prints_sharded_messages",
    "a_thousand_commands_come_through_standard_input",
    "the_message_comes_from_standard_input",
];

/// Those of the cases that are also done over TLS.
const OVER_TLS: [&str; 3] = [
    "publish_prints_how_many_received",
    "subscribe_prints_what_is_published",
    "a_thousand_commands_come_through_standard_input",
];

/// Cases about TLS, each with a server of its own.
const OF_TLS: &[(&str, fn())] = &[
    ("a_connection_outlives_its_certificate", a_connection_outlives_its_certificate),
    ("a_certificate_that_has_ended_is_refused", a_certificate_that_has_ended_is_refused),
    ("a_certificate_for_another_name_is_not_noticed", a_certificate_for_another_name_is_not_noticed),
    ("tls_1_2_is_spoken_where_nothing_else_is", tls_1_2_is_spoken_where_nothing_else_is),
];

pub(crate) type Case = fn(&Cli);

const CASES: &[(&str, Case)] = &[
    ("publish_prints_how_many_received", publish_prints_how_many_received),
    ("subscribe_prints_what_is_published", subscribe_prints_what_is_published),
    ("psubscribe_prints_pattern_and_channel", psubscribe_prints_pattern_and_channel),
    ("ssubscribe_prints_sharded_messages", ssubscribe_prints_sharded_messages),
    ("csv_prints_one_line_for_each_message", csv_prints_one_line_for_each_message),
    ("a_thousand_commands_come_through_standard_input", a_thousand_commands_come_through_standard_input),
    ("a_transaction_is_typed_line_by_line", a_transaction_is_typed_line_by_line),
    ("help_is_built_from_the_command_documentation", help_is_built_from_the_command_documentation),
    ("an_unknown_command_is_explained", an_unknown_command_is_explained),
    ("info_names_the_version", info_names_the_version),
    ("the_client_list_names_the_command", the_client_list_names_the_command),
    ("the_message_comes_from_standard_input", the_message_comes_from_standard_input),
    ("redis_benchmark_measures_what_exists_and_ends_where_it_does_not", redis_benchmark_measures_what_exists),
];

/// Cases whose server asks for [`PASSWORD`].
const PROTECTED_CASES: &[(&str, Case)] = &[
    ("the_right_password_opens_the_server", the_right_password_opens_the_server),
    ("a_wrong_password_is_refused", a_wrong_password_is_refused),
    ("a_missing_password_is_refused", a_missing_password_is_refused),
];

/// redis-cli with the options that reach the server of one test.
pub(crate) struct Cli {
    served: Served,
    resp: u8,
}

/// What it talks to.
enum Served {
    Server(TestServer),
    Encrypted(Box<Encrypted>),
    /// Publishing at one, listening at the other.
    Nodes(Box<TwoNodes>),
}

impl Cli {
    /// One whose server shows such a certificate and wants to see one.
    fn over_tls(shows: Shows, args: &[&str]) -> Self {
        Cli { served: Served::Encrypted(Box::new(Encrypted::start(shows, args))), resp: 2 }
    }

    /// The port for everything but listening.
    fn port(&self) -> u16 {
        match &self.served {
            Served::Server(server) => server.port(),
            Served::Encrypted(server) => server.port,
            Served::Nodes(nodes) => nodes.publishers.port(),
        }
    }

    /// What PUBLISH answers when so many hear it: those at its own node.
    fn counted(&self, receivers: usize) -> String {
        let own = if matches!(self.served, Served::Nodes(_)) { 0 } else { receivers };
        format!("{own}\n")
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.prepare(Command::new("redis-cli"), args)
    }

    /// The same for a program that takes redis-cli's options.
    pub(crate) fn prepare(&self, command: Command, args: &[&str]) -> Command {
        self.prepare_for(self.port(), command, args)
    }

    fn prepare_for(&self, port: u16, mut command: Command, args: &[&str]) -> Command {
        command.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
        if let Served::Encrypted(server) = &self.served {
            let files = [("--cacert", "ca.pem"), ("--cert", "alice.pem"), ("--key", "alice.key")];
            command
                .arg("--tls")
                .args(files.into_iter().flat_map(|(option, file)| [option.into(), server.authority.text(file)]));
        }
        if self.resp == 3 {
            command.arg("-3");
        }
        // What the person who runs the tests has set for servers of their own.
        command.env_remove("REDISCLI_AUTH").env_remove("FAKETTY");
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// What redis-cli prints when it is called with `args`.
    fn run(&self, args: &[&str]) -> String {
        self.run_with_input(args, b"")
    }

    /// The same, with `input` on its standard input. What it complains about stands before what it answers, because
    /// nothing says which of the two streams it wrote to first.
    pub(crate) fn run_with_input(&self, args: &[&str], input: &[u8]) -> String {
        let mut child = Running(spawn(self.command(args).stdin(Stdio::piped())));
        let (complaint, complaints) = mpsc::channel();
        read_lines(child.0.stderr.take(), complaint);
        let (answer, answers) = mpsc::channel();
        read_lines(child.0.stdout.take(), answer);
        if let Some(mut stdin) = child.0.stdin.take() {
            stdin.write_all(input).unwrap_or_else(|e| panic!("writing to redis-cli: {e}"));
        }
        let answered = all_lines(&answers);
        all_lines(&complaints) + &answered
    }

    /// A redis-cli that runs until the test ends, for example one that subscribes.
    fn listen(&self, args: &[&str]) -> Listener {
        let port = if let Served::Nodes(nodes) = &self.served { nodes.subscribers.port() } else { self.port() };
        let mut child = Running(spawn(&mut self.prepare_for(port, Command::new("redis-cli"), args)));
        let (sender, lines) = mpsc::channel();
        read_lines(child.0.stdout.take(), sender);
        Listener { _child: child, lines }
    }
}

/// Gives a program its standard input and waits for its end.
pub(crate) fn finish(command: &mut Command, input: &[u8]) -> Output {
    let mut child = spawn(command.stdin(Stdio::piped()));
    if let Some(mut stdin) = child.stdin.take() {
        // It may end without having read it.
        let _ = stdin.write_all(input);
    }
    child.wait_with_output().unwrap_or_else(|e| panic!("waiting: {e}"))
}

/// What redis-cli writes to one of its streams until it ends.
fn all_lines(lines: &Receiver<String>) -> String {
    let mut printed = String::new();
    loop {
        match lines.recv_timeout(DEADLINE) {
            Ok(line) => printed.push_str(&line),
            Err(RecvTimeoutError::Disconnected) => return printed,
            Err(RecvTimeoutError::Timeout) => panic!("redis-cli does not end; it printed {printed}"),
        }
    }
}

/// A child that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // An error says that it has already ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The lines that a subscribed redis-cli prints.
struct Listener {
    _child: Running,
    lines: Receiver<String>,
}

impl Listener {
    fn expect(&self, expected: &[&str]) {
        for expected in expected {
            let line = self.lines.recv_timeout(DEADLINE);
            let line = line.unwrap_or_else(|e| panic!("waiting for {expected}: {e}"));
            assert_eq!(line.trim_end_matches('\n'), *expected);
        }
    }
}

/// What redis-cli prints before messages, except where its output is raw.
const ANNOUNCEMENT: &str = "Reading messages... (press Ctrl-C to quit)";

fn spawn(command: &mut Command) -> Child {
    command.spawn().unwrap_or_else(|e| panic!("redis-cli: {e}"))
}

fn publish_prints_how_many_received(cli: &Cli) {
    assert_eq!(cli.run(&["--no-raw", "publish", "news", "hello"]), "(integer) 0\n");
    let listener = cli.listen(&["--no-raw", "subscribe", "news"]);
    listener.expect(&[ANNOUNCEMENT, "1) \"subscribe\"", "2) \"news\"", "3) (integer) 1"]);
    assert_eq!(cli.run(&["--no-raw", "publish", "news", "hello"]), "(integer) 1\n");
    assert_eq!(cli.run(&["publish", "news", "two\r\nlines"]), "1\n");
    listener.expect(&["1) \"message\"", "2) \"news\"", "3) \"hello\""]);
    listener.expect(&["1) \"message\"", "2) \"news\"", "3) \"two\\r\\nlines\""]);
}

fn subscribe_prints_what_is_published(cli: &Cli) {
    let listener = cli.listen(&["subscribe", "news", "sport"]);
    listener.expect(&["subscribe", "news", "1", "subscribe", "sport", "2"]);
    assert_eq!(cli.run(&["publish", "sport", "¡gol!"]), cli.counted(1));
    listener.expect(&["message", "sport", "¡gol!"]);
    let channels = cli.run(&["pubsub", "channels"]);
    assert!(channels.contains("news\n") && channels.contains("sport\n"), "{channels}");
    assert_eq!(cli.run(&["pubsub", "numsub", "news"]), "news\n1\n");
}

fn psubscribe_prints_pattern_and_channel(cli: &Cli) {
    let listener = cli.listen(&["psubscribe", "n?ws*"]);
    listener.expect(&["psubscribe", "n?ws*", "1"]);
    assert_eq!(cli.run(&["publish", "news.es", "hello"]), cli.counted(1));
    listener.expect(&["pmessage", "n?ws*", "news.es", "hello"]);
    assert_eq!(cli.run(&["--no-raw", "pubsub", "numpat"]), "(integer) 1\n");
}

fn ssubscribe_prints_sharded_messages(cli: &Cli) {
    let listener = cli.listen(&["ssubscribe", "orders"]);
    listener.expect(&["ssubscribe", "orders", "1"]);
    assert_eq!(cli.run(&["publish", "orders", "plain"]), "0\n");
    assert_eq!(cli.run(&["spublish", "orders", "sharded"]), cli.counted(1));
    listener.expect(&["smessage", "orders", "sharded"]);
}

fn csv_prints_one_line_for_each_message(cli: &Cli) {
    let listener = cli.listen(&["--csv", "subscribe", "news"]);
    listener.expect(&[ANNOUNCEMENT, "\"subscribe\",\"news\",1"]);
    assert_eq!(cli.run(&["--csv", "publish", "news", "a \"quoted\" word"]), "1\n");
    listener.expect(&["\"message\",\"news\",\"a \\\"quoted\\\" word\""]);
}

fn a_thousand_commands_come_through_standard_input(cli: &Cli) {
    let listener = cli.listen(&["--csv", "subscribe", "news"]);
    listener.expect(&[ANNOUNCEMENT, "\"subscribe\",\"news\",1"]);
    let commands: String = (0..1000).map(|n| format!("publish news \"message {n}\"\n")).collect();
    assert_eq!(cli.run_with_input(&[], commands.as_bytes()), cli.counted(1).repeat(1000));
    for n in 0..1000 {
        listener.expect(&[&format!("\"message\",\"news\",\"message {n}\"")]);
    }
}

fn a_transaction_is_typed_line_by_line(cli: &Cli) {
    let typed = b"multi\npublish news 1\nping\nexec\n";
    let printed = cli.run_with_input(&["--no-raw"], typed);
    assert_eq!(printed, "OK\nQUEUED\nQUEUED\n1) (integer) 0\n2) PONG\n");
}

fn help_is_built_from_the_command_documentation(cli: &Cli) {
    let help = cli.run_with_input(&[], b"help publish\nhelp ssubscribe\nping\n");
    for part in ["PUBLISH", "channel message", "since:", "2.0.0", "group:", "pubsub", "SSUBSCRIBE", "7.0.0"] {
        assert!(help.contains(part), "{part} is missing in {help}");
    }
    assert!(help.ends_with("PONG\n"), "{help}");
}

fn an_unknown_command_is_explained(cli: &Cli) {
    let printed = cli.run(&["proclaim", "news", "hello"]);
    assert_eq!(printed.trim_end(), "ERR unknown command 'proclaim', with args beginning with: 'news' 'hello'");
    let printed = cli.run(&["-e", "publish", "news"]);
    assert_eq!(printed.trim_end(), "ERR wrong number of arguments for 'publish' command");
}

fn info_names_the_version(cli: &Cli) {
    let info = cli.run(&["info"]);
    for part in ["# Server\r\n", "\nredis_version:", "\r\n# Clients\r\n", "\npubsub_channels:0\r\n"] {
        assert!(info.contains(part), "{part:?} is missing in {info}");
    }
    let server = cli.run(&["info", "server"]);
    assert!(server.contains(&format!("\ntcp_port:{}\r\n", cli.port())), "{server}");
    assert!(!server.contains("# Clients"), "{server}");
}

fn the_client_list_names_the_command(cli: &Cli) {
    let listener = cli.listen(&["subscribe", "news"]);
    listener.expect(&["subscribe", "news", "1"]);
    let list = cli.run(&["client", "list"]);
    assert!(list.contains(" cmd=client|list user=default "), "{list}");
    assert!(list.contains(" flags=P db=0 sub=1 psub=0 "), "{list}");
    let typed = b"client setname crier\nclient getname\nclient info\nselect 3\nclient id\n";
    let printed = cli.run_with_input(&[], typed);
    assert!(printed.starts_with("OK\ncrier\nid="), "{printed}");
    assert!(printed.contains(&format!(" resp={} ", cli.resp)), "{printed}");
}

fn the_message_comes_from_standard_input(cli: &Cli) {
    let listener = cli.listen(&["--no-raw", "subscribe", "news"]);
    listener.expect(&[ANNOUNCEMENT, "1) \"subscribe\"", "2) \"news\"", "3) (integer) 1"]);
    assert_eq!(cli.run_with_input(&["-x", "publish", "news"], b"\x00\xff\n"), cli.counted(1));
    listener.expect(&["1) \"message\"", "2) \"news\"", "3) \"\\x00\\xff\\n\""]);
}

/// With the list that `docs/performance.md` names.
fn redis_benchmark_measures_what_exists(cli: &Cli) {
    let document = include_str!("../../docs/performance.md");
    let line = document.lines().find_map(|line| line.strip_prefix("redis-benchmark -q -t "));
    let list = line.unwrap_or_else(|| panic!("the document names no list"));
    let run = |tests: &[&str]| {
        let mut command = Command::new("redis-benchmark");
        command.args(["-p", &cli.port().to_string(), "-q", "-n", "200", "-c", "5"]).args(tests);
        finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()), b"")
    };
    let some = run(&["-t", list]);
    let printed = String::from_utf8_lossy(&some.stdout).into_owned();
    assert!(some.status.success(), "{printed}");
    for name in
        ["PING_INLINE: ", "SET: ", "GET: ", "INCR: ", "RPOP: ", "LRANGE_600 (first 600 elements): ", "MSET (10 keys): "]
    {
        assert!(printed.contains(name), "{name} is missing in {printed}");
    }
    let all = run(&[]);
    assert_eq!(all.status.code(), Some(1));
    let complaint = String::from_utf8_lossy(&all.stderr);
    assert!(complaint.starts_with("Error from server: ERR unknown command 'SADD'"), "{complaint}");
}

fn the_right_password_opens_the_server(cli: &Cli) {
    assert_eq!(cli.run(&["--no-auth-warning", "-a", PASSWORD, "ping"]), "PONG\n");
    let as_default = ["--no-auth-warning", "--user", "default", "--pass", PASSWORD, "publish", "news", "hello"];
    assert_eq!(cli.run(&as_default), "0\n");
    let printed = cli.run_with_input(&[], format!("auth \"{PASSWORD}\"\nping\n").as_bytes());
    assert!(printed.ends_with("OK\nPONG\n"), "{printed}");
}

fn a_wrong_password_is_refused(cli: &Cli) {
    let printed = cli.run(&["--no-auth-warning", "-a", "wrong", "publish", "news", "hello"]);
    let refusal = "WRONGPASS invalid username-password pair or user is disabled.";
    assert!(printed.contains(&format!("AUTH failed: {refusal}")), "{printed}");
    assert!(printed.contains("NOAUTH Authentication required."), "{printed}");
}

fn a_missing_password_is_refused(cli: &Cli) {
    let printed = cli.run(&["publish", "news", "hello"]);
    assert!(printed.contains("NOAUTH Authentication required."), "{printed}");
}

const UNTRUSTED: &str = "SSL_connect failed: certificate verify failed";

fn a_connection_outlives_its_certificate() {
    let cli = Cli::over_tls(Shows::Valid, &[]);
    let listener = cli.listen(&["subscribe", "news"]);
    listener.expect(&["subscribe", "news", "1"]);
    let Served::Encrypted(server) = &cli.served else { panic!("it was made so") };
    server.renew();
    let answer = cli.run(&["--cacert", &server.next.text("ca.pem"), "publish", "news", "still there"]);
    assert_eq!(answer, "1\n");
    listener.expect(&["message", "news", "still there"]);
    let answer = cli.run(&["ping"]);
    assert!(answer.contains(UNTRUSTED), "{answer}");
}

fn a_certificate_that_has_ended_is_refused() {
    let answer = Cli::over_tls(Shows::Ended, &[]).run(&["ping"]);
    assert!(answer.contains(UNTRUSTED), "{answer}");
}

/// redis-cli does not compare the name in a certificate with that of the server which it asked for; `pregon cli` does.
fn a_certificate_for_another_name_is_not_noticed() {
    assert_eq!(Cli::over_tls(Shows::OfAnother, &[]).run(&["ping"]), "PONG\n");
}

fn tls_1_2_is_spoken_where_nothing_else_is() {
    assert_eq!(Cli::over_tls(Shows::Valid, TLS_1_2).run(&["ping"]), "PONG\n");
}
