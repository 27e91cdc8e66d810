//! LCS: the longest subsequence that two strings have in common.

use crate::command::Call;
use crate::keyspace::text::Text;
use crate::resp::decode::{Args, parse_integer};
use crate::resp::errors::ReplyError;

#[derive(Debug, Default)]
struct Options {
    len: bool,
    matches: bool,
    with_len: bool,
    least_len: u64,
}

pub(super) fn lcs(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    let most_bytes = call.settings.proto_max_bulk_len.0;
    let (mut keys, reply) = call.keys();
    let [one, two] =
        [&args[1], &args[2]].map(|key| keys.text(key).map(|text| text.map_or_else(Vec::new, Text::to_vec)));
    let (Ok(one), Ok(two)) = (one, two) else { return Err(ReplyError::LCS_NEEDS_STRINGS) };
    let options = options(args)?;
    let bytes = (one.len() as u128 + 1) * (two.len() as u128 + 1) * size_of::<u32>() as u128;
    if bytes > u128::from(most_bytes) {
        return Err(ReplyError::LCS_TOO_LARGE);
    }
    let lengths = Lengths::of(&one, &two);
    if options.matches {
        let mut matches = lengths.matches(&one, &two);
        matches.retain(|found| found.len as u64 >= options.least_len);
        reply.map(2);
        reply.bulk("matches");
        reply.array(matches.len());
        for Match { one, two, len } in matches {
            reply.array(2 + usize::from(options.with_len));
            for start in [one, two] {
                reply.array(2);
                reply.count(start);
                reply.count(start + len - 1);
            }
            if options.with_len {
                reply.count(len);
            }
        }
        reply.bulk("len");
        reply.count(lengths.total());
    } else if options.len {
        reply.count(lengths.total());
    } else {
        let mut matches = lengths.matches(&one, &two);
        matches.reverse();
        let parts: Vec<&[u8]> = matches.iter().map(|found| &one[found.one..found.one + found.len]).collect();
        reply.bulk(parts.concat());
    }
    Ok(())
}

fn options(args: Args<'_>) -> Result<Options, ReplyError> {
    let mut options = Options::default();
    let mut rest = args.from(3);
    while let Some(option) = rest.next() {
        let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
        if is("idx") {
            options.matches = true;
        } else if is("len") {
            options.len = true;
        } else if is("withmatchlen") {
            options.with_len = true;
        } else if is("minmatchlen") && rest.len() > 0 {
            let least = rest.next().and_then(parse_integer).ok_or(ReplyError::NOT_AN_INTEGER)?;
            options.least_len = u64::try_from(least).unwrap_or(0);
        } else {
            return Err(ReplyError::SYNTAX);
        }
    }
    if options.len && options.matches { Err(ReplyError::LCS_LEN_OR_IDX) } else { Ok(options) }
}

/// A part that both strings have.
#[derive(Debug)]
struct Match {
    /// Where it begins in the first string.
    one: usize,
    /// Where it begins in the second string.
    two: usize,
    len: usize,
}

/// For each pair of beginnings of both strings, the length of the longest subsequence that they have in common.
struct Lengths {
    table: Vec<u32>,
    columns: usize,
}

impl Lengths {
    fn of(one: &[u8], two: &[u8]) -> Self {
        let columns = two.len() + 1;
        let mut lengths = Lengths { table: vec![0; (one.len() + 1) * columns], columns };
        for (i, a) in one.iter().enumerate() {
            for (j, b) in two.iter().enumerate() {
                let longest =
                    if a == b { lengths.at(i, j) + 1 } else { lengths.at(i, j + 1).max(lengths.at(i + 1, j)) };
                lengths.table[(i + 1) * columns + j + 1] = longest;
            }
        }
        lengths
    }

    fn at(&self, i: usize, j: usize) -> u32 {
        self.table[i * self.columns + j]
    }

    fn total(&self) -> usize {
        self.table.last().copied().unwrap_or(0) as usize
    }

    /// The parts that the subsequence consists of, the last first. Of several subsequences of the same length it is the
    /// one that Redis finds.
    fn matches(&self, one: &[u8], two: &[u8]) -> Vec<Match> {
        let mut matches: Vec<Match> = Vec::new();
        let (mut i, mut j) = (one.len(), two.len());
        while i > 0 && j > 0 {
            if one[i - 1] == two[j - 1] {
                match matches.last_mut() {
                    Some(last) if last.one == i && last.two == j => {
                        *last = Match { one: i - 1, two: j - 1, len: last.len + 1 };
                    }
                    _ => matches.push(Match { one: i - 1, two: j - 1, len: 1 }),
                }
                i -= 1;
                j -= 1;
            } else if self.at(i - 1, j) > self.at(i, j - 1) {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        matches
    }
}
