//! What the server's process uses, as `/proc` tells it.

use std::fs;
use std::io;
use std::time::Duration;

/// Clock ticks of `/proc/PID/stat` in a second: `USER_HZ`, 100 on every Linux.
pub(super) const TICKS_PER_SECOND: u64 = 100;

/// Processor time of all threads of a process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CpuTime {
    /// All of it, exact where the kernel keeps `schedstat`.
    pub(crate) total: Duration,
    /// The parts of it outside and in the kernel, with a resolution of 10 ms.
    pub(crate) user: Duration,
    pub(crate) system: Duration,
}

impl CpuTime {
    /// What process `pid` has used so far.
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The second field is the program's name in parentheses, which may hold anything; `utime` is the 14th.
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let mut ticks = after_name.split_ascii_whitespace().skip(11).map_while(|field| field.parse().ok());
        let mut next = || ticks.next().map(|ticks: u64| Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND));
        let (Some(user), Some(system)) = (next(), next()) else { return Err(io::Error::other("odd /proc/PID/stat")) };
        Ok(CpuTime { total: scheduled(pid).unwrap_or(user + system), user, system })
    }

    /// This and what another process has used.
    pub(crate) fn plus(self, other: Self) -> Self {
        CpuTime { total: self.total + other.total, user: self.user + other.user, system: self.system + other.system }
    }

    /// What was used since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        CpuTime {
            total: self.total.saturating_sub(earlier.total),
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

/// How long the threads of a process ran, to the nanosecond. Threads that have ended are not counted: servers keep theirs.
fn scheduled(pid: u32) -> Option<Duration> {
    let mut total_ns = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let stat = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        total_ns += stat.split_ascii_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(total_ns))
}

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Pages in memory.
    pub(crate) resident: f64,
    /// The same, where pages that are shared with other processes count in part.
    pub(crate) proportional: f64,
    /// The most that was ever resident.
    pub(crate) peak: f64,
}

impl Memory {
    /// What process `pid` has now.
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let field = |text: &str, name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name));
            let kib = value.and_then(|value| value.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
            kib.map(|kib| kib * 1024.0).ok_or_else(|| io::Error::other(format!("no {name} in /proc/PID")))
        };
        Ok(Memory {
            resident: field(&rollup, "Rss:")?,
            proportional: field(&rollup, "Pss:")?,
            peak: field(&status, "VmHWM:")?,
        })
    }
}
