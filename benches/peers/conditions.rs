//! Under which conditions is measured.

use std::fs;

/// Those of this run of a benchmark, in which servers of these versions are measured.
pub(crate) fn now(bench: &str, mut versions: Vec<String>, rounds: usize) -> Vec<(&'static str, String)> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    versions.dedup();
    let given: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    vec![
        ("command", format!("cargo bench --bench {bench} -- {}", given.join(" "))),
        ("processor", model.map_or_else(String::new, |(_, model)| model.to_owned())),
        ("cores", cores.to_string()),
        ("kernel", read("/proc/sys/kernel/osrelease").trim().to_owned()),
        ("load average before", read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned()),
        ("rounds", rounds.to_string()),
        ("servers", versions.join("; ")),
    ]
}
