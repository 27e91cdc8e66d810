//! Servers over TLS, whose certificates are renewed, have ended or are another's.

use rustix::process::Signal;

use super::server::next_free_port;
use super::{Authority, TestServer};

/// Which certificate a server shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// One for `localhost` and 127.0.0.1.
    Valid,
    /// The same, but its time is over.
    Ended,
    /// One for other names.
    OfAnother,
}

/// A server that shows a certificate and wants to see one.
#[derive(Debug)]
pub struct Encrypted {
    /// Who has given all certificates at first.
    pub authority: Authority,
    /// Who gives the certificate that a renewal brings.
    pub next: Authority,
    /// The server itself.
    pub server: TestServer,
    /// For TLS; there is another one for plain connections.
    pub port: u16,
}

impl Encrypted {
    /// Starts it, with further arguments.
    pub fn start(shows: Shows, args: &[&str]) -> Self {
        let (authority, next, port) = (Authority::new(), Authority::new(), next_free_port());
        match shows {
            Shows::Valid => {}
            Shows::Ended => authority.give_ended("server", "localhost", &["localhost", "127.0.0.1"]),
            Shows::OfAnother => authority.give("server", "other", &["other.example", "192.0.2.1"]),
        }
        let own = authority.server_args(port);
        let all: Vec<&str> = own.iter().map(String::as_str).chain(args.iter().copied()).collect();
        Encrypted { server: TestServer::start(&all), authority, next, port }
    }

    /// Lets the server take a certificate of the next authority.
    pub fn renew(&self) {
        self.next.give("server", "renewed", &["localhost", "127.0.0.1"]);
        self.authority.adopt("server", &self.next);
        self.server.signal(Signal::HUP);
        self.server.expect_log("certificate=CN=renewed until");
    }
}
