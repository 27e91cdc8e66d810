//! HELLO, AUTH, PING, ECHO, SELECT, QUIT, RESET.

use std::sync::atomic::Ordering::Relaxed;

use super::permission::Refused;
use super::pubsub::subscribing::{self, Change};
use super::spec::{Arg, Command, Flags, Group};
use super::trace::count_error;
use super::{Call, LocalCall, client, forward, limits, redirect, run, transaction};
use crate::acl::DEFAULT_USER;
use crate::acl::log::Place;
use crate::client::registry::Flag;
use crate::ids::Address;
use crate::observe::VERBOSE;
use crate::relay::Credentials;
use crate::resp::Proto;
use crate::resp::decode::{Args, parse_integer};
use crate::resp::errors::ReplyError;
use crate::session::{Blocked, ReplyMode};

const ALWAYS: Flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::FAST);
const BEFORE_AUTH: Flags = ALWAYS.and(Flags::NO_AUTH).and(Flags::ALLOW_BUSY);
const DEFAULT: Command = Command { group: Group::Connection, ..Command::DEFAULT };

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "hello",
        summary: "Handshakes with the server",
        since: "6.0.0",
        arity: -1,
        flags: BEFORE_AUTH,
        args: &[Arg::block(
            "arguments",
            &[
                Arg::integer("protover"),
                Arg::block("auth", &[Arg::string("username"), Arg::string("password")]).token("AUTH").optional(),
                Arg::string("clientname").token("SETNAME").optional(),
            ],
        )
        .optional()],
        history: &[("6.2.0", "The version may be left out; then nothing changes and the context is answered.")],
        run_here: Some(hello),
        ..DEFAULT
    },
    Command {
        name: "auth",
        summary: "Proves by a password who the client is",
        complexity: "O(N) where N is the length of the password",
        arity: -2,
        flags: BEFORE_AUTH,
        args: &[Arg::string("username").since("6.0.0").optional(), Arg::string("password")],
        history: &[("6.0.0", "A username may be given.")],
        run_here: Some(auth),
        ..DEFAULT
    },
    Command {
        name: "ping",
        summary: "Answers PONG or the given message, to show that the server is there",
        arity: -1,
        flags: Flags::FAST.and(Flags::SUBSCRIBED_MODE),
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        args: &[Arg::string("message").optional()],
        run: Some(ping),
        ..DEFAULT
    },
    Command {
        name: "echo",
        summary: "Answers what it is given",
        arity: 2,
        flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST),
        args: &[Arg::string("message")],
        run: Some(echo),
        ..DEFAULT
    },
    Command {
        name: "select",
        summary: "Chooses the database of this connection",
        arity: 2,
        flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST),
        args: &[Arg::integer("index")],
        run: Some(select),
        ..DEFAULT
    },
    Command {
        name: "quit",
        summary: "Ends the connection, once what was sent before has been answered",
        arity: -1,
        flags: BEFORE_AUTH.and(Flags::SUBSCRIBED_MODE).and(Flags::UNQUEUED),
        deprecated: Some(("7.2.0", "just closing the connection")),
        run_here: Some(quit),
        ..DEFAULT
    },
    Command {
        name: "reset",
        summary: "Puts the connection back into the state of a new one",
        since: "6.2.0",
        flags: BEFORE_AUTH.and(Flags::SUBSCRIBED_MODE).and(Flags::UNQUEUED).and(Flags::LETS_GO),
        run_here: Some(reset),
        ..DEFAULT
    },
];

fn hello(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    hide_credentials(call);
    let Greeting { proto, credentials, name } = Greeting::read(call.args)?;
    if let Some((user, password)) = credentials {
        authenticate(call, user, password)?;
    }
    if !call.session.authenticated && !call.server.acl.default.is_open() {
        return Err(ReplyError::HELLO_NOAUTH);
    }
    if let Some(name) = name {
        call.info.relabel(|labels| labels.name = name.into());
    }
    if let Some(proto) = proto {
        if proto != call.client.proto() && call.client.is_subscriber() {
            // What was published before is sent in the version that was spoken then.
            call.queue_reply();
            call.worker.deliver(call.call.hub);
        }
        call.client.set_proto(proto);
        call.reply.set_proto(proto);
    }
    greet(call);
    Ok(())
}

/// The arguments of HELLO.
struct Greeting<'a> {
    proto: Option<Proto>,
    /// User and password.
    credentials: Option<(&'a [u8], &'a [u8])>,
    name: Option<&'a str>,
}

impl<'a> Greeting<'a> {
    fn read(args: Args<'a>) -> Result<Self, ReplyError> {
        let proto = match args.get(1) {
            None => None,
            Some(version) => match parse_integer(version).ok_or(ReplyError::HELLO_VERSION)? {
                2 => Some(Proto::Resp2),
                3 => Some(Proto::Resp3),
                _ => return Err(ReplyError::NOPROTO),
            },
        };
        let mut greeting = Greeting { proto, credentials: None, name: None };
        let mut options = args.from(2);
        while let Some(option) = options.next() {
            if option.eq_ignore_ascii_case(b"AUTH") && options.len() >= 2 {
                greeting.credentials = options.next().zip(options.next());
            } else if option.eq_ignore_ascii_case(b"SETNAME")
                && let Some(name) = options.next()
            {
                greeting.name = Some(client::valid_label(name).ok_or(ReplyError::CLIENT_NAME)?);
            } else {
                return Err(ReplyError::hello_option(option));
            }
        }
        Ok(greeting)
    }
}

/// Keeps what follows AUTH out of the logs, whatever else is wrong with the arguments.
fn hide_credentials(call: &mut Call<'_, '_>) {
    let words = (2..call.args.len()).filter(|index| call.is_word(*index, "auth"));
    let secret: Vec<usize> = words.flat_map(|index| [index + 1, index + 2]).collect();
    call.secret_args.extend(secret);
}

fn greet(call: &mut Call<'_, '_>) {
    let proto = i64::from(call.reply.proto().number());
    let id = call.info.id as i64;
    let version = forward::redis_version(call.server, call.settings);
    let reply = &mut *call.reply;
    reply.map(7);
    for (key, value) in [("server", "redis"), ("version", version.as_str())] {
        reply.bulk(key);
        reply.bulk(value);
    }
    for (key, value) in [("proto", proto), ("id", id)] {
        reply.bulk(key);
        reply.integer(value);
    }
    let mode = if redirect::is_clustered(call.server) { "cluster" } else { "standalone" };
    let reply = &mut *call.reply;
    for (key, value) in [("mode", mode), ("role", "master")] {
        reply.bulk(key);
        reply.bulk(value);
    }
    reply.bulk("modules");
    reply.array(0);
}

fn auth(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    let args = call.args;
    call.secret_args.extend(1..args.len());
    match args.len() {
        2 if call.server.acl.default.rights().takes_any_password() => return Err(ReplyError::NO_PASSWORD_SET),
        2 => authenticate(call, DEFAULT_USER.as_bytes(), &args[1])?,
        3 => authenticate(call, &args[1], &args[2])?,
        _ => return Err(ReplyError::SYNTAX),
    }
    call.reply.ok();
    Ok(())
}

/// Lets the client be the user of this name, if the password is right and the user may have one more connection.
fn authenticate(call: &mut LocalCall<'_, '_>, name: &[u8], password: &[u8]) -> Result<(), ReplyError> {
    let proof = Credentials::to_show(call.settings, name, password);
    let found = call.server.acl.get(name).filter(|user| proof.is_ok() && user.admits(password));
    delay_answer(call, found.is_none());
    let Some(user) = found else {
        let place = if call.session.transaction.is_some() { Place::Multi } else { Place::Toplevel };
        Refused::of(call).note_log_in(name, place);
        report_wrong_password(call);
        return Err(ReplyError::WRONGPASS);
    };
    limits::log_in(call, &user)?;
    call.session.credentials = proof.unwrap_or_default();
    call.session.authenticated = true;
    call.client.set_proven(true);
    Ok(())
}

/// Lets the answer about a password wait if many wrong ones have come from the same address lately. A right one waits, too:
/// otherwise who has no answer at once would know that it was wrong.
fn delay_answer(call: &mut LocalCall<'_, '_>, failed: bool) {
    let Address::Tcp { peer, .. } = &call.info.address else { return };
    if call.info.address.is_local() {
        return;
    }
    let (from, now_ms, guesses) = (peer.ip(), call.now.ms(), &call.server.acl.guesses);
    if failed {
        guesses.note_failure(from, now_ms);
    }
    let delay_ms = guesses.delay_ms(from, now_ms, call.settings.auth_failure_delay.0);
    if delay_ms > 0 && !call.scope.executing {
        call.info.set_flag(Flag::Blocked, true);
        call.session.blocked = Some(Blocked::Sleeping(now_ms + delay_ms));
    }
}

/// Tells the log who has given a wrong password, now and then, because anybody can do that again and again.
fn report_wrong_password(call: &Call<'_, '_>) {
    if let Some(not_shown) = call.server.wrong_passwords.show(call.now.ms()) {
        let peer = call.info.address.peer();
        tracing::debug!(target: VERBOSE, client = call.info.id, peer, not_shown, "wrong user or password");
    }
}

fn ping(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    if call.args.len() > 2 {
        return Err(ReplyError::arity(call.entry.command.name));
    }
    let message = call.args.get(1);
    if call.reply.proto() == Proto::Resp2 && call.info.is_subscriber() {
        call.reply.array(2);
        call.reply.bulk("pong");
        call.reply.bulk(message.unwrap_or_default());
    } else {
        match message {
            Some(message) => call.reply.bulk(message),
            None => call.reply.simple("PONG"),
        }
    }
    Ok(())
}

fn echo(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    call.reply.bulk(&call.args[1]);
    Ok(())
}

fn select(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let index = call.integer(1)?;
    if index != 0 && redirect::is_clustered(call.server) {
        return Err(ReplyError::NO_SELECT);
    }
    if i32::try_from(index).is_err() {
        return Err(ReplyError::out_of_bounds(i32::MIN.into(), i32::MAX.into()));
    }
    let known = u32::try_from(index).ok().filter(|index| *index < call.settings.databases);
    call.scope.db = known.and_then(|index| index.try_into().ok()).ok_or(ReplyError::DB_OUT_OF_RANGE)?;
    call.info.db.store(call.scope.db, Relaxed);
    call.reply.ok();
    Ok(())
}

fn quit(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    call.reply.ok();
    run::close_after_reply(call.worker, call.client, call.session);
    Ok(())
}

fn reset(call: &mut LocalCall<'_, '_>) -> Result<(), ReplyError> {
    transaction::leave(call);
    let Call { info, scope, keys, now, .. } = &mut call.call;
    client::stop_tracking(info, scope, keys, *now);
    call.worker.stop_monitoring(call.client);
    call.worker.stop_tracing(call.client);
    subscribing::begin(call, Change::Reset);
    Ok(())
}

/// What is left of RESET when the client's subscriptions have ended.
pub(super) fn finish_reset(call: &mut LocalCall<'_, '_>) {
    call.scope.reply_mode = ReplyMode::On;
    call.reply.set_muted(false);
    call.client.set_proto(Proto::Resp2);
    call.reply.set_proto(Proto::Resp2);
    call.scope.db = 0;
    if let Some(relay) = &mut call.session.relay {
        relay.part();
    }
    call.session.credentials = None;
    let let_in = let_in_anew(call);
    call.session.authenticated = call.server.acl.default.is_open();
    call.client.set_proven(call.session.authenticated);
    let info = &call.info;
    info.db.store(0, Relaxed);
    info.relabel(|labels| labels.name = "".into());
    info.set_flag(Flag::NoEvict, false);
    info.set_flag(Flag::NoTouch, false);
    info.slow.choose(None);
    match let_in {
        Ok(()) => call.reply.simple("RESET"),
        Err(error) => {
            count_error(call.stats, call.server, &error);
            call.reply.error(&error);
            run::close_after_reply(call.worker, call.client, call.session);
        }
    }
}

/// Lets the client be who a new one is.
///
/// # Errors
///
/// What a new one would be told that is not let in.
fn let_in_anew(call: &LocalCall<'_, '_>) -> Result<(), ReplyError> {
    let default = &call.server.acl.default;
    let let_in = if default.is_open() { limits::log_in(call, default) } else { Ok(()) };
    if let_in.is_err() || !default.is_open() {
        call.client.log_out();
    }
    let_in
}
