//! What a client of the model asks of all nodes, and between which numbers the answer has to lie: nodes answer one after the other,
//! and what they have changes meanwhile.

use fastrand::Rng;

use super::history::{History, Measure};
use crate::ids::Topic;
use crate::pattern::matches;

/// What can be asked.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) measures: Vec<Measure>,
    pub(super) request: String,
    /// Whether the answer names those of which there are any, and not how many there are.
    names: bool,
}

impl Question {
    /// How many hear a message to this channel.
    pub(super) fn receivers(topic: Topic, channel: &str) -> Self {
        Question { measures: vec![Measure::Receivers(topic, channel.into())], request: String::new(), names: false }
    }

    /// How many patterns there are.
    pub(super) fn patterns() -> Self {
        Question { measures: vec![Measure::Patterns], request: "PUBSUB NUMPAT".into(), names: false }
    }

    /// How many listen to each of these channels.
    pub(super) fn counts(topic: Topic, channels: &[&str]) -> Self {
        let measures = channels.iter().map(|channel| Measure::Subscribers(topic, (*channel).into())).collect();
        let word = if topic == Topic::Channel { "NUMSUB" } else { "SHARDNUMSUB" };
        let request = format!("PUBSUB {word} \"{}\"", channels.join("\" \""));
        Question { measures, request, names: false }
    }

    /// Which of these, of which there are no others, have anybody who listens, of those that a pattern matches if there is one.
    pub(super) fn names(topic: Topic, channels: &[&str], pattern: Option<&str>) -> Self {
        let word = if topic == Topic::Channel { "CHANNELS" } else { "SHARDCHANNELS" };
        let request = format!("PUBSUB {word}{}", pattern.map(|pattern| format!(" {pattern}")).unwrap_or_default());
        let is_asked = |channel: &&&str| pattern.is_none_or(|pattern| matches(pattern.as_bytes(), channel.as_bytes()));
        let measures = channels.iter().filter(is_asked).map(|channel| Measure::Subscribers(topic, (*channel).into()));
        Question { measures: measures.collect(), request, names: true }
    }

    /// One of these about these channels and patterns.
    pub(super) fn any(channels: &[&str], patterns: &[&str], random: &mut Rng) -> Self {
        let topic = if random.u8(..3) == 0 { Topic::ShardChannel } else { Topic::Channel };
        let pattern = patterns.get(random.usize(..2 * patterns.len())).copied();
        match random.u8(..5) {
            0 => Question::patterns(),
            1 | 2 => Question::counts(topic, &channels[..random.usize(1..channels.len())]),
            _ => Question::names(topic, channels, pattern),
        }
    }
}

/// A question that is under way.
#[derive(Debug)]
pub(super) struct Asked {
    question: Question,
    /// The number of the message that is published when all have answered, if it is for that that they are asked.
    pub(super) message: Option<usize>,
    pub(super) since_ms: u64,
    /// Answers without something of a node that there had been when it began.
    incomplete: u64,
    /// For each measure and node the least and the most that there was since.
    bounds: Vec<Vec<(usize, usize)>>,
}

impl Asked {
    /// About this, at this moment.
    pub(super) fn new(question: Question, history: &History, incomplete: u64, now_ms: u64) -> Self {
        let nodes = history.links.len();
        let bounds = question.measures.iter().map(|measure| {
            let counts = (0..nodes).map(|node| history.count(node, measure));
            counts.map(|count| (count, count)).collect()
        });
        let bounds = bounds.collect();
        Asked { question, message: None, since_ms: now_ms, incomplete, bounds }
    }

    /// Something may have changed.
    pub(super) fn watch(&mut self, history: &History) {
        for (measure, bounds) in self.question.measures.iter().zip(&mut self.bounds) {
            for (node, (least, most)) in bounds.iter_mut().enumerate() {
                let count = history.count(node, measure);
                (*least, *most) = ((*least).min(count), (*most).max(count));
            }
        }
    }

    /// A client of this node is answered so; nothing may be missing if all are known to be there and none has been late.
    pub(super) fn judge(mut self, here: usize, answers: &[String], history: &History, incomplete: u64) {
        self.watch(history);
        let is_complete = history.all_are_there && incomplete == self.incomplete;
        let found = if self.question.names { self.listed(answers) } else { numbers(answers) };
        assert_eq!(found.len(), self.question.measures.len(), "{answers:?} to {self:?}");
        for ((measure, bounds), found) in self.question.measures.iter().zip(&self.bounds).zip(found) {
            let own = history.count(here, measure);
            let others = bounds.iter().enumerate().filter(|(node, _)| *node != here).map(|(_, bounds)| bounds);
            let (least, most) = others.fold((0, 0), |(least, most), next| (least + next.0, most + next.1));
            let (least, most) = (own + if is_complete { least } else { 0 }, own + most);
            let (least, most) = if self.question.names { (least.min(1), most.min(1)) } else { (least, most) };
            assert!(
                (least..=most).contains(&found),
                "P5: {found} for {measure:?} at node {here}, where it has to lie between {least} and {most}"
            );
        }
    }

    /// For each measure whether its name is among the answers, which are nothing else.
    fn listed(&self, answers: &[String]) -> Vec<usize> {
        let names: Vec<&str> = answers.iter().filter_map(|answer| answer.strip_prefix('$')).collect();
        let is_named = |measure: &Measure| match measure {
            Measure::Subscribers(_, name) => names.iter().filter(|listed| *listed == name).count(),
            Measure::Receivers(..) | Measure::Patterns => 0,
        };
        let listed: Vec<usize> = self.question.measures.iter().map(is_named).collect();
        assert_eq!(listed.iter().sum::<usize>(), names.len(), "{answers:?} to {}", self.question.request);
        listed
    }
}

fn numbers(answers: &[String]) -> Vec<usize> {
    answers.iter().filter_map(|answer| answer.strip_prefix(':')?.parse().ok()).collect()
}

/// A node of which nobody listens to anything is asked which of two channels are listened to, and answers this.
fn judge_names(answers: &[&str]) {
    let mut history = History::of(false);
    history.links = vec![Default::default()];
    history.all_are_there = true;
    let client = history.arrive(0);
    history.begin(client, (Topic::Channel as usize, "a".into()), true, 0);
    let asked = Asked::new(Question::names(Topic::Channel, &["a", "b"], None), &history, 0, 0);
    asked.judge(0, &answers.iter().map(ToString::to_string).collect::<Vec<_>>(), &history, 0);
}

#[test]
fn who_is_listened_to_has_to_be_named_once() {
    judge_names(&["*1", "$a"]);
}

#[test]
#[should_panic(expected = "has to lie between 1 and 1")]
fn a_name_that_is_missing_is_noticed() {
    judge_names(&["*0"]);
}

#[test]
#[should_panic(expected = "has to lie between 0 and 0")]
fn a_name_to_which_nobody_listens_is_noticed() {
    judge_names(&["*2", "$a", "$b"]);
}

#[test]
#[should_panic(expected = "to PUBSUB CHANNELS")]
fn a_name_that_was_not_asked_for_is_noticed() {
    judge_names(&["*2", "$a", "$c"]);
}
