//! What clients, threads and names are known by, in every layer.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::IoThreads;

/// A client's number: unique for the life of the server, rising, from 1.
pub type ClientId = u64;

/// The place of a command in the table of all commands and subcommands.
pub type CommandIndex = u16;
/// The index of a port, from 0: of who has a [mailbox](crate::mailbox) of its own.
pub type PortId = usize;
/// The index of a worker, from 0, which is that of its port, too.
pub type WorkerId = PortId;
/// Where a worker keeps the connections that listen to one name.
pub(crate) type Slot = u32;

/// The most workers there can be: the bits of a [`PortSet`].
pub const MAX_WORKERS: usize = IoThreads::MAX as usize;
const _: () = assert!(MAX_WORKERS <= u128::BITS as usize);

/// Some of the ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortSet(u128);

impl PortSet {
    /// Whether no port is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds one port.
    pub fn insert(&mut self, port: PortId) {
        self.0 |= 1 << port;
    }

    /// Adds all ports of another set.
    pub fn extend(&mut self, other: PortSet) {
        self.0 |= other.0;
    }

    /// Takes one port out; false if it was not in.
    pub fn remove(&mut self, port: PortId) -> bool {
        let had = self.0 & (1 << port) != 0;
        self.0 &= !(1 << port);
        had
    }

    /// Its ports, in rising order.
    pub fn iter(self) -> impl Iterator<Item = PortId> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let port = (rest != 0).then(|| rest.trailing_zeros() as PortId)?;
            rest &= rest - 1;
            Some(port)
        })
    }
}

/// What a name is: the three kinds of subscription are counted and introspected apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// SUBSCRIBE
    Channel,
    /// PSUBSCRIBE
    Pattern,
    /// SSUBSCRIBE
    ShardChannel,
}

impl Topic {
    /// All three.
    pub(crate) const ALL: [Topic; 3] = [Topic::Channel, Topic::Pattern, Topic::ShardChannel];
}

/// The two ends of a connection.
#[derive(Clone, Debug)]
pub enum Address {
    /// A TCP connection.
    Tcp {
        /// The client's end.
        peer: SocketAddr,
        /// The server's end.
        local: SocketAddr,
    },
    /// A connection over the unix socket at this path.
    Unix(PathBuf),
}

impl Address {
    /// The client's end as CLIENT LIST shows it.
    pub fn peer(&self) -> String {
        match self {
            Address::Tcp { peer, .. } => peer.to_string(),
            Address::Unix(path) => format!("{}:0", path.display()),
        }
    }

    /// The server's end as CLIENT LIST shows it.
    pub fn local(&self) -> String {
        match self {
            Address::Tcp { local, .. } => local.to_string(),
            Address::Unix(path) => format!("{}:0", path.display()),
        }
    }

    /// Whether the client is on this machine.
    pub fn is_local(&self) -> bool {
        match self {
            Address::Tcp { peer, .. } => peer.ip().to_canonical().is_loopback(),
            Address::Unix(_) => true,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.peer())
    }
}
