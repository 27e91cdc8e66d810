//! The beginning of an encrypted connection: nobody is served before it is complete.
//!
//! A step of it computes for up to a millisecond, where others wait for microseconds. So a thread takes one such step at a
//! time, whoever's it is, and everybody else has a turn before the next. How long a handshake may take, and how many may be
//! under way, directives say.

use std::io;

use rustls::{Error, InvalidMessage};
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::acceptor::Ticket;
use super::encrypted::Progress;
use crate::config::Settings;
use crate::ids::Address;
use crate::net::transport::Transport;

/// Lets one handshake of a thread compute at a time.
#[derive(Debug)]
pub(crate) struct Gate(Semaphore);

impl Gate {
    /// That of a thread.
    pub(crate) fn new() -> Self {
        Gate(Semaphore::new(1))
    }
}

/// Completes the handshake of `transport`, in the time that there is for it. False if nothing comes of it: the log says so, but
/// not for each of very many.
pub(crate) async fn complete(transport: &Transport, gate: &Gate, ticket: Ticket, terms: Terms<'_>) -> bool {
    let Terms { settings, address, now_ms } = terms;
    let limit = settings.tls_handshake_timeout.enabled().unwrap_or_default();
    let result = timeout(limit, go_through(transport, gate)).await;
    let reason = match result {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => reason(&error),
        Err(_) => "it took longer than tls-handshake-timeout".to_owned(),
    };
    if let Some(not_shown) = ticket.acceptor().complaints.show(now_ms) {
        tracing::info!(peer = address.peer(), reason, not_shown, "a TLS handshake failed");
    }
    false
}

/// What a handshake goes by, and what the log says of it.
pub(crate) struct Terms<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) address: &'a Address,
    pub(crate) now_ms: u64,
}

async fn go_through(transport: &Transport, gate: &Gate) -> io::Result<()> {
    let mut progress = Progress::Reads;
    loop {
        transport.ready(progress.interest()).await?;
        // Nobody closes the gate.
        let step = gate.0.acquire().await;
        progress = transport.shake()?;
        yield_now().await;
        drop(step);
        if progress == Progress::Complete {
            return Ok(());
        }
    }
}

/// What the log says of a failure.
fn reason(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match inner {
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => "what came is not TLS".to_owned(),
        Some(error) => error.to_string(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => "the peer has gone".to_owned(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::rc::Rc;
    use std::sync::Arc;

    use rustls::pki_types::PrivateKeyDer;
    use rustls::server::UnbufferedServerConnection;
    use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};
    use tokio::task::LocalSet;

    use super::*;
    use crate::net::tls::encrypted::Encrypted;
    use crate::net::tls::provider;
    use crate::net::transport::Detached;
    use crate::process::io_thread::runtime;

    /// What a client sends first.
    fn hello() -> Vec<u8> {
        let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let config = config.expect("all are known").with_root_certificates(RootCertStore::empty());
        let name = "localhost".try_into().expect("it is a name");
        let mut client = ClientConnection::new(Arc::new(config.with_no_client_auth()), name).expect("all is there");
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).expect("memory takes everything");
        bytes
    }

    fn server() -> Encrypted {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("there is chance");
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let config = config.expect("all are known").with_no_client_auth();
        let config = config.with_single_cert(vec![made.cert.der().clone()], key).expect("they belong together");
        Encrypted::new(UnbufferedServerConnection::new(Arc::new(config)).expect("all is there"))
    }

    #[test]
    fn p7_others_have_a_turn_after_each_step_however_many_handshakes_come_at_once() {
        let gate = Rc::new(Gate::new());
        let mut peers = Vec::new();
        LocalSet::new().block_on(&runtime().expect("the system has descriptors"), async {
            for _ in 0..50 {
                let (mut peer, socket) = UnixStream::pair().expect("the system has sockets");
                peer.write_all(&hello()).expect("there is room");
                peer.set_nonblocking(true).expect("sockets can be so");
                socket.set_nonblocking(true).expect("sockets can be so");
                let transport = Detached::unix(socket.into()).encrypted(server()).attach();
                let (transport, gate) = (transport.expect("the reactor takes sockets"), gate.clone());
                tokio::task::spawn_local(async move { go_through(&transport, &gate).await });
                peers.push(peer);
            }
            let answered = Cell::new(0);
            while answered.get() < 50 {
                yield_now().await;
                let before = peers.len();
                peers.retain_mut(|peer| peer.read(&mut [0; 4096]).is_err());
                let steps = before - peers.len();
                assert!(steps <= 1, "{steps} steps between two turns of another task");
                answered.set(answered.get() + steps);
            }
        });
    }
}
