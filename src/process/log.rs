//! The log: one line for each event, for people or as JSON, at a level that CONFIG SET can change.

use std::fs::OpenOptions;
use std::sync::OnceLock;

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::config::{LogFormat, LogLevel, Settings, StartError};

static LEVEL: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();

/// Starts logging as the settings say. A process logs once: later calls change the level only.
///
/// # Errors
///
/// [`StartError`] if `logfile` cannot be written.
pub(crate) fn start(settings: &Settings) -> Result<(), StartError> {
    let (filter, handle) = reload::Layer::new(filter(settings.loglevel));
    let writer = writer(settings)?;
    let lines = fmt::layer().with_writer(writer).with_ansi(false).with_target(false);
    let lines = match settings.logformat {
        LogFormat::Human => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    match tracing_subscriber::registry().with(lines.with_filter(filter)).try_init() {
        Ok(()) => drop(LEVEL.set(handle)),
        Err(_) => set_level(settings.loglevel),
    }
    Ok(())
}

/// Changes the level.
pub(crate) fn set_level(level: LogLevel) {
    if let Some(handle) = LEVEL.get() {
        // Fails only when the log has been dropped, which happens at the end of the process.
        let _ = handle.reload(filter(level));
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

fn writer(settings: &Settings) -> Result<BoxMakeWriter, StartError> {
    let Some(path) = &settings.logfile else { return Ok(BoxMakeWriter::new(std::io::stdout)) };
    let file = OpenOptions::new().create(true).append(true).open(path).map_err(|error| {
        StartError::new(
            format!("cannot write the log to {}: {error}", path.display()),
            "name a file in logfile that this user may write to",
        )
    })?;
    Ok(BoxMakeWriter::new(file))
}
