//! `--bigkeys` and `--memkeys`: all keys are gone through, and for each type the largest one is named.

use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use bytes::Bytes;

use super::refuse;
use super::scan::{Scan, Selection};
use crate::cli::client::{Client, Failure};
use crate::cli::interrupt::stop_flag;
use crate::cli::options::Options;
use crate::cli::reply::Reply;
use crate::quoting::quoted;

/// Compares keys of a type by how many elements or bytes they hold.
pub(super) fn by_elements(client: &mut Client<'_>, selection: &Selection, options: &Options) -> Result<(), Failure> {
    Survey::new(Measure::Elements).run(client, selection, options)
}

/// Compares keys of a type by the memory that they take, which the server estimates from so many `samples` of their
/// elements.
pub(super) fn by_memory(
    client: &mut Client<'_>,
    selection: &Selection,
    samples: Option<u64>,
    options: &Options,
) -> Result<(), Failure> {
    let samples = samples.map(|samples| samples.to_string().into_bytes());
    Survey::new(Measure::Memory { samples }).run(client, selection, options)
}

enum Measure {
    Elements,
    Memory { samples: Option<Vec<u8>> },
}

/// What is known of the keys of one type.
struct Kind {
    name: String,
    /// The command that says how large a key is; none for types that nobody knows.
    size_command: Option<&'static str>,
    unit: &'static str,
    largest: u64,
    /// In quotes; none before a key was larger than 0.
    largest_key: Option<String>,
    count: u64,
    total: u64,
}

impl Kind {
    fn new(name: &str, size_command: Option<&'static str>, unit: &'static str) -> Self {
        Self { name: name.to_owned(), size_command, unit, largest: 0, largest_key: None, count: 0, total: 0 }
    }
}

struct Survey {
    measure: Measure,
    /// In the order in which redis-cli prints them.
    kinds: Vec<Kind>,
    /// How many keys the database holds.
    expected: i64,
    sampled: u64,
    name_bytes: u64,
}

/// So many steps are done between two pauses.
const STEPS_WITHOUT_PAUSE: u64 = 100;

const INTRODUCTION: &str = "
# Scanning the entire keyspace to find biggest keys as well as
# average sizes per key type.  You can use -i 0.1 to sleep 0.1 sec
# per 100 SCAN commands (not usually needed).

";

impl Survey {
    fn new(measure: Measure) -> Self {
        let kinds = vec![
            Kind::new("list", Some("LLEN"), "items"),
            Kind::new("hash", Some("HLEN"), "fields"),
            Kind::new("string", Some("STRLEN"), "bytes"),
            Kind::new("stream", Some("XLEN"), "entries"),
            Kind::new("set", Some("SCARD"), "members"),
            Kind::new("zset", Some("ZCARD"), "members"),
        ];
        Self { measure, kinds, expected: 0, sampled: 0, name_bytes: 0 }
    }

    /// Ctrl-C ends it with a summary of what was seen.
    fn run(mut self, client: &mut Client<'_>, selection: &Selection, options: &Options) -> Result<(), Failure> {
        let stop = stop_flag();
        self.expected = match client.ask(&["DBSIZE"])? {
            Reply::Integer(keys) => keys,
            Reply::Error(text) => return Err(refuse(client, "Couldn't determine DBSIZE: ", &text)),
            _ => return Err(refuse(client, "Non INTEGER response from DBSIZE!", b"")),
        };
        client.say(INTRODUCTION)?;
        let mut scan = Scan::new(selection);
        let mut steps = 0;
        let mut progress = String::new();
        while !scan.complete && !stop.load(Relaxed) {
            progress = self.progress();
            let keys = scan.step(client)?;
            self.look_at(client, &keys, &progress)?;
            steps += 1;
            if steps % STEPS_WITHOUT_PAUSE == 0 {
                thread::sleep(options.interval);
            }
        }
        client.say(&self.summary(stop.load(Relaxed).then_some(progress.as_str())))
    }

    /// How much of all keys has been seen.
    fn progress(&self) -> String {
        format!("[{:05.2}%] ", 100.0 * self.sampled as f64 / self.expected.max(1) as f64)
    }

    fn look_at(&mut self, client: &mut Client<'_>, keys: &[Bytes], progress: &str) -> Result<(), Failure> {
        let kinds = self.kinds_of(client, keys)?;
        let present: Vec<(&Bytes, usize)> =
            keys.iter().zip(kinds).filter_map(|(key, kind)| kind.map(|kind| (key, kind))).collect();
        let sizes = self.sizes_of(client, &present)?;
        for ((key, kind), size) in present.into_iter().zip(sizes) {
            let unit = self.unit(kind);
            let kind = &mut self.kinds[kind];
            kind.total += size;
            kind.count += 1;
            self.name_bytes += key.len() as u64;
            self.sampled += 1;
            if size > kind.largest {
                let key = String::from_utf8_lossy(&quoted(key)).into_owned();
                let name = &kind.name;
                client.say(&format!("{progress}Biggest {name:<6} found so far '{key}' with {size} {unit}\n"))?;
                kind.largest = size;
                kind.largest_key = Some(key);
            }
            if self.sampled.is_multiple_of(1_000_000) {
                client.say(&format!("{progress}Sampled {} keys so far\n", self.sampled))?;
            }
        }
        Ok(())
    }

    /// Which of the kinds each key is of; none for a key that has gone.
    fn kinds_of(&mut self, client: &mut Client<'_>, keys: &[Bytes]) -> Result<Vec<Option<usize>>, Failure> {
        let commands: Vec<Vec<&[u8]>> = keys.iter().map(|key| vec![b"TYPE".as_slice(), key]).collect();
        let mut kinds = Vec::with_capacity(keys.len());
        for reply in client.ask_all(&commands)? {
            let name = match reply {
                Reply::Status(name) => String::from_utf8_lossy(&name).into_owned(),
                Reply::Error(text) => return Err(refuse(client, "TYPE returned an error: ", &text)),
                _ => return Err(refuse(client, "Invalid reply type for TYPE!", b"")),
            };
            let known = self.kinds.iter().position(|kind| kind.name == name);
            kinds.push(match known {
                None if name != "none" => {
                    self.kinds.push(Kind::new(&name, None, "?"));
                    Some(self.kinds.len() - 1)
                }
                known => known,
            });
        }
        Ok(kinds)
    }

    /// How large each key is, 0 where nobody knows.
    fn sizes_of(&self, client: &mut Client<'_>, keys: &[(&Bytes, usize)]) -> Result<Vec<u64>, Failure> {
        let commands: Vec<Option<Vec<&[u8]>>> = keys.iter().map(|(key, kind)| self.size_command(key, *kind)).collect();
        let sent: Vec<Vec<&[u8]>> = commands.iter().flatten().cloned().collect();
        let mut replies = client.ask_all(&sent)?.into_iter();
        let mut sizes = Vec::with_capacity(keys.len());
        for ((key, kind), command) in keys.iter().zip(&commands) {
            let reply = command.as_ref().and_then(|_| replies.next());
            sizes.push(match reply {
                None => 0,
                Some(Reply::Integer(size)) => u64::try_from(size).unwrap_or(0),
                Some(_) => {
                    let command = match &self.measure {
                        Measure::Elements => self.kinds[*kind].size_command.unwrap_or_default(),
                        Measure::Memory { .. } => "MEMORY USAGE",
                    };
                    let key = String::from_utf8_lossy(key);
                    client.complain(format_args!("Warning:  {command} on '{key}' failed (may have changed type)"));
                    0
                }
            });
        }
        Ok(sizes)
    }

    fn size_command<'k>(&'k self, key: &'k [u8], kind: usize) -> Option<Vec<&'k [u8]>> {
        match &self.measure {
            Measure::Elements => self.kinds[kind].size_command.map(|command| vec![command.as_bytes(), key]),
            Measure::Memory { samples: None } => Some(vec![b"MEMORY", b"USAGE", key]),
            Measure::Memory { samples: Some(samples) } => Some(vec![b"MEMORY", b"USAGE", key, b"SAMPLES", samples]),
        }
    }

    fn unit(&self, kind: usize) -> &'static str {
        match self.measure {
            Measure::Elements => self.kinds[kind].unit,
            Measure::Memory { .. } => "bytes",
        }
    }

    /// `progress` is said where it came to an end before its time.
    fn summary(&self, progress: Option<&str>) -> String {
        let (sampled, bytes) = (self.sampled, self.name_bytes);
        let mut text = format!(
            "\n-------- summary -------\n\n{}Sampled {sampled} keys in the keyspace!\n\
             Total key length in bytes is {bytes} (avg len {:.2})\n\n",
            progress.unwrap_or_default(),
            ratio(bytes, sampled)
        );
        for (index, kind) in self.kinds.iter().enumerate() {
            if let Some(key) = &kind.largest_key {
                let (name, size, unit) = (&kind.name, kind.largest, self.unit(index));
                text += &format!("Biggest {name:>6} found '{key}' has {size} {unit}\n");
            }
        }
        text.push('\n');
        for (index, kind) in self.kinds.iter().enumerate() {
            let Kind { name, count, total, .. } = kind;
            let share = 100.0 * ratio(*count, sampled);
            let (unit, average) = (self.unit(index), ratio(*total, *count));
            text += &format!("{count} {name}s with {total} {unit} ({share:05.2}% of keys, avg size {average:.2})\n");
        }
        text
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
