//! What a script may hide before bytes are compared. Nothing is hidden unless a script asks for it by name.

use std::collections::BTreeSet;

use crate::frame::Frame;

/// The masks of a script or of one of its steps; see the README beside the scripts for what each one hides.
#[derive(Clone, Debug, Default)]
pub(crate) struct Masks {
    named: BTreeSet<String>,
    only: BTreeSet<String>,
}

const NAMES: [&str; 13] = [
    "addr",
    "age-seconds",
    "client-info",
    "digits",
    "entry",
    "id",
    "int",
    "lengths",
    "pairs",
    "shuffled",
    "sorted",
    "time",
    "version",
];

/// The masks that hide the value after the element of their name.
const VALUES: [&str; 4] = ["age-seconds", "client-info", "id", "version"];

/// What is left out of an entry of ACL LOG: what the reference's version does not have.
const NEW_IN_ENTRIES: [&str; 3] = ["entry-id", "timestamp-created", "timestamp-last-updated"];

impl Masks {
    /// Adds masks, given by name.
    ///
    /// # Errors
    /// Names the mask that does not exist.
    pub(crate) fn add(&mut self, names: &[&str]) -> Result<(), String> {
        for &name in names {
            if !NAMES.contains(&name) {
                return Err(format!("no mask is called `{name}`; there are {}", NAMES.join(", ")));
            }
            self.named.insert(name.to_owned());
        }
        Ok(())
    }

    /// Keeps only the named fields of texts such as INFO and CLIENT LIST.
    pub(crate) fn keep_only(&mut self, fields: &[&str]) {
        self.only.extend(fields.iter().map(|&field| field.to_owned()));
    }

    /// Both sets of masks together.
    pub(crate) fn with(&self, other: &Masks) -> Masks {
        Masks {
            named: self.named.union(&other.named).cloned().collect(),
            only: self.only.union(&other.only).cloned().collect(),
        }
    }

    /// The bytes with everything masked that these masks name. Bytes that are no frames stay as they are.
    pub(crate) fn apply(&self, bytes: &[u8]) -> Vec<u8> {
        if self.named.is_empty() && self.only.is_empty() {
            return bytes.to_vec();
        }
        let Some(mut frames) = Frame::parse_all(bytes) else {
            return bytes.to_vec();
        };
        frames.iter_mut().for_each(|frame| self.mask(frame));
        if self.has("shuffled") {
            sort_names(&mut frames);
        }
        if self.has("sorted") {
            frames.sort();
        }
        let mut masked = Vec::with_capacity(bytes.len());
        frames.iter().for_each(|frame| frame.encode(&mut masked));
        masked
    }

    fn has(&self, name: &str) -> bool {
        self.named.contains(name)
    }

    fn mask(&self, frame: &mut Frame) {
        match frame {
            Frame::Line(b':', number) => {
                let is_time = number.len() >= 10 && self.has("time");
                if self.has("int") || is_time {
                    *number = b"#".to_vec();
                }
            }
            Frame::Line(b'-' | b'+', text) => self.mask_text(text),
            Frame::Bulk(_, text) => {
                if !self.only.is_empty() {
                    *text = self.kept_fields(text);
                }
                self.mask_text(text);
            }
            Frame::Line(..) => {}
            Frame::Elements(kind, elements) => {
                elements.iter_mut().for_each(|element| self.mask(element));
                self.mask_values(elements);
                if self.has("entry") {
                    drop_pairs(elements, &NEW_IN_ENTRIES);
                }
                if self.has("sorted") && *kind != b'%' {
                    elements.sort();
                } else if self.has("sorted") || self.has("pairs") {
                    sort_pairs(elements);
                }
            }
        }
    }

    fn mask_text(&self, text: &mut Vec<u8>) {
        if self.has("time") && !text.is_empty() && text.iter().all(u8::is_ascii_digit) {
            *text = b"#".to_vec();
        }
        if self.has("addr") {
            *text = hide_words(text, |word| word.starts_with(b"127.0.0.1:"));
        }
        if self.has("id") {
            *text = hide_after(text, b"id=");
        }
        if self.has("digits") {
            *text = hide_digits(text);
        }
        if self.has("lengths") {
            *text = text.len().to_string().into_bytes();
        }
    }

    /// In a map (or what RESP2 makes of one) hides the values that follow the masked keys, but not their types.
    fn mask_values(&self, elements: &mut [Frame]) {
        for at in 1..elements.len() {
            let (before, rest) = elements.split_at_mut(at);
            let Some(Frame::Bulk(_, key)) = before.last() else {
                continue;
            };
            if VALUES.iter().any(|&name| key == name.as_bytes() && self.has(name)) {
                match &mut rest[0] {
                    Frame::Line(_, value) | Frame::Bulk(_, value) => *value = b"#".to_vec(),
                    Frame::Elements(..) => {}
                }
            }
        }
    }

    /// The lines of CLIENT LIST stay in their order. In which order INFO lists its fields is nobody's promise.
    fn kept_fields(&self, text: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(text);
        // A verbatim string begins with its kind.
        let (kind, text) = match text.strip_prefix("txt:") {
            Some(rest) => ("txt:", rest),
            None => ("", text.as_ref()),
        };
        let (mut fields, mut kept) = (Vec::new(), Vec::new());
        for line in text.lines() {
            if self.only.contains(line.split(':').next().unwrap_or_default()) {
                fields.push(line.to_owned());
                continue;
            }
            let has_field = |word: &&str| word.split_once('=').is_some_and(|(field, _)| self.only.contains(field));
            let words: Vec<&str> = line.split(' ').filter(has_field).collect();
            if !words.is_empty() {
                kept.push(words.join(" "));
            }
        }
        fields.sort();
        kept.append(&mut fields);
        format!("{kind}{}", kept.join("\n")).into_bytes()
    }
}

/// Sorts the names of confirmations among themselves and leaves the counts where they are: the order in which
/// UNSUBSCRIBE without arguments walks through a client's subscriptions is nobody's promise.
fn sort_names(frames: &mut [Frame]) {
    let mut names: Vec<&mut Frame> = frames
        .iter_mut()
        .filter_map(|frame| match frame {
            Frame::Elements(_, elements) => elements.get_mut(1),
            _ => None,
        })
        .collect();
    let mut sorted: Vec<Frame> = names.iter().map(|name| (**name).clone()).collect();
    sorted.sort();
    for (name, value) in names.iter_mut().zip(sorted) {
        **name = value;
    }
}

/// Leaves out the pairs with these keys.
fn drop_pairs(elements: &mut Vec<Frame>, keys: &[&str]) {
    let is_key = |key: &[u8]| keys.iter().any(|name| name.as_bytes() == key);
    let drops = |pair: &[Frame]| matches!(&pair[0], Frame::Bulk(_, key) if is_key(key));
    if elements.chunks(2).any(drops) {
        *elements = elements.chunks(2).filter(|pair| !drops(pair)).flatten().cloned().collect();
    }
}

fn sort_pairs(elements: &mut Vec<Frame>) {
    let mut pairs: Vec<Vec<Frame>> = elements.chunks(2).map(<[Frame]>::to_vec).collect();
    pairs.sort();
    *elements = pairs.concat();
}

fn hide_words(text: &[u8], hidden: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut result = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if hidden(&text[at..]) {
            let ends = |byte: &u8| !(byte.is_ascii_digit() || matches!(byte, b'.' | b':'));
            at += text[at..].iter().position(ends).unwrap_or(text.len() - at);
            result.push(b'#');
        } else {
            result.push(text[at]);
            at += 1;
        }
    }
    result
}

fn hide_after(text: &[u8], key: &[u8]) -> Vec<u8> {
    let mut result = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let begins_word = at == 0 || matches!(text[at - 1], b' ' | b'\n');
        if begins_word && text[at..].starts_with(key) {
            result.extend_from_slice(key);
            result.push(b'#');
            at += key.len();
            at += text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        } else {
            result.push(text[at]);
            at += 1;
        }
    }
    result
}

fn hide_digits(text: &[u8]) -> Vec<u8> {
    let mut result = Vec::new();
    for &byte in text {
        if !byte.is_ascii_digit() {
            result.push(byte);
        } else if result.last() != Some(&b'#') {
            result.push(b'#');
        }
    }
    result
}
