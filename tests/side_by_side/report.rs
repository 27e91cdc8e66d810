//! Finds the first difference between two plays of a script and shows it to a person.

use crate::mask::Masks;
use crate::run::Received;
use crate::script::{Action, Differs, Script};
use crate::text::readable;

/// How many bytes of an answer are shown, and how many of them before the first different one.
const SHOWN: usize = 1200;
const SHOWN_BEFORE: usize = 300;

/// How many characters of a script's line are shown.
const SHOWN_OF_SOURCE: usize = 300;

/// A report of the first step whose bytes differ (after masking), or that did not get what it waits for.
pub(crate) fn first_difference(script: &Script, theirs: &[Received], ours: &[Received]) -> Option<String> {
    let steps = theirs.len().max(ours.len());
    (0..steps).find_map(|index| match (theirs.get(index), ours.get(index)) {
        (Some(theirs), Some(ours)) => step_difference(script, theirs, ours),
        // A play ends early only at a step with a problem, which has been reported by then.
        _ => Some(format!("{}: one play ended early", script.name)),
    })
}

fn step_difference(script: &Script, theirs: &Received, ours: &Received) -> Option<String> {
    let (masks, differs) = match script.steps.get(ours.step).map(|step| &step.action) {
        Some(Action::Receive(receive)) => (script.masks.with(&receive.masks), receive.differs.as_ref()),
        _ => (Masks::default(), None),
    };
    let said = masks.apply(&theirs.bytes);
    let answered = masks.apply(&ours.bytes);
    let expected = differs.map(|differs| masks.apply(&differs.bytes));
    let problem = match (&theirs.problem, &ours.problem) {
        (Some(problem), _) => format!("redis-server: {problem}"),
        (None, Some(problem)) => format!("our server: {problem}"),
        (None, None) if expected.as_ref() == Some(&said) => {
            "redis-server sends what `differs:` expects from us alone".to_owned()
        }
        (None, None) if *expected.as_ref().unwrap_or(&said) == answered => return None,
        (None, None) => "the answers differ".to_owned(),
    };
    let mut report = heading(script, ours.step, &problem);
    let start = common_prefix(&said, &answered).saturating_sub(SHOWN_BEFORE);
    report.push_str("  redis-server:\n");
    report.push_str(&readable(&said, start, SHOWN));
    if let (Some(expected), Some(Differs { reason, .. })) = (expected, differs) {
        let start = common_prefix(&expected, &answered).saturating_sub(SHOWN_BEFORE);
        report.push_str(&format!("  expected from us ({reason}):\n{}", readable(&expected, start, SHOWN)));
        report.push_str(&format!("  our server:\n{}", readable(&answered, start, SHOWN)));
    } else {
        report.push_str(&format!("  our server:\n{}", readable(&answered, start, SHOWN)));
    }
    Some(report)
}

/// Where it happened, with the steps that lead there.
fn heading(script: &Script, step: usize, problem: &str) -> String {
    let mut text = format!("{problem}\n");
    let end = (step + 1).min(script.steps.len());
    for shown in &script.steps[end.saturating_sub(4)..end] {
        let source: String = shown.source.chars().take(SHOWN_OF_SOURCE).collect();
        text.push_str(&format!("  {}.txt:{}:  {source}\n", script.family, shown.line));
    }
    if step == script.steps.len() {
        text.push_str("  after the last step\n");
    }
    text
}

fn common_prefix(left: &[u8], right: &[u8]) -> usize {
    left.iter().zip(right).take_while(|(left, right)| left == right).count()
}
