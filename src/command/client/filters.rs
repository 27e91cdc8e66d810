//! Which clients LIST shows and KILL ends: those that pass every filter.
//!
//! Source: the filters of Redis 7.4 (`ID`, `TYPE`, `USER`, `ADDR`, `LADDR`, `SKIPME`, `MAXAGE`), and those that Valkey 9 has
//! beside them (`NAME`, `LIB-NAME`, `LIB-VER`, `IDLE`, `FLAGS`, `IP`, `DB`, and `NOT-` in front of each but the ages).

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::list::{ClientType, flags};
use crate::acl::User;
use crate::client::registry::ClientInfo;
use crate::command::Call;
use crate::ids::ClientId;
use crate::resp::decode::parse_integer;
use crate::resp::errors::ReplyError;

/// What is asked of a client.
#[derive(Debug)]
enum Test<'a> {
    Ids(Vec<ClientId>),
    Class(ClientType),
    Peer(&'a [u8]),
    Local(&'a [u8]),
    /// The peer's address without its port.
    Ip(&'a [u8]),
    User(Arc<User>),
    Name(&'a [u8]),
    LibName(&'a [u8]),
    LibVersion(&'a [u8]),
    Db(i64),
    /// All of these letters.
    Flags(&'a [u8]),
    /// Connected for at least so many seconds.
    Age(u64),
    /// Silent for at least so many seconds.
    Idle(u64),
}

/// What has to hold, or must not.
#[derive(Debug)]
struct Filter<'a> {
    test: Test<'a>,
    negated: bool,
}

/// What has to hold of a client.
#[derive(Debug, Default)]
pub(super) struct Filters<'a> {
    all: Vec<Filter<'a>>,
    spares_caller: bool,
}

/// The letters that `FLAGS` may ask for.
const LETTERS: &[u8] = b"OPxbtRBcAUeTN";

impl<'a> Filters<'a> {
    /// The client with this address.
    pub(super) fn peer(peer: &'a [u8]) -> Self {
        Filters { all: vec![Filter { test: Test::Peer(peer), negated: false }], spares_caller: false }
    }

    /// Reads the arguments behind the subcommand. Without `SKIPME` the caller is spared as said.
    pub(super) fn read(call: &Call<'a, '_>, spares_caller: bool) -> Result<Self, ReplyError> {
        let mut filters = Filters { all: Vec::new(), spares_caller };
        let args: Vec<&[u8]> = call.args.from(2).collect();
        let mut rest = &args[..];
        while let Some((word, values)) = rest.split_first() {
            let (&value, mut behind) = values.split_first().ok_or(ReplyError::SYNTAX)?;
            let (negated, kind) = find(word).ok_or(ReplyError::SYNTAX)?;
            let test = match kind {
                Kind::Caller if negated => return Err(ReplyError::SYNTAX),
                Kind::Caller => {
                    filters.spares_caller = yes_or_no(value)?;
                    None
                }
                Kind::Ids => {
                    let more = behind.iter().take_while(|arg| parse_integer(arg).is_some()).count();
                    let ids = [value].into_iter().chain(behind[..more].iter().copied()).map(id);
                    behind = &behind[more..];
                    Some(Test::Ids(ids.collect::<Result<_, _>>()?))
                }
                Kind::Age(_) if negated => return Err(ReplyError::SYNTAX),
                Kind::Any(read) | Kind::Age(read) => Some(read(value)?),
                Kind::User => Some(Test::User(user(call, value)?)),
            };
            filters.all.extend(test.map(|test| Filter { test, negated }));
            rest = behind;
        }
        Ok(filters)
    }

    /// Whether a client passes all of them.
    pub(super) fn pass(&self, call: &Call<'_, '_>, info: &ClientInfo) -> bool {
        let is_spared = self.spares_caller && info.id == call.info.id;
        !is_spared && self.all.iter().all(|filter| filter.test.holds(call, info) != filter.negated)
    }
}

impl Test<'_> {
    fn holds(&self, call: &Call<'_, '_>, info: &ClientInfo) -> bool {
        let seconds_since = |then_ms: u64| call.now.ms().saturating_sub(then_ms) / 1000;
        match self {
            Test::Ids(ids) => ids.contains(&info.id),
            Test::Class(class) => *class == ClientType::of(info),
            Test::Peer(peer) => *peer == info.address.peer().as_bytes(),
            Test::Local(local) => *local == info.address.local().as_bytes(),
            Test::Ip(ip) => {
                let peer = info.address.peer();
                peer.rsplit_once(':').is_some_and(|(of, _)| of.trim_matches(['[', ']']).as_bytes() == *ip)
            }
            Test::User(user) => Arc::ptr_eq(user, &info.user(&call.server.acl)),
            Test::Name(name) => info.labels().name.as_bytes() == *name,
            Test::LibName(name) => info.labels().lib_name.as_bytes() == *name,
            Test::LibVersion(version) => info.labels().lib_version.as_bytes() == *version,
            Test::Db(db) => *db == i64::from(info.db.load(Relaxed)),
            Test::Flags(letters) => {
                let set = flags(info);
                letters.iter().all(|letter| set.as_bytes().contains(letter))
            }
            Test::Age(age) => seconds_since(info.connected_ms) >= *age,
            Test::Idle(idle) => seconds_since(info.active_ms.load(Relaxed)) >= *idle,
        }
    }
}

/// Reads what a filter asks for.
type Read = for<'a> fn(&'a [u8]) -> Result<Test<'a>, ReplyError>;

/// What a filter's name stands for.
enum Kind {
    /// One number or more.
    Ids,
    /// Whether the caller is spared.
    Caller,
    /// A user.
    User,
    /// What may hold or must not.
    Any(Read),
    /// What cannot be negated.
    Age(Read),
}

/// Every filter.
static FILTERS: [(&[u8], Kind); 14] = [
    (b"id", Kind::Ids),
    (b"skipme", Kind::Caller),
    (b"type", Kind::Any(|value| ClientType::parse(value).map(Test::Class))),
    (b"addr", Kind::Any(|value| Ok(Test::Peer(value)))),
    (b"laddr", Kind::Any(|value| Ok(Test::Local(value)))),
    (b"ip", Kind::Any(|value| Ok(Test::Ip(value)))),
    (b"user", Kind::User),
    (b"name", Kind::Any(|value| Ok(Test::Name(value)))),
    (b"lib-name", Kind::Any(|value| Ok(Test::LibName(value)))),
    (b"lib-ver", Kind::Any(|value| Ok(Test::LibVersion(value)))),
    (b"db", Kind::Any(|value| parse_integer(value).map(Test::Db).ok_or(ReplyError::NOT_AN_INTEGER))),
    (b"flags", Kind::Any(letters)),
    (
        b"maxage",
        Kind::Age(|value| {
            let age = parse_integer(value).ok_or(ReplyError::MAXAGE_NOT_AN_INTEGER)?;
            positive(age).map(Test::Age).ok_or(ReplyError::MAXAGE_POSITIVE)
        }),
    ),
    (
        b"idle",
        Kind::Age(|value| {
            let idle = parse_integer(value).ok_or(ReplyError::IDLE_NOT_AN_INTEGER)?;
            positive(idle).map(Test::Idle).ok_or(ReplyError::IDLE_POSITIVE)
        }),
    ),
];

/// The filter of this name, and whether it is negated.
fn find(word: &[u8]) -> Option<(bool, &'static Kind)> {
    let word = word.to_ascii_lowercase();
    let (negated, name) = word.strip_prefix(b"not-").map_or((false, &*word), |name| (true, name));
    FILTERS.iter().find(|(known, _)| *known == name).map(|(_, kind)| (negated, kind))
}

/// Whether this word is the name of a filter.
pub(super) fn is_name(word: &[u8]) -> bool {
    find(word).is_some()
}

fn user(call: &Call<'_, '_>, name: &[u8]) -> Result<Arc<User>, ReplyError> {
    call.server.acl.get(name).ok_or_else(|| ReplyError::no_such_user(name))
}

fn letters(letters: &[u8]) -> Result<Test<'_>, ReplyError> {
    let known = letters.iter().all(|letter| LETTERS.contains(letter));
    if known { Ok(Test::Flags(letters)) } else { Err(ReplyError::unknown_client_flags(letters)) }
}

fn id(text: &[u8]) -> Result<ClientId, ReplyError> {
    let id = parse_integer(text).and_then(positive);
    id.ok_or(ReplyError::CLIENT_ID_POSITIVE)
}

fn positive(number: i64) -> Option<u64> {
    u64::try_from(number).ok().filter(|number| *number > 0)
}

fn yes_or_no(word: &[u8]) -> Result<bool, ReplyError> {
    match word.to_ascii_lowercase().as_slice() {
        b"yes" => Ok(true),
        b"no" => Ok(false),
        _ => Err(ReplyError::SYNTAX),
    }
}
