//! KILL.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Acquire};

use super::filters::Filters;
use crate::client::order::{Errand, Receipt};
use crate::client::registry::ClientInfo;
use crate::command::{LocalCall, run};
use crate::resp::errors::ReplyError;
use crate::session::Blocked;

/// Ends clients. When the answer arrives they receive nothing any more and are counted by nobody: clients of this worker
/// end at once as far as others can wait for that, the answer waits for the rest and for what other workers have to end.
/// Only within EXEC it does not wait, since nothing may come in between; the others then end soon after.
pub(super) fn kill(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    let _alone = call.alone();
    let old_form = call.args.len() == 3;
    let filters = if old_form { Filters::peer(&call.args[2]) } else { Filters::read(call, true)? };
    let passing = call.server.clients.all().into_iter().filter(|info| filters.pass(call, info));
    let (own, others): (Vec<_>, Vec<_>) = passing.partition(|info| info.id == call.info.id);
    let others: Vec<_> = others.into_iter().filter(|info| info.doom()).collect();
    let count = own.len() + others.len();
    end(call, &others, Errand::Kill);
    match old_form {
        true if count == 0 => return Err(ReplyError::NO_SUCH_CLIENT),
        true => call.reply.ok(),
        false => call.reply.count(count),
    }
    if !own.is_empty() {
        run::close_after_reply(call.worker, call.client, call.session);
        // What EXEC has still to run is not answered.
        call.reply.set_muted(true);
    }
    Ok(())
}

/// Ends these clients, the caller, if it is among them, when it has been answered.
pub(in crate::command) fn end_all(call: &mut LocalCall<'_, '_>, clients: Vec<Arc<ClientInfo>>) {
    let (own, others): (Vec<_>, Vec<_>) = clients.into_iter().partition(|info| info.id == call.info.id);
    let others: Vec<_> = others.into_iter().filter(|info| info.doom()).collect();
    end(call, &others, Errand::Kill);
    if !own.is_empty() {
        run::close_after_reply(call.worker, call.client, call.session);
    }
}

/// Ends those of these clients that listen to what their users may not listen to any more.
pub(in crate::command) fn judge(call: &mut LocalCall<'_, '_>, clients: &[Arc<ClientInfo>]) {
    let (own, mut others): (Vec<_>, Vec<_>) = clients.iter().cloned().partition(|info| info.id == call.info.id);
    let rightly = if own.is_empty() { Some(true) } else { call.worker.listens_rightly(call.client) };
    if rightly.is_none() {
        // It listens to very much, and is judged like others.
        others.extend(own);
    }
    end(call, &others, Errand::Judge);
    if rightly == Some(false) {
        run::close_after_reply(call.worker, call.client, call.session);
    }
}

/// Ends clients other than the caller, those of other workers by order; or judges clients in the same way.
fn end(call: &mut LocalCall<'_, '_>, clients: &[Arc<ClientInfo>], errand: fn(Receipt) -> Errand) {
    // Ending one delivers what was published before. Earlier answers go first, so that a confirmation still comes before
    // the first message.
    call.queue_reply();
    let (own, elsewhere): (Vec<_>, Vec<_>) =
        clients.iter().map(|info| (info, call.worker.client(info))).partition(|(_, own)| own.is_some());
    let own: Vec<_> = own.into_iter().filter_map(|(_, own)| own).collect();
    let missing = Arc::new(AtomicUsize::new(own.len() + elsewhere.len()));
    let receipt = Receipt { missing: missing.clone(), client: call.info.clone() };
    own.iter().for_each(|client| call.worker.run_errand(client, errand(receipt.clone())));
    for (info, _) in elsewhere {
        call.order_to(info, errand(receipt.clone()));
    }
    call.worker.end_few(call.call.hub);
    if missing.load(Acquire) > 0 && !call.scope.executing {
        call.session.blocked = Some(Blocked::Ordered(missing));
    }
}
