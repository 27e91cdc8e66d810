//! The state of an encrypted connection, between the bytes that its socket takes and gives and those of its client.
//!
//! No socket here: whoever reads or writes says how, in a function that answers as a socket does that does not block. So the
//! state can go to another thread at any moment, also in the middle of a record.
//!
//! # Bounds
//!
//! A connection holds what has come of a record or of a message of the handshake that is not complete ([`INCOMPLETE_BYTES`]),
//! of what is decrypted what its client has not taken yet (of one read), and of what was encrypted what its socket has not
//! taken yet ([`HELD_BYTES`]). While the socket does not take that, nothing more is encrypted. At most [`READ_BYTES`] are read
//! at a time; what their records cost, however little is in them, is told as a [toll](Encrypted::take_toll).
//!
//! A connection of which nothing waits has no buffers: bytes are decrypted and encrypted in [those of the thread](scratch). In
//! the interface of rustls that has buffers of its own, they take as much as all the rest of the state of an idle connection.

mod backlog;
mod records;
mod scratch;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, IoSlice};

use bytes::BufMut;
use rustls::Error;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncryptError, WriteTraffic};
use tokio::io::Interest;

use self::backlog::Backlog;
use self::records::Records;
use self::scratch::{Scratch, Sealed, gather, with_scratch};
use super::identity;
use crate::client::sink::Wrote;
use crate::config::CertificateUser;

/// How much is encrypted before it is offered to the socket, and how much of it is kept if that refuses it, in bytes.
const HELD_BYTES: usize = 64 * 1024;
/// How much a record holds, in bytes. One is put together at a time, which the processor's nearest memory has room for.
const RECORD_BYTES: usize = 16 * 1024;
/// How much is read from a socket at a time, in bytes.
const READ_BYTES: usize = 32 * 1024;
/// The most that is kept of what is not complete, in bytes: a message of the handshake, of which rustls takes 64 KB, and the
/// record that it ends in.
const INCOMPLETE_BYTES: usize = 84 * 1024;
/// For how many bytes a record counts beside those in it: to decrypt a thousand with nothing in them takes about as long as to
/// run what a megabyte holds.
const RECORD_COST: usize = 1024;

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
    connection: UnbufferedServerConnection,
    /// What has been read and is not complete.
    incomplete: Vec<u8>,
    /// What is decrypted and waits to be taken.
    plain: Backlog,
    /// What is encrypted and the socket has not taken.
    unsent: Backlog,
    end: End,
    records: Records,
}

/// Whether more comes from the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    NotYet,
    /// It has said that it sends nothing more.
    Over,
    /// It has broken the protocol.
    Broken,
}

impl fmt::Debug for Encrypted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Encrypted").finish_non_exhaustive()
    }
}

impl Encrypted {
    /// A connection whose handshake is to begin.
    pub(crate) fn new(connection: UnbufferedServerConnection) -> Self {
        let state = State {
            connection,
            incomplete: Vec::new(),
            plain: Backlog::default(),
            unsent: Backlog::default(),
            end: End::NotYet,
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
        with_scratch(|Scratch { read, sealed, .. }| {
            let understood = match state.connection.is_handshaking() {
                true => match state.receive(receive, read) {
                    Ok([]) => Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(read) => {
                        state.count(read);
                        // The last flight of a handshake may bring more than that.
                        state.understand(read, &mut <&mut [u8]>::default(), sealed)
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
                    Err(error) => Err(error),
                },
                false => Ok(()),
            };
            let all_sent = state.dispatch(sealed, &mut send);
            understood?;
            Ok(match (all_sent?, state.connection.is_handshaking()) {
                (false, _) => Progress::Writes,
                (true, true) => Progress::Reads,
                (true, false) => Progress::Complete,
            })
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
        !state.plain.is_empty() || state.end != End::NotYet
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
        if !state.plain.is_empty() {
            return Ok((state.plain.move_to(room), false));
        }
        match state.end {
            End::NotYet => {}
            End::Over => return Ok((0, true)),
            End::Broken => return Err(io::ErrorKind::InvalidData.into()),
        }
        with_scratch(|Scratch { read, sealed, .. }| {
            let read = state.receive(receive, read)?;
            if read.is_empty() {
                return Ok((0, true));
            }
            let drained = read.len() < state.incomplete.len() + READ_BYTES;
            let most = room.remaining_mut();
            self.toll.set(self.toll.get() + state.count(read) * RECORD_COST);
            let understood = state.understand(read, room, sealed);
            // Best effort: what the socket does not take now goes before what is written next.
            let _ = state.dispatch(sealed, &mut send);
            match most - room.remaining_mut() {
                0 if state.end == End::NotYet => Err(io::ErrorKind::WouldBlock.into()),
                0 => understood.map(|()| (0, drained)),
                // What came before a fault counts.
                count => Ok((count, drained)),
            }
        })
    }

    /// What reading has cost beside the bytes that it brought, as so many bytes; asking resets it.
    pub(crate) fn take_toll(&self) -> usize {
        self.toll.take()
    }

    /// Encrypts as much of `slices` as the socket takes, and a bounded amount more.
    ///
    /// # Errors
    ///
    /// Those of `send`, but for that of a full socket; `BrokenPipe` to a peer that has broken the protocol, or whose handshake
    /// is not complete.
    pub(crate) fn write(
        &self,
        slices: &[IoSlice<'_>],
        mut send: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<Wrote> {
        let state = &mut *self.state.borrow_mut();
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        let mut taken = 0;
        let all_sent = with_scratch(|Scratch { together, sealed, .. }| {
            let mut all_sent = state.dispatch(sealed, &mut send)?;
            while all_sent && taken < offered {
                let end = offered.min(taken + HELD_BYTES);
                while taken < end {
                    let next = gather(slices, taken, RECORD_BYTES.min(end - taken), together);
                    taken += next.len();
                    state.seal(sealed, |traffic, room| traffic.encrypt(next, room))?;
                }
                all_sent = state.dispatch(sealed, &mut send)?;
            }
            Ok::<_, io::Error>(all_sent)
        })?;
        // Of what is held and refused, too, only that there is some is known.
        Ok(Wrote { taken, refused: offered - taken + usize::from(!all_sent) })
    }

    /// Tells the peer that nothing more comes, if its socket has room for that.
    pub(crate) fn part(&self, mut send: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>) {
        let state = &mut *self.state.borrow_mut();
        with_scratch(|Scratch { sealed, .. }| {
            let sealing = state.seal(sealed, |traffic, room| traffic.queue_close_notify(room));
            // The peer may be gone, or have not come in yet.
            let _ = sealing.and_then(|()| state.dispatch(sealed, &mut send));
        });
    }
}

impl State {
    /// Reads once. Answers that behind what was not complete; nothing at the end.
    fn receive<'a>(
        &self,
        receive: impl FnOnce(&mut [u8]) -> io::Result<usize>,
        read: &'a mut [u8],
    ) -> io::Result<&'a mut [u8]> {
        let kept = self.incomplete.len();
        read[..kept].copy_from_slice(&self.incomplete);
        match receive(&mut read[kept..kept + READ_BYTES])? {
            0 => Ok(&mut []),
            count => Ok(&mut read[..kept + count]),
        }
    }

    /// How many records begin in what was received.
    fn count(&mut self, read: &[u8]) -> usize {
        self.records.count(&read[self.incomplete.len()..])
    }

    /// Decrypts what is complete of `read` into `room`, keeps what that has no room for, and what is not complete.
    fn understand(&mut self, read: &mut [u8], room: &mut impl BufMut, sealed: &mut Sealed) -> io::Result<()> {
        let done = match self.take_in(read, room, sealed) {
            Ok(done) => done,
            Err(error) => {
                self.end = End::Broken;
                self.tell(sealed);
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        };
        let rest = &read[done..];
        if rest.len() > INCOMPLETE_BYTES {
            self.end = End::Broken;
            return Err(io::ErrorKind::InvalidData.into());
        }
        if rest.is_empty() {
            self.incomplete = Vec::new();
        } else {
            self.incomplete.clear();
            self.incomplete.extend_from_slice(rest);
        }
        Ok(())
    }

    /// Has rustls take in what is complete of `read`. Answers how much of it that was.
    fn take_in(&mut self, read: &mut [u8], room: &mut impl BufMut, sealed: &mut Sealed) -> Result<usize, Error> {
        let mut done = 0;
        loop {
            let status = self.connection.process_tls_records(&mut read[done..]);
            done += status.discard;
            match status.state? {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        done += record.discard;
                        let (fits, rest) = record.payload.split_at(record.payload.len().min(room.remaining_mut()));
                        room.put_slice(fits);
                        self.plain.add(rest);
                    }
                }
                ConnectionState::EncodeTlsData(mut data) => sealed.add(|room| data.encode(room))?,
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::BlockedHandshake | ConnectionState::WriteTraffic(_) => return Ok(done),
                ConnectionState::PeerClosed | ConnectionState::Closed => {
                    self.end = End::Over;
                    return Ok(read.len());
                }
                // What comes before the handshake is complete is not asked for.
                _ => return Err(Error::HandshakeNotComplete),
            }
        }
    }

    /// Adds what the peer is told of its fault.
    fn tell(&mut self, sealed: &mut Sealed) {
        while self.connection.wants_write() {
            let told = match self.connection.process_tls_records(&mut []).state {
                Ok(ConnectionState::EncodeTlsData(mut data)) => sealed.add(|room| data.encode(room)).is_ok(),
                _ => false,
            };
            if !told {
                return;
            }
        }
    }

    /// Adds what `encrypt` makes, after what rustls itself has to say.
    fn seal(
        &mut self,
        sealed: &mut Sealed,
        mut encrypt: impl FnMut(&mut WriteTraffic<'_, ServerConnectionData>, &mut [u8]) -> Result<usize, EncryptError>,
    ) -> io::Result<()> {
        if self.end == End::Broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        loop {
            match self.connection.process_tls_records(&mut self.incomplete).state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    return sealed.add(|room| encrypt(&mut traffic, room)).map_err(io::Error::other);
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    sealed.add(|room| data.encode(room)).map_err(io::Error::other)?;
                }
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                _ => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
    }

    /// Sends what is sealed, behind what waits to be sent, and keeps what the socket does not take. False if there is such.
    fn dispatch(
        &mut self,
        sealed: &mut Sealed,
        send: &mut impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<bool> {
        let sealed = sealed.take();
        let count = offer(self.unsent.bytes(), send)?;
        self.unsent.drop_first(count);
        let count = if self.unsent.is_empty() { offer(sealed, send)? } else { 0 };
        self.unsent.add(&sealed[count..]);
        Ok(self.unsent.is_empty())
    }
}

/// Sends as much as the socket takes, and answers how much that was.
fn offer(bytes: &[u8], send: &mut impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>) -> io::Result<usize> {
    let mut count = 0;
    while count < bytes.len() {
        match send(&[IoSlice::new(&bytes[count..])]) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests;
