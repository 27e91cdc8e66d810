//! A folder of `examples/`, and a server beside which its programs run.
//!
//! The folder holds `install.sh`, which fetches what the programs need into the folder itself and does nothing when
//! that is there, and `run.sh`, which installs and then runs a demonstration that ends by itself with exit code 0. The
//! programs find the server in the environment variable `REDIS_URL`.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use libtest_mimic::Failed;

use crate::part::Part;
use crate::support::language::{Language, run};
use crate::support::{Peer, TestServer};

/// A test of an example: its name, a sentence, and what it does.
pub(crate) type Case = (&'static str, fn(&'static Example) -> Result<(), Failed>);

/// What an installation makes in an example's folder, and what a copy therefore leaves alone.
const INSTALLED: &[&str] = &[".venv", "node_modules", "__pycache__"];

/// One folder of `examples/`.
#[derive(Debug)]
pub(crate) struct Example {
    folder: &'static str,
    languages: &'static [Language],
    installed: OnceLock<Result<Installed, String>>,
}

/// A copy of the folder, with its packages.
#[derive(Debug)]
struct Installed {
    dir: PathBuf,
    /// Held until this process ends, so that no other one replaces files that programs of this one read.
    _lock: File,
}

impl Example {
    /// The example in `examples/{folder}`, whose programs are written in `languages`.
    pub(crate) const fn new(folder: &'static str, languages: &'static [Language]) -> Example {
        Example { folder, languages, installed: OnceLock::new() }
    }

    /// The path of its folder within `examples/`.
    pub(crate) fn folder(&self) -> &'static str {
        self.folder
    }

    /// What keeps this machine from running it; `None` when all is there.
    pub(crate) fn missing(&self) -> Option<&'static str> {
        self.languages.iter().find_map(|language| language.missing())
    }

    /// Its folder, where it is installed if that has not been done.
    pub(crate) fn installed(&self) -> Result<&Path, Failed> {
        let installed = self.installed.get_or_init(|| install(self.folder));
        Ok(&installed.as_ref().map_err(String::clone)?.dir)
    }

    /// Installs it, and starts a server with `options` for its programs.
    pub(crate) fn stage(&self, options: &[&str]) -> Result<Stage, Failed> {
        let dir = self.installed()?.to_path_buf();
        let server = TestServer::start(options);
        let url = ("REDIS_URL".to_string(), format!("redis://{}", server.addr()));
        // Lines are awaited while the programs run; Python keeps them back when nobody looks.
        let unbuffered = ("PYTHONUNBUFFERED".to_string(), "1".to_string());
        Ok(Stage { server, dir, environment: vec![url, unbuffered] })
    }
}

/// An installed example and a server of its own, for one test.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) server: TestServer,
    dir: PathBuf,
    environment: Vec<(String, String)>,
}

impl Stage {
    /// Sets an environment variable of all programs that are started from now on.
    pub(crate) fn set(&mut self, variable: &str, value: impl Into<String>) {
        self.environment.push((variable.to_string(), value.into()));
    }

    /// Lets the example's programs find a `redis-cli` in `REDIS_CLI`: the client that our binary is, too.
    pub(crate) fn provide_redis_cli(&mut self) {
        self.set("REDIS_CLI", concat!(env!("CARGO_BIN_EXE_pregon"), " cli"));
    }

    /// Starts a program of the example: a path in its folder (`./run.sh`, `.venv/bin/python`) or a name on `PATH`.
    pub(crate) fn start(&self, program: &str, args: &[&str]) -> Part {
        let program = if program.contains('/') { self.dir.join(program) } else { program.into() };
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.dir).envs(self.environment.iter().cloned());
        Part::start(&mut command)
    }

    /// A further client of the server, which speaks raw bytes.
    pub(crate) fn peer(&self) -> Peer {
        Peer::connect(&self.server.addr())
    }

    /// What the demonstration prints from beginning to end, as whoever follows the README sees it.
    pub(crate) fn demonstration(&self) -> Vec<String> {
        self.start("./run.sh", &[]).finish()
    }
}

/// Copies the folder into the target directory and runs its `install.sh` there.
fn install(folder: &str) -> Result<Installed, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().ok_or("the target directory has no name")?;
    let dir = target.join("examples").join(folder);
    let failure = |e: io::Error| format!("{}: {e}", dir.display());
    fs::create_dir_all(&dir).map_err(failure)?;
    let lock = File::create(dir.with_extension("lock")).map_err(failure)?;
    lock.lock().map_err(failure)?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(folder);
    clear(&dir).map_err(failure)?;
    copy(&source, &dir)?;
    run(Command::new(dir.join("install.sh")).current_dir(&dir))?;
    Ok(Installed { dir, _lock: lock })
}

/// Removes what an earlier copy left, so that no file outlives its source.
fn clear(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if is_installed(&entry) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Copies files and folders, with their permissions.
///
/// A program of its own does it. If this process wrote the files, a program that another test starts at this moment would
/// hold them open for writing until it runs, and the system executes no file that is open for writing.
fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let named = |e: io::Error| format!("{}: {e}", from.display());
    let entries = fs::read_dir(from).map_err(named)?.collect::<io::Result<Vec<_>>>().map_err(named)?;
    let copied = entries.iter().filter(|entry| !is_installed(entry)).map(fs::DirEntry::path);
    run(Command::new("cp").arg("-R").args(copied).arg(to)).map(drop)
}

fn is_installed(entry: &fs::DirEntry) -> bool {
    entry.file_name().to_str().is_some_and(|name| INSTALLED.contains(&name))
}
