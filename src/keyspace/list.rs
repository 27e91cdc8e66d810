//! Lists.

/// A list of strings.
#[derive(Clone, Debug, Default)]
pub struct List;
