//! What the client knows of the meaning of commands and replies, beside their types.

use super::reply::Reply;

/// A word of a command in the case that the client compares with.
pub(super) fn lower(word: &[u8]) -> String {
    String::from_utf8_lossy(word).to_ascii_lowercase()
}

/// Commands whose answer is text in lines, printed without quotes even for people.
pub(super) fn answers_with_text(command: &[Vec<u8>]) -> bool {
    let second = command.get(1).map(|word| lower(word)).unwrap_or_default();
    matches!(
        (lower(&command[0]).as_str(), second.as_str(), command.len()),
        ("info" | "lolwut", ..)
            | ("client", "list" | "info", _)
            | ("memory", "doctor" | "malloc-stats", _)
            | ("latency", "doctor", 2)
            | ("latency", "graph", 3)
            | ("cluster", "nodes" | "info", 2)
            | ("debug", "htstats" | "htstats-key" | "client-eviction", _)
    )
}

/// Whether a command holds a password, or may, so that it should not be written anywhere.
pub(super) fn is_secret(command: &[Vec<u8>]) -> bool {
    let words: Vec<String> = command.iter().map(|word| lower(word)).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["auth", ..] | ["acl", "setuser" | "getuser" | "deluser", ..] => true,
        ["hello", _, options @ ..] => options.contains(&"auth"),
        ["config", "set", pairs @ ..] => pairs.iter().step_by(2).any(|name| {
            let names = ["requirepass", "masterauth", "masteruser", "tls-key-file-pass", "tls-client-key-file-pass"];
            names.contains(name)
        }),
        _ => false,
    }
}

/// The first word of a message or confirmation of a subscription.
pub(super) fn message_kind(reply: &Reply, resp3: bool) -> Option<&[u8]> {
    let items = match reply {
        Reply::Push(items) if resp3 => items,
        Reply::Array(items) if !resp3 => items,
        _ => return None,
    };
    match items.as_slice() {
        [Reply::Bulk(kind), _, _, ..] if kind.ends_with(b"message") || kind.ends_with(b"subscribe") => Some(kind),
        _ => None,
    }
}

/// The keys of an invalidation, in quotes.
pub(super) fn invalidated_keys(push: &Reply) -> Option<Vec<Vec<u8>>> {
    let Reply::Push(items) = push else {
        return None;
    };
    let [Reply::Bulk(kind), Reply::Array(keys)] = items.as_slice() else {
        return None;
    };
    if *kind != b"invalidate"[..] {
        return None;
    }
    let quoted = |key: &Reply| match key {
        Reply::Bulk(key) => Some([b"'", &key[..], b"'"].concat()),
        _ => None,
    };
    keys.iter().map(quoted).collect()
}

#[cfg(test)]
mod tests {
    use super::{answers_with_text, invalidated_keys, is_secret, message_kind};
    use crate::cli::reply::Reply;
    use bytes::Bytes;

    fn command(line: &str) -> Vec<Vec<u8>> {
        line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
    }

    fn bulk(text: &'static str) -> Reply {
        Reply::Bulk(Bytes::from(text))
    }

    #[test]
    fn commands_that_answer_with_text_are_known_in_any_case() {
        for line in ["INFO", "info server", "Client List", "client info", "memory doctor", "latency doctor"] {
            assert!(answers_with_text(&command(line)), "{line}");
        }
        for line in ["get info", "client", "client id", "memory stats", "latency doctor x", "latency graph"] {
            assert!(!answers_with_text(&command(line)), "{line}");
        }
    }

    #[test]
    fn commands_with_passwords_are_known() {
        for line in ["AUTH x", "hello 3 auth u p", "Config Set port 1 requirepass x", "acl setuser ann >x"] {
            assert!(is_secret(&command(line)), "{line}");
        }
        for line in ["get auth", "hello 3", "config set port requirepass", "config get requirepass", "acl list"] {
            assert!(!is_secret(&command(line)), "{line}");
        }
    }

    #[test]
    fn a_message_is_a_push_in_resp3_and_an_array_in_resp2() {
        let items = || vec![bulk("pmessage"), bulk("a*"), bulk("a"), bulk("x")];
        assert_eq!(message_kind(&Reply::Push(items()), true), Some(b"pmessage".as_slice()));
        assert_eq!(message_kind(&Reply::Array(items()), false), Some(b"pmessage".as_slice()));
        assert_eq!(message_kind(&Reply::Push(items()), false), None);
        assert_eq!(message_kind(&Reply::Array(items()), true), None);
        assert_eq!(message_kind(&Reply::Array(vec![bulk("pong"), bulk(""), bulk("")]), false), None);
    }

    #[test]
    fn an_invalidation_names_keys_or_everything() {
        let push = |keys| Reply::Push(vec![bulk("invalidate"), keys]);
        let keys = invalidated_keys(&push(Reply::Array(vec![bulk("a"), bulk("b")])));
        assert_eq!(keys, Some(vec![b"'a'".to_vec(), b"'b'".to_vec()]));
        assert_eq!(invalidated_keys(&push(Reply::Nil)), None);
        assert_eq!(invalidated_keys(&Reply::Push(vec![bulk("other"), Reply::Array(vec![])])), None);
    }
}
