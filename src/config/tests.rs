//! Tests of the configuration through its public face.

mod bounds;
mod changing;
mod checking;
mod command_line;
mod loading;
mod printing;
mod reloading;
mod rewriting;
mod stock;

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

/// A directory with files in it that goes away with the test.
struct Files {
    directory: TempDir,
}

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let files_at = Self { directory: TempDir::new().expect("the temporary directory is writable") };
        for (name, content) in files {
            files_at.write(name, content);
        }
        files_at
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).expect("the temporary directory is writable");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("the test has written it")
    }
}

/// What the arguments give, with nothing on standard input.
fn call(args: &[&str]) -> Result<Invocation, StartError> {
    call_with(args, "")
}

fn call_with(args: &[&str], stdin: &str) -> Result<Invocation, StartError> {
    invocation_with(args.iter().map(OsString::from), b"", &mut stdin.as_bytes())
}

/// The configuration that the arguments give, where they are right.
fn run(args: &[&str]) -> Config {
    run_with(args, "").0
}

fn run_with(args: &[&str], stdin: &str) -> (Config, Vec<String>) {
    match call_with(args, stdin) {
        Ok(Invocation::Run { config, warnings }) => (*config, warnings),
        other => panic!("{args:?}: {other:?}"),
    }
}

/// The error's line, where the arguments are wrong.
fn error(args: &[&str]) -> String {
    call(args).expect_err("the arguments are wrong").to_string()
}

/// The configuration that the text gives.
fn text(text: &str) -> Config {
    run_with(&["-"], text).0
}

/// The value that CONFIG GET answers for one name.
fn value(config: &Config, name: &str) -> String {
    let found = config.get(&[name.as_bytes()]);
    assert_eq!(found.len(), 1, "{name}");
    String::from_utf8_lossy(&found[0].1).into_owned()
}

fn set(config: &mut Config, pairs: &[(&str, &str)]) -> Result<Vec<&'static str>, SetError> {
    let pairs: Vec<(&[u8], &[u8])> = pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    config.set(&pairs, Caller::Remote)
}
