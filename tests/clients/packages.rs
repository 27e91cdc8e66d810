//! How the client libraries of each language are fetched.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::support::language::{Language, output_of, run};

impl Language {
    /// The directory of its programs in the source tree.
    pub(crate) fn sources(self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(self.dir_name())
    }

    /// The directory with its libraries, which are fetched on the first call; later calls of all threads get its
    /// result.
    ///
    /// A file lock keeps processes apart that share the target directory.
    pub(crate) fn installed(self) -> Result<&'static Path, &'static str> {
        static INSTALLED: [OnceLock<Result<PathBuf, String>>; Language::ALL.len()] =
            [const { OnceLock::new() }; Language::ALL.len()];
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
            Language::Java => install_java(&self.sources(), dir),
            Language::Php | Language::Ruby => Ok(()),
        }
    }

    fn dir_name(self) -> &'static str {
        match self {
            Language::Python => "python",
            Language::Node => "node",
            Language::Go => "go",
            Language::Java => "java",
            Language::Php => "php",
            Language::Ruby => "ruby",
        }
    }
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

/// The programs themselves, from the modules that `go.sum` names by hash. Go knows what has to be built again.
fn build_go(sources: &Path, dir: &Path) -> Result<(), String> {
    let mut command = Command::new("go");
    // An output that ends with a slash is a folder, for as many programs as there are.
    command.args(["build", "-o"]).arg(dir.join("")).arg("./...").current_dir(sources);
    // A toolchain that is too old is reported as missing, not replaced by another one.
    command.env("GOFLAGS", "-mod=readonly").env("GOTOOLCHAIN", "local").env("GOWORK", "off");
    run(&mut command).map(drop)
}

/// The libraries whose versions `pom.xml` names, checked by their checksums, and the programs, compiled.
fn install_java(sources: &Path, dir: &Path) -> Result<(), String> {
    let pom = sources.join("pom.xml");
    let programs = ["Programs.java", "Clusters.java"].map(|name| sources.join(name));
    let mut wanted = output_of("javac", &["-version"]).unwrap_or_default() + &read(&pom)?;
    for program in &programs {
        wanted += &read(program)?;
    }
    once_for(dir, &wanted, || {
        let (libraries, classes) = (dir.join("lib"), dir.join("classes"));
        // What another version of the list has left. An error says that there is nothing.
        let _ = std::fs::remove_dir_all(&libraries);
        let copy = ["--quiet", "--batch-mode", "--strict-checksums", "dependency:copy-dependencies", "--file"];
        let to = format!("-DoutputDirectory={}", libraries.display());
        run(Command::new("mvn").args(copy).arg(&pom).arg(to))?;
        let path = format!("{}/*", libraries.display());
        run(Command::new("javac").args(["-cp", &path, "-d"]).arg(&classes).args(&programs))
    })
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
