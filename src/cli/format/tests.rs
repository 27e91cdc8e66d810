//! redis-cli 7.2.4 prints the same texts for these replies, except for big numbers, which it refuses.

use bytes::Bytes;

use super::{Format, Style};
use crate::cli::reply::Reply;

fn style(format: Format) -> Style {
    Style { format, element_delimiter: b"\n".to_vec(), reply_delimiter: b"\n".to_vec() }
}

fn bulk(text: &'static str) -> Reply {
    Reply::Bulk(Bytes::from(text))
}

/// Checks a reply in the forms human, raw, CSV, JSON.
fn check(reply: Reply, expected: [&str; 4]) {
    let formats = [Format::Human, Format::Raw, Format::Csv, Format::Json];
    for (format, expected) in formats.into_iter().zip(expected) {
        let printed = style(format).render(&reply);
        assert_eq!(String::from_utf8_lossy(&printed), expected, "{format:?} of {reply:?}");
    }
}

#[test]
fn simple_values() {
    check(Reply::Status(Bytes::from("OK")), ["OK\n", "OK\n", "\"OK\"\n", "\"OK\"\n"]);
    check(Reply::Integer(-7), ["(integer) -7\n", "-7\n", "-7\n", "-7\n"]);
    check(Reply::Double(Bytes::from("3.10")), ["(double) 3.10\n", "3.10\n", "3.10\n", "3.10\n"]);
    check(Reply::BigNumber(Bytes::from("99")), ["(integer) 99\n", "99\n", "99\n", "99\n"]);
    check(Reply::Nil, ["(nil)\n", "\n", "NULL\n", "null\n"]);
    check(Reply::Boolean(true), ["(true)\n", "(true)\n", "true\n", "true\n"]);
    check(Reply::Boolean(false), ["(false)\n", "(false)\n", "false\n", "false\n"]);
    check(Reply::Verbatim(Bytes::from("a\nb")), ["a\nb\n", "a\nb\n", "\"a\\nb\"\n", "\"a\\nb\"\n"]);
}

#[test]
fn errors_end_their_own_line_when_raw() {
    let text = "ERR unknown 'x'";
    check(
        Reply::Error(Bytes::from(text)),
        [
            "(error) ERR unknown 'x'\n",
            "ERR unknown 'x'\n\n",
            "ERROR,\"ERR unknown 'x'\"\n",
            "error:\"ERR unknown 'x'\"\n",
        ],
    );
}

#[test]
fn bytes_that_are_not_printable_are_escaped_for_people() {
    check(
        bulk("a\"\\\n\r\t\x07\x08\x0c\x00\x7fé"),
        [
            "\"a\\\"\\\\\\n\\r\\t\\a\\b\\x0c\\x00\\x7f\\xc3\\xa9\"\n",
            "a\"\\\n\r\t\x07\x08\x0c\x00\x7fé\n",
            "\"a\\\"\\\\\\n\\r\\t\\a\\b\\x0c\\x00\\x7f\\xc3\\xa9\"\n",
            "\"a\\\"\\\\\\n\\r\\t\\u0007\\b\\f\\u0000\x7fé\"\n",
        ],
    );
}

#[test]
fn empty_aggregates_are_named() {
    check(Reply::Array(vec![]), ["(empty array)\n", "\n", "\n", "[]\n"]);
    check(Reply::Set(vec![]), ["(empty set)\n", "\n", "\n", "[]\n"]);
    check(Reply::Push(vec![]), ["(empty push)\n", "\n", "\n", "[]\n"]);
    check(Reply::Map(vec![]), ["(empty hash)\n", "\n", "\n", "{}\n"]);
}

#[test]
fn nested_arrays_are_indented_by_the_width_of_the_numbers() {
    let inner = Reply::Array(vec![bulk("x"), Reply::Array(vec![Reply::Integer(1), Reply::Nil])]);
    let mut items = vec![inner];
    items.extend((2..=10).map(Reply::Integer));
    check(
        Reply::Array(items),
        [
            " 1) 1) \"x\"\n    2) 1) (integer) 1\n       2) (nil)\n 2) (integer) 2\n 3) (integer) 3\n 4) (integer) 4\n \
             5) (integer) 5\n 6) (integer) 6\n 7) (integer) 7\n 8) (integer) 8\n 9) (integer) 9\n10) (integer) 10\n",
            "x\n1\n\n2\n3\n4\n5\n6\n7\n8\n9\n10\n",
            "\"x\",1,NULL,2,3,4,5,6,7,8,9,10\n",
            "[[\"x\",[1,null]],2,3,4,5,6,7,8,9,10]\n",
        ],
    );
}

#[test]
fn maps_put_a_long_value_on_its_own_lines() {
    let one = Reply::Array(vec![Reply::Integer(1)]);
    let two = Reply::Map(vec![(bulk("p"), Reply::Integer(1)), (bulk("q"), Reply::Set(vec![bulk("r"), bulk("s")]))]);
    check(
        Reply::Map(vec![(bulk("a"), one), (Reply::Integer(2), two), (Reply::Status(Bytes::from("c")), Reply::Nil)]),
        [
            "1# \"a\" => 1) (integer) 1\n2# (integer) 2 => \n   1# \"p\" => (integer) 1\n   2# \"q\" => \n      \
             1~ \"r\"\n      2~ \"s\"\n3# c => (nil)\n",
            "a 1\n2 p 1\nq r\ns\nc \n",
            "\"a\",1,2,\"p\",1,\"q\",\"r\",\"s\",\"c\",NULL\n",
            "{\"a\":[1],\"2\":{\"p\":1,\"q\":[\"r\",\"s\"]},\"c\":null}\n",
        ],
    );
}

#[test]
fn pushes_are_numbered_like_arrays() {
    check(
        Reply::Push(vec![bulk("message"), bulk("news"), bulk("hello")]),
        [
            "1) \"message\"\n2) \"news\"\n3) \"hello\"\n",
            "message\nnews\nhello\n",
            "\"message\",\"news\",\"hello\"\n",
            "[\"message\",\"news\",\"hello\"]\n",
        ],
    );
}

#[test]
fn the_delimiters_of_the_raw_form_can_be_chosen() {
    let style = Style { format: Format::Raw, element_delimiter: b", ".to_vec(), reply_delimiter: b";".to_vec() };
    let reply = Reply::Array(vec![Reply::Integer(1), Reply::Integer(2)]);
    assert_eq!(style.render(&reply), b"1, 2;");
}

#[test]
fn text_replies_are_printed_as_they_are_in_every_form() {
    for format in [Format::Human, Format::Raw, Format::Csv, Format::Json] {
        assert_eq!(style(format).render_text(&bulk("# Server\r\na:1\r\n")), b"# Server\r\na:1\r\n");
        assert_eq!(style(format).render_text(&Reply::Error(Bytes::from("ERR no"))), b"ERR no\n");
    }
}
