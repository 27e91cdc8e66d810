//! What replies alone do not show: who is served when, in simulated time and on several workers, and all commands against a
//! naive model.

mod waiting;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use proptest::prelude::*;

use crate::command::test_support::World;
use crate::resp::Proto;

#[test]
fn a_client_of_another_worker_is_served_in_its_turn() {
    let world = World::new();
    let (first, second, pusher) = (world.client_of(1), world.client(), world.client_of(1));
    assert_eq!(first.say("BLPOP q 0"), "");
    assert_eq!(second.say("BLPOP q 0"), "");
    assert_eq!(pusher.say("RPUSH q a b c\r\nLRANGE q 0 -1"), ":3\r\n*1\r\n$1\r\nc\r\n");
    world.settle();
    assert_eq!(first.resume(), "*2\r\n$1\r\nq\r\n$1\r\na\r\n");
    assert_eq!(second.resume(), "*2\r\n$1\r\nq\r\n$1\r\nb\r\n");
}

#[test]
fn a_client_waits_as_long_as_it_said_and_not_longer() {
    for (wait, proto, nothing) in [
        ("BLPOP q 2.5", Proto::Resp2, "*-1\r\n"),
        ("BRPOP q 2.5", Proto::Resp3, "_\r\n"),
        ("BLMOVE q r LEFT LEFT 2.5", Proto::Resp2, "*-1\r\n"),
        ("BLMPOP 2.5 1 q LEFT", Proto::Resp3, "_\r\n"),
    ] {
        let world = World::new();
        let client = world.client().speaking(proto);
        assert_eq!(client.say(wait), "", "{wait}");
        assert_eq!(client.wakes_in(), Some(Duration::from_millis(2500)));
        world.advance(Duration::from_millis(2499));
        assert_eq!(client.resume(), "", "{wait}");
        world.advance(Duration::from_millis(1));
        assert_eq!(client.resume(), nothing, "{wait}");
        assert_eq!(world.client().say("RPUSH q x\r\nLLEN q"), ":1\r\n:1\r\n", "nobody waits any more");
    }
}

#[test]
fn an_answer_on_its_way_is_not_lost_when_the_time_is_up() {
    let world = World::new();
    let (client, pusher) = (world.client_of(1), world.client());
    client.say("BLPOP q 1");
    assert_eq!(pusher.say("RPUSH q x\r\nLLEN q"), ":1\r\n:0\r\n");
    world.advance(Duration::from_secs(2));
    assert_eq!(client.resume(), "*2\r\n$1\r\nq\r\n$1\r\nx\r\n");
    assert_eq!(client.say("PING"), "+PONG\r\n");
}

#[test]
fn a_client_that_goes_takes_nothing() {
    let world = World::new();
    let (gone, next, pusher) = (world.client_of(1), world.client_of(1), world.client());
    gone.say("BLPOP q 0");
    next.say("BLPOP q 0");
    gone.leave();
    pusher.say("RPUSH q x");
    world.settle();
    assert_eq!(next.resume(), "*2\r\n$1\r\nq\r\n$1\r\nx\r\n");
}

#[test]
fn a_client_that_was_killed_takes_nothing_though_its_worker_has_not_heard_of_it() {
    let world = World::new();
    let (killed, next, killer, pusher) = (world.client_of(1), world.client_of(1), world.client(), world.client());
    killed.say("BLPOP q 0");
    next.say("BLPOP q 0");
    assert_eq!(killer.say(&format!("CLIENT KILL ID {}", killed.id())), "", "it waits for the other worker");
    assert_eq!(pusher.say("RPUSH q x\r\nLLEN q"), ":1\r\n:0\r\n");
    world.settle();
    assert_eq!(killer.resume(), ":1\r\n");
    assert_eq!(next.resume(), "*2\r\n$1\r\nq\r\n$1\r\nx\r\n");
}

#[test]
fn a_silent_client_is_served_silently() {
    let world = World::new();
    let client = world.client();
    client.say("CLIENT REPLY OFF\r\nBLPOP q 0");
    assert_eq!(world.client().say("RPUSH q x\r\nLLEN q"), ":1\r\n:0\r\n");
    world.settle();
    assert_eq!(client.resume(), "");
    assert_eq!(client.say("CLIENT REPLY ON"), "+OK\r\n");
}

/// A command on one of two lists, with few elements, so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Push(bool, u8, Vec<u8>),
    Pop(bool, u8, Option<usize>),
    Range(u8, i64, i64),
    Index(u8, i64),
    Set(u8, i64, u8),
    Insert(u8, bool, u8, u8),
    Remove(u8, i64, u8),
    Trim(u8, i64, i64),
    Move(u8, u8, bool, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (key, element, index) = (0..2u8, 0..4u8, -6..6i64);
    let step = prop_oneof![
        4 => (any::<bool>(), key.clone(), proptest::collection::vec(element.clone(), 1..4))
            .prop_map(|(left, key, elements)| Step::Push(left, key, elements)),
        2 => (any::<bool>(), key.clone(), proptest::option::of(0..4usize))
            .prop_map(|(left, key, count)| Step::Pop(left, key, count)),
        1 => (key.clone(), index.clone(), index.clone()).prop_map(|(key, start, end)| Step::Range(key, start, end)),
        1 => (key.clone(), index.clone()).prop_map(|(key, index)| Step::Index(key, index)),
        1 => (key.clone(), index.clone(), element.clone()).prop_map(|(key, index, to)| Step::Set(key, index, to)),
        1 => (key.clone(), any::<bool>(), element.clone(), element.clone())
            .prop_map(|(key, behind, pivot, element)| Step::Insert(key, behind, pivot, element)),
        1 => (key.clone(), -3..4i64, element).prop_map(|(key, count, element)| Step::Remove(key, count, element)),
        1 => (key.clone(), index.clone(), index).prop_map(|(key, start, end)| Step::Trim(key, start, end)),
        1 => (key.clone(), key, any::<bool>(), any::<bool>())
            .prop_map(|(from, to, left, to_left)| Step::Move(from, to, left, to_left)),
    ];
    proptest::collection::vec(step, 1..80)
}

/// The naive model.
#[derive(Default)]
struct Model(HashMap<u8, VecDeque<u8>>);

fn bulk(element: u8) -> String {
    format!("$1\r\n{element}\r\n")
}

fn array(elements: impl IntoIterator<Item = u8>) -> String {
    let elements: Vec<String> = elements.into_iter().map(bulk).collect();
    format!("*{}\r\n{}", elements.len(), elements.concat())
}

fn end(left: bool) -> &'static str {
    if left { "LEFT" } else { "RIGHT" }
}

impl Model {
    fn list(&mut self, key: u8) -> &mut VecDeque<u8> {
        self.0.entry(key).or_default()
    }

    fn pop(&mut self, key: u8, left: bool) -> Option<u8> {
        if left { self.list(key).pop_front() } else { self.list(key).pop_back() }
    }

    fn push(&mut self, key: u8, left: bool, element: u8) {
        if left { self.list(key).push_front(element) } else { self.list(key).push_back(element) }
    }

    /// The places from `start` to `end`, both included.
    fn range(&mut self, key: u8, start: i64, end: i64) -> std::ops::Range<usize> {
        let len = self.list(key).len() as i64;
        let place = |index: i64| if index < 0 { len + index } else { index };
        let (first, behind) = (place(start).max(0), (place(end) + 1).min(len));
        if first < behind { first as usize..behind as usize } else { 0..0 }
    }

    fn place(&mut self, key: u8, index: i64) -> Option<usize> {
        let len = self.list(key).len() as i64;
        let index = if index < 0 { len + index } else { index };
        (0..len).contains(&index).then_some(index as usize)
    }

    /// The request for a step, and what it is answered.
    fn run(&mut self, step: &Step) -> (String, String) {
        match step {
            Step::Push(left, key, elements) => {
                elements.iter().for_each(|element| self.push(*key, *left, *element));
                let given: Vec<String> = elements.iter().map(u8::to_string).collect();
                let request = format!("{}PUSH {key} {}", if *left { 'L' } else { 'R' }, given.join(" "));
                (request, format!(":{}\r\n", self.list(*key).len()))
            }
            Step::Pop(left, key, count) => {
                let request = format!("{}POP {key}", if *left { 'L' } else { 'R' });
                let empty = self.list(*key).is_empty();
                match count {
                    None => (request, self.pop(*key, *left).map_or("$-1\r\n".into(), bulk)),
                    Some(count) if empty => (format!("{request} {count}"), "*-1\r\n".into()),
                    Some(count) => {
                        let taken: Vec<u8> = (0..*count).map_while(|_| self.pop(*key, *left)).collect();
                        (format!("{request} {count}"), array(taken))
                    }
                }
            }
            Step::Range(key, start, end) => {
                let range = self.range(*key, *start, *end);
                let found: Vec<u8> = self.list(*key).range(range).copied().collect();
                (format!("LRANGE {key} {start} {end}"), array(found))
            }
            Step::Index(key, index) => {
                let place = self.place(*key, *index);
                let found = place.map(|place| bulk(self.list(*key)[place]));
                (format!("LINDEX {key} {index}"), found.unwrap_or("$-1\r\n".into()))
            }
            Step::Move(from, to, left, to_left) => {
                let request = format!("LMOVE {from} {to} {} {}", end(*left), end(*to_left));
                let element = self.pop(*from, *left);
                element.into_iter().for_each(|element| self.push(*to, *to_left, element));
                (request, element.map_or("$-1\r\n".into(), bulk))
            }
            Step::Set(..) | Step::Insert(..) | Step::Remove(..) | Step::Trim(..) => self.edit(step),
        }
    }

    /// The same for steps that change a list elsewhere than at its ends.
    fn edit(&mut self, step: &Step) -> (String, String) {
        match step {
            Step::Set(key, index, element) => {
                let request = format!("LSET {key} {index} {element}");
                let answer = match self.place(*key, *index) {
                    _ if self.list(*key).is_empty() => "-ERR no such key\r\n",
                    None => "-ERR index out of range\r\n",
                    Some(place) => {
                        self.list(*key)[place] = *element;
                        "+OK\r\n"
                    }
                };
                (request, answer.into())
            }
            Step::Insert(key, behind, pivot, element) => {
                let word = if *behind { "AFTER" } else { "BEFORE" };
                let request = format!("LINSERT {key} {word} {pivot} {element}");
                let list = self.list(*key);
                let answer = match list.iter().position(|other| other == pivot) {
                    _ if list.is_empty() => 0,
                    None => -1,
                    Some(place) => {
                        list.insert(place + usize::from(*behind), *element);
                        list.len() as i64
                    }
                };
                (request, format!(":{answer}\r\n"))
            }
            Step::Remove(key, count, element) => {
                let list = self.list(*key);
                let mut places: Vec<usize> = (0..list.len()).filter(|place| list[*place] == *element).collect();
                if *count < 0 {
                    places.reverse();
                }
                if *count != 0 {
                    places.truncate(count.unsigned_abs() as usize);
                }
                places.sort_unstable();
                places.iter().rev().for_each(|place| _ = list.remove(*place));
                (format!("LREM {key} {count} {element}"), format!(":{}\r\n", places.len()))
            }
            Step::Trim(key, start, end) => {
                let range = self.range(*key, *start, *end);
                let kept = self.list(*key).range(range).copied().collect();
                *self.list(*key) = kept;
                (format!("LTRIM {key} {start} {end}"), "+OK\r\n".into())
            }
            _ => unreachable!("{step:?} is a step at the ends"),
        }
    }
}

proptest! {
    #[test]
    fn lists_behave_like_deques(steps in steps()) {
        let world = World::new();
        let client = world.client();
        let mut model = Model::default();
        for step in steps {
            let (request, answer) = model.run(&step);
            prop_assert_eq!(client.say(&request), answer, "{}", request);
        }
        let there = model.0.values().filter(|list| !list.is_empty()).count();
        prop_assert_eq!(client.say("DBSIZE"), format!(":{there}\r\n"), "an empty list is no key");
    }
}
