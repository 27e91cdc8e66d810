//! Who listens to a name: what a worker tells of its clients.

use super::Worker;
use crate::client::order::Survey;

impl Worker {
    /// Tells who is in these lists, up to so many, and lets who asks go on when all workers have.
    pub(super) fn answer_survey(&self, survey: Survey) {
        let Survey { lists, most, found, receipt } = survey;
        {
            let own = self.lists.borrow();
            let mut found = found.lock();
            for (topic, slot) in lists {
                let clients = own.clients(slot).iter().take(most);
                found.extend(clients.map(|client| (topic, client.info.clone())));
            }
        }
        self.settled.borrow_mut().push(receipt);
        self.leave_bell.notify_one();
    }
}
