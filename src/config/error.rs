//! What can go wrong with the configuration: at start, in CONFIG SET, in CONFIG REWRITE.

use std::fmt;
use std::io;

/// Why the server does not start. Shown as one line: where, what, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError {
    /// The file, `standard input` or `command line`; `None` when it has nothing to do with any of them.
    pub origin: Option<String>,
    /// The line in the file, from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub text: String,
    /// What to do about it.
    pub cure: String,
}

/// The file or what else it is in, and the line.
pub(super) type Place = (String, Option<usize>);

impl StartError {
    /// An error without a place, which the caller that knows it adds.
    pub fn new(text: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { origin: None, line: None, text: text.into(), cure: cure.into() }
    }

    /// Says where it happened, unless that is known already (from an included file).
    pub(super) fn at(mut self, origin: &str, line: Option<usize>) -> Self {
        self.place(origin, line);
        self
    }

    /// As [`StartError::at`], if the place is known.
    pub(super) fn at_place(self, place: Option<&Place>) -> Self {
        match place {
            Some((origin, line)) => self.at(origin, *line),
            None => self,
        }
    }

    /// As [`StartError::at`].
    pub(super) fn place(&mut self, origin: &str, line: Option<usize>) {
        if self.origin.is_none() {
            self.origin = Some(origin.to_owned());
            self.line = line;
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = String::new();
        if let Some(origin) = &self.origin {
            line += origin;
            if let Some(number) = self.line {
                line += &format!(" line {number}");
            }
            line += ": ";
        }
        line += &format!("{}; {}", self.text, self.cure);
        // Names and values may hold any byte, and this has to stay one line.
        out.write_str(&line.replace(|symbol: char| symbol.is_control(), " "))
    }
}

impl std::error::Error for StartError {}

/// Why CONFIG SET changed nothing. `Display` is what follows `-ERR `; the name in it is what the client sent, so the
/// reply has to mask line ends as it does for every error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetError {
    /// No such directive.
    Unknown {
        /// The name as the client wrote it.
        name: String,
    },
    /// The directive exists, and the value or the moment is wrong.
    Failed {
        /// The name as the client wrote it, or the directive's own.
        argument: String,
        /// Why, in Redis' words.
        reason: String,
    },
}

impl SetError {
    /// For the part of a change that happens outside the table, for instance a port that cannot be listened on.
    pub fn failed(argument: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Failed { argument: argument.into(), reason: reason.into() }
    }
}

impl fmt::Display for SetError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => {
                write!(out, "Unknown option or number of arguments for CONFIG SET - '{name}'")
            }
            Self::Failed { argument, reason } => {
                write!(out, "CONFIG SET failed (possibly related to argument '{argument}') - {reason}")
            }
        }
    }
}

impl std::error::Error for SetError {}

/// Why CONFIG REWRITE failed. `Display` is what follows `-ERR `. The file is whole: the old one, or rarely the new one.
#[derive(Debug)]
pub enum RewriteError {
    /// The server was started without a file.
    NoFile,
    /// The file cannot be read, or its successor not be written beside it.
    Io(io::Error),
}

impl fmt::Display for RewriteError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFile => out.write_str("The server is running without a config file"),
            Self::Io(error) => write!(out, "Rewriting config file: {}", reason(error)),
        }
    }
}

impl std::error::Error for RewriteError {}

/// The reason where a directive gets more or fewer arguments than it takes.
pub(super) const WRONG_COUNT: &str = "wrong number of arguments";

/// The system's text for an error without the number that Rust appends.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
