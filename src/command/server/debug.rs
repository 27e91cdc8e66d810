//! DEBUG: what the test suites of clients ask for. Refused unless `enable-debug-command` allows it.
//!
//! Redis has no subcommands here, only words, so COMMAND shows none; the words stand in a table of their own.

mod keys;

use std::ops::RangeInclusive;
use std::rc::Rc;
use std::time::Duration;

use super::DEFAULT;
use crate::client::registry::Flag;
use crate::command::spec::{Command, Flags, LocalHandler};
use crate::command::{LocalCall, introspect};
use crate::config::ByteSize;
use crate::message::Frame;
use crate::resp::Proto;
use crate::resp::encode::Reply;
use crate::resp::errors::ReplyError;
use crate::session::Blocked;

pub(super) const DEBUG: Command = Command {
    name: "debug",
    summary: "Groups what test suites of clients need",
    complexity: "Depends on subcommand",
    arity: -2,
    flags: Flags::ADMIN
        .and(Flags::NOSCRIPT)
        .and(Flags::LOADING)
        .and(Flags::STALE)
        .and(Flags::PROTECTED)
        .and(Flags::KEYSPACE),
    run_here: Some(debug),
    ..DEFAULT
};

/// One word behind DEBUG.
struct Word {
    name: &'static str,
    /// How many arguments may follow it.
    args: RangeInclusive<usize>,
    /// Those arguments, for people.
    usage: &'static str,
    summary: &'static str,
    run: LocalHandler,
}

const fn word(
    name: &'static str,
    args: RangeInclusive<usize>,
    usage: &'static str,
    summary: &'static str,
    run: LocalHandler,
) -> Word {
    Word { name, args, usage, summary, run }
}

const CRASH: &str = "Panic while this command runs: closes this connection, and no other.";
const NO_EFFECT: &str = "Accepted without effect.";
const NO_LAYOUT: &str = "Fail, because values are laid out in another way.";
const NO_DISK: &str = "Fail, because nothing is kept on disk.";

const WORDS: &[Word] = &[
    word("ASSERT", 0..=0, "", CRASH, crash),
    word("CHANGE-REPL-ID", 0..=0, "", NO_EFFECT, accept),
    word("DIGEST", 0..=0, "", "Show a signature of all keys.", keys::digest),
    word(
        "DIGEST-VALUE",
        0..=usize::MAX,
        "<key> [<key> ...]",
        "Show a signature of each of these keys' values.",
        keys::digest_value,
    ),
    word("ERROR", 1..=1, "<text>", "Answer an error with this text, code included.", error),
    word("LISTPACK", 1..=1, "<key>", NO_LAYOUT, keys::no_layout),
    word("LOADAOF", 0..=0, "", NO_DISK, no_disk),
    word("LOG", 1..=1, "<message>", "Write a line to the log.", log),
    word("OBJECT", 1..=1, "<key>", "Show how the value of a key is kept.", keys::object),
    word("PANIC", 0..=0, "", CRASH, crash),
    word("PROTOCOL", 1..=1, "<type>", "Answer a value of this type: a word of the error that another gets.", protocol),
    word("QUICKLIST", 1..=2, "<key> [<0|1>]", NO_LAYOUT, keys::no_layout),
    word("QUICKLIST-PACKED-THRESHOLD", 1..=1, "<size>", NO_EFFECT, packed_threshold),
    word("RELOAD", 0..=usize::MAX, "[<option> ...]", NO_DISK, reload),
    word("SDSLEN", 1..=1, "<key>", NO_LAYOUT, keys::no_layout),
    word("SEGFAULT", 0..=0, "", CRASH, crash),
    word(
        "SET-ACTIVE-EXPIRE",
        1..=1,
        "<0|1>",
        "Say whether keys are removed when their time is over though nobody asks for them.",
        keys::set_active_expire,
    ),
    word("SET-DISABLE-DENY-SCRIPTS", 1..=1, "<0|1>", NO_EFFECT, accept),
    word("SET-SKIP-CHECKSUM-VALIDATION", 1..=1, "<0|1>", NO_EFFECT, accept),
    word("SLEEP", 1..=1, "<seconds>", "Execute no commands for so long; messages go on being delivered.", sleep),
    word("STALL", 1..=1, "<seconds>", "Keep this client's io-thread from everything for so long.", stall),
];

fn debug(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    let given = call.args.len() - 2; // at least 0 by arity
    if given == 0 && call.is_word(1, "help") {
        return help(call);
    }
    match WORDS.iter().find(|word| call.is_word(1, word.name) && word.args.contains(&given)) {
        Some(word) => (word.run)(call),
        None => Err(introspect::wrong_subcommand(call)),
    }
}

fn help(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    call.reply.array(2 * WORDS.len() + 3);
    call.reply.simple("DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    for word in WORDS {
        call.reply.simple(format!("{} {}", word.name, word.usage).trim_end());
        call.reply.simple(&format!("    {}", word.summary));
    }
    call.reply.simple("HELP");
    call.reply.simple("    Print this help.");
    Ok(())
}

fn accept(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    call.reply.ok();
    Ok(())
}

fn no_disk(_: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    Err(ReplyError::NO_DISK)
}

fn reload(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    let known = |index| ["merge", "noflush", "nosave"].iter().any(|word| call.is_word(index, word));
    if (2..call.args.len()).all(known) { Err(ReplyError::NO_DISK) } else { Err(ReplyError::DEBUG_RELOAD) }
}

fn packed_threshold(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    const END: u64 = 4 << 30;
    match ByteSize::read(&call.args[2]) {
        Some(size) if size.0 < END => accept(call),
        _ => Err(ReplyError::PACKED_THRESHOLD),
    }
}

/// Ends this connection's task, on purpose: nobody else may notice.
fn crash(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    let word = String::from_utf8_lossy(&call.args[1]).to_uppercase();
    panic!("DEBUG {word} asked for by client {}", call.info.id);
}

/// An answer, not a failure: it does not count among the errors.
fn error(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    let text: Vec<u8> =
        call.args[2].iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }).collect();
    call.reply.raw(b"-");
    call.reply.raw(&text);
    call.reply.raw(b"\r\n");
    Ok(())
}

fn log(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    let text = String::from_utf8_lossy(&call.args[2]);
    tracing::warn!(client = call.info.id, "DEBUG LOG: {}", text.escape_debug());
    call.reply.ok();
    Ok(())
}

/// Withholds the answer and keeps everybody's commands waiting until then. Within EXEC nothing is withheld, for the
/// hub is locked; the others wait all the same.
fn sleep(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    // Earlier answers are not withheld, so that a confirmation still comes before the first message.
    call.queue_reply();
    call.reply.ok();
    let length = seconds(&call.args[2]);
    if length.is_zero() {
        return Ok(());
    }
    let us = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
    let until_ms = call.now.us().saturating_add(us).div_ceil(1000);
    call.slept_us = us;
    call.server.pause.sleep(until_ms);
    if !call.scope.executing {
        call.info.set_flag(Flag::Blocked, true);
        call.session.blocked = Some(Blocked::Sleeping(until_ms));
    }
    Ok(())
}

/// What no command may do: nobody is served by this thread meanwhile. Shows that others are.
fn stall(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    std::thread::sleep(seconds(&call.args[2]));
    call.reply.ok();
    Ok(())
}

/// What is no number, or none above zero, is no time at all, as in Redis.
fn seconds(text: &[u8]) -> Duration {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(0.0);
    Duration::try_from_secs_f64(number).unwrap_or_default()
}

/// Answers a value of one type.
type Sample = fn(&mut Reply);

/// The number that clients' tests expect of a double: not quite pi.
const DOUBLE: f64 = 3141.0 / 1000.0;

/// The types of the protocol, with what is answered to show each.
const TYPES: &[(&str, Sample)] = &[
    ("string", |reply| reply.bulk("Hello World")),
    ("integer", |reply| reply.integer(12345)),
    ("double", |reply| reply.double(DOUBLE)),
    ("bignum", |reply| reply.big_number(b"1234567999999999999999999999999999999")),
    ("null", Reply::null),
    ("array", |reply| {
        reply.array(3);
        (0..3).for_each(|number| reply.integer(number));
    }),
    ("set", |reply| {
        reply.set(3);
        (0..3).for_each(|number| reply.integer(number));
    }),
    ("map", |reply| {
        reply.map(3);
        for number in 0..3 {
            reply.integer(number);
            reply.boolean(number == 1);
        }
    }),
    ("attrib", attribute),
    ("verbatim", |reply| reply.verbatim("This is a verbatim\nstring")),
    ("true", |reply| reply.boolean(true)),
    ("false", |reply| reply.boolean(false)),
];

fn protocol(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    if call.is_word(2, "push") {
        return push(call);
    }
    let Some((_, write)) = TYPES.iter().find(|(name, _)| call.is_word(2, name)) else {
        return Err(ReplyError::DEBUG_PROTOCOL);
    };
    write(call.reply);
    Ok(())
}

/// An attribute is no reply, so one follows it.
fn attribute(reply: &mut Reply) {
    if reply.proto() == Proto::Resp3 {
        reply.attribute(1);
        reply.bulk("key-popularity");
        reply.array(2);
        reply.bulk("key:123");
        reply.integer(90);
    }
    reply.bulk("Some real reply following the attribute");
}

/// A push is no reply either, and follows the one that is, or the whole of EXEC's.
fn push(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    if call.reply.proto() == Proto::Resp2 {
        return Err(ReplyError::PUSH_NEEDS_RESP3);
    }
    call.reply.bulk("Some real reply following the push reply");
    call.queue_reply();
    let mut pushed = Reply::new(Vec::new(), call.reply.proto());
    pushed.push(2, |reply| {
        reply.bulk("server-cpu-usage");
        reply.integer(42);
    });
    call.client.push(&Rc::new(Frame::whole(pushed.into_bytes())));
    Ok(())
}
