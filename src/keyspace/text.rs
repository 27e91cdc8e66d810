//! Strings.

/// A string, laid out as its content suggests.
#[derive(Clone, Debug)]
pub enum Text {
    /// The decimal digits of an integer.
    Integer(i64),
    /// Any bytes.
    Plain(Vec<u8>),
    /// Any bytes that a command has changed in place, with room for more.
    Grown(Box<Vec<u8>>),
}
