use bytes::Bytes;

use super::{Docs, Reply, syntax};

fn bulk(text: &str) -> Reply {
    Reply::Bulk(Bytes::copy_from_slice(text.as_bytes()))
}

fn list(items: Vec<Reply>) -> Reply {
    Reply::Array(items)
}

/// A map as both protocol versions write it.
fn maps(pairs: &[(&str, Reply)]) -> [Reply; 2] {
    let flat = pairs.iter().flat_map(|(key, value)| [bulk(key), value.clone()]).collect();
    let map = pairs.iter().map(|(key, value)| (bulk(key), value.clone())).collect();
    [Reply::Array(flat), Reply::Map(map)]
}

fn map(pairs: &[(&str, Reply)]) -> Reply {
    let [_, map] = maps(pairs);
    map
}

fn argument(name: &str, kind: &str, more: &[(&str, Reply)]) -> Reply {
    let mut facts = vec![("name", bulk(name)), ("type", bulk(kind))];
    facts.extend(more.iter().cloned());
    map(&facts)
}

fn flags(names: &[&str]) -> Reply {
    list(names.iter().map(|name| Reply::Status(Bytes::copy_from_slice(name.as_bytes()))).collect())
}

/// GET, and CLIENT with the subcommand LIST.
fn docs() -> [Docs; 2] {
    let filters = [
        argument("id", "integer", &[("token", bulk("ID")), ("flags", flags(&["optional", "multiple"]))]),
        argument("no", "pure-token", &[("token", bulk("NO")), ("flags", flags(&["optional"]))]),
    ];
    let sub = map(&[
        ("summary", bulk("Lists")),
        ("since", bulk("2.4.0")),
        ("group", bulk("connection")),
        ("arguments", list(filters.to_vec())),
    ]);
    let client = map(&[
        ("summary", bulk("A container")),
        ("group", bulk("connection")),
        ("subcommands", map(&[("client|list", sub)])),
    ]);
    let get = map(&[
        ("summary", bulk("Gets")),
        ("since", bulk("1.0.0")),
        ("group", bulk("string")),
        ("arguments", list(vec![argument("key", "key", &[]), argument("what", "string", &[])])),
    ]);
    maps(&[("get", get), ("client", client)]).map(|reply| Docs::read(&reply))
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect()
}

#[test]
fn help_names_a_command_with_its_subcommands_or_a_group() {
    for docs in docs() {
        let get = "\r\n  \x1b[1mGET\x1b[0m \x1b[90mkey what\x1b[0m\r\n  \x1b[33msummary:\x1b[0m Gets\r\n  \
            \x1b[33msince:\x1b[0m 1.0.0\r\n";
        assert_eq!(docs.help(&words("@STRING")), format!("{get}\r\n"));
        assert_eq!(docs.help(&words("get")), format!("{get}  \x1b[33mgroup:\x1b[0m string\r\n\r\n"));
        let client = docs.help(&words("client"));
        assert!(client.contains("CLIENT\x1b[0m") && client.contains("CLIENT LIST\x1b[0m"), "{client}");
        assert!(!docs.help(&words("client list")).contains("CLIENT\x1b"));
        assert_eq!(docs.help(&words("client list all")), "\r\n");
    }
}

#[test]
fn a_hint_says_what_is_still_to_be_typed() {
    for docs in docs() {
        for (line, hint) in [
            ("get", Some(" key what")),
            ("get ", Some("key what")),
            ("GET k", Some(" what")),
            ("get k ", Some("what")),
            ("get k w", None),
            ("client", None),
            ("client list", Some(" [ID id [id ...]] [NO]")),
            ("client list ID 3", Some(" [ID id [id ...]] [NO]")),
            ("proclaim", None),
            ("get 'k", None),
        ] {
            assert_eq!(docs.hint(line).as_deref(), hint, "{line}");
        }
    }
}

#[test]
fn a_line_is_completed_to_commands_and_after_help_to_groups_too() {
    for docs in docs() {
        assert_eq!(docs.completions("g"), ["GET"]);
        assert_eq!(docs.completions("client l"), ["CLIENT LIST"]);
        assert_eq!(docs.completions("help  cl"), ["help  CLIENT", "help  CLIENT LIST"]);
        assert_eq!(docs.completions("help @"), ["help @connection", "help @string"]);
        assert_eq!(docs.completions("@"), [] as [&str; 0]);
    }
}

#[test]
fn arguments_are_written_as_people_know_them() {
    let choice = list(vec![
        argument("nx", "pure-token", &[("token", bulk("NX"))]),
        argument("seconds", "integer", &[("token", bulk("EX"))]),
    ]);
    let pair = list(vec![argument("field", "string", &[]), argument("value", "string", &[])]);
    let arguments = list(vec![
        argument("condition", "oneof", &[("arguments", choice), ("flags", flags(&["optional"]))]),
        argument("pair", "block", &[("arguments", pair), ("flags", flags(&["multiple"]))]),
        argument("get", "pattern", &[("token", bulk("GET")), ("flags", flags(&["multiple", "multiple_token"]))]),
        argument("prefix", "string", &[("token", bulk("")), ("display_text", bulk("start"))]),
    ]);
    let written = "[NX|EX seconds] field value [field value ...] GET get [GET get ...] \"\" start";
    assert_eq!(syntax::of(&arguments), written);
}
