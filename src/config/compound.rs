//! Values with an inner structure: addresses, percentiles, shutdown flags, renamed commands, secrets, directories, threads.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::error::{Place, StartError, WRONG_COUNT};
use super::value::{Given, Rule, Value, word_index};
use crate::quoting::quoted;

/// An address to listen on, as `bind` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindAddress {
    /// `*` for every IPv4 address, `::*` for every IPv6 address, or an address or host name.
    pub host: String,
    /// Written with a leading `-`: that it is not available on this machine is no error.
    pub optional: bool,
}

impl BindAddress {
    /// Most addresses that `bind` takes, as in Redis.
    pub const MAX: usize = 16;

    /// Reads `[-]host`.
    pub fn read(text: &str) -> Self {
        let host = text.strip_prefix('-');
        Self { host: host.unwrap_or(text).to_owned(), optional: host.is_some() }
    }

    /// Whether a host can be called so: what a file would have to quote would not be the same when it is read again.
    fn can_be(&self) -> bool {
        let is_odd = |letter: char| letter.is_whitespace() || letter.is_control() || "\"'\\".contains(letter);
        !self.host.is_empty() && !self.host.contains(is_odd)
    }
}

impl fmt::Display for BindAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}", if self.optional { "-" } else { "" }, self.host)
    }
}

impl Value for Vec<BindAddress> {
    const SEVERAL: bool = true;

    fn parse(given: &Given<'_>, _old: &Self) -> Result<Self, String> {
        if given.args.len() > BindAddress::MAX {
            return Err("Too many bind addresses specified.".into());
        }
        if matches!(given.args, [only] if only.is_empty()) {
            return Ok(Vec::new());
        }
        let host = |arg: &Vec<u8>| std::str::from_utf8(arg).ok().map(BindAddress::read).filter(BindAddress::can_be);
        given.args.iter().map(host).collect::<Option<_>>().ok_or_else(|| "Invalid bind address.".into())
    }

    fn show(&self) -> Vec<u8> {
        let addresses: Vec<String> = self.iter().map(BindAddress::to_string).collect();
        addresses.join(" ").into_bytes()
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        if self.is_empty() { vec![quoted(b"")] } else { vec![self.show()] }
    }

    fn expects(_rule: &Rule) -> String {
        format!("up to {} addresses", BindAddress::MAX)
    }
}

/// Permission bits of a file, written in octal; 0 leaves them to the umask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileMode(pub u32);

impl Value for FileMode {
    fn parse(given: &Given<'_>, _old: &Self) -> Result<Self, String> {
        let text = std::str::from_utf8(given.one()).unwrap_or("-");
        match u32::from_str_radix(text, 8) {
            Ok(mode) if mode <= 0o777 => Ok(Self(mode)),
            Ok(_) => Err("argument must be between 0 and 777 inclusive".into()),
            Err(_) => Err("argument couldn't be parsed as an octal number".into()),
        }
    }

    fn show(&self) -> Vec<u8> {
        format!("{:o}", self.0).into_bytes()
    }

    fn expects(_rule: &Rule) -> String {
        "0..777, octal".into()
    }
}

/// Words whose meaning is not known here.
impl Value for String {
    fn parse(given: &Given<'_>, _old: &Self) -> Result<Self, String> {
        String::from_utf8(given.one().to_vec()).map_err(|_| "argument must be text".into())
    }

    fn show(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        vec![quoted(self.as_bytes())]
    }

    fn expects(_rule: &Rule) -> String {
        "text, in quotes if there are blanks in it".into()
    }
}

/// Percentiles that INFO latencystats shows, each from 0 to 100.
#[derive(Clone, Debug, PartialEq)]
pub struct Percentiles(pub Vec<f64>);

impl Value for Percentiles {
    const SEVERAL: bool = true;

    fn parse(given: &Given<'_>, _old: &Self) -> Result<Self, String> {
        if matches!(given.args, [only] if only.is_empty()) {
            return Ok(Self(Vec::new()));
        }
        let number = |arg: &Vec<u8>| -> Result<f64, String> {
            let number = std::str::from_utf8(arg).ok().and_then(|text| text.parse::<f64>().ok());
            match number.filter(|number| number.is_finite()) {
                None => Err("Invalid latency-tracking-info-percentiles parameters".into()),
                Some(number) if (0.0..=100.0).contains(&number) => Ok(number),
                Some(_) => Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".into()),
            }
        };
        given.args.iter().map(number).collect::<Result<_, _>>().map(Self)
    }

    fn show(&self) -> Vec<u8> {
        // Six digits without the zeros at the end, as Redis prints a double here.
        let text = |number: &f64| {
            let digits = format!("{number:.6}");
            digits.trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        self.0.iter().map(text).collect::<Vec<_>>().join(" ").into_bytes()
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        if self.0.is_empty() { vec![quoted(b"")] } else { vec![self.show()] }
    }

    fn expects(_rule: &Rule) -> String {
        "numbers from 0 to 100, or \"\" for none".into()
    }
}

/// How a signal ends the server: the options of SHUTDOWN that it stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShutdownFlags {
    /// Accepted for compatibility; there is nothing to save.
    pub save: bool,
    /// Accepted for compatibility.
    pub nosave: bool,
    /// Do not wait until queued output is flushed.
    pub now: bool,
    /// Accepted for compatibility; no error stops the end.
    pub force: bool,
}

impl ShutdownFlags {
    const WORDS: [&'static str; 5] = ["default", "save", "nosave", "now", "force"];

    fn flags(&mut self) -> [&mut bool; 4] {
        [&mut self.save, &mut self.nosave, &mut self.now, &mut self.force]
    }
}

impl Value for ShutdownFlags {
    const SEVERAL: bool = true;

    fn parse(given: &Given<'_>, _old: &Self) -> Result<Self, String> {
        let mut flags = Self::default();
        if given.args.is_empty() {
            word_index(b"", &Self::WORDS)?;
        }
        for arg in given.args {
            if let Some(index) = word_index(arg, &Self::WORDS)?.checked_sub(1) {
                *flags.flags()[index] = true;
            }
        }
        match flags {
            Self { save: true, nosave: true, .. } => {
                Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into())
            }
            _ => Ok(flags),
        }
    }

    fn show(&self) -> Vec<u8> {
        let mut copy = *self;
        let set = copy.flags().into_iter().zip(&Self::WORDS[1..]).filter(|(flag, _)| **flag);
        let words: Vec<&str> = set.map(|(_, word)| *word).collect();
        if words.is_empty() { b"default".to_vec() } else { words.join(" ").into_bytes() }
    }

    fn expects(_rule: &Rule) -> String {
        "default, or some of: save nosave now force".into()
    }
}

/// A command that gets another name, or none.
#[derive(Clone, Debug)]
pub struct Rename {
    /// The name in the command table.
    pub from: Vec<u8>,
    /// The new name; empty removes the command.
    pub to: Vec<u8>,
    /// Where that stands, once it is known, for errors.
    pub(super) place: Option<Place>,
}

/// Wherever they stand.
impl PartialEq for Rename {
    fn eq(&self, other: &Self) -> bool {
        (&self.from, &self.to) == (&other.from, &other.to)
    }
}

impl Rename {
    /// What is wrong with it.
    pub(crate) fn error(&self, why: &str, cure: &str) -> StartError {
        let show = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        let error = StartError::new(format!("rename-command {} {}: {why}", show(&self.from), show(&self.to)), cure);
        error.at_place(self.place.as_ref())
    }
}

impl Value for Vec<Rename> {
    const SEVERAL: bool = true;
    const SAMPLE: Option<&'static str> = Some("FLUSHALL \"\"");

    fn parse(given: &Given<'_>, old: &Self) -> Result<Self, String> {
        let [from, to] = given.args else {
            return Err(WRONG_COUNT.into());
        };
        let mut renames = if given.again { old.clone() } else { Vec::new() };
        renames.push(Rename { from: from.clone(), to: to.clone(), place: None });
        Ok(renames)
    }

    fn show(&self) -> Vec<u8> {
        self.lines().join(&b' ')
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        self.iter().map(|rename| [quoted(&rename.from), quoted(&rename.to)].join(&b' ')).collect()
    }

    fn expects(_rule: &Rule) -> String {
        "a command and its new name, or \"\" to remove it".into()
    }
}

/// A password: shown by CONFIG GET as Redis does, never by logs or `Debug`. Empty is none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The password, or `None` when there is none.
    pub fn password(&self) -> Option<&[u8]> {
        (!self.0.is_empty()).then_some(self.0.as_slice())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.0.is_empty() { "Secret(none)" } else { "Secret(set)" })
    }
}

impl Value for Secret {
    const SENSITIVE: bool = true;

    fn parse(given: &Given<'_>, _old: &Self) -> Result<Self, String> {
        Ok(Self(given.one().to_vec()))
    }

    fn show(&self) -> Vec<u8> {
        self.0.clone()
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        // No password is written as no line at all, as Redis does.
        self.password().map(quoted).into_iter().collect()
    }

    fn expects(_rule: &Rule) -> String {
        "a text, or \"\" for none".into()
    }
}

/// Where relative names of files begin; none is the directory in which the server was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory(Option<PathBuf>);

impl Directory {
    /// The place of a file that a directive names.
    pub fn place(&self, path: &Path) -> PathBuf {
        self.0.as_ref().map_or_else(|| path.to_owned(), |directory| directory.join(path))
    }
}

impl Value for Directory {
    const SAMPLE: Option<&'static str> = Some("/var/lib/pregon");

    fn parse(given: &Given<'_>, _old: &Self) -> Result<Self, String> {
        let path = Path::new(OsStr::from_bytes(given.one()));
        // Absolute, and without the slash at the end of "./".
        let path = std::path::absolute(path).map(|path| path.components().collect()).ok();
        Ok(Self(path.filter(|path| std::env::current_dir().ok().as_ref() != Some(path))))
    }

    fn show(&self) -> Vec<u8> {
        let path = self.0.clone().or_else(|| std::env::current_dir().ok());
        path.unwrap_or_default().into_os_string().into_encoded_bytes()
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        vec![quoted(&self.show())]
    }

    fn expects(_rule: &Rule) -> String {
        "a directory".into()
    }
}

/// How many threads serve clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoThreads(pub u16);

impl IoThreads {
    /// Most threads that `io-threads` takes, as in Redis.
    pub const MAX: u16 = 128;
}

impl Default for IoThreads {
    /// The cores available to this process, at most [`IoThreads::MAX`].
    fn default() -> Self {
        let cores =
            std::thread::available_parallelism().map_or(1, |cores| u16::try_from(cores.get()).unwrap_or(Self::MAX));
        Self(cores.min(Self::MAX))
    }
}

impl Value for IoThreads {
    const SAMPLE: Option<&'static str> = Some("4");

    fn parse(given: &Given<'_>, old: &Self) -> Result<Self, String> {
        u16::parse(given, &old.0).map(Self)
    }

    fn show(&self) -> Vec<u8> {
        self.0.show()
    }

    fn expects(rule: &Rule) -> String {
        u16::expects(rule)
    }
}
