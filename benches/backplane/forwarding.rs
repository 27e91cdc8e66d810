//! What it takes that a node sends commands on keys on to the Redis behind it: one client that asks for a value again and again,
//! at the node and at the Redis itself.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::deployment::Deployment;
use crate::generator::figures::{Figures, Metric};
use crate::generator::usage::CpuTime;
use crate::suite::Entry;

const GET: &[u8] = b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n";
/// How long the value is, in bytes.
const VALUE: usize = 64;
/// Rounds that are not measured.
const UNMEASURED: usize = 1000;

/// What one client has seen.
struct Seen {
    count: u64,
    elapsed: Duration,
    /// From a request to its answer, in nanoseconds.
    latencies: Histogram<u64>,
}

/// Asks with so many requests in flight, first at the Redis and then at the node. None where nothing is sent on.
pub(crate) fn measure(deployment: &Deployment, entry: &Entry) -> Option<io::Result<Figures>> {
    let (node, pid, upstream) = deployment.in_front()?;
    let (window, duration) = (entry.window(), Duration::from_secs_f64(entry.seconds()));
    let compare = || {
        let direct = ask(upstream, window, duration, || Ok(CpuTime::default()))?.0;
        let (through, cpu) = ask(node, window, duration, || CpuTime::of(pid))?;
        let mut figures = Figures::default();
        figures.set_rate(through.count, through.elapsed, Some(cpu));
        let p50 = |seen: &Seen| seen.latencies.value_at_quantile(0.5) as f64 / 1000.0;
        figures.set(Metric::P50, p50(&through) - p50(&direct));
        Ok(figures)
    };
    Some(compare())
}

fn ask(
    address: SocketAddr,
    window: usize,
    duration: Duration,
    cpu: impl Fn() -> io::Result<CpuTime>,
) -> io::Result<(Seen, CpuTime)> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    let mut answer = vec![0; "+OK\r\n".len()];
    socket.write_all(format!("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n${VALUE}\r\n{}\r\n", "x".repeat(VALUE)).as_bytes())?;
    socket.read_exact(&mut answer)?;
    let requests = GET.repeat(window);
    let mut answers = vec![0; window * (format!("${VALUE}\r\n\r\n").len() + VALUE)];
    let mut round = || {
        let start = Instant::now();
        socket.write_all(&requests)?;
        socket.read_exact(&mut answers)?;
        Ok::<_, io::Error>(start.elapsed())
    };
    for _ in 0..UNMEASURED {
        round()?;
    }
    let mut latencies = Histogram::new(3).map_err(io::Error::other)?;
    let (start, before) = (Instant::now(), cpu()?);
    while start.elapsed() < duration {
        latencies.record(round()?.as_nanos() as u64).map_err(io::Error::other)?;
    }
    let elapsed = start.elapsed();
    Ok((Seen { count: latencies.len() * window as u64, elapsed, latencies }, cpu()?.since(before)))
}
