//! What this process uses, as the kernel counts it: memory, processor time, file descriptors. What is read from `/proc`
//! is zero on systems without it.

use std::fs;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity};
use rustix::time::{ClockId, clock_gettime};

/// Memory of the process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// In RAM now.
    pub resident: u64,
    /// The most that ever was.
    pub peak: u64,
    /// Private and writable, whether in RAM or not.
    pub data: u64,
}

/// The memory of this process.
pub(crate) fn memory() -> Memory {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = kilobytes(&status, "VmRSS:");
    // The kernel counts both in its own time, so the peak may be behind.
    Memory { resident, peak: kilobytes(&status, "VmHWM:").max(resident), data: kilobytes(&status, "VmData:") }
}

/// The memory of the machine, in bytes.
pub(crate) fn system_memory() -> u64 {
    kilobytes(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), "MemTotal:")
}

/// Processor time, to the kernel's clock tick (mostly 10 ms).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CpuTime {
    /// In the program.
    pub user: Duration,
    /// In the kernel on its behalf.
    pub system: Duration,
}

/// Processor time of all threads, and of children that have ended.
pub(crate) fn cpu_time() -> (CpuTime, CpuTime) {
    let times = cpu_times("/proc/self/stat");
    (CpuTime { user: times[0], system: times[1] }, CpuTime { user: times[2], system: times[3] })
}

/// Processor time of the thread that the system knows by this number; the process's own is that of its first thread.
pub(crate) fn thread_cpu_time(id: u32) -> CpuTime {
    let times = cpu_times(&format!("/proc/self/task/{id}/stat"));
    CpuTime { user: times[0], system: times[1] }
}

/// How long the calling thread has worked.
pub(crate) fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// For how long the processors that this process may use have been idle, all together.
pub(crate) fn idle_time() -> Duration {
    /// The place of idle time in the line of a processor, see proc(5); that of waiting for disks follows.
    const IDLE: usize = 3;
    let Ok(own) = sched_getaffinity(None) else { return Duration::ZERO };
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let idle_ticks = stat.lines().filter_map(|line| {
        let (number, times) = line.strip_prefix("cpu")?.split_once(' ')?;
        let number: usize = number.parse().ok()?;
        let mut times = times.split_whitespace().skip(IDLE).map_while(|field| field.parse::<u64>().ok());
        (number < CpuSet::MAX_CPU && own.is_set(number)).then_some(times.next()? + times.next()?)
    });
    ticks(idle_ticks.sum())
}

/// Makes sure that `clients` may be connected at a time, of whom each takes so many descriptors, beside what the server itself needs, by raising the
/// process's own limit if it is allowed to; answers the new limit if it did. It is never lowered.
///
/// # Errors
///
/// How many clients are possible instead. The limit has been raised as far as possible then.
pub(crate) fn ensure_descriptors(clients: u32, of_each: u32, io_threads: u16) -> Result<Option<u64>, u32> {
    // Listeners, files and logs, somebody who is one too many, and for each thread its event loop.
    let own = 32 + 4 * (u64::from(io_threads) + 1);
    let wanted = u64::from(clients) * u64::from(of_each) + own;
    let limit = getrlimit(Resource::Nofile);
    let Some(soft) = limit.current.filter(|soft| *soft < wanted) else { return Ok(None) };
    let raised = |current: u64, hard: u64| Rlimit { current: Some(current), maximum: Some(hard) };
    let hard = limit.maximum.unwrap_or(wanted);
    if setrlimit(Resource::Nofile, raised(wanted, hard.max(wanted))).is_ok() {
        return Ok(Some(wanted));
    }
    let reached = if setrlimit(Resource::Nofile, raised(hard, hard)).is_ok() { hard } else { soft };
    Err(u32::try_from(reached.saturating_sub(own) / u64::from(of_each)).unwrap_or(u32::MAX))
}

/// How many descriptors this process may have; none without a limit.
pub(crate) fn descriptor_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// How many it has. Takes time in proportion to them.
pub(crate) fn open_descriptors() -> u64 {
    fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64)
}

/// The value in bytes of a line such as `VmRSS:   1234 kB`.
fn kilobytes(text: &str, key: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(key));
    let number = value.and_then(|value| value.split_whitespace().next()?.parse::<u64>().ok());
    number.unwrap_or(0) * 1024
}

/// User and system time of a `stat` file, then the same of ended children.
fn cpu_times(path: &str) -> [Duration; 4] {
    /// The place of user time behind the command's name, see proc(5).
    const USER_TIME: usize = 11;
    let stat = fs::read_to_string(path).unwrap_or_default();
    // The name stands in parentheses and may hold anything.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut times = rest.split_whitespace().skip(USER_TIME).map(|field| field.parse().unwrap_or(0));
    std::array::from_fn(|_| ticks(times.next().unwrap_or(0)))
}

/// So many ticks of the kernel's clock.
fn ticks(count: u64) -> Duration {
    Duration::from_micros(count * 1_000_000 / rustix::param::clock_ticks_per_second().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_uses_memory_of_this_machine() {
        let memory = memory();
        assert!(memory.resident > 0 && memory.peak >= memory.resident && memory.data > 0, "{memory:?}");
        assert!(system_memory() > memory.resident);
    }

    #[test]
    fn lines_without_the_key_or_a_number_count_as_zero() {
        assert_eq!(kilobytes("VmHWM: 3 kB\nVmRSS:\t  12 kB\n", "VmRSS:"), 12 * 1024);
        assert_eq!(kilobytes("VmRSS: many\n", "VmRSS:"), 0);
        assert_eq!(kilobytes("", "VmRSS:"), 0);
    }

    #[test]
    fn one_thread_uses_no_more_than_all_threads() {
        let main = thread_cpu_time(std::process::id());
        let (all, _) = cpu_time();
        assert!(main.user <= all.user + Duration::from_millis(20), "{main:?} {all:?}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn processors_that_this_process_may_use_have_been_idle() {
        let before = idle_time();
        assert!(Duration::ZERO < before && before <= idle_time());
    }

    #[test]
    fn a_thread_that_works_uses_time() {
        let before = thread_time();
        while thread_time() == before {}
    }

    #[test]
    fn more_descriptors_than_the_kernel_knows_are_refused_with_what_is_possible() {
        assert_eq!(ensure_descriptors(1, 1, 1), Ok(None));
        let possible = ensure_descriptors(u32::MAX, 1, 32).expect_err("no system allows four billion files");
        assert!(possible > 0);
    }
}
