//! Answers of other nodes to what a client of this one wants to know of all.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;

use super::control::{Answer, Question};
use super::envelope::Origin;
use crate::client::registry::ClientInfo;

/// What other nodes have answered, together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gathered {
    /// For each channel that was asked about, or the one number that was.
    pub(crate) numbers: Vec<u64>,
    pub(crate) names: HashSet<Vec<u8>>,
}

/// Where they are left for the client that waits, once all have come or it has waited for long enough.
pub(crate) type Slot = Arc<Mutex<Option<Gathered>>>;

/// A question that is under way.
#[derive(Debug)]
struct Gather {
    client: Arc<ClientInfo>,
    slot: Slot,
    gathered: Gathered,
    /// Who has not answered to the end.
    missing: HashSet<Origin>,
    until_ms: u64,
    /// Names that have come, in bytes.
    bytes: usize,
}

/// All questions that are under way.
#[derive(Debug, Default)]
pub(crate) struct Gathers {
    under_way: HashMap<u64, Gather>,
    last: u64,
}

/// Names of one answer that are kept, in bytes; others are missing from it.
const MOST_BYTES: usize = 256 * 1024 * 1024;

impl Gathers {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.under_way.len()
    }

    /// These nodes are asked on behalf of `client`, which waits until `until_ms`. Answers the number of the question, and where
    /// what they answer is left.
    pub(crate) fn begin(
        &mut self,
        client: &Arc<ClientInfo>,
        question: &Question,
        missing: HashSet<Origin>,
        until_ms: u64,
    ) -> (u64, Slot) {
        self.last += 1;
        let slot = Slot::default();
        let numbers = match question {
            Question::Counts(_, names) => vec![0; names.len()],
            Question::Patterns | Question::Receivers(..) => vec![0],
            Question::Channels(..) => Vec::new(),
        };
        let gathered = Gathered { numbers, names: HashSet::new() };
        let (client, left) = (client.clone(), slot.clone());
        self.under_way.insert(self.last, Gather { client, slot: left, gathered, missing, until_ms, bytes: 0 });
        (self.last, slot)
    }

    /// A node has answered. Answers who is to go on, if that was the last that was missing.
    pub(crate) fn note(&mut self, number: u64, origin: Origin, answer: Answer, last: bool) -> Option<Arc<ClientInfo>> {
        let gather = self.under_way.get_mut(&number).filter(|gather| gather.missing.contains(&origin))?;
        gather.add(answer);
        if last {
            gather.missing.remove(&origin);
        }
        gather.missing.is_empty().then(|| self.end(number)).flatten()
    }

    /// A node has gone. Answers who is to go on.
    pub(crate) fn forget(&mut self, origin: Origin) -> Vec<Arc<ClientInfo>> {
        self.under_way.values_mut().for_each(|gather| _ = gather.missing.remove(&origin));
        self.end_all(|gather| gather.missing.is_empty())
    }

    /// Time has passed. Answers who has waited for long enough.
    pub(crate) fn expire(&mut self, now_ms: u64) -> Vec<Arc<ClientInfo>> {
        self.end_all(|gather| gather.until_ms <= now_ms)
    }

    /// There is no connection any more. Answers who is to go on.
    pub(crate) fn end_everything(&mut self) -> Vec<Arc<ClientInfo>> {
        self.end_all(|_| true)
    }

    fn end_all(&mut self, is_over: impl Fn(&Gather) -> bool) -> Vec<Arc<ClientInfo>> {
        let over = self.under_way.iter().filter(|(_, gather)| is_over(gather)).map(|(number, _)| *number);
        let over: Vec<u64> = over.collect();
        over.into_iter().filter_map(|number| self.end(number)).collect()
    }

    fn end(&mut self, number: u64) -> Option<Arc<ClientInfo>> {
        let gather = self.under_way.remove(&number)?;
        *gather.slot.lock() = Some(gather.gathered);
        Some(gather.client)
    }
}

impl Gather {
    fn add(&mut self, answer: Answer) {
        match answer {
            Answer::Numbers(numbers) => {
                let sums = self.gathered.numbers.iter_mut().zip(numbers);
                sums.for_each(|(sum, number)| *sum = sum.saturating_add(number));
            }
            Answer::Names(names) => {
                for name in names {
                    self.bytes += name.len();
                    if self.bytes <= MOST_BYTES {
                        self.gathered.names.insert(name);
                    }
                }
            }
        }
    }
}
