//! The state of an encrypted connection, between the bytes that its socket takes and gives and those of its client.
//!
//! No socket here: whoever reads or writes says how, in a function that answers as a socket does that does not block. So the
//! state can go to another thread at any moment, also in the middle of a record.
//!
//! # Bounds
//!
//! A connection holds what has come of a record that is not complete (18 KB), of what is decrypted what its client has not
//! taken yet (one record), and of what was encrypted what its socket has not taken yet ([`HELD_BYTES`]). While the socket does
//! not take that, nothing more is encrypted. At most [`READ_BYTES`] are read at a time; what their records cost, however little
//! is in them, is told as a [toll](Encrypted::take_toll).

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, BufRead, IoSlice, Write};

use bytes::BufMut;
use rustls::ServerConnection;
use tokio::io::Interest;

use super::identity;
use crate::client::sink::Wrote;
use crate::config::CertificateUser;

/// How much is encrypted before it is offered to the socket, and how much of it is kept if that refuses it, in bytes.
const HELD_BYTES: usize = 64 * 1024;
/// How much is read from a socket at a time, in bytes.
const READ_BYTES: usize = 32 * 1024;
/// For how many bytes a record counts beside those in it: to decrypt a thousand with nothing in them takes about as long as to
/// run what a megabyte holds.
const RECORD_COST: usize = 1024;

thread_local! {
    /// What has just been read from a socket: connections share it, because nothing stays in it.
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into_boxed_slice());
}

/// How far a handshake has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It is complete.
    Complete,
    /// The peer is to send more.
    Reads,
    /// The peer is to take what waits.
    Writes,
}

impl Progress {
    /// What the socket has to be ready for before it goes on.
    pub(super) fn interest(self) -> Interest {
        if self == Progress::Writes { Interest::WRITABLE } else { Interest::READABLE }
    }
}

/// An encrypted connection without its socket.
pub(crate) struct Encrypted {
    state: RefCell<State>,
    toll: Cell<usize>,
}

struct State {
    connection: Box<ServerConnection>,
    /// What has been read and waits until the client has taken what was decrypted before.
    unread: Vec<u8>,
    /// Whether something that is decrypted waits to be taken.
    has_plaintext: bool,
    /// Whether the peer has said that it sends nothing more.
    is_over: bool,
    records: Records,
}

/// Counts records by their headers.
#[derive(Default)]
struct Records {
    header: Vec<u8>,
    /// How much is still to come of the present one, in bytes.
    rest: usize,
}

impl Records {
    /// How many begin in these bytes, which follow those of before.
    fn count(&mut self, mut bytes: &[u8]) -> usize {
        let mut count = 0;
        while let [next, others @ ..] = bytes {
            if self.rest > 0 {
                let skipped = self.rest.min(bytes.len());
                self.rest -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            self.header.push(*next);
            bytes = others;
            if let [_, _, _, high, low] = self.header[..] {
                self.rest = usize::from(u16::from_be_bytes([high, low]));
                self.header.clear();
                count += 1;
            }
        }
        count
    }
}

impl fmt::Debug for Encrypted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Encrypted").finish_non_exhaustive()
    }
}

impl Encrypted {
    /// A connection whose handshake is to begin.
    pub(crate) fn new(mut connection: ServerConnection) -> Self {
        connection.set_buffer_limit(Some(HELD_BYTES));
        let state = State {
            connection: Box::new(connection),
            unread: Vec::new(),
            has_plaintext: false,
            is_over: false,
            records: Records::default(),
        };
        Encrypted { state: RefCell::new(state), toll: Cell::new(0) }
    }

    /// Goes on with the handshake: takes what the peer has sent, one flight of it at most, and sends what is to be answered.
    ///
    /// # Errors
    ///
    /// Those of `receive` and `send`; an `InvalidData` with an error of rustls where the peer breaks the protocol or may not
    /// come in, of which it has been told; `UnexpectedEof` where it has gone.
    pub(crate) fn shake(
        &self,
        receive: impl FnOnce(&mut [u8]) -> io::Result<usize>,
        mut send: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<Progress> {
        let state = &mut *self.state.borrow_mut();
        let understood = match state.connection.is_handshaking() {
            true => READ.with_borrow_mut(|bytes| match receive(bytes) {
                Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    state.records.count(&bytes[..count]);
                    state.understand_handshake(&bytes[..count])
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
                Err(error) => Err(error),
            }),
            false => Ok(()),
        };
        let all_sent = state.send(&mut send);
        understood?;
        Ok(match (all_sent?, state.connection.is_handshaking()) {
            (false, _) => Progress::Writes,
            (true, true) => Progress::Reads,
            (true, false) => Progress::Complete,
        })
    }

    /// What stands at this place in the certificate that the client has shown.
    pub(crate) fn names(&self, place: CertificateUser) -> Vec<String> {
        let state = self.state.borrow();
        let certificate = state.connection.peer_certificates().and_then(|chain| chain.first());
        certificate.map(|certificate| identity::names(certificate, place)).unwrap_or_default()
    }

    /// Whether there is something to take without a look at the socket.
    pub(crate) fn has_input(&self) -> bool {
        let state = self.state.borrow();
        state.has_plaintext || state.is_over || !state.unread.is_empty()
    }

    /// Reads what is there into `room`, as much as it has room for. Answers how much it was, 0 at the end, and whether the
    /// socket has given all that it had.
    ///
    /// # Errors
    ///
    /// `WouldBlock` where nothing of the client's has come; else those of the sockets, and `InvalidData` where the peer breaks
    /// the protocol, of which it has been told.
    pub(crate) fn read(
        &self,
        receive: impl FnOnce(&mut [u8]) -> io::Result<usize>,
        mut send: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
        room: &mut impl BufMut,
    ) -> io::Result<(usize, bool)> {
        let state = &mut *self.state.borrow_mut();
        let most = room.remaining_mut();
        if state.is_over {
            return Ok((0, true));
        }
        let (drained, understood) = if state.has_plaintext || !state.unread.is_empty() {
            let unread = std::mem::take(&mut state.unread);
            (false, state.understand(&unread, room))
        } else {
            READ.with_borrow_mut(|bytes| match receive(bytes)? {
                0 => Ok::<_, io::Error>((true, Ok(true))),
                count => {
                    let read = &bytes[..count];
                    self.toll.set(self.toll.get() + state.records.count(read) * RECORD_COST);
                    Ok((count < READ_BYTES, state.understand(read, room)))
                }
            })?
        };
        let taken = most - room.remaining_mut();
        if state.connection.wants_write() {
            // Best effort: what the socket does not take now goes before what is written next.
            let _ = state.send(&mut send);
        }
        match (taken, understood?) {
            (0, true) => Ok((0, drained)),
            (0, false) => Err(io::ErrorKind::WouldBlock.into()),
            (taken, _) => Ok((taken, drained)),
        }
    }

    /// What reading has cost beside the bytes that it brought, as so many bytes; asking resets it.
    pub(crate) fn take_toll(&self) -> usize {
        self.toll.take()
    }

    /// Encrypts as much of `slices` as the socket takes, and a bounded amount more.
    ///
    /// # Errors
    ///
    /// Those of `send`, but for that of a full socket.
    pub(crate) fn write(
        &self,
        slices: &[IoSlice<'_>],
        mut send: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<Wrote> {
        let state = &mut *self.state.borrow_mut();
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        let mut taken = 0;
        let mut all_sent = state.send(&mut send)?;
        if all_sent && offered > 0 {
            taken = state.connection.writer().write_vectored(slices)?;
            all_sent = state.send(&mut send)?;
        }
        if all_sent && taken < offered {
            let mut rest = slices.to_vec();
            let mut rest = rest.as_mut_slice();
            IoSlice::advance_slices(&mut rest, taken);
            while all_sent && taken < offered {
                let more = state.connection.writer().write_vectored(rest)?;
                taken += more;
                IoSlice::advance_slices(&mut rest, more);
                all_sent = state.send(&mut send)?;
            }
        }
        // Of what is held and refused, too, only that there is some is known.
        Ok(Wrote { taken, refused: offered - taken + usize::from(!all_sent) })
    }

    /// Tells the peer that nothing more comes, if its socket has room for that.
    pub(crate) fn part(&self, mut send: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>) {
        let state = &mut *self.state.borrow_mut();
        state.connection.send_close_notify();
        // The peer may be gone.
        let _ = state.send(&mut send);
    }
}

impl State {
    /// Takes in what was read, as long as there is a handshake.
    fn understand_handshake(&mut self, read: &[u8]) -> io::Result<()> {
        let mut unread = read;
        while !unread.is_empty() && self.connection.is_handshaking() {
            feed(&mut self.connection, &mut unread)?;
        }
        // The last flight of a handshake may bring more than that.
        self.unread = unread.to_vec();
        self.has_plaintext = self.connection.reader().fill_buf().is_ok_and(|bytes| !bytes.is_empty());
        Ok(())
    }

    /// Decrypts what was read as long as `room` has room for it, and keeps the rest. Answers whether the peer sends nothing
    /// more.
    fn understand(&mut self, read: &[u8], room: &mut impl BufMut) -> io::Result<bool> {
        let mut unread = read;
        let taken = decrypt(&mut self.connection, &mut unread, room)?;
        self.unread = unread.to_vec();
        self.has_plaintext = taken == Taken::Some;
        self.is_over = taken == Taken::End;
        Ok(self.is_over)
    }

    /// Sends what has been encrypted. False if the socket does not take all of it.
    fn send(&mut self, send: &mut impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>) -> io::Result<bool> {
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut Out(send)) {
                Ok(0) => return Ok(false),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// What has become of what was decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    All,
    /// There was no room for more.
    Some,
    /// All, and the peer sends nothing more.
    End,
}

/// Decrypts records of `unread` as long as `room` has room for what is in them.
fn decrypt(connection: &mut ServerConnection, unread: &mut &[u8], room: &mut impl BufMut) -> io::Result<Taken> {
    loop {
        match take(connection, room)? {
            Taken::All if !unread.is_empty() => {}
            taken => return Ok(taken),
        }
        if feed(connection, unread)? == 0 {
            return Ok(Taken::End);
        }
    }
}

/// Hands over a bounded part of `unread`, and answers how much it was; 0 if the peer has said that there is no more.
fn feed(connection: &mut ServerConnection, unread: &mut &[u8]) -> io::Result<usize> {
    let count = connection.read_tls(unread)?;
    connection.process_new_packets().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(count)
}

/// Moves what has been decrypted to where there is room.
fn take(connection: &mut ServerConnection, room: &mut impl BufMut) -> io::Result<Taken> {
    let mut reader = connection.reader();
    loop {
        let bytes = match reader.fill_buf() {
            Ok([]) => return Ok(Taken::End),
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Taken::All),
            Err(error) => return Err(error),
        };
        let count = bytes.len().min(room.remaining_mut());
        if count == 0 {
            return Ok(Taken::Some);
        }
        room.put_slice(&bytes[..count]);
        reader.consume(count);
    }
}

/// A socket as rustls writes to it.
struct Out<'a, F>(&'a mut F);

impl<F: FnMut(&[IoSlice<'_>]) -> io::Result<usize>> Write for Out<'_, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        (self.0)(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
