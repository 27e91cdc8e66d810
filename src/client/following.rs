//! A message whose way is followed: a mark that lies behind it in the mailboxes, and what is known when the mark has come through.

use std::sync::Arc;

use parking_lot::Mutex;

use super::registry::ClientInfo;

/// What lies behind a message, in the mailbox of each port that has subscribers for it.
#[derive(Debug)]
pub struct Mark {
    /// When its command began, in nanoseconds of the server's clock.
    pub(crate) begun_ns: u64,
    /// When it had been put into the mailboxes.
    pub(crate) posted_ns: u64,
    /// Who is told of it, if anybody is.
    told: Option<Told>,
    way: Mutex<Way>,
}

/// Who is told of a message, and what of it is known from the beginning.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) clients: Vec<Arc<ClientInfo>>,
    pub(crate) line: String,
}

/// How far it has come.
#[derive(Debug)]
struct Way {
    /// Ports that have still to deliver it.
    missing: usize,
    /// When the last of the others had put it into all outboxes, and when it had offered these to their sockets.
    fanned_out_ns: u64,
    written_ns: u64,
}

impl Mark {
    /// For a message to this many ports.
    pub(crate) fn new(begun_ns: u64, posted_ns: u64, ports: usize, told: Option<Told>) -> Self {
        Mark { begun_ns, posted_ns, told, way: Mutex::new(Way { missing: ports, fanned_out_ns: 0, written_ns: 0 }) }
    }

    /// Notes when a port has delivered the message. Answers what there is to tell when that was the last, and whom.
    pub(crate) fn arrive(&self, fanned_out_ns: u64, written_ns: u64) -> Option<(&[Arc<ClientInfo>], Arc<str>)> {
        let told = self.told.as_ref()?;
        let mut way = self.way.lock();
        way.missing = way.missing.saturating_sub(1);
        way.fanned_out_ns = way.fanned_out_ns.max(fanned_out_ns);
        way.written_ns = way.written_ns.max(written_ns);
        if way.missing > 0 {
            return None;
        }
        let us = |ns: u64| ns.saturating_sub(self.begun_ns) / 1000;
        let [posted, fanned_out, written] = [self.posted_ns, way.fanned_out_ns, way.written_ns].map(us);
        let line = &told.line;
        let line = format!("{line} posted-us={posted} fanned-out-us={fanned_out} written-us={written}");
        Some((&told.clients, line.into()))
    }

    /// What it needs beside its own entry, in bytes.
    pub(super) fn cost(&self) -> usize {
        self.told.as_ref().map_or(0, |told| told.line.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_when_the_last_port_had_done_its_part() {
        let told = Told { clients: Vec::new(), line: "a".into() };
        let mark = Mark::new(1_000, 3_000, 2, Some(told));
        assert!(mark.arrive(90_000, 100_000).is_none());
        let (_, line) = mark.arrive(4_000, 201_000).expect("that was the last");
        assert_eq!(&*line, "a posted-us=2 fanned-out-us=89 written-us=200");
        assert!(Mark::new(0, 0, 1, None).arrive(1, 2).is_none(), "nobody wants to know");
    }
}
