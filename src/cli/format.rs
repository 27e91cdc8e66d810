//! How replies are printed: for people, raw, as CSV, as JSON. Byte for byte what redis-cli prints.

use super::reply::Reply;
use crate::quoting::{quote, quoted};

/// One of the forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Typed, numbered and quoted; the default on a terminal.
    Human,
    /// The bytes themselves; the default elsewhere.
    Raw,
    Csv,
    Json,
    /// JSON whose strings are quoted as people read them, in ASCII.
    QuotedJson,
}

/// The form, and what separates values in the raw one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) format: Format,
    /// Between the elements of an aggregate.
    pub(super) element_delimiter: Vec<u8>,
    /// After each reply.
    pub(super) reply_delimiter: Vec<u8>,
}

impl Style {
    /// What is printed for a reply, with the end of its line.
    pub(super) fn render(&self, reply: &Reply) -> Vec<u8> {
        let mut out = Vec::new();
        match self.format {
            Format::Human => human(reply, "", &mut out),
            Format::Raw => {
                raw(reply, &self.element_delimiter, &mut out);
                out.extend_from_slice(&self.reply_delimiter);
            }
            Format::Csv => {
                csv(reply, &mut out);
                out.push(b'\n');
            }
            Format::Json => {
                json(reply, json_string, &mut out);
                out.push(b'\n');
            }
            Format::QuotedJson => {
                json(reply, quoted_json_string, &mut out);
                out.push(b'\n');
            }
        }
        out
    }

    /// What is printed for the reply of a command that answers with lines of text (INFO): the text, in every form.
    pub(super) fn render_text(&self, reply: &Reply) -> Vec<u8> {
        let mut out = Vec::new();
        raw(reply, &self.element_delimiter, &mut out);
        out
    }
}

/// The `prefix` is what stands before every line of a nested value but the first.
fn human(reply: &Reply, prefix: &str, out: &mut Vec<u8>) {
    match reply {
        Reply::Status(text) | Reply::Verbatim(text) => out.extend_from_slice(text),
        Reply::Error(text) => put(out, &[b"(error) ", text]),
        Reply::Integer(number) => put(out, &[b"(integer) ", number.to_string().as_bytes()]),
        Reply::BigNumber(text) => put(out, &[b"(integer) ", text]),
        Reply::Double(text) => put(out, &[b"(double) ", text]),
        Reply::Bulk(text) => quote(text, out),
        Reply::Nil => out.extend_from_slice(b"(nil)"),
        Reply::Boolean(value) => put(out, &[b"(", value.to_string().as_bytes(), b")"]),
        Reply::Array(items) => return human_list(items, "(empty array)", ')', prefix, out),
        Reply::Push(items) => return human_list(items, "(empty push)", ')', prefix, out),
        Reply::Set(items) => return human_list(items, "(empty set)", '~', prefix, out),
        Reply::Map(pairs) => return human_map(pairs, prefix, out),
    }
    out.push(b'\n');
}

fn human_list(items: &[Reply], empty: &str, mark: char, prefix: &str, out: &mut Vec<u8>) {
    if items.is_empty() {
        return put(out, &[empty.as_bytes(), b"\n"]);
    }
    let (width, nested) = indentation(items.len(), prefix);
    for (index, item) in items.iter().enumerate() {
        number_entry(index, width, mark, prefix, out);
        human(item, &nested, out);
    }
}

fn human_map(pairs: &[(Reply, Reply)], prefix: &str, out: &mut Vec<u8>) {
    if pairs.is_empty() {
        return put(out, &[b"(empty hash)\n"]);
    }
    let (width, nested) = indentation(pairs.len(), prefix);
    for (index, (key, value)) in pairs.iter().enumerate() {
        number_entry(index, width, '#', prefix, out);
        human(key, &nested, out);
        out.pop();
        out.extend_from_slice(b" => ");
        if takes_several_lines(value) {
            put(out, &[b"\n", nested.as_bytes()]);
        }
        human(value, &nested, out);
    }
}

/// How wide the numbers of so many entries are, and the prefix for what is nested in them.
fn indentation(entries: usize, prefix: &str) -> (usize, String) {
    let width = entries.to_string().len();
    (width, format!("{prefix}{:1$}", "", width + 2))
}

/// The first entry stands on the line of its parent, which has its prefix already.
fn number_entry(index: usize, width: usize, mark: char, prefix: &str, out: &mut Vec<u8>) {
    let prefix = if index == 0 { "" } else { prefix };
    put(out, &[format!("{prefix}{:>width$}{mark} ", index + 1).as_bytes()]);
}

fn takes_several_lines(reply: &Reply) -> bool {
    match reply {
        Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => match items.as_slice() {
            [] => false,
            [only] => takes_several_lines(only),
            _ => true,
        },
        Reply::Map(pairs) => match pairs.as_slice() {
            [] => false,
            [(_, only)] => takes_several_lines(only),
            _ => true,
        },
        _ => false,
    }
}

fn raw(reply: &Reply, delimiter: &[u8], out: &mut Vec<u8>) {
    match reply {
        Reply::Nil => {}
        Reply::Error(text) => put(out, &[text, b"\n"]),
        Reply::Boolean(value) => put(out, &[b"(", value.to_string().as_bytes(), b")"]),
        Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => {
            separated(items, delimiter, out, |item, out| raw(item, delimiter, out));
        }
        Reply::Map(pairs) => separated(pairs, delimiter, out, |(key, value), out| {
            raw(key, delimiter, out);
            out.push(b' ');
            raw(value, delimiter, out);
        }),
        plain => out.extend_from_slice(&plain_text(plain)),
    }
}

/// An empty aggregate leaves an empty field; a map is a flat list.
fn csv(reply: &Reply, out: &mut Vec<u8>) {
    match reply {
        Reply::Nil => out.extend_from_slice(b"NULL"),
        Reply::Error(text) => {
            out.extend_from_slice(b"ERROR,");
            quote(text, out);
        }
        Reply::Status(text) | Reply::Bulk(text) | Reply::Verbatim(text) => quote(text, out),
        Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => separated(items, b",", out, csv),
        Reply::Map(pairs) => separated(pairs, b",", out, |(key, value), out| {
            csv(key, out);
            out.push(b',');
            csv(value, out);
        }),
        plain => out.extend_from_slice(&plain_text(plain)),
    }
}

/// Strings keep their bytes with [`json_string`], so the output is JSON where they are UTF-8. Errors have no form in JSON; as redis-cli does,
/// `error:` stands before their text.
fn json(reply: &Reply, string: fn(&[u8], &mut Vec<u8>), out: &mut Vec<u8>) {
    match reply {
        Reply::Nil => out.extend_from_slice(b"null"),
        Reply::Error(text) => {
            out.extend_from_slice(b"error:");
            string(text, out);
        }
        Reply::Status(text) | Reply::Bulk(text) | Reply::Verbatim(text) => string(text, out),
        Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => {
            out.push(b'[');
            separated(items, b",", out, |item, out| json(item, string, out));
            out.push(b']');
        }
        Reply::Map(pairs) => {
            out.push(b'{');
            separated(pairs, b",", out, |(key, value), out| {
                json_key(key, string, out);
                out.push(b':');
                json(value, string, out);
            });
            out.push(b'}');
        }
        plain => out.extend_from_slice(&plain_text(plain)),
    }
}

/// Keys of an object are strings, whatever they were.
fn json_key(key: &Reply, string: fn(&[u8], &mut Vec<u8>), out: &mut Vec<u8>) {
    match key {
        Reply::Error(_) | Reply::Status(_) | Reply::Bulk(_) | Reply::Verbatim(_) => json(key, string, out),
        _ => {
            out.push(b'"');
            json(key, string, out);
            out.push(b'"');
        }
    }
}

fn json_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'\\' | b'"' => put(out, &[b"\\", &[byte]]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x0c => out.extend_from_slice(b"\\f"),
            0x08 => out.extend_from_slice(b"\\b"),
            0..=0x1f => put(out, &[format!("\\u{byte:04x}").as_bytes()]),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// The text as people read it, in ASCII, its escapes escaped once more for JSON.
fn quoted_json_string(text: &[u8], out: &mut Vec<u8>) {
    for byte in quoted(text) {
        if byte == b'\\' {
            out.push(byte);
        }
        out.push(byte);
    }
}

/// What values look like where no form adds anything to them. Aggregates have no such text.
fn plain_text(reply: &Reply) -> Vec<u8> {
    match reply {
        Reply::Integer(number) => number.to_string().into_bytes(),
        Reply::Boolean(value) => value.to_string().into_bytes(),
        Reply::Status(text)
        | Reply::Error(text)
        | Reply::Double(text)
        | Reply::BigNumber(text)
        | Reply::Bulk(text)
        | Reply::Verbatim(text) => text.to_vec(),
        Reply::Nil | Reply::Array(_) | Reply::Set(_) | Reply::Push(_) | Reply::Map(_) => Vec::new(),
    }
}

fn separated<T>(items: &[T], delimiter: &[u8], out: &mut Vec<u8>, mut each: impl FnMut(&T, &mut Vec<u8>)) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(delimiter);
        }
        each(item, out);
    }
}

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests;
