//! What a client of the model asks of all nodes, and between which numbers the answer has to lie: nodes answer one after the other,
//! and what they have changes meanwhile.

use super::history::{History, Measure};

/// A question that is under way.
#[derive(Debug)]
pub(super) struct Asked {
    measures: Vec<Measure>,
    /// The number of the message that is published when all have answered, if it is for that that they are asked.
    pub(super) message: Option<usize>,
    pub(super) since_ms: u64,
    /// Answers without something of a node that there had been when it began.
    incomplete: u64,
    /// For each measure and node the least and the most that there was since.
    bounds: Vec<Vec<(usize, usize)>>,
}

impl Asked {
    /// About these, at this moment.
    pub(super) fn new(measures: Vec<Measure>, history: &History, incomplete: u64, now_ms: u64) -> Self {
        let nodes = history.links.len();
        let bounds = measures.iter().map(|measure| {
            let counts = (0..nodes).map(|node| history.count(node, measure));
            counts.map(|count| (count, count)).collect()
        });
        let bounds = bounds.collect();
        Asked { measures, message: None, since_ms: now_ms, incomplete, bounds }
    }

    /// Something may have changed.
    pub(super) fn watch(&mut self, history: &History) {
        for (measure, bounds) in self.measures.iter().zip(&mut self.bounds) {
            for (node, (least, most)) in bounds.iter_mut().enumerate() {
                let count = history.count(node, measure);
                (*least, *most) = ((*least).min(count), (*most).max(count));
            }
        }
    }

    /// A client of this node is answered so; nothing may be missing if all are known to be there and none has been late.
    pub(super) fn judge(mut self, here: usize, answers: &[usize], history: &History, incomplete: u64) {
        self.watch(history);
        let is_complete = history.all_are_there && incomplete == self.incomplete;
        assert_eq!(answers.len(), self.measures.len(), "{self:?}");
        for ((measure, bounds), answer) in self.measures.iter().zip(&self.bounds).zip(answers) {
            let own = history.count(here, measure);
            let others = bounds.iter().enumerate().filter(|(node, _)| *node != here).map(|(_, bounds)| bounds);
            let (least, most) = others.fold((0, 0), |(least, most), next| (least + next.0, most + next.1));
            let least = if is_complete { least } else { 0 };
            assert!(
                (own + least..=own + most).contains(answer),
                "P5: {answer} for {measure:?} at node {here}, where it has to lie between {least} and {most} beside {own}"
            );
        }
    }
}
