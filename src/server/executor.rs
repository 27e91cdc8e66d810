//! A thread that runs commands for others, one after the other, in the order in which they came.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Acquire, Ordering::Release};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::Server;
use crate::client::Closing;
use crate::client::order::Errand;
use crate::client::registry::ClientInfo;
use crate::observe::stats::WorkerStats;
use crate::resp::answer::Answer;
use crate::resp::errors::ReplyError;

/// What an executor is given to do.
pub(crate) trait Job: fmt::Debug + Send {
    /// The client that it is for.
    fn client(&self) -> &Arc<ClientInfo>;

    /// Does it, on a thread with these counters.
    fn run(self: Box<Self>, server: &Server, stats: &WorkerStats);

    /// Whether it is a command that may be refused while it waits, and not one of a transaction or for a client that has gone.
    fn may_be_refused(&self) -> bool {
        false
    }

    /// What is answered instead of doing it.
    fn refuse(self: Box<Self>, _error: &ReplyError) -> Answer {
        Answer::default()
    }
}

/// A queue of jobs, and the thread that does them if one has been attached.
#[derive(Debug)]
pub struct Executor {
    jobs: Mutex<VecDeque<Box<dyn Job>>>,
    bell: Condvar,
    /// Jobs that are waiting or being done.
    pending: AtomicUsize,
    /// Whether there is a thread that does them; without one everything runs on the threads of the clients.
    attached: AtomicBool,
    /// The counters of its thread.
    pub(crate) stats: WorkerStats,
}

impl Executor {
    /// An executor without a thread, for a table of `commands` commands.
    fn new(commands: usize) -> Self {
        Executor {
            jobs: Mutex::default(),
            bell: Condvar::new(),
            pending: AtomicUsize::new(0),
            attached: AtomicBool::new(false),
            stats: WorkerStats::new(commands),
        }
    }

    /// Says that there is a thread from now on that does the jobs.
    pub fn attach(&self) {
        self.attached.store(true, Release);
    }

    /// Whether there is a thread that does the jobs.
    pub fn is_attached(&self) -> bool {
        self.attached.load(Acquire)
    }

    /// Whether nothing is waiting or being done.
    pub(crate) fn is_idle(&self) -> bool {
        self.pending.load(Acquire) == 0
    }

    /// Adds a job behind all others.
    pub(crate) fn add(&self, job: impl Job + 'static) {
        self.pending.fetch_add(1, Release);
        self.jobs.lock().push_back(Box::new(job));
        self.bell.notify_one();
    }

    /// Takes out the jobs that may be refused.
    pub(crate) fn take_refusable(&self) -> Vec<Box<dyn Job>> {
        let mut jobs = self.jobs.lock();
        let (waiting, others) = jobs.drain(..).partition::<VecDeque<_>, _>(|job| job.may_be_refused());
        *jobs = others;
        self.pending.fetch_sub(waiting.len(), Release);
        waiting.into()
    }

    /// Does the next job, if one comes within `patience`. A panic in it ends the connection of its client, and nothing else.
    pub fn work(&self, server: &Server, patience: Duration) {
        let job = {
            let mut jobs = self.jobs.lock();
            if jobs.is_empty() {
                self.bell.wait_for(&mut jobs, patience);
            }
            jobs.pop_front()
        };
        if let Some(job) = job {
            let _done = Pending(self);
            let client = job.client().clone();
            // Locks are given back by a panic, and what it has left half done is of its client or of its keys.
            if catch_unwind(AssertUnwindSafe(|| job.run(server, &self.stats))).is_err() {
                server.send(client, Errand::Close(Closing::Failed));
            }
        }
    }
}

/// A job that is being done; it counts as done also when it fails.
struct Pending<'e>(&'e Executor);

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.0.pending.fetch_sub(1, Release);
    }
}

/// The executors of a server.
#[derive(Debug)]
pub struct Executors {
    /// For commands on keys.
    pub keys: Executor,
    /// For long commands that use none.
    pub others: Executor,
}

impl Executors {
    /// How many there are.
    pub(crate) const COUNT: usize = 2;

    pub(super) fn new(commands: usize) -> Self {
        Executors { keys: Executor::new(commands), others: Executor::new(commands) }
    }
}
