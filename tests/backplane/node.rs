//! A node of a deployment, and clients of it.

pub(crate) use crate::support::engine::Engine;
pub(crate) use crate::support::nodes::{JOINED, eventually, start_alone};
use crate::support::server::next_free_port;
use crate::support::{Authority, Peer, TestServer};

/// Starts a node of the deployment of `engine`, with these options, that has joined it.
pub(crate) fn start(engine: &Engine, options: &[&str]) -> TestServer {
    let node = start_alone(&engine.url(), options);
    node.expect_log(JOINED);
    node
}

/// A client of a node.
pub(crate) fn client(node: &TestServer) -> Peer {
    Peer::connect(&node.addr())
}

/// A client of a node that has subscribed by this command to these names, and has read the confirmations.
pub(crate) fn subscriber(node: &TestServer, command: &str, names: &[&[u8]]) -> Peer {
    let mut peer = client(node);
    subscribe(&mut peer, command, names);
    peer
}

/// Subscribes a client to more, and reads the confirmations.
pub(crate) fn subscribe(peer: &mut Peer, command: &str, names: &[&[u8]]) {
    peer.send_command(&[&[command.as_bytes()], names].concat());
    for name in names {
        let frame = peer.read_frame();
        let expected = [command.to_lowercase().as_bytes(), name].map(<[u8]>::to_vec);
        assert!(parts(&frame) == expected, "{}", frame.escape_ascii());
    }
}

/// Publishes, and answers how many heard it at this node.
pub(crate) fn publish(peer: &mut Peer, channel: &[u8], payload: &[u8]) -> Vec<u8> {
    peer.call(&[b"PUBLISH", channel, payload])
}

/// The parts of the message that comes next.
pub(crate) fn next_message(peer: &mut Peer) -> Vec<Vec<u8>> {
    parts(&peer.read_frame())
}

/// The bulks of an array.
pub(crate) fn parts(frame: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    let mut rest = frame;
    while let Some(begin) = rest.iter().position(|byte| *byte == b'$') {
        let digits = &rest[begin + 1..];
        let line = digits.iter().position(|byte| *byte == b'\r').expect("a length ends");
        let len: usize = String::from_utf8_lossy(&digits[..line]).parse().expect("a length is a number");
        parts.push(digits[line + 2..line + 2 + len].to_vec());
        rest = &digits[line + 2 + len..];
    }
    parts
}

/// Expects a message to a channel.
pub(crate) fn expect_message(peer: &mut Peer, channel: &[u8], payload: &[u8]) {
    let message = next_message(peer);
    let expected = [&b"message"[..], channel, payload].map(<[u8]>::to_vec);
    assert!(
        message == expected,
        "expected {} bytes for {}, got {:?}",
        payload.len(),
        channel.escape_ascii(),
        short(&message)
    );
}

fn short(parts: &[Vec<u8>]) -> Vec<String> {
    parts.iter().map(|part| part[..part.len().min(80)].escape_ascii().to_string()).collect()
}

/// What INFO says of the backplane of a node by this name.
pub(crate) fn figure(peer: &mut Peer, name: &str) -> String {
    let text = String::from_utf8(peer.call(&["INFO", "backplane"])).expect("INFO is text");
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("backplane_{name}:")));
    line.unwrap_or_else(|| panic!("{name} is not among {text}")).to_string()
}

/// Waits until INFO says this.
pub(crate) fn expect_figure(peer: &mut Peer, name: &str, expected: impl Fn(&str) -> bool) {
    eventually(&format!("{name} becomes what it is to be"), || expected(&figure(peer, name)));
}

/// A Pregon as upstream that speaks TLS alone with nodes, which have to show a certificate, and serves the user `ann` by the
/// password `s3cr@t`.
pub(crate) struct SecuredUpstream {
    authority: Authority,
    pub(crate) port: u16,
    _server: TestServer,
}

impl SecuredUpstream {
    pub(crate) fn start() -> Self {
        let (authority, port) = (Authority::new(), next_free_port());
        let user = ["--user", "ann on >s3cr@t ~* &* +@all"].map(String::from);
        let args = [&authority.server_args(port)[..], &user].concat();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let _server = TestServer::start(&args);
        SecuredUpstream { authority, port, _server }
    }

    /// What a node needs to be let in, beside the password.
    pub(crate) fn options(&self) -> Vec<String> {
        let files = ["ca-cert-file", "cert-file", "key-file"].into_iter().zip(["ca.pem", "alice.pem", "alice.key"]);
        files.flat_map(|(name, file)| [format!("--backplane-tls-{name}"), self.authority.text(file)]).collect()
    }
}
