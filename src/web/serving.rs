//! Connections of operators and their programs.

use std::convert::Infallible;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::spawn_local;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::events::Lease;
use super::history;
use super::routes::Pages;
use crate::net::listen::Listener;
use crate::net::tls::acceptor::Acceptor;
use crate::server::Server;

/// Connections at a time; more wait in the kernel's queue.
const MOST_CONNECTIONS: usize = 64;
/// How long a connection may take for its handshake, and for the head of each request.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection lives; whoever asks again and again comes back on another one. So nobody who stops reading keeps
/// others out for long. Those that are sent [events](super::events) live longer, as long as they take them.
const LIFETIME: Duration = Duration::from_secs(60);
/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;
/// How long nothing is accepted when that has failed.
const BACK_OFF: Duration = Duration::from_millis(100);

/// What is served, and how.
pub(crate) struct Site {
    pub(crate) server: Arc<Server>,
    /// What encrypts connections.
    pub(crate) acceptor: Arc<Acceptor>,
    /// Whether it does so here.
    pub(crate) is_encrypted: bool,
}

/// Begins to serve what is asked for at these listeners, by tasks of this thread.
pub(crate) fn serve(site: Site, listeners: Vec<Listener>) {
    if listeners.is_empty() {
        return;
    }
    let Site { server, acceptor, is_encrypted } = site;
    let tls = is_encrypted.then(|| acceptor.clone());
    let pages = Rc::new(Pages::new(server, acceptor));
    spawn_local(look(pages.clone()));
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    for listener in listeners {
        tracing::info!(address = listener.place(), kind = "http", "listening");
        match TcpListener::from_std(listener.into_socket().into()) {
            Ok(listener) => drop(spawn_local(accept(listener, pages.clone(), room.clone(), tls.clone()))),
            Err(error) => tracing::error!(%error, "cannot serve metrics"),
        }
    }
}

/// Looks at the server once a second.
async fn look(pages: Rc<Pages>) {
    let mut ticks = interval(history::STEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        pages.look();
    }
}

async fn accept(listener: TcpListener, pages: Rc<Pages>, room: Arc<Semaphore>, tls: Option<Arc<Acceptor>>) {
    loop {
        // It is never closed.
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection for metrics");
                sleep(BACK_OFF).await;
                continue;
            }
        };
        let (pages, tls) = (pages.clone(), tls.clone());
        spawn_local(async move {
            match tls {
                None => answer(stream, pages, LIFETIME, PATIENCE).await,
                Some(acceptor) => {
                    // Anew for each, because certificates are renewed.
                    let Some(credentials) = acceptor.credentials() else { return };
                    let accepted = timeout(PATIENCE, TlsAcceptor::from(credentials.config.clone()).accept(stream));
                    match accepted.await {
                        Ok(Ok(stream)) => answer(stream, pages, LIFETIME, PATIENCE).await,
                        Ok(Err(error)) => tracing::debug!(%error, "a handshake for metrics failed"),
                        Err(_) => {}
                    }
                }
            }
            drop(permit);
        });
    }
}

/// Answers the requests of one connection for so long, or as long as it takes the events that it has asked for, and has
/// `parting` for the last one.
async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    pages: Rc<Pages>,
    lifetime: Duration,
    parting: Duration,
) {
    let lease = Lease::of(lifetime);
    let own = lease.clone();
    let service = service_fn(move |request| {
        let answer = pages.answer(&request, &own);
        async move { Ok::<_, Infallible>(answer) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut served = pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = lease.ended() => {
            served.as_mut().graceful_shutdown();
            timeout(parting, served).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection for metrics ended");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;
    use crate::clock::Clock;
    use crate::command::new_server;
    use crate::config::Config;
    use crate::process::io_thread::runtime;

    /// Lets somebody ask for this and read nothing. Comes to an end if the connection does.
    fn ask_in_vain(path: &str, lifetime: Duration, patience: Duration) {
        let config = Config::from_pairs(&[("io-threads", "1")]).expect("a valid directive");
        let server = new_server(config, Clock::real()).expect("nothing is renamed");
        let mut pages = Pages::new(server, Arc::default());
        pages.watchers.patience = patience;
        let pages = Rc::new(pages);
        runtime().expect("the system has descriptors").block_on(async {
            let (mut peer, stream) = duplex(64);
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let asks = async {
                peer.write_all(request.as_bytes()).await.expect("it is read");
                peer
            };
            let answered = answer(stream, pages.clone(), lifetime, Duration::from_millis(1));
            // Its end stays open, and nothing is read there.
            let both = async { tokio::join!(asks, answered) };
            timeout(PATIENCE, both).await.expect("it is let go");
            assert!(!pages.watchers.is_anybody());
        });
    }

    #[test]
    fn p11_whoever_asks_and_does_not_read_keeps_its_connection_for_a_time_only() {
        ask_in_vain("/json", Duration::from_millis(1), PATIENCE);
    }

    #[test]
    fn p11_whoever_watches_and_does_not_read_keeps_its_connection_for_a_time_only() {
        ask_in_vain("/events", LIFETIME, Duration::from_millis(1));
    }
}
