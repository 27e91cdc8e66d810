//! Commands of all families, mostly valid.

use fastrand::Rng;

use super::hearing::Record;
use crate::mutation::{mutate, pick};

/// The channels, which are names of sharded channels, too.
pub(super) const CHANNELS: [&str; 4] = ["a", "ab", "b", "news"];
const PATTERNS: [&str; 6] = ["a*", "?", "*", "[ab]*", "a", "*w*"];
const KEYS: [&str; 5] = ["k", "l", "s", "t", "u"];
const VALUES: [&str; 8] = ["", "x", "hello", "10", "-3", "1.5", "a longer value with blanks", "\0\r\n\u{fe}"];
const NUMBERS: [&str; 12] =
    ["0", "1", "-1", "2", "3", "10", "100", "-5", "9223372036854775807", "-9223372036854775808", "1000000", "x"];
const IDS: [&str; 8] = ["1-1", "2-0", "5", "0", "-", "+", "9-9", "18446744073709551615-18446744073709551615"];
const PROTOS: [&str; 4] = ["2", "3", "3", "4"];

/// Words in small letters stand for something that is chosen: `k` a key, `v` a value, `n` a number, `c` a channel, `p` a
/// pattern, `m` a message, `e` an id of an entry, `i` the id of a client, `h` a version of the protocol.
const COMMANDS: [&str; 164] = [
    "PUBLISH c m",
    "PUBLISH c m",
    "PUBLISH c m",
    "PUBLISH c m",
    "PUBLISH c m",
    "PUBLISH c m",
    "SPUBLISH c m",
    "SPUBLISH c m",
    "SUBSCRIBE c",
    "SUBSCRIBE c c",
    "SUBSCRIBE c c c",
    "PSUBSCRIBE p",
    "PSUBSCRIBE p p",
    "SSUBSCRIBE c",
    "UNSUBSCRIBE",
    "UNSUBSCRIBE c",
    "PUNSUBSCRIBE",
    "PUNSUBSCRIBE p",
    "SUNSUBSCRIBE",
    "SUNSUBSCRIBE c c",
    "PUBSUB CHANNELS",
    "PUBSUB CHANNELS p",
    "PUBSUB NUMSUB c c",
    "PUBSUB NUMPAT",
    "PUBSUB SHARDCHANNELS",
    "PUBSUB SHARDNUMSUB c",
    "MULTI",
    "MULTI",
    "EXEC",
    "EXEC",
    "EXEC",
    "DISCARD",
    "WATCH k k",
    "UNWATCH",
    "PING",
    "PING v",
    "ECHO v",
    "SELECT n",
    "HELLO h",
    "HELLO h",
    "HELLO h SETNAME k",
    "RESET",
    "QUIT",
    "AUTH v",
    "TIME",
    "DBSIZE",
    "LOLWUT",
    "CLIENT ID",
    "CLIENT INFO",
    "CLIENT LIST",
    "CLIENT LIST TYPE pubsub",
    "CLIENT LIST ID i i",
    "CLIENT SETNAME k",
    "CLIENT GETNAME",
    "CLIENT SETINFO LIB-NAME k",
    "CLIENT KILL ID i",
    "CLIENT KILL TYPE normal",
    "CLIENT KILL TYPE normal SKIPME no",
    "CLIENT PAUSE 5",
    "CLIENT PAUSE 20 WRITE",
    "CLIENT UNPAUSE",
    "CLIENT UNBLOCK i",
    "CLIENT UNBLOCK i ERROR",
    "CLIENT REPLY ON",
    "CLIENT REPLY OFF",
    "CLIENT REPLY SKIP",
    "CLIENT NO-EVICT ON",
    "CLIENT TRACKING ON",
    "CLIENT TRACKING ON BCAST PREFIX k",
    "CLIENT TRACKING ON REDIRECT i",
    "CLIENT TRACKING ON OPTIN",
    "CLIENT TRACKING OFF",
    "CLIENT CACHING YES",
    "CLIENT TRACKINGINFO",
    "CLIENT GETREDIR",
    "SET k v",
    "SET k n",
    "SET k v EX n",
    "SET k v NX GET",
    "SET k v PX n KEEPTTL",
    "GET k",
    "GETDEL k",
    "GETEX k PX n",
    "GETSET k v",
    "MGET k k k",
    "MSET k v k v",
    "MSETNX k v k n",
    "INCR k",
    "INCRBY k n",
    "DECRBY k n",
    "INCRBYFLOAT k n",
    "APPEND k v",
    "STRLEN k",
    "SETRANGE k 3 v",
    "GETRANGE k n n",
    "LCS k k",
    "LCS k k IDX",
    "DEL k k",
    "UNLINK k",
    "EXISTS k k",
    "TYPE k",
    "EXPIRE k n",
    "PEXPIRE k n NX",
    "EXPIREAT k n",
    "TTL k",
    "PERSIST k",
    "RENAME k k",
    "RENAMENX k k",
    "COPY k k REPLACE",
    "KEYS p",
    "SCAN 0 COUNT n",
    "RANDOMKEY",
    "TOUCH k",
    "SORT k",
    "SORT k ALPHA DESC LIMIT n n",
    "SORT k BY nosort GET # STORE k",
    "OBJECT ENCODING k",
    "OBJECT FREQ k",
    "MOVE k n",
    "SWAPDB 0 n",
    "FLUSHDB",
    "FLUSHALL ASYNC",
    "LPUSH k v v",
    "RPUSH k n n v",
    "LPOP k",
    "RPOP k n",
    "LRANGE k n n",
    "LINDEX k n",
    "LLEN k",
    "LSET k n v",
    "LINSERT k BEFORE v n",
    "LREM k n v",
    "LTRIM k n n",
    "LPOS k v RANK n",
    "LMOVE k k LEFT RIGHT",
    "LMPOP 2 k k LEFT COUNT n",
    "BLPOP k k 0",
    "BRPOP k 1",
    "BLMOVE k k LEFT LEFT 0.01",
    "BLMPOP 0 1 k RIGHT",
    "XADD k * k v",
    "XADD k e k v k v",
    "XADD k MAXLEN ~ n * k v",
    "XLEN k",
    "XRANGE k e e COUNT n",
    "XREVRANGE k + -",
    "XDEL k e",
    "XTRIM k MAXLEN n",
    "XREAD COUNT n STREAMS k k 0 0",
    "XREAD BLOCK 5 STREAMS k $",
    "XGROUP CREATE k k e MKSTREAM",
    "XGROUP CREATE k k $ ENTRIESREAD n",
    "XGROUP DESTROY k k",
    "XREADGROUP GROUP k k COUNT n STREAMS k >",
    "XREADGROUP GROUP k k BLOCK 10 STREAMS k >",
    "XACK k k e",
    "XPENDING k k",
    "XCLAIM k k k 0 e",
    "XAUTOCLAIM k k k 0 e",
    "XINFO STREAM k FULL",
    "XINFO GROUPS k",
    "XSETID k e",
    "COMMAND DOCS get",
    "COMMAND GETKEYS SET k v",
];

/// Others that are rarely sent: their answers are long, or they change what is answered to all that follows.
const RARE: [&str; 16] = [
    "INFO",
    "INFO everything",
    "COMMAND",
    "COMMAND LIST",
    "COMMAND DOCS",
    "CONFIG GET *",
    "CONFIG SET slowlog-max-len n",
    "CONFIG SET notify-keyspace-events KEA",
    "CONFIG RESETSTAT",
    "SLOWLOG GET n",
    "LATENCY HISTOGRAM",
    "MEMORY USAGE k",
    "MEMORY STATS",
    "MONITOR",
    "ACL CAT",
    "CLUSTER SLOTS",
];

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Request {
    args: Vec<Vec<u8>>,
    /// The number of the message that it publishes, if it is valid and does.
    pub(super) message: Option<u64>,
}

impl Request {
    /// Its bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("*{}\r\n", self.args.len()).into_bytes();
        for arg in &self.args {
            bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
            bytes.extend_from_slice(arg);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    }

    /// Its words without regard to case, as they stand in the table above.
    pub(super) fn is(&self, words: &str) -> bool {
        let mut args = self.args.iter();
        words.split(' ').all(|word| args.next().is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes())))
    }

    /// Whether it is a word and nothing else: what is refused for its number of arguments ends no transaction.
    pub(super) fn is_bare(&self) -> bool {
        self.args.len() == 1
    }

    /// Names one channel or pattern in place of none or several: within a transaction several confirmations would be
    /// taken for the answers of several commands, in Redis as well.
    pub(super) fn name_one(&mut self) {
        self.args.truncate(2);
        if self.args.len() < 2 {
            self.args.push(b"a".to_vec());
        }
    }

    /// Whether a confirmation for each name answers it.
    pub(super) fn is_confirmed(&self) -> bool {
        self.args[0].to_ascii_lowercase().ends_with(b"subscribe")
    }
}

/// A request, which is mutated now and then. Messages have numbers only where they will be sent as they are.
pub(super) fn request(record: &mut Record, numbered: bool, random: &mut Rng) -> Request {
    let mutated = random.u8(0..20) == 0;
    let template = if random.u8(0..60) == 0 { pick(&RARE, random) } else { pick(&COMMANDS, random) };
    let mut message = None;
    let mut args: Vec<Vec<u8>> = Vec::new();
    for word in template.split(' ') {
        let text = match word {
            "k" => pick(&KEYS, random).into(),
            "v" => pick(&VALUES, random).into(),
            "n" => pick(&NUMBERS, random).into(),
            "c" => pick(&CHANNELS, random).into(),
            "p" => pick(&PATTERNS, random).into(),
            "e" => pick(&IDS, random).into(),
            "h" => pick(&PROTOS, random).into(),
            // The first client is never meant.
            "i" => random.u8(2..9).to_string(),
            "m" if mutated || !numbered => "anything".into(),
            "m" => {
                let number = record.next_message();
                message = Some(number);
                payload(number)
            }
            _ => word.into(),
        };
        args.push(text.into_bytes());
    }
    if mutated {
        change(&mut args, random);
    }
    Request { args, message }
}

/// The payload of a message: its number, and as many letters as follow from it.
pub(super) fn payload(number: u64) -> String {
    let len = [0, 1, 30, 1500][(number % 4) as usize];
    format!("message {number} {}", "z".repeat(len))
}

/// Drops, repeats or changes an argument other than the command's name.
fn change(args: &mut Vec<Vec<u8>>, random: &mut Rng) {
    let at = random.usize(0..=args.len());
    match random.u8(0..4) {
        0 if at > 0 && at < args.len() => drop(args.remove(at)),
        1 if at > 0 && at < args.len() => {
            let copy = args[at].clone();
            args.insert(at, copy);
        }
        2 => args.push(pick(&NUMBERS, random).into()),
        _ if at > 0 && at < args.len() => mutate(&mut args[at], 2, random),
        _ => args.push(pick(&VALUES, random).into()),
    }
}
