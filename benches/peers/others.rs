//! How much of the cores went to processes that have nothing to do with the comparison.

use std::fs;

/// What the cores that this process may use have done so far, in clock ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Others {
    /// Everything, idleness too.
    total: u64,
    busy: u64,
    /// The part of it that this process and the servers that it has ended have used.
    own: u64,
}

impl Others {
    /// Up to now; none where `/proc` does not tell.
    pub(crate) fn now() -> Option<Self> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let cores = listed(status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?.trim())?;
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let (mut total, mut busy) = (0, 0);
        for line in stat.lines() {
            let mut fields = line.split_ascii_whitespace();
            let core = fields.next().and_then(|name| name.strip_prefix("cpu")?.parse().ok());
            if core.is_some_and(|core: usize| cores.contains(&core)) {
                // The fourth and the fifth are idleness; those behind the eighth are parts of others.
                let ticks: Vec<u64> = fields.take(8).map_while(|field| field.parse().ok()).collect();
                let all: u64 = ticks.iter().sum();
                total += all;
                busy += all - ticks.get(3..5)?.iter().sum::<u64>();
            }
        }
        let own = fs::read_to_string("/proc/self/stat").ok()?;
        let (_, own) = own.rsplit_once(')')?;
        // The 14th to the 17th: this process and those that it has waited for, each outside and in the kernel.
        let own = own.split_ascii_whitespace().skip(11).take(4).map_while(|field| field.parse::<u64>().ok()).sum();
        Some(Others { total, busy, own })
    }

    /// The share of the cores that others have had since `earlier`, in percent.
    pub(crate) fn percent_since(self, earlier: Self) -> f64 {
        let others = (self.busy - earlier.busy).saturating_sub(self.own - earlier.own);
        100.0 * others as f64 / (self.total - earlier.total).max(1) as f64
    }
}

/// The numbers in a list such as `0-2,5`.
fn listed(text: &str) -> Option<Vec<usize>> {
    let mut numbers = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        numbers.extend(first.parse().ok()?..=last.parse::<usize>().ok()?);
    }
    Some(numbers)
}
