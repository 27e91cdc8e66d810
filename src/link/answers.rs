//! What other nodes ask this one, answered a little at a time: they may ask for a million names.

use std::collections::VecDeque;

use crate::backplane::control::{Answer, Control, Question};
use crate::backplane::envelope::Origin;
use crate::hub;
use crate::pattern;
use crate::server::Server;

/// Questions that wait at most; others are not answered, and those who ask do without.
const MOST: usize = 4096;
/// When so many bytes of names have gathered they are sent.
const NAMES_BYTES: usize = 64 * 1024;

/// A question, and what has been found.
#[derive(Debug)]
struct Job {
    to: Origin,
    number: u64,
    question: Question,
    /// How much of it has been looked at: channels that were named, or parts of all.
    done: usize,
    numbers: Vec<u64>,
    names: Vec<Vec<u8>>,
    names_bytes: usize,
}

/// All questions that wait.
#[derive(Debug, Default)]
pub(super) struct Answers(VecDeque<Job>);

impl Answers {
    /// Another node asks this.
    pub(super) fn add(&mut self, to: Origin, number: u64, question: Question) {
        if self.0.len() < MOST {
            let (numbers, names) = (Vec::new(), Vec::new());
            self.0.push_back(Job { to, number, question, done: 0, numbers, names, names_bytes: 0 });
        }
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Looks a little further, and answers what is to be told, if anything is.
    pub(super) fn step(&mut self, server: &Server) -> Option<(Origin, Control)> {
        let job = self.0.front_mut()?;
        let last = job.look(server);
        let to = job.to;
        let told = match last || job.names_bytes >= NAMES_BYTES {
            true => Some((to, job.tell(last))),
            false => None,
        };
        if last {
            self.0.pop_front();
        }
        told
    }
}

impl Job {
    /// Finds some of what is asked for; answers whether that was the rest.
    fn look(&mut self, server: &Server) -> bool {
        let mut hub = server.hub.lock();
        match &self.question {
            Question::Patterns => {
                self.numbers.push(hub.pattern_count() as u64);
                true
            }
            Question::Receivers(kind, channel) => {
                self.numbers.push(hub.receivers(*kind, channel) as u64);
                true
            }
            Question::Counts(kind, names) => {
                let end = names.len().min(self.done + hub::NAMES_AT_ONCE);
                let counts = names[self.done..end].iter().map(|name| hub.subscriber_count(*kind, name) as u64);
                self.numbers.extend(counts);
                self.done = end;
                end == names.len()
            }
            Question::Channels(kind, wanted) => {
                let listed = hub.channels(*kind, self.done);
                drop(hub);
                let is_wanted = |name: &[u8]| wanted.as_ref().is_none_or(|pattern| pattern::matches(pattern, name));
                for name in listed.iter().filter(|name| is_wanted(name)) {
                    self.names_bytes += name.len();
                    self.names.push(name.to_vec());
                }
                self.done += 1;
                self.done == hub::PARTS
            }
        }
    }

    fn tell(&mut self, last: bool) -> Control {
        let answer = match self.question {
            Question::Channels(..) => Answer::Names(std::mem::take(&mut self.names)),
            Question::Counts(..) | Question::Receivers(..) | Question::Patterns => {
                Answer::Numbers(std::mem::take(&mut self.numbers))
            }
        };
        self.names_bytes = 0;
        Control::Tell(self.number, answer, last)
    }
}
