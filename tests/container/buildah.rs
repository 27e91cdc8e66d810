//! Calls of buildah whose storage lies in a directory of this process.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What keeps this machine from building and running images; `None` when all is there.
pub(crate) fn missing() -> Option<String> {
    let version = Command::new("buildah").arg("--version").stdin(Stdio::null()).output();
    if !version.is_ok_and(|output| output.status.success()) {
        return Some("needs buildah".to_string());
    }
    (!rustix::process::geteuid().is_root()).then(|| "needs root for buildah's chroot isolation".to_string())
}

/// The directory of everything that this process makes except the build.
pub(crate) fn scratch_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("container-{}", std::process::id()))
}

/// A call of buildah that does not touch the machine's own images.
pub(crate) fn buildah(args: &[&str]) -> Command {
    let scratch = scratch_dir();
    let mut command = Command::new("buildah");
    command
        .arg("--root")
        .arg(scratch.join("storage"))
        .arg("--runroot")
        .arg(scratch.join("run"))
        // Plain directories, which need nothing of the file system below.
        .args(["--storage-driver", "vfs"])
        .args(args)
        .env("TMPDIR", &scratch)
        .stdin(Stdio::null());
    command
}

/// Runs `command` to its end and returns its standard output, or all that it printed when it fails.
pub(crate) fn run(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_owned();
    let output = command.output().map_err(|e| format!("{}: {e}", name.display()))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(printed);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}: {}\n{printed}{complaint}", name.display(), output.status))
}
