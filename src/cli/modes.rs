//! What the client does beside sending commands that the user names: listing keys, finding the largest ones, watching the
//! server, measuring it, sending it what is prepared.
//!
//! | module | option |
//! |---|---|
//! | [`scan`] | `--scan` |
//! | [`largest`] | `--bigkeys`, `--memkeys` |
//! | [`stat`] | `--stat` |
//! | [`latency`], [`spectrum`] | `--latency`, `--latency-history`; `--latency-dist` |
//! | [`pipe`] | `--pipe` |

mod largest;
mod latency;
mod pipe;
pub(super) mod scan;
mod spectrum;
mod stat;

use std::fs;
use std::path::Path;

use super::client::{Client, Failure};
use super::connection::system_text;
use super::options::{Mode, Options};
use super::reply::Reply;

/// Runs the mode that the options ask for; `None` where they ask for none.
pub(super) fn run(client: &mut Client<'_>, options: &Options) -> Option<Result<(), Failure>> {
    if options.mode == Mode::Commands {
        return None;
    }
    let result = client.connect_fully().and_then(|()| match &options.mode {
        Mode::Commands => Ok(()),
        Mode::Eval(file) => eval(client, file, options),
        Mode::Scan(selection) => scan::run(client, selection, options),
        Mode::BigKeys(selection) => largest::by_elements(client, selection, options),
        Mode::MemoryKeys(selection, samples) => largest::by_memory(client, selection, *samples, options),
        Mode::Stat => stat::run(client, options),
        Mode::Latency { history } => latency::run(client, *history, options),
        Mode::Spectrum { grey } => spectrum::run(client, *grey, options),
        Mode::Pipe { timeout } => pipe::run(client, *timeout),
    });
    Some(result.map_err(|failure| match failure {
        Failure::Lost(_) if !matches!(options.mode, Mode::Eval(_)) => {
            client.complain("\nI/O error");
            Failure::Fatal
        }
        failure => failure,
    }))
}

/// Sends the script of a file with the keys that stand before the comma among the words, and what stands behind it.
fn eval(client: &mut Client<'_>, file: &Path, options: &Options) -> Result<(), Failure> {
    let script = match fs::read(file) {
        Ok(script) => script,
        Err(error) => {
            client.complain(format_args!("Can't open file '{}': {}", file.display(), system_text(&error)));
            return Err(Failure::Fatal);
        }
    };
    client.run(&eval_command(script, &options.command), options.repeat)
}

fn eval_command(script: Vec<u8>, words: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let comma = words.iter().position(|word| word == b",");
    let keys = comma.unwrap_or(words.len());
    let mut command = vec![b"EVAL".to_vec(), script, keys.to_string().into_bytes()];
    command.extend(words.iter().enumerate().filter(|(at, _)| Some(*at) != comma).map(|(_, word)| word.clone()));
    command
}

/// What PING takes, in the way of the measuring modes: over a connection that is made again where it was lost.
fn ask_again(client: &mut Client<'_>, command: &str) -> Result<Reply, Failure> {
    loop {
        match client.ask(&[command]) {
            Err(Failure::Lost(lost)) if lost.is_disconnect() => client.reconnect()?,
            Err(Failure::Lost(lost)) => {
                client.complain(format_args!("Error: {lost}"));
                return Err(Failure::Fatal);
            }
            reply => return reply,
        }
    }
}

/// Says what keeps a mode from going on.
fn refuse(client: &mut Client<'_>, why: &str, text: &[u8]) -> Failure {
    client.complain(format_args!("{why}{}", String::from_utf8_lossy(text)));
    Failure::Fatal
}

#[cfg(test)]
mod tests {
    use super::eval_command;

    fn command(line: &str) -> String {
        let words: Vec<Vec<u8>> = line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect();
        String::from_utf8(eval_command(b"return 1".to_vec(), &words).join(&b' ')).expect("the words are text")
    }

    #[test]
    fn a_comma_stands_between_the_keys_of_a_script_and_its_arguments() {
        assert_eq!(command(""), "EVAL return 1 0");
        assert_eq!(command("a b"), "EVAL return 1 2 a b");
        assert_eq!(command("a , b ,"), "EVAL return 1 1 a b ,");
        assert_eq!(command(", b"), "EVAL return 1 0 b");
    }
}
