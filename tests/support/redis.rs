//! The reference: Debian's redis-server, whose bytes ours are compared with.

use std::process::Command;

use super::TestServer;

/// The reference server's binary, looked for on `PATH`.
const BINARY: &str = "redis-server";

/// The series that expectations were written for. Its `differs:` entries would be wrong for another one.
const SERIES: &str = "7.0.";

/// The version of the reference server.
///
/// # Errors
/// Says that there is none on `PATH`, or that it is of another series.
pub fn reference_version() -> Result<String, String> {
    let output = Command::new(BINARY).arg("--version").output();
    let output = output.map_err(|_| format!("{BINARY} {SERIES}x is not on PATH"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().find_map(|word| word.strip_prefix("v="));
    match version {
        Some(version) if version.starts_with(SERIES) => Ok(version.to_owned()),
        Some(version) => Err(format!("{BINARY} is {version}, not {SERIES}x")),
        None => Err(format!("{BINARY} does not say which version it is")),
    }
}

/// Starts the reference server, keeping nothing on disk, with further options as on its command line, and with these
/// files, which are empty, in its working directory.
pub fn start_reference(options: &[&str], files: &[&str]) -> TestServer {
    let mut arguments = vec!["--save", "", "--appendonly", "no"];
    arguments.extend_from_slice(options);
    TestServer::start_binary(BINARY, &arguments, files)
}
