//! Which scripts run on the threads of their clients, as other short commands do.

use std::sync::atomic::Ordering::Relaxed;

use super::evaluating::Source;
use crate::command::cost::{self, View};
use crate::command::spec::{Flags, Run};
use crate::command::table;
use crate::resp::decode::Args;
use crate::script::brevity::{Brevity, Effort};
use crate::script::cache;
use crate::server::names::Names;

/// Bytes of such a script at most.
pub(super) const MOST_BYTES: usize = 4096;
/// Arguments of EVAL that are few.
const LITTLE: usize = 16;

/// The steps of a script: none worth counting if it is known to be short, else more than anything has. While there are
/// monitors, none runs that might begin again elsewhere: they would be shown it twice.
fn steps(args: Args<'_>, view: &View<'_>, source: Source) -> usize {
    let sha = match source {
        Source::Digest => super::digest(&args[1]),
        Source::Body => (args[1].len() <= MOST_BYTES).then(|| cache::digest(&args[1])),
    };
    let Some(sha) = sha.filter(|_| view.server.monitors.load(Relaxed) == 0) else { return usize::MAX };
    match view.server.scripts.cache.lock().brevity(&sha) {
        Brevity::Short => 0,
        Brevity::IfGivenLittle if args.len() <= LITTLE => 0,
        Brevity::IfGivenLittle | Brevity::Unknown => usize::MAX,
    }
}

/// The steps of EVAL.
pub(super) fn of_body(args: Args<'_>, view: &View<'_>) -> usize {
    steps(args, view, Source::Body)
}

/// The steps of EVALSHA.
pub(super) fn of_digest(args: Args<'_>, view: &View<'_>) -> usize {
    steps(args, view, Source::Digest)
}

/// What a command of this name costs at most, if a short script may run it.
pub(super) fn effort(names: &Names, name: &[u8]) -> Option<Effort> {
    let entry = table::get(names, name).filter(|entry| entry.subcommands().next().is_none())?;
    let (command, flags) = (entry.command, entry.command.flags);
    let is_allowed = flags.has_any(Flags::KEYS.and(Flags::PUBSUB)) && !flags.has(Flags::NOSCRIPT);
    let runs_anywhere = matches!(command.runner(), Some(Run::Anywhere(_)));
    let writes = flags.has_any(Flags::WRITE.and(Flags::MAY_REPLICATE));
    (is_allowed && runs_anywhere).then_some(Effort { steady: cost::is_steady(command), writes })
}
