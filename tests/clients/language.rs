//! The languages that clients are written in: whether this machine has one, and how its libraries are fetched.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Python,
    Node,
    Go,
}

impl Language {
    pub(crate) const ALL: [Language; 3] = [Language::Python, Language::Node, Language::Go];

    /// What keeps this machine from running clients in this language; `None` when all is there.
    ///
    /// The versions asked for are the oldest that the pinned libraries run on.
    pub(crate) fn missing(self) -> Option<String> {
        match self {
            Language::Python => {
                let check = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
                let found = run(Command::new("python3").args(["-c", check])).is_ok();
                (!found).then(|| "needs python3 3.10 with venv".to_string())
            }
            Language::Node => {
                let node = output_of("node", &["--version"]).filter(|v| version(v) >= (20, 0));
                let npm = output_of("npm", &["--version"]);
                (node.is_none() || npm.is_none()).then(|| "needs node 20 with npm".to_string())
            }
            Language::Go => {
                let go = output_of("go", &["env", "GOVERSION"]).filter(|v| version(v) >= (1, 26));
                go.is_none().then(|| "needs go 1.26".to_string())
            }
        }
    }

    /// The directory of its programs in the source tree.
    pub(crate) fn sources(self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(self.dir_name())
    }

    /// The directory with its libraries, which are fetched on the first call; later calls of all threads get its
    /// result.
    ///
    /// A file lock keeps processes apart that share the target directory.
    pub(crate) fn installed(self) -> Result<&'static Path, &'static str> {
        static INSTALLED: [OnceLock<Result<PathBuf, String>>; 3] = [const { OnceLock::new() }; 3];
        let result = INSTALLED[self as usize].get_or_init(|| {
            let dir = clients_dir()?.join(self.dir_name());
            std::fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
            let lock = File::create(dir.join("lock")).map_err(|e| format!("lock file: {e}"))?;
            lock.lock().map_err(|e| format!("lock: {e}"))?;
            self.install(&dir)?;
            Ok(dir)
        });
        result.as_deref().map_err(String::as_str)
    }

    fn install(self, dir: &Path) -> Result<(), String> {
        match self {
            Language::Python => install_python(&self.sources(), dir),
            Language::Node => install_node(&self.sources(), dir),
            Language::Go => build_go(&self.sources(), dir),
        }
    }

    fn dir_name(self) -> &'static str {
        match self {
            Language::Python => "python",
            Language::Node => "node",
            Language::Go => "go",
        }
    }
}

/// What `program` with `args` prints, when it runs and succeeds.
pub(crate) fn output_of(program: &str, args: &[&str]) -> Option<String> {
    run(Command::new(program).args(args)).ok()
}

/// A virtual environment with exactly the files that `requirements.txt` names by hash.
fn install_python(sources: &Path, dir: &Path) -> Result<(), String> {
    let requirements = sources.join("requirements.txt");
    let interpreter = output_of("python3", &["--version"]).unwrap_or_default();
    let wanted = interpreter + &read(&requirements)?;
    once_for(dir, &wanted, || {
        let venv = dir.join("venv");
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        let pip = ["-m", "pip", "install", "--quiet", "--no-input", "--require-hashes", "--requirement"];
        run(Command::new(venv.join("bin/python")).args(pip).arg(&requirements))
    })
}

/// The packages that `package-lock.json` names by hash, and beside them the programs, because an ECMAScript module
/// looks for packages beside itself.
fn install_node(sources: &Path, dir: &Path) -> Result<(), String> {
    for entry in std::fs::read_dir(sources).map_err(|e| format!("{}: {e}", sources.display()))? {
        let file = entry.map_err(|e| format!("{}: {e}", sources.display()))?;
        if file.path().extension().is_some_and(|ext| ext == "mjs" || ext == "json") {
            let to = dir.join(file.file_name());
            std::fs::copy(file.path(), &to).map_err(|e| format!("{}: {e}", to.display()))?;
        }
    }
    let runtime = output_of("node", &["--version"]).unwrap_or_default();
    once_for(dir, &(runtime + &read(&dir.join("package-lock.json"))?), || {
        let ci = ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
        run(Command::new("npm").args(ci).current_dir(dir))
    })
}

/// The program itself, from the modules that `go.sum` names by hash. Go knows what has to be built again.
fn build_go(sources: &Path, dir: &Path) -> Result<(), String> {
    let build = ["build", "-o"];
    let mut command = Command::new("go");
    command.args(build).arg(dir.join("go_redis")).arg(".").current_dir(sources);
    // A toolchain that is too old is reported as missing, not replaced by another one.
    command.env("GOFLAGS", "-mod=readonly").env("GOTOOLCHAIN", "local").env("GOWORK", "off");
    run(&mut command).map(drop)
}

/// Runs `install` unless `dir` already holds what `wanted` describes.
fn once_for<T>(dir: &Path, wanted: &str, install: impl FnOnce() -> Result<T, String>) -> Result<(), String> {
    let stamp = dir.join("installed");
    if std::fs::read_to_string(&stamp).is_ok_and(|done| done == wanted) {
        return Ok(());
    }
    install()?;
    std::fs::write(&stamp, wanted).map_err(|e| format!("{}: {e}", stamp.display()))
}

/// `clients` in the target directory; Cargo names only the directory beside it.
fn clients_dir() -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    target.map(|dir| dir.join("clients")).ok_or_else(|| "the target directory has no name".to_string())
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// Runs `command` to its end and returns its standard output, or all that it printed when it fails.
fn run(command: &mut Command) -> Result<String, String> {
    let what = command.get_program().to_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|e| failure(&what, &e.to_string()))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(printed);
    }
    Err(failure(&what, &format!("{}\n{printed}{}", output.status, String::from_utf8_lossy(&output.stderr))))
}

fn failure(what: &OsStr, why: &str) -> String {
    format!("{}: {why}", what.display())
}

/// Major and minor number in `text`, whatever stands before (`v20.1.0`, `go1.26`).
pub(crate) fn version(text: &str) -> (u32, u32) {
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    let mut numbers = digits.split('.').map(|part| part.trim().parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
