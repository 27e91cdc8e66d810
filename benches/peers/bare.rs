//! The least that a new connection can cost: a program that accepts, answers with the right bytes, and closes. It keeps
//! nothing, checks nothing, and has one thread.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, accept_with, recv, send};
use slab::Slab;

/// What the measurements call it.
pub(crate) const NAME: &str = "bare";
/// What events of the listening socket are known by; those of others by their place.
const LISTENER: u64 = u64::MAX;
/// Events that one wait answers at most.
const EVENTS: usize = 256;

/// Serves this port of the loopback until the process is ended.
pub(crate) fn serve(port: u16) -> io::Result<Infallible> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let mut connections = Slab::new();
    let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
    loop {
        events.clear();
        match epoll::wait(&epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            match event.data.u64() {
                LISTENER => accept_all(&listener, &epoll, &mut connections)?,
                place if !answered(&connections[place as usize]) => drop(connections.remove(place as usize)),
                _ => {}
            }
        }
    }
}

fn accept_all(listener: &TcpListener, epoll: &OwnedFd, connections: &mut Slab<OwnedFd>) -> io::Result<()> {
    loop {
        match accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            Ok(socket) => {
                let entry = connections.vacant_entry();
                epoll::add(epoll, &socket, EventData::new_u64(entry.key() as u64), EventFlags::IN)?;
                entry.insert(socket);
            }
            Err(Errno::AGAIN) => return Ok(()),
            Err(Errno::INTR | Errno::CONNABORTED) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Answers a request, which comes in one piece, and says whether the connection is still open.
fn answered(socket: &OwnedFd) -> bool {
    let mut request = [0; 1024];
    let count = match recv(socket, &mut request, RecvFlags::empty()) {
        Ok((_, count)) => count,
        Err(Errno::AGAIN | Errno::INTR) => return true,
        Err(_) => return false,
    };
    if count == 0 {
        return false;
    }
    send(socket, &answer(&request[..count]), SendFlags::NOSIGNAL).is_ok()
}

/// To SUBSCRIBE with one channel, and to PING.
fn answer(request: &[u8]) -> Vec<u8> {
    let mut lines = request.rsplit(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    if !request.starts_with(b"*") {
        return b"+PONG\r\n".to_vec();
    }
    let channel = lines.nth(1).unwrap_or_default();
    let head = format!("*3\r\n$9\r\nsubscribe\r\n${}\r\n", channel.len());
    [head.as_bytes(), channel, b"\r\n:1\r\n"].concat()
}
