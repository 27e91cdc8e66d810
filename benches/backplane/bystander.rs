//! What a node spends while others exchange messages in which none of its clients is interested.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crate::deployment::Deployment;
use crate::generator::figures::{Figures, Metric};
use crate::generator::usage::CpuTime;
use crate::suite::{Entry, Way};
use crate::talk;

/// Runs the case between the first two nodes and measures the third, less what it spends when nothing is sent. None where
/// there is no such node.
pub(crate) fn measure(deployment: &Deployment, entry: &Entry) -> Option<io::Result<Figures>> {
    let target = deployment.target(Way::Across)?;
    let node = deployment.third_node()?;
    let exchange = || {
        let idle = measured(node.pid, || {
            thread::sleep(Duration::from_secs_f64(entry.seconds()));
            Ok(())
        })?;
        let received = || Ok::<_, io::Error>(talk::number(&talk::ask(node.address, "INFO")?, RECEIVED));
        let received_before = received()?;
        let mut exchanged = Figures::default();
        let busy = measured(node.pid, || {
            exchanged = entry.case.run(&target)?;
            Ok(())
        })?;
        let messages = exchanged.get(Metric::Total).unwrap_or_default().max(1.0);
        let share = busy.elapsed.as_secs_f64() / idle.elapsed.as_secs_f64();
        let more_ns = busy.cpu.as_nanos() as f64 - share * idle.cpu.as_nanos() as f64;
        let mut figures = Figures::default();
        figures.set(Metric::Rate, exchanged.get(Metric::Rate).unwrap_or_default());
        figures.set(Metric::Cpu, more_ns.max(0.0) / messages);
        if let Some((after, before)) = received()?.zip(received_before) {
            figures.set(Metric::Each, (after - before) as f64 / messages);
        }
        Ok(figures)
    };
    Some(exchange())
}

/// What Pregon says of how much its engine has brought, in bytes. Redis does not say what its nodes send each other.
const RECEIVED: &str = "backplane_received_bytes";

/// What a process has spent in some time.
struct Spent {
    cpu: Duration,
    elapsed: Duration,
}

/// What process `pid` spends while `work` is done.
fn measured(pid: u32, work: impl FnOnce() -> io::Result<()>) -> io::Result<Spent> {
    let (start, before) = (Instant::now(), CpuTime::of(pid)?);
    work()?;
    Ok(Spent { cpu: CpuTime::of(pid)?.since(before).total, elapsed: start.elapsed() })
}
