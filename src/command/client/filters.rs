//! Which clients LIST shows and KILL ends: those that pass every filter.
//!
//! Source: the filters of Redis 7.4 (`ID`, `TYPE`, `USER`, `ADDR`, `LADDR`, `SKIPME`, `MAXAGE`), and those that Valkey 9 has
//! beside them (`NAME`, `LIB-NAME`, `LIB-VER`, `IDLE`, `FLAGS`, `IP`, `DB`, and `NOT-` in front of each but the ages).

use std::sync::atomic::Ordering::Relaxed;

use super::list::{ClientType, flags};
use crate::client::registry::ClientInfo;
use crate::command::Call;
use crate::command::connection::DEFAULT_USER;
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
    /// There is one user.
    User,
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
            let word = word.to_ascii_lowercase();
            let (negated, name) = word.strip_prefix(b"not-").map_or((false, &*word), |name| (true, name));
            if word == b"skipme" {
                filters.spares_caller = yes_or_no(value)?;
            } else if name == b"id" {
                let more = behind.iter().take_while(|arg| parse_integer(arg).is_some()).count();
                let ids = [value].into_iter().chain(behind[..more].iter().copied()).map(id);
                filters.all.push(Filter { test: Test::Ids(ids.collect::<Result<_, _>>()?), negated });
                behind = &behind[more..];
            } else {
                filters.all.push(Filter { test: Test::read(name, value, negated)?, negated });
            }
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

impl<'a> Test<'a> {
    fn read(name: &[u8], value: &'a [u8], negated: bool) -> Result<Self, ReplyError> {
        Ok(match name {
            b"type" => Test::Class(ClientType::parse(value)?),
            b"addr" => Test::Peer(value),
            b"laddr" => Test::Local(value),
            b"ip" => Test::Ip(value),
            b"user" if value == DEFAULT_USER.as_bytes() => Test::User,
            b"user" => return Err(ReplyError::no_such_user(value)),
            b"name" => Test::Name(value),
            b"lib-name" => Test::LibName(value),
            b"lib-ver" => Test::LibVersion(value),
            b"db" => Test::Db(parse_integer(value).ok_or(ReplyError::NOT_AN_INTEGER)?),
            b"flags" if value.iter().all(|letter| LETTERS.contains(letter)) => Test::Flags(value),
            b"flags" => return Err(ReplyError::unknown_client_flags(value)),
            b"maxage" if !negated => {
                let age = parse_integer(value).ok_or(ReplyError::MAXAGE_NOT_AN_INTEGER)?;
                Test::Age(positive(age).ok_or(ReplyError::MAXAGE_POSITIVE)?)
            }
            b"idle" if !negated => {
                let idle = parse_integer(value).ok_or(ReplyError::IDLE_NOT_AN_INTEGER)?;
                Test::Idle(positive(idle).ok_or(ReplyError::IDLE_POSITIVE)?)
            }
            _ => return Err(ReplyError::SYNTAX),
        })
    }

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
            Test::User => true,
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

/// Whether this word is the name of a filter.
pub(super) fn is_name(word: &[u8]) -> bool {
    let word = word.to_ascii_lowercase();
    NAMES.contains(&word.strip_prefix(b"not-").unwrap_or(&word))
}

const NAMES: [&[u8]; 14] = [
    b"id",
    b"type",
    b"addr",
    b"laddr",
    b"ip",
    b"user",
    b"name",
    b"lib-name",
    b"lib-ver",
    b"db",
    b"flags",
    b"maxage",
    b"idle",
    b"skipme",
];

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
