//! The line that people type on a terminal: editing, history, hints, completion.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hint, Hinter};
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{Config, Context, Helper};

use super::docs::Docs;
use super::meaning::is_secret;
use crate::quoting;

/// How many lines are remembered.
const REMEMBERED_LINES: usize = 100;

/// Reads lines, with those of earlier times at hand.
pub(super) struct Editor {
    lines: rustyline::Editor<Assistant, MemHistory>,
    file: Option<PathBuf>,
    /// What the file holds: no line with a password.
    saved: VecDeque<String>,
}

impl Editor {
    /// With the history and the preferences of the files in the user's home, which are those of redis-cli.
    ///
    /// # Errors
    ///
    /// The terminal cannot be used.
    pub(super) fn open() -> rustyline::Result<Self> {
        let config = Config::builder().bracketed_paste(false).max_history_size(REMEMBERED_LINES)?.build();
        let mut lines = rustyline::Editor::with_history(config, MemHistory::new())?;
        lines.set_helper(Some(Assistant { docs: Docs::default(), hints: true }));
        let mut editor =
            Self { lines, file: dot_file("REDISCLI_HISTFILE", ".rediscli_history"), saved: VecDeque::new() };
        let before = editor.file.as_ref().and_then(|file| fs::read(file).ok()).unwrap_or_default();
        for line in String::from_utf8_lossy(&before).lines() {
            editor.keep(line);
        }
        let preferences = dot_file("REDISCLI_RCFILE", ".redisclirc").and_then(|file| fs::read(file).ok());
        for line in preferences.unwrap_or_default().split(|byte| *byte == b'\n') {
            let words = quoting::split(line).unwrap_or_default();
            if !words.is_empty()
                && let Err(complaint) = editor.prefer(&words)
            {
                super::warn(&format!(".redisclirc: {complaint}"));
            }
        }
        Ok(editor)
    }

    /// The next line, which starts with `typed`; none after Ctrl-C, Ctrl-D, or when the terminal has gone.
    pub(super) fn read(&mut self, prompt: &str, typed: &str) -> Option<String> {
        self.lines.readline_with_initial(prompt, (typed, "")).ok()
    }

    /// Remembers a line, for later times only if it holds no password.
    pub(super) fn remember(&mut self, line: &str) {
        if quoting::split(line.as_bytes()).is_ok_and(|words| is_secret(&words)) {
            let _ = self.lines.add_history_entry(line);
            return;
        }
        self.keep(line);
        if let Some(file) = &self.file {
            let mut text = String::new();
            for line in &self.saved {
                text += line;
                text.push('\n');
            }
            let options = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file);
            // A history that cannot be kept keeps nobody from working.
            let _ = options.and_then(|mut file| file.write_all(text.as_bytes()));
        }
    }

    fn keep(&mut self, line: &str) {
        if line.is_empty() || self.saved.back().is_some_and(|last| last == line) {
            return;
        }
        let _ = self.lines.add_history_entry(line);
        self.saved.push_back(line.to_owned());
        if self.saved.len() > REMEMBERED_LINES {
            self.saved.pop_front();
        }
    }

    /// Sets a preference, `:set nohints` for example.
    ///
    /// # Errors
    ///
    /// One line for the user.
    pub(super) fn prefer(&mut self, words: &[Vec<u8>]) -> Result<(), String> {
        let shown = |word: &[u8]| String::from_utf8_lossy(word).into_owned();
        let name = words[0].to_ascii_lowercase();
        let [_, preference, ..] = words else {
            return Err(format!("unknown redis-cli internal command '{}'", shown(&words[0])));
        };
        let hints = match (name.as_slice(), preference.to_ascii_lowercase().as_slice()) {
            (b":set", b"hints") => true,
            (b":set", b"nohints") => false,
            (b":set", _) => return Err(format!("unknown redis-cli preference '{}'", shown(preference))),
            _ => return Err(format!("unknown redis-cli internal command '{}'", shown(&words[0]))),
        };
        if let Some(assistant) = self.lines.helper_mut() {
            assistant.hints = hints;
        }
        Ok(())
    }

    /// What is known of the server's commands.
    pub(super) fn docs(&self) -> Option<&Docs> {
        self.lines.helper().map(|assistant| &assistant.docs)
    }

    pub(super) fn learn(&mut self, docs: Docs) {
        if let Some(assistant) = self.lines.helper_mut() {
            assistant.docs = docs;
        }
    }

    pub(super) fn clear_screen(&mut self) {
        let _ = self.lines.clear_screen();
    }
}

/// A file in the user's home that a variable may put elsewhere; none if that is `/dev/null`.
fn dot_file(variable: &str, name: &str) -> Option<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    match set(variable) {
        Some(path) => (path.as_os_str() != "/dev/null").then_some(path),
        None => set("HOME").map(|home| home.join(name)),
    }
}

/// Helps with the line while it is typed.
struct Assistant {
    docs: Docs,
    /// Whether the user wants hints.
    hints: bool,
}

/// Arguments that may follow; seen and never taken over into the line.
struct Following(String);

impl Hint for Following {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for Assistant {
    type Hint = Following;

    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<Following> {
        let wanted = self.hints && pos == line.len();
        wanted.then(|| self.docs.hint(line)).flatten().map(Following)
    }
}

impl Completer for Assistant {
    type Candidate = String;

    /// What the line up to the cursor may become.
    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok((0, self.docs.completions(&line[..pos])))
    }
}

impl Highlighter for Assistant {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("\x1b[90m{hint}\x1b[0m"))
    }
}

impl Validator for Assistant {}

impl Helper for Assistant {}
