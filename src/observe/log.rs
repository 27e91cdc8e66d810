//! The log: one line for each event, for people, as Redis writes it, or as JSON, at a level that CONFIG SET can change.
//!
//! Lines are written by a thread of their own, so that a reader of them who stalls costs lines and nothing else.

mod queue;
mod redis_line;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::fs::Access;
use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::config::{LogFormat, LogLevel, Settings, StartError};
use crate::observe::VERBOSE;
use crate::version::VERSION;
use queue::{Line, Queue};
use redis_line::RedisLine;

/// How long the end of the process waits for what is still to be written.
const LAST_LINES: Duration = Duration::from_millis(500);

static LEVEL: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();
static LINES: Queue = Queue::new();
/// What lines go to from the next one on, instead of what they have gone to.
static SUCCESSOR: Mutex<Option<File>> = Mutex::new(None);

/// The log of this process. What has been logged is written when it is dropped, if the reader takes it in time.
pub(crate) struct Log(());

impl Drop for Log {
    fn drop(&mut self) {
        finish();
    }
}

/// Starts logging as the settings say. A process logs once: later calls change the level only.
///
/// # Errors
///
/// [`StartError`] if `logfile` cannot be written or there is no thread to be had.
pub(crate) fn start(settings: &Settings) -> Result<Log, StartError> {
    let (filter, handle) = reload::Layer::new(filter(settings.loglevel));
    let output = Output(output(settings)?);
    let lines = fmt::layer().with_writer(|| Line(&LINES)).with_ansi(false).with_target(false);
    let lines = match settings.logformat {
        LogFormat::Human => lines.boxed(),
        LogFormat::Redis => lines.event_format(RedisLine).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    if tracing_subscriber::registry().with(lines.with_filter(filter)).try_init().is_ok() {
        drop(LEVEL.set(handle));
        std::thread::Builder::new().name("log".into()).spawn(|| write(output)).map_err(|error| {
            StartError::new(format!("cannot start a thread that logs: {error}"), "raise the limits of this process")
        })?;
    }
    apply(settings);
    Ok(Log(()))
}

/// Does what directives say that may change.
pub(crate) fn apply(settings: &Settings) {
    LINES.set_limit(usize::try_from(settings.log_buffer_limit.0).unwrap_or(usize::MAX));
    if let Some(handle) = LEVEL.get() {
        // Fails only when the log has been dropped, which happens at the end of the process.
        let _ = handle.reload(filter(settings.loglevel));
    }
}

/// Opens the log file anew, because who rotates logs has given the old one another name. Lines that wait go to the new one.
/// May take as long as the file system does.
///
/// # Errors
///
/// As [`start`]; the old file is written on then.
pub(crate) fn reopen(settings: &Settings) -> Result<(), StartError> {
    *SUCCESSOR.lock() = Some(output(settings)?);
    Ok(())
}

/// Says that connections of a kind are accepted, in the spelling of Redis, because scripts and test containers wait for that
/// line.
pub(crate) fn ready(settings: &Settings, io_threads: usize, kind: &str) {
    match settings.logformat {
        LogFormat::Human => tracing::info!("* Ready to accept connections {kind}"),
        LogFormat::Redis => tracing::info!("Ready to accept connections {kind}"),
        LogFormat::Json => tracing::info!(
            version = VERSION,
            pid = std::process::id(),
            port = settings.port,
            io_threads,
            "Ready to accept connections {kind}"
        ),
    }
}

/// Lets what has been logged be written before the process ends, if the reader takes it in time.
pub(crate) fn finish() {
    LINES.drain(LAST_LINES);
}

/// Lines that were not written because their reader was too slow.
pub(crate) fn dropped_lines() -> u64 {
    LINES.dropped()
}

/// Where lines go: standard output, or the log file, which may be opened anew between two of them.
struct Output(File);

impl Write for Output {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        if let Some(successor) = SUCCESSOR.lock().take() {
            self.0 = successor;
        }
        self.0.write(lines)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Writes lines for as long as the process lives.
fn write(mut output: Output) {
    loop {
        let dropped = LINES.write_next(&mut output);
        if dropped > 0 {
            tracing::warn!(lines = dropped, "lines are missing here, because the log was not taken fast enough");
        }
    }
}

fn filter(level: LogLevel) -> Targets {
    let verbose = if level == LogLevel::Verbose { vec![(VERBOSE, Level::DEBUG)] } else { Vec::new() };
    let level = match level {
        LogLevel::Debug => LevelFilter::from_level(Level::DEBUG),
        LogLevel::Verbose | LogLevel::Notice => LevelFilter::from_level(Level::INFO),
        LogLevel::Warning => LevelFilter::from_level(Level::WARN),
        LogLevel::Nothing => LevelFilter::OFF,
    };
    Targets::new().with_target("pregon", level).with_targets(verbose)
}

/// Finds what would keep [`start`] from writing to `logfile`, which is not made.
///
/// # Errors
///
/// As [`start`].
pub(crate) fn check(settings: &Settings) -> Result<(), StartError> {
    let Some(path) = settings.logfile.as_ref().map(|path| settings.dir.place(path)) else { return Ok(()) };
    let written = match OpenOptions::new().append(true).open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
            rustix::fs::access(directory.unwrap_or(Path::new(".")), Access::WRITE_OK | Access::EXEC_OK)
                .map_err(Into::into)
        }
        opened => opened.map(drop),
    };
    written.map_err(|error| cannot_log_to(&path, &error))
}

fn cannot_log_to(path: &Path, error: &io::Error) -> StartError {
    let cure = "name a file in logfile that this user may write to";
    StartError::new(format!("cannot write the log to {}: {error}", path.display()), cure)
}

fn output(settings: &Settings) -> Result<File, StartError> {
    let Some(path) = &settings.logfile else {
        let cannot_log = |error: io::Error| {
            StartError::new(format!("cannot write the log to standard output: {error}"), "name a file in logfile")
        };
        return io::stdout().as_fd().try_clone_to_owned().map(File::from).map_err(cannot_log);
    };
    let path = settings.dir.place(path);
    OpenOptions::new().create(true).append(true).open(&path).map_err(|error| cannot_log_to(&path, &error))
}
