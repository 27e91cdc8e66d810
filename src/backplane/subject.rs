//! From names of channels and patterns to subjects of an engine that routes by a tree of tokens, as NATS does.
//!
//! A channel's name is cut behind each of `: . / # -`, and every piece becomes a token, so that channels that begin alike lie
//! in one subtree. Before them stands a token with the first byte of the name alone: a pattern that begins with a letter
//! never asks for everything. Behind them stands a token that no piece can be, so that the subtree of a pattern like `news:*`
//! holds the channel `news:`, too.
//!
//! ```text
//! news:sport:tennis   prefix.c.n.news:.sport:.tennis.=
//! news:*              prefix.c.n.news:.>
//! news*               prefix.c.n.>
//! *                   prefix.c.>
//! ```
//!
//! Bytes that a token cannot have are written as `=` and two hexadecimal digits. Of a name that has many pieces, or long ones,
//! only the first are tokens, and a digest stands for the rest: a subject says where a message goes, its name is in the message.
//! So two names may have one subject, and who asks for one of them gets messages of the other, which nobody there listens to.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::envelope::Origin;
use crate::ids::Topic;

/// Where pieces end.
const SEPARATORS: &[u8] = b":./#-";
/// Pieces of a name that become tokens, at most.
const MOST_PIECES: usize = 12;
/// How long these tokens are together at most, in bytes: a line of NATS has 4,096 bytes at most, with all that is on it.
const MOST_BYTES: usize = 512;
/// Bytes of the digest that stands for the rest of a name.
const DIGEST_BYTES: usize = 16;

/// What an engine is asked for: one subject, or, if it ends in a full stop, all of a subtree. In this form a tree stands
/// directly before what is in it, where subjects are in order.
pub(crate) type Subject = Arc<[u8]>;

/// Whether this stands for all subjects that begin with it.
pub(crate) fn is_tree(subject: &[u8]) -> bool {
    subject.ends_with(b".")
}

/// How an engine is asked for what somebody listens to.
#[derive(Clone, Debug)]
pub(crate) enum Naming {
    /// By subjects.
    Subjects(Subjects),
    /// By the names of channels and patterns as they are.
    Names,
}

impl Naming {
    /// What has to be asked for so that all comes that somebody who subscribes to this name is to hear.
    pub(crate) fn of_interest(&self, topic: Topic, name: &[u8]) -> Vec<u8> {
        match self {
            Naming::Subjects(subjects) => subjects.of_interest(topic, name),
            Naming::Names => [&[KINDS[topic as usize]], name, NO_TREE].concat(),
        }
    }
}

/// What names as they are begin with, by topic, and what they end in, so that none is a tree.
const KINDS: [u8; Topic::ALL.len()] = *b"cps";
const NO_TREE: &[u8] = b"\0";

/// The name that was asked for as it is.
pub(crate) fn read_name(subject: &[u8]) -> (Topic, &[u8]) {
    let topic = Topic::ALL.into_iter().find(|topic| subject.first() == Some(&KINDS[*topic as usize]));
    (topic.unwrap_or(Topic::Channel), subject.get(1..subject.len() - NO_TREE.len()).unwrap_or_default())
}

/// The subjects of one deployment, which begin with its prefix.
#[derive(Clone, Debug)]
pub(crate) struct Subjects {
    prefix: String,
}

impl Subjects {
    /// Those that begin with `prefix`, which is one token or several.
    pub(crate) fn new(prefix: &str) -> Self {
        Subjects { prefix: prefix.to_owned() }
    }

    /// What messages to this channel are published under.
    pub(crate) fn of_channel(&self, topic: Topic, name: &[u8]) -> Vec<u8> {
        let mut subject = Vec::new();
        self.push_channel(&mut subject, topic, name);
        subject
    }

    /// Appends the same.
    pub(crate) fn push_channel(&self, subject: &mut Vec<u8>, topic: Topic, name: &[u8]) {
        self.push_root(subject, topic);
        push_first(subject, name);
        match push_pieces(subject, name) {
            [] => subject.push(b'='),
            rest => push_digest(subject, rest),
        }
    }

    /// What has to be asked for so that all comes that somebody who subscribes to this name is to hear.
    pub(crate) fn of_interest(&self, topic: Topic, name: &[u8]) -> Vec<u8> {
        if topic != Topic::Pattern {
            return self.of_channel(topic, name);
        }
        let (literal, is_whole) = literal_prefix(name);
        if is_whole {
            return self.of_channel(topic, &literal);
        }
        let mut subject = Vec::new();
        self.push_root(&mut subject, topic);
        if !literal.is_empty() {
            push_first(&mut subject, &literal);
        }
        let end = literal.iter().rposition(|byte| SEPARATORS.contains(byte)).map_or(0, |last| last + 1);
        push_pieces(&mut subject, &literal[..end]);
        subject
    }

    /// What is published under this is for one node, or for all.
    pub(crate) fn of_control(&self, to: Option<Origin>) -> Vec<u8> {
        match to {
            Some(origin) => format!("{}.r.{origin:016x}", self.prefix).into_bytes(),
            None => format!("{}.n", self.prefix).into_bytes(),
        }
    }

    fn push_root(&self, subject: &mut Vec<u8>, topic: Topic) {
        let family = if topic == Topic::ShardChannel { b".s." } else { b".c." };
        subject.extend_from_slice(self.prefix.as_bytes());
        subject.extend_from_slice(family);
    }
}

/// The token of the first byte; that of the empty name is one that no byte has.
fn push_first(subject: &mut Vec<u8>, name: &[u8]) {
    match name.first() {
        Some(byte) => push_encoded(subject, &[*byte]),
        None => subject.push(b'='),
    }
    subject.push(b'.');
}

/// Appends as many pieces as there is room for, each with the full stop behind it, and answers what is left of the name.
fn push_pieces<'n>(subject: &mut Vec<u8>, name: &'n [u8]) -> &'n [u8] {
    let (begin, mut rest) = (subject.len(), name);
    for piece in name.split_inclusive(|byte| SEPARATORS.contains(byte)).take(MOST_PIECES) {
        let before = subject.len();
        // An encoded byte has three.
        if piece.len() <= MOST_BYTES {
            push_encoded(subject, piece);
        }
        if piece.len() > MOST_BYTES || subject.len() - begin > MOST_BYTES {
            subject.truncate(before);
            break;
        }
        subject.push(b'.');
        rest = &rest[piece.len()..];
    }
    rest
}

fn push_encoded(subject: &mut Vec<u8>, piece: &[u8]) {
    for byte in piece {
        if byte.is_ascii_graphic() && !b".*>=".contains(byte) {
            subject.push(*byte);
        } else {
            subject.push(b'=');
            push_hex(subject, *byte);
        }
    }
}

fn push_digest(subject: &mut Vec<u8>, rest: &[u8]) {
    // No encoded byte has an h.
    subject.extend_from_slice(b"=h");
    Sha256::digest(rest)[..DIGEST_BYTES].iter().for_each(|byte| push_hex(subject, *byte));
}

fn push_hex(subject: &mut Vec<u8>, byte: u8) {
    let digit = |value: u8| b"0123456789ABCDEF"[usize::from(value)];
    subject.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
}

/// What every channel begins with that a pattern matches, and whether that is the only such channel.
fn literal_prefix(pattern: &[u8]) -> (Vec<u8>, bool) {
    let (mut literal, mut rest) = (Vec::new(), pattern);
    while let Some((token, behind)) = crate::pattern::Token::split_first(rest) {
        let crate::pattern::Token::Byte(byte) = token else { return (literal, false) };
        literal.push(byte);
        rest = behind;
    }
    (literal, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::matches;

    fn text(subject: &[u8]) -> String {
        String::from_utf8(subject.to_vec()).expect("subjects are ASCII")
    }

    fn of_channel(name: &[u8]) -> String {
        text(&Subjects::new("p").of_channel(Topic::Channel, name))
    }

    fn of_pattern(name: &[u8]) -> String {
        text(&Subjects::new("p").of_interest(Topic::Pattern, name))
    }

    #[test]
    fn names_are_cut_where_people_cut_them() {
        for (name, subject) in [
            (&b"news:sport:tennis"[..], "p.c.n.news:.sport:.tennis.="),
            (b"a.b/c#d-e", "p.c.a.a=2E.b/.c#.d-.e.="),
            (b"", "p.c.=.="),
            (b":", "p.c.:.:.="),
            (b"a b\xff*>=", "p.c.a.a=20b=FF=2A=3E=3D.="),
        ] {
            assert_eq!(of_channel(name), subject);
        }
        assert_eq!(text(&Subjects::new("p").of_channel(Topic::ShardChannel, b"x")), "p.s.x.x.=");
    }

    #[test]
    fn a_pattern_asks_for_the_smallest_tree_and_for_everything_only_if_it_begins_with_a_wildcard() {
        for (pattern, subject) in [
            (&b"news:*"[..], "p.c.n.news:."),
            (b"news:sp*", "p.c.n.news:."),
            (b"news:sport:?", "p.c.n.news:.sport:."),
            (b"news*", "p.c.n."),
            (b"*", "p.c."),
            (b"[ab]c", "p.c."),
            (b"plain", "p.c.p.plain.="),
            (br"\*x", "p.c.=2A.=2Ax.="),
            (br"\*x*", "p.c.=2A."),
        ] {
            assert_eq!(of_pattern(pattern), subject);
        }
    }

    #[test]
    fn names_as_they_are_are_read_again_and_are_no_trees() {
        for topic in Topic::ALL {
            for name in [&b""[..], b"news.", b"a\0"] {
                let asked = Naming::Names.of_interest(topic, name);
                assert!(!is_tree(&asked));
                assert_eq!(read_name(&asked), (topic, name));
            }
        }
    }

    #[test]
    fn long_names_have_short_subjects_of_their_own() {
        let many = b"a:".repeat(1000);
        let long = vec![0xff; 100_000];
        for name in [&many[..], &long, &[&many[..], b"b"].concat(), &[&long[..], b"b"].concat()] {
            let subject = of_channel(name);
            assert!(subject.len() < 700, "{}", subject.len());
            assert_ne!(subject, of_channel(&name[1..]));
        }
    }

    #[test]
    fn whatever_a_pattern_matches_lies_in_what_it_asks_for() {
        let mut random = fastrand::Rng::with_seed(20);
        let mut any = |most: usize, letters: &[u8]| -> Vec<u8> {
            let len = random.usize(..=most);
            (0..len).map(|_| letters[random.usize(..letters.len())]).collect()
        };
        let mut matched = 0;
        for round in 0..20_000 {
            // Long ones, too, of which only the beginning is tokens.
            let begin = if round % 5 == 0 { b"a:".repeat(MOST_PIECES - 2) } else { Vec::new() };
            let pattern = [&begin[..], &any(6, b"ab:.*?[]\\-")].concat();
            let channel = [&begin[..], &any(8, b"ab:.-*")].concat();
            if matches(&pattern, &channel) {
                matched += 1;
                let (asked, subject) = (of_pattern(&pattern), of_channel(&channel));
                let comes = if is_tree(asked.as_bytes()) { subject.starts_with(&asked) } else { subject == asked };
                assert!(comes, "{pattern:?} asks for {asked}, {channel:?} is {subject}");
            }
        }
        assert!(matched > 500, "{matched}");
    }
}
