//! A client that speaks raw bytes, for tests that compare exactly what the server sends.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::DEADLINE;

/// A blocking connection whose reads and writes fail after [`DEADLINE`].
///
/// All methods panic with what was expected and what came, because a test has nothing else to do then.
#[derive(Debug)]
pub struct Peer {
    stream: Stream,
    /// What was received and not yet consumed.
    received: Vec<u8>,
    /// Whether a connection over TLS has ended without a word.
    is_cut: bool,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Encrypted(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    fn duplex(&mut self) -> &mut dyn Duplex {
        match self {
            Stream::Plain(stream) => stream,
            Stream::Encrypted(stream) => stream,
        }
    }
}

trait Duplex: Read + Write {}
impl<T: Read + Write> Duplex for T {}

impl Peer {
    /// Connects to `addr`, as [`TestServer::addr`](super::TestServer::addr) gives it.
    pub fn connect(addr: &str) -> Peer {
        Peer { stream: Stream::Plain(Peer::open(addr)), received: Vec::new(), is_cut: false }
    }

    /// The same over TLS, to a server whose certificate is for `localhost`. The handshake comes with the first bytes.
    pub fn connect_encrypted(addr: &str, config: Arc<ClientConfig>) -> Peer {
        let name = "localhost".try_into().expect("it is a name");
        let connection = ClientConnection::new(config, name).unwrap_or_else(|e| panic!("TLS: {e}"));
        let stream = StreamOwned::new(connection, Peer::open(addr));
        Peer { stream: Stream::Encrypted(Box::new(stream)), received: Vec::new(), is_cut: false }
    }

    fn open(addr: &str) -> TcpStream {
        let stream = TcpStream::connect(addr).unwrap_or_else(|e| panic!("connecting to {addr}: {e}"));
        let configured = stream
            .set_nodelay(true)
            .and_then(|()| stream.set_read_timeout(Some(DEADLINE)))
            .and_then(|()| stream.set_write_timeout(Some(DEADLINE)));
        configured.unwrap_or_else(|e| panic!("socket options for {addr}: {e}"));
        stream
    }

    /// What the handshake of a connection failed with, which it has to.
    pub fn expect_refusal(&mut self) -> String {
        let duplex = self.stream.duplex();
        let sent = duplex.write_all(b"PING\r\n").and_then(|()| duplex.flush());
        // Who sends its certificate last hears only then that it is not let in.
        let heard = sent.and_then(|()| duplex.read(&mut [0; 100]));
        heard.expect_err("the server must not let it in").to_string()
    }

    /// Sends `bytes` as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let duplex = self.stream.duplex();
        if let Err(e) = duplex.write_all(bytes).and_then(|()| duplex.flush()) {
            panic!("sending {}: {e}", bytes.escape_ascii());
        }
    }

    /// Sends `first`, and of what holds `second` the first half; answers the rest, for [`Peer::send_rest`]. Over TLS that is in
    /// the middle of a record.
    pub fn send_half(&mut self, first: &[u8], second: &[u8]) -> Vec<u8> {
        self.send(first);
        let mut bytes = second.to_vec();
        if let Stream::Encrypted(stream) = &mut self.stream {
            bytes.clear();
            let written = stream.conn.writer().write_all(second).and_then(|()| stream.conn.write_tls(&mut bytes));
            written.unwrap_or_else(|e| panic!("encrypting: {e}"));
        }
        let rest = bytes.split_off(bytes.len() / 2);
        self.send_rest(&bytes);
        rest
    }

    /// Sends bytes as they are, past what encrypts.
    pub fn send_rest(&mut self, bytes: &[u8]) {
        let socket = match &mut self.stream {
            Stream::Plain(socket) => socket,
            Stream::Encrypted(stream) => &mut stream.sock,
        };
        socket.write_all(bytes).unwrap_or_else(|e| panic!("sending: {e}"));
    }

    /// Sends one command as an array of bulk strings.
    pub fn send_command<A: AsRef<[u8]>>(&mut self, args: &[A]) {
        self.send(encode_command(args));
    }

    /// Sends one command and returns the bytes of the next frame, which is its reply unless a push comes first.
    pub fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Vec<u8> {
        self.send_command(args);
        self.read_frame()
    }

    /// Reads as many bytes as `expected` has and fails when they differ.
    pub fn expect(&mut self, expected: impl AsRef<[u8]>) {
        let expected = expected.as_ref();
        while self.received.len() < expected.len() {
            if !self.received.is_empty() && !expected.starts_with(&self.received) {
                break;
            }
            if self.fill() == 0 {
                break;
            }
        }
        if self.received.starts_with(expected) {
            self.received.drain(..expected.len());
        } else {
            panic!("expected {}\n     got {}", expected.escape_ascii(), self.received.escape_ascii());
        }
    }

    /// Reads one whole RESP2 or RESP3 frame and returns its bytes, line ends included.
    ///
    /// An attribute (`|`) belongs to the frame that follows it.
    pub fn read_frame(&mut self) -> Vec<u8> {
        loop {
            if let Some(len) = frame_len(&self.received) {
                return self.received.drain(..len).collect();
            }
            if self.fill() == 0 {
                panic!("the connection ended within a frame: {}", self.received.escape_ascii());
            }
        }
    }

    /// Whether a frame that ends in this text comes within a tenth of a second; others that come are passed over.
    pub fn comes_soon(&mut self, text: &str) -> bool {
        let end = format!("{text}\r\n");
        let Stream::Plain(socket) = &self.stream else { panic!("not over TLS") };
        let socket = socket.try_clone().unwrap_or_else(|e| panic!("the socket: {e}"));
        let wait = |wait| socket.set_read_timeout(Some(wait)).unwrap_or_else(|e| panic!("the socket: {e}"));
        wait(Duration::from_millis(100));
        let found = loop {
            if let Some(len) = frame_len(&self.received) {
                let frame: Vec<u8> = self.received.drain(..len).collect();
                if frame.ends_with(end.as_bytes()) {
                    break true;
                }
                continue;
            }
            let mut chunk = [0; 4096];
            match self.stream.duplex().read(&mut chunk) {
                Ok(count) if count > 0 => self.received.extend_from_slice(&chunk[..count]),
                _ => break false,
            }
        };
        wait(DEADLINE);
        found
    }

    /// Waits until the server closes the connection, and fails when it sends anything before.
    pub fn expect_closed(&mut self) {
        let rest = self.read_to_end();
        assert!(!self.is_cut, "the server has not said that it closes the connection");
        assert!(rest.is_empty(), "expected the end of the connection, got {}", rest.escape_ascii());
    }

    /// Everything the server sends until it closes the connection. A reset counts as the end, and so does a cut of TLS.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        while self.fill() != 0 {}
        std::mem::take(&mut self.received)
    }

    /// Tells the server that nothing more will be sent; reading goes on.
    pub fn finish_sending(&mut self) {
        let socket = match &mut self.stream {
            Stream::Plain(socket) => socket,
            Stream::Encrypted(stream) => {
                stream.conn.send_close_notify();
                stream.flush().unwrap_or_else(|e| panic!("closing the sending side: {e}"));
                &mut stream.sock
            }
        };
        if let Err(e) = socket.shutdown(Shutdown::Write) {
            panic!("closing the sending side: {e}");
        }
    }

    /// Receives more bytes and returns how many; 0 is the end of the connection.
    fn fill(&mut self) -> usize {
        let mut chunk = [0; 64 * 1024];
        loop {
            match self.stream.duplex().read(&mut chunk) {
                Ok(n) => {
                    self.received.extend_from_slice(&chunk[..n]);
                    return n;
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::ConnectionReset => return 0,
                Err(e) if e.kind() == ErrorKind::UnexpectedEof => {
                    self.is_cut = true;
                    return 0;
                }
                Err(e) => panic!("nothing came in time ({e}); held so far: {}", self.received.escape_ascii()),
            }
        }
    }
}

/// `args` as an array of bulk strings, the form in which clients send a command.
pub fn encode_command<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        let arg = arg.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// The length in bytes of the whole frame that `bytes` begins with; `None` while it is incomplete.
fn frame_len(bytes: &[u8]) -> Option<usize> {
    let line_len = bytes.windows(2).position(|pair| pair == b"\r\n")? + 2;
    let header = &bytes[1..line_len - 2];
    match bytes[0] {
        b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => Some(line_len),
        b'$' | b'!' | b'=' => {
            let whole = count(header).map_or(line_len, |len| line_len + len + 2);
            (bytes.len() >= whole).then_some(whole)
        }
        b'*' | b'~' | b'>' => frames_len(bytes, line_len, count(header).unwrap_or(0)),
        b'%' => frames_len(bytes, line_len, 2 * count(header).unwrap_or(0)),
        b'|' => frames_len(bytes, line_len, 2 * count(header).unwrap_or(0) + 1),
        _ => panic!("no frame begins like this: {}", bytes.escape_ascii()),
    }
}

/// Where `frames` frames end that begin at `start`.
fn frames_len(bytes: &[u8], start: usize, frames: usize) -> Option<usize> {
    (0..frames).try_fold(start, |end, _| Some(end + frame_len(&bytes[end..])?))
}

/// The number in a header; `None` for the null of RESP2 (-1).
fn count(header: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(header).unwrap_or_else(|_| panic!("no length: {}", header.escape_ascii()));
    match text.parse::<i64>() {
        Ok(n) => usize::try_from(n).ok(),
        Err(e) => panic!("no length: {text}: {e}"),
    }
}
