//! Commands on their way to another thread, and what comes back.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::client::order::Errand;
use crate::client::registry::ClientInfo;
use crate::command::spec::{Flags, Run};
use crate::command::table;
use crate::command::{Call, Place, gate, permission, run, trace, transaction};
use crate::ids::CommandIndex;
use crate::ids::PortSet;
use crate::resp::Proto;
use crate::resp::answer::Answer;
use crate::resp::decode::OwnedArgs;
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;
use crate::session::Scope;

/// After so much has been answered, in bytes, the rest of a transaction waits until that has been offered to the socket.
const ANSWERED_AT_ONCE: usize = 256 * 1024;
/// Commands of a transaction that publish under one hold of the hub's lock at most.
const PUBLISHED_AT_ONCE: usize = 256;

/// A request with its command's place in the table.
pub(crate) type Request = (CommandIndex, OwnedArgs);

/// Where what comes back is left until the client's session takes it.
pub(crate) type Slot = Arc<Mutex<Option<Done>>>;

/// What comes back.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// As the commands left it.
    pub(crate) scope: Scope,
    /// What the commands of a transaction answered; the answer of a single command has gone ahead.
    pub(crate) reply: Answer,
    /// Whether more would have been answered than may wait for a client.
    pub(crate) overflowed: bool,
    /// That the client waits for keys, and until which moment in milliseconds of the server's clock, if for a time only.
    pub(crate) waits: Option<Option<u64>>,
    /// Whether something was published that its client may be listening to.
    pub(crate) published: bool,
    /// Commands that were left for later.
    pub(crate) rest: VecDeque<Request>,
    /// Workers that have fallen so far behind with what was sent to them that the client should wait for them.
    pub(crate) crowded: PortSet,
}

/// One command of a client, or some of a transaction.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) client: Arc<ClientInfo>,
    pub(crate) requests: VecDeque<Request>,
    pub(crate) scope: Scope,
    pub(crate) proto: Proto,
    /// The most that may be answered, in bytes.
    pub(crate) room: usize,
    /// Whether the transaction ends with these commands.
    pub(crate) last: bool,
    pub(crate) slot: Slot,
}

/// Makes room for a command on keys, and answers whether it needs more memory than there is.
fn lacks_memory(call: &mut Call<'_, '_>) -> bool {
    let (server, flags) = (call.server, call.entry.command.flags);
    gate::lacks_memory(flags, server, server.keys_thread(), call.settings, call.keys, call.hub, call.outcome)
}

impl Task {
    /// Runs the one command of it and answers its client, before anybody hears of what the command did.
    pub(super) fn run_alone(mut self, place: &mut Place<'_, '_>) {
        let mut reply = self.reply();
        let Some(request) = self.requests.pop_front() else { return };
        let Task { client, scope, slot, .. } = &mut self;
        run_one(client, scope, &mut reply, place, &request, true, |call| {
            let done = Done {
                scope: std::mem::take(call.scope),
                overflowed: call.reply.has_overflowed(),
                waits: call.outcome.waits.take(),
                ..Done::default()
            };
            *slot.lock() = Some(done);
            let answer = Errand::Serve(call.reply.take());
            call.order_to(&call.info.clone(), answer);
        });
        if let Some(done) = &mut *slot.lock() {
            done.crowded = place.outcome.sent.crowded;
        }
    }

    /// Runs commands of a transaction until the end or until enough has been answered; the answers come back.
    pub(super) fn run_queued(mut self, place: &mut Place<'_, '_>) {
        let mut reply = self.reply();
        if transaction::end_watch(place.server, &self.client, &mut self.scope, place.keys, place.server.clock.now()) {
            // Its client has gone before the transaction began.
            self.requests.clear();
        }
        // Only moved on from step to step: there may be very many of them, and little of them is run in each.
        let mut rest = std::mem::take(&mut self.requests);
        let mut published = 0;
        while let Some(request) = rest.pop_front() {
            hold_to_publish(place, request.0, &mut published);
            run_one(&self.client, &mut self.scope, &mut reply, place, &request, false, |_| {});
            if reply.len() >= ANSWERED_AT_ONCE {
                break;
            }
        }
        place.hub.release();
        if rest.is_empty() && self.last {
            run::settle_transaction(&place.server.settings(), place.keys, place.hub, place.outcome);
        }
        let done = Done {
            scope: self.scope,
            overflowed: reply.has_overflowed(),
            reply: reply.take(),
            waits: None,
            published: place.outcome.published,
            rest,
            crowded: place.outcome.sent.crowded,
        };
        *self.slot.lock() = Some(done);
    }

    /// The same without any commands, for what it leaves.
    pub(super) fn followed_by_nothing(&self) -> Box<Task> {
        let Task { client, proto, room, last, slot, .. } = self;
        let (client, slot) = (client.clone(), slot.clone());
        Box::new(Task {
            client,
            requests: VecDeque::new(),
            scope: Scope::default(),
            proto: *proto,
            room: *room,
            last: *last,
            slot,
        })
    }

    /// Does not run it, and answers this error.
    pub(super) fn refuse(self, error: &ReplyError) -> Answer {
        let mut reply = self.reply();
        reply.error(error);
        *self.slot.lock() = Some(Done { scope: self.scope, ..Done::default() });
        reply.take()
    }

    fn reply(&self) -> Reply {
        let mut reply = Reply::new(Vec::new(), self.proto);
        reply.set_room(self.room);
        reply.set_muted(self.scope.is_muted());
        reply
    }
}

/// Keeps the hub's lock from one command that publishes to the next, so that nobody else's message comes in between;
/// never while anything else runs, and not for very many.
fn hold_to_publish(place: &mut Place<'_, '_>, index: CommandIndex, published: &mut usize) {
    let publishes = table::entry(index).command.flags.has(Flags::PUBSUB);
    if !publishes || *published == PUBLISHED_AT_ONCE {
        place.hub.release();
        *published = 0;
    }
    if publishes {
        place.hub.hold();
        *published += 1;
    }
}

/// Runs one command; `concluded` is called when it has answered, before what it did is made known.
fn run_one<'s>(
    client: &Arc<ClientInfo>,
    scope: &mut Scope,
    reply: &mut Reply,
    place: &mut Place<'_, 's>,
    (index, args): &Request,
    makes_room: bool,
    concluded: impl FnOnce(&mut Call<'_, 's>),
) {
    let settings = place.server.settings();
    let now = place.server.clock.now();
    let request = (table::entry(*index), args.args());
    let mut call = Call::begin(place.again(), client, &settings, request, reply, scope, now);
    let permitted = permission::ensure_queued(&mut call);
    let result = permitted.and_then(|()| match call.entry.command.runner() {
        Some(Run::Anywhere(_)) if makes_room && lacks_memory(&mut call) => Err(ReplyError::OUT_OF_MEMORY),
        Some(Run::Anywhere(function)) => function(&mut call),
        Some(Run::Here(_)) | None => Ok(()),
    });
    run::conclude(&mut call, result.as_ref().err());
    concluded(&mut call);
    run::settle_keys(&mut call);
    trace::count(&mut call, result.is_err());
}
