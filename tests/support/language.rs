//! The languages that programs of tests are written in, and whether this machine has one.

use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// A language whose programs need its interpreter or compiler, and its tool that fetches packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// CPython, with pip in virtual environments.
    Python,
    /// Node.js, with npm.
    Node,
    /// Go, which fetches modules itself.
    Go,
    /// Java, with Maven for its libraries.
    Java,
    /// PHP with the libraries that the system packages, phpredis, predis and parts of Laravel: its own registry is not
    /// asked.
    Php,
    /// Ruby with the libraries that the system packages, Sidekiq and what it needs: its own registry is not asked.
    Ruby,
}

impl Language {
    /// Every language, in the order of its number.
    pub const ALL: [Language; 6] =
        [Language::Python, Language::Node, Language::Go, Language::Java, Language::Php, Language::Ruby];

    /// What keeps this machine from running programs in this language; `None` when all is there.
    ///
    /// The versions asked for are the oldest that the pinned libraries run on.
    pub fn missing(self) -> Option<&'static str> {
        static MISSING: [OnceLock<Option<&str>>; Language::ALL.len()] =
            [const { OnceLock::new() }; Language::ALL.len()];
        *MISSING[self as usize].get_or_init(|| self.look_for())
    }

    fn look_for(self) -> Option<&'static str> {
        match self {
            Language::Python => {
                let check = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
                let found = output_of("python3", &["-c", check]);
                found.is_none().then_some("needs python3 3.10 with venv")
            }
            Language::Node => {
                let node = output_of("node", &["--version"]).filter(|v| version(v) >= (20, 0));
                let npm = output_of("npm", &["--version"]);
                (node.is_none() || npm.is_none()).then_some("needs node 20 with npm")
            }
            Language::Go => {
                let go = output_of("go", &["env", "GOVERSION"]).filter(|v| version(v) >= (1, 26));
                go.is_none().then_some("needs go 1.26")
            }
            Language::Java => {
                let javac = output_of("javac", &["-version"]).filter(|v| version(v) >= (17, 0));
                let mvn = output_of("mvn", &["--version"]);
                (javac.is_none() || mvn.is_none()).then_some("needs a JDK 17 with Maven")
            }
            Language::Php => {
                let check = "extension_loaded('redis') || exit(1);
                    foreach (['Predis', 'Illuminate/Broadcasting', 'Illuminate/Cache', 'Illuminate/Redis'] as $library) {
                        stream_resolve_include_path($library . '/autoload.php') || exit(1);
                    }";
                let found = output_of("php", &["-r", check]);
                found.is_none().then_some("needs php with phpredis, predis and Laravel's broadcasting, cache and redis")
            }
            Language::Ruby => {
                let found = output_of("ruby", &["-e", "require 'sidekiq/launcher'"]);
                found.is_none().then_some("needs ruby with Sidekiq")
            }
        }
    }
}

/// What `program` with `args` prints, when it runs and succeeds.
pub fn output_of(program: &str, args: &[&str]) -> Option<String> {
    run(Command::new(program).args(args)).ok()
}

/// Runs `command` to its end and returns its standard output.
///
/// # Errors
/// Names the program, and says why it does not run or all that it printed when it failed.
pub fn run(command: &mut Command) -> Result<String, String> {
    let what = command.get_program().to_owned();
    let failure = |why: &str| format!("{}: {why}", what.display());
    let output = command.stdin(Stdio::null()).output().map_err(|e| failure(&e.to_string()))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(printed);
    }
    Err(failure(&format!("{}\n{printed}{}", output.status, String::from_utf8_lossy(&output.stderr))))
}

/// Major and minor number in `text`, whatever stands before (`v20.1.0`, `go1.26`).
pub fn version(text: &str) -> (u32, u32) {
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    let mut numbers = digits.split('.').map(|part| part.trim().parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
