//! What the value of a directive may be: bounds and words.

/// Bounds of a number (inclusive), or the words that are allowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    pub(super) min: i128,
    pub(super) max: i128,
    pub(crate) words: &'static [&'static str],
}

/// No bounds beyond those of the type.
pub(crate) const ANY: Rule = Rule { min: i128::MIN, max: i128::MAX, words: &[] };
/// The largest value of a C `int`, which bounds most of Redis' numbers.
pub(crate) const INT_MAX: i128 = i32::MAX as i128;
/// The largest value of a C `long`.
pub(crate) const LONG_MAX: i128 = i64::MAX as i128;

/// A number from `min` to `max`, both included.
pub(crate) const fn number(min: i128, max: i128) -> Rule {
    Rule { min, max, words: &[] }
}

/// One of these words, in any case.
pub(crate) const fn words(words: &'static [&'static str]) -> Rule {
    Rule { min: 0, max: 0, words }
}

impl Rule {
    pub(super) fn bounded(&self, number: i128) -> Result<i128, String> {
        if (self.min..=self.max).contains(&number) { Ok(number) } else { Err(self.out_of_bounds()) }
    }

    pub(super) fn out_of_bounds(&self) -> String {
        format!("argument must be between {} and {} inclusive", self.min, self.max)
    }

    pub(super) fn range(&self) -> String {
        format!("{}..{}", self.min, self.max)
    }
}
