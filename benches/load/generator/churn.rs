//! Clients that connect, subscribe and go, over and over.

use std::io;
use std::time::{Duration, Instant};

use super::Churn;
use super::figures::Figures;
use super::flow::channel;
use super::target::Target;
use super::wire::Proto;

/// Connections that are open at once.
const AT_ONCE: usize = 16;

/// Measures how many clients come and go in a second.
pub(crate) fn churn(target: &Target, case: &Churn) -> io::Result<Figures> {
    let cpu = || target.cpu_time();
    // If sessions are gone on with, these have them for the next.
    target.subscribers(AT_ONCE, Proto::Resp2, channel)?;
    let (start, cpu_at_start) = (Instant::now(), cpu()?);
    let mut clients = 0;
    while start.elapsed() < Duration::from_secs_f64(case.seconds) {
        let streams = target.subscribers(AT_ONCE, Proto::Resp2, channel)?;
        if streams.iter().any(|stream| stream.is_resumed() != target.resumed) {
            return Err(io::Error::other("a session was gone on with, or not, other than it should have been"));
        }
        clients += streams.len();
    }
    let elapsed = start.elapsed();
    let used = cpu()?.zip(cpu_at_start).map(|(end, start)| end.since(start));
    let mut figures = Figures::default();
    figures.set_rate(clients as u64, elapsed, used);
    Ok(figures)
}
