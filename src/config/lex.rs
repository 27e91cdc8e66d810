//! The syntax of one configuration line: words between blanks, with quotes and escapes.
//!
//! Source: the rules of Redis' `sdssplitargs`, which also serve its inline commands. Inside double quotes `\n` `\r` `\t`
//! `\b` `\a` and `\xHH` are escapes and any other escaped byte stands for itself; inside single quotes only `\'` is one.
//! A closing quote must end the word.

/// Splits a line into words. `None` when a quote is not closed, or not followed by a blank.
pub(crate) fn words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        rest = &rest[rest.iter().take_while(|byte| is_blank(**byte)).count()..];
        if rest.is_empty() {
            return Some(words);
        }
        let (word, after) = word(rest)?;
        words.push(word);
        rest = after;
    }
}

/// The text in double quotes, with escapes for all that `words` would take for something else.
pub(crate) fn quoted(text: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for &byte in text {
        match byte {
            b'\\' | b'"' => out.extend([b'\\', byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0x07 => out.extend(b"\\a"),
            0x08 => out.extend(b"\\b"),
            b' '..=b'~' => out.push(byte),
            _ => out.extend(format!("\\x{byte:02x}").into_bytes()),
        }
    }
    out.push(b'"');
    out
}

/// C's `isspace` in the default locale.
fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// Reads one word; the quotes may begin anywhere in it. Returns it with what follows.
fn word(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    let mut rest = line;
    loop {
        match rest {
            [] | [b' ' | b'\n' | b'\r' | b'\t' | 0, ..] => {
                return Some((word, rest.get(1..).unwrap_or(&[])));
            }
            [b'"', inside @ ..] => return double_quoted(word, inside),
            [b'\'', inside @ ..] => return single_quoted(word, inside),
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
        }
    }
}

fn double_quoted(mut word: Vec<u8>, mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    loop {
        rest = match rest {
            [] => return None,
            [b'"', after @ ..] => return closed(word, after),
            [b'\\', b'x', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                word.push(hex(*high) << 4 | hex(*low));
                after
            }
            [b'\\', escaped, after @ ..] => {
                word.push(unescaped(*escaped));
                after
            }
            [byte, after @ ..] => {
                word.push(*byte);
                after
            }
        }
    }
}

fn single_quoted(mut word: Vec<u8>, mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    loop {
        rest = match rest {
            [] => return None,
            [b'\'', after @ ..] => return closed(word, after),
            [b'\\', b'\'', after @ ..] => {
                word.push(b'\'');
                after
            }
            [byte, after @ ..] => {
                word.push(*byte);
                after
            }
        }
    }
}

fn closed(word: Vec<u8>, after: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    after.first().is_none_or(|byte| is_blank(*byte)).then_some((word, after))
}

fn unescaped(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.to_ascii_lowercase() - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &[u8]) -> Option<Vec<String>> {
        let text = |word: Vec<u8>| String::from_utf8_lossy(&word).into_owned();
        words(line).map(|words| words.into_iter().map(text).collect())
    }

    #[test]
    fn words_are_separated_by_any_blanks() {
        assert_eq!(split(b"  bind \t 127.0.0.1\t-::1 "), Some(vec!["bind".into(), "127.0.0.1".into(), "-::1".into()]));
        assert_eq!(split(b" \t"), Some(vec![]));
    }

    #[test]
    fn quotes_hold_blanks_and_escapes() {
        assert_eq!(split(br#"a "b c" 'd "e'"#), Some(vec!["a".into(), "b c".into(), "d \"e".into()]));
        assert_eq!(words(br#""\x00\xfF\n\t\q\\\"""#), Some(vec![b"\x00\xff\n\tq\\\"".to_vec()]));
        assert_eq!(split(br"'it\'s \n'"), Some(vec![r"it's \n".into()]));
        assert_eq!(split(br#"save """#), Some(vec!["save".into(), String::new()]));
        assert_eq!(split(br#"pre"fix in""#), Some(vec!["prefix in".into()]));
    }

    #[test]
    fn a_quote_left_open_or_glued_to_more_text_is_refused() {
        for line in [&br#"a "b"#[..], b"a 'b", br#"a "b"c"#, b"a 'b'c", br#""\"#] {
            assert_eq!(words(line), None, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn quoted_text_reads_back_as_it_was() {
        let every_byte: Vec<u8> = (0..=255).collect();
        assert_eq!(words(&quoted(&every_byte)), Some(vec![every_byte]));
        assert_eq!(quoted(b"a\"b\\\x07\xff"), br#""a\"b\\\a\xff""#);
    }
}
