//! What a worker is ordered to do with its clients by other workers.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::AcqRel;

use super::Worker;
use crate::client::registry::ClientInfo;
use crate::client::{Client, Closing};
use crate::hub::Control;
use crate::hub::access::HubAccess;
use crate::ids::ClientId;
use crate::keyspace::tracking::Notice;
use crate::message::Frame;

impl Worker {
    /// Sends what was meant for clients that have moved to where they are, also where they have not arrived yet.
    pub(super) fn send_after(&self, hub: &mut HubAccess<'_>) {
        for (info, notice) in self.astray.take() {
            let home = info.worker();
            if hub.with(|hub| hub.send(home, Control::Tell(info, notice))) {
                self.server.workers[home].bell.notify_one();
            }
        }
    }

    /// Closes `client` by order of another; its subscriptions end at once.
    pub(crate) fn kill(&self, client: &Rc<Client>, hub: &mut HubAccess<'_>) {
        client.close(Closing::Killed);
        self.leave_all(client, hub);
    }

    /// Carries an order out.
    pub(super) fn obey(&self, control: Control) {
        match control {
            Control::Kill(id, receipt) => self.doomed.borrow_mut().push((id, receipt)),
            Control::Resume(id) => {
                if let Some(client) = self.client_by_id(id) {
                    client.bell.notify_one();
                }
            }
            Control::Evict(id) => {
                if let Some(client) = self.client_by_id(id) {
                    client.close(Closing::Evicted);
                }
            }
            Control::ResumeAll => self.all_clients().iter().for_each(|client| client.bell.notify_one()),
            Control::Tell(info, notice) => self.tell(info, notice),
            Control::Serve(info, answer) => self.serve(&info, answer),
            Control::Monitor(line) => self.show_monitors(line),
        }
    }

    /// Queues the answer that a client has waited for, and lets it go on.
    fn serve(&self, info: &ClientInfo, answer: Frame) {
        let Some(client) = self.client(info) else { return };
        if !answer.is_empty() {
            self.push(&client, &Rc::new(answer));
        }
        client.served.set(client.served.get() + 1);
        client.bell.notify_one();
    }

    /// Tells a client to forget keys, in the form that suits it at this position of the inbox.
    fn tell(&self, info: Arc<ClientInfo>, notice: Notice) {
        let Some(client) = self.client(&info) else {
            if !info.is_killed() {
                self.astray.borrow_mut().push((info, notice));
            }
            return;
        };
        if let Some(frame) = notice.frame(client.proto(), client.is_subscriber()) {
            self.push(&client, &Rc::new(frame));
        }
    }

    /// Ends the clients that others have ordered to be ended, and says so.
    pub(super) fn end_doomed(&self, hub: &mut HubAccess<'_>) {
        loop {
            let Some((id, receipt)) = self.doomed.borrow_mut().pop() else { return };
            if let Some(client) = self.client_by_id(id) {
                self.kill(&client, hub);
            }
            if receipt.missing.fetch_sub(1, AcqRel) == 1 {
                let woken = hub.with(|hub| hub.send(receipt.worker, Control::Resume(receipt.client)));
                if woken {
                    self.server.workers[receipt.worker].bell.notify_one();
                }
            }
        }
    }

    fn client_by_id(&self, id: ClientId) -> Option<Rc<Client>> {
        let clients = self.clients.borrow();
        clients.iter().map(|(_, client)| client).find(|client| client.info.id == id).cloned()
    }
}
