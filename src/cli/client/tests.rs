use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::thread;

use socket2::{Domain, Socket, Type};

use super::{Client, Failure};
use crate::cli::options::{Action, Environment, Options, parse};

fn options(line: &str) -> Options {
    let words = ["redis-cli"].into_iter().chain(line.split_whitespace()).map(OsString::from);
    match parse(words, Environment::default()).expect("the arguments are valid") {
        Action::Run(options) => *options,
        Action::Show(text) => panic!("shows {text}"),
    }
}

/// Runs `action` on a client whose server has these bytes ready and then says no more. Returns the result of the action,
/// what was printed on both streams, and what the server received.
fn session<T>(
    line: &str,
    server_says: &'static [u8],
    action: impl FnOnce(&mut Client<'_>) -> T,
) -> (T, String, String, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let server = thread::spawn(move || {
        let (mut peer, _) = listener.accept().expect("the client connects");
        peer.write_all(server_says).expect("the client reads");
        peer.shutdown(Shutdown::Write).expect("the client is there");
        let mut received = Vec::new();
        // A reset is an end as well.
        let _ = peer.read_to_end(&mut received);
        received
    });
    let options = options(&format!("-p {port} {line}"));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut client = Client::new(&options, false, &mut out, &mut err);
    let result = action(&mut client);
    drop(client);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the texts are UTF-8");
    (result, text(out), text(err), text(server.join().expect("the server does not panic")))
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

fn run_all(client: &mut Client<'_>, lines: &[&str]) -> Result<(), Failure> {
    lines.iter().try_for_each(|line| client.run(&words(line), 1))
}

#[test]
fn a_connection_starts_with_password_database_and_protocol() {
    let line = "--user ann -a pw -n 2 -3";
    let (result, out, err, received) =
        session(line, b"+OK\r\n+OK\r\n%0\r\n+PONG\r\n", |client| run_all(client, &["ping"]));
    assert!(result.is_ok());
    assert_eq!((out.as_str(), err.as_str()), ("PONG\n", ""));
    assert_eq!(
        received,
        "*3\r\n$4\r\nAUTH\r\n$3\r\nann\r\n$2\r\npw\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n\
         *2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*1\r\n$4\r\nping\r\n"
    );
}

#[test]
fn a_refused_password_is_reported_and_the_command_is_sent_all_the_same() {
    let (result, out, err, _) =
        session("-a x -n 1", b"-WRONGPASS no\r\n-NOAUTH no\r\n", |client| run_all(client, &["ping"]));
    assert!(result.is_ok());
    assert_eq!((out.as_str(), err.as_str()), ("NOAUTH no\n\n", "AUTH failed: WRONGPASS no\n"));
}

#[test]
fn an_error_reply_is_fatal_only_where_asked() {
    let (result, out, err, _) = session("-e", b"-ERR no\r\n", |client| run_all(client, &["x"]));
    assert!(matches!(result, Err(Failure::Fatal)));
    assert_eq!((out.as_str(), err.as_str()), ("", "ERR no\n"));
    let (result, out, err, _) = session("", b"-ERR no\r\n", |client| run_all(client, &["x"]));
    assert!(result.is_ok());
    assert_eq!((out.as_str(), err.as_str()), ("ERR no\n\n", ""));
}

#[test]
fn a_command_is_repeated() {
    let (result, out, _, received) = session("", b":1\r\n:2\r\n:3\r\n", |client| client.run(&words("incr k"), 3));
    assert!(result.is_ok());
    assert_eq!(out, "1\n2\n3\n");
    assert_eq!(received.matches("incr").count(), 3);
}

#[test]
fn a_server_that_goes_away_is_a_loss_except_for_shutdown() {
    let (result, ..) = session("", b"", |client| run_all(client, &["ping"]));
    assert!(matches!(result, Err(Failure::Lost(lost)) if lost.to_string() == "Server closed the connection"));
    let (result, out, err, _) = session("", b"", |client| run_all(client, &["SHUTDOWN"]));
    assert!(result.is_ok());
    assert_eq!((out.as_str(), err.as_str()), ("", ""));
}

#[test]
fn subscribe_waits_for_each_confirmation_and_prints_messages_in_between() {
    let says = b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n\
        *3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n*3\r\n$7\r\nmessage\r\n$1\r\nb\r\n$1\r\nn\r\n";
    let (prompts, out, ..) = session("--csv", says, |client| {
        run_all(client, &["SUBSCRIBE a b"]).expect("it is answered");
        assert!(client.is_subscribed());
        let prompt = client.prompt();
        client.print_message().expect("a message is there");
        prompt
    });
    assert!(prompts.ends_with("(subscribed mode)> "));
    assert_eq!(out, "\"subscribe\",\"a\",1\n\"message\",\"a\",\"m\"\n\"subscribe\",\"b\",2\n\"message\",\"b\",\"n\"\n");
}

#[test]
fn in_resp3_a_subscribed_client_prints_pushes_and_still_gets_replies() {
    let says =
        b"%0\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n+PONG\r\n";
    let (result, out, ..) = session("-3 --csv", says, |client| run_all(client, &["subscribe a", "ping"]));
    assert!(result.is_ok());
    assert_eq!(out, "\"subscribe\",\"a\",1\n\"message\",\"a\",\"m\"\n\"PONG\"\n");
}

#[test]
fn pushes_outside_of_subscriptions_are_printed_where_wanted() {
    const SAYS: &[u8] = b"%0\r\n>2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n>1\r\n$1\r\nx\r\n$1\r\nv\r\n";
    let printed = |line| session(line, SAYS, |client| run_all(client, &["get k"])).1;
    assert_eq!(printed("-3 --raw"), "v\n");
    assert_eq!(printed("-3 --no-raw --show-pushes yes"), "-> invalidate: 'a', 'b'\n1) \"x\"\n\"v\"\n");
    assert_eq!(printed("-3 --csv --show-pushes yes"), "\"invalidate\",\"a\",\"b\"\n\"x\"\n\"v\"\n");
}

#[test]
fn monitor_prints_until_the_server_closes() {
    let says = b"+OK\r\n+1.2 [0 127.0.0.1:1] \"ping\"\r\n";
    let (result, out, err, _) = session("", says, |client| run_all(client, &["monitor"]));
    assert!(matches!(result, Err(Failure::Fatal)));
    assert_eq!(out, "OK\n1.2 [0 127.0.0.1:1] \"ping\"\n");
    assert_eq!(err, "Error: Server closed the connection\n");
}

#[test]
fn the_prompt_shows_database_and_transaction() {
    let says = b"+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n+OK\r\n-ERR no\r\n+RESET\r\n";
    let (prompts, ..) = session("", says, |client| {
        let disconnected = client.prompt();
        let mut after = |line| {
            run_all(client, &[line]).expect("it is answered");
            client.prompt().split_once(['[', '(', '>']).map(|(_, rest)| rest.to_owned()).expect("a prompt")
        };
        let lines = ["select 3", "multi", "ping", "exec", "multi", "exec", "reset"];
        (disconnected, lines.map(&mut after))
    });
    assert_eq!(prompts.0, "not connected> ");
    assert_eq!(prompts.1, ["3]> ", "3](TX)> ", "3](TX)> ", "3]> ", "3](TX)> ", "3]> ", " "]);
}

#[test]
fn a_closed_port_is_reported() {
    // Bound, so that nobody else gets the port, and not listening.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    let port = socket.local_addr().expect("bound").as_socket().expect("an address").port();
    let options = options(&format!("-p {port}"));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let result = Client::new(&options, false, &mut out, &mut err).run(&words("ping"), 1);
    assert!(matches!(result, Err(Failure::Unreachable)));
    let expected = format!("Could not connect to Redis at 127.0.0.1:{port}: Connection refused\n");
    assert_eq!(String::from_utf8_lossy(&err), expected);
}
