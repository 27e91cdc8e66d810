//! The terminal's own settings, where lines are not typed into an editor.

use std::io::{self, BufRead as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// Standard input with some of its modes off until this is dropped.
pub(super) struct Quiet {
    before: Option<Termios>,
}

impl Quiet {
    /// Keys arrive as they are pressed, and are not shown.
    pub(super) fn keys() -> Self {
        Self::without(LocalModes::ECHO | LocalModes::ICANON)
    }

    /// Lines are not shown.
    fn lines() -> Self {
        Self::without(LocalModes::ECHO)
    }

    /// Nothing changes where standard input is no terminal.
    fn without(modes: LocalModes) -> Self {
        let before = tcgetattr(io::stdin()).ok();
        if let Some(before) = &before {
            let mut quiet = before.clone();
            quiet.local_modes.remove(modes);
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &quiet);
        }
        Self { before }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// Asks for a line that is not shown as it is typed; without a terminal it is the first line of standard input.
pub(super) fn ask_for_password() -> io::Result<Vec<u8>> {
    let quiet = Quiet::lines();
    let asked = quiet.before.is_some();
    if asked {
        io::stdout().write_all(b"Please input password: ")?;
        io::stdout().flush()?;
    }
    let mut line = Vec::new();
    io::stdin().lock().read_until(b'\n', &mut line)?;
    while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        line.pop();
    }
    if asked {
        io::stdout().write_all(b"\n")?;
    }
    Ok(line)
}
