//! Arguments to configuration to server to exit code.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use pregon::config::{Invocation, StartError, invocation};

fn main() -> ExitCode {
    let mut args: Vec<OsString> = std::env::args_os().collect();
    let called = args.first().map(|name| Path::new(name).file_name().unwrap_or_default().to_owned());
    if called.is_some_and(|name| name == "redis-cli") {
        return pregon::cli::run(args);
    }
    if args.get(1).is_some_and(|word| word == "cli") {
        args.remove(1);
        return pregon::cli::run(args);
    }
    match start(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pregon: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: Vec<OsString>) -> Result<(), StartError> {
    match invocation(args.into_iter().skip(1))? {
        Invocation::Print(text) => print!("{text}"),
        Invocation::Check { warnings, .. } => {
            warnings.iter().for_each(|warning| eprintln!("pregon: {warning}"));
            println!("the configuration is valid");
        }
        Invocation::Run { config, warnings } => pregon::process::run(*config, &warnings)?,
    }
    Ok(())
}
