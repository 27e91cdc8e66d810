//! Who listens to a name: what a worker tells of its clients.

use std::cmp::Reverse;

use super::Worker;
use crate::client::held::Holding;
use crate::client::order::Survey;

/// So many clients of a list are looked at, so that others wait for no more than some tenths of a millisecond.
const LOOKED_AT: usize = 10_000;

impl Worker {
    /// Tells who is in these lists, up to so many of each, and lets who asks go on when all workers have.
    pub(super) fn answer_survey(&self, survey: Survey) {
        let Survey { lists, most, found, receipt } = survey;
        {
            let own = self.lists.borrow();
            let mut found = found.lock();
            for (topic, slot) in lists {
                let clients = own.clients(slot).iter().take(LOOKED_AT);
                let mut lags: Vec<_> =
                    clients.map(|client| (Reverse(client.info.held.get(Holding::Output)), &client.info)).collect();
                if most < lags.len() {
                    lags.select_nth_unstable_by_key(most, |(lag, info)| (*lag, info.id));
                    lags.truncate(most);
                }
                found.extend(lags.into_iter().map(|(_, info)| (topic, info.clone())));
            }
        }
        self.settled.borrow_mut().push(receipt);
        self.leave_bell.ring();
    }
}
