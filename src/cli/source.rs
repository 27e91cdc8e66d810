//! Where the lines of standard input come from.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _};
use std::os::fd::AsFd as _;

use super::editor::Editor;

pub(super) enum Source {
    Lines(Lines),
    /// People on a terminal type them.
    Editor(Box<Editor>),
}

impl Source {
    /// Standard input, `edited` where people see what they type into it.
    pub(super) fn open(edited: bool) -> io::Result<Self> {
        if edited {
            let editor = Editor::open().map_err(io::Error::other)?;
            return Ok(Self::Editor(Box::new(editor)));
        }
        Ok(Self::Lines(Lines::open()?))
    }

    /// Whether somebody sits at a terminal.
    pub(super) fn is_typed(&self) -> bool {
        match self {
            Self::Lines(lines) => lines.typed,
            Self::Editor(_) => true,
        }
    }

    pub(super) fn is_edited(&self) -> bool {
        matches!(self, Self::Editor(_))
    }

    /// Whether something has been read that was not asked for yet.
    pub(super) fn has_line(&self) -> bool {
        matches!(self, Self::Lines(lines) if !lines.buffered.buffer().is_empty())
    }
}

/// Standard input in lines, with its own buffer, so that it is known whether a line waits in it.
pub(super) struct Lines {
    buffered: BufReader<File>,
    typed: bool,
}

impl Lines {
    fn open() -> io::Result<Self> {
        let stdin = io::stdin();
        let typed = stdin.is_terminal();
        let file = File::from(stdin.as_fd().try_clone_to_owned()?);
        Ok(Self { buffered: BufReader::new(file), typed })
    }

    /// The next line without its end, `None` at the end of the input.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        let length = self.buffered.read_until(b'\n', &mut line).unwrap_or(0);
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        (length > 0).then_some(line)
    }
}
