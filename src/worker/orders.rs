//! What a worker is ordered to do with its clients by other workers.

use std::rc::Rc;
use std::sync::atomic::Ordering::AcqRel;

use super::Worker;
use crate::client::Client;
use crate::client::order::{Errand, HubAccess, Order, Receipt};
use crate::ids::{ClientId, WorkerId};
use crate::mailbox::{Cost, Sent};

impl Worker {
    /// Carries an order out.
    pub(super) fn obey(&self, order: Order) {
        match order {
            Order::To(info, errand) => match self.client(&info) {
                Some(client) => self.run_errand(&client, errand),
                None => self.astray.borrow_mut().push((info, errand)),
            },
            Order::Monitor(line) => self.show_monitors(line),
            Order::Missed(missed) => self.tell_missed(&missed),
            Order::Mark(mark) => self.follow(mark),
            Order::Survey(survey) => self.answer_survey(survey),
            Order::Expect(arrival) => self.expect(arrival),
            Order::ResumeAll => self.all_clients().iter().for_each(|client| client.bell.ring()),
        }
    }

    /// Does with `client` what another has asked for.
    pub(crate) fn run_errand(&self, client: &Rc<Client>, errand: Errand) {
        match errand {
            Errand::Kill(receipt) => self.kill(client, receipt),
            Errand::Judge(receipt) => self.judge(client, receipt),
            Errand::Close(why) => client.close(why),
            Errand::Resume => client.bell.ring(),
            // In the form that suits it at this position of the mailbox.
            Errand::Tell(notice) => {
                if let Some(frame) = notice.frame(client.proto(), client.is_subscriber()) {
                    self.push(client, &Rc::new(frame));
                }
            }
            Errand::Serve(answer) => client.serve(answer),
            Errand::Return(request) => client.give_back(request),
            Errand::Trace(line) => self.tell_traced(client, &line),
        }
    }

    /// Sends what was meant for clients that are not here to where they are, and keeps what is for those that are still on
    /// their way here; it counts as waiting until they come. A client that has ended, or is about to, needs nothing more.
    pub(super) fn send_after(&self, hub: &mut HubAccess<'_>) {
        for (info, errand) in self.astray.take() {
            let home = info.worker();
            match errand {
                // It has nothing that could be taken from it while it is on its way, and ends where it arrives.
                Errand::Kill(receipt) | Errand::Judge(receipt) if home == self.id() => self.acknowledge(&receipt, hub),
                Errand::Kill(_) | Errand::Judge(_) => self.send(home, Order::To(info, errand), hub),
                // Nobody is left to receive it.
                _ if info.is_killed() => {}
                _ if home == self.id() => {
                    hub.with(|hub| hub.hold_back(home, errand.cost()));
                    self.awaiting.borrow_mut().entry(info.id).or_default().push(errand);
                }
                _ => self.send(home, Order::To(info, errand), hub),
            }
        }
    }

    /// What has come for a client before it did.
    pub(super) fn take_awaiting(&self, id: ClientId) -> Vec<Errand> {
        let Some(errands) = self.awaiting.borrow_mut().remove(&id) else { return Vec::new() };
        let bytes = errands.iter().map(Errand::cost).sum();
        self.hub().with(|hub| hub.let_go(self.id(), bytes));
        errands
    }

    /// Says that an order has been obeyed.
    pub(super) fn acknowledge(&self, receipt: &Receipt, hub: &mut HubAccess<'_>) {
        if receipt.missing.fetch_sub(1, AcqRel) == 1 {
            let client = receipt.client.clone();
            self.send(client.worker(), Order::To(client, Errand::Resume), hub);
        }
    }

    /// Sends an order on behalf of others, for which nobody waits here.
    fn send(&self, worker: WorkerId, order: Order, hub: &mut HubAccess<'_>) {
        let mut sent = Sent::default();
        hub.with(|hub| hub.send(worker, order, &mut sent));
        self.server.wake(sent.wake);
    }
}
