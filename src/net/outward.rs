//! Connections that this server makes to others, encrypted where that is wanted.

pub(crate) mod encryption;

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::config::EngineUrl;

/// What a connection's bytes go through.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// Connects, without a word, and answers from which address of this machine, if it has one.
///
/// # Errors
///
/// Those of the system.
pub(crate) async fn dial(url: &EngineUrl) -> io::Result<(Box<dyn Stream>, Option<SocketAddr>)> {
    if let Some(path) = url.socket_path() {
        return Ok((Box::new(UnixStream::connect(Path::new(path)).await?), None));
    }
    let socket = TcpStream::connect((url.host.as_str(), url.port)).await?;
    socket.set_nodelay(true)?;
    let local = socket.local_addr().ok();
    Ok((Box::new(socket), local))
}
