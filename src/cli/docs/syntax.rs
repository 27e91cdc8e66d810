//! The arguments of a command as one line: `key value [NX|XX] [EX seconds|PX milliseconds]`.

use super::{pairs, text};
use crate::cli::reply::Reply;

/// The line for a list of arguments.
pub(super) fn of(arguments: &Reply) -> String {
    joined(arguments, " ")
}

/// What is left of a line when so many of its words have been typed. What is optional stays: nobody knows which of it has
/// been typed.
pub(super) fn without(syntax: &str, typed: usize) -> &str {
    let mut rest = syntax;
    for _ in 0..typed {
        if rest.starts_with('[') {
            break;
        }
        rest = rest.split_once(' ').map_or("", |(_, rest)| rest);
    }
    rest
}

fn joined(arguments: &Reply, separator: &str) -> String {
    let Reply::Array(arguments) = arguments else {
        return String::new();
    };
    let parts: Vec<String> = arguments.iter().map(argument).filter(|part| !part.is_empty()).collect();
    parts.join(separator)
}

fn argument(facts: &Reply) -> String {
    let fact = |wanted: &str| pairs(facts).find(|(key, _)| text(key) == wanted).map(|(_, value)| value);
    let flags: Vec<String> = match fact("flags") {
        Some(Reply::Array(flags) | Reply::Set(flags)) => flags.iter().map(text).collect(),
        _ => Vec::new(),
    };
    let has = |flag: &str| flags.iter().any(|known| known == flag);
    let body = match fact("type").map(text).unwrap_or_default().as_str() {
        "oneof" => fact("arguments").map(|inner| joined(inner, "|")).unwrap_or_default(),
        "block" => fact("arguments").map(|inner| joined(inner, " ")).unwrap_or_default(),
        "pure-token" => String::new(),
        _ => fact("display_text").or(fact("name")).map(text).unwrap_or_default(),
    };
    let token = fact("token").map(|token| shown_token(&text(token))).unwrap_or_default();
    let parts = |parts: &[&str]| parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ");
    let mut line = parts(&[&token, &body]);
    if has("multiple") {
        let again = if has("multiple_token") { parts(&[&token, &body]) } else { body };
        line += &format!(" [{again} ...]");
    }
    if has("optional") { format!("[{line}]") } else { line }
}

/// The word that is typed, in quotes where nothing else could be seen.
fn shown_token(token: &str) -> String {
    if token.is_empty() { "\"\"".to_owned() } else { token.to_owned() }
}
