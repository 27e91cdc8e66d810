//! A client that asks and throws the answers away, whatever their size.

use std::io::{self, BufRead as _, BufReader, Write as _};

use super::super::wire;
use crate::generator::stream::Stream;

/// How much is read at once, in bytes.
const READ_BYTES: usize = 256 * 1024;
/// Things that one command of a preparation makes.
const AT_ONCE: usize = 1000;

/// A connection that reads what it is answered.
pub(super) struct Client {
    stream: BufReader<Stream>,
    line: Vec<u8>,
}

impl Client {
    pub(super) fn new(stream: Stream) -> Self {
        Client { stream: BufReader::with_capacity(READ_BYTES, stream), line: Vec::new() }
    }

    /// Sends a command and reads its answer.
    ///
    /// # Errors
    ///
    /// Those of the socket, and an error as the answer.
    pub(super) fn ask<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<()> {
        self.send(&request(args))?;
        self.answers(1)
    }

    /// The same, where the server may refuse what is asked.
    pub(super) fn ask_or_be_refused<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<()> {
        self.send(&request(args))?;
        self.skip().map(drop)
    }

    /// Sends a command that is answered a number.
    pub(super) fn ask_number(&mut self, args: &[&str]) -> io::Result<u64> {
        self.ask(args)?;
        let number = String::from_utf8_lossy(&self.line);
        number.trim_start_matches(':').trim().parse().map_err(io::Error::other)
    }

    /// Sends bytes whose answers are left to be read.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads so many answers.
    ///
    /// # Errors
    ///
    /// Those of the socket, and an error among the answers.
    pub(super) fn answers(&mut self, count: usize) -> io::Result<()> {
        for _ in 0..count {
            if let Some(refusal) = self.skip()? {
                return Err(io::Error::other(format!("the server answered {refusal}")));
            }
        }
        Ok(())
    }

    /// Sends `count` equal commands, some at a time, and reads the answers.
    pub(super) fn repeat<A: AsRef<[u8]>>(&mut self, count: usize, args: &[A]) -> io::Result<()> {
        let many = request(args).repeat(AT_ONCE);
        let len = many.len() / AT_ONCE;
        for first in (0..count).step_by(AT_ONCE) {
            let now = AT_ONCE.min(count - first);
            self.send(&many[..now * len])?;
            self.answers(now)?;
        }
        Ok(())
    }

    /// Sends a command for every number below `count`, some at a time, and reads the answers.
    pub(super) fn for_each(&mut self, count: usize, args: impl Fn(usize) -> Vec<String>) -> io::Result<()> {
        for first in (0..count).step_by(AT_ONCE) {
            let numbers = first..count.min(first + AT_ONCE);
            let requests: Vec<u8> = numbers.clone().flat_map(|number| request(&args(number))).collect();
            self.send(&requests)?;
            self.answers(numbers.len())?;
        }
        Ok(())
    }

    /// Sets so many keys, named as [`key`] says.
    pub(super) fn fill_keys(&mut self, count: usize) -> io::Result<()> {
        let pairs = |number| [key(number), "1".into()];
        for first in (0..count).step_by(AT_ONCE) {
            let args = ["MSET".into()].into_iter().chain((first..count.min(first + AT_ONCE)).flat_map(pairs));
            self.ask(&args.collect::<Vec<String>>())?;
        }
        Ok(())
    }

    /// Appends so many numbers to a list, in an order that is none.
    pub(super) fn fill_list(&mut self, list: &str, count: usize) -> io::Result<()> {
        for first in (0..count).step_by(AT_ONCE) {
            let numbers = first..count.min(first + AT_ONCE);
            let elements = numbers.map(|number| (number.wrapping_mul(2_654_435_761) % 1_000_003).to_string());
            let args = ["RPUSH".into(), list.into()].into_iter().chain(elements);
            self.ask(&args.collect::<Vec<String>>())?;
        }
        Ok(())
    }

    /// Skips one answer; what it says if it is an error.
    fn skip(&mut self) -> io::Result<Option<String>> {
        let mut refusal = None;
        let mut missing = 1;
        let mut first = true;
        while missing > 0 {
            missing -= 1;
            self.line.clear();
            if self.stream.read_until(b'\n', &mut self.line)? == 0 {
                return Err(io::Error::other("the server closed the connection"));
            }
            let text = String::from_utf8_lossy(&self.line[1..]);
            let number = || text.trim().parse::<i64>().ok().and_then(|number| usize::try_from(number).ok());
            match self.line[0] {
                b'$' => {
                    if let Some(len) = number() {
                        self.discard(len + 2)?;
                    }
                }
                b'*' | b'>' | b'~' => missing += number().unwrap_or(0),
                b'%' => missing += 2 * number().unwrap_or(0),
                b'-' if first => refusal = Some(text.trim().to_owned()),
                _ => {}
            }
            first = false;
        }
        Ok(refusal)
    }

    fn discard(&mut self, mut missing: usize) -> io::Result<()> {
        while missing > 0 {
            let received = self.stream.fill_buf()?.len();
            if received == 0 {
                return Err(io::Error::other("the server closed the connection"));
            }
            let taken = received.min(missing);
            self.stream.consume(taken);
            missing -= taken;
        }
        Ok(())
    }
}

/// A request of these arguments.
pub(super) fn request<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    wire::request(args.iter().map(AsRef::as_ref))
}

/// A command with so many numbered names behind it.
pub(super) fn with_names(command: &[&str], count: usize) -> Vec<String> {
    command.iter().map(|word| (*word).to_owned()).chain((0..count).map(key)).collect()
}

/// The name of a key or a channel.
pub(super) fn key(number: usize) -> String {
    format!("name:{number}")
}
