//! What shells complete behind the name of the server: options, directives with the words that they take, and the client's
//! options behind `cli`.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command, CommandFactory as _, ValueHint};

use super::options::Arguments;
use crate::config::{OPTIONS, OwnOption, Param, Shell, params};

/// The name of the program that is completed.
const PROGRAM: &str = "pregon";

/// A script for a shell, of which its documentation says where to put it.
pub fn completions(shell: Shell) -> String {
    let generator = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut text = Vec::new();
    clap_complete::generate(generator, &mut command(), PROGRAM, &mut text);
    let text = String::from_utf8_lossy(&text).into_owned();
    match shell {
        // While the value of an option is typed, fish finds the option without one wrong, and completes nothing.
        Shell::Fish => text.replacen("    or return\n", "    or return 0\n", 1),
        Shell::Bash | Shell::Zsh => text,
    }
}

/// The command line of server and client in the form that scripts are made of. Nothing is read with it.
fn command() -> Command {
    let client = Arguments::command().name("cli").about("The client");
    Command::new(PROGRAM)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .arg(Arg::new("FILE").help("A configuration file, or - for standard input").value_hint(ValueHint::FilePath))
        .args(OPTIONS.iter().map(own))
        .args(params().flat_map(|param| param.names().map(move |name| directive(name, param))))
        .subcommand(client)
}

/// An option that is no directive.
fn own(option: &OwnOption) -> Arg {
    let arg = Arg::new(option.name).long(option.name).help(option.doc);
    let arg = option.short.map_or(arg.clone(), |short| arg.short(short));
    match option.words {
        [] => arg.action(ArgAction::SetTrue),
        words => arg.value_parser(PossibleValuesParser::new(words)),
    }
}

fn directive(name: &'static str, param: &'static Param) -> Arg {
    let expects = param.expects();
    let arg = Arg::new(name).long(name).help(param.first_sentence()).value_name(name.to_uppercase());
    match expects.as_str() {
        "a directory" => arg.value_hint(ValueHint::DirPath),
        text if text.contains("path") => arg.value_hint(ValueHint::FilePath),
        text if text.contains('|') && !text.contains(' ') => {
            arg.value_parser(PossibleValuesParser::new(text.split('|').map(str::to_owned)))
        }
        _ => arg.value_hint(ValueHint::Other),
    }
}
