//! KILL.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Acquire};

use super::list::ClientType;
use crate::client::order::{Errand, Order, Receipt};
use crate::client::registry::ClientInfo;
use crate::command::connection::DEFAULT_USER;
use crate::command::{Call, LocalCall, run};
use crate::ids::ClientId;
use crate::resp::decode::parse_integer;
use crate::resp::errors::ReplyError;
use crate::session::Blocked;

/// Which clients are to end: those that pass every filter.
#[derive(Debug, Default)]
struct Filters<'a> {
    id: Option<ClientId>,
    class: Option<ClientType>,
    peer: Option<&'a [u8]>,
    local: Option<&'a [u8]>,
    /// Connected for at least so many seconds.
    min_age: Option<u64>,
    spare_caller: bool,
}

/// Ends clients. When the answer arrives they receive nothing any more and are counted by nobody: clients of this worker
/// end at once as far as others can wait for that, the answer waits for the rest and for what other workers have to end.
/// Only within EXEC it does not wait, since nothing may come in between; the others then end soon after.
pub(super) fn kill(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    let _alone = call.alone();
    let old_form = call.args.len() == 3;
    let filters = if old_form { Filters { peer: call.args.get(2), ..Filters::default() } } else { parse(call)? };
    let passing = call.server.clients.all().into_iter().filter(|info| filters.pass(call, info));
    let (own, others): (Vec<_>, Vec<_>) = passing.partition(|info| info.id == call.info.id);
    let others: Vec<_> = others.into_iter().filter(|info| info.doom()).collect();
    let count = own.len() + others.len();
    end(call, &others);
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

fn parse<'c>(call: &Call<'c, '_>) -> Result<Filters<'c>, ReplyError> {
    let mut filters = Filters { spare_caller: true, ..Filters::default() };
    let mut args = call.args.from(2);
    while let Some(filter) = args.next() {
        let value = args.next().ok_or(ReplyError::SYNTAX)?;
        let is = |word: &str| filter.eq_ignore_ascii_case(word.as_bytes());
        if is("id") {
            let id = parse_integer(value).filter(|id| *id > 0).ok_or(ReplyError::CLIENT_ID_POSITIVE)?;
            filters.id = Some(id as ClientId);
        } else if is("type") {
            filters.class = Some(ClientType::parse(value)?);
        } else if is("addr") {
            filters.peer = Some(value);
        } else if is("laddr") {
            filters.local = Some(value);
        } else if is("user") {
            if value != DEFAULT_USER.as_bytes() {
                return Err(ReplyError::no_such_user(value));
            }
        } else if is("skipme") {
            filters.spare_caller = match value.to_ascii_lowercase().as_slice() {
                b"yes" => true,
                b"no" => false,
                _ => return Err(ReplyError::SYNTAX),
            };
        } else if is("maxage") {
            let age = parse_integer(value).ok_or(ReplyError::MAXAGE_NOT_AN_INTEGER)?;
            filters.min_age = Some(u64::try_from(age).ok().filter(|age| *age > 0).ok_or(ReplyError::MAXAGE_POSITIVE)?);
        } else {
            return Err(ReplyError::SYNTAX);
        }
    }
    Ok(filters)
}

impl Filters<'_> {
    fn pass(&self, call: &Call<'_, '_>, info: &ClientInfo) -> bool {
        let age = call.now.ms().saturating_sub(info.connected_ms) / 1000;
        self.id.is_none_or(|id| id == info.id)
            && self.class.is_none_or(|class| class == ClientType::of(info))
            && self.peer.is_none_or(|peer| peer == info.address.peer().as_bytes())
            && self.local.is_none_or(|local| local == info.address.local().as_bytes())
            && self.min_age.is_none_or(|min_age| age >= min_age)
            && !(self.spare_caller && info.id == call.info.id)
    }
}

/// Ends clients other than the caller, those of other workers by order.
fn end(call: &mut LocalCall<'_, '_>, clients: &[Arc<ClientInfo>]) {
    let here = call.worker.id();
    // Ending one delivers what was published before. Earlier answers go first, so that a confirmation still comes before
    // the first message.
    call.queue_reply();
    let (own, elsewhere): (Vec<_>, Vec<_>) =
        clients.iter().map(|info| (info, info.worker())).partition(|(_, home)| *home == here);
    let own: Vec<_> = own.into_iter().filter_map(|(info, _)| call.worker.client(info)).collect();
    let missing = Arc::new(AtomicUsize::new(own.len() + elsewhere.len()));
    let receipt = Receipt { missing: missing.clone(), client: call.info.clone() };
    own.iter().for_each(|client| call.worker.kill(client, receipt.clone()));
    for (info, home) in elsewhere {
        call.order(home, Order::To(info.clone(), Errand::Kill(receipt.clone())));
    }
    call.worker.end_few(call.call.hub);
    if missing.load(Acquire) > 0 && !call.scope.executing {
        call.session.blocked = Some(Blocked::Ordered(missing));
    }
}
