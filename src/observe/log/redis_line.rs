//! Log lines as Redis writes them: `pid:M day month year time sign text`, in local time. Source: `serverLogRaw` of Redis'
//! `server.c`.

use std::fmt;

use jiff::ZonedDateTime;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::observe::VERBOSE;

/// Writes an event as such a line, with what it says in fields behind the text.
pub(super) struct RedisLine;

impl<S, N> FormatEvent<S, N> for RedisLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut line: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        line.write_str(&beginning(std::process::id(), &ZonedDateTime::now(), sign(event.metadata())))?;
        context.format_fields(line.by_ref(), event)?;
        writeln!(line)
    }
}

/// All that stands before the text. `M` is for a master, as which Redis counts every server without another one.
fn beginning(pid: u32, now: &ZonedDateTime, sign: char) -> String {
    format!("{pid}:M {} {sign} ", now.strftime("%d %b %Y %H:%M:%S%.3f"))
}

/// The sign of a level: `.` for debug, `-` for verbose, `*` for notice, `#` for warning.
fn sign(event: &Metadata<'_>) -> char {
    match *event.level() {
        Level::ERROR | Level::WARN => '#',
        Level::INFO => '*',
        Level::DEBUG if event.target() == VERBOSE => '-',
        Level::DEBUG | Level::TRACE => '.',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_begins_with_process_role_local_time_and_sign() {
        let now: ZonedDateTime = "2026-03-04T05:06:07.089+01:00[+01:00]".parse().expect("a time with its offset");
        assert_eq!(beginning(42, &now, '*'), "42:M 04 Mar 2026 05:06:07.089 * ");
    }
}
