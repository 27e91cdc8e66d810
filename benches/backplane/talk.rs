//! Questions to a server that speaks the Redis protocol.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// How long servers may take to become one.
const JOINING: Duration = Duration::from_secs(20);

/// The answer to a command, as it came.
///
/// # Errors
///
/// Those of the socket, and an error as the answer.
pub(crate) fn ask(address: SocketAddr, command: &str) -> io::Result<String> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(JOINING))?;
    socket.write_all(format!("{command}\r\nPING\r\n").as_bytes())?;
    let (mut answer, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    while !answer.ends_with(b"+PONG\r\n") {
        match socket.read(&mut buffer)? {
            0 => return Err(io::Error::other("the server closed the connection")),
            count => answer.extend_from_slice(&buffer[..count]),
        }
    }
    let answer = String::from_utf8_lossy(&answer).replace("+PONG\r\n", "");
    if answer.starts_with('-') {
        return Err(io::Error::other(format!("{command}: the server answered {}", answer.trim_end())));
    }
    Ok(answer)
}

/// The number behind `name:` in such an answer.
pub(crate) fn number(answer: &str, name: &str) -> Option<u64> {
    let mut lines = answer.lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse().ok())
}

/// Waits until all servers answer a command with something that `is_it`.
///
/// # Errors
///
/// Those of [`ask`], and where it takes too long.
pub(crate) fn wait_until(servers: &[SocketAddr], command: &str, is_it: impl Fn(&str) -> bool) -> io::Result<()> {
    let start = Instant::now();
    for server in servers {
        while !is_it(&ask(*server, command)?) {
            if start.elapsed() > JOINING {
                return Err(io::Error::other(format!("the servers do not become one: {}", ask(*server, command)?)));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(())
}
