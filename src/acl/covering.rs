//! Whether one pattern covers another: matches every channel that the other one matches.

use crate::pattern::{ByteSet, Token};

/// A token of a pattern whose stars and question marks are in order: a star stands behind the question marks beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Star,
    One(ByteSet),
}

/// A pattern of which is asked whether others cover it.
pub(super) struct Wanted {
    is_empty: bool,
    units: Vec<Unit>,
}

impl Wanted {
    pub(super) fn new(pattern: &[u8]) -> Self {
        Wanted { is_empty: pattern.is_empty(), units: units(pattern) }
    }

    /// Whether every channel that it matches is matched by `wide`, too. An answer of no may be wrong where the stars of both
    /// lie so that only a closer look could tell, or no steps are `left`; an answer of yes is never wrong. A step is a byte of
    /// `wide`, or a comparison of one place in both.
    pub(super) fn is_covered_by(&self, wide: &[u8], left: &mut usize) -> bool {
        if wide.is_empty() || self.is_empty {
            // The empty pattern matches the empty channel, and no other pattern does.
            return wide.is_empty() && self.is_empty;
        }
        if !take(left, wide.len()) {
            return false;
        }
        let wide = units(wide);
        // Which places in `wide` may be reached with what has been read of the other.
        let mut reached = vec![false; wide.len() + 1];
        reached[0] = true;
        skip_stars(&wide, &mut reached);
        for unit in &self.units {
            let mut next = vec![false; wide.len() + 1];
            for place in (0..wide.len()).filter(|place| reached[*place]) {
                match (&wide[place], unit) {
                    (Unit::Star, _) => next[place] = true,
                    (Unit::One(wide), Unit::One(narrow)) if narrow.without(wide) == ByteSet::default() => {
                        next[place + 1] = true;
                    }
                    _ => {}
                }
            }
            if !next.contains(&true) || !take(left, wide.len()) {
                return false;
            }
            reached = next;
            skip_stars(&wide, &mut reached);
        }
        reached[wide.len()]
    }
}

/// Takes steps off those that are left, if there are so many.
fn take(left: &mut usize, steps: usize) -> bool {
    let rest = left.checked_sub(steps);
    *left = rest.unwrap_or(0);
    rest.is_some()
}

/// A star stands for nothing, too.
fn skip_stars(wide: &[Unit], reached: &mut [bool]) {
    for place in 0..wide.len() {
        if reached[place] && wide[place] == Unit::Star {
            reached[place + 1] = true;
        }
    }
}

fn units(mut pattern: &[u8]) -> Vec<Unit> {
    let mut units = Vec::new();
    let mut star_waits = false;
    while let Some((token, rest)) = Token::split_first(pattern) {
        pattern = rest;
        let any = ByteSet::all();
        let unit = match token {
            Token::Star => {
                star_waits = true;
                continue;
            }
            Token::Any => any,
            Token::Byte(byte) => {
                let mut one = ByteSet::default();
                one.insert(byte);
                one
            }
            Token::Set(set) => ByteSet::of(set),
        };
        if star_waits && unit != any {
            units.push(Unit::Star);
            star_waits = false;
        }
        units.push(Unit::One(unit));
    }
    units.extend(star_waits.then_some(Unit::Star));
    units
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::matches;

    fn covers(wide: &[u8], narrow: &[u8]) -> bool {
        Wanted::new(narrow).is_covered_by(wide, &mut 100_000)
    }

    #[test]
    fn who_has_no_steps_left_finds_nothing_covered() {
        let (wide, narrow) = (b"*a*a*a*a*b", b"*a*a*a*a*ab");
        let mut left = 1_000;
        assert!(Wanted::new(narrow).is_covered_by(wide, &mut left));
        assert!(!Wanted::new(narrow).is_covered_by(wide, &mut (999 - left)));
        let mut left = 1_000;
        assert!(!Wanted::new(b"news:*").is_covered_by(b"sport:*:today:*", &mut left));
        assert!(left > 900, "another beginning is seen at once");
    }

    #[test]
    fn what_is_plainly_covered_is_found_to_be() {
        for (wide, narrow) in [
            ("news:*", "news:sport:*"),
            ("news:*", "news:*"),
            ("*", "a?b*"),
            ("n?ws", "news"),
            ("n[a-z]ws*", "n[ef]ws:*x"),
            ("*?", "?*"),
            ("?*", "*?"),
            ("a*c*", "abc*c"),
        ] {
            assert!(covers(wide.as_bytes(), narrow.as_bytes()), "{wide} {narrow}");
        }
        for (wide, narrow) in [("news:*", "news*"), ("a", "*"), ("a*b", "a*"), ("", "a"), ("*", ""), ("[ab]", "?")] {
            assert!(!covers(wide.as_bytes(), narrow.as_bytes()), "{wide} {narrow}");
        }
    }

    #[test]
    fn a_pattern_that_is_said_to_be_covered_matches_nothing_that_the_other_does_not() {
        let mut random = fastrand::Rng::with_seed(11);
        let mut text = |most: usize, letters: &[u8]| -> Vec<u8> {
            (0..random.usize(..=most)).map(|_| letters[random.usize(..letters.len())]).collect()
        };
        let mut found = 0;
        for _ in 0..3_000 {
            let (wide, narrow) = (text(5, b"ab*?[]^-\\"), text(5, b"ab*?[]^-\\"));
            if covers(&wide, &narrow) {
                found += 1;
                for _ in 0..50 {
                    let channel = text(6, b"ab-]*");
                    assert!(!matches(&narrow, &channel) || matches(&wide, &channel), "{wide:?} {narrow:?} {channel:?}");
                }
            }
        }
        assert!(found > 100, "{found}");
    }
}
