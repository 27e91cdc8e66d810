//! Cores for the server and others for the load generator. A thread gives its cores to what it starts.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Who runs where.
#[derive(Clone, Debug)]
pub(crate) struct Division {
    pub(crate) server: Vec<usize>,
    pub(crate) generator: Vec<usize>,
}

impl Division {
    /// As many of `all` for the server as it has io-threads, and the others for the generator. If none is left, both have all.
    pub(crate) fn of(all: &[usize], io_threads: usize) -> Self {
        let (server, generator) = all.split_at(io_threads.min(all.len()));
        if generator.is_empty() {
            return Division { server: all.to_vec(), generator: all.to_vec() };
        }
        Division { server: server.to_vec(), generator: generator.to_vec() }
    }

    fn is_shared(&self) -> bool {
        self.server == self.generator
    }

    /// Such as `4 + 12`, or `4, shared`.
    pub(crate) fn name(&self) -> String {
        match self.is_shared() {
            true => format!("{}, shared", self.server.len()),
            false => format!("{} + {}", self.server.len(), self.generator.len()),
        }
    }
}

/// The cores that this thread may use.
pub(crate) fn allowed() -> io::Result<Vec<usize>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect())
}

/// Lets this thread, and what it starts from now on, use these cores only.
pub(crate) fn keep_to(cores: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    cores.iter().for_each(|core| set.set(*core));
    Ok(sched_setaffinity(None, &set)?)
}
