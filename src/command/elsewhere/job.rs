//! What executors are given to do.

use std::sync::Arc;

use super::loan::Loan;
use super::task::{Slot, Task};
use crate::client::order::HubAccess;
use crate::client::registry::ClientInfo;
use crate::command::{Place, leaving};
use crate::keyspace::access::KeyAccess;
use crate::keyspace::watchers::Ending;
use crate::observe::stats::WorkerStats;
use crate::resp::answer::Answer;
use crate::resp::errors::ReplyError;
use crate::server::Server;
use crate::server::executor::Job;
use crate::session::{Scope, TurnOutcome};

/// Run a command and answer its client.
#[derive(Debug)]
pub(crate) struct RunAlone(pub(crate) Task);

/// Run commands of a transaction that needs no keys.
#[derive(Debug)]
pub(crate) struct RunQueued(pub(crate) Box<Task>);

/// Take the keys' lock and lend it to a client's session.
#[derive(Debug)]
pub(crate) struct Lend(pub(crate) Arc<Loan>);

/// A client's time is up: answer it so, if it still waits for keys.
#[derive(Debug)]
pub(crate) struct GiveUp(pub(crate) Arc<ClientInfo>);

/// Let go of what a client has watched, in parts: others have their turns in between.
#[derive(Debug)]
pub(crate) struct EndWatch(pub(crate) Arc<ClientInfo>, pub(crate) Ending);

/// So many keys at a time.
const LET_GO_AT_ONCE: usize = 1024;

/// A client has gone: let go of what it holds of the keys, also of what a task of it has left for it.
#[derive(Debug)]
pub(crate) struct LetGo(pub(crate) Arc<ClientInfo>, pub(crate) Scope, pub(crate) Option<Slot>);

impl Job for RunAlone {
    fn client(&self) -> &Arc<ClientInfo> {
        &self.0.client
    }

    fn run(self: Box<Self>, server: &Server, stats: &WorkerStats) {
        at_place(server, stats, |place| self.0.run_alone(place));
    }

    fn may_be_refused(&self) -> bool {
        true
    }

    fn refuse(self: Box<Self>, error: &ReplyError) -> Answer {
        self.0.refuse(error)
    }
}

impl Job for RunQueued {
    fn client(&self) -> &Arc<ClientInfo> {
        &self.0.client
    }

    fn run(self: Box<Self>, server: &Server, stats: &WorkerStats) {
        let client = self.0.client.clone();
        at_place(server, stats, |place| {
            self.0.run_queued(place);
            super::resume(server, &client);
        });
    }
}

impl Job for Lend {
    fn client(&self) -> &Arc<ClientInfo> {
        self.0.client()
    }

    fn run(self: Box<Self>, server: &Server, stats: &WorkerStats) {
        self.0.serve(server, stats);
    }
}

impl Job for GiveUp {
    fn client(&self) -> &Arc<ClientInfo> {
        &self.0
    }

    fn run(self: Box<Self>, server: &Server, stats: &WorkerStats) {
        at_place(server, stats, |place| leaving::give_up(place, &self.0));
    }
}

impl Job for EndWatch {
    fn client(&self) -> &Arc<ClientInfo> {
        &self.0
    }

    fn run(self: Box<Self>, server: &Server, stats: &WorkerStats) {
        let EndWatch(client, mut ending) = *self;
        let mut has_more = false;
        at_place(server, stats, |place| {
            let (state, _) = place.keys.hold(server.clock.now());
            has_more = ending.go_on(state, LET_GO_AT_ONCE);
        });
        if has_more {
            server.executors.keys.add(EndWatch(client, ending));
        }
    }
}

impl Job for LetGo {
    fn client(&self) -> &Arc<ClientInfo> {
        &self.0
    }

    fn run(self: Box<Self>, server: &Server, stats: &WorkerStats) {
        let LetGo(client, scope, slot) = *self;
        let left = slot.and_then(|slot| slot.lock().take());
        at_place(server, stats, |place| {
            for mut scope in left.map(|done| done.scope).into_iter().chain([scope]) {
                if let Some(watch) = scope.watch.take() {
                    server.executors.keys.add(EndWatch(client.clone(), watch.ending()));
                }
                leaving::let_go_of_keys(&client, &mut scope, place.keys, server.clock.now());
            }
        });
    }
}

/// Does something with what a thread that runs commands has; gives the locks back and wakes who was sent something.
fn at_place(server: &Server, stats: &WorkerStats, work: impl FnOnce(&mut Place<'_, '_>)) {
    let mut keys = KeyAccess::new(&server.keyspace);
    let mut hub = HubAccess::new(&server.hub);
    let mut outcome = TurnOutcome::default();
    work(&mut Place { server, stats, keys: &mut keys, hub: &mut hub, outcome: &mut outcome });
    keys.release();
    server.wake(std::mem::take(&mut outcome.sent.wake));
}
