//! The threads for commands that take long, and what is due for keys from time to time, which is done on one of them.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::upkeep;
use crate::command::elsewhere::refuse_waiting;
use crate::server::Server;
use crate::server::executor::Executor;

/// How often keys are looked after.
const TICK: Duration = Duration::from_millis(100);
/// By how much these threads give way to those that deliver messages where there are fewer processors than threads: to a
/// third of their time.
const NICENESS: i32 = 5;
/// How long keys are removed at a time, while commands on keys wait.
const LONGEST_UPKEEP: Duration = Duration::from_millis(25);

/// The stack of such a thread, in bytes: scripts and what they answer may go deep. It becomes memory as it is used.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// Starts the threads. They end with the process, which does not wait for them: what they are at may take long.
///
/// # Errors
///
/// Those of the system, when it has no threads left.
pub(super) fn spawn(server: &Arc<Server>) -> io::Result<()> {
    let start = |name: &str, run: fn(&Server)| {
        let server = server.clone();
        std::thread::Builder::new().name(name.into()).stack_size(STACK_BYTES).spawn(move || run(&server)).map(drop)
    };
    start("keys", |server| serve(server, &server.executors.keys, server.keys_thread(), look_after_keys))?;
    start("long", |server| serve(server, &server.executors.others, server.others_thread(), refuse_waiting))?;
    server.executors.keys.attach();
    server.executors.others.attach();
    Ok(())
}

/// Does the jobs of `executor` until the process ends, and in between what is due at times.
fn serve(server: &Server, executor: &Executor, thread: usize, at_times: impl Fn(&Server)) {
    server.memory.begin(thread);
    // Best effort: without it they compete as equals. The kernel knows threads by numbers like processes.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS);
    let mut last_time = Instant::now();
    loop {
        executor.work(server, TICK);
        server.memory.count(thread);
        if last_time.elapsed() >= TICK {
            last_time = Instant::now();
            at_times(server);
        }
    }
}

/// Removes keys whose time is over, and what is too much.
fn look_after_keys(server: &Server) {
    let (begin, thread) = (Instant::now(), server.keys_thread());
    while upkeep::remove_keys(server, thread)
        | upkeep::trim(server)
        | upkeep::redirect_waiters(server)
        | upkeep::drop_moved_keys(server)
        && begin.elapsed() < LONGEST_UPKEEP
    {}
}
