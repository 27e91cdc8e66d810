//! SORT, SORT_RO.

use std::cmp::Ordering;

use crate::command::spec::KeySpec;
use crate::command::{Call, permission};
use crate::config::KeyspaceEvents;
use crate::keyspace::entry::Value;
use crate::keyspace::keys::Keys;
use crate::keyspace::list::{End, Item, List};
use crate::resp::decode::{Args, parse_integer};
use crate::resp::errors::ReplyError;

/// The keys that BY and GET read.
pub(super) const READ: KeySpec = KeySpec::unknown(
    "The keys of BY and GET are made from the elements, so they are known only when those are.",
    &["RO", "access"],
    |_| None,
);

/// The key behind the last STORE.
pub(super) const STORED: KeySpec = KeySpec::unknown(
    "STORE may stand anywhere among the options, and what follows another option is no STORE.",
    &["OW", "update"],
    stored,
);

fn stored(args: Args<'_>) -> Option<usize> {
    let mut found = None;
    let mut index = 2;
    while index + 1 < args.len() {
        let is = |word: &str| args[index].eq_ignore_ascii_case(word.as_bytes());
        if is("store") {
            found = Some(index + 1);
        }
        index += if is("limit") { 3 } else { 1 + usize::from(is("by") || is("get")) };
    }
    found
}

/// The options.
#[derive(Debug)]
struct Options<'a> {
    by: Option<&'a [u8]>,
    /// Any pattern without `*` stands for no order at all.
    sorts: bool,
    get: Vec<&'a [u8]>,
    descending: bool,
    alphabetic: bool,
    offset: i64,
    count: i64,
    store: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn read(args: Args<'a>, stores: bool) -> Result<Self, ReplyError> {
        let mut options = Options {
            by: None,
            sorts: true,
            get: Vec::new(),
            descending: false,
            alphabetic: false,
            offset: 0,
            count: -1,
            store: None,
        };
        let mut rest = args.from(2);
        while let Some(option) = rest.next() {
            let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
            let integer = |text| parse_integer(text).ok_or(ReplyError::NOT_AN_INTEGER);
            if is("asc") || is("desc") {
                options.descending = is("desc");
            } else if is("alpha") {
                options.alphabetic = true;
            } else if is("limit") && rest.len() >= 2 {
                options.offset = integer(rest.next().unwrap_or_default())?;
                options.count = integer(rest.next().unwrap_or_default())?;
            } else {
                let value = rest.next().ok_or(ReplyError::SYNTAX)?;
                match () {
                    () if stores && is("store") => options.store = Some(value),
                    () if is("by") => {
                        options.by = Some(value);
                        options.sorts &= value.contains(&b'*');
                    }
                    () if is("get") => options.get.push(value),
                    () => return Err(ReplyError::SYNTAX),
                }
            }
        }
        Ok(options)
    }

    /// What is left of the elements after LIMIT.
    fn limited(&self, len: usize) -> std::ops::Range<usize> {
        let size = |number: i64| usize::try_from(number).unwrap_or(0).min(len);
        let start = size(self.offset);
        let end = if self.count < 0 { len } else { (start + size(self.count)).min(len) };
        start..end
    }
}

/// BY and GET read keys that the request does not name: only who may read all keys may use them.
fn ensure_readable(call: &Call<'_, '_>, options: &Options<'_>) -> Result<(), ReplyError> {
    let by = options.by.is_some() && options.sorts;
    match by || !options.get.is_empty() {
        true if permission::may_read_all_keys(call) => Ok(()),
        true if by => Err(ReplyError::SORT_BY_DENIED),
        true => Err(ReplyError::SORT_GET_DENIED),
        false => Ok(()),
    }
}

pub(super) fn sort(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    run(call, true)
}

pub(super) fn sort_ro(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    run(call, false)
}

fn run(call: &mut Call<'_, '_>, stores: bool) -> Result<(), ReplyError> {
    let args = call.args;
    let options = Options::read(args, stores)?;
    ensure_readable(call, &options)?;
    let (mut keys, reply) = call.keys();
    let elements = keys.list(&args[1])?;
    let mut elements: Vec<Vec<u8>> = elements.map_or_else(Vec::new, |list| list.iter().map(Item::to_vec).collect());
    if options.sorts {
        elements = sorted(&mut keys, elements, &options)?;
    } else if options.descending {
        elements.reverse();
    }
    let range = options.limited(elements.len());
    let elements = &elements[range];
    let answer: Vec<Option<Vec<u8>>> = if options.get.is_empty() {
        elements.iter().cloned().map(Some).collect()
    } else {
        let patterns = elements.iter().flat_map(|element| options.get.iter().map(move |pattern| (pattern, element)));
        patterns.map(|(pattern, element)| value_of(&mut keys, pattern, element)).collect()
    };
    match options.store {
        Some(key) => {
            store(&mut keys, key, &answer);
            reply.count(answer.len());
        }
        None => {
            reply.array(answer.len());
            for value in answer {
                match value {
                    Some(value) => reply.bulk(value),
                    None => reply.null(),
                }
            }
        }
    }
    Ok(())
}

/// What an element is sorted by.
enum Weight {
    Number(f64),
    Text(Option<Vec<u8>>),
}

impl Weight {
    fn compare(&self, other: &Weight) -> Ordering {
        match (self, other) {
            (Weight::Number(one), Weight::Number(two)) => one.partial_cmp(two).unwrap_or(Ordering::Equal),
            (Weight::Text(one), Weight::Text(two)) => one.cmp(two),
            (Weight::Number(_), Weight::Text(_)) => Ordering::Less,
            (Weight::Text(_), Weight::Number(_)) => Ordering::Greater,
        }
    }
}

fn sorted(keys: &mut Keys<'_>, elements: Vec<Vec<u8>>, options: &Options<'_>) -> Result<Vec<Vec<u8>>, ReplyError> {
    let mut weighed = Vec::with_capacity(elements.len());
    for element in elements {
        let by = options.by.map_or_else(|| Some(element.clone()), |by| value_of(keys, by, &element));
        let weight = if options.alphabetic { Weight::Text(by) } else { Weight::Number(by.map_or(Ok(0.0), number)?) };
        weighed.push((weight, element));
    }
    // Equal numbers are told apart by the elements themselves; what is sorted by other keys' texts is not.
    let told_apart = !options.alphabetic || options.by.is_none();
    weighed.sort_by(|(one, first), (two, second)| {
        let order = one.compare(two).then_with(|| if told_apart { first.cmp(second) } else { Ordering::Equal });
        if options.descending { order.reverse() } else { order }
    });
    Ok(weighed.into_iter().map(|(_, element)| element).collect())
}

fn number(text: Vec<u8>) -> Result<f64, ReplyError> {
    // Nothing is zero.
    let text = if text.is_empty() { b"0".to_vec() } else { text };
    let number = std::str::from_utf8(&text).ok().and_then(|text| text.trim_ascii_start().parse::<f64>().ok());
    // What is too large for a number is none; infinity has to be called by its name.
    let fits = |number: &f64| number.is_finite() || number.is_infinite() && !text.iter().any(u8::is_ascii_digit);
    number.filter(fits).ok_or(ReplyError::SCORES_NOT_DOUBLES)
}

/// The string at the key that is `pattern` with the element instead of its first `*`; `#` is the element itself. Of a
/// field of a hash, `key->field`, the key is looked for, but the field is never there.
fn value_of(keys: &mut Keys<'_>, pattern: &[u8], element: &[u8]) -> Option<Vec<u8>> {
    if pattern == b"#" {
        return Some(element.to_vec());
    }
    let star = pattern.iter().position(|byte| *byte == b'*')?;
    let (before, behind) = (&pattern[..star], &pattern[star + 1..]);
    let arrow = behind.windows(2).position(|two| two == b"->").filter(|arrow| arrow + 2 < behind.len());
    let key = [before, element, &behind[..arrow.unwrap_or(behind.len())]].concat();
    let text = keys.text(&key).ok().flatten()?;
    arrow.is_none().then(|| text.to_vec())
}

/// Puts the answer into a list, or removes it if there is nothing to put there.
fn store(keys: &mut Keys<'_>, key: &[u8], answer: &[Option<Vec<u8>>]) {
    if answer.is_empty() {
        if keys.remove(key) {
            keys.changed(KeyspaceEvents::GENERIC, "del", key);
        }
        return;
    }
    let mut list = List::default();
    answer.iter().for_each(|value| list.push(End::Back, value.as_deref().unwrap_or_default()));
    keys.put(key, Value::List(Box::new(list)));
    keys.changed(KeyspaceEvents::LIST, "sortstore", key);
}
