//! What came out: medians, and which goals were met.

use crate::generator::figures::{Figures, Metric};
use crate::goal::{Against, Goal};
use crate::suite::Entry;

/// The medians of one case for each program, in the order of the programs; none where it did not run.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) entry: Entry,
    pub(crate) figures: Vec<Option<Figures>>,
    /// For which of the programs its goals are.
    pub(crate) judged: usize,
}

impl Row {
    fn judged(&self) -> Option<&Figures> {
        self.figures.get(self.judged)?.as_ref()
    }
}

/// A whole run.
#[derive(Debug)]
pub(crate) struct Results {
    /// The programs; Pregon is the first.
    pub(crate) programs: Vec<String>,
    /// Which of them are the servers that Pregon is compared with; Redis is the first.
    pub(crate) peers: Vec<usize>,
    pub(crate) rows: Vec<Row>,
}

/// What became of a goal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Verdict {
    /// The figure, or its ratio to what it is compared with.
    pub(crate) value: f64,
    pub(crate) met: bool,
}

impl Results {
    /// What became of a goal of a row; none where a figure for it is missing.
    pub(crate) fn verdict(&self, row: &Row, goal: &Goal) -> Option<Verdict> {
        let own = row.judged()?.get(goal.metric)?;
        let value = match goal.against {
            Against::Nothing => own,
            Against::Server(None) => {
                let ratios = self.peers.iter().filter_map(|peer| Some(own / of(row, *peer, goal.metric)?));
                // The worst of them.
                ratios.reduce(if goal.at_least { f64::min } else { f64::max })?
            }
            Against::Server(Some(name)) => {
                let program = self.programs.iter().position(|program| program == name)?;
                own / of(row, program, goal.metric)?
            }
            Against::Case(name) => {
                let other = self.rows.iter().find(|row| row.entry.name == name)?;
                own / other.figures[0].as_ref()?.get(goal.metric)?
            }
        };
        let met = if goal.at_least { value >= goal.bound } else { value <= goal.bound };
        Some(Verdict { value, met })
    }

    /// A figure of Pregon's as a multiple of each of the peers' in their order.
    pub(crate) fn ratios(&self, row: &Row, metric: Metric) -> Vec<Option<f64>> {
        self.peers.iter().map(|peer| ratio_to(row, *peer, metric)).collect()
    }
}

fn ratio_to(row: &Row, program: usize, metric: Metric) -> Option<f64> {
    let own = row.figures[0].as_ref()?.get(metric)?;
    Some(own / of(row, program, metric)?)
}

/// A figure of one of the programs that can be divided by.
fn of(row: &Row, program: usize, metric: Metric) -> Option<f64> {
    let figure = row.figures.get(program)?.as_ref()?.get(metric)?;
    (figure > 0.0).then_some(figure)
}
