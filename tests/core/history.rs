//! What several clients did and heard at once, and whether one order of all that was done explains it.
//!
//! Every command (or transaction, as a whole) is a *step*. Steps are ordered before each other by what each client heard
//! in which order, and by time: a step that was answered before another was asked for precedes it, and so does one
//! whose message was heard before. Where a client did not hear a message to a channel it listened to for a while, the
//! step precedes the beginning of that while or follows its end; as soon as the one is impossible, the other is known.
//! An order of all steps exists only if no step comes to precede itself.

use std::collections::{BTreeMap, BTreeSet};

/// Moments, counted by all threads together.
pub(crate) type Time = usize;

/// A channel or a pattern that a client listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    Channel(&'static str),
    Pattern(&'static str),
}

impl Name {
    fn hears(self, channel: &str) -> bool {
        match self {
            Name::Channel(name) => name == channel,
            Name::Pattern(pattern) => pregon::pattern::matches(pattern.as_bytes(), channel.as_bytes()),
        }
    }
}

/// What a step does, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Publish { message: String, channel: &'static str, receivers: i64 },
    Join(Name),
    Leave(Name),
}

/// One command or transaction.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) asked: Time,
    pub(crate) answered: Time,
    pub(crate) effects: Vec<Effect>,
}

/// What a client reads, in the order in which it reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Message {
        name: Name,
        message: String,
        at: Time,
    },
    /// The confirmation of its own step, or the end of its connection, with the step's number.
    Confirmed(usize),
}

/// All that one client did and heard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Story {
    pub(crate) steps: Vec<Step>,
    pub(crate) heard: Vec<Heard>,
}

/// A step of a client.
type Id = (usize, usize);

/// Where a message was published: the step, and its place among that step's effects.
#[derive(Clone, Copy)]
struct Source<'a> {
    step: Id,
    place: usize,
    channel: &'a str,
    receivers: i64,
}

/// A while in which a client listened to a name: the steps that began and ended it.
type While = (usize, Option<usize>);

/// Checks what the clients did and heard against the promises.
///
/// # Errors
///
/// The first contradiction, in words.
pub(crate) fn explain(stories: &[Story]) -> Result<(), String> {
    let sources = sources(stories);
    let mut graph = Graph::new(stories);
    for (client, story) in stories.iter().enumerate() {
        check_stream(client, story, &sources, &mut graph)?;
    }
    let received = check_copies(stories, &sources)?;
    let gaps = unheard(stories, &sources, &received)?;
    order_gaps(gaps, &mut graph)
}

/// Checks that every message was heard as often as its publish was told, and nowhere twice. Answers who heard what
/// through which subscription.
fn check_copies<'s>(
    stories: &'s [Story],
    sources: &BTreeMap<&str, Source<'_>>,
) -> Result<BTreeSet<(usize, Name, &'s str)>, String> {
    let mut copies: BTreeMap<&str, i64> = BTreeMap::new();
    let mut received = BTreeSet::new();
    for (client, story) in stories.iter().enumerate() {
        for heard in &story.heard {
            let Heard::Message { name, message, .. } = heard else { continue };
            *copies.entry(message).or_default() += 1;
            if !received.insert((client, *name, message.as_str())) {
                return Err(format!("P6: client {client} heard {message} twice through {name:?}"));
            }
        }
    }
    for (message, source) in sources {
        let copies = copies.get(message).copied().unwrap_or(0);
        if copies != source.receivers {
            return Err(format!("P5: {message} was heard {copies} times, but counted {}", source.receivers));
        }
    }
    Ok(received)
}

/// Puts each step that a client did not hear before or behind the while in which it listened, as soon as the other is
/// impossible, until nothing more follows or a contradiction does.
fn order_gaps(mut open: Vec<Gap>, graph: &mut Graph) -> Result<(), String> {
    loop {
        let reached = graph.reach()?;
        let before = open.len();
        let mut missed = None;
        open.retain(|gap| {
            let (begin, end) = ((gap.client, gap.listened.0), gap.listened.1.map(|end| (gap.client, end)));
            if graph.precedes(&reached, begin, gap.step) {
                match end {
                    Some(end) => graph.add(end, gap.step),
                    None => missed = Some(format!("P4: client {} missed a message of {:?}", gap.client, gap.step)),
                }
                return false;
            }
            if end.is_some_and(|end| graph.precedes(&reached, gap.step, end)) {
                graph.add(gap.step, begin);
                return false;
            }
            true
        });
        if let Some(missed) = missed {
            return Err(missed);
        }
        if open.len() == before {
            return Ok(());
        }
    }
}

fn sources(stories: &[Story]) -> BTreeMap<&str, Source<'_>> {
    let mut sources = BTreeMap::new();
    for (client, story) in stories.iter().enumerate() {
        for (index, step) in story.steps.iter().enumerate() {
            for (place, effect) in step.effects.iter().enumerate() {
                if let Effect::Publish { message, channel, receivers } = effect {
                    let source = Source { step: (client, index), place, channel, receivers: *receivers };
                    sources.insert(message.as_str(), source);
                }
            }
        }
    }
    sources
}

/// Checks what one client read by itself, and notes what its order says of the steps.
fn check_stream(
    client: usize,
    story: &Story,
    sources: &BTreeMap<&str, Source<'_>>,
    graph: &mut Graph,
) -> Result<(), String> {
    let mut listening: BTreeSet<Name> = BTreeSet::new();
    let mut previous: Option<(Id, usize)> = None;
    for heard in &story.heard {
        let (step, place) = match heard {
            Heard::Confirmed(index) => {
                for effect in &story.steps[*index].effects {
                    match effect {
                        Effect::Join(name) => drop(listening.insert(*name)),
                        Effect::Leave(name) => drop(listening.remove(name)),
                        Effect::Publish { .. } => {}
                    }
                }
                ((client, *index), 0)
            }
            Heard::Message { name, message, at } => {
                let source = sources.get(message.as_str()).ok_or(format!("P6: nobody published {message}"))?;
                if !name.hears(source.channel) {
                    return Err(format!("P6: client {client} heard {message} through {name:?}"));
                }
                // What a transaction publishes to its own client comes behind the array that ends a subscription.
                if source.step.0 != client && !listening.contains(name) {
                    return Err(format!("P4: client {client} heard {message} while not listening to {name:?}"));
                }
                graph.add_before_time(source.step, *at);
                (source.step, source.place)
            }
        };
        if let Some((last, last_place)) = previous {
            if last != step {
                graph.add(last, step);
            } else if last_place > place {
                return Err(format!("P1: client {client} heard the messages of step {step:?} in another order"));
            }
        }
        previous = Some((step, place));
    }
    Ok(())
}

/// A message that a client did not hear, and a while in which it listened to a name that would have let it.
struct Gap {
    client: usize,
    step: Id,
    listened: While,
}

/// Every such gap between different clients; what a client publishes to itself is judged at once.
fn unheard(
    stories: &[Story],
    sources: &BTreeMap<&str, Source<'_>>,
    received: &BTreeSet<(usize, Name, &str)>,
) -> Result<Vec<Gap>, String> {
    let mut gaps = Vec::new();
    for (client, story) in stories.iter().enumerate() {
        for (name, whiles) in whiles(story) {
            for (message, source) in sources.iter().filter(|(_, source)| name.hears(source.channel)) {
                let heard = received.contains(&(client, name, *message));
                if source.step.0 == client {
                    if heard != listens_at(story, name, source) {
                        return Err(format!("P4: client {client} heard its own {message} through {name:?}: {heard}"));
                    }
                } else if !heard {
                    gaps.extend(whiles.iter().map(|listened| Gap { client, step: source.step, listened: *listened }));
                }
            }
        }
    }
    Ok(gaps)
}

/// When a client listened to what. A while that begins and ends within one step is none to others.
fn whiles(story: &Story) -> BTreeMap<Name, Vec<While>> {
    let mut whiles: BTreeMap<Name, Vec<While>> = BTreeMap::new();
    for (index, step) in story.steps.iter().enumerate() {
        for effect in &step.effects {
            match effect {
                Effect::Join(name) => whiles.entry(*name).or_default().push((index, None)),
                Effect::Leave(name) => {
                    let of_name = whiles.entry(*name).or_default();
                    if let Some(last) = of_name.last_mut() {
                        last.1 = Some(index);
                    }
                    of_name.pop_if(|last| last.1 == Some(last.0));
                }
                Effect::Publish { .. } => {}
            }
        }
    }
    whiles
}

/// Whether the client listens to `name` when it publishes the message of `source` itself.
fn listens_at(story: &Story, name: Name, source: &Source<'_>) -> bool {
    let before = story.steps[..source.step.1].iter().flat_map(|step| &step.effects);
    let effects = before.chain(&story.steps[source.step.1].effects[..source.place]);
    effects.fold(false, |listens, effect| match effect {
        Effect::Join(joined) if *joined == name => true,
        Effect::Leave(left) if *left == name => false,
        _ => listens,
    })
}

/// What precedes what: nodes are steps, numbered through all clients, and behind them moments.
struct Graph {
    first_of_client: Vec<usize>,
    steps: usize,
    after: Vec<Vec<usize>>,
}

impl Graph {
    fn new(stories: &[Story]) -> Graph {
        let mut first_of_client = vec![0];
        for story in stories {
            first_of_client.push(first_of_client[first_of_client.len() - 1] + story.steps.len());
        }
        let steps = first_of_client[stories.len()];
        let times = stories.iter().flat_map(|story| &story.steps).map(|step| step.answered).max().unwrap_or(0) + 2;
        let mut graph = Graph { first_of_client, steps, after: vec![Vec::new(); steps + times] };
        for time in 1..times {
            graph.after[steps + time - 1].push(steps + time);
        }
        for (client, story) in stories.iter().enumerate() {
            for (index, step) in story.steps.iter().enumerate() {
                let node = graph.node((client, index));
                graph.after[steps + step.asked].push(node);
                graph.add_before_time((client, index), step.answered);
                if index > 0 {
                    graph.add((client, index - 1), (client, index));
                }
            }
        }
        graph
    }

    fn node(&self, (client, index): Id) -> usize {
        self.first_of_client[client] + index
    }

    fn add(&mut self, earlier: Id, later: Id) {
        let (earlier, later) = (self.node(earlier), self.node(later));
        self.after[earlier].push(later);
    }

    fn add_before_time(&mut self, earlier: Id, time: Time) {
        let earlier = self.node(earlier);
        // A moment after the last answer orders nothing.
        if self.steps + time < self.after.len() {
            self.after[earlier].push(self.steps + time);
        }
    }

    fn precedes(&self, reached: &[Vec<u64>], earlier: Id, later: Id) -> bool {
        let later = self.node(later);
        reached[self.node(earlier)][later / 64] & (1 << (later % 64)) != 0
    }

    /// For each node the steps that it precedes, as bits.
    fn reach(&self) -> Result<Vec<Vec<u64>>, String> {
        let order = self.sorted()?;
        let mut reached = vec![vec![0_u64; self.steps / 64 + 1]; self.after.len()];
        for node in order.into_iter().rev() {
            let mut bits = std::mem::take(&mut reached[node]);
            for &next in &self.after[node] {
                bits.iter_mut().zip(&reached[next]).for_each(|(bits, more)| *bits |= more);
                if next < self.steps {
                    bits[next / 64] |= 1 << (next % 64);
                }
            }
            reached[node] = bits;
        }
        Ok(reached)
    }

    /// The nodes, each before those that it precedes.
    fn sorted(&self) -> Result<Vec<usize>, String> {
        let mut missing = vec![0_usize; self.after.len()];
        self.after.iter().flatten().for_each(|&next| missing[next] += 1);
        let mut order: Vec<usize> = (0..self.after.len()).filter(|&node| missing[node] == 0).collect();
        let mut done = 0;
        while done < order.len() {
            for &next in &self.after[order[done]] {
                missing[next] -= 1;
                if missing[next] == 0 {
                    order.push(next);
                }
            }
            done += 1;
        }
        if order.len() == self.after.len() {
            return Ok(order);
        }
        let stuck: Vec<Id> = (0..self.steps).filter(|&node| missing[node] > 0).map(|node| self.id(node)).collect();
        Err(format!("P1 to P4: no order explains these (client, step) and what was heard of them: {stuck:?}"))
    }

    fn id(&self, node: usize) -> Id {
        let client = self.first_of_client.partition_point(|&first| first <= node) - 1;
        (client, node - self.first_of_client[client])
    }
}

/// The check itself must find what it is there for.
mod tests {
    use super::*;

    fn publish(message: &str, asked: Time, receivers: i64) -> Step {
        let effect = Effect::Publish { message: message.into(), channel: "a", receivers };
        Step { asked, answered: asked + 1, effects: vec![effect] }
    }

    fn join(asked: Time) -> Step {
        Step { asked, answered: asked + 1, effects: vec![Effect::Join(Name::Channel("a"))] }
    }

    fn heard(message: &str, at: Time) -> Heard {
        Heard::Message { name: Name::Channel("a"), message: message.into(), at }
    }

    fn story(steps: Vec<Step>, heard: Vec<Heard>) -> Story {
        Story { steps, heard }
    }

    #[track_caller]
    fn breaks(promise: &str, stories: &[Story]) {
        let error = explain(stories).expect_err("this history breaks a promise");
        assert!(error.contains(promise), "{error}");
    }

    #[test]
    fn the_check_accepts_what_one_order_explains() {
        let publishers = [story(vec![publish("x", 4, 2)], vec![]), story(vec![publish("y", 4, 1)], vec![])];
        let late = Step { asked: 4, answered: 6, effects: vec![Effect::Join(Name::Channel("a"))] };
        let one = story(vec![join(0)], vec![Heard::Confirmed(0), heard("y", 7), heard("x", 7)]);
        let other = story(vec![late], vec![Heard::Confirmed(0), heard("x", 8)]);
        let [x, y] = publishers;
        assert_eq!(explain(&[x, y, one, other]), Ok(()));
    }

    #[test]
    fn the_check_sees_one_publisher_reordered() {
        let publisher = story(vec![publish("x", 2, 1), publish("y", 4, 1)], vec![]);
        let reader = story(vec![join(0)], vec![Heard::Confirmed(0), heard("y", 6), heard("x", 6)]);
        breaks("P1", &[publisher, reader]);
    }

    #[test]
    fn the_check_sees_subscribers_that_disagree() {
        let publishers = [story(vec![publish("x", 4, 2)], vec![]), story(vec![publish("y", 4, 2)], vec![])];
        let one = story(vec![join(0)], vec![Heard::Confirmed(0), heard("y", 7), heard("x", 7)]);
        let other = story(vec![join(0)], vec![Heard::Confirmed(0), heard("x", 7), heard("y", 7)]);
        let [x, y] = publishers;
        breaks("P1 to P4", &[x, y, one, other]);
    }

    #[test]
    fn the_check_sees_a_missed_message() {
        let publisher = story(vec![publish("x", 2, 0)], vec![]);
        breaks("P4", &[publisher, story(vec![join(0)], vec![Heard::Confirmed(0)])]);
    }

    #[test]
    fn the_check_sees_a_wrong_count_and_a_duplicate() {
        let publisher = story(vec![publish("x", 2, 1)], vec![]);
        breaks("P5", &[publisher.clone(), story(vec![], vec![])]);
        let reader = story(vec![join(0)], vec![Heard::Confirmed(0), heard("x", 6), heard("x", 6)]);
        breaks("P6", &[publisher, reader]);
    }

    #[test]
    fn the_check_sees_a_message_before_the_confirmation() {
        let publisher = story(vec![publish("x", 2, 1)], vec![]);
        breaks("P4", &[publisher, story(vec![join(0)], vec![heard("x", 3), Heard::Confirmed(0)])]);
    }
}
