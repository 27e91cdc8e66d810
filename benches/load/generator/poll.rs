//! Waiting for many sockets at once: level-triggered, so that one read for each event is enough, or edge-triggered, for who
//! reads until there is nothing more.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::time::Timespec;

/// Events that one wait answers at most: few enough that a generator looks often at its clock.
const EVENTS: usize = 256;

/// What a socket is waited for beside input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    Input,
    InputAndRoom,
}

impl Interest {
    fn flags(self) -> EventFlags {
        match self {
            Interest::Input => EventFlags::IN,
            Interest::InputAndRoom => EventFlags::IN | EventFlags::OUT,
        }
    }
}

/// A set of sockets, each with a number of the caller's.
pub(crate) struct Poll {
    epoll: OwnedFd,
    events: Vec<Event>,
}

impl Poll {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Poll { epoll: epoll::create(CreateFlags::CLOEXEC)?, events: Vec::with_capacity(EVENTS) })
    }

    /// Adds a socket; its number is its place in the caller's list.
    pub(crate) fn add(&self, socket: &impl AsFd, number: usize) -> io::Result<()> {
        let data = EventData::new_u64(number as u64);
        Ok(epoll::add(&self.epoll, socket, data, Interest::Input.flags())?)
    }

    /// Adds a socket whose events come once for what has arrived: whoever gets one reads until the socket is empty.
    pub(crate) fn add_for_edges(&self, socket: &impl AsFd, number: usize) -> io::Result<()> {
        let data = EventData::new_u64(number as u64);
        Ok(epoll::add(&self.epoll, socket, data, EventFlags::IN | EventFlags::ET)?)
    }

    /// Changes what a socket is waited for.
    pub(crate) fn set(&self, socket: &impl AsFd, number: usize, interest: Interest) -> io::Result<()> {
        let data = EventData::new_u64(number as u64);
        Ok(epoll::modify(&self.epoll, socket, data, interest.flags())?)
    }

    /// Takes a socket out.
    pub(crate) fn remove(&self, socket: &impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, socket)?)
    }

    /// Waits for events, at most for `timeout`, and answers the numbers of the sockets that have one.
    pub(crate) fn wait(&mut self, timeout: Duration) -> io::Result<impl Iterator<Item = usize> + '_> {
        self.events.clear();
        let timeout = Timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: i64::from(timeout.subsec_nanos()) };
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.events.iter().map(|event| event.data.u64() as usize))
    }
}
