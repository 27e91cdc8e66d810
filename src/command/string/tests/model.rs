//! All commands on strings against a naive model, in both versions of the protocol and in simulated time.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;

use crate::clock::Clock;
use crate::command::test_support::World;
use crate::resp::Proto;

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
const NOT_A_FLOAT: &str = "ERR value is not a valid float";
const OVERFLOW: &str = "ERR increment or decrement would overflow";

enum Answer {
    Ok,
    Integer(i64),
    Bulk(Option<String>),
    Bulks(Vec<Option<String>>),
}

impl Answer {
    fn flag(set: bool) -> Self {
        Answer::Integer(set.into())
    }

    fn len(text: Option<&String>) -> Self {
        Answer::Integer(text.map_or(0, String::len) as i64)
    }

    fn encoded(&self, proto: Proto) -> String {
        match self {
            Answer::Ok => "+OK\r\n".into(),
            Answer::Integer(number) => format!(":{number}\r\n"),
            Answer::Bulk(Some(text)) => format!("${}\r\n{text}\r\n", text.len()),
            Answer::Bulk(None) if proto == Proto::Resp2 => "$-1\r\n".into(),
            Answer::Bulk(None) => "_\r\n".into(),
            Answer::Bulks(texts) => {
                let parts = texts.iter().map(|text| Answer::Bulk(text.clone()).encoded(proto));
                format!("*{}\r\n{}", texts.len(), parts.collect::<String>())
            }
        }
    }
}

enum Value {
    Text(String),
    /// A list of so many elements.
    List(i64),
}

struct Held {
    value: Value,
    deadline_ms: Option<i64>,
}

/// Strings, and lists to stumble over.
struct Model {
    held: HashMap<String, Held>,
    now_ms: i64,
}

type Answered = Result<Answer, &'static str>;

impl Model {
    fn advance(&mut self, by_ms: i64) {
        self.now_ms += by_ms;
        self.end_due();
    }

    fn end_due(&mut self) {
        let now_ms = self.now_ms;
        self.held.retain(|_, held| held.deadline_ms.is_none_or(|deadline_ms| deadline_ms > now_ms));
    }

    fn text(&mut self, key: &str) -> Result<Option<&mut String>, &'static str> {
        match self.held.get_mut(key).map(|held| &mut held.value) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::List(_)) => Err(WRONG_TYPE),
        }
    }

    fn copy(&mut self, key: &str) -> Result<Option<String>, &'static str> {
        self.text(key).map(|text| text.cloned())
    }

    fn put(&mut self, key: &str, text: &str) {
        self.held.insert(key.into(), Held { value: Value::Text(text.into()), deadline_ms: None });
    }

    /// The string at `key` for changing, empty if there was none.
    fn grow(&mut self, key: &str) -> Result<&mut String, &'static str> {
        if !self.held.contains_key(key) {
            self.put(key, "");
        }
        Ok(self.text(key)?.expect("it was just put there"))
    }

    fn run(&mut self, request: &[&str]) -> Answered {
        match request {
            ["GET", key] => Ok(Answer::Bulk(self.copy(key)?)),
            ["STRLEN", key] => Ok(Answer::len(self.copy(key)?.as_ref())),
            ["GETRANGE" | "SUBSTR", key, start, end] => {
                let text = self.copy(key)?.unwrap_or_default();
                Ok(Answer::Bulk(Some(part(&text, integer(start)?, integer(end)?))))
            }
            ["MGET", keys @ ..] => {
                Ok(Answer::Bulks(keys.iter().map(|key| self.copy(key).unwrap_or_default()).collect()))
            }
            ["LCS", one, two, "LEN"] => {
                let (Ok(one), Ok(two)) = (self.copy(one), self.copy(two)) else {
                    return Err("ERR The specified keys must contain string values");
                };
                Ok(Answer::Integer(common(one.unwrap_or_default().as_bytes(), two.unwrap_or_default().as_bytes())))
            }
            ["RPUSH", key, _] => {
                let empty = || Held { value: Value::List(0), deadline_ms: None };
                match &mut self.held.entry((*key).into()).or_insert_with(empty).value {
                    Value::Text(_) => Err(WRONG_TYPE),
                    Value::List(len) => {
                        *len += 1;
                        Ok(Answer::Integer(*len))
                    }
                }
            }
            ["DEL", key] => Ok(Answer::flag(self.held.remove(*key).is_some())),
            ["SET", key, text, options @ ..] => self.set(key, text, options),
            ["GETEX", key, options @ ..] => self.getex(key, options),
            ["INCR", key] => self.add(key, 1),
            ["DECR", key] => self.add(key, -1),
            ["INCRBY", key, by] => self.add(key, integer(by)?),
            ["DECRBY", key, by] => {
                let by = integer(by)?.checked_neg().ok_or("ERR decrement would overflow")?;
                self.add(key, by)
            }
            ["INCRBYFLOAT", key, by] => self.add_quarters(key, by),
            _ => self.change(request),
        }
    }

    fn change(&mut self, request: &[&str]) -> Answered {
        match request {
            ["GETSET", key, text] => {
                let old = self.copy(key)?;
                self.put(key, text);
                Ok(Answer::Bulk(old))
            }
            ["GETDEL", key] => {
                let old = self.copy(key)?;
                self.held.remove(*key);
                Ok(Answer::Bulk(old))
            }
            ["SETNX", key, text] => self.change(&["MSETNX", key, text]),
            ["SETEX", key, seconds, text] => self.set(key, text, &["EX", seconds]),
            ["PSETEX", key, milliseconds, text] => self.set(key, text, &["PX", milliseconds]),
            ["MSET", pairs @ ..] => {
                pairs.chunks(2).for_each(|pair| self.put(pair[0], pair[1]));
                Ok(Answer::Ok)
            }
            ["MSETNX", pairs @ ..] => {
                let absent = pairs.chunks(2).all(|pair| !self.held.contains_key(pair[0]));
                if absent {
                    pairs.chunks(2).for_each(|pair| self.put(pair[0], pair[1]));
                }
                Ok(Answer::flag(absent))
            }
            ["APPEND", key, added] => {
                let text = self.grow(key)?;
                text.push_str(added);
                Ok(Answer::len(Some(text)))
            }
            ["SETRANGE", key, at, part] => {
                let at = usize::try_from(integer(at)?).map_err(|_| "ERR offset is out of range")?;
                if part.is_empty() {
                    return Ok(Answer::len(self.copy(key)?.as_ref()));
                }
                let text = self.grow(key)?;
                let kept: String = text.chars().skip(at + part.len()).collect();
                let before: String = text.chars().chain(std::iter::repeat('\0')).take(at).collect();
                *text = before + part + &kept;
                Ok(Answer::len(Some(text)))
            }
            _ => panic!("the model does not know {request:?}"),
        }
    }

    /// The deadline that `option` says, if it is EX, PX, EXAT or PXAT.
    fn deadline_ms(&self, option: &str, number: &str) -> Option<i64> {
        let number = integer(number).ok()?;
        match option {
            "EX" => Some(self.now_ms + 1000 * number),
            "PX" => Some(self.now_ms + number),
            "EXAT" => Some(1000 * number),
            "PXAT" => Some(number),
            _ => None,
        }
    }

    fn set(&mut self, key: &str, text: &str, options: &[&str]) -> Answered {
        let old = if options.contains(&"GET") { Some(self.copy(key)?) } else { None };
        let exists = self.held.contains_key(key);
        if options.contains(&"NX") && exists || options.contains(&"XX") && !exists {
            return Ok(Answer::Bulk(old.flatten()));
        }
        let mut deadline_ms = options.windows(2).find_map(|pair| self.deadline_ms(pair[0], pair[1]));
        if options.contains(&"KEEPTTL") {
            deadline_ms = self.held.get(key).and_then(|held| held.deadline_ms);
        }
        self.held.insert(key.into(), Held { value: Value::Text(text.into()), deadline_ms });
        self.end_due();
        Ok(old.map_or(Answer::Ok, Answer::Bulk))
    }

    fn getex(&mut self, key: &str, options: &[&str]) -> Answered {
        let text = self.copy(key)?;
        let deadline_ms = options.windows(2).find_map(|pair| self.deadline_ms(pair[0], pair[1]));
        if let Some(held) = self.held.get_mut(key).filter(|_| !options.is_empty()) {
            held.deadline_ms = deadline_ms;
        }
        self.end_due();
        Ok(Answer::Bulk(text))
    }

    fn add(&mut self, key: &str, by: i64) -> Answered {
        let old = self.text(key)?.map_or(Ok(0), |text| integer(text))?;
        let sum = old.checked_add(by).ok_or(OVERFLOW)?;
        *self.grow(key)? = sum.to_string();
        Ok(Answer::Integer(sum))
    }

    /// Whether it can foretell the answer: sums only of quarters that are not too large, which numbers of 64 bits hold
    /// exactly.
    fn knows(&mut self, request: &[&str]) -> bool {
        let ["INCRBYFLOAT", key, _] = request else { return true };
        let old = self.text(key).ok().flatten().and_then(|text| text.parse::<f64>().ok());
        old.is_none_or(|old| old.abs() < 1e9 && (old * 4.0).fract() == 0.0)
    }

    fn add_quarters(&mut self, key: &str, by: &str) -> Answered {
        let read = |text: &str| text.parse::<f64>().map_err(|_| NOT_A_FLOAT);
        let old = self.text(key)?.map_or(Ok(0.0), |text| read(text))?;
        let sum = (old + read(by)? + 0.0).to_string();
        *self.grow(key)? = sum.clone();
        Ok(Answer::Bulk(Some(sum)))
    }
}

/// An integer without a plus sign or zeros before it.
fn integer(text: &str) -> Result<i64, &'static str> {
    let number = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
    number.ok_or(NOT_AN_INTEGER)
}

fn part(text: &str, start: i64, end: i64) -> String {
    let len = text.len() as i64;
    let place = |index: i64| if index < 0 { (len + index).max(0) } else { index };
    let reversed = start < 0 && end < 0 && start > end;
    let taken = if reversed { 0 } else { (place(end) + 1 - place(start)).max(0) as usize };
    text.chars().skip(place(start) as usize).take(taken).collect()
}

/// The length of the longest subsequence that both have in common, by its definition.
fn common(one: &[u8], two: &[u8]) -> i64 {
    let mut row = vec![0; two.len() + 1];
    for a in one {
        let above = row.clone();
        for (j, b) in two.iter().enumerate() {
            row[j + 1] = if a == b { above[j] + 1 } else { above[j + 1].max(row[j]) };
        }
    }
    row[two.len()]
}

/// What happens: a request, or time passes.
#[derive(Clone, Debug)]
enum Step {
    Say(Vec<String>),
    Wait(i64),
}

/// One of a few keys, so that commands meet.
fn key() -> impl Strategy<Value = String> {
    "[kmn]"
}

/// Bytes, integers with the ends of their range, fractions.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{0,5}",
        "-?[0-9]{1,4}",
        "-?[1-9]\\.(25|50|75)",
        Just(i64::MAX.to_string()),
        Just(i64::MIN.to_string())
    ]
}

fn time() -> impl Strategy<Value = Vec<String>> {
    let start_s = Clock::simulated().now().unix().as_secs() as i64;
    prop_oneof![
        (1..9i64).prop_map(|s| vec!["EX".into(), s.to_string()]),
        (1..9_000i64).prop_map(|ms| vec!["PX".into(), ms.to_string()]),
        (-9..60i64).prop_map(move |s| vec!["EXAT".into(), (start_s + s).to_string()]),
        (-9_000..60_000i64).prop_map(move |ms| vec!["PXAT".into(), (1000 * start_s + ms).to_string()]),
    ]
}

fn words(command: &str, words: &[&str]) -> Vec<String> {
    [command].iter().chain(words).map(|word| (*word).to_owned()).collect()
}

fn set() -> impl Strategy<Value = Vec<String>> {
    let condition = prop_oneof![Just(vec![]), Just(words("NX", &[])), Just(words("XX", &[]))];
    let get = prop_oneof![Just(vec![]), Just(words("GET", &[]))];
    let expiry = prop_oneof![Just(vec![]), Just(words("KEEPTTL", &[])), time()];
    let options = (condition, get, expiry).prop_map(|(condition, get, expiry)| vec![condition, get, expiry]);
    (key(), value(), options.prop_shuffle())
        .prop_map(|(key, value, options)| [words("SET", &[&key, &value]), options.concat()].concat())
}

fn getex() -> impl Strategy<Value = Vec<String>> {
    let options = prop_oneof![Just(vec![]), Just(words("PERSIST", &[])), time()];
    (key(), options).prop_map(|(key, options)| [words("GETEX", &[&key]), options].concat())
}

fn on_key(names: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    (prop::sample::select(names), key()).prop_map(|(name, key)| words(name, &[&key]))
}

fn with_value(names: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    (prop::sample::select(names), key(), value()).prop_map(|(name, key, value)| words(name, &[&key, &value]))
}

fn with_pairs() -> impl Strategy<Value = Vec<String>> {
    let pairs = prop::collection::vec((key(), value()), 1..4);
    (prop::sample::select(&["MSET", "MSETNX"]), pairs).prop_map(|(name, pairs)| {
        let pairs = pairs.into_iter().flat_map(|(key, value)| [key, value]);
        words(name, &[]).into_iter().chain(pairs).collect()
    })
}

fn quarters() -> impl Strategy<Value = String> {
    (-9..9i64).prop_map(|quarters| (quarters as f64 / 4.0).to_string())
}

fn step() -> impl Strategy<Value = Step> {
    let by_index = (prop::sample::select(&["GETRANGE", "SUBSTR"]), key(), -9..9i64, -9..9i64);
    let timed = (prop::sample::select(&["SETEX", "PSETEX"]), key(), 1..9_000i64, value());
    let request = prop_oneof![
        4 => set(),
        3 => getex(),
        4 => on_key(&["GET", "STRLEN", "GETDEL", "INCR", "DECR", "DEL"]),
        6 => with_value(&["GETSET", "SETNX", "APPEND", "INCRBY", "DECRBY"]),
        2 => with_pairs(),
        1 => prop::collection::vec(key(), 1..4).prop_map(|keys| [words("MGET", &[]), keys].concat()),
        2 => by_index.prop_map(|(name, key, start, end)| words(name, &[&key, &start.to_string(), &end.to_string()])),
        1 => (key(), -1..20i64, value()).prop_map(|(key, at, part)| words("SETRANGE", &[&key, &at.to_string(), &part])),
        1 => timed.prop_map(|(name, key, time, value)| words(name, &[&key, &time.to_string(), &value])),
        1 => (key(), key()).prop_map(|(one, two)| words("LCS", &[&one, &two, "LEN"])),
        1 => (key(), quarters()).prop_map(|(key, by)| words("INCRBYFLOAT", &[&key, &by])),
        1 => key().prop_map(|key| words("RPUSH", &[&key, "element"])),
    ];
    prop_oneof![12 => request.prop_map(Step::Say), 1 => (1..9_000i64).prop_map(Step::Wait)]
}

proptest! {
    #[test]
    fn strings_behave_like_a_map_of_strings(
        steps in prop::collection::vec(step(), 1..80),
        proto in prop::sample::select(&[Proto::Resp2, Proto::Resp3]),
    ) {
        let world = World::new();
        let client = world.client().speaking(proto);
        let mut model = Model { held: HashMap::new(), now_ms: world.server.clock.now().unix_ms() };
        for step in steps {
            let request = match step {
                Step::Say(request) => request,
                Step::Wait(ms) => {
                    world.advance(Duration::from_millis(ms as u64));
                    model.advance(ms);
                    continue;
                }
            };
            let request: Vec<&str> = request.iter().map(String::as_str).collect();
            if !model.knows(&request) {
                continue;
            }
            let line: String = request.iter().map(|word| format!("\"{word}\" ")).collect();
            let answered = model.run(&request);
            let answer = answered.map_or_else(|error| format!("-{error}\r\n"), |answer| answer.encoded(proto));
            prop_assert_eq!(client.say(&line), answer, "{}", line);
        }
    }
}
