//! The thread that frees what was thrown away and is large, so that nobody waits for that.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;

use crate::keyspace::garbage::Garbage;
use crate::observe::memory::MemoryGauge;

/// The way to that thread, which begins with the first piece of garbage and ends with this.
#[derive(Debug)]
pub(crate) struct LazyFree {
    /// None inside if the system has no thread to give.
    queue: OnceLock<Option<Sender<Garbage>>>,
    counts: Arc<Counts>,
}

/// What has been handed over.
#[derive(Debug)]
struct Counts {
    memory: Arc<MemoryGauge>,
    waiting_bytes: AtomicU64,
    handed_over: AtomicU64,
    freed: AtomicU64,
}

impl LazyFree {
    /// Counts what it frees in this gauge.
    pub(crate) fn new(memory: Arc<MemoryGauge>) -> Self {
        let zero = || AtomicU64::new(0);
        let counts = Counts { memory, waiting_bytes: zero(), handed_over: zero(), freed: zero() };
        LazyFree { queue: OnceLock::new(), counts: Arc::new(counts) }
    }

    /// Frees it when the thread comes to it. Where there is no thread it is freed here.
    pub(crate) fn dispose(&self, garbage: Garbage) {
        self.counts.waiting_bytes.fetch_add(garbage.bytes(), Relaxed);
        self.counts.handed_over.fetch_add(garbage.len() as u64, Relaxed);
        let queue = self.queue.get_or_init(|| start(self.counts.clone()));
        let refused = match queue {
            Some(queue) => queue.send(garbage).err().map(|error| error.0),
            None => Some(garbage),
        };
        if let Some(garbage) = refused {
            self.counts.free(garbage);
        }
    }

    /// About how many bytes are in use only until the thread comes to them.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.counts.waiting_bytes.load(Relaxed)
    }

    /// How many things wait to be freed, and how many have been.
    pub(crate) fn objects(&self) -> (u64, u64) {
        let freed = self.counts.freed.load(Relaxed);
        (self.counts.handed_over.load(Relaxed).saturating_sub(freed), freed)
    }
}

impl Counts {
    fn free(&self, garbage: Garbage) {
        let (bytes, objects) = (garbage.bytes(), garbage.len() as u64);
        drop(garbage);
        self.waiting_bytes.fetch_sub(bytes, Relaxed);
        self.freed.fetch_add(objects, Relaxed);
    }
}

/// By how much the thread gives way to those that deliver messages where there are fewer processors than threads.
const NICENESS: i32 = 5;

fn start(counts: Arc<Counts>) -> Option<Sender<Garbage>> {
    let (sender, receiver) = channel();
    let started = thread::Builder::new().name("lazy-free".into()).spawn(move || free_all(&receiver, &counts));
    if let Err(error) = &started {
        tracing::warn!(%error, "no thread to free memory on; commands free it themselves");
    }
    started.is_ok().then_some(sender)
}

fn free_all(queue: &Receiver<Garbage>, counts: &Counts) {
    // Best effort: without it this thread competes with those that deliver messages as their equal.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS);
    for garbage in queue {
        counts.memory.elsewhere(|| counts.free(garbage));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread::ThreadId;

    use super::*;

    /// Tells which thread frees it.
    struct Witness(mpsc::Sender<ThreadId>);

    impl Drop for Witness {
        fn drop(&mut self) {
            let _ = self.0.send(thread::current().id());
        }
    }

    #[test]
    fn one_other_thread_frees_all_that_is_large() {
        let lazy_free = LazyFree::new(Arc::new(MemoryGauge::new(1)));
        let (sender, freed_by) = mpsc::channel();
        let mut freeing = Vec::new();
        for _ in 0..3 {
            lazy_free.dispose(Garbage::of(Witness(sender.clone()), 100));
            freeing.push(freed_by.recv().expect("it is freed"));
        }
        assert!(freeing.iter().all(|id| *id == freeing[0] && *id != thread::current().id()), "{freeing:?}");
    }

    #[test]
    fn where_there_is_no_other_thread_it_is_freed_at_once_and_no_longer_counted_as_waiting() {
        let lazy_free = LazyFree::new(Arc::new(MemoryGauge::new(1)));
        assert!(lazy_free.queue.set(None).is_ok());
        let (sender, freed_by) = mpsc::channel();
        lazy_free.dispose(Garbage::of(Witness(sender), 100));
        assert_eq!(freed_by.try_recv(), Ok(thread::current().id()));
        assert_eq!((lazy_free.waiting_bytes(), lazy_free.objects()), (0, (0, 1)));
    }
}
