//! The wire: requests in, replies and pushes out.
//!
//! [`decode`] turns received bytes into [arguments](args), [`encode`] writes replies in RESP2 or RESP3, of which
//! [answers](answer) are made, [`errors`] holds every error text that a client may match on.

pub mod answer;
pub mod args;
pub mod decode;
pub(crate) mod double;
pub mod encode;
pub mod errors;

/// The protocol version a client has chosen with HELLO; RESP2 until it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proto {
    /// Arrays, bulks, integers and simple strings only.
    #[default]
    Resp2,
    /// Adds maps, sets, doubles, booleans, nulls and pushes.
    Resp3,
}

impl Proto {
    /// Both versions, for what must hold in each.
    pub const ALL: [Proto; 2] = [Proto::Resp2, Proto::Resp3];

    /// The number that HELLO and CLIENT LIST show.
    pub fn number(self) -> u8 {
        match self {
            Proto::Resp2 => 2,
            Proto::Resp3 => 3,
        }
    }

    /// The version with this number, the oldest if there is none.
    pub(crate) fn numbered(number: u8) -> Proto {
        Proto::ALL.into_iter().find(|proto| proto.number() == number).unwrap_or_default()
    }

    /// An index for tables with one entry a version.
    pub(crate) fn index(self) -> usize {
        self as usize
    }
}
