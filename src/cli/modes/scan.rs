//! `--scan`: the names of all keys, and the steps in which other modes go through them.

use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use bytes::Bytes;

use super::refuse;
use crate::cli::client::{Client, Failure};
use crate::cli::format::Format;
use crate::cli::interrupt::stop_flag;
use crate::cli::options::Options;
use crate::cli::reply::Reply;
use crate::quoting;

/// Which keys, and how many the server looks at in each step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Selection {
    pub(in crate::cli) pattern: Option<Vec<u8>>,
    pub(in crate::cli) count: i64,
    pub(in crate::cli) key_type: Option<Vec<u8>>,
}

/// How far the keys have been gone through.
pub(super) struct Scan<'s> {
    selection: &'s Selection,
    cursor: u64,
    /// Whether there is nothing left.
    pub(super) complete: bool,
}

impl<'s> Scan<'s> {
    pub(super) fn new(selection: &'s Selection) -> Self {
        Self { selection, cursor: 0, complete: false }
    }

    /// The names that one more step finds.
    pub(super) fn step(&mut self, client: &mut Client<'_>) -> Result<Vec<Bytes>, Failure> {
        let (cursor, names) = match client.ask(&self.command())? {
            Reply::Error(text) => return Err(refuse(client, "SCAN error: ", &text)),
            Reply::Array(items) => match <[Reply; 2]>::try_from(items) {
                Ok([Reply::Bulk(cursor), Reply::Array(names)]) => (cursor, names),
                _ => return Err(refuse(client, "Invalid element count from SCAN!", b"")),
            },
            _ => return Err(refuse(client, "Non ARRAY response from SCAN!", b"")),
        };
        self.cursor = String::from_utf8_lossy(&cursor).parse().unwrap_or(0);
        self.complete = self.cursor == 0;
        let name = |name| if let Reply::Bulk(name) = name { Some(name) } else { None };
        Ok(names.into_iter().filter_map(name).collect())
    }

    fn command(&self) -> Vec<Vec<u8>> {
        let mut command = vec![b"SCAN".to_vec(), self.cursor.to_string().into_bytes()];
        let Selection { pattern, count, key_type } = self.selection;
        if let Some(pattern) = pattern {
            command.extend([b"MATCH".to_vec(), pattern.clone()]);
        }
        command.extend([b"COUNT".to_vec(), count.to_string().into_bytes()]);
        if let Some(key_type) = key_type {
            command.extend([b"TYPE".to_vec(), key_type.clone()]);
        }
        command
    }
}

/// Prints the names, one a line, quoted for people.
pub(super) fn run(client: &mut Client<'_>, selection: &Selection, options: &Options) -> Result<(), Failure> {
    let stop = stop_flag();
    let mut scan = Scan::new(selection);
    while !scan.complete && !stop.load(Relaxed) {
        let mut lines = Vec::new();
        for name in scan.step(client)? {
            if options.style.format == Format::Human {
                quoting::quote(&name, &mut lines);
            } else {
                lines.extend_from_slice(&name);
            }
            lines.push(b'\n');
        }
        client.write(&lines)?;
        thread::sleep(options.interval);
    }
    Ok(())
}
