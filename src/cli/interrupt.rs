//! Ctrl-C as an event beside others, where it ends no more than what is going on.

use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::SIGINT;
use signal_hook::{flag, low_level};

/// Set by Ctrl-C, for loops that come to an end of their own then. Where the system does not let it be set, Ctrl-C ends
/// the program as usual.
pub(super) fn stop_flag() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let _ = flag::register(SIGINT, Arc::clone(&stop));
    stop
}

/// Ctrl-C as a descriptor to wait for; it ends the program as long as nobody waits.
pub(super) struct Interrupt {
    ends_program: Arc<AtomicBool>,
    pressed: UnixStream,
}

impl Interrupt {
    pub(super) fn listen() -> io::Result<Self> {
        let ends_program = Arc::new(AtomicBool::new(true));
        let (pressed, signal) = UnixStream::pair()?;
        pressed.set_nonblocking(true)?;
        flag::register_conditional_shutdown(SIGINT, 1, Arc::clone(&ends_program))?;
        low_level::pipe::register(SIGINT, signal)?;
        Ok(Self { ends_program, pressed })
    }

    /// From now on the caller waits for it, or does not any more.
    pub(super) fn is_waited_for(&self, waited_for: bool) {
        self.ends_program.store(!waited_for, Ordering::Relaxed);
    }

    /// Whether it was pressed since this was asked last.
    pub(super) fn take(&mut self) -> bool {
        let mut marks = [0; 64];
        let mut pressed = false;
        while self.pressed.read(&mut marks).is_ok_and(|length| length > 0) {
            pressed = true;
        }
        pressed
    }
}

impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pressed.as_fd()
    }
}
