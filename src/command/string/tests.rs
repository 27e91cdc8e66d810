//! What replies alone do not show: deadlines in simulated time, and all commands against a naive model.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;

use crate::command::test_support::World;

#[test]
fn a_string_is_gone_when_its_time_is_over() {
    let world = World::new();
    let client = world.client();
    for set in ["SET k v EX 10", "SET k v PX 10000", "SETEX k 10 v", "PSETEX k 10000 v"] {
        assert_eq!(client.say(set), "+OK\r\n", "{set}");
        world.advance(Duration::from_millis(9_999));
        assert_eq!(client.say("GET k"), "$1\r\nv\r\n", "{set}");
        world.advance(Duration::from_millis(1));
        assert_eq!(client.say("GET k"), "$-1\r\n", "{set}");
    }
}

#[test]
fn a_deadline_ends_with_the_value_unless_it_is_kept() {
    let world = World::new();
    let client = world.client();
    for (change, left) in [
        ("SET k w", ":-1\r\n"),
        ("SET k w KEEPTTL", ":100\r\n"),
        ("GETSET k w", ":-1\r\n"),
        ("APPEND k w", ":100\r\n"),
        ("SETRANGE k 0 w", ":100\r\n"),
        ("MSET k w", ":-1\r\n"),
        ("GETEX k PERSIST", ":-1\r\n"),
        ("GETEX k", ":100\r\n"),
        ("GETEX k EX 7", ":7\r\n"),
    ] {
        client.say("SET k v EX 100");
        client.say(change);
        assert_eq!(client.say("TTL k"), left, "{change}");
    }
}

#[test]
fn a_deadline_in_the_past_deletes_at_once() {
    let world = World::new();
    let client = world.client();
    client.say("SET k v");
    assert_eq!(client.say("GETEX k EXAT 1"), "$1\r\nv\r\n");
    assert_eq!(client.say("EXISTS k"), ":0\r\n");
    client.say("SET k v PXAT 1");
    assert_eq!(client.say("EXISTS k"), ":0\r\n");
}

#[test]
fn sums_of_fractions_have_the_digits_of_80_bits() {
    let world = World::new();
    let client = world.client();
    for (old, by, sum) in [
        ("10.50", "0.1", "10.6"),
        ("0.1", "0.2", "0.3"),
        ("5.0e3", "2.0e2", "5200"),
        ("3", "-3", "0"),
        ("-0.5", "0.25", "-0.25"),
        ("1", "1e-18", "1"),
        ("123456789", "0.00000001", "123456789.00000000999716576"),
    ] {
        client.say(&format!("SET k {old}"));
        assert_eq!(client.say(&format!("INCRBYFLOAT k {by}")), format!("${}\r\n{sum}\r\n", sum.len()), "{old} {by}");
    }
    for wrong in ["x", "1e5000", "", "1 "] {
        assert_eq!(client.say(&format!("INCRBYFLOAT k \"{wrong}\"")), "-ERR value is not a valid float\r\n", "{wrong}");
    }
    assert_eq!(client.say("INCRBYFLOAT k inf"), "-ERR increment would produce NaN or Infinity\r\n");
}

/// A command on one of a few keys, with few values, so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Set(u8, String),
    SetIfAbsent(u8, String),
    Append(u8, String),
    SetRange(u8, usize, String),
    Add(u8, i64),
    GetDel(u8),
    GetRange(u8, i64, i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..3u8;
    let value = "[a-c]{0,4}|-?[0-9]{1,19}";
    let step = prop_oneof![
        (key.clone(), value).prop_map(|(key, value)| Step::Set(key, value)),
        (key.clone(), value).prop_map(|(key, value)| Step::SetIfAbsent(key, value)),
        (key.clone(), value).prop_map(|(key, value)| Step::Append(key, value)),
        (key.clone(), 0..20usize, value).prop_map(|(key, at, value)| Step::SetRange(key, at, value)),
        (key.clone(), prop_oneof![-5..5i64, Just(i64::MAX), Just(i64::MIN)]).prop_map(|(key, by)| Step::Add(key, by)),
        key.clone().prop_map(Step::GetDel),
        (key, -6..6i64, -6..6i64).prop_map(|(key, start, end)| Step::GetRange(key, start, end)),
    ];
    proptest::collection::vec(step, 1..60)
}

/// The naive model: a map of strings.
#[derive(Default)]
struct Model(HashMap<u8, String>);

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

impl Model {
    /// The request for a step, and what it is answered.
    fn run(&mut self, step: Step) -> (String, String) {
        match step {
            Step::Set(key, value) => {
                self.0.insert(key, value.clone());
                (format!("SET {key} \"{value}\""), "+OK\r\n".into())
            }
            Step::SetIfAbsent(key, value) => {
                let absent = !self.0.contains_key(&key);
                self.0.entry(key).or_insert(value.clone());
                (format!("SETNX {key} \"{value}\""), format!(":{}\r\n", u8::from(absent)))
            }
            Step::Append(key, value) => {
                let text = self.0.entry(key).or_default();
                text.push_str(&value);
                (format!("APPEND {key} \"{value}\""), format!(":{}\r\n", text.len()))
            }
            Step::SetRange(key, at, value) => {
                let request = format!("SETRANGE {key} {at} \"{value}\"");
                if value.is_empty() {
                    return (request, format!(":{}\r\n", self.0.get(&key).map_or(0, String::len)));
                }
                let text = self.0.entry(key).or_default();
                let kept: String = text.chars().skip(at + value.len()).collect();
                let before: String = text.chars().chain(std::iter::repeat('\0')).take(at).collect();
                *text = before + &value + &kept;
                (request, format!(":{}\r\n", text.len()))
            }
            Step::Add(key, by) => {
                let request = format!("INCRBY {key} {by}");
                let old = self.0.get(&key).map_or("0", String::as_str);
                let number = old.parse::<i64>().ok().filter(|number| number.to_string() == old);
                let Some(number) = number else {
                    return (request, "-ERR value is not an integer or out of range\r\n".into());
                };
                match number.checked_add(by) {
                    Some(sum) => {
                        self.0.insert(key, sum.to_string());
                        (request, format!(":{sum}\r\n"))
                    }
                    None => (request, "-ERR increment or decrement would overflow\r\n".into()),
                }
            }
            Step::GetDel(key) => {
                let answer = self.0.remove(&key).map_or("$-1\r\n".into(), |text| bulk(&text));
                (format!("GETDEL {key}"), answer)
            }
            Step::GetRange(key, start, end) => {
                let text = self.0.get(&key).map_or("", String::as_str);
                let len = text.len() as i64;
                let place = |index: i64| if index < 0 { (len + index).max(0) } else { index };
                let reversed = start < 0 && end < 0 && start > end;
                let taken = (place(end) + 1 - place(start)).max(0) as usize;
                let taken = if reversed { 0 } else { taken };
                let part: String = text.chars().skip(place(start) as usize).take(taken).collect();
                (format!("GETRANGE {key} {start} {end}"), bulk(&part))
            }
        }
    }
}

proptest! {
    #[test]
    fn strings_behave_like_a_map_of_strings(steps in steps()) {
        let world = World::new();
        let client = world.client();
        let mut model = Model::default();
        for step in steps {
            let (request, answer) = model.run(step);
            prop_assert_eq!(client.say(&request), answer, "{}", request);
        }
    }
}
