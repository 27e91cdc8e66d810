//! A thread that runs commands for others, one after the other, in the order in which they came.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Acquire, Ordering::Release};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::loan::Loan;
use super::task::{Place, Slot, Task};
use crate::client::Closing;
use crate::client::order::{Errand, HubAccess};
use crate::client::registry::ClientInfo;
use crate::command::{leaving, transaction};
use crate::keyspace::access::KeyAccess;
use crate::observe::stats::WorkerStats;
use crate::server::Server;
use crate::session::{Scope, TurnOutcome};

/// What an executor is given to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Run a command and answer its client.
    Run(Box<Task>),
    /// Run commands of a transaction that needs no keys.
    RunQueued(Box<Task>),
    /// Take the keys' lock and lend it to a client's session.
    Lend(Arc<Loan>),
    /// A client's time is up: answer it so, if it still waits for keys.
    GiveUp(Arc<ClientInfo>),
    /// Let go of what a client watches.
    EndWatch(Arc<ClientInfo>, Box<Scope>),
    /// A client has gone: let go of what it holds of the keys, also of what a task of it has left for it.
    LetGo(Arc<ClientInfo>, Box<Scope>, Option<Slot>),
}

impl Job {
    /// The client that it is for.
    fn client(&self) -> &Arc<ClientInfo> {
        match self {
            Job::Run(task) | Job::RunQueued(task) => &task.client,
            Job::Lend(loan) => loan.client(),
            Job::GiveUp(client) | Job::EndWatch(client, _) | Job::LetGo(client, ..) => client,
        }
    }
}

/// A queue of jobs, and the thread that does them if one has been attached.
#[derive(Debug)]
pub struct Executor {
    jobs: Mutex<VecDeque<Job>>,
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
    pub(crate) fn new(commands: usize) -> Self {
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
    pub(crate) fn add(&self, job: Job) {
        self.pending.fetch_add(1, Release);
        self.jobs.lock().push_back(job);
        self.bell.notify_one();
    }

    /// Takes out the commands that wait, but for those of clients that have gone and those of transactions.
    pub(super) fn take_waiting(&self) -> Vec<Task> {
        let mut jobs = self.jobs.lock();
        let (mut waiting, mut others) = (Vec::new(), VecDeque::new());
        for job in jobs.drain(..) {
            match job {
                Job::Run(task) => waiting.push(*task),
                other => others.push_back(other),
            }
        }
        *jobs = others;
        self.pending.fetch_sub(waiting.len(), Release);
        waiting
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
            if catch_unwind(AssertUnwindSafe(|| self.do_job(server, job))).is_err() {
                super::send(server, client, Errand::Close(Closing::Failed));
            }
        }
    }

    fn do_job(&self, server: &Server, job: Job) {
        let mut keys = KeyAccess::new(&server.keyspace);
        let mut hub = HubAccess::new(&server.hub);
        let mut outcome = TurnOutcome::default();
        let mut place = Place { server, stats: &self.stats, keys: &mut keys, hub: &mut hub, outcome: &mut outcome };
        match job {
            Job::Run(task) => task.run_alone(&mut place),
            Job::RunQueued(task) => {
                let client = task.client.clone();
                task.run_queued(&mut place);
                super::resume(server, &client);
            }
            Job::Lend(loan) => return loan.serve(server, &self.stats),
            Job::GiveUp(client) => leaving::give_up(&mut place, &client),
            Job::EndWatch(client, mut scope) => {
                transaction::end_watch(&client, &mut scope, place.keys, server.clock.now());
            }
            Job::LetGo(client, scope, slot) => {
                let left = slot.and_then(|slot| slot.lock().take());
                for mut scope in left.map(|done| done.scope).into_iter().chain([*scope]) {
                    leaving::let_go_of_keys(&client, &mut scope, place.keys, server.clock.now());
                }
            }
        }
        keys.release();
        server.wake(std::mem::take(&mut outcome.sent.wake));
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
    pub const COUNT: usize = 2;

    pub(crate) fn new(commands: usize) -> Self {
        Executors { keys: Executor::new(commands), others: Executor::new(commands) }
    }
}
