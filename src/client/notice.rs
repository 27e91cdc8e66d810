//! What clients that cache keys are told.

use bytes::Bytes;

use crate::ids::ClientId;
use crate::mailbox::Cost;
use crate::message::Frame;
use crate::resp::Proto;
use crate::resp::encode::Reply;

/// The channel on which a RESP2 client is told what others are to forget.
const CHANNEL: &str = "__redis__:invalidate";

/// Which keys are to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// These: an array, encoded, which is the same in all versions of the protocol.
    Keys(Bytes),
    /// All.
    All,
}

impl Forgotten {
    /// These keys.
    pub(crate) fn keys<'k>(keys: impl ExactSizeIterator<Item = &'k [u8]>) -> Self {
        let mut array = Reply::new(Vec::new(), Proto::default());
        array.array(keys.len());
        keys.for_each(|key| array.bulk(key));
        Forgotten::Keys(array.into_bytes().into())
    }

    fn write(&self, push: &mut Reply) {
        match self {
            Forgotten::Keys(array) => push.raw(array),
            Forgotten::All => push.null(),
        }
    }
}

/// What one client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// To forget keys that it caches, or, if that was redirected, that another client caches.
    Forget {
        /// Which.
        keys: Forgotten,
        /// Whether they are another client's.
        redirected: bool,
    },
    /// That this client, which was to be told in its place, has gone.
    RedirectionBroken(ClientId),
}

impl Cost for Notice {
    fn cost(&self) -> usize {
        match self {
            Notice::Forget { keys: Forgotten::Keys(array), .. } => array.len(),
            Notice::Forget { keys: Forgotten::All, .. } | Notice::RedirectionBroken(_) => 0,
        }
    }
}

impl Notice {
    /// The notice for a client that speaks `proto` and is a subscriber or none; none if such a client cannot be told: RESP2
    /// has no pushes but messages, and those are for subscribers.
    pub(crate) fn frame(&self, proto: Proto, is_subscriber: bool) -> Option<Frame> {
        let mut push = Reply::new(Vec::new(), proto);
        match (self, proto) {
            (Notice::Forget { keys, .. }, Proto::Resp3) => push.push(2, |push| {
                push.bulk("invalidate");
                keys.write(push);
            }),
            (Notice::Forget { keys, redirected: true }, Proto::Resp2) if is_subscriber => push.push(3, |push| {
                push.bulk("message");
                push.bulk(CHANNEL);
                keys.write(push);
            }),
            (Notice::RedirectionBroken(client), Proto::Resp3) => push.push(2, |push| {
                push.bulk("tracking-redir-broken");
                push.integer(*client as i64);
            }),
            (_, Proto::Resp2) => return None,
        }
        Some(Frame::whole(push.into_bytes()))
    }
}
