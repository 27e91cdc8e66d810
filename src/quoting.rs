//! Redis' quoting of one line into words, as used by inline commands, configuration files and the client's prompt.
//!
//! Source: the behaviour of `sdssplitargs` in Redis 7.2 (sds.c).

/// A quote was opened and not closed, or a closing quote was not followed by white space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unbalanced;

/// Splits `line` at white space into words.
///
/// `"..."` understands `\n`, `\r`, `\t`, `\b`, `\a`, `\xHH` and `\` before any other byte; `'...'` understands `\'`
/// only. Outside quotes a backslash is an ordinary byte. A NUL ends the line. A vertical tab or form feed separates
/// words only beside other white space.
///
/// # Errors
///
/// [`Unbalanced`], where Redis answers `unbalanced quotes in request`.
pub(crate) fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, Unbalanced> {
    let line = line.split(|byte| *byte == 0).next().unwrap_or_default();
    let mut words = Vec::new();
    let mut rest = skip_space(line);
    while !rest.is_empty() {
        let (word, after) = take_word(rest)?;
        words.push(word);
        rest = skip_space(after);
    }
    Ok(words)
}

fn skip_space(bytes: &[u8]) -> &[u8] {
    let blank = bytes.iter().take_while(|b| is_space(**b)).count();
    &bytes[blank..]
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn take_word(mut rest: &[u8]) -> Result<(Vec<u8>, &[u8]), Unbalanced> {
    let mut word = Vec::new();
    loop {
        match rest {
            [b'"', inner @ ..] => return take_quoted(inner, word, b'"'),
            [b'\'', inner @ ..] => return take_quoted(inner, word, b'\''),
            [] | [b' ' | b'\t' | b'\n' | b'\r', ..] => return Ok((word, rest)),
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
        }
    }
}

fn take_quoted(mut rest: &[u8], mut word: Vec<u8>, quote: u8) -> Result<(Vec<u8>, &[u8]), Unbalanced> {
    loop {
        match rest {
            [byte, after @ ..] if *byte == quote => {
                return match after.first() {
                    Some(next) if !is_space(*next) => Err(Unbalanced),
                    _ => Ok((word, after)),
                };
            }
            [b'\\', b'x', high, low, after @ ..] if quote == b'"' && is_hex(*high) && is_hex(*low) => {
                word.push(hex_value(*high) << 4 | hex_value(*low));
                rest = after;
            }
            [b'\\', byte, after @ ..] if quote == b'"' => {
                word.push(unescape(*byte));
                rest = after;
            }
            [b'\\', b'\'', after @ ..] if quote == b'\'' => {
                word.push(b'\'');
                rest = after;
            }
            [] => return Err(Unbalanced),
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
        }
    }
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

/// `bytes` as one double-quoted word that [`split`] reads back.
pub(crate) fn quoted(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 2);
    quote(bytes, &mut out);
    out
}

/// Appends `bytes` as one double-quoted word that [`split`] reads back, as MONITOR shows arguments and
/// the client mode shows strings.
pub(crate) fn quote(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0x07 => out.extend(b"\\a"),
            0x08 => out.extend(b"\\b"),
            b' '..=b'~' => out.push(byte),
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend([b'\\', b'x', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(line: &str) -> Result<Vec<String>, Unbalanced> {
        let split = split(line.as_bytes())?;
        Ok(split.into_iter().map(|w| String::from_utf8_lossy(&w).into_owned()).collect())
    }

    #[test]
    fn words_are_separated_by_any_white_space() {
        assert_eq!(words("  set\tkey \x0b\x0c  value \r").unwrap(), ["set", "key", "value"]);
        assert!(words(" \t ").unwrap().is_empty());
    }

    #[test]
    fn a_vertical_tab_inside_a_word_belongs_to_it() {
        assert_eq!(words("a\x0bb").unwrap(), ["a\x0bb"]);
    }

    #[test]
    fn double_quotes_understand_escapes() {
        let line = br#""a\x41\n\r\t\a\b\"\\\q" "\x00\xfF\xzz" "\x4" """#;
        let read = [&b"aA\n\r\t\x07\x08\"\\q"[..], b"\x00\xffxzz", b"x4", b""];
        assert_eq!(split(line).unwrap(), read);
    }

    #[test]
    fn single_quotes_understand_only_the_escaped_quote() {
        assert_eq!(words(r"'it\'s' '\n' ''").unwrap(), ["it's", r"\n", ""]);
    }

    #[test]
    fn a_quote_may_open_inside_a_word() {
        assert_eq!(words(r#"a"b c" d'e f'"#).unwrap(), ["ab c", "de f"]);
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in [r#""open"#, "'open", r#""a"b"#, r#"'a'b"#, r#""a\"#, r#"""#, r"'a\'"] {
            assert_eq!(words(line), Err(Unbalanced), "{line}");
        }
    }

    #[test]
    fn a_backslash_outside_quotes_is_a_byte() {
        assert_eq!(words(r"a\n \").unwrap(), [r"a\n", r"\"]);
    }

    #[test]
    fn a_nul_ends_the_line() {
        assert_eq!(words("ping\0 x").unwrap(), ["ping"]);
        assert_eq!(words("\"ping\0\""), Err(Unbalanced));
    }

    proptest! {
        #[test]
        fn what_was_quoted_is_read_back(bytes: Vec<u8>) {
            prop_assert_eq!(split(&quoted(&bytes)).unwrap(), [bytes]);
        }
    }
}
