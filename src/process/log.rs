//! The log: one line for each event, for people or as JSON, at a level that CONFIG SET can change.
//!
//! Lines are written by a thread of their own, so that a reader of them who stalls costs lines and nothing else.

mod queue;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::time::Duration;

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::config::{LogFormat, LogLevel, Settings, StartError};
use queue::{Line, Queue};

/// How long the end of the process waits for what is still to be written.
const LAST_LINES: Duration = Duration::from_millis(500);

static LEVEL: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();
static LINES: Queue = Queue::new();

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
    let output = output(settings)?;
    let lines = fmt::layer().with_writer(|| Line(&LINES)).with_ansi(false).with_target(false);
    let lines = match settings.logformat {
        LogFormat::Human => lines.boxed(),
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

/// Lets what has been logged be written before the process ends, if the reader takes it in time.
pub(crate) fn finish() {
    LINES.drain(LAST_LINES);
}

/// Lines that were not written because their reader was too slow.
pub(crate) fn dropped_lines() -> u64 {
    LINES.dropped()
}

/// Writes lines for as long as the process lives.
fn write(mut output: File) {
    loop {
        let dropped = LINES.write_next(&mut output);
        if dropped > 0 {
            tracing::warn!(lines = dropped, "lines are missing here, because the log was not taken fast enough");
        }
    }
}

fn filter(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Debug => LevelFilter::from_level(Level::DEBUG),
        LogLevel::Verbose | LogLevel::Notice => LevelFilter::from_level(Level::INFO),
        LogLevel::Warning => LevelFilter::from_level(Level::WARN),
        LogLevel::Nothing => LevelFilter::OFF,
    };
    Targets::new().with_target("pregon", level)
}

fn output(settings: &Settings) -> Result<File, StartError> {
    let Some(path) = &settings.logfile else {
        let cannot_log = |error: io::Error| {
            StartError::new(format!("cannot write the log to standard output: {error}"), "name a file in logfile")
        };
        return io::stdout().as_fd().try_clone_to_owned().map(File::from).map_err(cannot_log);
    };
    OpenOptions::new().create(true).append(true).open(path).map_err(|error| {
        StartError::new(
            format!("cannot write the log to {}: {error}", path.display()),
            "name a file in logfile that this user may write to",
        )
    })
}
