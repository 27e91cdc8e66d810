//! What COMMAND DOCS says of a command.
//!
//! Source: `addReplyCommandDocs` and `addReplyCommandArgList` in Redis 7.2 (server.c).

use super::words;
use crate::command::spec::{Arg, ArgKind};
use crate::command::table::{self, Entry};
use crate::resp::encode::Reply;

/// Writes the map of a command, its subcommands within.
pub(super) fn write(reply: &mut Reply, entry: &Entry) {
    let command = entry.command;
    let lists = [command.history.len(), command.args.len(), command.subcommands.len()];
    let filled = lists.iter().filter(|len| **len > 0).count();
    let deprecated = if command.deprecated.is_some() { 3 } else { 0 };
    reply.map(4 + deprecated + filled);
    text(reply, "summary", &command.description());
    text(reply, "since", command.since);
    text(reply, "group", command.group.name());
    text(reply, "complexity", command.complexity);
    if let Some((since, replacement)) = command.deprecated {
        reply.bulk("doc_flags");
        words(reply, &["deprecated"]);
        text(reply, "deprecated_since", since);
        text(reply, "replaced_by", replacement);
    }
    if !command.history.is_empty() {
        reply.bulk("history");
        write_history(reply, command.history);
    }
    if !command.args.is_empty() {
        reply.bulk("arguments");
        write_args(reply, command.args);
    }
    if !command.subcommands.is_empty() {
        reply.bulk("subcommands");
        reply.map(command.subcommands.len());
        for index in entry.subcommands() {
            let sub = table::entry(index);
            reply.bulk(&sub.full_name);
            write(reply, sub);
        }
    }
}

fn write_history(reply: &mut Reply, history: &[(&str, &str)]) {
    reply.set(history.len());
    for (since, change) in history {
        reply.array(2);
        reply.bulk(since);
        reply.bulk(change);
    }
}

fn write_args(reply: &mut Reply, args: &[Arg]) {
    reply.array(args.len());
    args.iter().for_each(|arg| write_arg(reply, arg));
}

fn write_arg(reply: &mut Reply, arg: &Arg) {
    let composed = matches!(arg.kind, ArgKind::OneOf | ArgKind::Block);
    let flags = arg_flags(arg);
    let given =
        [matches!(arg.kind, ArgKind::Key(_) | ArgKind::KeyPattern(_)), arg.token.is_some(), arg.since.is_some()];
    let given = given.into_iter().chain([arg.deprecated_since.is_some(), !flags.is_empty()]);
    reply.map(3 + given.filter(|given| *given).count());
    text(reply, "name", arg.name);
    text(reply, "type", arg.kind.name());
    if !composed {
        text(reply, "display_text", arg.display.unwrap_or(arg.name));
    }
    if let ArgKind::Key(spec) | ArgKind::KeyPattern(spec) = arg.kind {
        reply.bulk("key_spec_index");
        reply.count(spec);
    }
    let optional = [("token", arg.token), ("since", arg.since), ("deprecated_since", arg.deprecated_since)];
    for (name, value) in optional {
        if let Some(value) = value {
            text(reply, name, value);
        }
    }
    if !flags.is_empty() {
        reply.bulk("flags");
        words(reply, &flags);
    }
    if composed {
        reply.bulk("arguments");
        write_args(reply, arg.parts);
    }
}

fn arg_flags(arg: &Arg) -> Vec<&'static str> {
    let flags = [(arg.optional, "optional"), (arg.multiple, "multiple"), (arg.multiple_token, "multiple_token")];
    flags.into_iter().filter(|(set, _)| *set).map(|(_, name)| name).collect()
}

fn text(reply: &mut Reply, name: &str, value: &str) {
    reply.bulk(name);
    reply.bulk(value);
}
