//! Whether clients listen to what their user may not listen to any more: judged some names at a time, because a client can
//! have very many, and its user very many patterns.
//!
//! A client of which that is still to be said is in doubt. Its subscriptions go on, and before each message it is judged by
//! what the message came through: so it receives nothing that its user may not have from the position of the mailbox at which
//! the order to judge it lies, however long that takes.

use std::rc::Rc;
use std::sync::Arc;

use super::Worker;
use crate::acl::{Rights, User};
use crate::client::order::{HubAccess, Receipt};
use crate::client::{Client, Closing};
use crate::hub::Publication;
use crate::hub::name::Name;
use crate::ids::{Slot, Topic};

/// Steps of judging until others have their turn: a name, or a pattern that it is compared with. They take some tenths of a
/// millisecond.
const JUDGED_AT_ONCE: usize = 4096;
/// So many are made at once behind what a mailbox held.
const FEW: usize = 256;
/// Names are listed in one step each so many.
const LISTED_IN_A_STEP: usize = 16;

/// A client in doubt.
#[derive(Debug)]
pub(super) struct Doubt {
    client: Rc<Client>,
    /// What kind of names comes next, and which part of them.
    next: (usize, usize),
    /// What has been listed of it, and is still to be judged.
    names: Vec<(Topic, Name)>,
    /// Who waits until it is settled.
    receipts: Vec<Receipt>,
}

impl Doubt {
    fn new(client: Rc<Client>, receipts: Vec<Receipt>) -> Self {
        Doubt { client, next: (0, 0), names: Vec::new(), receipts }
    }

    /// Begins again: the user has changed once more.
    fn renew(&mut self, receipt: Receipt) {
        (self.next, self.names) = ((0, 0), Vec::new());
        self.receipts.push(receipt);
    }

    /// Lists more names; none if all have been. What is subscribed to meanwhile is judged as it comes.
    fn list(&mut self) -> bool {
        while self.names.is_empty() {
            let (kind, part) = self.next;
            let Some(topic) = Topic::ALL.get(kind) else { return false };
            let names = self.client.names_in_part(*topic, part);
            self.next = if names.is_some() { (kind, part + 1) } else { (kind + 1, 0) };
            self.names.extend(names.into_iter().flatten().map(|name| (*topic, name)));
        }
        true
    }
}

impl Worker {
    /// Closes `client` by order of another, who waits until that is settled, if it listens to what its user may not listen to
    /// any more. From now on it receives nothing of that.
    pub(super) fn judge(&self, client: &Rc<Client>, receipt: Receipt) {
        if !client.is_subscriber() || client.is_free(&self.server.acl) {
            self.settled.borrow_mut().push(receipt);
        } else if client.is_in_doubt() {
            let mut doubts = self.doubts.borrow_mut();
            let known = doubts.iter_mut().find(|doubt| Rc::ptr_eq(&doubt.client, client));
            known.expect("who is in doubt is listed").renew(receipt);
        } else {
            client.set_in_doubt(true);
            self.doubts.borrow_mut().push_back(Doubt::new(client.clone(), vec![receipt]));
        }
        self.leave_bell.ring();
    }

    /// Whether all that `client` listens to is what its user may listen to; none if it takes too long to say that at once.
    pub(crate) fn listens_rightly(&self, client: &Rc<Client>) -> Option<bool> {
        if client.is_free(&self.server.acl) {
            return Some(true);
        }
        self.look_at(&mut Doubt::new(client.clone(), Vec::new()), JUDGED_AT_ONCE, &mut 0)
    }

    /// Closes `client` if it has just begun to listen to what its user, whose rights may have changed meanwhile, may not
    /// listen to.
    pub(crate) fn judge_names<N: AsRef<[u8]>>(&self, client: &Rc<Client>, topic: Topic, names: &[N]) {
        if client.is_free(&self.server.acl) {
            return;
        }
        let rights = client.info.user(&self.server.acl).rights();
        if !names.iter().all(|name| self.permits(&rights, topic, name.as_ref())) {
            self.revoke(client);
            self.see_to(client.clone(), None);
        }
    }

    /// Judges clients in doubt in a few steps, for who goes on with something else then; not while publishers wait.
    pub(super) fn judge_few(&self, hub: &mut HubAccess<'_>) {
        if !hub.is_held() {
            self.judge_some(FEW);
        }
    }

    /// The same in as many steps as others may wait for.
    pub(super) fn go_on_judging(&self) {
        self.judge_some(JUDGED_AT_ONCE);
    }

    /// Answers how many steps that were: one name may take more than are left.
    fn judge_some(&self, most: usize) -> usize {
        let mut steps = 0;
        while steps < most {
            let Some(mut doubt) = self.doubts.borrow_mut().pop_front() else { return steps };
            steps += 1;
            match self.look_at(&mut doubt, most, &mut steps) {
                None => self.doubts.borrow_mut().push_front(doubt),
                Some(rightly) => {
                    doubt.client.set_in_doubt(false);
                    if !rightly {
                        self.revoke(&doubt.client);
                    }
                    self.settle_doubt(doubt, rightly);
                }
            }
        }
        self.leave_bell.ring();
        steps
    }

    /// Those who wait hear of it at once if the client may stay, and else when it has no subscriptions any more.
    fn settle_doubt(&self, doubt: Doubt, rightly: bool) {
        let Doubt { client, receipts, .. } = doubt;
        if rightly {
            self.settled.borrow_mut().extend(receipts);
            return;
        }
        receipts.into_iter().for_each(|receipt| self.see_to(client.clone(), Some(receipt)));
    }

    /// Judges more names of a client, until it has made `most` steps, which are counted. None if there are more names.
    fn look_at(&self, doubt: &mut Doubt, most: usize, steps: &mut usize) -> Option<bool> {
        let client = doubt.client.clone();
        let rights = client.info.user(&self.server.acl).rights();
        let each = 1 + rights.listening_steps(self.covered());
        loop {
            while let Some((topic, name)) = doubt.names.pop_if(|_| *steps < most) {
                *steps += each;
                if !self.permits(&rights, topic, &name) && client.listens_to(topic, &name) {
                    return Some(false);
                }
            }
            if client.closing().is_some() {
                return Some(false);
            }
            if *steps >= most {
                return None;
            }
            if !doubt.list() {
                return Some(true);
            }
            *steps += doubt.names.len() / LISTED_IN_A_STEP;
        }
    }

    /// Closes the clients in doubt that would receive a message through what their users may not listen to any more.
    pub(super) fn judge_receivers(&self, publication: &Publication) {
        if self.doubts.borrow().is_empty() {
            return;
        }
        let message = &publication.message;
        if let Some(slot) = publication.exact {
            self.judge_list(slot, Topic::from(message.kind()), message.parts().0);
        }
        publication.patterns.iter().for_each(|(slot, pattern)| self.judge_list(*slot, Topic::Pattern, pattern));
    }

    fn judge_list(&self, slot: Slot, topic: Topic, name: &[u8]) {
        // Of many that are in doubt most have one user.
        let mut last: Option<(Arc<User>, bool)> = None;
        for client in self.lists.borrow().clients(slot).iter().filter(|client| client.is_in_doubt()) {
            let user = client.info.user(&self.server.acl);
            let known = last.as_ref().filter(|(last, _)| Arc::ptr_eq(last, &user)).map(|(_, permitted)| *permitted);
            let permitted = known.unwrap_or_else(|| self.permits(&user.rights(), topic, name));
            if !permitted {
                self.revoke(client);
            }
            last = Some((user, permitted));
        }
    }

    fn permits(&self, rights: &Rights, topic: Topic, name: &[u8]) -> bool {
        rights.may_listen(name, topic == Topic::Pattern, self.covered())
    }

    /// Whether patterns may be listened to that a user's patterns cover.
    fn covered(&self) -> bool {
        self.settings().acl_pattern_subscribe.covered()
    }

    fn revoke(&self, client: &Client) {
        client.info.doom();
        client.close(Closing::Revoked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::test_support::{Peer, World};

    const NAMES: usize = 5_000;
    const PATTERNS: usize = 50;

    /// Rules that allow `c0`, `c1` and so on, by the last of many patterns that are compared one by one.
    fn rules() -> String {
        let others: String = (1..PATTERNS).map(|number| format!(" &?{number}x")).collect();
        format!("resetchannels{others} &[c]*")
    }

    /// An operator, and a client on the second worker that listens to very many channels and to one pattern.
    fn world() -> (World, Peer, Peer) {
        let world = World::new();
        let (operator, listener) = (world.client(), world.client_of(1));
        operator.say(&format!("ACL SETUSER u on nopass +@all {} &extra &p*", rules()));
        listener.say("HELLO 3 AUTH u x\r\nPSUBSCRIBE p*\r\nSUBSCRIBE extra");
        for first in (0..NAMES).step_by(100) {
            let names: Vec<String> = (first..first + 100).map(|number| format!("c{number}")).collect();
            listener.say(&format!("SUBSCRIBE {}", names.join(" ")));
        }
        assert_eq!(listener.client.subscriptions(Topic::Channel), NAMES + 1);
        (world, operator, listener)
    }

    /// The worker takes the order to judge, and begins with that.
    fn begin(world: &World) -> &Worker {
        let worker = &world.workers[1];
        worker.deliver(&mut HubAccess::new(&world.server.hub));
        assert!(worker.is_ending());
        worker
    }

    #[test]
    fn a_client_with_very_many_subscriptions_is_judged_in_steps_and_the_answer_waits_for_that() {
        let (world, operator, listener) = world();
        assert_eq!(operator.say(&format!("ACL SETUSER u {} &extra &p* &more", rules())), "+OK\r\n", "it may do more");
        assert_eq!(operator.say(&format!("ACL SETUSER u {} &extra &p*", rules())), "");
        let worker = begin(&world);
        let (mut all, mut turns) = (0, 0);
        while !worker.doubts.borrow().is_empty() {
            assert_eq!(operator.resume(), "");
            let steps = worker.judge_some(1_000);
            assert!(steps <= 1_000 + PATTERNS + NAMES / LISTED_IN_A_STEP, "{steps} steps");
            (all, turns) = (all + steps, turns + 1);
        }
        assert!(all > NAMES * (PATTERNS - 10) && turns > all / 2_000, "{all} steps in {turns} turns");
        world.settle();
        assert_eq!(operator.resume(), "+OK\r\n");
        assert!(!listener.is_finished() && !listener.client.is_in_doubt());
    }

    #[test]
    fn who_is_in_doubt_receives_what_it_may_and_nothing_that_it_may_not() {
        for (sent, heard) in [("extra", false), ("c77", true), ("pat", false)] {
            let (world, operator, listener) = world();
            let publisher = world.client();
            publisher.say(&format!("PUBLISH {sent} before"));
            assert_eq!(operator.say(&format!("ACL SETUSER u {}", rules())), "");
            publisher.say(&format!("PUBLISH {sent} behind"));
            begin(&world);
            let output = listener.heard();
            assert_eq!(output.contains("behind"), heard, "{sent}: {output}");
            assert_eq!(listener.is_finished(), !heard, "{sent}");
            assert_eq!(operator.resume(), "", "others of its subscriptions have still to be ended");
            world.settle();
            assert_eq!(operator.resume(), "+OK\r\n");
            assert!(listener.is_finished());
            assert_eq!(publisher.say("PUBLISH c77 x"), ":0\r\n");
        }
    }

    #[test]
    fn who_is_in_doubt_and_whose_user_changes_again_is_judged_from_the_beginning() {
        let (world, operator, listener) = world();
        let other = world.client();
        assert_eq!(operator.say(&format!("ACL SETUSER u {} &extra &p*", rules().replace("&?1x", ""))), "");
        let worker = begin(&world);
        worker.judge_some(NAMES * PATTERNS / 2);
        assert_eq!(other.say("ACL SETUSER u resetchannels &?* &p*"), "");
        world.settle();
        assert_eq!([operator.resume(), other.resume()], ["+OK\r\n", "+OK\r\n"]);
        assert!(!listener.is_finished());
        assert_eq!(other.say("ACL SETUSER u resetchannels &?*"), "");
        world.settle();
        assert_eq!(other.resume(), "+OK\r\n");
        assert!(listener.is_finished());
    }

    #[test]
    fn who_leaves_while_it_is_in_doubt_lets_nobody_wait() {
        let (world, operator, listener) = world();
        assert_eq!(operator.say("ACL SETUSER u resetchannels &c*"), "");
        begin(&world);
        listener.leave();
        world.settle();
        assert_eq!(operator.resume(), "+OK\r\n");
    }

    #[test]
    fn who_narrows_itself_and_listens_to_very_much_ends_like_others() {
        let (world, _, listener) = world();
        assert_eq!(listener.say(&format!("ACL SETUSER u {} &extra", rules())), "");
        world.settle();
        listener.resume();
        assert!(listener.is_finished());
    }
}
