//! What the system knows of the other end of a TCP connection: whether it answers.
//!
//! Source: tcp(7), `struct tcp_info` in linux/tcp.h.

use std::io;
use std::os::fd::AsFd;

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::GetStruct;

use crate::client::sink::Answers;

/// The front of `struct tcp_info`, as bytes: whatever the system writes there is a value of them.
type Bytes = [u8; 60];

/// The option that is read.
#[derive(Clone, Copy, Debug)]
struct TcpInfo;

nix::getsockopt_impl!(TcpInfo, libc::IPPROTO_TCP, libc::TCP_INFO, Bytes, GetStruct<Bytes>);

/// Whether the peer of `socket` owes answers, and has been asked for them in vain.
///
/// # Errors
///
/// Those of the system; there are none for a TCP socket.
pub(super) fn answers(socket: &impl AsFd) -> io::Result<Answers> {
    let info = getsockopt(socket, TcpInfo)?;
    let number = |at: usize| u32::from_ne_bytes([info[at], info[at + 1], info[at + 2], info[at + 3]]);
    let [retransmits, probes, backoff] = [info[2], info[3], info[4]];
    let (unacknowledged, last_ack_ms) = (number(24), number(56));
    Ok(Answers {
        are_owed: unacknowledged > 0 || backoff > 0 || probes > 0,
        // What was sent is repeated until it is confirmed; where the peer has no room, it is asked whether it has some now.
        in_vain: u32::from(retransmits) + u32::from(probes),
        last_ms: u64::from(last_ack_ms),
    })
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback interface has a free port");
        let near = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
        (near, listener.accept().expect("somebody has connected").0)
    }

    #[test]
    fn a_peer_on_this_machine_owes_nothing_once_it_has_all_and_is_not_asked_in_vain() {
        let (mut near, _far) = pair();
        near.write_all(b"x").expect("there is room");
        // The answer may take a moment.
        let told =
            std::iter::repeat_with(|| answers(&near)).find(|told| told.as_ref().is_ok_and(|told| !told.are_owed));
        assert!(told.is_some_and(|told| told.is_ok_and(|told| told.in_vain == 0)));
    }

    #[test]
    fn a_peer_that_does_not_read_owes_an_answer_and_gives_it() {
        let (mut near, _far) = pair();
        near.set_nonblocking(true).expect("sockets can be so");
        while near.write(&[b'x'; 65536]).is_ok_and(|count| count > 0) {}
        assert!(near.write(b"x").is_err_and(|error| error.kind() == ErrorKind::WouldBlock));
        // The system asks for the first time after a fifth of a second.
        let asked =
            std::iter::repeat_with(|| answers(&near)).find(|told| told.as_ref().is_ok_and(|told| told.are_owed));
        assert!(asked.is_some());
    }
}
