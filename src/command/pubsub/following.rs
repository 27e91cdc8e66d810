//! What is noted of a message when it is published: for PUBSUB TOP, for those who trace, and how long it takes.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::client::following::{Mark, Told};
use crate::client::order::{Errand, Order};
use crate::command::Call;
use crate::message::Kind;
use crate::observe::channels::Published;
use crate::quoting;

/// Notes the message of this PUBLISH or SPUBLISH, which has been put into the mailboxes of all who receive it, if some do. Of most
/// there is nothing to be noted.
#[inline]
pub(super) fn note(call: &mut Call<'_, '_>, kind: Kind, receivers: usize) {
    let passes = call.stats.channels.passes();
    if !passes || !call.server.tracers.is_empty() {
        look_at(call, kind, receivers, passes);
    }
}

#[cold]
fn look_at(call: &mut Call<'_, '_>, kind: Kind, receivers: usize, passes: bool) {
    let (channel, now_ms) = (&call.args[1], call.now.ms());
    let published = Published { kind, channel, bytes: call.args[2].len(), receivers };
    let follows = !passes && call.stats.channels.look_at(&published, call.settings, now_ms) && receivers > 0;
    let clients = call.server.tracers.of(channel, call.settings.channel_trace_rate, now_ms);
    if clients.is_empty() && !follows {
        return;
    }
    let told = (!clients.is_empty()).then(|| Told { clients, line: line(call, receivers) });
    if receivers > 0 && call.hub.with(|hub| hub.delivers_here()) {
        return mark(call, kind, told);
    }
    for client in told.iter().flat_map(|told| &told.clients) {
        let line = told.as_ref().map_or("", |told| &told.line);
        call.order_to(client, Errand::Trace(line.into()));
    }
    call.outcome.published |= told.is_some();
}

/// Lets a mark follow the message.
fn mark(call: &mut Call<'_, '_>, kind: Kind, told: Option<Told>) {
    let channel = &call.args[1];
    let (begun_ns, posted_ns) = (call.now.ns(), call.server.clock.now_soon_after(call.now).ns());
    let ports = call.hub.with(|hub| hub.ports_of(kind, channel));
    let mark = Arc::new(Mark::new(begun_ns, posted_ns, ports.len(), told));
    for port in ports {
        call.order(port, Order::Mark(mark.clone()));
    }
}

/// What is told of a message from the beginning.
fn line(call: &Call<'_, '_>, receivers: usize) -> String {
    let (unix, info) = (call.now.unix(), call.info);
    let mut line =
        format!("{}.{:06} id={} addr={}", unix.as_secs(), unix.subsec_micros(), info.id, info.address.peer());
    for (field, value) in [
        ("user", info.user(&call.server.acl).name()),
        ("name", info.labels().name.as_bytes()),
        ("cmd", call.entry.command.name.as_bytes()),
        ("channel", &call.args[1]),
    ] {
        let mut quoted = Vec::new();
        quoting::quote(value, &mut quoted);
        _ = write!(line, " {field}={}", String::from_utf8_lossy(&quoted));
    }
    _ = write!(line, " bytes={} receivers={receivers}", call.args[2].len());
    line
}
