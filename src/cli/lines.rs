//! Splits a line of input into arguments, as people type them: quotes, escapes, blanks.

/// The arguments of one line, or `None` where a quote is not closed or is followed by something else than a blank.
///
/// Outside quotes an argument ends at a blank. In double quotes `\n \r \t \a \b` and `\xHH` are escapes, any other
/// escaped byte stands for itself; in single quotes only `\'` is one. An empty line has no arguments. A NUL ends the line.
pub(super) fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let line = line.split(|&byte| byte == 0).next().unwrap_or_default();
    let mut rest = Rest(line);
    let mut arguments = Vec::new();
    loop {
        while rest.peek().is_some_and(is_blank) {
            rest.take();
        }
        if rest.peek().is_none() {
            return Some(arguments);
        }
        arguments.push(argument(&mut rest)?);
    }
}

/// What of the line has not been looked at.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn take(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    /// Takes `expected` if it comes next.
    fn take_if(&mut self, expected: u8) -> bool {
        let matches = self.peek() == Some(expected);
        if matches {
            self.take();
        }
        matches
    }

    /// Takes `xHH` if it comes next.
    fn take_hex(&mut self) -> Option<u8> {
        let [b'x', high, low, rest @ ..] = self.0 else {
            return None;
        };
        let byte = hex_digit(*high)? << 4 | hex_digit(*low)?;
        self.0 = rest;
        Some(byte)
    }
}

fn argument(rest: &mut Rest<'_>) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    while let Some(byte) = rest.take() {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => break,
            b'"' => return double_quoted(rest, text),
            b'\'' => return single_quoted(rest, text),
            _ => text.push(byte),
        }
    }
    Some(text)
}

fn double_quoted(rest: &mut Rest<'_>, mut text: Vec<u8>) -> Option<Vec<u8>> {
    loop {
        match rest.take()? {
            b'"' => return ends_here(rest).then_some(text),
            b'\\' => text.push(match rest.take_hex() {
                Some(byte) => byte,
                None => unescape(rest.take()?),
            }),
            byte => text.push(byte),
        }
    }
}

fn single_quoted(rest: &mut Rest<'_>, mut text: Vec<u8>) -> Option<Vec<u8>> {
    loop {
        match rest.take()? {
            b'\'' => return ends_here(rest).then_some(text),
            b'\\' if rest.take_if(b'\'') => text.push(b'\''),
            byte => text.push(byte),
        }
    }
}

/// Whether a closing quote may stand before what follows.
fn ends_here(rest: &Rest<'_>) -> bool {
    rest.peek().is_none_or(is_blank)
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

/// C's `isspace`: vertical tab and form feed are blanks between arguments, though they do not end one.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::split;

    fn arguments(line: &[u8]) -> Option<Vec<Vec<u8>>> {
        split(line)
    }

    fn list(items: &[&[u8]]) -> Option<Vec<Vec<u8>>> {
        Some(items.iter().map(|item| item.to_vec()).collect())
    }

    #[test]
    fn blanks_separate_arguments() {
        assert_eq!(arguments(b"  publish\tnews \x0b\x0c hello\r\n"), list(&[b"publish", b"news", b"hello"]));
        assert_eq!(arguments(b""), list(&[]));
        assert_eq!(arguments(b" \t "), list(&[]));
    }

    #[test]
    fn a_vertical_tab_inside_an_argument_belongs_to_it() {
        assert_eq!(arguments(b"a\x0bb"), list(&[b"a\x0bb"]));
    }

    #[test]
    fn double_quotes_keep_blanks_and_know_escapes() {
        assert_eq!(arguments(br#"set k "a b\n\r\t\a\b\"\\\q""#), list(&[b"set", b"k", b"a b\n\r\t\x07\x08\"\\q"]));
        assert_eq!(arguments(br#""\x00\xfF\xzz""#), list(&[b"\x00\xffxzz"]));
        assert_eq!(arguments(br#""\x4""#), list(&[b"x4"]));
        assert_eq!(arguments(br#""""#), list(&[b""]));
    }

    #[test]
    fn single_quotes_escape_only_themselves() {
        assert_eq!(arguments(br"'a\n b\'c'"), list(&[br"a\n b'c"]));
        assert_eq!(arguments(b"''"), list(&[b""]));
    }

    #[test]
    fn a_quote_may_open_inside_an_argument() {
        assert_eq!(arguments(br#"a"b c""#), list(&[b"ab c"]));
        assert_eq!(arguments(br#"a'b c' d"#), list(&[b"ab c", b"d"]));
    }

    #[test]
    fn a_quote_that_is_not_closed_is_refused() {
        for line in [br#"get "a"#.as_slice(), b"get 'a", br#""a\"#, br#"""#, br"'a\'"] {
            assert_eq!(arguments(line), None, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn a_closing_quote_needs_a_blank_behind_it() {
        assert_eq!(arguments(br#""a"b"#), None);
        assert_eq!(arguments(b"'a'b"), None);
        assert_eq!(arguments(b"\"a\"\x0bb"), list(&[b"a", b"b"]));
    }

    #[test]
    fn a_backslash_outside_quotes_is_a_byte() {
        assert_eq!(arguments(br"a\n \"), list(&[br"a\n", br"\"]));
    }

    #[test]
    fn a_nul_ends_the_line() {
        assert_eq!(arguments(b"ping\0 x"), list(&[b"ping"]));
    }
}
