//! `--pipe`: what standard input says goes to the server as it is, and its replies are counted.

use std::io::{self, ErrorKind, Read as _};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::refuse;
use crate::cli::client::{Client, Failure};
use crate::cli::connection::{Connection, system_text};
use crate::cli::reply::Reply;

/// How long the word is that the server is asked to repeat when all is sent.
const MARK_LENGTH: usize = 20;
/// How often it is looked whether the server is silent for too long.
const TICK: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Sends and receives at the same time, so that neither side waits for the other with full buffers.
///
/// The failure, if there is one, has been said: the server went away, answered with an error, or did not answer for
/// `timeout` after all was sent.
pub(super) fn run(client: &mut Client<'_>, timeout: Option<Duration>) -> Result<(), Failure> {
    let connection = client.take_connection()?;
    if let Err(error) = connection.stop_blocking() {
        return Err(refuse(client, "Can't set the socket in non blocking mode: ", system_text(&error).as_bytes()));
    }
    let mark = std::array::from_fn(|_| fastrand::u8(..));
    let mut pipe =
        Pipe { connection, mark, unsent: Vec::new(), sent: 0, all_read: false, done: false, errors: 0, replies: 0 };
    let mut heard = Instant::now();
    while !pipe.done {
        let (input, readable, writable) = pipe.wait();
        if readable {
            heard = Instant::now();
            pipe.receive(client)?;
        }
        if input {
            pipe.read_input(client)?;
        }
        if writable || input {
            pipe.send(client)?;
        }
        if let Some(timeout) = timeout.filter(|timeout| pipe.all_read && heard.elapsed() > *timeout) {
            client.complain(format_args!("No replies for {} seconds: exiting.", timeout.as_secs()));
            pipe.errors += 1;
            break;
        }
    }
    client.say(&format!("errors: {}, replies: {}\n", pipe.errors, pipe.replies))?;
    if pipe.errors > 0 { Err(Failure::Fatal) } else { Ok(()) }
}

struct Pipe {
    connection: Connection,
    /// What the server repeats last.
    mark: [u8; MARK_LENGTH],
    unsent: Vec<u8>,
    /// How much of it is sent.
    sent: usize,
    /// Whether standard input has come to its end.
    all_read: bool,
    done: bool,
    errors: u64,
    replies: u64,
}

impl Pipe {
    /// Whether there is input, replies, room for what is to be sent.
    fn wait(&self) -> (bool, bool, bool) {
        let stdin = io::stdin();
        let has_output = !self.unsent.is_empty() || self.connection.has_output();
        let interest = if has_output { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        let mut waiting = vec![PollFd::new(&self.connection, interest)];
        if self.unsent.is_empty() && !self.all_read {
            waiting.push(PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN));
        }
        if poll(&mut waiting, Some(&TICK)).is_err() {
            return (false, false, false);
        }
        let happened = |at: usize| waiting.get(at).map_or(PollFlags::empty(), PollFd::revents);
        let socket = happened(0);
        (!happened(1).is_empty(), !socket.difference(PollFlags::OUT).is_empty(), socket.contains(PollFlags::OUT))
    }

    fn receive(&mut self, client: &mut Client<'_>) -> Result<(), Failure> {
        let open = match self.connection.read_some() {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => true,
            received => received.unwrap_or(false),
        };
        loop {
            match self.connection.buffered() {
                Ok(Some(Reply::Error(text))) => {
                    client.complain(String::from_utf8_lossy(&text));
                    self.errors += 1;
                    self.replies += 1;
                }
                Ok(Some(Reply::Bulk(text))) if self.all_read && *text == self.mark[..] => {
                    self.done = true;
                    return client.say("Last reply received from server.\n");
                }
                Ok(Some(_)) => self.replies += 1,
                Ok(None) if open => return Ok(()),
                Ok(None) | Err(_) => return Err(refuse(client, "Error reading replies from server", b"")),
            }
        }
    }

    /// Takes more input. At its end the server is asked to repeat the mark, on a line of its own, so that it is read as a
    /// command even where the input ends in the middle of one.
    fn read_input(&mut self, client: &mut Client<'_>) -> Result<(), Failure> {
        let mut chunk = [0; 16 * 1024];
        match io::stdin().lock().read(&mut chunk) {
            Ok(0) => {
                self.all_read = true;
                self.unsent = format!("\r\n*2\r\n$4\r\nECHO\r\n${MARK_LENGTH}\r\n").into_bytes();
                self.unsent.extend_from_slice(&self.mark);
                self.unsent.extend_from_slice(b"\r\n");
                client.say("All data transferred. Waiting for the last reply...\n")
            }
            Ok(length) => {
                self.unsent = chunk[..length].to_vec();
                Ok(())
            }
            Err(error) => Err(refuse(client, "Error reading from stdin: ", system_text(&error).as_bytes())),
        }
    }

    fn send(&mut self, client: &mut Client<'_>) -> Result<(), Failure> {
        while self.sent < self.unsent.len() {
            match self.connection.write_some(&self.unsent[self.sent..]) {
                Ok(length) => self.sent += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(refuse(client, "Error writing to the server: ", system_text(&error).as_bytes()));
                }
            }
        }
        match self.connection.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => {
                return Err(refuse(client, "Error writing to the server: ", system_text(&error).as_bytes()));
            }
            _ => {}
        }
        self.unsent.clear();
        self.sent = 0;
        Ok(())
    }
}
