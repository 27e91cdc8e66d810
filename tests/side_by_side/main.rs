//! The same scripts of raw bytes for Debian's redis-server and for ours; what comes back must be equal.
//!
//! Each script of `scripts/*.txt` is a test of its own, named by its file and its sentence. README.md beside this file
//! describes their format. Without a reference server on `PATH` the suite says so and compares nothing, except where
//! the environment has `CI=true`: there that is a failure.

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use libtest_mimic::{Arguments, Trial};

use crate::script::{Script, Setting};
use crate::support::{TestServer, redis};

mod frame;
mod mask;
mod report;
mod run;
mod script;
#[path = "../support/mod.rs"]
pub mod support;
mod text;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = match redis::reference_version() {
        Ok(_) => match load() {
            Ok(scripts) => trials(scripts),
            Err(problem) => vec![failing("every script can be read", problem)],
        },
        Err(problem) if std::env::var_os("CI").is_some_and(|value| value == "true") => {
            vec![failing("the reference server is installed", problem)]
        }
        Err(problem) => {
            let name = format!("nothing was compared, because {problem}");
            vec![Trial::test(name, || Ok(())).with_ignored_flag(true)]
        }
    };
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn failing(name: &str, problem: String) -> Trial {
    Trial::test(name, move || Err(problem.into()))
}

/// All scripts, in the order of their files' names.
fn load() -> Result<Vec<Script>, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/side_by_side/scripts");
    let entries = folder.read_dir().map_err(|error| format!("the folder of scripts: {error}"))?;
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "txt"));
    files.sort();
    let mut scripts = Vec::new();
    for file in files {
        let family = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let content = std::fs::read_to_string(&file).map_err(|error| format!("{family}: {error}"))?;
        scripts.extend(script::parse(&family, &content)?);
    }
    Ok(scripts)
}

/// One test for each script. Scripts with the same options and protocol version share a pair of servers, which ends
/// with the last of them. (The two versions of one script use the same names, so they are kept apart.)
fn trials(scripts: Vec<Script>) -> Vec<Trial> {
    let mut shared: HashMap<(Setting, u8), Arc<SharedPair>> = HashMap::new();
    let mut trials = Vec::with_capacity(scripts.len());
    for script in scripts {
        let pair = match script.own {
            true => Arc::default(),
            false => Arc::clone(shared.entry((script.setting.clone(), script.resp)).or_default()),
        };
        let name = format!("{}: {}", script.family, script.name);
        trials.push(Trial::test(name, move || {
            let pair = pair.get(&script.setting)?;
            compare(&script, &pair).map_err(Into::into)
        }));
    }
    trials
}

/// Plays the script on both servers; the error is a report of the first difference.
fn compare(script: &Script, pair: &Pair) -> Result<(), String> {
    let theirs = run::play(script, &pair.reference, false)?;
    let ours = run::play(script, &pair.ours, true)?;
    report::first_difference(script, &theirs, &ours).map_or(Ok(()), Err)
}

fn words(strings: &[String]) -> Vec<&str> {
    strings.iter().map(String::as_str).collect()
}

struct Pair {
    reference: TestServer,
    ours: TestServer,
}

impl Pair {
    fn start(setting: &Setting) -> Pair {
        let (options, files) = (words(&setting.options), words(&setting.files));
        let mut our_options = vec!["--save", ""];
        our_options.extend_from_slice(&options);
        let ours = TestServer::start_with_files(&our_options, &files);
        Pair { reference: redis::start_reference(&options, &files), ours }
    }
}

/// A pair that the first script to need it starts. When it cannot start, that is tried once and told to everyone.
#[derive(Default)]
struct SharedPair {
    pair: Mutex<Option<Arc<Pair>>>,
    broken: OnceLock<()>,
}

impl SharedPair {
    fn get(&self, setting: &Setting) -> Result<Arc<Pair>, String> {
        let mut pair = self.pair.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pair) = &*pair {
            return Ok(Arc::clone(pair));
        }
        if self.broken.set(()).is_err() {
            return Err("the pair of servers did not start; see the first script that needed it".to_owned());
        }
        Ok(Arc::clone(pair.insert(Arc::new(Pair::start(setting)))))
    }
}
