//! Connections of operators and their programs.

use std::convert::Infallible;
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
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::routes::Pages;
use crate::net::listen::Listener;
use crate::net::tls::acceptor::Acceptor;
use crate::server::Server;

/// Connections at a time; more wait in the kernel's queue.
const MOST_CONNECTIONS: usize = 64;
/// How long a connection may take for its handshake, and for the head of each request.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;
/// How long nothing is accepted when that has failed.
const BACK_OFF: Duration = Duration::from_millis(100);

/// What is served, and how.
pub(crate) struct Site {
    pub(crate) server: Arc<Server>,
    /// What encrypts connections; none if they are plain.
    pub(crate) tls: Option<Arc<Acceptor>>,
}

/// Begins to serve what is asked for at these listeners, by tasks of this thread.
pub(crate) fn serve(site: Site, listeners: Vec<Listener>) {
    let Site { server, tls } = site;
    let pages = Rc::new(Pages::new(server));
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    for listener in listeners {
        tracing::info!(address = listener.place(), kind = "http", "listening");
        match TcpListener::from_std(listener.into_socket().into()) {
            Ok(listener) => drop(spawn_local(accept(listener, pages.clone(), room.clone(), tls.clone()))),
            Err(error) => tracing::error!(%error, "cannot serve metrics"),
        }
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
                None => answer(stream, pages).await,
                Some(acceptor) => {
                    // Anew for each, because certificates are renewed.
                    let Some(credentials) = acceptor.credentials() else { return };
                    let accepted = timeout(PATIENCE, TlsAcceptor::from(credentials.config.clone()).accept(stream));
                    match accepted.await {
                        Ok(Ok(stream)) => answer(stream, pages).await,
                        Ok(Err(error)) => tracing::debug!(%error, "a handshake for metrics failed"),
                        Err(_) => {}
                    }
                }
            }
            drop(permit);
        });
    }
}

/// Answers the requests of one connection.
async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin + 'static, pages: Rc<Pages>) {
    let service = service_fn(move |request| {
        let answer = pages.answer(&request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection for metrics ended");
    }
}
