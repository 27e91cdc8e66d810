//! What this node asks its engine for: of all that its clients listen to, as little as covers it, once each.
//!
//! Clients come and go with [`Interest::want`] and [`Interest::release`]; the link takes the [`Change`]s that follow from that
//! and tells the engine. What is no longer wanted is asked for a while longer, because clients that reconnect want it again.
//! Where a tree is asked for, nothing in it is: who widens asks for the tree first and then gives up what is in it, and who
//! narrows asks for what is in it first, so that no message is missed in between. What is given up stays so until the engine has
//! said that it knows what came instead, and [a moment](GRACE_MS) longer: an engine finds out for whom a message is before it
//! sends it, and drops it where that has been given up meanwhile. What comes twice then is heard once, by its number.
//!
//! Nothing here takes longer than a few steps, or than the number of changes that it is asked for: a tree may have a million
//! names in it.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::ops::Bound;

use super::subject::{Subject, is_tree};

/// Names that are looked at for each change that is asked for, at most: most of a tree may need none.
const LOOKS_PER_CHANGE: usize = 8;
/// How long the engine may take between the two, in milliseconds.
const GRACE_MS: u64 = 200;

/// What the engine is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Send what goes to this subject or tree, which is known by this number from now on.
    Ask(u64, Subject),
    /// Send it no more under this number.
    Forget(u64, Subject),
}

/// Somebody listens, or did a moment ago.
#[derive(Debug, Default)]
struct Want {
    /// Subscriptions for which it is needed.
    count: u32,
    /// Whether it is kept a while although nobody needs it, and since when.
    lingers: bool,
    since_ms: u64,
    /// Whether it is among those that are looked at when their time has come.
    is_watched: bool,
    /// Whether it is among those that are looked at next.
    is_dirty: bool,
    /// By which number the engine knows it, and since which connection.
    asked: Option<(u64, u64)>,
    /// The probe whose answer says that the engine knows it.
    probe: u64,
    /// A tree that is given up as soon as what is in it has been asked for.
    closing: bool,
}

/// A walk over all that is wanted in a tree.
#[derive(Debug)]
struct Sweep {
    tree: Subject,
    /// The last that was looked at.
    last: Option<Subject>,
    /// Whether the tree is given up at the end.
    closes: bool,
}

/// All that is asked for, wanted or about to be.
#[derive(Debug)]
pub(crate) struct Interest {
    wants: BTreeMap<Subject, Want>,
    /// Trees that are asked for and not about to be given up.
    trees: HashSet<Subject>,
    /// What may have to be asked for or given up.
    dirty: VecDeque<Subject>,
    sweeps: VecDeque<Sweep>,
    /// What nobody needed any more at some time, each once, about in the order in which that ends.
    lingering: VecDeque<Subject>,
    linger_ms: u64,
    next_number: u64,
    /// The connection that numbers belong to, and whether there is one.
    epoch: u64,
    is_up: bool,
    /// What is given up, with the probe that follows what came instead.
    retired: VecDeque<(Change, u64)>,
    /// That of which that has been answered, with the time at which the engine is told.
    ripe: VecDeque<(Change, u64)>,
    /// What was ever put into `dirty`, and taken out of it.
    put: u64,
    taken: u64,
    /// The probe that is sent next, and the last that was answered.
    next_probe: u64,
    answered: u64,
    asked: usize,
}

impl Interest {
    /// None yet; what nobody wants any more is asked for so much longer.
    pub(crate) fn new(linger_ms: u64) -> Self {
        Interest {
            wants: BTreeMap::new(),
            trees: HashSet::new(),
            dirty: VecDeque::new(),
            sweeps: VecDeque::new(),
            lingering: VecDeque::new(),
            linger_ms,
            next_number: 1,
            epoch: 0,
            is_up: false,
            retired: VecDeque::new(),
            ripe: VecDeque::new(),
            put: 0,
            taken: 0,
            next_probe: 1,
            answered: 0,
            asked: 0,
        }
    }

    /// What nobody wants is asked for so much longer, what nobody has wanted before included.
    pub(crate) fn set_linger(&mut self, linger_ms: u64) {
        self.linger_ms = linger_ms;
    }

    /// One subscription more needs this. Answers whether the engine is known to send it already.
    pub(crate) fn want(&mut self, subject: &[u8]) -> bool {
        let known = self.is_known(subject);
        if let Some(want) = self.wants.get_mut(subject) {
            want.count += 1;
            want.lingers = false;
            if !known {
                self.look_at(subject);
            }
        } else {
            self.wants.insert(subject.into(), Want { count: 1, ..Want::default() });
            self.look_at(subject);
        }
        known
    }

    /// One subscription less needs this.
    pub(crate) fn release(&mut self, subject: &[u8], now_ms: u64) {
        let Some(want) = self.wants.get_mut(subject) else { return };
        want.count = want.count.saturating_sub(1);
        if want.count > 0 {
            return;
        }
        (want.lingers, want.since_ms) = (true, now_ms);
        if !std::mem::replace(&mut want.is_watched, true) {
            let held = self.wants.get_key_value(subject).map(|(held, _)| held.clone());
            self.lingering.extend(held);
        }
    }

    /// Gives up what has been kept for long enough, some of it: call it again soon if it answers that there is more.
    pub(crate) fn expire(&mut self, now_ms: u64, most: usize) -> bool {
        for _ in 0..most {
            let Some(subject) = self.lingering.pop_front() else { return false };
            let Some(want) = self.wants.get_mut(&subject) else { continue };
            if !want.lingers {
                want.is_watched = false;
            } else if want.since_ms.saturating_add(self.linger_ms) <= now_ms {
                (want.lingers, want.is_watched) = (false, false);
                self.look_at(&subject);
            } else {
                // Those behind it are at most a little earlier, because it may have been needed once more in between.
                self.lingering.push_front(subject);
                return false;
            }
        }
        true
    }

    /// What the engine is to be told next, in this order: about so much.
    pub(crate) fn take_changes(&mut self, most: usize, now_ms: u64) -> Vec<Change> {
        let mut changes = Vec::new();
        while changes.len() < most
            && let Some((forget, _)) = self.ripe.pop_front_if(|(_, at_ms)| *at_ms <= now_ms)
        {
            changes.push(forget);
        }
        let mut looks = 0;
        while changes.len() < most && looks < most * LOOKS_PER_CHANGE {
            looks += 1;
            if let Some(subject) = self.dirty.pop_front() {
                self.taken += 1;
                if let Some(want) = self.wants.get_mut(&subject) {
                    want.is_dirty = false;
                }
                self.reconcile(&subject, &mut changes);
            } else if !self.sweep(&mut changes) {
                break;
            }
        }
        changes
    }

    /// Whether there is nothing to be told, or nobody.
    pub(crate) fn is_settled(&self) -> bool {
        !self.is_up || (self.dirty.is_empty() && self.sweeps.is_empty())
    }

    /// There is a new connection to the engine, which knows nothing.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.epoch += 1;
        self.is_up = true;
        self.sweeps.push_back(Sweep { tree: [][..].into(), last: None, closes: false });
    }

    /// There is no connection any more: nothing is told until there is a new one, which is told everything.
    pub(crate) fn stop(&mut self) {
        self.is_up = false;
        self.trees.clear();
        self.sweeps.clear();
        self.retired.clear();
        self.ripe.clear();
        self.asked = 0;
    }

    /// Where the queue ends now: what was wanted before this has been told when [`Interest::has_told`] says so.
    pub(crate) fn position(&self) -> u64 {
        self.put
    }

    /// Whether all has been told that was wanted before this position.
    pub(crate) fn has_told(&self, position: u64) -> bool {
        self.taken >= position
    }

    /// A probe is being sent behind all that has been told; this is its number.
    pub(crate) fn probe(&mut self) -> u64 {
        self.next_probe += 1;
        self.next_probe - 1
    }

    /// Whether a probe has to be sent so that something can be given up.
    pub(crate) fn needs_probe(&self) -> bool {
        self.retired.back().is_some_and(|(_, probe)| *probe >= self.next_probe)
    }

    /// The engine has answered this probe.
    pub(crate) fn note_answer(&mut self, probe: u64, now_ms: u64) {
        self.answered = self.answered.max(probe);
        let known = self.retired.iter().take_while(|(_, after)| *after <= probe).count();
        self.ripe.extend(self.retired.drain(..known).map(|(forget, _)| (forget, now_ms + GRACE_MS)));
    }

    /// How many subjects and trees the engine has been asked for.
    pub(crate) fn asked(&self) -> usize {
        self.asked
    }

    /// How many are wanted, those included that lie in a tree.
    pub(crate) fn wanted(&self) -> usize {
        self.wants.len()
    }

    /// Has what is wanted of this looked at, soon, or at once if there is nobody to be told.
    fn look_at(&mut self, subject: &[u8]) {
        if !self.is_up {
            if self.wants.get(subject).is_some_and(|want| want.count == 0 && !want.lingers && !want.is_dirty) {
                self.wants.remove(subject);
            }
            return;
        }
        let Some((held, _)) = self.wants.get_key_value(subject) else { return };
        let held = held.clone();
        if let Some(want) = self.wants.get_mut(subject)
            && !std::mem::replace(&mut want.is_dirty, true)
        {
            self.put += 1;
            self.dirty.push_back(held);
        }
    }

    /// Whether the engine is known to send this: for itself or within a tree.
    fn is_known(&self, subject: &[u8]) -> bool {
        let answered = |want: &Want| self.is_asked(want) && !want.closing && want.probe <= self.answered;
        let of = |subject: &[u8]| self.wants.get(subject).is_some_and(answered);
        of(subject) || trees_around(subject).any(of)
    }

    fn is_asked(&self, want: &Want) -> bool {
        want.asked.is_some_and(|(_, epoch)| epoch == self.epoch)
    }

    fn is_covered(&self, subject: &[u8]) -> bool {
        trees_around(subject).any(|tree| self.trees.contains(tree))
    }

    /// Tells the engine what it has to know of one subject.
    fn reconcile(&mut self, subject: &Subject, changes: &mut Vec<Change>) {
        let covered = self.is_covered(subject);
        let Some(want) = self.wants.get(subject) else { return };
        let (asked, needed) = (self.is_asked(want), want.count > 0 || want.lingers);
        match (needed && !covered, asked) {
            (true, false) => self.ask(subject, changes),
            (true, true) => self.keep(subject),
            (false, true) if is_tree(subject) && !covered => self.begin_to_close(subject),
            (false, true) => self.forget(subject),
            (false, false) => {}
        }
        let is_over = |want: &Want| !self.is_asked(want) && !want.is_watched && !want.is_dirty;
        if !needed && self.wants.get(subject).is_some_and(is_over) {
            self.wants.remove(subject);
        }
    }

    fn ask(&mut self, subject: &Subject, changes: &mut Vec<Change>) {
        let (number, epoch, probe) = (self.next_number, self.epoch, self.next_probe);
        let Some(want) = self.wants.get_mut(subject) else { return };
        (want.asked, want.probe, want.closing) = (Some((number, epoch)), probe, false);
        self.next_number += 1;
        self.asked += 1;
        changes.push(Change::Ask(number, subject.clone()));
        if is_tree(subject) {
            self.trees.insert(subject.clone());
            self.sweeps.push_back(Sweep { tree: subject.clone(), last: None, closes: false });
        }
    }

    /// A tree that was about to be given up stays.
    fn keep(&mut self, subject: &Subject) {
        if let Some(want) = self.wants.get_mut(subject)
            && want.closing
        {
            want.closing = false;
            self.trees.insert(subject.clone());
            self.sweeps.push_back(Sweep { tree: subject.clone(), last: None, closes: false });
        }
    }

    fn begin_to_close(&mut self, tree: &Subject) {
        if let Some(want) = self.wants.get_mut(tree)
            && !want.closing
        {
            want.closing = true;
            self.trees.remove(tree);
            self.sweeps.push_back(Sweep { tree: tree.clone(), last: None, closes: true });
        }
    }

    fn forget(&mut self, subject: &Subject) {
        let Some(want) = self.wants.get_mut(subject) else { return };
        if let Some((number, _)) = want.asked.take() {
            want.closing = false;
            self.asked -= 1;
            self.trees.remove(subject);
            self.retired.push_back((Change::Forget(number, subject.clone()), self.next_probe));
        }
    }

    /// Looks at one more name of the oldest sweep; false if there is none.
    fn sweep(&mut self, changes: &mut Vec<Change>) -> bool {
        let Some(sweep) = self.sweeps.front_mut() else { return false };
        let begin = match &sweep.last {
            Some(last) => Bound::Excluded(last.clone()),
            None if sweep.tree.is_empty() => Bound::Included(sweep.tree.clone()),
            // The tree itself is not in it.
            None => Bound::Excluded(sweep.tree.clone()),
        };
        let next = self.wants.range((begin, Bound::Unbounded)).next().map(|(subject, _)| subject.clone());
        if let Some(subject) = next.filter(|subject| subject.starts_with(&sweep.tree)) {
            sweep.last = Some(subject.clone());
            self.reconcile(&subject, changes);
            return true;
        }
        let Some(Sweep { tree, closes, .. }) = self.sweeps.pop_front() else { return false };
        if closes && self.wants.get(&tree).is_some_and(|want| want.closing) {
            self.forget(&tree);
            self.reconcile(&tree, changes);
        }
        true
    }
}

/// All trees that a subject or a tree lies in, but for itself.
fn trees_around(subject: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = subject.iter().enumerate().filter(|(_, byte)| **byte == b'.').map(|(index, _)| index + 1);
    ends.filter(|end| *end < subject.len()).map(|end| &subject[..end])
}

#[cfg(test)]
mod tests;
